//! The sandbox backend keeps to `docs/backend-api.yaml`: every operation, every
//! status, every kind of event and every problem, over real TLS.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod contract;
mod sandbox;

use std::collections::BTreeSet;

use sandbox::{ICCID, PEER, PEER_ICCID, SERIAL, TERMINAL_ID, World, key};
use serde_json::{Value, json};

fn problem(body: &Value) -> &str {
    body["type"].as_str().unwrap_or("").trim_start_matches("urn:posdata:problem:")
}

/// Everything that a terminal can ask for is answered with each status that the
/// contract has for it.
#[test]
fn every_operation_answers_by_the_contract() {
    let world = World::new();
    let mut terminal = world.terminal(SERIAL);

    let (_, first) = terminal.sync(&json!({"terminal_id": TERMINAL_ID, "iccid": ICCID}));
    assert_eq!(first["cursor"]["after"], json!(0));
    assert_eq!(first["balance"]["remaining_bytes"], json!(0));
    let quiet = terminal.sync(&json!({"terminal_id": TERMINAL_ID, "cursor": first["cursor"]}));
    assert_eq!(quiet.0, 204);

    let (_, offers) = terminal.offers(None);
    assert!(offers["offers"].as_array().unwrap().len() >= 8);
    let reply = terminal.client.ask("GET", "/v1/offers", &[], None).unwrap();
    let tag = reply.header("etag").unwrap().to_owned();
    assert_eq!(terminal.offers(Some(&tag)).0, 304);
    world.control("offers change");
    assert_eq!(terminal.offers(Some(&tag)).0, 200);

    let (_, quote) = terminal.quote(&json!({"offer_id": "main-30", "activation": "next_cycle"}));
    let total =
        quote["price"]["amount"].as_i64().unwrap() + quote["fee"]["amount"].as_i64().unwrap();
    assert_eq!(quote["total"]["amount"], json!(total));
    world.control(&format!("currency {SERIAL} USD"));
    let (_, abroad) = terminal.quote(&json!({"offer_id": "main-30"}));
    // 500 fen at 0.1407 are 70.35 cents, rounded up.
    assert_eq!(abroad["price"], json!({"amount": 71, "currency": "USD"}));
    assert_eq!(abroad["rate"]["value"], json!("0.1407"));

    let (status, placed) = terminal.order(1, &json!({"quote_id": abroad["id"]}));
    assert_eq!((status, &placed["state"]), (201, &json!("awaiting_payment")));
    let (status, again) = terminal.order(1, &json!({"quote_id": abroad["id"]}));
    assert_eq!((status, &again), (200, &placed));
    assert_eq!(terminal.get(1, "").1, placed);
    assert_eq!(terminal.get(1, "?wait=1&known=awaiting_payment").0, 204, "nothing has changed");
    world.control("pay oldest");
    let (_, paid) = terminal.get(1, "?wait=25&known=awaiting_payment");
    assert_eq!(paid["state"], json!("completed"));
    assert_eq!(paid["total"], abroad["total"]);

    terminal.ordered(2, "add-10");
    assert_eq!(terminal.cancel(2).1["state"], json!("cancelled"));
    assert_eq!(terminal.cancel(3).1, json!({"key": key(3), "state": "cancelled"}));

    let (_, given) = terminal.transfer(4, &json!({"topup_id": paid["id"], "bytes": 5000}));
    assert_eq!(given["state"], json!("posted"));
    let (_, refund) = terminal.refund(1, 5, 31_457_280 / 2);
    assert_eq!((&refund["state"], &refund["money"]["amount"]), (&json!("posted"), &json!(35)));

    assert_eq!(*world.answered.borrow(), world.all_answers());
    assert!(world.backend.books(SERIAL).unwrap().balanced);
}

