//! Owns the truth: what each SIM really moved, which of it a reader of the counter can still know, and what
//! destroyed the rest. It knows nothing of posdatad and adds up in its own way.

use std::ops::{Add, AddAssign, Sub};

/// An amount of traffic in bytes, from the terminal's point of view.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bytes {
    /// Sent by the terminal.
    pub tx: u64,
    /// Received by the terminal.
    pub rx: u64,
}

impl Bytes {
    /// So many bytes sent and received.
    pub const fn new(tx: u64, rx: u64) -> Bytes {
        Bytes { tx, rx }
    }

    /// Sent and received together.
    pub fn sum(self) -> u64 {
        self.tx.saturating_add(self.rx)
    }

    /// The smaller of each direction.
    pub(crate) fn min(self, other: Bytes) -> Bytes {
        Bytes::new(self.tx.min(other.tx), self.rx.min(other.rx))
    }
}

impl Add for Bytes {
    type Output = Bytes;
    fn add(self, other: Bytes) -> Bytes {
        Bytes::new(self.tx.saturating_add(other.tx), self.rx.saturating_add(other.rx))
    }
}

impl AddAssign for Bytes {
    fn add_assign(&mut self, other: Bytes) {
        *self = *self + other;
    }
}

/// Never below zero.
impl Sub for Bytes {
    type Output = Bytes;
    fn sub(self, other: Bytes) -> Bytes {
        Bytes::new(self.tx.saturating_sub(other.tx), self.rx.saturating_sub(other.rx))
    }
}

/// What one SIM moved since the simulator started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SimMoved {
    /// The number printed on the card.
    pub iccid: String,
    /// The subscriber's number in it.
    pub imsi: String,
    /// Moved in the home network.
    pub home: Bytes,
    /// Moved while roaming.
    pub roaming: Bytes,
}

impl SimMoved {
    /// Home and roaming together.
    pub fn total(&self) -> Bytes {
        self.home + self.roaming
    }
}

/// Something that the simulator did to whoever reads its counter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// 1, 2, 3, … in the order they happened.
    pub number: u64,
    /// Milliseconds since the simulator started.
    pub at_ms: u64,
    /// What happened: `power-cycle`, `reset`, `session`, `swap-sim`, `half-line`, …
    pub kind: &'static str,
    /// More about it, for people.
    pub detail: String,
    /// The SIM whose bytes were at stake: the one inside, or the last one that was.
    pub iccid: String,
    /// Moved before it, but after the last completely answered counter query.
    pub unread: Bytes,
    /// Of those, the bytes that no later reading can tell any more.
    pub lost: Bytes,
    /// Bytes up to the next answered query that a careful reader may leave out, since the event took away the
    /// reading they count from. Known once that query is answered.
    pub doubtful: Bytes,
}

/// Whether a reader knows where the counter went on from after an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Restart {
    /// It goes on, or it starts at 0 and says so.
    Known,
    /// It jumped to a place that cannot be told from outside.
    Unknown,
}

/// What a counter reply tells, taken when it was composed; counts once its last byte is out.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    /// Counter queries so far, this one included.
    pub(crate) number: u64,
    sims: Vec<SimMoved>,
    unread: Bytes,
}

/// Events kept; later ones are only counted.
const EVENTS_MAX: usize = 10_000;

/// The books of everything moved since the start.
#[derive(Clone, Debug, Default)]
pub(crate) struct Books {
    pub(crate) sims: Vec<SimMoved>,
    current: Option<usize>,
    pub(crate) roaming: bool,
    pub(crate) queries: u64,
    pub(crate) polls: u64,
    pub(crate) first_answer: Option<Vec<SimMoved>>,
    pub(crate) last_answer: Option<Vec<SimMoved>>,
    unread: Bytes,
    /// Of those, told by an answer so late that nobody may have waited for it.
    told_late: Bytes,
    in_doubt: Option<u64>,
    pub(crate) lost: Bytes,
    pub(crate) doubtful: Bytes,
    pub(crate) events: Vec<Event>,
    pub(crate) events_left_off: u64,
    pub(crate) resets_received: u64,
}

