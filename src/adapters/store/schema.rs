//! The tables. A migration that was released is frozen: it imports no live type
//! and is never edited; a change of the schema is a new one.

use rusqlite::{Connection, Transaction};

/// "posd" in the header: this database is ours.
pub(super) const APPLICATION_ID: u32 = 0x706f_7364;

/// The schema that this program writes.
pub(super) const VERSION: u32 = 1;

const MIGRATIONS: [&str; 1] = [V1];

/// Counters are u64: 8 bytes, big-endian. Amounts are i64. Times are s since
/// the epoch. `trust` is 0 untrusted, 1 modem, 2 ntp, 3 backend.
const V1: &str = "
CREATE TABLE meta (id INTEGER PRIMARY KEY CHECK (id = 1), seq INTEGER NOT NULL) STRICT;
INSERT INTO meta VALUES (1, 0);
CREATE TABLE boots (
    boot_seq INTEGER PRIMARY KEY, boot_id TEXT NOT NULL UNIQUE, started_s INTEGER,
    last_boot_ms INTEGER NOT NULL, last_trusted_s INTEGER) STRICT;
CREATE TABLE baselines (
    role INTEGER PRIMARY KEY, source TEXT NOT NULL, device TEXT NOT NULL, epoch TEXT NOT NULL,
    sim INTEGER NOT NULL, rx BLOB NOT NULL, tx BLOB NOT NULL,
    boot_seq INTEGER NOT NULL, boot_ms INTEGER NOT NULL, wall_s INTEGER NOT NULL,
    trust INTEGER NOT NULL) STRICT;
CREATE TABLE sims (
    id INTEGER PRIMARY KEY, iccid TEXT, merged_into INTEGER,
    home_rx BLOB NOT NULL, home_tx BLOB NOT NULL,
    roaming_rx BLOB NOT NULL, roaming_tx BLOB NOT NULL) STRICT;
CREATE TABLE usage (
    sim INTEGER NOT NULL, tier INTEGER NOT NULL, start INTEGER NOT NULL, roaming INTEGER NOT NULL,
    rx INTEGER NOT NULL, tx INTEGER NOT NULL, estimated INTEGER NOT NULL,
    PRIMARY KEY (sim, tier, start, roaming)) STRICT, WITHOUT ROWID;
CREATE TABLE unplaced (
    boot_seq INTEGER NOT NULL, slot INTEGER NOT NULL, sim INTEGER NOT NULL,
    roaming INTEGER NOT NULL, rx INTEGER NOT NULL, tx INTEGER NOT NULL,
    PRIMARY KEY (boot_seq, slot, sim, roaming)) STRICT, WITHOUT ROWID;
CREATE TABLE events (
    id INTEGER PRIMARY KEY, kind TEXT NOT NULL, source TEXT NOT NULL, sim INTEGER,
    boot_seq INTEGER NOT NULL, boot_ms INTEGER NOT NULL, wall_s INTEGER NOT NULL,
    trust INTEGER NOT NULL, before_rx BLOB, before_tx BLOB, seen_rx BLOB, seen_tx BLOB,
    counted_rx BLOB NOT NULL, counted_tx BLOB NOT NULL, uncounted INTEGER NOT NULL,
    detail TEXT NOT NULL) STRICT;
CREATE TABLE accounts (
    sim INTEGER PRIMARY KEY, figures BLOB NOT NULL, known_s INTEGER, open_day INTEGER,
    next_entry_id INTEGER NOT NULL, next_bucket_id INTEGER NOT NULL,
    next_overdraft_id INTEGER NOT NULL) STRICT;
CREATE TABLE buckets (
    sim INTEGER NOT NULL, id INTEGER NOT NULL, key TEXT NOT NULL, kind TEXT NOT NULL,
    allowance INTEGER, cycle TEXT, figures BLOB NOT NULL, valid_from INTEGER, expires_at INTEGER,
    status TEXT NOT NULL, open_day_bytes INTEGER NOT NULL,
    PRIMARY KEY (sim, id), UNIQUE (sim, key)) STRICT;
CREATE TABLE overdrafts (
    sim INTEGER NOT NULL, id INTEGER NOT NULL, boot_seq INTEGER, day INTEGER, first_s INTEGER,
    last_s INTEGER, bytes INTEGER NOT NULL, absorbed INTEGER NOT NULL, entered INTEGER NOT NULL,
    PRIMARY KEY (sim, id)) STRICT;
CREATE TABLE entries (
    sim INTEGER NOT NULL, id INTEGER NOT NULL, bucket INTEGER, kind TEXT NOT NULL,
    bytes INTEGER NOT NULL, boot_seq INTEGER NOT NULL, boot_ms INTEGER NOT NULL,
    wall_s INTEGER NOT NULL, trust INTEGER NOT NULL, day INTEGER, note TEXT NOT NULL,
    PRIMARY KEY (sim, id)) STRICT;
CREATE TRIGGER entries_are_never_changed BEFORE UPDATE ON entries
    BEGIN SELECT RAISE (ABORT, 'an entry is never changed: post another'); END;
CREATE TRIGGER entries_are_never_deleted BEFORE DELETE ON entries
    BEGIN SELECT RAISE (ABORT, 'an entry is never deleted: post another'); END;
CREATE TRIGGER events_are_never_changed BEFORE UPDATE ON events
    BEGIN SELECT RAISE (ABORT, 'an event is never changed'); END;
CREATE TABLE alerts (
    sim INTEGER NOT NULL, kind TEXT NOT NULL, threshold INTEGER NOT NULL, scope INTEGER NOT NULL,
    baseline INTEGER NOT NULL, fired INTEGER NOT NULL, boot_seq INTEGER NOT NULL,
    boot_ms INTEGER NOT NULL, wall_s INTEGER NOT NULL, trust INTEGER NOT NULL,
    PRIMARY KEY (sim, kind, threshold)) STRICT, WITHOUT ROWID;
";

/// The schema that a database has.
pub(super) fn version(connection: &Connection) -> rusqlite::Result<u32> {
    connection.query_row("PRAGMA user_version", [], |row| row.get(0))
}

/// Brings a database to the present schema, in one transaction.
pub(super) fn migrate(connection: &mut Connection) -> rusqlite::Result<()> {
    let found = version(connection)?;
    let missing = MIGRATIONS.iter().zip(1_u32..).skip_while(|(_, to)| *to <= found);
    let transaction = connection.transaction()?;
    for (sql, to) in missing {
        apply(&transaction, sql, to)?;
    }
    transaction.commit()
}

fn apply(transaction: &Transaction<'_>, sql: &str, to: u32) -> rusqlite::Result<()> {
    transaction.execute_batch(sql)?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", to)
}
