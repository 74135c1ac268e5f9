//! Floor 2, sans-IO: the conversation with the operator's backend.
//!
//! | room | owns |
//! |---|---|
//! | `dialogue` | one conversation at a time: which errand is next, and when |
//! | `pace` | back-off, the backend's own wishes, the spread over the fleet |
//! | `errand` | an errand becomes a request; what comes back becomes what was told |
//! | `told`, `record` | the words on the wire become those of the domain, or are refused |
//! | `exchange` | one exchange as values, and every way in which it can fail |

mod dialogue;
pub mod errand;
pub mod exchange;
mod pace;
mod record;
mod told;

pub use dialogue::{Dialogue, Do};
pub use errand::Identity;
pub use record::{RecordError, record};
