//! The XML: read by a real parser, compared with what is served in both
//! directions, and held to its own rules.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::Arc;

use posdatad::adapters::dbus::{Error, Request};
use posdatad::domain::engine::{Granted, Wish};
use posdatad::domain::offer::Offers;
use roxmltree::{Document, Node, ParsingOptions};
use zbus::{DBusError, OwnedVariant, Variant};

use crate::bus::Bus;
use crate::fixture::{self, Client, Dict, Posdatad, alert, event, known, slot};

pub const INTERFACES: [&str; 4] =
    ["org.posdata.Admin1", "org.posdata.Balance1", RECHARGE, "org.posdata.Usage1"];

const RECHARGE: &str = "org.posdata.Recharge1";

const EMITS: &str = "org.freedesktop.DBus.Property.EmitsChangedSignal";

#[derive(Debug, Default, PartialEq, Eq)]
pub struct Interface {
    pub properties: BTreeMap<String, Property>,
    /// Methods and signals by name, with their arguments.
    members: BTreeMap<(String, String), Vec<Argument>>,
}

#[derive(Debug, PartialEq, Eq)]
pub struct Property {
    signature: String,
    access: String,
    pub emits: String,
}

#[derive(Debug, PartialEq, Eq)]
struct Argument {
    name: String,
    signature: String,
    direction: String,
}

fn text_of(interface: &str) -> String {
    let path = format!("{}/dbus/{interface}.xml", env!("CARGO_MANIFEST_DIR"));
    fs::read_to_string(path).unwrap()
}

fn document(text: &str) -> Document<'_> {
    let options = ParsingOptions { allow_dtd: true, ..ParsingOptions::default() };
    Document::parse_with_options(text.trim_start(), options).unwrap()
}

/// What the XML says of an interface.
pub fn written(interface: &str) -> Interface {
    interfaces(&text_of(interface)).remove(interface).unwrap()
}

/// All interfaces but the standard ones.
fn interfaces(text: &str) -> BTreeMap<String, Interface> {
    let document = document(text);
    let root = document.root_element();
    elements(root, "interface")
        .filter(|node| !attribute(*node, "name").starts_with("org.freedesktop.DBus."))
        .map(|node| (attribute(node, "name"), interface(node)))
        .collect()
}

fn interface(node: Node<'_, '_>) -> Interface {
    let mut interface = Interface::default();
    for member in node.children().filter(Node::is_element) {
        let kind = member.tag_name().name().to_owned();
        let name = attribute(member, "name");
        let twice = if kind == "property" {
            interface.properties.insert(name.clone(), property(member)).is_some()
        } else {
            let arguments = elements(member, "arg").map(|arg| argument(&kind, arg)).collect();
            interface.members.insert((kind, name.clone()), arguments).is_some()
        };
        assert!(!twice, "{name} stands twice");
    }
    interface
}

fn property(node: Node<'_, '_>) -> Property {
    let mut annotations: BTreeMap<_, _> = elements(node, "annotation")
        .map(|node| (attribute(node, "name"), attribute(node, "value")))
        .collect();
    let emits = annotations.remove(EMITS).unwrap_or_else(|| "true".to_owned());
    assert!(annotations.is_empty(), "an annotation this test does not compare: {annotations:?}");
    Property { signature: attribute(node, "type"), access: attribute(node, "access"), emits }
}

fn argument(kind: &str, node: Node<'_, '_>) -> Argument {
    let default = if kind == "signal" { "out" } else { "in" };
    Argument {
        name: attribute(node, "name"),
        signature: attribute(node, "type"),
        direction: node.attribute("direction").unwrap_or(default).to_owned(),
    }
}

fn elements<'a, 'i>(node: Node<'a, 'i>, tag: &'static str) -> impl Iterator<Item = Node<'a, 'i>> {
    node.children().filter(move |child| child.has_tag_name(tag))
}

fn attribute(node: Node<'_, '_>, name: &str) -> String {
    node.attribute(name).unwrap_or_else(|| panic!("{node:?} has no {name}")).to_owned()
}

