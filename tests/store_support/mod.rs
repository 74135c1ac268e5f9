//! What the store's tests share: rows of every kind, and a small terminal that
//! makes batches as the engine does.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use posdatad::adapters::store::Store;
use posdatad::domain::alert::{AlertKind, AlertState};
use posdatad::domain::errand::Payment;
use posdatad::domain::event::{Event, EventKind};
use posdatad::domain::feed::{Cursor, Feed};
use posdatad::domain::ledger::{Book, BookRows, BucketKind, Grant};
use posdatad::domain::money::{Cost, Currency, Money, Rate};
use posdatad::domain::orders::Order;
use posdatad::domain::persist::{
    BackendRows, BaselineRow, Batch, BootRow, Loaded, Role, ServiceRow, SimRow, StrangeRow,
    UnplacedRow, UsageDelta,
};
use posdatad::domain::plan::{Calendar, Cycle, Plan};
use posdatad::domain::reading::{Mark, total};
use posdatad::domain::sim::{Iccid, SimId};
use posdatad::domain::snapshot::Tier;
use posdatad::domain::time::{Stamp, Trust, UnixS};
use posdatad::domain::topup::{Activation, Channel, Kept, Package, State, Terms, TopUp, Validity};
use posdatad::domain::units::Traffic;

pub const BOOT: &str = "5a9a2f6e-0a43-4ea5-8f6b-6f3f1d9c0b01";
pub const OTHER_BOOT: &str = "c1d7a0aa-77f2-4c1c-9d3e-2f0f6f1e0b02";
pub const SIM: SimId = SimId(1);
/// 2026-01-01T00:00:00Z.
pub const START: UnixS = 1_767_225_600;

pub fn open(path: &Path) -> (Store, Loaded) {
    Store::open(path, BOOT).unwrap()
}

pub fn traffic(rx: u64, tx: u64) -> Traffic {
    Traffic { rx, tx }
}

pub fn stamp(wall_s: UnixS) -> Stamp {
    Stamp { boot_seq: 1, boot_ms: 12_345, wall_s, trust: Trust::Ntp }
}

pub fn sim(id: u32, iccid: Option<&str>, home: Traffic) -> SimRow {
    let iccid = iccid.map(|text| Iccid::parse(text).unwrap());
    SimRow { id: SimId(id), iccid, merged_into: None, home, roaming: Traffic::ZERO }
}

pub fn baseline(counter: Traffic, at: Stamp) -> BaselineRow {
    BaselineRow {
        role: Role::Metered,
        source: "at".into(),
        device: "862708042012345".into(),
        epoch: "b1/ttyUSB2/0".into(),
        sim: SIM,
        marks: vec![Mark::single(counter)],
        at,
    }
}

pub fn delta(tier: Tier, start: UnixS, bytes: Traffic) -> UsageDelta {
    UsageDelta { tier, sim: SIM, start, roaming: false, estimated: false, bytes }
}

pub fn event(id: u64, kind: EventKind) -> Event {
    Event {
        id,
        at: stamp(START),
        kind,
        source: "at",
        sim: Some(SIM),
        before: Some(traffic(u64::MAX, 1 << 63)),
        seen: Some(traffic(0, 1)),
        counted: traffic(1, u64::MAX),
        uncounted: true,
        detail: "the counter fell; \"quoted\" — 中文".into(),
    }
}

/// The first slot of each tier that holds `at`, in UTC.
pub fn slots(at: UnixS) -> [(Tier, UnixS); 5] {
    let zoned = Timestamp::from_second(at).unwrap().to_zoned(TimeZone::UTC);
    let day = zoned.start_of_day().unwrap();
    let month = day.first_of_month().unwrap();
    let year = day.first_of_year().unwrap();
    [
        (Tier::FiveMinutes, at - at.rem_euclid(300)),
        (Tier::Hour, at - at.rem_euclid(3600)),
        (Tier::Day, day.timestamp().as_second()),
        (Tier::Month, month.timestamp().as_second()),
        (Tier::Year, year.timestamp().as_second()),
    ]
}

