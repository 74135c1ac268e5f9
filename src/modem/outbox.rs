//! What a dialogue has to say until it is asked for: bytes for the modem, reports
//! for the engine, requests to the port's owner, and lines for a technician who
//! traces. The trace shows card and subscriber numbers: it is not for the journal.

use std::collections::VecDeque;

use super::dialogue::Action;
use crate::domain::report::Report;
use crate::domain::time::BootMs;

/// The trace keeps at most so many lines until it is drained.
const TRACE_LINES_MAX: usize = 256;

/// Everything that waits to be said.
#[derive(Debug, Default)]
pub struct Outbox {
    pub(super) transmit: VecDeque<Vec<u8>>,
    pub(super) reports: VecDeque<Report>,
    pub(super) actions: VecDeque<Action>,
    /// None while nobody asked for it.
    pub(super) trace: Option<VecDeque<String>>,
}

impl Outbox {
    /// Bytes for the modem, and how they are shown.
    pub(super) fn send(&mut self, bytes: Vec<u8>, shown: &dyn std::fmt::Display) {
        self.trace('>', shown);
        self.transmit.push_back(bytes);
    }

    /// Says a report, or several, or none.
    pub(super) fn report(&mut self, report: impl IntoIterator<Item = Report>) {
        self.reports.extend(report);
    }

    /// Asks for the port to be opened again.
    pub(super) fn reopen(&mut self, at_ms: BootMs) {
        self.actions.push_back(Action::Reopen { at_ms });
    }

    /// The port was opened or closed: what was meant for it before is void.
    pub(super) fn forget_the_port(&mut self) {
        self.transmit.clear();
        self.actions.clear();
    }

    /// Shows a line: `> ` what was sent, `< ` what came.
    pub(super) fn trace(&mut self, sign: char, text: &dyn std::fmt::Display) {
        if let Some(lines) = &mut self.trace {
            if lines.len() >= TRACE_LINES_MAX {
                lines.pop_front();
            }
            lines.push_back(format!("{sign} {text}"));
        }
    }
}
