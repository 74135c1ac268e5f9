//! What one reading of a counter means after the one before it.

use super::time::BootMs;
use super::units::Traffic;

/// How wide a counter is before it starts again at zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Width {
    /// 32 bits: starts again after 4,294,967,295.
    Bits32,
    /// 64 bits.
    Bits64,
    /// Not documented: a fall is never taken for a wrap.
    Unknown,
}

/// What a counter does when its owner restarts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Restarts {
    /// It starts at zero with each data session, boot of the modem or interface
    /// (u-blox, Huawei, Fibocom, QMI, the kernel).
    FromZero,
    /// It is loaded from the modem's own memory: it falls back to what was last
    /// saved there (QGDCNT, QGDNRCNT, GDATAVOL).
    FromSaved,
}

/// What is known of a restart between the last reading and this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Evidence {
    /// Nothing hints at a restart: same boot, same port, no `RDY`.
    Same,
    /// It is another run, and the one before it was counted to its last figure.
    Renewed,
    /// Nobody listened for a while (this program was not running), and nothing
    /// else hints at one: a figure that goes on is believed to go on.
    Unwatched,
    /// The figure was never read: another witness stands in for it (the kernel's
    /// counter of the same link), which saw at least so much.
    Witnessed,
    /// Something happened that may have restarted the counter (the port was
    /// enumerated again, a data context changed, the terminal booted).
    MayHaveRestarted,
    /// The counter has certainly started again (`RDY`, its own duration fell,
    /// a new interface index).
    Restarted,
    /// It is not the same sum as before (one of its parts appeared, or started
    /// again alone): neither its new reading nor the difference says anything.
    Incomparable,
}

/// One reading of a source's counter with all that is known about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// The counter as it stands.
    pub counter: Traffic,
    /// Its width.
    pub width: Width,
    /// What it does at a restart.
    pub restarts: Restarts,
    /// What is known of a restart since the sample before.
    pub evidence: Evidence,
    /// The most that this link can move, bytes a second, both ways each.
    pub rate_max: u64,
}

/// The longest silence after which a fall may still be taken for a wrap. After
/// a longer one the counter may have been anywhere in between.
const WRAP_SILENCE_MAX_MS: BootMs = 600_000;

/// Slack for the moment at which the modem really looked at its counter.
const RATE_SLACK_MS: BootMs = 2_000;

/// What a reading means after the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The same run of the counter went on.
    Advance(Traffic),
    /// It passed the end of its width in at least one direction; exact.
    Wrap(Traffic),
    /// A run ended and was counted to its last byte; the next one counts whole.
    /// Exact.
    Renewed(Traffic),
    /// It started again at zero: its new reading counts whole. What it moved
    /// between the last reading and the restart is missing.
    Reset(Traffic),
    /// What moved in between cannot be known. What certainly moved is counted.
    Gap(Traffic, GapCause),
}

impl Step {
    /// What is counted.
    #[must_use]
    pub fn counted(self) -> Traffic {
        match self {
            Self::Advance(bytes)
            | Self::Wrap(bytes)
            | Self::Renewed(bytes)
            | Self::Reset(bytes)
            | Self::Gap(bytes, _) => bytes,
        }
    }

    /// This and another, of two counters read together: the graver of the two,
    /// with what both counted.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let counted = self.counted().plus(other.counted());
        let graver = if self.gravity() >= other.gravity() { self } else { other };
        match graver {
            Self::Advance(_) => Self::Advance(counted),
            Self::Wrap(_) => Self::Wrap(counted),
            Self::Renewed(_) => Self::Renewed(counted),
            Self::Reset(_) => Self::Reset(counted),
            Self::Gap(_, cause) => Self::Gap(counted, cause),
        }
    }

    fn gravity(self) -> u8 {
        match self {
            Self::Advance(_) => 0,
            Self::Wrap(_) => 1,
            Self::Renewed(_) => 2,
            Self::Reset(_) => 3,
            Self::Gap(..) => 4,
        }
    }

    /// Whether nothing is missing.
    #[must_use]
    pub fn is_exact(self) -> bool {
        match self {
            Self::Advance(_) | Self::Wrap(_) | Self::Renewed(_) => true,
            Self::Reset(_) | Self::Gap(..) => false,
        }
    }
}

