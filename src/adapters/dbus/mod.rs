//! The D-Bus server: `org.posdata` at `/org/posdata`, as `dbus/*.xml` says.
//!
//! Properties, `GetBuckets`, `GetCycle` and `SourceInfo` are answered from the
//! published [`Snapshot`](crate::domain::snapshot::Snapshot), so they wait for
//! neither disk nor modem. All else becomes a [`Request`] to the engine, in a
//! bounded channel. Signals leave by one bounded outbox, in one order.
//!
//! Every limit has a name and a refusal: nothing here grows with what clients do.

mod admin;
mod balance;
mod callers;
mod change;
mod error;
mod recharge;
mod record;
mod request;
mod server;
mod signal;
mod usage;

pub use error::{BusError, Error};
pub use request::{BackendInfo, EventRecord, REQUESTS_MAX, Reply, Request};
pub use server::{BusAddress, Server};
pub use signal::{Alert, OUTBOX_MAX, OutboxFull};

/// The name posdatad owns on the bus.
pub const BUS_NAME: &str = "org.posdata";
/// Its one object.
pub const OBJECT_PATH: &str = "/org/posdata";
