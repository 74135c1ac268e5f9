//! Who follows the lines to and from the modem, and until when.

use crate::domain::time::BootMs;
use crate::domain::watch::Caller;

/// How many callers may trace at a time.
const TRACERS_MAX: usize = 4;

/// Everybody who traces.
#[derive(Debug, Default)]
pub struct Tracers {
    callers: Vec<(Caller, BootMs)>,
}

impl Tracers {
    /// Begins, prolongs or (with 0 seconds) ends a caller's trace. False when
    /// too many trace already.
    pub fn set(&mut self, caller: Caller, seconds: u32, now_ms: BootMs) -> bool {
        self.remove(&caller);
        if seconds == 0 {
            return true;
        }
        if self.callers.len() >= TRACERS_MAX {
            return false;
        }
        self.callers.push((caller, now_ms.saturating_add(u64::from(seconds) * 1_000)));
        true
    }

    /// The caller left.
    pub fn remove(&mut self, caller: &Caller) {
        self.callers.retain(|(held, _)| held != caller);
    }

    /// Ends what has lasted as long as it was to.
    pub fn expire(&mut self, now_ms: BootMs) {
        self.callers.retain(|(_, until_ms)| *until_ms > now_ms);
    }

    /// Ends all: the bus is gone.
    pub fn clear(&mut self) {
        self.callers.clear();
    }

    /// True while anybody traces.
    #[must_use]
    pub fn any(&self) -> bool {
        !self.callers.is_empty()
    }

    /// When the next one ends.
    #[must_use]
    pub fn deadline(&self) -> Option<BootMs> {
        self.callers.iter().map(|(_, until_ms)| *until_ms).min()
    }

    /// Everybody.
    pub fn callers(&self) -> impl Iterator<Item = &Caller> {
        self.callers.iter().map(|(caller, _)| caller)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_ends_by_itself_when_asked_and_with_its_caller() {
        let (anna, ben) = (Caller::new(":1.1"), Caller::new(":1.2"));
        let mut tracers = Tracers::default();
        assert!(tracers.set(anna.clone(), 60, 1_000));
        assert!(tracers.set(ben.clone(), 10, 1_000));
        assert_eq!(tracers.deadline(), Some(11_000));
        tracers.expire(11_000);
        assert_eq!(tracers.callers().collect::<Vec<_>>(), [&anna]);
        assert!(tracers.set(anna.clone(), 0, 12_000));
        assert!(!tracers.any());
        tracers.set(ben.clone(), 10, 12_000);
        tracers.remove(&ben);
        assert!(!tracers.any());
    }

    #[test]
    fn there_are_not_too_many() {
        let mut tracers = Tracers::default();
        for n in 0..TRACERS_MAX {
            assert!(tracers.set(Caller::new(&format!(":1.{n}")), 60, 0));
        }
        assert!(!tracers.set(Caller::new(":1.99"), 60, 0));
        assert!(tracers.set(Caller::new(":1.0"), 90, 0), "one that holds one may prolong it");
    }
}
