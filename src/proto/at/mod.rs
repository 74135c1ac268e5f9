//! The language of AT commands (ITU-T V.250, 3GPP TS 27.007, the vendors' own):
//! bytes in, lines and values out. Nothing here knows the time, waits or sends.
//!
//! | room | owns |
//! |---|---|
//! | [`lexer`] | bytes → lines |
//! | [`command`] | what is asked, and the shape of its answer |
//! | [`classify`](mod@classify) | line → final result, echo, information, unsolicited |
//! | [`final_result`] | `OK`, `ERROR`, `+CME ERROR: 10` |
//! | [`counters`] | the vendors' byte counters |
//! | [`identity`] | manufacturer, model, IMEI, IMSI, ICCID |
//! | [`registration`], [`operator`], [`context`], [`pin`], [`clock`] | what their names say |

pub mod classify;
pub mod clock;
pub mod command;
pub mod context;
pub mod counters;
mod error;
mod fields;
pub mod final_result;
pub mod identity;
pub mod lexer;
pub mod operator;
pub mod pin;
pub mod registration;

pub use classify::{Class, Unsolicited, classify};
pub use command::{Command, Shape};
pub use error::ReplyError;
pub use final_result::{EquipmentError, Final};
pub use lexer::{LINE_BYTES_MAX, Lexed, Lexer};
