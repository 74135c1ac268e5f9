//! Damaged databases: whichever byte is wrong, it opens or is set aside; nothing
//! panics, nothing is deleted, and counting goes on.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

mod store_support;

use std::path::{Path, PathBuf};

use posdatad::adapters::store::{Fault, Mode};
use posdatad::domain::event::EventKind;
use posdatad::domain::ledger::Book;
use posdatad::domain::persist::{Batch, Loaded};
use posdatad::domain::snapshot::Tier;
use posdatad::domain::time::UnixS;
use store_support::*;

/// Many files and no need for them to last: in memory where there is such a place.
fn directory() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() {
        tempfile::tempdir_in(memory).unwrap()
    } else {
        tempfile::tempdir().unwrap()
    }
}

/// A database of some weeks; its log holds the last of it.
fn weeks(path: &Path) -> (Vec<u8>, Vec<u8>) {
    let (mut store, _) = open(path);
    let mut terminal = Terminal::new();
    for hour in 0..400 {
        let at = START + hour * 3600;
        let mut batch = terminal.count(traffic(50_000, 5_000), at);
        batch.events = vec![event(terminal.seq, EventKind::Gap)];
        batch.prune = Terminal::prune(at);
        store.commit(&batch).unwrap();
        if hour == 390 {
            store.checkpoint().unwrap();
        }
    }
    drop(store);
    let log = path.with_file_name("posdata.db-wal");
    (std::fs::read(path).unwrap(), std::fs::read(log).unwrap())
}

/// What came of a start on damaged files.
#[derive(Debug, PartialEq)]
enum Came {
    /// The database is as it was, or an earlier state of it.
    Opened,
    /// It was set aside.
    Aside,
    /// The damage was only met later; then it was set aside.
    AsideLater,
    /// Its version says that it is a newer one's.
    Memory,
}

fn start(dir: &Path, database: &[u8], log: &[u8]) -> Came {
    let path = dir.join("posdata.db");
    for entry in std::fs::read_dir(dir).unwrap() {
        std::fs::remove_file(entry.unwrap().path()).unwrap();
    }
    std::fs::write(&path, database).unwrap();
    std::fs::write(dir.join("posdata.db-wal"), log).unwrap();
    let (mut store, loaded) = open(&path);
    let came = match (store.mode(), &loaded.replaced) {
        (Mode::Disk, None) => Came::Opened,
        (Mode::Disk, Some(aside)) => {
            assert_eq!(std::fs::read(aside).unwrap(), database, "kept as it was");
            Came::Aside
        }
        (Mode::Memory { reason: Fault::Newer { .. } }, None) => Came::Memory,
        other => unreachable!("{other:?}"),
    };
    let met = use_it(&mut store, &loaded);
    drop(store);
    if met {
        let (mut store, loaded) = open(&path);
        assert_eq!(store.mode(), &Mode::Disk);
        assert!(!use_it(&mut store, &loaded), "the damage is gone");
        return Came::AsideLater;
    }
    came
}

/// Counts and asks as the daemon does; true when damage was met.
fn use_it(store: &mut posdatad::adapters::store::Store, loaded: &Loaded) -> bool {
    let at: UnixS = START + 500 * 3600;
    let Some(book) = loaded.books.first() else {
        return store.commit(&Terminal::new().count(traffic(1, 1), at)).is_err();
    };
    // A figure that is wrong and fits its neighbours is found by the ledger.
    if Book::load(book.clone()).is_err() {
        return store.commit(&Batch { seq: loaded.seq + 1, ..Batch::default() }).is_err();
    }
    let mut batch = Terminal::loaded(loaded).count(traffic(1, 1), at);
    batch.prune = Terminal::prune(at);
    let mut faults = vec![store.commit(&batch).err()];
    for tier in Tier::ALL {
        faults.push(store.usage(SIM, tier, 0, i64::MAX).err());
    }
    // A word or a number that is none of ours is told, and is no damage at large.
    let _told = store.events(0, 1000);
    let _told = store.entries(SIM, 0, 1000);
    faults.push(store.commit(&Batch { seq: batch.seq + 1, ..Batch::default() }).err());
    let faults: Vec<Fault> = faults.into_iter().flatten().collect();
    for fault in &faults {
        // A wrong row may also stand in the way of a right one.
        assert!(matches!(fault, Fault::Damaged { .. } | Fault::Refused { .. }), "{fault}");
    }
    faults.iter().any(|fault| matches!(fault, Fault::Damaged { .. }))
}

