//! The ledger against a model that is written in another way: every byte is a
//! thing of its own, moved one at a time. Random histories of grants, use, clock
//! jumps, reboots without a clock, changed plans, writes and crashes must leave
//! both alike, and the books balanced, after each step.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, missing_docs)]

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use posdatad::domain::ledger::{
    Account, Action, ActionId, Aside, Book, BookRows, Bucket, BucketKind, BucketStatus, Changes,
    Entry, EntryKind, Grant, Overdraft,
};
use posdatad::domain::plan::{Calendar, Cycle, Plan};
use posdatad::domain::sim::SimId;
use posdatad::domain::time::{Stamp, Trust, UnixS};
use proptest::prelude::*;

const DAY_S: i64 = 86_400;
/// 2026-11-24T00:00:00Z.
const START: UnixS = 1_795_478_400;

// ---- the model -----------------------------------------------------------

#[derive(Clone, Copy, Debug, PartialEq)]
enum Byte {
    Left,
    Used,
    Expired,
    Removed,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Rhythm {
    Monthly,
    Days(i64),
    Once(i64),
    Never,
}

#[derive(Clone, Debug)]
struct Lot {
    key: String,
    from: Option<UnixS>,
    to: Option<UnixS>,
    plan: Option<(i64, Rhythm)>,
    granted: usize,
    added: i64,
    bytes: Vec<Byte>,
    ended: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum When {
    Day(i64, UnixS, UnixS),
    Boot(u32),
}

#[derive(Clone, Debug, Default)]
struct Model {
    lots: Vec<Lot>,
    /// Overdrafts in the order they began: when, and how many bytes are open.
    debts: Vec<(When, usize)>,
    used_uncovered: usize,
    known: Option<UnixS>,
}

impl Rhythm {
    fn text(self) -> String {
        match self {
            Self::Monthly => "monthly:1".to_owned(),
            Self::Days(days) => format!("days:{days}@2026-01-15"),
            Self::Once(days) => format!("once:{days}d"),
            Self::Never => "never".to_owned(),
        }
    }

    fn period(self, at: UnixS) -> (String, UnixS, Option<UnixS>) {
        let midnight = |date: Date| date.to_zoned(TimeZone::UTC).unwrap().timestamp().as_second();
        match self {
            Self::Monthly => {
                let now = Timestamp::from_second(at).unwrap().to_zoned(TimeZone::UTC).date();
                let first = Date::new(now.year(), now.month(), 1).unwrap();
                let (year, month) = if now.month() == 12 {
                    (now.year() + 1, 1)
                } else {
                    (now.year(), now.month() + 1)
                };
                let next = midnight(Date::new(year, month, 1).unwrap());
                (format!("plan:{first}"), midnight(first), Some(next))
            }
            Self::Days(days) => {
                let anchor = midnight(Date::new(2026, 1, 15).unwrap());
                let start = at - (at - anchor).rem_euclid(days * DAY_S);
                let date = Timestamp::from_second(start).unwrap().to_zoned(TimeZone::UTC).date();
                (format!("plan:{date}"), start, Some(start + days * DAY_S))
            }
            Self::Once(days) => ("plan:once".to_owned(), at, Some(at + days * DAY_S)),
            Self::Never => ("plan:never".to_owned(), at, None),
        }
    }
}

impl Lot {
    fn count(&self, state: Byte) -> usize {
        self.bytes.iter().filter(|byte| **byte == state).count()
    }

    fn turn_one(&mut self, from: Byte, to: Byte) -> bool {
        let found = self.bytes.iter_mut().find(|byte| **byte == from);
        found.map(|byte| *byte = to).is_some()
    }

    fn usable(&self, at: Option<UnixS>) -> bool {
        let ahead = if self.plan.is_some() { 400 * DAY_S } else { 0 };
        let begun = match (self.from, at) {
            (Some(from), Some(at)) => from - ahead <= at,
            (Some(_), None) => false,
            (None, _) => true,
        };
        let over = self.to.is_some_and(|to| at.is_some_and(|at| at >= to));
        !self.ended && begun && !over
    }

    fn covers(&self, when: When) -> bool {
        match when {
            When::Day(_, first, last) => {
                self.from.is_none_or(|from| from <= first) && self.to.is_none_or(|to| to > last)
            }
            When::Boot(_) => self.from.is_none() && self.to.is_none(),
        }
    }
}

impl Model {
    /// The lot that the next byte comes from.
    fn next_lot(&self, fits: impl Fn(&Lot) -> bool) -> Option<usize> {
        (0..self.lots.len())
            .filter(|i| {
                let lot = &self.lots[*i];
                !lot.ended && lot.count(Byte::Left) > 0 && fits(lot)
            })
            .min_by_key(|i| (self.lots[*i].to.unwrap_or(i64::MAX), *i))
    }

