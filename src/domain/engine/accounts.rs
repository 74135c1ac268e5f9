//! The books of all SIMs: what is counted is drawn from the buckets, time ends
//! and begins them, and what a book refuses is set aside and said.

use std::collections::{BTreeMap, BTreeSet};

use super::super::event::EventKind;
use super::super::ledger::{AsideState, Book, Bucket, BucketStatus, Changes, Posting, Refusal};
use super::super::meter::UNNAMED_SIM;
use super::super::persist::Loaded;
use super::super::sim::SimId;
use super::super::snapshot::BucketView;
use super::super::time::{Now, UnixS};
use super::super::units::Traffic;
use super::Engine;

/// The books of all SIMs.
#[derive(Debug, Default)]
pub(super) struct Accounts {
    books: BTreeMap<SimId, Book>,
    /// SIMs whose stored rows make no book: nothing is posted to them.
    unreadable: BTreeMap<SimId, String>,
    said: BTreeSet<(SimId, String)>,
    /// When time next does something to the book in use; `None`: at once.
    due_s: Option<UnixS>,
}

impl Accounts {
    /// Takes up what is stored.
    pub(super) fn load(loaded: &Loaded) -> Self {
        let mut accounts = Self::default();
        for rows in &loaded.books {
            let sim = rows.account.sim;
            match Book::load(rows.clone()) {
                Ok(book) => drop(accounts.books.insert(sim, book)),
                Err(refusal) => drop(accounts.unreadable.insert(sim, refusal.to_string())),
            }
        }
        accounts
    }

    pub(super) fn book(&self, sim: Option<SimId>) -> Option<&Book> {
        self.books.get(&sim?)
    }

    pub(super) fn book_mut(&mut self, sim: SimId) -> Option<&mut Book> {
        if self.unreadable.contains_key(&sim) {
            return None;
        }
        Some(self.books.entry(sim).or_insert_with(|| Book::new(sim)))
    }

    /// Time may do something to the book that it did not before: the plan
    /// changed, the time became known, another SIM is in use.
    pub(super) fn review(&mut self) {
        self.due_s = None;
    }

    /// When time next does something to the book in use.
    pub(super) fn deadline_s(&self) -> Option<UnixS> {
        self.due_s
    }

    /// Why a person has to look at the ledger before more is bought.
    pub(super) fn fault(&self) -> Option<String> {
        let aside = self.books.values().flat_map(Book::asides);
        let aside = aside.filter(|aside| aside.state == AsideState::Open);
        let set_aside = aside.map(|aside| aside.reason.clone()).next();
        set_aside
            .or_else(|| self.said.iter().next().map(|(_, refusal)| refusal.clone()))
            .or_else(|| self.unreadable.values().next().cloned())
    }

    /// Which books were out of balance when they were drained, and how: once.
    pub(super) fn take_faults(&mut self) -> Vec<(SimId, String)> {
        let faults = self.books.iter_mut().filter_map(|(sim, book)| {
            let refusal = book.take_fault()?;
            Some((*sim, refusal.to_string()))
        });
        faults.collect()
    }

    pub(super) fn is_dirty(&self) -> bool {
        self.books.values().any(Book::has_changes)
    }

    /// What the next commit writes.
    pub(super) fn drain(&mut self) -> Vec<Changes> {
        self.books.values_mut().map(Book::drain).filter(|changes| !changes.is_empty()).collect()
    }

    pub(super) fn buckets(&self, sim: Option<SimId>, now_s: Option<UnixS>) -> Vec<BucketView> {
        let Some(book) = self.book(sim) else { return Vec::new() };
        let mut buckets: Vec<&Bucket> = book.buckets().collect();
        // What is drawn first comes first, what has ended last.
        buckets.sort_by_key(|bucket| {
            let ended = bucket.status != BucketStatus::Active;
            (ended, bucket.expires_at.unwrap_or(UnixS::MAX), bucket.id)
        });
        buckets.into_iter().map(|bucket| bucket_view(bucket, now_s)).collect()
    }
}

