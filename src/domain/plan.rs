//! The local `[plan]`: how much is granted, and for which period, on terminals
//! whose operator does not say it.

pub mod calendar;
pub mod cycle;

use jiff::tz::TimeZone;

pub use calendar::Calendar;
pub use cycle::{Cycle, CycleError, MonthDay};

use super::time::UnixS;

/// The prepaid plan of `[plan]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// What each period grants, bytes, 0 to 2^63-1.
    pub allowance: u64,
    /// When a period begins and ends.
    pub cycle: Cycle,
    /// Whose midnight counts. `Calendar` also tells days and hours apart.
    pub calendar: Calendar,
}

/// A stretch of time: `start` belongs to it, `end` does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// The first second, s since the epoch.
    pub start: UnixS,
    /// The first second after it; `None` when it never ends.
    pub end: Option<UnixS>,
}

impl Period {
    /// True when `at` lies in it.
    #[must_use]
    pub fn contains(&self, at: UnixS) -> bool {
        self.start <= at && self.end.is_none_or(|end| at < end)
    }
}

impl Plan {
    /// A plan in `zone`.
    #[must_use]
    pub fn new(allowance: u64, cycle: Cycle, zone: TimeZone) -> Self {
        Self { allowance, cycle, calendar: Calendar::new(zone) }
    }

    /// The period that holds `at` (1970 to 9998).
    ///
    /// `once` and `never` have no calendar: their period begins where it is
    /// asked for, and the ledger remembers the bucket that began then.
    #[must_use]
    pub fn period_at(&self, at: UnixS) -> Period {
        self.cycle.period_at(&self.calendar, at)
    }

    /// The key of the bucket of a period: the same period has the same key, so
    /// that it is granted once. `plan:2026-11-01`, `plan:once`, `plan:never`.
    #[must_use]
    pub fn bucket_key(&self, period: &Period) -> String {
        match self.cycle {
            Cycle::Monthly(_) | Cycle::Days { .. } => {
                format!("plan:{}", self.calendar.day_of(period.start))
            }
            Cycle::Once { .. } => "plan:once".to_owned(),
            Cycle::Never => "plan:never".to_owned(),
        }
    }
}
