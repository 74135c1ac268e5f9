//! Data that is given away: transfers and refunds, two-phase as the backend does
//! them. What is reserved can neither be used nor expires.

use serde::{Deserialize, Serialize};

use super::action::{Action, ActionKind, ActionState};
use super::aside::{Posted, Posting};
use super::book::Book;
use super::bucket::{Bucket, BucketKind, BucketStatus};
use super::credit::topup_key;
use super::draft::{Draft, Line, signed};
use super::entry::EntryKind;
use super::posting::{Grant, open_bucket};
use super::refusal::Refusal;
use super::reversal::after_taking;
use super::take::{Out, take};
use crate::domain::time::{Stamp, UnixS};

/// A transfer or a refund.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Move {
    /// Which of them.
    pub kind: MoveKind,
    /// Its id at the backend.
    pub key: String,
    /// The top-up that the bytes are of.
    pub topup: String,
    /// How much, 0 to 2^63-1 bytes.
    pub bytes: u64,
    /// When what is received ends, s since the epoch; `None`: never.
    pub valid_to: Option<UnixS>,
    /// When it was done at the operator, s since the epoch, where that is known.
    pub effective_s: Option<UnixS>,
}

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MoveKind {
    /// Back to the operator, for money.
    Refund,
    /// To another SIM.
    TransferOut,
    /// From another SIM.
    TransferIn,
}

impl MoveKind {
    fn action(self) -> ActionKind {
        match self {
            Self::Refund => ActionKind::Refund,
            Self::TransferOut => ActionKind::TransferOut,
            Self::TransferIn => ActionKind::TransferIn,
        }
    }

    fn out(self) -> Option<Out> {
        match self {
            Self::Refund => Some(Out::Refund),
            Self::TransferOut => Some(Out::Transfer),
            Self::TransferIn => None,
        }
    }
}

impl Move {
    /// Bytes of a top-up that are given away.
    #[must_use]
    pub fn out(kind: MoveKind, key: &str, topup: &str, bytes: u64) -> Self {
        let (key, topup) = (key.to_owned(), topup.to_owned());
        Self { kind, key, topup, bytes, valid_to: None, effective_s: None }
    }
}

/// The action that stands under a posting's name, if it says the same.
pub(super) fn known(book: &Book, action: &Action) -> Result<Option<Action>, Refusal> {
    let Some(known) = book.actions.get(&action.id()) else { return Ok(None) };
    let differs = if known.bytes != action.bytes {
        "amount"
    } else if known.topup != action.topup {
        "top-up"
    } else {
        return Ok(Some(known.clone()));
    };
    let (what, key) = (action.kind.word(), action.key.clone());
    Err(Refusal::OtherContent { what, key, differs })
}

impl Book {
    /// Brings a transfer or a refund to a state: none or reserved to any, and no
    /// further. The first phase comes again without effect when it has ended.
    ///
    /// What is reserved must be left in its bucket. What is posted without being
    /// reserved is the operator's word, and is taken as by [`Book::take_back`]. What
    /// comes in is a bucket of its own, once it is posted.
    ///
    /// # Errors
    /// [`Refusal`]: `Short` where less is left than is to be reserved, `Settled`
    /// where it ended in the other way, `OtherContent`, `UnknownTopUp`. The book is
    /// as it was.
    pub fn shift(
        &mut self,
        moved: &Move,
        state: ActionState,
        at: Stamp,
    ) -> Result<Posted, Refusal> {
        let kind = moved.kind.action();
        let mut action = Action {
            sim: self.sim,
            kind,
            key: moved.key.clone(),
            topup: moved.topup.clone(),
            bucket: None,
            bytes: signed(moved.bytes)?,
            state,
            effective_s: moved.effective_s.or(at.trusted_s()),
            at,
        };
        let before = known(self, &action)?;
        let (was, bucket) = (before.as_ref().map(|b| b.state), before.and_then(|b| b.bucket));
        action.bucket = bucket;
        match (was, state) {
            (None, _)
            | (Some(ActionState::Reserved), ActionState::Posted | ActionState::Voided) => {}
            (Some(_), ActionState::Reserved)
            | (Some(ActionState::Posted), ActionState::Posted)
            | (Some(ActionState::Voided), ActionState::Voided) => return Ok(Posted::Already),
            (Some(state @ (ActionState::Posted | ActionState::Voided)), _) => {
                let (what, key) = (kind.word(), moved.key.clone());
                return Err(Refusal::Settled { what, key, state: state.word() });
            }
        }
        self.post_draft(at, |draft| {
            if was == Some(ActionState::Reserved) && moved.kind != MoveKind::TransferIn {
                release(draft, &action)?;
            }
            match (state, moved.kind.out()) {
                (ActionState::Reserved, Some(_)) => {
                    action.bucket = Some(reserve(draft, moved)?);
                }
                (ActionState::Posted, Some(out)) => {
                    let id = bucket.map_or_else(|| source(draft, moved), Ok)?;
                    take(draft, id, moved.bytes, out, &moved.key)?;
                    action.bucket = Some(id);
                }
                (ActionState::Posted, None) => {
                    action.bucket = Some(receive(draft, moved)?);
                }
                (ActionState::Reserved, None) | (ActionState::Voided, _) => {}
            }
            if state == ActionState::Voided
                && let Some(id) = action.bucket
            {
                end_what_is_free(draft, id)?;
            }
            draft.put_action(action);
            after_taking(draft)
        })?;
        let moved = moved.clone();
        let posting = match state {
            ActionState::Reserved => Posting::Reserve(moved),
            ActionState::Posted => Posting::Move(moved),
            ActionState::Voided => Posting::Void(moved),
        };
        self.journal(posting, at);
        Ok(Posted::New)
    }
}

