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

use bus::Bus;
use fixture::{Posdatad, event, known, slot, unknown};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use posdatad::adapters::dbus::Request;
use posdatad::domain::snapshot::{Snapshot, UsageView};
use posdatad::domain::watch::Push;

/// Answers as an engine would, until the test is over.
async fn serve(mut posdatad: Posdatad, usage: UsageView) {
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
