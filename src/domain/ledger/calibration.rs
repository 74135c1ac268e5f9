//! The operator's figure and the terminal's own count, held against each other.
//!
//! Both are compared at the figure's as-of time: the terminal takes what it has now
//! and undoes what has happened since. At that time only the buckets that were
//! valid then count.

use serde::{Deserialize, Serialize};

use super::account::Reconciled;
use super::aside::Posting;
use super::book::Book;
use super::bucket::{Bucket, BucketStatus};
use super::draft::{Draft, signed};
use super::operator::{close_plan, spread, spread_by_bucket};
use super::pending::begin_due;
use super::posting::settle;
use super::refusal::Refusal;
use crate::domain::time::{Stamp, UnixS};
use crate::domain::topup::Package;

/// A smaller difference is only shown, bytes: 1 MiB.
const DRIFT_BYTES_MIN: u64 = 1 << 20;
/// The same, as a part of the operator's figure, percent.
const DRIFT_PERCENT_MIN: u64 = 2;
/// How far after now a figure's as-of time may lie, s: clocks differ by less.
const AHEAD_MAX_S: i64 = 86_400;

/// What the operator says is left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figure {
    /// When it was so, s since the epoch.
    pub as_of: UnixS,
    /// What was left then, 0 to 2^63-1 bytes.
    pub remaining: u64,
    /// Whether other SIMs draw from it too: then it always rules.
    pub shared: bool,
    /// What it is made of, where the operator says so; else empty. Those whose
    /// validity does not hold `as_of` are passed over; should the others not add up
    /// to `remaining`, all are.
    pub buckets: Vec<FigureBucket>,
    /// What this terminal has counted of the SIM's traffic since `as_of`, bytes.
    pub counted_since: u64,
}

/// A part of the operator's figure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FigureBucket {
    /// Its id at the backend.
    pub id: String,
    /// The top-up that it comes from, where it does.
    pub topup: Option<String>,
    /// A main package or an add-on.
    pub package: Package,
    /// What was left of it, 0 to 2^63-1 bytes.
    pub remaining: u64,
    /// Its first second, s since the epoch; `None`: since ever.
    pub valid_from: Option<UnixS>,
    /// The first second in which it can no longer be used; `None`: never.
    pub valid_to: Option<UnixS>,
}

/// What holding a figure against the count came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Calibration {
    /// It was compared.
    Reconciled {
        /// By how much the operator's figure is more than the own count, bytes.
        drift: i64,
        /// By how much what is left was corrected, bytes; 0 where the drift is only
        /// shown.
        adjusted: i64,
    },
    /// The same figure was compared before; nothing was done.
    Already,
    /// It is older than the last one; nothing was done.
    Older {
        /// The last one's as-of time.
        last: UnixS,
    },
}

/// What the terminal's own count was at a figure's as-of time, and what has
/// happened to that since.
pub(super) struct Since {
    /// What was left then by the own count.
    pub(super) own: i128,
    /// Drawn since from the buckets that were valid then.
    pub(super) drawn: u64,
    /// What the operator's own actions have changed since, and the figure does not
    /// know: by bucket, and for the balance as a whole.
    pub(super) moved: Vec<(Option<u64>, i64)>,
    /// One of the buckets that were valid then has expired since.
    pub(super) expired: bool,
}

/// Whether a bucket is part of what was left at `as_of`.
pub(super) fn was_valid(bucket: &Bucket, as_of: UnixS) -> bool {
    bucket.status != BucketStatus::Pending && bucket.covers(as_of, as_of)
}

impl Figure {
    /// Its parts that were valid, if it has any and they add up.
    pub(super) fn parts(&self) -> Option<Vec<&FigureBucket>> {
        let valid = self.buckets.iter().filter(|part| {
            part.valid_from.is_none_or(|from| from <= self.as_of)
                && part.valid_to.is_none_or(|to| self.as_of < to)
        });
        let mut parts: Vec<_> = valid.collect();
        parts.sort_by_key(|part| part.valid_to.unwrap_or(UnixS::MAX));
        let sum: u128 = parts.iter().map(|part| u128::from(part.remaining)).sum();
        (!parts.is_empty() && sum == u128::from(self.remaining)).then_some(parts)
    }

    fn is_beyond(&self, drift: i64) -> bool {
        let part = u128::from(self.remaining) * u128::from(DRIFT_PERCENT_MIN) / 100;
        u128::from(drift.unsigned_abs()) > part.max(u128::from(DRIFT_BYTES_MIN))
    }
}