/// A terminal: it counts, and makes the batches that the engine would.
pub struct Terminal {
    pub seq: u64,
    pub counter: Traffic,
    pub boot: u32,
    pub book: Book,
    pub plan: Plan,
}

impl Terminal {
    pub fn new() -> Self {
        let cycle = Cycle::parse("monthly:1").unwrap();
        Self {
            seq: 0,
            counter: Traffic::ZERO,
            boot: 1,
            book: Book::new(SIM),
            plan: Plan::new(30 << 20, cycle, TimeZone::UTC),
        }
    }

    /// As it goes on from what a store had.
    pub fn loaded(loaded: &Loaded) -> Self {
        let mut terminal = Self::new();
        terminal.seq = loaded.seq;
        terminal.counter = loaded.baselines.first().map_or(Traffic::ZERO, |row| total(&row.marks));
        if let Some(rows) = loaded.books.first() {
            terminal.book = Book::load(rows.clone()).unwrap();
        }
        terminal
    }

    /// Counts `bytes` at `at`; one batch with all that changes.
    pub fn count(&mut self, bytes: Traffic, at: UnixS) -> Batch {
        self.seq += 1;
        self.counter = self.counter.plus(bytes);
        let at_stamp = Stamp {
            boot_seq: self.boot,
            boot_ms: u64::try_from(at - START).unwrap() * 1000,
            wall_s: at,
            trust: Trust::Ntp,
        };
        self.book.ensure_plan(&self.plan, at_stamp).unwrap();
        let calendar = Calendar::new(TimeZone::UTC);
        self.book.consume(bytes.total(), at_stamp, &calendar).unwrap();
        Batch {
            seq: self.seq,
            baselines: vec![baseline(self.counter, at_stamp)],
            sims: vec![sim(1, Some("8986012034567890123"), self.counter)],
            usage: slots(at).map(|(tier, start)| delta(tier, start, bytes)).to_vec(),
            boot: Some(BootRow {
                boot_seq: self.boot,
                started_s: Some(START),
                last_boot_ms: at_stamp.boot_ms,
                last_trusted_s: Some(at),
            }),
            ledger: vec![self.book.drain()],
            ..Batch::default()
        }
    }

    /// vnStat's retention, as the engine asks for it.
    pub fn prune(at: UnixS) -> Vec<(Tier, UnixS)> {
        const DAY_S: i64 = 86_400;
        vec![
            (Tier::FiveMinutes, at - 2 * DAY_S),
            (Tier::Hour, at - 4 * DAY_S),
            (Tier::Day, at - 62 * DAY_S),
            (Tier::Month, at - 25 * 31 * DAY_S),
        ]
    }
}

