//! The engine with the real store, in a world that crashes: whatever happens
//! between two readings, what is counted is what was moved, and the books, the
//! history and the totals say the same after every restart.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use std::path::PathBuf;

use jiff::tz::TimeZone;
use posdatad::adapters::store::{Mode, Store};
use posdatad::domain::alert::AlertRules;
use posdatad::domain::counter::{Evidence, Restarts, Sample, Width};
use posdatad::domain::crosscheck::Tolerance;
use posdatad::domain::engine::{Engine, Input, Output, Settings, SourceSetup};
use posdatad::domain::event::EventKind;
use posdatad::domain::ledger::Book;
use posdatad::domain::persist::Role;
use posdatad::domain::plan::{Calendar, Cycle, Plan};
use posdatad::domain::reading::Reading;
use posdatad::domain::report::{Identity, Report};
use posdatad::domain::sim::Iccid;
use posdatad::domain::snapshot::Tier;
use posdatad::domain::time::Now;
use posdatad::domain::units::Traffic;
use proptest::prelude::*;

const START_S: i64 = 1_800_000_000;
const ALLOWANCE: u64 = 1 << 20;

fn settings() -> Settings {
    let zone = TimeZone::get("Asia/Shanghai").unwrap();
    let cycle = Cycle::parse("monthly:1").unwrap();
    Settings {
        terminal_serial: None,
        poll_ms: 10_000,
        loss_bytes_max: 65_536,
        save_interval_ms: 3_600_000,
        tolerance: Tolerance { bytes: 1 << 20, percent: 5 },
        retention_s: std::collections::BTreeMap::new(),
        plan: Some(Plan::new(ALLOWANCE, cycle, zone.clone())),
        sync_every_s: None,
        alerts: AlertRules::default(),
        calendar: Calendar::new(zone),
    }
}

/// A terminal: its disk, its modem, its clock, and one daemon at a time.
struct World {
    directory: tempfile::TempDir,
    boot_ms: u64,
    boot: u32,
    started_s: i64,
    knows_time: bool,
    counter: Traffic,
    moved: Traffic,
    daemon: Option<Daemon>,
    events: Vec<EventKind>,
    uncounted: usize,
    alerts: usize,
}

struct Daemon {
    engine: Engine,
    store: Store,
}

/// Where in a step the daemon dies.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    Lives,
    /// A batch was handed out and never written.
    DiesBeforeCommit,
    /// It was written, and its acknowledgement never came.
    DiesAfterCommit,
    /// The disk refuses every batch of this step.
    DiskRefuses,
}

