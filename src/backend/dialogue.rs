//! One conversation with the backend at a time: which errand is next, when, and
//! what it takes before its first byte may leave.
//!
//! ```text
//! nothing ──▶ talking ──────────────────────▶ nothing
//!    │                                           ▲
//!    └──▶ connecting ──▶ saving ──▶ talking ─────┘
//!         (an order alone: it is written down as sent once the connection stands,
//!          so that one that found no network was never sent)
//! ```

use super::errand::{self, Identity};
use super::exchange::{Answer, Failure, Purpose, Request, Sent};
use super::pace::Pace;
use crate::domain::engine::{Input, Wants};
use crate::domain::errand::{Errand, Missed, Silence};
use crate::domain::time::BootMs;

/// The first sync after a start comes within this: a fleet that was switched on
/// together does not arrive together.
const FIRST_SYNC_MS: BootMs = 120_000;
/// An answer that comes sooner than this and changes nothing is not asked for again
/// at once.
const TOO_SOON_MS: BootMs = 10_000;

/// What the adapter is to do.
#[derive(Debug, PartialEq, Eq)]
pub enum Do {
    /// Open a connection, and say how that went, with the number.
    Connect(u64, Purpose),
    /// Ask this, and say what came, with the number.
    Send(u64, Request),
    /// Give up what is being asked: something more urgent has come.
    GiveUp,
}

#[derive(Debug)]
enum Doing {
    Nothing,
    Connecting(Errand),
    Saving(Errand),
    Talking { errand: Errand, since_ms: BootMs },
}

/// The conversation.
#[derive(Debug)]
pub struct Dialogue {
    me: Identity,
    pace: Pace,
    doing: Doing,
    /// The number of what the adapter was told last: what comes of an earlier one,
    /// which was given up, is no answer to it.
    number: u64,
    /// When the next regular sync is due, boot clock, ms; `None`: not planned yet.
    synced_ms: Option<BootMs>,
    first_sync_ms: Option<BootMs>,
    /// A part of the interval by which this terminal comes sooner than others.
    spread: BootMs,
    /// What was answered last, and at once.
    last: Option<Errand>,
}

impl Dialogue {
    /// A conversation that has not begun. `seed` should differ from terminal to
    /// terminal and from start to start.
    #[must_use]
    pub fn new(me: Identity, seed: u64) -> Self {
        let mut pace = Pace::new(seed);
        let spread = pace.within(100);
        Self {
            me,
            pace,
            doing: Doing::Nothing,
            number: 0,
            synced_ms: None,
            first_sync_ms: None,
            spread,
            last: None,
        }
    }

    /// What is next, if anything.
    pub fn next(&mut self, now_ms: BootMs, wants: &Wants) -> Option<Do> {
        if let Doing::Talking { errand: Errand::Stand { wait: true, .. }, .. } = &self.doing {
            let urgent = wants.sync_now || wants.errands.iter().any(is_urgent);
            if !urgent {
                return None;
            }
            self.doing = Doing::Nothing;
            self.number += 1;
            return Some(Do::GiveUp);
        }
        if !matches!(self.doing, Doing::Nothing) {
            return None;
        }
        self.plan_first_sync(now_ms, wants);
        let errand = self.due(now_ms, wants)?;
        self.begin(now_ms, errand)
    }

    /// When [`Dialogue::next`] is wanted at the latest, boot clock, ms.
    #[must_use]
    pub fn timeout(&self, wants: &Wants) -> Option<BootMs> {
        if !matches!(self.doing, Doing::Nothing) {
            return None;
        }
        let errands = wants.errands.iter().map(|errand| self.pace.not_before_ms(is_asked(errand)));
        let sync = self.sync_due_ms(wants);
        errands.chain(sync).min()
    }

    /// The connection stands, or does not.
    pub fn connected(
        &mut self,
        now_ms: BootMs,
        number: u64,
        came: Result<(), Failure>,
    ) -> Option<Input> {
        if number != self.number {
            return None;
        }
        let Doing::Connecting(errand) = std::mem::replace(&mut self.doing, Doing::Nothing) else {
            return None;
        };
        match came {
            Ok(()) => {
                let key = errand.key().unwrap_or_default().to_owned();
                self.doing = Doing::Saving(errand);
                Some(Input::Sending { key })
            }
            Err(failure) => Some(self.came(now_ms, errand, Err(failure))),
        }
    }

    /// That the order is sent is on disk.
    pub fn saved(&mut self, now_ms: BootMs, key: &str) -> Option<Do> {
        match std::mem::replace(&mut self.doing, Doing::Nothing) {
            Doing::Saving(errand) if errand.key() == Some(key) => self.talk(now_ms, errand),
            other => {
                self.doing = other;
                None
            }
        }
    }

    /// The order has ended before it was sent.
    pub fn withheld(&mut self, key: &str) {
        if matches!(&self.doing, Doing::Saving(errand) if errand.key() == Some(key)) {
            self.doing = Doing::Nothing;
        }
    }

