//! What is recorded beside a plain advance, and in which words.

use super::super::counter::Step;
use super::super::event::EventKind;
use super::super::sim::Iccid;
use super::super::time::BootMs;
use super::super::units::Traffic;

/// What is recorded beside a plain advance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// What kind.
    pub kind: EventKind,
    /// The reading before.
    pub before: Option<Traffic>,
    /// The reading that was seen.
    pub seen: Option<Traffic>,
    /// What was counted.
    pub counted: Traffic,
    /// Whether traffic of unknown size may be missing.
    pub uncounted: bool,
    /// Whether it is, although nothing hinted at a restart.
    pub unexplained: bool,
    /// For people.
    pub detail: String,
}

impl Note {
    /// What was counted while the SIM was unknown is that SIM's.
    pub(super) fn merged(iccid: &Iccid, counted: Traffic) -> Self {
        Self {
            kind: EventKind::SimMerged,
            before: None,
            seen: None,
            counted,
            uncounted: false,
            unexplained: false,
            detail: format!("what was counted while the SIM could not be read belongs to {iccid}"),
        }
    }
}

/// The kind of event that a verdict is, and its words.
pub(super) fn explain(verdict: Step, elapsed_ms: BootMs) -> (EventKind, String) {
    let after =
        format!("{}.{} s after the last reading", elapsed_ms / 1_000, elapsed_ms % 1_000 / 100);
    match verdict {
        Step::Advance(_) | Step::Wrap(_) => (
            EventKind::Wrap,
            format!("the counter passed the end of its width, {after}; counted exactly"),
        ),
        Step::Renewed(_) => (
            EventKind::Reset,
            format!(
                "a data session began and counts from zero, {after}; the one before it was counted \
                 to its last byte"
            ),
        ),
        Step::Reset(_) => (
            EventKind::Reset,
            format!(
                "the counter started again from zero, {after}; its new reading is counted whole, \
                 what it moved before the restart and after the last reading is missing"
            ),
        ),
        Step::Gap(_, cause) => (EventKind::Gap, format!("{} ({after})", cause.sentence())),
    }
}
