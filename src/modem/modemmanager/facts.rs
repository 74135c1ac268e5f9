//! What was read over D-Bus, as plain values: nothing here knows D-Bus, and a
//! value that had the wrong type or was absent is `None` or empty.

use std::collections::BTreeMap;

use crate::domain::report::Identity;
use crate::domain::sim::Iccid;
use crate::domain::units::Traffic;

/// Names are cut to so many characters.
const NAME_CHARS_MAX: usize = 64;

/// One modem object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Modem {
    /// Its object path.
    pub path: String,
    /// `State`, MMModemState.
    pub state: Option<i32>,
    /// `StateFailedReason`, MMModemStateFailedReason.
    pub failed_reason: u32,
    /// `EquipmentIdentifier`.
    pub imei: String,
    /// `Manufacturer`.
    pub manufacturer: String,
    /// `Model`.
    pub model: String,
    /// `Revision`.
    pub revision: String,
    /// `Sim`, an object path; `/` or empty where there is none.
    pub sim: String,
    /// `Bearers`, object paths.
    pub bearers: Vec<String>,
    /// `Device`: the hardware's path in sysfs.
    pub device: String,
    /// `PrimaryPort`.
    pub primary_port: String,
    /// The names of `Ports`.
    pub ports: Vec<String>,
    /// `Modem3gpp.RegistrationState`, MMModem3gppRegistrationState.
    pub registration: Option<u32>,
}

/// A SIM object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sim {
    /// `SimIdentifier`, the ICCID.
    pub iccid: String,
    /// `Imsi`.
    pub imsi: String,
}

/// A bearer object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bearer {
    /// `Connected`.
    pub connected: bool,
    /// `Interface`; empty while there is no connection.
    pub interface: String,
    /// `ReloadStatsSupported`; unknown before ModemManager 1.20.
    pub reloads_stats: Option<bool>,
    /// `Stats`.
    pub stats: Stats,
}

/// `Bearer.Stats`; a key that was absent or of the wrong type is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// `rx-bytes`: of this connection.
    pub rx: Option<u64>,
    /// `tx-bytes`.
    pub tx: Option<u64>,
    /// `total-rx-bytes`: of all connections of this bearer (1.14 and later).
    pub total_rx: Option<u64>,
    /// `total-tx-bytes`.
    pub total_tx: Option<u64>,
    /// `duration` of this connection, s.
    pub duration: Option<u64>,
    /// `attempts` at a connection (1.14 and later).
    pub attempts: Option<u64>,
}

/// Some properties of a bearer changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BearerChange {
    /// As in [`Bearer`].
    pub connected: Option<bool>,
    /// As in [`Bearer`].
    pub interface: Option<String>,
    /// As in [`Bearer`].
    pub reloads_stats: Option<bool>,
    /// As in [`Bearer`].
    pub stats: Option<Stats>,
}

impl BearerChange {
    /// The bearer after the change.
    #[must_use]
    pub fn applied_to(&self, bearer: &Bearer) -> Bearer {
        Bearer {
            connected: self.connected.unwrap_or(bearer.connected),
            interface: self.interface.clone().unwrap_or_else(|| bearer.interface.clone()),
            reloads_stats: self.reloads_stats.or(bearer.reloads_stats),
            stats: self.stats.unwrap_or(bearer.stats),
        }
    }
}

/// The kernel's counter of an interface, without link headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KernelCounter {
    /// Another index is another interface, whose counter began at zero.
    pub ifindex: u64,
    /// The counter, bytes.
    pub traffic: Traffic,
}

/// Kernel counters by the interfaces' names, read just now.
pub type Witness = BTreeMap<String, KernelCounter>;

/// The number at the end of an object path: never reused while ModemManager runs.
#[must_use]
pub fn number(path: &str) -> Option<u32> {
    path.rsplit('/').next().and_then(|last| last.parse().ok())
}

/// Who the modem and its SIM are; what is no such name or number is left out.
pub(super) fn identity(modem: &Modem, sim: Option<&Sim>) -> Identity {
    let name = |text: &str| {
        let text: String = text.trim().chars().take(NAME_CHARS_MAX).collect();
        (!text.is_empty()).then_some(text)
    };
    let digits = |text: &str, lengths: std::ops::RangeInclusive<usize>| {
        let right = lengths.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        right.then(|| text.to_owned())
    };
    Identity {
        manufacturer: name(&modem.manufacturer),
        model: name(&modem.model),
        revision: name(&modem.revision),
        imei: digits(&modem.imei, 14..=16),
        imsi: sim.and_then(|sim| digits(&sim.imsi, 6..=15)),
        iccid: sim.and_then(|sim| Iccid::parse(&sim.iccid).ok()),
        counter: Some("Bearer.Stats".to_owned()),
    }
}
