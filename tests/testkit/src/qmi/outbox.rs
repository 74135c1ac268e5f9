//! Owns what the modem has to say: the order, the pieces it goes out in, and what waits for its time.

use std::collections::VecDeque;

use crate::qmi::clients::Port;
use crate::qmi::ledger::Booking;
use crate::rng::Rng;

/// Bytes on their way to one port.
#[derive(Clone, Debug)]
pub(crate) struct Outgoing {
    pub(crate) port: Port,
    pub(crate) bytes: Vec<u8>,
    /// Booked once the last byte is out.
    pub(crate) bookings: Vec<Booking>,
}

/// Everything that is on its way.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outbox {
    queue: VecDeque<Outgoing>,
    held: Vec<(u64, Outgoing)>,
    /// What is there for one port goes out in one piece.
    pub(crate) coalesce: bool,
    /// Everything goes out in several pieces.
    pub(crate) split: bool,
}

impl Outbox {
    pub(crate) fn push(&mut self, outgoing: Outgoing) {
        self.queue.push_back(outgoing);
    }

    /// What was pushed last is booked so, once it is out.
    pub(crate) fn book_last(&mut self, booking: Booking) {
        if let Some(last) = self.queue.back_mut() {
            last.bookings.push(booking);
        }
    }

    /// Keeps it back until then.
    pub(crate) fn hold(&mut self, until_ms: u64, outgoing: Outgoing) {
        self.held.push((until_ms, outgoing));
    }

    /// Lets go what was kept back long enough.
    pub(crate) fn release(&mut self, now_ms: u64) {
        let due = self.held.extract_if(.., |(at, _)| *at <= now_ms);
        self.queue.extend(due.map(|(_, outgoing)| outgoing));
    }

    pub(crate) fn deadline_ms(&self) -> Option<u64> {
        self.held.iter().map(|(at, _)| *at).min()
    }

    /// What is there for a port that is gone arrives nowhere.
    pub(crate) fn forget(&mut self, port: Port) {
        self.queue.retain(|outgoing| outgoing.port != port);
        self.held.retain(|(_, outgoing)| outgoing.port != port);
    }

    /// The next piece.
    pub(crate) fn pop(&mut self, rng: &mut Rng) -> Option<Outgoing> {
        let mut piece = self.queue.pop_front()?;
        while self.coalesce && self.queue.front().is_some_and(|next| next.port == piece.port) {
            let Some(next) = self.queue.pop_front() else { break };
            piece.bytes.extend(next.bytes);
            piece.bookings.extend(next.bookings);
        }
        if self.split && piece.bytes.len() > 1 {
            let last = u64::try_from(piece.bytes.len() - 2).unwrap_or(0);
            let cut = 1 + usize::try_from(rng.up_to(last)).unwrap_or(0);
            let rest = Outgoing { bytes: piece.bytes.split_off(cut), ..piece };
            self.queue.push_front(rest);
            return Some(Outgoing { port: piece.port, bytes: piece.bytes, bookings: Vec::new() });
        }
        Some(piece)
    }
}
