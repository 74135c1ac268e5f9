//! One bearer: its totals, the connection that it has, and what the end of a
//! connection left unread.

use super::facts::{Bearer, KernelCounter, Stats};
use crate::domain::counter::{Evidence, Restarts, Sample, Width};
use crate::domain::reading::Part;
use crate::domain::units::Traffic;

/// Bytes a second that no link reaches, even though a figure of this moment may
/// hold what moved in the 30 s before the last reading as well.
const RATE_MAX: u64 = 50_000_000_000;

/// How many ends may wait for a reading to tell them; one that is left out is
/// recorded as one that nobody saw.
const ENDS_MAX: usize = 8;

/// How soon it became known that something of a bearer changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timing {
    /// ModemManager said so, as it happened.
    Heard,
    /// It was looked at because of what ModemManager had just said.
    SeenNow,
    /// It was looked at for the first time, or after a silence.
    SeenLate,
}

/// A bearer as it was last heard of.
#[derive(Clone, Debug)]
pub(super) struct Track {
    number: u32,
    bearer: Bearer,
    /// The kernel's counter right after ModemManager's last two looks at the
    /// modem in this connection, the older one first.
    looks: [Option<KernelCounter>; 2],
    /// Connections, and rests between them, that ended, until a reading has told so.
    ends: Vec<Part>,
    /// The totals fell, which they never do: the next reading starts anew.
    fell: bool,
}

/// The totals, over all connections where ModemManager adds them up (1.14).
fn totals(stats: &Stats) -> Option<Traffic> {
    let pair = |rx: Option<u64>, tx: Option<u64>| Some(Traffic { rx: rx?, tx: tx? });
    pair(stats.total_rx, stats.total_tx).or_else(|| pair(stats.rx, stats.tx))
}

impl Track {
    /// A bearer that is heard of for the first time.
    pub(super) fn new(number: u32, bearer: Bearer, kernel: Option<KernelCounter>) -> Self {
        Self { number, bearer, looks: [None, kernel], ends: Vec::new(), fell: false }
    }

    pub(super) fn bearer(&self) -> &Bearer {
        &self.bearer
    }

    pub(super) fn is_connected(&self) -> bool {
        self.bearer.connected
    }

    /// Whether it is connected and its bytes cannot be had from ModemManager.
    pub(super) fn is_uncounted(&self) -> bool {
        self.is_connected() && !self.counts()
    }

    fn counts(&self) -> bool {
        // Before the first connection it is always false.
        let refused = self.bearer.reloads_stats == Some(false) && self.bearer.connected;
        !refused && totals(&self.bearer.stats).is_some()
    }

    /// Where the totals are those of one connection (before 1.14), each connection
    /// is a run of its own.
    fn is_by_connection(&self) -> bool {
        self.bearer.stats.total_rx.is_none() || self.bearer.stats.total_tx.is_none()
    }

    fn attempt(&self) -> u64 {
        self.bearer.stats.attempts.unwrap_or(0)
    }

    /// It is so now; `kernel` is its interface's counter, read after that was
    /// known. Gives whether anything is new about its bytes.
    pub(super) fn is_now(
        &mut self,
        bearer: Bearer,
        kernel: Option<KernelCounter>,
        timing: Timing,
    ) -> bool {
        let before = self.clone();
        self.bearer = bearer;
        let other = before.state_name() != self.state_name();
        if other && let Some(end) = before.end(self, kernel, timing) {
            self.ends.push(end);
            self.ends.truncate(ENDS_MAX);
        }
        self.fell |= !self.is_by_connection()
            && matches!(
                (totals(&before.bearer.stats), totals(&self.bearer.stats)),
                (Some(then), Some(now)) if now.minus(then).is_none()
            );
        let looked = self.bearer.stats != before.bearer.stats;
        if self.is_connected() && other {
            self.looks = [None, kernel];
        } else if looked && self.counts() {
            self.looks = [self.looks[1], kernel];
        }
        looked || other
    }

