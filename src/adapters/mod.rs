//! (floor)

pub mod dbus;
