//! A sandbox backend in a directory of its own, and a terminal that asks it.

#![allow(dead_code, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use posdata_testkit::backend::{
    Backend, BackendHandle, BackendSettings, Client, Identity, NoAnswer, Reply,
};
use serde_json::{Value, json};
use tempfile::TempDir;

pub const SERIAL: &str = "N9600012345";
pub const TERMINAL_ID: &str = "10086001";
pub const ICCID: &str = "8986012034567890123";
pub const PEER: &str = "N9600054321";

/// A UUID with that number.
pub fn key(n: u32) -> String {
    format!("5f0c2a7e-3d34-4a52-9c5b-{n:012x}")
}

pub struct World {
    pub backend: BackendHandle,
    pub dir: TempDir,
}

impl World {
    pub fn new() -> Self {
        Self::with(|_| ())
    }

    pub fn with(change: impl FnOnce(&mut BackendSettings)) -> Self {
        let dir = TempDir::new().unwrap();
        let mut settings = BackendSettings::new(dir.path());
        change(&mut settings);
        Self { backend: Backend::start(settings).unwrap(), dir }
    }

    /// The same again, in the same directory and at the same port.
    pub fn restarted(self) -> Self {
        let mut settings = BackendSettings::new(self.dir.path());
        settings.port = self.backend.address().port();
        self.backend.stop();
        Self { backend: Backend::start(settings).unwrap(), dir: self.dir }
    }

    pub fn control(&self, line: &str) -> String {
        self.backend.control(line).unwrap_or_else(|e| panic!("{line}: {e}"))
    }

    pub fn terminal(&self) -> Terminal {
        self.terminal_with(&self.backend.terminal(SERIAL).unwrap())
    }

    pub fn terminal_with(&self, identity: &Identity) -> Terminal {
        let address = self.backend.address();
        Terminal(Client::new(address, &self.backend.ca(), identity).unwrap())
    }

    pub fn books(&self) -> posdata_testkit::backend::Books {
        let books = self.backend.books(SERIAL).unwrap();
        assert!(books.balanced, "{books}");
        books
    }
}

/// The terminal `SERIAL`.
pub struct Terminal(pub Client);

pub type Asked = Result<(u16, Value), NoAnswer>;

impl Terminal {
    pub fn ask(&mut self, method: &str, path: &str, key: Option<u32>, body: &Value) -> Asked {
        let key = key.map(self::key);
        let headers: Vec<(&str, &str)> =
            key.iter().map(|key| ("Idempotency-Key", key.as_str())).collect();
        let body = (!body.is_null()).then(|| body.to_string());
        let Reply { status, body, .. } = self.0.ask(method, path, &headers, body.as_deref())?;
        Ok((status, serde_json::from_slice(&body).unwrap_or_default()))
    }

    pub fn sync(&mut self, body: &Value) -> Asked {
        let mut all = json!({"terminal_id": TERMINAL_ID, "iccid": ICCID});
        all.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
        self.ask("POST", &format!("/v1/terminals/{SERIAL}/sync"), None, &all)
    }

    /// Reports usage; the operator's figure, where it is told.
    pub fn use_up(&mut self, total: i64) -> Value {
        self.sync(&json!({"usage": {"rx_bytes": total, "tx_bytes": 0}})).unwrap().1["balance"]
            ["remaining_bytes"]
            .clone()
    }

    pub fn quote(&mut self, offer: &str) -> String {
        let body = json!({
            "serial": SERIAL, "terminal_id": TERMINAL_ID, "iccid": ICCID, "offer_id": offer,
            "channel": "alipay", "activation": "now",
        });
        let (status, quote) = self.ask("POST", "/v1/quotes", None, &body).unwrap();
        assert_eq!(status, 200, "{quote}");
        quote["id"].as_str().unwrap().to_owned()
    }

    pub fn order(&mut self, n: u32, quote: &str) -> Asked {
        let body = json!({
            "quote_id": quote, "request_id": format!("r{n}"), "serial": SERIAL,
            "terminal_id": TERMINAL_ID, "iccid": ICCID,
        });
        self.ask("POST", "/v1/topups", Some(n), &body)
    }

    pub fn get(&mut self, n: u32, query: &str) -> Asked {
        self.ask("GET", &format!("/v1/topups/{}{query}", key(n)), None, &Value::Null)
    }

    pub fn cancel(&mut self, n: u32) -> Asked {
        self.ask("POST", &format!("/v1/topups/{}/cancel", key(n)), None, &Value::Null)
    }
}
