//! Top-ups that are taken back, since their payment was.

use serde::{Deserialize, Serialize};

use super::action::{Action, ActionKind, ActionState};
use super::aside::{Posted, Posting};
use super::book::Book;
use super::credit::topup_key;
use super::draft::{Draft, signed};
use super::moves::known;
use super::pending::begin_due;
use super::posting::settle;
use super::refusal::Refusal;
use super::take::{Out, take};
use crate::domain::time::{Stamp, UnixS};

/// A top-up that is taken back, all of it or a part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reversal {
    /// Its id at the backend.
    pub topup: String,
    /// How much, 0 to 2^63-1 bytes.
    pub bytes: u64,
    /// When it was taken back at the operator, s since the epoch, where that is
    /// known. Where not, the operator's figure is taken to know of it.
    pub effective_s: Option<UnixS>,
}

impl Book {
    /// Takes a credited top-up back, once. What is left of it goes first; what was
    /// used of it becomes overdraft, which other grants of that time may absorb.
    ///
    /// # Errors
    /// [`Refusal`]: `UnknownTopUp` where it was never credited, `OtherContent` where
    /// another amount was taken back before. The book is as it was.
    pub fn take_back(&mut self, reversal: &Reversal, at: Stamp) -> Result<Posted, Refusal> {
        let Reversal { topup, bytes, effective_s } = reversal;
        let key = topup_key(topup);
        let Some(bucket) = self.bucket_by_key(&key).map(|bucket| bucket.id) else {
            return Err(Refusal::UnknownTopUp(topup.clone()));
        };
        let action = Action {
            sim: self.sim,
            kind: ActionKind::Reversal,
            key: topup.clone(),
            topup: topup.clone(),
            bucket: Some(bucket),
            bytes: signed(*bytes)?,
            state: ActionState::Posted,
            effective_s: *effective_s,
            at,
        };
        if known(self, &action)?.is_some() {
            return Ok(Posted::Already);
        }
        self.post_draft(at, |draft| {
            take(draft, bucket, *bytes, Out::Reversal, "taken back")?;
            draft.put_action(action);
            after_taking(draft)
        })?;
        self.journal(Posting::Reversal(reversal.clone()), at);
        Ok(Posted::New)
    }
}

/// Lets others absorb what is uncovered, and begin where a package ended.
pub(super) fn after_taking(draft: &mut Draft<'_>) -> Result<(), Refusal> {
    if let Some(at_s) = draft.at.trusted_s() {
        begin_due(draft, at_s)?;
    }
    settle(draft)
}
