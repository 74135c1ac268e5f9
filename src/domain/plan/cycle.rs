//! When a plan's period begins and ends, as `[plan] cycle` says it.

use std::fmt;
use std::num::NonZeroU16;

use jiff::civil::Date;

use super::Period;
use super::calendar::Calendar;
use crate::domain::time::UnixS;

/// The longest period of `days:`, days (ten years and a bit).
const DAYS_MAX: u16 = 3_660;
/// The longest validity of `once:`, hours (a hundred years).
const VALIDITY_H_MAX: u32 = 876_600;
const HOUR_S: i64 = 3_600;

/// The rhythm of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cycle {
    /// `monthly:1` … `monthly:31`, `monthly:-1` … `monthly:-28`: a period begins
    /// on that day of each month.
    Monthly(MonthDay),
    /// `days:30@2026-01-15`: a period begins every so many days, counted from a
    /// day on which one began. Before that day too.
    Days {
        /// Days in a period, 1 to 3660.
        every: NonZeroU16,
        /// A day in the plan's zone on which a period begins.
        anchor: Date,
    },
    /// `once:365d`: granted once, and valid that long from then.
    Once {
        /// Hours of 3600 s, 1 to 876,600. A day is 24 of them.
        validity_h: u32,
    },
    /// `never`: granted once, and it never expires.
    Never,
}

/// A day of the month, counted from its beginning or from its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MonthDay(i8);

/// Why a text is not a cycle.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CycleError {
    /// None of the kinds.
    #[error(
        "unknown cycle \"{0}\": use \"monthly:1\", \"days:30@2026-01-15\", \"once:365d\" or \"never\""
    )]
    UnknownKind(String),
    /// `monthly:` without a usable day.
    #[error(
        "\"{0}\" is no day of a month: use 1 to 31, or -1 to -28 from its end, as in \"monthly:-1\""
    )]
    MonthDay(String),
    /// `days:` without an anchor.
    #[error("days need the date of a first day, as in \"days:30@2026-01-15\"")]
    NoAnchor,
    /// `days:` with a number out of range.
    #[error("\"{0}\" is no number of days from 1 to 3660, as in \"days:30@2026-01-15\"")]
    DayCount(String),
    /// `days:` with something that is no date from 1970 to 2200.
    #[error("\"{0}\" is no date from 1970 to 2200, as in \"days:30@2026-01-15\"")]
    Anchor(String),
    /// `once:` with something that is no validity.
    #[error(
        "\"{0}\" is no validity of 1h to 876600h: use h, d (24 h) or w (7 d), as in \"once:365d\""
    )]
    Validity(String),
}

impl MonthDay {
    /// 1 to 31: the day of that number, or the month's last day where it has
    /// fewer. -1 to -28: counted from the end, -1 being the last day.
    #[must_use]
    pub fn new(day: i8) -> Option<Self> {
        ((1..=31).contains(&day) || (-28..=-1).contains(&day)).then_some(Self(day))
    }

    /// The day in the month of `month`.
    fn in_month(self, month: Date) -> Date {
        let last = month.days_in_month();
        let day = if self.0 > 0 {
            self.0.min(last)
        } else {
            last.saturating_add(self.0).saturating_add(1)
        };
        month.with().day(day).build().unwrap_or(month)
    }
}

impl Cycle {
    /// Reads `[plan] cycle`.
    ///
    /// # Errors
    /// [`CycleError`] names what is wrong and shows an example.
    pub fn parse(text: &str) -> Result<Self, CycleError> {
        let text = text.trim();
        if text == "never" {
            return Ok(Self::Never);
        }
        match text.split_once(':') {
            Some(("monthly", day)) => parse_monthly(day),
            Some(("days", rest)) => parse_days(rest),
            Some(("once", validity)) => parse_once(validity),
            Some(_) | None => Err(CycleError::UnknownKind(text.to_owned())),
        }
    }

    /// The period that holds `at`; that of `once` and `never` begins at `at`.
    pub(super) fn period_at(self, calendar: &Calendar, at: UnixS) -> Period {
        match self {
            Self::Monthly(day) => monthly_period(day, calendar, at),
            Self::Days { every, anchor } => days_period(every, anchor, calendar, at),
            Self::Once { .. } | Self::Never => Period { start: at, end: self.end_from(at) },
        }
    }