/// Why a count has a gap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GapCause {
    /// The counter fell back to what the modem had saved.
    FellToSaved,
    /// The modem restarted and loaded what it had saved, not less than the last
    /// reading; what it had not saved is missing.
    LoadedSaved,
    /// The counter may have restarted and passed the last reading since.
    MayHaveRestarted,
    /// It moved faster than the link can.
    Implausible,
    /// It is a sum of other parts than before.
    Incomparable,
    /// One of several counters is gone, and its last figure was never read.
    EndedUnseen,
    /// The same, and another witness saw the rest of it.
    EndedWitnessed,
}

impl GapCause {
    /// Whether a session's end explains it.
    #[must_use]
    pub fn is_a_sessions_end(self) -> bool {
        matches!(self, Self::EndedUnseen | Self::EndedWitnessed)
    }

    /// For people, in the past tense.
    #[must_use]
    pub fn sentence(self) -> &'static str {
        match self {
            Self::FellToSaved => {
                "the counter fell back to what the modem had saved in its own memory; \
                 what it moved since the last reading cannot be known"
            }
            Self::LoadedSaved => {
                "the modem restarted and loaded its saved counter; \
                 what it had not saved cannot be known"
            }
            Self::MayHaveRestarted => {
                "the modem or the terminal may have restarted in between; \
                 if it did, what moved before that is missing"
            }
            Self::Implausible => {
                "the counter moved further than the link can carry in that time; \
                 nothing of it was counted"
            }
            Self::Incomparable => {
                "a data context of the modem appeared or started again alone; its sum cannot be \
                 compared with the one before, and what moved in between is not counted"
            }
            Self::EndedUnseen => {
                "a data session ended, and its last figure could not be read; \
                 what it moved since the last reading is missing"
            }
            Self::EndedWitnessed => {
                "a data session ended, and its last figure could not be read; what the kernel's \
                 counter of its interface moved since then is counted in its place, and may be a \
                 little less"
            }
        }
    }
}

/// Judges a sample after the counter `before`, read `elapsed_ms` earlier.
///
/// The rules, first that fits (design, invariant 3):
/// 0. Another sum than before: nothing counts, a new baseline (`Gap`). A figure
///    that another witness stands in for: what it saw counts (`Gap`).
/// 1. A certain restart: from zero, the new reading counts whole (`Reset`);
///    from saved, what lies above the last reading counts (`Gap`).
/// 2. No direction fell: the difference (`Advance`), if the link could carry
///    it. A possible restart makes it a `Gap` that counts the difference: it
///    may be too little, never too much. (Equal readings of a counter that
///    starts from zero prove that it did not restart.)
/// 3. A direction fell without any hint of a restart, the width is known, the
///    silence was short and the rate plausible: `Wrap`, exactly 2^width more.
/// 4. It fell otherwise: from zero, `Reset`; from saved, `Gap` of nothing.
#[must_use]
pub fn step(before: Traffic, sample: &Sample, elapsed_ms: BootMs) -> Step {
    let after = sample.counter;
    let carried_max = carried_max(sample.rate_max, elapsed_ms);
    let plausible = |bytes: Traffic| bytes.rx <= carried_max && bytes.tx <= carried_max;
    let difference = after.minus(before);

    match (sample.evidence, sample.restarts) {
        (Evidence::Restarted | Evidence::Renewed, Restarts::FromZero) => {
            return from_zero(after, plausible(after));
        }
        (Evidence::Restarted | Evidence::Renewed, Restarts::FromSaved) => {
            return match difference {
                Some(bytes) if plausible(bytes) => Step::Gap(bytes, GapCause::LoadedSaved),
                Some(_) => Step::Gap(Traffic::ZERO, GapCause::Implausible),
                None => Step::Gap(Traffic::ZERO, GapCause::FellToSaved),
            };
        }
        (Evidence::Incomparable, _) => return Step::Gap(Traffic::ZERO, GapCause::Incomparable),
        (Evidence::Witnessed, _) => {
            return match difference {
                Some(bytes) if plausible(bytes) => Step::Gap(bytes, GapCause::EndedWitnessed),
                Some(_) | None => Step::Gap(Traffic::ZERO, GapCause::EndedUnseen),
            };
        }
        (Evidence::Same | Evidence::Unwatched | Evidence::MayHaveRestarted, _) => {}
    }

    match (difference, sample.evidence, sample.restarts) {
        (Some(bytes), _, _) if !plausible(bytes) => Step::Gap(Traffic::ZERO, GapCause::Implausible),
        (Some(bytes), Evidence::MayHaveRestarted, Restarts::FromSaved) => {
            Step::Gap(bytes, GapCause::MayHaveRestarted)
        }
        (Some(bytes), Evidence::MayHaveRestarted, Restarts::FromZero) if !bytes.is_zero() => {
            Step::Gap(bytes, GapCause::MayHaveRestarted)
        }
        (Some(bytes), _, _) => Step::Advance(bytes),
        (None, Evidence::Same | Evidence::Unwatched, _) => {
            wrapped(before, sample, elapsed_ms, carried_max)
                .map_or_else(|| fallen(sample.restarts, after, plausible(after)), Step::Wrap)
        }
        (
            None,
            Evidence::Renewed
            | Evidence::Witnessed
            | Evidence::MayHaveRestarted
            | Evidence::Restarted
            | Evidence::Incomparable,
            restarts,
        ) => fallen(restarts, after, plausible(after)),
    }
}

