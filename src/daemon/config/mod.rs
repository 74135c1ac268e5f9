//! The configuration: `posdatad.toml`, its drop-ins, and everything that can be
//! wrong with them, said all at once with the place of each.
//!
//! From disk to [`Config`]: `files` reads texts, `document` parses one,
//! `reader` looks keys up in all of them, `sections` names every key,
//! `kinds` judges values, `sense` judges keys together.

mod check;
mod diff;
mod document;
mod files;
mod finding;
mod kinds;
mod reader;
mod sections;
mod sense;

use std::path::PathBuf;

pub use check::{Loaded, check, keys, load};
pub use diff::{Difference, differences};
pub use finding::{Finding, Level, Position};

use crate::domain::plan::Plan;

/// The file that is read when none is named.
pub const DEFAULT_FILE: &str = "/etc/posdatad/posdatad.toml";

/// Everything that can be set, with defaults where nothing is.
///
/// It holds no secret: keys are paths to files, and their contents stay there.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// `[terminal]`: who this terminal is.
    pub terminal: Terminal,
    /// `[modem]`: what is read, and how often.
    pub modem: Modem,
    /// `[meter]`: how exactly.
    pub meter: Meter,
    /// `[store]`: where it is kept.
    pub store: Store,
    /// `[plan]`: the plan that is kept on the device, when an allowance is set.
    pub plan: Option<Plan>,
    /// `plan.time_zone`: whose midnight a cycle begins at, and a day of the
    /// history, with a local plan or without one.
    pub time_zone: jiff::tz::TimeZone,
    /// `[alert]`: when to warn.
    pub alert: Alert,
    /// `[history]`: how long it is kept.
    pub history: History,
    /// `[backend]`: the operator's, when an address is set.
    pub backend: Option<Backend>,
    /// `[log]`: how much is said.
    pub log: Log,
}

impl Default for Config {
    fn default() -> Self {
        sections::read(&mut reader::Reader::new(&[]))
    }
}

/// `[terminal]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terminal {
    /// The serial number that the operator knows it by.
    pub serial: Option<String>,
    /// The acquirer's terminal id.
    pub id: Option<String>,
}

/// What the bytes are read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// The best that answers.
    Auto,
    /// AT commands on a serial port.
    At,
    /// QMI on a cdc-wdm device or through qmi-proxy.
    Qmi,
    /// ModemManager over D-Bus.
    ModemManager,
    /// The kernel's interface counters.
    Netdev,
}

impl Source {
    /// The word used in the file, in the journal and on D-Bus.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::At => "at",
            Self::Qmi => "qmi",
            Self::ModemManager => "modemmanager",
            Self::Netdev => "netdev",
        }
    }
}

/// Which AT command the counter is read with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Counter {
    /// The one that answers.
    Auto,
    /// `AT+QGDCNT?` (Quectel LTE)
    Qgdcnt,
    /// `AT+QGDNRCNT?` (Quectel 5G)
    Qgdnrcnt,
    /// `AT+UGCNTRD` (u-blox)
    Ugcntrd,
    /// `AT^DSFLOWQRY` (Huawei, HiSilicon, MeiG)
    Dsflowqry,
    /// `AT#GDATAVOL` (Telit)
    Gdatavol,
    /// `AT+GTSTATIS?` (Fibocom)
    Gtstatis,
}

/// The order of the two numbers in `+QGDNRCNT`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Columns {
    /// Sent, then received, as documented.
    Normal,
    /// Received, then sent, as some firmware has it.
    Reversed,
}

/// `[modem]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Modem {
    /// What the bytes are read from.
    pub source: Source,
    /// The serial port for AT commands.
    pub port: Option<PathBuf>,
    /// The cdc-wdm device for QMI.
    pub device: Option<PathBuf>,
    /// The modem's network interface.
    pub interface: Option<String>,
    /// The AT command that reads the counter.
    pub counter: Counter,
    /// The order of its columns.
    pub columns: Columns,
    /// The longest time between two readings, ms.
    pub poll_ms: u64,
}

/// `[meter]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meter {
    /// The most that may be counted and not yet be on disk, bytes.
    pub loss_bytes_max: u64,
    /// The longest time that counted bytes may wait for the disk, ms.
    pub save_interval_max_ms: u64,
    /// A difference between two sources that is not worth a word, bytes.
    pub cross_check_bytes: u64,
    /// The same as a part of the traffic; the greater of the two holds, percent.
    pub cross_check_percent: u8,
}

/// `[store]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Store {
    /// The database.
    pub path: PathBuf,
}

/// `[alert]`: both lists ascending, each value once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    /// Warn when this much of the plan is used, percent.
    pub used_percent: Vec<u8>,
    /// Warn when it expires in this many days.
    pub expiry_days: Vec<u16>,
}

/// How long rows are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Keep {
    /// They are never deleted.
    Forever,
    /// They are deleted this long after the time they are about, s.
    Seconds(u64),
}

/// `[history]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    /// Rows of five minutes.
    pub five_minutes: Keep,
    /// Rows of an hour.
    pub hours: Keep,
    /// Rows of a day.
    pub days: Keep,
    /// Rows of a month.
    pub months: Keep,
    /// Rows of a year.
    pub years: Keep,
}

/// `[backend]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backend {
    /// Where it is, `https://…`.
    pub url: String,
    /// The operator's certificate authority, the only one that is trusted.
    pub ca: PathBuf,
    /// This terminal's certificate.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
    /// The time between two syncs when all is quiet, ms.
    pub sync_interval_ms: u64,
}

/// `[log]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// The least serious messages that are written.
    pub level: tracing::Level,
}
