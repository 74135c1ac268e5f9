//! A program on the bus that asks posdatad, as the cashier app would.

use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::runtime::{Builder, Runtime};
use zbus::message::{Message, Type};
use zbus::{Connection, DynamicType, MatchRule, MessageStream, OwnedVariant, Variant};

/// A call that takes longer than this has failed.
const CALL_MAX: Duration = Duration::from_secs(20);

pub const BALANCE: &str = "org.posdata.Balance1";
pub const USAGE: &str = "org.posdata.Usage1";
pub const ADMIN: &str = "org.posdata.Admin1";

/// Properties, or one record.
#[derive(Debug, Default)]
pub struct Record(BTreeMap<String, OwnedVariant>);

impl Record {
    /// A `t` or `u`; `None` where it is absent.
    pub fn number(&self, key: &str) -> Option<u64> {
        match &**self.0.get(key)? {
            Variant::U64(number) => Some(*number),
            Variant::U32(number) => Some(u64::from(*number)),
            other => panic!("{key} is {other:?}"),
        }
    }

    /// An `s`.
    pub fn text(&self, key: &str) -> Option<String> {
        match &**self.0.get(key)? {
            Variant::Str(text) => Some(text.to_string()),
            other => panic!("{key} is {other:?}"),
        }
    }

    /// A `b`.
    pub fn flag(&self, key: &str) -> Option<bool> {
        match &**self.0.get(key)? {
            Variant::Bool(flag) => Some(*flag),
            other => panic!("{key} is {other:?}"),
        }
    }

    /// Whether nothing at all is known.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// `Usage1`'s properties.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Usage {
    pub rx: u64,
    pub tx: u64,
    pub roaming_rx: u64,
    pub roaming_tx: u64,
    pub unsaved: u64,
    pub as_of: Option<u64>,
    pub source: Option<String>,
    pub is_roaming: Option<bool>,
    pub store_state: String,
    pub store_detail: String,
}

impl Usage {
    /// Both directions.
    pub fn total(&self) -> u64 {
        self.rx + self.tx
    }
}

/// One of `GetEvents`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    pub id: u64,
    pub kind: String,
    pub source: Option<String>,
    pub iccid: Option<String>,
    pub trust: String,
    pub uncounted: bool,
    pub counted: u64,
    pub seen_rx: Option<u64>,
    pub seen_tx: Option<u64>,
    pub detail: String,
}

/// A connection to the bus. It is served only while it is asked something.
pub struct Client {
    runtime: Runtime,
    connection: Connection,
}

