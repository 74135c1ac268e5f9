//! Brings the buckets to what the operator's figure leaves of them.

use super::bucket::{Bucket, BucketKind};
use super::calibration::{Figure, FigureBucket, Since, clamped, sum, was_valid};
use super::credit::topup_key;
use super::draft::{Draft, signed};
use super::posting::{Grant, close, post_adjustment, post_grant};
use super::refusal::Refusal;
use crate::domain::time::UnixS;
use crate::domain::topup::Package;

const NOTE: &str = "the operator's figure";

/// Ends the local plan's buckets: what is left of them is taken out.
pub(super) fn close_plan(draft: &mut Draft<'_>) -> Result<(), Refusal> {
    let plan = draft.all_buckets().filter(|bucket| bucket.plan_terms().is_some());
    let ids: Vec<u64> = plan.map(|bucket| bucket.id).collect();
    ids.into_iter().try_for_each(|id| close(draft, id, NOTE))
}

/// By one sum: what is too much is taken in the order of drawdown, what is missing
/// is added to the bucket that is drawn first. The first figure, or one that no
/// bucket is left for, opens a bucket, valid from its as-of time on.
pub(super) fn spread(
    draft: &mut Draft<'_>,
    figure: &Figure,
    since: &Since,
    first: bool,
) -> Result<(), Refusal> {
    let mut open: Vec<Bucket> = still_usable(draft, figure.as_of).cloned().collect();
    open.sort_by_key(Bucket::drawdown_order);
    let left: i128 = open.iter().map(|bucket| i128::from(bucket.figures.remaining)).sum();
    let target = i128::from(figure.remaining) - i128::from(since.drawn) + sum(&since.moved);
    let delta = clamped(target.max(0) - left);
    if delta < 0 {
        let mut short = delta.unsigned_abs();
        for bucket in &open {
            let part = short.min(bucket.figures.remaining);
            if part > 0 {
                post_adjustment(draft, bucket.id, signed(part)?.saturating_neg(), NOTE)?;
                short -= part;
            }
        }
        return Ok(());
    }
    let missing = delta.unsigned_abs();
    match open.first() {
        Some(bucket) if !first && missing > 0 => post_adjustment(draft, bucket.id, delta, NOTE),
        Some(_) if missing == 0 => Ok(()),
        Some(_) | None => {
            let key = format!("operator:{}", figure.as_of);
            grant_opening(draft, key, BucketKind::Opening, missing, figure.as_of, None)
        }
    }
}

/// Bucket by bucket, as the operator lists them: what was counted since is taken
/// off in the order of drawdown. One that was not known is opened; what is not
/// listed has nothing left.
pub(super) fn spread_by_bucket(
    draft: &mut Draft<'_>,
    figure: &Figure,
    parts: &[&FigureBucket],
    since: &Since,
) -> Result<(), Refusal> {
    let mut drawn = since.drawn;
    let mut listed = Vec::new();
    for part in parts {
        let key = match &part.topup {
            Some(topup) => topup_key(topup),
            None => format!("operator:{}", part.id),
        };
        let known = draft.all_buckets().find(|bucket| bucket.key == key).cloned();
        let taken = drawn.min(part.remaining);
        drawn -= taken;
        let moved: Vec<_> = match &known {
            Some(known) => {
                let of = since.moved.iter().filter(|(bucket, _)| *bucket == Some(known.id));
                of.copied().collect()
            }
            None => Vec::new(),
        };
        let target = (i128::from(part.remaining - taken) + sum(&moved)).max(0);
        match known {
            Some(known) => {
                listed.push(known.id);
                bring_to(draft, &known, target)?;
            }
            None if is_over(draft, part) => {}
            None => {
                let kind = match part.package {
                    Package::Main => BucketKind::Opening,
                    Package::AddOn => BucketKind::AddOn,
                };
                let bytes = u64::try_from(target).map_err(|_| Refusal::OutOfRange)?;
                grant_opening(draft, key.clone(), kind, bytes, figure.as_of, part.valid_to)?;
                let opened = draft.all_buckets().find(|bucket| bucket.key == key);
                listed.extend(opened.map(|bucket| bucket.id));
            }
        }
    }
    let others: Vec<Bucket> = still_usable(draft, figure.as_of)
        .filter(|bucket| !listed.contains(&bucket.id))
        .cloned()
        .collect();
    others.iter().try_for_each(|bucket| bring_to(draft, bucket, 0))
}

fn bring_to(draft: &mut Draft<'_>, bucket: &Bucket, target: i128) -> Result<(), Refusal> {
    let delta = clamped(target - i128::from(bucket.figures.remaining));
    if delta == 0 || !bucket.is_open() {
        return Ok(());
    }
    post_adjustment(draft, bucket.id, delta, NOTE)
}

fn is_over(draft: &Draft<'_>, part: &FigureBucket) -> bool {
    matches!((part.valid_to, draft.judged_s()), (Some(end), Some(now_s)) if end <= now_s)
}

/// What was valid at the figure's time and is usable still.
fn still_usable<'a>(draft: &'a Draft<'_>, as_of: UnixS) -> impl Iterator<Item = &'a Bucket> {
    let now_s = draft.judged_s();
    draft.all_buckets().filter(move |bucket| was_valid(bucket, as_of) && bucket.usable_at(now_s))
}

/// It is valid from the figure's time on: what was used without cover before it is
/// no part of what was left then.
fn grant_opening(
    draft: &mut Draft<'_>,
    key: String,
    kind: BucketKind,
    bytes: u64,
    as_of: UnixS,
    expires_at: Option<UnixS>,
) -> Result<(), Refusal> {
    let known = draft.all_buckets().find(|bucket| bucket.key == key).map(|bucket| bucket.id);
    if let Some(known) = known {
        return post_adjustment(draft, known, signed(bytes)?, NOTE);
    }
    let valid_from = Some(as_of);
    let note = NOTE.to_owned();
    post_grant(draft, Grant { key, kind, bytes, valid_from, expires_at, note }).map(drop)
}
