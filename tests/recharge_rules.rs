//! What becomes of orders and of what the backend tells, rule by rule, in the same
//! world as the crashes.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod recharge_world;

use posdatad::domain::engine::{Denied, Granted, Wish};
use posdatad::domain::errand::Silence;
use posdatad::domain::event::EventKind;
use posdatad::domain::orders::Order;
use posdatad::domain::topup::State;
use recharge_world::{Fate, Loss, World};
use serde_json::json;

const BYTES: u64 = 31_457_280;

fn key(n: u32) -> String {
    format!("00000000-0000-4000-8000-{n:012}")
}

fn quote(world: &mut World) -> String {
    let wish = Wish::Quote { offer_id: "main-30".into(), channel: None, activation: None };
    match world.wish(&wish, 5) {
        Some(Ok(Granted::Quote(quote))) => quote.id.clone(),
        other => panic!("{other:?}"),
    }
}

fn place(world: &mut World, n: u32, quote_id: &str) -> Result<Granted, Denied> {
    let (request_id, quote_id) = (format!("r-{n}"), quote_id.to_owned());
    world.wish(&Wish::Recharge { request_id, quote_id, key: key(n) }, 5).unwrap()
}

fn synced() -> World {
    let mut world = World::new(Fate::default());
    assert!(matches!(world.wish(&Wish::Sync, 5), Some(Ok(Granted::Synced(_)))));
    world
}

fn order(world: &mut World, n: u32) -> Order {
    match world.wish(&Wish::TopUp { id: format!("r-{n}") }, 5) {
        Some(Ok(Granted::TopUp(order))) => *order,
        other => panic!("{other:?}"),
    }
}

fn ended(n: u32) -> impl Fn(&mut World) -> bool {
    move |world| !order(world, n).is_open()
}

#[test]
fn nothing_is_sold_before_the_backend_was_heard() {
    let mut world = World::new(Fate::default());
    world.network = false;
    let quote = Wish::Quote { offer_id: "main-30".into(), channel: None, activation: None };
    let silent = world.wish(&quote, 1).unwrap().unwrap_err();
    assert!(matches!(silent, Denied::Silent { why: Silence::NoRoute, .. }), "{silent}");
    let refused = place(&mut world, 1, "Q-1").unwrap_err();
    assert_eq!(refused, Denied::NotSynced);
    assert!(refused.to_string().contains("posdatactl sync"));
}

#[test]
fn the_qr_code_is_there_while_it_waits_and_the_credit_a_moment_after_the_payment() {
    let mut world = synced();
    world.backend.pays_at_once = false;
    let quote = quote(&mut world);
    place(&mut world, 1, &quote).unwrap();
    world.run(60, |world| order(world, 1).payment.is_some());
    let waiting = order(&mut world, 1);
    assert_eq!(waiting.topup.state(), State::AwaitingPayment);
    assert_eq!(waiting.payment.unwrap().code, "pay:T-1");
    let (exchanges, before_ms) = (world.exchanges, world.boot_ms);
    world.run(250, |_| false);
    let polls = world.exchanges - exchanges;
    assert!((8..=12).contains(&polls), "{polls} long polls in 250 s");
    let (now_s, key) = (world.now_s(), world.backend.key_of_last());
    world.backend.pay(&key, now_s);
    let paid_ms = world.boot_ms;
    world.run(30, ended(1));
    assert!(world.boot_ms - paid_ms <= 2_000, "{} ms", world.boot_ms - paid_ms);
    assert!(before_ms < paid_ms);
    assert_eq!((order(&mut world, 1).topup.state(), world.granted()), (State::Completed, BYTES));
    let states: Vec<&str> = world.changes.iter().map(|(_, state)| *state).collect();
    assert_eq!(states, ["created", "submitted", "awaiting_payment", "completed"]);
}

#[test]
fn a_payment_that_nobody_waits_for_any_more_costs_little_data() {
    let mut world = synced();
    world.backend.pays_at_once = false;
    let quote = quote(&mut world);
    place(&mut world, 1, &quote).unwrap();
    world.run(1_300, |_| false);
    let exchanges = world.exchanges;
    world.run(86_400, |_| false);
    let (a_day, now_s) = (world.exchanges - exchanges, world.now_s());
    assert!((80..=110).contains(&a_day), "one sync in 15 minutes: {a_day}");
    let key = world.backend.key_of_last();
    world.backend.pay(&key, now_s);
    world.run(1_000, ended(1));
    assert_eq!(order(&mut world, 1).topup.state(), State::Completed);
}

