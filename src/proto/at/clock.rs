//! The modem's clock: `+CCLK` (TS 27.007, 8.15) and Quectel's `+QLTS`.
//!
//! Both print local time and how far it is from UTC, in quarters of an hour.

use super::error::{ReplyError, shown};
use super::fields::Fields;

/// The first year that is believed. A modem that was never told the time wakes
/// up in 1970, 1980, 2000, 2004, 2010 or the year its firmware was built; this
/// program is younger than all of these.
const YEAR_MIN: i64 = 2024;
/// The last year that two digits can mean: 70 to 99 are 1970 to 1999.
const YEAR_MAX: i64 = 2069;
const QUARTER_S: i64 = 15 * 60;
/// TS 27.007 allows -96 to +96 quarters of an hour.
const ZONE_QUARTERS_MAX: i64 = 96;

/// Reads `+CCLK: "26/02/28,20:30:40-32"` or `+QLTS: "2026/02/28,20:30:40-32,0"`
/// into seconds since 1970-01-01T00:00:00Z.
///
/// # Errors
/// [`ReplyError::ClockNotSet`] for a date outside 2024 to 2069 and for an empty
/// answer, [`ReplyError::ClockWithoutZone`] where the zone is missing, other
/// errors when it is no date at all.
pub fn clock(line: &str) -> Result<i64, ReplyError> {
    let fields = Fields::behind(line, "+CCLK:").or_else(|_| Fields::behind(line, "+QLTS:"));
    let fields = fields.map_err(|_| ReplyError::Prefix("+CCLK:"))?;
    let text = fields.text(1)?;
    if text.is_empty() {
        return Err(ReplyError::ClockNotSet("nothing".to_owned()));
    }
    let wrong = || fields.wrong(1, "a date, time and zone");
    // `yy/MM/dd,hh:mm:ss±zz` between quotes is one field; without quotes it is
    // two, and nobody prints it so.
    let (date, time) = text.split_once(',').ok_or_else(wrong)?;
    let [year, month, day] = numbers::<3>(date, '/').ok_or_else(wrong)?;
    let zone_at = time.find(['+', '-']);
    let (time, zone) = time.split_at(zone_at.unwrap_or(time.len()));
    let [hour, minute, second] = numbers::<3>(time, ':').ok_or_else(wrong)?;
    let year = match year {
        0..=69 => 2000 + year,
        70..=99 => 1900 + year,
        _ => year,
    };
    if !(YEAR_MIN..=YEAR_MAX).contains(&year) {
        return Err(ReplyError::ClockNotSet(shown(text)));
    }
    let days = days_since_epoch(year, month, day).ok_or_else(wrong)?;
    if hour > 23 || minute > 59 || second > 60 {
        return Err(wrong());
    }
    if zone.is_empty() {
        return Err(ReplyError::ClockWithoutZone(shown(text)));
    }
    let quarters = zone_quarters(zone).ok_or_else(wrong)?;
    Ok(days * 86_400 + hour * 3_600 + minute * 60 + second - quarters * QUARTER_S)
}

/// `N` numbers of one to four digits with `separator` between them.
fn numbers<const N: usize>(text: &str, separator: char) -> Option<[i64; N]> {
    let mut parts = text.split(separator);
    let mut all = [0; N];
    for number in &mut all {
        *number = small_number(parts.next()?.trim())?;
    }
    parts.next().is_none().then_some(all)
}

