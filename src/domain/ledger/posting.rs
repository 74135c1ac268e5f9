//! What is posted to a book: grants, corrections and consumption.

use super::aside::Posting;
use super::book::Book;
use super::bucket::{Bucket, BucketKind, BucketStatus};
use super::draft::{Draft, Line, signed, take_id};
use super::entry::EntryKind;
use super::figures::{Figures, plus};
use super::overdraft::{Overdraft, OverdraftTime};
use super::pending::begin_due;
use super::refusal::Refusal;
use super::rollover::roll_day;
use crate::domain::plan::Calendar;
use crate::domain::time::{Stamp, UnixS};

/// A grant to be posted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// What makes it one: posted again under the same key, it is the same grant.
    pub key: String,
    /// Where it comes from.
    pub kind: BucketKind,
    /// How much, 0 to 2^63-1 bytes.
    pub bytes: u64,
    /// The first second in which it can be used; `None`: since ever.
    pub valid_from: Option<UnixS>,
    /// The first second in which it can no longer be used; `None`: never.
    pub expires_at: Option<UnixS>,
    /// For people.
    pub note: String,
}

/// What became of a grant: the bucket's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Granted {
    /// It was posted.
    New(u64),
    /// It had been posted before; nothing was done, whatever the arguments.
    Already(u64),
}

impl Book {
    /// Posts a grant, once for each key. It first absorbs what was used without
    /// cover in its validity. A grant may begin later or have ended before now.
    ///
    /// # Errors
    /// [`Refusal`]: the book is as it was.
    pub fn grant(&mut self, grant: Grant, at: Stamp) -> Result<Granted, Refusal> {
        if let Some(bucket) = self.bucket_by_key(&grant.key) {
            return Ok(Granted::Already(bucket.id));
        }
        self.post_draft(at, |draft| {
            let id = post_grant(draft, grant)?;
            settle(draft)?;
            Ok(Granted::New(id))
        })
    }

    /// Corrects what is left in a bucket by `delta` bytes, up or down. What is
    /// added first absorbs overdraft of the bucket's validity.
    ///
    /// # Errors
    /// [`Refusal`], `Short` where less than that is left: the book is as it was.
    pub fn adjust(
        &mut self,
        bucket: u64,
        delta: i64,
        note: &str,
        at: Stamp,
    ) -> Result<(), Refusal> {
        self.post_draft(at, |draft| {
            post_adjustment(draft, bucket, delta, note)?;
            settle(draft)
        })
    }

    /// Ends a bucket before its time: what is left is taken out by an
    /// adjustment. To end it again does nothing.
    ///
    /// # Errors
    /// [`Refusal`]: the book is as it was.
    pub fn close_bucket(&mut self, bucket: u64, note: &str, at: Stamp) -> Result<(), Refusal> {
        self.post_draft(at, |draft| {
            close(draft, bucket, note)?;
            match at.trusted_s() {
                Some(at_s) => begin_due(draft, at_s).map(drop),
                None => Ok(()),
            }
        })
    }

    /// Draws what was used from the buckets, in the order of drawdown; what they
    /// do not cover is overdraft, unless a package that waits for them to be used up
    /// begins. In trusted time a new local day first closes the one before.
    ///
    /// # Errors
    /// [`Refusal`]: the book is as it was.
    pub fn consume(&mut self, bytes: u64, at: Stamp, calendar: &Calendar) -> Result<(), Refusal> {
        self.post_draft(at, |draft| {
            if let Some(at_s) = at.trusted_s() {
                roll_day(draft, at_s, calendar)?;
            }
            let mut left = draw(draft, bytes)?;
            if left > 0
                && let Some(at_s) = at.trusted_s()
                && begin_due(draft, at_s)?
            {
                left = draw(draft, left)?;
            }
            if left > 0 { overdraw(draft, left, calendar) } else { Ok(()) }
        })?;
        self.journal(Posting::Use { bytes }, at);
        Ok(())
    }
}

