//! `source = "modemmanager"`: the real posdatad beside a stand-in for
//! ModemManager that lets a test decide what happens, and beside the real one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(missing_docs)]

#[path = "../support/mod.rs"]
mod support;

mod counts;
mod fake;
mod real;
