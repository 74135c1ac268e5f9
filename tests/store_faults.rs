//! Everything that can be wrong with the database's file, for real: each fault
//! has its name, nothing that was stored is lost, and counting goes on.
//!
//! Tests marked as ignored are run by the others in a process of their own.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

mod store_support;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use nix::unistd::{Uid, seteuid};
use posdatad::adapters::store::{Applied, Fault, Mode, OpenError, Store};
use posdatad::domain::event::EventKind;
use posdatad::domain::reading::total;
use posdatad::domain::snapshot::Tier;
use store_support::*;

const NOBODY: u32 = 65_534;

/// A store with one batch, closed as by a power cut or in order.
fn one_batch(path: &Path, cut: bool) -> Terminal {
    let mut terminal = Terminal::new();
    let (mut store, _) = open(path);
    store.commit(&terminal.count(traffic(1000, 10), START)).unwrap();
    if !cut {
        store.close().unwrap();
    }
    terminal
}

fn reason(store: &Store) -> Fault {
    match store.mode().clone() {
        Mode::ReadOnly { reason } | Mode::Memory { reason } => reason,
        Mode::Disk => unreachable!("the store is on disk"),
    }
}

#[test]
fn without_its_directory_it_waits_for_it() {
    let dir = tempfile::tempdir().unwrap();
    let directory = dir.path().join("missing");
    let path = database(&directory);
    let (mut store, loaded) = open(&path);
    assert_eq!((loaded.seq, store.boot_seq()), (0, 1));
    assert!(matches!(reason(&store), Fault::NoDirectory { .. }));
    let mut terminal = Terminal::new();
    let batch = terminal.count(traffic(5, 5), START);
    let fault = store.commit(&batch).unwrap_err();
    assert!(fault.to_string().contains("create it"), "{fault}");
    assert_eq!(store.usage(SIM, Tier::Day, 0, START).unwrap(), []);
    std::fs::create_dir(&directory).unwrap();
    assert_eq!(store.commit(&batch), Ok(Applied::Now));
    assert_eq!(store.mode(), &Mode::Disk);
    drop(store);
    assert_eq!(open(&path).1.seq, 1);
}

#[test]
fn what_appears_later_with_content_is_not_written_over() {
    let dir = tempfile::tempdir().unwrap();
    let directory = dir.path().join("late");
    let path = database(&directory);
    let (mut store, _) = open(&path);
    let elsewhere = dir.path().join("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    one_batch(&database(&elsewhere), true);
    // As when its file system is mounted only now.
    std::fs::rename(&elsewhere, &directory).unwrap();
    let batch = Terminal::new().count(traffic(7, 7), START);
    for _again in 0..2 {
        assert!(matches!(store.commit(&batch).unwrap_err(), Fault::Changed { .. }));
    }
    drop(store);
    let (mut store, loaded) = open(&path);
    assert_eq!(total(&loaded.baselines[0].marks), traffic(1000, 10));
    assert_eq!(history(&mut store, Tier::Day), traffic(1000, 10));
}

#[test]
fn another_process_is_told_who_holds_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = database(dir.path());
    let mut terminal = one_batch(&path, true);
    let (mut store, _) = open(&path);
    let before = store.usage(SIM, Tier::Day, 0, i64::MAX).unwrap();
    for _again in 0..3 {
        assert_child(&child("child_finds_it_held", dir.path()).output().unwrap());
    }
    assert_eq!(store.usage(SIM, Tier::Day, 0, i64::MAX).unwrap(), before);
    assert_eq!(store.commit(&terminal.count(traffic(1, 1), START)), Ok(Applied::Now));
    // No shared memory beside it, and no index.
    assert_eq!(names(dir.path()), ["posdata.db", "posdata.db-wal"]);
}

#[test]
#[ignore = "run by another test"]
fn child_finds_it_held() {
    let Some(dir) = child_directory() else { return };
    let error = Store::open(&database(&dir), BOOT).unwrap_err();
    assert!(matches!(&error, OpenError::Locked(Fault::Locked { .. })));
    assert!(error.to_string().starts_with("another posdatad"), "{error}");
}

#[test]
fn without_permission_it_reads_and_waits() {
    if !Uid::effective().is_root() {
        eprintln!(
            "SKIPPED without_permission_it_reads_and_waits: needs root to become another user"
        );
        return;
    }
    for cut in ["", "cut"] {
        let dir = tempfile::tempdir().unwrap();
        one_batch(&database(dir.path()), !cut.is_empty());
        let mut child = child("child_has_no_permission", dir.path());
        assert_child(&child.output().unwrap());
    }
}

