//! Floor 1, sans-IO: the languages that modems speak, as bytes in and values out.

pub mod at;
pub mod qmi;
