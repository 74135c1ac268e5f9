//! What time does to a book: days close, buckets expire, what was recorded
//! without a time is placed. All of it in trusted time only.

use super::book::Book;
use super::bucket::{Bucket, BucketStatus};
use super::draft::{Draft, Line, signed};
use super::entry::EntryKind;
use super::overdraft::{Overdraft, OverdraftTime};
use super::pending::begin_due;
use super::posting::{enter_overdraft, settle};
use super::refusal::Refusal;
use crate::domain::plan::{Calendar, Cycle, Plan};
use crate::domain::time::{Stamp, UnixS};

impl Book {
    /// Brings the book to `at`: closes the day before, expires what has ended and
    /// sees to the plan, in this order. To be called at `next_deadline`, and when
    /// the time becomes known or jumps. In untrusted time only a `never` plan is
    /// seen to.
    ///
    /// # Errors
    /// [`Refusal`]: the step that was refused left the book as it was; those
    /// before it have taken effect.
    pub fn advance(
        &mut self,
        at: Stamp,
        calendar: &Calendar,
        plan: Option<&Plan>,
    ) -> Result<(), Refusal> {
        self.close_day(at, calendar)?;
        self.expire(at)?;
        if let Some(plan) = plan {
            self.ensure_plan(plan, at)?;
        }
        Ok(())
    }

    /// Closes the open day if another local day has begun: what was used on it
    /// becomes one entry a bucket. When the clock goes back by a day or less, the
    /// later day stays open.
    ///
    /// # Errors
    /// [`Refusal`]: the book is as it was.
    pub fn close_day(&mut self, at: Stamp, calendar: &Calendar) -> Result<(), Refusal> {
        let Some(at_s) = at.trusted_s() else {
            return Ok(());
        };
        self.post_draft(at, |draft| roll_day(draft, at_s, calendar))
    }

    /// Ends the buckets whose validity is over, in the order of their ends: what is
    /// left in them expires, and what waits for that begins at that moment.
    ///
    /// # Errors
    /// [`Refusal`]: the book is as it was.
    pub fn expire(&mut self, at: Stamp) -> Result<(), Refusal> {
        let Some(at_s) = at.trusted_s() else {
            return Ok(());
        };
        self.post_draft(at, |draft| {
            while let Some(mut bucket) = next_ended(draft, at_s) {
                let left = bucket.figures.remaining;
                if left > 0 {
                    draft.shift(&mut bucket, |figures| figures.expire(left))?;
                    draft.enter(Line {
                        bucket: Some(bucket.id),
                        kind: EntryKind::Expiry,
                        bytes: signed(left)?,
                        day: None,
                        note: String::new(),
                    })?;
                }
                bucket.status = BucketStatus::Expired;
                let end = bucket.expires_at.unwrap_or(at_s);
                draft.put_bucket(bucket);
                if begin_due(draft, end)? {
                    settle(draft)?;
                }
            }
            if begin_due(draft, at_s)? { settle(draft) } else { Ok(()) }
        })
    }

    /// Gives a time to what was used without cover in a boot whose time was not
    /// known, and lets buckets that were valid then absorb it. `placed_s` is the
    /// instant, s since the epoch; `at` is when this is posted. Gives the number
    /// of bytes that were placed.
    ///
    /// # Errors
    /// [`Refusal`]: the book is as it was.
    pub fn place(
        &mut self,
        boot_seq: u32,
        placed_s: UnixS,
        at: Stamp,
        calendar: &Calendar,
    ) -> Result<u64, Refusal> {
        self.post_draft(at, |draft| {
            let day = calendar.day_of(placed_s);
            let time = OverdraftTime::Placed { day, first_s: placed_s, last_s: placed_s };
            let mut placed: u64 = 0;
            for row in draft.all_overdrafts() {
                if row.time == (OverdraftTime::Unplaced { boot_seq }) {
                    placed = placed.saturating_add(row.bytes);
                    draft.put_overdraft(Overdraft { time, ..row });
                    // Its day may be closed already: no later entry would state it.
                    enter_overdraft(draft, Overdraft { time, ..row })?;
                }
            }
            settle(draft)?;
            Ok(placed)
        })
    }

    /// When time next does something to this book: a bucket begins or ends, the
    /// plan's next period begins, or the local day does. Never before `now_s`;
    /// `now_s` itself when something is due.
    #[must_use]
    pub fn next_deadline(&self, now_s: UnixS, calendar: &Calendar, plan: Option<&Plan>) -> UnixS {
        let active = || self.buckets().filter(|bucket| bucket.is_open());
        let ends = active().filter_map(|bucket| bucket.expires_at).map(|end| end.max(now_s));
        let begins = active().filter_map(|bucket| bucket.valid_from).filter(|from| *from > now_s);
        let next_period = plan.and_then(|plan| match plan.cycle {
            Cycle::Monthly(_) | Cycle::Days { .. } => plan.period_at(now_s).end,
            Cycle::Once { .. } | Cycle::Never => None,
        });
        let next_day = calendar.start_of_next_day(now_s);
        ends.chain(begins).chain(next_period).min().map_or(next_day, |at| at.min(next_day))
    }
}

fn next_ended(draft: &Draft<'_>, at_s: UnixS) -> Option<Bucket> {
    let ended = draft.all_buckets().filter(|b| b.is_open() && b.ended_at(Some(at_s)));
    ended.min_by_key(|bucket| bucket.drawdown_order()).cloned()
}

/// Closes the open day unless `at_s` lies in it, and opens that of `at_s`.
pub(super) fn roll_day(
    draft: &mut Draft<'_>,
    at_s: UnixS,
    calendar: &Calendar,
) -> Result<(), Refusal> {
    let today = calendar.day_of(at_s);
    if let Some(open) = draft.account.open_day {
        let just_before = today < open && today.tomorrow().is_ok_and(|next| next >= open);
        if today == open || just_before {
            return Ok(());
        }
        let used: Vec<_> =
            draft.all_buckets().filter(|bucket| bucket.open_day_bytes > 0).cloned().collect();
        for mut bucket in used {
            draft.enter(Line {
                bucket: Some(bucket.id),
                kind: EntryKind::Consumption,
                bytes: signed(bucket.open_day_bytes)?,
                day: Some(open),
                note: String::new(),
            })?;
            bucket.open_day_bytes = 0;
            draft.put_bucket(bucket);
        }
        for row in draft.all_overdrafts() {
            if row.day().is_some() {
                enter_overdraft(draft, row)?;
            }
        }
    }
    draft.account.open_day = Some(today);
    Ok(())
}
