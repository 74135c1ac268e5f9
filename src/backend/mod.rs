//! Floor 2, sans-IO: what the operator's backend says, in the domain's words.
//!
//! | room | owns |
//! |---|---|
//! | `record` | a top-up on the wire becomes a record of the domain, or is refused |

mod record;

pub use record::{RecordError, record};
