//! Floor 3: the only place that touches the world outside.

pub mod netdev;
