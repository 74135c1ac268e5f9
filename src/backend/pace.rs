//! When the backend is asked again: back-off with full jitter after a failure, its
//! own wish where it states one, and syncs spread over the fleet.

use crate::domain::time::BootMs;

/// The first pause after a failure lies between nothing and this, ms.
const FIRST_MS: BootMs = 2_000;
/// The longest pause while nothing leaves the terminal: an attempt costs no data,
/// and the network may be back at any moment.
const QUIET_MAX_MS: BootMs = 240_000;
/// The longest pause where an attempt costs data.
const COSTLY_MAX_MS: BootMs = 3_600_000;
/// The shortest pause: a failure is never repeated at once.
const SHORTEST_MS: BootMs = 250;

/// When to ask again.
#[derive(Debug)]
pub(super) struct Pace {
    random: fastrand::Rng,
    failures: u32,
    /// Nothing at all is asked before this: the backend said so.
    held_until_ms: BootMs,
    /// What nobody waits for is not asked before this.
    pause_until_ms: BootMs,
}

impl Pace {
    /// `seed` should differ from terminal to terminal and from start to start.
    pub(super) fn new(seed: u64) -> Self {
        Self {
            random: fastrand::Rng::with_seed(seed),
            failures: 0,
            held_until_ms: 0,
            pause_until_ms: 0,
        }
    }

    /// Something was told.
    pub(super) fn heard(&mut self) {
        self.failures = 0;
        self.pause_until_ms = 0;
    }

    /// Nothing was told. `cost` says whether the attempt cost data.
    pub(super) fn missed(&mut self, now_ms: BootMs, cost: bool) {
        let longest = if cost { COSTLY_MAX_MS } else { QUIET_MAX_MS };
        let bound = FIRST_MS.saturating_mul(1 << self.failures.min(20)).min(longest);
        self.failures = self.failures.saturating_add(1);
        let pause = self.random.u64(0..=bound).max(SHORTEST_MS);
        self.pause_until_ms = now_ms.saturating_add(pause);
    }

    /// The backend wants to be left alone for so long, s; a tenth is added by
    /// chance, so that not all come back in the same second.
    pub(super) fn hold(&mut self, now_ms: BootMs, seconds: u64) {
        let ms = seconds.saturating_mul(1_000);
        let spread = self.random.u64(0..=(ms / 10).max(1_000));
        self.held_until_ms = now_ms.saturating_add(ms).saturating_add(spread);
    }

    /// From when on something may be asked; what a person waits for is asked during
    /// a pause too.
    pub(super) fn not_before_ms(&self, by_a_person: bool) -> BootMs {
        if by_a_person { self.held_until_ms } else { self.held_until_ms.max(self.pause_until_ms) }
    }

    /// A moment between nothing and `bound_ms`.
    pub(super) fn within(&mut self, bound_ms: BootMs) -> BootMs {
        self.random.u64(0..=bound_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_their_bound_and_end_with_an_answer() {
        let mut pace = Pace::new(7);
        for cost in [false, true] {
            let longest = if cost { COSTLY_MAX_MS } else { QUIET_MAX_MS };
            let pauses: Vec<BootMs> = (0..200)
                .map(|_| {
                    pace.missed(1_000, cost);
                    pace.not_before_ms(false) - 1_000
                })
                .collect();
            assert!(pauses.iter().all(|pause| (SHORTEST_MS..=longest).contains(pause)));
            let late = &pauses[20..];
            let mean = late.iter().sum::<BootMs>() / 180;
            assert!((longest / 3..longest * 2 / 3).contains(&mean), "full jitter: {mean}");
            assert_eq!(pace.not_before_ms(true), 0, "a person is not made to wait");
            pace.heard();
            assert_eq!(pace.not_before_ms(false), 0);
        }
    }

    #[test]
    fn the_backends_own_wish_holds_for_everyone() {
        let mut pace = Pace::new(7);
        pace.hold(1_000, 60);
        assert!((61_000..=67_000).contains(&pace.not_before_ms(true)));
        pace.heard();
        assert!(pace.not_before_ms(true) >= 61_000, "an answer to another question ends it not");
    }
}
