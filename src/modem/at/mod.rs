//! The AT dialogue.
