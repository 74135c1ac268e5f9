//! Watches: callers say how exact and how often they want to be told, and are
//! told no oftener than that (ConnMan's `RegisterCounter`, made exact).
//!
//! A watch is pushed a reading
//! 1. at once, with the first counts that are known;
//! 2. when `accuracy_bytes` or more, both directions together, moved since its
//!    last push;
//! 3. when `period_s` or more passed since its last push and anything moved at
//!    all since: nothing moves, nothing is sent; the first byte after a long
//!    silence is told at once;
//! 4. when a direction fell: the counts are those of another SIM.
//!
//! All of it is judged when a reading comes in, so the watches also say how far
//! apart readings may be, and when the next push falls due without one.

use std::fmt;
use std::sync::Arc;

use super::time::BootMs;
use super::units::Traffic;

/// How many watches there may be.
pub const WATCHES_MAX: usize = 32;
/// How many of them one caller may hold.
pub const WATCHES_PER_CALLER_MAX: usize = 8;
/// The range of `period_s`.
pub const PERIOD_S_MAX: u32 = 86_400;
/// No watch makes the modem be read oftener than this.
pub const POLL_MS_MIN: u64 = 1_000;

/// A peer of the bus by its unique name (`:1.42`), which the bus never reuses.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Caller(Arc<str>);

impl Caller {
    /// The caller with that unique name.
    #[must_use]
    pub fn new(unique_name: &str) -> Self {
        Self(unique_name.into())
    }

    /// Its unique name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Why a watch was not begun or not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WatchRefusal {
    /// `accuracy_bytes` is 0.
    #[error("accuracy_bytes must be 1 or more")]
    Accuracy,
    /// `period_s` is out of its range.
    #[error("period_s must be 1 to {PERIOD_S_MAX}, not {0}")]
    Period(u32),
    /// The caller holds as many as it may.
    #[error("this caller holds {WATCHES_PER_CALLER_MAX} watches already")]
    TooManyOfCaller,
    /// There are as many as there may be.
    #[error("there are {WATCHES_MAX} watches already")]
    TooMany,
    /// The caller holds no watch of that id.
    #[error("this caller holds no watch {0}")]
    Unknown(u32),
}

/// Somebody is to be sent the present counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Push {
    /// To whom.
    pub caller: Caller,
    /// Which of its watches.
    pub id: u32,
}

/// When a watch was pushed, and what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Last {
    /// Not yet; it was begun then.
    Begun(BootMs),
    /// Then, these counts.
    Pushed(BootMs, Traffic),
}

#[derive(Clone, Debug)]
struct Watch {
    id: u32,
    caller: Caller,
    accuracy_bytes: u64,
    period_ms: u64,
    last: Last,
}

impl Watch {
    fn is_due(&self, now_ms: BootMs, seen: Traffic) -> bool {
        match self.last {
            Last::Begun(_) => true,
            Last::Pushed(at, pushed) => match seen.minus(pushed) {
                None => true,
                Some(moved) if moved.is_zero() => false,
                Some(moved) => {
                    moved.total() >= self.accuracy_bytes
                        || now_ms.saturating_sub(at) >= self.period_ms
                }
            },
        }
    }
}

/// All watches of all callers.
#[derive(Clone, Debug, Default)]
pub struct Watches {
    watches: Vec<Watch>,
    last_id: u32,
    seen: Option<Traffic>,
}

impl Watches {
    /// Begins a watch and gives its id, from 1.
    ///
    /// # Errors
    /// In this order: [`WatchRefusal::Accuracy`], [`WatchRefusal::Period`],
    /// [`WatchRefusal::TooManyOfCaller`], [`WatchRefusal::TooMany`].
    pub fn add(
        &mut self,
        caller: &Caller,
        accuracy_bytes: u64,
        period_s: u32,
        now_ms: BootMs,
    ) -> Result<u32, WatchRefusal> {
        check_watch(accuracy_bytes, period_s)?;
        if self.watches.iter().filter(|w| w.caller == *caller).count() >= WATCHES_PER_CALLER_MAX {
            return Err(WatchRefusal::TooManyOfCaller);
        }
        if self.watches.len() >= WATCHES_MAX {
            return Err(WatchRefusal::TooMany);
        }
        let id = self.free_id();
        self.last_id = id;
        self.watches.push(Watch {
            id,
            caller: caller.clone(),
            accuracy_bytes,
            period_ms: u64::from(period_s).saturating_mul(1_000),
            last: Last::Begun(now_ms),
        });
        Ok(id)
    }

    /// Ends one watch of a caller.
    ///
    /// # Errors
    /// [`WatchRefusal::Unknown`], also for a watch that another caller holds.
    pub fn remove(&mut self, caller: &Caller, id: u32) -> Result<(), WatchRefusal> {
        let at = self
            .watches
            .iter()
            .position(|w| w.id == id && w.caller == *caller)
            .ok_or(WatchRefusal::Unknown(id))?;
        self.watches.remove(at);
        Ok(())
    }