#[test]
fn two_weeks_without_a_network_end_in_minutes() {
    let mut world = synced();
    let quotes: Vec<String> = (0..3).map(|_| quote(&mut world)).collect();
    // One is sent, and its answer is lost as the network goes.
    world.fate.exchange = Some((world.exchanges + 1, Loss::Before));
    place(&mut world, 1, &quotes[0]).unwrap();
    world.run(60, |world| order(world, 1).topup.is_sent());
    world.network = false;
    assert_eq!(order(&mut world, 1).topup.state(), State::Unknown);
    // One is never sent, and too late.
    place(&mut world, 2, &quotes[1]).unwrap();
    let at_ms = world.boot_ms;
    world.run(700, ended(2));
    assert!(world.boot_ms - at_ms <= 601_000, "{}", world.boot_ms - at_ms);
    let late = order(&mut world, 2);
    assert_eq!((late.topup.state(), late.topup.reason()), (State::Failed, Some("expired")));
    let exchanges = world.exchanges;
    for _ in 0..14 * 24 {
        world.run(3_600, |_| false);
    }
    let attempts = world.exchanges - exchanges;
    assert!(attempts > 1_000, "it is tried again and again: {attempts}");
    // One is placed a moment before the network is back: on an old quote it is not.
    let expired = place(&mut world, 3, &quotes[2]).unwrap_err();
    assert!(expired.to_string().contains("has expired"), "{expired}");
    world.network = true;
    let fresh = quote(&mut world);
    world.network = false;
    place(&mut world, 3, &fresh).unwrap();
    world.run(300, |_| false);
    world.network = true;
    let (back_ms, bytes) = (world.boot_ms, world.bytes);
    world.run(900, |world| !order(world, 1).is_open() && !order(world, 3).is_open());
    assert!(world.boot_ms - back_ms < 300_000, "{} ms", world.boot_ms - back_ms);
    let bytes = world.bytes - bytes;
    assert!(bytes < 6_000, "{bytes} bytes of requests and answers");
    let unknown = order(&mut world, 1);
    assert_eq!((unknown.topup.state(), unknown.topup.reason()), (State::Failed, Some("expired")));
    assert_eq!(order(&mut world, 3).topup.state(), State::Completed);
    assert_eq!(world.backend.charges.len(), 1);
    // Whenever the lost one comes to the backend after all, nothing is charged.
    assert_eq!(world.backend.placed(), 1);
}

#[test]
fn an_order_that_was_not_sent_is_cancelled_here_and_one_that_was_by_the_backend() {
    let mut world = synced();
    let quotes: Vec<String> = (0..3).map(|_| quote(&mut world)).collect();
    world.network = false;
    place(&mut world, 1, &quotes[0]).unwrap();
    let cancel = |n: u32| Wish::Cancel { id: format!("r-{n}") };
    let at_once = world.wish(&cancel(1), 5).unwrap().unwrap();
    assert_eq!(at_once, Granted::Stands(State::Cancelled));
    assert_eq!(world.wish(&cancel(1), 5).unwrap().unwrap(), at_once, "asking again is free");
    world.network = true;
    world.backend.pays_at_once = false;
    place(&mut world, 2, &quotes[1]).unwrap();
    world.run(60, |world| order(world, 2).payment.is_some());
    let asked = world.wish(&cancel(2), 5).unwrap().unwrap();
    assert_eq!(asked, Granted::Stands(State::AwaitingPayment));
    world.run(60, ended(2));
    assert_eq!(order(&mut world, 2).topup.state(), State::Cancelled);
    // A payment that was first wins.
    place(&mut world, 3, &quotes[2]).unwrap();
    world.run(60, |world| order(world, 3).payment.is_some());
    let (now_s, last) = (world.now_s(), world.backend.key_of_last());
    world.backend.pay(&last, now_s);
    let _ = world.wish(&cancel(3), 5).unwrap();
    world.run(60, ended(3));
    assert_eq!(order(&mut world, 3).topup.state(), State::Completed);
    let refused = world.wish(&cancel(3), 5).unwrap().unwrap_err();
    assert!(refused.to_string().contains("completed already"), "{refused}");
    assert_eq!(world.backend.charges.len(), 1);
}

