//! Every verb of the real `posdatactl`, on a private bus with a stand-in for the
//! daemon: what it asks, what it prints as text and as JSON.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod ctl_fake;

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};

use ctl_fake::{Answer, Bus, Dict, Fake, Signal};
use nix::sys::signal::{Signal as Unix, kill};
use nix::unistd::Pid;

const MIB: u64 = 1 << 20;
/// 2026-11-24T02:10:15Z
const NOW: u64 = 1_795_486_215;

fn full(call: &str) -> Answer {
    match call {
        "Properties.GetAll(Balance1)" => Answer::One(dict! {
            "RemainingBytes" => 21 * MIB, "GrantedBytes" => 30 * MIB, "ConsumedBytes" => 9 * MIB,
            "OverdraftBytes" => 0_u64, "Status" => "ok", "StopReason" => "",
            "ExpiresAt" => 1_796_054_400_u64, "AsOf" => NOW, "DaysLeft" => 19_u32,
            "Iccid" => "89860012345678901234", "TerminalSerial" => "N9600012345",
        }),
        "Properties.GetAll(Usage1)" => Answer::One(dict! {
            "RxBytes" => 8 * MIB, "TxBytes" => MIB, "HomeRxBytes" => 7 * MIB, "HomeTxBytes" => MIB,
            "RoamingRxBytes" => MIB, "RoamingTxBytes" => 0_u64, "UnsavedBytes" => 2048_u64,
            "Source" => "at", "IsRoaming" => false, "AsOf" => NOW, "StoreState" => "ok", "StoreDetail" => "",
        }),
        "Usage1.GetCycle()" => Answer::One(dict! {
            "start" => 1_793_462_400_u64, "end" => 1_796_054_400_u64, "allowance_bytes" => 30 * MIB,
            "rx_bytes" => 8 * MIB, "tx_bytes" => MIB, "basis_days" => 7_u32, "daily_average_bytes" => 1_153_434_u64,
            "allowance_per_day_bytes" => 3 * MIB,
        }),
        "Balance1.GetBuckets()" => Answer::Many(vec![dict! {
            "id" => 1_u64, "kind" => "plan", "status" => "active", "granted_bytes" => 30 * MIB,
            "consumed_bytes" => 9 * MIB, "remaining_bytes" => 21 * MIB, "expires_at" => 1_796_054_400_u64,
        }]),
        "Admin1.SourceInfo()" => Answer::Many(vec![
            dict! {
                "name" => "at", "role" => "metered", "path" => "/dev/ttyUSB2", "manufacturer" => "Quectel",
                "model" => "EC20F", "imei" => "861111111111111", "counter" => "AT+QGDCNT?",
                "rx_bytes" => 8 * MIB, "tx_bytes" => MIB, "readings" => 12_u64, "poll_ms" => 10_000_u64,
            },
            dict! {
                "name" => "netdev", "role" => "cross_check", "path" => "wwan0", "fault" => "missing",
                "fault_detail" => "There is no interface wwan0.", "readings" => 0_u64, "poll_ms" => 10_000_u64,
            },
        ]),
        call if call.starts_with("Usage1.GetUsage(") => Answer::Many(vec![
            slot(1_795_449_600, 3 * MIB, MIB, false),
            slot(1_795_453_200, MIB, 0, false),
            slot(1_795_460_400, 512, 512, true),
        ]),
        other => panic!("not expected: {other}"),
    }
}

/// Knows next to nothing: started just now, no SIM, a broken disk.
fn bare(call: &str) -> Answer {
    match call {
        "Properties.GetAll(Balance1)" => Answer::One(
            dict! { "Status" => "no_sim", "StopReason" => "", "OverdraftBytes" => 0_u64 },
        ),
        "Properties.GetAll(Usage1)" => Answer::One(dict! {
            "UnsavedBytes" => 70_000_u64, "StoreState" => "retrying",
            "StoreDetail" => "No space left on device: free some of /var/lib.",
        }),
        "Usage1.GetCycle()" => Answer::One(dict! {}),
        "Balance1.GetBuckets()" | "Admin1.SourceInfo()" => Answer::Many(vec![]),
        call if call.starts_with("Usage1.Get") => Answer::Many(vec![]),
        other => panic!("not expected: {other}"),
    }
}

