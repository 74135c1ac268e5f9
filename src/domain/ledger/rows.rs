//! The rows of a book: all of them, as a store keeps them, and those that have
//! changed and must be written.

use std::collections::{BTreeMap, BTreeSet};

use super::account::Account;
use super::action::{Action, ActionId};
use super::aside::{Aside, Posting};
use super::book::Book;
use super::bucket::Bucket;
use super::draft::Checked;
use super::entry::Entry;
use super::overdraft::Overdraft;
use super::refusal::Refusal;
use crate::domain::time::Stamp;

/// The rows of a book, as a store keeps them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BookRows {
    /// The account's row.
    pub account: Account,
    /// All of its buckets, ended ones too: their keys stay taken.
    pub buckets: Vec<Bucket>,
    /// Its overdrafts; those that are settled may be left out.
    pub overdrafts: Vec<Overdraft>,
    /// All of its actions: their keys stay taken.
    pub actions: Vec<Action>,
    /// All that was set aside.
    pub asides: Vec<Aside>,
}

/// What a store must write, all of it in one transaction: rows to be inserted or
/// replaced by (SIM, id), and new entries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// The account, if it changed.
    pub account: Option<Account>,
    /// The buckets that are new or changed, by id.
    pub buckets: Vec<Bucket>,
    /// The overdrafts that are new or changed, by id.
    pub overdrafts: Vec<Overdraft>,
    /// The actions that are new or changed, by kind and key.
    pub actions: Vec<Action>,
    /// The new entries, in the order of posting.
    pub entries: Vec<Entry>,
    /// What was set aside, or of which that has changed, by id.
    pub asides: Vec<Aside>,
}

impl Changes {
    /// True when there is nothing to write.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.account.is_none()
            && self.buckets.is_empty()
            && self.overdrafts.is_empty()
            && self.actions.is_empty()
            && self.entries.is_empty()
            && self.asides.is_empty()
    }
}

/// What has changed since the last drain.
#[derive(Clone, Debug, Default)]
pub(super) struct Unwritten {
    account: bool,
    buckets: BTreeSet<u64>,
    overdrafts: BTreeSet<u64>,
    actions: BTreeSet<ActionId>,
    entries: Vec<Entry>,
    /// What was posted, but for what time does by itself: should the rows not
    /// balance, it is set aside.
    journal: Vec<(Posting, Stamp)>,
}

/// The rows as they were when they last balanced at a commit.
#[derive(Clone, Debug)]
pub(super) struct Sound {
    account: Account,
    buckets: BTreeMap<u64, Bucket>,
    overdrafts: BTreeMap<u64, Overdraft>,
    actions: BTreeMap<ActionId, Action>,
}

impl Unwritten {
    pub(super) fn is_empty(&self) -> bool {
        !self.account
            && self.buckets.is_empty()
            && self.overdrafts.is_empty()
            && self.actions.is_empty()
            && self.entries.is_empty()
    }

    pub(super) fn holds_overdraft(&self, id: u64) -> bool {
        self.overdrafts.contains(&id)
    }
}

impl Sound {
    pub(super) fn of(book: &Book) -> Self {
        Self {
            account: book.account.clone(),
            buckets: book.buckets.clone(),
            overdrafts: book.overdrafts.clone(),
            actions: book.actions.clone(),
        }
    }
}

impl Book {
    /// True when `drain` would give something to write.
    #[must_use]
    pub fn has_changes(&self) -> bool {
        !self.unwritten.is_empty() || self.asides.has_changes()
    }

    /// Takes what has changed since the last drain. The book counts it as
    /// written: who drains it keeps it until it is.
    ///
    /// The whole book is checked first. Should it not balance, which is a bug of
    /// this program or a fault of the memory, it goes back to how it was drained
    /// last, and all that was posted since is set aside: nothing of it is lost,
    /// and nothing that does not balance is written.
    pub fn drain(&mut self) -> Changes {
        if let Err(refusal) = self.check() {
            self.roll_back(&refusal);
        }
        let unwritten = std::mem::take(&mut self.unwritten);
        if !unwritten.is_empty() {
            self.sound = Some(Box::new(Sound::of(self)));
        }
        // What is set aside belongs to an account: it is written with it.
        let account = unwritten.account || self.asides.has_changes();
        let changes = Changes {
            account: account.then(|| self.account.clone()),
            buckets: pick(&self.buckets, &unwritten.buckets),
            overdrafts: pick(&self.overdrafts, &unwritten.overdrafts),
            actions: pick(&self.actions, &unwritten.actions),
            entries: unwritten.entries,
            asides: self.asides.drain(),
        };
        self.forget_settled();
        changes
    }

