//! From readings to samples: what is known of a restart, how wide the counter is,
//! and which figures are doubted.
//!
//! A figure that falls or leaps further than the link can carry is asked for
//! again at once and believed when the second answer goes with the first. A
//! single flipped digit on a serial line would otherwise be billed, or end in a
//! gap that never was.

use super::dialect::{ContextCount, Dialect, Figures};
use crate::domain::counter::{Evidence, Restarts, Sample, Width};
use crate::domain::time::BootMs;
use crate::domain::units::Traffic;
use crate::modem::link::Technology;

/// Answers are late by up to this, s: room for the rate's judgement.
const LATENESS_S: u64 = 15;
/// How many figures in a row may disagree with each other.
const DOUBTS_MAX: u32 = 4;

/// What became of a reading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Observed {
    /// It is believed.
    Sample(Sample),
    /// It is doubted: ask again at once.
    Doubted,
    /// No two answers in a row went together.
    Contradictory,
}

/// The counter as it was followed so far.
#[derive(Clone, Debug)]
pub(super) struct Track {
    last: Option<Last>,
    /// What hinted at a restart since the last sample.
    before: Evidence,
    /// What hinted at one behind the figure of an answer that had not ended: it is
    /// the next figure's. One restart is doubted once.
    behind: Evidence,
    /// The counter has shown more than 32 bits.
    wide: bool,
    /// The meter may stand on a sum that this one cannot be compared with: one of
    /// before this process with a context that is not printed now, or one without
    /// a context that is. Until it has gone on, a fall is no restart.
    sum_is_new: bool,
    doubted: Option<(BootMs, Traffic)>,
    doubts: u32,
}

#[derive(Clone, Debug)]
struct Last {
    at_ms: BootMs,
    counter: Traffic,
    contexts: Vec<ContextCount>,
    counting_s: Option<u32>,
}

/// What the figures themselves say of a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OwnAccount {
    Continued,
    Restarted,
    /// Some contexts started again and others went on, or one is there that was
    /// not: no sum tells how much was moved.
    Incomparable,
}

impl Default for Track {
    fn default() -> Self {
        Self {
            last: None,
            before: Evidence::Same,
            behind: Evidence::Same,
            wide: false,
            sum_is_new: true,
            doubted: None,
            doubts: 0,
        }
    }
}

impl Track {
    /// Something hints at a restart before the next figure.
    pub(super) fn hint(&mut self, evidence: Evidence) {
        self.before = self.before.max(evidence);
    }

    /// Something hints at a restart behind a figure that has arrived.
    pub(super) fn hint_behind(&mut self, evidence: Evidence) {
        self.behind = self.behind.max(evidence);
    }

    /// The counter is asked for.
    pub(super) fn asked(&mut self) {
        self.before = self.before.max(self.behind);
        self.behind = Evidence::Same;
    }

    /// Another counter is read from now on: nothing can be compared with it.
    pub(super) fn forget(&mut self) {
        self.last = None;
        self.wide = false;
        self.sum_is_new = true;
        self.doubted = None;
        self.doubts = 0;
    }

    /// Takes a reading.
    pub(super) fn take(
        &mut self,
        now_ms: BootMs,
        dialect: Dialect,
        technology: Technology,
        mut figures: Figures,
    ) -> Observed {
        self.keep_hidden_contexts(&mut figures);
        let counter = Traffic { rx: figures.octets.received, tx: figures.octets.sent };
        let rate_max = technology.rate_max();
        let own = self.own_account(dialect, &figures);
        let expected = self.last.as_ref().is_some_and(|last| {
            own == OwnAccount::Continued
                && follows((last.at_ms, last.counter), (now_ms, counter), rate_max)
        });
        let confirmed =
            self.doubted.is_some_and(|first| follows(first, (now_ms, counter), rate_max));
        if !expected && !confirmed {
            self.doubts = self.doubts.saturating_add(1);
            if self.doubts > DOUBTS_MAX {
                self.doubts = 0;
                self.doubted = None;
                return Observed::Contradictory;
            }
            self.doubted = Some((now_ms, counter));
            return Observed::Doubted;
        }
        self.doubts = 0;
        self.doubted = None;
        self.wide |= counter.rx > u64::from(u32::MAX) || counter.tx > u64::from(u32::MAX);
        let own_evidence = match own {
            OwnAccount::Continued => Evidence::Same,
            OwnAccount::Restarted => Evidence::Restarted,
            OwnAccount::Incomparable => Evidence::Incomparable,
        };
        let unseen = if self.last.is_none() && dialect.is_of_the_session() {
            // Nothing tells of a session that ended while nobody listened.
            Evidence::MayHaveRestarted
        } else {
            Evidence::Same
        };
        let evidence = self.before.max(own_evidence).max(unseen);
        // Taken as loaded from memory: a new baseline and a gap, no invented
        // number. The sum of new and old would count the old again.
        let from_saved =
            dialect.is_by_context() && self.sum_is_new && evidence < Evidence::Restarted;
        let restarts = if from_saved { Restarts::FromSaved } else { dialect.restarts() };
        self.sum_is_new = match evidence {
            // The meter believes what is no plain advance when a second reading
            // without a doubt goes on from it.
            Evidence::Same => self.sum_is_new && self.last.is_none(),
            Evidence::Unwatched | Evidence::Witnessed | Evidence::MayHaveRestarted => {
                self.sum_is_new
            }
            Evidence::Renewed | Evidence::Restarted => false,
            Evidence::Incomparable => true,
        };
        self.before = std::mem::replace(&mut self.behind, Evidence::Same);
        self.last = Some(Last {
            at_ms: now_ms,
            counter,
            contexts: figures.contexts,
            counting_s: figures.counting_s,
        });
        Observed::Sample(Sample {
            counter,
            width: self.width(dialect),
            restarts,
            evidence,
            rate_max,
        })
    }

