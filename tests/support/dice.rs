//! Chance that can be repeated: `POSDATA_SEED` replays a run.

use std::time::Duration;

/// A stream of numbers (splitmix64).
pub struct Dice(u64);

impl Dice {
    /// A stream that follows from the seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The run's seed: `POSDATA_SEED`, or one that this process has for itself.
    pub fn seed() -> u64 {
        std::env::var("POSDATA_SEED").map_or_else(
            |_| 1_000_003 * u64::from(std::process::id()),
            |text| text.parse().expect("POSDATA_SEED is a number"),
        )
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// 0 up to, not including, `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }

    /// A time within the range, milliseconds.
    pub fn ms(&mut self, from: u64, to: u64) -> Duration {
        Duration::from_millis(from + self.below(to - from))
    }
}
