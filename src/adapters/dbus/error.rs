//! What clients are refused with, and what keeps the server from starting.

use super::server::BusAddress;
use crate::domain::watch::WatchRefusal;

/// The errors of `org.posdata.Error.*`; a variant's name is the error's name,
/// its text is for people.
#[derive(Clone, Debug, PartialEq, Eq, zbus::DBusError)]
#[zbus(prefix = "org.posdata.Error")]
pub enum Error {
    /// An argument is out of its range; the text names it, its range and what came.
    InvalidArgument(String),
    /// The property's value is not known now.
    Unknown(String),
    /// The caller holds no watch of that id.
    UnknownWatch(String),
    /// The caller, or all callers together, hold as many watches as they may.
    TooManyWatches(String),
    /// The disk cannot be read.
    StoreUnavailable(String),
    /// The bus let the call in, and posdatad refuses it.
    NotAllowed(String),
    /// Too much is asked at once, or the answer took too long: ask again.
    Busy(String),
    /// posdatad is ending: ask again when the name has an owner.
    ShuttingDown(String),
}

impl Error {
    /// The property is not known now.
    pub(super) fn unknown(property: &str) -> Self {
        Self::Unknown(format!("{property} is not known now"))
    }

    /// The engine is gone.
    pub(super) fn shutting_down() -> Self {
        Self::ShuttingDown("posdatad is ending".to_owned())
    }
}

impl From<WatchRefusal> for Error {
    fn from(refusal: WatchRefusal) -> Self {
        let text = refusal.to_string();
        match refusal {
            WatchRefusal::Accuracy | WatchRefusal::Period(_) => Self::InvalidArgument(text),
            WatchRefusal::TooManyOfCaller | WatchRefusal::TooMany => Self::TooManyWatches(text),
            WatchRefusal::Unknown(_) => Self::UnknownWatch(text),
        }
    }
}

/// Why the server does not run.
#[derive(Debug, thiserror::Error)]
pub enum BusError {
    /// No bus answers there.
    #[error("cannot reach {address}: {source}")]
    Connect {
        /// Where.
        address: BusAddress,
        /// What came back.
        source: zbus::Error,
    },
    /// Somebody owns the name.
    #[error("another posdatad runs on this bus: org.posdata is owned by {}", owner(.pid))]
    NameTaken {
        /// Its process, where the bus says so.
        pid: Option<u32>,
    },
    /// The bus does not let this user own the name.
    #[error(
        "the bus does not let this user own org.posdata ({0}): run as root or posdatad, with \
         org.posdata.conf in /usr/share/dbus-1/system.d; if the user was made after the bus \
         started, reload the bus (systemctl reload dbus)"
    )]
    NameDenied(String),
    /// The bus answered something else.
    #[error("the bus refused: {0}")]
    Bus(#[from] zbus::Error),
}

fn owner(pid: &Option<u32>) -> String {
    pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"))
}
