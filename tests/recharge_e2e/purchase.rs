//! The main job: offers, a quote, an order, its payment, its credit; and what was
//! bought elsewhere.

use std::time::Duration;

use crate::AT_ONCE;
use crate::support::client::Client;
use crate::support::side_by_side::{run, scenario};
use crate::support::wait::until;
use crate::till::{ADD_10, MAIN_30, RECHARGE, Till};

#[test]
fn a_recharge_is_paid_once_and_credited_once() {
    run(
        AT_ONCE,
        vec![
            scenario("purchase", purchase),
            scenario("purchase elsewhere", elsewhere),
            scenario("purchase cancelled", cancelled),
            scenario("purchase reversed", reversed),
            scenario("purchase without a network", without_a_network),
        ],
    );
}

fn purchase() {
    let till = Till::open();
    let listener = Client::on(&till.terminal.address());
    let mut signals = listener.signals("TopUpChanged");
    let quote = till.quote("main-30").unwrap();
    let id = till.order("till-1", &quote).unwrap();
    assert_eq!(till.order("till-1", &quote).unwrap(), id, "asking again is free");
    let waiting = till.await_state(&id, "awaiting_payment");
    let code = waiting.text("payment_code").unwrap();
    assert!(code.starts_with("https://pay.example/"), "{code}");
    till.control("pay oldest");
    let paid = till.await_state("till-1", "completed");
    assert_eq!(paid.text("payment_code"), None, "it is not kept");
    until("the balance", || till.remaining().filter(|left| *left == MAIN_30));
    let states: Vec<String> = signals
        .all_until_quiet(Duration::from_millis(500))
        .iter()
        .map(|signal| signal.body().deserialize::<(String, String)>().unwrap())
        .map(|(of, state)| {
            assert_eq!(of, id);
            state
        })
        .collect();
    assert_eq!(states, ["created", "submitted", "awaiting_payment", "completed"]);
    let books = till.books();
    assert_eq!((books.charges.len(), books.credits.len()), (1, 1));
    assert!(!till.terminal.said().contains(&code), "the code to pay with is in the journal");
    // A quote is good for one order.
    let again = till.order("till-2", &quote).unwrap_err();
    assert!(again.contains("UnknownQuote"), "{again}");
    let conflict = till.order("till-1", "Q-99").unwrap_err();
    assert!(conflict.contains("RequestIdConflict"), "{conflict}");
}

fn elsewhere() {
    let mut till = Till::new();
    till.terminal.settings.text("backend.sync_interval", "10s");
    till.terminal.begin();
    till.sync().unwrap();
    till.control("topup N9600012345 add-10 agent");
    until("the top-up to arrive by itself", || till.remaining().filter(|left| *left == ADD_10));
    let topups = till
        .terminal
        .client
        .records(RECHARGE, "ListTopUps", &(crate::till::Options::new(), 0_u64, 10_u32))
        .unwrap();
    assert_eq!(topups[0].text("channel").as_deref(), Some("agent"));
    assert_eq!(topups[0].text("request_id"), None);
    // All of it is told again in a new numbering, and counts once.
    till.control("cursor reset");
    till.sync().unwrap();
    assert_eq!(till.remaining(), Some(ADD_10));
}

fn cancelled() {
    let till = Till::open();
    let id = till.order("till-1", &till.quote("add-10").unwrap()).unwrap();
    till.await_state(&id, "awaiting_payment");
    till.terminal.client.call(RECHARGE, "Cancel", &id).unwrap();
    let ended = till.await_state(&id, "cancelled");
    assert_eq!(ended.text("reason").as_deref(), Some("by_customer"));
    // A payment that is first wins.
    let id = till.order("till-2", &till.quote("add-10").unwrap()).unwrap();
    till.await_state(&id, "awaiting_payment");
    till.control("fault cancel pay-first");
    till.terminal.client.call(RECHARGE, "Cancel", &id).unwrap();
    till.await_state(&id, "completed");
    let late = till.terminal.client.call(RECHARGE, "Cancel", &id).unwrap_err();
    assert!(late.contains("NotCancellable"), "{late}");
    assert_eq!(till.books().charges.len(), 1);
}

fn reversed() {
    let till = Till::open();
    let id = till.order("till-1", &till.quote("add-10").unwrap()).unwrap();
    till.await_state(&id, "awaiting_payment");
    till.control("pay oldest");
    till.await_state(&id, "completed");
    till.control("reverse latest");
    till.sync().unwrap();
    assert_eq!(till.state(&id), "reversed");
    assert_eq!(till.remaining().unwrap_or(0), 0);
}

fn without_a_network() {
    let mut till = Till::open();
    let quote = till.quote("add-10").unwrap();
    // Nobody listens: the order is placed all the same, and sent when it can be.
    till.control("fault quote closing");
    let other = till.quote("add-10").unwrap();
    assert_ne!(other, quote);
    till.control("fault connect close always");
    let id = till.order("till-1", &quote).unwrap();
    let refused = till.quote("add-10").unwrap_err();
    assert!(refused.contains("Offline"), "{refused}");
    till.terminal.kill();
    till.terminal.start();
    till.control("fault clear");
    till.await_state(&id, "awaiting_payment");
    till.control("pay oldest");
    till.await_state("till-1", "completed");
    assert_eq!(till.books().charges.len(), 1);
}
