//! Writes the history: bytes are added to the slot they belong to.
//!
//! The newest slot of each tier lies in `usage_now` (one page, written by each
//! commit) and moves to `usage` when a newer one begins; what is placed in the
//! past goes to `usage` at once. A slot may so have a row in both: its count is
//! their sum.

use rusqlite::{OptionalExtension, Transaction, params};

use super::cells::tier_number;
use super::write::history_pair;
use crate::domain::persist::{UnplacedRow, UsageDelta};
use crate::domain::sim::SimId;

const ADD_NOW: &str = "INSERT INTO usage_now (sim, roaming, tier, start, estimated, rx, tx)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
    ON CONFLICT (sim, roaming, tier) DO UPDATE SET
        start = excluded.start,
        estimated = max(estimated, excluded.estimated),
        rx = min(rx + excluded.rx, 9223372036854775807),
        tx = min(tx + excluded.tx, 9223372036854775807)";

const ADD_PAST: &str = "INSERT INTO usage (sim, roaming, tier, start, estimated, rx, tx)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
    ON CONFLICT (tier, sim, start, roaming) DO UPDATE SET
        estimated = max(estimated, excluded.estimated),
        rx = min(rx + excluded.rx, 9223372036854775807),
        tx = min(tx + excluded.tx, 9223372036854775807)";

/// Moves the newest slot to the others: it is not the newest any more.
const CLOSE: &str = "INSERT INTO usage (sim, roaming, tier, start, estimated, rx, tx)
    SELECT sim, roaming, tier, start, estimated, rx, tx FROM usage_now
        WHERE sim = ?1 AND roaming = ?2 AND tier = ?3
    ON CONFLICT (tier, sim, start, roaming) DO UPDATE SET
        estimated = max(estimated, excluded.estimated),
        rx = min(rx + excluded.rx, 9223372036854775807),
        tx = min(tx + excluded.tx, 9223372036854775807)";

/// Adds deltas to their slots.
pub(super) fn add(tx: &Transaction<'_>, deltas: &[UsageDelta]) -> rusqlite::Result<()> {
    if deltas.is_empty() {
        return Ok(());
    }
    let mut newest =
        tx.prepare("SELECT start FROM usage_now WHERE sim = ?1 AND roaming = ?2 AND tier = ?3")?;
    let mut add_now = tx.prepare(ADD_NOW)?;
    for delta in deltas {
        let (sim, tier) = (delta.sim.0, tier_number(delta.tier));
        let slot = params![sim, delta.roaming, tier];
        let open: Option<i64> = newest.query_row(slot, |row| row.get(0)).optional()?;
        let (rx, tx_bytes) = history_pair(delta.bytes);
        let row = params![sim, delta.roaming, tier, delta.start, delta.estimated, rx, tx_bytes];
        if open.is_some_and(|open| delta.start < open) {
            tx.execute(ADD_PAST, row)?;
            continue;
        }
        if open.is_some_and(|open| open < delta.start) {
            tx.execute(CLOSE, slot)?;
            tx.execute(
                "DELETE FROM usage_now WHERE sim = ?1 AND roaming = ?2 AND tier = ?3",
                slot,
            )?;
        }
        add_now.execute(row)?;
    }
    Ok(())
}

/// Adds the rows of one SIM to those of another and deletes them: (into, from).
pub(super) fn merge(tx: &Transaction<'_>, merged: &[(SimId, SimId)]) -> rusqlite::Result<()> {
    for (into, from) in merged {
        let (into, from) = (into.0, from.0);
        for table in ["usage_now", "usage"] {
            // To the past in either case: a slot may have a row in both.
            tx.execute(
                &format!(
                    "INSERT INTO usage (sim, roaming, tier, start, estimated, rx, tx)
                     SELECT ?1, roaming, tier, start, estimated, rx, tx FROM {table}
                        WHERE sim = ?2
                     ON CONFLICT (tier, sim, start, roaming) DO UPDATE SET
                        estimated = max(estimated, excluded.estimated),
                        rx = min(rx + excluded.rx, 9223372036854775807),
                        tx = min(tx + excluded.tx, 9223372036854775807)"
                ),
                params![into, from],
            )?;
            tx.execute(&format!("DELETE FROM {table} WHERE sim = ?1"), params![from])?;
        }
        tx.execute(
            "INSERT INTO unplaced (boot_seq, slot, sim, roaming, rx, tx)
             SELECT boot_seq, slot, ?1, roaming, rx, tx FROM unplaced WHERE sim = ?2
             ON CONFLICT (boot_seq, slot, sim, roaming) DO UPDATE SET
                rx = min(rx + excluded.rx, 9223372036854775807),
                tx = min(tx + excluded.tx, 9223372036854775807)",
            params![into, from],
        )?;
        tx.execute("DELETE FROM unplaced WHERE sim = ?1", params![from])?;
    }
    Ok(())
}

/// Deletes the unplaced rows of boots that have been placed, then writes those
/// that are new.
pub(super) fn put_unplaced(
    tx: &Transaction<'_>,
    placed_boots: &[u32],
    rows: &[UnplacedRow],
) -> rusqlite::Result<()> {
    for boot_seq in placed_boots {
        tx.execute("DELETE FROM unplaced WHERE boot_seq = ?1", params![boot_seq])?;
    }
    for row in rows {
        let (rx, tx_bytes) = history_pair(row.bytes);
        tx.execute(
            "INSERT INTO unplaced (boot_seq, slot, sim, roaming, rx, tx)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (boot_seq, slot, sim, roaming) DO UPDATE SET
                rx = excluded.rx, tx = excluded.tx",
            params![row.boot_seq, row.slot, row.sim.0, row.roaming, rx, tx_bytes],
        )?;
    }
    Ok(())
}
