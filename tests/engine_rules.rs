//! What the engine decides, without a disk: one test a rule that once was broken.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use posdatad::domain::alert::AlertRules;
use posdatad::domain::counter::{Evidence, Restarts, Sample, Width};
use posdatad::domain::crosscheck::Tolerance;
use posdatad::domain::engine::{Engine, Input, Output, Settings, SourceSetup};
use posdatad::domain::event::{Event, EventKind};
use posdatad::domain::persist::{Loaded, Role};
use posdatad::domain::plan::{Calendar, Cycle, Plan};
use posdatad::domain::reading::Reading;
use posdatad::domain::report::{FaultKind, Identity, Report};
use posdatad::domain::sim::Iccid;
use posdatad::domain::time::Now;
use posdatad::domain::units::Traffic;
use posdatad::domain::watch::Caller;

const START_S: i64 = 1_800_000_000;
const CARD: &str = "8986012034567890123";

struct Bench {
    engine: Engine,
    ntp: bool,
    events: Vec<Event>,
    polls: usize,
}

impl Bench {
    fn new() -> Self {
        let zone = TimeZone::UTC;
        let settings = Settings {
            terminal_serial: None,
            poll_ms: 10_000,
            loss_bytes_max: 65_536,
            save_interval_ms: 3_600_000,
            tolerance: Tolerance { bytes: 1 << 20, percent: 5 },
            retention_s: BTreeMap::new(),
            plan: Some(Plan::new(1 << 30, Cycle::parse("monthly:1").unwrap(), zone.clone())),
            sync_every_s: None,
            alerts: AlertRules::default(),
            calendar: Calendar::new(zone),
        };
        let engine = Engine::new(settings, &Loaded::default(), 1);
        Self { engine, ntp: true, events: Vec::new(), polls: 0 }
    }

    fn now(&self, ms: u64) -> Now {
        Now { boot_ms: ms, wall_s: START_S + i64::try_from(ms / 1_000).unwrap(), ntp: self.ntp }
    }

    fn give(&mut self, ms: u64, input: Input) {
        self.engine.handle(self.now(ms), input);
        while let Some(output) = self.engine.poll_output() {
            match output {
                Output::Commit(batch) => {
                    self.engine.handle(self.now(ms), Input::Committed { seq: batch.seq });
                }
                Output::Record { event, .. } => self.events.push(event),
                Output::Poll(Role::Metered) => self.polls += 1,
                Output::Poll(Role::CrossCheck)
                | Output::Answer { .. }
                | Output::Send { .. }
                | Output::Withhold { .. }
                | Output::TopUpChanged { .. }
                | Output::Publish(_)
                | Output::Alert(_)
                | Output::Push(_)
                | Output::Stopped { .. } => {}
            }
        }
    }

    fn source(&mut self, ms: u64, name: &'static str) {
        let at = name == "at";
        let setup = SourceSetup {
            role: Role::Metered,
            name,
            path: name.to_owned(),
            names_sim: at,
            epoch_proves_restart: !at,
        };
        self.give(ms, Input::Source(setup));
    }

    fn say(&mut self, ms: u64, report: Report) {
        self.give(ms, Input::report(Role::Metered, "boot tty", report));
    }

    fn identify(&mut self, ms: u64, iccid: Option<&str>) {
        let iccid = iccid.map(|text| Iccid::parse(text).unwrap());
        let imei = Some("860000000000001".to_owned());
        self.say(ms, Report::Identified(Identity { imei, iccid, ..Identity::default() }));
    }

    fn read(&mut self, ms: u64, rx: u64) {
        let sample = Sample {
            counter: Traffic { rx, tx: 0 },
            width: Width::Bits64,
            restarts: Restarts::FromZero,
            evidence: Evidence::Same,
            rate_max: 50_000_000,
        };
        self.say(ms, Report::Reading(Reading::over_a_line(sample)));
    }

    /// How often the engine wants to be woken in `ms` from `from_ms` on.
    fn wakes(&mut self, from_ms: u64, ms: u64) -> usize {
        let (mut at_ms, mut wakes) = (from_ms, 0);
        while let Some(next_ms) = self.engine.poll_timeout() {
            at_ms = next_ms.max(at_ms);
            if at_ms >= from_ms + ms || wakes > 10_000 {
                break;
            }
            wakes += 1;
            let before = self.engine.poll_timeout();
            self.give(at_ms, Input::Tick);
            if self.engine.poll_timeout() == before {
                return usize::MAX;
            }
        }
        wakes
    }
}

