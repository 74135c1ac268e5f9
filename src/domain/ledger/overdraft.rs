//! Data that was used although no bucket covered it, and when.

use jiff::civil::Date;

use super::figures::Figures;
use crate::domain::sim::SimId;
use crate::domain::time::UnixS;

/// The overdraft of one day, or of one boot while its time is unknown. Its totals
/// change; a day may have several, one after the other has been absorbed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overdraft {
    /// From 1, unique within its SIM.
    pub id: u64,
    /// Whose.
    pub sim: SimId,
    /// When it was used.
    pub time: OverdraftTime,
    /// All that was used, bytes.
    pub bytes: u64,
    /// The part of `bytes` that grants have absorbed.
    pub absorbed: u64,
    /// The part of `bytes` that entries state: all of it once its day is closed.
    pub entered: u64,
}

/// When an overdraft was used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OverdraftTime {
    /// At a known time.
    Placed {
        /// The local day.
        day: Date,
        /// The first use in it, s since the epoch.
        first_s: UnixS,
        /// The last use in it, s since the epoch.
        last_s: UnixS,
    },
    /// Within the validity of a bucket that covered it until it was taken back. Its
    /// days are stated by that bucket's entries.
    Uncovered {
        /// The first moment in which it may have been used, s since the epoch.
        first_s: UnixS,
        /// The last one, s since the epoch.
        last_s: UnixS,
    },
    /// In a boot of which the time is not known (yet).
    Unplaced {
        /// Which boot.
        boot_seq: u32,
    },
}

impl Overdraft {
    /// What no grant has absorbed, bytes.
    #[must_use]
    pub fn open(&self) -> u64 {
        self.bytes.saturating_sub(self.absorbed)
    }

    /// What no entry states yet, bytes.
    #[must_use]
    pub fn unentered(&self) -> u64 {
        self.bytes.saturating_sub(self.entered)
    }

    /// True when nothing can happen to it any more.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.open() == 0 && self.unentered() == 0
    }

    /// The day, when it is known.
    #[must_use]
    pub fn day(&self) -> Option<Date> {
        match self.time {
            OverdraftTime::Placed { day, .. } => Some(day),
            OverdraftTime::Uncovered { .. } | OverdraftTime::Unplaced { .. } => None,
        }
    }

    /// Whether it is known when it was used.
    #[must_use]
    pub fn is_placed(&self) -> bool {
        match self.time {
            OverdraftTime::Placed { .. } | OverdraftTime::Uncovered { .. } => true,
            OverdraftTime::Unplaced { .. } => false,
        }
    }

    /// Its part of the account: used, and covered by nothing.
    pub(super) fn figures(&self) -> Figures {
        Figures { overdraft: self.open(), consumed: self.open(), ..Figures::default() }
    }

    /// The oldest first; what is not placed comes last.
    pub(super) fn order(&self) -> (UnixS, u64) {
        match self.time {
            OverdraftTime::Placed { first_s, .. } | OverdraftTime::Uncovered { first_s, .. } => {
                (first_s, self.id)
            }
            OverdraftTime::Unplaced { .. } => (UnixS::MAX, self.id),
        }
    }
}
