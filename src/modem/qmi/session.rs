//! The data session of one address family, as it is followed: which session a
//! figure belongs to, and what that says of the one before.
//!
//! A modem says things in their order, but a question may cross an indication on
//! its way. So the states that the session passed through while a question was
//! out are kept, and a figure is believed only when all of those that fit it mean
//! the same session; else it is asked for again.

use crate::domain::counter::{Evidence, Restarts, Sample, Width};
use crate::domain::reading::Part;
use crate::domain::units::Traffic;
use crate::proto::qmi::wds::{Both, Connection, Counts, Family, Statistics};

/// How often in a row a figure is asked for again before the last answer is
/// taken for what it looks like.
const AGAIN_MAX: u32 = 8;

/// Whether there is a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Unknown,
    Up,
    Down,
}

/// A state, and the number of the session that is up or was up last.
type At = (State, u64);

/// What became of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// [`Session::part`] has it.
    Yes,
    /// It cannot be told which session it is about.
    AskAgain,
    /// The modem has no such figure.
    NotAvailable,
}

/// What is known of a session's count.
#[derive(Clone, Copy, Debug)]
struct Figure {
    session: u64,
    /// `None`: it is over, and what it counted cannot be read (any more).
    counter: Option<Traffic>,
    packets: Option<Both>,
    ended: bool,
}

/// The session of one family.
#[derive(Clone, Debug)]
pub(super) struct Session {
    family: Family,
    now: At,
    /// The states while a question is out, from when it was sent on.
    during: Vec<At>,
    /// The last figure that was taken.
    figure: Option<Figure>,
    /// The last that the engine was given.
    given: Option<Figure>,
    /// What else hints at a restart since then.
    hint: Evidence,
    /// The last session that was up, or over, when the SIM was found out: whose
    /// bytes it moved is known.
    booked: Option<u64>,
    again: u32,
}

impl Session {
    pub(super) fn new(family: Family) -> Self {
        Self {
            family,
            now: (State::Unknown, 0),
            during: Vec::new(),
            figure: None,
            given: None,
            hint: Evidence::Unwatched,
            booked: None,
            again: 0,
        }
    }

    /// Nobody listened for a while: sessions may have come and gone.
    pub(super) fn lost_sight(&mut self, hint: Evidence) {
        *self = Self { hint: self.hint.max(hint), ..Self::new(self.family) };
    }

    /// The modem says whether there is a session. True when that is news.
    pub(super) fn heard(&mut self, connection: Connection) -> bool {
        let (state, number) = self.now;
        let next = match (connection, state) {
            // A suspended one is still the same.
            (Connection::Connected | Connection::Suspended, State::Down) => (State::Up, number + 1),
            (Connection::Connected | Connection::Suspended, State::Unknown | State::Up) => {
                (State::Up, number)
            }
            (Connection::Disconnected | Connection::Authenticating, _) => (State::Down, number),
        };
        if next == self.now {
            return false;
        }
        self.now = next;
        if !self.during.is_empty() {
            self.during.push(next);
        }
        true
    }

    /// The answer to the question whether there is a session, sent when nothing
    /// was known: an indication since then knows better.
    pub(super) fn status(&mut self, connection: Connection) {
        if self.now.0 == State::Unknown {
            self.heard(connection);
        }
    }

    /// What was moved is asked for.
    pub(super) fn asked(&mut self) {
        self.during = vec![self.now];
    }

    /// The answer.
    pub(super) fn answered(&mut self, statistics: Statistics) -> Taken {
        let during = std::mem::take(&mut self.during);
        let fitting = match statistics {
            Statistics::InCall(_) => State::Up,
            Statistics::OutOfCall { .. } => State::Down,
        };
        let mut sessions: Vec<u64> = during
            .iter()
            .filter(|(state, _)| *state == fitting || *state == State::Unknown)
            .map(|(_, session)| *session)
            .collect();
        sessions.dedup();
        let session = match sessions.as_slice() {
            [only] => *only,
            // The statistics may lag behind the indication of the end.
            [] if self.now.0 == State::Down && self.goes_on(statistics) => {
                return self.ask_again();
            }
            [] => self.missed(fitting),
            [.., last] if self.again >= AGAIN_MAX => *last,
            _ => return self.ask_again(),
        };
        if self.now.0 == State::Unknown {
            self.now.0 = fitting;
        }
        let figure = |bytes, packets, ended| Figure {
            session,
            counter: Option::map(bytes, traffic),
            packets,
            ended,
        };
        match statistics {
            Statistics::InCall(Counts { bytes: None, .. }) => Taken::NotAvailable,
            Statistics::InCall(Counts { bytes, packets }) => {
                self.take(figure(bytes, packets, false))
            }
            Statistics::OutOfCall { last_call } => self.take(figure(last_call, None, true)),
        }
    }

