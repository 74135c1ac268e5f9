//! A backend of the contract in some lines: keys, charges, events, all its own.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use posdatad::backend::exchange::{Answer, Method, Request};
use serde_json::{Value, json};

/// What a backend keeps.
#[derive(Debug, Default)]
pub struct Backend {
    quotes: u32,
    /// By key: what was asked, and the top-up or problem it became.
    keys: BTreeMap<String, (Value, Value)>,
    tombstones: Vec<String>,
    pub events: Vec<Value>,
    pub stream: String,
    /// Every payment that was taken, by the top-up's id.
    pub charges: Vec<String>,
    /// Pays by itself when an order is placed.
    pub pays_at_once: bool,
    pub balance: Option<Value>,
    ids: u32,
    /// Answers to orders with this problem: its word and status.
    pub refuses: Option<(&'static str, u16)>,
    pub keys_forgotten: bool,
    /// How far the terminal's clock is behind.
    pub offset_s: i64,
}

fn at(seconds: i64) -> String {
    Timestamp::from_second(seconds).unwrap().to_string()
}

impl Backend {
    pub fn new() -> Self {
        Self { stream: "a".into(), pays_at_once: true, ..Self::default() }
    }

    pub fn ask(&mut self, request: &Request, now_s: i64) -> Answer {
        let now_s = now_s + self.offset_s;
        let body: Value =
            request.body.as_ref().map_or(Value::Null, |body| serde_json::from_str(body).unwrap());
        let path = request.path.split('?').next().unwrap();
        let parts: Vec<&str> = path.trim_start_matches("/v1/").split('/').collect();
        let (status, said) = match (request.method, parts.as_slice()) {
            (Method::Post, ["terminals", _, "sync"]) => self.sync(&body),
            (Method::Get, ["offers"]) => (200, offers()),
            (Method::Post, ["quotes"]) => self.quote(&body, now_s),
            (Method::Post, ["topups"]) => {
                let key = request.idempotency_key.clone().unwrap();
                self.order(&key, &body, now_s)
            }
            (Method::Get, ["topups", key]) => self.stand(key, request),
            (Method::Post, ["topups", key, "cancel"]) => self.cancel(key),
            other => panic!("{other:?}"),
        };
        let kind = if status >= 400 { "application/problem+json" } else { "application/json" };
        let date = rfc2822::DateTimePrinter::new()
            .timestamp_to_rfc9110_string(&Timestamp::from_second(now_s).unwrap())
            .unwrap();
        Answer {
            status,
            content_type: (status != 204).then(|| kind.into()),
            date: Some(date),
            etag: Some("\"1\"".into()),
            retry_after: None,
            body: if status == 204 { Vec::new() } else { said.to_string().into_bytes() },
        }
    }

    fn sync(&mut self, body: &Value) -> (u16, Value) {
        let known = body["cursor"]["stream"] == json!(self.stream);
        let after = if known { body["cursor"]["after"].as_u64().unwrap() } else { 0 };
        let last = u64::try_from(self.events.len()).unwrap();
        if known && after == last && self.balance.is_none() {
            return (204, Value::Null);
        }
        let new: Vec<Value> =
            self.events.iter().skip(usize::try_from(after).unwrap()).take(50).cloned().collect();
        let reached = after + u64::try_from(new.len()).unwrap();
        let mut said = json!({
            "cursor": {"stream": self.stream, "after": reached},
            "events": new,
            "more": reached < last,
        });
        if let Some(balance) = self.balance.take() {
            said["balance"] = balance;
        }
        (200, said)
    }

    fn quote(&mut self, body: &Value, now_s: i64) -> (u16, Value) {
        self.quotes += 1;
        (
            200,
            json!({
                "id": format!("Q-{}", self.quotes), "offer_id": body["offer_id"], "kind": "main",
                "channel": body["channel"], "activation": body["activation"], "bytes": 31_457_280,
                "price": {"amount": 500, "currency": "CNY"},
                "fee": {"amount": 3, "currency": "CNY"},
                "total": {"amount": 503, "currency": "CNY"},
                "expires_at": at(now_s + 900),
            }),
        )
    }