/// What a fall means that is no wrap.
fn fallen(restarts: Restarts, after: Traffic, plausible: bool) -> Step {
    match restarts {
        Restarts::FromZero => from_zero(after, plausible),
        Restarts::FromSaved => Step::Gap(Traffic::ZERO, GapCause::FellToSaved),
    }
}

/// A restart from zero, unless the link could not have carried the reading.
fn from_zero(after: Traffic, plausible: bool) -> Step {
    if plausible { Step::Reset(after) } else { Step::Gap(Traffic::ZERO, GapCause::Implausible) }
}

/// The most that one direction can have moved.
fn carried_max(rate_max: u64, elapsed_ms: BootMs) -> u64 {
    let bytes = u128::from(rate_max) * u128::from(elapsed_ms.saturating_add(RATE_SLACK_MS)) / 1_000;
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

/// What was moved if each direction that fell passed the end of its width.
fn wrapped(before: Traffic, sample: &Sample, elapsed_ms: BootMs, max: u64) -> Option<Traffic> {
    if elapsed_ms > WRAP_SILENCE_MAX_MS {
        return None;
    }
    let moved = |before: u64, after: u64| -> Option<u64> {
        let bytes = match sample.width {
            // A value beyond the width says that the width is another one.
            Width::Bits32 => {
                let (before, after) = (u32::try_from(before).ok()?, u32::try_from(after).ok()?);
                u64::from(after.wrapping_sub(before))
            }
            Width::Bits64 => after.wrapping_sub(before),
            Width::Unknown => return None,
        };
        // A fall from far below the end looks like a wrap and is a restart:
        // vnStat's +4 GB out of nothing. Readings are seconds apart when data
        // flows, and a wrap is seen within a sixteenth of the range.
        let near_the_end = match sample.width {
            Width::Bits32 => 1 << 28,
            Width::Bits64 | Width::Unknown => 1 << 60,
        };
        (bytes <= max && (after >= before || bytes <= near_the_end)).then_some(bytes)
    };
    Some(Traffic {
        rx: moved(before.rx, sample.counter.rx)?,
        tx: moved(before.tx, sample.counter.tx)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const RATE: u64 = 50_000_000;
    const TOP32: u64 = u32::MAX as u64;

    fn t(rx: u64, tx: u64) -> Traffic {
        Traffic { rx, tx }
    }

    fn sample(counter: Traffic, width: Width, restarts: Restarts, evidence: Evidence) -> Sample {
        Sample { counter, width, restarts, evidence, rate_max: RATE }
    }

    #[test]
    fn every_fall_is_explained() {
        use Evidence::{MayHaveRestarted as May, Restarted as Did, Same};
        use GapCause::{FellToSaved, Implausible, LoadedSaved, MayHaveRestarted};
        use Restarts::{FromSaved as Nvm, FromZero as Zero};
        use Step::{Advance, Gap, Reset, Wrap};
        use Width::{Bits32 as W32, Bits64 as W64, Unknown as Any};
        let top64 = u64::MAX;
        #[rustfmt::skip]
        let table = [
            // before, after, width, restarts, evidence, elapsed ms, step
            (t(100, 10), t(150, 10), Any, Zero, Same, 10_000, Advance(t(50, 0))),
            (t(100, 10), t(100, 10), W32, Nvm, Same, 10_000, Advance(t(0, 0))),
            // 2^32, one before, on, and after it
            (t(TOP32 - 1, 5), t(TOP32, 5), W32, Zero, Same, 10_000, Advance(t(1, 0))),
            (t(TOP32, 5), t(0, 5), W32, Zero, Same, 10_000, Wrap(t(1, 0))),
            (t(TOP32, 5), t(1, 6), W32, Zero, Same, 10_000, Wrap(t(2, 1))),
            (t(TOP32, TOP32), t(0, 0), W32, Nvm, Same, 10_000, Wrap(t(1, 1))),
            (t(TOP32 - 999, 5), t(1_000, 5), W32, Nvm, Same, 10_000, Wrap(t(2_000, 0))),
            // 2^64
            (t(top64, 5), t(0, 5), W64, Zero, Same, 10_000, Wrap(t(1, 0))),
            (t(top64 - 1, top64), t(top64, 0), W64, Zero, Same, 10_000, Wrap(t(1, 1))),
            // a 64-bit counter knows no wrap at 2^32
            (t(TOP32, 5), t(0, 5), W64, Zero, Same, 10_000, Reset(t(0, 5))),
            // an unknown width never wraps
            (t(TOP32, 5), t(0, 5), Any, Zero, Same, 10_000, Reset(t(0, 5))),
            (t(TOP32, 5), t(0, 5), Any, Nvm, Same, 10_000, Gap(t(0, 0), FellToSaved)),
            // a value beyond 32 bits: the width was wrong, nothing is invented
            (t(TOP32 + 9, 5), t(3, 5), W32, Zero, Same, 10_000, Reset(t(3, 5))),
            // vnStat's bug: a reset that looks like a wrap
            (t(3_000_000_000, 5), t(1_000, 0), W32, Zero, Same, 10_000, Reset(t(1_000, 0))),
            (t(3_000_000_000, 5), t(1_000, 0), W32, Zero, Same, 500_000, Reset(t(1_000, 0))),
            (t(TOP32, 5), t(0, 5), W32, Zero, Same, 600_001, Reset(t(0, 5))),
            (t(3_300_000_000, 5), t(0, 0), W32, Nvm, Same, 60_000, Gap(t(0, 0), FellToSaved)),
            // any hint of a restart forbids the wrap
            (t(TOP32, 5), t(0, 5), W32, Zero, May, 10_000, Reset(t(0, 5))),
            (t(TOP32, 5), t(0, 5), W32, Nvm, May, 10_000, Gap(t(0, 0), FellToSaved)),
            (t(100, 5), t(40, 5), W32, Nvm, Same, 10_000, Gap(t(0, 0), FellToSaved)),
            (t(100, 5), t(40, 50), W32, Zero, Same, 10_000, Reset(t(40, 50))),
            // restarts that did not make it fall
            (t(100, 5), t(150, 5), W32, Zero, Did, 10_000, Reset(t(150, 5))),
            (t(100, 5), t(150, 5), W32, Nvm, Did, 10_000, Gap(t(50, 0), LoadedSaved)),
            (t(100, 5), t(90, 5), W32, Nvm, Did, 10_000, Gap(t(0, 0), FellToSaved)),
            (t(100, 5), t(150, 5), W32, Zero, May, 10_000, Gap(t(50, 0), MayHaveRestarted)),
            (t(100, 5), t(100, 5), W32, Zero, May, 10_000, Advance(t(0, 0))),
            (t(100, 5), t(100, 5), W32, Nvm, May, 10_000, Gap(t(0, 0), MayHaveRestarted)),
            // a sum of other parts
            (t(100, 5), t(150, 5), Any, Zero, Evidence::Incomparable, 10_000,
                Gap(t(0, 0), GapCause::Incomparable)),
            // another witness
            (t(0, 0), t(50, 7), W64, Zero, Evidence::Witnessed, 10_000,
                Gap(t(50, 7), GapCause::EndedWitnessed)),
            (t(0, 0), t(600_000_001, 0), W64, Zero, Evidence::Witnessed, 10_000,
                Gap(t(0, 0), GapCause::EndedUnseen)),
            // faster than the link: not traffic
            (t(0, 0), t(600_000_001, 0), W64, Zero, Same, 10_000, Gap(t(0, 0), Implausible)),
            (t(0, 0), t(600_000_000, 0), W64, Zero, Same, 10_000, Advance(t(600_000_000, 0))),
            (t(7, 7), t(9_000_000_000, 0), W64, Zero, Same, 10_000, Gap(t(0, 0), Implausible)),
            (t(7, 7), t(9_000_000_000, 0), W64, Zero, Did, 10_000, Gap(t(0, 0), Implausible)),
        ];
        for (n, (before, after, width, restarts, evidence, elapsed_ms, expected)) in
            table.into_iter().enumerate()
        {
            let sample = sample(after, width, restarts, evidence);
            assert_eq!(step(before, &sample, elapsed_ms), expected, "row {n}");
        }
    }

    proptest! {
        /// A run of a counter of either width, read often enough, is counted to
        /// the byte however often it wraps.
        #[test]
        fn a_run_is_counted_to_the_byte(
            start_rx in any::<u64>(), start_tx in any::<u64>(),
            moves in prop::collection::vec((0..=1_u64 << 28, 0..=1_u64 << 28), 1..60),
            narrow in any::<bool>(), nvm in any::<bool>(),
        ) {
            let mask = if narrow { TOP32 } else { u64::MAX };
            let width = if narrow { Width::Bits32 } else { Width::Bits64 };
            let restarts = if nvm { Restarts::FromSaved } else { Restarts::FromZero };
            let mut counter = t(start_rx & mask, start_tx & mask);
            let (mut truth, mut counted) = (Traffic::ZERO, Traffic::ZERO);
            for (rx, tx) in moves {
                truth = truth.plus(t(rx, tx));
                let next = t(counter.rx.wrapping_add(rx) & mask, counter.tx.wrapping_add(tx) & mask);
                let seen = step(counter, &sample(next, width, restarts, Evidence::Same), 10_000);
                let exact = matches!(seen, Step::Advance(_) | Step::Wrap(_));
                prop_assert!(exact, "{:?}", seen);
                counted = counted.plus(seen.counted());
                counter = next;
            }
            prop_assert_eq!(counted, truth);
        }

        /// Whatever two readings say, no more is counted than the link can carry.
        #[test]
        fn nothing_is_invented(
            before in any::<(u64, u64)>(), after in any::<(u64, u64)>(),
            evidence in prop::sample::select(vec![
                Evidence::Same, Evidence::MayHaveRestarted, Evidence::Restarted]),
            width in prop::sample::select(vec![Width::Bits32, Width::Bits64, Width::Unknown]),
            nvm in any::<bool>(), elapsed_ms in 0..100_000_u64,
        ) {
            let restarts = if nvm { Restarts::FromSaved } else { Restarts::FromZero };
            let sample = sample(t(after.0, after.1), width, restarts, evidence);
            let counted = step(t(before.0, before.1), &sample, elapsed_ms).counted();
            let max = carried_max(RATE, elapsed_ms);
            prop_assert!(counted.rx <= max && counted.tx <= max);
        }
    }
}
