//! Every refusal of posdatad around buying, as the real `posdatactl` tells it on a
//! real bus: its name, its exit status, and what to do next.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod ctl_fake;

use std::sync::{Arc, Mutex};

use ctl_fake::{Answer, Bus, Fake, text};

/// The verb that is refused, the error, the exit status, and a part of the next step.
const REFUSALS: &[(&[&str], &str, i32, &str)] = &[
    (&["offers"], "NoBackend", 78, "[backend]"),
    (&["offers"], "NoRoute", 69, "ip route"),
    (&["offers"], "Offline", 69, "try again in some minutes"),
    (&["offers"], "Untrusted", 78, "posdatad --check-config"),
    (&["offers"], "BackendFault", 69, "tell the operator"),
    (&["offers"], "UnknownTerminal", 77, "serial of [terminal]"),
    (&["offers"], "Busy", 69, "try again in a moment"),
    (&["offers"], "ShuttingDown", 69, "try again in a moment"),
    (&["quote", "M30"], "InvalidArgument", 64, "posdatactl --help"),
    (&["quote", "M30"], "NoSim", 69, "is a SIM in"),
    (&["quote", "M30"], "UnknownOffer", 65, "posdatactl offers"),
    (&["quote", "M30"], "OfferWithdrawn", 65, "posdatactl offers"),
    (&["quote", "M30"], "IncompatibleOffer", 65, "what is active"),
    (&["quote", "M30"], "TerminalMismatch", 77, "id of [terminal]"),
    (&["quote", "M30"], "SimMismatch", 77, "the terminal's own"),
    (&["quote", "M30"], "CardDeviceSeparated", 77, "its own device"),
    (&["quote", "M30"], "AccountSuspended", 77, "posdatactl status says why"),
    (&["quote", "M30"], "LimitExceeded", 77, "buy less"),
    (&["recharge", "M31", "--yes"], "Refused", 77, "the operator's support"),
    (
        &["recharge", "M31", "--yes", "--request-id", "desk-1"],
        "RequestIdConflict",
        65,
        "another --request-id",
    ),
    (&["recharge", "M31", "--yes"], "UnknownQuote", 65, "nothing was ordered"),
    (&["recharge", "M31", "--yes"], "QuoteExpired", 65, "nothing was ordered"),
    (&["recharge", "M31", "--yes"], "TooManyOrders", 69, "posdatactl topups --open"),
    (&["recharge", "M31", "--yes"], "NotSynced", 69, "posdatactl sync"),
    (&["recharge", "M31", "--yes"], "LedgerFault", 70, "a person has looked"),
    (&["recharge", "M31", "--yes"], "StoreUnavailable", 69, "is the disk full"),
    (&["topups", "K-9"], "UnknownTopUp", 65, "posdatactl topups --all"),
    (&["cancel", "K-1"], "NotCancellable", 65, "only the operator can give back"),
    (&["sync"], "Offline", 69, "try again in some minutes"),
    (&["calibrate", "1MiB"], "NotCalibrated", 65, "posdatactl sync"),
    (&["export"], "SomethingNew", 70, "journalctl -u posdatad -b"),
];

#[test]
fn every_refusal_says_its_name_and_what_to_do_next() {
    let bus = Bus::open();
    let refusing = Arc::new(Mutex::new(""));
    let now = Arc::clone(&refusing);
    let _fake = Fake::start(&bus, move |call| {
        let refused = Answer::Error(*now.lock().unwrap(), "so it is");
        match call.split_once('(').unwrap().0 {
            // On the way to an order: it is the order that is refused.
            "Recharge1.GetTopUp" if call.ends_with("(desk-1)") => {
                Answer::Error("org.posdata.Error.UnknownTopUp", "there is none")
            }
            "Recharge1.Quote" if call.contains("M31") => Answer::One(dict! { "id" => "Q-1" }),
            _ => refused,
        }
    });
    for &(words, name, status, next) in REFUSALS {
        *refusing.lock().unwrap() = full(name);
        let output = bus.run(words);
        let said = text(&output.stderr);
        let head = format!("posdatactl: so it is (org.posdata.Error.{name})\n  what to do: ");
        assert!(said.starts_with(&head) && said.contains(next), "{words:?} {name}: {said}");
        assert_eq!(output.status.code(), Some(status), "{name}");
        assert_eq!(
            text(&output.stdout).is_empty(),
            words[0] != "recharge",
            "only a quote is shown"
        );
        let json = bus.run(&[&["--json"][..], words].concat());
        let error: serde_json::Value = serde_json::from_slice(&json.stderr).unwrap();
        assert_eq!(error["error"]["name"], format!("org.posdata.Error.{name}"));
        assert!(error["error"]["hint"].as_str().unwrap().contains(next), "{error}");
        assert_eq!(json.status.code(), Some(status), "{name}");
    }
}

fn full(name: &str) -> &'static str {
    format!("org.posdata.Error.{name}").leak()
}

#[test]
fn who_may_not_buy_is_told_which_group_may() {
    let bus = Bus::open();
    let _fake = Fake::start(&bus, |_| {
        // As the bus itself answers who may not call.
        Answer::Error("org.freedesktop.DBus.Error.AccessDenied", "Sender is not authorized")
    });
    for words in [&["offers"][..], &["recharge", "M30", "--yes"], &["topups"], &["cancel", "K-1"]] {
        let output = bus.run(words);
        assert_eq!(
            text(&output.stderr),
            "posdatactl: this user may not call org.posdata.Recharge1 on posdatad\n  what to do: \
             run it with sudo, or join the group posdata (adduser USER posdata, then log in again)\n"
        );
        assert_eq!(output.status.code(), Some(77));
    }
    for words in [&["sync"][..], &["calibrate", "1MiB"], &["export"]] {
        let output = bus.run(words);
        assert!(text(&output.stderr).contains("join the group posdata-admin"), "{words:?}");
        assert_eq!(output.status.code(), Some(77));
    }
}

#[test]
fn without_a_daemon_every_verb_says_so() {
    let bus = Bus::open();
    for words in [
        &["offers"][..],
        &["quote", "M30"],
        &["recharge", "M30", "--yes"],
        &["recharge", "M30", "--request-id", "desk-1"],
        &["topups"],
        &["topups", "K-1"],
        &["cancel", "K-1"],
        &["sync"],
        &["calibrate", "1MiB"],
        &["export"],
    ] {
        let output = bus.run(words);
        assert!(
            text(&output.stderr).starts_with("posdatactl: posdatad is not running"),
            "{words:?}"
        );
        assert_eq!(output.status.code(), Some(69));
    }
}
