//! The QMI simulator on a real pseudo-terminal and at its own proxy: commands, port, truth, and the program around it.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail"
)]

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::AsFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::{SocketAddr, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use posdata_testkit::qmi::{CTL, DMS, Frame, FrameReader, Kind, QmiSim, Tlvs, WDS};
use posdata_testkit::{Bytes, SimError};
use serde_json::{Value, json};

/// Long enough for any answer on a busy machine.
const PATIENCE_MS: u16 = 10_000;
const SECOND: Duration = Duration::from_secs(1);

/// A host's side: anything that can be read and written.
struct Host<S> {
    stream: S,
    reader: FrameReader,
    transaction: u16,
}

fn open(path: &Path) -> Host<File> {
    let flags = OFlag::O_NOCTTY | OFlag::O_NONBLOCK;
    let port = OpenOptions::new().read(true).write(true).custom_flags(flags.bits()).open(path);
    Host { stream: port.unwrap(), reader: FrameReader::default(), transaction: 0 }
}

/// A connection to the proxy, its device not open yet.
fn connect(name: &str) -> Host<UnixStream> {
    let address = SocketAddr::from_abstract_name(name).unwrap();
    let stream = UnixStream::connect_addr(&address).unwrap();
    Host { stream, reader: FrameReader::default(), transaction: 0 }
}

impl<S: Read + Write + AsFd> Host<S> {
    fn send(&mut self, service: u8, client: u8, message: u16, tlvs: Tlvs) {
        self.transaction += 1;
        let (kind, transaction) = (Kind::Request, self.transaction);
        let frame = Frame { service, client, kind, transaction, message, tlvs };
        self.stream.write_all(&frame.encode()).unwrap();
    }

    fn readable(&self, within_ms: u16) -> bool {
        let mut fds = [PollFd::new(self.stream.as_fd(), PollFlags::POLLIN)];
        poll(&mut fds, PollTimeout::from(within_ms)).unwrap() > 0
    }

    /// The next message; `None` when the other side has hung up.
    fn hear(&mut self) -> Option<Frame> {
        loop {
            if let Some(raw) = self.reader.next_frame() {
                return Some(Frame::decode(&raw).unwrap());
            }
            assert!(self.readable(PATIENCE_MS), "nothing comes");
            let mut buffer = [0; 1024];
            match self.stream.read(&mut buffer) {
                Ok(0) | Err(_) => return None,
                Ok(count) => self.reader.push(&buffer[..count]),
            }
        }
    }

    fn ask(&mut self, service: u8, client: u8, message: u16, tlvs: Tlvs) -> Frame {
        self.send(service, client, message, tlvs);
        loop {
            let frame = self.hear().expect("an answer");
            let answers = frame.kind == Kind::Response && frame.transaction == self.transaction;
            if answers {
                return frame;
            }
        }
    }

    fn allocate(&mut self, service: u8) -> u8 {
        self.ask(CTL, 0, 0x22, value(1, [service])).tlvs.array::<2>(1).unwrap()[1]
    }

    fn open_device(&mut self, path: &Path) -> Option<Frame> {
        self.send(CTL, 0, 0xFF00, value(1, path.to_str().unwrap()));
        self.hear()
    }

    /// Sent and received bytes; `None` when there is no session.
    fn statistics(&mut self, client: u8) -> Option<(u64, u64)> {
        let answer = self.ask(WDS, client, 0x24, statistics_mask());
        let number = |kind| answer.tlvs.array(kind).map(u64::from_le_bytes);
        Some((number(0x19)?, number(0x1A)?))
    }
}

fn value(kind: u8, value: impl Into<Vec<u8>>) -> Tlvs {
    Tlvs::default().with(kind, value)
}

fn statistics_mask() -> Tlvs {
    value(1, 0xC0_u32.to_le_bytes())
}

/// A name that no other test uses.
fn unique(what: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("modem-sim-qmi-{what}-{}-{number}", std::process::id())
}

#[test]
fn commands_move_what_the_port_shows() {
    let sim = QmiSim::builder().seed(7).counter(1000, 2000).start().unwrap();
    let mut host = open(sim.path());
    let (v4, v6) = (host.allocate(WDS), host.allocate(WDS));
    host.ask(WDS, v6, 0x4D, value(1, [6]));
    assert_eq!(host.statistics(v4), Some((1000, 2000)));
    assert_eq!(host.statistics(v6), None);
    sim.apply("session v6 up; traffic tx 1 rx 2; traffic v6 tx 10 rx 20").unwrap();
    assert_eq!(host.statistics(v4), Some((1001, 2002)));
    assert_eq!(host.statistics(v6), Some((10, 20)));
    let truth = sim.truth();
    assert_eq!(truth.countable(), (Bytes::new(11, 22), Bytes::new(11, 22)));
    assert!(truth.is_read_out());
    sim.apply("traffic v6 random 20KiB over 50ms; traffic v6 rate tx 1000 rx 1000 for 20ms")
        .unwrap();
    let moved = sim.truth().total().sum() - 33;
    assert_eq!(moved, 20 * 1024 + 40);
    sim.apply("session v6 suspend").unwrap();
    let refused = sim.apply("traffic v6 tx 1 rx 1").unwrap_err();
    let message = "traffic: no IPv6 session (power, card and session must be there)".to_owned();
    assert_eq!(refused, SimError::Refused { line: 1, message });
    sim.apply("session v6 resume; session v6 for 10ms; session down").unwrap();
    assert_eq!(host.statistics(v6), Some((0, 0)));
    assert_eq!(sim.truth().sessions.v4.last_call, Some(Bytes::new(1001, 2002)));
    for (command, told) in [
        ("session down", "session: IPv4: there is none to end"),
        ("session v6 up", "session: IPv6: cannot begin (power and card, and no session yet)"),
        ("proxy drop", "proxy: there is none (--proxy)"),
        ("sim in", "sim in: no card was taken out"),
    ] {
        let message = told.to_owned();
        assert_eq!(sim.apply(command), Err(SimError::Refused { line: 1, message }));
    }
}

#[test]
fn waiting_for_polls_means_every_family_that_has_something_to_tell() {
    let sim = QmiSim::builder().start().unwrap();
    let mut host = open(sim.path());
    let (v4, v6) = (host.allocate(WDS), host.allocate(WDS));
    host.ask(WDS, v6, 0x4D, value(1, [6]));
    let short = Duration::from_millis(20);
    let told = sim.wait_polls(1, short).unwrap_err().to_string();
    assert_eq!(told, "line 1: await polls: IPv4: 0 of 1 answered within 20ms");
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| sim.wait_polls(1, 10 * SECOND));
        while !waits.is_finished() {
            host.statistics(v4);
        }
        assert_eq!(waits.join().unwrap(), Ok(()));
    });
    sim.apply("session v6 up").unwrap();
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| sim.wait_polls(2, 10 * SECOND));
        while !waits.is_finished() {
            host.statistics(v4);
            host.statistics(v6);
        }
        assert_eq!(waits.join().unwrap(), Ok(()));
    });
    assert!(sim.truth().sessions.v6.polls >= 2);
}

