//! What can happen to the database: no room, no right, a file that is damaged,
//! another's, or a newer posdatad's. The metering goes on, says so, and never
//! writes into what it does not understand.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use posdata_testkit::Sim;
use rusqlite::Connection;

use crate::AT_ONCE;
use crate::support::side_by_side::{run, scenario};
use crate::support::terminal::Terminal;
use crate::support::wait::until;

#[test]
fn the_store_may_fail_and_no_byte_is_lost() {
    run(
        AT_ONCE,
        vec![
            scenario("store full", full),
            scenario("store without its directory", no_directory),
            scenario("store damaged", damaged),
            scenario("store foreign text", || foreign(&|path| fs::write(path, TEXT).unwrap())),
            scenario("store foreign database", || foreign(&another_database)),
            scenario("store newer", newer),
        ],
    );
}

#[test]
fn a_disk_that_was_read_only_is_written_as_soon_as_it_may_be() {
    run(AT_ONCE, vec![scenario("store read-only", read_only)]);
}

#[test]
fn what_is_in_memory_alone_is_not_called_saved() {
    run(AT_ONCE, vec![scenario("store in memory", in_memory)]);
}

const TEXT: &str = "The accounts of another program, in plain words. ";

/// A small file system of the terminal's own, seen by nobody else.
struct OwnDisk {
    holder: Child,
    directory: PathBuf,
}

impl OwnDisk {
    /// Mounts it below the terminal's directory; posdatad will run inside.
    /// `None`, loudly, where that is not allowed.
    fn of(terminal: &mut Terminal, size: &str) -> Option<Self> {
        let directory = terminal.directory.path().join("disk");
        fs::create_dir(&directory).unwrap();
        // Holds the mount until it is killed; says a word when it is there.
        let script = "mount -t tmpfs -o size=\"$1\" posdata-e2e \"$2\" && : >\"$2/mounted\" && \
                      exec sleep 600";
        let mut holder = Command::new("unshare")
            .args(["-m", "sh", "-c", script, "sh", size])
            .arg(&directory)
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("unshare is needed (Debian: util-linux)");
        let inside = PathBuf::from(format!("/proc/{}/root{}", holder.id(), directory.display()));
        let mounted = until("the disk", || {
            let there = inside.join("mounted").exists().then_some(true);
            there.or_else(|| holder.try_wait().unwrap().map(|_| false))
        });
        let disk = Self { holder, directory };
        if !mounted {
            println!("SKIPPED: a file system of its own needs root (CAP_SYS_ADMIN)");
            return None;
        }
        terminal.through = ["nsenter", "-m", "-t"].map(str::to_owned).to_vec();
        terminal.through.push(disk.holder.id().to_string());
        let database = disk.directory.join("posdata.db").display().to_string();
        terminal.settings.text("store.path", &database);
        Some(disk)
    }

    /// The same directory, as the test sees it.
    fn inside(&self) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root{}", self.holder.id(), self.directory.display()))
    }

    fn mount_again(&self, options: &str) {
        let pid = self.holder.id().to_string();
        let done = Command::new("nsenter")
            .args(["-m", "-t", &pid, "mount", "-o", &format!("remount,{options}")])
            .arg(&self.directory)
            .status()
            .unwrap();
        assert!(done.success(), "mount -o remount,{options}");
    }
}