impl Book {
    /// Holds the operator's figure against the own count. A difference beyond 1 MiB
    /// and 2 % of the figure is corrected, by one adjustment a bucket that it
    /// touches, and never below nothing left; a smaller one is only shown. The
    /// figure of a shared pool, and the first one of all, always rule. The first
    /// also closes the local plan's buckets, and no period of the plan is granted
    /// after it.
    ///
    /// Where a bucket that was valid then has expired since, the figure says nothing
    /// of what is left now, and the drift is only shown.
    ///
    /// # Errors
    /// [`Refusal`]: `TimeUnknown` while no time is trusted, `FigureAhead` where it
    /// lies more than a day ahead. The book is as it was.
    pub fn calibrate(&mut self, figure: &Figure, at: Stamp) -> Result<Calibration, Refusal> {
        let now_s = at.trusted_s().ok_or(Refusal::TimeUnknown)?;
        let as_of = figure.as_of;
        signed(figure.remaining)?;
        if as_of.saturating_sub(now_s) > AHEAD_MAX_S {
            return Err(Refusal::FigureAhead { as_of, now_s });
        }
        if let Some(last) = self.account.reconciled {
            if as_of < last.as_of {
                return Ok(Calibration::Older { last: last.as_of });
            }
            let same = (as_of, figure.remaining, figure.shared);
            if same == (last.as_of, last.remaining, last.shared) {
                return Ok(Calibration::Already);
            }
        }
        let calibration = self.post_draft(at, |draft| compare(draft, figure))?;
        self.journal(Posting::Figure(figure.clone()), at);
        Ok(calibration)
    }
}

fn compare(draft: &mut Draft<'_>, figure: &Figure) -> Result<Calibration, Refusal> {
    let since = since(draft, figure);
    let (as_of, remaining, shared) = (figure.as_of, figure.remaining, figure.shared);
    let drift = clamped(i128::from(remaining) - since.own);
    let first = draft.account.reconciled.is_none();
    let before = draft.account.figures.remaining;
    if first {
        close_plan(draft)?;
    }
    match figure.parts() {
        Some(parts) if first || shared || figure.is_beyond(drift) => {
            spread_by_bucket(draft, figure, &parts, &since)?;
        }
        None if first || (!since.expired && (shared || figure.is_beyond(drift))) => {
            spread(draft, figure, &since, first)?;
        }
        Some(_) | None => {}
    }
    let after = draft.account.figures.remaining;
    let adjusted = clamped(i128::from(after) - i128::from(before));
    draft.account.reconciled = Some(Reconciled { as_of, remaining, shared, drift });
    if let Some(at_s) = draft.at.trusted_s() {
        begin_due(draft, at_s)?;
    }
    settle(draft)?;
    Ok(Calibration::Reconciled { drift, adjusted })
}

/// Undoes what has happened since the figure's time. What was counted since was
/// drawn from the buckets that were valid then, but for what others cover, which
/// began after it, and what nothing covers.
fn since(draft: &Draft<'_>, figure: &Figure) -> Since {
    let as_of = figure.as_of;
    let (mut left, mut used, mut elsewhere) = (0_i128, 0_u64, 0_u64);
    let mut expired = false;
    for bucket in draft.all_buckets() {
        let figures = &bucket.figures;
        if was_valid(bucket, as_of) {
            left += i128::from(figures.remaining);
            used = used.saturating_add(figures.consumed);
            if bucket.status == BucketStatus::Expired {
                left += i128::from(figures.expired);
                expired = true;
            }
        } else if bucket.valid_from.is_some_and(|from| from > as_of) {
            elsewhere = elsewhere.saturating_add(figures.consumed);
        }
    }
    for row in draft.all_overdrafts().iter().filter(|row| row.is_placed()) {
        if row.order().0 > as_of {
            elsewhere = elsewhere.saturating_add(row.open());
        }
    }
    let drawn = figure.counted_since.saturating_sub(elsewhere).min(used);
    let moved: Vec<_> = draft
        .all_actions()
        .filter(|action| action.effective_s.is_some_and(|at_s| at_s > as_of))
        .filter(|action| {
            let bucket = action.bucket.and_then(|id| draft.bucket(id).ok());
            bucket.is_none_or(|bucket| was_valid(bucket, as_of))
        })
        .map(|action| (action.bucket, action.moves()))
        .collect();
    let own = left + i128::from(drawn) - sum(&moved);
    Since { own, drawn, moved, expired }
}

pub(super) fn sum(moved: &[(Option<u64>, i64)]) -> i128 {
    moved.iter().map(|(_, bytes)| i128::from(*bytes)).sum()
}

pub(super) fn clamped(bytes: i128) -> i64 {
    let bytes = bytes.clamp(i128::from(i64::MIN), i128::from(i64::MAX));
    i64::try_from(bytes).unwrap_or_default()
}