    /// An answer, or why there is none.
    pub fn answered(
        &mut self,
        now_ms: BootMs,
        number: u64,
        came: Result<Answer, Failure>,
    ) -> Option<Input> {
        if number != self.number {
            return None;
        }
        match std::mem::replace(&mut self.doing, Doing::Nothing) {
            Doing::Talking { errand, since_ms } => {
                let quick = now_ms.saturating_sub(since_ms) < TOO_SOON_MS;
                let input = self.came(now_ms, errand, came);
                self.last = match &input {
                    Input::Answered { errand, answer: Ok(_), .. } if quick => Some(errand.clone()),
                    _ => None,
                };
                Some(input)
            }
            other => {
                self.doing = other;
                None
            }
        }
    }

    /// The configuration or the certificate was replaced: what was paused is tried
    /// again.
    pub fn refresh(&mut self, me: Identity) {
        self.me = me;
        self.pace.heard();
    }

    fn begin(&mut self, now_ms: BootMs, errand: Errand) -> Option<Do> {
        // The same again without effect is a failure like any other.
        if self.last.take().is_some_and(|last| last == errand) {
            self.pace.missed(now_ms, true);
            return None;
        }
        if matches!(errand, Errand::Order(_)) {
            let purpose = errand::purpose(&errand);
            self.doing = Doing::Connecting(errand);
            self.number += 1;
            return Some(Do::Connect(self.number, purpose));
        }
        self.talk(now_ms, errand)
    }

    fn talk(&mut self, now_ms: BootMs, errand: Errand) -> Option<Do> {
        // An id that cannot be said was read from this contract, or checked where it
        // came in: this cannot happen, and would only stop this one errand.
        let request = errand::request(&errand, &self.me).ok()?;
        self.doing = Doing::Talking { errand, since_ms: now_ms };
        self.number += 1;
        Some(Do::Send(self.number, request))
    }

    fn came(&mut self, now_ms: BootMs, errand: Errand, came: Result<Answer, Failure>) -> Input {
        let reading = errand::reading(&errand, &came);
        match &reading.answer {
            Err(Missed::Nothing { why, .. }) => {
                let cost = !matches!(why, Silence::NoRoute | Silence::Offline)
                    || came.is_err_and(|failure| failure.was_sent() == Sent::Perhaps);
                self.pace.missed(now_ms, cost);
            }
            Err(Missed::NotLookedAt(_)) => self.pace.missed(now_ms, true),
            Err(Missed::Refused(_)) if matches!(errand, Errand::Sync(_)) => {
                self.pace.missed(now_ms, true);
            }
            Ok(_) | Err(_) => {
                self.pace.heard();
                if matches!(errand, Errand::Sync(_)) {
                    self.synced_ms = Some(now_ms);
                }
            }
        }
        if let Some(seconds) = reading.retry_after_s {
            self.pace.hold(now_ms, seconds);
        }
        Input::Answered { errand, date_s: reading.date_s, answer: reading.answer }
    }

    fn due(&self, now_ms: BootMs, wants: &Wants) -> Option<Errand> {
        let may = |errand: &Errand| now_ms >= self.pace.not_before_ms(is_asked(errand));
        let sync = || Errand::Sync(wants.report.clone());
        let sync_due = self.sync_due_ms(wants).is_some_and(|due_ms| now_ms >= due_ms);
        let urgent = wants.errands.iter().find(|errand| is_urgent(errand) && may(errand));
        urgent
            .cloned()
            .or_else(|| sync_due.then(sync))
            .or_else(|| wants.errands.iter().find(|errand| may(errand)).cloned())
    }

    fn sync_due_ms(&self, wants: &Wants) -> Option<BootMs> {
        if wants.sync_now {
            return Some(self.pace.not_before_ms(true));
        }
        let every_ms = wants.sync_within_s.saturating_mul(1_000);
        let due_ms = match self.synced_ms {
            // Up to a tenth sooner: the fleet spreads out.
            Some(synced_ms) => {
                let sooner = every_ms / 1_000 * self.spread;
                synced_ms.saturating_add(every_ms - sooner.min(every_ms / 10))
            }
            None => self.first_sync_ms?,
        };
        Some(due_ms.max(self.pace.not_before_ms(false)))
    }

    fn plan_first_sync(&mut self, now_ms: BootMs, wants: &Wants) {
        if self.first_sync_ms.is_none() {
            // A terminal that was never heard of here cannot sell: it does not wait.
            let bound = match &wants.report.cursor {
                None => 1_000,
                Some(_) => FIRST_SYNC_MS.min(wants.sync_within_s.saturating_mul(100)),
            };
            self.first_sync_ms = Some(now_ms.saturating_add(self.pace.within(bound)));
        }
    }
}

/// What does not wait at the backend.
fn is_urgent(errand: &Errand) -> bool {
    !matches!(errand, Errand::Stand { wait: true, .. })
}

/// What a person waits for.
fn is_asked(errand: &Errand) -> bool {
    matches!(errand, Errand::Offers { .. } | Errand::Quote(_))
}
