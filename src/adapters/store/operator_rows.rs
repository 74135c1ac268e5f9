//! The ledger's rows that the operator's words make: actions, and postings that were
//! set aside.

use rusqlite::{Row, Transaction, params};

use super::cells::{amount, sim, stamp, unreadable, unsigned, unwritable};
use crate::domain::ledger::{Action, ActionKind, ActionState, Aside, AsideState};

/// Writes an action. One that has ended is written only with its end.
pub(super) fn put_action(tx: &Transaction<'_>, action: &Action) -> rusqlite::Result<()> {
    tx.execute(
        "INSERT INTO actions (sim, kind, key, topup, bucket, bytes, state, effective_s,
            at_boot, at_ms, at_wall_s, at_trust)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
         ON CONFLICT (sim, kind, key) DO UPDATE SET topup = excluded.topup,
            bucket = excluded.bucket, bytes = excluded.bytes, state = excluded.state,
            effective_s = excluded.effective_s, at_boot = excluded.at_boot,
            at_ms = excluded.at_ms, at_wall_s = excluded.at_wall_s,
            at_trust = excluded.at_trust",
        params![
            action.sim.0,
            action.kind.word(),
            action.key,
            action.topup,
            action.bucket.map(amount).transpose()?,
            action.bytes,
            action.state.word(),
            action.effective_s,
            action.at.boot_seq,
            amount(action.at.boot_ms)?,
            action.at.wall_s,
            action.at.trust.word(),
        ],
    )?;
    Ok(())
}

/// Writes a posting that was set aside.
pub(super) fn put_aside(tx: &Transaction<'_>, aside: &Aside) -> rusqlite::Result<()> {
    let posting = serde_json::to_string(&aside.posting)
        .map_err(|error| unwritable(format!("posting: {error}")))?;
    tx.execute(
        "INSERT INTO asides (sim, id, posting, reason, state, at_boot, at_ms, at_wall_s, at_trust)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
         ON CONFLICT (sim, id) DO UPDATE SET posting = excluded.posting, state = excluded.state",
        params![
            aside.sim.0,
            amount(aside.id)?,
            posting,
            aside.reason,
            aside.state.word(),
            aside.at.boot_seq,
            amount(aside.at.boot_ms)?,
            aside.at.wall_s,
            aside.at.trust.word(),
        ],
    )?;
    Ok(())
}

/// An action.
pub(super) fn action(row: &Row<'_>) -> rusqlite::Result<Action> {
    let (kind, state): (String, String) = (row.get("kind")?, row.get("state")?);
    let bucket: Option<i64> = row.get("bucket")?;
    Ok(Action {
        sim: sim(row, "sim")?,
        kind: ActionKind::ALL
            .into_iter()
            .find(|known| known.word() == kind)
            .ok_or_else(|| unreadable("kind", &kind))?,
        key: row.get("key")?,
        topup: row.get("topup")?,
        bucket: bucket.map(|_| unsigned(row, "bucket")).transpose()?,
        bytes: row.get("bytes")?,
        state: ActionState::ALL
            .into_iter()
            .find(|known| known.word() == state)
            .ok_or_else(|| unreadable("state", &state))?,
        effective_s: row.get("effective_s")?,
        at: stamp(row)?,
    })
}

/// A posting that was set aside.
pub(super) fn aside(row: &Row<'_>) -> rusqlite::Result<Aside> {
    let (posting, state): (String, String) = (row.get("posting")?, row.get("state")?);
    Ok(Aside {
        id: unsigned(row, "id")?,
        sim: sim(row, "sim")?,
        posting: serde_json::from_str(&posting)
            .map_err(|error| unreadable("posting", &error.to_string()))?,
        reason: row.get("reason")?,
        at: stamp(row)?,
        state: AsideState::ALL
            .into_iter()
            .find(|known| known.word() == state)
            .ok_or_else(|| unreadable("state", &state))?,
    })
}
