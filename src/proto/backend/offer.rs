//! Offers and quotes on the wire.

use serde::{Deserialize, Serialize};

use super::money::{Money, Rate};
use super::text::{Iccid, Id, Instant, Name, Serial, Word};
use super::{integer, list, some, some_integer};

/// The answer to `GET /offers`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct OfferList {
    /// At most 50.
    #[serde(deserialize_with = "list")]
    pub offers: Vec<Offer>,
}

/// What can be bought.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Offer {
    /// The backend's id.
    pub id: Id,
    /// What people call it.
    pub name: Name,
    /// More about it.
    #[serde(default, deserialize_with = "some")]
    pub description: Option<Name>,
    /// `main` or `add_on`.
    pub kind: Word,
    /// How much.
    #[serde(deserialize_with = "integer")]
    pub bytes: u64,
    /// How long from its beginning, s; absent where it never ends.
    #[serde(default, deserialize_with = "some_integer")]
    pub validity_s: Option<u64>,
    /// Without fee.
    pub price: Money,
    /// How it can be paid.
    #[serde(deserialize_with = "list")]
    pub channels: Vec<Word>,
    /// When it can begin.
    #[serde(deserialize_with = "list")]
    pub activations: Vec<Word>,
    /// When it can first be bought.
    #[serde(default, deserialize_with = "some")]
    pub valid_from: Option<Instant>,
    /// From when on it can no longer be bought.
    #[serde(default, deserialize_with = "some")]
    pub valid_to: Option<Instant>,
}

/// The body of `POST /quotes`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct QuoteRequest {
    /// The terminal's.
    pub serial: Serial,
    /// The acquirer's.
    pub terminal_id: Serial,
    /// The SIM that it is for.
    pub iccid: Iccid,
    /// What is to be bought.
    pub offer_id: Id,
    /// How it is to be paid.
    pub channel: Word,
    /// When it is to begin.
    pub activation: Word,
}

/// What an offer costs now.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Quote {
    /// The backend's id.
    pub id: Id,
    /// Of what.
    pub offer_id: Id,
    /// `main` or `add_on`.
    pub kind: Word,
    /// How it is to be paid.
    pub channel: Word,
    /// When it begins.
    pub activation: Word,
    /// How much.
    #[serde(deserialize_with = "integer")]
    pub bytes: u64,
    /// What the data costs.
    pub price: Money,
    /// What the channel takes for it.
    pub fee: Money,
    /// What is to be paid.
    pub total: Money,
    /// At which rate.
    #[serde(default, deserialize_with = "some")]
    pub rate: Option<Rate>,
    /// Until when it holds.
    pub expires_at: Instant,
}