    /// How the baseline is told that this connection, or this rest, is over; `None`
    /// where something may have passed unseen between it and `next`.
    fn end(&self, next: &Self, kernel: Option<KernelCounter>, timing: Timing) -> Option<Part> {
        let name = self.state_name();
        let nothing_left = || Some(part(name.clone(), true, Traffic::ZERO, Evidence::Same));
        if !self.is_connected() {
            // The count of attempts rises when one begins.
            let only_one = next.attempt() <= self.attempt().saturating_add(1);
            let nothing_passed = match timing {
                Timing::Heard => true,
                Timing::SeenNow => only_one,
                Timing::SeenLate => only_one && next.is_connected(),
            };
            return nothing_passed.then(nothing_left).flatten();
        }
        // What moved after a connection that was begun unseen is counted by
        // ModemManager, and would be counted twice.
        if timing == Timing::SeenLate || next.is_connected() {
            return None;
        }
        let since = |look: Option<KernelCounter>| {
            let (look, kernel) = (look?, kernel?);
            let same = look.ifindex == kernel.ifindex;
            same.then(|| kernel.traffic.minus(look.traffic)).flatten()
        };
        match (since(self.looks[0]), since(self.looks[1])) {
            // The moment between ModemManager's look and ours lies within.
            (Some(Traffic::ZERO), _) if self.counts() => nothing_left(),
            (_, Some(moved)) => Some(part(name, true, moved, Evidence::Witnessed)),
            (_, None) => None,
        }
    }

    /// Its counters as they are now: its totals; a mark of the connection, or of the
    /// rest, that it is in, so that the baseline knows it; and what ended.
    pub(super) fn parts(&self) -> Vec<Part> {
        let mut parts = Vec::new();
        if let Some(counter) = totals(&self.bearer.stats) {
            let evidence = if self.fell { Evidence::Incomparable } else { Evidence::Same };
            let ended = self.is_by_connection() && !self.is_connected();
            parts.push(part(format!("bearer{}", self.number), ended, counter, evidence));
        }
        parts.extend(self.ends.iter().filter(|end| end.name != self.state_name()).cloned());
        parts.push(part(self.state_name(), false, Traffic::ZERO, Evidence::Same));
        parts
    }

    /// Its counters when the bearer is gone for good: the totals of one without a
    /// connection stand, and nothing comes after them.
    pub(super) fn last_parts(mut self, kernel: Option<KernelCounter>) -> Vec<Part> {
        if self.is_connected() {
            let bearer = Bearer { connected: false, ..self.bearer.clone() };
            self.is_now(bearer, kernel, Timing::Heard);
        }
        let mut parts = self.parts();
        for part in &mut parts {
            part.ended = true;
        }
        parts
    }

    /// A reading has told all of it.
    pub(super) fn told(&mut self) {
        self.ends.clear();
        self.fell = false;
    }

    /// The connection, or the rest, that it is in, by the count of attempts.
    fn state_name(&self) -> String {
        let state = if self.is_connected() { "connection" } else { "rest" };
        format!("bearer{}-{state}{}", self.number, self.attempt())
    }
}

fn part(name: String, ended: bool, counter: Traffic, evidence: Evidence) -> Part {
    let sample = Sample {
        counter,
        width: Width::Bits64,
        restarts: Restarts::FromZero,
        evidence,
        rate_max: RATE_MAX,
    };
    Part { name, ended, sample }
}

#[cfg(test)]
mod tests {
    use super::Timing::{Heard, SeenLate as Late, SeenNow};
    use super::*;
    use crate::domain::counter::{GapCause, Step};
    use crate::domain::reading::{Mark, Reading, judge};

    fn t(bytes: u64) -> Traffic {
        Traffic { rx: bytes, tx: bytes / 10 }
    }

    fn bearer(connected: bool, attempts: u64, total: u64, duration: u64) -> Bearer {
        let stats = Stats {
            rx: None,
            tx: None,
            total_rx: Some(t(total).rx),
            total_tx: Some(t(total).tx),
            duration: Some(duration),
            attempts: Some(attempts),
        };
        let interface = if connected { "wwan0".to_owned() } else { String::new() };
        Bearer { connected, interface, reloads_stats: Some(true), stats }
    }

    fn kernel(bytes: u64) -> Option<KernelCounter> {
        Some(KernelCounter { ifindex: 7, traffic: t(bytes) })
    }