    /// The modem reports unasked what was moved. True when that is a new figure.
    pub(super) fn reported(&mut self, counts: Counts) -> bool {
        let (Some(last), Some(bytes)) = (self.figure, counts.bytes) else { return false };
        let counter = traffic(bytes);
        // Only where it plainly goes on: everything else is asked for.
        let goes_on = self.now == (State::Up, last.session)
            && !last.ended
            && last
                .counter
                .is_some_and(|before| counter != before && counter.minus(before).is_some());
        if goes_on {
            let packets = counts.packets.or(last.packets);
            self.figure = Some(Figure { counter: Some(counter), packets, ..last });
        }
        goes_on
    }

    /// Whether a figure was taken since nobody listened.
    pub(super) fn is_known(&self) -> bool {
        self.figure.is_some()
    }

    /// Whether a figure was taken that the engine was not given.
    pub(super) fn has_news(&self) -> bool {
        let key = |figure: Figure| (figure.session, figure.counter, figure.ended);
        self.figure.map(key) != self.given.map(key)
    }

    /// The session's part of a reading; `None` when there is nothing to tell.
    pub(super) fn part(&self, rate_max: u64) -> Option<Part> {
        let figure = self.figure?;
        Some(Part {
            name: self.family.name().to_owned(),
            ended: figure.ended,
            sample: Sample {
                counter: figure.counter.unwrap_or(Traffic::ZERO),
                width: Width::Bits64,
                restarts: Restarts::FromZero,
                evidence: self.evidence(figure),
                rate_max,
            },
        })
    }

    /// The engine was given the part.
    pub(super) fn given(&mut self) {
        self.given = self.figure;
        self.hint = Evidence::Same;
    }

    /// Whether it is known whose bytes the figure counts.
    pub(super) fn is_booked(&self) -> bool {
        self.figure.is_none_or(|figure| self.booked.is_some_and(|last| figure.session <= last))
    }

    /// It was found out which SIM is in. A session that began and ended since the
    /// last time may have been either one's: where it is another SIM, nobody can
    /// tell whose bytes it moved.
    pub(super) fn sim_found_out(&mut self, another: bool) {
        let (state, number) = self.now;
        if another && state != State::Up && self.booked.is_none_or(|last| last < number) {
            self.hint = Evidence::Incomparable;
        }
        self.booked = Some(number);
    }

    /// What a figure says of a restart since the last that was given.
    fn evidence(&self, figure: Figure) -> Evidence {
        let own = match self.given {
            None => Evidence::Same,
            Some(given) if figure.session == given.session => {
                let continued = if given.ended {
                    figure.counter == given.counter
                } else {
                    given.counter.is_some()
                };
                // The end of a session says something else than it did.
                if continued { Evidence::Same } else { Evidence::Incomparable }
            }
            // It is over, and what it counted is gone.
            Some(_) if figure.counter.is_none() => Evidence::Incomparable,
            Some(given) if figure.session == given.session + 1 && given.ended => Evidence::Renewed,
            Some(_) => Evidence::Restarted,
        };
        own.max(self.hint)
    }

    /// An indication was missed: the answer tells of a state that the session was
    /// not in as far as is known. Gives the number of the session it is about.
    fn missed(&mut self, state: State) -> u64 {
        let (before, number) = self.now;
        let number = if before == State::Down { number + 1 } else { number };
        self.now = (state, number);
        number
    }

