//! The search of `source = "auto"`: candidates are tried one after the other,
//! best first; the first that gives a reading is metered from, until it has been
//! at fault for long. While that is only the last resort, better ones are looked
//! for now and then. Pure: what is to be tried and when comes out.

use super::candidates::Reasoned;
use crate::domain::report::Report;
use crate::domain::time::BootMs;

/// How long a candidate may take to its first reading, ms: a modem that has just
/// booted takes half a minute to find its SIM.
const TRIAL_MS: BootMs = 30_000;
/// How long the last resort is held back, ms: a modem is often enumerated after
/// this program has started, and each change of the source leaves a gap.
const LAST_RESORT_MS: BootMs = 20_000;
/// The pause before the next round, ms; doubled up to the longest.
const PAUSE_MS_MIN: BootMs = 5_000;
const PAUSE_MS_MAX: BootMs = 300_000;
/// How long the source in use may be at fault before others are tried, ms.
const FAULT_MS_MAX: BootMs = 300_000;
/// How often a better one than the last resort is looked for, ms; doubled up to
/// the longest.
const BETTER_MS_MIN: BootMs = 600_000;
const BETTER_MS_MAX: BootMs = 21_600_000;

/// Where the search is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    /// Between two rounds.
    Paused { until_ms: BootMs },
    /// This one is tried.
    Trying { rank: usize, until_ms: BootMs },
    /// This one is in use.
    Found {
        faulty_since_ms: Option<BootMs>,
        /// When a better one is looked for; `None`: there is none.
        better_ms: Option<BootMs>,
    },
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Do {
    /// Look what candidates there are, and say [`Search::round`].
    Look,
    /// Start this one, and end what was tried before.
    Try(Reasoned),
    /// What is tried is in use from now on.
    Use(Reasoned),
}

/// The search.
#[derive(Clone, Debug)]
pub struct Search {
    begun_ms: BootMs,
    pause_ms: BootMs,
    better_every_ms: BootMs,
    state: State,
    candidates: Vec<Reasoned>,
    /// Why each of this round was not taken.
    failures: Vec<String>,
}

impl Search {
    /// A search that wants to look at once.
    #[must_use]
    pub fn new(now_ms: BootMs) -> Self {
        Self {
            begun_ms: now_ms,
            pause_ms: PAUSE_MS_MIN,
            better_every_ms: BETTER_MS_MIN,
            state: State::Paused { until_ms: now_ms },
            candidates: Vec::new(),
            failures: Vec::new(),
        }
    }

    /// When [`Self::tick`] wants to be called.
    #[must_use]
    pub fn timeout(&self) -> Option<BootMs> {
        match self.state {
            State::Paused { until_ms } | State::Trying { until_ms, .. } => Some(until_ms),
            State::Found { better_ms, .. } => {
                [self.given_up_ms(), better_ms].into_iter().flatten().min()
            }
        }
    }

    /// When what is in use will have been at fault for too long.
    fn given_up_ms(&self) -> Option<BootMs> {
        match self.state {
            State::Found { faulty_since_ms, .. } => {
                faulty_since_ms.map(|since_ms| since_ms.saturating_add(FAULT_MS_MAX))
            }
            State::Paused { .. } | State::Trying { .. } => None,
        }
    }

    /// The time of [`Self::timeout`] has come.
    pub fn tick(&mut self, now_ms: BootMs) -> Option<Do> {
        if self.timeout().is_none_or(|at_ms| now_ms < at_ms) {
            return None;
        }
        match self.state {
            State::Paused { .. } => Some(Do::Look),
            State::Trying { rank, .. } => {
                let seconds = TRIAL_MS / 1_000;
                self.failed(rank, &format!("no reading within {seconds} s"));
                self.try_from(now_ms, rank + 1)
            }
            State::Found { .. } => {
                if self.given_up_ms().is_some_and(|at_ms| at_ms <= now_ms) {
                    *self = Self::new(now_ms);
                }
                Some(Do::Look)
            }
        }
    }

