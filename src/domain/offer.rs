//! What can be bought, and what it costs now: offers and quotes as the backend
//! states them.

use super::money::{Cost, Money};
use super::sim::Iccid;
use super::time::UnixS;
use super::topup::{Activation, Channel, Package, Terms};

/// What can be bought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// The backend's id.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// More about it.
    pub description: Option<String>,
    /// A main package or an add-on.
    pub package: Package,
    /// How much, bytes.
    pub bytes: u64,
    /// How long it can be used from its beginning, s; `None`: it never ends.
    pub validity_s: Option<u64>,
    /// Without fee.
    pub price: Money,
    /// How it can be paid; at least one.
    pub channels: Vec<Channel>,
    /// When it can begin; at least one.
    pub activations: Vec<Activation>,
    /// When it can first be bought, s since the epoch.
    pub valid_from: Option<UnixS>,
    /// From when on it can no longer be bought, s since the epoch.
    pub valid_to: Option<UnixS>,
}

/// The list of offers, with the name that the backend gave it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Offers {
    /// The list's `ETag`.
    pub etag: Option<String>,
    /// In the backend's order.
    pub offers: Vec<Offer>,
}

/// What an offer costs now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quote {
    /// The backend's id.
    pub id: String,
    /// Of which offer.
    pub offer_id: String,
    /// What people call that.
    pub name: String,
    /// What would be bought, for which SIM.
    pub terms: Terms,
    /// For how much.
    pub cost: Cost,
    /// Until when it holds, s since the epoch.
    pub expires_at: UnixS,
}

/// A question for a quote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inquiry {
    /// Which offer.
    pub offer_id: String,
    /// How it is to be paid.
    pub channel: Channel,
    /// When it is to begin.
    pub activation: Activation,
    /// For which SIM.
    pub iccid: Iccid,
}

/// A backend's answer to an [`Inquiry`], before it is held against it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuoteSaid {
    /// The backend's id.
    pub id: String,
    /// Of which offer.
    pub offer_id: String,
    /// A main package or an add-on.
    pub package: Package,
    /// How it is to be paid.
    pub channel: Channel,
    /// When it begins.
    pub activation: Activation,
    /// How much, bytes.
    pub bytes: u64,
    /// For how much.
    pub cost: Cost,
    /// Until when it holds, s since the epoch.
    pub expires_at: UnixS,
}

/// Why a quote is not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuoteRefusal {
    /// It answers another question.
    #[error("a quote for {what} {said}, where {asked} was asked for")]
    Other {
        /// Offer, channel, activation or bytes.
        what: &'static str,
        /// As asked, or as offered.
        asked: String,
        /// As quoted.
        said: String,
    },
    /// The offer is in another currency, and no rate is stated.
    #[error(transparent)]
    Money(#[from] super::money::MoneyError),
}

impl Quote {
    /// Takes an answer that answers the question: the offer that was asked for, and
    /// where that is at hand, in its size, and in its currency or at a stated rate.
    ///
    /// # Errors
    /// [`QuoteRefusal`] says where it does not.
    pub fn take(
        asked: &Inquiry,
        offer: Option<&Offer>,
        said: QuoteSaid,
    ) -> Result<Self, QuoteRefusal> {
        for (what, asked, said) in [
            ("the offer", asked.offer_id.as_str(), said.offer_id.as_str()),
            ("the channel", asked.channel.word(), said.channel.word()),
            ("the activation", asked.activation.word(), said.activation.word()),
        ] {
            if asked != said {
                let (asked, said) = (asked.to_owned(), said.to_owned());
                return Err(QuoteRefusal::Other { what, asked, said });
            }
        }
        if let Some(offer) = offer.filter(|offer| offer.bytes != said.bytes) {
            let (asked, said) = (offer.bytes.to_string(), said.bytes.to_string());
            return Err(QuoteRefusal::Other { what: "bytes:", asked, said });
        }
        let QuoteSaid { id, cost, expires_at, package, bytes, .. } = said;
        let rate = cost.rate().cloned();
        let offered = offer.map(|offer| offer.price.currency);
        let cost = Cost::new(cost.price(), cost.fee(), cost.total(), rate, offered)?;
        Ok(Self {
            id,
            offer_id: asked.offer_id.clone(),
            name: offer.map_or_else(|| asked.offer_id.clone(), |offer| offer.name.clone()),
            terms: Terms {
                iccid: asked.iccid.clone(),
                channel: asked.channel,
                package,
                bytes,
                activation: asked.activation,
            },
            cost,
            expires_at,
        })
    }
}
