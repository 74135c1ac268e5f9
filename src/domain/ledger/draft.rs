//! A posting in the making: it is worked out on copies of the rows that it
//! touches, and the book changes only when all of it has been checked.

use std::collections::BTreeMap;

use jiff::civil::Date;

use super::account::Account;
use super::action::{Action, ActionId};
use super::book::{Book, add};
use super::bucket::Bucket;
use super::entry::{Entry, EntryKind};
use super::figures::Figures;
use super::overdraft::Overdraft;
use super::refusal::Refusal;
use crate::domain::time::{Stamp, UnixS};

/// The rows of a posting, while it is worked out.
pub(super) struct Draft<'a> {
    book: &'a Book,
    /// When it is posted.
    pub(super) at: Stamp,
    /// The account as it will be.
    pub(super) account: Account,
    buckets: BTreeMap<u64, Bucket>,
    overdrafts: BTreeMap<u64, Overdraft>,
    actions: BTreeMap<ActionId, Action>,
    entries: Vec<Entry>,
}

/// A posting that has been checked.
pub(super) struct Checked {
    pub(super) account: Account,
    pub(super) buckets: BTreeMap<u64, Bucket>,
    pub(super) overdrafts: BTreeMap<u64, Overdraft>,
    pub(super) actions: BTreeMap<ActionId, Action>,
    pub(super) entries: Vec<Entry>,
}

/// What an entry says beside its id, SIM and time.
pub(super) struct Line {
    pub(super) bucket: Option<u64>,
    pub(super) kind: EntryKind,
    pub(super) bytes: i64,
    pub(super) day: Option<Date>,
    pub(super) note: String,
}

impl Book {
    /// Works out a posting and lets it take effect if it holds.
    pub(super) fn post_draft<T>(
        &mut self,
        at: Stamp,
        work: impl FnOnce(&mut Draft<'_>) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        let mut draft = Draft::new(self, at);
        let result = work(&mut draft)?;
        let posting = draft.finish()?;
        self.apply(posting);
        Ok(result)
    }
}

impl<'a> Draft<'a> {
    fn new(book: &'a Book, at: Stamp) -> Self {
        let mut account = book.account.clone();
        account.known_s = at.trusted_s().or(account.known_s);
        Self {
            book,
            at,
            account,
            buckets: BTreeMap::new(),
            overdrafts: BTreeMap::new(),
            actions: BTreeMap::new(),
            entries: Vec::new(),
        }
    }

    /// The time that validities are judged by: now, or when it was last known.
    pub(super) fn judged_s(&self) -> Option<UnixS> {
        self.account.known_s
    }

    pub(super) fn bucket(&self, id: u64) -> Result<&Bucket, Refusal> {
        self.buckets
            .get(&id)
            .or_else(|| self.book.buckets.get(&id))
            .ok_or(Refusal::UnknownBucket(id))
    }

    /// All buckets as they will be: by id, those that were touched last.
    pub(super) fn all_buckets(&self) -> impl Iterator<Item = &Bucket> {
        let untouched = self.book.buckets.values().filter(|b| !self.buckets.contains_key(&b.id));
        untouched.chain(self.buckets.values())
    }

    /// The ids of buckets that fit, in the order of drawdown.
    pub(super) fn drawdown(&self, fits: impl Fn(&Bucket) -> bool) -> Vec<u64> {
        let mut chosen: Vec<_> = self
            .all_buckets()
            .filter(|bucket| bucket.is_active() && bucket.figures.remaining > 0 && fits(bucket))
            .map(Bucket::drawdown_order)
            .collect();
        chosen.sort_unstable();
        chosen.into_iter().map(|(_, id)| id).collect()
    }

    /// All overdrafts as they will be, the oldest first.
    pub(super) fn all_overdrafts(&self) -> Vec<Overdraft> {
        let mut rows = self.book.overdrafts.clone();
        rows.extend(&self.overdrafts);
        let mut rows: Vec<_> = rows.into_values().collect();
        rows.sort_unstable_by_key(Overdraft::order);
        rows
    }