#[test]
fn a_refusal_ends_an_order_by_its_name() {
    let mut world = synced();
    world.backend.refuses = Some(("terminal_mismatch", 409));
    let quote = quote(&mut world);
    place(&mut world, 1, &quote).unwrap();
    world.run(60, ended(1));
    let refused = order(&mut world, 1);
    assert_eq!(refused.topup.state(), State::Failed);
    assert_eq!(refused.topup.reason(), Some("terminal_mismatch"));
}

#[test]
fn a_key_that_the_backend_forgot_is_handed_to_a_person() {
    let mut world = synced();
    let quote = quote(&mut world);
    world.fate.exchange = Some((world.exchanges + 1, Loss::After));
    world.backend.keys_forgotten = true;
    place(&mut world, 1, &quote).unwrap();
    world.run(900, |world| order(world, 1).forgotten);
    let left = order(&mut world, 1);
    assert_eq!((left.topup.state(), left.forgotten), (State::Unknown, true));
    let said = world.told(EventKind::TopUp).last().unwrap().to_string();
    assert!(said.contains("a person has to settle it"), "{said}");
    let exchanges = world.exchanges;
    world.run(3_600, |_| false);
    assert!(world.exchanges - exchanges <= 1, "it is asked no more");
}

#[test]
fn what_was_bought_elsewhere_arrives_with_the_next_sync_and_counts_once() {
    let mut world = synced();
    let now_s = world.now_s();
    world.backend.elsewhere(1_000, now_s);
    world.run(90_000, |world| world.granted() == 1_000);
    assert_eq!(world.granted(), 1_000);
    let events = world.backend.events.clone();
    // The backend is restored from a backup: it tells all of it again.
    world.backend.stream = "b".into();
    assert!(matches!(world.wish(&Wish::Sync, 5), Some(Ok(Granted::Synced(_)))));
    assert_eq!((world.granted(), world.backend.events.clone()), (1_000, events));
    assert!(world.told(EventKind::BackendFault)[0].contains("another numbering"));
}

#[test]
fn events_wait_for_the_one_that_is_missing() {
    let mut world = synced();
    let now_s = world.now_s();
    world.backend.elsewhere(1, now_s);
    world.backend.elsewhere(10, now_s);
    world.backend.elsewhere(100, now_s);
    let second = world.backend.events.remove(1);
    let _ = world.wish(&Wish::Sync, 5).unwrap();
    assert_eq!(world.granted(), 1);
    assert!(world.told(EventKind::BackendFault)[0].contains("event 2 of the backend is missing"));
    world.backend.events.insert(1, second);
    world.run(120, |world| world.granted() == 111);
    assert_eq!(world.granted(), 111, "it is asked for again in a minute");
}

#[test]
fn one_id_with_two_amounts_is_refused_and_the_rest_goes_on() {
    let mut world = synced();
    let now_s = world.now_s();
    world.backend.elsewhere(1_000, now_s);
    let mut richer = world.backend.events[0]["topup"].clone();
    richer["bytes"] = json!(2_000);
    world.backend.tell(richer);
    world.backend.events.push(json!({"seq": 3, "kind": "topup", "topup": {"id": 7}}));
    world.backend.events.push(json!({"seq": 4, "kind": "loyalty_points", "points": 5}));
    world.backend.elsewhere(10, now_s);
    world.backend.events[4]["seq"] = json!(5);
    let synced = world.wish(&Wish::Sync, 5).unwrap().unwrap();
    assert_eq!((synced, world.granted()), (Granted::Synced(5), 1_010));
    let said = world.told(EventKind::BackendFault).join("\n");
    assert!(said.contains("it was 1000 bytes, and now 2000"), "{said}");
    assert!(said.contains("event 3 of the backend is not of the contract"), "{said}");
}

