//! An event of a sync on the wire.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::text::{Iccid, Id, Instant, Name, Word};
use super::topup::TopUp;
use super::{INTEGER_MAX, bounded, contract_error, some};

/// One event of a terminal, numbered by the backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// From 1, without holes.
    pub seq: u64,
    /// What it tells.
    pub body: EventBody,
}

/// What an event tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventBody {
    /// A top-up as it now is, from any channel.
    TopUp(Box<TopUp>),
    /// A correction of the balance.
    Adjustment(Adjustment),
    /// The operator has stopped the service, or lets it go on.
    Service(Service),
    /// The offers have changed.
    Offers,
    /// Of a known kind, and not of the contract: set aside, so that it stops
    /// nothing that follows.
    Malformed {
        /// Its kind.
        kind: Word,
        /// What is wrong with it, and where.
        why: String,
    },
    /// Of a kind that this program does not know: kept as it came.
    Other {
        /// Its kind.
        kind: Word,
        /// The whole event, JSON.
        json: String,
    },
}

/// A correction of the balance.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Adjustment {
    /// The backend's id.
    pub id: Id,
    /// Of which SIM.
    pub iccid: Iccid,
    /// Of which top-up's data, where it concerns one.
    #[serde(default, deserialize_with = "some")]
    pub topup_id: Option<Id>,
    /// Added, or taken where negative, -(2^63-1) to 2^63-1 bytes.
    #[serde(deserialize_with = "signed")]
    pub bytes: i64,
    /// When.
    pub at: Instant,
    /// For people.
    #[serde(default, deserialize_with = "some")]
    pub note: Option<Name>,
}

/// Whether the operator lets a SIM use data.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Service {
    /// Which SIM.
    pub iccid: Iccid,
    /// `normal`, or why not.
    pub state: Word,
    /// Since when.
    pub at: Instant,
}

#[derive(Deserialize)]
struct Head {
    #[serde(deserialize_with = "seq")]
    seq: u64,
    kind: Word,
}

impl<'de> Deserialize<'de> for Event {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(from)?;
        let head = Head::deserialize(&value).map_err(D::Error::custom)?;
        let known = match head.kind.as_str() {
            "topup" => member(&value, "topup").map(EventBody::TopUp),
            "adjustment" => member(&value, "adjustment").map(EventBody::Adjustment),
            "service" => member(&value, "service").map(EventBody::Service),
            "offers" => Ok(EventBody::Offers),
            _ => Ok(EventBody::Other { kind: head.kind.clone(), json: value.to_string() }),
        };
        let body = known.unwrap_or_else(|why| EventBody::Malformed { kind: head.kind, why });
        Ok(Self { seq: head.seq, body })
    }
}

/// Reads the member that a known kind carries; its place is in the error.
fn member<T: serde::de::DeserializeOwned>(event: &Value, name: &str) -> Result<T, String> {
    let value = event.get(name).ok_or_else(|| format!("no member {name}"))?;
    serde_path_to_error::deserialize(value).map_err(|e| format!("{name}: {}", contract_error(&e)))
}

fn seq<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    bounded(from, 1, INTEGER_MAX)
}

fn signed<'de, D: Deserializer<'de>>(from: D) -> Result<i64, D::Error> {
    let bytes = i64::deserialize(from)?;
    if bytes == i64::MIN {
        return Err(D::Error::custom("a correction is at least -(2^63-1) bytes"));
    }
    Ok(bytes)
}
