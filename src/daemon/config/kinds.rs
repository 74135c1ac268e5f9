//! The kinds of values a key can have, each with its own complaints.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use jiff::tz::{self, TimeZone};
use toml::Spanned;
use toml::de::DeValue;

use super::Keep;
use super::document::{Said, Value};
use super::reader::nearest;
use crate::domain::plan::Cycle;
use crate::domain::units::{Size, parse_size};

/// The longest list that a key takes.
const LIST_MAX: usize = 16;

/// The most of a wrong value that a finding repeats, in characters.
const SHOWN_MAX: usize = 60;

/// Takes down what is wrong with one value: the byte where it stands and what to say.
#[derive(Default)]
pub(super) struct Judge(Vec<(usize, Said)>);

impl Judge {
    /// Says what is wrong with `value`; always `None`, for a short way out.
    fn refuse<T, V>(
        &mut self,
        value: &Spanned<V>,
        text: impl Into<String>,
        help: impl Into<String>,
    ) -> Option<T> {
        self.0.push((value.span().start, Said { text: text.into(), help: Some(help.into()) }));
        None
    }

    pub(super) fn into_said(self) -> Vec<(usize, Said)> {
        self.0
    }
}

/// What a value is, in words.
pub(super) fn type_name(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a number with a decimal point",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a section",
    }
}

/// A text in quotes, of which `wanted` says what it should be; an integer that
/// only lacks its unit is told so.
fn quoted<'v>(
    value: &'v Value<'_>,
    judge: &mut Judge,
    wanted: &str,
    example: &str,
    unit: Option<&str>,
) -> Option<&'v str> {
    match value.get_ref() {
        DeValue::String(text) => Some(text.as_ref()),
        other @ (DeValue::Integer(_)
        | DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_)
        | DeValue::Array(_)
        | DeValue::Table(_)) => {
            let help = match (other, unit) {
                (DeValue::Integer(number), Some(unit)) if number.radix() == 10 => {
                    format!("with a unit, in quotes: \"{}{unit}\"", number.as_str())
                }
                _ => format!("in quotes: \"{example}\""),
            };
            judge.refuse(value, format!("expected {wanted}, found {}", type_name(other)), help)
        }
    }
}

/// A wrong value as it may be repeated: short, and without control characters.
fn shown(text: &str) -> String {
    if text.chars().count() <= SHOWN_MAX {
        return format!("{text:?}");
    }
    let start: String = text.chars().take(SHOWN_MAX).collect();
    format!("{:?}", start + "…")
}

/// A name or number of 1 to 64 printable ASCII characters without spaces.
pub(super) fn word(value: &Value<'_>, judge: &mut Judge) -> Option<String> {
    let text = quoted(value, judge, "a text", "N9600012345", None)?;
    if (1..=64).contains(&text.len()) && text.chars().all(|c| c.is_ascii_graphic()) {
        return Some(text.to_owned());
    }
    judge.refuse(
        value,
        format!("{} is not 1 to 64 printable ASCII characters without spaces", shown(text)),
        "copy it from the label of the terminal",
    )
}

/// An absolute path.
pub(super) fn path(value: &Value<'_>, judge: &mut Judge) -> Option<PathBuf> {
    let text = quoted(value, judge, "a path", "/dev/ttyUSB2", None)?;
    if text.len() > 1 && text.starts_with('/') && !text.ends_with('/') && !text.contains('\0') {
        return Some(PathBuf::from(text));
    }
    judge.refuse(
        value,
        format!("{} is not the absolute path of a file", shown(text)),
        "it starts with / and does not end with it",
    )
}

/// The name of a network interface, as the kernel allows it.
pub(super) fn interface(value: &Value<'_>, judge: &mut Judge) -> Option<String> {
    let text = quoted(value, judge, "the name of a network interface", "wwan0", None)?;
    let fits = (1..=15).contains(&text.len()) && text != "." && text != "..";
    let odd = |c: char| c == '/' || c == ':' || c.is_whitespace() || c.is_control();
    if fits && !text.contains(odd) {
        return Some(text.to_owned());
    }
    judge.refuse(
        value,
        format!("{} is not the name of a network interface", shown(text)),
        "1 to 15 characters, as `ip link` shows it",
    )
}

