//! Watches and traces over the bus: to whom, in which order, until when.

use futures_util::StreamExt;
use posdatad::adapters::dbus::Request;
use posdatad::domain::watch::{Caller, Push};
use zbus::MessageStream;
use zbus::message::Type;

use crate::bus::Bus;
use crate::fixture::{Client, Posdatad, known, soon};

const USAGE: &str = "org.posdata.Usage1";
const ADMIN: &str = "org.posdata.Admin1";

/// The client watches; the engine answers with that id.
async fn watch(posdatad: &mut Posdatad, client: &Client, id: u32) -> Caller {
    let (answer, caller) = tokio::join!(client.call(USAGE, "Watch", &(10_u64, 60_u32)), async {
        let Request::Watch { caller, accuracy_bytes: 10, period_s: 60, reply } =
            posdatad.request().await
        else {
            panic!()
        };
        reply.send(Ok(id)).unwrap();
        caller
    });
    assert_eq!(answer.unwrap().body().deserialize::<u32>().unwrap(), id);
    assert_eq!(caller.as_str(), client.name());
    caller
}

async fn unwatch(posdatad: &mut Posdatad, client: &Client, id: u32) {
    let (answer, ()) = tokio::join!(client.call(USAGE, "Unwatch", &id), async {
        let Request::Unwatch { reply, .. } = posdatad.request().await else { panic!() };
        reply.send(Ok(())).unwrap();
    });
    answer.unwrap();
}

async fn trace(posdatad: &mut Posdatad, client: &Client, seconds: u32) -> Caller {
    let (answer, caller) = tokio::join!(client.call(ADMIN, "Trace", &seconds), async {
        let Request::Trace { caller, seconds: asked, reply } = posdatad.request().await else {
            panic!()
        };
        assert_eq!(asked, seconds);
        reply.send(Ok(())).unwrap();
        caller
    });
    answer.unwrap();
    caller
}

#[tokio::test]
async fn readings_and_trace_lines_reach_their_caller_alone() {
    let bus = Bus::start();
    let mut posdatad = Posdatad::on(&bus, known()).await;
    let (one, other) = (Client::on(&bus).await, Client::on(&bus).await);
    let (mut to_one, mut to_other) = (one.signals().await, other.signals().await);
    let caller = watch(&mut posdatad, &one, 7).await;
    let tracer = trace(&mut posdatad, &other, 60).await;
    posdatad.server.push_reading(Push { caller, id: 7 }, known().usage).unwrap();
    posdatad.server.trace_line(&tracer, "at", "AT+QGDCNT?\0".to_owned()).unwrap();
    posdatad.mark("end");
    assert_eq!(to_one.members_until("end").await, ["Reading"]);
    let line = to_other.next().await;
    assert_eq!(
        line.body().deserialize::<(String, String)>().unwrap(),
        ("at".to_owned(), "AT+QGDCNT?\\0".to_owned())
    );
    assert_eq!(to_other.members_until("end").await, [""; 0]);
}

#[tokio::test]
async fn the_first_reading_follows_the_id() {
    let bus = Bus::start();
    let mut posdatad = Posdatad::on(&bus, known()).await;
    let client = Client::on(&bus).await;
    let messages = MessageStream::from(&client.0).filter_map(async |message| {
        let message = message.unwrap();
        let of_the_bus = message.header().sender().is_some_and(|s| s == "org.freedesktop.DBus");
        (!of_the_bus).then_some(message)
    });
    let mut messages = std::pin::pin!(messages);
    let (answer, ()) = tokio::join!(client.call(USAGE, "Watch", &(1_u64, 1_u32)), async {
        let Request::Watch { caller, reply, .. } = posdatad.request().await else { panic!() };
        for rx in [1, 2] {
            let mut usage = known().usage;
            usage.total.rx = rx;
            let push = Push { caller: caller.clone(), id: 5 };
            posdatad.server.push_reading(push, usage).unwrap();
        }
        // All of the outbox is worked off while the caller waits for the id.
        posdatad.mark("before the answer");
        tokio::task::yield_now().await;
        reply.send(Ok(5)).unwrap();
    });
    answer.unwrap();
    let answer = soon("the answer", messages.next()).await.unwrap();
    assert_eq!(answer.message_type(), Type::MethodReturn);
    let reading = soon("the reading", messages.next()).await.unwrap();
    let (id, counts): (u32, crate::fixture::Dict) = reading.body().deserialize().unwrap();
    assert_eq!(id, 5);
    assert_eq!(crate::contract::shown(&counts["rx_bytes"]), "2", "the newest, once");
}