impl World {
    fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            boot_ms: 1_000,
            boot: 1,
            started_s: START_S,
            knows_time: true,
            counter: Traffic::ZERO,
            moved: Traffic::ZERO,
            daemon: None,
            events: Vec::new(),
            uncounted: 0,
            alerts: 0,
        }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("posdata.db")
    }

    fn now(&self) -> Now {
        let since = i64::try_from(self.boot_ms / 1_000).unwrap();
        Now { boot_ms: self.boot_ms, wall_s: self.started_s + since, ntp: self.knows_time }
    }

    fn start(&mut self) {
        let boot_id = format!("boot-{}", self.boot);
        let (store, loaded) = Store::open(&self.path(), &boot_id).unwrap();
        assert_eq!(*store.mode(), Mode::Disk);
        for rows in &loaded.books {
            Book::load(rows.clone()).expect("conservation holds after every restart");
        }
        let mut engine = Engine::new(settings(), &loaded, store.boot_seq());
        let setup = SourceSetup {
            role: Role::Metered,
            name: "at",
            path: "/dev/ttyUSB2".into(),
            names_sim: true,
            epoch_proves_restart: false,
        };
        engine.handle(self.now(), Input::Source(setup));
        self.daemon = Some(Daemon { engine, store });
        let identity = Identity {
            imei: Some("860000000000001".into()),
            iccid: Some(Iccid::parse("8986012034567890123").unwrap()),
            ..Identity::default()
        };
        self.give(Report::Identified(identity), Fate::Lives);
    }

    fn read(&mut self, evidence: Evidence, fate: Fate) {
        let sample = Sample {
            counter: self.counter,
            width: Width::Bits32,
            restarts: Restarts::FromZero,
            evidence,
            rate_max: 50_000_000,
        };
        self.give(Report::Reading(Reading::over_a_line(sample)), fate);
    }

    /// Two readings: what is no plain advance is believed with the second.
    fn read_twice(&mut self, evidence: Evidence, fate: Fate) {
        self.read(evidence, if fate == Fate::DiskRefuses { fate } else { Fate::Lives });
        if self.daemon.is_some() {
            self.read(Evidence::Same, fate);
        }
    }

    fn give(&mut self, report: Report, fate: Fate) {
        let now = self.now();
        let epoch = format!("boot-{} tty", self.boot);
        let daemon = self.daemon.as_mut().unwrap();
        daemon.engine.handle(now, Input::report(Role::Metered, &epoch, report));
        self.carry_out(fate);
    }

    fn carry_out(&mut self, fate: Fate) {
        let now = self.now();
        loop {
            let Some(daemon) = self.daemon.as_mut() else { return };
            let Some(output) = daemon.engine.poll_output() else { return };
            match output {
                Output::Commit(batch) => match fate {
                    Fate::DiesBeforeCommit => {
                        drop(self.daemon.take());
                        self.start();
                    }
                    Fate::DiskRefuses => {
                        let failed =
                            Input::CommitFailed { seq: batch.seq, detail: "refused".into() };
                        daemon.engine.handle(now, failed);
                    }
                    Fate::Lives | Fate::DiesAfterCommit => {
                        daemon.store.commit(&batch).unwrap();
                        if fate == Fate::DiesAfterCommit {
                            drop(self.daemon.take());
                            self.start();
                        } else {
                            let seq = batch.seq;
                            daemon.engine.handle(now, Input::Committed { seq });
                        }
                    }
                },
                Output::Record { event, .. } => {
                    self.events.push(event.kind);
                    self.uncounted += usize::from(event.uncounted);
                }
                Output::Alert(_) => self.alerts += 1,
                Output::Poll(_)
                | Output::Publish(_)
                | Output::Push(_)
                | Output::Answer { .. }
                | Output::Send { .. }
                | Output::Withhold { .. }
                | Output::TopUpChanged { .. } => {}
                Output::Stopped { unsaved } => assert_eq!(unsaved, 0),
            }
        }
    }

    fn tick(&mut self, ms: u64) {
        self.boot_ms += ms;
        let now = self.now();
        self.daemon.as_mut().unwrap().engine.handle(now, Input::Tick);
        self.carry_out(Fate::Lives);
    }

    fn move_bytes(&mut self, rx: u64, tx: u64) {
        let wrap = |value: u64| value % (1 << 32);
        self.moved = self.moved.plus(Traffic { rx, tx });
        self.counter = Traffic { rx: wrap(self.counter.rx + rx), tx: wrap(self.counter.tx + tx) };
    }

    /// What the daemon says, and what is stored, after a last reading.
    fn counted(&mut self) -> Traffic {
        self.read_twice(Evidence::Same, Fate::Lives);
        // A disk that refused is tried again.
        self.tick(61_000);
        let daemon = self.daemon.as_mut().unwrap();
        daemon.engine.handle(
            Now { boot_ms: self.boot_ms, ..Now { boot_ms: 0, wall_s: 0, ntp: false } },
            Input::Stop,
        );
        self.carry_out(Fate::Lives);
        let counted = self.daemon.as_ref().unwrap().engine.snapshot().usage.total;
        drop(self.daemon.take());
        self.start();
        let again = self.daemon.as_ref().unwrap().engine.snapshot().usage.total;
        assert_eq!(counted, again, "the disk says what was said before");
        counted
    }

    /// The history of a tier, stored and not yet stored.
    fn history(&mut self, tier: Tier) -> Traffic {
        let daemon = self.daemon.as_mut().unwrap();
        let sim = daemon.engine.sim_in_use().unwrap();
        let stored = daemon.store.usage(sim, tier, 0, i64::MAX).unwrap();
        stored.iter().fold(Traffic::ZERO, |sum, row| sum.plus(row.home).plus(row.roaming))
    }
}