    /// Reads, and says what the reading means after the one before.
    fn read(track: &mut Track, marks: &mut Vec<Mark>) -> Step {
        let reading = Reading { parts: track.parts(), may_be_garbled: false };
        let step = judge(marks, &reading, 30_000);
        *marks = reading.marks();
        track.told();
        step
    }

    /// A connection that has moved 1000 up to ModemManager's last look; the
    /// kernel's counter stood at `looks`.
    fn connected(looks: [Option<KernelCounter>; 2]) -> (Track, Vec<Mark>) {
        let mut marks = Vec::new();
        let mut track = Track::new(3, bearer(false, 0, 0, 0), None);
        assert_eq!(read(&mut track, &mut marks), Step::Advance(t(0)));
        track.is_now(bearer(true, 1, 0, 0), looks[0], Heard);
        assert_eq!(read(&mut track, &mut marks), Step::Advance(t(0)));
        track.is_now(bearer(true, 1, 1_000, 30), looks[1], Heard);
        assert_eq!(read(&mut track, &mut marks), Step::Advance(t(1_000)));
        (track, marks)
    }

    #[test]
    fn the_end_of_a_connection_is_closed_by_the_kernel_or_said() {
        use GapCause::{EndedUnseen as Unseen, EndedWitnessed as Witnessed};
        let other = Some(KernelCounter { ifindex: 8, traffic: t(99_000) });
        #[rustfmt::skip]
        let table = [
            // the kernel at the two looks and at the end, when it is known, the verdict
            ([kernel(50), kernel(1_060)], kernel(1_560), Heard, Step::Gap(t(500), Witnessed)),
            ([kernel(50), kernel(1_060)], kernel(1_560), SeenNow, Step::Gap(t(500), Witnessed)),
            ([kernel(50), kernel(1_060)], kernel(1_060), Heard, Step::Gap(t(0), Witnessed)),
            ([kernel(1_060), kernel(1_060)], kernel(1_060), Heard, Step::Advance(t(0))),
            ([kernel(50), kernel(1_060)], None, Heard, Step::Gap(t(0), Unseen)),
            ([None, None], kernel(1_560), Heard, Step::Gap(t(0), Unseen)),
            ([kernel(50), kernel(1_060)], other, Heard, Step::Gap(t(0), Unseen)),
            ([kernel(50), kernel(1_060)], kernel(1_000), Heard, Step::Gap(t(0), Unseen)),
            ([kernel(50), kernel(1_060)], kernel(1_560), Late, Step::Gap(t(0), Unseen)),
        ];
        for (n, (looks, end, timing, expected)) in table.into_iter().enumerate() {
            let (mut track, mut marks) = connected(looks);
            track.is_now(bearer(false, 1, 1_000, 31), end, timing);
            assert_eq!(read(&mut track, &mut marks), expected, "row {n}");
            assert_eq!(read(&mut track, &mut marks), Step::Advance(t(0)), "row {n}, said once");
            // The next connection goes on from the totals.
            track.is_now(bearer(true, 2, 1_000, 0), end, Heard);
            track.is_now(bearer(true, 2, 1_200, 30), end, Heard);
            assert_eq!(read(&mut track, &mut marks), Step::Advance(t(200)), "row {n}, goes on");
        }
    }

    #[test]
    fn an_end_that_nobody_saw_is_said() {
        let (mut track, mut marks) = connected([kernel(0), kernel(1_000)]);
        track.is_now(bearer(true, 4, 1_800, 12), kernel(2_500), Heard);
        let unseen = Step::Gap(t(800), GapCause::EndedUnseen);
        assert_eq!(read(&mut track, &mut marks), unseen);
        // As an attempt that failed is no connection, but one that was not heard of
        // may have been one.
        let (mut track, mut marks) = connected([kernel(0), kernel(1_000)]);
        track.is_now(bearer(false, 1, 1_000, 31), kernel(1_000), Heard);
        read(&mut track, &mut marks);
        track.is_now(bearer(false, 2, 1_000, 0), None, SeenNow);
        assert_eq!(read(&mut track, &mut marks), Step::Advance(t(0)));
        track.is_now(bearer(false, 3, 1_000, 0), None, Late);
        assert_eq!(read(&mut track, &mut marks), Step::Gap(t(0), GapCause::EndedUnseen));
        // A beginning that was heard of late is none.
        track.is_now(bearer(true, 4, 1_800, 3), None, Late);
        assert_eq!(read(&mut track, &mut marks), Step::Advance(t(800)));
        // posdatad was not running: its baseline is all that it knows.
        let mut track = Track::new(3, bearer(false, 5, 1_900, 12), None);
        let unseen = Step::Gap(t(100), GapCause::EndedUnseen);
        assert_eq!(read(&mut track, &mut marks), unseen);
    }

