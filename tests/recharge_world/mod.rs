//! A terminal that buys, in a world that loses answers and power: the real engine,
//! dialogue and store, and a backend that speaks the contract in JSON and keeps
//! its own books.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

pub mod backend;

use std::collections::BTreeMap;
use std::path::PathBuf;

use jiff::tz::TimeZone;
use posdatad::adapters::store::{Mode, Store};
use posdatad::backend::errand::Identity;
use posdatad::backend::exchange::{Answer, Failure, Request, Sent};
use posdatad::backend::{Dialogue, Do};
use posdatad::domain::alert::AlertRules;
use posdatad::domain::crosscheck::Tolerance;
use posdatad::domain::engine::{
    Denied, Engine, Filter, Granted, Input, Output, Settings, SourceSetup, Ticket, Wish,
};
use posdatad::domain::event::EventKind;
use posdatad::domain::orders::Order;
use posdatad::domain::persist::Role;
use posdatad::domain::plan::Calendar;
use posdatad::domain::report::{Identity as Modem, Report};
use posdatad::domain::sim::Iccid;
use posdatad::domain::time::Now;
use posdatad::proto::backend::Serial;

use backend::Backend;

pub const START_S: i64 = 1_800_000_000;
pub const ICCID: &str = "8986012034567890123";
pub const SERIAL: &str = "N9600012345";

/// What goes wrong, and when: points are counted from 1 over the life of the world.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fate {
    /// The power goes at this point.
    pub power: Option<usize>,
    /// A second time, at this one.
    pub again: Option<usize>,
    /// This exchange goes wrong.
    pub exchange: Option<(usize, Loss)>,
    /// The terminal boots anew after the power was gone, instead of the daemon alone.
    pub boots: bool,
}

/// How an exchange goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// There is no network.
    NoRoute,
    /// The request is lost before the backend reads it.
    Before,
    /// The backend acts on it, and its answer is lost.
    After,
    /// The backend acts on it, and something on the way answers 502.
    Gateway,
    /// The backend acts on it, and nonsense arrives.
    Nonsense,
    /// The backend is not ready: 503, and nothing was done.
    Busy,
}

pub const LOSSES: [Loss; 6] =
    [Loss::NoRoute, Loss::Before, Loss::After, Loss::Gateway, Loss::Nonsense, Loss::Busy];

pub struct World {
    directory: tempfile::TempDir,
    pub boot_ms: u64,
    pub boot: u32,
    pub started_s: i64,
    pub knows_time: bool,
    pub network: bool,
    pub backend: Backend,
    daemon: Option<Daemon>,
    pub fate: Fate,
    /// Points passed at which the power could go.
    pub points: usize,
    pub exchanges: usize,
    pub bytes: usize,
    pub events: Vec<(EventKind, String)>,
    pub changes: Vec<(String, &'static str)>,
    pub answers: BTreeMap<Ticket, Result<Granted, Denied>>,
    starts: u64,
}

struct Daemon {
    engine: Engine,
    store: Store,
    dialogue: Dialogue,
    /// A long poll that the backend holds back.
    held: Option<(u64, Request, u64)>,
}

fn settings() -> Settings {
    Settings {
        terminal_serial: Some(SERIAL.into()),
        poll_ms: 10_000,
        loss_bytes_max: 65_536,
        save_interval_ms: 3_600_000,
        tolerance: Tolerance { bytes: 1 << 20, percent: 5 },
        retention_s: BTreeMap::new(),
        plan: None,
        sync_every_s: Some(86_400),
        alerts: AlertRules::default(),
        calendar: Calendar::new(TimeZone::UTC),
    }
}

/// The power is gone.
pub struct Dark;

type Step<T> = Result<T, Dark>;

impl World {
    pub fn new(fate: Fate) -> Self {
        // In memory where the machine has a place for that: thousands of worlds.
        let shm = std::path::Path::new("/dev/shm");
        let directory = if shm.is_dir() {
            tempfile::tempdir_in(shm).unwrap()
        } else {
            tempfile::tempdir().unwrap()
        };
        Self {
            directory,
            boot_ms: 1_000,
            boot: 1,
            started_s: START_S,
            knows_time: true,
            network: true,
            backend: Backend::new(),
            daemon: None,
            fate,
            points: 0,
            exchanges: 0,
            bytes: 0,
            events: Vec::new(),
            changes: Vec::new(),
            answers: BTreeMap::new(),
            starts: 0,
        }
    }

    pub fn path(&self) -> PathBuf {
        self.directory.path().join("posdata.db")
    }

    pub fn now(&self) -> Now {
        let since = i64::try_from(self.boot_ms / 1_000).unwrap();
        Now { boot_ms: self.boot_ms, wall_s: self.started_s + since, ntp: self.knows_time }
    }