    fn take(&mut self, mut figure: Figure) -> Taken {
        if let Some(last) = self.figure.filter(|last| last.session == figure.session) {
            let fell = figure
                .counter
                .zip(last.counter)
                .is_some_and(|(now, before)| now.minus(before).is_none());
            let packets_fell = figure.packets.zip(last.packets).is_some_and(|(now, before)| {
                now.sent < before.sent || now.received < before.received
            });
            let returned = last.ended && !figure.ended;
            if fell || packets_fell || returned {
                // A figure that was overtaken by a later one looks like this; a
                // session that began unheard does, too, and goes on doing so.
                if self.again < AGAIN_MAX {
                    return self.ask_again();
                }
                let (state, _) = self.now;
                self.now = (state, figure.session + 1);
                figure.session += 1;
            }
        }
        self.again = 0;
        self.figure = Some(figure);
        Taken::Yes
    }

    /// Whether a figure in a call may be that of the session that was read last,
    /// and it is worth asking again.
    fn goes_on(&self, statistics: Statistics) -> bool {
        let (Statistics::InCall(counts), Some(last)) = (statistics, self.figure) else {
            return false;
        };
        let now = counts.bytes.map(traffic);
        let fell = now.zip(last.counter).is_some_and(|(now, before)| now.minus(before).is_none());
        last.session == self.now.1 && !last.ended && !fell && self.again < AGAIN_MAX
    }

    fn ask_again(&mut self) -> Taken {
        self.again += 1;
        Taken::AskAgain
    }
}

