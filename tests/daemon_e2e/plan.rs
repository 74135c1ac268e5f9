//! The plan: what is left falls by what is counted, and people are told once.

use std::collections::BTreeMap;
use std::time::Duration;

use posdata_testkit::Sim;
use zbus::{OwnedVariant, Variant};

use crate::AT_ONCE;
use crate::support::client::{Record, Signals};
use crate::support::side_by_side::{run, scenario};
use crate::support::terminal::Terminal;
use crate::support::wait::until;

const MIB: u64 = 1 << 20;

#[test]
fn a_plan_is_drawn_down_and_people_are_told_once() {
    run(AT_ONCE, vec![scenario("plan and alerts", alerts), scenario("plan later", later)]);
}

#[test]
fn buckets_show_a_changed_allowance() {
    run(AT_ONCE, vec![scenario("plan buckets", buckets_add_up)]);
}

/// The alerts that have come: kind and threshold.
fn told(signals: &mut Signals<'_>) -> Vec<(String, Option<u32>)> {
    let messages = signals.all_until_quiet(Duration::from_millis(1_500));
    let told = messages.iter().map(|message| {
        let body = message.body();
        let (kind, details): (String, BTreeMap<String, OwnedVariant>) = body.deserialize().unwrap();
        let threshold = details.get("threshold").map(|value| match &**value {
            Variant::U32(threshold) => *threshold,
            other => panic!("threshold is {other:?}"),
        });
        assert!(details.contains_key("text") && details.contains_key("level"));
        (kind, threshold)
    });
    told.collect()
}

fn balance(terminal: &Terminal) -> Record {
    terminal.client.balance().expect("posdatad answers")
}

/// Granted, consumed and what is left add up, and are what was counted.
fn assert_drawn(terminal: &Terminal, allowance: u64) {
    let counted = terminal.settle().total();
    let balance = balance(terminal);
    assert_eq!(balance.number("GrantedBytes"), Some(allowance));
    assert_eq!(balance.number("ConsumedBytes"), Some(counted.min(allowance)));
    assert_eq!(balance.number("RemainingBytes"), Some(allowance.saturating_sub(counted)));
    assert_eq!(balance.number("OverdraftBytes"), Some(counted.saturating_sub(allowance)));
}

