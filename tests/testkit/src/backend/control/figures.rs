//! Owns the commands that change what a SIM has.

use rusqlite::params;
use serde_json::{Value, json};

use crate::backend::desk::Desk;
use crate::backend::events;
use crate::backend::fields::instant;
use crate::backend::ledger::{self, NewBucket};
use crate::backend::problem::Fail;

/// The pool that commands fill.
const POOL: &str = "pool";

/// Adds or takes bytes, and tells the terminal.
pub(super) fn adjust(
    desk: &Desk<'_>,
    serial: &str,
    bytes: &str,
    id: Option<&str>,
) -> Result<(), Fail> {
    let signed: i64 = Some(bytes)
        .filter(|text| text.starts_with(['+', '-']))
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| Fail::command(format!("{bytes}: +BYTES or -BYTES")))?;
    let terminal = desk.terminal(serial)?;
    let sim = desk.sim_of_terminal(&terminal.serial)?;
    let bucket = match id {
        Some(id) => Some(
            ledger::bucket_of(desk, &sim.sim, id)?
                .ok_or_else(|| Fail::command(format!("{serial} has no bytes of {id}")))?,
        ),
        None => None,
    };
    if signed < 0 {
        let taken = signed.checked_neg().ok_or_else(|| Fail::command("that is too much"))?;
        ledger::take(desk, &sim, bucket.as_ref(), bucket.is_some(), taken)?;
    } else if let Some(bucket) = &bucket {
        ledger::add(desk, &bucket.id, "granted", signed)?;
    } else {
        open(desk, &sim.sim, "Adjustment", signed)?;
    }
    ledger::enter_bytes(desk, (&sim.sim, serial), "adjustment", id, signed)?;
    let number = desk.number("adjustment")?;
    let mut body = json!({
        "id": format!("A-{number}"), "iccid": sim.iccid, "bytes": signed,
        "at": instant(desk.now()), "note": "by the operator",
    });
    if let (Some(id), Some(members)) = (id, body.as_object_mut()) {
        members.insert("topup_id".to_owned(), json!(id));
    }
    events::publish(desk, serial, "adjustment", &body)
}

fn open(desk: &Desk<'_>, account: &str, name: &str, bytes: i64) -> Result<(), Fail> {
    let new = NewBucket {
        account,
        topup_id: None,
        name,
        kind: "add_on",
        bytes,
        valid_from: Some(desk.now()),
        valid_to: None,
    };
    ledger::open(desk, &new).map(|_| ())
}

/// Makes the operator's figure this one. The terminal hears of an event that it does not know, and with it the
/// figure.
pub(super) fn correct(desk: &Desk<'_>, serial: &str, bytes: i64) -> Result<(), Fail> {
    let sim = desk.sim_of_terminal(&desk.terminal(serial)?.serial)?;
    let more = bytes.saturating_sub(ledger::usable(desk, &sim)?);
    if more < 0 {
        ledger::take(desk, &sim, None, false, -more)?;
    } else if more > 0 {
        open(desk, &sim.sim, "Correction", more)?;
    }
    ledger::enter_bytes(desk, (&sim.sim, serial), "correction", None, more)?;
    events::publish(desk, serial, "balance", &Value::Null)
}

/// Lets a SIM draw from a pool that has so many bytes; or from it no more.
pub(super) fn draw_from(desk: &Desk<'_>, serial: &str, bytes: Option<i64>) -> Result<(), Fail> {
    let sim = desk.sim_of_terminal(&desk.terminal(serial)?.serial)?;
    if let Some(bytes) = bytes {
        desk.db.execute("DELETE FROM buckets WHERE account = ?1", [POOL])?;
        open(desk, POOL, "Shared pool", bytes)?;
    }
    desk.db.execute(
        "UPDATE sims SET pool = ?2 WHERE sim = ?1",
        params![sim.sim, bytes.map(|_| POOL)],
    )?;
    events::publish(desk, serial, "balance", &Value::Null)
}
