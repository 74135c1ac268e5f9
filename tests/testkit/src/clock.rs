//! Owns the reading of time, and the modem's own clock as `AT+CCLK?` shows it.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The moment, for deadlines.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the time")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Milliseconds since 1970 by the machine's clock.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the time")]
pub(crate) fn wall_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// A setting of the modem's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockSetting {
    /// From now on it is this instant (milliseconds since 1970), shown in this zone (quarter hours east of UTC).
    At {
        /// Milliseconds since 1970, UTC.
        unix_ms: i64,
        /// Quarter hours east of UTC, -48 to 56.
        zone_quarters: i64,
    },
    /// It is ahead of (or behind) the machine's clock by so many milliseconds.
    Offset(i64),
    /// The network has not told the time: the clock counts from 6 January 1980.
    Unset,
}

/// The clock inside the modem.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ModemClock {
    ahead_ms: i64,
    zone_quarters: i64,
}

/// 6 January 1980, where modems start that have not heard the time.
const UNSET_MS: i64 = 315_964_800_000;

impl ModemClock {
    pub(crate) fn new() -> ModemClock {
        ModemClock { ahead_ms: 0, zone_quarters: 32 }
    }

    pub(crate) fn set(&mut self, setting: ClockSetting, wall_ms: i64) {
        match setting {
            ClockSetting::At { unix_ms, zone_quarters } => {
                self.ahead_ms = unix_ms.saturating_sub(wall_ms);
                self.zone_quarters = zone_quarters;
            }
            ClockSetting::Offset(ahead_ms) => self.ahead_ms = ahead_ms,
            ClockSetting::Unset => {
                self.ahead_ms = UNSET_MS.saturating_sub(wall_ms);
                self.zone_quarters = 0;
            }
        }
    }

    /// The zone as NITZ tells it: `+32`.
    pub(crate) fn zone(&self) -> String {
        format!("{:+03}", self.zone_quarters)
    }

    /// The local time as in `+CCLK: "15/02/28,20:30:40-32"`, without the quotes.
    pub(crate) fn cclk(&self, wall_ms: i64) -> String {
        let utc_s = wall_ms.saturating_add(self.ahead_ms).div_euclid(1000);
        let local_s = utc_s.saturating_add(self.zone_quarters * 900);
        let (year, month, day) = civil_from_days(local_s.div_euclid(86_400));
        let second = local_s.rem_euclid(86_400);
        format!(
            "{:02}/{month:02}/{day:02},{:02}:{:02}:{:02}{}",
            year.rem_euclid(100),
            second / 3600,
            second / 60 % 60,
            second % 60,
            self.zone()
        )
    }
}

/// Reads `2026-01-31T08:00:00Z` or `…+08:00`; the zone must be in whole quarter hours.
pub(crate) fn parse_rfc3339(text: &str) -> Option<ClockSetting> {
    let (date, time) = text.split_once(['T', 't'])?;
    let mut ymd = date.splitn(3, '-').map(digits);
    let (year, month, day) = (ymd.next()??, ymd.next()??, ymd.next()??);
    let (clock, zone_minutes) = if let Some(clock) = time.strip_suffix(['Z', 'z']) {
        (clock, 0)
    } else {
        let (clock, zone) = time.split_at_checked(time.rfind(['+', '-'])?)?;
        let (sign, zone) =
            if let Some(zone) = zone.strip_prefix('-') { (-1, zone) } else { (1, zone.get(1..)?) };
        let (hours, minutes) = zone.split_once(':')?;
        (clock, sign * (digits(hours)? * 60 + digits(minutes)?))
    };
    let mut hms = clock.splitn(3, ':').map(digits);
    let (hour, minute, second) = (hms.next()??, hms.next()??, hms.next()??);
    let in_range = (1970..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60
        && zone_minutes % 15 == 0
        && zone_minutes.abs() <= 14 * 60;
    in_range.then(|| {
        let seconds =
            days_from_civil(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second;
        ClockSetting::At {
            unix_ms: (seconds - zone_minutes * 60) * 1000,
            zone_quarters: zone_minutes / 15,
        }
    })
}

fn digits(text: &str) -> Option<i64> {
    (!text.is_empty() && text.len() <= 4 && text.bytes().all(|b| b.is_ascii_digit()))
        .then(|| text.parse().ok())?
}

/// Days since 1970 to year, month, day (Howard Hinnant's `civil_from_days`).
pub(crate) fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let shifted_month = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * shifted_month + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// The whole milliseconds of a duration.
pub(crate) fn whole_ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let mut clock = ModemClock::new();
        clock.set(parse_rfc3339(text).unwrap(), 1_700_000_000_000);
        clock.cclk(1_700_000_000_000)
    }

    #[test]
    fn the_clock_shows_local_time_and_zone() {
        assert_eq!(shown("2015-02-28T20:30:40-08:00"), "15/02/28,20:30:40-32");
        assert_eq!(shown("2024-02-29T23:59:59Z"), "24/02/29,23:59:59+00");
        assert_eq!(shown("2026-12-31T23:59:59+05:45"), "26/12/31,23:59:59+23");
    }

    #[test]
    fn an_unset_clock_starts_in_1980_and_runs() {
        let mut clock = ModemClock::new();
        clock.set(ClockSetting::Unset, 5_000);
        assert_eq!(clock.cclk(7_000), "80/01/06,00:00:02+00");
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "2026-01-01",
            "2026-13-01T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:00:00+00:07",
        ] {
            assert_eq!(parse_rfc3339(text), None, "{text}");
        }
    }
}
