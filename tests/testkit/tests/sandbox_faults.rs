//! Each fault of the sandbox is what it says, meets the request that it is meant
//! for, and leaves the next one alone.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod sandbox;

use posdata_testkit::backend::Reply;
use sandbox::{SERIAL, Terminal, World, key};
use serde_json::{Value, json};

fn raw(terminal: &mut Terminal, path: &str) -> Reply {
    terminal.0.ask("GET", path, &[], None).unwrap()
}

fn at(reply: &Reply) -> i64 {
    let date = reply.header("date").unwrap();
    jiff::fmt::rfc2822::parse(date).unwrap().timestamp().as_second()
}

#[test]
fn a_fault_meets_the_nth_request_so_many_times() {
    let world = World::new();
    let mut terminal = world.terminal();
    let mut statuses = |world: &World, lines: &[&str], count: usize| -> Vec<u16> {
        lines.iter().for_each(|line| drop(world.control(line)));
        let got = (0..count).map(|_| raw(&mut terminal, "/v1/offers").status).collect();
        world.control("fault clear");
        got
    };
    assert_eq!(statuses(&world, &["fault offers 500"], 2), [500, 200]);
    assert_eq!(statuses(&world, &["fault offers#2 503 2"], 4), [200, 503, 503, 200]);
    assert_eq!(statuses(&world, &["fault offers 500", "fault offers 502"], 3), [500, 502, 200]);
    assert_eq!(statuses(&world, &["fault any 429 always"], 3), [429, 429, 429]);
    assert_eq!(statuses(&world, &["fault sync 500"], 1), [200]);
    assert_eq!(world.control("faults"), "");
}

#[test]
fn other_answers_say_when_to_ask_again() {
    let world = World::new();
    let mut terminal = world.terminal();
    world.control("fault offers 503=30");
    assert_eq!(raw(&mut terminal, "/v1/offers").header("retry-after"), Some("30"));
    world.control("fault offers 503=date+60");
    let reply = raw(&mut terminal, "/v1/offers");
    let date = jiff::fmt::rfc2822::parse(reply.header("retry-after").unwrap()).unwrap();
    assert!((59..=61).contains(&(date.timestamp().as_second() - at(&reply))));
    world.control("fault offers 500");
    assert_eq!(raw(&mut terminal, "/v1/offers").header("retry-after"), None);
}

#[test]
fn nonsense_is_nonsense() {
    let world = World::new();
    let mut terminal = world.terminal();
    let good = raw(&mut terminal, "/v1/offers");
    let mut spoilt = |fault: &str| {
        world.control(&format!("fault offers {fault}"));
        let reply = terminal.0.ask("GET", "/v1/offers", &[], None);
        assert_eq!(world.backend.requests().last().unwrap().fault, Some(format!("offers {fault}")));
        reply
    };
    assert!(serde_json::from_slice::<Value>(&spoilt("not-json").unwrap().body).is_err());
    assert_eq!(spoilt("html").unwrap().header("content-type"), Some("text/html"));
    assert_eq!(spoilt("wrong-type").unwrap().header("content-type"), Some("text/plain"));
    let typed: Value = serde_json::from_slice(&spoilt("wrong-types").unwrap().body).unwrap();
    assert_eq!(typed["offers"][0]["bytes"], json!("10485760"));
    assert!(spoilt("too-big").unwrap().body.len() > 65_536);
    assert_eq!(spoilt("empty").unwrap().body, b"");
    for fault in ["truncated", "garbage", "endless", "lost-before", "lost-after"] {
        assert!(spoilt(fault).is_err(), "{fault}");
    }
    assert_eq!(spoilt("no-date").unwrap().header("date"), None);
    for seconds in [-90_000, 90_000] {
        let off = at(&spoilt(&format!("skew={seconds}")).unwrap()) - world.backend.now();
        assert!((off - seconds).abs() <= 2, "{off}");
    }
    // Slow ones come whole in the end.
    for fault in ["slow=20", "drip=0"] {
        assert_eq!(spoilt(fault).unwrap().body, good.body, "{fault}");
    }
    let full = world.backend.handshakes().full + world.backend.handshakes().resumed;
    assert_eq!(spoilt("closing").unwrap().body, good.body);
    assert!(terminal.0.ask("GET", "/v1/offers", &[], None).is_err(), "the connection is closed");
    assert_eq!(raw(&mut terminal, "/v1/offers").status, 200);
    let now = world.backend.handshakes();
    assert_eq!(now.full + now.resumed, full + 1);
}

#[test]
fn a_connection_can_be_refused() {
    let world = World::new();
    let mut terminal = world.terminal();
    world.control("fault connect close 2");
    for _ in 0..2 {
        assert!(terminal.get(1, "").is_err());
    }
    assert_eq!(terminal.get(1, "").unwrap().0, 404);
    assert_eq!(world.backend.requests().len(), 1);
}

