//! Values as they lie in columns, and back. A cell that holds something else is
//! an error of the database, never a panic.

use jiff::civil::Date;
use rusqlite::types::{FromSqlError, Type};
use rusqlite::{Error, Result, Row};

use crate::domain::ledger::Figures;
use crate::domain::snapshot::Tier;
use crate::domain::time::{Stamp, Trust};
use crate::domain::units::Traffic;

/// A counter: 8 bytes, big-endian.
pub(super) fn counter(value: u64) -> [u8; 8] {
    value.to_be_bytes()
}

/// An amount; those that do not fit are refused before they are written.
pub(super) fn amount(value: u64) -> Result<i64> {
    i64::try_from(value).map_err(|error| Error::ToSqlConversionFailure(Box::new(error)))
}

/// A cell that cannot be what it says.
pub(super) fn wrong(column: usize, what: &str) -> Error {
    let what = FromSqlError::Other(what.to_owned().into());
    Error::FromSqlConversionFailure(column, Type::Null, Box::new(what))
}

pub(super) fn get_counter(row: &Row<'_>, column: usize) -> Result<u64> {
    row.get::<_, [u8; 8]>(column).map(u64::from_be_bytes)
}

pub(super) fn get_amount(row: &Row<'_>, column: usize) -> Result<u64> {
    let value: i64 = row.get(column)?;
    u64::try_from(value).map_err(|_| wrong(column, "a negative amount"))
}

/// Two counters side by side.
pub(super) fn get_traffic(row: &Row<'_>, column: usize) -> Result<Traffic> {
    Ok(Traffic { rx: get_counter(row, column)?, tx: get_counter(row, column + 1)? })
}

/// Two counters side by side that may be missing.
pub(super) fn get_traffic_if(row: &Row<'_>, column: usize) -> Result<Option<Traffic>> {
    let present: Option<[u8; 8]> = row.get(column)?;
    present.map(|_| get_traffic(row, column)).transpose()
}

/// Two amounts side by side.
pub(super) fn get_amounts(row: &Row<'_>, column: usize) -> Result<Traffic> {
    Ok(Traffic { rx: get_amount(row, column)?, tx: get_amount(row, column + 1)? })
}

pub(super) fn tier(tier: Tier) -> i64 {
    match tier {
        Tier::FiveMinutes => 0,
        Tier::Hour => 1,
        Tier::Day => 2,
        Tier::Month => 3,
        Tier::Year => 4,
    }
}

pub(super) fn trust(trust: Trust) -> i64 {
    match trust {
        Trust::Untrusted => 0,
        Trust::Modem => 1,
        Trust::Ntp => 2,
        Trust::Backend => 3,
    }
}

/// Four columns: boot, boot clock, wall clock, trust.
pub(super) fn get_stamp(row: &Row<'_>, column: usize) -> Result<Stamp> {
    let trust = match row.get::<_, i64>(column + 3)? {
        0 => Trust::Untrusted,
        1 => Trust::Modem,
        2 => Trust::Ntp,
        3 => Trust::Backend,
        _ => return Err(wrong(column + 3, "no such trust")),
    };
    Ok(Stamp {
        boot_seq: row.get(column)?,
        boot_ms: get_amount(row, column + 1)?,
        wall_s: row.get(column + 2)?,
        trust,
    })
}

/// A day as yyyymmdd.
pub(super) fn day(date: Date) -> i64 {
    i64::from(date.year()) * 10_000 + i64::from(date.month()) * 100 + i64::from(date.day())
}

pub(super) fn get_day(row: &Row<'_>, column: usize) -> Result<Option<Date>> {
    let Some(number) = row.get::<_, Option<i64>>(column)? else { return Ok(None) };
    let part = |number: i64| i8::try_from(number).ok();
    let date = i16::try_from(number / 10_000)
        .ok()
        .zip(part(number / 100 % 100))
        .zip(part(number % 100))
        .and_then(|((year, month), day)| Date::new(year, month, day).ok());
    date.map(Some).ok_or_else(|| wrong(column, "no such day"))
}

/// The eleven figures of an account or a bucket, each 8 bytes, big-endian, in
/// the order of [`figure_list`].
pub(super) fn figures(figures: &Figures) -> Vec<u8> {
    figure_list(figures).iter().flat_map(|figure| figure.to_be_bytes()).collect()
}

fn figure_list(figures: &Figures) -> [u64; 11] {
    [
        figures.granted,
        figures.transferred_in,
        figures.overdraft,
        figures.adjusted.cast_unsigned(),
        figures.consumed,
        figures.remaining,
        figures.reserved,
        figures.expired,
        figures.transferred_out,
        figures.refunded,
        figures.reversed,
    ]
}

pub(super) fn get_figures(row: &Row<'_>, column: usize) -> Result<Figures> {
    let bytes: [u8; 88] = row.get(column)?;
    let mut words = bytes.as_chunks::<8>().0.iter().map(|word| u64::from_be_bytes(*word));
    let mut next = || words.next().unwrap_or(0);
    Ok(Figures {
        granted: next(),
        transferred_in: next(),
        overdraft: next(),
        adjusted: next().cast_signed(),
        consumed: next(),
        remaining: next(),
        reserved: next(),
        expired: next(),
        transferred_out: next(),
        refunded: next(),
        reversed: next(),
    })
}
