//! Failures: how long to wait after one, and what is said about them. A fault is
//! said once when it starts and once when it is over.

use crate::domain::report::{FaultKind, Report};

const BACK_OFF_MS_MIN: u64 = 1_000;
const BACK_OFF_MS_MAX: u64 = 60_000;
/// One failure is a lost line and is made good within a second; from the second
/// on it is a fault.
const FAILURES_UNSAID: u32 = 1;

/// What went wrong lately.
#[derive(Clone, Debug, Default)]
pub(super) struct Health {
    /// Attempts that failed since the last that did not.
    failed: u32,
    /// The fault that was said and is not over.
    said: Option<FaultKind>,
}

impl Health {
    /// An attempt failed; it is said from the second on.
    pub(super) fn failure(&mut self, kind: FaultKind, detail: String) -> Option<Report> {
        self.failed = self.failed.saturating_add(1);
        if self.failed > FAILURES_UNSAID { self.say(kind, detail) } else { None }
    }

    /// The port itself failed, which is certain at once.
    pub(super) fn port_failure(&mut self, kind: FaultKind, detail: String) -> Option<Report> {
        self.failed = self.failed.saturating_add(1);
        self.say(kind, detail)
    }

    /// The modem answers, and has no counter: a lasting state, not an attempt.
    pub(super) fn no_counter(&mut self, detail: String) -> Option<Report> {
        self.failed = 0;
        self.say(FaultKind::NoCounter, detail)
    }

    /// An attempt succeeded.
    pub(super) fn success(&mut self) -> Option<Report> {
        let attempts_failed = std::mem::take(&mut self.failed);
        self.said.take().map(|_| Report::Recovered { attempts_failed })
    }

    /// How long to wait before the next attempt, ms: 1 s, doubled up to 60 s.
    pub(super) fn back_off_ms(&self) -> u64 {
        let doublings = self.failed.saturating_sub(1).min(6);
        (BACK_OFF_MS_MIN << doublings).min(BACK_OFF_MS_MAX)
    }

    fn say(&mut self, kind: FaultKind, detail: String) -> Option<Report> {
        if self.said == Some(kind) {
            return None;
        }
        self.said = Some(kind);
        Some(Report::Fault { kind, detail })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_said_once_and_its_end_once() {
        let mut health = Health::default();
        assert_eq!(health.failure(FaultKind::Silent, "a".into()), None);
        let said = health.failure(FaultKind::Silent, "b".into());
        assert_eq!(said, Some(Report::Fault { kind: FaultKind::Silent, detail: "b".into() }));
        assert_eq!(health.failure(FaultKind::Silent, "c".into()), None);
        assert_eq!(health.success(), Some(Report::Recovered { attempts_failed: 3 }));
        assert_eq!(health.success(), None);
    }

    #[test]
    fn the_wait_doubles_up_to_a_minute() {
        let mut health = Health::default();
        let waits: Vec<u64> = (0..9)
            .map(|_| {
                health.failure(FaultKind::Silent, String::new());
                health.back_off_ms() / 1_000
            })
            .collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
    }

    #[test]
    fn another_kind_of_fault_is_said_too() {
        let mut health = Health::default();
        assert!(health.port_failure(FaultKind::Vanished, String::new()).is_some());
        assert!(health.no_counter(String::new()).is_some());
        assert!(health.no_counter(String::new()).is_none());
        assert_eq!(health.success(), Some(Report::Recovered { attempts_failed: 0 }));
    }
}