#[test]
#[ignore = "run by another test"]
fn child_has_no_permission() {
    let Some(dir) = child_directory() else { return };
    let path = database(&dir);
    let set_modes = |directory: u32, file: u32| {
        seteuid(Uid::from_raw(0)).unwrap();
        for entry in std::fs::read_dir(&dir).unwrap() {
            let file = std::fs::Permissions::from_mode(file);
            std::fs::set_permissions(entry.unwrap().path(), file).unwrap();
        }
        std::fs::set_permissions(&dir, std::fs::Permissions::from_mode(directory)).unwrap();
        seteuid(Uid::from_raw(NOBODY)).unwrap();
    };
    set_modes(0o755, 0o644);
    let before = contents(&dir);
    let (mut store, loaded) = open(&path);
    assert!(matches!(reason(&store), Fault::Denied { .. }), "{}", reason(&store));
    assert_eq!(history(&mut store, Tier::Year), traffic(1000, 10));
    let mut terminal = Terminal::loaded(&loaded);
    let batch = terminal.count(traffic(1, 1), START + 10);
    for _again in 0..3 {
        assert!(matches!(store.commit(&batch).unwrap_err(), Fault::Denied { .. }));
    }
    assert_eq!(contents(&dir), before);
    set_modes(0o777, 0o666);
    assert_eq!(store.commit(&batch), Ok(Applied::Now));
    assert_eq!(history(&mut store, Tier::Year), traffic(1001, 11));
    drop(store);
    // Not even readable: counting goes on, and the file is not exchanged.
    set_modes(0o777, 0o000);
    let (mut store, loaded) = open(&path);
    assert!(matches!(reason(&store), Fault::Denied { .. }), "{}", reason(&store));
    assert_eq!(loaded.seq, 0);
    set_modes(0o777, 0o666);
    let fresh = Terminal::new().count(traffic(1, 1), START);
    assert!(matches!(store.commit(&fresh).unwrap_err(), Fault::Changed { .. }));
}

#[test]
fn on_a_read_only_file_system_it_reads_and_waits() {
    for cut in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        one_batch(&database(dir.path()), cut);
        let script = "mount --bind \"$STORE_DIR\" \"$STORE_DIR\"
            mount -o remount,ro,bind \"$STORE_DIR\"
            exec \"$@\"";
        let Some(output) = in_namespace(script, "child_on_a_read_only_system", dir.path()) else {
            return;
        };
        assert_child(&output);
        let (mut store, loaded) = open(&database(dir.path()));
        assert_eq!((loaded.seq, history(&mut store, Tier::Year)), (2, traffic(1001, 11)));
    }
}

#[test]
#[ignore = "run by another test"]
fn child_on_a_read_only_system() {
    let Some(dir) = child_directory() else { return };
    let before = contents(&dir);
    let (mut store, loaded) = open(&database(&dir));
    assert!(matches!(reason(&store), Fault::ReadOnly { .. }), "{}", reason(&store));
    assert_eq!(loaded.seq, 1);
    assert_eq!(history(&mut store, Tier::Year), traffic(1000, 10));
    let batch = Terminal::loaded(&loaded).count(traffic(1, 1), START + 10);
    for _again in 0..3 {
        assert!(matches!(store.commit(&batch).unwrap_err(), Fault::ReadOnly { .. }));
    }
    assert_eq!(history(&mut store, Tier::Year), traffic(1000, 10));
    assert_eq!(contents(&dir), before);
    let remount = Command::new("mount").args(["-o", "remount,rw,bind"]).arg(&dir).status();
    assert!(remount.unwrap().success());
    assert_eq!(store.commit(&batch), Ok(Applied::Now));
    assert_eq!(store.mode(), &Mode::Disk);
}

#[test]
fn a_full_disk_loses_nothing() {
    for (size, test) in [("160k", "child_on_a_full_disk"), ("16k", "child_without_any_space")] {
        let dir = tempfile::tempdir().unwrap();
        let script = format!(
            "mount -t tmpfs -o size={size} none \"$STORE_DIR\"
             exec \"$@\""
        );
        let Some(output) = in_namespace(&script, test, dir.path()) else { return };
        assert_child(&output);
    }
}