#[test]
fn a_wrong_byte_anywhere_is_survived() {
    let dir = directory();
    let (good, log) = weeks(&database(dir.path()));
    let work = directory();
    let mut seen = [0_u32; 4];
    let mut note = |came: Came| {
        seen[match came {
            Came::Opened => 0,
            Came::Aside => 1,
            Came::AsideLater => 2,
            Came::Memory => 3,
        }] += 1;
    };
    assert_eq!(start(work.path(), &good, &log), Came::Opened);
    // Each byte of the header, then a stride through all pages of both files.
    let offsets = (0..100).chain((100..good.len()).step_by(good.len() / 400));
    for (round, at) in offsets.enumerate() {
        let mut wrong = good.clone();
        wrong[at] ^= [0xFF, 0x01, 0x80][round % 3];
        // With the log, and as after an orderly end without it.
        note(start(work.path(), &wrong, if round % 2 == 0 { &log } else { b"" }));
    }
    for at in (0..32).chain((32..log.len()).step_by(log.len() / 60)) {
        let mut wrong = log.clone();
        wrong[at] ^= 0xFF;
        assert_eq!(start(work.path(), &good, &wrong), Came::Opened, "log, byte {at}");
    }
    let [opened, aside, later, memory] = seen;
    println!("opened {opened}, set aside {aside}, later {later}, as newer {memory}");
    assert!(aside > 50 && opened > 50);
}

#[test]
fn lost_and_torn_pages_are_survived() {
    let dir = directory();
    let (good, log) = weeks(&database(dir.path()));
    let work = directory();
    for page in (0..good.len() / 512).step_by(7).chain(0..12) {
        for filler in [0, 0xFF] {
            let mut wrong = good.clone();
            wrong[page * 512..(page + 1) * 512].fill(filler);
            let came = start(work.path(), &wrong, &[]);
            assert!(page > 0 || came == Came::Aside, "the header's page: {came:?}");
        }
    }
    for keep in [99, 100, 511, 512, 1024, good.len() / 2, good.len() - 1] {
        assert_ne!(start(work.path(), &good[..keep], &[]), Came::Memory, "cut to {keep}");
    }
    assert_eq!(start(work.path(), &vec![0; good.len()], &log), Came::Aside);
    for keep in [0, 1, 31, 32, 33, 568, 569, log.len() / 2, log.len() - 1] {
        assert_eq!(start(work.path(), &good, &log[..keep]), Came::Opened, "log cut to {keep}");
    }
}

#[test]
fn the_first_and_the_last_damaged_ones_are_kept() {
    let dir = directory();
    let path = database(dir.path());
    let aside = |n: u32| PathBuf::from(format!("{}.damaged-{n}", path.display()));
    for round in 1..=5_u32 {
        let (mut store, _) = open(&path);
        store.commit(&everything().0).unwrap();
        store.close().unwrap();
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[17] = u8::try_from(round).unwrap();
        bytes[..4].fill(0);
        std::fs::write(&path, &bytes).unwrap();
        let (_store, loaded) = open(&path);
        assert_eq!(loaded.replaced, Some(aside(round)));
        assert_eq!((loaded.seq, loaded.boots[0].boot_seq), (0, 1));
        assert_eq!(std::fs::read(aside(round)).unwrap(), bytes);
    }
    let kept: Vec<String> =
        names(dir.path()).into_iter().filter(|name| name.contains("damaged")).collect();
    let kept: Vec<&str> =
        kept.iter().map(String::as_str).filter(|name| !name.ends_with("-wal")).collect();
    assert_eq!(kept, ["posdata.db.damaged-1", "posdata.db.damaged-5"]);
}
