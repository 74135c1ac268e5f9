//! (floor)

pub mod store;