#[test]
fn events_come_twice_out_of_order_or_not_at_all() {
    let world = World::new();
    let mut terminal = world.terminal();
    for _ in 0..3 {
        world.control(&format!("topup {SERIAL} add-10"));
    }
    let numbers = |answer: &Value| -> Vec<i64> {
        let events = answer["events"].as_array().unwrap();
        events.iter().map(|event| event["seq"].as_i64().unwrap()).collect()
    };
    let (_, news) = terminal.sync(&json!({})).unwrap();
    let known = json!({"cursor": news["cursor"]});
    let mut with = |fault: &str, body: &Value| {
        world.control(&format!("fault sync {fault}"));
        terminal.sync(body).unwrap().1
    };
    assert_eq!(numbers(&with("duplicate", &known)), [1, 2, 3]);
    assert_eq!(numbers(&with("reordered", &json!({}))), [3, 2, 1]);
    assert_eq!(numbers(&with("hole", &json!({}))), [2, 3]);
    let reset = with("cursor-reset", &known);
    assert_eq!(numbers(&reset), [1, 2, 3]);
    assert_ne!(reset["cursor"]["stream"], news["cursor"]["stream"]);
    assert_eq!(reset["events"], news["events"], "the same history under another name");
    let other = with("wrong-terminal", &json!({}));
    assert_ne!(other["events"][0]["topup"]["iccid"], news["events"][0]["topup"]["iccid"]);
    assert_eq!(terminal.sync(&json!({"cursor": reset["cursor"]})).unwrap().0, 204);
}

#[test]
fn an_answer_can_speak_of_another_order() {
    let world = World::new();
    let mut terminal = world.terminal();
    let quote = terminal.quote("add-10");
    let (_, good) = terminal.order(1, &quote).unwrap();
    for (fault, pointer) in [
        ("wrong-terminal", "/iccid"),
        ("other-key", "/key"),
        ("other-amount", "/bytes"),
        ("other-price", "/price/amount"),
        ("bad-total", "/total/amount"),
    ] {
        world.control(&format!("fault get {fault}"));
        let (_, wrong) = terminal.get(1, "").unwrap();
        assert_ne!(wrong.pointer(pointer), good.pointer(pointer), "{fault}");
        assert_eq!(wrong["id"], good["id"], "{fault}");
    }
    assert_eq!(terminal.get(1, "").unwrap().1, good);
}

#[test]
fn the_journal_has_every_request() {
    let world = World::new();
    let mut terminal = world.terminal();
    let quote = terminal.quote("add-10");
    world.control("fault order lost-before");
    assert!(terminal.order(1, &quote).is_err());
    world.control("fault order lost-after");
    assert!(terminal.order(1, &quote).is_err());
    terminal.order(1, &quote).unwrap();
    let requests = world.backend.requests();
    let orders: Vec<_> = requests.iter().filter(|r| r.path == "/v1/topups").collect();
    let seen: Vec<_> = orders.iter().map(|r| (r.applied, r.status, r.connection)).collect();
    assert_eq!(seen, [(false, None, 1), (true, None, 2), (true, Some(200), 3)]);
    for order in orders {
        assert_eq!(order.key, Some(key(1)));
        assert_eq!(order.serial, SERIAL);
        assert!(order.body.contains(&quote) && order.bytes > order.body.len());
    }
}

#[test]
fn commands_that_are_none_say_what_is_wrong() {
    let world = World::new();
    for (line, says) in [
        ("frobnicate", "try help"),
        ("pay", "try help"),
        ("pay nobody", "there is no top-up nobody"),
        ("pay oldest", "no top-up is awaiting_payment"),
        ("reverse latest", "no top-up is completed"),
        ("topup N1 add-10", "unknown_terminal"),
        ("topup N9600012345 nothing", "unknown_offer"),
        ("topup N9600012345 add-10 cash", "cash: one of"),
        ("topup N9600012345 -5", "from 0"),
        ("adjust N9600012345 5", "+BYTES or -BYTES"),
        ("service N9600012345 asleep", "one of"),
        ("register N9600012345 1 8986012034567890124", "already"),
        ("register n 1 12", "ICCID"),
        ("fault", "write: fault"),
        ("fault moon 500", "no place"),
        ("fault order explode", "no fault"),
        ("fault order slow", "slow=250"),
        ("fault order 500 none", "no number"),
        ("fault order#0 500", "no number"),
        ("fault order close", "close goes with connect"),
        ("fault connect 500", "close goes with connect"),
        ("fault order problem=odd", "no problem"),
        ("fault order html=3", "takes no value"),
        ("clock 5", "+SECONDS"),
        ("clock +99999999999", "+SECONDS"),
        ("tls odd", "not-yet"),
        ("cursor reset N1", "unknown_terminal"),
        ("books N1", "unknown_terminal"),
        ("next-sync 5", "60 to 2592000"),
        ("offers burn", "withdraw"),
        ("fail oldest Not-a-word", "a reason is"),
        ("post X-9", "there is no refund or transfer"),
        ("limit count many", "no number"),
    ] {
        let error = world.backend.control(line).expect_err(line).to_string();
        assert!(error.contains(says) && !error.contains('\n'), "{line}: {error}");
    }
    assert_eq!(world.control(""), "");
    let help = world.control("help");
    for word in ["pay WHICH", "fault WHERE", "lost-after", "cursor reset", "auto-pay"] {
        assert!(help.contains(word), "{word}");
    }
}
