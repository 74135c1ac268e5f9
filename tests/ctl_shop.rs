//! The verbs of `posdatactl` around buying and the books, on a private bus with a
//! stand-in for the daemon: what they ask, and what they print as text, JSON, CSV.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod ctl_fake;

use ctl_fake::{Answer, Bus, Dict, Fake};

const MIB: u64 = 1 << 20;
/// 2026-11-24T02:10:15Z
const NOW: u64 = 1_795_486_215;

fn json(text: &str) -> serde_json::Value {
    assert_eq!(text.lines().count(), 1, "one document on one line: {text}");
    serde_json::from_str(text).unwrap()
}

fn offers() -> Vec<Dict> {
    vec![
        dict! {
            "id" => "M30", "name" => "30 MB 月包", "kind" => "main", "bytes" => 30 * MIB,
            "validity_s" => 30 * 86_400_u64, "price" => 500_i64, "currency" => "CNY",
            "channels" => vec!["alipay", "wechat_pay"], "activations" => vec!["now", "next_cycle"],
        },
        dict! {
            "id" => "A5", "name" => "5 MB more", "description" => "Beside any package", "kind" => "add_on",
            "bytes" => 5 * MIB, "price" => 90_i64, "currency" => "JPY", "channels" => vec!["alipay"],
            "activations" => vec!["now"], "valid_to" => NOW,
        },
    ]
}

#[test]
fn offers_are_a_table() {
    let bus = Bus::open();
    let fake = Fake::start(&bus, |_| Answer::Many(offers()));
    assert_eq!(
        bus.stdout(&["offers"]),
        "\
ID   NAME            SIZE     PRICE    VALID  CHANNELS            MORE
M30  30 MB 月包  30.0 MiB  CNY 5.00  30 days  alipay, wechat_pay  main package; begins now, next_cycle
A5   5 MB more    5.0 MiB    JPY 90   no end  alipay              add-on; begins now; sold until 2026-11-24 10:10 +08:00; Beside any package
"
    );
    assert_eq!(fake.heard(), ["Recharge1.ListOffers()"]);
    assert_eq!(
        json(&bus.stdout(&["--json", "offers"]))["offers"][1],
        serde_json::json!({
            "id": "A5", "name": "5 MB more", "description": "Beside any package", "kind": "add_on",
            "bytes": 5 * MIB, "price": 90, "currency": "JPY", "channels": ["alipay"],
            "activations": ["now"], "valid_to": "2026-11-24T02:10:15Z"
        })
    );
}

#[test]
fn no_offers_are_said_in_words() {
    let bus = Bus::open();
    let _fake = Fake::start(&bus, |_| Answer::Many(vec![]));
    assert_eq!(bus.stdout(&["offers"]), "The operator offers this terminal nothing now.\n");
    assert_eq!(json(&bus.stdout(&["--json", "offers"])), serde_json::json!({"offers": []}));
}

#[test]
fn a_quote_says_what_adds_up_to_what() {
    let bus = Bus::open();
    let fake = Fake::start(&bus, |_| {
        Answer::One(dict! {
            "id" => "Q-1", "offer_id" => "M30", "name" => "30 MB 月包", "kind" => "main", "bytes" => 30 * MIB,
            "iccid" => "89860012345678901234", "channel" => "alipay", "activation" => "now",
            "price" => 500_i64, "fee" => 3_i64, "total" => 503_i64, "currency" => "CNY",
            "rate" => "7.1234", "rate_from" => "USD", "rate_source" => "Bank of China", "rate_at" => NOW,
            "expires_at" => NOW + 900,
        })
    });
    assert_eq!(
        bus.stdout(&["quote", "M30"]),
        "\
Offer       M30: 30 MB 月包 (main package)
Size        30.0 MiB
For SIM     89860012345678901234
Paid by     alipay
Begins      now
Price       CNY 5.00
Fee         CNY 0.03
Total       CNY 5.03
Rate        1 USD = 7.1234 CNY, says Bank of China, 2026-11-24 10:10 +08:00
Holds until 2026-11-24 10:25:15 +08:00
Quote       Q-1
"
    );
    let words = ["--json", "quote", "M30", "--channel", "wechat_pay", "--activation", "next_cycle"];
    let quote = json(&bus.stdout(&words));
    assert_eq!(
        (&quote["quote"]["total"], &quote["quote"]["rate"]),
        (&503.into(), &"7.1234".into())
    );
    assert_eq!(
        fake.heard(),
        [
            "Recharge1.Quote(M30, {})",
            "Recharge1.Quote(M30, {activation=next_cycle channel=wechat_pay})"
        ]
    );
}

