//! A served posdatad whose engine is the test, and clients of it.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use posdatad::adapters::dbus::{
    Alert, BackendInfo, BusAddress, EventRecord, OBJECT_PATH, REQUESTS_MAX, Request, Server,
};
use posdatad::adapters::https::{CertificateTerms, Traffic};
use posdatad::domain::engine::BackendView;
use posdatad::domain::errand::Payment;
use posdatad::domain::event::{Event, EventKind};
use posdatad::domain::ledger::{Entry, EntryKind};
use posdatad::domain::money::{Cost, Currency, Money, Rate};
use posdatad::domain::offer::{Offer, Quote};
use posdatad::domain::orders::Order;
use posdatad::domain::report::FaultKind;
use posdatad::domain::sim::{Iccid, SimId};
use posdatad::domain::snapshot::{
    BalanceView, BucketView, CycleView, Snapshot, SourceView, StoreView, UsageRecord, UsageView,
};
use posdatad::domain::time::{Stamp, Trust};
use posdatad::domain::topup::{Activation, Channel, Kept, Package, State, Terms, TopUp, Validity};
use posdatad::domain::units::Traffic as Moved;
use tokio::sync::{mpsc, watch};
use zbus::message::{Message, Type};
use zbus::{Connection, DynamicType, MatchRule, MessageStream};

use crate::bus::Bus;

/// Only a hang is ended by this.
const HANG: Duration = Duration::from_secs(20);

pub async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(HANG, future).await.unwrap_or_else(|_| panic!("hangs: {what}"))
}

pub struct Posdatad {
    pub server: Server,
    pub snapshot: watch::Sender<Arc<Snapshot>>,
    pub requests: mpsc::Receiver<Request>,
}

impl Posdatad {
    pub async fn on(bus: &Bus, snapshot: Snapshot) -> Self {
        let (snapshot, published) = watch::channel(Arc::new(snapshot));
        let (sender, requests) = mpsc::channel(REQUESTS_MAX);
        let address = BusAddress::Address(bus.address().to_owned());
        let server = Server::start(&address, published, sender).await.unwrap();
        Self { server, snapshot, requests }
    }

    pub fn publish(&self, snapshot: Snapshot) {
        self.snapshot.send(Arc::new(snapshot)).unwrap();
    }

    /// A signal that comes after all that were sent before it.
    pub fn mark(&self, text: &str) {
        self.server.alert(alert(text)).unwrap();
    }

    pub async fn request(&mut self) -> Request {
        soon("a request", self.requests.recv()).await.unwrap()
    }
}

#[derive(Clone)]
pub struct Client(pub Connection);

impl Client {
    pub async fn on(bus: &Bus) -> Self {
        let builder = zbus::connection::Builder::address(bus.address());
        Self(builder.build().await.unwrap())
    }

    pub fn name(&self) -> &str {
        self.0.unique_name().unwrap().as_str()
    }

    /// Calls a method of posdatad; the error is its name and text.
    pub async fn call<B>(&self, interface: &str, member: &str, body: &B) -> Result<Message, Refused>
    where
        B: serde::Serialize + DynamicType,
    {
        let call =
            self.0.call_method(Some("org.posdata"), OBJECT_PATH, Some(interface), member, body);
        soon(member, call).await.map_err(refused)
    }

    /// All signals of posdatad's object that this client may get.
    pub async fn signals(&self) -> Signals {
        let rule = MatchRule::builder().msg_type(Type::Signal).path(OBJECT_PATH).build().unwrap();
        Signals(MessageStream::for_match_rule(rule, &self.0, None).await.unwrap())
    }

    pub async fn leave(self) {
        self.0.close().await.unwrap();
    }
}

#[derive(Debug, PartialEq, Eq)]
pub struct Refused {
    pub name: String,
    pub text: String,
}

pub fn refused(error: zbus::Error) -> Refused {
    use zbus::DBusError;
    match error {
        zbus::Error::MethodError(name, text, _) => {
            Refused { name: name.to_string(), text: text.unwrap_or_default() }
        }
        zbus::Error::FDO(error) => Refused {
            name: error.name().to_string(),
            text: error.description().unwrap_or_default().to_owned(),
        },
        other => panic!("no answer of a method: {other}"),
    }
}

