//! Every released version of the schema is opened and brought to the present one.
//!
//! `tests/fixtures/v<n>.db` is a database of version n with every kind of row. It
//! is made once, by the program of that version, and then never again:
//!
//! ```text
//! cargo test --test store_migrations -- --ignored make_the_fixture
//! ```
#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

mod store_support;

use std::path::{Path, PathBuf};

use posdatad::adapters::store::{Mode, VERSION};
use posdatad::domain::alert::AlertKind;
use posdatad::domain::event::EventKind;
use posdatad::domain::ledger::{BucketStatus, EntryKind};
use rusqlite::Connection;
use store_support::*;

fn fixture(version: u32) -> PathBuf {
    let name = format!("tests/fixtures/v{version}.db");
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

#[test]
#[ignore = "makes the fixture of the present version, once"]
fn make_the_fixture() {
    let path = fixture(VERSION);
    if path.exists() {
        eprintln!("{} is there: remove it first, if it was never released", path.display());
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let (mut store, _) = open(&database(dir.path()));
    store.commit(&everything().0).unwrap();
    store.close().unwrap();
    std::fs::copy(database(dir.path()), path).unwrap();
}

/// Name and text of everything in a schema.
fn schema(path: &Path) -> Vec<(String, String)> {
    let conn = Connection::open(path).unwrap();
    let sql = "SELECT name, coalesce(sql, '') FROM sqlite_schema ORDER BY name";
    let mut select = conn.prepare(sql).unwrap();
    let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    rows.map(Result::unwrap).collect()
}

#[test]
fn every_released_version_is_opened_with_all_its_rows() {
    for version in 1..=VERSION {
        let dir = tempfile::tempdir().unwrap();
        let path = database(dir.path());
        std::fs::copy(fixture(version), &path).unwrap();
        let (store, loaded) = open(&path);
        assert_eq!(store.mode(), &Mode::Disk, "version {version}");
        assert_eq!(loaded, everything().1, "version {version}");
        store.close().unwrap();
        // It became what a fresh one is: the steps of released versions stand still.
        let fresh = database(dir.path()).with_file_name("fresh.db");
        open(&fresh).0.close().unwrap();
        assert_eq!(schema(&path), schema(&fresh), "version {version}");
    }
}

/// A word that is added needs a new version, even if no table changes: an older
/// program would take the row for damage.
#[test]
fn the_words_of_version_1_stand_still() {
    assert_eq!(VERSION, 1, "say here which words the new version adds");
    let entries = EntryKind::ALL.map(EntryKind::word);
    let known = [
        "grant",
        "consumption",
        "expiry",
        "overdraft",
        "overdraft_absorbed",
        "adjustment",
        "reservation",
        "transfer_in",
        "transfer_out",
        "refund",
        "reversal",
    ];
    assert_eq!(entries, known);
    assert_eq!(
        BucketStatus::ALL.map(BucketStatus::word),
        ["active", "pending", "expired", "closed"]
    );
    let alerts = AlertKind::ALL.map(AlertKind::word);
    assert_eq!(alerts, ["used_percent", "expiry_days", "overdraft", "unexplained_gap"]);
    // Events of unknown kinds are passed over, so that these may grow.
    assert!(EventKind::ALL.len() >= 14);
}
