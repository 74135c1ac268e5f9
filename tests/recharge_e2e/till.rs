//! A till: a terminal, its operator's sandbox backend, and a cashier.

use std::collections::BTreeMap;

use posdata_testkit::Sim;
use posdata_testkit::backend::{Backend, BackendHandle, BackendSettings, Books, Identity};
use zbus::{OwnedVariant, Variant};

use crate::support::client::Record;
use crate::support::terminal::Terminal;
use crate::support::wait::until;

pub const SERIAL: &str = "N9600012345";
pub const ICCID: &str = "8986012034567890123";
pub const RECHARGE: &str = "org.posdata.Recharge1";
pub const ADMIN: &str = "org.posdata.Admin1";
pub const MAIN_30: u64 = 31_457_280;
pub const ADD_10: u64 = 10_485_760;

/// No options.
pub type Options = BTreeMap<&'static str, Variant<'static>>;

pub struct Till {
    pub backend: BackendHandle,
    pub terminal: Terminal,
}

impl Till {
    /// Everything is there; posdatad is not started yet.
    pub fn new() -> Self {
        let mut terminal = Terminal::with(Sim::builder().iccid(ICCID));
        let settings = BackendSettings::new(terminal.directory.path().join("sandbox"));
        let backend = Backend::start(settings).unwrap();
        let identity = backend.terminal(SERIAL).unwrap();
        let ca = backend.ca().display().to_string();
        terminal
            .settings
            .text("terminal.id", "10086001")
            .text("backend.url", &backend.url())
            .text("backend.ca", &ca)
            .text("backend.sync_interval", "1h");
        let mut till = Self { backend, terminal };
        till.show(&identity);
        till
    }

    /// The terminal shows this certificate from the next start on.
    pub fn show(&mut self, identity: &Identity) {
        let path = |path: &std::path::Path| path.display().to_string();
        self.terminal
            .settings
            .text("backend.certificate", &path(&identity.certificate))
            .text("backend.key", &path(&identity.key));
    }

    /// The same, running, its modem read and its backend heard once.
    pub fn open() -> Self {
        let mut till = Self::new();
        till.terminal.begin();
        till.sync().unwrap();
        till
    }

    pub fn sync(&self) -> Result<u64, String> {
        let answer = self.terminal.client.call(ADMIN, "Sync", &())?;
        let record: BTreeMap<String, OwnedVariant> = answer.body().deserialize().unwrap();
        match &*record["events"] {
            Variant::U64(events) => Ok(*events),
            other => panic!("{other:?}"),
        }
    }

    /// A quote's id.
    pub fn quote(&self, offer: &str) -> Result<String, String> {
        let answer = self.terminal.client.call(RECHARGE, "Quote", &(offer, Options::new()))?;
        let record: BTreeMap<String, OwnedVariant> = answer.body().deserialize().unwrap();
        match &*record["id"] {
            Variant::Str(id) => Ok(id.to_string()),
            other => panic!("{other:?}"),
        }
    }

    /// Places an order; its id.
    pub fn order(&self, request_id: &str, quote: &str) -> Result<String, String> {
        let arguments = (request_id, quote, Options::new());
        let answer = self.terminal.client.call(RECHARGE, "Recharge", &arguments)?;
        Ok(answer.body().deserialize().unwrap())
    }

    pub fn top_up(&self, id: &str) -> Option<Record> {
        self.terminal.client.record(RECHARGE, "GetTopUp", &id).ok()
    }

    pub fn state(&self, id: &str) -> String {
        self.top_up(id).and_then(|topup| topup.text("state")).unwrap_or_default()
    }

    pub fn await_state(&self, id: &str, state: &str) -> Record {
        until(&format!("{id} to be {state}"), || {
            self.top_up(id).filter(|topup| topup.text("state").as_deref() == Some(state))
        })
    }

    pub fn control(&self, command: &str) -> String {
        self.backend.control(command).unwrap_or_else(|error| panic!("{command}: {error}"))
    }

    pub fn books(&self) -> Books {
        self.backend.books(SERIAL).unwrap()
    }

    pub fn remaining(&self) -> Option<u64> {
        self.terminal.client.balance()?.number("RemainingBytes")
    }
}
