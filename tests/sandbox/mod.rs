//! A sandbox backend with terminals that hold every answer of it against the contract.

#![allow(dead_code, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::cell::RefCell;
use std::collections::BTreeSet;

use posdata_testkit::backend::{Backend, BackendHandle, BackendSettings, Client, Reply};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::contract::{Contract, faults};

/// The first terminal.
pub const SERIAL: &str = "N9600012345";
pub const TERMINAL_ID: &str = "10086001";
pub const ICCID: &str = "8986012034567890123";
/// The second one.
pub const PEER: &str = "N9600054321";
pub const PEER_ID: &str = "10086002";
pub const PEER_ICCID: &str = "8986012034567890999";

/// A UUID with that number.
pub fn key(n: u32) -> String {
    format!("5f0c2a7e-3d34-4a52-9c5b-{n:012x}")
}

/// One sandbox, one contract, and what has been seen of it.
pub struct World {
    pub backend: BackendHandle,
    contract: Contract,
    /// `operation status` of each answer that was no problem.
    pub answered: RefCell<BTreeSet<String>>,
    /// The type of each problem.
    pub problems: RefCell<BTreeSet<String>>,
    _dir: TempDir,
}

impl World {
    pub fn new() -> Self {
        Self::with(|_| ())
    }

    pub fn with(change: impl FnOnce(&mut BackendSettings)) -> Self {
        let dir = TempDir::new().unwrap();
        let mut settings = BackendSettings::new(dir.path());
        change(&mut settings);
        let backend = Backend::start(settings).unwrap();
        let contract = Contract::read();
        Self {
            backend,
            contract,
            answered: RefCell::default(),
            problems: RefCell::default(),
            _dir: dir,
        }
    }

    /// A command that must be done.
    pub fn control(&self, line: &str) -> String {
        self.backend.control(line).unwrap_or_else(|e| panic!("{line}: {e}"))
    }

    /// The terminal with that serial's certificate.
    pub fn terminal(&self, serial: &str) -> Terminal<'_> {
        let identity = self.backend.terminal(serial).unwrap();
        let client = Client::new(self.backend.address(), &self.backend.ca(), &identity).unwrap();
        Terminal { world: self, client }
    }

    /// Holds an answer against the contract.
    fn check(&self, operation: &str, reply: &Reply) -> Value {
        let described = self.operation(operation);
        let name = format!("{operation} {}", reply.status);
        let status = reply.status.to_string();
        let own = described["responses"].get(&status);
        let answer = own.unwrap_or_else(|| self.contract.at("/components/responses/Problem"));
        for (header, is) in answer["headers"].as_object().unwrap() {
            let is = match is["$ref"].as_str() {
                Some(target) => self.contract.at(target.trim_start_matches('#')),
                None => is,
            };
            let value = reply.header(&header.to_ascii_lowercase());
            if is["required"] == json!(true) {
                assert!(value.is_some(), "{name}: no {header}");
            }
            if let Some(value) = value {
                let value = match is["schema"]["type"].as_str() {
                    Some("integer") => json!(value.parse::<i64>().unwrap()),
                    _ => json!(value),
                };
                let validator = self.contract.validator_of(&is["schema"]);
                assert_eq!(faults(&validator, &value), [""; 0], "{name}: {header}");
            }
        }
        let date = reply.header("date").unwrap();
        let told = jiff::fmt::rfc2822::parse(date).unwrap().timestamp().as_second();
        assert!((told - self.backend.now()).abs() <= 30, "{name}: {date}");
        assert!(reply.body.len() <= 65_536, "{name}: {} bytes", reply.body.len());
        let Some(contents) = answer.get("content") else {
            assert!(reply.body.is_empty(), "{name} has a body");
            self.answered.borrow_mut().insert(name);
            return Value::Null;
        };
        let kind = reply.header("content-type").unwrap();
        let content = contents.get(kind).unwrap_or_else(|| panic!("{name}: {kind}"));
        let body: Value = serde_json::from_slice(&reply.body)
            .unwrap_or_else(|e| panic!("{name}: {e}: {}", String::from_utf8_lossy(&reply.body)));
        let validator = self.contract.validator_of(&content["schema"]);
        assert_eq!(faults(&validator, &body), [""; 0], "{name}: {body}");
        assert_eq!(body.to_string().len(), reply.body.len(), "{name}: insignificant space");
        if own.is_some() {
            self.answered.borrow_mut().insert(name);
        } else {
            self.check_problem(&name, reply.status, &body);
        }
        body
    }

    fn check_problem(&self, name: &str, status: u16, body: &Value) {
        assert_eq!(body["status"], json!(status), "{name}: {body}");
        let kind = body["type"].as_str().unwrap();
        let known = self.contract.validator("ProblemType");
        assert_eq!(faults(&known, &body["type"]), [""; 0], "{name}");
        let table =
            self.contract.at("/components/schemas/ProblemType/description").as_str().unwrap();
        let word = kind.strip_prefix("urn:posdata:problem:").unwrap();
        assert!(
            table.contains(&format!("| {word} | {status} |")),
            "{name}: {word} has another status"
        );
        self.problems.borrow_mut().insert(word.to_owned());
    }

    fn operation(&self, id: &str) -> &Value {
        let paths = self.contract.at("/paths").as_object().unwrap();
        paths
            .values()
            .flat_map(|item| item.as_object().unwrap().values())
            .find(|operation| operation["operationId"] == json!(id))
            .unwrap_or_else(|| panic!("no operation {id}"))
    }

    /// All `operation status` of the contract that are no problems.
    pub fn all_answers(&self) -> BTreeSet<String> {
        let mut all = BTreeSet::new();
        for item in self.contract.at("/paths").as_object().unwrap().values() {
            for operation in item.as_object().unwrap().values() {
                let Some(id) = operation["operationId"].as_str() else { continue };
                let statuses = operation["responses"].as_object().unwrap().keys();
                all.extend(statuses.filter(|s| *s != "default").map(|s| format!("{id} {s}")));
            }
        }
        all
    }

    /// All problems of the contract.
    pub fn all_problems(&self) -> BTreeSet<String> {
        let types = self.contract.at("/components/schemas/ProblemType/enum").as_array().unwrap();
        let word = |urn: &Value| urn.as_str().unwrap().rsplit(':').next().unwrap().to_owned();
        types.iter().map(word).collect()
    }
}

