//! The store: SQLite, owned by one thread. It writes batches as the engine hands
//! them out and answers questions about the history; it decides nothing.
//!
//! | room | owns |
//! |---|---|
//! | `open` | what the file at the path is, and what to do with it |
//! | `schema` | the tables, in numbered frozen migrations |
//! | `write` | one batch in one transaction |
//! | `read` | what a start loads, and queries of the history |
//! | `cells` | values as they lie in columns |
//! | `fault` | what can go wrong, each with its words |
//! | `thread` | the thread, its commands and answers |

mod cells;
mod fault;
mod open;
mod read;
mod schema;
mod thread;
mod write;

pub use fault::Fault;
pub use open::{Mode, Opened, open};
pub use thread::{Outcome, StoreThread};
