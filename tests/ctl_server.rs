//! The real `posdatactl` against the D-Bus server that posdatad really has, with
//! a test in the place of its engine: both read the contract in the same way.

#![allow(missing_docs)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "support/bus.rs"]
#[allow(dead_code)]
mod bus;
#[path = "dbus_contract/fixture.rs"]
#[allow(dead_code)]
mod fixture;

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::sync::Arc;

use bus::Bus;
use fixture::{Posdatad, event, known, offer, order, quote, slot, unknown};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use posdatad::adapters::dbus::Request;
use posdatad::domain::engine::{Denied, Filter, Granted, Wish};
use posdatad::domain::ledger::{Entry, EntryKind};
use posdatad::domain::offer::Offers;
use posdatad::domain::sim::SimId;
use posdatad::domain::snapshot::{Snapshot, UsageView};
use posdatad::domain::topup::{Kept, State, TopUp};
use posdatad::domain::watch::Push;

/// The order's id.
const KEY: &str = "5f0c2a7e-3d34-4a52-9c5b-9d8d4f2b6a11";

fn standing(state: State) -> posdatad::domain::orders::Order {
    let mut order = order();
    order.topup = TopUp::load(Kept { state, ..order.topup.kept().clone() });
    order
}

fn entry() -> Entry {
    Entry {
        id: 8,
        sim: SimId(1),
        bucket: Some(1),
        kind: EntryKind::Adjustment,
        bytes: -5,
        at: order().placed,
        day: Some("2026-11-24".parse().unwrap()),
        note: "by hand".into(),
    }
}

fn grant(wish: Wish) -> Result<Granted, Denied> {
    Ok(match wish {
        Wish::Offers => Granted::Offers(Arc::new(Offers { etag: None, offers: vec![offer()] })),
        Wish::Quote { .. } => Granted::Quote(Box::new(quote())),
        Wish::Recharge { .. } => Granted::Placed(KEY.to_owned()),
        Wish::TopUp { id } if id == "r-1" => Granted::TopUp(Box::new(order())),
        Wish::TopUp { id } => return Err(Denied::UnknownTopUp(id)),
        Wish::TopUps(Filter { before: Some(1), .. }) => Granted::TopUps(vec![]),
        Wish::TopUps(_) => Granted::TopUps(vec![order()]),
        Wish::Cancel { .. } => Granted::Stands(State::Cancelled),
        Wish::Sync => Granted::Synced(3),
        Wish::Calibrate { .. } => Granted::Calibrated(-7),
    })
}

/// Answers as an engine would, until the test is over.
async fn serve(mut posdatad: Posdatad, usage: UsageView) {
    let mut paid = false;
    while let Some(request) = posdatad.requests.recv().await {
        match request {
            Request::Usage { reply, .. } => reply.send(Ok(vec![slot()])).unwrap(),
            Request::Events { after_id, reply, .. } => {
                reply.send(Ok(if after_id < 8 { vec![event()] } else { vec![] })).unwrap();
            }
            Request::Watch { caller, reply, .. } => {
                posdatad.server.push_reading(Push { caller, id: 5 }, usage.clone()).unwrap();
                reply.send(Ok(5)).unwrap();
            }
            Request::Unwatch { id: 5, reply, .. } => reply.send(Ok(())).unwrap(),
            Request::Trace { caller, seconds, reply } => {
                if seconds > 0 {
                    posdatad.server.trace_line(&caller, "at", "> ATI".to_owned()).unwrap();
                }
                reply.send(Ok(())).unwrap();
            }
            Request::Entries { after_id, reply, .. } => {
                reply.send(Ok(if after_id < 8 { vec![entry()] } else { vec![] })).unwrap();
            }
            Request::Wish { wish: Wish::TopUp { id }, reply } if id == KEY => {
                // It is paid as soon as someone looks.
                let state = if paid { State::Completed } else { State::AwaitingPayment };
                reply.send(Ok(Granted::TopUp(Box::new(standing(state))))).unwrap();
                if !paid {
                    paid = true;
                    posdatad.server.top_up_changed(KEY.to_owned(), "completed").unwrap();
                }
            }
            Request::Wish { wish, reply } => reply.send(grant(wish).map_err(Into::into)).unwrap(),
            Request::CallerGone(_) => {}
            other => panic!("not expected: {other:?}"),
        }
    }
}

/// Runs `test` with that snapshot served.
fn with_server(snapshot: Snapshot, test: impl FnOnce(&str) + Send + 'static) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let bus = Bus::start();
        let usage = snapshot.usage.clone();
        let engine = serve(Posdatad::on(&bus, snapshot).await, usage);
        let address = bus.address().to_owned();
        let done = tokio::task::spawn_blocking(move || test(&address));
        tokio::select! {
            () = engine => panic!("the server ended"),
            done = done => done.unwrap(),
        }
    });
}

