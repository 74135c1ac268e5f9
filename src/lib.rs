//! posdatad: counts every byte a terminal's modem moves, keeps what is left of
//! its data plan, and serves both over D-Bus.
//!
//! The house has five floors; a floor imports only floors below it
//! (`docs/ARCHITECTURE.md`, proven by `tests/tidy.rs`).

pub mod adapters;
pub mod backend;
pub mod ctl;
pub mod daemon;
pub mod domain;
pub mod modem;
pub mod proto;