impl Books {
    pub(crate) fn insert_sim(&mut self, iccid: &str, imsi: &str) {
        let known = self.sims.iter().position(|sim| sim.iccid == iccid);
        self.current = known.or_else(|| {
            self.sims.push(SimMoved {
                iccid: iccid.to_owned(),
                imsi: imsi.to_owned(),
                home: Bytes::default(),
                roaming: Bytes::default(),
            });
            Some(self.sims.len() - 1)
        });
    }

    /// The SIM inside, or the last one that was.
    fn sim(&self) -> Option<&SimMoved> {
        self.sims.get(self.current?)
    }

    /// Books traffic. `modulus` is where the shown counter wraps (`None`: never in practice): whoever lets it
    /// wrap twice between two readings cannot know the first time.
    pub(crate) fn moved(&mut self, bytes: Bytes, modulus: Option<u64>, at_ms: u64) {
        let roaming = self.roaming;
        let Some(sim) = self.current.and_then(|index| self.sims.get_mut(index)) else {
            return;
        };
        if roaming {
            sim.roaming += bytes;
        } else {
            sim.home += bytes;
        }
        self.unread += bytes;
        if let (Some(modulus), true) = (modulus, self.first_answer.is_some()) {
            let lost =
                Bytes::new(self.unread.tx / modulus * modulus, self.unread.rx / modulus * modulus);
            if lost != Bytes::default() {
                self.destroyed(
                    "wrapped-unread",
                    "a whole turn of the counter was never read",
                    lost,
                    Restart::Known,
                    at_ms,
                );
            }
        }
    }

    /// Moved since the last completely answered query; nothing before the first one, which is a baseline.
    pub(crate) fn unread(&self) -> Bytes {
        if self.first_answer.is_some() { self.unread } else { Bytes::default() }
    }

    /// Notes a fault that takes no evidence away.
    pub(crate) fn note(&mut self, kind: &'static str, detail: impl Into<String>, at_ms: u64) {
        self.destroyed(kind, detail, Bytes::default(), Restart::Known, at_ms);
    }

    /// Notes an event that made `lost` of the unread bytes unreadable.
    pub(crate) fn destroyed(
        &mut self,
        kind: &'static str,
        detail: impl Into<String>,
        lost: Bytes,
        restart: Restart,
        at_ms: u64,
    ) {
        let number = u64::try_from(self.events.len())
            .unwrap_or(u64::MAX)
            .saturating_add(self.events_left_off + 1);
        let unread = self.unread();
        let heard_perhaps = self.told_late.min(lost.min(unread));
        let gone = lost.min(unread);
        let lost = gone - heard_perhaps;
        self.lost += lost;
        self.doubtful += heard_perhaps;
        self.unread = self.unread - gone;
        self.told_late = self.told_late - heard_perhaps;
        if restart == Restart::Unknown && self.first_answer.is_some() {
            self.in_doubt = Some(number);
        }
        if self.events.len() >= EVENTS_MAX {
            self.events_left_off += 1;
            return;
        }
        self.events.push(Event {
            number,
            at_ms,
            kind,
            detail: detail.into(),
            iccid: self.sim().map(|sim| sim.iccid.clone()).unwrap_or_default(),
            unread,
            lost,
            doubtful: heard_perhaps,
        });
    }

    /// A counter query came in and its reply is being composed.
    pub(crate) fn query(&mut self) -> Answer {
        self.queries += 1;
        self.report()
    }

    /// The last byte of that reply went out.
    pub(crate) fn answered(&mut self, answer: Answer) {
        self.polls += 1;
        self.first_answer.get_or_insert_with(|| answer.sims.clone());
        self.told(answer);
    }

    /// The last byte of that reply went out when whoever asked may have given up.
    pub(crate) fn answered_late(&mut self, answer: &Answer) {
        if self.first_answer.is_some() {
            self.told_late = answer.unread.min(self.unread);
        }
    }