/// The bucket that bytes of a top-up come from: its own; else, since what was
/// bought before the terminal's first sync has none, what the operator said was
/// left then.
fn source(draft: &Draft<'_>, moved: &Move) -> Result<u64, Refusal> {
    let keys = [topup_key(&moved.topup), transfer_key(&moved.topup)];
    let own = draft.all_buckets().find(|bucket| keys.contains(&bucket.key));
    let opening = || {
        let judged_s = draft.judged_s();
        let fits =
            |bucket: &&Bucket| bucket.kind == BucketKind::Opening && bucket.usable_at(judged_s);
        draft.all_buckets().filter(fits).min_by_key(|bucket| bucket.drawdown_order())
    };
    let found = own.or_else(opening).map(|bucket| bucket.id);
    found.ok_or_else(|| Refusal::UnknownTopUp(moved.topup.clone()))
}

fn transfer_key(id: &str) -> String {
    format!("transfer:{id}")
}

fn reserve(draft: &mut Draft<'_>, moved: &Move) -> Result<u64, Refusal> {
    let id = source(draft, moved)?;
    let mut bucket = draft.bucket(id)?.clone();
    if !bucket.is_open() {
        return Err(Refusal::BucketEnded(id));
    }
    let (remaining, wanted) = (bucket.figures.remaining, moved.bytes);
    if wanted > remaining {
        return Err(Refusal::Short { bucket: id, remaining, wanted });
    }
    draft.shift(&mut bucket, |figures| figures.reserve(wanted))?;
    draft.put_bucket(bucket);
    state_reservation(draft, id, signed(wanted)?, &moved.key)?;
    Ok(id)
}

fn release(draft: &mut Draft<'_>, action: &Action) -> Result<(), Refusal> {
    let Some(id) = action.bucket else { return Ok(()) };
    let mut bucket = draft.bucket(id)?.clone();
    let bytes = action.bytes.unsigned_abs();
    draft.shift(&mut bucket, |figures| figures.release(bytes))?;
    draft.put_bucket(bucket);
    state_reservation(draft, id, action.bytes.saturating_neg(), &action.key)
}

fn state_reservation(draft: &mut Draft<'_>, id: u64, bytes: i64, key: &str) -> Result<(), Refusal> {
    let (kind, note) = (EntryKind::Reservation, key.to_owned());
    draft.enter(Line { bucket: Some(id), kind, bytes, day: None, note })
}

/// What is set free in a bucket that has ended meanwhile ends with it.
fn end_what_is_free(draft: &mut Draft<'_>, id: u64) -> Result<(), Refusal> {
    let mut bucket = draft.bucket(id)?.clone();
    let left = bucket.figures.remaining;
    if bucket.is_open() || left == 0 {
        return Ok(());
    }
    let (kind, bytes) = if bucket.status == BucketStatus::Expired {
        draft.shift(&mut bucket, |figures| figures.expire(left))?;
        (EntryKind::Expiry, signed(left)?)
    } else {
        let delta = signed(left)?.saturating_neg();
        draft.shift(&mut bucket, |figures| figures.adjust(delta))?;
        (EntryKind::Adjustment, delta)
    };
    draft.put_bucket(bucket);
    draft.enter(Line { bucket: Some(id), kind, bytes, day: None, note: String::new() })
}

fn receive(draft: &mut Draft<'_>, moved: &Move) -> Result<u64, Refusal> {
    let now_s = draft.judged_s();
    let from =
        now_s.map(|now_s| moved.valid_to.map_or(now_s, |to| now_s.min(to.saturating_sub(1))));
    let grant = Grant {
        key: transfer_key(&moved.key),
        kind: BucketKind::Transfer,
        bytes: moved.bytes,
        valid_from: from,
        expires_at: moved.valid_to,
        note: moved.topup.clone(),
    };
    open_bucket(draft, grant, EntryKind::TransferIn)
}