#[test]
fn the_operators_stop_is_shown_with_its_reason() {
    let mut world = synced();
    let now_s = world.now_s();
    let at = jiff::Timestamp::from_second(now_s).unwrap().to_string();
    let stop = json!({"iccid": recharge_world::ICCID, "state": "over_quota", "at": at});
    world.backend.events.push(json!({"seq": 1, "kind": "service", "service": stop}));
    let _ = world.wish(&Wish::Sync, 5).unwrap().unwrap();
    let view = world.snapshot().balance.clone();
    assert_eq!((view.status, view.stop_reason.as_str()), ("suspended", "over_quota"));
    world.cut();
    world.run(1, |_| true);
    assert_eq!(world.snapshot().balance.status, "suspended", "after a restart too");
}

#[test]
fn a_terminal_whose_clock_says_1970_is_told_the_time() {
    let mut world = World::new(Fate::default());
    (world.started_s, world.knows_time) = (0, false);
    world.backend.offset_s = recharge_world::START_S;
    let _ = world.wish(&Wish::Sync, 5).unwrap().unwrap();
    assert_eq!(world.told(EventKind::TimeTrusted).len(), 1);
    let as_of = world.snapshot().balance.as_of.unwrap();
    assert!((as_of - recharge_world::START_S).abs() < 60, "{as_of}");
}

fn figure(world: &mut World, remaining: u64, shared: bool) {
    let at = jiff::Timestamp::from_second(world.now_s()).unwrap().to_string();
    world.backend.balance = Some(json!({
        "iccid": recharge_world::ICCID, "as_of": at, "remaining_bytes": remaining,
        "shared": shared,
    }));
    let _ = world.wish(&Wish::Sync, 5).unwrap().unwrap();
    world.boot_ms += 60_000;
}

#[test]
fn the_operators_figure_rules_beyond_a_small_drift_and_the_drift_is_shown() {
    let mut world = synced();
    let now_s = world.now_s();
    world.backend.elsewhere(BYTES, now_s);
    let _ = world.wish(&Wish::Sync, 5).unwrap().unwrap();
    figure(&mut world, BYTES, false);
    let shown = |world: &mut World| {
        let balance = world.snapshot().balance.clone();
        (balance.remaining.unwrap(), balance.drift.unwrap(), balance.reconciled_at.is_some())
    };
    assert_eq!(shown(&mut world), (BYTES, 0, true));
    figure(&mut world, BYTES - 500_000, false);
    assert_eq!(shown(&mut world), (BYTES, -500_000, true), "a small one is only shown");
    figure(&mut world, BYTES - 5_000_000, false);
    assert_eq!(shown(&mut world), (BYTES - 5_000_000, -5_000_000, true));
    assert_eq!(world.told(EventKind::Calibrated).len(), 1);
    figure(&mut world, 7, true);
    assert_eq!(shown(&mut world).0, 7, "for a shared pool the operator always rules");
    let by_hand = world.wish(&Wish::Calibrate { remaining: 10_000_000 }, 5).unwrap().unwrap();
    assert_eq!(by_hand, Granted::Calibrated(9_999_993));
    assert_eq!(shown(&mut world).0, 10_000_000);
    world.cut();
    world.run(1, |_| true);
    assert_eq!(shown(&mut world), (10_000_000, 9_999_993, true), "after a restart too");
}

#[test]
fn what_is_taken_back_is_gone_and_a_correction_counts_once() {
    let mut world = synced();
    let now_s = world.now_s();
    world.backend.elsewhere(BYTES, now_s);
    let mut taken = world.backend.events[0]["topup"].clone();
    taken["state"] = json!("reversed");
    taken["reversed_bytes"] = json!(1_000);
    world.backend.tell(taken);
    let at = jiff::Timestamp::from_second(now_s).unwrap().to_string();
    let iccid = recharge_world::ICCID;
    let adjusted = json!({"id": "A-1", "iccid": iccid, "bytes": -500, "at": at});
    for seq in [3, 4] {
        let event = json!({"seq": seq, "kind": "adjustment", "adjustment": adjusted});
        world.backend.events.push(event);
    }
    let _ = world.wish(&Wish::Sync, 5).unwrap().unwrap();
    assert_eq!(world.snapshot().balance.remaining, Some(BYTES - 1_500));
}
