//! What is written is what is read: every kind of row, its extremes, and batches
//! that come twice.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

mod store_support;

use posdatad::adapters::store::{Applied, Fault, Mode, Store};
use posdatad::domain::event::EventKind;
use posdatad::domain::ledger::{Book, EntryKind};
use posdatad::domain::persist::{Batch, BootRow, Loaded, SimRow, UnplacedRow, UsageDelta};
use posdatad::domain::reading::Mark;
use posdatad::domain::sim::SimId;
use posdatad::domain::snapshot::{Tier, UsageRecord};
use posdatad::domain::units::Traffic;
use store_support::*;

#[test]
fn a_fresh_store_holds_nothing_and_numbers_from_one() {
    let dir = tempfile::tempdir().unwrap();
    let (store, loaded) = open(&database(dir.path()));
    assert_eq!(store.mode(), &Mode::Disk);
    let boot = BootRow { boot_seq: 1, started_s: None, last_boot_ms: 0, last_trusted_s: None };
    let expected = Loaded { next_event_id: 1, boots: vec![boot], ..Loaded::default() };
    assert_eq!(loaded, expected);
}

#[test]
fn every_row_comes_back_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let path = database(dir.path());
    let (batch, expected) = everything();
    let (mut store, _) = open(&path);
    assert_eq!(store.commit(&batch).unwrap(), Applied::Now);
    let events = store.events(0, 100).unwrap();
    assert_eq!(events.iter().map(|(event, _)| event.clone()).collect::<Vec<_>>(), batch.events);
    assert_eq!(events[0].1, expected.sims[0].iccid);
    assert_eq!(store.events(1, 100).unwrap().len(), 1);
    assert_eq!(store.entries(SIM, 0, 100).unwrap(), batch.ledger[0].entries);
    assert!(store.entries(SIM, 0, 100).unwrap().iter().any(|row| row.kind == EntryKind::Grant));
    drop(store);
    // As after a power cut, and as after an orderly end.
    let (store, loaded) = open(&path);
    assert_eq!(loaded, expected);
    store.close().unwrap();
    let (_store, loaded) = open(&path);
    assert_eq!(loaded, expected);
    assert!(Book::load(loaded.books[0].clone()).is_ok());
}

#[test]
fn a_batch_that_comes_twice_counts_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = database(dir.path());
    let mut terminal = Terminal::new();
    let (mut store, _) = open(&path);
    let first = terminal.count(traffic(10, 1), START);
    let second = terminal.count(traffic(20, 2), START + 10);
    assert_eq!(store.commit(&first), Ok(Applied::Now));
    assert_eq!(store.commit(&first), Ok(Applied::Before));
    assert_eq!(store.commit(&second), Ok(Applied::Now));
    drop(store);
    // The acknowledgement was lost in a crash: the same batch is tried again.
    let (mut store, loaded) = open(&path);
    assert_eq!(loaded.seq, 2);
    assert_eq!(store.commit(&second), Ok(Applied::Before));
    assert_eq!(store.commit(&first), Ok(Applied::Before));
    assert_eq!(history(&mut store, Tier::Day), traffic(30, 3));
}