/// One terminal. Each method gives the status and the body, which obey the contract.
pub struct Terminal<'w> {
    world: &'w World,
    pub client: Client,
}

impl Terminal<'_> {
    /// Sends a body as it is.
    pub fn send(
        &mut self,
        operation: &str,
        (method, path): (&str, &str),
        headers: &[(&str, &str)],
        body: Option<&str>,
    ) -> (u16, Value) {
        let reply = self
            .client
            .ask(method, path, headers, body)
            .unwrap_or_else(|e| panic!("{operation} {path}: {e}"));
        let body = self.world.check(operation, &reply);
        (reply.status, body)
    }

    /// Sends a body that obeys the contract.
    fn post(
        &mut self,
        operation: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> (u16, Value) {
        let schema = &self.world.operation(operation)["requestBody"]["content"]["application/json"]
            ["schema"];
        let validator = self.world.contract.validator_of(schema);
        assert_eq!(faults(&validator, body), [""; 0], "{operation}: {body}");
        self.send(operation, ("POST", path), headers, Some(&body.to_string()))
    }

    pub fn sync(&mut self, body: &Value) -> (u16, Value) {
        self.post("sync", &format!("/v1/terminals/{SERIAL}/sync"), &[], body)
    }

    pub fn quote(&mut self, change: &Value) -> (u16, Value) {
        let body = json!({
            "serial": SERIAL, "terminal_id": TERMINAL_ID, "iccid": ICCID,
            "offer_id": "add-10", "channel": "alipay", "activation": "now",
        });
        self.post("quote", "/v1/quotes", &[], &changed(body, change))
    }

    /// A quote's id.
    pub fn quoted(&mut self, offer: &str) -> String {
        let (status, quote) = self.quote(&json!({ "offer_id": offer }));
        assert_eq!(status, 200, "{quote}");
        quote["id"].as_str().unwrap().to_owned()
    }

    /// An order; its request id is `r` and the key's number.
    pub fn order(&mut self, n: u32, change: &Value) -> (u16, Value) {
        let body = json!({
            "request_id": format!("r{n}"), "serial": SERIAL, "terminal_id": TERMINAL_ID,
            "iccid": ICCID, "quote_id": "Q-0",
        });
        let headers = [("Idempotency-Key", &*key(n))];
        self.post("order", "/v1/topups", &headers, &changed(body, change))
    }

    /// An order of that offer, placed; its id.
    pub fn ordered(&mut self, n: u32, offer: &str) -> String {
        let quote = self.quoted(offer);
        let (status, topup) = self.order(n, &json!({ "quote_id": quote }));
        assert_eq!(status, 201, "{topup}");
        topup["id"].as_str().unwrap().to_owned()
    }

    pub fn get(&mut self, n: u32, query: &str) -> (u16, Value) {
        self.send("getTopUp", ("GET", &format!("/v1/topups/{}{query}", key(n))), &[], None)
    }

    pub fn cancel(&mut self, n: u32) -> (u16, Value) {
        self.send("cancelTopUp", ("POST", &format!("/v1/topups/{}/cancel", key(n))), &[], None)
    }

    pub fn refund(&mut self, order: u32, n: u32, bytes: i64) -> (u16, Value) {
        let body = json!({"request_id": format!("r{n}"), "unused_bytes": bytes});
        let path = format!("/v1/topups/{}/refund", key(order));
        self.post("refund", &path, &[("Idempotency-Key", &*key(n))], &body)
    }

    pub fn transfer(&mut self, n: u32, change: &Value) -> (u16, Value) {
        let body = json!({
            "request_id": format!("r{n}"), "serial": SERIAL, "terminal_id": TERMINAL_ID,
            "iccid": ICCID, "to_serial": PEER, "to_terminal_id": PEER_ID, "topup_id": "T-1",
            "bytes": 1000,
        });
        let headers = [("Idempotency-Key", &*key(n))];
        self.post("transfer", "/v1/transfers", &headers, &changed(body, change))
    }

    pub fn offers(&mut self, tag: Option<&str>) -> (u16, Value) {
        let headers: Vec<(&str, &str)> =
            tag.map(|tag| ("If-None-Match", tag)).into_iter().collect();
        self.send("listOffers", ("GET", "/v1/offers"), &headers, None)
    }
}

/// The body with some members changed.
pub fn changed(mut body: Value, change: &Value) -> Value {
    body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    body
}