    fn grant(
        &mut self,
        key: &str,
        bytes: usize,
        from: Option<UnixS>,
        to: Option<UnixS>,
        plan: Option<(i64, Rhythm)>,
    ) {
        if self.lots.iter().any(|lot| lot.key == key) {
            return;
        }
        let key = key.to_owned();
        let lot = vec![Byte::Left; bytes];
        self.lots.push(Lot {
            key,
            from,
            to,
            plan,
            granted: bytes,
            added: 0,
            bytes: lot,
            ended: false,
        });
        self.settle();
    }

    fn consume(&mut self, bytes: usize, world: &World) {
        self.hear(world);
        for _ in 0..bytes {
            let known = self.known;
            if let Some(i) = self.next_lot(|lot| lot.usable(known)) {
                assert!(self.lots[i].turn_one(Byte::Left, Byte::Used));
            } else {
                self.owe(world);
            }
        }
    }

    fn owe(&mut self, world: &World) {
        self.used_uncovered += 1;
        let today = world.now.div_euclid(DAY_S);
        for (when, open) in self.debts.iter_mut().rev() {
            match when {
                When::Day(day, first, last) if world.trusted && *day == today && *open > 0 => {
                    *first = world.now.min(*first);
                    *last = world.now.max(*last);
                }
                When::Boot(boot) if !world.trusted && *boot == world.boot && *open > 0 => {}
                When::Day(..) | When::Boot(_) => continue,
            }
            *open += 1;
            return;
        }
        let when = if world.trusted {
            When::Day(today, world.now, world.now)
        } else {
            When::Boot(world.boot)
        };
        self.debts.push((when, 1));
    }

    fn settle(&mut self) {
        let mut order: Vec<usize> = (0..self.debts.len()).collect();
        order.sort_by_key(|i| match self.debts[*i].0 {
            When::Day(_, first, _) => first,
            When::Boot(_) => i64::MAX,
        });
        for i in order {
            let when = self.debts[i].0;
            while self.debts[i].1 > 0 {
                let Some(lot) = self.next_lot(|lot| lot.covers(when)) else { break };
                assert!(self.lots[lot].turn_one(Byte::Left, Byte::Used));
                self.debts[i].1 -= 1;
                self.used_uncovered -= 1;
            }
        }
    }

    fn place(&mut self, boot: u32, at: UnixS) {
        for (when, _) in &mut self.debts {
            if *when == When::Boot(boot) {
                *when = When::Day(at.div_euclid(DAY_S), at, at);
            }
        }
        self.settle();
    }

    fn adjust(&mut self, i: usize, delta: i64) {
        let Some(lot) = self.lots.get_mut(i) else { return };
        let left = i64::try_from(lot.count(Byte::Left)).unwrap();
        if lot.ended || left + delta < 0 {
            return;
        }
        for _ in 0..delta.abs() {
            if delta > 0 {
                lot.bytes.push(Byte::Left);
            } else {
                assert!(lot.turn_one(Byte::Left, Byte::Removed));
            }
        }
        lot.added += delta;
        self.settle();
    }

    fn close(&mut self, i: usize) {
        let Some(lot) = self.lots.get_mut(i).filter(|lot| !lot.ended) else { return };
        while lot.turn_one(Byte::Left, Byte::Removed) {
            lot.added -= 1;
        }
        lot.ended = true;
    }

    fn hear(&mut self, world: &World) {
        if world.trusted {
            self.known = Some(world.now);
        }
    }