    /// The newest overdraft that `pick` finds something in. A SIM without any
    /// grant has one a day for ever: they are not copied to look for today's.
    pub(super) fn newest_overdraft<T>(&self, pick: impl Fn(&Overdraft) -> Option<T>) -> Option<T> {
        let stored = self.book.overdrafts.values().rev();
        let untouched = stored.filter(|row| !self.overdrafts.contains_key(&row.id));
        self.overdrafts.values().rev().chain(untouched).find_map(pick)
    }

    pub(super) fn put_bucket(&mut self, bucket: Bucket) {
        self.buckets.insert(bucket.id, bucket);
    }

    /// All actions as they will be.
    pub(super) fn all_actions(&self) -> impl Iterator<Item = &Action> {
        let stored = self.book.actions.iter().filter(|(id, _)| !self.actions.contains_key(*id));
        stored.map(|(_, action)| action).chain(self.actions.values())
    }

    pub(super) fn put_action(&mut self, action: Action) {
        self.actions.insert(action.id(), action);
    }

    pub(super) fn put_overdraft(&mut self, overdraft: Overdraft) {
        self.overdrafts.insert(overdraft.id, overdraft);
    }

    /// Moves a bucket and the account alike.
    pub(super) fn shift(
        &mut self,
        bucket: &mut Bucket,
        movement: impl Fn(Figures) -> Option<Figures>,
    ) -> Result<(), Refusal> {
        bucket.figures = movement(bucket.figures).ok_or(Refusal::OutOfRange)?;
        self.account.figures = movement(self.account.figures).ok_or(Refusal::OutOfRange)?;
        Ok(())
    }

    pub(super) fn enter(&mut self, line: Line) -> Result<(), Refusal> {
        let id = take_id(&mut self.account.next_entry_id)?;
        let Line { bucket, kind, bytes, day, note } = line;
        self.entries.push(Entry {
            id,
            sim: self.account.sim,
            bucket,
            kind,
            bytes,
            at: self.at,
            day,
            note,
        });
        Ok(())
    }

    /// Balances each row that was touched, and holds their sum against the
    /// account's.
    fn finish(self) -> Result<Checked, Refusal> {
        let mut parts = [0_i128; 11];
        let before = self.buckets.keys().filter_map(|id| self.book.buckets.get(id));
        for bucket in before {
            add(&mut parts, &negated(&bucket.figures));
        }
        for bucket in self.buckets.values() {
            bucket.figures.check()?;
            add(&mut parts, &bucket.figures.signed());
        }
        let before = self.overdrafts.keys().filter_map(|id| self.book.overdrafts.get(id));
        for overdraft in before {
            add(&mut parts, &negated(&overdraft.figures()));
        }
        for overdraft in self.overdrafts.values() {
            add(&mut parts, &overdraft.figures().signed());
        }
        self.account.check()?;
        let mut whole = self.account.figures.signed();
        add(&mut whole, &negated(&self.book.account.figures));
        if whole != parts {
            return Err(Refusal::NotTheSum { account: Box::new(whole), parts: Box::new(parts) });
        }
        let Self { account, buckets, overdrafts, actions, entries, .. } = self;
        Ok(Checked { account, buckets, overdrafts, actions, entries })
    }
}

/// The next id, which is then taken.
pub(super) fn take_id(next: &mut u64) -> Result<u64, Refusal> {
    let id = *next;
    // Ids are stored as signed 64-bit integers.
    *next = super::figures::plus(id, 1).ok_or(Refusal::OutOfRange)?;
    Ok(id)
}

/// An amount as the signed figure of an entry.
pub(super) fn signed(bytes: u64) -> Result<i64, Refusal> {
    i64::try_from(bytes).map_err(|_| Refusal::OutOfRange)
}

fn negated(figures: &Figures) -> [i128; 11] {
    figures.signed().map(|figure| -figure)
}
