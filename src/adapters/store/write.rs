//! One batch in one transaction. A batch that is on disk already is not applied
//! again: a crash after the commit and before its acknowledgement costs nothing.

use rusqlite::{Connection, OptionalExtension as _, Result, Transaction, params};

use super::cells;
use crate::domain::alert::AlertState;
use crate::domain::event::Event;
use crate::domain::ledger::{BucketKind, Changes, OverdraftTime};
use crate::domain::persist::{BaselineRow, Batch, BootRow, Role, SimRow, UsageDelta};

/// Events that are kept; the oldest go first. The ledger is kept for ever.
const EVENTS_KEPT: u64 = 10_000;

/// Writes a batch; `boot_id` names the boot that the batch's boot row is of.
pub(super) fn batch(connection: &mut Connection, batch: &Batch, boot_id: &str) -> Result<()> {
    let tx = connection.transaction()?;
    let stored: i64 = tx.query_row("SELECT seq FROM meta", [], |row| row.get(0))?;
    let seq = cells::amount(batch.seq)?;
    if seq <= stored {
        return Ok(());
    }
    tx.prepare_cached("UPDATE meta SET seq = ?1")?.execute([seq])?;
    for row in &batch.baselines {
        baseline(&tx, row)?;
    }
    for row in &batch.sims {
        sim(&tx, row)?;
    }
    for (to, from) in &batch.merged_sims {
        merge(&tx, to.0, from.0)?;
    }
    for delta in &batch.usage {
        usage(&tx, delta)?;
    }
    for row in &batch.unplaced {
        tx.prepare_cached("INSERT OR REPLACE INTO unplaced VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
            .execute(params![
                row.boot_seq,
                row.slot,
                row.sim.0,
                row.roaming,
                cells::amount(row.bytes.rx)?,
                cells::amount(row.bytes.tx)?
            ])?;
    }
    for boot_seq in &batch.placed_boots {
        tx.execute("DELETE FROM unplaced WHERE boot_seq = ?1", [boot_seq])?;
    }
    if let Some(row) = &batch.boot {
        boot(&tx, row, boot_id)?;
    }
    for row in &batch.events {
        event(&tx, row)?;
    }
    for changes in &batch.ledger {
        ledger(&tx, changes)?;
    }
    for row in &batch.alerts {
        alert(&tx, row)?;
    }
    for (tier, before) in &batch.prune {
        tx.execute(
            "DELETE FROM usage WHERE tier = ?1 AND start < ?2",
            params![cells::tier(*tier), before],
        )?;
    }
    tx.commit()
}

fn baseline(tx: &Transaction<'_>, row: &BaselineRow) -> Result<()> {
    let role = match row.role {
        Role::Metered => 0,
        Role::CrossCheck => 1,
    };
    tx.prepare_cached(
        "INSERT OR REPLACE INTO baselines VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    )?
    .execute(params![
        role,
        row.source,
        row.device,
        row.epoch,
        row.sim.0,
        cells::counter(row.counter.rx),
        cells::counter(row.counter.tx),
        row.at.boot_seq,
        cells::amount(row.at.boot_ms)?,
        row.at.wall_s,
        cells::trust(row.at.trust)
    ])?;
    Ok(())
}

fn sim(tx: &Transaction<'_>, row: &SimRow) -> Result<()> {
    tx.prepare_cached("INSERT OR REPLACE INTO sims VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?.execute(
        params![
            row.id.0,
            row.iccid.as_ref().map(|iccid| iccid.as_str()),
            row.merged_into.map(|into| into.0),
            cells::counter(row.home.rx),
            cells::counter(row.home.tx),
            cells::counter(row.roaming.rx),
            cells::counter(row.roaming.tx)
        ],
    )?;
    Ok(())
}

/// What SIM `from` moved becomes SIM `to`'s. Rows that wait for a time were
/// replaced by the same batch under their new SIM: the old ones only go.
fn merge(tx: &Transaction<'_>, to: u32, from: u32) -> Result<()> {
    tx.execute(
        "INSERT INTO usage SELECT ?1, tier, start, roaming, rx, tx, estimated FROM usage \
         WHERE sim = ?2 ON CONFLICT (sim, tier, start, roaming) DO UPDATE SET \
         rx = rx + excluded.rx, tx = tx + excluded.tx, \
         estimated = max(estimated, excluded.estimated)",
        [to, from],
    )?;
    tx.execute("DELETE FROM usage WHERE sim = ?1", [from])?;
    tx.execute("DELETE FROM unplaced WHERE sim = ?1", [from])?;
    Ok(())
}

fn usage(tx: &Transaction<'_>, delta: &UsageDelta) -> Result<()> {
    tx.prepare_cached(
        "INSERT INTO usage VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) \
         ON CONFLICT (sim, tier, start, roaming) DO UPDATE SET rx = rx + excluded.rx, \
         tx = tx + excluded.tx, estimated = max(estimated, excluded.estimated)",
    )?
    .execute(params![
        delta.sim.0,
        cells::tier(delta.tier),
        delta.start,
        delta.roaming,
        cells::amount(delta.bytes.rx)?,
        cells::amount(delta.bytes.tx)?,
        delta.estimated
    ])?;
    Ok(())
}

fn boot(tx: &Transaction<'_>, row: &BootRow, boot_id: &str) -> Result<()> {
    tx.prepare_cached(
        "INSERT INTO boots VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (boot_seq) DO UPDATE SET \
         started_s = excluded.started_s, last_boot_ms = excluded.last_boot_ms, \
         last_trusted_s = excluded.last_trusted_s",
    )?
    .execute(params![
        row.boot_seq,
        boot_id,
        row.started_s,
        cells::amount(row.last_boot_ms)?,
        row.last_trusted_s
    ])?;
    Ok(())
}

fn event(tx: &Transaction<'_>, event: &Event) -> Result<()> {
    let cell = |value: Option<u64>| value.map(cells::counter);
    tx.prepare_cached(
        "INSERT INTO events VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, \
         ?15, ?16)",
    )?
    .execute(params![
        cells::amount(event.id)?,
        event.kind.word(),
        event.source,
        event.sim.map(|sim| sim.0),
        event.at.boot_seq,
        cells::amount(event.at.boot_ms)?,
        event.at.wall_s,
        cells::trust(event.at.trust),
        cell(event.before.map(|before| before.rx)),
        cell(event.before.map(|before| before.tx)),
        cell(event.seen.map(|seen| seen.rx)),
        cell(event.seen.map(|seen| seen.tx)),
        cells::counter(event.counted.rx),
        cells::counter(event.counted.tx),
        event.uncounted,
        event.detail
    ])?;
    let last_gone = event.id.saturating_sub(EVENTS_KEPT);
    if last_gone > 0 {
        tx.prepare_cached("DELETE FROM events WHERE id <= ?1")?
            .execute([cells::amount(last_gone)?])?;
    }
    Ok(())
}

fn ledger(tx: &Transaction<'_>, changes: &Changes) -> Result<()> {
    if let Some(account) = &changes.account {
        tx.prepare_cached("INSERT OR REPLACE INTO accounts VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?
            .execute(params![
            account.sim.0,
            cells::figures(&account.figures),
            account.known_s,
            account.open_day.map(cells::day),
            cells::amount(account.next_entry_id)?,
            cells::amount(account.next_bucket_id)?,
            cells::amount(account.next_overdraft_id)?
        ])?;
    }
    for bucket in &changes.buckets {
        let terms = match bucket.kind {
            BucketKind::Plan(terms) => Some(terms),
            BucketKind::TopUp | BucketKind::AddOn | BucketKind::Opening => None,
        };
        tx.prepare_cached(
            "INSERT OR REPLACE INTO buckets VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        )?
        .execute(params![
            bucket.sim.0,
            cells::amount(bucket.id)?,
            bucket.key,
            bucket.kind.word(),
            terms.map(|terms| cells::amount(terms.allowance)).transpose()?,
            terms.map(|terms| terms.cycle.to_string()),
            cells::figures(&bucket.figures),
            bucket.valid_from,
            bucket.expires_at,
            bucket.status.word(),
            cells::amount(bucket.open_day_bytes)?
        ])?;
    }
    for overdraft in &changes.overdrafts {
        let (boot_seq, placed) = match overdraft.time {
            OverdraftTime::Placed { day, first_s, last_s } => {
                (None, Some((cells::day(day), first_s, last_s)))
            }
            OverdraftTime::Unplaced { boot_seq } => (Some(boot_seq), None),
        };
        tx.prepare_cached(
            "INSERT OR REPLACE INTO overdrafts VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .execute(params![
            overdraft.sim.0,
            cells::amount(overdraft.id)?,
            boot_seq,
            placed.map(|(day, _, _)| day),
            placed.map(|(_, first_s, _)| first_s),
            placed.map(|(_, _, last_s)| last_s),
            cells::amount(overdraft.bytes)?,
            cells::amount(overdraft.absorbed)?,
            cells::amount(overdraft.entered)?
        ])?;
    }
    for entry in &changes.entries {
        tx.prepare_cached(
            "INSERT INTO entries VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        )?
        .execute(params![
            entry.sim.0,
            cells::amount(entry.id)?,
            entry.bucket.map(cells::amount).transpose()?,
            entry.kind.word(),
            entry.bytes,
            entry.at.boot_seq,
            cells::amount(entry.at.boot_ms)?,
            entry.at.wall_s,
            cells::trust(entry.at.trust),
            entry.day.map(cells::day),
            entry.note
        ])?;
    }
    Ok(())
}

fn alert(tx: &Transaction<'_>, state: &AlertState) -> Result<()> {
    let at = state.fired_at;
    tx.prepare_cached(
        "INSERT OR REPLACE INTO alerts VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?
    .execute(params![
        state.sim.0,
        state.kind.word(),
        state.threshold,
        state.scope,
        cells::amount(state.baseline)?,
        at.is_some(),
        at.map_or(0, |at| at.boot_seq),
        at.map(|at| cells::amount(at.boot_ms)).transpose()?.unwrap_or(0),
        at.map_or(0, |at| at.wall_s),
        at.map_or(0, |at| cells::trust(at.trust))
    ])?;
    Ok(())
}

/// The number of a boot: the one that it has, or the next. It is written with
/// the first batch of the boot, so that a start writes nothing.
pub(super) fn boot_seq(connection: &Connection, boot_id: &str) -> Result<u32> {
    let known = connection
        .query_row("SELECT boot_seq FROM boots WHERE boot_id = ?1", [boot_id], |row| row.get(0))
        .optional()?;
    match known {
        Some(boot_seq) => Ok(boot_seq),
        None => {
            connection
                .query_row("SELECT coalesce(max(boot_seq), 0) + 1 FROM boots", [], |row| row.get(0))
        }
    }
}
