//! What goes to the engine, and what is refused before it does.

use std::sync::Arc;

use posdatad::adapters::dbus::{BusAddress, Error, REQUESTS_MAX, Request, Server};
use posdatad::domain::snapshot::Tier;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use zbus::Message;

use crate::bus::Bus;
use crate::fixture::{Client, Posdatad, Refused, known, soon};

const USAGE: &str = "org.posdata.Usage1";

fn refusal(name: &str, text: &str) -> Refused {
    Refused { name: format!("org.posdata.Error.{name}"), text: text.to_owned() }
}

#[tokio::test]
async fn wrong_arguments_are_refused_with_their_range() {
    let bus = Bus::start();
    let mut posdatad = Posdatad::on(&bus, known()).await;
    let client = Client::on(&bus).await;
    let invalid = |text: &str| refusal("InvalidArgument", text);
    for (arguments, text) in [
        (
            ("week", 0, 1),
            "granularity must be one of five_minutes, hour, day, month, year, not \"week\"",
        ),
        (("day", 5_u64, 5_u64), "to must be larger than from: 5 is not larger than 5"),
        (("day", 6, 5), "to must be larger than from: 5 is not larger than 6"),
        (
            ("day", u64::MAX - 1, u64::MAX),
            "to must be larger than from: 18446744073709551615 is not larger than \
             18446744073709551614",
        ),
    ] {
        let refused = client.call(USAGE, "GetUsage", &arguments).await.unwrap_err();
        // Beyond what a time can be, two ends are the same.
        assert_eq!(refused, invalid(text));
    }
    for limit in [0_u32, 1_001] {
        let refused = client.call(USAGE, "GetEvents", &(0_u64, limit)).await.unwrap_err();
        assert_eq!(refused, invalid(&format!("limit must be 1 to 1000, not {limit}")));
    }
    for (arguments, text) in [
        ((0_u64, 60_u32), "accuracy_bytes must be 1 or more"),
        ((1, 0), "period_s must be 1 to 86400, not 0"),
        ((1, 86_401), "period_s must be 1 to 86400, not 86401"),
    ] {
        assert_eq!(client.call(USAGE, "Watch", &arguments).await.unwrap_err(), invalid(text));
    }
    let refused = client.call("org.posdata.Admin1", "Trace", &3_601_u32).await.unwrap_err();
    assert_eq!(refused, invalid("seconds must be 0 to 3600, not 3601"));
    let refused = client.call(USAGE, "Watch", &"text").await.unwrap_err();
    assert_eq!(refused.name, "org.freedesktop.DBus.Error.InvalidArgs");
    assert!(posdatad.requests.try_recv().is_err(), "nothing of it reached the engine");
}

#[tokio::test]
async fn the_engine_gets_what_was_asked_and_its_refusal_comes_back_by_name() {
    let bus = Bus::start();
    let mut posdatad = Posdatad::on(&bus, known()).await;
    let client = Client::on(&bus).await;
    let arguments = ("five_minutes", 100_u64, 200_u64);
    let (answer, ()) = tokio::join!(client.call(USAGE, "GetUsage", &arguments), async {
        let Request::Usage { tier: Tier::FiveMinutes, from: 100, to: 200, reply } =
            posdatad.request().await
        else {
            panic!()
        };
        reply.send(Err(Error::StoreUnavailable("no disk".to_owned()))).unwrap();
    });
    assert_eq!(answer.unwrap_err(), refusal("StoreUnavailable", "no disk"));
    let (answer, ()) = tokio::join!(client.call(USAGE, "Unwatch", &9_u32), async {
        let Request::Unwatch { caller, id: 9, reply } = posdatad.request().await else { panic!() };
        assert_eq!(caller.as_str(), client.name());
        let refused = posdatad::domain::watch::WatchRefusal::Unknown(9);
        reply.send(Err(refused.into())).unwrap();
    });
    assert_eq!(answer.unwrap_err(), refusal("UnknownWatch", "this caller holds no watch 9"));
}

/// As many calls of `GetEvents` beside each other.
fn calls(client: &Client, count: usize) -> JoinSet<Result<Message, Refused>> {
    (0..count)
        .map(|_| client.clone())
        .map(|client| async move { client.call(USAGE, "GetEvents", &(0_u64, 1_u32)).await })
        .collect()
}

#[tokio::test]
async fn a_slow_engine_delays_no_property_and_too_much_is_refused() {
    let bus = Bus::start();
    let posdatad = Posdatad::on(&bus, known()).await;
    let client = Client::on(&bus).await;
    let mut calls = calls(&client, REQUESTS_MAX + 1);
    let refused = soon("the refusal", calls.join_next()).await.unwrap().unwrap();
    let text = "too many requests wait for their answers: ask again";
    assert_eq!(refused.unwrap_err(), refusal("Busy", text));
    client.call("org.freedesktop.DBus.Properties", "GetAll", &USAGE).await.unwrap();
    client.call(USAGE, "GetCycle", &()).await.unwrap();
    assert_eq!(calls.len(), REQUESTS_MAX);
    drop(posdatad.requests);
    for answer in calls.join_all().await {
        assert_eq!(answer.unwrap_err(), refusal("ShuttingDown", "posdatad is ending"));
    }
}

#[tokio::test]
async fn a_full_channel_is_refused_as_busy() {
    let bus = Bus::start();
    let (_snapshot, published) = watch::channel(Arc::new(known()));
    let (sender, mut requests) = mpsc::channel(1);
    let address = BusAddress::Address(bus.address().to_owned());
    let _server = Server::start(&address, published, sender).await.unwrap();
    let client = Client::on(&bus).await;
    let mut calls = calls(&client, 2);
    let refused = soon("the refusal", calls.join_next()).await.unwrap().unwrap();
    assert_eq!(refused.unwrap_err(), refusal("Busy", "too many requests at once: ask again"));
    let Some(Request::Events { reply, .. }) = requests.recv().await else { panic!() };
    reply.send(Ok(vec![])).unwrap();
    calls.join_next().await.unwrap().unwrap().unwrap();
}
