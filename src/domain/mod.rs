//! Floor 1, pure: what the bytes, the plan and the ledger mean. No I/O, no
//! clock, no randomness: all of these come in as arguments.

pub mod alert;
pub mod counter;
pub mod event;
pub mod forecast;
pub mod ledger;
pub mod persist;
pub mod plan;
pub mod report;
pub mod sim;
pub mod snapshot;
pub mod time;
pub mod units;