#[test]
fn a_boot_keeps_its_number_and_another_gets_the_next() {
    let dir = tempfile::tempdir().unwrap();
    let path = database(dir.path());
    let mut terminal = Terminal::new();
    let (mut store, _) = open(&path);
    store.commit(&terminal.count(traffic(1, 1), START)).unwrap();
    drop(store);
    let (store, loaded) = open(&path);
    assert_eq!((store.boot_seq(), loaded.boots.len()), (1, 1));
    drop(store);
    for _again in 0..2 {
        // Not written before the first commit, so that it stays the next one.
        let (store, loaded) = Store::open(&path, OTHER_BOOT).unwrap();
        assert_eq!(store.boot_seq(), 2);
        assert_eq!(loaded.boots.iter().map(|boot| boot.boot_seq).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(loaded.seq, 1);
    }
    let (mut store, _) = Store::open(&path, OTHER_BOOT).unwrap();
    // It may write an earlier boot's row, once that one has been placed.
    let earlier =
        BootRow { boot_seq: 1, started_s: Some(5), last_boot_ms: 6, last_trusted_s: Some(7) };
    let batch = Batch { seq: 2, boot: Some(earlier), ..Batch::default() };
    assert_eq!(store.commit(&batch), Ok(Applied::Now));
    drop(store);
    let (store, loaded) = Store::open(&path, OTHER_BOOT).unwrap();
    assert_eq!((store.boot_seq(), loaded.seq, loaded.boots[0]), (2, 2, earlier));
    drop(store);
    let (store, _) = open(&path);
    assert_eq!(store.boot_seq(), 3, "an id that comes back is another boot");
}

#[test]
fn usage_adds_up_by_slot_network_and_sim() {
    let dir = tempfile::tempdir().unwrap();
    let (mut store, _) = open(&database(dir.path()));
    let hour = |start, rx| delta(Tier::Hour, start, traffic(rx, 1));
    let usage = vec![
        hour(3600, 1),
        hour(3600, 2),
        UsageDelta { roaming: true, ..hour(3600, 4) },
        hour(7200, 8),
        // Placed afterwards: into the slot before.
        UsageDelta { estimated: true, ..hour(3600, 16) },
        UsageDelta { estimated: true, ..hour(0, 32) },
        // Provisional, and merged below.
        UsageDelta { sim: SimId(2), ..hour(3600, 64) },
        UsageDelta { sim: SimId(2), ..hour(7200, 128) },
        UsageDelta { sim: SimId(2), ..hour(10_800, 256) },
    ];
    let unplaced =
        |sim, rx| UnplacedRow { boot_seq: 1, slot: 3, sim, roaming: false, bytes: traffic(rx, 0) };
    let sims = vec![sim(1, None, Traffic::ZERO), sim(2, None, Traffic::ZERO)];
    let unplaced_rows = vec![unplaced(SIM, 5), unplaced(SimId(2), 6)];
    let batch = Batch { seq: 1, sims, usage, unplaced: unplaced_rows, ..Batch::default() };
    store.commit(&batch).unwrap();
    let merge = Batch { seq: 2, merged_sims: vec![(SIM, SimId(2))], ..Batch::default() };
    store.commit(&merge).unwrap();
    let record = |start, home, roaming, estimated| UsageRecord { start, home, roaming, estimated };
    let none = Traffic::ZERO;
    let hours = store.usage(SIM, Tier::Hour, 0, i64::MAX).unwrap();
    let expected = [
        record(0, traffic(32, 1), none, true),
        record(3600, traffic(1 + 2 + 16 + 64, 4), traffic(4, 1), true),
        record(7200, traffic(8 + 128, 2), none, false),
        record(10_800, traffic(256, 1), none, false),
    ];
    assert_eq!(hours, expected);
    assert_eq!(store.usage(SIM, Tier::Hour, 3600, 7200).unwrap(), expected[1..2]);
    assert_eq!(store.usage(SIM, Tier::Day, 0, i64::MAX).unwrap(), []);
    assert_eq!(store.usage(SimId(2), Tier::Hour, 0, i64::MAX).unwrap(), []);
    // Now it is pruned, and the unplaced rows are placed.
    let prune = vec![(Tier::Hour, 7200)];
    let batch = Batch { seq: 3, prune, placed_boots: vec![1], ..Batch::default() };
    drop(store);
    let (mut store, loaded) = open(&database(dir.path()));
    assert_eq!(loaded.unplaced, [unplaced(SIM, 11)]);
    store.commit(&batch).unwrap();
    assert_eq!(store.usage(SIM, Tier::Hour, 0, i64::MAX).unwrap(), expected[2..]);
    drop(store);
    assert_eq!(open(&database(dir.path())).1.unplaced, []);
}

#[test]
fn counters_of_64_bits_stay_exact_and_history_does_not_wrap() {
    let dir = tempfile::tempdir().unwrap();
    let path = database(dir.path());
    for (seq, count) in [0, 1, (1 << 63) - 1, 1 << 63, u64::MAX].into_iter().enumerate() {
        let (mut store, _) = open(&path);
        let counter = traffic(count, u64::MAX - count);
        let sims = vec![SimRow { roaming: counter, ..sim(1, None, counter) }];
        let baselines = vec![baseline(counter, stamp(START))];
        let usage = vec![delta(Tier::Year, 0, counter)];
        let seq = u64::try_from(seq).unwrap() + 1;
        store.commit(&Batch { seq, sims, baselines, usage, ..Batch::default() }).unwrap();
        drop(store);
        let (_store, loaded) = open(&path);
        assert_eq!(loaded.baselines[0].marks, [Mark::single(counter)]);
        assert_eq!((loaded.sims[0].home, loaded.sims[0].roaming), (counter, counter));
    }
    let (mut store, _) = open(&path);
    let most = (1 << 63) - 1;
    assert_eq!(store.usage(SIM, Tier::Year, 0, 1).unwrap()[0].home, traffic(most, most));
}

#[test]
fn what_breaks_the_schema_is_refused_whole_and_the_next_commit_works() {
    let dir = tempfile::tempdir().unwrap();
    let (mut store, _) = open(&database(dir.path()));
    let (good, _) = everything();
    store.commit(&good).unwrap();
    // An entry twice, a bucket under another key, an event twice, a stranger's usage.
    let mut again = good.clone();
    again.ledger[0].buckets.clear();
    let mut renamed = good.clone();
    renamed.ledger[0].entries.clear();
    renamed.ledger[0].buckets[0].key = "another".into();
    let mut unbalanced = good.clone();
    unbalanced.ledger[0].entries.clear();
    unbalanced.ledger[0].buckets[0].figures.remaining += 1;
    let events = Batch { events: good.events.clone(), ..Batch::default() };
    let mut stranger = delta(Tier::Day, START, traffic(1, 1));
    stranger.sim = SimId(99);
    let stranger = Batch { usage: vec![stranger], ..Batch::default() };
    for (name, mut batch) in [
        ("entry", again),
        ("key", renamed),
        ("balance", unbalanced),
        ("event", events),
        ("sim", stranger),
    ] {
        batch.seq = 2;
        let fault = store.commit(&batch).unwrap_err();
        assert!(matches!(fault, Fault::Refused { .. }), "{name}: {fault}");
        assert_eq!(store.mode(), &Mode::Disk);
    }
    assert_eq!(store.commit(&Batch { seq: 2, ..Batch::default() }), Ok(Applied::Now));
    assert_eq!(history(&mut store, Tier::Day), traffic(10, 20));
}

#[test]
fn the_database_itself_refuses_to_change_what_was_entered() {
    let dir = tempfile::tempdir().unwrap();
    let path = database(dir.path());
    let (mut store, _) = open(&path);
    store.commit(&everything().0).unwrap();
    store.close().unwrap();
    let raw = rusqlite::Connection::open(&path).unwrap();
    for (sql, says) in [
        ("UPDATE entries SET bytes = 1 WHERE id = 1", "never changed"),
        ("DELETE FROM entries", "never deleted"),
        ("UPDATE events SET detail = ''", "never changed"),
        ("DELETE FROM events WHERE id = 1", "are kept"),
        ("DELETE FROM buckets", "never deleted"),
        ("DELETE FROM accounts", "never deleted"),
        ("DELETE FROM sims WHERE id = 2", "never deleted"),
        ("DELETE FROM overdrafts", "only when it is settled"),
    ] {
        let error = raw.execute_batch(sql).unwrap_err().to_string();
        assert!(error.contains(says), "{sql}: {error}");
    }
}

#[test]
fn events_are_bounded_and_their_numbers_go_on() {
    let dir = tempfile::tempdir().unwrap();
    let path = database(dir.path());
    let (mut store, _) = open(&path);
    let events: Vec<_> = (1..=10_500).map(|id| event(id, EventKind::Gap)).collect();
    for (seq, events) in (1..).zip(events.chunks(2_000)) {
        store.commit(&Batch { seq, events: events.to_vec(), ..Batch::default() }).unwrap();
    }
    let first = store.events(0, 1).unwrap();
    assert_eq!(first[0].0.id, 501);
    assert_eq!(store.events(0, u32::MAX).unwrap().len(), 1_000);
    drop(store);
    assert_eq!(open(&path).1.next_event_id, 10_501);
}
