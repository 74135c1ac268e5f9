//! A top-up on the wire.

use serde::Deserialize;

use super::money::{Money, Rate};
use super::text::{Iccid, Id, Instant, Key, Name, RequestId, Word};
use super::{ReadError, integer, read, some, some_integer};

/// A top-up as the backend has it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct TopUp {
    /// The backend's id.
    pub id: Id,
    /// On which quote, where a terminal placed it.
    #[serde(default, deserialize_with = "some")]
    pub quote_id: Option<Id>,
    /// The Idempotency-Key, where a terminal placed it.
    #[serde(default, deserialize_with = "some")]
    pub key: Option<Key>,
    /// The caller's own id, where a terminal placed it.
    #[serde(default, deserialize_with = "some")]
    pub request_id: Option<RequestId>,
    /// `awaiting_payment`, `processing`, `completed`, `failed`, `cancelled` or
    /// `reversed`.
    pub state: Word,
    /// How it is paid.
    pub channel: Word,
    /// The SIM that it is for.
    pub iccid: Iccid,
    /// Of which offer.
    #[serde(default, deserialize_with = "some")]
    pub offer_id: Option<Id>,
    /// What people call it.
    #[serde(default, deserialize_with = "some")]
    pub name: Option<Name>,
    /// `main` or `add_on`.
    pub kind: Word,
    /// How much.
    #[serde(deserialize_with = "integer")]
    pub bytes: u64,
    /// `now`, `after_current` or `next_cycle`.
    pub activation: Word,
    /// When it begins, once that is known.
    #[serde(default, deserialize_with = "some")]
    pub valid_from: Option<Instant>,
    /// When it ends; absent where it never does.
    #[serde(default, deserialize_with = "some")]
    pub valid_to: Option<Instant>,
    /// What the data costs.
    #[serde(default, deserialize_with = "some")]
    pub price: Option<Money>,
    /// What the channel takes for it.
    #[serde(default, deserialize_with = "some")]
    pub fee: Option<Money>,
    /// What is paid.
    #[serde(default, deserialize_with = "some")]
    pub total: Option<Money>,
    /// At which rate.
    #[serde(default, deserialize_with = "some")]
    pub rate: Option<Rate>,
    /// When it was asked for.
    pub requested_at: Instant,
    /// When it was paid.
    #[serde(default, deserialize_with = "some")]
    pub paid_at: Option<Instant>,
    /// When it was credited.
    #[serde(default, deserialize_with = "some")]
    pub completed_at: Option<Instant>,
    /// What to show to who pays.
    #[serde(default, deserialize_with = "some")]
    pub payment: Option<Payment>,
    /// Why it failed, was cancelled or reversed.
    #[serde(default, deserialize_with = "some")]
    pub reason: Option<Word>,
    /// What a reversal takes back, where not all.
    #[serde(default, deserialize_with = "some_integer")]
    pub reversed_bytes: Option<u64>,
    /// What to tell the hotline.
    #[serde(default, deserialize_with = "some")]
    pub reference: Option<Name>,
}

/// What to show to who pays.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Payment {
    /// What the QR code says: printable ASCII, at most 512 characters.
    #[serde(deserialize_with = "code")]
    pub code: String,
    /// Until when it can be paid.
    pub expires_at: Instant,
}

/// The answer to what concerns a key: an order, a question, a cancel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyAnswer {
    /// The top-up as it then is.
    TopUp(Box<TopUp>),
    /// No order came under this key, and none that does later will be charged.
    NeverSeen(Key),
}

#[derive(Deserialize)]
struct Tombstone {
    #[serde(default, deserialize_with = "some")]
    id: Option<serde::de::IgnoredAny>,
    #[serde(default, deserialize_with = "some")]
    key: Option<Key>,
    state: Word,
}

impl KeyAnswer {
    /// Reads the answer to `POST /topups`, `GET /topups/{key}` or
    /// `POST /topups/{key}/cancel`.
    ///
    /// # Errors
    /// [`ReadError`] says what is wrong and where.
    pub fn read(answer: &[u8]) -> Result<Self, ReadError> {
        match read::<Tombstone>(answer)? {
            Tombstone { id: None, key: Some(key), state } if state.as_str() == "cancelled" => {
                Ok(Self::NeverSeen(key))
            }
            _ => read(answer).map(|topup| Self::TopUp(Box::new(topup))),
        }
    }
}

fn code<'de, D: serde::Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let code = String::deserialize(from)?;
    let fits = (1..=512).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_graphic());
    if fits {
        return Ok(code);
    }
    Err(serde::de::Error::custom("a payment code is 1 to 512 printable ASCII characters"))
}
