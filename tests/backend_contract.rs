//! `docs/backend-api.yaml` is a contract that can be held: its references lead
//! somewhere, its schemas are JSON Schema, its examples obey them, and its tables
//! name what the schemas name.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod contract;

use std::collections::BTreeSet;

use contract::{Contract, faults};
use serde_json::{Value, json};

/// Calls `visit` with each object of a document and where it stands.
fn walk(value: &Value, at: &str, visit: &mut impl FnMut(&serde_json::Map<String, Value>, &str)) {
    match value {
        Value::Object(members) => {
            visit(members, at);
            for (name, member) in members {
                let name = name.replace('~', "~0").replace('/', "~1");
                walk(member, &format!("{at}/{name}"), visit);
            }
        }
        Value::Array(items) => {
            for (n, item) in items.iter().enumerate() {
                walk(item, &format!("{at}/{n}"), visit);
            }
        }
        _ => {}
    }
}

/// The first cells of the table whose heading begins with these words, in lines.
fn table_column(text: &str, heading: &str, column: usize) -> Vec<String> {
    text.lines()
        .skip_while(|line| !line.trim().starts_with(heading))
        .skip(2)
        .take_while(|line| line.trim().starts_with('|'))
        .map(|line| line.split('|').nth(column).unwrap().trim().to_owned())
        .collect()
}

#[test]
fn every_reference_leads_somewhere_and_every_component_is_used() {
    let contract = Contract::read();
    let mut used = BTreeSet::new();
    walk(&contract.document, "", &mut |members, at| {
        if let Some(target) = members.get("$ref").and_then(Value::as_str) {
            let pointer = target.strip_prefix('#').unwrap_or_else(|| panic!("{at}: {target}"));
            assert!(contract.document.pointer(pointer).is_some(), "{at}: {target} is not there");
            used.insert(pointer.to_owned());
        }
    });
    for part in ["schemas", "parameters", "headers", "responses"] {
        for name in contract.at(&format!("/components/{part}")).as_object().unwrap().keys() {
            let pointer = format!("/components/{part}/{name}");
            assert!(used.contains(&pointer), "nothing uses {pointer}");
        }
    }
}

#[test]
fn every_schema_is_json_schema() {
    let contract = Contract::read();
    for name in contract.schemas() {
        let schema = contract.at(&format!("/components/schemas/{name}"));
        jsonschema::draft202012::meta::validate(schema).unwrap_or_else(|e| panic!("{name}: {e}"));
        contract.validator(&name);
    }
}

/// A misspelt member of `required`, or a property that no schema describes, would
/// make a rule that nothing can obey or break.
#[test]
fn what_is_required_is_described() {
    let contract = Contract::read();
    walk(contract.at("/components/schemas"), "", &mut |members, at| {
        let (Some(Value::Array(required)), Some(properties)) =
            (members.get("required"), members.get("properties"))
        else {
            return;
        };
        for name in required {
            let name = name.as_str().unwrap();
            assert!(
                properties.get(name).is_some(),
                "{at} requires {name} and does not describe it"
            );
        }
    });
}

#[test]
fn every_example_obeys_its_schema() {
    let contract = Contract::read();
    let mut examples = 0;
    walk(&contract.document, "", &mut |members, at| {
        let (Some(schema), Some(Value::Object(shown))) =
            (members.get("schema"), members.get("examples"))
        else {
            return;
        };
        let validator = contract.validator_of(schema);
        for (name, example) in shown {
            examples += 1;
            assert_eq!(faults(&validator, &example["value"]), [""; 0], "{at}: {name}");
        }
    });
    assert!(examples >= 15, "only {examples} examples: this test looks in the wrong place");
}

#[test]
fn every_operation_can_be_refused_and_tells_the_time() {
    let contract = Contract::read();
    let mut operations = BTreeSet::new();
    for (path, item) in contract.at("/paths").as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            if method == "parameters" {
                continue;
            }
            let id = operation["operationId"].as_str().unwrap_or_else(|| panic!("{method} {path}"));
            assert!(operations.insert(id.to_owned()), "{id} twice");
            let answers = operation["responses"].as_object().unwrap();
            assert_eq!(
                answers.get("default"),
                Some(&json!({"$ref": "#/components/responses/Problem"})),
                "{id}"
            );
            for (status, answer) in answers.iter().filter(|(status, _)| *status != "default") {
                assert!(answer.pointer("/headers/Date").is_some(), "{id} {status} has no Date");
            }
        }
    }
    let all =
        ["cancelTopUp", "getTopUp", "listOffers", "order", "quote", "refund", "sync", "transfer"];
    assert!(operations.iter().eq(all), "{operations:?}");
}

#[test]
fn the_table_of_problems_names_each_of_them_once() {
    let contract = Contract::read();
    let schema = contract.at("/components/schemas/ProblemType");
    let named = table_column(schema["description"].as_str().unwrap(), "| problem", 1);
    let types: Vec<String> = schema["enum"]
        .as_array()
        .unwrap()
        .iter()
        .map(|urn| urn.as_str().unwrap().strip_prefix("urn:posdata:problem:").unwrap().to_owned())
        .collect();
    assert_eq!(named, types);
}

