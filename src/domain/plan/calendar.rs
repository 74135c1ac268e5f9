//! The local calendar: where the slots, hours, days, months and years of a time
//! zone begin.
//!
//! Clocks are put forward and back, in some places at midnight. Here a day
//! begins at its *first* instant: where midnight does not exist, when the clock
//! jumps over it; where it happens twice, the first time. What follows belongs to
//! that day even where the clock then shows the evening before once more. So
//! days, and all that is made of them, follow each other without hole or overlap,
//! and the day of an instant never goes back while time goes on.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::{AmbiguousOffset, TimeZone};

use crate::domain::time::UnixS;

/// The shortest slot that the usage history keeps, s.
pub const SLOT_S: i64 = 300;
/// An hour, s.
pub const HOUR_S: i64 = 3_600;

/// The calendar of one time zone. Instants are s since the epoch; those outside
/// of what a calendar can hold (years -9999 to 9999) are taken for the nearest
/// that it can.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Calendar {
    zone: TimeZone,
}

impl Calendar {
    /// The calendar of `zone`.
    #[must_use]
    pub fn new(zone: TimeZone) -> Self {
        Self { zone }
    }

    /// The zone.
    #[must_use]
    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// The local day that holds `at`.
    #[must_use]
    pub fn day_of(&self, at: UnixS) -> Date {
        let mut day = self.zone.to_datetime(timestamp(at)).date();
        // The clock may show another day than the one that has begun, for an
        // hour or so; a day that was skipped whole (Samoa 2011) has no length.
        while self.start_of(day) > at {
            match day.yesterday() {
                Ok(before) => day = before,
                Err(_) => return day,
            }
        }
        while let Ok(next) = day.tomorrow() {
            if self.start_of(next) > at {
                break;
            }
            day = next;
        }
        day
    }

    /// The first instant of a local day.
    #[must_use]
    pub fn start_of(&self, day: Date) -> UnixS {
        let midnight = day.at(0, 0, 0, 0);
        let ambiguous = self.zone.to_ambiguous_timestamp(midnight);
        let in_gap = matches!(ambiguous.offset(), AmbiguousOffset::Gap { .. });
        let Ok(instant) = ambiguous.compatible() else {
            return clamped(day);
        };
        if !in_gap {
            return instant.as_second();
        }
        // No midnight: the day begins when the clock jumps. `compatible` is at or
        // after that moment.
        self.last_change(instant.as_second()).unwrap_or(instant.as_second())
    }

    /// Where the 5-minute slot of `at` begins.
    #[must_use]
    pub fn start_of_slot(&self, at: UnixS) -> UnixS {
        self.start_of_span(at, SLOT_S)
    }

    /// Where the local hour of `at` begins.
    #[must_use]
    pub fn start_of_hour(&self, at: UnixS) -> UnixS {
        self.start_of_span(at, HOUR_S)
    }

    /// Where the local day of `at` begins.
    #[must_use]
    pub fn start_of_day(&self, at: UnixS) -> UnixS {
        self.start_of(self.day_of(at))
    }

    /// Where the local day after that of `at` begins: always later than `at`.
    #[must_use]
    pub fn start_of_next_day(&self, at: UnixS) -> UnixS {
        let mut day = self.day_of(at);
        while let Ok(next) = day.tomorrow() {
            let start = self.start_of(next);
            if start > at {
                return start;
            }
            day = next;
        }
        at.saturating_add(1)
    }

    /// Where the local month of `at` begins.
    #[must_use]
    pub fn start_of_month(&self, at: UnixS) -> UnixS {
        self.start_of(self.day_of(at).first_of_month())
    }

    /// Where the local year of `at` begins.
    #[must_use]
    pub fn start_of_year(&self, at: UnixS) -> UnixS {
        self.start_of(self.day_of(at).first_of_year())
    }

    /// Where the span of `span_s` seconds of the local clock that holds `at`
    /// begins. A change of the clock begins a new span.
    fn start_of_span(&self, at: UnixS, span_s: i64) -> UnixS {
        let offset = self.offset_s(at);
        let into = at.saturating_add(offset).rem_euclid(span_s);
        let start = at.saturating_sub(into);
        if self.offset_s(start) == offset {
            return start;
        }
        self.last_change(at).map_or(start, |change| change.max(start))
    }

    fn offset_s(&self, at: UnixS) -> i64 {
        i64::from(self.zone.to_offset(timestamp(at)).seconds())
    }

    /// The last change of the clock at or before `at`.
    fn last_change(&self, at: UnixS) -> Option<UnixS> {
        let after = timestamp(at.saturating_add(1));
        self.zone.preceding(after).next().map(|change| change.timestamp().as_second())
    }
}

fn timestamp(at: UnixS) -> Timestamp {
    let nearest = if at < 0 { Timestamp::MIN } else { Timestamp::MAX };
    Timestamp::from_second(at).unwrap_or(nearest)
}

