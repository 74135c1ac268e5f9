//! The book of a SIM: its rows in memory.

use std::collections::{BTreeMap, BTreeSet};

use super::account::Account;
use super::action::{Action, ActionId};
use super::aside::{Aside, Asides};
use super::bucket::Bucket;
use super::overdraft::{Overdraft, OverdraftTime};
use super::refusal::Refusal;
use super::rows::{BookRows, Sound, Unwritten};
use crate::domain::sim::SimId;

/// The ledger of one SIM.
#[derive(Clone, Debug)]
pub struct Book {
    pub(super) sim: SimId,
    pub(super) account: Account,
    pub(super) buckets: BTreeMap<u64, Bucket>,
    pub(super) overdrafts: BTreeMap<u64, Overdraft>,
    pub(super) actions: BTreeMap<ActionId, Action>,
    pub(super) asides: Asides,
    pub(super) unwritten: Unwritten,
    pub(super) sound: Option<Box<Sound>>,
    pub(super) fault: Option<Refusal>,
}

impl Book {
    /// The book of a SIM that was never seen before.
    #[must_use]
    pub fn new(sim: SimId) -> Self {
        Self {
            sim,
            account: Account::new(sim),
            buckets: BTreeMap::new(),
            overdrafts: BTreeMap::new(),
            actions: BTreeMap::new(),
            asides: Asides::new(sim, Vec::new()),
            unwritten: Unwritten::default(),
            sound: None,
            fault: None,
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
        for action in rows.actions {
            let (kind, key) = action.id();
            if book.actions.insert(action.id(), action).is_some() {
                return Err(Refusal::Contradiction(format!("{} \"{key}\" twice", kind.word())));
            }
        }
        book.asides = Asides::new(book.sim, rows.asides);
        book.check()?;
        book.forget_settled();
        book.sound = Some(Box::new(Sound::of(&book)));
        Ok(book)
    }

    /// Whose book it is.
    #[must_use]
    pub fn sim(&self) -> SimId {
        self.sim
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
            OverdraftTime::Placed { .. } | OverdraftTime::Uncovered { .. } => None,
        });
        boots.collect()
    }

    /// Whether a person has to look at something that was set aside: until then
    /// nothing more is bought.
    #[must_use]
    pub fn needs_a_person(&self) -> bool {
        self.asides.any_open()
    }

    /// All that was set aside, by id.
    pub fn asides(&self) -> impl Iterator<Item = &Aside> {
        self.asides.iter()
    }

    /// Why the last drain found the book out of balance, once.
    pub fn take_fault(&mut self) -> Option<Refusal> {
        self.fault.take()
    }

    pub(super) fn forget_settled(&mut self) {
        let unwritten = &self.unwritten;
        self.overdrafts.retain(|id, row| !row.is_settled() || unwritten.holds_overdraft(*id));
    }
}

pub(super) fn add(sum: &mut [i128; 11], figures: &[i128; 11]) {
    for (sum, figure) in sum.iter_mut().zip(figures) {
        *sum += figure;
    }
}