    fn advance(&mut self, world: &World) {
        self.hear(world);
        if world.trusted {
            for lot in &mut self.lots {
                if !lot.ended && lot.to.is_some_and(|to| to <= world.now) {
                    while lot.turn_one(Byte::Left, Byte::Expired) {}
                    lot.ended = true;
                }
            }
        }
        let Some((allowance, rhythm)) = world.plan else { return };
        let running = self
            .lots
            .iter()
            .rposition(|lot| lot.plan.is_some() && lot.usable(Some(world.now)))
            .filter(|_| world.trusted);
        if let Some(i) = running {
            self.change_plan(i, allowance, rhythm, world.now);
            return;
        }
        let before = |of: fn(Rhythm) -> bool| {
            self.lots.iter().any(|lot| lot.plan.is_some_and(|(_, rhythm)| of(rhythm)))
        };
        let any = before(|_| true);
        let spent = match rhythm {
            Rhythm::Monthly | Rhythm::Days(_) => !world.trusted,
            Rhythm::Once(_) => !world.trusted || before(|r| matches!(r, Rhythm::Once(_))),
            Rhythm::Never if world.trusted => before(|r| r == Rhythm::Never),
            Rhythm::Never => any,
        };
        if spent {
            return;
        }
        let (key, start, end) = rhythm.period(world.now);
        let unbounded = matches!(rhythm, Rhythm::Once(_) | Rhythm::Never) && !any;
        let from = (!unbounded).then_some(start);
        let bytes = usize::try_from(allowance).unwrap();
        self.grant(&key, bytes, from, end, Some((allowance, rhythm)));
    }

