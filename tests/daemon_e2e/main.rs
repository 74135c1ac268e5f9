//! The whole daemon on a whole terminal: the real program, a real bus with the
//! policy that ships, a real database file, a simulated modem on a real
//! pseudo-terminal. Each scenario has all of them for itself.
//!
//! `POSDATA_ONLY=part cargo test --test daemon_e2e -- --nocapture` runs the
//! scenarios with that part in their name, and says how long each took.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(missing_docs)]

#[path = "../support/mod.rs"]
mod support;

mod dialects;
mod faults;
mod life;
mod netdev;
mod plan;
mod qmi;
mod store;
mod time;

/// Scenarios that run at the same time: they wait for most of their time.
const AT_ONCE: usize = 12;