/// A batch with every kind of row, and what a start then loads.
pub fn everything() -> (Batch, Loaded) {
    let mut book = Book::new(SIM);
    let calendar = Calendar::new(TimeZone::UTC);
    let plan = Plan::new(30 << 20, Cycle::parse("days:30@2026-01-15").unwrap(), TimeZone::UTC);
    book.ensure_plan(&plan, stamp(START)).unwrap();
    for (key, kind) in
        [("t", BucketKind::TopUp), ("a", BucketKind::AddOn), ("o", BucketKind::Opening)]
    {
        let grant = Grant {
            key: key.into(),
            kind,
            bytes: 5,
            valid_from: Some(START),
            expires_at: Some(START + 1),
            note: "a note".into(),
        };
        book.grant(grant, stamp(START)).unwrap();
    }
    book.consume(1 << 40, stamp(START), &calendar).unwrap();
    let no_time = Stamp { trust: Trust::Untrusted, ..stamp(7) };
    book.consume(1, no_time, &calendar).unwrap();
    let changes = book.drain();
    let account = changes.account.clone().unwrap();
    let rows = BookRows {
        account,
        buckets: changes.buckets.clone(),
        overdrafts: changes.overdrafts.clone(),
        actions: changes.actions.clone(),
        asides: changes.asides.clone(),
    };
    let sims = vec![
        SimRow {
            roaming: traffic(1 << 63, u64::MAX),
            ..sim(1, Some("898602F9091830030220"), traffic(0, u64::MAX))
        },
        SimRow { merged_into: Some(SIM), ..sim(2, None, traffic(1, 2)) },
    ];
    let baselines = vec![
        baseline(traffic(u64::MAX, 1 << 63), stamp(START)),
        BaselineRow {
            role: Role::CrossCheck,
            marks: vec![
                Mark { name: "ipv4".into(), counter: traffic(0, (1 << 63) - 1), ended: false },
                Mark { name: "ipv6".into(), counter: traffic(7, u64::MAX), ended: true },
            ],
            at: Stamp { trust: Trust::Backend, boot_ms: 0, ..stamp(-1) },
            ..baseline(traffic(0, (1 << 63) - 1), stamp(0))
        },
    ];
    let unplaced = vec![
        UnplacedRow { boot_seq: 1, slot: 0, sim: SIM, roaming: false, bytes: traffic(1, 2) },
        UnplacedRow { boot_seq: 1, slot: u32::MAX, sim: SIM, roaming: true, bytes: traffic(3, 0) },
    ];
    let boot =
        BootRow { boot_seq: 1, started_s: None, last_boot_ms: 99, last_trusted_s: Some(START) };
    let alerts = vec![
        AlertState {
            sim: SIM,
            kind: AlertKind::Overdraft,
            threshold: 0,
            scope: -1,
            baseline: (1 << 63) - 1,
            fired_at: Some(Stamp { trust: Trust::Modem, ..stamp(START) }),
        },
        AlertState {
            sim: SIM,
            kind: AlertKind::UsedPercent,
            threshold: 80,
            scope: 4,
            baseline: 0,
            fired_at: None,
        },
    ];
    let events = vec![event(1, EventKind::Wrap), event(2, EventKind::Gap)];
    let orders = orders();
    let cursor = Some(Cursor { stream: "7f3a".into(), after: (1 << 63) - 1 });
    let feed = Feed { cursor, caught_up: true };
    let services = vec![ServiceRow { iccid: iccid(), state: "over_quota".into(), at: START }];
    let strange = StrangeRow {
        stream: "7f3a".into(),
        seq: 1,
        kind: "loyalty_points".into(),
        json: "{}".into(),
    };
    let loaded = Loaded {
        seq: 1,
        baselines: baselines.clone(),
        sims: sims.clone(),
        unplaced: unplaced.clone(),
        boots: vec![boot],
        next_event_id: 3,
        books: vec![rows],
        orders: orders.clone(),
        feed: feed.clone(),
        services: services.clone(),
        alerts: alerts.clone(),
        replaced: None,
        days: vec![(SIM, START, traffic(10, 20))],
    };
    let batch = Batch {
        seq: 1,
        baselines,
        sims,
        usage: vec![delta(Tier::Day, START, traffic(10, 20))],
        unplaced,
        placed_boots: vec![7],
        merged_sims: vec![(SIM, SimId(2))],
        boot: Some(boot),
        ledger: vec![changes],
        orders,
        backend: BackendRows { feed: Some(feed), services, strange: vec![strange] },
        alerts,
        events,
        prune: vec![(Tier::Day, START - 1)],
    };
    (batch, loaded)
}

/// The number of a SIM.
pub fn iccid() -> Iccid {
    Iccid::parse("8986012034567890123").unwrap()
}