pub struct Signals(MessageStream);

impl Signals {
    pub async fn next(&mut self) -> Message {
        soon("a signal", self.0.next()).await.unwrap().unwrap()
    }

    /// The members of the signals up to the mark, which is left out.
    pub async fn members_until(&mut self, mark: &str) -> Vec<String> {
        let mut members = Vec::new();
        loop {
            let message = self.next().await;
            let header = message.header();
            let member = header.member().unwrap().as_str();
            if member == "Alert"
                && format!("{:?}", message.body().deserialize::<(String, Dict)>().unwrap())
                    .contains(mark)
            {
                return members;
            }
            members.push(member.to_owned());
        }
    }
}

pub type Dict = std::collections::BTreeMap<String, zbus::OwnedVariant>;

pub fn alert(text: &str) -> Alert {
    Alert {
        kind: "used_percent",
        level: "warning",
        threshold: Some(80),
        text: text.to_owned(),
        iccid: Some("8986012034567890123".to_owned()),
        remaining: Some(1),
        expires_at: Some(2),
    }
}

/// A snapshot in which everything is known.
pub fn known() -> Snapshot {
    let (home, roaming) = (Moved { rx: 70, tx: 7 }, Moved { rx: 30, tx: 3 });
    Snapshot {
        balance: BalanceView {
            status: "ok",
            stop_reason: "none\0really".to_owned(),
            remaining: Some(900),
            granted: Some(1_000),
            consumed: Some(100),
            overdraft: 5,
            expires_at: Some(1_800_000_000),
            as_of: Some(1_700_000_000),
            reconciled_at: Some(1_690_000_000),
            drift: Some(-12),
            days_left: Some(9),
            iccid: Some("8986012034567890123".to_owned()),
            terminal_serial: Some("N9600012345".to_owned()),
        },
        buckets: vec![BucketView {
            id: 1,
            kind: "plan",
            status: "active",
            granted: 1_000,
            consumed: 100,
            remaining: 900,
            valid_from: Some(1_690_000_000),
            expires_at: Some(1_800_000_000),
        }],
        usage: UsageView {
            total: home.plus(roaming),
            home,
            roaming,
            source: "at",
            is_roaming: Some(false),
            as_of: Some(1_700_000_000),
        },
        cycle: Some(CycleView {
            start: 1_690_000_000,
            end: Some(1_700_000_000),
            allowance: 1_000,
            used: Some(home.plus(roaming)),
            daily_average: Some(10),
            basis_days: 7,
            runs_out_at: Some(1_699_000_000),
            allowance_per_day: Some(33),
        }),
        sources: vec![SourceView {
            name: "at",
            role: "metered",
            path: "/dev/ttyUSB2".to_owned(),
            fault: Some(FaultKind::Silent),
            fault_detail: "no answer".to_owned(),
            manufacturer: Some("Quectel".to_owned()),
            model: Some("EC20".to_owned()),
            revision: Some("R1".to_owned()),
            imei: Some("861234567890123".to_owned()),
            counter: Some("AT+QGDCNT?".to_owned()),
            reading: Some(home),
            readings: 3,
            poll_ms: 10_000,
        }],
        store: StoreView { state: "ok", detail: "all well".to_owned(), unsaved: 17 },
    }
}

/// A snapshot in which nothing is known that may be unknown.
pub fn unknown() -> Snapshot {
    Snapshot {
        store: StoreView { state: "retrying", ..StoreView::default() },
        ..Snapshot::default()
    }
}

pub fn slot() -> UsageRecord {
    UsageRecord {
        start: 1_690_000_000,
        home: Moved { rx: 70, tx: 7 },
        roaming: Moved { rx: 30, tx: 3 },
        estimated: true,
    }
}

