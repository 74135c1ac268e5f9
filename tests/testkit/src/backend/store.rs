//! Owns the database file: its tables, and its first rows.

use std::path::Path;

use rusqlite::{Connection, params};

use super::fields::sim_of;
use super::offers;
use super::settings::BackendSettings;

/// The version of the tables.
const VERSION: i64 = 1;

const TABLES: &str = "
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE terminals (
    serial TEXT PRIMARY KEY, terminal_id TEXT NOT NULL, currency TEXT NOT NULL, stream TEXT NOT NULL) STRICT;
-- A SIM draws from its own account and, where it has one, from a pool. `used` is what the terminal reports.
CREATE TABLE sims (
    sim TEXT PRIMARY KEY, iccid TEXT NOT NULL, serial TEXT NOT NULL, pool TEXT, used INTEGER NOT NULL,
    service TEXT NOT NULL, service_at INTEGER NOT NULL) STRICT;
CREATE TABLE offers (
    id TEXT PRIMARY KEY, place INTEGER NOT NULL, name TEXT NOT NULL, description TEXT, kind TEXT NOT NULL,
    bytes INTEGER NOT NULL, validity_s INTEGER, price INTEGER NOT NULL, currency TEXT NOT NULL,
    channels TEXT NOT NULL, activations TEXT NOT NULL, valid_to INTEGER, refundable INTEGER NOT NULL,
    needs_main INTEGER NOT NULL, pool TEXT, withdrawn INTEGER NOT NULL) STRICT;
CREATE TABLE quotes (
    id TEXT PRIMARY KEY, serial TEXT NOT NULL, sim TEXT NOT NULL, offer_id TEXT NOT NULL, kind TEXT NOT NULL,
    channel TEXT NOT NULL, activation TEXT NOT NULL, bytes INTEGER NOT NULL, price INTEGER NOT NULL, fee INTEGER NOT NULL,
    currency TEXT NOT NULL, rate TEXT, expires_at INTEGER NOT NULL) STRICT;
-- What came under a key: `what` is topup, refund, transfer, refused or tombstone; `body` is null before any came.
CREATE TABLE keys (
    serial TEXT NOT NULL, key TEXT NOT NULL, path TEXT NOT NULL, body TEXT, what TEXT NOT NULL, ref TEXT NOT NULL,
    changed_at INTEGER NOT NULL, expired INTEGER NOT NULL, PRIMARY KEY (serial, key)) STRICT;
CREATE TABLE requests (
    serial TEXT NOT NULL, request_id TEXT NOT NULL, key TEXT NOT NULL, PRIMARY KEY (serial, request_id)) STRICT;
CREATE TABLE topups (
    id TEXT PRIMARY KEY, serial TEXT NOT NULL, key TEXT, request_id TEXT, state TEXT NOT NULL,
    channel TEXT NOT NULL, iccid TEXT NOT NULL, offer_id TEXT, name TEXT NOT NULL, kind TEXT NOT NULL,
    bytes INTEGER NOT NULL, activation TEXT NOT NULL, validity_s INTEGER, valid_from INTEGER, valid_to INTEGER,
    price INTEGER, fee INTEGER, currency TEXT, rate TEXT, requested_at INTEGER NOT NULL, paid_at INTEGER,
    completed_at INTEGER, pay_by INTEGER, pay_at_ms INTEGER, credit_at_ms INTEGER, reason TEXT,
    reversed_bytes INTEGER, reference TEXT, told TEXT) STRICT;
CREATE TABLE buckets (
    id TEXT PRIMARY KEY, account TEXT NOT NULL, topup_id TEXT, name TEXT, kind TEXT NOT NULL,
    granted INTEGER NOT NULL, used INTEGER NOT NULL, reserved INTEGER NOT NULL, taken INTEGER NOT NULL,
    valid_from INTEGER, valid_to INTEGER, place INTEGER NOT NULL) STRICT;
