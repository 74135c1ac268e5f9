//! The language of the operator's backend: JSON by `docs/backend-api.yaml`.
//!
//! What is read has the contract's form or is refused with its place
//! (`events[3].topup.bytes: …`); members that are not known are passed over. What
//! it means (whether a word is one of its list, which states may follow, whether
//! money adds up) is asked elsewhere.

mod date;
mod event;
mod money;
mod offer;
mod order;
mod problem;
mod sync;
mod text;
mod topup;

pub use date::read_date;
pub use event::{Adjustment, Event, EventBody, Service};
pub use money::{Money, Rate};
pub use offer::{Offer, OfferList, Quote, QuoteRequest};
pub use order::Order;
pub use problem::{Outcome, Problem, ProblemKind};
pub use sync::{Balance, Bucket, Cursor, SyncAnswer, SyncRequest, Usage};
pub use text::{
    Currency, Decimal, Iccid, Id, Instant, Key, Name, RequestId, Serial, TextError, Word,
};
pub use topup::{KeyAnswer, Payment, TopUp};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The longest answer that is read, bytes.
pub const ANSWER_MAX: usize = 65_536;

/// The longest error text, characters.
const DETAIL_MAX: usize = 200;

/// The largest integer of the contract: 2^63-1.
const INTEGER_MAX: u64 = i64::MAX.unsigned_abs();

/// Why an answer is not read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// Longer than [`ANSWER_MAX`].
    #[error("an answer of {0} bytes: the contract allows 65536")]
    TooLong(usize),
    /// Not of the contract.
    #[error("not of the contract at {at}: {detail}")]
    Contract {
        /// The member, as in `events[3].topup.bytes`; `.` for the whole.
        at: String,
        /// What is wrong with it.
        detail: String,
    },
}

/// Reads an answer.
///
/// # Errors
/// [`ReadError`] says what is wrong and where.
pub fn read<T: DeserializeOwned>(answer: &[u8]) -> Result<T, ReadError> {
    if answer.len() > ANSWER_MAX {
        return Err(ReadError::TooLong(answer.len()));
    }
    let mut text = serde_json::Deserializer::from_slice(answer);
    let value = serde_path_to_error::deserialize(&mut text).map_err(|e| contract_error(&e))?;
    text.end().map_err(|e| ReadError::Contract { at: ".".into(), detail: e.to_string() })?;
    Ok(value)
}

/// Writes a request: JSON without insignificant space. The same value gives the
/// same bytes, so that what is sent again under one key is the same request.
#[must_use]
pub fn write<T: Serialize>(request: &T) -> Vec<u8> {
    // Only maps without text keys and failing `Serialize` can fail; there are none.
    serde_json::to_vec(request).unwrap_or_default()
}

fn contract_error(error: &serde_path_to_error::Error<serde_json::Error>) -> ReadError {
    // The text may quote what came, which may be long.
    let detail = error.inner().to_string().chars().take(DETAIL_MAX).collect();
    ReadError::Contract { at: error.path().to_string(), detail }
}

/// An integer of 0 to 2^63-1.
fn integer<'de, D: serde::Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    bounded(from, 0, INTEGER_MAX)
}

/// The same, where it may be absent. `null` is not absent.
fn some_integer<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    integer(from).map(Some)
}

fn bounded<'de, D: serde::Deserializer<'de>>(from: D, min: u64, max: u64) -> Result<u64, D::Error> {
    let value = u64::deserialize(from)?;
    if (min..=max).contains(&value) {
        Ok(value)
    } else {
        Err(serde::de::Error::custom(format!("{value} is not from {min} to {max}")))
    }
}

/// A value that may be absent. `null` is not absent.
fn some<'de, D, T>(from: D) -> Result<Option<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(from).map(Some)
}

/// A list of at most 50.
fn list<'de, D, T>(from: D) -> Result<Vec<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de>,
{
    let items = Vec::<T>::deserialize(from)?;
    if items.len() > 50 {
        return Err(serde::de::Error::custom(format!(
            "{} items: at most 50 are read",
            items.len()
        )));
    }
    Ok(items)
}
