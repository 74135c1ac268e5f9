//! The program as a shell sees it: its ready line, control, truth file, checker, signals and exit statuses.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail"
)]

mod host;

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use host::Host;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_modem-sim"))
}

/// A directory of its own, removed at the end.
struct Place(PathBuf);

impl Place {
    fn new() -> Place {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path =
            std::env::temp_dir().join(format!("modem-sim-test-{}-{number}", std::process::id()));
        fs::create_dir(&path).unwrap();
        Place(path)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A running program, killed at the end if it is still there.
struct Running {
    child: Child,
    ready: String,
}

impl Running {
    fn start(place: &Place, more: &[&str]) -> Running {
        let mut child = program()
            .args([
                "--dialect",
                "quectel-lte",
                "--iccid",
                "898602f9091830030220",
                "--link",
            ])
            .arg(place.file("modem"))
            .arg("--truth")
            .arg(place.file("truth.json"))
            .arg("--control")
            .arg(place.file("control"))
            .args(more)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut ready = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut ready)
            .unwrap();
        Running { child, ready }
    }

    fn ends(&mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn ctl(place: &Place, command: &str) -> (String, bool) {
    let output = program()
        .arg("ctl")
        .arg(place.file("control"))
        .arg(command)
        .output()
        .unwrap();
    (
        String::from_utf8(output.stdout).unwrap(),
        output.status.success(),
    )
}

fn read_json(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn check(place: &Place, usage: &str) -> Output {
    let mut child = program()
        .args(["check", "--usage", "-", "--truth"])
        .arg(place.file("truth.json"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(usage.as_bytes())
        .unwrap();
    child.wait_with_output().unwrap()
}

#[test]
fn it_serves_obeys_and_leaves_cleanly() {
    let place = Place::new();
    let mut running = Running::start(&place, &[]);
    let device = fs::read_link(place.file("modem")).unwrap();
    let ready = format!(
        "ready: quectel-lte on {} -> {}\n",
        place.file("modem").display(),
        device.display()
    );
    assert_eq!(running.ready, ready);

    assert_eq!(
        ctl(&place, "traffic tx 10 rx 20; save"),
        ("ok\n".to_owned(), true)
    );
    assert_eq!(
        read_json(&place.file("truth.json"))["total"],
        json!({"tx_bytes": 10, "rx_bytes": 20})
    );
    let (refused, done) = ctl(&place, "dance");
    assert_eq!(
        refused,
        "error: \"dance\" is no command; modem-sim --help lists them\n"
    );
    assert!(!done);
    let (truth, _) = ctl(&place, "truth");
    assert_eq!(
        serde_json::from_str::<Value>(&truth).unwrap(),
        read_json(&place.file("truth.json"))
    );

    kill(
        Pid::from_raw(i32::try_from(running.child.id()).unwrap()),
        Signal::SIGTERM,
    )
    .unwrap();
    assert_eq!(running.ends(), Some(0));
    let mut left: Vec<_> = fs::read_dir(&place.0)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    left.sort();
    assert_eq!(left, ["truth.json"]);
}

#[test]
fn the_checker_finds_a_planted_byte() {
    let place = Place::new();
    let mut running = Running::start(&place, &[]);
    let mut host = Host::open(&place.file("modem"));
    host.ask("AT+QGDCNT?");
    ctl(&place, "traffic tx 100 rx 1000");
    host.ask("AT+QGDCNT?");
    let (_, done) = ctl(&place, "exit");
    assert!(done);
    assert_eq!(running.ends(), Some(0));

    let usage =
        json!({"usage": {"rx_bytes": 1000, "tx_bytes": 100, "iccid": "898602F9091830030220"}})
            .to_string();
    let output = check(&place, &usage);
    let table = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{table}");
    assert!(
        table.ends_with("verdict: all 4 quantities are equal\n"),
        "{table}"
    );

    assert!(
        program()
            .args(["plant", "--truth"])
            .arg(place.file("truth.json"))
            .status()
            .unwrap()
            .success()
    );
    let output = check(&place, &usage);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stdout).unwrap().contains(
        "received bytes                         1001                   1000  DIFFERENT\n"
    ));

    let output = check(&place, "{");
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_lie_can_be_planted_from_the_start() {
    let place = Place::new();
    let mut running = Running::start(&place, &["--plant", "3"]);
    ctl(&place, "traffic tx 1 rx 1; exit");
    assert_eq!(running.ends(), Some(0));
    let truth = read_json(&place.file("truth.json"));
    assert_eq!(truth["total"]["rx_bytes"], 4);
    assert_eq!(truth["sims"][0]["total"]["rx_bytes"], 4);
    assert_eq!(truth["counter"]["rx_bytes"], 1);
}

#[test]
fn a_script_runs_and_its_failure_is_the_programs() {
    let place = Place::new();
    let script = place.file("script");
    fs::write(&script, "repeat 3 {\n  traffic tx 1 rx 2\n}\nexit\n").unwrap();
    let path = script.to_string_lossy().into_owned();
    let mut running = Running::start(&place, &["--script", &path]);
    assert_eq!(running.ends(), Some(0));
    assert_eq!(
        read_json(&place.file("truth.json"))["total"],
        json!({"tx_bytes": 3, "rx_bytes": 6})
    );

    fs::write(&script, "sim out\nsim out\n").unwrap();
    assert_eq!(Running::start(&place, &["--script", &path]).ends(), Some(1));

    fs::write(&script, "save\nwait 5\n").unwrap();
    let mut running = Running::start(&place, &["--script", &path]);
    assert_eq!(running.ready, "");
    assert_eq!(running.ends(), Some(1));
}

#[test]
fn wrong_arguments_are_refused() {
    for arguments in [
        &["--dialect", "nokia", "--link", "/tmp/x"][..],
        &["--dialect", "telit"],
        &[],
    ] {
        let output = program().args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    }
    let help = program().arg("--help").output().unwrap();
    assert!(
        String::from_utf8(help.stdout)
            .unwrap()
            .contains("power-cycle for 2s")
    );
}
