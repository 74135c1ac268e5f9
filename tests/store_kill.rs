//! SIGKILL in the middle of commits: whatever moment it hits, the stored baseline
//! is the sum of the stored history, exactly, and nothing acknowledged is lost.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

mod store_support;

use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;
use std::time::Duration;

use posdatad::adapters::store::{Applied, Mode};
use posdatad::domain::ledger::{Book, EntryKind};
use posdatad::domain::reading::total;
use posdatad::domain::snapshot::Tier;
use store_support::*;

const KILLS: u64 = 40;

#[test]
fn after_a_kill_the_baseline_is_the_sum_of_the_history() {
    let dir = tempfile::tempdir().unwrap();
    let mut last = 0;
    for round in 0..KILLS {
        let mut command = child("child_commits_until_it_is_killed", dir.path());
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // Once it commits, at another moment of a commit each time.
        let started = lines.by_ref().map(Result::unwrap).find(|line| line.starts_with("seq "));
        assert!(started.is_some(), "it ended by itself");
        std::thread::sleep(Duration::from_micros(round * 977 % 23_000));
        child.kill().unwrap();
        child.wait().unwrap();
        let told = lines.map_while(Result::ok).chain(started);
        let told: u64 =
            told.filter_map(|line| line.strip_prefix("seq ")?.parse().ok()).max().unwrap();
        let (mut store, loaded) = open(&database(dir.path()));
        assert_eq!((store.mode(), &loaded.replaced), (&Mode::Disk, &None));
        assert!(loaded.seq >= told, "{told} was acknowledged, {} is stored", loaded.seq);
        assert!(loaded.seq > last);
        last = loaded.seq;
        let counter = total(&loaded.baselines[0].marks);
        assert_eq!(loaded.sims[0].home, counter);
        for tier in [Tier::Month, Tier::Year, Tier::Day, Tier::Hour, Tier::FiveMinutes] {
            assert_eq!(history(&mut store, tier), counter, "{tier:?}");
        }
        let book = Book::load(loaded.books[0].clone()).unwrap();
        assert_eq!(book.account().figures.consumed, counter.total());
        let mut entered = 0;
        for entry in store.entries(SIM, 0, u32::MAX).unwrap() {
            let consumed = [EntryKind::Consumption, EntryKind::Overdraft].contains(&entry.kind);
            entered += if consumed { entry.bytes.unsigned_abs() } else { 0 };
        }
        let open: u64 = book.buckets().map(|bucket| bucket.open_day_bytes).sum();
        let overdrawn: u64 = book.overdrafts().map(|row| row.unentered()).sum();
        assert_eq!(entered + open + overdrawn, counter.total());
    }
    println!("{KILLS} kills, {last} commits");
}

#[test]
#[ignore = "run by another test"]
fn child_commits_until_it_is_killed() {
    let Some(dir) = child_directory() else { return };
    let (mut store, loaded) = open(&database(&dir));
    let mut terminal = Terminal::loaded(&loaded);
    let mut out = std::io::stdout();
    loop {
        let seq = i64::try_from(terminal.seq).unwrap();
        // New slots, days and buckets all the time; sometimes a retry.
        let batch = terminal.count(traffic(1_000 + seq.unsigned_abs() % 7, 3), START + seq * 1_777);
        assert_eq!(store.commit(&batch), Ok(Applied::Now));
        if seq % 5 == 0 {
            assert_eq!(store.commit(&batch), Ok(Applied::Before));
        }
        writeln!(out, "seq {}", batch.seq).unwrap();
    }
}