/// Draws from what is usable, in the order of drawdown; gives what is not covered.
fn draw(draft: &mut Draft<'_>, bytes: u64) -> Result<u64, Refusal> {
    let judged_s = draft.judged_s();
    let mut left = bytes;
    for id in draft.drawdown(|bucket| bucket.usable_at(judged_s)) {
        let mut bucket = draft.bucket(id)?.clone();
        let drawn = left.min(bucket.figures.remaining);
        draft.shift(&mut bucket, |figures| figures.consume(drawn))?;
        bucket.open_day_bytes = plus(bucket.open_day_bytes, drawn).ok_or(Refusal::OutOfRange)?;
        draft.put_bucket(bucket);
        left -= drawn;
        if left == 0 {
            break;
        }
    }
    Ok(left)
}

/// Ends a bucket, if it has not ended: what is left is taken out.
pub(super) fn close(draft: &mut Draft<'_>, id: u64, note: &str) -> Result<(), Refusal> {
    let row = draft.bucket(id)?;
    if !row.is_open() {
        return Ok(());
    }
    let left = signed(row.figures.remaining)?;
    post_adjustment(draft, id, left.saturating_neg(), note)?;
    let mut row = draft.bucket(id)?.clone();
    row.status = BucketStatus::Closed;
    draft.put_bucket(row);
    Ok(())
}

pub(super) fn post_grant(draft: &mut Draft<'_>, grant: Grant) -> Result<u64, Refusal> {
    open_bucket(draft, grant, EntryKind::Grant)
}

/// Opens a bucket with what is granted, or with what comes from another SIM.
pub(super) fn open_bucket(
    draft: &mut Draft<'_>,
    grant: Grant,
    kind_of_entry: EntryKind,
) -> Result<u64, Refusal> {
    let Grant { key, kind, bytes, valid_from, expires_at, note } = grant;
    if let (Some(from), Some(to)) = (valid_from, expires_at)
        && to <= from
    {
        return Err(Refusal::EmptyValidity { from, to });
    }
    let id = take_id(&mut draft.account.next_bucket_id)?;
    let mut bucket = Bucket {
        id,
        sim: draft.account.sim,
        key,
        kind,
        figures: Figures::default(),
        bought: None,
        valid_from,
        expires_at,
        status: BucketStatus::Active,
        open_day_bytes: 0,
    };
    draft.shift(&mut bucket, |figures| match kind_of_entry {
        EntryKind::TransferIn => figures.receive(bytes),
        _ => figures.grant(bytes),
    })?;
    draft.put_bucket(bucket);
    let bytes = signed(bytes)?;
    draft.enter(Line { bucket: Some(id), kind: kind_of_entry, bytes, day: None, note })?;
    Ok(id)
}

pub(super) fn post_adjustment(
    draft: &mut Draft<'_>,
    id: u64,
    delta: i64,
    note: &str,
) -> Result<(), Refusal> {
    let mut bucket = draft.bucket(id)?.clone();
    if !bucket.is_open() {
        return Err(Refusal::BucketEnded(id));
    }
    let remaining = bucket.figures.remaining;
    if delta < 0 && delta.unsigned_abs() > remaining {
        return Err(Refusal::Short { bucket: id, remaining, wanted: delta.unsigned_abs() });
    }
    draft.shift(&mut bucket, |figures| figures.adjust(delta))?;
    draft.put_bucket(bucket);
    let note = note.to_owned();
    let kind = EntryKind::Adjustment;
    draft.enter(Line { bucket: Some(id), kind, bytes: delta, day: None, note })
}

/// Remembers what no bucket covers, with its time.
fn overdraw(draft: &mut Draft<'_>, bytes: u64, calendar: &Calendar) -> Result<(), Refusal> {
    let moved = draft.account.figures.overdraw(bytes);
    draft.account.figures = moved.ok_or(Refusal::OutOfRange)?;
    let time = match draft.at.trusted_s() {
        Some(at_s) => {
            OverdraftTime::Placed { day: calendar.day_of(at_s), first_s: at_s, last_s: at_s }
        }
        None => OverdraftTime::Unplaced { boot_seq: draft.at.boot_seq },
    };
    let same = draft.newest_overdraft(|row| {
        let time = joined(row.time, time)?;
        (!row.is_settled()).then_some(Overdraft { time, ..*row })
    });
    let mut row = match same {
        Some(row) => row,
        None => Overdraft {
            id: take_id(&mut draft.account.next_overdraft_id)?,
            sim: draft.account.sim,
            time,
            bytes: 0,
            absorbed: 0,
            entered: 0,
        },
    };
    row.bytes = plus(row.bytes, bytes).ok_or(Refusal::OutOfRange)?;
    draft.put_overdraft(row);
    Ok(())
}

