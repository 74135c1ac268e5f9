//! How often a counter is read: seldom when little moves, often when much does,
//! so that what a power cut can take stays bounded.

use super::time::BootMs;

/// No source is read more often than this, ms.
pub const POLL_MIN_MS: BootMs = 1_000;

/// The time to the next reading, ms: as long as is configured, shorter when
/// `moved` bytes in `elapsed_ms` would otherwise exceed `loss_max` before it,
/// or when a watcher wants it.
#[must_use]
pub fn next_poll_ms(
    configured_ms: BootMs,
    watched_ms: Option<BootMs>,
    moved: u64,
    elapsed_ms: BootMs,
    loss_max: u64,
) -> BootMs {
    let by_rate = (u128::from(loss_max) * u128::from(elapsed_ms.max(1)))
        .checked_div(u128::from(moved))
        .map_or(BootMs::MAX, |ms| BootMs::try_from(ms).unwrap_or(BootMs::MAX));
    configured_ms.min(by_rate).min(watched_ms.unwrap_or(BootMs::MAX)).max(POLL_MIN_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn polls_shorten_with_the_rate_and_for_watchers() {
        #[rustfmt::skip]
        let table = [
            // configured, watched, moved, elapsed, loss max, next
            (10_000, None, 0, 10_000, 65_536, 10_000),
            (10_000, None, 65_536, 10_000, 65_536, 10_000),
            (10_000, None, 131_072, 10_000, 65_536, 5_000),
            (10_000, None, 10_000_000, 10_000, 65_536, 1_000),
            (10_000, Some(3_000), 0, 10_000, 65_536, 3_000),
            (10_000, Some(0), 0, 10_000, 65_536, 1_000),
            (10_000, None, u64::MAX, 0, 0, 1_000),
            (60_000, None, 1, u64::MAX, u64::MAX, 60_000),
        ];
        for (configured, watched, moved, elapsed, loss, next) in table {
            assert_eq!(next_poll_ms(configured, watched, moved, elapsed, loss), next);
        }
    }
}