fn traffic(bytes: Both) -> Traffic {
    Traffic { rx: bytes.received, tx: bytes.sent }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Connection::{Connected, Disconnected, Suspended};

    fn both(bytes: u64) -> Both {
        Both { sent: bytes, received: 0 }
    }

    fn in_call(bytes: u64, packets: u64) -> Statistics {
        Statistics::InCall(Counts { bytes: Some(both(bytes)), packets: Some(both(packets)) })
    }

    fn ended(bytes: u64) -> Statistics {
        Statistics::OutOfCall { last_call: Some(both(bytes)) }
    }

    /// A session that is up and was read.
    fn followed() -> Session {
        let mut session = Session::new(Family::V4);
        session.status(Connected);
        assert_eq!(ask(&mut session, in_call(100, 10)), Taken::Yes);
        assert_eq!(told(&mut session), (100, false, Evidence::Unwatched));
        session
    }

    fn ask(session: &mut Session, answer: Statistics) -> Taken {
        session.asked();
        session.answered(answer)
    }

    fn told(session: &mut Session) -> (u64, bool, Evidence) {
        let part = session.part(1).unwrap();
        session.given();
        (part.sample.counter.tx, part.ended, part.sample.evidence)
    }

    #[test]
    fn an_end_that_is_read_makes_the_next_session_exact() {
        let mut session = followed();
        assert!(session.heard(Disconnected));
        assert_eq!(ask(&mut session, ended(130)), Taken::Yes);
        assert_eq!(told(&mut session), (130, true, Evidence::Same));
        assert!(session.heard(Connected) && !session.heard(Suspended) && !session.heard(Connected));
        assert_eq!(ask(&mut session, in_call(500, 1)), Taken::Yes);
        assert_eq!(told(&mut session), (500, false, Evidence::Renewed));
    }

    #[test]
    fn an_end_that_was_not_read_is_told() {
        let mut session = followed();
        session.heard(Disconnected);
        session.heard(Connected);
        assert_eq!(ask(&mut session, in_call(500, 20)), Taken::Yes);
        assert_eq!(told(&mut session), (500, false, Evidence::Restarted));
        // The modem has no last figure: what there was is gone, once.
        session.heard(Disconnected);
        assert_eq!(ask(&mut session, Statistics::OutOfCall { last_call: None }), Taken::Yes);
        assert_eq!(told(&mut session), (0, true, Evidence::Same));
        assert_eq!(ask(&mut session, ended(510)), Taken::Yes);
        assert_eq!(told(&mut session), (510, true, Evidence::Incomparable), "too late");
    }

    #[test]
    fn an_answer_that_crossed_an_indication() {
        let mut session = followed();
        session.asked();
        session.heard(Disconnected);
        session.heard(Connected);
        // In a call: before the end, or after the beginning?
        assert_eq!(session.answered(in_call(120, 12)), Taken::AskAgain);
        session.asked();
        session.heard(Disconnected);
        // Out of call: there was but one end since it was asked.
        assert_eq!(session.answered(ended(30)), Taken::Yes);
        assert_eq!(told(&mut session), (30, true, Evidence::Restarted));
    }

    #[test]
    fn a_session_that_began_unheard() {
        for (bytes, packets) in [(90, 9), (200, 9)] {
            let mut session = followed();
            // An answer that was overtaken looks the same, once.
            for _ in 0..AGAIN_MAX {
                assert_eq!(ask(&mut session, in_call(bytes, packets)), Taken::AskAgain);
            }
            assert_eq!(ask(&mut session, in_call(bytes, packets)), Taken::Yes);
            assert_eq!(told(&mut session), (bytes, false, Evidence::Restarted));
        }
        // Both its end and its beginning were missed.
        let mut session = followed();
        assert_eq!(ask(&mut session, ended(140)), Taken::Yes);
        assert_eq!(told(&mut session), (140, true, Evidence::Same));
        assert_eq!(ask(&mut session, in_call(7, 1)), Taken::Yes);
        assert_eq!(told(&mut session), (7, false, Evidence::Renewed));
    }

    #[test]
    fn a_session_whose_figure_is_gone_is_not_nothing() {
        let mut session = followed();
        session.heard(Disconnected);
        ask(&mut session, ended(130));
        told(&mut session);
        session.heard(Connected);
        session.heard(Disconnected);
        assert_eq!(ask(&mut session, Statistics::OutOfCall { last_call: None }), Taken::Yes);
        assert_eq!(told(&mut session), (0, true, Evidence::Incomparable));
    }

    #[test]
    fn statistics_that_lag_behind_the_end_are_no_new_session() {
        let mut session = followed();
        session.heard(Disconnected);
        assert_eq!(ask(&mut session, in_call(130, 12)), Taken::AskAgain);
        assert_eq!(ask(&mut session, ended(130)), Taken::Yes);
        assert_eq!(told(&mut session), (130, true, Evidence::Same));
        // One that fell, or that goes on for long, began unheard.
        let mut session = followed();
        session.heard(Disconnected);
        assert_eq!(ask(&mut session, in_call(90, 9)), Taken::Yes);
        let mut session = followed();
        session.heard(Disconnected);
        for _ in 0..AGAIN_MAX {
            assert_eq!(ask(&mut session, in_call(130, 12)), Taken::AskAgain);
        }
        assert_eq!(ask(&mut session, in_call(130, 12)), Taken::Yes);
        assert_eq!(told(&mut session), (130, false, Evidence::Restarted));
    }

    #[test]
    fn what_was_up_when_the_sim_was_found_out_is_booked() {
        let mut session = followed();
        assert!(!session.is_booked());
        session.sim_found_out(false);
        session.heard(Disconnected);
        ask(&mut session, ended(130));
        assert!(session.is_booked());
        session.heard(Connected);
        session.heard(Disconnected);
        ask(&mut session, ended(20));
        assert!(!session.is_booked(), "it may be another card's");
        let mut same = session.clone();
        same.sim_found_out(false);
        assert_eq!(told(&mut same), (20, true, Evidence::Restarted));
        session.sim_found_out(true);
        assert_eq!(told(&mut session), (20, true, Evidence::Incomparable));
    }

    #[test]
    fn reports_only_go_on() {
        let mut session = followed();
        let counts = |bytes| Counts { bytes: Some(both(bytes)), packets: None };
        assert!(session.reported(counts(105)) && session.has_news());
        assert!(!session.reported(counts(105)) && !session.reported(counts(90)));
        assert_eq!(told(&mut session), (105, false, Evidence::Same));
        session.heard(Disconnected);
        assert!(!session.reported(counts(110)), "its end is asked for");
    }

    #[test]
    fn what_happened_while_nobody_listened_is_hinted_until_it_is_told() {
        let mut session = followed();
        session.lost_sight(Evidence::MayHaveRestarted);
        assert!(!session.is_known() && session.part(1).is_none());
        session.status(Connected);
        ask(&mut session, in_call(300, 30));
        ask(&mut session, in_call(310, 31));
        assert_eq!(told(&mut session), (310, false, Evidence::MayHaveRestarted));
        ask(&mut session, in_call(311, 32));
        assert_eq!(told(&mut session), (311, false, Evidence::Same));
    }
}
