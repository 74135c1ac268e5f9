//! An action: a posting that the operator names, kept so that it is posted once.

use super::book::Book;
use crate::domain::sim::SimId;
use crate::domain::time::{Stamp, UnixS};

/// What makes an action one: its kind, and its id at the backend (or, until that
/// is known, the key of the request).
pub type ActionId = (ActionKind, String);

/// A posting with a name of its own. A top-up's grant has none: its bucket's key
/// says the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    /// Whose.
    pub sim: SimId,
    /// What kind.
    pub kind: ActionKind,
    /// Its id at the backend, or the key of the request.
    pub key: String,
    /// The top-up that it concerns; empty where it concerns none.
    pub topup: String,
    /// The bucket that it moves, once it moves one.
    pub bucket: Option<u64>,
    /// How much; an adjustment has a sign.
    pub bytes: i64,
    /// How far it has come. Only a reserved one changes.
    pub state: ActionState,
    /// When it was so at the operator, s since the epoch, where that is known.
    pub effective_s: Option<UnixS>,
    /// When it was posted last.
    pub at: Stamp,
}

/// What an action does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ActionKind {
    /// A top-up is taken back. Its key is the top-up's id.
    Reversal,
    /// Data is given back for money.
    Refund,
    /// Data is given to another SIM.
    TransferOut,
    /// Data comes from another SIM.
    TransferIn,
    /// The operator corrects the balance.
    Adjustment,
}

/// How far an action has come: two-phase, as the backend does it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ActionState {
    /// Its bytes are set aside.
    Reserved,
    /// It is done.
    Posted,
    /// It is off; its bytes are free again.
    Voided,
}

impl ActionKind {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Reversal, Self::Refund, Self::TransferOut, Self::TransferIn, Self::Adjustment];

    /// The word used in the database.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Reversal => "reversal",
            Self::Refund => "refund",
            Self::TransferOut => "transfer_out",
            Self::TransferIn => "transfer_in",
            Self::Adjustment => "adjustment",
        }
    }
}

impl ActionState {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Reserved, Self::Posted, Self::Voided];

    /// The contract's word, used in the database too.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Reserved => "reserved",
            Self::Posted => "posted",
            Self::Voided => "voided",
        }
    }
}

impl Action {
    /// What makes it one.
    #[must_use]
    pub fn id(&self) -> ActionId {
        (self.kind, self.key.clone())
    }

    /// By how much it changes what is left, once it is posted.
    pub(super) fn moves(&self) -> i64 {
        match (self.state, self.kind) {
            (ActionState::Reserved | ActionState::Voided, _) => 0,
            (
                ActionState::Posted,
                ActionKind::Reversal | ActionKind::Refund | ActionKind::TransferOut,
            ) => self.bytes.saturating_neg(),
            (ActionState::Posted, ActionKind::TransferIn | ActionKind::Adjustment) => self.bytes,
        }
    }
}

impl Book {
    /// An action, by its kind and its key.
    #[must_use]
    pub fn action(&self, kind: ActionKind, key: &str) -> Option<&Action> {
        self.actions.get(&(kind, key.to_owned()))
    }

    /// All actions, by kind and key.
    pub fn actions(&self) -> impl Iterator<Item = &Action> {
        self.actions.values()
    }
}