fn slot(start: u64, rx: u64, tx: u64, estimated: bool) -> Dict {
    dict! {
        "start" => start, "rx_bytes" => rx, "tx_bytes" => tx, "home_rx_bytes" => rx, "home_tx_bytes" => tx,
        "roaming_rx_bytes" => 0_u64, "roaming_tx_bytes" => 0_u64, "estimated" => estimated,
    }
}

fn json(text: &str) -> serde_json::Value {
    assert_eq!(text.lines().count(), 1, "one document on one line: {text}");
    serde_json::from_str(text).unwrap()
}

#[test]
fn status_tells_all_on_one_screen() {
    let bus = Bus::open();
    let _fake = Fake::start(&bus, full);
    assert_eq!(
        bus.stdout(&["status"]),
        "\
Status      ok
Remaining   21.0 MiB of 30.0 MiB
Valid until 2026-12-01 00:00 +08:00 (in 6 days)
Lasts       19 days at 1.1 MiB a day (average of 7 full days)
Cycle       9.0 MiB used of 30.0 MiB since 2026-11-01 00:00 +08:00, next 2026-12-01 00:00 +08:00
            3.0 MiB a day would last to its end
SIM         89860012345678901234
Terminal    N9600012345
Source      at, home network
Counted     received 8.0 MiB, sent 1.0 MiB in all with this SIM
Roaming     received 1.0 MiB, sent 0 B of it
As of       2026-11-24 10:10:15 +08:00
Store       ok, 2.0 KiB not saved yet
"
    );
}

#[test]
fn status_as_json_is_what_programs_rely_on() {
    let bus = Bus::open();
    let _fake = Fake::start(&bus, full);
    assert_eq!(
        json(&bus.stdout(&["--json", "status"])),
        serde_json::json!({
            "usage": {
                "rx_bytes": 8 * MIB, "tx_bytes": MIB,
                "home": {"rx_bytes": 7 * MIB, "tx_bytes": MIB}, "roaming": {"rx_bytes": MIB, "tx_bytes": 0},
                "iccid": "89860012345678901234", "source": "at", "is_roaming": false,
                "as_of": "2026-11-24T02:10:15Z"
            },
            "balance": {
                "status": "ok", "stop_reason": "", "remaining_bytes": 21 * MIB, "granted_bytes": 30 * MIB,
                "consumed_bytes": 9 * MIB, "overdraft_bytes": 0, "expires_at": "2026-11-30T16:00:00Z",
                "days_left": 19, "as_of": "2026-11-24T02:10:15Z", "iccid": "89860012345678901234",
                "terminal_serial": "N9600012345"
            },
            "store": {"state": "ok", "detail": "", "unsaved_bytes": 2048},
            "cycle": {
                "start": "2026-10-31T16:00:00Z", "end": "2026-11-30T16:00:00Z", "allowance_bytes": 30 * MIB,
                "rx_bytes": 8 * MIB, "tx_bytes": MIB, "daily_average_bytes": 1_153_434, "basis_days": 7,
                "allowance_per_day_bytes": 3 * MIB
            },
            "buckets": [{
                "id": 1, "kind": "plan", "status": "active", "granted_bytes": 30 * MIB,
                "consumed_bytes": 9 * MIB, "remaining_bytes": 21 * MIB, "expires_at": "2026-11-30T16:00:00Z"
            }]
        })
    );
}

