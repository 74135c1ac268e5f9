//! The local calendar: where an hour, day, month or year begins in the zone of
//! the plan.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::snapshot::Tier;
use super::time::UnixS;

/// A time zone with the questions the history asks of it.
#[derive(Clone, Debug)]
pub struct Calendar {
    zone: TimeZone,
}

impl Calendar {
    /// A calendar in that zone.
    #[must_use]
    pub fn new(zone: TimeZone) -> Self {
        Self { zone }
    }

    /// Its zone.
    #[must_use]
    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// First second of the tier's slot in which `at_s` lies. Instants outside
    /// the years 1 to 9999 stay as they are.
    #[must_use]
    pub fn slot_start(&self, tier: Tier, at_s: UnixS) -> UnixS {
        self.try_slot_start(tier, at_s).unwrap_or(at_s)
    }

    fn try_slot_start(&self, tier: Tier, at_s: UnixS) -> Option<UnixS> {
        let local = Timestamp::from_second(at_s).ok()?.to_zoned(self.zone.clone());
        let date = match tier {
            Tier::FiveMinutes => return Some(at_s - at_s.rem_euclid(300)),
            Tier::Hour => {
                // Counted back from the instant, not by the clock face: an hour
                // that the clock shows twice is two slots.
                let into_hour = i64::from(local.minute()) * 60 + i64::from(local.second());
                return Some(at_s - into_hour);
            }
            Tier::Day => local.date(),
            Tier::Month => local.date().first_of_month(),
            Tier::Year => Date::new(local.year(), 1, 1).ok()?,
        };
        self.day_start(date)
    }

    /// First second of a day; where midnight does not exist, the first that does.
    #[must_use]
    pub fn day_start(&self, date: Date) -> Option<UnixS> {
        let zoned = date.to_zoned(self.zone.clone()).ok()?;
        Some(zoned.start_of_day().ok()?.timestamp().as_second())
    }

    /// The day of an instant.
    #[must_use]
    pub fn date(&self, at_s: UnixS) -> Option<Date> {
        Some(Timestamp::from_second(at_s).ok()?.to_zoned(self.zone.clone()).date())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(text: &str) -> UnixS {
        text.parse::<Timestamp>().unwrap().as_second()
    }

    #[test]
    fn slots_begin_where_the_local_calendar_says() {
        let zone = |name| Calendar::new(TimeZone::get(name).unwrap());
        #[rustfmt::skip]
        let table = [
            ("Asia/Shanghai", Tier::FiveMinutes, "2026-11-24T01:52:11Z", "2026-11-24T01:50:00Z"),
            ("Asia/Shanghai", Tier::Hour, "2026-11-24T01:52:11Z", "2026-11-24T01:00:00Z"),
            ("Asia/Kolkata", Tier::Hour, "2026-11-24T01:52:11Z", "2026-11-24T01:30:00Z"),
            ("Asia/Shanghai", Tier::Day, "2026-11-24T15:59:59Z", "2026-11-23T16:00:00Z"),
            ("Asia/Shanghai", Tier::Day, "2026-11-24T16:00:00Z", "2026-11-24T16:00:00Z"),
            ("Asia/Shanghai", Tier::Month, "2026-11-24T01:52:11Z", "2026-10-31T16:00:00Z"),
            ("Asia/Shanghai", Tier::Year, "2026-11-24T01:52:11Z", "2025-12-31T16:00:00Z"),
            // the hour that the clock shows twice
            ("Europe/Berlin", Tier::Hour, "2026-10-25T00:30:00Z", "2026-10-25T00:00:00Z"),
            ("Europe/Berlin", Tier::Hour, "2026-10-25T01:30:00Z", "2026-10-25T01:00:00Z"),
            // a midnight that does not exist
            ("America/Sao_Paulo", Tier::Day, "2018-11-04T12:00:00Z", "2018-11-04T03:00:00Z"),
        ];
        for (name, tier, instant, start) in table {
            assert_eq!(zone(name).slot_start(tier, at(instant)), at(start), "{name} {instant}");
        }
    }

    proptest! {
        #[test]
        fn a_slot_begins_at_or_before_and_is_its_own_start(at_s in 0..4_102_444_800_i64) {
            for name in ["Asia/Shanghai", "Europe/Berlin", "America/Sao_Paulo", "Asia/Kolkata"] {
                let calendar = Calendar::new(TimeZone::get(name).unwrap());
                for tier in Tier::ALL {
                    let start = calendar.slot_start(tier, at_s);
                    prop_assert!(start <= at_s && at_s - start <= 367 * 86_400);
                    prop_assert_eq!(calendar.slot_start(tier, start), start);
                }
            }
        }
    }
}
