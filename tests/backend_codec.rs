//! The codec of the backend's language, held against `docs/backend-api.yaml` by a
//! real validator: what the contract allows is read, what it forbids is refused
//! with its place, and what is written obeys it.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod contract;

use contract::Contract;
use posdatad::proto::backend::{
    ANSWER_MAX, Cursor, EventBody, Iccid, Id, Instant, Key, KeyAnswer, OfferList, Order, Outcome,
    Problem, ProblemKind, Quote, QuoteRequest, ReadError, RequestId, Serial, SyncAnswer,
    SyncRequest, TopUp, Usage, Word, read, write,
};
use serde_json::{Value, json};

const SYNC: &str = "/paths/~1terminals~1{serial}~1sync/post/responses/200/content/application~1json/examples/a top-up from another channel/value";
const TOPUP: &str =
    "/paths/~1topups/post/responses/201/content/application~1json/examples/a code to scan/value";
const QUOTE: &str = "/paths/~1quotes/post/responses/200/content/application~1json/examples/in another currency/value";
const OFFERS: &str =
    "/paths/~1offers/get/responses/200/content/application~1json/examples/two/value";

type Reader = fn(&[u8]) -> Result<(), ReadError>;

/// An answer with every member that its schema has.
fn full(contract: &Contract, schema: &str) -> Value {
    let mut message = match schema {
        "SyncAnswer" => contract.at(SYNC).clone(),
        "TopUp" => contract.at(TOPUP).clone(),
        "Quote" => contract.at(QUOTE).clone(),
        "OfferList" => contract.at(OFFERS).clone(),
        _ => panic!("{schema}"),
    };
    match schema {
        "SyncAnswer" => {
            message["more"] = json!(true);
            message["next_sync_s"] = json!(3600);
            message["balance"]["buckets"] = json!([{
                "id": "B-1", "topup_id": "T-1", "name": "30 MB", "kind": "main", "shared": false,
                "granted_bytes": 31_457_280, "remaining_bytes": 5,
                "valid_from": "2026-11-26T08:01:00Z", "valid_to": "2026-12-26T08:01:00Z"
            }]);
            let events = message["events"].as_array_mut().unwrap();
            let iccid = "8986012034567890123";
            let at = "2026-11-26T08:01:00Z";
            events.push(json!({"seq": 43, "kind": "adjustment", "adjustment": {
                "id": "A-1", "iccid": iccid, "topup_id": "T-1", "bytes": -4096, "at": at,
                "note": "measured twice"}}));
            events.push(json!({"seq": 44, "kind": "service", "service": {
                "iccid": iccid, "state": "over_quota", "at": at}}));
            events.push(json!({"seq": 45, "kind": "offers"}));
            events.push(json!({"seq": 46, "kind": "loyalty_points", "points": 5}));
        }
        "TopUp" => {
            message["state"] = json!("reversed");
            message["reason"] = json!("by_operator");
            message["reversed_bytes"] = json!(4096);
            message["reference"] = json!("AG-2026-77120");
            message["valid_from"] = json!("2026-11-26T08:01:00Z");
            message["valid_to"] = json!("2026-12-26T08:01:00Z");
            message["paid_at"] = json!("2026-11-26T08:01:00Z");
            message["completed_at"] = json!("2026-11-26T08:01:00Z");
            message["rate"] = contract.at(QUOTE)["rate"].clone();
            message["quote_id"] = json!("Q-88");
        }
        "OfferList" => {
            message["offers"][0]["description"] = json!("for a till");
            message["offers"][0]["valid_from"] = json!("2026-01-01T00:00:00Z");
        }
        _ => {}
    }
    assert_eq!(contract.faults(schema, &message), [""; 0], "{schema}");
    message
}

/// Every place of a message, as JSON pointers.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                found.push(format!("{at}/{name}"));
                places(member, &format!("{at}/{name}"), found);
            }
        }
        Value::Array(items) => {
            for (n, item) in items.iter().enumerate() {
                found.push(format!("{at}/{n}"));
                places(item, &format!("{at}/{n}"), found);
            }
        }
        _ => {}
    }
}