    /// Ends all watches of a caller that left the bus; says how many.
    pub fn caller_gone(&mut self, caller: &Caller) -> usize {
        let before = self.watches.len();
        self.watches.retain(|w| w.caller != *caller);
        before - self.watches.len()
    }

    /// Ends all watches: the bus itself is gone, and every unique name with it.
    pub fn clear(&mut self) {
        self.watches.clear();
    }

    /// Whom to push the counts that are now known, oldest watch first; they
    /// count as pushed.
    pub fn due(&mut self, now_ms: BootMs, seen: Traffic) -> Vec<Push> {
        self.seen = Some(seen);
        let mut pushes = Vec::new();
        for watch in self.watches.iter_mut().filter(|w| w.is_due(now_ms, seen)) {
            watch.last = Last::Pushed(now_ms, seen);
            pushes.push(Push { caller: watch.caller.clone(), id: watch.id });
        }
        pushes
    }

    /// When [`Watches::due`] has to be asked again without a new reading:
    /// counts that are known and not yet pushed. `None` while there are none,
    /// so that watches of an idle modem wake nobody.
    #[must_use]
    pub fn next_deadline(&self) -> Option<BootMs> {
        self.watches
            .iter()
            .filter_map(|watch| match watch.last {
                Last::Begun(at) => Some(at),
                Last::Pushed(at, pushed) => (self.seen? != pushed).then(|| at + watch.period_ms),
            })
            .min()
    }

    /// How far apart readings of the modem may be, ms, so that every watch gets
    /// what it asked for while `rate` bytes a second move: the shortest period,
    /// and the shortest time in which an accuracy is used up; not below
    /// [`POLL_MS_MIN`]. `None` without watches.
    #[must_use]
    pub fn poll_ms_max(&self, rate: u64) -> Option<u64> {
        self.watches
            .iter()
            .map(|watch| {
                let by_rate = watch.accuracy_bytes.saturating_mul(1_000).checked_div(rate);
                watch.period_ms.min(by_rate.unwrap_or(u64::MAX))
            })
            .min()
            .map(|ms| ms.max(POLL_MS_MIN))
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.watches.len()
    }

    /// True while nobody watches.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.watches.is_empty()
    }

    /// The next id that no watch has. There are far fewer watches than ids, so
    /// this ends; 0 is skipped, so that no client takes it for "none".
    fn free_id(&self) -> u32 {
        let mut id = self.last_id;
        loop {
            id = id.wrapping_add(1).max(1);
            if self.watches.iter().all(|w| w.id != id) {
                return id;
            }
        }
    }
}

