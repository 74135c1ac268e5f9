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