/// Number 1 to 250, the newest first; every second one waits to be paid.
fn topup(number: u64) -> Dict {
    let mut topup = dict! {
        "id" => format!("K-{number}"), "number" => number, "request_id" => format!("desk-{number}"),
        "offer_id" => "M30", "name" => "=SUM(A1)", "iccid" => "89860012345678901234", "channel" => "alipay",
        "kind" => "main", "bytes" => 30 * MIB, "activation" => "now", "price" => 500_i64, "fee" => 3_i64,
        "total" => 503_i64, "currency" => "CNY", "payment_code" => "https://pay.example/q/T-1",
        "payment_expires_at" => NOW + 900, "taken_back_bytes" => 0_u64, "cancel_asked" => false,
        "needs_person" => false, "placed_at" => NOW, "changed_at" => NOW,
    };
    topup.extend(if number.is_multiple_of(2) {
        dict! { "state" => "awaiting_payment" }
    } else {
        dict! { "state" => "failed", "reason" => "payment_expired", "reference" => "R 1,\"x\"" }
    });
    topup
}

fn many(call: &str) -> Answer {
    if let Some(id) = call.strip_prefix("Recharge1.GetTopUp(").and_then(|id| id.strip_suffix(')')) {
        return Answer::One(topup(id.strip_prefix("K-").unwrap().parse().unwrap()));
    }
    let page = call.strip_prefix("Recharge1.ListTopUps(").and_then(|page| page.strip_suffix(')'));
    let mut words = page.unwrap().rsplit(", ");
    let (limit, before) = (words.next().unwrap(), words.next().unwrap());
    let (limit, before): (usize, u64) = (limit.parse().unwrap(), before.parse().unwrap());
    let newest = if before == 0 { 250 } else { before - 1 };
    Answer::Many((1..=newest).rev().take(limit).map(topup).collect())
}

#[test]
fn topups_come_page_by_page_and_filtered() {
    let bus = Bus::open();
    let fake = Fake::start(&bus, many);
    let count = |words: &[&str]| json(&bus.stdout(words))["topups"].as_array().unwrap().len();
    assert_eq!(count(&["--json", "topups"]), 20);
    assert_eq!(fake.heard(), ["Recharge1.ListTopUps({}, 0, 20)"]);
    assert_eq!(count(&["--json", "topups", "--limit", "120"]), 120);
    assert_eq!(
        fake.heard(),
        ["Recharge1.ListTopUps({}, 0, 100)", "Recharge1.ListTopUps({}, 151, 20)"]
    );
    assert_eq!(count(&["--json", "topups", "--all"]), 250);
    assert_eq!(fake.heard().len(), 4, "three pages and the empty one");
    bus.stdout(&["topups", "--state", "failed", "--channel", "alipay", "--open", "--limit", "1"]);
    assert_eq!(
        fake.heard(),
        ["Recharge1.ListTopUps({channel=alipay open=true state=failed}, 0, 1)"]
    );
}

