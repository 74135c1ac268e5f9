//! One order, paid once, credited once: whatever is repeated, lost or raced, and
//! over restarts of the sandbox.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod sandbox;

use std::thread;

use sandbox::{ICCID, PEER, SERIAL, World, key};
use serde_json::{Value, json};

const MIB_10: i64 = 10 * 1024 * 1024;

#[test]
fn an_order_is_charged_once_wherever_its_answer_is_lost() {
    for fault in ["lost-before", "lost-after", "500", "500-after", "502-after", "503", "truncated"]
    {
        let world = World::new();
        let mut terminal = world.terminal();
        let quote = terminal.quote("add-10");
        world.control(&format!("fault order {fault}"));
        let first = terminal.order(1, &quote);
        assert!(first.is_err() || first.unwrap().0 >= 500, "{fault}");
        let applied = world.backend.requests().last().unwrap().applied;
        let (status, topup) = terminal.order(1, &quote).unwrap();
        assert_eq!(status, if applied { 200 } else { 201 }, "{fault}");
        world.control("pay oldest");
        for _ in 0..3 {
            assert_eq!(terminal.order(1, &quote).unwrap().1["state"], json!("completed"));
        }
        let books = world.books();
        assert_eq!(books.charges.len(), 1, "{fault}");
        assert_eq!(books.charges[0].key.as_deref(), Some(&*key(1)));
        assert_eq!(books.charges[0].amount, 202, "200 and 0.6 % rounded up");
        assert_eq!(books.credits.len(), 1, "{fault}");
        assert_eq!(books.credits[0].topup_id.as_deref(), topup["id"].as_str());
        assert_eq!((books.credited, books.remaining), (MIB_10, MIB_10));
    }
}

#[test]
fn two_orders_are_two_charges() {
    let world = World::new();
    let mut terminal = world.terminal();
    for n in 1..=2 {
        let quote = terminal.quote("add-10");
        assert_eq!(terminal.order(n, &quote).unwrap().0, 201);
        world.control("pay oldest");
    }
    assert_eq!(world.backend.charges().unwrap().len(), 2);
    assert_eq!(world.books().remaining, 2 * MIB_10);
}

#[test]
fn a_key_with_another_body_changes_nothing() {
    let world = World::new();
    let mut terminal = world.terminal();
    let (first, second) = (terminal.quote("add-10"), terminal.quote("add-100"));
    terminal.order(1, &first).unwrap();
    let (status, _) = terminal.order(1, &second).unwrap();
    assert_eq!(status, 422);
    assert_eq!(terminal.order(1, &first).unwrap().0, 200, "the first is as it was");
}

/// "Nothing was charged under the key, and nothing will be", even when the reason
/// of the refusal is gone.
#[test]
fn what_was_refused_stays_refused_under_its_key() {
    let world = World::new();
    let mut terminal = world.terminal();
    let quote = terminal.quote("add-10");
    world.control(&format!("service {SERIAL} suspend"));
    let refused = terminal.order(1, &quote).unwrap();
    assert_eq!(refused.0, 409);
    world.control(&format!("service {SERIAL} resume"));
    assert_eq!(terminal.order(1, &quote).unwrap(), refused);
    assert_eq!(terminal.cancel(1).unwrap().1, json!({"key": key(1), "state": "cancelled"}));
    assert_eq!(terminal.order(2, &quote).unwrap().0, 201);
}

#[test]
fn a_key_cancelled_before_its_order_is_never_charged() {
    let world = World::new();
    let mut terminal = world.terminal();
    let quote = terminal.quote("add-10");
    assert_eq!(terminal.cancel(1).unwrap().1, json!({"key": key(1), "state": "cancelled"}));
    let tombstone = (200, json!({"key": key(1), "state": "cancelled"}));
    assert_eq!(terminal.get(1, "").unwrap(), tombstone);
    world.control("auto-pay 0");
    let (status, topup) = terminal.order(1, &quote).unwrap();
    assert_eq!((status, &topup["state"]), (200, &json!("cancelled")));
    assert_eq!(terminal.get(1, "").unwrap().1, topup);
    assert!(world.backend.control("pay latest").is_err());
    assert_eq!(world.backend.charges().unwrap(), []);
}

#[test]
fn a_payment_that_came_before_the_cancel_wins() {
    let world = World::new();
    let mut terminal = world.terminal();
    let quote = terminal.quote("add-10");
    terminal.order(1, &quote).unwrap();
    world.control("fault cancel pay-first");
    assert_eq!(terminal.cancel(1).unwrap().1["state"], json!("completed"));
    assert_eq!(world.books().charges.len(), 1);
    // And one that comes after it is refused.
    terminal.order(2, &quote).unwrap();
    assert_eq!(terminal.cancel(2).unwrap().1["state"], json!("cancelled"));
    let error = world.backend.control(&format!("pay {}", key(2))).unwrap_err().to_string();
    assert!(error.contains("is cancelled"), "{error}");
}

