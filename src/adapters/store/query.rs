//! Reads what D-Bus asks for while running: history and events.

use rusqlite::{Connection, Row, params};

use super::cells::{
    amount, counter, counter_if_any, history_traffic, stamp, tier_number, unsigned,
};
use super::read::iccid;
use crate::domain::event::{Event, EventKind};
use crate::domain::sim::{Iccid, SimId};
use crate::domain::snapshot::{Tier, UsageRecord};
use crate::domain::time::UnixS;
use crate::domain::units::Traffic;

/// Events of one answer, at most.
const EVENTS_MAX: u32 = 1_000;

/// An event and the number of the SIM it concerns, or of the one that this SIM
/// was merged into.
pub type EventRecord = (Event, Option<Iccid>);

/// The slots of a tier with `from <= start < to`, oldest first.
pub(super) fn usage(
    conn: &Connection,
    sim: SimId,
    tier: Tier,
    from: UnixS,
    to: UnixS,
) -> rusqlite::Result<Vec<UsageRecord>> {
    let mut select = conn.prepare(
        "SELECT start, roaming, estimated, rx, tx FROM usage
            WHERE tier = ?1 AND sim = ?2 AND start >= ?3 AND start < ?4
         UNION ALL SELECT start, roaming, estimated, rx, tx FROM usage_now
            WHERE tier = ?1 AND sim = ?2 AND start >= ?3 AND start < ?4
         ORDER BY start",
    )?;
    let mut rows = select.query(params![tier_number(tier), sim.0, from, to])?;
    let mut records: Vec<UsageRecord> = Vec::new();
    while let Some(row) = rows.next()? {
        add(&mut records, row)?;
    }
    Ok(records)
}

/// Adds a row to the last record when it is of the same slot.
fn add(records: &mut Vec<UsageRecord>, row: &Row<'_>) -> rusqlite::Result<()> {
    let start: UnixS = row.get("start")?;
    if records.last().is_none_or(|last| last.start != start) {
        let (home, roaming) = (Traffic::ZERO, Traffic::ZERO);
        records.push(UsageRecord { start, home, roaming, estimated: false });
    }
    let bytes = history_traffic(row)?;
    let estimated: bool = row.get("estimated")?;
    let is_roaming: bool = row.get("roaming")?;
    if let Some(last) = records.last_mut() {
        let sum = if is_roaming { &mut last.roaming } else { &mut last.home };
        *sum = sum.plus(bytes);
        last.estimated |= estimated;
    }
    Ok(())
}

/// Events after an id, oldest first, `limit` at most (and 1,000).
pub(super) fn events(
    conn: &Connection,
    after_id: u64,
    limit: u32,
) -> rusqlite::Result<Vec<EventRecord>> {
    let mut select = conn.prepare(
        "SELECT events.*, coalesce(sims.iccid, merged.iccid) AS iccid FROM events
            LEFT JOIN sims ON sims.id = events.sim
            LEFT JOIN sims AS merged ON merged.id = sims.merged_into
         WHERE events.id > ?1 ORDER BY events.id LIMIT ?2",
    )?;
    let mut rows = select.query(params![amount(after_id)?, limit.min(EVENTS_MAX)])?;
    let mut records = Vec::new();
    while let Some(row) = rows.next()? {
        let kind: String = row.get("kind")?;
        // A newer program may have had kinds that this one has no word for.
        if let Some(kind) = EventKind::from_word(&kind) {
            records.push((event(row, kind)?, iccid(row)?));
        }
    }
    Ok(records)
}

fn event(row: &Row<'_>, kind: EventKind) -> rusqlite::Result<Event> {
    let source: String = row.get("source")?;
    Ok(Event {
        id: unsigned(row, "id")?,
        at: stamp(row)?,
        kind,
        source: known_source(&source),
        sim: row.get::<_, Option<u32>>("sim")?.map(SimId),
        before: counter_if_any(row, "before_rx", "before_tx")?,
        seen: counter_if_any(row, "seen_rx", "seen_tx")?,
        counted: counter(row, "counted_rx", "counted_tx")?,
        uncounted: row.get("uncounted")?,
        detail: row.get("detail")?,
    })
}

/// The word of a source as the domain holds it.
fn known_source(word: &str) -> &'static str {
    let known = ["", "at", "qmi", "modemmanager", "netdev"];
    known.into_iter().find(|source| *source == word).unwrap_or("unknown")
}
