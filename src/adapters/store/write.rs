//! Writes a batch: one transaction, applied once.

use rusqlite::{Connection, Transaction, TransactionBehavior, params};

use super::cells::{amount, history, mark_cells, tier_number};
use super::{Applied, Boot, backend_write, ledger_write, record_write, usage_write};
use crate::domain::persist::{BaselineRow, Batch, Role, SimRow};

/// Boots whose row is kept, besides those that something still waits for.
const BOOTS_KEPT: u32 = 1_000;

/// Applies a batch, unless it is not newer than what is stored: then it was
/// applied before, and only its acknowledgement was lost.
///
/// Statements are prepared anew for each batch: there are some dozens of commits
/// a day, and cached statements would hold memory all the time.
pub(super) fn apply(
    conn: &mut Connection,
    boot: &Boot,
    batch: &Batch,
) -> rusqlite::Result<Applied> {
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if batch.seq <= stored_seq(&tx)? {
        return Ok(Applied::Before);
    }
    put_boot(&tx, boot, batch)?;
    put_sims(&tx, &batch.sims)?;
    usage_write::merge(&tx, &batch.merged_sims)?;
    usage_write::put_unplaced(&tx, &batch.placed_boots, &batch.unplaced)?;
    usage_write::add(&tx, &batch.usage)?;
    put_baselines(&tx, &batch.baselines)?;
    for changes in &batch.ledger {
        ledger_write::put(&tx, changes)?;
    }
    backend_write::put_orders(&tx, &batch.orders)?;
    backend_write::put(&tx, &batch.backend)?;
    record_write::put_alerts(&tx, &batch.alerts)?;
    record_write::put_events(&tx, &batch.events)?;
    prune(&tx, batch)?;
    tx.commit()?;
    Ok(Applied::Now)
}

/// The number of the last batch that was applied: in the newest boot's row.
pub(super) fn stored_seq(conn: &Connection) -> rusqlite::Result<u64> {
    let mut newest = conn.prepare("SELECT seq FROM boots ORDER BY boot_seq DESC LIMIT 1")?;
    let mut rows = newest.query([])?;
    rows.next()?.map_or(Ok(0), |row| super::cells::unsigned(row, "seq"))
}

fn put_boot(tx: &Transaction<'_>, boot: &Boot, batch: &Batch) -> rusqlite::Result<()> {
    let is_new = tx.execute(
        "INSERT INTO boots (boot_seq, boot_id, seq, last_boot_ms) VALUES (?1, ?2, 0, 0)
         ON CONFLICT DO NOTHING",
        params![boot.seq, boot.id],
    )? > 0;
    if is_new {
        tx.execute(
            "DELETE FROM boots WHERE boot_seq + ?2 <= ?1
                AND boot_seq NOT IN (SELECT boot_seq FROM unplaced)
                AND boot_seq NOT IN (SELECT boot_seq FROM overdrafts WHERE boot_seq IS NOT NULL)",
            params![boot.seq, BOOTS_KEPT],
        )?;
    }
    if let Some(row) = batch.boot {
        tx.execute(
            "INSERT INTO boots (boot_seq, boot_id, seq, started_s, last_boot_ms, last_trusted_s)
             VALUES (?1, '', 0, ?2, ?3, ?4)
             ON CONFLICT (boot_seq) DO UPDATE SET started_s = excluded.started_s,
                last_boot_ms = excluded.last_boot_ms, last_trusted_s = excluded.last_trusted_s",
            params![row.boot_seq, row.started_s, amount(row.last_boot_ms)?, row.last_trusted_s],
        )?;
    }
    let seq = amount(batch.seq)?;
    tx.execute("UPDATE boots SET seq = ?2 WHERE boot_seq = ?1", params![boot.seq, seq])?;
    Ok(())
}

fn put_sims(tx: &Transaction<'_>, sims: &[SimRow]) -> rusqlite::Result<()> {
    if sims.is_empty() {
        return Ok(());
    }
    let mut put = tx.prepare(
        "INSERT INTO sims (id, iccid, merged_into, home_rx, home_tx, roaming_rx, roaming_tx)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (id) DO UPDATE SET iccid = excluded.iccid,
            merged_into = excluded.merged_into, home_rx = excluded.home_rx,
            home_tx = excluded.home_tx, roaming_rx = excluded.roaming_rx,
            roaming_tx = excluded.roaming_tx",
    )?;
    for sim in sims {
        put.execute(params![
            sim.id.0,
            sim.iccid.as_ref().map(|iccid| iccid.as_str()),
            sim.merged_into.map(|into| into.0),
            sim.home.rx.to_be_bytes(),
            sim.home.tx.to_be_bytes(),
            sim.roaming.rx.to_be_bytes(),
            sim.roaming.tx.to_be_bytes(),
        ])?;
    }
    Ok(())
}

fn put_baselines(tx: &Transaction<'_>, baselines: &[BaselineRow]) -> rusqlite::Result<()> {
    if baselines.is_empty() {
        return Ok(());
    }
    let mut put = tx.prepare(
        "INSERT INTO baselines (role, source, device, epoch, sim, parts, rx, tx,
            at_boot, at_ms, at_wall_s, at_trust)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
         ON CONFLICT (role) DO UPDATE SET source = excluded.source, device = excluded.device,
            epoch = excluded.epoch, sim = excluded.sim, parts = excluded.parts,
            rx = excluded.rx, tx = excluded.tx, at_boot = excluded.at_boot, at_ms = excluded.at_ms, at_wall_s = excluded.at_wall_s,
            at_trust = excluded.at_trust",
    )?;
    for row in baselines {
        let (parts, rx, tx_bytes) = mark_cells(&row.marks);
        put.execute(params![
            role_number(row.role),
            row.source,
            row.device,
            row.epoch,
            row.sim.0,
            parts,
            rx,
            tx_bytes,
            row.at.boot_seq,
            amount(row.at.boot_ms)?,
            row.at.wall_s,
            row.at.trust.word(),
        ])?;
    }
    Ok(())
}

/// The number of a role.
pub(super) fn role_number(role: Role) -> i64 {
    match role {
        Role::Metered => 1,
        Role::CrossCheck => 2,
    }
}

fn prune(tx: &Transaction<'_>, batch: &Batch) -> rusqlite::Result<()> {
    for (tier, before) in &batch.prune {
        let bounds = params![tier_number(*tier), before];
        // SIM by SIM, so that the primary key finds the rows.
        tx.execute(
            "DELETE FROM usage WHERE tier = ?1 AND sim IN (SELECT id FROM sims) AND start < ?2",
            bounds,
        )?;
        tx.execute("DELETE FROM usage_now WHERE tier = ?1 AND start < ?2", bounds)?;
    }
    Ok(())
}

/// Bytes of the two directions, for the history's columns.
pub(super) fn history_pair(bytes: crate::domain::units::Traffic) -> (i64, i64) {
    (history(bytes.rx), history(bytes.tx))
}
