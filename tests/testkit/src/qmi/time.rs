//! Owns the modem's clock, and the two ways in which it tells the time.

use crate::clock::civil_from_days;

/// Where the device's time begins: 6 January 1980.
const DEVICE_TIME_UNIX_MS: i64 = 315_964_800_000;
/// The device's time knows no leap seconds; so many have passed since it began.
const LEAP_MS: i64 = 18_000;

/// The clock inside the modem.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    /// Milliseconds since 1970 at a moment of the modem's own time; `None`: nobody told.
    set: Option<(i64, u64)>,
    /// Quarter hours east of UTC.
    pub(crate) zone_quarters: i8,
}

impl Default for Clock {
    fn default() -> Clock {
        Clock { set: None, zone_quarters: 32 }
    }
}

impl Clock {
    pub(crate) fn set(&mut self, unix_ms: Option<i64>, now_ms: u64) {
        self.set = unix_ms.map(|unix_ms| (unix_ms, now_ms));
    }

    pub(crate) fn is_set(&self) -> bool {
        self.set.is_some()
    }

    /// Milliseconds since 1970; `None` when nobody told.
    pub(crate) fn unix_ms(&self, now_ms: u64) -> Option<i64> {
        let (unix_ms, at_ms) = self.set?;
        Some(unix_ms.saturating_add_unsigned(now_ms.saturating_sub(at_ms)))
    }

    /// Milliseconds since 6 January 1980 without leap seconds; since the start when nobody told.
    pub(crate) fn device_ms(&self, now_ms: u64) -> u64 {
        self.unix_ms(now_ms).map_or(now_ms, |unix_ms| {
            u64::try_from(unix_ms - DEVICE_TIME_UNIX_MS + LEAP_MS).unwrap_or(0)
        })
    }
}

/// UTC as the network tells it: year, month, day, hour, minute, second, day of the week (Monday is 0).
pub(crate) fn universal(unix_ms: i64) -> [u8; 8] {
    let seconds = unix_ms.div_euclid(1000);
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = civil_from_days(days);
    let [low, high] = u16::try_from(year).unwrap_or(0).to_le_bytes();
    let small = |value: i64| u8::try_from(value).unwrap_or(0);
    [
        low,
        high,
        small(month),
        small(day),
        small(second / 3600),
        small(second / 60 % 60),
        small(second % 60),
        small((days + 3).rem_euclid(7)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_network_tells_utc_and_the_day_of_the_week() {
        // Saturday, 31 January 2026, 08:01:02.
        assert_eq!(universal(1_769_846_462_000), [0xEA, 0x07, 1, 31, 8, 1, 2, 5]);
    }

    #[test]
    fn the_device_counts_from_1980_without_leap_seconds() {
        let mut clock = Clock::default();
        assert_eq!(clock.device_ms(7), 7);
        clock.set(Some(DEVICE_TIME_UNIX_MS), 10);
        assert_eq!(clock.device_ms(11), 18_001);
    }
}
