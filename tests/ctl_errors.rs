//! What the real `posdatactl` says when it cannot do what was asked, on a real
//! bus: what is wrong, what to do next, and the exit status.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod ctl_fake;

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Output, Stdio};

use ctl_fake::{Answer, Bus, Fake, Signal, bare_ctl, text};

#[track_caller]
fn says(output: &Output, status: i32, stderr: &str) {
    assert_eq!(text(&output.stderr), stderr);
    assert_eq!(text(&output.stdout), "");
    assert_eq!(output.status.code(), Some(status));
}

#[test]
fn without_a_daemon_on_the_bus() {
    let bus = Bus::open();
    let address = bus.address();
    for verb in ["status", "usage", "events", "sources", "watch", "trace"] {
        says(
            &bus.run(&[verb]),
            69,
            &format!(
                "posdatactl: posdatad is not running: no one owns org.posdata on the bus at {address}\n  \
                 what to do: start it there with posdatad --bus-address, or leave out --bus-address to ask the installed service\n"
            ),
        );
    }
    let json: serde_json::Value =
        serde_json::from_slice(&bus.run(&["--json", "status"]).stderr).unwrap();
    assert_eq!(json["error"]["name"], "posdatactl.NotRunning");
    assert!(json["error"]["message"].as_str().unwrap().starts_with("posdatad is not running"));
    assert!(json["error"]["hint"].as_str().unwrap().starts_with("start it there"));
}

#[test]
fn the_installed_service_is_looked_for_with_systemctl() {
    let bus = Bus::open();
    let output =
        bare_ctl().env("DBUS_SYSTEM_BUS_ADDRESS", bus.address()).arg("status").output().unwrap();
    says(
        &output,
        69,
        "posdatactl: posdatad is not running: no one owns org.posdata on the system bus\n  \
         what to do: systemctl status posdatad; journalctl -u posdatad -b\n",
    );
}

#[test]
fn without_a_bus() {
    let directory = tempfile::tempdir().unwrap();
    let nowhere = format!("unix:path={}/bus", directory.path().display());
    let output = bare_ctl().args(["--bus-address", &nowhere, "status"]).output().unwrap();
    says(
        &output,
        69,
        &format!(
            "posdatactl: the bus at {nowhere} cannot be reached: No such file or directory (os error 2)\n  \
             what to do: does a dbus-daemon listen there? the installed service is on the system bus: leave out --bus-address\n"
        ),
    );
    let output = bare_ctl()
        .env("DBUS_SESSION_BUS_ADDRESS", &nowhere)
        .args(["--session", "status"])
        .output()
        .unwrap();
    says(
        &output,
        69,
        "posdatactl: the session bus cannot be reached: No such file or directory (os error 2)\n  \
         what to do: is DBUS_SESSION_BUS_ADDRESS set? (sudo drops it); the installed service is on the system bus: leave out --session\n",
    );
    let output = bare_ctl().args(["--bus-address", "somewhere", "status"]).output().unwrap();
    says(
        &output,
        64,
        "posdatactl: \"somewhere\" is not a D-Bus address\n  \
         what to do: an address looks like unix:path=/run/dbus/system_bus_socket\n",
    );
}

#[test]
fn what_the_daemon_refuses_keeps_its_name() {
    let bus = Bus::open();
    let _fake = Fake::start(&bus, |call| match call {
        call if call.starts_with("Usage1.GetUsage") => {
            Answer::Error("org.posdata.Error.StoreUnavailable", "the history cannot be read")
        }
        call if call.starts_with("Usage1.Watch") => {
            Answer::Error("org.posdata.Error.TooManyWatches", "this caller holds 8 already")
        }
        call if call.starts_with("Usage1.GetEvents") => {
            Answer::Error("org.posdata.Error.InvalidArgument", "limit is out of its range")
        }
        "Admin1.Trace(60)" => {
            Answer::Error("org.posdata.Error.NotAllowed", "tracing is not possible here")
        }
        // As the bus itself answers who may not call.
        "Admin1.SourceInfo()" => {
            Answer::Error("org.freedesktop.DBus.Error.AccessDenied", "Sender is not authorized")
        }
        other => panic!("not expected: {other}"),
    });
    says(
        &bus.run(&["usage"]),
        69,
        "posdatactl: the history cannot be read (org.posdata.Error.StoreUnavailable)\n  \
         what to do: is the disk full or read-only? posdatactl status; journalctl -u posdatad -b\n",
    );
    says(
        &bus.run(&["watch"]),
        69,
        "posdatactl: this caller holds 8 already (org.posdata.Error.TooManyWatches)\n  \
         what to do: end another posdatactl watch first\n",
    );
    says(
        &bus.run(&["events"]),
        64,
        "posdatactl: limit is out of its range (org.posdata.Error.InvalidArgument)\n  \
         what to do: posdatactl --help\n",
    );
    says(
        &bus.run(&["trace"]),
        77,
        "posdatactl: tracing is not possible here (org.posdata.Error.NotAllowed)\n  \
         what to do: journalctl -u posdatad -b\n",
    );
    says(
        &bus.run(&["sources"]),
        77,
        "posdatactl: this user may not call org.posdata.Admin1 on posdatad\n  \
         what to do: run it with sudo, or join the group posdata-admin (adduser USER posdata-admin, then log in again)\n",
    );
}

