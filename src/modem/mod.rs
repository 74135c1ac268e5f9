//! Floor 2, sans-IO: the dialogues with a modem (probe, identify, poll,
//! recover). Bytes and the time come in; bytes and reports come out.
//!
//! | room | owns |
//! |---|---|
//! | [`at`] | the dialogue over AT commands |
//! | [`qmi`] | the dialogue over QMI |
//! | [`modemmanager`] | what ModemManager says of a modem that it owns |
//! | [`dialogue`] | what both have in common, as the port's owner sees it |
//! | `subscriber` | the SIM's number, confirmed, and when to look again |
//! | `health` | failures, back-off, what is said about them |
//! | `link` | what a link can carry |
//! | `outbox` | what a dialogue has to say until it is asked for |

pub mod at;
pub mod dialogue;
mod health;
mod link;
pub mod modemmanager;
mod outbox;
pub mod qmi;
mod subscriber;

pub use dialogue::{Action, Dialogue};