/// The time of both together, if they belong to one row.
fn joined(a: OverdraftTime, b: OverdraftTime) -> Option<OverdraftTime> {
    match (a, b) {
        (
            OverdraftTime::Placed { day, first_s, last_s },
            OverdraftTime::Placed { day: other_day, first_s: other_first, last_s: other_last },
        ) => (day == other_day).then(|| OverdraftTime::Placed {
            day,
            first_s: first_s.min(other_first),
            last_s: last_s.max(other_last),
        }),
        (OverdraftTime::Unplaced { boot_seq }, OverdraftTime::Unplaced { boot_seq: other }) => {
            (boot_seq == other).then_some(a)
        }
        (OverdraftTime::Placed { .. }, OverdraftTime::Unplaced { .. })
        | (OverdraftTime::Unplaced { .. }, OverdraftTime::Placed { .. })
        | (OverdraftTime::Uncovered { .. }, _)
        | (_, OverdraftTime::Uncovered { .. }) => None,
    }
}

/// Lets buckets absorb what was used without cover in their validity: the oldest
/// overdraft first, from buckets in the order of drawdown. What is not placed is
/// absorbed only by what is valid at any time.
pub(super) fn settle(draft: &mut Draft<'_>) -> Result<(), Refusal> {
    for row in draft.all_overdrafts().into_iter().filter(|row| row.open() > 0) {
        let buckets = draft.drawdown(|bucket| match row.time {
            OverdraftTime::Placed { first_s, last_s, .. }
            | OverdraftTime::Uncovered { first_s, last_s } => bucket.covers(first_s, last_s),
            OverdraftTime::Unplaced { .. } => {
                bucket.valid_from.is_none() && bucket.expires_at.is_none()
            }
        });
        if buckets.is_empty() {
            continue;
        }
        // The entry that says it was overdraft comes before those that absorb it.
        let mut row = enter_overdraft(draft, row)?;
        for id in buckets {
            let absorbed = row.open().min(draft.bucket(id)?.figures.remaining);
            if absorbed > 0 {
                absorb(draft, &mut row, id, absorbed)?;
            }
        }
        draft.put_overdraft(row);
    }
    Ok(())
}

fn absorb(draft: &mut Draft<'_>, row: &mut Overdraft, id: u64, bytes: u64) -> Result<(), Refusal> {
    let mut bucket = draft.bucket(id)?.clone();
    bucket.figures = bucket.figures.consume(bytes).ok_or(Refusal::OutOfRange)?;
    let moved = draft.account.figures.absorb(bytes);
    draft.account.figures = moved.ok_or(Refusal::OutOfRange)?;
    draft.put_bucket(bucket);
    row.absorbed = plus(row.absorbed, bytes).ok_or(Refusal::OutOfRange)?;
    draft.enter(Line {
        bucket: Some(id),
        kind: EntryKind::OverdraftAbsorbed,
        bytes: signed(bytes)?,
        day: row.day(),
        note: String::new(),
    })
}

/// States in an entry what none states yet of an overdraft.
pub(super) fn enter_overdraft(
    draft: &mut Draft<'_>,
    mut row: Overdraft,
) -> Result<Overdraft, Refusal> {
    if row.unentered() > 0 {
        draft.enter(Line {
            bucket: None,
            kind: EntryKind::Overdraft,
            bytes: signed(row.unentered())?,
            day: row.day(),
            note: String::new(),
        })?;
        row.entered = row.bytes;
        draft.put_overdraft(row);
    }
    Ok(row)
}
