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

/// An order that the disk took longer for is not sent on the spot.
const SAVED_WITHIN_MS: BootMs = 30_000;
/// The pause after an errand that has no words.
const UNSAYABLE_PAUSE_S: u64 = 60;

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
    Saving { errand: Errand, since_ms: BootMs },
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
    /// What was asked again although it was answered at once: its pauses grow until
    /// its answer changes something.
    stuck: Option<Errand>,
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
            stuck: None,
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
                self.doing = Doing::Saving { errand, since_ms: now_ms };
                Some(Input::Sending { key })
            }
            Err(failure) => Some(self.came(now_ms, errand, Err(failure))),
        }
    }

    /// That the order is sent is on disk.
    pub fn saved(&mut self, now_ms: BootMs, key: &str) -> Option<Do> {
        match std::mem::replace(&mut self.doing, Doing::Nothing) {
            // What the disk took too long for may be too late: it is asked anew, as
            // one that may have been sent.
            Doing::Saving { errand, since_ms } if errand.key() == Some(key) => {
                let in_time = now_ms.saturating_sub(since_ms) <= SAVED_WITHIN_MS;
                if in_time { self.talk(now_ms, errand) } else { None }
            }
            other => {
                self.doing = other;
                None
            }
        }
    }

    /// The order has ended before it was sent.
    pub fn withheld(&mut self, key: &str) {
        if matches!(&self.doing, Doing::Saving { errand, .. } if errand.key() == Some(key)) {
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
                if !quick || self.stuck.as_ref() != Some(&errand) {
                    self.stuck = None;
                }
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

    fn begin(&mut self, now_ms: BootMs, errand: Errand) -> Option<Do> {
        // The same again without effect is a failure like any other.
        if self.last.take().is_some_and(|last| last == errand) {
            self.stuck = Some(errand);
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
        let Ok(request) = errand::request(&errand, &self.me) else {
            // An id that cannot be said was read from this contract, or checked where
            // it came in: this cannot happen, and must not be tried in a loop.
            self.pace.hold(now_ms, UNSAYABLE_PAUSE_S);
            return None;
        };
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
                if self.stuck.is_none() {
                    self.pace.heard();
                }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::errand::{Placing, Report, Told};
    use crate::domain::feed::Cursor;
    use crate::domain::sim::Iccid;
    use crate::domain::topup::State;
    use crate::proto::backend::Serial;

    const KEY: &str = "5f0c2a7e-3d34-4a52-9c5b-9d8d4f2b6a11";

    fn dialogue() -> Dialogue {
        let word = |text| Serial::parse(text).unwrap();
        Dialogue::new(Identity { serial: word("N1"), terminal_id: word("1") }, 7)
    }

    fn wants(errands: Vec<Errand>) -> Wants {
        let cursor = Some(Cursor { stream: "a".into(), after: 0 });
        let report = Report { cursor, ..Report::default() };
        Wants { errands, report, sync_now: false, sync_within_s: 86_400 }
    }

    fn order() -> Errand {
        Errand::Order(Placing {
            key: KEY.into(),
            quote_id: "Q-1".into(),
            request_id: "r-1".into(),
            iccid: Iccid::parse("8986012034567890123").unwrap(),
        })
    }

    fn stand() -> Errand {
        Errand::Stand { key: KEY.into(), known: State::AwaitingPayment, wait: true }
    }

    fn answer(status: u16, retry_after: Option<&str>) -> Result<Answer, Failure> {
        Ok(Answer {
            status,
            content_type: None,
            date: None,
            etag: None,
            retry_after: retry_after.map(str::to_owned),
            body: Vec::new(),
        })
    }

    #[test]
    fn an_order_is_sent_when_the_connection_stands_and_it_is_on_disk() {
        let mut dialogue = dialogue();
        let wants = wants(vec![order()]);
        let Some(Do::Connect(number, Purpose::Order)) = dialogue.next(0, &wants) else { panic!() };
        assert_eq!(dialogue.next(1, &wants), None, "one thing at a time");
        let input = dialogue.connected(2, number, Ok(()));
        assert!(matches!(input, Some(Input::Sending { key }) if key == KEY));
        assert!(dialogue.saved(3, "another").is_none());
        let Some(Do::Send(_, request)) = dialogue.saved(3, KEY) else { panic!() };
        assert_eq!(request.idempotency_key.as_deref(), Some(KEY));
    }

    #[test]
    fn what_the_disk_took_too_long_for_is_not_sent_on_the_spot() {
        let mut dialogue = dialogue();
        let wants = wants(vec![order()]);
        let Some(Do::Connect(number, _)) = dialogue.next(0, &wants) else { panic!() };
        let _ = dialogue.connected(0, number, Ok(()));
        assert_eq!(dialogue.saved(SAVED_WITHIN_MS + 1, KEY), None);
        assert!(dialogue.next(SAVED_WITHIN_MS + 2, &wants).is_some(), "it is asked anew");
    }

    #[test]
    fn a_wait_is_given_up_for_what_is_urgent_and_its_answer_is_no_answer_to_that() {
        let mut dialogue = dialogue();
        let Some(Do::Send(waiting, _)) = dialogue.next(0, &wants(vec![stand()])) else { panic!() };
        let cancel = Errand::Cancel { key: KEY.into() };
        let urgent = wants(vec![cancel, stand()]);
        assert_eq!(dialogue.next(1, &urgent), Some(Do::GiveUp));
        let Some(Do::Send(number, request)) = dialogue.next(1, &urgent) else { panic!() };
        assert!(request.path.ends_with("/cancel"));
        assert!(dialogue.answered(2, waiting, answer(204, None)).is_none());
        let heard = dialogue.answered(3, number, answer(503, None));
        assert!(matches!(heard, Some(Input::Answered { errand: Errand::Cancel { .. }, .. })));
    }

    #[test]
    fn an_answer_that_changes_nothing_is_not_asked_for_in_a_loop() {
        let mut dialogue = dialogue();
        let wants = wants(vec![stand()]);
        let (mut asked, mut now_ms) = (0, 0);
        while now_ms < 600_000 {
            if let Some(Do::Send(number, _)) = dialogue.next(now_ms, &wants) {
                asked += 1;
                let heard = dialogue.answered(now_ms, number, answer(204, None));
                let told = matches!(heard, Some(Input::Answered { answer: Ok(told), .. })
                    if matches!(told, Told::Unchanged | Told::Sync(None)));
                assert!(told);
            }
            now_ms += 100;
        }
        assert!(asked < 25, "{asked} questions in ten minutes");
    }

    #[test]
    fn a_busy_backend_is_left_alone_by_everyone_for_as_long_as_it_wants() {
        let mut dialogue = dialogue();
        let offers = wants(vec![Errand::Offers { etag: None }]);
        let Some(Do::Send(number, _)) = dialogue.next(0, &offers) else { panic!() };
        let _ = dialogue.answered(0, number, answer(503, Some("60")));
        assert_eq!(dialogue.next(59_999, &offers), None);
        assert!(dialogue.next(70_000, &offers).is_some());
        assert!(dialogue.timeout(&offers).is_none(), "it is asked now");
    }
}
