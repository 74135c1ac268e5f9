//! The real `posdatactl recharge` without a terminal, on a private bus with a
//! stand-in for the daemon: one order, whatever is lost on the way.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod ctl_fake;
mod ctl_till;

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};

use ctl_fake::{Answer, Bus, Fake, bare_ctl, text};
use ctl_till::{CODE, MIB, Till};
use nix::sys::signal::{Signal as Unix, kill};
use nix::unistd::Pid;

/// It runs; its output is read line by line.
struct Running {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Running {
    fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    fn line(&mut self) -> String {
        self.lines.next().expect("it ended early").unwrap()
    }

    /// The next object: its only key, and what stands under it.
    fn object(&mut self) -> (String, serde_json::Value) {
        let line = self.line();
        let serde_json::Value::Object(object) = serde_json::from_str(&line).unwrap() else {
            panic!("no object: {line}")
        };
        object.into_iter().next_back().unwrap()
    }

    fn lines_up_to(&mut self, begin: &str) -> Vec<String> {
        let mut seen = Vec::new();
        while !seen.last().is_some_and(|line: &String| line.starts_with(begin)) {
            seen.push(self.line());
        }
        seen
    }

    fn interrupt(&self, signal: Unix) {
        kill(Pid::from_raw(i32::try_from(self.child.id()).unwrap()), signal).unwrap();
    }