#[test]
fn topups_are_a_table_and_one_is_a_sheet() {
    let bus = Bus::open();
    let _fake = Fake::start(&bus, many);
    assert_eq!(
        bus.stdout(&["topups", "--limit", "2"]),
        "\x20NO  PLACED                   STATE                 SIZE     TOTAL  ID     MORE
250  2026-11-24 10:10 +08:00  awaiting_payment  30.0 MiB  CNY 5.03  K-250  alipay; =SUM(A1); request desk-250
249  2026-11-24 10:10 +08:00  failed            30.0 MiB  CNY 5.03  K-249  alipay; =SUM(A1); payment_expired; request desk-249; reference R 1,\"x\"
"
    );
    assert_eq!(
        bus.stdout(&["topups", "K-2"]),
        "\
Id          K-2
State       awaiting_payment: waits for the payment
Next        pay the code below, or posdatactl cancel K-2
Offer       M30: =SUM(A1)
Size        30.0 MiB, main package
For SIM     89860012345678901234
Paid by     alipay
Begins      now
Price       CNY 5.00
Fee         CNY 0.03
Total       CNY 5.03
Pay until   2026-11-24 10:25:15 +08:00
Code        https://pay.example/q/T-1
Request id  desk-2
Number      2
Placed      2026-11-24 10:10:15 +08:00
Changed     2026-11-24 10:10:15 +08:00
"
    );
}

#[test]
fn a_payment_code_is_told_only_while_it_is_to_be_paid() {
    let bus = Bus::open();
    let _fake = Fake::start(&bus, many);
    let topups = json(&bus.stdout(&["--json", "topups", "--limit", "2"]));
    assert_eq!(topups["topups"][0]["payment_code"], "https://pay.example/q/T-1");
    assert_eq!(topups["topups"][1].get("payment_code"), None);
    let one = json(&bus.stdout(&["--json", "topups", "K-1"]));
    assert_eq!(one["topup"]["state"], "failed");
    assert_eq!(one["topup"].get("payment_code"), None);
    assert!(!bus.stdout(&["topups", "K-1"]).contains("pay.example"));
    assert!(!bus.stdout(&["topups", "--all", "--csv"]).contains("pay.example"));
}

#[test]
fn csv_is_safe_in_a_spreadsheet_and_reads_back() {
    let bus = Bus::open();
    let _fake = Fake::start(&bus, many);
    let text = bus.stdout(&["topups", "--csv", "--limit", "2"]);
    assert!(text.lines().count() == 3 && text.matches("\r\n").count() == 3, "{text}");
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let headings = reader.headers().unwrap().clone();
    let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
    let cell = |row: usize, name: &str| {
        &rows[row][headings.iter().position(|heading| heading == name).unwrap()]
    };
    assert_eq!(headings.len(), 30);
    for (name, value) in [
        ("number", "249"),
        ("state", "failed"),
        ("name", "'=SUM(A1)"),
        ("total", "5.03"),
        ("currency", "CNY"),
        ("placed_at", "2026-11-24T02:10:15Z"),
        ("reference", "R 1,\"x\""),
        ("backend_id", ""),
        ("bytes", "31457280"),
    ] {
        assert_eq!(cell(1, name), value, "{name}");
    }
    assert_eq!(bus.stdout(&["topups", "K-2", "--csv"]).matches("\r\n").count(), 2);
}

#[test]
fn no_topups_are_said_in_words() {
    let bus = Bus::open();
    let _fake = Fake::start(&bus, |_| Answer::Many(vec![]));
    assert_eq!(bus.stdout(&["topups"]), "No top-ups.\n");
    assert_eq!(json(&bus.stdout(&["--json", "topups"])), serde_json::json!({"topups": []}));
    assert_eq!(bus.stdout(&["topups", "--csv"]).lines().count(), 1, "its header");
}

