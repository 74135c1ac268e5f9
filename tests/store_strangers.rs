//! Files that are not ours to touch: they are as they were before, byte by byte,
//! and counting goes on in memory.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

mod store_support;

use std::path::Path;

use posdatad::adapters::store::{Applied, Fault, Mode, VERSION};
use posdatad::domain::snapshot::Tier;
use rusqlite::Connection;
use rusqlite::config::DbConfig;
use store_support::*;

/// Opens, counts and closes; gives the reason why it was done in memory.
fn count_in_memory(path: &Path) -> Fault {
    let before = contents(path.parent().unwrap());
    let (mut store, loaded) = open(path);
    let Mode::Memory { reason } = store.mode().clone() else {
        unreachable!("{:?}", store.mode());
    };
    assert_eq!((loaded.seq, loaded.replaced), (0, None));
    let mut terminal = Terminal::new();
    for at in 0..3 {
        let batch = terminal.count(traffic(1000, 10), START + at);
        assert_eq!(store.commit(&batch), Ok(Applied::Now));
        assert_eq!(store.commit(&batch), Ok(Applied::Before));
    }
    assert_eq!(history(&mut store, Tier::Day), traffic(3000, 30));
    store.checkpoint().unwrap();
    store.close().unwrap();
    assert_eq!(contents(path.parent().unwrap()), before);
    reason
}

#[test]
fn a_file_that_never_was_ours_is_left_alone() {
    let noise: Vec<u8> =
        (0..100_000_u32).map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
    let text = b"[store]\npath = \"/var/lib/posdatad/posdata.db\"\n".to_vec();
    for content in [b"x".to_vec(), text, noise, b"SQLite format 3".to_vec(), vec![0xFF; 4096]] {
        let dir = tempfile::tempdir().unwrap();
        let path = database(dir.path());
        std::fs::write(&path, content).unwrap();
        let reason = count_in_memory(&path);
        assert!(matches!(&reason, Fault::Foreign { .. }), "{reason}");
        assert!(reason.to_string().contains("is not a posdatad database"), "{reason}");
    }
}

#[test]
fn another_programs_database_is_left_alone() {
    for journal in ["DELETE", "WAL"] {
        let dir = tempfile::tempdir().unwrap();
        let path = database(dir.path());
        let other = Connection::open(&path).unwrap();
        other.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).unwrap();
        other.pragma_update(None, "journal_mode", journal).unwrap();
        other.execute_batch("CREATE TABLE boots (id); INSERT INTO boots VALUES (1)").unwrap();
        drop(other);
        assert!(matches!(count_in_memory(&path), Fault::Foreign { .. }));
    }
}

#[test]
fn what_is_no_file_is_not_even_opened() {
    let dir = tempfile::tempdir().unwrap();
    let path = database(dir.path());
    std::fs::create_dir(&path).unwrap();
    assert!(matches!(count_in_memory(&path), Fault::Foreign { .. }));
    std::fs::remove_dir(&path).unwrap();
    // To open a pipe would wait for its writer.
    nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
    assert!(matches!(count_in_memory(&path), Fault::Foreign { .. }));
}

#[test]
fn a_newer_schema_is_left_alone_in_the_file_and_in_its_log() {
    for (in_log, cut) in [(false, false), (false, true), (true, true)] {
        let dir = tempfile::tempdir().unwrap();
        let path = database(dir.path());
        let (mut store, _) = open(&path);
        store.commit(&everything().0).unwrap();
        store.close().unwrap();
        let newer = Connection::open(&path).unwrap();
        newer.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, cut).unwrap();
        newer.pragma_update(None, "locking_mode", "EXCLUSIVE").unwrap();
        newer.pragma_update(None, "user_version", VERSION + 1).unwrap();
        if !in_log {
            newer.query_row("PRAGMA wal_checkpoint", [], |_| Ok(())).unwrap();
        }
        newer.execute_batch("CREATE TABLE later (id)").unwrap();
        drop(newer);
        let reason = count_in_memory(&path);
        assert!(matches!(reason, Fault::Newer { .. }), "{reason}");
        assert!(reason.to_string().contains("install the newer version"), "{reason}");
    }
}

#[test]
fn an_empty_file_and_a_log_without_its_database_are_no_obstacle() {
    let dir = tempfile::tempdir().unwrap();
    let path = database(dir.path());
    std::fs::write(&path, b"").unwrap();
    let (mut store, loaded) = open(&path);
    assert_eq!((store.mode(), &loaded.replaced), (&Mode::Disk, &None));
    store.commit(&everything().0).unwrap();
    drop(store);
    // Its log must not be replayed into the fresh one.
    std::fs::remove_file(&path).unwrap();
    let (store, loaded) = open(&path);
    assert_eq!((store.mode(), loaded.seq), (&Mode::Disk, 0));
    assert_eq!(loaded.replaced, Some(dir.path().join("posdata.db.damaged-1")));
    drop(store);
    let expected = ["posdata.db", "posdata.db-wal", "posdata.db.damaged-1-wal"];
    assert_eq!(names(dir.path()), expected);
}
