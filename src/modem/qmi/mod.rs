//! The dialogue with a modem over QMI: take client ids, find out who it is, read
//! what its data sessions have moved, follow their beginnings and ends, and come
//! back from everything that goes wrong.
//!
//! | room | owns |
//! |---|---|
//! | [`dialogue`] | [`QmiDialogue`]: phases, failures, what comes in and goes out |
//! | `plan` | the steps, and when each is due |
//! | `answers` | what the answer to each step means |
//! | `hearing` | what the modem says unasked |
//! | `exchange` | one question in flight, its answer, late and doubled ones |
//! | `clients` | the client ids that are held |
//! | `session` | one family's data session: which one a figure belongs to |
//!
//! **Invariant.** Nothing of the modem's is changed: no session is started,
//! stopped or bound, no counter reset, and Sync is never sent, since it would take
//! the client ids of every other program away.

mod answers;
mod clients;
pub mod dialogue;
mod exchange;
mod hearing;
mod plan;
mod session;

pub use dialogue::{QmiDialogue, QmiSettings, Way};
