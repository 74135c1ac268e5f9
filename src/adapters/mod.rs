//! Floor 3: the only place that touches the world outside.

pub mod clock;
pub mod dbus;
pub mod https;
pub mod modemmanager;
pub mod netdev;
pub mod port;
pub mod qmi;
pub mod serial;
pub mod signals;
pub mod store;
pub mod systemd;