    /// Its exit status and what it said on standard error.
    fn ended(mut self) -> (Option<i32>, String) {
        let mut stderr = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        (self.child.wait().unwrap().code(), stderr)
    }
}

const BUY: [&str; 5] = ["recharge", "M30", "--yes", "--request-id", "desk-1"];

#[test]
fn programs_follow_it_line_by_line() {
    let (bus, till) = (Bus::open(), Till::default());
    let fake = till.serve(&bus);
    let mut running = Running::start(bus.ctl(&[&["--json"][..], &BUY].concat()));
    let begun: serde_json::Value = serde_json::from_str(&running.line()).unwrap();
    assert_eq!((&begun["request_id"], &begun["quote"]["total"]), (&"desk-1".into(), &503.into()));
    assert_eq!(
        running.object(),
        (
            "placed".into(),
            serde_json::json!({"id": "K-1", "request_id": "desk-1", "resumed": false})
        )
    );
    let (_, topup) = running.object();
    assert_eq!(
        (&topup["state"], &topup["payment_code"]),
        (&"awaiting_payment".into(), &CODE.into())
    );
    till.moves_on(&fake, "processing");
    let (_, topup) = running.object();
    assert_eq!((&topup["state"], topup.get("payment_code")), (&"processing".into(), None));
    till.moves_on(&fake, "completed");
    assert_eq!(running.object().1["state"], "completed");
    assert_eq!(
        running.object(),
        (
            "balance".into(),
            serde_json::json!({"remaining_bytes": 51 * MIB, "granted_bytes": 60 * MIB})
        )
    );
    assert_eq!(running.ended(), (Some(0), String::new()));
    assert_eq!(
        fake.heard()[..3],
        [
            "Recharge1.GetTopUp(desk-1)",
            "Recharge1.Quote(M30, {})",
            "Recharge1.Recharge(desk-1, Q-1, {})"
        ]
    );
}

#[test]
fn piped_it_is_plain_text() {
    let (bus, till) = (Bus::open(), Till::default());
    let fake = till.serve(&bus);
    let mut running = Running::start(bus.ctl(&BUY));
    let seen = running.lines_up_to("Code");
    assert_eq!(
        seen[5..],
        [
            "Price       CNY 5.00",
            "Fee         CNY 0.03",
            "Total       CNY 5.03",
            "Holds until 2100-01-01 08:00:00 +08:00",
            "Quote       Q-1",
            "Request id  desk-1",
            "Order       K-1",
            "Pay         CNY 5.03 by alipay, until 2100-01-01 08:00:00 +08:00",
            &format!("Code        {CODE}"),
        ]
    );
    till.moves_on(&fake, "completed");
    assert_eq!(
        [running.line(), running.line(), running.line()],
        [
            "State       completed: paid and credited",
            "Credited    30.0 MiB",
            "Remaining   51.0 MiB of 60.0 MiB"
        ]
    );
    assert_eq!(running.ended(), (Some(0), String::new()));
}

#[test]
fn a_request_id_is_made_and_shown_before_anything_is_sent() {
    let (bus, till) = (Bus::open(), Till::default());
    let fake = till.serve(&bus);
    let shown = bus.stdout(&["recharge", "M30", "--yes", "--no-wait"]);
    let request_id = till.request_id().unwrap();
    assert_eq!(request_id.len(), 36);
    let (quoted, placed) = shown.split_once(&format!("Request id  {request_id}\n")).unwrap();
    assert!(quoted.contains("Total       CNY 5.03\n"), "{quoted}");
    assert_eq!(placed, "Order       K-1\nIt goes on by itself: posdatactl topups K-1\n");
    assert_eq!(fake.heard().len(), 2, "a quote and the order");
}

#[test]
fn without_a_terminal_no_one_is_asked_and_nothing_bought() {
    let (bus, till) = (Bus::open(), Till::default());
    let fake = till.serve(&bus);
    let output = bus.run(&["recharge", "M30"]);
    assert_eq!(
        text(&output.stderr),
        "posdatactl: no one can be asked whether to buy: give --yes, or run it on a terminal without --json\n  \
         what to do: posdatactl --help\n"
    );
    assert_eq!(output.status.code(), Some(64));
    assert_eq!(fake.heard(), [""; 0]);
}

#[test]
fn every_end_has_its_status_and_its_next_step() {
    for (state, more, status, name, message, next) in [
        (
            "failed",
            Some(("reason", "payment_expired")),
            10,
            "OrderFailed",
            "the order failed: payment_expired",
            "pay in time",
        ),
        (
            "failed",
            Some(("reason", "payment_refused")),
            10,
            "OrderFailed",
            "payment_refused",
            "another --channel",
        ),
        ("failed", Some(("reason", "expired")), 10, "OrderFailed", "expired", "posdatactl sync"),
        (
            "failed",
            Some(("reference", "R-7")),
            10,
            "OrderFailed",
            "the order failed",
            "naming the reference R-7",
        ),
        (
            "cancelled",
            Some(("reason", "by_customer")),
            11,
            "OrderCancelled",
            "was cancelled: by_customer",
            "nothing is charged",
        ),
        ("reversed", None, 12, "OrderReversed", "has taken the data back", "naming K-1"),
    ] {
        let (bus, till) = (Bus::open(), Till::default());
        till.has("desk-1", state);
        if let Some((key, value)) = more {
            till.knows(key, value);
        }
        let fake = till.serve(&bus);
        let output = bus.run(&["--json", "recharge", "M30", "--request-id", "desk-1"]);
        let error: serde_json::Value = serde_json::from_slice(&output.stderr).unwrap();
        let error = &error["error"];
        assert_eq!(output.status.code(), Some(status), "{state}");
        assert_eq!(error["name"], format!("posdatactl.{name}"));
        assert!(error["message"].as_str().unwrap().contains(message), "{error}");
        assert!(error["hint"].as_str().unwrap().contains(next), "{error}");
        assert!(fake.heard().iter().all(|call| call.starts_with("Recharge1.GetTopUp(")));
    }
}

#[test]
fn what_only_a_person_can_settle_is_not_waited_for() {
    let (bus, till) = (Bus::open(), Till::default());
    till.has("desk-1", "unknown");
    till.knows("needs_person", true);
    let _fake = till.serve(&bus);
    let output = bus.run(&["recharge", "M30", "--request-id", "desk-1"]);
    assert_eq!(output.status.code(), Some(13));
    assert!(text(&output.stderr).contains("do not buy anew before"));
}

#[test]
fn the_same_request_id_again_goes_on_with_the_same_order() {
    let (bus, till) = (Bus::open(), Till::default());
    let fake = till.serve(&bus);
    let mut first = Running::start(bus.ctl(&BUY));
    first.lines_up_to("Code");
    first.interrupt(Unix::SIGTERM);
    let (status, stderr) = first.ended();
    assert_eq!(status, Some(14));
    assert_eq!(
        stderr,
        "posdatactl: no longer waited for; the order stays as it is and goes on by itself\n  \
         what to do: posdatactl topups K-1 shows it; posdatactl recharge M30 --request-id desk-1 \
         waits for it again; posdatactl cancel K-1 ends it\n"
    );
    fake.heard();
    let mut again = Running::start(bus.ctl(&["recharge", "M30", "--request-id", "desk-1"]));
    assert_eq!(
        again.lines_up_to("Code")[0],
        "Order       K-1 (placed before: nothing is bought twice)"
    );
    till.moves_on(&fake, "completed");
    assert_eq!(again.ended().0, Some(0));
    assert!(fake.heard().iter().all(|call| !call.starts_with("Recharge1.Recharge(")));
}

#[test]
fn a_request_id_of_another_purchase_is_refused() {
    let (bus, till) = (Bus::open(), Till::default());
    till.has("desk-1", "completed");
    let fake = till.serve(&bus);
    for words in [
        &["recharge", "M99", "--yes", "--request-id", "desk-1"][..],
        &["recharge", "M30", "--yes", "--request-id", "desk-1", "--channel", "wechat_pay"],
        // The id that the daemon gave is not the caller's own.
        &["recharge", "M30", "--yes", "--request-id", "K-1"],
    ] {
        let output = bus.run(words);
        assert_eq!(output.status.code(), Some(65), "{words:?}");
        assert!(
            text(&output.stderr).contains("names another purchase already: M30, paid by alipay")
        );
    }
    assert!(fake.heard().iter().all(|call| call.starts_with("Recharge1.GetTopUp(")));
}

#[test]
fn an_answer_that_is_lost_is_asked_for_again() {
    let (bus, till) = (Bus::open(), Till::default());
    till.lose_an_answer();
    let first = till.serve(&bus);
    let mut running = Running::start(bus.ctl(&BUY));
    let recharge = "Recharge1.Recharge(desk-1, Q-1, {})";
    while first.calls.recv().unwrap() != recharge {}
    drop(first);
    let second = till.serve(&bus);
    running.lines_up_to("Code");
    assert_eq!(second.heard()[0], recharge);
    till.moves_on(&second, "completed");
    assert_eq!(running.ended(), (Some(0), String::new()));
}

#[test]
fn a_daemon_that_is_restarted_is_waited_for() {
    let (bus, till) = (Bus::open(), Till::default());
    let first = till.serve(&bus);
    let mut running = Running::start(bus.ctl(&BUY));
    running.lines_up_to("Code");
    drop(first);
    till.moves_on_quietly("completed");
    let _second = till.serve(&bus);
    assert_eq!(running.lines_up_to("Remaining").len(), 3, "and the code is shown once");
    assert_eq!(running.ended(), (Some(0), String::new()));
}

#[test]
fn a_bus_that_is_restarted_is_waited_for() {
    let (mut bus, till) = (Bus::open(), Till::default());
    let first = till.serve(&bus);
    let mut command = bare_ctl();
    command.args(["--bus-address", bus.place()]).args(BUY);
    let mut running = Running::start(command);
    running.lines_up_to("Code");
    drop(first);
    bus.kill();
    till.moves_on_quietly("completed");
    bus.start_again();
    let _second = till.serve(&bus);
    running.lines_up_to("Remaining");
    assert_eq!(running.ended(), (Some(0), String::new()));
}

#[test]
fn interrupted_before_the_answer_it_says_how_to_find_out() {
    let (bus, till) = (Bus::open(), Till::default());
    till.lose_an_answer();
    let fake = till.serve(&bus);
    let running = Running::start(bus.ctl(&BUY));
    while fake.calls.recv().unwrap() != "Recharge1.Recharge(desk-1, Q-1, {})" {}
    running.interrupt(Unix::SIGINT);
    let (status, stderr) = running.ended();
    assert_eq!(status, Some(14));
    assert_eq!(
        stderr,
        "posdatactl: interrupted; it is not known whether the order was placed\n  what to do: \
         posdatactl recharge M30 --request-id desk-1 goes on with it, and buys nothing twice\n"
    );
}

#[test]
fn what_is_refused_is_not_tried_again() {
    let bus = Bus::open();
    let till = Till::default();
    let selling = till.clone();
    let fake = Fake::start(&bus, move |call| match call {
        call if call.starts_with("Recharge1.Recharge(") => {
            Answer::Error("org.posdata.Error.QuoteExpired", "the quote's time is over")
        }
        other => selling.answer(other),
    });
    let output = bus.run(&BUY);
    assert_eq!(output.status.code(), Some(65));
    assert_eq!(
        text(&output.stderr),
        "posdatactl: the quote's time is over (org.posdata.Error.QuoteExpired)\n  \
         what to do: nothing was ordered; run posdatactl recharge again for a new quote\n"
    );
    assert_eq!(
        fake.heard().iter().filter(|call| call.starts_with("Recharge1.Recharge(")).count(),
        1
    );
}

#[test]
fn an_output_that_no_one_reads_does_not_look_like_a_purchase() {
    let (bus, till) = (Bus::open(), Till::default());
    let fake = till.serve(&bus);
    let unread = || {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        writer
    };
    let output = bus.ctl(&BUY).stdout(unread()).stderr(Stdio::piped()).output().unwrap();
    assert_eq!(output.status.code(), Some(15));
    assert!(text(&output.stderr).ends_with("nothing was ordered\n"));
    assert_eq!(till.request_id(), None);
    // One that was placed before stays an order.
    till.has("desk-1", "awaiting_payment");
    let output = bus.ctl(&BUY).stdout(unread()).stderr(Stdio::piped()).output().unwrap();
    assert_eq!(output.status.code(), Some(14));
    assert!(text(&output.stderr).contains("the order stays as it is"));
    drop(fake);
}
