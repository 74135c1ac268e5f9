//! Floor 1, sans-IO: the languages of modems and of the operator's backend, as
//! bytes in and values out.

pub mod at;
pub mod backend;
pub mod qmi;