#[test]
fn an_answer_of_another_version_is_not_guessed_at() {
    let bus = Bus::open();
    let _fake = Fake::start(&bus, |_| Answer::One(dict! { "Status" => 7_u32 }));
    says(
        &bus.run(&["status"]),
        70,
        "posdatactl: posdatad's answer is not understood: status has the D-Bus type \"u\"\n  \
         what to do: are posdatactl and posdatad of one version? posdatactl --version; systemctl restart posdatad\n",
    );
}

#[test]
fn a_daemon_that_leaves_is_missed_at_once() {
    let gone = "posdatactl: posdatad is gone from the bus: it was stopped, restarted or has failed, or the bus itself has ended\n  \
                what to do: look at what posdatad itself has printed\n";
    let bus = Bus::open();
    let leaving = Fake::start(&bus, |_| Answer::Leave);
    says(&bus.run(&["status"]), 69, gone);
    drop(leaving);
    let _fake =
        Fake::start(&bus, |_| Answer::ThenSignal(Box::new(Answer::Number(1)), vec![Signal::Leave]));
    says(&bus.run(&["watch"]), 69, gone);
}

#[test]
fn words_that_are_wrong_and_times_that_are_no_range() {
    let output = bare_ctl().args(["usage", "week"]).output().unwrap();
    assert_eq!(output.status.code(), Some(64));
    assert!(text(&output.stderr).starts_with("error: invalid value 'week'"));
    let output = bare_ctl().args(["--json", "stats"]).output().unwrap();
    says(
        &output,
        64,
        "{\"error\":{\"name\":\"posdatactl.Usage\",\"message\":\"unrecognized subcommand 'stats'\",\"hint\":\"posdatactl --help\"}}\n",
    );
    let bus = Bus::open();
    says(
        &bus.run(&["usage", "--from", "2026-11-02", "--to", "2026-11-01"]),
        64,
        "posdatactl: --from is not before --to\n  what to do: posdatactl --help\n",
    );
}

#[test]
fn who_stops_reading_ends_it_quietly() {
    let bus = Bus::open();
    let record = || dict! { "id" => 1_u64, "kind" => "gap", "detail" => "x".repeat(1000) };
    let _fake = Fake::start(&bus, move |call| {
        let more = call == "Usage1.GetEvents(0, 1000)";
        Answer::Many(if more {
            (1..=1000_u64)
                .map(|id| {
                    ctl_fake::Dict::from_iter(record().into_iter().chain(dict! { "id" => id }))
                })
                .collect()
        } else {
            vec![]
        })
    });
    // A megabyte is more than a pipe holds: it is still being written when the reader leaves.
    let mut child = bus
        .ctl(&["events", "--limit", "1000"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    assert!(first.starts_with("  ID  TIME"), "{first}");
    let mut stderr = String::new();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    assert_eq!(stderr, "");
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_disk_that_is_full_is_no_success() {
    let bus = Bus::open();
    let _fake = Fake::start(&bus, |_| Answer::Many(vec![]));
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = bus.ctl(&["events"]).stdout(full).stderr(Stdio::piped()).output().unwrap();
    assert!(
        text(&output.stderr)
            .starts_with("posdatactl: the output cannot be written: No space left on device")
    );
    assert_eq!(output.status.code(), Some(74));
}