#[test]
fn cancelling_says_who_decides() {
    let bus = Bus::open();
    let fake = Fake::start(&bus, |call| match call {
        "Recharge1.Cancel(K-1)" => Answer::Text("cancelled"),
        "Recharge1.Cancel(K-2)" => Answer::Text("awaiting_payment"),
        other => panic!("not expected: {other}"),
    });
    assert_eq!(bus.stdout(&["cancel", "K-1"]), "It is cancelled: nothing is charged.\n");
    assert_eq!(
        bus.stdout(&["cancel", "K-2"]),
        "Its end is asked for; it stands at awaiting_payment until the backend has decided. A payment that came \
         first wins: posdatactl topups K-2\n"
    );
    assert_eq!(
        json(&bus.stdout(&["--json", "cancel", "K-1"])),
        serde_json::json!({"id": "K-1", "state": "cancelled"})
    );
    assert_eq!(fake.heard().len(), 3);
}

#[test]
fn a_sync_says_what_came() {
    let bus = Bus::open();
    let _fake = Fake::start(&bus, |_| Answer::One(dict! { "events" => 2_u64 }));
    assert_eq!(bus.stdout(&["sync"]), "The backend answered: 2 events came.\n");
    assert_eq!(json(&bus.stdout(&["--json", "sync"])), serde_json::json!({"events": 2}));
}

#[test]
fn calibrating_says_how_far_off_it_was() {
    let bus = Bus::open();
    let fake = Fake::start(&bus, |_| Answer::Signed(-1_048_576));
    assert_eq!(
        bus.stdout(&["calibrate", "12MiB"]),
        "The operator's figure is taken over: 12.0 MiB are left. It is 1.0 MiB less than posdatad had counted.\n\
         Beyond 1 MiB and 2 % the difference is corrected, below that it is shown as drift: posdatactl status\n"
    );
    assert_eq!(
        json(&bus.stdout(&["--json", "calibrate", "0"])),
        serde_json::json!({"drift_bytes": -1_048_576})
    );
    assert_eq!(fake.heard(), ["Admin1.Calibrate(12582912)", "Admin1.Calibrate(0)"]);
}

/// 1,500 entries.
fn entries(call: &str) -> Answer {
    let page = call.strip_prefix("Admin1.Export(").and_then(|page| page.strip_suffix(')')).unwrap();
    let (after, limit) = page.split_once(", ").unwrap();
    let (after, limit): (u64, u64) = (after.parse().unwrap(), limit.parse().unwrap());
    let entry = |id: u64| {
        dict! {
            "id" => id, "bucket" => 1_u64, "kind" => "adjustment", "bytes" => -5_i64, "day" => "2026-11-24",
            "note" => "+ by hand", "time" => NOW, "boot_seq" => 1_u32, "boot_ms" => 5_u64, "trust" => "ntp",
        }
    };
    Answer::Many((after + 1..=(after + limit).min(1500)).map(entry).collect())
}

#[test]
fn the_ledger_is_exported_whole() {
    let bus = Bus::open();
    let fake = Fake::start(&bus, entries);
    let text = bus.stdout(&["export"]);
    assert_eq!(
        text.split("\r\n").take(2).collect::<Vec<_>>(),
        [
            "id,time,day,kind,bytes,bucket,note,boot_seq,boot_ms,trust",
            "1,2026-11-24T02:10:15Z,2026-11-24,adjustment,-5,1,'+ by hand,1,5,ntp"
        ]
    );
    assert_eq!(text.matches("\r\n").count(), 1501);
    assert_eq!(
        fake.heard(),
        ["Admin1.Export(0, 1000)", "Admin1.Export(1000, 1000)", "Admin1.Export(1500, 1000)"]
    );
    let some = json(&bus.stdout(&["--json", "export", "--after", "7", "--limit", "2"]));
    assert_eq!(some["entries"].as_array().unwrap().len(), 2);
    assert_eq!(
        some["entries"][0],
        serde_json::json!({
            "id": 8, "bucket": 1, "kind": "adjustment", "bytes": -5, "day": "2026-11-24", "note": "+ by hand",
            "time": "2026-11-24T02:10:15Z", "boot_seq": 1, "boot_ms": 5, "trust": "ntp"
        })
    );
    assert_eq!(fake.heard(), ["Admin1.Export(7, 2)"]);
}