fn bucket_view(bucket: &Bucket, now_s: Option<UnixS>) -> BucketView {
    let pending = matches!((bucket.valid_from, now_s), (Some(from), Some(now_s)) if from > now_s);
    let status = match bucket.status {
        BucketStatus::Active if pending => "pending",
        BucketStatus::Active if bucket.figures.remaining == 0 => "depleted",
        BucketStatus::Active
        | BucketStatus::Pending
        | BucketStatus::Expired
        | BucketStatus::Closed => bucket.status.word(),
    };
    let figures = &bucket.figures;
    let granted = figures.granted.saturating_add(figures.transferred_in);
    BucketView {
        id: bucket.id,
        kind: bucket.kind.word(),
        status,
        // As it was corrected since, so that consumed and what is left are its parts.
        granted: granted.saturating_add_signed(figures.adjusted),
        consumed: bucket.figures.consumed,
        remaining: bucket.figures.remaining,
        valid_from: bucket.valid_from,
        expires_at: bucket.expires_at,
    }
}

impl Engine {
    /// A provisional SIM has no book: what it counts is posted when it is named.
    pub(super) fn is_billed(&self, sim: SimId) -> bool {
        sim == UNNAMED_SIM || self.meter.sim(sim).is_some_and(|row| row.iccid.is_some())
    }

    /// Draws what was counted from the SIM's buckets. The book is brought to
    /// this moment first, so that nothing is drawn from a bucket that has ended.
    pub(super) fn consume(&mut self, now: Now, sim: SimId, bytes: Traffic) {
        if !self.is_billed(sim) || bytes.is_zero() {
            return;
        }
        self.advance_when_due(now);
        self.post(now, sim, Posting::Use { bytes: bytes.total() });
    }

    /// Lets time do to the book in use what it does: days close, buckets end,
    /// the plan's next period is granted.
    pub(super) fn advance_when_due(&mut self, now: Now) {
        let Some(sim) = self.sim.filter(|sim| self.is_billed(*sim)) else { return };
        let now_s = self.clock.trusted_s(now.boot_ms);
        let due = match (self.accounts.due_s, now_s) {
            (None, _) => true,
            (Some(due_s), Some(now_s)) => now_s >= due_s,
            (Some(_), None) => false,
        };
        if !due {
            return;
        }
        let at = self.clock.stamp(now);
        let calendar = &self.settings.calendar;
        let plan = self.settings.plan.as_ref();
        let Some(book) = self.accounts.book_mut(sim) else { return };
        let advanced = book.advance(at, calendar, plan);
        self.accounts.due_s = Some(match now_s {
            Some(now_s) => book.next_deadline(now_s, calendar, plan).max(now_s + 1),
            // Nothing but the time becoming known changes anything.
            None => UnixS::MAX,
        });
        self.say_refusal(now, sim, advanced, "the plan's next step");
    }

    /// Gives what was used without cover before the time was known its place.
    pub(super) fn place_overdrafts(&mut self, now: Now, now_s: UnixS) {
        let at = self.clock.stamp(now);
        for (sim, book) in &mut self.accounts.books {
            for boot_seq in book.unplaced_boots() {
                let known = self.boots.iter().find(|boot| boot.boot_seq == boot_seq);
                let placed_s = known.and_then(|boot| boot.last_trusted_s).unwrap_or(now_s);
                if let Err(refusal) = book.place(boot_seq, placed_s, at, &self.settings.calendar) {
                    self.accounts.said.insert((*sim, refusal.to_string()));
                }
            }
        }
    }

    /// A posting that does not balance is set aside and said, once a reason.
    pub(super) fn say_refusal<T>(
        &mut self,
        now: Now,
        sim: SimId,
        posted: Result<T, Refusal>,
        what: &str,
    ) {
        let Err(refusal) = posted else { return };
        let detail = format!(
            "the ledger refused {what}: {refusal}; the metering goes on, and a person has to look \
             at it"
        );
        self.say_fault(now, sim, detail);
    }

    /// Says what is wrong with a ledger, once.
    pub(super) fn say_fault(&mut self, now: Now, sim: SimId, detail: String) {
        if self.accounts.said.insert((sim, detail.clone())) {
            self.record(now, "", EventKind::LedgerFault, detail);
        }
    }
}