    fn change_plan(&mut self, i: usize, allowance: i64, rhythm: Rhythm, now: UnixS) {
        let lot = &mut self.lots[i];
        let (in_force, old) = lot.plan.unwrap();
        if old != rhythm {
            lot.to = match (rhythm, old) {
                (Rhythm::Never, _) => None,
                (Rhythm::Once(days), Rhythm::Once(were)) => {
                    let start = lot.from.unwrap_or_else(|| lot.to.unwrap() - were * DAY_S);
                    Some(start + days * DAY_S)
                }
                (Rhythm::Once(days), _) => Some(lot.from.unwrap_or(now) + days * DAY_S),
                (Rhythm::Monthly | Rhythm::Days(_), _) => {
                    rhythm.period(now.max(lot.from.unwrap_or(now))).2
                }
            };
        }
        let left = i64::try_from(lot.count(Byte::Left)).unwrap();
        let delta = (allowance - in_force).max(-left);
        let changed = old != rhythm || delta != 0;
        lot.plan = Some((in_force + delta, rhythm));
        if changed {
            self.adjust(i, delta);
        }
    }
}

// ---- the world and its history -------------------------------------------

#[derive(Clone, Debug)]
struct World {
    now: UnixS,
    trusted: bool,
    boot: u32,
    plan: Option<(i64, Rhythm)>,
}

impl World {
    fn stamp(&self) -> Stamp {
        let trust = if self.trusted { Trust::Modem } else { Trust::Untrusted };
        Stamp { boot_seq: self.boot, boot_ms: 0, wall_s: self.now, trust }
    }
}

#[derive(Clone, Debug)]
enum Step {
    Consume(usize),
    Pass(i64),
    Jump(i64),
    Reboot(i64),
    TimeKnown,
    PlaceEarlier(i64),
    Configure(Option<(i64, Rhythm)>),
    Advance,
    Grant { key: u8, bytes: usize, from: Option<i64>, days: Option<i64> },
    Adjust(usize, i64),
    Close(usize),
    Write,
    Crash,
}

fn rhythm() -> impl Strategy<Value = Rhythm> {
    prop_oneof![
        3 => Just(Rhythm::Monthly),
        2 => prop_oneof![Just(7_i64), Just(30)].prop_map(Rhythm::Days),
        1 => prop_oneof![Just(20_i64), Just(45)].prop_map(Rhythm::Once),
        1 => Just(Rhythm::Never),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let plan = (prop_oneof![Just(0_i64), Just(10), Just(25), Just(40)], rhythm());
    prop_oneof![
        6 => (0_usize..30).prop_map(Step::Consume),
        3 => (0..3 * DAY_S).prop_map(Step::Pass),
        2 => (-70 * DAY_S..70 * DAY_S).prop_map(Step::Jump),
        1 => Just(Step::Jump(6_000 * DAY_S)),
        1 => Just(Step::Jump(-6_000 * DAY_S)),
        2 => (0..60 * DAY_S).prop_map(Step::Reboot),
        3 => Just(Step::TimeKnown),
        1 => (0..5 * DAY_S).prop_map(Step::PlaceEarlier),
        2 => prop::option::weighted(0.9, plan).prop_map(Step::Configure),
        6 => Just(Step::Advance),
        2 => (
            0_u8..6,
            0_usize..40,
            prop::option::of(-5 * DAY_S..5 * DAY_S),
            prop::option::of(1_i64..20),
        )
            .prop_map(|(key, bytes, from, days)| Step::Grant { key, bytes, from, days }),
        1 => (0_usize..6, -30_i64..30).prop_map(|(bucket, delta)| Step::Adjust(bucket, delta)),
        1 => (0_usize..6).prop_map(Step::Close),
        2 => Just(Step::Write),
        1 => Just(Step::Crash),
    ]
}

/// A store as simple as can be: rows by id.
#[derive(Clone, Debug)]
struct Store {
    account: Account,
    buckets: BTreeMap<u64, Bucket>,
    overdrafts: BTreeMap<u64, Overdraft>,
    entries: Vec<Entry>,
    actions: BTreeMap<ActionId, Action>,
    asides: BTreeMap<u64, Aside>,
}

impl Store {
    fn new() -> Self {
        Self {
            account: Account::new(SimId(1)),
            buckets: BTreeMap::new(),
            overdrafts: BTreeMap::new(),
            entries: Vec::new(),
            actions: BTreeMap::new(),
            asides: BTreeMap::new(),
        }
    }

    fn write(&mut self, changes: Changes) {
        let Changes { account, buckets, overdrafts, actions, entries, asides } = changes;
        self.actions.extend(actions.into_iter().map(|row| (row.id(), row)));
        self.asides.extend(asides.into_iter().map(|row| (row.id, row)));
        self.account = account.unwrap_or_else(|| self.account.clone());
        self.buckets.extend(buckets.into_iter().map(|row| (row.id, row)));
        self.overdrafts.extend(overdrafts.into_iter().map(|row| (row.id, row)));
        self.entries.extend(entries);
    }

    fn load(&self) -> Book {
        Book::load(BookRows {
            account: self.account.clone(),
            buckets: self.buckets.values().cloned().collect(),
            overdrafts: self.overdrafts.values().copied().collect(),
            actions: self.actions.values().cloned().collect(),
            asides: self.asides.values().cloned().collect(),
        })
        .unwrap()
    }

    /// The entries add up to the totals.
    fn check_entries(&self) {
        let sum = |bucket: Option<u64>, kind: EntryKind| -> i128 {
            let of = self.entries.iter().filter(|e| e.bucket == bucket && e.kind == kind);
            of.map(|entry| i128::from(entry.bytes)).sum()
        };
        let mut absorbed_in_all = 0;
        for bucket in self.buckets.values() {
            let (id, figures) = (Some(bucket.id), &bucket.figures);
            assert_eq!(sum(id, EntryKind::Grant), i128::from(figures.granted));
            assert_eq!(sum(id, EntryKind::Adjustment), i128::from(figures.adjusted));
            assert_eq!(sum(id, EntryKind::Expiry), i128::from(figures.expired));
            let absorbed = sum(id, EntryKind::OverdraftAbsorbed);
            let closed = sum(id, EntryKind::Consumption);
            let open = i128::from(bucket.open_day_bytes);
            assert_eq!(closed + absorbed + open, i128::from(figures.consumed));
            absorbed_in_all += absorbed;
        }
        let open: u64 = self.overdrafts.values().map(Overdraft::unentered).sum();
        let owed = sum(None, EntryKind::Overdraft) + i128::from(open) - absorbed_in_all;
        assert_eq!(owed, i128::from(self.account.figures.overdraft));
        let ids: Vec<u64> = self.entries.iter().map(|entry| entry.id).collect();
        let expected: Vec<u64> = (1..self.account.next_entry_id).collect();
        assert_eq!(ids, expected, "no entry is lost, none comes twice");
    }
}

fn compare(book: &Book, model: &Model) {
    book.check().unwrap();
    let figures = |bucket: &Bucket| {
        let it = &bucket.figures;
        let ended = bucket.status != BucketStatus::Active;
        let figures = (it.granted, it.adjusted, it.consumed, it.remaining, it.expired);
        (bucket.key.clone(), bucket.valid_from, bucket.expires_at, figures, ended)
    };
    let count = |lot: &Lot, state| u64::try_from(lot.count(state)).unwrap();
    let expected = |lot: &Lot| {
        let figures = (
            u64::try_from(lot.granted).unwrap(),
            lot.added,
            count(lot, Byte::Used),
            count(lot, Byte::Left),
            count(lot, Byte::Expired),
        );
        (lot.key.clone(), lot.from, lot.to, figures, lot.ended)
    };
    let real: Vec<_> = book.buckets().map(figures).collect();
    let wanted: Vec<_> = model.lots.iter().map(expected).collect();
    assert_eq!(real, wanted);
    let uncovered = u64::try_from(model.used_uncovered).unwrap();
    assert_eq!(book.account().figures.overdraft, uncovered);
}

struct Run {
    world: World,
    book: Book,
    model: Model,
    store: Store,
    written: Model,
}

impl Run {
    fn new() -> Self {
        let world = World { now: START, trusted: false, boot: 1, plan: None };
        Self {
            world,
            book: Book::new(SimId(1)),
            model: Model::default(),
            store: Store::new(),
            written: Model::default(),
        }
    }

    fn advance(&mut self) {
        let calendar = Calendar::new(TimeZone::UTC);
        let plan = self.world.plan.map(|(allowance, rhythm)| {
            let cycle = Cycle::parse(&rhythm.text()).unwrap();
            Plan::new(u64::try_from(allowance).unwrap(), cycle, TimeZone::UTC)
        });
        self.book.advance(self.world.stamp(), &calendar, plan.as_ref()).unwrap();
        self.model.advance(&self.world);
    }

    fn place(&mut self, boot: u32, at: UnixS) {
        let calendar = Calendar::new(TimeZone::UTC);
        self.model.hear(&self.world);
        self.book.place(boot, at, self.world.stamp(), &calendar).unwrap();
        self.model.place(boot, at);
    }

    fn take(&mut self, step: &Step) {
        let calendar = Calendar::new(TimeZone::UTC);
        match *step {
            Step::Consume(bytes) => {
                let amount = u64::try_from(bytes).unwrap();
                self.book.consume(amount, self.world.stamp(), &calendar).unwrap();
                self.model.consume(bytes, &self.world);
            }
            Step::Pass(seconds) => self.world.now += seconds,
            Step::Jump(seconds) => {
                self.world.now = (self.world.now + seconds).clamp(0, START + 9_000 * DAY_S);
            }
            Step::Reboot(seconds) => {
                self.world.now += seconds;
                self.world.boot += 1;
                self.world.trusted = false;
            }
            Step::TimeKnown => {
                self.world.trusted = true;
                self.advance();
                self.place(self.world.boot, self.world.now);
            }
            Step::PlaceEarlier(seconds) => {
                self.place(self.world.boot.saturating_sub(1), self.world.now - seconds);
            }
            Step::Configure(plan) => self.world.plan = plan,
            Step::Advance => self.advance(),
            Step::Grant { key, bytes, from, days } => {
                let key = format!("T{key}");
                let from = from.map(|seconds| self.world.now + seconds);
                let to = days.map(|days| from.unwrap_or(self.world.now) + days * DAY_S);
                let grant = Grant {
                    key: key.clone(),
                    kind: BucketKind::TopUp,
                    bytes: u64::try_from(bytes).unwrap(),
                    valid_from: from,
                    expires_at: to,
                    note: String::new(),
                };
                let known = self.book.bucket_by_key(&key).is_some();
                self.book.grant(grant, self.world.stamp()).unwrap();
                if !known {
                    self.model.hear(&self.world);
                    self.model.grant(&key, bytes, from, to, None);
                }
            }
            Step::Adjust(i, delta) => {
                let id = u64::try_from(i).unwrap() + 1;
                if self.book.adjust(id, delta, "", self.world.stamp()).is_ok() {
                    self.model.hear(&self.world);
                }
                self.model.adjust(i, delta);
            }
            Step::Close(i) => {
                let id = u64::try_from(i).unwrap() + 1;
                if self.book.close_bucket(id, "", self.world.stamp()).is_ok() {
                    self.model.hear(&self.world);
                }
                self.model.close(i);
            }
            Step::Write => self.write(),
            Step::Crash => {
                self.book = self.store.load();
                self.model = self.written.clone();
            }
        }
    }

    fn write(&mut self) {
        self.store.write(self.book.drain());
        assert!(!self.book.has_changes());
        self.store.check_entries();
        let loaded = self.store.load();
        // The last known time is not written for its own sake.
        let stored = Account { known_s: self.book.account().known_s, ..loaded.account().clone() };
        assert_eq!(&stored, self.book.account());
        assert!(loaded.buckets().eq(self.book.buckets()));
        assert!(loaded.overdrafts().eq(self.book.overdrafts()));
        self.written = self.model.clone();
        self.written.known = loaded.account().known_s;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_ledger_does_what_the_model_does(steps in prop::collection::vec(step(), 1..60)) {
        let mut run = Run::new();
        for step in &steps {
            run.take(step);
            compare(&run.book, &run.model);
        }
        run.write();
    }
}
