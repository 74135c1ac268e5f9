//! Owns the books of both families: what each moved and told, and what a reader of both can know.

use crate::accounting::{Answer, Books, Bytes, Event, Restart, SimMoved};
use crate::qmi::family::{Family, PerFamily};

/// The books, one for each family; what concerns both is noted with IPv4.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger {
    books: PerFamily<Books>,
}

impl Ledger {
    pub(crate) fn of(&self, family: Family) -> &Books {
        self.books.of(family)
    }

    pub(crate) fn insert_sim(&mut self, iccid: &str, imsi: &str) {
        for family in Family::ALL {
            self.books.of_mut(family).insert_sim(iccid, imsi);
        }
    }

    pub(crate) fn set_roaming(&mut self, roaming: bool) {
        for family in Family::ALL {
            self.books.of_mut(family).roaming = roaming;
        }
    }

    pub(crate) fn is_roaming(&self) -> bool {
        self.books.v4.roaming
    }

    pub(crate) fn moved(&mut self, family: Family, bytes: Bytes, at_ms: u64) {
        self.books.of_mut(family).moved(bytes, None, at_ms);
    }

    /// Notes a fault that takes no evidence away.
    pub(crate) fn note(&mut self, kind: &'static str, detail: impl Into<String>, at_ms: u64) {
        self.books.v4.note(kind, detail, at_ms);
    }

    /// Notes that this family's totals are gone, with whatever nobody had read of them.
    pub(crate) fn destroyed(
        &mut self,
        family: Family,
        kind: &'static str,
        detail: &str,
        restart: Restart,
        at_ms: u64,
    ) {
        let books = self.books.of_mut(family);
        let unread = books.unread();
        books.destroyed(kind, format!("{}: {detail}", family.name()), unread, restart, at_ms);
    }

    /// A statistics query came in.
    pub(crate) fn query(&mut self, family: Family) -> Answer {
        self.books.of_mut(family).query()
    }

    /// Books what has gone out.
    pub(crate) fn book(&mut self, booking: Booking) {
        let books = self.books.of_mut(booking.family);
        match booking.told {
            Told::Answer => books.answered(booking.answer),
            Told::Late => books.answered_late(&booking.answer),
            Told::Report => books.reported(booking.answer),
        }
    }

    /// What each SIM moved, both families together.
    pub(crate) fn sims(&self) -> Vec<SimMoved> {
        added(&self.books.v4.sims, &self.books.v6.sims)
    }

    /// What had moved, in each family that was asked, by its first answer.
    pub(crate) fn first_answer(&self) -> Option<Vec<SimMoved>> {
        self.answers(|books| books.first_answer.as_deref())
    }

    /// What had moved, in each family that was asked, by its last answer.
    pub(crate) fn last_answer(&self) -> Option<Vec<SimMoved>> {
        self.answers(|books| books.last_answer.as_deref())
    }

    fn answers(&self, of: impl Fn(&Books) -> Option<&[SimMoved]>) -> Option<Vec<SimMoved>> {
        match (of(&self.books.v4), of(&self.books.v6)) {
            (None, None) => None,
            (v4, v6) => Some(added(v4.unwrap_or_default(), v6.unwrap_or_default())),
        }
    }

    pub(crate) fn sum<T: std::ops::Add<Output = T>>(&self, of: impl Fn(&Books) -> T) -> T {
        of(&self.books.v4) + of(&self.books.v6)
    }

    /// The events of both in the order of time, numbered anew.
    pub(crate) fn events(&self) -> Vec<Event> {
        let mut events = [self.books.v4.events.clone(), self.books.v6.events.clone()].concat();
        events.sort_by_key(|event| event.at_ms);
        for (number, event) in (1..).zip(&mut events) {
            event.number = number;
        }
        events
    }
}

/// What is booked when a message's last byte has gone out.
#[derive(Clone, Debug)]
pub(crate) struct Booking {
    pub(crate) family: Family,
    pub(crate) answer: Answer,
    pub(crate) told: Told,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    Answer,
    /// So late that the asker may have given up.
    Late,
    /// Unasked.
    Report,
}

/// Both together, SIM by SIM; the longer list knows them all.
fn added(one: &[SimMoved], other: &[SimMoved]) -> Vec<SimMoved> {
    let (long, short) = if one.len() >= other.len() { (one, other) } else { (other, one) };
    let mut sums = long.to_vec();
    for sum in &mut sums {
        if let Some(more) = short.iter().find(|sim| sim.iccid == sum.iccid) {
            sum.home += more.home;
            sum.roaming += more.roaming;
        }
    }
    sums
}
