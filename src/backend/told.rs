//! What the backend answers becomes what the engine is told: news, offers, quotes.

use super::record::{RecordError, money, rate, record, word};
use crate::domain::errand::{Happened, News, OperatorBalance, Payment, TopUpSaid};
use crate::domain::feed::Cursor;
use crate::domain::ledger::{Adjustment, FigureBucket};
use crate::domain::money::Cost;
use crate::domain::offer::{Offer, Offers, QuoteSaid};
use crate::domain::sim::Iccid;
use crate::domain::topup::{Activation, Channel, Package};
use crate::proto::backend as wire;

/// Takes the answer to a sync. An event that is not of the contract is passed on
/// as refused: it must not stop those that follow.
///
/// # Errors
/// [`RecordError`] where the balance is not of the contract.
pub(super) fn news(said: wire::SyncAnswer) -> Result<News, RecordError> {
    let balance = said.balance.as_ref().map(balance).transpose()?;
    Ok(News {
        cursor: Cursor { stream: said.cursor.stream.as_str().to_owned(), after: said.cursor.after },
        events: said.events.into_iter().map(|event| (event.seq, happened(event.body))).collect(),
        more: said.more,
        balance,
        next_sync_s: said.next_sync_s,
    })
}

fn balance(said: &wire::Balance) -> Result<OperatorBalance, RecordError> {
    Ok(OperatorBalance {
        iccid: Iccid::parse(said.iccid.as_str())?,
        as_of: said.as_of.0,
        remaining: said.remaining_bytes,
        shared: said.shared,
        buckets: said.buckets.iter().map(bucket).collect::<Result<_, _>>()?,
    })
}

fn bucket(said: &wire::Bucket) -> Result<FigureBucket, RecordError> {
    Ok(FigureBucket {
        id: said.id.as_str().to_owned(),
        topup: said.topup_id.as_ref().map(|id| id.as_str().to_owned()),
        package: word("kind", &said.kind, Package::from_word)?,
        remaining: said.remaining_bytes,
        valid_from: said.valid_from.map(|at| at.0),
        valid_to: said.valid_to.map(|at| at.0),
    })
}

fn happened(body: wire::EventBody) -> Happened {
    let known = match body {
        wire::EventBody::TopUp(said) => top_up(&said).map(Box::new).map(Happened::TopUp),
        wire::EventBody::Adjustment(said) => adjusted(&said),
        wire::EventBody::Service(said) => service(&said),
        wire::EventBody::Offers => Ok(Happened::Offers),
        wire::EventBody::Malformed { kind, why } => {
            return Happened::Refused { why: format!("{}: {why}", kind.as_str()) };
        }
        wire::EventBody::Other { kind, json } => {
            return Happened::Other { kind: kind.as_str().to_owned(), json };
        }
    };
    known.unwrap_or_else(|error| Happened::Refused { why: error.to_string() })
}

fn adjusted(said: &wire::Adjustment) -> Result<Happened, RecordError> {
    let adjustment = Adjustment {
        key: said.id.as_str().to_owned(),
        topup: said.topup_id.as_ref().map(|id| id.as_str().to_owned()),
        bytes: said.bytes,
        effective_s: said.at.0,
        note: said.note.as_ref().map(|note| note.as_str().to_owned()).unwrap_or_default(),
    };
    Ok(Happened::Adjusted { iccid: Iccid::parse(said.iccid.as_str())?, adjustment })
}

fn service(said: &wire::Service) -> Result<Happened, RecordError> {
    Ok(Happened::Service {
        iccid: Iccid::parse(said.iccid.as_str())?,
        state: said.state.as_str().to_owned(),
        at: said.at.0,
    })
}

/// Takes a top-up with what goes with it.
///
/// # Errors
/// [`RecordError`] says what in it is not of the contract.
pub(super) fn top_up(said: &wire::TopUp) -> Result<TopUpSaid, RecordError> {
    Ok(TopUpSaid {
        record: record(said)?,
        key: said.key.as_ref().map(|key| key.as_str().to_owned()),
        request_id: said.request_id.as_ref().map(|id| id.as_str().to_owned()),
        quote_id: said.quote_id.as_ref().map(|id| id.as_str().to_owned()),
        offer_id: said.offer_id.as_ref().map(|id| id.as_str().to_owned()),
        name: said.name.as_ref().map(|name| name.as_str().to_owned()),
        payment: said.payment.as_ref().map(|payment| Payment {
            code: payment.code.clone(),
            expires_at: payment.expires_at.0,
        }),
        reference: said.reference.as_ref().map(|reference| reference.as_str().to_owned()),
    })
}

/// Takes the list of offers. One that is not of the contract, or that nobody could
/// buy, is left out: the others are still for sale.
pub(super) fn offers(said: &wire::OfferList, etag: Option<String>) -> Offers {
    let offers = said.offers.iter().filter_map(|said| offer(said).ok());
    let offers = offers.filter(|offer| {
        !offer.channels.is_empty() && !offer.activations.is_empty() && offer.bytes > 0
    });
    Offers { etag, offers: offers.collect() }
}

fn offer(said: &wire::Offer) -> Result<Offer, RecordError> {
    // A way to pay, or to begin, that this version does not know is not offered.
    let channels = said.channels.iter().filter_map(|one| Channel::from_word(one.as_str()));
    let activations = said.activations.iter().filter_map(|one| Activation::from_word(one.as_str()));
    Ok(Offer {
        id: said.id.as_str().to_owned(),
        name: said.name.as_str().to_owned(),
        description: said.description.as_ref().map(|text| text.as_str().to_owned()),
        package: word("kind", &said.kind, Package::from_word)?,
        bytes: said.bytes,
        validity_s: said.validity_s,
        price: money(&said.price)?,
        channels: channels.collect(),
        activations: activations.collect(),
        valid_from: said.valid_from.map(|at| at.0),
        valid_to: said.valid_to.map(|at| at.0),
    })
}

/// Takes a quote.
///
/// # Errors
/// [`RecordError`] says what in it is not of the contract.
pub(super) fn quote(said: &wire::Quote) -> Result<QuoteSaid, RecordError> {
    let rate = said.rate.as_ref().map(rate).transpose()?;
    Ok(QuoteSaid {
        id: said.id.as_str().to_owned(),
        offer_id: said.offer_id.as_str().to_owned(),
        package: word("kind", &said.kind, Package::from_word)?,
        channel: word("channel", &said.channel, Channel::from_word)?,
        activation: word("activation", &said.activation, Activation::from_word)?,
        bytes: said.bytes,
        cost: Cost::new(money(&said.price)?, money(&said.fee)?, money(&said.total)?, rate, None)?,
        expires_at: said.expires_at.0,
    })
}
