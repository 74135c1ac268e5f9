//! A bucket: an amount of data with a validity (TMF654 `Bucket`).

use super::figures::Figures;
use crate::domain::plan::Cycle;
use crate::domain::sim::SimId;
use crate::domain::time::UnixS;
use crate::domain::topup::{Activation, Channel};

/// A plan bucket that has been granted has begun: should the clock then be found
/// to be earlier, it stays usable, and no older period is granted in its place.
/// But a bucket that lies further ahead than this came from a clock that was far
/// wrong, and must not keep the plan from going on. 400 days, s.
const AHEAD_MAX_S: i64 = 400 * 86_400;

/// An amount of data with a validity. Its totals change, its key never.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// From 1, unique within its SIM; a later grant has a larger one.
    pub id: u64,
    /// Whose.
    pub sim: SimId,
    /// Unique within its SIM: what is granted twice under one key is granted once.
    pub key: String,
    /// Where it comes from.
    pub kind: BucketKind,
    /// What was granted and where it went.
    pub figures: Figures,
    /// How it was paid and when it was to begin, where it was topped up.
    pub bought: Option<Bought>,
    /// The first second in which it can be used; `None`: since ever, or, of one
    /// that is pending, not known yet.
    pub valid_from: Option<UnixS>,
    /// The first second in which it can no longer be used; `None`: never.
    pub expires_at: Option<UnixS>,
    /// Whether it can still be used.
    pub status: BucketStatus,
    /// The part of `figures.consumed` that no entry states yet: used on the open
    /// day (`Account::open_day`), bytes.
    pub open_day_bytes: u64,
}

/// Where a bucket comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BucketKind {
    /// A period of the local `[plan]`.
    Plan(PlanTerms),
    /// A main package that was topped up.
    TopUp,
    /// An add-on package.
    AddOn,
    /// What the operator said was left, and no other bucket holds.
    Opening,
    /// Received from another SIM.
    Transfer,
}

/// How a bucket was topped up. It never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bought {
    /// How it was paid.
    pub channel: Channel,
    /// When it was to begin.
    pub activation: Activation,
}

/// The terms that a plan bucket was last brought in line with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlanTerms {
    /// The allowance in force, bytes: as configured, but never below what was
    /// already used when it was lowered.
    pub allowance: u64,
    /// The cycle its end follows.
    pub cycle: Cycle,
}

/// Whether a bucket can still be used. What has ended does not come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BucketStatus {
    /// Usable within its validity.
    Active,
    /// It begins when what is before it ends, and that is not known yet.
    Pending,
    /// Its validity ended, in trusted time.
    Expired,
    /// Ended by hand, because the operator's figure took its place, or because all
    /// that was left of it was taken back or refunded.
    Closed,
}

impl BucketKind {
    /// The word used in the database and on D-Bus.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Plan(_) => "plan",
            Self::TopUp => "top_up",
            Self::AddOn => "add_on",
            Self::Opening => "opening",
            Self::Transfer => "transfer",
        }
    }
}

impl BucketStatus {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Active, Self::Pending, Self::Expired, Self::Closed];

    /// The word used in the database and on D-Bus.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Pending => "pending",
            Self::Expired => "expired",
            Self::Closed => "closed",
        }
    }
}

impl Bucket {
    /// The terms of a plan bucket.
    #[must_use]
    pub fn plan_terms(&self) -> Option<PlanTerms> {
        match self.kind {
            BucketKind::Plan(terms) => Some(terms),
            BucketKind::TopUp | BucketKind::AddOn | BucketKind::Opening | BucketKind::Transfer => {
                None
            }
        }
    }

    /// Whether it is a main package: what an activation after the current one, or
    /// with the next cycle, waits for.
    #[must_use]
    pub fn is_main(&self) -> bool {
        match self.kind {
            BucketKind::Plan(_) | BucketKind::TopUp | BucketKind::Opening => true,
            BucketKind::AddOn | BucketKind::Transfer => false,
        }
    }

    /// Whether what is left can be used at `at`; with `None`, whether it can be
    /// used although no time has ever been known.
    #[must_use]
    pub fn usable_at(&self, at: Option<UnixS>) -> bool {
        let begun = match (self.valid_from, at) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(from), Some(at)) => {
                from <= at
                    || (self.plan_terms().is_some() && from.saturating_sub(at) <= AHEAD_MAX_S)
            }
        };
        begun && self.is_active() && !self.ended_at(at)
    }

    /// Whether something that was used from `first_s` to `last_s` lies wholly in
    /// its validity.
    #[must_use]
    pub fn covers(&self, first_s: UnixS, last_s: UnixS) -> bool {
        self.valid_from.is_none_or(|from| from <= first_s)
            && self.expires_at.is_none_or(|end| last_s < end)
    }

    pub(super) fn is_active(&self) -> bool {
        match self.status {
            BucketStatus::Active => true,
            BucketStatus::Pending | BucketStatus::Expired | BucketStatus::Closed => false,
        }
    }

    /// Whether it runs, or will: it has not ended.
    pub(super) fn is_open(&self) -> bool {
        match self.status {
            BucketStatus::Active | BucketStatus::Pending => true,
            BucketStatus::Expired | BucketStatus::Closed => false,
        }
    }

    /// Whether what waits for it to end may begin at `at_s`. One that never ends
    /// is over when it is used up.
    pub(super) fn is_over(&self, at_s: UnixS) -> bool {
        let used_up = self.is_active()
            && self.expires_at.is_none()
            && self.figures.remaining == 0
            && self.figures.reserved == 0;
        !self.is_open() || self.ended_at(Some(at_s)) || used_up
    }

    pub(super) fn ended_at(&self, at: Option<UnixS>) -> bool {
        matches!((self.expires_at, at), (Some(end), Some(at)) if end <= at)
    }

    /// The order in which buckets are drawn down.
    pub(super) fn drawdown_order(&self) -> (UnixS, u64) {
        (self.expires_at.unwrap_or(UnixS::MAX), self.id)
    }
}