/// What is put in each place; `None` takes the member away.
fn strange() -> Vec<Option<Value>> {
    let texts = [
        "",
        " ",
        "x",
        "X",
        "main",
        "cash",
        "awaiting_payment",
        "failed",
        "now",
        "CNY",
        "cny",
        "0.0",
        "1e3",
        "-1",
        "2026-11-26T08:01:00Z",
        "2026-02-31T08:01:00Z",
        "2026-11-26t08:01:00z",
        "2026-11-26T08:01:00+00:00",
        "2026-11-26T08:01:00.5Z",
        "8986012034567890123",
        "5f0c2a7e-3d34-4a52-9c5b-9d8d4f2b6a11",
        "5F0C2A7E-3D34-4A52-9C5B-9D8D4F2B6A11",
        "30 MB 流量",
        "two\nlines",
        "\u{0}",
        "../../etc/passwd",
    ];
    let long = [65, 101, 401, 513].map(|n| json!("x".repeat(n)));
    let numbers = [
        json!(0),
        json!(1),
        json!(59),
        json!(-1),
        json!(i64::MAX),
        json!(i64::MIN),
        json!(9_223_372_036_854_775_808_u64),
        json!(u64::MAX),
        json!(0.5),
        json!(1e300),
    ];
    let others = [json!(null), json!(true), json!([]), json!({}), json!([[]]), json!({"id": {}})];
    texts
        .map(|text| json!(text))
        .into_iter()
        .chain(long)
        .chain(numbers)
        .chain(others)
        .map(Some)
        .chain([None])
        .collect()
}

fn put(message: &mut Value, pointer: &str, value: Option<&Value>) {
    let (parent, last) = pointer.rsplit_once('/').unwrap();
    match (message.pointer_mut(parent).unwrap(), value) {
        (Value::Object(members), Some(value)) => {
            members.insert(last.to_owned(), value.clone());
        }
        (Value::Object(members), None) => {
            members.remove(last);
        }
        (Value::Array(items), Some(value)) => items[last.parse::<usize>().unwrap()] = value.clone(),
        (Value::Array(items), None) => {
            items.remove(last.parse::<usize>().unwrap());
        }
        _ => panic!("{pointer}"),
    }
}

/// Where the codec is more lenient than the contract, and who refuses instead:
/// the lists of words, what a state requires, and a validity without length are
/// the domain's; texts for people are bounded, but not each by its own bound.
fn is_asked_elsewhere(pointer: &str, value: Option<&Value>) -> bool {
    let last = pointer.rsplit('/').next().unwrap();
    // What must come together is asked by the domain, which loses no credit for it.
    let together = ["price", "fee", "total", "request_id", "completed_at"];
    if value.is_none() && together.contains(&last) {
        return true;
    }
    let domain = ["state", "channel", "activation", "kind", "payment", "reason", "validity_s"];
    let texts = ["name", "description", "reference", "note", "source"];
    domain.contains(&last)
        || texts.contains(&last)
        || pointer.contains("/channels")
        || pointer.contains("/activations")
}

/// A malformed event is set aside where it is read: here it counts as refused.
fn read_sync(bytes: &[u8]) -> Result<(), ReadError> {
    for event in read::<SyncAnswer>(bytes)?.events {
        if let EventBody::Malformed { kind, why } = event.body {
            return Err(ReadError::Contract { at: kind.as_str().to_owned(), detail: why });
        }
    }
    Ok(())
}