/// A day at the very edge of the calendar.
fn clamped(day: Date) -> UnixS {
    if day.year() < 0 { Timestamp::MIN.as_second() } else { Timestamp::MAX.as_second() }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    fn calendar(zone: &str) -> Calendar {
        Calendar::new(TimeZone::get(zone).unwrap())
    }

    fn unix(text: &str) -> UnixS {
        text.parse::<Timestamp>().unwrap().as_second()
    }

    #[test]
    fn a_day_begins_at_its_first_instant() {
        for (zone, day, start) in [
            ("Asia/Shanghai", "2026-11-01", "2026-10-31T16:00:00Z"),
            ("UTC", "2026-11-01", "2026-11-01T00:00:00Z"),
            // No midnight: the clock goes from 24:00 to 01:00.
            ("America/Asuncion", "2023-10-01", "2023-10-01T04:00:00Z"),
            ("Africa/Cairo", "2026-04-24", "2026-04-23T22:00:00Z"),
            // 23:30 → 00:30: not the hour-long shift, but the jump itself.
            ("America/Toronto", "1919-03-31", "1919-03-31T04:30:00Z"),
            // Midnight happens twice: 00:01 → 23:01 the evening before.
            ("America/St_Johns", "2010-11-07", "2010-11-07T02:30:00Z"),
            // A day skipped whole begins where the next one begins.
            ("Pacific/Apia", "2011-12-30", "2011-12-30T10:00:00Z"),
            ("Pacific/Apia", "2011-12-31", "2011-12-30T10:00:00Z"),
        ] {
            let day: Date = day.parse().unwrap();
            assert_eq!(calendar(zone).start_of(day), unix(start), "{zone} {day}");
        }
    }

    #[test]
    fn the_day_of_an_instant_never_goes_back() {
        let newfoundland = calendar("America/St_Johns");
        for (at, day) in [
            ("2010-11-07T02:29:59Z", "2010-11-06"),
            ("2010-11-07T02:30:00Z", "2010-11-07"),
            // The clock shows 23:30 of the 6th once more.
            ("2010-11-07T03:00:00Z", "2010-11-07"),
            ("2010-11-07T03:30:00Z", "2010-11-07"),
        ] {
            assert_eq!(newfoundland.day_of(unix(at)).to_string(), day, "{at}");
        }
        let samoa = calendar("Pacific/Apia");
        assert_eq!(samoa.day_of(unix("2011-12-30T09:59:59Z")).to_string(), "2011-12-29");
        assert_eq!(samoa.day_of(unix("2011-12-30T10:00:00Z")).to_string(), "2011-12-31");
    }

    #[test]
    fn hours_and_slots_follow_the_local_clock() {
        for (zone, at, hour, slot) in [
            (
                "Asia/Kolkata",
                "2026-01-01T00:44:59Z",
                "2026-01-01T00:30:00Z",
                "2026-01-01T00:40:00Z",
            ),
            (
                "Asia/Kathmandu",
                "2026-01-01T00:14:59Z",
                "2025-12-31T23:15:00Z",
                "2026-01-01T00:10:00Z",
            ),
            // Lord Howe goes back half an hour at 15:00Z: a new span begins.
            (
                "Australia/Lord_Howe",
                "2026-04-04T15:10:00Z",
                "2026-04-04T15:00:00Z",
                "2026-04-04T15:10:00Z",
            ),
        ] {
            let calendar = calendar(zone);
            assert_eq!(calendar.start_of_hour(unix(at)), unix(hour), "{zone} {at}");
            assert_eq!(calendar.start_of_slot(unix(at)), unix(slot), "{zone} {at}");
        }
    }

    #[test]
    fn months_and_years_are_local() {
        let shanghai = calendar("Asia/Shanghai");
        let at = unix("2026-12-31T16:00:00Z");
        assert_eq!(shanghai.start_of_month(at), at);
        assert_eq!(shanghai.start_of_year(at), at);
        assert_eq!(shanghai.start_of_month(at - 1), unix("2026-11-30T16:00:00Z"));
        assert_eq!(shanghai.start_of_year(at - 1), unix("2025-12-31T16:00:00Z"));
    }

    #[test]
    fn instants_beyond_the_calendar_do_not_panic() {
        for at in [i64::MIN, i64::MAX] {
            let shanghai = calendar("Asia/Shanghai");
            let _ = (shanghai.start_of_hour(at), shanghai.start_of_day(at));
            let _ = (shanghai.start_of_year(at), shanghai.start_of_next_day(at));
        }
    }

    pub(in crate::domain::plan) const ZONES: [&str; 7] = [
        "Asia/Shanghai",
        "America/St_Johns",
        "America/Asuncion",
        "Pacific/Apia",
        "Australia/Lord_Howe",
        "Africa/Cairo",
        "UTC",
    ];

    proptest! {
        #[test]
        fn every_instant_lies_in_its_own_spans(
            zone in 0..ZONES.len(),
            at in 0_i64..4_102_444_800,
        ) {
            let calendar = calendar(ZONES[zone]);
            let next_day = calendar.start_of_next_day(at);
            prop_assert!(calendar.start_of_day(at) <= at && at < next_day);
            prop_assert_eq!(calendar.start_of_day(next_day - 1), calendar.start_of_day(at));
            prop_assert_eq!(calendar.start_of_day(next_day), next_day);
            for start in [
                calendar.start_of_slot(at),
                calendar.start_of_hour(at),
                calendar.start_of_month(at),
                calendar.start_of_year(at),
            ] {
                prop_assert!(start <= at);
            }
            let hour = calendar.start_of_hour(at);
            prop_assert!(at - hour < HOUR_S);
            prop_assert_eq!(calendar.start_of_hour(hour), hour);
        }
    }
}