fn ctl(address: &str, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_posdatactl"));
    command.env_clear().env("TZ", "CST-8").args(["--json", "--bus-address", address]).args(words);
    command
}

fn json(address: &str, words: &[&str]) -> serde_json::Value {
    let output = ctl(address, words).output().unwrap();
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "", "{words:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn every_key_that_is_served_is_shown() {
    with_server(known(), |address| {
        let status = json(address, &["status"]);
        let counts = serde_json::json!({"rx_bytes": 70, "tx_bytes": 7});
        assert_eq!(status["usage"]["home"], counts);
        assert_eq!(status["usage"].as_object().unwrap().len(), 8);
        assert_eq!(status["balance"].as_object().unwrap().len(), 13);
        assert_eq!(
            status["store"],
            serde_json::json!({"state": "ok", "detail": "all well", "unsaved_bytes": 17})
        );
        assert_eq!(status["cycle"].as_object().unwrap().len(), 9);
        assert_eq!(status["buckets"][0].as_object().unwrap().len(), 8);
        assert_eq!(json(address, &["usage", "hour"])["slots"][0]["rx_bytes"], 100);
        let event = &json(address, &["events"])["events"][0];
        assert_eq!(event.as_object().unwrap().len(), 13);
        assert_eq!(event["before"]["rx_bytes"], 4_294_967_290_u64);
        assert_eq!(json(address, &["sources"])["sources"][0].as_object().unwrap().len(), 14);
    });
}

#[test]
fn what_is_sold_and_bought_is_shown_with_every_key() {
    with_server(known(), |address| {
        let keys = |document: &serde_json::Value| document.as_object().unwrap().len();
        assert_eq!(keys(&json(address, &["offers"])["offers"][0]), 12);
        assert_eq!(keys(&json(address, &["quote", "main-30", "--channel", "alipay"])["quote"]), 17);
        assert_eq!(keys(&json(address, &["topups", "r-1"])["topup"]), 32);
        let topups = json(address, &["topups", "--state", "awaiting_payment", "--open", "--all"]);
        assert_eq!(topups["topups"].as_array().unwrap().len(), 1);
        assert_eq!(topups["topups"][0]["payment_code"], "pay:1");
        assert_eq!(json(address, &["cancel", "r-1"])["state"], "cancelled");
        assert_eq!(json(address, &["sync"])["events"], 3);
        assert_eq!(json(address, &["calibrate", "1MiB"])["drift_bytes"], -7);
        let entries = json(address, &["export"]);
        assert_eq!(entries["entries"].as_array().unwrap().len(), 1);
        assert_eq!(keys(&entries["entries"][0]), 10);
    });
}

#[test]
fn a_recharge_is_followed_to_its_end() {
    with_server(known(), |address| {
        let output = ctl(address, &["recharge", "main-30", "--yes"]).output().unwrap();
        assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
        let text = String::from_utf8(output.stdout).unwrap();
        let lines: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines[1]["placed"]["id"], KEY);
        assert_eq!(lines[2]["topup"]["payment_code"], "pay:1");
        assert_eq!(lines[3]["topup"]["state"], "completed");
        assert_eq!(lines[4]["balance"]["remaining_bytes"], 900);
        assert_eq!((lines.len(), output.status.code()), (5, Some(0)));
        let unknown = ctl(address, &["topups", "r-2"]).output().unwrap();
        assert_eq!(unknown.status.code(), Some(65));
    });
}

#[test]
fn what_the_server_does_not_know_is_absent() {
    with_server(unknown(), |address| {
        let status = json(address, &["status"]);
        assert_eq!(status["balance"]["status"], "unknown");
        assert_eq!(status["balance"].get("remaining_bytes"), None);
        assert_eq!(status["usage"].get("source"), None);
        assert_eq!(status["store"]["state"], "retrying");
        assert_eq!(status.get("cycle"), None);
    });
}

#[test]
fn watch_and_trace_hear_what_is_sent_to_them() {
    with_server(known(), |address| {
        let mut watch = ctl(address, &["watch"]).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(watch.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let reading: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!((&reading["rx_bytes"], &reading["source"]), (&100.into(), &"at".into()));
        kill(Pid::from_raw(i32::try_from(watch.id()).unwrap()), Signal::SIGINT).unwrap();
        assert_eq!(watch.wait().unwrap().code(), Some(0));
        let trace = json(address, &["trace", "--for", "1s"]);
        assert_eq!((&trace["source"], &trace["line"]), (&"at".into(), &"> ATI".into()));
    });
}
