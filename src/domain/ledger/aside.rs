//! What is posted to a book as one value, and what becomes of it when the book
//! refuses it: it is set aside, whole, until a person has looked.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::action::ActionState;
use super::adjustment::Adjustment;
use super::book::Book;
use super::calibration::{Calibration, Figure};
use super::credit::{Credit, Credited};
use super::moves::Move;
use super::refusal::Refusal;
use super::reversal::Reversal;
use crate::domain::plan::Calendar;
use crate::domain::sim::SimId;
use crate::domain::time::Stamp;

/// One posting, with all that is needed to post it again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "posting", rename_all = "snake_case")]
pub enum Posting {
    /// Bytes that were counted.
    Use {
        /// How many.
        bytes: u64,
    },
    /// A completed top-up.
    Credit(Credit),
    /// A top-up that is taken back.
    Reversal(Reversal),
    /// A transfer or a refund is reserved.
    Reserve(Move),
    /// A transfer or a refund is done.
    Move(Move),
    /// A transfer or a refund is off.
    Void(Move),
    /// The operator corrects the balance.
    Adjustment(Adjustment),
    /// The operator says what is left.
    Figure(Figure),
}

/// What a posting came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Posted {
    /// It was posted.
    New,
    /// The same had been posted before; nothing was done.
    Already,
    /// A figure that is older than the last one; nothing was done.
    Older,
}

/// What became of a posting that is not to be lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// It was posted, or had been.
    Posted(Posted),
    /// It contradicts what was posted under its name, and is not posted at all.
    Refused(Refusal),
    /// It was set aside: `id` names it among [`Book::asides`].
    SetAside {
        /// Its number.
        id: u64,
        /// Why.
        refusal: Refusal,
    },
}

/// A posting that was set aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Aside {
    /// From 1, unique within its SIM.
    pub id: u64,
    /// Whose.
    pub sim: SimId,
    /// All of it. Bytes that were counted are added up in one until it is looked at.
    pub posting: Posting,
    /// Why the book refused it: the refusal's words.
    pub reason: String,
    /// When it was first set aside.
    pub at: Stamp,
    /// What has become of it.
    pub state: AsideState,
}

/// What has become of a posting that was set aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AsideState {
    /// A person has to look at it.
    Open,
    /// It was posted after all.
    Posted,
    /// A person decided that it is not to be posted.
    Dismissed,
}

/// What was set aside for a SIM; it does not need a book that balances.
#[derive(Clone, Debug)]
pub struct Asides {
    sim: SimId,
    rows: BTreeMap<u64, Aside>,
    unwritten: BTreeSet<u64>,
}

impl AsideState {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Open, Self::Posted, Self::Dismissed];

    /// The word used in the database.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Posted => "posted",
            Self::Dismissed => "dismissed",
        }
    }
}

impl Asides {
    /// What a store kept.
    #[must_use]
    pub fn new(sim: SimId, rows: Vec<Aside>) -> Self {
        let rows = rows.into_iter().map(|aside| (aside.id, aside)).collect();
        Self { sim, rows, unwritten: BTreeSet::new() }
    }

    /// Sets a posting aside and gives its number. One that is set aside already
    /// stays as it is; bytes that were counted are added up.
    pub fn add(&mut self, posting: Posting, refusal: &Refusal, at: Stamp) -> u64 {
        if let Posting::Use { bytes } = posting
            && let Some(id) = self.add_use(bytes)
        {
            return id;
        }
        let same = |aside: &&Aside| aside.posting == posting && aside.state == AsideState::Open;
        if let Some(aside) = self.rows.values().find(same) {
            return aside.id;
        }
        let id = self.rows.keys().next_back().map_or(1, |last| last.saturating_add(1));
        let (reason, state) = (refusal.to_string(), AsideState::Open);
        self.rows.insert(id, Aside { id, sim: self.sim, posting, reason, at, state });
        self.unwritten.insert(id);
        id
    }

    /// What is new or changed since the last drain.
    pub fn drain(&mut self) -> Vec<Aside> {
        let ids = std::mem::take(&mut self.unwritten);
        ids.iter().filter_map(|id| self.rows.get(id).cloned()).collect()
    }

