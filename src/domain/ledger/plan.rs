//! The local plan in the ledger: one bucket for each period, granted once.
//!
//! - Only the present period is granted: what passed while the terminal was off
//!   is not made up for.
//! - The bucket's key is its period, so that no restart and no clock that goes
//!   back grants it again. While a plan bucket that has begun is not over, the
//!   clock going back (by up to 400 days) grants nothing older either.
//! - `never` needs no clock: its one bucket is valid at any time, and so it can
//!   be granted before the time is known. All others wait for trusted time.
//! - The first bucket of a `once` or `never` plan is valid since ever: it covers
//!   what the new SIM used before the time was known.
//! - The plan may be changed while its bucket runs. What has been used stays
//!   used and nothing is granted twice: another *allowance* becomes an adjustment
//!   of the bucket, down to nothing left at most; another *cycle* (or zone) moves
//!   the bucket's end to the end of the period that the new cycle gives, and the
//!   next grant comes then.
//! - Once the operator has said what is left, no period is granted any more.
//! - Without `[plan]` the bucket stays until it ends. One that never ends is
//!   there until it is closed by hand.

use super::book::Book;
use super::bucket::{Bucket, BucketKind, PlanTerms};
use super::draft::Draft;
use super::posting::{Grant, post_adjustment, post_grant, settle};
use super::refusal::Refusal;
use crate::domain::plan::{Cycle, Period, Plan};
use crate::domain::time::{Stamp, UnixS};
use crate::domain::units::Size;

/// By how much another time zone can move the end of a period, s: 26 hours lie
/// between the first and the last place where a day begins.
const ZONE_SHIFT_MAX_S: u64 = 26 * 3_600;

/// What seeing to the plan came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlanOutcome {
    /// The present period was granted: the bucket's id.
    Granted(u64),
    /// The running bucket was brought in line with changed terms: its id.
    Changed(u64),
    /// All is as it should be.
    Unchanged,
    /// The time is not known, and this plan needs it.
    Waiting,
    /// The operator says what is left: the plan is not granted.
    Superseded,
}

impl Book {
    /// Sees to it that the present period of the plan is granted, once, and that
    /// the running bucket has the plan's terms.
    ///
    /// # Errors
    /// [`Refusal`]: the book is as it was.
    pub fn ensure_plan(&mut self, plan: &Plan, at: Stamp) -> Result<PlanOutcome, Refusal> {
        if self.account.reconciled.is_some() {
            return Ok(PlanOutcome::Superseded);
        }
        let Some(at_s) = at.trusted_s() else {
            return self.ensure_timeless(plan, at);
        };
        if let Some((bucket, terms)) = self.running_plan_bucket(at_s) {
            let end = bucket_end(plan, bucket, terms, at_s);
            return self.change_terms(plan, bucket.clone(), terms, end, at);
        }
        let spent = match plan.cycle {
            Cycle::Once { .. } => self.has_plan_bucket(|cycle| matches!(cycle, Cycle::Once { .. })),
            Cycle::Never => self.has_plan_bucket(|cycle| cycle == Cycle::Never),
            Cycle::Monthly(_) | Cycle::Days { .. } => false,
        };
        if spent { Ok(PlanOutcome::Unchanged) } else { self.grant_period(plan, at_s, at) }
    }

    /// The plan bucket that is usable at `at_s`, the newest if there are several.
    pub(super) fn running_plan_bucket(&self, at_s: UnixS) -> Option<(&Bucket, PlanTerms)> {
        let usable = self.buckets.values().rev().filter(|bucket| bucket.usable_at(Some(at_s)));
        usable.filter_map(|bucket| Some((bucket, bucket.plan_terms()?))).next()
    }

    fn has_plan_bucket(&self, of: impl Fn(Cycle) -> bool) -> bool {
        self.buckets().filter_map(Bucket::plan_terms).any(|terms| of(terms.cycle))
    }

    fn ensure_timeless(&mut self, plan: &Plan, at: Stamp) -> Result<PlanOutcome, Refusal> {
        match plan.cycle {
            Cycle::Never if !self.has_plan_bucket(|_| true) => self.grant_period(plan, 0, at),
            Cycle::Never | Cycle::Monthly(_) | Cycle::Days { .. } | Cycle::Once { .. } => {
                Ok(PlanOutcome::Waiting)
            }
        }
    }