/// The comment that stands before an element.
fn comment(node: Node<'_, '_>) -> String {
    let before = node.prev_siblings().skip(1).find(|node| !node.is_text());
    before.filter(Node::is_comment).and_then(|node| node.text()).unwrap_or_default().to_owned()
}

/// The comment of a member.
fn doc(interface: &str, member: &str) -> String {
    let text = text_of(interface);
    let document = document(&text);
    let node = document
        .descendants()
        .find(|node| node.attribute("name") == Some(member) && !node.has_tag_name("arg"));
    comment(node.unwrap())
}

/// A basic value as people write it.
pub fn shown(value: &Variant<'_>) -> String {
    match value {
        Variant::U32(n) => n.to_string(),
        Variant::U64(n) => n.to_string(),
        Variant::I64(n) => n.to_string(),
        Variant::Bool(b) => b.to_string(),
        Variant::Str(s) => s.to_string(),
        other => panic!("no basic value: {other:?}"),
    }
}

#[tokio::test]
async fn what_is_served_is_what_is_written() {
    let bus = Bus::start();
    let _posdatad = Posdatad::on(&bus, known()).await;
    let client = Client::on(&bus).await;
    let answer =
        client.call("org.freedesktop.DBus.Introspectable", "Introspect", &()).await.unwrap();
    let served = interfaces(&answer.body().deserialize::<String>().unwrap());
    let written: BTreeMap<_, _> =
        INTERFACES.iter().map(|name| ((*name).to_owned(), written(name))).collect();
    assert_eq!(served, written);
}

#[test]
fn every_interface_is_written_down_in_a_file_of_its_name() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("dbus");
    let files: BTreeSet<String> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter_map(|name| name.strip_suffix(".xml").map(str::to_owned))
        .collect();
    assert_eq!(files, INTERFACES.iter().map(|name| (*name).to_owned()).collect());
}

#[test]
fn every_member_is_documented() {
    for interface in INTERFACES {
        let text = text_of(interface);
        let document = document(&text);
        let root = elements(document.root_element(), "interface").next().unwrap();
        for node in std::iter::once(root).chain(root.children().filter(Node::is_element)) {
            let name = attribute(node, "name");
            let comment = comment(node);
            assert!(comment.trim_start().starts_with(&format!("{name}:\n")), "{interface} {name}");
            assert!(comment.contains("Since: "), "{name} has no Since");
            for argument in elements(node, "arg") {
                let wanted = format!("@{}: ", attribute(argument, "name"));
                assert!(comment.contains(&wanted), "{name} does not describe {wanted}");
            }
            if name.ends_with("Bytes") {
                assert!(comment.contains("Unit: bytes"), "{name} has no unit");
            }
        }
    }
}

#[test]
fn the_errors_are_those_of_the_contract() {
    let text = String::new;
    let errors = [
        Error::InvalidArgument(text()),
        Error::Unknown(text()),
        Error::UnknownWatch(text()),
        Error::TooManyWatches(text()),
        Error::StoreUnavailable(text()),
        Error::NotAllowed(text()),
        Error::NoBackend(text()),
        Error::NoSim(text()),
        Error::NotSynced(text()),
        Error::LedgerFault(text()),
        Error::NoRoute(text()),
        Error::Offline(text()),
        Error::Untrusted(text()),
        Error::BackendFault(text()),
        Error::UnknownTopUp(text()),
        Error::UnknownOffer(text()),
        Error::UnknownQuote(text()),
        Error::QuoteExpired(text()),
        Error::OfferWithdrawn(text()),
        Error::IncompatibleOffer(text()),
        Error::RequestIdConflict(text()),
        Error::TooManyOrders(text()),
        Error::NotCancellable(text()),
        Error::TerminalMismatch(text()),
        Error::SimMismatch(text()),
        Error::CardDeviceSeparated(text()),
        Error::AccountSuspended(text()),
        Error::UnknownTerminal(text()),
        Error::LimitExceeded(text()),
        Error::Refused(text()),
        Error::NotCalibrated(text()),
        Error::Busy(text()),
        Error::ShuttingDown(text()),
    ];
    let known: BTreeSet<String> = errors.iter().map(|error| error.name().to_string()).collect();
    let mut written = BTreeSet::new();
    for interface in INTERFACES {
        let text = text_of(interface);
        for after in text.split("org.posdata.Error.").skip(1) {
            let name: String = after.chars().take_while(char::is_ascii_alphanumeric).collect();
            written.insert(format!("org.posdata.Error.{name}"));
        }
    }
    assert_eq!(written, known);
}

