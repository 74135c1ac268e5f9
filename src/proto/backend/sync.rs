//! A sync on the wire.

use serde::{Deserialize, Serialize};

use super::event::Event;
use super::text::{Iccid, Id, Instant, Name, Serial, Word};
use super::{bounded, integer, list, some, some_integer};

/// How far a terminal has come in a backend's events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// Which numbering.
    pub stream: Id,
    /// The last event that was applied; 0 before the first.
    #[serde(deserialize_with = "integer")]
    pub after: u64,
}

/// The body of `POST /terminals/{serial}/sync`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SyncRequest {
    /// Absent at the first one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<Cursor>,
    /// The acquirer's.
    pub terminal_id: Serial,
    /// The SIM in use, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iccid: Option<Iccid>,
    /// What that SIM has moved, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
}

/// What a SIM has moved since it was first counted: totals, so that saying them
/// twice changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Usage {
    /// Received, 0 to 2^63-1 bytes.
    pub rx_bytes: u64,
    /// Sent, 0 to 2^63-1 bytes.
    pub tx_bytes: u64,
    /// When; absent while the time is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub as_of: Option<Instant>,
}

/// What is new.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct SyncAnswer {
    /// How far the terminal has come when it has applied the events.
    pub cursor: Cursor,
    /// In their order, at most 50.
    #[serde(deserialize_with = "list")]
    pub events: Vec<Event>,
    /// There are further ones.
    #[serde(default)]
    pub more: bool,
    /// What the operator says is left.
    #[serde(default, deserialize_with = "some")]
    pub balance: Option<Balance>,
    /// When to sync again at the latest, s.
    #[serde(default, deserialize_with = "next_sync")]
    pub next_sync_s: Option<u64>,
}

/// What the operator says is left.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Balance {
    /// In which SIM.
    pub iccid: Iccid,
    /// When it was so.
    pub as_of: Instant,
    /// How much, over all buckets.
    #[serde(deserialize_with = "integer")]
    pub remaining_bytes: u64,
    /// Whether several SIMs draw from it.
    pub shared: bool,
    /// In which buckets; at most 50, and none where it is not said.
    #[serde(default, deserialize_with = "list")]
    pub buckets: Vec<Bucket>,
}

/// A bucket as the operator has it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Bucket {
    /// The backend's id.
    pub id: Id,
    /// The top-up that it came with.
    #[serde(default, deserialize_with = "some")]
    pub topup_id: Option<Id>,
    /// What people call it.
    #[serde(default, deserialize_with = "some")]
    pub name: Option<Name>,
    /// `main` or `add_on`.
    pub kind: Word,
    /// Whether several SIMs draw from it.
    #[serde(default)]
    pub shared: bool,
    /// How much it began with.
    #[serde(default, deserialize_with = "some_integer")]
    pub granted_bytes: Option<u64>,
    /// How much is left.
    #[serde(deserialize_with = "integer")]
    pub remaining_bytes: u64,
    /// When it begins.
    #[serde(default, deserialize_with = "some")]
    pub valid_from: Option<Instant>,
    /// When it ends; absent where it never does.
    #[serde(default, deserialize_with = "some")]
    pub valid_to: Option<Instant>,
}

fn next_sync<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    bounded(from, 60, 2_592_000).map(Some)
}
