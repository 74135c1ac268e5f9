//! What a source tells the engine, whichever way it reads the modem.

use super::reading;
use super::sim::Iccid;
use super::time::UnixS;

/// Who the modem says it is. A field that is `None` was not answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// The maker (`AT+CGMI`, DMS 0x0021), as printed, at most 64 characters.
    pub manufacturer: Option<String>,
    /// The model (`AT+CGMM`, DMS 0x0022), as printed, at most 64 characters.
    pub model: Option<String>,
    /// The firmware (`AT+CGMR`, DMS 0x0023), as printed, at most 64 characters.
    pub revision: Option<String>,
    /// 15 digits.
    pub imei: Option<String>,
    /// 6 to 15 digits.
    pub imsi: Option<String>,
    /// The SIM's number.
    pub iccid: Option<Iccid>,
    /// The command or message the counter is read with, for people (`AT+QGDCNT?`).
    pub counter: Option<String>,
}

/// What is wrong with a source, one word a kind: the same in the journal, on
/// D-Bus and in the manual.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FaultKind {
    /// The port or interface is not there.
    Missing,
    /// It is there, but may not be opened, or another program holds it.
    Denied,
    /// It was there and went away (unplugged, enumerated again).
    Vanished,
    /// It is open and does not answer.
    Silent,
    /// What it answers cannot be read.
    Garbled,
    /// It answers, and has none of the counters that are known.
    NoCounter,
}

impl FaultKind {
    /// The word used in the journal and on D-Bus.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Denied => "denied",
            Self::Vanished => "vanished",
            Self::Silent => "silent",
            Self::Garbled => "garbled",
            Self::NoCounter => "no_counter",
        }
    }
}

/// One thing a source has to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// The source has (again) found out who the modem and its SIM are. Sent
    /// before the first reading, and again when anything of it changed.
    Identified(Identity),
    /// What its counters show.
    Reading(reading::Reading),
    /// Whether the modem roams (`+CREG` and kin: stat 5; NAS 0x0024).
    Roaming(bool),
    /// There is no SIM in the modem, or it is not ready (PIN).
    NoSim,
    /// The mobile network's time, s since the epoch (NITZ).
    NetworkTime(UnixS),
    /// The source cannot be read; said once, when it starts.
    Fault {
        /// What kind.
        kind: FaultKind,
        /// For people: what was tried, what came back, what to do.
        detail: String,
    },
    /// The fault is over; said once.
    Recovered {
        /// How many attempts failed in between.
        attempts_failed: u32,
    },
}