    /// Lets a posting that has been checked take effect.
    pub(super) fn apply(&mut self, posting: Checked) {
        let moved = !posting.buckets.is_empty()
            || !posting.overdrafts.is_empty()
            || !posting.actions.is_empty()
            || !posting.entries.is_empty()
            || posting.account.open_day != self.account.open_day
            || posting.account.reconciled != self.account.reconciled;
        self.unwritten.account |= moved;
        self.unwritten.buckets.extend(posting.buckets.keys());
        self.unwritten.overdrafts.extend(posting.overdrafts.keys());
        self.unwritten.actions.extend(posting.actions.keys().cloned());
        self.unwritten.entries.extend(posting.entries);
        self.account = posting.account;
        self.buckets.extend(posting.buckets);
        self.overdrafts.extend(posting.overdrafts);
        self.actions.extend(posting.actions);
    }

    /// Keeps what was posted until it is drained.
    pub(super) fn journal(&mut self, posting: Posting, at: Stamp) {
        if let (Posting::Use { bytes }, Some((Posting::Use { bytes: before }, _))) =
            (&posting, self.unwritten.journal.last_mut())
            && let Some(sum) = before.checked_add(*bytes)
        {
            *before = sum;
            return;
        }
        self.unwritten.journal.push((posting, at));
    }

    fn roll_back(&mut self, refusal: &Refusal) {
        let unwritten = std::mem::take(&mut self.unwritten);
        let sound = match self.sound.take() {
            Some(sound) => *sound,
            None => Sound::of(&Self::new(self.sim)),
        };
        self.account = sound.account;
        self.buckets = sound.buckets;
        self.overdrafts = sound.overdrafts;
        self.actions = sound.actions;
        self.sound = Some(Box::new(Sound::of(self)));
        for (posting, at) in unwritten.journal {
            self.asides.add(posting, refusal, at);
        }
        self.fault = Some(refusal.clone());
    }
}

fn pick<K: Ord, T: Clone>(rows: &BTreeMap<K, T>, ids: &BTreeSet<K>) -> Vec<T> {
    ids.iter().filter_map(|id| rows.get(id).cloned()).collect()
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::super::action::ActionState;
    use super::super::moves::{Move, MoveKind};
    use super::*;
    use crate::domain::ledger::{BucketKind, Grant};
    use crate::domain::plan::Calendar;
    use crate::domain::sim::SimId;
    use crate::domain::time::Trust;

    fn at(wall_s: i64) -> Stamp {
        Stamp { boot_seq: 1, boot_ms: 0, wall_s, trust: Trust::Ntp }
    }

    fn grant(key: &str) -> Grant {
        Grant {
            key: key.to_owned(),
            kind: BucketKind::TopUp,
            bytes: 100,
            valid_from: None,
            expires_at: None,
            note: String::new(),
        }
    }

    #[test]
    fn a_book_that_does_not_balance_at_a_commit_loses_nothing() {
        let calendar = Calendar::new(TimeZone::UTC);
        for written in [false, true] {
            let mut book = Book::new(SimId(1));
            if written {
                book.grant(grant("topup:T1"), at(1_800_000_000)).unwrap();
                book.drain();
            }
            let before = format!("{:?} {:?}", book.account, book.buckets);
            book.consume(7, at(1_800_000_001), &calendar).unwrap();
            book.consume(8, at(1_800_000_002), &calendar).unwrap();
            book.account.figures.granted += 1;
            let changes = book.drain();
            assert!(matches!(book.take_fault(), Some(Refusal::Unbalanced(_))));
            assert_eq!(format!("{:?} {:?}", book.account, book.buckets), before);
            let (asides, account) = (changes.asides.clone(), Some(book.account.clone()));
            let expected = Changes { asides, account, ..Changes::default() };
            assert_eq!(changes, expected, "only what is set aside");
            let posting = &changes.asides.first().unwrap().posting;
            assert_eq!(posting, &Posting::Use { bytes: 15 });
            assert!(book.needs_a_person());
            // Metering goes on, and a person posts what was set aside.
            book.consume(1, at(1_800_000_003), &calendar).unwrap();
            book.post_aside(1, at(1_800_000_004), &calendar).unwrap();
            assert!(!book.needs_a_person());
            assert_eq!(book.account.figures.consumed, 16);
            book.drain();
            assert_eq!(book.take_fault(), None);
        }
    }

    #[test]
    fn what_is_reserved_for_nothing_is_found() {
        let mut book = Book::new(SimId(1));
        book.grant(grant("topup:T1"), at(1_800_000_000)).unwrap();
        let refund = Move::out(MoveKind::Refund, "R1", "T1", 10);
        book.shift(&refund, ActionState::Reserved, at(1_800_000_000)).unwrap();
        book.check().unwrap();
        book.actions.clear();
        assert!(matches!(book.check(), Err(Refusal::Contradiction(_))));
    }
}
