//! Owns one data session: its state, its counters, and what stays of it when it has ended.

use crate::accounting::Bytes;

/// A packet carries at most so many bytes here.
const PACKET_BYTES: u64 = 1400;

/// Whether data can move.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum State {
    #[default]
    Down,
    Up,
    Suspended,
}

impl State {
    /// As it stands on the wire.
    pub(crate) fn code(self) -> u8 {
        match self {
            State::Down => 1,
            State::Up => 2,
            State::Suspended => 3,
        }
    }
}

/// The data session of one family.
#[derive(Clone, Debug, Default)]
pub(crate) struct Session {
    pub(crate) state: State,
    pub(crate) counter: Bytes,
    pub(crate) packets: Bytes,
    /// What the session that ended had moved, until the next one begins.
    pub(crate) last_call: Option<Bytes>,
}

impl Session {
    /// A session in progress that shows this.
    pub(crate) fn up_at(counter: Bytes) -> Session {
        Session { state: State::Up, counter, packets: packets(counter), last_call: None }
    }

    pub(crate) fn is_there(&self) -> bool {
        self.state != State::Down
    }

    pub(crate) fn moved(&mut self, bytes: Bytes) {
        self.counter += bytes;
        self.packets += packets(bytes);
    }

    pub(crate) fn end(&mut self) {
        let last_call = Some(self.counter);
        *self = Session { last_call, ..Session::default() };
    }
}

fn packets(bytes: Bytes) -> Bytes {
    Bytes::new(bytes.tx.div_ceil(PACKET_BYTES), bytes.rx.div_ceil(PACKET_BYTES))
}