    /// True when `drain` would give something to write.
    #[must_use]
    pub fn has_changes(&self) -> bool {
        !self.unwritten.is_empty()
    }

    /// All of them, by id.
    pub fn iter(&self) -> impl Iterator<Item = &Aside> {
        self.rows.values()
    }

    pub(super) fn any_open(&self) -> bool {
        self.rows.values().any(|aside| aside.state == AsideState::Open)
    }

    fn add_use(&mut self, more: u64) -> Option<u64> {
        let open = self.rows.values_mut().filter(|aside| aside.state == AsideState::Open);
        for aside in open {
            if let Posting::Use { bytes } = &mut aside.posting
                && let Some(sum) = bytes.checked_add(more)
            {
                *bytes = sum;
                self.unwritten.insert(aside.id);
                return Some(aside.id);
            }
        }
        None
    }

    fn open(&self, id: u64) -> Result<&Aside, Refusal> {
        let open = self.rows.get(&id).filter(|aside| aside.state == AsideState::Open);
        open.ok_or(Refusal::UnknownAside(id))
    }

    fn end(&mut self, id: u64, state: AsideState) {
        if let Some(aside) = self.rows.get_mut(&id) {
            aside.state = state;
            self.unwritten.insert(id);
        }
    }
}

impl Book {
    /// Posts any posting, once for its name.
    ///
    /// # Errors
    /// [`Refusal`]: the book is as it was.
    pub fn post(
        &mut self,
        posting: &Posting,
        at: Stamp,
        calendar: &Calendar,
    ) -> Result<Posted, Refusal> {
        let new = |already| if already { Posted::Already } else { Posted::New };
        match posting {
            Posting::Use { bytes } => self.consume(*bytes, at, calendar).map(|()| Posted::New),
            Posting::Credit(credit) => {
                let credited = self.credit(credit, at)?;
                Ok(new(matches!(credited, Credited::Already(_))))
            }
            Posting::Reversal(reversal) => self.take_back(reversal, at),
            Posting::Reserve(moved) => self.shift(moved, ActionState::Reserved, at),
            Posting::Move(moved) => self.shift(moved, ActionState::Posted, at),
            Posting::Void(moved) => self.shift(moved, ActionState::Voided, at),
            Posting::Adjustment(adjustment) => self.apply_adjustment(adjustment, at),
            Posting::Figure(figure) => Ok(match self.calibrate(figure, at)? {
                Calibration::Reconciled { .. } => Posted::New,
                Calibration::Already => Posted::Already,
                Calibration::Older { .. } => Posted::Older,
            }),
        }
    }

    /// Posts what must not be lost: what the book refuses is set aside, and nothing
    /// more is bought until a person has looked ([`Book::needs_a_person`]). Only what
    /// contradicts an earlier posting of the same name is refused and not kept: that
    /// one stands.
    pub fn accept(&mut self, posting: Posting, at: Stamp, calendar: &Calendar) -> Accepted {
        match self.post(&posting, at, calendar) {
            Ok(posted) => Accepted::Posted(posted),
            Err(refusal) if refusal.is_of_the_name() => Accepted::Refused(refusal),
            Err(refusal) => {
                let id = self.asides.add(posting, &refusal, at);
                Accepted::SetAside { id, refusal }
            }
        }
    }

    /// Posts what was set aside, since a person has seen to it.
    ///
    /// # Errors
    /// [`Refusal`]: it stays set aside. `UnknownAside` where it is not, or no more.
    pub fn post_aside(
        &mut self,
        id: u64,
        at: Stamp,
        calendar: &Calendar,
    ) -> Result<Posted, Refusal> {
        let posting = self.asides.open(id)?.posting.clone();
        let posted = self.post(&posting, at, calendar)?;
        self.asides.end(id, AsideState::Posted);
        Ok(posted)
    }

    /// Notes that a person has looked, and that it is not to be posted.
    ///
    /// # Errors
    /// `UnknownAside` where it is not set aside, or no more.
    pub fn dismiss_aside(&mut self, id: u64) -> Result<(), Refusal> {
        self.asides.open(id)?;
        self.asides.end(id, AsideState::Dismissed);
        Ok(())
    }
}
