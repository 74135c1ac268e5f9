//! A small world on virtual time: a simulated QMI modem with books of its own, the
//! dialogue, and the engine. Nothing sleeps; time goes on to what is due next.
#![allow(dead_code, reason = "each test program uses its part")]

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use posdata_testkit::Bytes;
use posdata_testkit::qmi::{Aim, QmiIdentity, QmiModem};
use posdatad::domain::alert::AlertRules;
use posdatad::domain::counter::Evidence;
use posdatad::domain::crosscheck::Tolerance;
use posdatad::domain::engine::{Engine, Input, Output, Settings, SourceSetup};
use posdatad::domain::event::Event;
use posdatad::domain::persist::{Loaded, Role};
use posdatad::domain::plan::Calendar;
use posdatad::domain::report::{FaultKind, Report};
use posdatad::domain::time::Now;
use posdatad::modem::qmi::{QmiDialogue, QmiSettings, Way};
use posdatad::modem::{Action, Dialogue};

const START_S: i64 = 1_800_000_000;

/// Everything.
pub struct World {
    pub modem: QmiModem,
    pub dialogue: QmiDialogue,
    pub engine: Engine,
    pub now_ms: u64,
    pub events: Vec<Event>,
    pub reports: Vec<Report>,
    /// Lives of the device.
    pub life: u32,
    /// When the port is to be opened again.
    reopen_at_ms: Option<u64>,
    /// The port is cut: nothing goes through.
    pub cut: bool,
    /// The question after so many others is lost on its way.
    pub lose_after: Option<u32>,
    /// The question after so many others is refused with this error.
    pub refuse_after: Option<(u32, u16)>,
}

impl World {
    /// A modem with an IPv4 session, read from now on; it reports by itself every so
    /// many seconds.
    pub fn new(seed: u64, report_s: u8) -> Self {
        let settings = Settings {
            terminal_serial: None,
            poll_ms: 10_000,
            loss_bytes_max: 65_536,
            save_interval_ms: 3_600_000,
            tolerance: Tolerance { bytes: 1 << 20, percent: 5 },
            retention_s: BTreeMap::new(),
            plan: None,
            sync_every_s: None,
            alerts: AlertRules::default(),
            calendar: Calendar::new(TimeZone::UTC),
        };
        let mut world = Self {
            modem: QmiModem::new(QmiIdentity::from_seed(seed)),
            dialogue: QmiDialogue::new(QmiSettings { report_s }),
            engine: Engine::new(settings, &Loaded::default(), 1),
            now_ms: 0,
            events: Vec::new(),
            reports: Vec::new(),
            life: 1,
            reopen_at_ms: None,
            cut: false,
            lose_after: None,
            refuse_after: None,
        };
        let setup = SourceSetup {
            role: Role::Metered,
            name: "qmi",
            path: "/dev/cdc-wdm0".to_owned(),
            names_sim: true,
            epoch_proves_restart: false,
        };
        world.give(Input::Source(setup));
        world.dialogue.opened(0, Evidence::Same, Way::Device);
        world.settle();
        world
    }

