//! What the engine wants of the backend, and what comes back: the words between
//! the engine and the dialogue that talks to it.

use super::feed::Cursor;
use super::ledger::{Adjustment, FigureBucket};
use super::offer::{Inquiry, Offers, QuoteSaid};
use super::sim::Iccid;
use super::time::UnixS;
use super::topup::{Record, State};
use super::units::Traffic;

/// One thing to ask the backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Errand {
    /// What is new, and what was used.
    Sync(Report),
    /// What can be bought; `etag` names the list that is known.
    Offers {
        /// The list that is known.
        etag: Option<String>,
    },
    /// What an offer costs now.
    Quote(Inquiry),
    /// Places an order, or asks again what became of it.
    Order(Placing),
    /// Where an order stands.
    Stand {
        /// The order's Idempotency-Key.
        key: String,
        /// The state that is known: with `wait`, the answer is held back until it
        /// is another.
        known: State,
        /// Whether the backend may hold the answer back.
        wait: bool,
    },
    /// Ends an order that is not paid.
    Cancel {
        /// The order's Idempotency-Key.
        key: String,
    },
}

impl Errand {
    /// The order that it concerns.
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        match self {
            Self::Order(Placing { key, .. }) | Self::Stand { key, .. } | Self::Cancel { key } => {
                Some(key)
            }
            Self::Sync(_) | Self::Offers { .. } | Self::Quote(_) => None,
        }
    }
}

/// An order as it is placed. The same under one key for ever.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placing {
    /// The Idempotency-Key: a UUID, lower case.
    pub key: String,
    /// On which quote.
    pub quote_id: String,
    /// The caller's own id.
    pub request_id: String,
    /// For which SIM.
    pub iccid: Iccid,
}

/// What a terminal says at a sync.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// How far it has come; `None` before the first.
    pub cursor: Option<Cursor>,
    /// The SIM in use and what it has moved since it was first counted.
    pub usage: Option<(Iccid, Traffic)>,
    /// When that was so, s since the epoch; `None` while the time is not known.
    pub as_of: Option<UnixS>,
}

/// What the backend told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// What is new; `None`: nothing is.
    Sync(Option<Box<News>>),
    /// What can be bought; `None`: the list is the one that is known.
    Offers(Option<Offers>),
    /// What an offer costs.
    Quote(Box<QuoteSaid>),
    /// Where an order stands.
    TopUp(Box<TopUpSaid>),
    /// The order stands where it was known to stand.
    Unchanged,
    /// After a cancel: no order came under this key, and none that does later will
    /// be charged.
    NeverSeen,
}

/// What is new.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct News {
    /// How far the terminal has come with the events.
    pub cursor: Cursor,
    /// In the backend's order, with their numbers.
    pub events: Vec<(u64, Happened)>,
    /// There are further ones.
    pub more: bool,
    /// What the operator says is left.
    pub balance: Option<OperatorBalance>,
    /// When to sync again at the latest, s.
    pub next_sync_s: Option<u64>,
}

/// One event at the backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Happened {
    /// A top-up as it now is.
    TopUp(Box<TopUpSaid>),
    /// A correction of the balance.
    Adjusted {
        /// Of which SIM.
        iccid: Iccid,
        /// Which.
        adjustment: Adjustment,
    },
    /// The operator lets a SIM use data, or not.
    Service {
        /// Which SIM.
        iccid: Iccid,
        /// `normal`, or why not: a word of the contract.
        state: String,
        /// Since when, s since the epoch.
        at: UnixS,
    },
    /// The offers have changed.
    Offers,
    /// Not of the contract; refused and passed over.
    Refused {
        /// What is wrong with it.
        why: String,
    },
    /// Of a kind that this program does not know: kept.
    Other {
        /// Its kind.
        kind: String,
        /// The whole event, JSON.
        json: String,
    },
}

/// What the operator says is left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperatorBalance {
    /// In which SIM.
    pub iccid: Iccid,
    /// When it was so, s since the epoch.
    pub as_of: UnixS,
    /// Over all buckets, bytes.
    pub remaining: u64,
    /// Whether several SIMs draw from it.
    pub shared: bool,
    /// In which buckets, where it is said.
    pub buckets: Vec<FigureBucket>,
}

/// A top-up as the backend tells of it, with what goes with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopUpSaid {
    /// What it is and where it stands.
    pub record: Record,
    /// The Idempotency-Key, where a terminal placed it.
    pub key: Option<String>,
    /// The caller's own id, where a terminal placed it.
    pub request_id: Option<String>,
    /// On which quote, where a terminal placed it.
    pub quote_id: Option<String>,
    /// Of which offer.
    pub offer_id: Option<String>,
    /// What people call it.
    pub name: Option<String>,
    /// What to show to who pays.
    pub payment: Option<Payment>,
    /// What to tell the hotline.
    pub reference: Option<String>,
}

/// What to show to who pays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payment {
    /// What the QR code says: printable ASCII, at most 512 characters.
    pub code: String,
    /// Until when it can be paid, s since the epoch.
    pub expires_at: UnixS,
}

/// Why there is no answer that tells anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Missed {
    /// Refused by a problem of the contract: nothing was charged, and nothing will.
    Refused(Problem),
    /// It was not looked at: ask again.
    NotLookedAt(Problem),
    /// The backend no longer keeps the key.
    Forgotten,
    /// Nothing is known of what became of it.
    Nothing {
        /// Whether its first byte may have left.
        sent: bool,
        /// Why: a word, as in the errors of D-Bus.
        why: Silence,
        /// For people: what was tried, what came back, what to do.
        detail: String,
    },
}

/// Why nothing was heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Silence {
    /// The terminal has no network.
    NoRoute,
    /// There is a network, and the backend does not answer over it.
    Offline,
    /// The two do not trust each other.
    Untrusted,
    /// It answered what the contract does not have.
    Nonsense,
    /// It answered that something is wrong with it.
    Failing,
}

/// A problem of the contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Its word in the contract.
    pub word: &'static str,
    /// For people, in the backend's words; may be empty.
    pub detail: String,
    /// When the next one is allowed, s from now.
    pub retry_after_s: Option<u64>,
}