#[test]
fn the_codec_and_the_contract_agree_on_every_change_of_every_member() {
    let contract = Contract::read();
    let readers: [(&str, Reader); 4] = [
        ("SyncAnswer", read_sync),
        ("TopUp", |bytes| read::<TopUp>(bytes).map(drop)),
        ("Quote", |bytes| read::<Quote>(bytes).map(drop)),
        ("OfferList", |bytes| read::<OfferList>(bytes).map(drop)),
    ];
    let (mut right, mut wrong) = (0, 0);
    for (schema, reader) in readers {
        let message = full(&contract, schema);
        reader(&serde_json::to_vec(&message).unwrap()).unwrap_or_else(|e| panic!("{schema}: {e}"));
        let validator = contract.validator(schema);
        let mut pointers = Vec::new();
        places(&message, "", &mut pointers);
        for pointer in pointers {
            for value in strange() {
                let mut changed = message.clone();
                put(&mut changed, &pointer, value.as_ref());
                let allowed = validator.is_valid(&changed);
                let answer = reader(&serde_json::to_vec(&changed).unwrap());
                let case = format!("{schema} {pointer} = {value:?}: {answer:?}");
                // A day that no calendar has is in the pattern's form all the same.
                let no_day = value == Some(json!("2026-02-31T08:01:00Z"));
                if allowed && !no_day {
                    right += 1;
                    assert!(answer.is_ok(), "the contract allows it: {case}");
                } else if !is_asked_elsewhere(&pointer, value.as_ref()) {
                    wrong += 1;
                    let refused = answer.is_err() || (allowed && no_day);
                    assert!(refused, "the contract forbids it: {case}");
                }
            }
        }
    }
    assert!(right > 500 && wrong > 3_000, "{right} right, {wrong} wrong: too few");
}

#[test]
fn an_error_names_its_place() {
    let contract = Contract::read();
    let sync = full(&contract, "SyncAnswer");
    for (pointer, value, at, word) in [
        ("/events/2/seq", json!(0), "events[2]", "not from 1"),
        ("/balance/as_of", json!("now"), "balance.as_of", "\"now\" is not a time"),
        ("/cursor/after", json!(-1), "cursor.after", "-1"),
    ] {
        let mut changed = sync.clone();
        put(&mut changed, pointer, Some(&value));
        let error = read::<SyncAnswer>(&serde_json::to_vec(&changed).unwrap()).unwrap_err();
        let text = error.to_string();
        assert!(text.contains(at) && text.contains(word), "{pointer}: {text}");
    }
    let long = json!({"offers": "x".repeat(60_000)}).to_string();
    let error = read::<OfferList>(long.as_bytes()).unwrap_err().to_string();
    assert!(error.len() < 300, "an error is for the journal: {} bytes", error.len());
}

/// One bad event must not stop all that follow it, at every sync, for ever.
#[test]
fn an_event_that_is_not_of_the_contract_is_set_aside_with_its_place() {
    let contract = Contract::read();
    let sync = full(&contract, "SyncAnswer");
    for (pointer, value, place) in [
        ("/events/0/topup/bytes", json!("5"), "topup: not of the contract at bytes"),
        ("/events/0/topup/total/currency", json!("yuan"), "total.currency"),
        ("/events/1/adjustment/bytes", json!(0.5), "adjustment: not of the contract at bytes"),
        ("/events/2/service", json!(null), "service"),
    ] {
        let mut changed = sync.clone();
        put(&mut changed, pointer, Some(&value));
        let answer: SyncAnswer = read(&serde_json::to_vec(&changed).unwrap()).unwrap();
        let at: usize = pointer.split('/').nth(2).unwrap().parse().unwrap();
        let EventBody::Malformed { why, .. } = &answer.events[at].body else { panic!("{pointer}") };
        assert!(why.contains(place), "{pointer}: {why}");
        assert_eq!(answer.events.len(), 5, "the others are read");
    }
}

#[test]
fn for_ever_is_a_time_that_can_be_read() {
    let contract = Contract::read();
    let mut topup = contract.at(TOPUP).clone();
    topup["valid_to"] = json!("9999-12-31T23:59:59Z");
    let read: TopUp = read(&serde_json::to_vec(&topup).unwrap()).unwrap();
    assert!(read.valid_to.unwrap().0 > 253_000_000_000);
}