    /// Hands the engine something, and does what it wants.
    fn give(&mut self, input: Input) {
        let wall_s = START_S + i64::try_from(self.now_ms / 1_000).unwrap();
        let now = Now { boot_ms: self.now_ms, wall_s, ntp: true };
        self.engine.handle(now, input);
        while let Some(output) = self.engine.poll_output() {
            match output {
                Output::Commit(batch) => {
                    self.engine.handle(now, Input::Committed { seq: batch.seq });
                }
                Output::Record { event, .. } => self.events.push(event),
                Output::Poll(Role::Metered) => self.dialogue.request_reading(self.now_ms),
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

    /// Carries everything to and fro until nobody has anything to say.
    pub fn pump(&mut self) {
        loop {
            let mut quiet = true;
            while let Some(bytes) = self.dialogue.poll_transmit() {
                quiet = false;
                let lost = self.lose_after == Some(0);
                self.lose_after = self.lose_after.and_then(|left| left.checked_sub(1));
                if let Some((left, code)) = self.refuse_after {
                    if left == 0 {
                        self.modem.error_next(Aim::Any, code);
                    }
                    self.refuse_after = left.checked_sub(1).map(|left| (left, code));
                }
                if !self.cut && !lost {
                    self.modem.receive(&bytes);
                }
            }
            while let Some(bytes) = self.modem.poll_transmit() {
                quiet = false;
                if !self.cut {
                    self.dialogue.handle_bytes(self.now_ms, &bytes);
                }
            }
            while let Some(report) = self.dialogue.poll_report() {
                quiet = false;
                self.reports.push(report.clone());
                let epoch = format!("boot {}", self.life);
                self.give(Input::report(Role::Metered, &epoch, report));
            }
            while let Some(Action::Reopen { at_ms }) = self.dialogue.poll_action() {
                self.reopen_at_ms = Some(at_ms);
            }
            if quiet {
                return;
            }
        }
    }

    /// Lets time pass, doing everything that is due.
    pub fn pass(&mut self, ms: u64) {
        let until_ms = self.now_ms + ms;
        self.pump();
        loop {
            let due = [
                self.dialogue.poll_timeout(),
                self.modem.next_ms(),
                self.engine.poll_timeout(),
                self.reopen_at_ms,
            ];
            let next_ms = due.into_iter().flatten().min().unwrap_or(u64::MAX);
            if next_ms > until_ms {
                break;
            }
            self.now_ms = self.now_ms.max(next_ms);
            self.modem.tick(self.now_ms);
            self.dialogue.handle_timeout(self.now_ms);
            if self.reopen_at_ms.is_some_and(|at_ms| at_ms <= self.now_ms) && !self.cut {
                self.reopen_at_ms = None;
                self.dialogue.opened(self.now_ms, Evidence::Unwatched, Way::Device);
            }
            self.give(Input::Tick);
            self.pump();
        }
        self.now_ms = until_ms;
        self.modem.tick(until_ms);
        self.pump();
    }

    /// Lets time pass until everything is read, as far as it can be.
    pub fn settle(&mut self) {
        self.pass(45_000);
    }

    /// The program is killed, the modem goes on for a while, and the program starts
    /// again where its store ends. Its client ids stay taken.
    pub fn kill(&mut self, meanwhile: impl FnOnce(&mut QmiModem)) {
        meanwhile(&mut self.modem);
        while self.modem.poll_transmit().is_some() {}
        self.dialogue = QmiDialogue::new(QmiSettings::default());
        self.reopen_at_ms = None;
        self.now_ms += 500;
        self.modem.tick(self.now_ms);
        while self.modem.poll_transmit().is_some() {}
        self.dialogue.opened(self.now_ms, Evidence::Same, Way::Device);
        self.pump();
    }

    /// The device goes, and comes back as another life of itself.
    pub fn vanish(&mut self) {
        let gone = "gone".to_owned();
        self.dialogue.closed(self.now_ms, FaultKind::Vanished, gone);
        while self.dialogue.poll_action().is_some() {}
        self.pump();
        self.life += 1;
        self.reopen_at_ms = None;
        self.now_ms += 500;
        self.dialogue.opened(self.now_ms, Evidence::MayHaveRestarted, Way::Device);
        self.pump();
    }

    /// What was counted, both ways.
    pub fn counted(&self) -> Bytes {
        let usage = self.engine.snapshot().usage.total;
        Bytes::new(usage.tx, usage.rx)
    }

    /// What was moved.
    pub fn moved(&self) -> Bytes {
        self.modem.truth().total()
    }

    /// Events since the last call that say that something may be missing.
    pub fn gaps(&mut self) -> Vec<Event> {
        self.events.drain(..).filter(|event| event.uncounted).collect()
    }
}
