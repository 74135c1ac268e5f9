//! Floor 3: the only place that touches the world outside.

pub mod clock;
pub mod dbus;
pub mod netdev;
pub mod systemd;