#[test]
fn a_hangup_brings_another_port_behind_the_same_link() {
    let sim = QmiSim::builder().start().unwrap();
    let mut host = open(sim.path());
    let client = host.allocate(WDS);
    sim.apply("hangup for 10ms").unwrap();
    assert_eq!(host.hear(), None);
    let before = std::mem::replace(&mut host, open(sim.path()));
    // Clients outlive their port.
    assert_eq!(host.statistics(client), Some((0, 0)));
    drop(before);
    sim.apply("forget-clients").unwrap();
    assert_eq!(host.statistics(client), None);
    sim.apply("hangup").unwrap();
    assert_eq!(host.hear(), None);
    open(sim.path()).allocate(WDS);
}

#[test]
fn a_power_cycle_takes_port_clients_and_unread_bytes() {
    let sim = QmiSim::builder().start().unwrap();
    let mut host = open(sim.path());
    let client = host.allocate(WDS);
    host.statistics(client);
    sim.apply("traffic tx 5 rx 6; power-cycle for 10ms").unwrap();
    assert_eq!(host.hear(), None);
    let mut host = open(sim.path());
    assert_eq!(host.statistics(client), None);
    let client = host.allocate(WDS);
    assert_eq!(host.statistics(client), Some((0, 0)));
    let truth = sim.truth();
    assert_eq!((truth.lost, truth.doubtful), (Bytes::new(5, 6), Bytes::default()));
    assert_eq!(truth.events[0].kind, "power-cycle");
}