#[test]
fn a_watch_before_any_sim_is_known_wakes_nobody() {
    let mut bench = Bench::new();
    bench.source(0, "at");
    let now = bench.now(1_000);
    bench.engine.watch(now, &Caller::new(":1.7"), 1, 60).unwrap();
    let wakes = bench.wakes(1_000, 600_000);
    assert!(wakes <= 61, "only the polls: {wakes}");
}

#[test]
fn midnight_is_one_wake_up() {
    let mut bench = Bench::new();
    bench.source(0, "at");
    bench.identify(77, Some(CARD));
    bench.read(123, 0);
    // Over the end of the local day, at whatever millisecond it was anchored.
    let polls = 2 * 86_400 / 10;
    let wakes = bench.wakes(200, 2 * 86_400_000);
    assert!(wakes <= polls + 10, "{wakes} wake-ups for {polls} polls");
}

#[test]
fn a_modem_that_vanished_under_traffic_is_polled_seldom() {
    let mut bench = Bench::new();
    bench.source(0, "at");
    bench.identify(0, Some(CARD));
    bench.read(1_000, 0);
    bench.read(2_000, 10_000_000);
    bench.say(3_000, Report::Fault { kind: FaultKind::Vanished, detail: "gone".into() });
    bench.polls = 0;
    bench.wakes(3_000, 3_600_000);
    assert!(bench.polls <= 361, "{}", bench.polls);
}

#[test]
fn what_was_placed_late_belongs_to_the_cycle_too() {
    let mut bench = Bench::new();
    bench.ntp = false;
    bench.source(0, "at");
    bench.identify(0, Some(CARD));
    bench.read(1_000, 0);
    bench.read(10_000, 5_000_000);
    let view = bench.engine.snapshot();
    assert_eq!((view.balance.overdraft, view.balance.remaining), (0, None), "not yet judged");
    bench.ntp = true;
    bench.give(20_000, Input::Tick);
    let view = bench.engine.snapshot();
    assert_eq!(view.cycle.as_ref().unwrap().used, Some(Traffic { rx: 5_000_000, tx: 0 }));
    assert_eq!(view.balance.remaining, Some((1 << 30) - 5_000_000));
}

#[test]
fn what_moved_before_a_switch_of_network_is_booked_before_it() {
    let mut bench = Bench::new();
    bench.source(0, "at");
    bench.identify(0, Some(CARD));
    bench.say(0, Report::Roaming(false));
    bench.read(1_000, 0);
    bench.polls = 0;
    bench.say(9_000, Report::Roaming(true));
    assert_eq!(bench.polls, 1, "read at once");
    bench.read(9_100, 700);
    bench.read(19_000, 1_000);
    let usage = bench.engine.snapshot().usage.clone();
    assert_eq!((usage.home.rx, usage.roaming.rx, usage.is_roaming), (700, 300, Some(true)));
}

#[test]
fn no_sim_is_said_and_does_not_outlive_its_source() {
    let mut bench = Bench::new();
    bench.source(0, "at");
    bench.say(1_000, Report::NoSim);
    assert_eq!(bench.engine.snapshot().balance.status, "no_sim");
    let said = bench.events.iter().any(|event| event.detail.starts_with("no_sim: "));
    assert!(said, "{:?}", bench.events);
    bench.identify(1_500, Some(CARD));
    let last = bench.events.last().unwrap();
    assert_eq!(
        (last.kind, last.detail.as_str()),
        (EventKind::SourceRecovered, "there is a SIM again")
    );
    bench.say(1_600, Report::NoSim);
    bench.give(2_000, Input::SourcesGone);
    bench.source(2_000, "netdev");
    bench.read(3_000, 0);
    assert_ne!(bench.engine.snapshot().balance.status, "no_sim");
}

#[test]
fn a_clock_that_is_corrected_makes_the_plan_look_again() {
    let mut bench = Bench::new();
    bench.ntp = false;
    bench.source(0, "at");
    bench.identify(0, Some(CARD));
    bench.read(1_000, 0);
    let wrong_s = START_S + 10 * 365 * 86_400;
    bench.say(2_000, Report::NetworkTime(wrong_s));
    assert!(bench.engine.snapshot().balance.remaining.is_some(), "nothing else is known");
    // The true time, said for ten minutes, is taken over and said.
    bench.say(100_000, Report::NetworkTime(START_S + 100));
    bench.say(800_000, Report::NetworkTime(START_S + 800));
    let corrected = bench.events.iter().filter(|event| event.kind == EventKind::TimeTrusted);
    assert_eq!(corrected.count(), 2, "{:?}", bench.events);
    assert_eq!(bench.engine.snapshot().balance.as_of, Some(START_S + 800));
    let wake_ms = bench.engine.poll_timeout().unwrap();
    assert!(wake_ms < 900_000_000, "the next deadline is of this time: {wake_ms}");
}
