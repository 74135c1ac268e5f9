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
//! - *Names*: what the backend names is posted once for its name. The same again
//!   does nothing, and another content under one name is refused: the first stands.
//! - *Taking back*: what the operator takes out of a bucket is what is left of it,
//!   then what expired, then what was used, which becomes overdraft.
//! - *The operator's figure* rules at its as-of time; see [`Figure`].
//! - *Set aside*: what the book refuses is kept, whole, until a person has looked;
//!   the whole book is checked at each commit, and goes back to the last one that
//!   balanced should it not.
//! - *Entries* are never changed. Consumption is a running total in its bucket,
//!   closed into one entry a bucket and day (into two when the clock goes back by
//!   more than a day and comes through the same day again).

mod account;
mod action;
mod adjustment;
mod aside;
mod balance;
mod book;
mod bucket;
mod calibration;
mod check;
mod credit;
mod draft;
mod entry;
mod figures;
mod moves;
mod operator;
mod overdraft;
mod pending;
mod plan;
mod posting;
mod refusal;
mod reversal;
mod rollover;
mod rows;
mod status;
mod take;

pub use account::{Account, Reconciled};
pub use action::{Action, ActionId, ActionKind, ActionState};
pub use adjustment::Adjustment;
pub use aside::{Accepted, Aside, AsideState, Asides, Posted, Posting};
pub use balance::Balance;
pub use book::Book;
pub use bucket::{Bought, Bucket, BucketKind, BucketStatus, PlanTerms};
pub use calibration::{Calibration, Figure, FigureBucket};
pub use credit::{Credit, Credited};
pub use entry::{Entry, EntryKind};
pub use figures::{AMOUNT_MAX, Figures, Unbalanced};
pub use moves::{Move, MoveKind};
pub use overdraft::{Overdraft, OverdraftTime};
pub use plan::PlanOutcome;
pub use posting::{Grant, Granted};
pub use refusal::Refusal;
pub use reversal::Reversal;
pub use rows::{BookRows, Changes};
pub use status::{Status, StatusInput, StatusLevels};
