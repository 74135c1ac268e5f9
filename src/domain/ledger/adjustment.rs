//! The operator's corrections of the balance, each once for its id.

use serde::{Deserialize, Serialize};

use super::action::{Action, ActionKind, ActionState};
use super::aside::{Posted, Posting};
use super::book::Book;
use super::bucket::{Bucket, BucketKind, BucketStatus};
use super::credit::topup_key;
use super::draft::{Draft, Line, signed};
use super::entry::EntryKind;
use super::moves::known;
use super::posting::{Grant, post_adjustment, post_grant};
use super::refusal::Refusal;
use super::reversal::after_taking;
use super::take::{Out, take};
use crate::domain::time::{Stamp, UnixS};

/// A correction by the operator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Adjustment {
    /// Its id at the backend.
    pub key: String,
    /// The top-up that it corrects; `None`: the balance as a whole.
    pub topup: Option<String>,
    /// Added, or taken where negative, bytes.
    pub bytes: i64,
    /// When it was so at the operator, s since the epoch.
    pub effective_s: UnixS,
    /// Why, for people.
    pub note: String,
}

impl Book {
    /// Posts a correction by the operator, once for its id.
    ///
    /// That of a top-up goes to its bucket; added to one that has expired, it
    /// expires with it. What is added to the balance as a whole goes to the usable
    /// bucket that is drawn first, or to one of its own; what is taken from it is
    /// what is left in the order of drawdown, then what was used, the newest first.
    ///
    /// # Errors
    /// [`Refusal`]: `UnknownTopUp`, `BucketEnded`, `TakesMore`, `OtherContent`. The
    /// book is as it was.
    pub fn apply_adjustment(
        &mut self,
        adjustment: &Adjustment,
        at: Stamp,
    ) -> Result<Posted, Refusal> {
        let mut action = Action {
            sim: self.sim,
            kind: ActionKind::Adjustment,
            key: adjustment.key.clone(),
            topup: adjustment.topup.clone().unwrap_or_default(),
            bucket: None,
            bytes: adjustment.bytes,
            state: ActionState::Posted,
            effective_s: Some(adjustment.effective_s),
            at,
        };
        if known(self, &action)?.is_some() {
            return Ok(Posted::Already);
        }
        self.post_draft(at, |draft| {
            action.bucket = match &adjustment.topup {
                Some(topup) => Some(correct_topup(draft, topup, adjustment)?),
                None if adjustment.bytes >= 0 => Some(add(draft, adjustment)?),
                None => {
                    take_anywhere(draft, adjustment)?;
                    None
                }
            };
            draft.put_action(action);
            after_taking(draft)
        })?;
        self.journal(Posting::Adjustment(adjustment.clone()), at);
        Ok(Posted::New)
    }
}

fn correct_topup(
    draft: &mut Draft<'_>,
    topup: &str,
    adjustment: &Adjustment,
) -> Result<u64, Refusal> {
    let key = topup_key(topup);
    let found = draft.all_buckets().find(|bucket| bucket.key == key).map(|bucket| bucket.id);
    let Some(id) = found else { return Err(Refusal::UnknownTopUp(topup.to_owned())) };
    let bytes = adjustment.bytes;
    if bytes < 0 {
        take(draft, id, bytes.unsigned_abs(), Out::Adjustment, &adjustment.note)?;
        return Ok(id);
    }
    let mut bucket = draft.bucket(id)?.clone();
    if bucket.status != BucketStatus::Expired {
        post_adjustment(draft, id, bytes, &adjustment.note)?;
        return Ok(id);
    }
    let added = bytes.unsigned_abs();
    draft.shift(&mut bucket, |figures| figures.adjust(bytes)?.expire(added))?;
    draft.put_bucket(bucket);
    for (kind, note) in [(EntryKind::Adjustment, adjustment.note.as_str()), (EntryKind::Expiry, "")]
    {
        let note = note.to_owned();
        draft.enter(Line { bucket: Some(id), kind, bytes, day: None, note })?;
    }
    Ok(id)
}

fn add(draft: &mut Draft<'_>, adjustment: &Adjustment) -> Result<u64, Refusal> {
    let judged_s = draft.judged_s();
    let usable = draft.all_buckets().filter(|bucket| bucket.usable_at(judged_s));
    let first = usable.min_by_key(|bucket| bucket.drawdown_order()).map(|bucket| bucket.id);
    let id = match first {
        Some(id) => id,
        None => post_grant(
            draft,
            Grant {
                key: format!("adjustment:{}", adjustment.key),
                kind: BucketKind::Opening,
                bytes: 0,
                valid_from: judged_s.map(|now_s| now_s.min(adjustment.effective_s)),
                expires_at: None,
                note: String::new(),
            },
        )?,
    };
    post_adjustment(draft, id, adjustment.bytes, &adjustment.note)?;
    Ok(id)
}

fn take_anywhere(draft: &mut Draft<'_>, adjustment: &Adjustment) -> Result<(), Refusal> {
    let mut short = adjustment.bytes.unsigned_abs();
    let judged_s = draft.judged_s();
    let left: Vec<u64> = draft.drawdown(|bucket| bucket.usable_at(judged_s));
    for id in left {
        let part = short.min(draft.bucket(id)?.figures.remaining);
        if part > 0 {
            post_adjustment(draft, id, signed(part)?.saturating_neg(), &adjustment.note)?;
            short -= part;
        }
    }
    let mut used: Vec<Bucket> = draft.all_buckets().cloned().collect();
    used.sort_by_key(|bucket| std::cmp::Reverse(bucket.id));
    for bucket in used.iter().filter(|bucket| bucket.figures.remaining == 0) {
        let part = short.min(bucket.figures.consumed);
        // What expired would be taken before it: that was no part of the balance.
        if part > 0 && bucket.figures.expired == 0 {
            take(draft, bucket.id, part, Out::Adjustment, &adjustment.note)?;
            short -= part;
        }
    }
    if short == 0 {
        return Ok(());
    }
    let wanted = adjustment.bytes.unsigned_abs();
    let available = wanted.saturating_sub(short);
    Err(Refusal::TakesMoreThanAll { available, wanted })
}