#[test]
fn what_is_unknown_is_said_in_text_and_absent_in_json() {
    let bus = Bus::open();
    let _fake = Fake::start(&bus, bare);
    assert_eq!(
        bus.stdout(&["status"]),
        "\
!! NOT SAVING: writing to the disk fails. It is tried again; until then a power cut loses what is not saved.

Status      no_sim: there is no SIM in the modem, or it is locked
Remaining   unknown: nothing has been granted yet (no plan, or no SIM or time is known)
SIM         unknown
Source      none answers: posdatactl sources
Counted     nothing yet
As of       unknown: the time is not trusted yet
Store       retrying, 68.3 KiB not saved yet
            No space left on device: free some of /var/lib.
"
    );
    assert_eq!(
        json(&bus.stdout(&["status", "--json"])),
        serde_json::json!({
            "usage": {},
            "balance": {"status": "no_sim", "stop_reason": "", "overdraft_bytes": 0},
            "store": {
                "state": "retrying", "detail": "No space left on device: free some of /var/lib.",
                "unsaved_bytes": 70_000
            },
            "buckets": []
        })
    );
    assert_eq!(bus.stdout(&["usage"]), "Nothing was recorded in that time.\n");
    assert_eq!(bus.stdout(&["events"]), "No events.\n");
    assert!(bus.stdout(&["sources"]).starts_with("No source is configured"));
    assert_eq!(
        json(&bus.stdout(&["usage", "--json"])),
        serde_json::json!({"granularity": "day", "slots": []})
    );
    assert_eq!(json(&bus.stdout(&["events", "--json"])), serde_json::json!({"events": []}));
    assert_eq!(json(&bus.stdout(&["sources", "--json"])), serde_json::json!({"sources": []}));
}

#[test]
fn usage_is_a_plain_table_in_a_pipe() {
    let bus = Bus::open();
    let _fake = Fake::start(&bus, full);
    assert_eq!(
        bus.stdout(&["usage", "hour"]),
        "\
+08:00             received     sent    total
2026-11-24 00:00    3.0 MiB  1.0 MiB  4.0 MiB
2026-11-24 01:00    1.0 MiB      0 B  1.0 MiB
2026-11-24 03:00~     512 B    512 B  1.0 KiB
"
    );
    let history = json(&bus.stdout(&["usage", "hour", "--json"]));
    assert_eq!(history["granularity"], "hour");
    assert_eq!(
        history["slots"][2],
        serde_json::json!({
            "start": "2026-11-23T19:00:00Z", "rx_bytes": 512, "tx_bytes": 512,
            "home": {"rx_bytes": 512, "tx_bytes": 512}, "roaming": {"rx_bytes": 0, "tx_bytes": 0},
            "estimated": true
        })
    );
}

#[test]
fn usage_asks_for_the_time_that_was_given() {
    let bus = Bus::open();
    let fake = Fake::start(&bus, full);
    for (words, asked) in [
        (&["usage"][..], "Usage1.GetUsage(day, 0, no end)"),
        (&["usage", "five-minutes"], "Usage1.GetUsage(five_minutes, 0, no end)"),
        (&["usage", "month", "--from", "2026-11"], "Usage1.GetUsage(month, 1793462400, no end)"),
        (&["usage", "hour", "--to", "2026-11-24"], "Usage1.GetUsage(hour, 0, 1795536000)"),
        (
            &["usage", "day", "--from", "2026-11-01", "--to", "2026-11-24T02:10:15Z"],
            "Usage1.GetUsage(day, 1793462400, 1795486215)",
        ),
    ] {
        bus.stdout(words);
        assert_eq!(fake.heard(), [asked], "{words:?}");
    }
}

#[test]
fn so_long_ago_is_counted_from_the_later_clock() {
    let bus = Bus::open();
    // A reading of the year 2100: no system clock that runs these tests is ahead of it.
    let fake = Fake::start(&bus, |call| match call {
        "Properties.GetAll(Usage1)" => Answer::One(dict! { "AsOf" => 4_102_444_800_u64 }),
        other => full(other),
    });
    bus.stdout(&["usage", "day", "--from", "-7d"]);
    assert_eq!(
        fake.heard(),
        ["Properties.GetAll(Usage1)", "Usage1.GetUsage(day, 4101840000, no end)"]
    );
}