pub fn event() -> EventRecord {
    let at = Stamp { boot_seq: 3, boot_ms: 4_000, wall_s: 1_690_000_000, trust: Trust::Ntp };
    EventRecord {
        event: Event {
            id: 8,
            at,
            kind: EventKind::Wrap,
            source: "at",
            sim: None,
            before: Some(Moved { rx: 4_294_967_290, tx: 5 }),
            seen: Some(Moved { rx: 4, tx: 6 }),
            counted: Moved { rx: 10, tx: 1 },
            uncounted: false,
            detail: "32 bits".to_owned(),
        },
        iccid: Some("8986012034567890123".to_owned()),
    }
}

/// An offer with every key.
pub fn offer() -> Offer {
    Offer {
        id: "main-30".into(),
        name: "30 MB".into(),
        description: Some("for a till".into()),
        package: Package::Main,
        bytes: 31_457_280,
        validity_s: Some(2_592_000),
        price: money(500, "CNY"),
        channels: vec![Channel::Alipay, Channel::WechatPay],
        activations: vec![Activation::Now],
        valid_from: Some(1),
        valid_to: Some(2),
    }
}

fn money(amount: u64, currency: &str) -> Money {
    Money::new(amount, Currency::parse(currency).unwrap()).unwrap()
}

/// A quote with every key.
pub fn quote() -> Quote {
    let (cny, usd) = (Currency::parse("CNY").unwrap(), Currency::parse("USD").unwrap());
    let rate = Rate::parse("0.1407", cny, usd, "ECB", 5).unwrap();
    let part = |amount| money(amount, "USD");
    Quote {
        id: "Q-1".into(),
        offer_id: "main-30".into(),
        name: "30 MB".into(),
        terms: Terms {
            iccid: Iccid::parse("8986012034567890123").unwrap(),
            channel: Channel::Alipay,
            package: Package::Main,
            bytes: 31_457_280,
            activation: Activation::Now,
        },
        cost: Cost::new(part(70), part(1), part(71), Some(rate), None).unwrap(),
        expires_at: 9,
    }
}

/// A top-up with every key.
pub fn order() -> Order {
    let quote = quote();
    let at = Stamp { boot_seq: 1, boot_ms: 2, wall_s: 1_796_000_000, trust: Trust::Ntp };
    Order {
        number: 1,
        key: Some("5f0c2a7e-3d34-4a52-9c5b-9d8d4f2b6a11".into()),
        request_id: Some("r-1".into()),
        quote_id: Some("Q-1".into()),
        offer_id: Some("main-30".into()),
        name: Some("30 MB".into()),
        topup: TopUp::load(Kept {
            terms: quote.terms,
            state: State::AwaitingPayment,
            sent: true,
            id: Some("T-1".into()),
            validity: Validity { from: Some(1), to: Some(2) },
            cost: Some(quote.cost),
            reason: Some("by_customer".into()),
            taken_back: 0,
        }),
        payment: Some(Payment { code: "pay:1".into(), expires_at: 9 }),
        reference: Some("R-1".into()),
        placed: at,
        changed: at,
        cancel_asked: false,
        forgotten: false,
    }
}

/// How a backend stands, with every key.
pub fn backend_info() -> BackendInfo {
    BackendInfo {
        view: BackendView {
            configured: true,
            silence: Some("no route".into()),
            heard_s_ago: Some(1),
            stream: Some("a".into()),
            events: Some(2),
            caught_up: true,
            missing_event: Some(3),
            open_orders: 4,
        },
        traffic: Traffic::default(),
        certificate: Some(CertificateTerms {
            common_name: "N1".into(),
            not_before_s: 1,
            not_after_s: 2,
            ca_not_after_s: 3,
        }),
    }
}

/// An entry with every key.
pub fn entry() -> Entry {
    Entry {
        id: 1,
        sim: SimId(1),
        bucket: Some(2),
        kind: EntryKind::Adjustment,
        bytes: -3,
        at: Stamp { boot_seq: 1, boot_ms: 2, wall_s: 1_796_000_000, trust: Trust::Ntp },
        day: Some(jiff::civil::date(2026, 11, 27)),
        note: "by the operator".into(),
    }
}
