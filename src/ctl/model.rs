//! The daemon's figures as this program shows them: the fields of the text and,
//! by `Serialize`, the keys of the JSON. `None` is unknown; the key is then absent.

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use super::failure::Failure;
use super::record::{Field, Record};
use crate::domain::units::Traffic;

/// Bytes in both directions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Counts {
    pub(super) rx_bytes: u64,
    pub(super) tx_bytes: u64,
}

impl Counts {
    /// Both directions together.
    pub(super) fn total(self) -> u64 {
        Traffic { rx: self.rx_bytes, tx: self.tx_bytes }.total()
    }
}

/// On D-Bus `home` is `home_rx_bytes` and `home_tx_bytes`, an event's `seen` is
/// `seen_rx` and `seen_tx`.
impl Field for Counts {
    fn read(record: &Record, key: &str) -> Result<Option<Self>, Failure> {
        let one = |direction: &str| match u64::read(record, &format!("{key}_{direction}_bytes")) {
            Ok(None) => u64::read(record, &format!("{key}_{direction}")),
            known_or_failed => known_or_failed,
        };
        Ok(one("rx")?.zip(one("tx")?).map(|(rx_bytes, tx_bytes)| Self { rx_bytes, tx_bytes }))
    }
}

/// An instant: RFC 3339 in JSON, local time in text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Instant(pub(super) Timestamp);

impl From<Instant> for Timestamp {
    fn from(instant: Instant) -> Self {
        instant.0
    }
}

impl Serialize for Instant {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// `t`, seconds since the epoch.
impl Field for Instant {
    fn read(record: &Record, key: &str) -> Result<Option<Self>, Failure> {
        let Some(seconds) = u64::read(record, key)? else { return Ok(None) };
        i64::try_from(seconds)
            .ok()
            .and_then(|seconds| Timestamp::from_second(seconds).ok())
            .map(|at| Some(Self(at)))
            .ok_or_else(|| Failure::Misunderstood(format!("{key} is {seconds}, which is no time")))
    }
}

/// A record's fields, each read by its name and left out of the JSON where absent.
macro_rules! records {
    ($($(#[$about:meta])* $name:ident { $($field:ident: $kind:ty,)* })*) => {$(
        $(#[$about])*
        #[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
        pub(in crate::ctl) struct $name {
            $(#[serde(skip_serializing_if = "Option::is_none")] pub(in crate::ctl) $field: Option<$kind>,)*
        }
        impl $name {
            pub(in crate::ctl) fn read(record: &Record) -> Result<Self, Failure> {
                Ok(Self { $($field: Field::read(record, stringify!($field))?,)* })
            }
        }
    )*};
}

mod shop;
pub(super) use shop::{Entry, Offer, Quote, Synced, TopUp};

records! {
    /// `Balance1`'s properties.
    Balance {
        status: String,
        stop_reason: String,
        remaining_bytes: u64,
        granted_bytes: u64,
        consumed_bytes: u64,
        overdraft_bytes: u64,
        expires_at: Instant,
        days_left: u32,
        as_of: Instant,
        reconciled_at: Instant,
        drift_bytes: i64,
        iccid: String,
        terminal_serial: String,
    }

    /// One of `GetBuckets`.
    Bucket {
        id: u64,
        kind: String,
        status: String,
        granted_bytes: u64,
        consumed_bytes: u64,
        remaining_bytes: u64,
        valid_from: Instant,
        expires_at: Instant,
    }

    /// `Usage1`'s counters, and whose they are (`iccid` is `Balance1`'s).
    Usage {
        rx_bytes: u64,
        tx_bytes: u64,
        home: Counts,
        roaming: Counts,
        iccid: String,
        source: String,
        is_roaming: bool,
        as_of: Instant,
    }

    /// `GetCycle`.
    Cycle {
        start: Instant,
        end: Instant,
        allowance_bytes: u64,
        rx_bytes: u64,
        tx_bytes: u64,
        daily_average_bytes: u64,
        basis_days: u32,
        runs_out_at: Instant,
        allowance_per_day_bytes: u64,
    }

    /// One of `GetUsage`.
    Slot {
        start: Instant,
        rx_bytes: u64,
        tx_bytes: u64,
        home: Counts,
        roaming: Counts,
        estimated: bool,
    }

    /// One of `GetEvents`.
    Event {
        id: u64,
        kind: String,
        time: Instant,
        boot_seq: u32,
        boot_ms: u64,
        trust: String,
        source: String,
        iccid: String,
        before: Counts,
        seen: Counts,
        counted: Counts,
        uncounted: bool,
        detail: String,
    }

    /// One of `SourceInfo`.
    Source {
        name: String,
        role: String,
        path: String,
        fault: String,
        fault_detail: String,
        manufacturer: String,
        model: String,
        revision: String,
        imei: String,
        counter: String,
        rx_bytes: u64,
        tx_bytes: u64,
        readings: u64,
        poll_ms: u64,
    }

    /// What `Watch` sends.
    Reading {
        as_of: Instant,
        rx_bytes: u64,
        tx_bytes: u64,
        home: Counts,
        roaming: Counts,
        source: String,
    }
}

/// Whether what is counted reaches the disk (`Usage1`'s `StoreState`, `StoreDetail`, `UnsavedBytes`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Store {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) state: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) detail: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) unsaved_bytes: Option<u64>,
}

impl Store {
    /// From `Usage1`'s properties.
    pub(super) fn read(usage: &Record) -> Result<Self, Failure> {
        Ok(Self {
            state: Field::read(usage, "store_state")?,
            detail: Field::read(usage, "store_detail")?,
            unsaved_bytes: Field::read(usage, "unsaved_bytes")?,
        })
    }
}

impl Slot {
    /// Both directions together; what is not told counts as nothing.
    pub(super) fn counts(&self) -> Counts {
        Counts { rx_bytes: self.rx_bytes.unwrap_or(0), tx_bytes: self.tx_bytes.unwrap_or(0) }
    }
}
