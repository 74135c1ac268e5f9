//! The ledger of one SIM: what was granted, what of it was used, what is left
//! and until when.
//!
//! A [`Book`] owns the [`Account`] of a SIM, its [`Bucket`]s and its open
//! [`Overdraft`]s. Every posting is worked out beside the book and checked (see
//! [`Figures`]) before it takes effect: a posting that does not balance is refused
//! by name and leaves the book as it was. What a store has to write is drained as
//! [`Changes`]; the same rows make the same book again.
//!
//! Rules:
//! - *Drawdown*: earliest expiry first, what never expires last; then the oldest
//!   grant, which is the smallest id.
//! - *Overdraft*: what no bucket covers is remembered with its time and absorbed
//!   only by grants that were valid then.
//! - *Time*: only trusted time begins, ends or closes anything. What is used in
//!   untrusted time is drawn from the buckets that were usable when the time was
//!   last known, and counts for the day that was open then.
//! - *Entries* are never changed. Consumption is a running total in its bucket,
//!   closed into one entry a bucket and day (into two when the clock goes back by
//!   more than a day and comes through the same day again).

mod account;
mod balance;
mod book;
mod bucket;
mod draft;
mod entry;
mod figures;
mod overdraft;
mod plan;
mod posting;
mod refusal;
mod rollover;
mod status;

pub use account::Account;
pub use balance::Balance;
pub use book::{Book, BookRows, Changes};
pub use bucket::{Bucket, BucketKind, BucketStatus, PlanTerms};
pub use entry::{Entry, EntryKind};
pub use figures::{AMOUNT_MAX, Figures, Unbalanced};
pub use overdraft::{Overdraft, OverdraftTime};
pub use plan::PlanOutcome;
pub use posting::{Grant, Granted};
pub use refusal::Refusal;
pub use status::{Status, StatusInput, StatusLevels};