    /// These are there now: a round begins.
    pub fn round(&mut self, now_ms: BootMs, candidates: Vec<Reasoned>) -> Option<Do> {
        if let State::Found { better_ms, .. } = &mut self.state {
            let every_ms = self.better_every_ms;
            self.better_every_ms = every_ms.saturating_mul(2).min(BETTER_MS_MAX);
            *better_ms = Some(now_ms.saturating_add(every_ms));
            if candidates.iter().all(|one| one.candidate.is_last_resort()) {
                return None;
            }
        }
        self.candidates = candidates;
        self.failures.clear();
        self.try_from(now_ms, 0)
    }

    /// What is tried, or in use, reports.
    pub fn heard(&mut self, now_ms: BootMs, report: &Report) -> Option<Do> {
        match (&mut self.state, report) {
            (State::Trying { rank, .. }, Report::Reading(_) | Report::NoSim) => {
                let found = self.candidates.get(*rank).cloned()?;
                let better_ms = found
                    .candidate
                    .is_last_resort()
                    .then(|| now_ms.saturating_add(self.better_every_ms));
                self.state = State::Found { faulty_since_ms: None, better_ms };
                Some(Do::Use(found))
            }
            (State::Trying { rank, .. }, Report::Fault { kind, detail }) => {
                let (rank, why) = (*rank, format!("{}: {detail}", kind.word()));
                self.failed(rank, &why);
                self.try_from(now_ms, rank + 1)
            }
            (State::Found { faulty_since_ms, .. }, Report::Fault { .. }) => {
                faulty_since_ms.get_or_insert(now_ms);
                None
            }
            (
                State::Found { faulty_since_ms, .. },
                Report::Reading(_) | Report::Recovered { .. },
            ) => {
                *faulty_since_ms = None;
                None
            }
            _ => None,
        }
    }

    /// Whether something is in use.
    #[must_use]
    pub fn has_found(&self) -> bool {
        matches!(self.state, State::Found { .. })
    }