#[derive(Clone, Debug)]
enum Act {
    Move(u64, u64),
    Read(Fate),
    Crash,
    Wait(u64),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let fate = prop::sample::select(vec![
        Fate::Lives,
        Fate::Lives,
        Fate::DiesBeforeCommit,
        Fate::DiesAfterCommit,
        Fate::DiskRefuses,
    ]);
    prop::collection::vec(
        prop_oneof![
            3 => (0..300_000_u64, 0..300_000_u64).prop_map(|(rx, tx)| Act::Move(rx, tx)),
            3 => fate.prop_map(Act::Read),
            1 => Just(Act::Crash),
            1 => (0..20_000_u64).prop_map(Act::Wait),
        ],
        1..40,
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// The modem keeps its counter; the daemon dies wherever it may, the disk
    /// refuses whenever it likes: counted is moved, to the byte.
    #[test]
    fn crashes_and_a_refusing_disk_cost_no_byte(
        acts in acts(), near_the_end in any::<bool>(), knows_time in any::<bool>(),
    ) {
        let mut world = World::new();
        world.knows_time = knows_time;
        if near_the_end {
            world.counter = Traffic { rx: (1 << 32) - 500_000, tx: (1 << 32) - 1 };
        }
        world.start();
        world.read(Evidence::Same, Fate::Lives);
        for act in acts {
            match act {
                Act::Move(rx, tx) => world.move_bytes(rx, tx),
                Act::Read(fate) => {
                    world.tick(1_000);
                    world.read_twice(Evidence::Same, fate);
                }
                Act::Crash => {
                    drop(world.daemon.take());
                    world.start();
                }
                Act::Wait(ms) => world.tick(ms),
            }
        }
        let counted = world.counted();
        prop_assert_eq!(counted, world.moved);
        prop_assert_eq!(world.uncounted, 0);
        if knows_time {
            for tier in Tier::ALL {
                prop_assert_eq!(world.history(tier), world.moved);
            }
        }
        // The balance is what the plan grants less what was counted.
        let balance = world.daemon.as_ref().unwrap().engine.snapshot().balance.clone();
        if knows_time {
            let used = world.moved.total();
            prop_assert_eq!(balance.remaining, Some(ALLOWANCE.saturating_sub(used)));
            prop_assert_eq!(balance.overdraft, used.saturating_sub(ALLOWANCE));
        }
    }
}

#[test]
fn a_power_cut_costs_no_more_than_is_promised_and_is_recorded_once() {
    let mut world = World::new();
    world.start();
    world.read(Evidence::Same, Fate::Lives);
    world.move_bytes(100_000, 20_000);
    world.tick(10_000);
    world.read(Evidence::Same, Fate::Lives);
    // Counted, and not yet worth a commit.
    world.move_bytes(30_000, 3_000);
    world.tick(10_000);
    world.read(Evidence::Same, Fate::Lives);
    let before = world.moved;
    // Power is gone: the daemon's memory, and the modem's counter.
    drop(world.daemon.take());
    world.boot += 1;
    world.boot_ms = 5_000;
    world.started_s += 600;
    world.counter = Traffic { rx: 700, tx: 70 };
    world.moved = world.moved.plus(world.counter);
    world.start();
    let counted = world.counted();
    let lost = world.moved.minus(counted).expect("never more than was moved");
    assert_eq!(world.moved.minus(before).unwrap(), Traffic { rx: 700, tx: 70 });
    assert!(lost.total() <= 65_536, "{lost:?}");
    assert_eq!(lost, Traffic { rx: 30_000, tx: 3_000 });
    assert_eq!(world.uncounted, 1, "{:?}", world.events);
}

#[test]
fn what_was_counted_before_the_time_was_known_finds_its_place() {
    let mut world = World::new();
    world.knows_time = false;
    world.start();
    world.read(Evidence::Same, Fate::Lives);
    world.move_bytes(200_000, 0);
    world.tick(400_000);
    world.read(Evidence::Same, Fate::Lives);
    let snapshot = world.daemon.as_ref().unwrap().engine.snapshot();
    assert_eq!(snapshot.usage.total.rx, 200_000);
    assert_eq!((snapshot.usage.as_of, snapshot.balance.remaining), (None, None));
    // Another boot without a clock, then the time comes.
    drop(world.daemon.take());
    world.boot += 1;
    world.boot_ms = 5_000;
    world.started_s += 3_600;
    world.counter = Traffic::ZERO;
    world.start();
    world.move_bytes(1_000, 0);
    world.read_twice(Evidence::MayHaveRestarted, Fate::Lives);
    assert_eq!(world.history(Tier::Day), Traffic::ZERO, "nothing is placed by guessing");
    world.knows_time = true;
    world.tick(10_000);
    assert_eq!(world.history(Tier::Day).rx, 201_000);
    assert_eq!(world.history(Tier::FiveMinutes).rx, 201_000);
    let balance = world.daemon.as_ref().unwrap().engine.snapshot().balance.clone();
    assert_eq!(balance.remaining.map(|left| ALLOWANCE - left), Some(201_000));
    assert_eq!(balance.overdraft, 0, "a plan that was valid then covers it");
}

#[test]
fn alerts_come_once_and_not_again_after_a_restart() {
    let mut world = World::new();
    world.start();
    world.read(Evidence::Same, Fate::Lives);
    for _ in 0..6 {
        world.move_bytes(ALLOWANCE / 10, 0);
        world.tick(10_000);
        world.read(Evidence::Same, Fate::Lives);
    }
    assert_eq!(world.alerts, 1, "50 %");
    drop(world.daemon.take());
    world.start();
    world.read(Evidence::Same, Fate::Lives);
    assert_eq!(world.alerts, 1);
    world.move_bytes(ALLOWANCE, 0);
    world.tick(10_000);
    world.read(Evidence::Same, Fate::Lives);
    assert_eq!(world.alerts, 3, "100 %, and overdraft");
}