/// An `https://` address.
pub(super) fn https(value: &Value<'_>, judge: &mut Judge) -> Option<String> {
    let text = quoted(value, judge, "an address", "https://backend.example", None)?;
    if text.contains('@') {
        // Not repeated: what stands before the @ is a password.
        let help = "the terminal is known by its certificate; take out what stands before the @";
        return judge.refuse(value, "holds a user name or password", help);
    }
    if text.len() > 1024 || text.chars().any(|c| !c.is_ascii_graphic()) {
        let wrong = format!("{} is not an address", shown(text));
        return judge.refuse(value, wrong, "printable ASCII without spaces, at most 1024");
    }
    match text.strip_prefix("https://") {
        Some(rest) if !rest.is_empty() && !rest.starts_with(['/', ':', '?', '#']) => {
            Some(text.to_owned())
        }
        Some(_) => judge.refuse(value, "names no host", "as in \"https://backend.example\""),
        None => judge.refuse(
            value,
            format!("{} does not start with https://", shown(text)),
            "the backend is only spoken to over TLS",
        ),
    }
}

/// One word of a few.
pub(super) fn choice<T: Copy>(
    words: &'static [(&'static str, T)],
) -> impl Fn(&Value<'_>, &mut Judge) -> Option<T> {
    move |value, judge| {
        let names: Vec<&str> = words.iter().map(|(name, _)| *name).collect();
        let example = names.first().copied().unwrap_or_default();
        let wanted = format!("one of {}", names.join(", "));
        let text = quoted(value, judge, &wanted, example, None)?;
        if let Some((_, chosen)) = words.iter().find(|(name, _)| *name == text) {
            return Some(*chosen);
        }
        let help = match nearest(text, names.iter().copied()) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => format!("one of {}", names.join(", ")),
        };
        judge.refuse(value, format!("{} is not known", shown(text)), help)
    }
}

/// A size in bytes, with its unit.
pub(super) fn size(range: RangeInclusive<u64>) -> impl Fn(&Value<'_>, &mut Judge) -> Option<u64> {
    move |value, judge| {
        let text = quoted(value, judge, "a size", "64 KiB", Some(" B"))?;
        let bytes = match parse_size(text) {
            Ok(bytes) => bytes,
            Err(error) => {
                let wrong = format!("{} is not a size", shown(text));
                return judge.refuse(value, wrong, error.to_string());
            }
        };
        if range.contains(&bytes) {
            return Some(bytes);
        }
        let (least, most) = (Size(*range.start()), Size(*range.end()));
        let help = if *range.end() == u64::MAX {
            format!("at least {least}")
        } else {
            format!("from {least} to {most}")
        };
        judge.refuse(value, format!("{} is out of range", shown(text)), help)
    }
}

/// A duration with its unit, in milliseconds; the range is in seconds.
pub(super) fn duration_ms(
    range_s: RangeInclusive<u64>,
) -> impl Fn(&Value<'_>, &mut Judge) -> Option<u64> {
    move |value, judge| {
        let text = quoted(value, judge, "a duration", "10s", Some("s"))?;
        let duration = humanly(value, text, judge)?;
        let least = Duration::from_secs(*range_s.start());
        let most = Duration::from_secs(*range_s.end());
        if duration < least || duration > most {
            let (least, most) =
                (humantime::format_duration(least), humantime::format_duration(most));
            let help = format!("from {least} to {most}");
            return judge.refuse(value, format!("{} is out of range", shown(text)), help);
        }
        u64::try_from(duration.as_millis()).ok()
    }
}

/// How long history is kept: a duration from an hour to a century, or `forever`.
pub(super) fn keep(value: &Value<'_>, judge: &mut Judge) -> Option<Keep> {
    let text = quoted(value, judge, "a duration or forever", "62 days", Some(" days"))?;
    if text == "forever" {
        return Some(Keep::Forever);
    }
    let seconds = humanly(value, text, judge)?.as_secs();
    if (3_600..=3_155_760_000).contains(&seconds) {
        return Some(Keep::Seconds(seconds));
    }
    let wrong = format!("{} is out of range", shown(text));
    judge.refuse(value, wrong, "from 1h to 100 years, or \"forever\"")
}