#[test]
fn faults_reach_the_port() {
    let sim = QmiSim::builder().start().unwrap();
    let mut host = open(sim.path());
    let client = host.allocate(WDS);
    sim.apply("silence 1 requests").unwrap();
    host.send(WDS, client, 0x24, statistics_mask());
    assert_eq!(host.statistics(client), Some((0, 0)));
    sim.apply("late 30ms counter").unwrap();
    assert_eq!(host.statistics(client), Some((0, 0)));
    sim.apply("silence 10s &").unwrap();
    host.send(WDS, client, 0x24, statistics_mask());
    assert!(!host.readable(50));
    sim.apply("silence 0s; error 74 counter; duplicate; garbage 30").unwrap();
    assert_eq!(host.statistics(client), None);
    assert_eq!(host.statistics(client), Some((0, 0)));
    let kinds: Vec<&str> = sim.truth().events.iter().map(|event| event.kind).collect();
    let expected = ["silence", "late", "silence", "silence", "garbage", "error", "duplicate"];
    assert_eq!(kinds, expected);
}

#[test]
fn several_programs_share_the_modem_at_its_proxy() {
    let name = unique("shared");
    let sim = QmiSim::builder().proxy(&name).start().unwrap();
    let (mut one, mut other) = (connect(&name), connect(&name));
    assert_eq!(one.open_device(sim.path()).unwrap().tlvs.get(2), Some(&[0; 4][..]));
    let device = std::fs::read_link(sim.path()).unwrap();
    assert!(other.open_device(&device).is_some());
    let (ours, theirs) = (one.allocate(WDS), other.allocate(WDS));
    assert_ne!(ours, theirs);
    // Both use the same transaction numbers; each hears its own answer.
    sim.apply("traffic tx 3 rx 4").unwrap();
    assert_eq!(one.statistics(ours), Some((3, 4)));
    assert_eq!(other.statistics(theirs), Some((3, 4)));
    other.ask(WDS, theirs, 0x4D, value(1, [6]));
    sim.apply("session down").unwrap();
    let told = one.hear().unwrap();
    assert_eq!((told.kind, told.client, told.message), (Kind::Indication, ours, 0x22));
    assert!(!other.readable(20));
    // The port itself is there beside it.
    let mut host = open(sim.path());
    assert_eq!(host.allocate(DMS), 1);
    // A program that leaves gives nothing back by that.
    drop(other);
    host.allocate(DMS);
    assert_eq!(sim.truth().clients[&WDS], 2);
    // The device is gone: whoever had it open hears that.
    sim.apply("hangup").unwrap();
    assert_eq!(one.hear(), None);
    let mut again = connect(&name);
    assert!(again.open_device(sim.path()).is_some());
    assert_eq!(again.statistics(ours), None);
    sim.apply("proxy drop").unwrap();
    assert_eq!(again.hear(), None);
}

#[test]
fn the_proxy_answers_nothing_and_nobody_out_of_turn() {
    let name = unique("strict");
    let sim = QmiSim::builder().proxy(&name).start().unwrap();
    for wrong in ["/nowhere", "/etc/passwd", "/dev/null"] {
        assert_eq!(connect(&name).open_device(Path::new(wrong)), None);
    }
    let mut host = connect(&name);
    host.send(CTL, 0, 0x21, Tlvs::default());
    assert!(!host.readable(50));
    assert!(host.open_device(sim.path()).is_some());
    assert_eq!(host.ask(CTL, 0, 0x21, Tlvs::default()).tlvs.get(1).unwrap()[0], 6);
    sim.apply("proxy silent").unwrap();
    host.send(CTL, 0, 0x21, Tlvs::default());
    assert!(!host.readable(50));
    sim.apply("proxy speaks").unwrap();
    host.ask(CTL, 0, 0x21, Tlvs::default());
    assert!(QmiSim::builder().proxy(&name).start().is_err());
    drop(sim);
    assert_eq!(host.hear(), None);
}

