//! One reading of a source, which may have several counters: a QMI modem counts
//! each address family's data session apart, ModemManager each bearer. They
//! start, end and start again each on its own, so each is judged after the mark
//! that the count left on it; only what was counted is added up.

use super::counter::{Evidence, GapCause, Restarts, Sample, Step, step};
use super::time::BootMs;
use super::units::Traffic;

/// What a source's counters showed at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// Every counter that the source has now, each name once.
    pub parts: Vec<Part>,
    /// Whether a figure may arrive garbled (a serial line without a checksum):
    /// what is no plain advance is then believed only when a second reading goes
    /// on from it.
    pub may_be_garbled: bool,
}

/// One counter of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Which: `ipv4`, `bearer3`; empty where a source has but one. Without `,`
    /// and `=`.
    pub name: String,
    /// This is the last figure of a run that is over: whatever the counter shows
    /// after it belongs to another run, from zero.
    pub ended: bool,
    /// The figure, with what is known about it.
    pub sample: Sample,
}

/// How far one counter was counted: what the baseline keeps of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// As in [`Part::name`].
    pub name: String,
    /// The counter's figure.
    pub counter: Traffic,
    /// As in [`Part::ended`].
    pub ended: bool,
}

impl Mark {
    /// The mark on a source's only counter.
    #[must_use]
    pub fn single(counter: Traffic) -> Self {
        Self { name: String::new(), counter, ended: false }
    }
}

impl From<&Part> for Mark {
    fn from(part: &Part) -> Self {
        Self { name: part.name.clone(), counter: part.sample.counter, ended: part.ended }
    }
}

/// All marks together, bytes.
#[must_use]
pub fn total(marks: &[Mark]) -> Traffic {
    marks.iter().fold(Traffic::ZERO, |sum, mark| sum.plus(mark.counter))
}

impl Reading {
    /// A source's only counter, read over a line that may garble it.
    #[must_use]
    pub fn over_a_line(sample: Sample) -> Self {
        Self { may_be_garbled: true, ..Self::exact(sample) }
    }

    /// A source's only counter, read as it is.
    #[must_use]
    pub fn exact(sample: Sample) -> Self {
        let part = Part { name: String::new(), ended: false, sample };
        Self { parts: vec![part], may_be_garbled: false }
    }

    /// The marks that a count up to this reading leaves.
    #[must_use]
    pub fn marks(&self) -> Vec<Mark> {
        self.parts.iter().map(Mark::from).collect()
    }

    /// All counters together, bytes.
    #[must_use]
    pub fn total(&self) -> Traffic {
        self.parts.iter().fold(Traffic::ZERO, |sum, part| sum.plus(part.sample.counter))
    }

    /// The strongest hint at a restart among the parts.
    #[must_use]
    pub fn evidence(&self) -> Evidence {
        self.parts.iter().map(|part| part.sample.evidence).max().unwrap_or(Evidence::Same)
    }

    /// Whether every counter has certainly started at zero since the reading before.
    #[must_use]
    pub fn is_all_from_zero(&self) -> bool {
        self.parts.iter().all(|Part { sample, .. }| {
            sample.evidence == Evidence::Restarted && sample.restarts == Restarts::FromZero
        })
    }

    /// The reading with what else is known of each part's restart.
    #[must_use]
    pub fn hinted(&self, hint: impl Fn(&str) -> Evidence) -> Self {
        let mut hinted = self.clone();
        for part in &mut hinted.parts {
            part.sample.evidence = part.sample.evidence.max(hint(&part.name));
        }
        hinted
    }
}

/// Judges a reading after the marks of the one before, `elapsed_ms` earlier: each
/// part by the rules of [`step`], and these:
///
/// - A run that had ended and a figure that is another: a new run, whole
///   (`Renewed`; `Reset` where runs may have passed unseen in between).
/// - A counter without a mark began since, if it was watched for: whole (nothing
///   to speak of while it has not moved); else it may have been there before
///   (`Gap` of nothing).
/// - A mark without a counter: nothing, if its run had ended; else a `Gap`.
///
/// The verdict is the gravest of the parts', with all that was counted.
#[must_use]
pub fn judge(before: &[Mark], reading: &Reading, elapsed_ms: BootMs) -> Step {
    let seen = reading.parts.iter().map(|part| {
        let mark = before.iter().find(|mark| mark.name == part.name);
        match mark {
            None if part.sample.counter.is_zero() => Step::Advance(Traffic::ZERO),
            None if may_be_old(part.sample.evidence) => {
                Step::Gap(Traffic::ZERO, GapCause::Incomparable)
            }
            Some(mark) if !mark.ended => step(mark.counter, &part.sample, elapsed_ms),
            Some(mark) if part.ended && is_the_same(mark, &part.sample) => {
                Step::Advance(Traffic::ZERO)
            }
            Some(_) | None => begun(&part.sample, elapsed_ms),
        }
    });
    let gone = before
        .iter()
        .filter(|mark| !mark.ended && reading.parts.iter().all(|part| part.name != mark.name));
    let gone = gone.map(|_| Step::Gap(Traffic::ZERO, GapCause::EndedUnseen));
    seen.chain(gone).fold(Step::Advance(Traffic::ZERO), Step::and)
}

/// Whether the last figure of a run is told again. Two runs may have moved the
/// same; then somebody must know that they are two.
fn is_the_same(mark: &Mark, sample: &Sample) -> bool {
    let another = matches!(sample.evidence, Evidence::Renewed | Evidence::Restarted);
    mark.counter == sample.counter && !another
}

