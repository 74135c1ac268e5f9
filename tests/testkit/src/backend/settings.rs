//! Owns what a sandbox backend is started with.

use std::path::PathBuf;

/// One terminal that the operator knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TerminalSettings {
    /// Its serial: the common name of its certificate.
    pub serial: String,
    /// The acquirer's terminal id.
    pub terminal_id: String,
    /// Its SIM.
    pub iccid: String,
    /// What the SIM has to begin with, in bytes, without an end; not sold by this backend.
    pub opening_bytes: u64,
}

/// What a sandbox backend is started with. What is in the directory already wins over `terminals`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackendSettings {
    /// Where certificates and books are kept; made if it is not there.
    pub dir: PathBuf,
    /// The port on 127.0.0.1; 0 for any that is free.
    pub port: u16,
    /// The port of the control page (plain HTTP on 127.0.0.1); 0 for any; none without.
    pub control_port: Option<u16>,
    /// The terminals that are registered at the first start.
    pub terminals: Vec<TerminalSettings>,
    /// How long a quote holds, s.
    pub quote_s: i64,
    /// How long a payment is waited for, s.
    pub payment_s: i64,
    /// How many events one answer carries at most, 1 to 50.
    pub page_events: usize,
}

impl BackendSettings {
    /// The usual: any port, no control page, two terminals with nothing.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>) -> BackendSettings {
        let terminal = |serial: &str, terminal_id: &str, iccid: &str| TerminalSettings {
            serial: serial.to_owned(),
            terminal_id: terminal_id.to_owned(),
            iccid: iccid.to_owned(),
            opening_bytes: 0,
        };
        BackendSettings {
            dir: dir.into(),
            port: 0,
            control_port: None,
            terminals: vec![
                terminal("N9600012345", "10086001", "8986012034567890123"),
                terminal("N9600054321", "10086002", "8986012034567890999"),
            ],
            quote_s: 900,
            payment_s: 900,
            page_events: 50,
        }
    }
}