    /// The counter is about to be told unasked.
    pub(crate) fn report(&self) -> Answer {
        Answer { number: self.queries, sims: self.sims.clone(), unread: self.unread }
    }

    /// It was, to whoever wanted that. Only an answer can be the first reading.
    pub(crate) fn reported(&mut self, report: Answer) {
        if self.first_answer.is_some() {
            self.told(report);
        }
    }

    fn told(&mut self, answer: Answer) {
        self.unread = self.unread - answer.unread;
        self.told_late = self.told_late - answer.unread;
        if let Some(number) = self.in_doubt.take() {
            self.doubtful += answer.unread;
            if let Some(event) = self.events.iter_mut().find(|event| event.number == number) {
                event.doubtful += answer.unread;
            }
        }
        self.last_answer = Some(answer.sims);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn books() -> Books {
        let mut books = Books::default();
        books.insert_sim("8986", "460");
        books
    }

    fn poll(books: &mut Books) {
        let answer = books.query();
        books.answered(answer);
    }

    #[test]
    fn what_moved_before_the_first_answer_is_never_lost() {
        let mut books = books();
        books.moved(Bytes::new(10, 20), None, 0);
        books.destroyed("reset", "", Bytes::new(10, 20), Restart::Unknown, 0);
        poll(&mut books);
        assert_eq!(books.lost, Bytes::default());
        assert_eq!(books.doubtful, Bytes::default());
        assert_eq!(books.first_answer, books.last_answer);
    }

    #[test]
    fn a_reset_loses_the_unread_and_doubts_what_follows_until_the_next_answer() {
        let mut books = books();
        poll(&mut books);
        books.moved(Bytes::new(10, 20), None, 0);
        books.destroyed("reset", "", books.unread(), Restart::Unknown, 0);
        books.moved(Bytes::new(1, 2), None, 0);
        poll(&mut books);
        books.moved(Bytes::new(100, 200), None, 0);
        poll(&mut books);
        assert_eq!(books.lost, Bytes::new(10, 20));
        assert_eq!(books.doubtful, Bytes::new(1, 2));
        assert_eq!(books.events[0].doubtful, Bytes::new(1, 2));
    }

    #[test]
    fn bytes_moved_while_a_reply_is_under_way_stay_unread() {
        let mut books = books();
        let answer = books.query();
        books.moved(Bytes::new(5, 7), None, 0);
        books.answered(answer);
        assert_eq!(books.unread(), Bytes::new(5, 7));
    }

    #[test]
    fn two_turns_of_the_counter_between_readings_lose_whole_turns_only() {
        let mut books = books();
        poll(&mut books);
        books.moved(Bytes::new(0, 250), Some(100), 0);
        assert_eq!(books.lost, Bytes::new(0, 200));
        assert_eq!(books.unread(), Bytes::new(0, 50));
    }

    #[test]
    fn roaming_and_each_sim_are_booked_apart() {
        let mut books = books();
        books.moved(Bytes::new(1, 1), None, 0);
        books.roaming = true;
        books.moved(Bytes::new(2, 2), None, 0);
        books.insert_sim("8987", "461");
        books.moved(Bytes::new(4, 4), None, 0);
        books.insert_sim("8986", "460");
        books.roaming = false;
        books.moved(Bytes::new(8, 8), None, 0);
        assert_eq!(books.sims[0].home, Bytes::new(9, 9));
        assert_eq!(books.sims[0].roaming, Bytes::new(2, 2));
        assert_eq!(books.sims[1].total(), Bytes::new(4, 4));
    }

    #[test]
    fn events_have_a_limit() {
        let mut books = books();
        for _ in 0..=EVENTS_MAX {
            books.note("garbage", "", 0);
        }
        assert_eq!(books.events.len(), EVENTS_MAX);
        assert_eq!(books.events_left_off, 1);
    }
}
