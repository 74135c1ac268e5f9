//! Readings over a line that may garble them: what is no plain advance is
//! believed only when a second reading goes on from it.

use super::super::counter::{Evidence, Step};
use super::super::reading::{Mark, Reading, judge};
use super::super::time::{BootMs, Stamp};
use super::super::units::Traffic;
use super::Meter;

/// How many readings in a row may contradict each other before the count goes
/// on from the last of them.
const HELD_MAX: u32 = 5;

/// A reading that waits for another to go on from it.
#[derive(Clone, Debug)]
pub(super) struct Held {
    /// With all that hinted at a restart since the baseline.
    reading: Reading,
    marks: Vec<Mark>,
    boot_ms: BootMs,
    times: u32,
}

impl Held {
    /// What has hinted at a restart of that part.
    pub(super) fn hint(&self, name: &str) -> Evidence {
        let part = self.reading.parts.iter().find(|part| part.name == name);
        part.map_or(Evidence::Same, |part| part.sample.evidence)
    }
}

impl Meter {
    /// One garbled digit must not look like a restart: what is no plain advance
    /// is believed only when a second reading goes on from it. Gives what moved
    /// between the two, or nothing while the reading is held.
    pub(super) fn confirm(
        &mut self,
        reading: &Reading,
        hinted: &Reading,
        at: Stamp,
    ) -> Option<Traffic> {
        let times = self.held.as_ref().map_or(0, |held| held.times);
        let since_held = self.held.as_ref().and_then(|held| {
            let elapsed_ms = at.boot_ms.saturating_sub(held.boot_ms);
            match judge(&held.marks, reading, elapsed_ms) {
                Step::Advance(bytes) | Step::Wrap(bytes)
                    if reading.evidence() == Evidence::Same =>
                {
                    Some(bytes)
                }
                Step::Advance(_)
                | Step::Wrap(_)
                | Step::Renewed(_)
                | Step::Reset(_)
                | Step::Gap(..) => None,
            }
        });
        if since_held.is_none() && times >= HELD_MAX {
            return Some(Traffic::ZERO);
        }
        if since_held.is_none() {
            self.held = Some(Held {
                reading: hinted.clone(),
                marks: reading.marks(),
                boot_ms: at.boot_ms,
                times: times + 1,
            });
        }
        since_held
    }
}