    /// When what was granted once, at `start`, ends. `None` for all but `once`.
    #[must_use]
    pub fn end_from(self, start: UnixS) -> Option<UnixS> {
        match self {
            Self::Once { validity_h } => {
                Some(start.saturating_add(i64::from(validity_h).saturating_mul(HOUR_S)))
            }
            Self::Monthly(_) | Self::Days { .. } | Self::Never => None,
        }
    }
}

impl fmt::Display for Cycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Monthly(MonthDay(day)) => write!(f, "monthly:{day}"),
            Self::Days { every, anchor } => write!(f, "days:{every}@{anchor}"),
            Self::Once { validity_h } if validity_h % 24 == 0 => {
                write!(f, "once:{}d", validity_h / 24)
            }
            Self::Once { validity_h } => write!(f, "once:{validity_h}h"),
            Self::Never => f.write_str("never"),
        }
    }
}

fn parse_monthly(day: &str) -> Result<Cycle, CycleError> {
    plain_number(day.strip_prefix('-').unwrap_or(day))
        .then(|| day.parse().ok())
        .flatten()
        .and_then(MonthDay::new)
        .map(Cycle::Monthly)
        .ok_or_else(|| CycleError::MonthDay(day.to_owned()))
}

fn parse_days(rest: &str) -> Result<Cycle, CycleError> {
    let (count, anchor) = rest.split_once('@').ok_or(CycleError::NoAnchor)?;
    let every = plain_number(count)
        .then(|| count.parse::<NonZeroU16>().ok())
        .flatten()
        .filter(|every| every.get() <= DAYS_MAX)
        .ok_or_else(|| CycleError::DayCount(count.to_owned()))?;
    // jiff would also read a date with a time behind it.
    let anchor = anchor
        .parse::<Date>()
        .ok()
        .filter(|date| date.to_string() == anchor && (1970..=2200).contains(&date.year()))
        .ok_or_else(|| CycleError::Anchor(anchor.to_owned()))?;
    Ok(Cycle::Days { every, anchor })
}

fn parse_once(validity: &str) -> Result<Cycle, CycleError> {
    let read = || {
        let (number, hours) = [("h", 1_u32), ("d", 24), ("w", 168)]
            .into_iter()
            .find_map(|(unit, hours)| Some((validity.strip_suffix(unit)?, hours)))?;
        let number: u32 = plain_number(number).then(|| number.parse().ok()).flatten()?;
        number.checked_mul(hours).filter(|validity_h| (1..=VALIDITY_H_MAX).contains(validity_h))
    };
    read()
        .map(|validity_h| Cycle::Once { validity_h })
        .ok_or_else(|| CycleError::Validity(validity.to_owned()))
}

/// Digits only: no sign, no blank.
fn plain_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn monthly_period(day: MonthDay, calendar: &Calendar, at: UnixS) -> Period {
    let today = calendar.day_of(at);
    let mut month = today.first_of_month();
    // A period that begins on the 15th holds the first days of the month after.
    if day.in_month(month) > today {
        month = month_before(month);
    }
    let next = month_after(month);
    Period {
        start: calendar.start_of(day.in_month(month)),
        end: Some(calendar.start_of(day.in_month(next))),
    }
}

fn month_before(first: Date) -> Date {
    first.yesterday().map_or(first, Date::first_of_month)
}

fn month_after(first: Date) -> Date {
    first.last_of_month().tomorrow().unwrap_or(first)
}

fn days_period(every: NonZeroU16, anchor: Date, calendar: &Calendar, at: UnixS) -> Period {
    let today = epoch_day(calendar.day_of(at));
    let into = (today - epoch_day(anchor)).rem_euclid(i64::from(every.get()));
    let start = calendar.start_of(day_at(today - into));
    let next = today - into + i64::from(every.get());
    Period { start, end: Some(calendar.start_of(day_at(next))) }
}

/// Days since 1970-01-01.
fn epoch_day(day: Date) -> i64 {
    day.duration_since(Date::constant(1970, 1, 1)).as_hours() / 24
}