    pub fn now_s(&self) -> i64 {
        self.now().wall_s
    }

    /// A point at which the power can go.
    fn point(&mut self) -> Step<()> {
        self.points += 1;
        let here = Some(self.points);
        if self.fate.power == here || self.fate.again == here {
            self.daemon = None;
            return Err(Dark);
        }
        Ok(())
    }

    /// Starts the daemon, if it does not run.
    pub fn start(&mut self) -> Step<()> {
        if self.daemon.is_some() {
            return Ok(());
        }
        self.starts += 1;
        if self.fate.boots && self.starts > 1 {
            self.started_s = self.now_s() + 5;
            self.boot += 1;
            self.boot_ms = 1_000;
        }
        let (store, loaded) = Store::open(&self.path(), &format!("boot-{}", self.boot)).unwrap();
        assert_eq!(*store.mode(), Mode::Disk);
        let mut engine = Engine::new(settings(), &loaded, store.boot_seq());
        let setup = SourceSetup {
            role: Role::Metered,
            name: "at",
            path: "/dev/ttyUSB2".into(),
            names_sim: true,
            epoch_proves_restart: false,
        };
        engine.handle(self.now(), Input::Source(setup));
        let me = Identity {
            serial: Serial::parse(SERIAL).unwrap(),
            terminal_id: Serial::parse("10086001").unwrap(),
        };
        let dialogue = Dialogue::new(me, self.starts);
        self.daemon = Some(Daemon { engine, store, dialogue, held: None });
        let identity = Modem { iccid: Some(Iccid::parse(ICCID).unwrap()), ..Modem::default() };
        let report = Report::Identified(identity);
        self.handle(Input::Report { role: Role::Metered, epoch: "1".into(), report })
    }

    /// Ends the daemon as a power cut does.
    pub fn cut(&mut self) {
        self.daemon = None;
    }

    fn daemon(&mut self) -> &mut Daemon {
        self.daemon.as_mut().unwrap()
    }

    pub fn handle(&mut self, input: Input) -> Step<()> {
        let now = self.now();
        self.daemon().engine.handle(now, input);
        self.carry_out()
    }

    fn carry_out(&mut self) -> Step<()> {
        while let Some(output) = self.daemon().engine.poll_output() {
            match output {
                Output::Commit(batch) => {
                    self.point()?;
                    self.daemon().store.commit(&batch).unwrap();
                    self.point()?;
                    let now = self.now();
                    self.daemon().engine.handle(now, Input::Committed { seq: batch.seq });
                }
                Output::Send { key } => {
                    let now_ms = self.boot_ms;
                    let next = self.daemon().dialogue.saved(now_ms, &key);
                    if let Some(next) = next {
                        self.act(next)?;
                    }
                }
                Output::Withhold { key } => self.daemon().dialogue.withheld(&key),
                Output::Answer { ticket, answer } => drop(self.answers.insert(ticket, answer)),
                Output::TopUpChanged { id, state } => self.changes.push((id, state.word())),
                Output::Record { event, .. } => self.events.push((event.kind, event.detail)),
                Output::Poll(_)
                | Output::Publish(_)
                | Output::Alert(_)
                | Output::Push(_)
                | Output::Stopped { .. } => {}
            }
        }
        Ok(())
    }

    fn act(&mut self, next: Do) -> Step<()> {
        let now_ms = self.boot_ms;
        let input = match next {
            Do::GiveUp => {
                self.daemon().held = None;
                None
            }
            Do::Connect(number, _) => {
                let came = if self.has_route() { Ok(()) } else { Err(no_route()) };
                self.daemon().dialogue.connected(now_ms, number, came)
            }
            Do::Send(number, request) => return self.exchange(number, request),
        };
        input.map_or(Ok(()), |input| self.handle(input))
    }

    /// Whether the next exchange finds a network. One that does not is not counted
    /// here: the exchange itself is.
    fn has_route(&mut self) -> bool {
        let lost = self.fate.exchange == Some((self.exchanges + 1, Loss::NoRoute));
        if lost {
            self.exchanges += 1;
        }
        self.network && !lost
    }

