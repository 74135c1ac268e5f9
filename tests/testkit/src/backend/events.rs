//! Owns the streams of events: one a terminal, numbered from 1.

use rusqlite::params;
use serde_json::{Value, json};

use super::desk::Desk;
use super::problem::Fail;
use super::{moves, topups};

/// Adds an event. `body` is the resource that `kind` names; null where it has none.
pub(super) fn publish(desk: &Desk<'_>, serial: &str, kind: &str, body: &Value) -> Result<(), Fail> {
    desk.db.execute(
        "INSERT INTO events
         SELECT ?1, coalesce(max(seq), 0) + 1, ?2, ?3 FROM events WHERE serial = ?1",
        params![serial, kind, body.to_string()],
    )?;
    Ok(())
}

/// The number of the last event; 0 before the first.
pub(super) fn last(desk: &Desk<'_>, serial: &str) -> Result<i64, Fail> {
    let mut query =
        desk.db.prepare_cached("SELECT coalesce(max(seq), 0) FROM events WHERE serial = ?1")?;
    Ok(query.query_row([serial], |row| row.get(0))?)
}

/// The events after that number, at most so many, as the wire has them.
pub(super) fn after(
    desk: &Desk<'_>,
    serial: &str,
    after: i64,
    count: usize,
) -> Result<Vec<Value>, Fail> {
    let mut query = desk.db.prepare_cached(
        "SELECT seq, kind, body FROM events WHERE serial = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3",
    )?;
    let count = i64::try_from(count).unwrap_or(50);
    let rows = query.query_map(params![serial, after, count], |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?))
    })?;
    let mut events = Vec::new();
    for row in rows {
        let (seq, kind, body) = row?;
        let mut event = json!({"seq": seq, "kind": kind});
        let body: Value = serde_json::from_str(&body).unwrap_or_default();
        if let (Some(members), false) = (event.as_object_mut(), body.is_null()) {
            members.insert(kind, body);
        }
        events.push(event);
    }
    Ok(events)
}

/// Begins a new stream. Compact, it says each resource once, as it is now; else it repeats the history.
pub(super) fn reset(desk: &Desk<'_>, serial: &str, compact: bool) -> Result<String, Fail> {
    let stream = format!("r{}-{:x}", desk.number("stream")?, desk.now());
    desk.db
        .execute("UPDATE terminals SET stream = ?2 WHERE serial = ?1", params![serial, stream])?;
    if compact {
        let adjustments: Vec<Value> = after(desk, serial, 0, usize::MAX)?
            .into_iter()
            .filter_map(|event| event.get("adjustment").cloned())
            .collect();
        desk.db.execute("DELETE FROM events WHERE serial = ?1", [serial])?;
        for topup in topups::of_terminal(desk, serial)? {
            publish(desk, serial, "topup", &topup.to_json())?;
        }
        for adjustment in &adjustments {
            publish(desk, serial, "adjustment", adjustment)?;
        }
        moves::publish_all(desk, serial)?;
    }
    Ok(stream)
}
