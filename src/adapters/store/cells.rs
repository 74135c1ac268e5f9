//! How the domain's values lie in cells, and back.

use jiff::ToSpan;
use jiff::civil::Date;
use rusqlite::Row;
use rusqlite::types::Type;

use crate::domain::reading::Mark;
use crate::domain::sim::SimId;
use crate::domain::snapshot::Tier;
use crate::domain::time::{Stamp, Trust};
use crate::domain::units::Traffic;

/// A value that has no place in its column, or a cell that is no value.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Misfit(String);

/// The error of a cell that is no value of the domain: the file is damaged.
pub(super) fn unreadable(column: &str, what: &str) -> rusqlite::Error {
    let misfit = Misfit(format!("{column}: {what}"));
    rusqlite::Error::FromSqlConversionFailure(0, Type::Null, Box::new(misfit))
}

/// The error of a value that has no place in its column.
pub(super) fn unwritable(what: String) -> rusqlite::Error {
    rusqlite::Error::ToSqlConversionFailure(Box::new(Misfit(what)))
}

/// A counter as 8 bytes.
pub(super) fn counter(row: &Row<'_>, rx: &str, tx: &str) -> rusqlite::Result<Traffic> {
    Ok(Traffic { rx: u64::from_be_bytes(row.get(rx)?), tx: u64::from_be_bytes(row.get(tx)?) })
}

/// A counter that may be absent.
pub(super) fn counter_if_any(
    row: &Row<'_>,
    rx: &str,
    tx: &str,
) -> rusqlite::Result<Option<Traffic>> {
    let rx: Option<[u8; 8]> = row.get(rx)?;
    let tx: Option<[u8; 8]> = row.get(tx)?;
    let both = rx.zip(tx);
    Ok(both.map(|(rx, tx)| Traffic { rx: u64::from_be_bytes(rx), tx: u64::from_be_bytes(tx) }))
}

/// How far each counter of a source was counted: their names, and their figures
/// one after the other.
pub(super) fn mark_cells(marks: &[Mark]) -> (String, Vec<u8>, Vec<u8>) {
    let word = |mark: &Mark| format!("{}={}", mark.name, if mark.ended { ENDED } else { OPEN });
    let names: Vec<String> = marks.iter().map(word).collect();
    let rx = marks.iter().flat_map(|mark| mark.counter.rx.to_be_bytes()).collect();
    let tx = marks.iter().flat_map(|mark| mark.counter.tx.to_be_bytes()).collect();
    (names.join(","), rx, tx)
}

const OPEN: &str = "open";
const ENDED: &str = "ended";

/// The same, back.
pub(super) fn marks(row: &Row<'_>) -> rusqlite::Result<Vec<Mark>> {
    let figures = |column| -> rusqlite::Result<Vec<u64>> {
        let cells: Vec<u8> = row.get(column)?;
        let (figures, rest) = cells.as_chunks::<8>();
        if rest.is_empty() {
            return Ok(figures.iter().map(|bytes| u64::from_be_bytes(*bytes)).collect());
        }
        Err(unreadable(column, "not a row of counters"))
    };
    let parts: String = row.get("parts")?;
    let words: Vec<&str> = parts.split(',').filter(|word| !word.is_empty()).collect();
    let (rx, tx) = (figures("rx")?, figures("tx")?);
    if rx.len() != words.len() || tx.len() != words.len() {
        return Err(unreadable("parts", "not as many as counters"));
    }
    let mark = |(word, (rx, tx)): (&&str, (u64, u64))| {
        let ended = match word.rsplit_once('=') {
            Some((_, OPEN)) => false,
            Some((_, ENDED)) => true,
            Some(_) | None => return Err(unreadable("parts", "neither open nor ended")),
        };
        let name = word.rsplit_once('=').map_or("", |(name, _)| name).to_owned();
        Ok(Mark { name, counter: Traffic { rx, tx }, ended })
    };
    words.iter().zip(rx.into_iter().zip(tx)).map(mark).collect()
}

/// A ledger's amount: beyond 2^63-1 it is refused.
pub(super) fn amount(bytes: u64) -> rusqlite::Result<i64> {
    i64::try_from(bytes).map_err(|_| unwritable(format!("{bytes} is larger than 2^63-1")))
}

/// Bytes of the history: they stay at 2^63-1 rather than be refused, since no
/// link moves as much and a refusal would stop every later commit.
pub(super) fn history(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

/// Bytes of the history from two columns.
pub(super) fn history_traffic(row: &Row<'_>) -> rusqlite::Result<Traffic> {
    Ok(Traffic { rx: unsigned(row, "rx")?, tx: unsigned(row, "tx")? })
}

/// An integer that is not negative.
pub(super) fn unsigned(row: &Row<'_>, column: &str) -> rusqlite::Result<u64> {
    let value: i64 = row.get(column)?;
    u64::try_from(value).map_err(|_| unreadable(column, "negative"))
}

/// A SIM's number.
pub(super) fn sim(row: &Row<'_>, column: &str) -> rusqlite::Result<SimId> {
    row.get(column).map(SimId)
}

/// The number of a tier.
pub(super) fn tier_number(tier: Tier) -> i64 {
    match tier {
        Tier::FiveMinutes => 1,
        Tier::Hour => 2,
        Tier::Day => 3,
        Tier::Month => 4,
        Tier::Year => 5,
    }
}

/// Days since 1970-01-01.
pub(super) fn day_number(day: Date) -> i64 {
    Date::constant(1970, 1, 1).duration_until(day).as_hours() / 24
}

/// The day that may be in a column.
pub(super) fn day(row: &Row<'_>, column: &str) -> rusqlite::Result<Option<Date>> {
    let Some(number) = row.get::<_, Option<i32>>(column)? else { return Ok(None) };
    let day = Date::constant(1970, 1, 1).checked_add(number.days());
    day.map(Some).map_err(|_| unreadable(column, "no day"))
}

/// When something was recorded, from its four columns.
pub(super) fn stamp(row: &Row<'_>) -> rusqlite::Result<Stamp> {
    stamp_of(row, ["at_boot", "at_ms", "at_wall_s", "at_trust"])
}

/// The same, from columns of other names, in that order.
pub(super) fn stamp_of(row: &Row<'_>, columns: [&str; 4]) -> rusqlite::Result<Stamp> {
    let [boot, ms, wall_s, trusted] = columns;
    let word: String = row.get(trusted)?;
    Ok(Stamp {
        boot_seq: row.get(boot)?,
        boot_ms: unsigned(row, ms)?,
        wall_s: row.get(wall_s)?,
        trust: trust(&word).ok_or_else(|| unreadable(trusted, &word))?,
    })
}

fn trust(word: &str) -> Option<Trust> {
    let all = [Trust::Untrusted, Trust::Modem, Trust::Ntp, Trust::Backend];
    all.into_iter().find(|trust| trust.word() == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_from_1970() {
        for (year, month, day, number) in
            [(1970, 1, 1, 0), (1969, 12, 31, -1), (2026, 2, 28, 20_512), (9999, 12, 31, 2_932_896)]
        {
            let date = Date::constant(year, month, day);
            assert_eq!(day_number(date), number);
            let span = i32::try_from(number).unwrap().days();
            assert_eq!(Date::constant(1970, 1, 1).checked_add(span).unwrap(), date);
        }
    }
}
