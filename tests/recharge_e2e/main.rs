//! Buying on a whole terminal: the real program, a real bus with the policy that
//! ships, a real database, real TLS to a sandbox backend that keeps its own books.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(missing_docs)]

#[path = "../support/mod.rs"]
mod support;

mod kills;
mod purchase;
mod refusals;
mod till;
mod trust;

/// Scenarios that run at the same time: they wait for most of their time.
const AT_ONCE: usize = 8;
