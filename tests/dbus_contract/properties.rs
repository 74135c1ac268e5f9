//! Properties: what is unknown is absent, and only changes are signalled.

use std::collections::{BTreeMap, BTreeSet};

use posdatad::domain::snapshot::Snapshot;
use zbus::OwnedVariant;

use crate::bus::Bus;
use crate::contract::{INTERFACES, written};
use crate::fixture::{Client, Dict, Posdatad, Signals, known, unknown};

const PROPERTIES: &str = "org.freedesktop.DBus.Properties";

async fn get_all(client: &Client, interface: &str) -> BTreeMap<String, OwnedVariant> {
    let answer = client.call(PROPERTIES, "GetAll", &interface).await.unwrap();
    answer.body().deserialize().unwrap()
}

fn names<T>(map: &BTreeMap<String, T>) -> BTreeSet<&str> {
    map.keys().map(String::as_str).collect()
}

#[tokio::test]
async fn every_property_is_served_and_what_is_unknown_is_absent() {
    let bus = Bus::start();
    let posdatad = Posdatad::on(&bus, known()).await;
    let client = Client::on(&bus).await;
    for interface in INTERFACES {
        let properties = written(interface).properties;
        assert_eq!(names(&get_all(&client, interface).await), names(&properties), "{interface}");
    }
    posdatad.publish(unknown());
    for (interface, present) in [
        ("org.posdata.Balance1", vec!["OverdraftBytes", "Status", "StopReason"]),
        (
            "org.posdata.Usage1",
            vec![
                "HomeRxBytes",
                "HomeTxBytes",
                "RoamingRxBytes",
                "RoamingTxBytes",
                "RxBytes",
                "StoreDetail",
                "StoreState",
                "TxBytes",
                "UnsavedBytes",
            ],
        ),
    ] {
        let served = get_all(&client, interface).await;
        assert_eq!(served.keys().collect::<Vec<_>>(), present, "{interface}");
        for name in written(interface).properties.keys() {
            let answer = client.call(PROPERTIES, "Get", &(interface, name)).await;
            if present.contains(&name.as_str()) {
                answer.unwrap();
            } else {
                let refused = answer.unwrap_err();
                assert_eq!(refused.name, "org.posdata.Error.Unknown", "{name}");
                assert_eq!(refused.text, format!("{name} is not known now"));
            }
        }
    }
}

#[tokio::test]
async fn values_are_those_of_the_snapshot() {
    let bus = Bus::start();
    let _posdatad = Posdatad::on(&bus, known()).await;
    let client = Client::on(&bus).await;
    for (interface, expected) in [
        (
            "org.posdata.Balance1",
            "AsOf=1700000000 ConsumedBytes=100 DaysLeft=9 DriftBytes=-12 ExpiresAt=1800000000 \
             GrantedBytes=1000 Iccid=8986012034567890123 OverdraftBytes=5 \
             ReconciledAt=1690000000 RemainingBytes=900 Status=ok StopReason=none\\0really \
             TerminalSerial=N9600012345",
        ),
        (
            "org.posdata.Usage1",
            "AsOf=1700000000 HomeRxBytes=70 HomeTxBytes=7 IsRoaming=false RoamingRxBytes=30 \
             RoamingTxBytes=3 RxBytes=100 Source=at StoreDetail=all well StoreState=ok \
             TxBytes=10 UnsavedBytes=17",
        ),
    ] {
        let shown: Vec<_> = get_all(&client, interface)
            .await
            .iter()
            .map(|(name, value)| format!("{name}={}", crate::contract::shown(value)))
            .collect();
        assert_eq!(shown.join(" "), expected);
    }
}

#[tokio::test]
async fn no_property_can_be_set() {
    let bus = Bus::start();
    let _posdatad = Posdatad::on(&bus, known()).await;
    let client = Client::on(&bus).await;
    let set = ("org.posdata.Balance1", "RemainingBytes", zbus::Variant::from(1_u64));
    assert!(client.call(PROPERTIES, "Set", &set).await.is_err());
}

/// The next signals up to the mark, each with what it tells.
async fn told(
    signals: &mut Signals,
    mark: &str,
) -> Vec<(String, BTreeSet<String>, BTreeSet<String>)> {
    let mut told = Vec::new();
    loop {
        let message = signals.next().await;
        let member = message.header().member().unwrap().to_string();
        if member == "Alert" {
            let (_, details): (String, Dict) = message.body().deserialize().unwrap();
            assert_eq!(crate::contract::shown(&details["text"]), mark);
            return told;
        }
        assert_eq!(member, "PropertiesChanged");
        let (interface, changed, invalidated): (String, Dict, Vec<String>) =
            message.body().deserialize().unwrap();
        let once = invalidated.len();
        let invalidated: BTreeSet<_> = invalidated.into_iter().collect();
        assert_eq!(invalidated.len(), once, "named twice");
        told.push((interface, changed.into_keys().collect(), invalidated));
    }
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[tokio::test]
async fn only_what_changed_is_signalled() {
    let bus = Bus::start();
    let posdatad = Posdatad::on(&bus, known()).await;
    let client = Client::on(&bus).await;
    let mut signals = client.signals().await;

    posdatad.publish(known());
    posdatad.mark("the same again");
    assert_eq!(told(&mut signals, "the same again").await, []);

    let mut silent = known();
    silent.usage.total.rx += 1;
    silent.usage.home.rx += 1;
    silent.usage.as_of = Some(1_700_000_010);
    silent.balance.as_of = Some(1_700_000_010);
    silent.store.unsaved += 1;
    posdatad.publish(silent.clone());
    posdatad.mark("what has no signal");
    assert_eq!(told(&mut signals, "what has no signal").await, []);

    let changed = Snapshot {
        balance: posdatad::domain::snapshot::BalanceView {
            remaining: Some(1),
            status: "critical",
            days_left: None,
            ..silent.balance.clone()
        },
        ..silent
    };
    posdatad.publish(changed);
    posdatad.mark("a change");
    assert_eq!(
        told(&mut signals, "a change").await,
        [(
            "org.posdata.Balance1".to_owned(),
            set(&["RemainingBytes", "Status"]),
            set(&["DaysLeft"])
        )]
    );
}

/// Holds the code that compares snapshots to the annotations of the contract.
#[tokio::test]
async fn every_change_is_signalled_that_the_contract_promises() {
    let bus = Bus::start();
    let posdatad = Posdatad::on(&bus, unknown()).await;
    let client = Client::on(&bus).await;
    let mut signals = client.signals().await;
    let promised: Vec<(String, BTreeSet<String>)> = ["org.posdata.Balance1", "org.posdata.Usage1"]
        .iter()
        .map(|interface| {
            let properties = written(interface).properties;
            let names = properties.into_iter().filter(|(_, p)| p.emits == "true").map(|(n, _)| n);
            ((*interface).to_owned(), names.collect())
        })
        .collect();
    for (snapshot, mark) in [(known(), "known"), (unknown(), "unknown")] {
        posdatad.publish(snapshot);
        posdatad.mark(mark);
        let all: Vec<_> = told(&mut signals, mark)
            .await
            .into_iter()
            .map(|(interface, changed, invalidated)| {
                assert!(changed.is_disjoint(&invalidated));
                (interface, changed.union(&invalidated).cloned().collect::<BTreeSet<_>>())
            })
            .collect();
        assert_eq!(all, promised, "{mark}");
    }
}
