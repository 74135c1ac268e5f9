//! Floor 3: the only I/O.

pub mod clock;
pub mod systemd;