    /// Whether the round is over, and nothing was found.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        matches!(self.state, State::Paused { .. })
    }

    /// Why nothing was found in the last round, for people.
    #[must_use]
    pub fn failures(&self) -> String {
        self.failures.join("; ")
    }

    fn failed(&mut self, rank: usize, why: &str) {
        if let Some(Reasoned { candidate, .. }) = self.candidates.get(rank) {
            self.failures.push(format!("{}: {why}", candidate.what()));
        }
    }

    fn try_from(&mut self, now_ms: BootMs, rank: usize) -> Option<Do> {
        let held_back = now_ms < self.begun_ms.saturating_add(LAST_RESORT_MS);
        let others = self.candidates.iter().any(|one| !one.candidate.is_last_resort());
        let next = self
            .candidates
            .iter()
            .enumerate()
            .skip(rank)
            .find(|(_, one)| !(held_back && others && one.candidate.is_last_resort()));
        let Some((rank, one)) = next else {
            self.state = State::Paused { until_ms: now_ms.saturating_add(self.pause_ms) };
            self.pause_ms = self.pause_ms.saturating_mul(2).min(PAUSE_MS_MAX);
            return None;
        };
        self.state = State::Trying { rank, until_ms: now_ms.saturating_add(TRIAL_MS) };
        Some(Do::Try(one.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::super::candidates::Candidate;
    use super::*;
    use crate::domain::reading::Reading;
    use crate::domain::report::FaultKind;

    fn list() -> Vec<Reasoned> {
        [Candidate::Qmi("/q".into()), Candidate::At("/a".into()), Candidate::Netdev("w".into())]
            .map(|candidate| Reasoned { candidate, why: String::new() })
            .to_vec()
    }

    fn fault() -> Report {
        Report::Fault { kind: FaultKind::Missing, detail: "gone".to_owned() }
    }

    fn reading() -> Report {
        Report::Reading(Reading { parts: Vec::new(), may_be_garbled: false })
    }

    fn tried(action: Option<Do>) -> &'static str {
        match action {
            Some(Do::Try(one)) => one.candidate.word(),
            Some(Do::Use(_)) => "use",
            Some(Do::Look) => "look",
            None => "wait",
        }
    }

    #[test]
    fn the_first_that_gives_a_reading_is_used() {
        let mut search = Search::new(0);
        assert_eq!(tried(search.tick(0)), "look");
        assert_eq!(tried(search.round(0, list())), "qmi");
        assert_eq!(tried(search.heard(100, &fault())), "at");
        assert_eq!(tried(search.heard(200, &Report::Roaming(false))), "wait");
        assert_eq!(tried(search.heard(300, &reading())), "use");
        assert!(search.has_found() && search.timeout().is_none());
        assert_eq!(search.failures(), "QMI on /q: missing: gone");
    }

    #[test]
    fn the_last_resort_waits_for_a_slow_modem() {
        let mut search = Search::new(0);
        search.round(0, list());
        search.heard(0, &fault());
        assert_eq!(tried(search.heard(0, &fault())), "wait", "too early");
        assert_eq!(search.timeout(), Some(PAUSE_MS_MIN));
        assert_eq!(tried(search.tick(PAUSE_MS_MIN)), "look");
        search.round(PAUSE_MS_MIN, list());
        // One that does not answer at all gives way, too.
        assert_eq!(tried(search.tick(PAUSE_MS_MIN + TRIAL_MS)), "at");
        assert_eq!(tried(search.heard(PAUSE_MS_MIN + TRIAL_MS, &fault())), "netdev");
        // Where there is nothing else it is taken at once.
        let mut search = Search::new(0);
        assert_eq!(tried(search.round(0, list().split_off(2))), "netdev");
    }

    #[test]
    fn one_that_is_at_fault_for_long_is_given_up() {
        let mut search = Search::new(0);
        search.round(0, list());
        search.heard(0, &reading());
        search.heard(1_000, &fault());
        search.heard(2_000, &fault());
        assert_eq!(search.timeout(), Some(1_000 + FAULT_MS_MAX));
        assert_eq!(tried(search.tick(1_000 + FAULT_MS_MAX - 1)), "wait");
        search.heard(3_000, &Report::Recovered { attempts_failed: 3 });
        assert_eq!(search.timeout(), None);
        search.heard(5_000, &fault());
        assert_eq!(tried(search.tick(5_000 + FAULT_MS_MAX)), "look");
        assert!(!search.has_found());
    }

    #[test]
    fn the_last_resort_gives_way_to_a_modem_that_comes_late() {
        let mut search = Search::new(0);
        let netdev = list().split_off(2);
        assert_eq!(tried(search.round(0, netdev.clone())), "netdev");
        assert_eq!(tried(search.heard(0, &reading())), "use");
        assert_eq!(search.timeout(), Some(BETTER_MS_MIN));
        assert_eq!(tried(search.tick(BETTER_MS_MIN)), "look");
        assert_eq!(tried(search.round(BETTER_MS_MIN, netdev)), "wait");
        assert!(search.has_found(), "nothing better: it stays in use");
        let mut now_ms = search.timeout().unwrap();
        assert_eq!(tried(search.tick(now_ms)), "look");
        assert_eq!(tried(search.round(now_ms, list())), "qmi");
        // It does not answer after all: back at once, and seldom tried again.
        search.heard(now_ms, &fault());
        assert_eq!(tried(search.heard(now_ms, &fault())), "netdev");
        assert_eq!(tried(search.heard(now_ms, &reading())), "use");
        for _ in 0..9 {
            let next_ms = search.timeout().unwrap();
            assert!(next_ms - now_ms <= BETTER_MS_MAX);
            now_ms = next_ms;
            search.tick(now_ms);
            search.round(now_ms, list().split_off(2));
        }
        assert_eq!(search.timeout(), Some(now_ms + BETTER_MS_MAX));
        search.tick(now_ms + BETTER_MS_MAX);
        assert_eq!(tried(search.round(now_ms + BETTER_MS_MAX, list())), "qmi");
        assert_eq!(tried(search.heard(now_ms + BETTER_MS_MAX, &reading())), "use");
        assert_eq!(search.timeout(), None, "nothing is better");
    }

    #[test]
    fn rounds_in_vain_become_rare() {
        let mut search = Search::new(0);
        let mut pauses = Vec::new();
        let mut now_ms = 0;
        for _ in 0..9 {
            assert_eq!(tried(search.tick(now_ms)), "look");
            search.round(now_ms, Vec::new());
            let next_ms = search.timeout().unwrap();
            pauses.push((next_ms - now_ms) / 1_000);
            now_ms = next_ms;
        }
        assert_eq!(pauses, [5, 10, 20, 40, 80, 160, 300, 300, 300]);
    }
}
