//! The dialogue with a modem over AT commands: find out who it is, which counter
//! it has, read it when asked, and come back from everything that goes wrong.
//!
//! | room | owns |
//! |---|---|
//! | [`dialogue`] | [`AtDialogue`]: what is asked next, and what an answer means |
//! | `plan`, `answers`, `hearing` | the steps, what the answer to each means, and what is said unasked |
//! | `commands` | the commands that are sent; none of them resets anything |
//! | [`dialect`] | the vendors' counters: in which order they are tried, how they are read |
//! | `exchange` | one command in flight and its time-out |
//! | `run` | whether the port is set up in this run of the modem, and its mark |
//! | `track` | readings to samples: evidence, width, doubtful figures |
//! | `network` | roaming and network time |
//!
//! **Invariant.** No counter is ever reset or saved by this program: neither
//! `AT+QGDCNT=0|1`, `AT#GDATAVOL=0` nor `AT^DSFLOWCLR` stands anywhere in it.
//! Quectel's autosave (`AT+QAUGDCNT=<seconds>`) would make a power cut cost
//! less, but it writes the modem's own flash and belongs to whoever set the
//! modem up: it is left as it is.

mod answers;
mod commands;
pub mod dialect;
pub mod dialogue;
mod exchange;
mod hearing;
mod network;
mod plan;
mod run;
mod track;

pub use dialect::Dialect;
pub use dialogue::{AtDialogue, AtSettings};