fn alerts() {
    let mut terminal = Terminal::with(Sim::builder());
    terminal.settings.text("plan.allowance", "1 MiB").text("plan.cycle", "monthly:1");
    // Far from any end of a month.
    terminal.settings.raw("alert.expiry_days", "[]");
    terminal.sim.apply("clock 2027-03-10T12:00:00Z").unwrap();
    let listener = crate::support::client::Client::on(&terminal.address());
    let mut signals = listener.signals("Alert");
    terminal.begin();
    until("the plan's bucket", || balance(&terminal).number("GrantedBytes"));
    assert_eq!(balance(&terminal).text("Status").as_deref(), Some("ok"));
    assert!(balance(&terminal).number("ExpiresAt").is_some());
    assert_drawn(&terminal, MIB);

    terminal.sim.apply("traffic tx 100_000 rx 300_001").unwrap();
    assert_drawn(&terminal, MIB);
    assert_eq!(told(&mut signals), []);

    terminal.sim.apply("traffic tx 1 rx 150_000").unwrap();
    assert_drawn(&terminal, MIB);
    let fifty = told(&mut signals);
    assert_eq!(fifty.len(), 1, "{fifty:?}");
    assert_eq!(fifty[0].1, Some(50));
    assert_eq!(terminal.times_said("threshold").max(terminal.times_said("50 %")), 1);

    // Neither a restart nor more of the same says it again.
    assert_eq!(terminal.stop(), 0);
    terminal.start();
    terminal.sim.apply("traffic tx 5 rx 5").unwrap();
    assert_drawn(&terminal, MIB);
    terminal.kill();
    terminal.start();
    terminal.sim.apply("traffic tx 5 rx 5").unwrap();
    assert_drawn(&terminal, MIB);
    assert_eq!(told(&mut signals), []);

    // Over the end in one step: the furthest threshold, and the overdraft.
    terminal.sim.apply("traffic tx 200_000 rx 700_000").unwrap();
    assert_drawn(&terminal, MIB);
    assert_eq!(balance(&terminal).text("Status").as_deref(), Some("depleted"));
    let mut over = told(&mut signals);
    over.sort();
    assert_eq!(over.len(), 2, "{over:?}");
    assert!(over.iter().any(|(_, threshold)| *threshold == Some(100)), "{over:?}");
    assert!(over.iter().any(|(kind, _)| kind == "overdraft"), "{over:?}");
    terminal.sim.apply("traffic tx 1_000 rx 50_000").unwrap();
    assert_drawn(&terminal, MIB);
    assert_eq!(told(&mut signals), [], "the overdraft is told once");

    // More is granted: the overdraft is absorbed, and the thresholds are armed.
    terminal.settings.text("plan.allowance", "4 MiB");
    terminal.reload();
    until("the new allowance", || {
        (balance(&terminal).number("GrantedBytes") == Some(4 * MIB)).then_some(())
    });
    assert_drawn(&terminal, 4 * MIB);
    assert_eq!(balance(&terminal).text("Status").as_deref(), Some("ok"));
    assert_eq!(told(&mut signals), []);
    terminal.sim.apply("traffic tx 100_000 rx 900_000").unwrap();
    assert_drawn(&terminal, 4 * MIB);
    let again = told(&mut signals);
    assert_eq!(again.len(), 1, "{again:?}");
    assert_eq!(again[0].1, Some(50));

    assert_eq!(terminal.times_said("ledger_fault"), 0);
    assert_eq!(terminal.stop(), 0);
}

/// What the buckets show is what the balance shows, also when the allowance was
/// changed in the middle of a cycle.
fn buckets_add_up() {
    let mut terminal = Terminal::with(Sim::builder());
    terminal.settings.text("plan.allowance", "1 MiB").text("plan.cycle", "monthly:1");
    terminal.begin();
    terminal.sim.apply("traffic tx 1_000 rx 90_000").unwrap();
    for allowance in [MIB, 4 * MIB, 2 * MIB] {
        terminal.settings.text("plan.allowance", &format!("{allowance} B"));
        terminal.reload();
        until("the allowance", || {
            (balance(&terminal).number("GrantedBytes") == Some(allowance)).then_some(())
        });
        assert_drawn(&terminal, allowance);
        let buckets = terminal.client.buckets();
        let sum = |key| buckets.iter().map(|bucket| bucket.number(key).unwrap()).sum::<u64>();
        assert_eq!(sum("consumed_bytes"), 91_000);
        assert_eq!(sum("remaining_bytes"), allowance - 91_000);
        assert_eq!(sum("granted_bytes"), allowance, "granted, as the buckets show it");
    }
    assert_eq!(terminal.stop(), 0);
}

/// A plan that begins when the terminal has counted for a while.
fn later() {
    let mut terminal = Terminal::with(Sim::builder());
    terminal.begin();
    terminal.sim.apply("traffic tx 1_000 rx 9_000").unwrap();
    terminal.settle();
    assert_eq!(balance(&terminal).number("RemainingBytes"), None, "no plan, no balance");
    assert_eq!(balance(&terminal).text("Status").as_deref(), Some("unknown"));
    terminal.settings.text("plan.allowance", "1 MiB").text("plan.cycle", "never");
    terminal.reload();
    let left = until("a balance", || balance(&terminal).number("RemainingBytes"));
    terminal.sim.apply("traffic tx 3 rx 70_000").unwrap();
    terminal.settle();
    assert_eq!(balance(&terminal).number("RemainingBytes"), Some(left - 70_003));
    assert_eq!(balance(&terminal).number("ExpiresAt"), None);
    assert_eq!(terminal.stop(), 0);
}
