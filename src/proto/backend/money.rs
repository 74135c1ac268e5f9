//! Money and rates on the wire.

use serde::Deserialize;

use super::integer;
use super::text::{Currency, Decimal, Instant, Name};

/// An amount in its currency's minor unit.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Money {
    /// 0 to 2^63-1 minor units.
    #[serde(deserialize_with = "integer")]
    pub amount: u64,
    /// Of what.
    pub currency: Currency,
}

/// What one unit of `from` was worth in `to`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Rate {
    /// The currency that is sold.
    pub from: Currency,
    /// The currency that is paid in.
    pub to: Currency,
    /// Exact.
    pub value: Decimal,
    /// Who says so.
    pub source: Name,
    /// When it was so.
    pub at: Instant,
}