    fn grant_period(
        &mut self,
        plan: &Plan,
        at_s: UnixS,
        at: Stamp,
    ) -> Result<PlanOutcome, Refusal> {
        let period = plan.period_at(at_s);
        let key = plan.bucket_key(&period);
        if self.bucket_by_key(&key).is_some() {
            return Ok(PlanOutcome::Unchanged);
        }
        let grant = Grant {
            key,
            kind: BucketKind::Plan(PlanTerms { allowance: plan.allowance, cycle: plan.cycle }),
            bytes: plan.allowance,
            valid_from: self.begins_at(plan, period),
            expires_at: period.end,
            note: plan.cycle.to_string(),
        };
        self.post_draft(at, |draft| {
            let id = post_grant(draft, grant)?;
            settle(draft)?;
            Ok(PlanOutcome::Granted(id))
        })
    }

    fn begins_at(&self, plan: &Plan, period: Period) -> Option<UnixS> {
        match plan.cycle {
            Cycle::Monthly(_) | Cycle::Days { .. } => Some(period.start),
            Cycle::Once { .. } | Cycle::Never => {
                self.has_plan_bucket(|_| true).then_some(period.start)
            }
        }
    }

    fn change_terms(
        &mut self,
        plan: &Plan,
        bucket: Bucket,
        terms: PlanTerms,
        end: Option<UnixS>,
        at: Stamp,
    ) -> Result<PlanOutcome, Refusal> {
        let delta = allowance_change(plan, &bucket, terms)?;
        if delta == 0 && end == bucket.expires_at && terms.cycle == plan.cycle {
            return Ok(PlanOutcome::Unchanged);
        }
        let id = bucket.id;
        self.post_draft(at, |draft| {
            if end != bucket.expires_at {
                let note = format!("validity: {} -> {}", terms.cycle, plan.cycle);
                post_adjustment(draft, id, 0, &note)?;
            }
            if delta != 0 {
                let (old, new) = (Size(terms.allowance), Size(plan.allowance));
                post_adjustment(draft, id, delta, &format!("allowance: {old} -> {new}"))?;
            }
            set_terms(draft, id, plan.cycle, end, delta)?;
            settle(draft)?;
            Ok(PlanOutcome::Changed(id))
        })
    }
}

fn set_terms(
    draft: &mut Draft<'_>,
    id: u64,
    cycle: Cycle,
    end: Option<UnixS>,
    delta: i64,
) -> Result<(), Refusal> {
    let mut bucket = draft.bucket(id)?.clone();
    let terms = bucket.plan_terms().ok_or(Refusal::UnknownBucket(id))?;
    let allowance = terms.allowance.checked_add_signed(delta).ok_or(Refusal::OutOfRange)?;
    bucket.kind = BucketKind::Plan(PlanTerms { allowance, cycle });
    bucket.expires_at = end;
    draft.put_bucket(bucket);
    Ok(())
}

/// How far the bucket can follow a changed allowance: down to nothing left.
fn allowance_change(plan: &Plan, bucket: &Bucket, terms: PlanTerms) -> Result<i64, Refusal> {
    let wanted = i128::from(plan.allowance) - i128::from(terms.allowance);
    let floor = -i128::from(bucket.figures.remaining);
    i64::try_from(wanted.max(floor)).map_err(|_| Refusal::OutOfRange)
}

/// The end that the running bucket has by the plan as it is now.
fn bucket_end(plan: &Plan, bucket: &Bucket, terms: PlanTerms, at_s: UnixS) -> Option<UnixS> {
    let end = match plan.cycle {
        Cycle::Once { .. } if plan.cycle == terms.cycle => bucket.expires_at,
        Cycle::Once { .. } => plan.cycle.end_from(began_at(bucket, terms, at_s)),
        Cycle::Never => None,
        Cycle::Monthly(_) | Cycle::Days { .. } => {
            // A clock that went back must not bring the end forward with it.
            let reference = bucket.valid_from.map_or(at_s, |from| from.max(at_s));
            plan.period_at(reference).end
        }
    };
    if plan.cycle != terms.cycle {
        return end;
    }
    match (bucket.expires_at, end) {
        (Some(old), Some(new)) if old.abs_diff(new) > ZONE_SHIFT_MAX_S => Some(old),
        (_, end) => end,
    }
}

/// When a bucket began to run. That of `once` may be valid since ever, but its
/// validity counts from its grant. Where that is no longer known, it is now.
fn began_at(bucket: &Bucket, terms: PlanTerms, at_s: UnixS) -> UnixS {
    let validity_s = terms.cycle.end_from(0);
    match (bucket.valid_from, bucket.expires_at, validity_s) {
        (Some(from), _, _) => from,
        (None, Some(end), Some(validity_s)) => end.saturating_sub(validity_s),
        (None, None, _) | (None, Some(_), None) => at_s,
    }
}