impl Drop for OwnDisk {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

fn await_state(terminal: &Terminal, state: &str) -> String {
    until(&format!("StoreState {state}"), || {
        let usage = terminal.client.usage()?;
        (usage.store_state == state).then_some(usage.store_detail)
    })
}

fn full() {
    let mut terminal = Terminal::with(Sim::builder());
    let Some(disk) = OwnDisk::of(&mut terminal, "3m") else { return };
    terminal.settings.text("meter.loss_bytes_max", "4 KiB");
    terminal.begin();
    let ballast = disk.inside().join("ballast");
    // Until nothing more goes in, not a single byte.
    let filled = fs::write(&ballast, vec![0; 8 << 20]);
    assert!(filled.is_err(), "the disk is larger than asked for");
    let mut moved = 0;
    until("the full disk to be noticed", || {
        // A write-ahead log may have some room left in it.
        terminal.sim.apply("traffic tx 1_000 rx 9_000").unwrap();
        moved += 10_000;
        terminal.settle();
        (terminal.usage().store_state == "retrying").then_some(())
    });
    let usage = terminal.usage();
    assert!(usage.store_detail.contains("full"), "{}", usage.store_detail);
    assert_eq!(usage.total(), moved, "the metering goes on");
    assert_eq!(terminal.times_said("event=store_fault"), 1);
    fs::remove_file(&ballast).unwrap();
    terminal.sim.apply("traffic tx 1 rx 1").unwrap();
    assert_eq!(await_state(&terminal, "ok"), "");
    assert_eq!(terminal.settle().total(), moved + 2);
    assert_eq!(terminal.times_said("event=store_fault"), 1, "said once");
    assert_eq!(terminal.times_said("event=store_recovered"), 1);
    goes_on_after_a_restart(&mut terminal);
}

fn read_only() {
    let mut terminal = Terminal::with(Sim::builder());
    let Some(disk) = OwnDisk::of(&mut terminal, "3m") else { return };
    terminal.begin();
    terminal.sim.apply("traffic tx 10 rx 20").unwrap();
    terminal.settle();
    assert_eq!(terminal.stop(), 0);
    disk.mount_again("ro");
    terminal.start();
    terminal.await_readings();
    let detail = await_state(&terminal, "retrying");
    assert!(detail.contains("read-only"), "{detail}");
    assert_eq!(terminal.usage().total(), 30, "what is stored can still be read");
    terminal.sim.apply("traffic tx 1_000 rx 2_000").unwrap();
    assert_eq!(terminal.settle().total(), 3_030, "the metering goes on");
    assert_eq!(terminal.times_said("event=store_fault"), 1, "said once");
    disk.mount_again("rw");
    await_state(&terminal, "ok");
    goes_on_after_a_restart(&mut terminal);
}

fn no_directory() {
    let mut terminal = Terminal::with(Sim::builder());
    let directory = terminal.directory.path().join("later");
    let database = directory.join("posdata.db").display().to_string();
    terminal.settings.text("store.path", &database);
    terminal.begin();
    assert!(await_state(&terminal, "retrying").contains("does not exist"));
    terminal.sim.apply("traffic tx 100 rx 200").unwrap();
    assert_eq!(terminal.settle().total(), 300);
    fs::create_dir(&directory).unwrap();
    await_state(&terminal, "ok");
    goes_on_after_a_restart(&mut terminal);
}

/// Everything is on the disk, and one more byte counts as one.
fn goes_on_after_a_restart(terminal: &mut Terminal) {
    let counted = terminal.settle().total();
    assert_eq!(terminal.stop(), 0);
    terminal.start();
    assert_eq!(terminal.usage().total(), counted);
    terminal.sim.apply("traffic tx 1 rx 0").unwrap();
    assert_eq!(terminal.settle().total(), counted + 1);
    assert_eq!(terminal.uncounted(0), []);
    assert_eq!(terminal.stop(), 0);
}

/// A database with something in it, and nobody at work on it.
fn used(terminal: &mut Terminal) {
    terminal.begin();
    terminal.sim.apply("traffic tx 1_000 rx 20_000").unwrap();
    terminal.settle();
    assert_eq!(terminal.stop(), 0);
}

fn damaged() {
    let mut terminal = Terminal::with(Sim::builder());
    used(&mut terminal);
    let mut bytes = fs::read(terminal.database()).unwrap();
    // The header is whole, everything behind the first page is not.
    for byte in bytes.iter_mut().skip(4_096) {
        *byte ^= 0xA5;
    }
    fs::write(terminal.database(), &bytes).unwrap();
    terminal.start();
    terminal.await_readings();
    assert_eq!(terminal.usage().store_state, "ok", "a fresh one is in use");
    let event = until("the event", || {
        let events = terminal.client.events(0)?;
        events.into_iter().find(|event| event.kind == "store_replaced")
    });
    // The damaged one is kept for whoever wants to look at it.
    let mut kept = files(terminal.directory.path());
    kept.retain(|(_, held)| *held == bytes);
    assert_eq!(kept.len(), 1, "{}", event.detail);
    assert!(event.detail.contains(kept[0].0.to_str().unwrap()), "{}", event.detail);
    terminal.sim.apply("traffic tx 3 rx 4").unwrap();
    until("the count to go on", || (terminal.client.usage()?.total() == 7).then_some(()));
    assert_eq!(terminal.stop(), 0);
    terminal.start();
    assert_eq!(terminal.usage().total(), 7);
    assert_eq!(terminal.times_said("event=store_replaced"), 1);
    assert_eq!(terminal.stop(), 0);
}

fn another_database(path: &Path) {
    let connection = Connection::open(path).unwrap();
    connection
        .execute_batch("CREATE TABLE diary (day TEXT); INSERT INTO diary VALUES ('Monday');")
        .unwrap();
}

fn foreign(make: &dyn Fn(&Path)) {
    let mut terminal = Terminal::with(Sim::builder());
    make(&terminal.database());
    untouched(&mut terminal, 0, "is not a posdatad database");
}

fn newer() {
    let mut terminal = Terminal::with(Sim::builder());
    used(&mut terminal);
    let connection = Connection::open(terminal.database()).unwrap();
    connection.pragma_update(None, "user_version", 2).unwrap();
    connection.close().unwrap();
    untouched(&mut terminal, 0, "newer");
}

/// Meters in memory beside a file that stays as it is.
fn untouched(terminal: &mut Terminal, stored: u64, why: &str) {
    let before = files(terminal.directory.path());
    terminal.start();
    terminal.await_readings();
    let usage = terminal.usage();
    assert_eq!(usage.store_state, "memory");
    assert!(usage.store_detail.contains(why), "{}", usage.store_detail);
    assert_eq!(usage.total(), stored);
    terminal.sim.apply("traffic tx 30 rx 400").unwrap();
    until("the metering to go on", || {
        (terminal.client.usage()?.total() == stored + 430).then_some(())
    });
    assert_eq!(terminal.times_said("event=store_fault"), 1, "said once");
    // It ends all the same, and says what was lost with it.
    let code = terminal.stop();
    assert!([0, 74].contains(&code), "{code}");
    assert_eq!(files(terminal.directory.path()), before, "nothing was touched");
}

/// However much is counted beside a file that is not ours: none of it is saved.
fn in_memory() {
    let mut terminal = Terminal::with(Sim::builder());
    fs::write(terminal.database(), TEXT).unwrap();
    terminal.begin();
    for n in 1..=3 {
        terminal.sim.apply("traffic tx 10_000 rx 90_000").unwrap();
        assert_eq!(terminal.settle().total(), n * 100_000);
        assert_eq!(terminal.usage().unsaved, n * 100_000, "what a power cut would take");
    }
    let code = terminal.stop();
    assert_eq!(terminal.times_said("everything is saved"), 0, "it is not");
    assert_eq!(code, 74);
}

/// The database and whatever lies beside it, with its bytes.
fn files(directory: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let paths = fs::read_dir(directory).unwrap().flatten().map(|file| file.path());
    let mut files: Vec<_> = paths
        .filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with("posdata.db"))
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .collect();
    files.sort();
    files
}
