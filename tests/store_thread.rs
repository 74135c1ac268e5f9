//! The store's thread: what it is asked it answers, batches have one outcome
//! each, in order, and while idle it does nothing at all.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

mod store_support;

use std::sync::Arc;
use std::time::Duration;

use posdatad::adapters::store::{Applied, Asked, Mode, Outcome, StoreThread};
use posdatad::domain::snapshot::Tier;
use store_support::*;

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().build().unwrap()
}

#[test]
fn it_commits_in_order_and_answers_between() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(&database(dir.path()));
    let (thread, mut outcomes) = StoreThread::start(store).unwrap();
    let mut terminal = Terminal::new();
    runtime().block_on(async {
        for at in 0..3 {
            thread.commit(Arc::new(terminal.count(traffic(100, 1), START + at))).unwrap();
            let days = thread.usage(SIM, Tier::Day, 0, i64::MAX).await.unwrap();
            let counted = 100 * (u64::try_from(at).unwrap() + 1);
            assert_eq!((days.len(), days[0].home.rx), (1, counted));
        }
        thread.checkpoint().await.unwrap();
        assert_eq!(thread.events(0, 10).await.unwrap(), []);
        assert_eq!(thread.entries(SIM, 0, 10).await.unwrap().len(), 1);
        for seq in 1..=3 {
            let outcome = outcomes.recv().await.unwrap();
            let (applied, mode) = (Applied::Now, Mode::Disk);
            assert_eq!(outcome, Outcome::Committed { seq, applied, mode });
        }
    });
    thread.stop().unwrap();
    assert_eq!(std::fs::metadata(dir.path().join("posdata.db-wal")).unwrap().len(), 0);
    assert_eq!(open(&database(dir.path())).1.seq, 3);
}

#[test]
fn a_failed_commit_is_told_with_its_fault_and_can_be_retried() {
    let dir = tempfile::tempdir().unwrap();
    let directory = dir.path().join("missing");
    let (store, _) = open(&database(&directory));
    let (thread, mut outcomes) = StoreThread::start(store).unwrap();
    let batch = Arc::new(Terminal::new().count(traffic(1, 1), START));
    thread.commit(batch.clone()).unwrap();
    let outcome = outcomes.blocking_recv().unwrap();
    let Outcome::Failed { seq: 1, fault, mode } = outcome else { unreachable!("{outcome:?}") };
    assert_eq!(fault.word(), "no_directory");
    assert_eq!(mode, Mode::ReadOnly { reason: fault });
    std::fs::create_dir(&directory).unwrap();
    thread.commit(batch).unwrap();
    assert!(matches!(outcomes.blocking_recv(), Some(Outcome::Committed { seq: 1, .. })));
    thread.stop().unwrap();
}

#[test]
fn too_many_waiting_are_refused_and_none_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(&database(dir.path()));
    let (thread, mut outcomes) = StoreThread::start(store).unwrap();
    let mut terminal = Terminal::new();
    let mut taken = 0;
    let refused = loop {
        match thread.commit(Arc::new(terminal.count(traffic(1, 1), START))) {
            Ok(()) => taken += 1,
            Err(refused) => break refused,
        }
        assert!(taken < 100_000, "it never fills");
    };
    assert_eq!(refused, Asked::Busy);
    let answer = runtime().block_on(thread.events(0, 1));
    assert!(matches!(answer, Ok(_) | Err(Asked::Busy)));
    thread.stop().unwrap();
    for seq in 1..=taken {
        assert!(
            matches!(outcomes.blocking_recv(), Some(Outcome::Committed { seq: told, .. }) if told == seq)
        );
    }
    assert_eq!(outcomes.blocking_recv(), None);
}

#[test]
fn while_idle_it_neither_wakes_nor_writes() {
    // Alone in its process: the threads of other tests have the same name.
    let dir = tempfile::tempdir().unwrap();
    assert_child(&child("child_is_idle", dir.path()).output().unwrap());
}

#[test]
#[ignore = "run by another test"]
fn child_is_idle() {
    let Some(dir) = child_directory() else { return };
    let (store, _) = open(&database(&dir));
    let (thread, mut outcomes) = StoreThread::start(store).unwrap();
    thread.commit(Arc::new(Terminal::new().count(traffic(1, 1), START))).unwrap();
    outcomes.blocking_recv().unwrap();
    let task = std::fs::read_dir("/proc/self/task").unwrap().map(|task| task.unwrap().path()).find(
        |task| {
            std::fs::read_to_string(task.join("comm")).is_ok_and(|name| name == "store\n")
                && std::fs::read_to_string(task.join("status")).is_ok()
        },
    );
    let task = task.unwrap();
    let switches = || {
        let status = std::fs::read_to_string(task.join("status")).unwrap();
        status
            .lines()
            .filter(|line| line.contains("ctxt_switches"))
            .map(String::from)
            .collect::<Vec<_>>()
    };
    std::thread::sleep(Duration::from_millis(50));
    let (before, files) = (switches(), names(&dir));
    std::thread::sleep(Duration::from_millis(400));
    assert_eq!((switches(), names(&dir)), (before, files));
    thread.stop().unwrap();
}
