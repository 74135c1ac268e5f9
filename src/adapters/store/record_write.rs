//! Writes what is recorded for people: alerts and events.

use rusqlite::{Transaction, params};

use super::cells::amount;
use crate::domain::alert::AlertState;
use crate::domain::event::Event;

/// Events that are kept; the trigger `events_remain` has the same number.
const EVENTS_KEPT: i64 = 10_000;

/// Inserts or replaces alerts.
pub(super) fn put_alerts(tx: &Transaction<'_>, alerts: &[AlertState]) -> rusqlite::Result<()> {
    for alert in alerts {
        let at = alert.fired_at;
        tx.execute(
            "INSERT INTO alerts (sim, kind, threshold, scope, baseline,
                at_boot, at_ms, at_wall_s, at_trust)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
             ON CONFLICT (sim, kind, threshold) DO UPDATE SET scope = excluded.scope,
                baseline = excluded.baseline, at_boot = excluded.at_boot,
                at_ms = excluded.at_ms, at_wall_s = excluded.at_wall_s,
                at_trust = excluded.at_trust",
            params![
                alert.sim.0,
                alert.kind.word(),
                alert.threshold,
                alert.scope,
                amount(alert.baseline)?,
                at.map(|at| at.boot_seq),
                at.map(|at| amount(at.boot_ms)).transpose()?,
                at.map(|at| at.wall_s),
                at.map(|at| at.trust.word()),
            ],
        )?;
    }
    Ok(())
}

/// Adds events; the oldest go when there are too many.
pub(super) fn put_events(tx: &Transaction<'_>, events: &[Event]) -> rusqlite::Result<()> {
    for event in events {
        tx.execute(
            "INSERT INTO events (id, kind, source, sim, before_rx, before_tx, seen_rx, seen_tx,
                counted_rx, counted_tx, uncounted, detail, at_boot, at_ms, at_wall_s, at_trust)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
            params![
                amount(event.id)?,
                event.kind.word(),
                event.source,
                event.sim.map(|sim| sim.0),
                event.before.map(|before| before.rx.to_be_bytes()),
                event.before.map(|before| before.tx.to_be_bytes()),
                event.seen.map(|seen| seen.rx.to_be_bytes()),
                event.seen.map(|seen| seen.tx.to_be_bytes()),
                event.counted.rx.to_be_bytes(),
                event.counted.tx.to_be_bytes(),
                event.uncounted,
                event.detail,
                event.at.boot_seq,
                amount(event.at.boot_ms)?,
                event.at.wall_s,
                event.at.trust.word(),
            ],
        )?;
    }
    if !events.is_empty() {
        tx.execute(
            "DELETE FROM events WHERE id <= (SELECT max(id) FROM events) - ?1",
            params![EVENTS_KEPT],
        )?;
    }
    Ok(())
}