    fn exchange(&mut self, number: u64, request: Request) -> Step<()> {
        self.point()?;
        self.exchanges += 1;
        let loss = self.fate.exchange.filter(|(at, _)| *at == self.exchanges).map(|(_, loss)| loss);
        let loss = if self.network { loss } else { Some(Loss::NoRoute) };
        let wait = request.path.contains("wait=");
        let came = match loss {
            Some(Loss::NoRoute) => Err(no_route()),
            Some(Loss::Before) => Err(broken()),
            Some(Loss::Busy) => Ok(plain(503, "busy")),
            Some(loss) => {
                let _applied = self.backend.ask(&request, self.now_s());
                match loss {
                    Loss::Gateway => Ok(plain(502, "<html>")),
                    Loss::Nonsense => Ok(Answer {
                        content_type: Some("application/json".into()),
                        ..plain(200, "{\"state\":7}")
                    }),
                    _ => Err(broken()),
                }
            }
            None => {
                let answer = self.backend.ask(&request, self.now_s());
                self.bytes += request.path.len() + request.body.as_ref().map_or(0, String::len);
                self.bytes += answer.body.len();
                if wait && answer.status == 204 {
                    let until_ms = self.boot_ms + 25_000;
                    self.daemon().held = Some((number, request, until_ms));
                    return Ok(());
                }
                Ok(answer)
            }
        };
        self.point()?;
        self.answer(number, came)
    }

    fn answer(&mut self, number: u64, came: Result<Answer, Failure>) -> Step<()> {
        let now_ms = self.boot_ms;
        let input = self.daemon().dialogue.answered(now_ms, number, came);
        input.map_or(Ok(()), |input| self.handle(input))
    }

    /// One turn of the loop. True where anything was begun.
    pub fn turn(&mut self) -> Step<bool> {
        self.start()?;
        self.handle(Input::Tick)?;
        if let Some((number, request, until_ms)) = self.daemon().held.clone() {
            let answer = self.backend.ask(&request, self.now_s());
            if answer.status != 204 || self.boot_ms >= until_ms {
                self.daemon().held = None;
                self.answer(number, Ok(answer))?;
            }
        }
        let now = self.now();
        let daemon = self.daemon();
        let Some(wants) = daemon.engine.wants(now) else { return Ok(false) };
        let next = daemon.dialogue.next(now.boot_ms, &wants);
        match next {
            Some(next) => self.act(next).map(|()| true),
            None => Ok(false),
        }
    }

    /// Lets time pass, second by second, over any power cuts; at most `seconds`.
    pub fn run(&mut self, seconds: u64, until: impl Fn(&mut Self) -> bool) {
        for _ in 0..seconds {
            for _ in 0..20 {
                match self.turn() {
                    Ok(true) => {}
                    Ok(false) | Err(Dark) => break,
                }
            }
            if self.daemon.is_some() && until(self) {
                return;
            }
            self.boot_ms += 1_000;
        }
    }

    /// Wishes as a caller: asks until there is an answer, over any power cuts; at
    /// most so many seconds.
    pub fn wish(&mut self, wish: &Wish, seconds: u64) -> Option<Result<Granted, Denied>> {
        for _ in 0..seconds {
            if self.start().is_err() {
                continue;
            }
            let now = self.now();
            let ticket = self.daemon().engine.wish(now, wish.clone());
            if self.carry_out().is_err() {
                continue;
            }
            for _ in 0..30 {
                if let Some(answer) = self.answers.remove(&ticket) {
                    return Some(answer);
                }
                if self.turn().is_err() {
                    break;
                }
                self.boot_ms += 1_000;
            }
        }
        None
    }

    pub fn orders(&mut self) -> Vec<Order> {
        let filter = Filter { limit: 100, ..Filter::default() };
        match self.wish(&Wish::TopUps(filter), 5) {
            Some(Ok(Granted::TopUps(orders))) => orders,
            other => panic!("{other:?}"),
        }
    }

    pub fn snapshot(&mut self) -> std::sync::Arc<posdatad::domain::snapshot::Snapshot> {
        self.daemon().engine.snapshot()
    }

    /// What the ledger's buckets were granted, as the view shows it.
    pub fn granted(&mut self) -> u64 {
        let snapshot = self.daemon().engine.snapshot();
        snapshot.buckets.iter().map(|bucket| bucket.granted).sum()
    }

    pub fn told(&self, kind: EventKind) -> Vec<&str> {
        let of_kind = self.events.iter().filter(|(told, _)| *told == kind);
        of_kind.map(|(_, detail)| detail.as_str()).collect()
    }
}

fn no_route() -> Failure {
    Failure::NoRoute { to: "backend.example:443".into(), why: "unreachable".into() }
}

fn broken() -> Failure {
    let (to, why) = ("backend.example:443".into(), "reset".into());
    Failure::BrokenOff { to, why, sent: Sent::Perhaps }
}

fn plain(status: u16, body: &str) -> Answer {
    Answer {
        status,
        content_type: Some("text/html".into()),
        date: None,
        etag: None,
        retry_after: None,
        body: body.as_bytes().to_vec(),
    }
}
