//! Packages that begin when what is before them ends.

use super::bucket::BucketStatus;
use super::draft::{Draft, Line};
use super::entry::EntryKind;
use super::refusal::Refusal;
use crate::domain::time::UnixS;

/// Lets begin, from `at_s` on, every pending bucket before which no main package is
/// left that has not ended by then; the oldest first, since it may be what the next
/// one waits for. To be called in trusted time, whenever something has ended. Says
/// whether any began.
pub(super) fn begin_due(draft: &mut Draft<'_>, at_s: UnixS) -> Result<bool, Refusal> {
    let mut began = false;
    while let Some(id) = next_due(draft, at_s) {
        let mut bucket = draft.bucket(id)?.clone();
        bucket.status = BucketStatus::Active;
        bucket.valid_from = Some(at_s);
        draft.put_bucket(bucket);
        draft.enter(Line {
            bucket: Some(id),
            kind: EntryKind::Adjustment,
            bytes: 0,
            day: None,
            note: "begins".to_owned(),
        })?;
        began = true;
    }
    Ok(began)
}

fn next_due(draft: &Draft<'_>, at_s: UnixS) -> Option<u64> {
    let first_main = draft
        .all_buckets()
        .filter(|bucket| bucket.is_main() && !bucket.is_over(at_s))
        .map(|bucket| bucket.id)
        .min();
    // One whose end came before its beginning only expires.
    let waiting = draft
        .all_buckets()
        .filter(|bucket| bucket.status == BucketStatus::Pending && !bucket.ended_at(Some(at_s)));
    let due = waiting.filter(|bucket| first_main.is_none_or(|main| bucket.id <= main));
    due.map(|bucket| bucket.id).min()
}
