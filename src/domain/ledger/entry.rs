//! An entry: one movement of the ledger, written once and never changed.

use jiff::civil::Date;

use crate::domain::sim::SimId;
use crate::domain::time::Stamp;

/// One movement. The entries of a bucket add up to its figures, but for what of
/// the open day is not closed yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// From 1, unique within its SIM, in the order of posting.
    pub id: u64,
    /// Whose.
    pub sim: SimId,
    /// The bucket that it moves; `None` for an overdraft.
    pub bucket: Option<u64>,
    /// What kind of movement.
    pub kind: EntryKind,
    /// How much. An adjustment has a sign; so has a reservation (what is set free
    /// again is negative). An expiry or an absorption below 0 is one that was taken
    /// back. The others are 0 to 2^63-1.
    pub bytes: i64,
    /// When it was posted.
    pub at: Stamp,
    /// The local day that consumption, overdraft and what is absorbed of it
    /// belong to; `None` for the other kinds, and while no day is known.
    pub day: Option<Date>,
    /// Why, for people; may be empty.
    pub note: String,
}

/// What an entry moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EntryKind {
    /// Into a bucket.
    Grant,
    /// Out of a bucket: used on that day.
    Consumption,
    /// Out of a bucket: left over when its validity ended.
    Expiry,
    /// Used on that day although no bucket covered it.
    Overdraft,
    /// Out of a bucket: overdraft of that day that its grant covers after all.
    OverdraftAbsorbed,
    /// A correction of a bucket, up or down. 0 where its validity was changed.
    Adjustment,
    /// Set aside in a bucket for a transfer or a refund that is not settled.
    Reservation,
    /// Into a bucket: received from another SIM.
    TransferIn,
    /// Out of a bucket: given to another SIM.
    TransferOut,
    /// Out of a bucket: given back for money.
    Refund,
    /// Out of a bucket: taken back because its payment was.
    Reversal,
}

impl EntryKind {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Grant,
        Self::Consumption,
        Self::Expiry,
        Self::Overdraft,
        Self::OverdraftAbsorbed,
        Self::Adjustment,
        Self::Reservation,
        Self::TransferIn,
        Self::TransferOut,
        Self::Refund,
        Self::Reversal,
    ];

    /// The word used in the database and in exports.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Grant => "grant",
            Self::Consumption => "consumption",
            Self::Expiry => "expiry",
            Self::Overdraft => "overdraft",
            Self::OverdraftAbsorbed => "overdraft_absorbed",
            Self::Adjustment => "adjustment",
            Self::Reservation => "reservation",
            Self::TransferIn => "transfer_in",
            Self::TransferOut => "transfer_out",
            Self::Refund => "refund",
            Self::Reversal => "reversal",
        }
    }
}