#[test]
fn the_table_of_tmf654_maps_each_resource_and_each_state() {
    let contract = Contract::read();
    let mapped =
        table_column(contract.at("/info/description").as_str().unwrap(), "| here | TMF654", 1);
    for state in contract.at("/components/schemas/TopUpState/enum").as_array().unwrap() {
        let row = format!("state `{}`", state.as_str().unwrap());
        assert!(mapped.contains(&row), "no row for {row}");
    }
    for resource in [
        "Bucket",
        "Balance",
        "TopUp",
        "Adjustment",
        "Transfer",
        "Refund",
        "Offer",
        "Quote",
        "Problem",
    ] {
        contract.at(&format!("/components/schemas/{resource}"));
        assert!(mapped.contains(&format!("`{resource}`")), "no row for {resource}");
    }
}

/// The rules bite: each message is right, and wrong with one member changed.
#[test]
fn what_breaks_the_contract_is_found() {
    let contract = Contract::read();
    let right = |path: &str| contract.at(path).clone();
    let topup = right(
        "/paths/~1topups/post/responses/201/content/application~1json/examples/a code to scan/value",
    );
    let quote = right(
        "/paths/~1quotes/post/responses/200/content/application~1json/examples/in another currency/value",
    );
    let order =
        right("/paths/~1topups/post/requestBody/content/application~1json/examples/plain/value");
    let answer = right(
        "/paths/~1terminals~1{serial}~1sync/post/responses/200/content/application~1json/examples/a top-up from another channel/value",
    );
    let sync = right(
        "/paths/~1terminals~1{serial}~1sync/post/requestBody/content/application~1json/examples/quiet/value",
    );
    let gone = Value::Null;
    for (schema, message, pointer, wrong) in [
        ("TopUp", &topup, "/payment", &gone),
        ("TopUp", &topup, "/id", &json!("")),
        ("TopUp", &topup, "/key", &json!("5F0C2A7E-3D34-4A52-9C5B-9D8D4F2B6A11")),
        ("TopUp", &topup, "/state", &json!("unknown")),
        ("TopUp", &topup, "/state", &json!("failed")),
        ("TopUp", &topup, "/channel", &json!("cash")),
        ("TopUp", &topup, "/bytes", &json!(-1)),
        ("TopUp", &topup, "/bytes", &json!(9_223_372_036_854_775_808_u64)),
        ("TopUp", &topup, "/bytes", &json!(1.5)),
        ("TopUp", &topup, "/total/amount", &json!("503")),
        ("TopUp", &topup, "/total/currency", &json!("RMB ")),
        ("TopUp", &topup, "/requested_at", &json!("2026-11-26T08:02:00+08:00")),
        ("TopUp", &topup, "/request_id", &json!("two words")),
        ("TopUp", &topup, "/iccid", &json!("1286012034567890123")),
        ("Quote", &quote, "/total", &gone),
        ("Quote", &quote, "/expires_at", &gone),
        ("Quote", &quote, "/rate/value", &json!(0.1407)),
        ("Quote", &quote, "/rate/source", &json!("")),
        ("Order", &order, "/request_id", &json!("x".repeat(65))),
        ("Order", &order, "/serial", &json!("../admin")),
        ("SyncAnswer", &answer, "/events/0/topup", &gone),
        ("SyncAnswer", &answer, "/events/0/seq", &json!(0)),
        ("SyncAnswer", &answer, "/cursor", &gone),
        ("SyncAnswer", &answer, "/balance/as_of", &gone),
        ("SyncRequest", &sync, "/terminal_id", &gone),
        ("SyncRequest", &sync, "/usage/rx_bytes", &json!(-5)),
    ] {
        assert_eq!(contract.faults(schema, message), [""; 0], "{schema} as it should be");
        let mut broken = message.clone();
        let (parent, member) = pointer.rsplit_once('/').unwrap();
        let members = broken.pointer_mut(parent).unwrap().as_object_mut().unwrap();
        if wrong.is_null() {
            members.remove(member).unwrap();
        } else {
            members.insert(member.to_owned(), wrong.clone());
        }
        assert!(!contract.faults(schema, &broken).is_empty(), "{schema} {pointer} {wrong} passed");
    }
}

/// What a later version adds does not break a terminal of this one.
#[test]
fn what_is_not_known_is_passed_over() {
    let contract = Contract::read();
    let answer = json!({
        "cursor": {"stream": "s", "after": 7, "shard": 3},
        "events": [{"seq": 7, "kind": "loyalty_points", "points": 5}],
        "weather": "fine",
    });
    assert_eq!(contract.faults("SyncAnswer", &answer), [""; 0]);
    let problem =
        json!({"type": "urn:operator:closed_on_sundays", "title": "Closed", "status": 409});
    assert_eq!(contract.faults("Problem", &problem), [""; 0]);
}