/// Whether a watch could be begun with these arguments.
///
/// # Errors
/// [`WatchRefusal::Accuracy`], [`WatchRefusal::Period`].
pub fn check_watch(accuracy_bytes: u64, period_s: u32) -> Result<(), WatchRefusal> {
    if accuracy_bytes == 0 {
        return Err(WatchRefusal::Accuracy);
    }
    if !(1..=PERIOD_S_MAX).contains(&period_s) {
        return Err(WatchRefusal::Period(period_s));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rx(bytes: u64) -> Traffic {
        Traffic { rx: bytes, tx: 0 }
    }

    /// One watch (1000 bytes, 10 s) begun at 0; each line is a moment, the
    /// counts at it, whether it is pushed, and the deadline after it.
    #[test]
    fn a_watch_is_pushed_when_it_asked_to_be() {
        for (name, moments) in [
            ("first counts at once", vec![(0, rx(5), true, None)]),
            ("first counts at once, however late", vec![(70_000, rx(0), true, None)]),
            (
                "accuracy reached, not passed",
                vec![
                    (0, rx(0), true, None),
                    (1_000, rx(999), false, Some(10_000)),
                    (2_000, rx(1_000), true, None),
                    (3_000, rx(1_999), false, Some(12_000)),
                    (3_500, rx(2_500), true, None),
                ],
            ),
            (
                "both directions count together",
                vec![
                    (0, rx(0), true, None),
                    (1_000, Traffic { rx: 500, tx: 499 }, false, Some(10_000)),
                    (2_000, Traffic { rx: 500, tx: 500 }, true, None),
                ],
            ),
            (
                "the period, when anything moved",
                vec![
                    (0, rx(0), true, None),
                    (5_000, rx(1), false, Some(10_000)),
                    (9_999, rx(1), false, Some(10_000)),
                    (10_000, rx(1), true, None),
                ],
            ),
            (
                "nothing moves, nothing is sent; then the first byte at once",
                vec![
                    (0, rx(7), true, None),
                    (10_000, rx(7), false, None),
                    (600_000, rx(7), false, None),
                    (601_000, rx(8), true, None),
                    (602_000, rx(9), false, Some(611_000)),
                ],
            ),
            (
                "another SIM: a direction fell",
                vec![
                    (0, Traffic { rx: 100, tx: 100 }, true, None),
                    (1_000, Traffic { rx: 150, tx: 99 }, true, None),
                    (2_000, rx(0), true, None),
                ],
            ),
            (
                "at the end of the range",
                vec![
                    (0, rx(u64::MAX - 1), true, None),
                    (1_000, Traffic { rx: u64::MAX, tx: u64::MAX }, true, None),
                    (2_000, Traffic { rx: u64::MAX, tx: u64::MAX }, false, None),
                ],
            ),
        ] {
            let mut watches = Watches::default();
            let caller = Caller::new(":1.1");
            let id = watches.add(&caller, 1_000, 10, 0).unwrap();
            assert_eq!(watches.next_deadline(), Some(0), "{name}");
            for (now_ms, seen, pushed, deadline) in moments {
                let expected =
                    if pushed { vec![Push { caller: caller.clone(), id }] } else { vec![] };
                assert_eq!(watches.due(now_ms, seen), expected, "{name} at {now_ms}");
                assert_eq!(watches.next_deadline(), deadline, "{name} after {now_ms}");
            }
        }
    }

    #[test]
    fn each_watch_has_its_own_measure() {
        let mut watches = Watches::default();
        let (one, two) = (Caller::new(":1.1"), Caller::new(":1.2"));
        let coarse = watches.add(&one, 1_000, 60, 0).unwrap();
        let fine = watches.add(&two, 1, 60, 0).unwrap();
        let ids = |pushes: Vec<Push>| pushes.into_iter().map(|p| p.id).collect::<Vec<_>>();
        assert_eq!(ids(watches.due(0, rx(0))), [coarse, fine]);
        assert_eq!(ids(watches.due(1_000, rx(1))), [fine]);
        assert_eq!(ids(watches.due(2_000, rx(999))), [fine]);
        assert_eq!(watches.next_deadline(), Some(60_000));
        assert_eq!(ids(watches.due(60_000, rx(999))), [coarse]);
    }

    #[test]
    fn what_cannot_be_watched_is_refused_by_name() {
        let mut watches = Watches::default();
        let caller = |n: usize| Caller::new(&format!(":1.{n}"));
        for (accuracy, period, refusal) in [
            (0, 0, WatchRefusal::Accuracy),
            (0, 60, WatchRefusal::Accuracy),
            (1, 0, WatchRefusal::Period(0)),
            (1, 86_401, WatchRefusal::Period(86_401)),
        ] {
            assert_eq!(watches.add(&caller(0), accuracy, period, 0), Err(refusal));
        }
        for n in 0..WATCHES_MAX {
            let holder = caller(n / WATCHES_PER_CALLER_MAX);
            watches.add(&holder, u64::MAX, PERIOD_S_MAX, 0).unwrap();
        }
        assert_eq!(watches.add(&caller(0), 1, 1, 0), Err(WatchRefusal::TooManyOfCaller));
        assert_eq!(watches.add(&caller(9), 1, 1, 0), Err(WatchRefusal::TooMany));
        assert_eq!(watches.remove(&caller(9), 1), Err(WatchRefusal::Unknown(1)));
        assert_eq!(watches.remove(&caller(0), 1), Ok(()));
        assert_eq!(watches.remove(&caller(0), 1), Err(WatchRefusal::Unknown(1)));
        assert_eq!(watches.caller_gone(&caller(0)), WATCHES_PER_CALLER_MAX - 1);
        assert_eq!(watches.caller_gone(&caller(0)), 0);
        assert_eq!(watches.add(&caller(9), 1, 1, 0), Ok(33));
        watches.clear();
        assert!(watches.is_empty() && watches.next_deadline().is_none());
    }

    #[test]
    fn an_id_is_never_zero_and_never_held_twice() {
        let mut watches = Watches::default();
        let caller = Caller::new(":1.1");
        assert_eq!(watches.add(&caller, 1, 1, 0), Ok(1));
        watches.last_id = u32::MAX - 1;
        assert_eq!(watches.add(&caller, 1, 1, 0), Ok(u32::MAX));
        assert_eq!(watches.add(&caller, 1, 1, 0), Ok(2));
    }

    #[test]
    fn readings_come_as_often_as_the_most_demanding_watch_needs() {
        let mut watches = Watches::default();
        assert_eq!(watches.poll_ms_max(1_000_000), None);
        watches.add(&Caller::new(":1.1"), 10_000, 60, 0).unwrap();
        watches.add(&Caller::new(":1.2"), 1 << 40, 30, 0).unwrap();
        for (rate, poll_ms) in
            [(0, 30_000), (1, 30_000), (1_000, 10_000), (5_000, 2_000), (u64::MAX, POLL_MS_MIN)]
        {
            assert_eq!(watches.poll_ms_max(rate), Some(poll_ms), "{rate}");
        }
        watches.add(&Caller::new(":1.3"), u64::MAX, 1, 0).unwrap();
        assert_eq!(watches.poll_ms_max(0), Some(POLL_MS_MIN));
    }
}
