//! Takes bytes out of a bucket although the operator says so only afterwards, when
//! part of them may be used, expired or corrected away.

use super::bucket::{Bucket, BucketStatus};
use super::draft::{Draft, Line, signed, take_id};
use super::entry::EntryKind;
use super::figures::Figures;
use super::overdraft::{Overdraft, OverdraftTime};
use super::refusal::Refusal;

/// How bytes leave a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Out {
    Reversal,
    Refund,
    Transfer,
    Adjustment,
}

impl Out {
    fn kind(self) -> EntryKind {
        match self {
            Self::Reversal => EntryKind::Reversal,
            Self::Refund => EntryKind::Refund,
            Self::Transfer => EntryKind::TransferOut,
            Self::Adjustment => EntryKind::Adjustment,
        }
    }

    fn move_out(self, figures: Figures, bytes: u64) -> Option<Figures> {
        match self {
            Self::Reversal => figures.reverse(bytes),
            Self::Refund => figures.refund(bytes),
            Self::Transfer => figures.transfer_out(bytes),
            Self::Adjustment => figures.adjust(i64::try_from(bytes).ok()?.checked_neg()?),
        }
    }
}

/// Takes `bytes` out of a bucket: what is left of it first, then what expired, then
/// what was used, which becomes overdraft of the bucket's validity, and last what a
/// correction had taken out before. What is reserved stays so.
///
/// # Errors
/// `TakesMore` where all of that is less than `bytes`.
pub(super) fn take(
    draft: &mut Draft<'_>,
    id: u64,
    bytes: u64,
    out: Out,
    note: &str,
) -> Result<(), Refusal> {
    let mut bucket = draft.bucket(id)?.clone();
    let figures = bucket.figures;
    let mut short = bytes.saturating_sub(figures.remaining);
    let mut part = |of: u64| {
        let part = short.min(of);
        short -= part;
        part
    };
    let expired = part(figures.expired);
    let used = part(figures.consumed);
    let corrected = match out {
        Out::Adjustment => 0,
        Out::Reversal | Out::Refund | Out::Transfer => part(figures.adjusted.min(0).unsigned_abs()),
    };
    if short > 0 {
        let available = bytes.saturating_sub(short);
        return Err(Refusal::TakesMore { bucket: id, available, wanted: bytes });
    }
    let line = |kind, bytes, note: &str| Line {
        bucket: Some(id),
        kind,
        bytes,
        day: None,
        note: note.to_owned(),
    };
    if expired > 0 {
        draft.shift(&mut bucket, |figures| figures.unexpire(expired))?;
        draft.enter(line(EntryKind::Expiry, signed(expired)?.saturating_neg(), note))?;
    }
    if used > 0 {
        uncover(draft, &mut bucket, used, note)?;
    }
    if corrected > 0 {
        let delta = signed(corrected)?;
        draft.shift(&mut bucket, |figures| figures.adjust(delta))?;
        draft.enter(line(EntryKind::Adjustment, delta, note))?;
    }
    draft.shift(&mut bucket, |figures| out.move_out(figures, bytes))?;
    let stated = match out {
        Out::Adjustment => signed(bytes)?.saturating_neg(),
        Out::Reversal | Out::Refund | Out::Transfer => signed(bytes)?,
    };
    draft.enter(line(out.kind(), stated, note))?;
    let nothing_left = bucket.figures.remaining == 0 && bucket.figures.reserved == 0;
    let ends = matches!(out, Out::Reversal | Out::Refund);
    if ends && nothing_left && bucket.is_open() {
        bucket.status = BucketStatus::Closed;
    }
    draft.put_bucket(bucket);
    Ok(())
}

/// What a bucket had covered is covered no more: it becomes overdraft, of the time
/// in which the bucket could be used.
fn uncover(
    draft: &mut Draft<'_>,
    bucket: &mut Bucket,
    bytes: u64,
    note: &str,
) -> Result<(), Refusal> {
    let line = |kind, bytes, day, note: &str| Line {
        bucket: Some(bucket.id),
        kind,
        bytes,
        day,
        note: note.to_owned(),
    };
    // The entry that says it was used comes before the one that takes that back.
    if bucket.open_day_bytes > 0 {
        let used = signed(bucket.open_day_bytes)?;
        let day = draft.account.open_day;
        draft.enter(line(EntryKind::Consumption, used, day, ""))?;
    }
    let taken_back = signed(bytes)?.saturating_neg();
    draft.enter(line(EntryKind::OverdraftAbsorbed, taken_back, None, note))?;
    bucket.open_day_bytes = 0;
    bucket.figures = bucket.figures.unconsume(bytes).ok_or(Refusal::OutOfRange)?;
    let moved = draft.account.figures.uncover(bytes);
    draft.account.figures = moved.ok_or(Refusal::OutOfRange)?;
    let until_s = draft.judged_s();
    let time = match (bucket.valid_from, until_s) {
        (None, None) => OverdraftTime::Unplaced { boot_seq: draft.at.boot_seq },
        (from, until_s) => {
            let end = bucket.expires_at.map(|end| end.saturating_sub(1));
            let last = match (until_s, end) {
                (Some(until_s), Some(end)) => Some(until_s.min(end)),
                (until_s, end) => until_s.or(end),
            };
            let first_s = from.unwrap_or(i64::MIN);
            OverdraftTime::Uncovered { first_s, last_s: last.unwrap_or(first_s).max(first_s) }
        }
    };
    let id = take_id(&mut draft.account.next_overdraft_id)?;
    let sim = draft.account.sim;
    let entered = bytes;
    draft.put_overdraft(Overdraft { id, sim, time, bytes, absorbed: 0, entered });
    Ok(())
}