fn small_number(text: &str) -> Option<i64> {
    let digits = (1..=4).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

/// `+32` or `-08`; QLTS puts `,<daylight>` behind it, which is already in it.
fn zone_quarters(zone: &str) -> Option<i64> {
    let zone = zone.split_once(',').map_or(zone, |(quarters, _)| quarters);
    let (sign, number) = if let Some(number) = zone.strip_prefix('+') {
        (1, number)
    } else {
        (-1, zone.strip_prefix('-')?)
    };
    let quarters = small_number(number.trim())?;
    (quarters <= ZONE_QUARTERS_MAX).then_some(sign * quarters)
}

/// Days from 1970-01-01 to a date of 2024 to 2069, `None` for a date that does
/// not exist. Every fourth year of that time is a leap year.
fn days_since_epoch(year: i64, month: i64, day: i64) -> Option<i64> {
    const BEFORE_MONTH: [i64; 13] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365];
    let index = usize::try_from(month).ok()?;
    let before = *BEFORE_MONTH.get(index.checked_sub(1)?)?;
    let next = *BEFORE_MONTH.get(index)?;
    let leap = year % 4 == 0;
    let length = next - before + i64::from(leap && month == 2);
    if !(1..=length).contains(&day) {
        return None;
    }
    let since = year - 1970;
    // 1972 was the first leap year after 1970.
    let leap_days = (since + 1) / 4;
    Some(since * 365 + leap_days + before + i64::from(leap && month > 2) + day - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_time_and_zone_become_utc() {
        for (line, unix_s) in [
            ("+CCLK: \"26/02/28,20:30:40-32\"", 1_772_339_440),
            ("+CCLK: \"26/03/01,04:30:40+00\"", 1_772_339_440),
            ("+CCLK: \"2026/03/01,04:30:40+0\"", 1_772_339_440),
            ("+CCLK: \"26/03/01,12:30:40+32\"", 1_772_339_440),
            ("+QLTS: \"2026/03/01,12:30:40+32,0\"", 1_772_339_440),
            ("+CCLK: \"24/02/29,00:00:00+00\"", 1_709_164_800),
            ("+CCLK: \"24/01/01,00:00:00+00\"", 1_704_067_200),
            ("+CCLK: \"69/12/31,23:59:59+00\"", 3_155_759_999),
        ] {
            assert_eq!(clock(line), Ok(unix_s), "{line}");
        }
    }

    #[test]
    fn every_day_of_the_believed_years_follows_the_one_before() {
        let mut last = days_since_epoch(2023, 12, 31).unwrap();
        for year in YEAR_MIN..=YEAR_MAX {
            for month in 1..=12 {
                for day in 1..=31 {
                    if let Some(days) = days_since_epoch(year, month, day) {
                        assert_eq!(days, last + 1, "{year}-{month}-{day}");
                        last = days;
                    }
                }
            }
        }
        assert_eq!(last, 36_524);
    }

    #[test]
    fn a_clock_that_was_never_set_is_refused() {
        for line in [
            "+CCLK: \"80/01/06,00:01:02+00\"",
            "+CCLK: \"70/01/01,00:00:05+00\"",
            "+CCLK: \"99/12/31,23:59:59+32\"",
            "+CCLK: \"00/01/01,00:00:00+00\"",
            "+CCLK: \"15/02/28,20:30:40-32\"",
            "+CCLK: \"23/12/31,20:30:40-32\"",
            "+CCLK: \"1980/01/06,00:00:00+00\"",
            "+CCLK: \"00/00/00,00:00:00+00\"",
            "+QLTS: \"\"",
        ] {
            assert!(matches!(clock(line), Err(ReplyError::ClockNotSet(_))), "{line}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        assert_eq!(
            clock("+CCLK: \"26/02/28,20:30:40\""),
            Err(ReplyError::ClockWithoutZone("26/02/28,20:30:40".into()))
        );
        for line in [
            "+CCLK: \"26/02/29,20:30:40+00\"",
            "+CCLK: \"26/13/01,20:30:40+00\"",
            "+CCLK: \"26/00/01,20:30:40+00\"",
            "+CCLK: \"26/02/28,24:00:00+00\"",
            "+CCLK: \"26/02/28,20:30+00\"",
            "+CCLK: \"26/02/28,20:30:40+97\"",
            "+CCLK: \"26/02/28,20:30:40+\"",
            "+CCLK: \"26/02/28\"",
            "+CCLK: \"26/02/28,2x:30:40+00\"",
            "+CSQ: 1",
        ] {
            let error = clock(line).unwrap_err();
            assert!(
                matches!(error, ReplyError::Field { .. } | ReplyError::Prefix(_)),
                "{line}: {error}"
            );
        }
    }
}