fn humanly<V>(value: &Spanned<V>, text: &str, judge: &mut Judge) -> Option<Duration> {
    let error = match humantime::parse_duration(text) {
        Ok(duration) => return Some(duration),
        Err(error) => error,
    };
    let wrong = format!("{} is not a duration", shown(text));
    let help = match error {
        humantime::DurationError::UnknownUnit { unit, value, .. } if unit.is_empty() => {
            format!("the unit is missing: \"{value}s\", \"{value}min\", \"{value}h\"")
        }
        humantime::DurationError::UnknownUnit { unit, .. } => {
            format!("unknown unit {}: use ms, s, min, h, days, weeks, months, years", shown(&unit))
        }
        humantime::DurationError::NumberOverflow => "the number is too large".to_owned(),
        humantime::DurationError::InvalidCharacter(_)
        | humantime::DurationError::NumberExpected(_)
        | humantime::DurationError::Empty => "as in \"10s\", \"1h 30min\", \"2 days\"".to_owned(),
    };
    judge.refuse(value, wrong, help)
}

/// A whole number.
pub(super) fn integer<T: TryFrom<u64>>(
    range: RangeInclusive<u64>,
) -> impl Fn(&Value<'_>, &mut Judge) -> Option<T> {
    move |value, judge| {
        let DeValue::Integer(number) = value.get_ref() else {
            let wrong = format!("expected an integer, found {}", type_name(value.get_ref()));
            let help = format!("from {} to {}, without quotes", range.start(), range.end());
            return judge.refuse(value, wrong, help);
        };
        let read = u64::from_str_radix(number.as_str(), number.radix()).ok();
        if let Some(number) = read.filter(|number| range.contains(number)) {
            return T::try_from(number).ok();
        }
        let wrong = format!("{number} is out of range");
        judge.refuse(value, wrong, format!("from {} to {}", range.start(), range.end()))
    }
}

/// A list of values, sorted and each once; the empty list is one too.
pub(super) fn list<T: Ord>(
    each: impl Fn(&Value<'_>, &mut Judge) -> Option<T>,
) -> impl Fn(&Value<'_>, &mut Judge) -> Option<Vec<T>> {
    move |value, judge| {
        let DeValue::Array(array) = value.get_ref() else {
            let wrong = format!("expected a list, found {}", type_name(value.get_ref()));
            return judge.refuse(value, wrong, "in brackets: [7, 3, 1], or [] for none");
        };
        if array.len() > LIST_MAX {
            let wrong = format!("{} values", array.len());
            return judge.refuse(value, wrong, format!("at most {LIST_MAX}"));
        }
        // Every element is judged before the list is given up.
        let read: Vec<Option<T>> = array.iter().map(|element| each(element, judge)).collect();
        let mut read: Vec<T> = read.into_iter().collect::<Option<_>>()?;
        read.sort();
        read.dedup();
        Some(read)
    }
}

/// A time zone of the system's database.
pub(super) fn time_zone(value: &Value<'_>, judge: &mut Judge) -> Option<TimeZone> {
    let text = quoted(value, judge, "a time zone", "Asia/Shanghai", None)?;
    if let Some(zone) = zone_of_system(text) {
        return Some(zone);
    }
    let names: Vec<String> = tz::db().available().map(|name| name.as_str().to_owned()).collect();
    let near = nearest(text, names.iter().map(String::as_str));
    let help = match near {
        Some(near) => format!("did you mean \"{near}\"?"),
        // UTC is always there.
        None if names.len() < 2 => {
            "this system has no time zones: install the package tzdata".to_owned()
        }
        None => "as in \"Asia/Shanghai\"; if it is right, install the package tzdata".to_owned(),
    };
    judge.refuse(value, format!("{} is not a time zone of this system", shown(text)), help)
}

/// The zone of that name. Its one file is read: jiff would first walk the whole
/// database and keep every name, 150 KiB that a terminal never needs again.
fn zone_of_system(name: &str) -> Option<TimeZone> {
    if name == "UTC" {
        return Some(TimeZone::UTC);
    }
    // A name, not a path that leads somewhere else.
    let plain = |part: &str| !part.is_empty() && !part.starts_with('.');
    if !name.split('/').all(plain) {
        return None;
    }
    let directory = std::env::var_os("TZDIR").unwrap_or_else(|| "/usr/share/zoneinfo".into());
    let bytes = std::fs::read(std::path::Path::new(&directory).join(name)).ok()?;
    TimeZone::tzif(name, &bytes).ok()
}

/// When a plan is renewed.
pub(super) fn cycle(value: &Value<'_>, judge: &mut Judge) -> Option<Cycle> {
    let text = quoted(value, judge, "a cycle", "monthly:1", None)?;
    match Cycle::parse(text) {
        Ok(cycle) => Some(cycle),
        Err(error) => {
            judge.refuse(value, format!("{} is not a cycle", shown(text)), error.to_string())
        }
    }
}