/// Each kind of event, in each state that it can be in.
#[test]
fn every_kind_of_event_obeys_the_contract() {
    let world = World::with(|settings| settings.page_events = 3);
    let mut terminal = world.terminal(SERIAL);
    let topup = world.control(&format!("topup {SERIAL} main-30 agent"));
    world.control(&format!("topup {SERIAL} main-100 portal after_current"));
    world.control("credit-after hand");
    world.control("moves hand");
    for n in 1..=3 {
        terminal.ordered(n, "add-50");
        world.control("pay latest");
    }
    world.control("fail oldest not_delivered");
    world.control("credit oldest");
    world.control("cancel oldest");
    world.control(&format!("adjust {SERIAL} +1000"));
    world.control(&format!("adjust {SERIAL} -500 {topup}"));
    terminal.transfer(10, &json!({"topup_id": topup}));
    world.control("void X-1 not_wanted");
    terminal.transfer(11, &json!({"topup_id": topup}));
    world.control("post X-2");
    world.control(&format!("refund {topup} 2000"));
    world.control("post R-1");
    world.control(&format!("reverse {topup} 4000"));
    world.control("reverse latest charged_back");
    world.control("offers withdraw day-5");
    world.control(&format!("service {SERIAL} suspend"));
    world.control(&format!("service {SERIAL} resume"));
    world.control(&format!("event {SERIAL} loyalty_points"));
    world.control(&format!("balance {SERIAL} shared 9000000"));
    world.control("next-sync 3600");
    world.control("buckets on");

    let mut events = Vec::new();
    let mut cursor = json!({"stream": "another", "after": 7});
    loop {
        let request = json!({"terminal_id": TERMINAL_ID, "iccid": ICCID, "cursor": cursor});
        let (_, answer) = terminal.sync(&request);
        assert_eq!(answer["next_sync_s"], json!(3600));
        assert_eq!(answer["balance"]["shared"], json!(true));
        cursor = answer["cursor"].clone();
        let page = answer["events"].as_array().unwrap();
        assert!((1..=3).contains(&page.len()));
        events.extend(page.clone());
        assert_eq!(cursor["after"], page.last().unwrap()["seq"]);
        if answer.get("more") != Some(&json!(true)) {
            break;
        }
    }
    let numbers = events.iter().map(|event| event["seq"].as_i64().unwrap());
    assert!(numbers.eq((1..).take(events.len())));
    let seen: BTreeSet<String> = events
        .iter()
        .map(|event| {
            let kind = event["kind"].as_str().unwrap();
            let state = event[kind]["state"].as_str().unwrap_or("");
            format!("{kind} {state}")
        })
        .collect();
    for wanted in [
        "topup processing",
        "topup completed",
        "topup failed",
        "topup cancelled",
        "topup reversed",
        "adjustment ",
        "transfer reserved",
        "transfer voided",
        "transfer posted",
        "refund reserved",
        "refund posted",
        "offers ",
        "service stopped_by_customer",
        "service normal",
        "loyalty_points ",
    ] {
        assert!(seen.contains(wanted), "no event {wanted}: {seen:?}");
    }
    // The other terminal was told of what it got.
    let mut peer = world.terminal(PEER);
    let body = json!({"terminal_id": "10086002", "iccid": PEER_ICCID}).to_string();
    let path = format!("/v1/terminals/{PEER}/sync");
    let (_, news) = peer.send("sync", ("POST", &path), &[], Some(&body));
    let transfer = &news["events"][0]["transfer"];
    assert_eq!((&transfer["direction"], &transfer["bytes"]), (&json!("in"), &json!(1000)));
    assert_eq!(transfer["peer_serial"], json!(SERIAL));
    for serial in [SERIAL, PEER] {
        let books = world.backend.books(serial).unwrap();
        assert!(books.balanced, "{books}");
    }
    // A new stream says the same resources, once each, as they are now.
    world.control(&format!("cursor reset compact {SERIAL}"));
    let (_, anew) = terminal.sync(&json!({"terminal_id": TERMINAL_ID, "cursor": cursor}));
    assert_ne!(anew["cursor"]["stream"], cursor["stream"]);
    assert_eq!(anew["events"][0]["topup"]["state"], json!("reversed"));
}