/// 2,500 events; the pages are asked for one by one.
fn many_events(call: &str) -> Answer {
    let numbers =
        call.strip_prefix("Usage1.GetEvents(").and_then(|rest| rest.strip_suffix(")")).unwrap();
    let (after, limit) = numbers.split_once(", ").unwrap();
    let (after, limit): (u64, u64) = (after.parse().unwrap(), limit.parse().unwrap());
    let event = |id: u64| {
        dict! {
            "id" => id, "kind" => "gap", "time" => NOW, "boot_seq" => 1_u32, "boot_ms" => 5_u64, "trust" => "ntp",
            "source" => "at", "before_rx" => 5_u64, "before_tx" => 6_u64, "seen_rx" => 0_u64, "seen_tx" => 0_u64,
            "counted_rx" => 0_u64, "counted_tx" => 0_u64, "uncounted" => true, "detail" => "It was off.",
        }
    };
    Answer::Many((after + 1..=(after + limit).min(2500)).map(event).collect())
}

#[test]
fn events_are_the_latest_or_those_after_a_number() {
    let bus = Bus::open();
    let fake = Fake::start(&bus, many_events);
    let ids = |words: &[&str]| -> Vec<u64> {
        let events = json(&bus.stdout(words));
        events["events"]
            .as_array()
            .unwrap()
            .iter()
            .map(|event| event["id"].as_u64().unwrap())
            .collect()
    };
    assert_eq!(ids(&["--json", "events"]), (2481..=2500).collect::<Vec<_>>());
    assert_eq!(fake.heard().len(), 4, "three pages and the empty one");
    assert_eq!(ids(&["--json", "events", "--limit", "2"]), [2499, 2500]);
    assert_eq!(ids(&["--json", "events", "--after", "2497"]), [2498, 2499, 2500]);
    assert_eq!(
        ids(&["--json", "events", "--after", "7", "--limit", "1500"]),
        (8..=1507).collect::<Vec<_>>()
    );
    assert_eq!(
        json(&bus.stdout(&["--json", "events", "--limit", "1"]))["events"][0],
        serde_json::json!({
            "id": 2500, "kind": "gap", "time": "2026-11-24T02:10:15Z", "boot_seq": 1, "boot_ms": 5, "trust": "ntp",
            "source": "at", "before": {"rx_bytes": 5, "tx_bytes": 6}, "seen": {"rx_bytes": 0, "tx_bytes": 0},
            "counted": {"rx_bytes": 0, "tx_bytes": 0}, "uncounted": true, "detail": "It was off."
        })
    );
    assert!(
        bus.stdout(&["events"])
            .contains("2500  2026-11-24 10:10:15 +08:00  gap    at      0 B + unknown")
    );
}

#[test]
fn sources_are_told_one_by_one() {
    let bus = Bus::open();
    let _fake = Fake::start(&bus, full);
    assert_eq!(
        bus.stdout(&["sources"]),
        "\
at: this is what is counted
Path        /dev/ttyUSB2
Fault       none
Modem       Quectel EC20F
IMEI        861111111111111
Counter     AT+QGDCNT?
Shows       received 8.0 MiB, sent 1.0 MiB
Readings    12, now every 10s

netdev: compared with what is counted
Path        wwan0
Fault       missing: the port or interface is not there
            There is no interface wwan0.
Shows       nothing was read yet
Readings    0, now every 10s
"
    );
    let sources = json(&bus.stdout(&["sources", "--json"]));
    assert_eq!(sources["sources"][0]["poll_ms"], 10_000);
    assert_eq!(sources["sources"][1]["fault"], "missing");
    assert_eq!(sources["sources"][1].get("imei"), None);
}

fn reading(rx: u64, tx: u64) -> Dict {
    dict! {
        "rx_bytes" => rx, "tx_bytes" => tx, "home_rx_bytes" => rx, "home_tx_bytes" => tx,
        "roaming_rx_bytes" => 0_u64, "roaming_tx_bytes" => 0_u64, "source" => "at", "as_of" => NOW,
    }
}