    fn order(&mut self, key: &str, body: &Value, now_s: i64) -> (u16, Value) {
        if self.keys_forgotten {
            return problem("key_expired", 410);
        }
        if let Some((asked, kept)) = self.keys.get(key) {
            if asked != body {
                return problem("idempotency_conflict", 422);
            }
            return match kept["status"].as_u64() {
                Some(status) => (u16::try_from(status).unwrap(), kept.clone()),
                None => (200, kept.clone()),
            };
        }
        if self.tombstones.iter().any(|dead| dead == key) {
            return (200, json!({"key": key, "state": "cancelled"}));
        }
        if let Some((word, status)) = self.refuses {
            let (status, said) = problem(word, status);
            self.keys.insert(key.into(), (body.clone(), said.clone()));
            return (status, said);
        }
        self.ids += 1;
        let id = format!("T-{}", self.ids);
        let topup = json!({
            "id": id, "key": key, "request_id": body["request_id"], "quote_id": body["quote_id"],
            "state": "awaiting_payment", "channel": "alipay", "iccid": body["iccid"],
            "offer_id": "main-30", "name": "30 MB", "kind": "main", "bytes": 31_457_280,
            "activation": "now", "requested_at": at(now_s),
            "price": {"amount": 500, "currency": "CNY"}, "fee": {"amount": 3, "currency": "CNY"},
            "total": {"amount": 503, "currency": "CNY"},
            "payment": {"code": format!("pay:{id}"), "expires_at": at(now_s + 900)},
        });
        self.keys.insert(key.into(), (body.clone(), topup.clone()));
        self.tell(topup.clone());
        if self.pays_at_once {
            self.pay(key, now_s);
        }
        (201, topup)
    }

    fn stand(&mut self, key: &str, request: &Request) -> (u16, Value) {
        let Some((_, kept)) = self.keys.get(key).filter(|(_, kept)| kept["status"].is_null())
        else {
            return problem("unknown_topup", 404);
        };
        let state = kept["state"].as_str().unwrap();
        if request.path.ends_with(&format!("known={state}")) {
            return (204, Value::Null);
        }
        (200, kept.clone())
    }

    fn cancel(&mut self, key: &str) -> (u16, Value) {
        if self.keys_forgotten {
            return problem("key_expired", 410);
        }
        let Some((_, kept)) = self.keys.get_mut(key) else {
            self.tombstones.push(key.into());
            return (200, json!({"key": key, "state": "cancelled"}));
        };
        if kept["state"] == "awaiting_payment" {
            kept["state"] = json!("cancelled");
            kept["reason"] = json!("by_customer");
            kept.as_object_mut().unwrap().remove("payment");
            let kept = kept.clone();
            self.tell(kept.clone());
            return (200, kept);
        }
        if let Some(status) = kept["status"].as_u64() {
            return (u16::try_from(status).unwrap(), kept.clone());
        }
        (200, kept.clone())
    }

    /// The payment of an order that waits for it.
    pub fn pay(&mut self, key: &str, now_s: i64) {
        let (_, kept) = self.keys.get_mut(key).unwrap();
        if kept["state"] != "awaiting_payment" {
            return;
        }
        kept["state"] = json!("completed");
        kept["paid_at"] = json!(at(now_s));
        kept["completed_at"] = json!(at(now_s));
        kept["valid_from"] = json!(at(now_s));
        kept["valid_to"] = json!(at(now_s + 30 * 86_400));
        kept.as_object_mut().unwrap().remove("payment");
        let kept = kept.clone();
        self.charges.push(kept["id"].as_str().unwrap().to_owned());
        self.tell(kept);
    }

    /// A top-up that was made elsewhere.
    pub fn elsewhere(&mut self, bytes: u64, now_s: i64) -> String {
        self.ids += 1;
        let id = format!("T-{}", self.ids);
        self.tell(json!({
            "id": id, "state": "completed", "channel": "agent", "iccid": super::ICCID,
            "kind": "add_on", "bytes": bytes, "activation": "now", "requested_at": at(now_s),
            "completed_at": at(now_s), "valid_from": at(now_s),
        }));
        id
    }

    /// An event of a top-up as it is.
    pub fn tell(&mut self, topup: Value) {
        let seq = self.events.len() + 1;
        self.events.push(json!({"seq": seq, "kind": "topup", "topup": topup}));
    }

    pub fn key_of_last(&self) -> String {
        self.keys.iter().next_back().unwrap().0.clone()
    }

    pub fn placed(&self) -> usize {
        self.keys.values().filter(|(_, kept)| kept["status"].is_null()).count()
    }
}

fn offers() -> Value {
    json!({"offers": [{
        "id": "main-30", "name": "30 MB", "kind": "main", "bytes": 31_457_280,
        "validity_s": 2_592_000, "price": {"amount": 500, "currency": "CNY"},
        "channels": ["alipay"], "activations": ["now"],
    }]})
}

fn problem(word: &str, status: u16) -> (u16, Value) {
    let urn = format!("urn:posdata:problem:{word}");
    (status, json!({"type": urn, "title": word, "status": status}))
}
