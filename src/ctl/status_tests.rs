//! Tests of the screen of `status`.

use super::super::screen::tests::screen;
use super::*;

fn instant(text: &str) -> Option<Instant> {
    text.parse().ok().map(Instant)
}

fn low() -> Status {
    Status {
        usage: Usage {
            rx_bytes: Some(25 << 20),
            tx_bytes: Some(3 << 20),
            source: Some("qmi".into()),
            is_roaming: Some(true),
            as_of: instant("2026-11-24T02:10:15Z"),
            ..Usage::default()
        },
        balance: Balance {
            status: Some("low".into()),
            remaining_bytes: Some(2 << 20),
            granted_bytes: Some(30 << 20),
            expires_at: instant("2026-11-25T16:00:00Z"),
            as_of: instant("2026-11-24T02:10:15Z"),
            days_left: Some(1),
            iccid: Some("8986001234567890123".into()),
            ..Balance::default()
        },
        store: Store {
            state: Some("ok".into()),
            detail: Some(String::new()),
            unsaved_bytes: Some(0),
        },
        ..Status::default()
    }
}

#[test]
fn on_80_columns_there_is_a_bar() {
    assert_eq!(
        text(&low(), &screen(Some(80))),
        "\
Status      low
Remaining   2.0 MiB of 30.0 MiB
            ███▎░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░ 6 %
Valid until 2026-11-26 00:00 +08:00 (in 37 hours)
Lasts       1 day
SIM         8986001234567890123
Source      qmi, roaming
Counted     received 25.0 MiB, sent 3.0 MiB in all with this SIM
As of       2026-11-24 10:10:15 +08:00
Store       ok
"
    );
}

#[test]
fn on_40_columns_it_fits() {
    let shown = text(&low(), &screen(Some(40)));
    assert!(shown.contains("            █▍░░░░░░░░░░░░░░░░░░░ 6 %\n"), "{shown}");
    for line in shown.lines() {
        assert!(super::super::layout::width(line) <= 40, "{line}");
    }
}

#[test]
fn what_nobody_has_told_is_not_a_number() {
    let shown = text(&Status::default(), &screen(Some(80)));
    for line in [
        "Status      unknown: there is nothing yet to judge by",
        "SIM         unknown",
        "Store       unknown",
    ] {
        assert!(shown.contains(line), "{shown}");
    }
    assert!(!shown.contains("0 B"), "{shown}");
}

#[test]
fn what_is_not_saved_is_said_first() {
    for (state, first) in [
        ("memory", "!! NOT SAVING: what is counted is lost"),
        ("retrying", "!! NOT SAVING: writing"),
    ] {
        let store = Store {
            state: Some(state.into()),
            detail: Some("Read-only.".into()),
            unsaved_bytes: Some(5),
        };
        let shown = text(&Status { store, ..low() }, &screen(Some(80)));
        assert!(shown.starts_with(first), "{shown}");
        assert!(
            shown.ends_with(&format!(
                "Store       {state}, 5 B not saved yet\n            Read-only.\n"
            )),
            "{shown}"
        );
    }
}

#[test]
fn a_stop_an_overdraft_and_the_operators_figure_are_told() {
    let balance = Balance {
        status: Some("suspended".into()),
        stop_reason: Some("The operator has stopped the card.".into()),
        overdraft_bytes: Some(1 << 20),
        reconciled_at: instant("2026-11-23T00:00:00Z"),
        drift_bytes: Some(-2048),
        ..low().balance
    };
    let shown = text(&Status { balance, ..low() }, &screen(None));
    for line in [
        "Status      suspended: the operator has stopped the service",
        "Reason      The operator has stopped the card.",
        "Overdraft   1.0 MiB used beyond what was granted",
        "Operator    figure of 2026-11-23 08:00 +08:00, 2.0 KiB less than counted here",
    ] {
        assert!(shown.contains(line), "{shown}");
    }
}

#[test]
fn buckets_are_listed_where_there_are_several() {
    let bucket = Bucket {
        id: Some(1),
        kind: Some("plan".into()),
        status: Some("active".into()),
        remaining_bytes: Some(1 << 20),
        granted_bytes: Some(2 << 20),
        expires_at: instant("2026-11-30T16:00:00Z"),
        ..Bucket::default()
    };
    let top_up =
        Bucket { id: Some(2), kind: Some("top_up".into()), expires_at: None, ..bucket.clone() };
    let shown = text(&Status { buckets: vec![bucket, top_up], ..low() }, &screen(None));
    assert!(
        shown.ends_with(
            "\
Buckets, in the order in which they are used
            1: plan, active, 1.0 MiB of 2.0 MiB, until 2026-12-01 00:00 +08:00
            2: top_up, active, 1.0 MiB of 2.0 MiB, never ends
"
        ),
        "{shown}"
    );
}

#[test]
fn an_end_that_has_passed_is_over() {
    let now = instant("2026-11-24T00:00:00Z").unwrap();
    for (at, shown) in [
        ("2026-11-23T23:59:59Z", " (it is over)"),
        ("2026-11-20T00:00:00Z", " (it is over)"),
        ("2026-11-24T00:59:59Z", " (in less than an hour)"),
        ("2026-11-24T01:00:00Z", " (in 1 hour)"),
        ("2026-11-26T00:00:00Z", " (in 2 days)"),
    ] {
        assert_eq!(until(now, instant(at).unwrap()), shown, "{at}");
    }
}
