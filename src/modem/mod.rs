//! Floor 2, sans-IO: the dialogues with a modem (probe, identify, poll,
//! recover). Bytes and the time come in; bytes and reports come out.

pub mod at;
pub mod modemmanager;
