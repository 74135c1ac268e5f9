//! Floor 1, pure: what the bytes, the plan and the ledger mean. No I/O, no
//! clock, no randomness: all of these come in as arguments.

pub mod alert;
pub mod cadence;
pub mod counter;
pub mod crosscheck;
pub mod engine;
pub mod errand;
pub mod event;
pub mod feed;
pub mod forecast;
pub mod ledger;
pub mod meter;
pub mod money;
pub mod offer;
pub mod orders;
pub mod persist;
pub mod plan;
pub mod reading;
pub mod report;
pub mod sim;
pub mod slots;
pub mod snapshot;
pub mod time;
pub mod topup;
pub mod units;
pub mod watch;