#[tokio::test]
async fn nothing_is_sent_after_the_end_of_a_watch() {
    let bus = Bus::start();
    let mut posdatad = Posdatad::on(&bus, known()).await;
    let client = Client::on(&bus).await;
    let mut signals = client.signals().await;
    let caller = watch(&mut posdatad, &client, 1).await;
    watch(&mut posdatad, &client, 2).await;
    unwatch(&mut posdatad, &client, 1).await;
    for id in [1, 2, 3] {
        let push = Push { caller: caller.clone(), id };
        posdatad.server.push_reading(push, known().usage).unwrap();
    }
    let reading = signals.next().await;
    assert_eq!(reading.body().deserialize::<(u32, crate::fixture::Dict)>().unwrap().0, 2);
    posdatad.mark("end");
    assert_eq!(signals.members_until("end").await, [""; 0]);
}

#[tokio::test]
async fn a_caller_that_leaves_ends_its_watches_and_its_trace() {
    let bus = Bus::start();
    let mut posdatad = Posdatad::on(&bus, known()).await;
    let (watching, tracing) = (Client::on(&bus).await, Client::on(&bus).await);
    let watcher = watch(&mut posdatad, &watching, 1).await;
    watch(&mut posdatad, &watching, 2).await;
    let tracer = trace(&mut posdatad, &tracing, 60).await;
    for (client, caller) in [(watching, watcher), (tracing, tracer)] {
        client.leave().await;
        let Request::CallerGone(gone) = posdatad.request().await else { panic!() };
        assert_eq!(gone, caller);
    }
}

#[tokio::test]
async fn a_caller_that_left_before_it_was_answered_is_reported_again() {
    let bus = Bus::start();
    let mut posdatad = Posdatad::on(&bus, known()).await;
    let client = Client::on(&bus).await;
    let connection = client.0.clone();
    let call = tokio::spawn(async move { client.call(USAGE, "Watch", &(1_u64, 1_u32)).await });
    let Request::Watch { caller, reply, .. } = posdatad.request().await else { panic!() };
    call.abort();
    let _ = call.await;
    connection.close().await.unwrap();
    let Request::CallerGone(gone) = posdatad.request().await else { panic!() };
    assert_eq!(gone, caller);
    reply.send(Ok(1)).unwrap();
    let Request::CallerGone(again) = posdatad.request().await else { panic!() };
    assert_eq!(again, caller);
}

#[tokio::test]
async fn a_caller_that_holds_nothing_any_more_is_not_attended() {
    let bus = Bus::start();
    let mut posdatad = Posdatad::on(&bus, known()).await;
    let (leaving, staying) = (Client::on(&bus).await, Client::on(&bus).await);
    watch(&mut posdatad, &leaving, 1).await;
    trace(&mut posdatad, &leaving, 60).await;
    unwatch(&mut posdatad, &leaving, 1).await;
    trace(&mut posdatad, &leaving, 0).await;
    let bus_proxy = zbus::fdo::DBusProxy::new(&staying.0).await.unwrap();
    let mut changes =
        bus_proxy.receive_name_owner_changed_with_args(&[(0, leaving.name())]).await.unwrap();
    leaving.leave().await;
    soon("its leaving", changes.next()).await.unwrap();
    let arguments = (0_u64, 1_u32);
    let (answer, ()) = tokio::join!(staying.call(USAGE, "GetEvents", &arguments), async {
        let Request::Events { reply, .. } = posdatad.request().await else {
            panic!("a caller that held nothing was reported gone")
        };
        reply.send(Ok(vec![])).unwrap();
    });
    answer.unwrap();
}

/// Asks the bus until posdatad has that many match rules there: it takes them
/// back in its own time.
async fn match_rules(client: &Client, expected: u32) {
    soon("the match rules", async {
        loop {
            let stats = client.0.call_method(
                Some("org.freedesktop.DBus"),
                "/org/freedesktop/DBus",
                Some("org.freedesktop.DBus.Debug.Stats"),
                "GetConnectionStats",
                &"org.posdata",
            );
            let stats: crate::fixture::Dict = stats.await.unwrap().body().deserialize().unwrap();
            if crate::contract::shown(&stats["MatchRules"]) == expected.to_string() {
                return;
            }
        }
    })
    .await;
}

/// What the bus sends to others wakes posdatad only by a match rule.
#[tokio::test]
async fn a_watching_caller_costs_one_match_rule_and_an_idle_bus_none() {
    let bus = Bus::start();
    let mut posdatad = Posdatad::on(&bus, known()).await;
    let (client, other) = (Client::on(&bus).await, Client::on(&bus).await);
    match_rules(&other, 0).await;
    watch(&mut posdatad, &client, 1).await;
    watch(&mut posdatad, &client, 2).await;
    trace(&mut posdatad, &client, 60).await;
    match_rules(&other, 1).await;
    unwatch(&mut posdatad, &client, 1).await;
    unwatch(&mut posdatad, &client, 2).await;
    match_rules(&other, 1).await;
    trace(&mut posdatad, &client, 0).await;
    match_rules(&other, 0).await;
}
