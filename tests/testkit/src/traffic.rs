//! Owns traffic that runs over time: how much of it is due by a given moment.

use std::time::Duration;

use crate::accounting::Bytes;
use crate::rng::Rng;

/// A stretch of traffic, from its start to its end.
#[derive(Clone, Debug)]
pub(crate) struct Flow {
    shape: Shape,
    /// `None`: until it is stopped.
    pub(crate) length: Option<Duration>,
    moved: Bytes,
}

#[derive(Clone, Debug)]
enum Shape {
    /// Bytes a second.
    Steady(Bytes),
    /// What has moved by each moment, rising.
    Bursts(Vec<(Duration, Bytes)>),
}

/// Bursts of one random flow, at most.
const BURSTS_MAX: u64 = 1000;

impl Flow {
    /// So many bytes a second.
    pub(crate) fn steady(per_second: Bytes, length: Option<Duration>) -> Flow {
        Flow {
            shape: Shape::Steady(per_second),
            length,
            moved: Bytes::default(),
        }
    }

    /// Exactly `bytes` in bursts of random size and direction at random moments of `length`.
    pub(crate) fn random(bytes: u64, length: Duration, rng: &mut Rng) -> Flow {
        let count = (bytes / 200).clamp(1, BURSTS_MAX);
        let length_us = u64::try_from(length.as_micros()).unwrap_or(u64::MAX);
        let mut cuts: Vec<u64> = (1..count)
            .map(|_| rng.up_to(bytes))
            .chain([bytes])
            .collect();
        let mut moments: Vec<u64> = (0..count).map(|_| rng.up_to(length_us)).collect();
        cuts.sort_unstable();
        moments.sort_unstable();
        let (mut before, mut sum) = (0, Bytes::default());
        let bursts = cuts.into_iter().zip(moments).map(|(cut, moment)| {
            let size = cut - before;
            before = cut;
            let tx = rng.up_to(size);
            sum += Bytes::new(tx, size - tx);
            (Duration::from_micros(moment), sum)
        });
        Flow {
            shape: Shape::Bursts(bursts.collect()),
            length: Some(length),
            moved: Bytes::default(),
        }
    }

    /// What became due since the last call, `elapsed` after the start.
    pub(crate) fn due(&mut self, elapsed: Duration) -> Bytes {
        let elapsed = self.length.map_or(elapsed, |length| elapsed.min(length));
        let so_far = match &self.shape {
            Shape::Steady(rate) => Bytes::new(over(rate.tx, elapsed), over(rate.rx, elapsed)),
            Shape::Bursts(bursts) => {
                let passed = bursts.partition_point(|(moment, _)| *moment <= elapsed);
                let last = passed.checked_sub(1).and_then(|index| bursts.get(index));
                last.map_or(Bytes::default(), |(_, sum)| *sum)
            }
        };
        let due = so_far - self.moved;
        self.moved = so_far;
        due
    }

    pub(crate) fn ended(&self, elapsed: Duration) -> bool {
        self.length.is_some_and(|length| elapsed >= length)
    }
}

fn over(per_second: u64, elapsed: Duration) -> u64 {
    u64::try_from(u128::from(per_second) * elapsed.as_micros() / 1_000_000).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_flow_adds_up_however_often_it_is_asked() {
        let mut flow = Flow::steady(Bytes::new(333, 1000), Some(Duration::from_secs(3)));
        let mut sum = Bytes::default();
        for ms in (0..5000).step_by(7) {
            sum += flow.due(Duration::from_millis(ms));
        }
        assert_eq!(sum, Bytes::new(999, 3000));
        assert!(flow.ended(Duration::from_secs(3)));
    }

    #[test]
    fn a_random_flow_moves_exactly_its_bytes_and_depends_on_the_seed_alone() {
        let by_quarter = |seed| {
            let mut flow = Flow::random(1_000_003, Duration::from_secs(4), &mut Rng::new(seed));
            [1, 2, 3, 4].map(|second| flow.due(Duration::from_secs(second)))
        };
        let sum: u64 = by_quarter(7).iter().map(|bytes| bytes.sum()).sum();
        assert_eq!(sum, 1_000_003);
        assert_eq!(by_quarter(7), by_quarter(7));
        assert_ne!(by_quarter(7), by_quarter(8));
    }
}
