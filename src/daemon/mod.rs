//! Floor 4: configuration, command line, logging, wiring and shutdown.

pub mod args;
pub mod config;
pub mod logging;