/// Whether a counter that was never read may have counted before.
fn may_be_old(evidence: Evidence) -> bool {
    match evidence {
        Evidence::Unwatched | Evidence::MayHaveRestarted | Evidence::Incomparable => true,
        Evidence::Same | Evidence::Renewed | Evidence::Witnessed | Evidence::Restarted => false,
    }
}

/// A run that began after the mark, and so from zero.
fn begun(sample: &Sample, elapsed_ms: BootMs) -> Step {
    if sample.evidence == Evidence::Incomparable {
        return Step::Gap(Traffic::ZERO, GapCause::Incomparable);
    }
    if sample.evidence == Evidence::Witnessed {
        return step(Traffic::ZERO, sample, elapsed_ms);
    }
    match step(Traffic::ZERO, &Sample { evidence: Evidence::Same, ..sample.clone() }, elapsed_ms) {
        Step::Gap(bytes, cause) => Step::Gap(bytes, cause),
        whole if sample.evidence <= Evidence::Renewed => Step::Renewed(whole.counted()),
        whole => Step::Reset(whole.counted()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::counter::Width;
    use super::*;
    use Evidence::{Incomparable, MayHaveRestarted as May, Restarted as Did, Same, Witnessed};
    use Step::{Advance, Gap, Renewed, Reset};

    fn t(bytes: u64) -> Traffic {
        Traffic { rx: bytes, tx: 0 }
    }

    fn mark(name: &str, bytes: u64, ended: bool) -> Mark {
        Mark { name: name.to_owned(), counter: t(bytes), ended }
    }

    fn part(name: &str, bytes: u64, ended: bool, evidence: Evidence) -> Part {
        let sample = Sample {
            counter: t(bytes),
            width: Width::Bits64,
            restarts: Restarts::FromZero,
            evidence,
            rate_max: 1_000_000,
        };
        Part { name: name.to_owned(), ended, sample }
    }

    #[test]
    fn each_counter_is_judged_on_its_own() {
        #[rustfmt::skip]
        let table = [
            ("both go on",
                vec![mark("4", 100, false), mark("6", 50, false)],
                vec![part("4", 110, false, Same), part("6", 55, false, Same)],
                Advance(t(15))),
            ("one ends with its last bytes",
                vec![mark("4", 100, false), mark("6", 50, false)],
                vec![part("4", 130, true, Same), part("6", 50, false, Same)],
                Advance(t(30))),
            ("ended and still so",
                vec![mark("4", 130, true)], vec![part("4", 130, true, Same)],
                Advance(t(0))),
            ("the next run counts whole, however far it has come",
                vec![mark("4", 130, true), mark("6", 50, false)],
                vec![part("4", 500, false, Same), part("6", 51, false, Same)],
                Renewed(t(501))),
            ("the next run moved just as much",
                vec![mark("4", 130, true)], vec![part("4", 130, true, Evidence::Renewed)],
                Renewed(t(130))),
            ("a run began and ended between two readings",
                vec![mark("4", 130, true)], vec![part("4", 140, true, Same)],
                Renewed(t(140))),
            ("and others may have passed while nobody listened",
                vec![mark("4", 130, true)], vec![part("4", 140, false, Evidence::Unwatched)],
                Reset(t(140))),
            ("what goes on while nobody listened is believed",
                vec![mark("4", 130, false)], vec![part("4", 140, true, Evidence::Unwatched)],
                Advance(t(10))),
            ("and others may have passed unseen before it",
                vec![mark("4", 130, true)], vec![part("4", 140, false, May)],
                Reset(t(140))),
            ("a run that ended unseen; the next one is lower",
                vec![mark("4", 100, false)], vec![part("4", 7, false, Same)],
                Reset(t(7))),
            ("or higher, and the indication tells",
                vec![mark("4", 100, false), mark("6", 50, false)],
                vec![part("4", 700, false, Did), part("6", 60, false, Same)],
                Reset(t(710))),
            ("one that begins", vec![], vec![part("6", 9, false, Same)], Renewed(t(9))),
            ("one that nobody watched for", vec![],
                vec![part("6", 9, false, Evidence::Unwatched)],
                Gap(t(0), GapCause::Incomparable)),
            ("one that has not moved yet", vec![], vec![part("6", 0, false, Same)], Advance(t(0))),
            ("one that ended unread, and a witness",
                vec![mark("4", 100, false), mark("6", 0, false)],
                vec![part("4", 103, false, Same), part("6", 7, true, Witnessed)],
                Gap(t(10), GapCause::EndedWitnessed)),
            ("one that was never seen but by a witness", vec![],
                vec![part("6", 7, true, Witnessed)], Gap(t(7), GapCause::EndedWitnessed)),
            ("one that may have begun long ago", vec![],
                vec![part("6", 9, false, Incomparable)],
                Gap(t(0), GapCause::Incomparable)),
            ("one that is gone",
                vec![mark("4", 100, false), mark("6", 50, false)],
                vec![part("4", 103, false, Same)],
                Gap(t(3), GapCause::EndedUnseen)),
            ("one that is gone after its end", vec![mark("4", 100, true)], vec![], Advance(t(0))),
            ("a new run beyond what the link can carry",
                vec![mark("4", 100, true)], vec![part("4", 900_000_000, false, Same)],
                Gap(t(0), GapCause::Implausible)),
        ];
        for (name, before, parts, expected) in table {
            let reading = Reading { parts, may_be_garbled: false };
            assert_eq!(judge(&before, &reading, 10_000), expected, "{name}");
        }
    }
}