#[test]
#[ignore = "run by another test"]
fn child_on_a_full_disk() {
    let Some(dir) = child_directory() else { return };
    let path = database(&dir);
    let (mut store, _) = open(&path);
    let mut terminal = Terminal::new();
    store.commit(&terminal.count(traffic(1, 1), START)).unwrap();
    let ballast = dir.join("ballast");
    // All that is left.
    let fill = || assert!(std::fs::write(&ballast, vec![1; 1 << 20]).is_err());
    let mut stored = 1;
    for round in 0..3 {
        fill();
        let fault = loop {
            assert!(stored < 5_000, "it never fills");
            let mut batch = terminal.count(traffic(1, 1), START + stored);
            batch.events = vec![event(terminal.seq, EventKind::Gap)];
            match store.commit(&batch) {
                Ok(_) => stored += 1,
                Err(fault) => break (fault, batch),
            }
        };
        let (fault, batch) = fault;
        assert!(matches!(fault, Fault::Full { .. }), "{fault}");
        assert!(fault.to_string().contains("free some"));
        assert!(store.commit(&batch).is_err(), "still full");
        if round == 1 {
            // The same after a start on the full disk.
            drop(store);
            let (again, loaded) = open(&path);
            store = again;
            assert_eq!(loaded.seq, u64::try_from(stored).unwrap());
            assert!(store.commit(&batch).is_err(), "still full");
        }
        assert_eq!(history(&mut store, Tier::Day).rx, u64::try_from(stored).unwrap());
        std::fs::remove_file(&ballast).unwrap();
        assert_eq!(store.commit(&batch), Ok(Applied::Now));
        stored += 1;
        assert_eq!(store.mode(), &Mode::Disk);
        if round == 0 {
            // The next round starts with a small log again.
            store.checkpoint().unwrap();
        }
    }
    assert_eq!(history(&mut store, Tier::Day).rx, u64::try_from(stored).unwrap());
    drop(store);
    let (_, loaded) = open(&path);
    assert_eq!(loaded.seq, u64::try_from(stored).unwrap());
    assert_eq!(total(&loaded.baselines[0].marks).rx, loaded.seq);
}

#[test]
#[ignore = "run by another test"]
fn child_without_any_space() {
    let Some(dir) = child_directory() else { return };
    let path = database(&dir);
    let ballast = dir.join("ballast");
    assert!(std::fs::write(&ballast, vec![1; 1 << 20]).is_err());
    let (mut store, _) = open(&path);
    assert!(matches!(reason(&store), Fault::Full { .. }), "{}", reason(&store));
    let batch = Terminal::new().count(traffic(1, 1), START);
    assert!(matches!(store.commit(&batch).unwrap_err(), Fault::Full { .. }));
    assert_eq!(names(&dir), ["ballast"], "no pieces are left");
    std::fs::remove_file(&ballast).unwrap();
    let grow = Command::new("mount").args(["-o", "remount,size=1m"]).arg(&dir).status();
    assert!(grow.unwrap().success());
    assert_eq!(store.commit(&batch), Ok(Applied::Now));
    assert_eq!(store.mode(), &Mode::Disk);
}

#[test]
fn after_a_write_error_it_opens_again_and_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    // A limit on the size of files, with its signal ignored, makes writes fail.
    let script = "trap '' XFSZ; exec \"$@\"";
    let Some(output) = in_namespace(script, "child_whose_writes_fail", dir.path()) else { return };
    assert_child(&output);
}

#[test]
#[ignore = "run by another test"]
fn child_whose_writes_fail() {
    let Some(dir) = child_directory() else { return };
    let limit = |bytes: &str| {
        let pid = std::process::id().to_string();
        let size = format!("--fsize={bytes}:");
        let status = Command::new("prlimit").args(["--pid", &pid, &size]).status();
        assert!(status.unwrap().success());
    };
    let (mut store, _) = open(&database(&dir));
    let mut terminal = Terminal::new();
    for _ in 0..3 {
        store.commit(&terminal.count(traffic(1, 1), START)).unwrap();
    }
    let log = std::fs::metadata(dir.join("posdata.db-wal")).unwrap().len();
    // In the middle of the next commit; a probe may still be written.
    limit(&(log + 600).to_string());
    let batch = terminal.count(traffic(1, 1), START);
    let fault = store.commit(&batch).unwrap_err();
    assert!(matches!(fault, Fault::Io { .. }), "{fault}");
    assert!(matches!(store.mode(), Mode::ReadOnly { .. }));
    assert!(store.commit(&batch).is_err());
    assert_eq!(history(&mut store, Tier::Day), traffic(3, 3));
    limit("unlimited");
    assert_eq!(store.commit(&batch), Ok(Applied::Now));
    assert_eq!(store.mode(), &Mode::Disk);
    assert_eq!(history(&mut store, Tier::Day), traffic(4, 4));
}