CREATE TABLE moves (
    id TEXT PRIMARY KEY, kind TEXT NOT NULL, serial TEXT NOT NULL, sim TEXT NOT NULL, peer_serial TEXT, peer_sim TEXT,
    topup_id TEXT NOT NULL, bucket TEXT NOT NULL, bytes INTEGER NOT NULL, money INTEGER, currency TEXT,
    state TEXT NOT NULL, at INTEGER NOT NULL, reason TEXT) STRICT;
CREATE TABLE events (
    serial TEXT NOT NULL, seq INTEGER NOT NULL, kind TEXT NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (serial, seq)) STRICT;
-- The books: one row for all that ever happened to bytes or money. Never changed.
CREATE TABLE entries (
    n INTEGER PRIMARY KEY, account TEXT NOT NULL, serial TEXT NOT NULL, what TEXT NOT NULL, topup_id TEXT, key TEXT,
    bytes INTEGER NOT NULL, money INTEGER NOT NULL, currency TEXT, at INTEGER NOT NULL) STRICT;
CREATE TRIGGER entries_stay BEFORE UPDATE ON entries BEGIN SELECT RAISE(ABORT, 'an entry is never changed'); END;
CREATE TRIGGER entries_last BEFORE DELETE ON entries BEGIN SELECT RAISE(ABORT, 'an entry is never deleted'); END;
";

/// Opens the file, or makes it with its first rows.
pub(super) fn open(
    path: &Path,
    settings: &BackendSettings,
    now: i64,
) -> Result<Connection, String> {
    let told = |error: rusqlite::Error| format!("{}: {error}", path.display());
    let mut db = Connection::open(path).map_err(told)?;
    // The books survive the program's death, not the machine's: nothing here is anybody's money.
    db.execute_batch("PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;").map_err(told)?;
    let version: i64 = db.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(told)?;
    match version {
        VERSION => Ok(db),
        0 => {
            fill(&mut db, settings, now).map_err(told)?;
            Ok(db)
        }
        other => Err(format!(
            "{}: its tables are of version {other}, this program's of {VERSION}; take another directory",
            path.display()
        )),
    }
}

fn fill(db: &mut Connection, settings: &BackendSettings, now: i64) -> rusqlite::Result<()> {
    let transaction = db.transaction()?;
    transaction.execute_batch(TABLES)?;
    offers::fill(&transaction)?;
    for terminal in &settings.terminals {
        register(&transaction, &terminal.serial, &terminal.terminal_id, now)?;
        let sim = sim_of(&terminal.iccid);
        add_sim(&transaction, &terminal.serial, &terminal.iccid, now)?;
        if terminal.opening_bytes > 0 {
            let bytes = i64::try_from(terminal.opening_bytes).unwrap_or(i64::MAX);
            transaction.execute(
                "INSERT INTO buckets VALUES ('B-0-' || ?1, ?1, NULL, 'Opening balance', 'main', ?2, 0, 0, 0, ?3, NULL, 0)",
                params![sim, bytes, now],
            )?;
            transaction.execute(
                "INSERT INTO entries VALUES (NULL, ?1, ?2, 'credit', NULL, NULL, ?3, 0, NULL, ?4)",
                params![sim, terminal.serial, bytes, now],
            )?;
        }
    }
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()
}

/// Registers a terminal, with a stream of its own.
pub(super) fn register(
    db: &Connection,
    serial: &str,
    terminal_id: &str,
    now: i64,
) -> rusqlite::Result<()> {
    db.execute(
        "INSERT INTO terminals VALUES (?1, ?2, 'CNY', ?3)",
        params![serial, terminal_id, format!("s{now:x}")],
    )?;
    Ok(())
}

/// Gives a terminal a SIM.
pub(super) fn add_sim(
    db: &Connection,
    serial: &str,
    iccid: &str,
    now: i64,
) -> rusqlite::Result<()> {
    db.execute(
        "INSERT INTO sims VALUES (?1, ?2, ?3, NULL, 0, 'normal', ?4)
         ON CONFLICT (sim) DO UPDATE SET serial = excluded.serial",
        params![sim_of(iccid), iccid, serial, now],
    )?;
    Ok(())
}
