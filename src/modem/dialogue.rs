//! What every dialogue with a modem has in common, as whoever owns the port sees
//! it.
//!
//! Bytes, time and requests come in through the `handle_`, `opened`, `closed`
//! and `request_` methods; afterwards the `poll_` methods are drained. Nothing
//! happens by itself: while nothing is asked, failed or requested there is no
//! timer, and everything that is asked again now and then rides on a request.

use std::collections::VecDeque;

use super::outbox::Outbox;
use crate::domain::counter::Evidence;
use crate::domain::report::{FaultKind, Report};
use crate::domain::time::BootMs;

/// What whoever owns the port is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Close the port, and open it again at this time; then say
    /// [`Dialogue::opened`] or [`Dialogue::closed`].
    Reopen {
        /// On the boot clock, ms.
        at_ms: BootMs,
    },
}

/// A dialogue with one modem.
pub trait Dialogue {
    /// What the port tells of itself when it is opened.
    type Way;

    /// The port is open. `epoch_changed` says what is known of a restart of the
    /// modem since the last reading ([`Evidence::MayHaveRestarted`] when it was
    /// opened anew).
    fn opened(&mut self, now_ms: BootMs, epoch_changed: Evidence, way: Self::Way);

    /// The port could not be opened, or failed. The fault is said, and a
    /// [`Action::Reopen`] asks for another try after a back-off.
    fn closed(&mut self, now_ms: BootMs, kind: FaultKind, detail: String);

    /// The engine wants a reading. It is given as soon as the dialogue can: at
    /// once while all is well, after recovery otherwise. Requests do not add up.
    fn request_reading(&mut self, now_ms: BootMs);

    /// The program ends: what was taken from the modem is given back.
    fn stop(&mut self, now_ms: BootMs);

    /// Whether nothing is left to give back.
    fn is_stopped(&self) -> bool;

    /// Bytes came from the modem.
    fn handle_bytes(&mut self, now_ms: BootMs, bytes: &[u8]);

    /// The time of [`Self::poll_timeout`] has come. Coming early does no harm.
    fn handle_timeout(&mut self, now_ms: BootMs);

    /// When [`Self::handle_timeout`] wants to be called; `None`: not at all.
    fn poll_timeout(&self) -> Option<BootMs>;

    /// What it has to say.
    fn outbox(&mut self) -> &mut Outbox;

    /// The next bytes to send.
    fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.outbox().transmit.pop_front()
    }

    /// The next report.
    fn poll_report(&mut self) -> Option<Report> {
        self.outbox().reports.pop_front()
    }

    /// The next thing that the owner of the port is to do.
    fn poll_action(&mut self) -> Option<Action> {
        self.outbox().actions.pop_front()
    }

    /// Switches the trace on or off. It shows card and subscriber numbers: it is
    /// for a technician who asked for it, not for the journal.
    fn set_trace(&mut self, on: bool) {
        let trace = &mut self.outbox().trace;
        if on != trace.is_some() {
            *trace = on.then(VecDeque::new);
        }
    }

    /// The next line of the trace: `> ` what was sent, `< ` what came.
    fn poll_trace(&mut self) -> Option<String> {
        self.outbox().trace.as_mut()?.pop_front()
    }
}
