//! What is served on a real bus is what `dbus/*.xml` says, to whom
//! `dbus/org.posdata.conf` says.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "support/bus.rs"]
mod bus;

#[path = "dbus_contract/contract.rs"]
mod contract;
#[path = "dbus_contract/fixture.rs"]
mod fixture;
#[path = "dbus_contract/name.rs"]
mod name;
#[path = "dbus_contract/policy.rs"]
mod policy;
#[path = "dbus_contract/properties.rs"]
mod properties;
#[path = "dbus_contract/requests.rs"]
mod requests;
#[path = "dbus_contract/watches.rs"]
mod watches;