#[test]
fn what_is_no_answer_at_all_is_refused() {
    let nested = "[".repeat(10_000);
    for (answer, word) in [
        ("", "EOF"),
        ("{", "EOF"),
        ("null", "invalid type"),
        ("[]", "invalid"),
        ("<html>busy</html>", "expected value"),
        (r#"{"offers":[]} x"#, "trailing"),
        (r#"{"offers":[],"offers":[]}"#, "duplicate"),
        ("{\"offers\":\u{7}}", "expected value"),
        (nested.as_str(), ""),
    ] {
        let error = read::<OfferList>(answer.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(word), "{answer:.40}: {error}");
    }
    assert!(read::<OfferList>(b"{\"offers\":[\xff]}").is_err(), "not UTF-8");
    let long = vec![b' '; ANSWER_MAX + 1];
    assert_eq!(read::<OfferList>(&long), Err(ReadError::TooLong(ANSWER_MAX + 1)));
    let offer = &Contract::read().at(OFFERS)["offers"][1].clone();
    let many = json!({ "offers": vec![offer; 51] });
    let error = read::<OfferList>(&serde_json::to_vec(&many).unwrap()).unwrap_err().to_string();
    assert!(error.contains("51 items"), "{error}");
}

#[test]
fn an_event_of_an_unknown_kind_is_kept_as_it_came() {
    let contract = Contract::read();
    let sync = full(&contract, "SyncAnswer");
    let answer: SyncAnswer = read(&serde_json::to_vec(&sync).unwrap()).unwrap();
    let EventBody::Other { kind, json } = &answer.events[4].body else { panic!("{answer:?}") };
    assert_eq!((answer.events[4].seq, kind.as_str()), (46, "loyalty_points"));
    assert_eq!(&serde_json::from_str::<Value>(json).unwrap(), &sync["events"][4]);
}

#[test]
fn a_cancel_is_answered_by_a_top_up_or_by_a_key_that_was_never_seen() {
    let key = "5f0c2a7e-3d34-4a52-9c5b-9d8d4f2b6a11";
    let tombstone = json!({"key": key, "state": "cancelled"}).to_string();
    let answer = KeyAnswer::read(tombstone.as_bytes()).unwrap();
    assert_eq!(answer, KeyAnswer::NeverSeen(Key::parse(key).unwrap()));
    let contract = Contract::read();
    let topup = contract.at(TOPUP).to_string();
    assert!(matches!(KeyAnswer::read(topup.as_bytes()).unwrap(), KeyAnswer::TopUp(_)));
    for wrong in [json!({"key": key, "state": "completed"}), json!({"state": "cancelled"})] {
        assert!(KeyAnswer::read(wrong.to_string().as_bytes()).is_err(), "{wrong}");
    }
}

#[test]
fn every_problem_says_what_it_means_for_an_order() {
    let contract = Contract::read();
    let urns = contract.at("/components/schemas/ProblemType/enum").as_array().unwrap();
    let words: Vec<String> = ProblemKind::ALL
        .iter()
        .map(|kind| format!("urn:posdata:problem:{}", kind.word()))
        .collect();
    assert_eq!(urns, &words, "the codec knows the contract's problems, in its order");
    for kind in ProblemKind::ALL {
        let status = match kind {
            ProblemKind::BackendFailure => 500,
            ProblemKind::ServiceUnavailable => 503,
            _ => 409,
        };
        let urn = format!("urn:posdata:problem:{}", kind.word());
        let body = json!({"type": urn, "title": "t", "status": status, "detail": "d\u{1b}[31m"});
        let problem = Problem::read(status, body.to_string().as_bytes());
        assert_eq!((problem.kind, problem.detail.as_str()), (*kind, "d[31m"));
        let expected = match kind {
            ProblemKind::TooManyRequests => Outcome::NotLookedAt,
            ProblemKind::KeyExpired => Outcome::Forgotten,
            ProblemKind::BackendFailure
            | ProblemKind::ServiceUnavailable
            | ProblemKind::BadRequest
            | ProblemKind::CertificateMismatch
            | ProblemKind::UnknownTerminal
            | ProblemKind::UnknownTopUp
            | ProblemKind::NotCancellable
            | ProblemKind::IdempotencyConflict => Outcome::Unknown,
            _ => Outcome::Refused,
        };
        assert_eq!(problem.outcome(), expected, "{kind:?}");
        // The same words under a 5xx, or from someone on the way, settle nothing.
        let outcome = Problem::read(502, body.to_string().as_bytes()).outcome();
        assert!(matches!(outcome, Outcome::Unknown | Outcome::NotLookedAt), "{kind:?}");
    }
    // RFC 9457, 3.1: what is of a wrong form is passed over.
    let odd = r#"{"type":"urn:posdata:problem:quote_expired","title":7,"detail":null,"retry_after_s":99999999999}"#;
    let problem = Problem::read(410, odd.as_bytes());
    assert_eq!((problem.outcome(), problem.retry_after_s), (Outcome::Refused, Some(31_557_600)));
    for (status, body) in [
        (403, "<html>blocked by your administrator</html>"),
        (404, ""),
        (409, r#"{"type":"urn:operator:closed","title":"Closed","status":409}"#),
        (409, r#"{"type":"urn:posdata:problem:","title":"","status":409}"#),
        (407, r#"{"type":"about:blank"}"#),
    ] {
        let problem = Problem::read(status, body.as_bytes());
        assert_eq!((problem.kind, problem.outcome()), (ProblemKind::Other, Outcome::Unknown));
    }
}

#[test]
fn what_is_written_obeys_the_contract() {
    let contract = Contract::read();
    let serial = || Serial::parse("N9600012345").unwrap();
    let terminal_id = || Serial::parse("10086001").unwrap();
    let iccid = || Iccid::parse("898602F9091830030220").unwrap();
    let id = |text: &str| Id::parse(text).unwrap();
    let word = |text: &str| Word::parse(text).unwrap();
    let bare = SyncRequest { cursor: None, terminal_id: terminal_id(), iccid: None, usage: None };
    let usage = |as_of| Some(Usage { rx_bytes: u64::MAX >> 1, tx_bytes: 0, as_of });
    let known = SyncRequest {
        cursor: Some(Cursor { stream: id("7f3a"), after: 41 }),
        iccid: Some(iccid()),
        usage: usage(Some(Instant(1_795_680_000))),
        ..bare.clone()
    };
    let untimed = SyncRequest { usage: usage(None), ..known.clone() };
    let quote = QuoteRequest {
        serial: serial(),
        terminal_id: terminal_id(),
        iccid: iccid(),
        offer_id: id("main-30"),
        channel: word("alipay"),
        activation: word("now"),
    };
    let order = Order {
        quote_id: id("Q-88"),
        request_id: RequestId::parse("till-7/1").unwrap(),
        serial: serial(),
        terminal_id: terminal_id(),
        iccid: iccid(),
    };
    for (schema, written) in [
        ("SyncRequest", write(&bare)),
        ("SyncRequest", write(&known)),
        ("SyncRequest", write(&untimed)),
        ("QuoteRequest", write(&quote)),
        ("Order", write(&order)),
    ] {
        let message: Value = serde_json::from_slice(&written).unwrap();
        assert_eq!(contract.faults(schema, &message), [""; 0], "{schema}: {message}");
        assert!(!written.contains(&b'\n') && !written.windows(2).any(|two| two == b": "));
    }
    let text = String::from_utf8(write(&known)).unwrap();
    assert!(text.contains(r#""as_of":"2026-11-26T08:00:00Z""#), "{text}");
    assert!(text.len() < 220, "a sync's body is {} bytes", text.len());
}