#[test]
fn keys_books_and_certificates_outlive_the_program() {
    let world = World::new();
    let ca = std::fs::read(world.backend.ca()).unwrap();
    let mut terminal = world.terminal();
    let quote = terminal.quote("main-30");
    let (_, topup) = terminal.order(1, &quote).unwrap();
    let (_, before) = terminal.sync(&json!({})).unwrap();
    world.control("clock +3600");
    let world = world.restarted();
    assert_eq!(std::fs::read(world.backend.ca()).unwrap(), ca);
    // The terminal has not changed: its connection is gone, and its certificate is still good.
    assert!(terminal.get(1, "").is_err());
    assert_eq!(terminal.get(1, "").unwrap().1["state"], json!("failed"), "an hour has passed");
    assert_eq!(terminal.order(1, &quote).unwrap().1["id"], topup["id"]);
    let (_, after) = terminal.sync(&json!({"cursor": before["cursor"]})).unwrap();
    assert_eq!(after["cursor"]["stream"], before["cursor"]["stream"]);
    assert_eq!(after["events"][0]["topup"]["reason"], json!("payment_expired"));
    world.control(&format!("topup {SERIAL} add-10"));
    assert_eq!(world.restarted().books().remaining, MIB_10);
}

/// Who waits is told at once, and keeps nobody else waiting.
#[test]
fn a_long_poll_blocks_nobody() {
    let world = World::new();
    let mut terminal = world.terminal();
    let quote = terminal.quote("add-10");
    terminal.order(1, &quote).unwrap();
    let mut other = world.terminal();
    let waiter = thread::spawn(move || other.get(1, "?wait=25&known=awaiting_payment").unwrap());
    while world.backend.requests().last().unwrap().method != "GET" {
        thread::yield_now();
    }
    assert_eq!(terminal.sync(&json!({})).unwrap().0, 200);
    assert_eq!(world.backend.requests().iter().filter(|r| r.status.is_none()).count(), 1);
    world.control("pay oldest");
    assert_eq!(waiter.join().unwrap().1["state"], json!("completed"));
}

#[test]
fn a_sandbox_that_stops_lets_waiting_terminals_go() {
    let world = World::new();
    let mut terminal = world.terminal();
    let quote = terminal.quote("add-10");
    terminal.order(1, &quote).unwrap();
    let requests = world.backend.requests().len();
    let waiter = thread::spawn(move || terminal.get(1, "?wait=25&known=awaiting_payment"));
    while world.backend.requests().len() == requests {
        thread::yield_now();
    }
    world.backend.stop();
    // Whether the answer still came through or not: nobody waits for 25 s.
    let answer = waiter.join().unwrap();
    assert!(answer.is_err() || answer.unwrap().1["state"] == json!("awaiting_payment"));
}

#[test]
fn time_moves_what_waits() {
    let world = World::new();
    let mut terminal = world.terminal();
    let quote = terminal.quote("add-10");
    world.control("auto-pay 600");
    world.control("credit-after 600");
    terminal.order(1, &quote).unwrap();
    for (state, seconds) in [("awaiting_payment", 601), ("processing", 601), ("completed", 0)] {
        assert_eq!(terminal.get(1, "").unwrap().1["state"], json!(state));
        world.control(&format!("clock +{seconds}"));
    }
    world.control("auto-pay off");
    let quote = terminal.quote("add-10");
    terminal.order(2, &quote).unwrap();
    world.control("clock +901");
    let (_, late) = terminal.get(2, "").unwrap();
    assert_eq!((&late["state"], &late["reason"]), (&json!("failed"), &json!("payment_expired")));
    world.control(&format!("clock +{}", 91 * 86_400));
    assert_eq!(terminal.get(1, "").unwrap().0, 410, "a key is kept for 90 days");
}

/// A terminal without its history hears of all that it ordered.
#[test]
fn a_terminal_that_lost_everything_hears_of_its_orders() {
    let world = World::new();
    let mut terminal = world.terminal();
    let quote = terminal.quote("add-10");
    let (_, topup) = terminal.order(1, &quote).unwrap();
    let (_, news) = terminal.sync(&json!({})).unwrap();
    assert_eq!(news["events"][0]["topup"], topup);
    assert_eq!(terminal.sync(&json!({"cursor": news["cursor"]})).unwrap().0, 204);
    let (_, again) = terminal.sync(&json!({})).unwrap();
    assert_eq!(again["events"], news["events"], "asking twice makes no more of it");
}