/// Two readings at once, one of another watch, and one more while it ends.
fn watched(call: &str) -> Answer {
    match call {
        "Usage1.Watch(65536, 5)" | "Usage1.Watch(1, 60)" => Answer::ThenSignal(
            Box::new(Answer::Number(3)),
            vec![
                Signal::Reading(3, reading(MIB, 1024)),
                Signal::Reading(4, reading(7, 7)),
                Signal::Reading(3, reading(2 * MIB, 1024)),
            ],
        ),
        "Usage1.Unwatch(3)" => Answer::Done,
        other => panic!("not expected: {other}"),
    }
}

fn start(bus: &Bus, words: &[&str]) -> (Child, impl Iterator<Item = String> + use<>) {
    let mut child = bus.ctl(words).stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    (child, lines)
}

fn interrupt(child: &mut Child) -> Option<i32> {
    kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), Unix::SIGINT).unwrap();
    child.wait().unwrap().code()
}

#[test]
fn watch_prints_lines_as_they_come_and_ends_cleanly() {
    let bus = Bus::open();
    let fake = Fake::start(&bus, watched);
    let (mut child, mut lines) = start(&bus, &["watch"]);
    let seen: Vec<_> = lines.by_ref().take(3).collect();
    assert_eq!(
        seen,
        [
            "TIME        RECEIVED                    SENT              SOURCE",
            "10:10:15     1.0 MiB                 1.0 KiB              at",
            "10:10:15     2.0 MiB    +1.0 MiB     1.0 KiB        +0 B  at",
        ]
    );
    assert_eq!(interrupt(&mut child), Some(0));
    assert_eq!(lines.next(), None);
    assert_eq!(fake.heard(), ["Usage1.Watch(65536, 5)", "Usage1.Unwatch(3)"]);
}

#[test]
fn watch_as_json_is_an_object_a_line() {
    let bus = Bus::open();
    let _fake = Fake::start(&bus, watched);
    let (mut child, mut lines) =
        start(&bus, &["--json", "watch", "--accuracy", "1B", "--period", "1m"]);
    let (_, second) = (lines.next().unwrap(), lines.next().unwrap());
    assert_eq!(
        json(&second),
        serde_json::json!({
            "as_of": "2026-11-24T02:10:15Z", "rx_bytes": 2 * MIB, "tx_bytes": 1024,
            "home": {"rx_bytes": 2 * MIB, "tx_bytes": 1024}, "roaming": {"rx_bytes": 0, "tx_bytes": 0},
            "source": "at"
        })
    );
    assert_eq!(interrupt(&mut child), Some(0));
}

#[test]
fn trace_prints_what_is_said_and_what_was_on_its_way() {
    let bus = Bus::open();
    let fake = Fake::start(&bus, |call| match call {
        "Admin1.Trace(1)" => Answer::ThenSignal(
            Box::new(Answer::Done),
            vec![
                Signal::TraceLine("at", "> AT+QGDCNT?"),
                Signal::TraceLine("at", "< \u{1b}[2J+QGDCNT: 1,2"),
            ],
        ),
        "Admin1.Trace(0)" => Answer::Done,
        other => panic!("not expected: {other}"),
    });
    let lines: Vec<_> = bus.stdout(&["trace", "--for", "1s"]).lines().map(str::to_owned).collect();
    assert_eq!(lines.len(), 2);
    assert!(lines[0].ends_with("  at  > AT+QGDCNT?"), "{lines:?}");
    assert!(lines[1].ends_with("  at  < \\u{1b}[2J+QGDCNT: 1,2"), "{lines:?}");
    assert_eq!(fake.heard(), ["Admin1.Trace(1)", "Admin1.Trace(0)"]);
    let text = bus.stdout(&["--json", "trace", "--for", "1s"]);
    let line: serde_json::Value = serde_json::from_str(text.lines().nth(1).unwrap()).unwrap();
    assert_eq!(
        (line["source"].as_str(), line["line"].as_str()),
        (Some("at"), Some("< \u{1b}[2J+QGDCNT: 1,2"))
    );
    assert!(line["elapsed_ms"].is_u64(), "{line}");
    assert_eq!(line["time"].as_str().map(str::len), Some("2026-11-24T02:10:15Z".len()));
}
