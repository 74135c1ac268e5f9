//! Five years of one terminal, written through real batches: the file stays
//! small, and every question is answered at once.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::disallowed_methods, missing_docs)]

mod store_support;

use std::time::{Duration, Instant};

use posdatad::adapters::store::Applied;
use posdatad::domain::event::EventKind;
use posdatad::domain::snapshot::Tier;
use store_support::*;

const DAY_S: i64 = 86_400;

/// `per_day` commits a day; in memory-backed files where there is such a place,
/// since the size and the answers do not depend on the disk.
fn years(days: i64, per_day: i64) {
    let memory = std::path::Path::new("/dev/shm");
    let dir = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    let dir = dir.unwrap();
    let path = database(dir.path());
    let (mut store, _) = open(&path);
    let mut terminal = Terminal::new();
    let began = Instant::now();
    let mut events = 0;
    for day in 0..days {
        for n in 0..per_day {
            let at = START + day * DAY_S + n * DAY_S / per_day;
            // About 1 MB a day.
            let mut batch =
                terminal.count(traffic(900_000 / u64::try_from(per_day).unwrap(), 4_000), at);
            if n == 0 {
                batch.prune = Terminal::prune(at);
                events += 1;
                batch.events = vec![event(events, EventKind::Gap)];
            }
            assert_eq!(store.commit(&batch), Ok(Applied::Now));
        }
    }
    let commits = terminal.seq;
    let commit_us = began.elapsed().as_micros() / u128::from(commits);
    store.close().unwrap();
    let bytes = std::fs::metadata(&path).unwrap().len();
    println!("{days} days, {commits} commits ({commit_us} µs each): {bytes} bytes");
    assert!(bytes < 1_500_000, "{bytes}");

    let timed = |name: &str, ask: &mut dyn FnMut() -> usize| {
        let began = Instant::now();
        let rows = ask();
        let took = began.elapsed();
        println!("{name}: {rows} rows in {} µs", took.as_micros());
        assert!(took < Duration::from_millis(100), "{name} took {took:?}");
    };
    let mut opened = None;
    timed("start after an orderly end", &mut || {
        let (store, loaded) = open(&path);
        opened = Some(store);
        loaded.books[0].buckets.len()
    });
    let mut store = opened.take().unwrap();
    store.commit(&terminal.count(traffic(1, 1), START + days * DAY_S)).unwrap();
    drop(store);
    timed("start after a power cut, with the whole file checked", &mut || {
        let (store, loaded) = open(&path);
        opened = Some(store);
        loaded.days.len()
    });
    let mut store = opened.take().unwrap();
    for tier in Tier::ALL {
        timed(tier.word(), &mut || store.usage(SIM, tier, 0, i64::MAX).unwrap().len());
    }
    timed("events", &mut || store.events(0, 1_000).unwrap().len());
    timed("entries", &mut || store.entries(SIM, 0, 1_000).unwrap().len());
}

#[test]
fn five_years_are_small_and_quickly_asked() {
    years(1_826, 2);
}

#[test]
#[ignore = "slow: run by name"]
fn five_years_with_a_commit_every_half_hour() {
    years(1_826, 48);
}

/// What a typical commit costs the flash: on the disk of the build directory.
#[test]
#[ignore = "a measurement: run by name"]
fn bytes_of_a_typical_commit() {
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let (mut store, _) = open(&database(dir.path()));
    let mut terminal = Terminal::new();
    let mut at = START;
    let mut commits = |store: &mut posdatad::adapters::store::Store, count: u64| {
        for _ in 0..count {
            // 40 a day: by bytes while there is traffic, by age in between.
            at += DAY_S / 40;
            let mut batch = terminal.count(traffic(24_000, 2_000), at);
            if at % DAY_S < DAY_S / 40 {
                batch.prune = Terminal::prune(at);
            }
            store.commit(&batch).unwrap();
        }
    };
    commits(&mut store, 2_400);
    let written = || {
        let io = std::fs::read_to_string("/proc/self/io").unwrap();
        let field = |name: &str| -> u64 {
            let line = io.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.trim().parse().unwrap()
        };
        (field("wchar:"), field("write_bytes:"))
    };
    let (chars, blocks) = written();
    let began = Instant::now();
    commits(&mut store, 400);
    let took = began.elapsed().as_micros() / 400;
    let (chars, blocks) = (written().0 - chars, written().1 - blocks);
    println!(
        "a commit: {} bytes written, {} in blocks, {took} µs; a day of 40: {} and {} bytes",
        chars / 400,
        blocks / 400,
        chars / 10,
        blocks / 10
    );
}