fn day_at(epoch_day: i64) -> Date {
    let nearest = if epoch_day < 0 { Date::MIN } else { Date::MAX };
    Date::constant(1970, 1, 1)
        .checked_add(jiff::SignedDuration::from_hours(epoch_day.saturating_mul(24)))
        .unwrap_or(nearest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;
    use jiff::tz::TimeZone;
    use proptest::prelude::*;

    fn unix(text: &str) -> UnixS {
        text.parse::<Timestamp>().unwrap().as_second()
    }

    fn calendar(zone: &str) -> Calendar {
        Calendar::new(TimeZone::get(zone).unwrap())
    }

    #[test]
    fn cycles_are_read_and_shown_alike() {
        for text in [
            "monthly:1",
            "monthly:31",
            "monthly:-1",
            "monthly:-28",
            "days:30@2026-01-15",
            "days:3660@1970-01-01",
            "once:365d",
            "once:1h",
            "once:36500d",
            "never",
        ] {
            assert_eq!(Cycle::parse(text).map(|cycle| cycle.to_string()), Ok(text.to_owned()));
        }
        assert_eq!(Cycle::parse(" once:2w "), Ok(Cycle::Once { validity_h: 336 }));
        assert_eq!(Cycle::parse("once:36h"), Ok(Cycle::Once { validity_h: 36 }));
    }

    #[test]
    fn what_is_no_cycle_is_refused_by_name() {
        let month_day = |day: &str| CycleError::MonthDay(day.to_owned());
        let count = |count: &str| CycleError::DayCount(count.to_owned());
        let anchor = |anchor: &str| CycleError::Anchor(anchor.to_owned());
        let validity = |validity: &str| CycleError::Validity(validity.to_owned());
        for (text, error) in [
            ("", CycleError::UnknownKind(String::new())),
            ("weekly:1", CycleError::UnknownKind("weekly:1".to_owned())),
            ("Never", CycleError::UnknownKind("Never".to_owned())),
            ("monthly:", month_day("")),
            ("monthly:0", month_day("0")),
            ("monthly:32", month_day("32")),
            ("monthly:-29", month_day("-29")),
            ("monthly:+1", month_day("+1")),
            ("monthly: 1", month_day(" 1")),
            ("monthly:999", month_day("999")),
            ("days:30", CycleError::NoAnchor),
            ("days:0@2026-01-15", count("0")),
            ("days:3661@2026-01-15", count("3661")),
            ("days:99999@2026-01-15", count("99999")),
            ("days:x@2026-01-15", count("x")),
            ("days:30@2026-02-29", anchor("2026-02-29")),
            ("days:30@2026-01-15T10:00", anchor("2026-01-15T10:00")),
            ("days:30@20260115", anchor("20260115")),
            ("days:30@1969-12-31", anchor("1969-12-31")),
            ("once:", validity("")),
            ("once:365", validity("365")),
            ("once:0d", validity("0d")),
            ("once:-1d", validity("-1d")),
            ("once:36526d", validity("36526d")),
            ("once:4294967295w", validity("4294967295w")),
            ("once:1month", validity("1month")),
        ] {
            assert_eq!(Cycle::parse(text), Err(error), "{text}");
        }
    }

    #[test]
    fn periods_begin_and_end_where_the_calendar_says() {
        for (cycle, zone, at, start, end) in [
            (
                "monthly:1",
                "UTC",
                "2026-11-24T02:00:00Z",
                "2026-11-01T00:00:00Z",
                "2026-12-01T00:00:00Z",
            ),
            (
                "monthly:1",
                "UTC",
                "2026-12-01T00:00:00Z",
                "2026-12-01T00:00:00Z",
                "2027-01-01T00:00:00Z",
            ),
            // China Unicom: the 27th to the 26th.
            (
                "monthly:27",
                "Asia/Shanghai",
                "2026-11-26T15:59:59Z",
                "2026-10-26T16:00:00Z",
                "2026-11-26T16:00:00Z",
            ),
            (
                "monthly:31",
                "UTC",
                "2026-02-28T00:00:00Z",
                "2026-02-28T00:00:00Z",
                "2026-03-31T00:00:00Z",
            ),
            (
                "monthly:31",
                "UTC",
                "2026-02-27T00:00:00Z",
                "2026-01-31T00:00:00Z",
                "2026-02-28T00:00:00Z",
            ),
            (
                "monthly:30",
                "UTC",
                "2028-03-01T00:00:00Z",
                "2028-02-29T00:00:00Z",
                "2028-03-30T00:00:00Z",
            ),
            (
                "monthly:-1",
                "UTC",
                "2028-02-29T00:00:00Z",
                "2028-02-29T00:00:00Z",
                "2028-03-31T00:00:00Z",
            ),
            (
                "monthly:-28",
                "UTC",
                "2026-02-01T00:00:00Z",
                "2026-02-01T00:00:00Z",
                "2026-03-04T00:00:00Z",
            ),
            (
                "monthly:1",
                "America/Asuncion",
                "2023-10-02T00:00:00Z",
                "2023-10-01T04:00:00Z",
                "2023-11-01T03:00:00Z",
            ),
            (
                "monthly:30",
                "Pacific/Apia",
                "2011-12-31T00:00:00Z",
                "2011-12-30T10:00:00Z",
                "2012-01-29T10:00:00Z",
            ),
            (
                "days:30@2026-01-15",
                "UTC",
                "2026-02-14T00:00:00Z",
                "2026-02-14T00:00:00Z",
                "2026-03-16T00:00:00Z",
            ),
            (
                "days:30@2026-01-15",
                "UTC",
                "2026-01-14T23:59:59Z",
                "2025-12-16T00:00:00Z",
                "2026-01-15T00:00:00Z",
            ),
            // A period of days is as long as its days are: the clock goes forward in it.
            (
                "days:7@2026-03-23",
                "Europe/Berlin",
                "2026-03-25T00:00:00Z",
                "2026-03-22T23:00:00Z",
                "2026-03-29T22:00:00Z",
            ),
            (
                "once:36h",
                "UTC",
                "2026-03-25T01:00:00Z",
                "2026-03-25T01:00:00Z",
                "2026-03-26T13:00:00Z",
            ),
        ] {
            let period = Cycle::parse(cycle).unwrap().period_at(&calendar(zone), unix(at));
            let expected = Period { start: unix(start), end: Some(unix(end)) };
            assert_eq!(period, expected, "{cycle} {zone} {at}");
        }
        let at = unix("2026-03-25T01:00:00Z");
        let never = Cycle::Never.period_at(&calendar("UTC"), at);
        assert_eq!(never, Period { start: at, end: None });
    }

    fn periodic() -> impl Strategy<Value = Cycle> {
        prop_oneof![
            prop_oneof![1_i8..=31, -28_i8..=-1]
                .prop_map(|day| Cycle::Monthly(MonthDay::new(day).unwrap())),
            (1_u16..=DAYS_MAX, 1_i16..=12, 1_i8..=28).prop_map(|(every, month, day)| {
                let anchor = Date::new(2026, i8::try_from(month).unwrap(), day).unwrap();
                Cycle::Days { every: NonZeroU16::new(every).unwrap(), anchor }
            }),
        ]
    }

    proptest! {
        #[test]
        fn periods_tile_time(
            cycle in periodic(),
            zone in 0..super::super::calendar::tests::ZONES.len(),
            at in 0_i64..4_102_444_800,
        ) {
            let calendar = calendar(super::super::calendar::tests::ZONES[zone]);
            let period = cycle.period_at(&calendar, at);
            let end = period.end.unwrap();
            prop_assert!(period.contains(at));
            prop_assert!(!period.contains(end));
            // The whole of it is one period, and the next begins where it ends.
            prop_assert_eq!(cycle.period_at(&calendar, period.start), period);
            prop_assert_eq!(cycle.period_at(&calendar, end - 1), period);
            prop_assert_eq!(cycle.period_at(&calendar, end).start, end);
            prop_assert_eq!(cycle.period_at(&calendar, period.start - 1).end, Some(period.start));
            prop_assert_eq!(Cycle::parse(&cycle.to_string()), Ok(cycle));
        }
    }
}