/// The keys that a comment documents, with their types: `key (t)`, `key (t, absent …)`.
fn documented(doc: &str) -> BTreeMap<String, char> {
    let mut keys = BTreeMap::new();
    for (at, _) in doc.match_indices(" (") {
        let mut inside = doc[at + 2..].chars();
        let (kind, end) = (inside.next().unwrap(), inside.next());
        if ("tuxsb".contains(kind) && matches!(end, Some(')' | ',')))
            || doc[at..].starts_with(" (as)")
        {
            let key = doc[..at].rsplit(|c: char| !(c.is_ascii_lowercase() || c == '_')).next();
            keys.insert(key.unwrap().to_owned(), kind);
        }
    }
    keys
}

fn served(record: &Dict) -> BTreeMap<String, char> {
    let kind = |value: &OwnedVariant| match &**value {
        Variant::U64(_) => 't',
        Variant::U32(_) => 'u',
        Variant::I64(_) => 'x',
        Variant::Str(_) => 's',
        Variant::Bool(_) => 'b',
        // Lists of words are documented as "as".
        Variant::Array(_) => 'a',
        other => panic!("an undocumented type: {other:?}"),
    };
    record.iter().map(|(key, value)| (key.clone(), kind(value))).collect()
}

#[tokio::test]
async fn every_record_has_the_keys_that_are_documented() {
    let bus = Bus::start();
    let mut posdatad = Posdatad::on(&bus, known()).await;
    let client = Client::on(&bus).await;
    let mut signals = client.signals().await;
    let (balance, usage, admin) =
        ("org.posdata.Balance1", "org.posdata.Usage1", "org.posdata.Admin1");

    for (interface, member) in [(balance, "GetBuckets"), (admin, "SourceInfo")] {
        let answer = client.call(interface, member, &()).await.unwrap();
        let records: Vec<Dict> = answer.body().deserialize().unwrap();
        assert_eq!(served(&records[0]), documented(&doc(interface, member)), "{member}");
    }
    let answer = client.call(usage, "GetCycle", &()).await.unwrap();
    let cycle: Dict = answer.body().deserialize().unwrap();
    assert_eq!(served(&cycle), documented(&doc(usage, "GetCycle")));

    let range = ("day", 0_u64, u64::MAX);
    let (answer, ()) = tokio::join!(client.call(usage, "GetUsage", &range), async {
        let Request::Usage { from: 0, to: i64::MAX, reply, .. } = posdatad.request().await else {
            panic!()
        };
        reply.send(Ok(vec![slot()])).unwrap();
    });
    let slots: Vec<Dict> = answer.unwrap().body().deserialize().unwrap();
    assert_eq!(served(&slots[0]), documented(&doc(usage, "GetUsage")));
    assert_eq!(shown(&slots[0]["rx_bytes"]), "100");

    let (answer, ()) = tokio::join!(client.call(usage, "GetEvents", &(7_u64, 1_u32)), async {
        let Request::Events { after_id: 7, limit: 1, reply } = posdatad.request().await else {
            panic!()
        };
        reply.send(Ok(vec![event()])).unwrap();
    });
    let events: Vec<Dict> = answer.unwrap().body().deserialize().unwrap();
    assert_eq!(served(&events[0]), documented(&doc(usage, "GetEvents")));

    every_record_of_recharge(&client, &mut posdatad).await;

    posdatad.server.alert(alert("80 % of the data is used up")).unwrap();
    let (kind, details): (String, Dict) = signals.next().await.body().deserialize().unwrap();
    assert_eq!(kind, "used_percent");
    assert_eq!(served(&details), documented(&doc(balance, "Alert")));

    let (_, ()) = tokio::join!(client.call(usage, "Watch", &(1_u64, 1_u32)), async {
        let Request::Watch { caller, reply, .. } = posdatad.request().await else { panic!() };
        reply.send(Ok(1)).unwrap();
        let push = posdatad::domain::watch::Push { caller, id: 1 };
        posdatad.server.push_reading(push, known().usage).unwrap();
    });
    let (_, reading): (u32, Dict) = signals.next().await.body().deserialize().unwrap();
    assert_eq!(served(&reading), documented(&doc(usage, "Reading")));
}