/// Each problem of the contract comes by what it is for, not by a fault, as far
/// as a backend that is well can have it.
#[test]
fn every_problem_can_be_provoked() {
    let world = World::new();
    let mut terminal = world.terminal(SERIAL);
    let expect = |(status, body): (u16, Value), word: &str| {
        assert_eq!(problem(&body), word, "{status} {body}");
    };

    // Who asks.
    let mut stranger = world.terminal("N0000000000");
    expect(stranger.offers(None), "unknown_terminal");
    expect(stranger.quote(&json!({})), "certificate_mismatch");
    expect(terminal.quote(&json!({"terminal_id": "1"})), "terminal_mismatch");
    expect(terminal.quote(&json!({"iccid": PEER_ICCID})), "sim_mismatch");
    expect(terminal.sync(&json!({"terminal_id": "1"})), "terminal_mismatch");

    // What is asked.
    let bad = terminal.send("quote", ("POST", "/v1/quotes"), &[], Some("{\"serial\":7}"));
    expect(bad, "bad_request");
    expect(terminal.quote(&json!({"offer_id": "nothing"})), "unknown_offer");
    expect(terminal.quote(&json!({"offer_id": "boost-20"})), "incompatible_offer");
    expect(terminal.order(1, &json!({"quote_id": "Q-999"})), "unknown_quote");
    expect(terminal.get(2, ""), "unknown_topup");
    expect(terminal.get(2, "?wait=26&known=processing"), "bad_request");
    let withdrawn = terminal.quoted("add-50");
    world.control("offers withdraw add-50");
    expect(terminal.order(3, &json!({"quote_id": withdrawn})), "offer_withdrawn");
    expect(terminal.quote(&json!({"offer_id": "add-50"})), "offer_withdrawn");
    let late = terminal.quoted("add-10");
    world.control("clock +901");
    expect(terminal.order(4, &json!({"quote_id": late})), "quote_expired");

    // The SIM.
    world.control(&format!("service {SERIAL} violation"));
    expect(terminal.quote(&json!({})), "account_suspended");
    world.control(&format!("service {SERIAL} card_device_separated"));
    expect(terminal.quote(&json!({})), "card_device_separated");
    world.control(&format!("service {SERIAL} resume"));

    // Keys, request ids, limits.
    let id = terminal.ordered(5, "add-10");
    let quote = terminal.quoted("add-10");
    expect(terminal.order(5, &json!({"quote_id": quote})), "idempotency_conflict");
    let twice = json!({"quote_id": quote, "request_id": "r5"});
    expect(terminal.order(6, &twice), "request_id_conflict");
    world.control("limit count 1");
    let (status, limit) = terminal.order(7, &json!({"quote_id": quote}));
    assert!(limit["retry_after_s"].as_i64().unwrap() <= 86_400, "{status} {limit}");
    expect((status, limit), "limit_exceeded");
    world.control("limit count off");
    world.control("limit bytes 1000");
    expect(terminal.order(8, &json!({"quote_id": quote})), "limit_exceeded");

    // What becomes of it.
    world.control(&format!("fail {id}"));
    expect(terminal.cancel(5), "not_cancellable");
    expect(terminal.refund(5, 20, 1), "not_refundable");
    let made = world.control(&format!("topup {SERIAL} add-100"));
    let much = json!({"topup_id": made, "bytes": 104_857_601});
    expect(terminal.transfer(21, &much), "insufficient_balance");
    world.control("keys expire");
    expect(terminal.get(5, ""), "key_expired");
    expect(terminal.cancel(5), "key_expired");

    // A backend that is not well.
    world.control("fault offers 429=5");
    expect(terminal.offers(None), "too_many_requests");
    world.control("fault offers 500");
    expect(terminal.offers(None), "backend_failure");
    world.control("fault offers 503=5");
    expect(terminal.offers(None), "service_unavailable");

    assert_eq!(*world.problems.borrow(), world.all_problems());
    assert_eq!(world.backend.charges().unwrap().len(), 1, "only what was made elsewhere");
}

/// A fault gives each problem of the contract at each operation.
#[test]
fn every_problem_can_be_had_everywhere() {
    let world = World::new();
    let mut terminal = world.terminal(SERIAL);
    for word in world.all_problems() {
        world.control(&format!("fault quote problem={word}:60"));
        let (status, body) = terminal.quote(&json!({}));
        assert_eq!(problem(&body), word, "{status} {body}");
        assert_eq!(body["retry_after_s"], json!(60));
    }
    assert_eq!(terminal.quote(&json!({})).0, 200);
}