    /// Some firmwares print only the contexts that are up. One that is not printed
    /// keeps its last count, so that its return does not count it again; unless
    /// the modem booted, when it is really gone.
    fn keep_hidden_contexts(&self, figures: &mut Figures) {
        let Some(last) = &self.last else { return };
        if self.before == Evidence::Restarted {
            return;
        }
        for was in &last.contexts {
            if figures.contexts.iter().all(|is| is.cid != was.cid) {
                figures.contexts.push(*was);
                let sum = &mut figures.octets;
                sum.sent = sum.sent.saturating_add(was.octets.sent);
                sum.received = sum.received.saturating_add(was.octets.received);
            }
        }
    }

    fn width(&self, dialect: Dialect) -> Width {
        match dialect.width() {
            Width::Bits32 if self.wide => Width::Bits64,
            width @ (Width::Bits32 | Width::Bits64 | Width::Unknown) => width,
        }
    }

    fn own_account(&self, dialect: Dialect, figures: &Figures) -> OwnAccount {
        let Some(last) = &self.last else { return OwnAccount::Continued };
        if let (Some(before), Some(now)) = (last.counting_s, figures.counting_s)
            && now < before
        {
            return OwnAccount::Restarted;
        }
        if self.before != Evidence::Restarted && is_one_new(&last.contexts, &figures.contexts) {
            return OwnAccount::Incomparable;
        }
        match dialect.restarts() {
            Restarts::FromSaved => OwnAccount::Continued,
            Restarts::FromZero => contexts_account(&last.contexts, &figures.contexts),
        }
    }
}

/// Compares the contexts one by one. A context that is gone has started again as
/// far as any sum is concerned; one that was at zero tells nothing.
fn contexts_account(before: &[ContextCount], now: &[ContextCount]) -> OwnAccount {
    let counted: Vec<&ContextCount> = before
        .iter()
        .filter(|context| context.octets.sent > 0 || context.octets.received > 0)
        .collect();
    let restarted = counted
        .iter()
        .filter(|was| {
            now.iter().find(|is| is.cid == was.cid).is_none_or(|is| {
                is.octets.sent < was.octets.sent || is.octets.received < was.octets.received
            })
        })
        .count();
    match restarted {
        0 => OwnAccount::Continued,
        all if all == counted.len() => OwnAccount::Restarted,
        _ => OwnAccount::Incomparable,
    }
}

/// Whether a context has counted that was never seen: it may be a new one, or one
/// of old that was not printed since this process began.
fn is_one_new(before: &[ContextCount], now: &[ContextCount]) -> bool {
    now.iter().any(|is| {
        let has_counted = is.octets.sent > 0 || is.octets.received > 0;
        has_counted && before.iter().all(|was| was.cid != is.cid)
    })
}

