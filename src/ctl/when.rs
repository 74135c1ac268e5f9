//! Points in time as people write them on the command line.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan as _};

/// A point in time, or a stretch of it, as it was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    /// An instant.
    At(Timestamp),
    /// A local date and time.
    Local(DateTime),
    /// A day, month or year: its first day, and the first day after it.
    Days(Date, Date),
    /// So long ago.
    Ago(SignedDuration),
}

/// Reads `2026`, `2026-11`, `2026-11-01`, `2026-11-01T08:30`, RFC 3339 and `-7d`.
pub(super) fn parse(text: &str) -> Result<When, String> {
    if let Some(ago) = text.strip_prefix('-') {
        let ago = humantime::parse_duration(ago)
            .map_err(|error| format!("{error}, as in -7d or -12h"))?;
        return SignedDuration::try_from(ago).map(When::Ago).map_err(|error| error.to_string());
    }
    days(text)
        .or_else(|| text.parse().ok().map(When::At))
        .or_else(|| text.parse().ok().map(When::Local))
        .ok_or_else(|| {
            "give a day (2026-11-01), a month (2026-11), a time (2026-11-01T08:30) or -7d"
                .to_owned()
        })
}

/// A whole day, month or year; `None` where the text is none of them.
fn days(text: &str) -> Option<When> {
    let digits_or_dashes = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    if !digits_or_dashes {
        return None;
    }
    let (first_day, length) = match text.len() {
        4 => (format!("{text}-01-01"), 1.year()),
        7 => (format!("{text}-01"), 1.month()),
        10 => (text.to_owned(), 1.day()),
        _ => return None,
    };
    let first: Date = first_day.parse().ok()?;
    Some(When::Days(first, first.checked_add(length).ok()?))
}

impl When {
    /// True where the present is needed to know it.
    pub(super) fn is_relative(self) -> bool {
        matches!(self, Self::Ago(_))
    }

    /// Its beginning.
    pub(super) fn start(self, zone: &TimeZone, now: Timestamp) -> Result<Timestamp, String> {
        match self {
            Self::Days(first, _) => local(first.into(), zone),
            other => other.end(zone, now),
        }
    }

    /// The first instant after it: of a day its end, of an instant itself.
    pub(super) fn end(self, zone: &TimeZone, now: Timestamp) -> Result<Timestamp, String> {
        match self {
            Self::At(instant) => Ok(instant),
            Self::Local(at) => local(at, zone),
            Self::Days(_, after) => local(after.into(), zone),
            Self::Ago(ago) => now.checked_sub(ago).map_err(|error| error.to_string()),
        }
    }
}

fn local(at: DateTime, zone: &TimeZone) -> Result<Timestamp, String> {
    at.to_zoned(zone.clone()).map(|zoned| zoned.timestamp()).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounds(text: &str) -> (String, String) {
        let zone = TimeZone::posix("CST-8").unwrap();
        let now = "2026-11-24T10:00:00Z".parse().unwrap();
        let when = parse(text).unwrap();
        (when.start(&zone, now).unwrap().to_string(), when.end(&zone, now).unwrap().to_string())
    }

    #[test]
    fn times_are_read_as_people_write_them() {
        for (text, start, end) in [
            ("2026", "2025-12-31T16:00:00Z", "2026-12-31T16:00:00Z"),
            ("2026-11", "2026-10-31T16:00:00Z", "2026-11-30T16:00:00Z"),
            ("2026-12", "2026-11-30T16:00:00Z", "2026-12-31T16:00:00Z"),
            ("2026-11-01", "2026-10-31T16:00:00Z", "2026-11-01T16:00:00Z"),
            ("2026-11-01T08:30", "2026-11-01T00:30:00Z", "2026-11-01T00:30:00Z"),
            ("2026-11-01T08:30:00+02:00", "2026-11-01T06:30:00Z", "2026-11-01T06:30:00Z"),
            ("2026-11-01T00:30:00Z", "2026-11-01T00:30:00Z", "2026-11-01T00:30:00Z"),
            ("-7d", "2026-11-17T10:00:00Z", "2026-11-17T10:00:00Z"),
            ("-1h 30m", "2026-11-24T08:30:00Z", "2026-11-24T08:30:00Z"),
        ] {
            assert_eq!(bounds(text), (start.to_owned(), end.to_owned()), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused_with_an_example() {
        for (text, hint) in [
            ("", "2026-11-01"),
            ("yesterday", "2026-11-01"),
            ("2026-13", "2026-11-01"),
            ("2026-02-30", "2026-11-01"),
            ("9999", "2026-11-01"),
            ("-", "-7d"),
            ("-7", "-7d"),
            ("-7 lightyears", "-7d"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(hint), "{text}: {error}");
        }
    }
}