#[test]
fn the_books_balance_through_everything() {
    let world = World::with(|settings| settings.terminals[0].opening_bytes = 5000);
    let mut terminal = world.terminal();
    assert_eq!(terminal.use_up(4000), json!(1000));
    assert_eq!(terminal.use_up(4000), json!(1000), "a total, not a difference");
    assert_eq!(terminal.use_up(3000), json!(1000), "an older report");
    assert_eq!(terminal.use_up(7500), json!(0));
    assert_eq!(world.books().overdraft, 2500);

    world.control(&format!("topup {SERIAL} 10000"));
    assert_eq!(terminal.use_up(8000), json!(9500), "overdraft is not paid back by a later grant");
    world.control(&format!("adjust {SERIAL} -1000"));
    world.control(&format!("adjust {SERIAL} +300"));
    assert_eq!(terminal.use_up(8000), json!(8800));
    world.control(&format!("balance {SERIAL} 8000"));
    assert_eq!(terminal.use_up(8000), json!(8000));
    world.control(&format!("balance {SERIAL} 8100"));
    assert_eq!(terminal.use_up(8000), json!(8100));
    let books = world.books();
    assert_eq!((books.adjusted, books.corrected), (-700, -700));

    // One that ends first is drawn first; what is left at its end has expired.
    world.control(&format!("topup {SERIAL} day-5"));
    terminal.use_up(9000);
    world.control("clock +86401");
    let books = world.books();
    assert_eq!((books.expired, books.remaining), (5 * 1024 * 1024 - 1000, 8100));

    // What is reversed after it was used is overdraft. The older bucket was used first.
    let id = world.control(&format!("topup {SERIAL} add-10"));
    terminal.use_up(9000 + 4_000_000);
    world.control(&format!("reverse {id}"));
    let books = world.books();
    assert_eq!((books.reversed, books.overdraft), (MIB_10, 2500 + 4_000_000 - 8100));
    assert_eq!(books.repaid, 200);

    // A pool is shared: what one uses, the other lacks.
    world.control(&format!("balance {SERIAL} shared 50000"));
    world.control(&format!("balance {PEER} shared 50000"));
    assert_eq!(terminal.use_up(9000 + 4_000_000), json!(50_000));
    terminal.use_up(9000 + 4_000_000 + 20_000);
    assert_eq!(world.backend.books(PEER).unwrap().pool, Some(30_000));
    world.books();
}

/// A package bought for later does not count before it begins.
#[test]
fn packages_begin_when_they_should() {
    let world = World::new();
    let mut terminal = world.terminal();
    world.control(&format!("topup {SERIAL} main-30 portal next_cycle"));
    assert_eq!(world.books().remaining, 0);
    world.control(&format!("clock +{}", 31 * 86_400));
    assert_eq!(world.books().remaining, 30 * 1024 * 1024);

    let world = World::with(|settings| settings.terminals[0].opening_bytes = 1000);
    let mut second = world.terminal();
    let id = world.control(&format!("topup {SERIAL} main-30 portal after_current"));
    let (_, news) = second.sync(&json!({})).unwrap();
    assert_eq!(news["events"][0]["topup"]["valid_from"], Value::Null, "nobody knows when");
    // The opening balance has no end: it is over when it is used up.
    second.use_up(1000);
    let (_, news) = second.sync(&json!({"cursor": news["cursor"]})).unwrap();
    let begun = &news["events"][0]["topup"];
    assert_eq!((&begun["id"], begun["valid_from"].is_string()), (&json!(id), true));
    assert_eq!(news["balance"]["remaining_bytes"], json!(30 * 1024 * 1024));
    terminal.0.hang_up();
}

#[test]
fn a_transfer_moves_bytes_and_no_more() {
    let world = World::new();
    let mut terminal = world.terminal();
    let id = world.control(&format!("topup {SERIAL} add-10"));
    world.control("moves hand");
    let body = json!({
        "request_id": "t1", "serial": SERIAL, "terminal_id": "10086001", "iccid": ICCID,
        "to_serial": PEER, "to_terminal_id": "10086002", "topup_id": id, "bytes": 1_000_000,
    });
    for _ in 0..2 {
        let (_, transfer) = terminal.ask("POST", "/v1/transfers", Some(7), &body).unwrap();
        assert_eq!(transfer["state"], json!("reserved"));
    }
    let books = world.books();
    assert_eq!((books.reserved, books.remaining), (1_000_000, MIB_10 - 1_000_000));
    world.control("post X-1");
    let (_, transfer) = terminal.ask("POST", "/v1/transfers", Some(7), &body).unwrap();
    assert_eq!(transfer["state"], json!("posted"), "the same key tells how it went on");
    assert!(world.backend.control("void X-1").is_err(), "it is posted already");
    let (gave, got) = (world.books(), world.backend.books(PEER).unwrap());
    assert_eq!((gave.transferred_out, gave.reserved), (1_000_000, 0));
    assert_eq!((got.transferred_in, got.remaining, got.balanced), (1_000_000, 1_000_000, true));
}
