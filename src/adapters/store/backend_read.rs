//! Reads what concerns the backend.

use rusqlite::{Connection, Row};

use super::cells::{stamp_of, unreadable, unsigned};
use super::read::all;
use crate::domain::errand::Payment;
use crate::domain::feed::{Cursor, Feed};
use crate::domain::money::{Cost, Currency, Money, MoneyError, Rate};
use crate::domain::orders::Order;
use crate::domain::persist::ServiceRow;
use crate::domain::sim::Iccid;
use crate::domain::topup::{Activation, Channel, Kept, Package, State, Terms, TopUp, Validity};

/// A top-up.
pub(super) fn order(row: &Row<'_>) -> rusqlite::Result<Order> {
    let terms = Terms {
        iccid: iccid(row)?,
        channel: word(row, "channel", Channel::from_word)?,
        package: word(row, "package", Package::from_word)?,
        bytes: unsigned(row, "bytes")?,
        activation: word(row, "activation", Activation::from_word)?,
    };
    let kept = Kept {
        terms,
        state: word(row, "state", State::from_word)?,
        sent: row.get("sent")?,
        id: row.get("backend_id")?,
        validity: Validity { from: row.get("valid_from")?, to: row.get("valid_to")? },
        cost: cost(row)?,
        reason: row.get("reason")?,
        taken_back: unsigned(row, "taken_back")?,
    };
    let code: Option<String> = row.get("payment_code")?;
    let expires_at: Option<i64> = row.get("payment_expires_at")?;
    Ok(Order {
        number: unsigned(row, "number")?,
        key: row.get("key")?,
        request_id: row.get("request_id")?,
        quote_id: row.get("quote_id")?,
        offer_id: row.get("offer_id")?,
        name: row.get("name")?,
        topup: TopUp::load(kept),
        payment: code.zip(expires_at).map(|(code, expires_at)| Payment { code, expires_at }),
        reference: row.get("reference")?,
        placed: stamp_of(row, ["placed_boot", "placed_ms", "placed_wall_s", "placed_trust"])?,
        changed: stamp_of(row, ["changed_boot", "changed_ms", "changed_wall_s", "changed_trust"])?,
        cancel_asked: row.get("cancel_asked")?,
        forgotten: row.get("forgotten")?,
    })
}

fn cost(row: &Row<'_>) -> rusqlite::Result<Option<Cost>> {
    let wrong = |error: MoneyError| unreadable("total", &error.to_string());
    let Some(currency) = row.get::<_, Option<String>>("currency")? else { return Ok(None) };
    let currency = Currency::parse(&currency).map_err(wrong)?;
    let money = |column| -> rusqlite::Result<Money> {
        Money::new(unsigned(row, column)?, currency).map_err(wrong)
    };
    let rate = match row.get::<_, Option<String>>("rate")? {
        None => None,
        Some(value) => {
            let from: String = row.get("rate_from")?;
            let from = Currency::parse(&from).map_err(wrong)?;
            let (source, at): (String, i64) = (row.get("rate_source")?, row.get("rate_at")?);
            Some(Rate::parse(&value, from, currency, &source, at).map_err(wrong)?)
        }
    };
    let cost = Cost::new(money("price")?, money("fee")?, money("total")?, rate, None);
    cost.map(Some).map_err(wrong)
}

/// How far the terminal has come with the backend's events.
pub(super) fn feed(conn: &Connection) -> rusqlite::Result<Feed> {
    let rows = all(conn, "SELECT * FROM feed", |row| {
        let stream: Option<String> = row.get("stream")?;
        let cursor = match stream {
            Some(stream) => Some(Cursor { stream, after: unsigned(row, "after")? }),
            None => None,
        };
        Ok(Feed { cursor, caught_up: row.get("caught_up")? })
    })?;
    Ok(rows.into_iter().next().unwrap_or_default())
}

/// What the operator last said of a SIM.
pub(super) fn service(row: &Row<'_>) -> rusqlite::Result<ServiceRow> {
    Ok(ServiceRow { iccid: iccid(row)?, state: row.get("state")?, at: row.get("at")? })
}

fn iccid(row: &Row<'_>) -> rusqlite::Result<Iccid> {
    let text: String = row.get("iccid")?;
    Iccid::parse(&text).map_err(|error| unreadable("iccid", &error.to_string()))
}

fn word<T>(row: &Row<'_>, column: &str, named: impl Fn(&str) -> Option<T>) -> rusqlite::Result<T> {
    let word: String = row.get(column)?;
    named(&word).ok_or_else(|| unreadable(column, &word))
}
