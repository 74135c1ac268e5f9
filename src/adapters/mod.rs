//! Floor 3: the only place that touches the world outside.

pub mod netdev;
//! Floor 3: the only I/O.

pub mod clock;
pub mod systemd;
