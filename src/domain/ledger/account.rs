//! The row of a SIM's account: its totals, and where the ledger stands.

use jiff::civil::Date;

use super::figures::{Figures, Unbalanced};
use crate::domain::sim::SimId;
use crate::domain::time::UnixS;

/// The totals of a SIM. They are the sum of its buckets' and its overdrafts'
/// figures; kept apart, so that each can be held against the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Whose.
    pub sim: SimId,
    /// The totals over all buckets, and the overdraft.
    pub figures: Figures,
    /// The last trusted time that the ledger was told, s since the epoch. The row
    /// is not written for its sake alone: after a crash it may be older.
    pub known_s: Option<UnixS>,
    /// The local day whose consumption is still open. `None` until the time is
    /// first known; what is used before that counts for the first day.
    pub open_day: Option<Date>,
    /// What the operator last said was left. `None` until it first did.
    pub reconciled: Option<Reconciled>,
    /// The id that the next entry of this SIM gets; from 1, never used again.
    pub next_entry_id: u64,
    /// The same for buckets.
    pub next_bucket_id: u64,
    /// The same for overdrafts.
    pub next_overdraft_id: u64,
}

/// What the operator said was left, and what that was compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reconciled {
    /// When it was so, s since the epoch.
    pub as_of: UnixS,
    /// What was left then by the operator's count, bytes.
    pub remaining: u64,
    /// Whether other SIMs draw from it too.
    pub shared: bool,
    /// By how much that was more than the terminal's own count, bytes.
    pub drift: i64,
}

impl Account {
    /// The account of a SIM of which nothing is known.
    #[must_use]
    pub fn new(sim: SimId) -> Self {
        Self {
            sim,
            figures: Figures::default(),
            known_s: None,
            open_day: None,
            reconciled: None,
            next_entry_id: 1,
            next_bucket_id: 1,
            next_overdraft_id: 1,
        }
    }

    /// Whether what came in is what is accounted for.
    ///
    /// # Errors
    /// [`Unbalanced`], with the figures.
    pub fn check(&self) -> Result<(), Unbalanced> {
        self.figures.check()
    }
}
