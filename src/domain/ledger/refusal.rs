//! Why a posting is refused. The book is then as it was before.

use super::figures::Unbalanced;

/// Why a posting, or a set of rows, is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Its amounts would leave the range of 0 to 2^63-1.
    #[error("the amounts would leave the range of 0 to 2^63-1 bytes")]
    OutOfRange,
    /// Less than that is left in the bucket.
    #[error("bucket {bucket} has {remaining} bytes left, not {wanted}")]
    Short {
        /// Which.
        bucket: u64,
        /// What is left in it, bytes.
        remaining: u64,
        /// What was to be taken from it, bytes.
        wanted: u64,
    },
    /// No such bucket.
    #[error("there is no bucket {0}")]
    UnknownBucket(u64),
    /// The bucket has ended.
    #[error("bucket {0} has ended")]
    BucketEnded(u64),
    /// No top-up of that id was credited.
    #[error("there is no top-up {0} in the ledger")]
    UnknownTopUp(String),
    /// Nothing is reserved under that key.
    #[error("no {what} is reserved under the key {key}")]
    UnknownMove {
        /// Transfer or refund.
        what: &'static str,
        /// The key.
        key: String,
    },
    /// Nothing is set aside under that number, or no more.
    #[error("nothing is set aside under the number {0}")]
    UnknownAside(u64),
    /// It was posted under the same name with another content, which stands.
    #[error("the {what} {key} was posted with another {differs}, and that stands")]
    OtherContent {
        /// Of which kind.
        what: &'static str,
        /// Its id, or its key.
        key: String,
        /// What is different.
        differs: &'static str,
    },
    /// It has ended in another way, which stands.
    #[error("the {what} {key} is {state} already, and that stands")]
    Settled {
        /// Transfer or refund.
        what: &'static str,
        /// Its id, or its key.
        key: String,
        /// How it ended.
        state: &'static str,
    },
    /// More is taken from a bucket than it ever held for use.
    #[error("{wanted} bytes are to be taken from bucket {bucket}, which accounts for {available}")]
    TakesMore {
        /// Which.
        bucket: u64,
        /// What can be taken: what is left, expired or used, bytes.
        available: u64,
        /// What was to be taken, bytes.
        wanted: u64,
    },
    /// More is taken from the balance than all buckets account for.
    #[error("{wanted} bytes are to be taken, and all buckets account for {available}")]
    TakesMoreThanAll {
        /// What can be taken, bytes.
        available: u64,
        /// What was to be taken, bytes.
        wanted: u64,
    },
    /// Nothing can be compared while no time is trusted.
    #[error("the time is not known: the operator's figure cannot be compared")]
    TimeUnknown,
    /// The figure's as-of time is more than a day ahead.
    #[error("the operator's figure is as of {as_of}, more than a day after now ({now_s})")]
    FigureAhead {
        /// Its as-of time, s since the epoch.
        as_of: i64,
        /// Now, s since the epoch.
        now_s: i64,
    },
    /// It would end before it begins.
    #[error("a validity from {from} to {to} has no length")]
    EmptyValidity {
        /// Its beginning, s since the epoch.
        from: i64,
        /// Its end, s since the epoch.
        to: i64,
    },
    /// An account's or a bucket's figures do not balance.
    #[error(transparent)]
    Unbalanced(#[from] Unbalanced),
    /// The account is not the sum of its buckets and overdrafts.
    #[error("the account is not the sum of its parts: {account:?}, but {parts:?}")]
    NotTheSum {
        /// The account's figures: granted, transferred_in, overdraft, consumed,
        /// remaining, reserved, expired, transferred_out, refunded, reversed,
        /// adjusted. Where one posting is refused, by how much it moves them.
        account: Box<[i128; 11]>,
        /// The same, summed over the parts.
        parts: Box<[i128; 11]>,
    },
    /// Rows that contradict each other: a key or an id twice, an id not given out
    /// yet, another SIM's, or parts larger than their whole.
    #[error("contradictory rows: {0}")]
    Contradiction(String),
}

impl Refusal {
    /// Whether it contradicts what was posted under the same name: that one stands,
    /// and the books are in order.
    #[must_use]
    pub fn is_of_the_name(&self) -> bool {
        matches!(self, Self::OtherContent { .. } | Self::Settled { .. })
    }
}
