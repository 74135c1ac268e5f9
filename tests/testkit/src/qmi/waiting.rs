//! Owns who waits for what, and when that has come about.

use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use crate::accounting::Bytes;
use crate::qmi::family::{Family, PerFamily};
use crate::qmi::modem::QmiModem;

/// When a command is over.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Until {
    At(Instant),
    FlowEnds(u64),
    Polls(Polls),
}

/// So many more answers, in each family that has anything to tell.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Polls {
    asked: u64,
    within: Duration,
    pub(crate) deadline: Instant,
    before: PerFamily<u64>,
}

/// Someone who waits for it.
pub(crate) struct Waiter {
    pub(crate) until: Until,
    pub(crate) answer: Sender<Result<(), String>>,
}

impl Polls {
    pub(crate) fn new(modem: &QmiModem, asked: u64, within: Duration, now: Instant) -> Polls {
        let before = PerFamily {
            v4: modem.ledger.of(Family::V4).polls,
            v6: modem.ledger.of(Family::V6).polls,
        };
        Polls { asked, within, deadline: now + within, before }
    }

    /// The family that answers are still missing from, and how many there were. A family without a session, of
    /// which all has been told, is waited for only when the other has none either.
    pub(crate) fn missing(&self, modem: &QmiModem) -> Option<(Family, u64)> {
        let answered =
            |family| modem.ledger.of(family).polls.saturating_sub(*self.before.of(family));
        let mut lacking = Family::ALL
            .into_iter()
            .filter(|family| modem.has_news(*family))
            .map(|family| (family, answered(family)))
            .filter(|(_, count)| *count < self.asked);
        if let Some(missing) = lacking.next() {
            return Some(missing);
        }
        let most = Family::ALL.map(answered).into_iter().max().unwrap_or(0);
        (most < self.asked).then_some((Family::V4, most))
    }
}

impl Until {
    pub(crate) fn deadline(&self) -> Option<Instant> {
        match self {
            Until::At(at) => Some(*at),
            Until::Polls(polls) => Some(polls.deadline),
            Until::FlowEnds(_) => None,
        }
    }

    /// What the waiter hears at the end: an error only where answers are missing.
    pub(crate) fn result(&self, modem: &QmiModem) -> Result<(), String> {
        let Until::Polls(polls) = self else { return Ok(()) };
        match polls.missing(modem) {
            None => Ok(()),
            Some((family, count)) => Err(format!(
                "await polls: {}: {count} of {} answered within {:?}",
                family.name(),
                polls.asked,
                polls.within
            )),
        }
    }
}

impl QmiModem {
    /// Whether a reading of this family tells, or may soon tell, what no reading has told yet.
    fn has_news(&self, family: Family) -> bool {
        let books = self.ledger.of(family);
        let told = books.last_answer.as_ref() == Some(&books.sims);
        let moved = books.sims.iter().any(|sim| sim.total() != Bytes::default());
        self.sessions.of(family).is_there() || (moved && !told)
    }
}
