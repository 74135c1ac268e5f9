//! QMI, the binary protocol of Qualcomm's modems, as far as metering needs it:
//! frames and messages to values and back, without any I/O.
//!
//! | room | owns |
//! |---|---|
//! | [`framer`] | bytes as they come, whole frames out |
//! | [`message`] | [`Message`]: a frame's header, and its values (TLV) |
//! | [`tlv`] | one value: its checked reader and its writer |
//! | [`error`] | what can be wrong with a frame, a value or an answer |
//! | [`ctl`] | the control service: versions, clients, the proxy |
//! | [`wds`] | wireless data: packet statistics, sessions |
//! | [`dms`] | the device: who it is, its SIM, its clock |
//! | [`nas`] | the network: registration, roaming, its time |
//! | [`uim`] | files of the SIM |
//!
//! Everything is little-endian. Source of the formats: the definitions that
//! libqmi publishes (`data/qmi-service-*.json`) and frames exchanged with its
//! programs.

pub mod ctl;
pub mod dms;
pub mod error;
pub mod framer;
pub mod message;
pub mod nas;
pub mod tlv;
pub mod uim;
pub mod wds;

pub use error::{AnswerError, Refusal, WireError};
pub use framer::Framer;
pub use message::{Kind, Message, Request, Sender, Service};
pub use tlv::Tlv;
