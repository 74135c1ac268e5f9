//! The book of a SIM: its rows in memory, and what of them a store must write.

use std::collections::{BTreeMap, BTreeSet};

use super::account::Account;
use super::bucket::Bucket;
use super::draft::Posting;
use super::entry::Entry;
use super::overdraft::{Overdraft, OverdraftTime};
use super::refusal::Refusal;
use crate::domain::sim::SimId;

/// The ledger of one SIM.
#[derive(Clone, Debug)]
pub struct Book {
    pub(super) account: Account,
    pub(super) buckets: BTreeMap<u64, Bucket>,
    pub(super) overdrafts: BTreeMap<u64, Overdraft>,
    unwritten: Unwritten,
}

/// What has changed since the last drain.
#[derive(Clone, Debug, Default)]
struct Unwritten {
    account: bool,
    buckets: BTreeSet<u64>,
    overdrafts: BTreeSet<u64>,
    entries: Vec<Entry>,
}

/// The rows of a book, as a store keeps them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BookRows {
    /// The account's row.
    pub account: Account,
    /// All of its buckets, ended ones too: their keys stay taken.
    pub buckets: Vec<Bucket>,
    /// Its overdrafts; those that are settled may be left out.
    pub overdrafts: Vec<Overdraft>,
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
    /// The new entries, in the order of posting.
    pub entries: Vec<Entry>,
}

impl Changes {
    /// True when there is nothing to write.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.account.is_none()
            && self.buckets.is_empty()
            && self.overdrafts.is_empty()
            && self.entries.is_empty()
    }
}

impl Book {
    /// The book of a SIM that was never seen before.
    #[must_use]
    pub fn new(sim: SimId) -> Self {
        Self {
            account: Account::new(sim),
            buckets: BTreeMap::new(),
            overdrafts: BTreeMap::new(),
            unwritten: Unwritten::default(),
        }
    }

    /// The book that a store kept.
    ///
    /// # Errors
    /// [`Refusal`] where the rows contradict each other or do not balance.
    pub fn load(rows: BookRows) -> Result<Self, Refusal> {
        let mut book = Self::new(rows.account.sim);
        book.account = rows.account;
        for bucket in rows.buckets {
            let (id, key) = (bucket.id, bucket.key.clone());
            if book.bucket_by_key(&key).is_some() || book.buckets.insert(id, bucket).is_some() {
                return Err(Refusal::Contradiction(format!("bucket {id} \"{key}\" twice")));
            }
        }
        for overdraft in rows.overdrafts {
            if book.overdrafts.insert(overdraft.id, overdraft).is_some() {
                return Err(Refusal::Contradiction(format!("overdraft {} twice", overdraft.id)));
            }
        }
        book.check()?;
        book.forget_settled();
        Ok(book)
    }

    /// Holds everything against everything: each bucket balances, the account
    /// balances, and it is the sum of its parts.
    ///
    /// # Errors
    /// [`Refusal`] names the first thing that does not fit.
    pub fn check(&self) -> Result<(), Refusal> {
        let account = &self.account;
        let mut parts = [0_i128; 11];
        for bucket in self.buckets.values() {
            bucket.figures.check()?;
            let fits = bucket.sim == account.sim
                && bucket.id < account.next_bucket_id
                && bucket.open_day_bytes <= bucket.figures.consumed
                && bucket.figures.overdraft == 0;
            if !fits {
                return Err(Refusal::Contradiction(format!("bucket {}", bucket.id)));
            }
            add(&mut parts, &bucket.figures.signed());
        }
        for overdraft in self.overdrafts.values() {
            let fits = overdraft.sim == account.sim
                && overdraft.id < account.next_overdraft_id
                && overdraft.absorbed <= overdraft.entered
                && overdraft.entered <= overdraft.bytes;
            if !fits {
                return Err(Refusal::Contradiction(format!("overdraft {}", overdraft.id)));
            }
            add(&mut parts, &overdraft.figures().signed());
        }
        account.check()?;
        let whole = account.figures.signed();
        if whole == parts {
            Ok(())
        } else {
            Err(Refusal::NotTheSum { account: Box::new(whole), parts: Box::new(parts) })
        }
    }

    /// Whose book it is.
    #[must_use]
    pub fn sim(&self) -> SimId {
        self.account.sim
    }

    /// The account.
    #[must_use]
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// All buckets by id, ended ones too.
    pub fn buckets(&self) -> impl Iterator<Item = &Bucket> {
        self.buckets.values()
    }

    /// One bucket.
    #[must_use]
    pub fn bucket(&self, id: u64) -> Option<&Bucket> {
        self.buckets.get(&id)
    }

    /// The bucket of a key.
    #[must_use]
    pub fn bucket_by_key(&self, key: &str) -> Option<&Bucket> {
        self.buckets.values().find(|bucket| bucket.key == key)
    }

    /// The overdrafts that are not settled, by id.
    pub fn overdrafts(&self) -> impl Iterator<Item = &Overdraft> {
        self.overdrafts.values()
    }

    /// The boots whose overdraft waits for `place`, the earliest first.
    #[must_use]
    pub fn unplaced_boots(&self) -> BTreeSet<u32> {
        let boots = self.overdrafts.values().filter_map(|row| match row.time {
            OverdraftTime::Unplaced { boot_seq } => Some(boot_seq),
            OverdraftTime::Placed { .. } => None,
        });
        boots.collect()
    }

    /// True when `drain` would give something to write.
    #[must_use]
    pub fn has_changes(&self) -> bool {
        self.unwritten.account
            || !self.unwritten.buckets.is_empty()
            || !self.unwritten.overdrafts.is_empty()
            || !self.unwritten.entries.is_empty()
    }

    /// Takes what has changed since the last drain. The book counts it as
    /// written: who drains it keeps it until it is.
    pub fn drain(&mut self) -> Changes {
        let unwritten = std::mem::take(&mut self.unwritten);
        let changes = Changes {
            account: unwritten.account.then(|| self.account.clone()),
            buckets: pick(&self.buckets, &unwritten.buckets),
            overdrafts: pick(&self.overdrafts, &unwritten.overdrafts),
            entries: unwritten.entries,
        };
        self.forget_settled();
        changes
    }

    /// Lets a posting that has been checked take effect.
    pub(super) fn apply(&mut self, posting: Posting) {
        let moved = !posting.buckets.is_empty()
            || !posting.overdrafts.is_empty()
            || !posting.entries.is_empty()
            || posting.account.open_day != self.account.open_day;
        self.unwritten.account |= moved;
        self.unwritten.buckets.extend(posting.buckets.keys());
        self.unwritten.overdrafts.extend(posting.overdrafts.keys());
        self.unwritten.entries.extend(posting.entries);
        self.account = posting.account;
        self.buckets.extend(posting.buckets);
        self.overdrafts.extend(posting.overdrafts);
    }

    fn forget_settled(&mut self) {
        let unwritten = &self.unwritten.overdrafts;
        self.overdrafts.retain(|id, row| !row.is_settled() || unwritten.contains(id));
    }
}

fn pick<T: Clone>(rows: &BTreeMap<u64, T>, ids: &BTreeSet<u64>) -> Vec<T> {
    ids.iter().filter_map(|id| rows.get(id).cloned()).collect()
}

pub(super) fn add(sum: &mut [i128; 11], figures: &[i128; 11]) {
    for (sum, figure) in sum.iter_mut().zip(figures) {
        *sum += figure;
    }
}