/// Whether the second figure can follow the first: neither direction fell, and
/// neither moved more than the link can carry in that time.
fn follows(first: (BootMs, Traffic), second: (BootMs, Traffic), rate_max: u64) -> bool {
    let elapsed_s = second.0.saturating_sub(first.0) / 1_000 + LATENESS_S;
    let moved_max = rate_max.saturating_mul(elapsed_s);
    second.1.minus(first.1).is_some_and(|moved| moved.rx <= moved_max && moved.tx <= moved_max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::at::counters::Columns;
    use Restarts::{FromSaved as Nvm, FromZero as Zero};

    fn read(track: &mut Track, dialect: Dialect, lines: &[&str]) -> Observed {
        let lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        let figures = dialect.read(&lines, Columns::SentFirst).unwrap();
        track.asked();
        track.take(0, dialect, Technology::Lte, figures)
    }

    /// Reads until it is believed, at most twice.
    fn sample(track: &mut Track, dialect: Dialect, lines: &[&str]) -> Sample {
        let mut observed = read(track, dialect, lines);
        if observed == Observed::Doubted {
            observed = read(track, dialect, lines);
        }
        match observed {
            Observed::Sample(sample) => sample,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_fall_is_believed_when_it_is_read_twice() {
        let mut track = Track::default();
        let dialect = Dialect::Qgdcnt;
        sample(&mut track, dialect, &["+QGDCNT: 1000,2000"]);
        assert_eq!(read(&mut track, dialect, &["+QGDCNT: 100,2000"]), Observed::Doubted);
        // It was a garbled digit: the next answer goes with the last sample.
        assert!(matches!(read(&mut track, dialect, &["+QGDCNT: 1001,2000"]), Observed::Sample(_)));
        assert_eq!(read(&mut track, dialect, &["+QGDCNT: 10,20"]), Observed::Doubted);
        let Observed::Sample(fallen) = read(&mut track, dialect, &["+QGDCNT: 10,21"]) else {
            panic!("the fall was real");
        };
        assert_eq!(fallen.counter, Traffic { rx: 21, tx: 10 });
        assert_eq!(fallen.evidence, Evidence::Same);
        assert_eq!(fallen.width, Width::Bits32);
    }

    #[test]
    fn answers_that_contradict_each_other_end() {
        let mut track = Track::default();
        sample(&mut track, Dialect::Qgdcnt, &["+QGDCNT: 5000,5000"]);
        let falling = ["+QGDCNT: 900,9", "+QGDCNT: 800,9", "+QGDCNT: 700,9", "+QGDCNT: 600,9"];
        for line in falling {
            assert_eq!(read(&mut track, Dialect::Qgdcnt, &[line]), Observed::Doubted);
        }
        assert_eq!(read(&mut track, Dialect::Qgdcnt, &["+QGDCNT: 500,9"]), Observed::Contradictory);
    }

    #[test]
    fn a_leap_beyond_the_link_is_doubted() {
        let mut track = Track::default();
        sample(&mut track, Dialect::Qgdnrcnt, &["+QGDNRCNT: 1,1"]);
        let leap = ["+QGDNRCNT: 1,9000000000"];
        assert_eq!(read(&mut track, Dialect::Qgdnrcnt, &leap), Observed::Doubted);
    }

    #[test]
    fn a_counter_that_passed_32_bits_is_wider() {
        let mut track = Track::default();
        assert_eq!(sample(&mut track, Dialect::Qgdcnt, &["+QGDCNT: 0,1"]).width, Width::Bits32);
        track.forget();
        let wide = sample(&mut track, Dialect::Qgdcnt, &["+QGDCNT: 0,4294967296"]);
        assert_eq!(wide.width, Width::Bits64);
        assert_eq!(sample(&mut track, Dialect::Qgdcnt, &["+QGDCNT: 0,5"]).width, Width::Bits64);
    }

    #[test]
    fn huaweis_own_time_tells_of_a_restart() {
        let mut track = Track::default();
        let dialect = Dialect::Dsflowqry;
        sample(&mut track, dialect, &["^DSFLOWQRY: 1,1,1,100,10,10"]);
        let sample = sample(&mut track, dialect, &["^DSFLOWQRY: 1,1,1,5,20,20"]);
        assert_eq!(sample.evidence, Evidence::Restarted);
        assert_eq!(sample.restarts, Restarts::FromZero);
    }

    #[test]
    fn ublox_contexts_that_all_started_again_and_some() {
        let dialect = Dialect::Ugcntrd;
        let mut track = Track::default();
        let both = ["+UGCNTRD: 1,0,0,1000,1000", "+UGCNTRD: 2,0,0,500,500"];
        sample(&mut track, dialect, &both);
        // A new session: the totals go on, and nothing has started again.
        let on = ["+UGCNTRD: 1,5,5,1005,1005", "+UGCNTRD: 2,0,0,500,500"];
        assert_eq!(sample(&mut track, dialect, &on).evidence, Evidence::Same);
        let some = ["+UGCNTRD: 1,9,9,9,9", "+UGCNTRD: 2,0,0,500,500"];
        let partly = sample(&mut track, dialect, &some);
        assert_eq!(
            (partly.evidence, partly.restarts),
            (Evidence::Incomparable, Restarts::FromZero)
        );
        track.hint(Evidence::Restarted);
        let all = sample(&mut track, dialect, &["+UGCNTRD: 5,7,7,7,7"]);
        assert_eq!(all.counter, Traffic { rx: 7, tx: 7 });
        assert_eq!((all.evidence, all.restarts), (Evidence::Restarted, Restarts::FromZero));
    }

    #[test]
    fn a_context_that_is_not_printed_for_a_while_is_not_counted_again() {
        for (dialect, up, down) in [
            (Dialect::Ugcntrd, "+UGCNTRD: 1,0,0,1000,1000", "+UGCNTRD: 4,0,0,0,0"),
            (Dialect::Gdatavol, "#GDATAVOL: 1,2000,1000,1000", "#GDATAVOL: 4,0,0,0"),
        ] {
            let mut track = Track::default();
            for lines in [[up], [down], [up]] {
                let sample = sample(&mut track, dialect, &lines);
                assert_eq!(sample.counter, Traffic { rx: 1000, tx: 1000 });
                assert_eq!(sample.evidence, Evidence::Same);
            }
        }
    }

    #[test]
    fn a_sum_of_contexts_is_no_restart_before_it_has_gone_on() {
        use Evidence::{MayHaveRestarted as May, Restarted, Same};
        let (dialect, lines) = (Dialect::Ugcntrd, ["+UGCNTRD: 4,0,0,500,500"]);
        for (hints, expected) in [
            // The meter holds a fall until the second reading: that one's too.
            (&[Same, Same, Same][..], &[Nvm, Nvm, Zero][..]),
            (&[May, May, Same, Same], &[Nvm, Nvm, Nvm, Zero]),
            (&[Restarted, Same], &[Zero, Zero]),
        ] {
            let mut track = Track::default();
            for (hint, restarts) in hints.iter().zip(expected) {
                track.hint(*hint);
                let sample = sample(&mut track, dialect, &lines);
                assert_eq!((sample.evidence, sample.restarts), (*hint, *restarts), "{hints:?}");
            }
        }
    }

    #[test]
    fn a_context_that_was_never_seen_is_a_new_baseline() {
        for (dialect, old, both) in [
            (
                Dialect::Ugcntrd,
                "+UGCNTRD: 4,0,0,500,500",
                ["+UGCNTRD: 4,0,0,500,500", "+UGCNTRD: 1,0,0,1000,1000"],
            ),
            (
                Dialect::Gdatavol,
                "#GDATAVOL: 4,1000,500,500",
                ["#GDATAVOL: 4,1000,500,500", "#GDATAVOL: 1,2000,1000,1000"],
            ),
        ] {
            let mut track = Track::default();
            for _ in 0..3 {
                assert_eq!(sample(&mut track, dialect, &[old]).evidence, Evidence::Same);
            }
            let appeared = sample(&mut track, dialect, &both);
            assert_eq!(appeared.evidence, Evidence::Incomparable);
            let confirmed = sample(&mut track, dialect, &both);
            assert_eq!((confirmed.evidence, confirmed.restarts), (Evidence::Same, Nvm));
            let on = sample(&mut track, dialect, &both);
            assert_eq!((on.evidence, on.restarts), (Evidence::Same, dialect.restarts()));
            // In the first sample it is no news.
            let first = sample(&mut Track::default(), dialect, &both);
            assert_eq!((first.evidence, first.restarts), (Evidence::Same, Nvm));
        }
    }

    #[test]
    fn what_is_heard_during_an_answer_counts_once() {
        use Evidence::{MayHaveRestarted as May, Same};
        let mut track = Track::default();
        let dialect = Dialect::Qgdcnt;
        sample(&mut track, dialect, &["+QGDCNT: 1,1"]);
        for (hint, expected) in [
            (Track::hint as fn(&mut Track, Evidence), [May, Same, Same]),
            (Track::hint_behind, [Same, May, Same]),
        ] {
            track.asked();
            hint(&mut track, May);
            let figures = dialect.read(&["+QGDCNT: 1,1".to_owned()], Columns::SentFirst).unwrap();
            let Observed::Sample(now) = track.take(0, dialect, Technology::Lte, figures) else {
                panic!("nothing is odd about it");
            };
            let next = sample(&mut track, dialect, &["+QGDCNT: 1,1"]);
            let last = sample(&mut track, dialect, &["+QGDCNT: 1,1"]);
            assert_eq!([now.evidence, next.evidence, last.evidence], expected);
        }
    }
}