impl Client {
    /// Joins the bus at that address.
    pub fn on(address: &str) -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let connection = runtime
            .block_on(async { zbus::connection::Builder::address(address).build().await })
            .unwrap();
        Self { runtime, connection }
    }

    fn wait<T>(&self, future: impl Future<Output = T>) -> Option<T> {
        self.runtime.block_on(async { tokio::time::timeout(CALL_MAX, future).await.ok() })
    }

    /// The name of the connection that owns `org.posdata`.
    pub fn owner(&self) -> Option<String> {
        let call = self.connection.call_method(
            Some("org.freedesktop.DBus"),
            "/org/freedesktop/DBus",
            Some("org.freedesktop.DBus"),
            "GetNameOwner",
            &"org.posdata",
        );
        self.wait(call)?.ok()?.body().deserialize().ok()
    }

    /// Calls a method; the error is what is wrong, in words.
    pub fn call<B>(&self, interface: &str, member: &str, body: &B) -> Result<Message, String>
    where
        B: serde::Serialize + DynamicType,
    {
        let (name, path) = (Some("org.posdata"), "/org/posdata");
        let call = self.connection.call_method(name, path, Some(interface), member, body);
        self.wait(call)
            .unwrap_or_else(|| panic!("{member} is not answered"))
            .map_err(|error| error.to_string())
    }

    fn get_all(&self, interface: &str) -> Option<Record> {
        let answer = self.call("org.freedesktop.DBus.Properties", "GetAll", &interface).ok()?;
        Some(Record(answer.body().deserialize().unwrap()))
    }

    /// One record; the error is what is wrong, in words.
    pub fn record<B>(&self, interface: &str, member: &str, body: &B) -> Result<Record, String>
    where
        B: serde::Serialize + DynamicType,
    {
        let answer = self.call(interface, member, body)?;
        Ok(Record(answer.body().deserialize().unwrap()))
    }

    /// Records; the error is what is wrong, in words.
    pub fn records<B>(&self, interface: &str, member: &str, body: &B) -> Result<Vec<Record>, String>
    where
        B: serde::Serialize + DynamicType,
    {
        let answer = self.call(interface, member, body)?;
        let records: Vec<BTreeMap<String, OwnedVariant>> = answer.body().deserialize().unwrap();
        Ok(records.into_iter().map(Record).collect())
    }

    /// What was counted; `None` while nobody answers.
    pub fn usage(&self) -> Option<Usage> {
        let all = self.get_all(USAGE)?;
        let number = |key: &str| all.number(key).unwrap_or_else(|| panic!("{key} is absent"));
        let usage = Usage {
            rx: number("RxBytes"),
            tx: number("TxBytes"),
            roaming_rx: number("RoamingRxBytes"),
            roaming_tx: number("RoamingTxBytes"),
            unsaved: number("UnsavedBytes"),
            as_of: all.number("AsOf"),
            source: all.text("Source"),
            is_roaming: all.flag("IsRoaming"),
            store_state: all.text("StoreState").unwrap(),
            store_detail: all.text("StoreDetail").unwrap(),
        };
        assert_eq!(number("HomeRxBytes") + usage.roaming_rx, usage.rx, "rx is not its parts");
        assert_eq!(number("HomeTxBytes") + usage.roaming_tx, usage.tx, "tx is not its parts");
        Some(usage)
    }

    /// What is left.
    pub fn balance(&self) -> Option<Record> {
        self.get_all(BALANCE)
    }

    /// The metered source, when there is one.
    pub fn source(&self) -> Option<Record> {
        let sources = self.records(ADMIN, "SourceInfo", &()).ok()?;
        sources.into_iter().find(|source| source.text("role").as_deref() == Some("metered"))
    }

    /// All events after that one.
    pub fn events(&self, after: u64) -> Option<Vec<Event>> {
        let records = self.records(USAGE, "GetEvents", &(after, 1_000_u32)).ok()?;
        let events = records.iter().map(|record| Event {
            id: record.number("id").unwrap(),
            kind: record.text("kind").unwrap(),
            source: record.text("source"),
            iccid: record.text("iccid"),
            trust: record.text("trust").unwrap(),
            uncounted: record.flag("uncounted").unwrap(),
            counted: record.number("counted_rx").unwrap() + record.number("counted_tx").unwrap(),
            seen_rx: record.number("seen_rx"),
            seen_tx: record.number("seen_tx"),
            detail: record.text("detail").unwrap(),
        });
        Some(events.collect())
    }

    /// The whole history in slots of that length: (start, rx, tx, estimated).
    pub fn history(&self, granularity: &str) -> Result<Vec<(u64, u64, u64, bool)>, String> {
        let slots = self.records(USAGE, "GetUsage", &(granularity, 0_u64, u64::MAX))?;
        let slots = slots.iter().map(|slot| {
            let number = |key| slot.number(key).unwrap();
            let estimated = slot.flag("estimated").unwrap();
            (number("start"), number("rx_bytes"), number("tx_bytes"), estimated)
        });
        Ok(slots.collect())
    }

    /// Buckets in the order in which they are drawn down.
    pub fn buckets(&self) -> Vec<Record> {
        self.records(BALANCE, "GetBuckets", &()).unwrap()
    }

    /// The signals of that name from now on.
    pub fn signals(&self, member: &'static str) -> Signals<'_> {
        let rule = MatchRule::builder()
            .msg_type(Type::Signal)
            .path("/org/posdata")
            .member(member)
            .build()
            .unwrap();
        let stream = self.wait(MessageStream::for_match_rule(rule, &self.connection, None));
        Signals { client: self, stream: Some(stream.unwrap().unwrap()) }
    }
}

/// Signals of posdatad.
pub struct Signals<'a> {
    client: &'a Client,
    stream: Option<MessageStream>,
}

impl Signals<'_> {
    /// The next one, when it comes within that time.
    pub fn next_within(&mut self, patience: Duration) -> Option<Message> {
        let stream = self.stream.as_mut()?;
        let next = async { tokio::time::timeout(patience, stream.next()).await.ok() };
        self.client.runtime.block_on(next)?.map(Result::unwrap)
    }

    /// All that come until none has come for that long.
    pub fn all_until_quiet(&mut self, quiet: Duration) -> Vec<Message> {
        std::iter::from_fn(|| self.next_within(quiet)).collect()
    }
}

impl Drop for Signals<'_> {
    fn drop(&mut self) {
        // The end of a stream tells the bus, for which it needs the runtime.
        let _inside = self.client.runtime.enter();
        self.stream = None;
    }
}
