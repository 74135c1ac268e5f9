//! Floor 2, sans-IO: what the operator's backend says, in the domain's words.
//!
//! | room | owns |
//! |---|---|
//! | [`exchange`] | one exchange as values: the request, the answer, every failure |
//! | `record` | a top-up on the wire becomes a record of the domain, or is refused |

pub mod exchange;
mod record;

pub use record::{RecordError, record};
