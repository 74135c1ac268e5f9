//! What goes over the line, for a technician who asked to see it. It shows card
//! and subscriber numbers: it is not for the journal.

use std::collections::VecDeque;

/// The trace keeps at most so many lines until it is drained.
const LINES_MAX: usize = 256;

/// Lines that are waiting to be shown; none while nobody asked.
#[derive(Clone, Debug, Default)]
pub(super) struct Trace(Option<VecDeque<String>>);

impl Trace {
    /// Switches it on or off.
    pub(super) fn set(&mut self, on: bool) {
        if on != self.0.is_some() {
            self.0 = on.then(VecDeque::new);
        }
    }

    /// Takes a line: `> ` what was sent, `< ` what came.
    pub(super) fn line(&mut self, sign: char, text: &dyn std::fmt::Display) {
        if let Some(lines) = &mut self.0 {
            if lines.len() >= LINES_MAX {
                lines.pop_front();
            }
            lines.push_back(format!("{sign} {text}"));
        }
    }

    /// The next line.
    pub(super) fn poll(&mut self) -> Option<String> {
        self.0.as_mut()?.pop_front()
    }
}