/// Answers a wish as the engine would, and gives the records of the answer.
async fn granted<B>(
    client: &Client,
    posdatad: &mut Posdatad,
    member: &str,
    body: &B,
    granted: Granted,
) -> zbus::Message
where
    B: serde::Serialize + zbus::DynamicType,
{
    let (answer, ()) = tokio::join!(client.call(RECHARGE, member, body), async {
        let Request::Wish { reply, .. } = posdatad.request().await else { panic!() };
        reply.send(Ok(granted)).unwrap();
    });
    answer.unwrap()
}

async fn every_record_of_recharge(client: &Client, posdatad: &mut Posdatad) {
    let none = Dict::new();
    let offers = Granted::Offers(Arc::new(Offers { etag: None, offers: vec![fixture::offer()] }));
    let answer = granted(client, posdatad, "ListOffers", &(), offers).await;
    let records: Vec<Dict> = answer.body().deserialize().unwrap();
    assert_eq!(served(&records[0]), documented(&doc(RECHARGE, "ListOffers")));

    let quote = Granted::Quote(Box::new(fixture::quote()));
    let answer = granted(client, posdatad, "Quote", &("main-30", &none), quote).await;
    let record: Dict = answer.body().deserialize().unwrap();
    assert_eq!(served(&record), documented(&doc(RECHARGE, "Quote")));
    assert_eq!((shown(&record["total"]), shown(&record["currency"])), ("71".into(), "USD".into()));

    let order = Granted::TopUp(Box::new(fixture::order()));
    let answer = granted(client, posdatad, "GetTopUp", &"r-1", order).await;
    let record: Dict = answer.body().deserialize().unwrap();
    assert_eq!(served(&record), documented(&doc(RECHARGE, "GetTopUp")));

    let orders = Granted::TopUps(vec![fixture::order()]);
    let page = (&none, 0_u64, 10_u32);
    let answer = granted(client, posdatad, "ListTopUps", &page, orders).await;
    let records: Vec<Dict> = answer.body().deserialize().unwrap();
    assert_eq!(records, [record]);

    let admin = "org.posdata.Admin1";
    let (answer, ()) = tokio::join!(client.call(admin, "BackendInfo", &()), async {
        let Request::BackendInfo { reply } = posdatad.request().await else { panic!() };
        reply.send(Ok(fixture::backend_info())).unwrap();
    });
    let record: Dict = answer.unwrap().body().deserialize().unwrap();
    assert_eq!(served(&record), documented(&doc(admin, "BackendInfo")));

    let (answer, ()) = tokio::join!(client.call(admin, "Sync", &()), async {
        let Request::Wish { wish: Wish::Sync, reply } = posdatad.request().await else { panic!() };
        reply.send(Ok(Granted::Synced(3))).unwrap();
    });
    let record: Dict = answer.unwrap().body().deserialize().unwrap();
    assert_eq!(served(&record), documented(&doc(admin, "Sync")));

    let (answer, ()) = tokio::join!(client.call(admin, "Export", &(7_u64, 1_u32)), async {
        let Request::Entries { after_id: 7, limit: 1, reply } = posdatad.request().await else {
            panic!()
        };
        reply.send(Ok(vec![fixture::entry()])).unwrap();
    });
    let records: Vec<Dict> = answer.unwrap().body().deserialize().unwrap();
    assert_eq!(served(&records[0]), documented(&doc(admin, "Export")));
}
