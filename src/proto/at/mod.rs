//! AT replies.