    #[test]
    fn a_bearer_that_is_gone_leaves_nothing_open() {
        let gone = |track: Track, marks: &mut Vec<Mark>, end| {
            let reading = Reading { parts: track.last_parts(end), may_be_garbled: false };
            let step = judge(marks, &reading, 30_000);
            *marks = reading.marks();
            assert!(marks.iter().all(|mark| mark.ended));
            step
        };
        let (mut track, mut marks) = connected([kernel(0), kernel(1_000)]);
        track.is_now(bearer(false, 1, 1_000, 31), kernel(1_000), Heard);
        read(&mut track, &mut marks);
        assert_eq!(gone(track, &mut marks, None), Step::Advance(t(0)));
        let (track, mut marks) = connected([kernel(0), kernel(1_000)]);
        let closed = Step::Gap(t(40), GapCause::EndedWitnessed);
        assert_eq!(gone(track, &mut marks, kernel(1_040)), closed);
        let (track, mut marks) = connected([kernel(0), kernel(1_000)]);
        assert_eq!(gone(track, &mut marks, None), Step::Gap(t(0), GapCause::EndedUnseen));
    }

    #[test]
    fn totals_that_fall_count_nothing() {
        let (mut track, mut marks) = connected([kernel(0), kernel(1_000)]);
        track.is_now(bearer(true, 1, 400, 60), kernel(1_400), Heard);
        let anew = Step::Gap(t(0), GapCause::Incomparable);
        assert_eq!(read(&mut track, &mut marks), anew);
        track.is_now(bearer(true, 1, 450, 90), kernel(1_450), Heard);
        assert_eq!(read(&mut track, &mut marks), Step::Advance(t(50)));
    }

    #[test]
    fn before_1_14_each_connection_counts_for_itself() {
        let old = |connected, bytes, duration| {
            let stats = Stats {
                rx: Some(t(bytes).rx),
                tx: Some(t(bytes).tx),
                duration: Some(duration),
                ..Stats::default()
            };
            Bearer { reloads_stats: None, stats, ..bearer(connected, 0, 0, 0) }
        };
        let mut marks = Vec::new();
        let mut track = Track::new(0, old(true, 0, 0), kernel(0));
        assert_eq!(read(&mut track, &mut marks), Step::Advance(t(0)));
        track.is_now(old(true, 500, 30), kernel(510), Heard);
        assert_eq!(read(&mut track, &mut marks), Step::Advance(t(500)));
        track.is_now(old(false, 500, 35), kernel(600), Heard);
        let closed = Step::Gap(t(90), GapCause::EndedWitnessed);
        assert_eq!(read(&mut track, &mut marks), closed);
        track.is_now(old(true, 0, 0), kernel(600), Heard);
        track.is_now(old(true, 700, 30), kernel(1_300), Heard);
        assert_eq!(read(&mut track, &mut marks), Step::Renewed(t(700)));
    }

    #[test]
    fn a_modem_without_figures_is_counted_at_the_end_by_the_kernel() {
        let ppp = |connected, duration| Bearer {
            reloads_stats: Some(false),
            ..bearer(connected, 1, 0, duration)
        };
        let mut marks = Vec::new();
        let mut track = Track::new(0, ppp(false, 0), None);
        read(&mut track, &mut marks);
        track.is_now(ppp(true, 0), kernel(100), Heard);
        assert!(track.is_uncounted());
        read(&mut track, &mut marks);
        track.is_now(ppp(true, 30), kernel(900), Heard);
        track.is_now(ppp(false, 31), kernel(1_000), Heard);
        assert_eq!(read(&mut track, &mut marks), Step::Gap(t(900), GapCause::EndedWitnessed));
    }
}