/// A top-up of every kind: placed here and waiting for its payment in another
/// currency, and made elsewhere with nothing but what must be.
pub fn orders() -> Vec<Order> {
    let money = |amount, currency| Money::new(amount, Currency::parse(currency).unwrap()).unwrap();
    let usd = |amount| money(amount, "USD");
    let (cny, dollar) = (Currency::parse("CNY").unwrap(), Currency::parse("USD").unwrap());
    let rate = Rate::parse("0.1407", cny, dollar, "ECB", START).unwrap();
    let terms = Terms {
        iccid: iccid(),
        channel: Channel::WechatPay,
        package: Package::AddOn,
        bytes: (1 << 63) - 1,
        activation: Activation::NextCycle,
    };
    let full = Kept {
        terms: terms.clone(),
        state: State::AwaitingPayment,
        sent: true,
        id: Some("T-1".into()),
        validity: Validity { from: Some(START), to: Some(START + 1) },
        cost: Some(Cost::new(usd(70), usd(1), usd(71), Some(rate), None).unwrap()),
        reason: Some("by_customer".into()),
        taken_back: 7,
    };
    let bare = Kept {
        state: State::Completed,
        id: Some("T-2".into()),
        validity: Validity::default(),
        cost: None,
        reason: None,
        taken_back: 0,
        ..full.clone()
    };
    let placed = Order {
        number: 1,
        key: Some("5f0c2a7e-3d34-4a52-9c5b-9d8d4f2b6a11".into()),
        request_id: Some("r-1".into()),
        quote_id: Some("Q-1".into()),
        offer_id: Some("add-10".into()),
        name: Some("10 MB 流量".into()),
        topup: TopUp::load(full),
        payment: Some(Payment { code: "pay:1".into(), expires_at: START + 900 }),
        reference: Some("R-1".into()),
        placed: stamp(START),
        changed: Stamp { boot_seq: 2, ..stamp(START + 1) },
        cancel_asked: true,
        forgotten: true,
    };
    let elsewhere = Order {
        number: 2,
        key: None,
        request_id: None,
        quote_id: None,
        offer_id: None,
        name: None,
        topup: TopUp::load(bare),
        payment: None,
        reference: None,
        cancel_asked: false,
        forgotten: false,
        ..placed.clone()
    };
    vec![placed, elsewhere]
}

/// The sum of a tier's history.
pub fn history(store: &mut Store, tier: Tier) -> Traffic {
    let records = store.usage(SIM, tier, i64::MIN, i64::MAX).unwrap();
    records.iter().fold(Traffic::ZERO, |sum, record| sum.plus(record.home).plus(record.roaming))
}

/// Every file of a directory with its bytes, by name.
pub fn contents(directory: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<(String, Vec<u8>)> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.file_type().unwrap().is_file())
        .map(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            (name, std::fs::read(entry.path()).unwrap())
        })
        .collect();
    files.sort();
    files
}

/// The names of `contents`.
pub fn names(directory: &Path) -> Vec<String> {
    contents(directory).into_iter().map(|(name, _)| name).collect()
}

pub fn database(directory: &Path) -> PathBuf {
    directory.join("posdata.db")
}

/// Runs one ignored test of this test program in a process of its own, with
/// `STORE_DIR` set: for what must not happen to this process.
pub fn child(test: &str, directory: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([test, "--exact", "--ignored", "--nocapture", "--test-threads=1"]);
    command.env("STORE_DIR", directory);
    command
}

/// The directory that `child` was given.
pub fn child_directory() -> Option<PathBuf> {
    std::env::var_os("STORE_DIR").map(PathBuf::from)
}

/// Runs a shell script as root in a private mount namespace, with `child` of
/// `test` as `"$@"`. `None`, loudly, where the machine does not allow it.
pub fn in_namespace(script: &str, test: &str, directory: &Path) -> Option<Output> {
    let allowed = Command::new("unshare").args(["-m", "true"]).output();
    if !allowed.is_ok_and(|output| output.status.success()) {
        eprintln!("SKIPPED {test}: needs root and `unshare -m` for a mount of its own");
        return None;
    }
    let mut command = Command::new("unshare");
    command.args(["-m", "sh", "-ec", script, "sh"]);
    command.arg(std::env::current_exe().unwrap());
    command.args([test, "--exact", "--ignored", "--nocapture", "--test-threads=1"]);
    command.env("STORE_DIR", directory);
    Some(command.output().unwrap())
}

/// Panics with what a child said unless it succeeded and ran its one test.
pub fn assert_child(output: &Output) {
    let said = String::from_utf8_lossy(&output.stdout);
    let wrong = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("1 passed"), "{said}\n{wrong}");
}
