//! Reads at the start: all that the engine needs to go on.

use rusqlite::{Connection, Row};

use super::cells::{
    counter, history_traffic, marks, sim, stamp, tier_number, unreadable, unsigned,
};
use super::{Boot, backend_read, ledger_read, write};
use crate::domain::persist::{BaselineRow, BootRow, Loaded, Role, SimRow, UnplacedRow};
use crate::domain::sim::{Iccid, SimId};
use crate::domain::snapshot::Tier;
use crate::domain::time::UnixS;
use crate::domain::units::Traffic;

/// The days of `Loaded::days`, s.
const DAYS_S: i64 = 62 * 86_400;

/// Everything a start reads.
pub(super) fn load(conn: &Connection, boot: &Boot) -> rusqlite::Result<Loaded> {
    Ok(Loaded {
        seq: write::stored_seq(conn)?,
        baselines: all(conn, "SELECT * FROM baselines ORDER BY role", baseline)?,
        sims: all(conn, "SELECT * FROM sims ORDER BY id", sim_row)?,
        unplaced: all(
            conn,
            "SELECT * FROM unplaced ORDER BY boot_seq, slot, sim, roaming",
            unplaced,
        )?,
        boots: boots(conn, boot)?,
        next_event_id: conn.query_row(
            "SELECT coalesce(max(id), 0) + 1 AS next FROM events",
            [],
            |row| unsigned(row, "next"),
        )?,
        books: ledger_read::books(conn)?,
        orders: all(conn, "SELECT * FROM topups ORDER BY number", backend_read::order)?,
        feed: backend_read::feed(conn)?,
        services: all(conn, "SELECT * FROM services ORDER BY iccid", backend_read::service)?,
        alerts: all(
            conn,
            "SELECT * FROM alerts ORDER BY sim, kind, threshold",
            ledger_read::alert,
        )?,
        replaced: None,
        days: days(conn)?,
    })
}

/// The number of this boot: the newest one's when it is the same, else the next.
/// It is written with the first commit, so that a start writes nothing.
pub(super) fn boot_seq(conn: &Connection, boot_id: &str) -> rusqlite::Result<u32> {
    let mut newest =
        conn.prepare("SELECT boot_seq, boot_id FROM boots ORDER BY boot_seq DESC LIMIT 1")?;
    let mut rows = newest.query([])?;
    let Some(row) = rows.next()? else { return Ok(1) };
    let seq: u32 = row.get("boot_seq")?;
    let same = row.get::<_, String>("boot_id")? == boot_id;
    if same {
        return Ok(seq);
    }
    seq.checked_add(1).ok_or_else(|| unreadable("boot_seq", "there is none after it"))
}

/// Every row of a query.
pub(super) fn all<T>(
    conn: &Connection,
    sql: &str,
    read: fn(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Vec<T>> {
    conn.prepare(sql)?.query_map([], read)?.collect()
}

fn baseline(row: &Row<'_>) -> rusqlite::Result<BaselineRow> {
    let number: i64 = row.get("role")?;
    let role = [Role::Metered, Role::CrossCheck]
        .into_iter()
        .find(|role| write::role_number(*role) == number)
        .ok_or_else(|| unreadable("role", "unknown"))?;
    Ok(BaselineRow {
        role,
        source: row.get("source")?,
        device: row.get("device")?,
        epoch: row.get("epoch")?,
        sim: sim(row, "sim")?,
        marks: marks(row)?,
        at: stamp(row)?,
    })
}

fn sim_row(row: &Row<'_>) -> rusqlite::Result<SimRow> {
    Ok(SimRow {
        id: sim(row, "id")?,
        iccid: iccid(row)?,
        merged_into: row.get::<_, Option<u32>>("merged_into")?.map(SimId),
        home: counter(row, "home_rx", "home_tx")?,
        roaming: counter(row, "roaming_rx", "roaming_tx")?,
    })
}

/// A card's number that may be absent.
pub(super) fn iccid(row: &Row<'_>) -> rusqlite::Result<Option<Iccid>> {
    let text: Option<String> = row.get("iccid")?;
    text.map(|text| Iccid::parse(&text).map_err(|error| unreadable("iccid", &error.to_string())))
        .transpose()
}

fn unplaced(row: &Row<'_>) -> rusqlite::Result<UnplacedRow> {
    Ok(UnplacedRow {
        boot_seq: row.get("boot_seq")?,
        slot: row.get("slot")?,
        sim: sim(row, "sim")?,
        roaming: row.get("roaming")?,
        bytes: history_traffic(row)?,
    })
}

fn boots(conn: &Connection, boot: &Boot) -> rusqlite::Result<Vec<BootRow>> {
    // From the last trusted boot at or before the first that waits for its place.
    let mut select = conn.prepare(
        "SELECT * FROM boots WHERE boot_seq >= coalesce(
            (SELECT max(boot_seq) FROM boots WHERE last_trusted_s IS NOT NULL AND boot_seq <=
                coalesce((SELECT min(boot_seq) FROM unplaced), 4294967295)),
            (SELECT min(boot_seq) FROM unplaced),
            ?1)
         ORDER BY boot_seq",
    )?;
    let mut boots: Vec<BootRow> = select
        .query_map([boot.seq], |row| {
            Ok(BootRow {
                boot_seq: row.get("boot_seq")?,
                started_s: row.get("started_s")?,
                last_boot_ms: unsigned(row, "last_boot_ms")?,
                last_trusted_s: row.get("last_trusted_s")?,
            })
        })?
        .collect::<rusqlite::Result<_>>()?;
    if boots.last().is_none_or(|last| last.boot_seq != boot.seq) {
        let (started_s, last_trusted_s) = (None, None);
        boots.push(BootRow { boot_seq: boot.seq, started_s, last_boot_ms: 0, last_trusted_s });
    }
    Ok(boots)
}

fn days(conn: &Connection) -> rusqlite::Result<Vec<(SimId, UnixS, Traffic)>> {
    let mut select = conn.prepare(
        "WITH days AS (
            SELECT sim, start, rx, tx FROM usage WHERE tier = ?1
            UNION ALL SELECT sim, start, rx, tx FROM usage_now WHERE tier = ?1)
         SELECT sim, start, rx, tx FROM days
            WHERE start > (SELECT max(start) FROM days) - ?2 ORDER BY sim, start",
    )?;
    let mut rows = select.query([tier_number(Tier::Day), DAYS_S])?;
    let mut days: Vec<(SimId, UnixS, Traffic)> = Vec::new();
    while let Some(row) = rows.next()? {
        let (id, start, bytes) = (sim(row, "sim")?, row.get("start")?, history_traffic(row)?);
        match days.last_mut() {
            Some((last_id, last_start, sum)) if (*last_id, *last_start) == (id, start) => {
                *sum = sum.plus(bytes);
            }
            Some(_) | None => days.push((id, start, bytes)),
        }
    }
    Ok(days)
}