/// A directory of its own, removed at the end, and a program in it.
struct Program {
    place: PathBuf,
    child: std::process::Child,
    ready: String,
}

impl Program {
    fn start(more: &[&str]) -> Program {
        let place = std::env::temp_dir().join(unique("program"));
        std::fs::create_dir(&place).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_modem-sim"))
            .args(["--dialect", "qmi", "--iccid", "89860012345678901234", "--link"])
            .arg(place.join("modem"))
            .arg("--truth")
            .arg(place.join("truth.json"))
            .arg("--control")
            .arg(place.join("control"))
            .args(more)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut ready = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut ready).unwrap();
        Program { place, child, ready }
    }

    fn ctl(&self, command: &str) -> String {
        let mut ctl = Command::new(env!("CARGO_BIN_EXE_modem-sim"));
        let output = ctl.arg("ctl").arg(self.place.join("control")).arg(command).output();
        String::from_utf8(output.unwrap().stdout).unwrap()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.place);
    }
}

#[test]
fn the_program_serves_qmi_and_its_truth_can_be_checked() {
    let mut program = Program::start(&["--tx", "100", "--rx", "200"]);
    assert!(program.ready.starts_with("ready: qmi on "), "{}", program.ready);
    let mut host = open(&program.place.join("modem"));
    let client = host.allocate(WDS);
    assert_eq!(host.statistics(client), Some((100, 200)));
    assert_eq!(program.ctl("traffic tx 7 rx 9; roaming on; traffic tx 1 rx 1"), "ok\n");
    assert_eq!(host.statistics(client), Some((108, 210)));
    assert_eq!(program.ctl("save"), "error: \"save\" is no command; modem-sim --help lists them\n");
    let live: Value = serde_json::from_str(&program.ctl("truth")).unwrap();
    assert_eq!(live["sessions"][0]["polls"], 2);
    program.ctl("exit");
    assert_eq!(program.child.wait().unwrap().code(), Some(0));
    let truth = program.place.join("truth.json");
    let usage = program.place.join("usage.json");
    let amount = |tx: u64, rx: u64| json!({"tx_bytes": tx, "rx_bytes": rx});
    let said = json!({"usage": {
        "tx_bytes": 8, "rx_bytes": 10, "iccid": "89860012345678901234",
        "home": amount(7, 9), "roaming": amount(1, 1),
    }});
    std::fs::write(&usage, said.to_string()).unwrap();
    let mut check = Command::new(env!("CARGO_BIN_EXE_modem-sim"));
    let output = check.arg("check").arg("--truth").arg(&truth).arg("--usage").arg(&usage).output();
    let output = output.unwrap();
    let table = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{table}");
    assert!(table.ends_with("verdict: all 8 quantities are equal\n"), "{table}");
    let mut left: Vec<_> = std::fs::read_dir(&program.place)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    left.sort();
    assert_eq!(left, ["truth.json", "usage.json"]);
}

#[test]
fn the_program_tells_what_is_for_which_dialect() {
    for (arguments, told) in [
        (["--dialect", "qmi", "--link", "/nowhere/x", "--echo"].as_slice(), "AT dialects alone"),
        (&["--dialect", "telit", "--link", "/nowhere/x", "--proxy", "x"], "qmi alone"),
    ] {
        let output =
            Command::new(env!("CARGO_BIN_EXE_modem-sim")).args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(error.contains(told), "{error}");
    }
    let help = Command::new(env!("CARGO_BIN_EXE_modem-sim")).arg("--help").output().unwrap();
    assert!(String::from_utf8(help.stdout).unwrap().contains("forget-clients"));
}
