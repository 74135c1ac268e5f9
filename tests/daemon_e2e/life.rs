//! A daemon's life: start, reload, one instance, the bus that goes and comes
//! back, the end; and what systemd is told of it.

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::process::Command;
use std::time::Duration;

use nix::sys::signal::Signal;
use posdata_testkit::Sim;

use crate::AT_ONCE;
use crate::support::bus::Bus;
use crate::support::client::{ADMIN, Client};
use crate::support::process::Process;
use crate::support::side_by_side::{run, scenario};
use crate::support::terminal::{POSDATAD, Terminal};
use crate::support::wait::{PATIENCE, until};

#[test]
fn a_daemon_lives_as_systemd_and_people_expect() {
    run(
        AT_ONCE,
        vec![
            scenario("everything is saved at the end", saved_at_the_end),
            scenario("reload", reload),
            scenario("reload to another source and back", other_source),
            scenario("systemd is told", systemd),
            scenario("one instance a bus", one_on_a_bus),
            scenario("one instance a database", one_on_a_database),
            scenario("exit codes", exit_codes),
            scenario("the bus goes and comes back", bus_comes_back),
            scenario("a trace", trace),
        ],
    );
}

#[test]
fn the_end_of_a_trace_is_said() {
    run(AT_ONCE, vec![scenario("the end of a trace", trace_end_is_said)]);
}

fn saved_at_the_end() {
    let mut terminal = Terminal::with(Sim::builder());
    // Nothing goes to the disk before the end.
    terminal.settings.text("meter.loss_bytes_max", "16 MiB");
    terminal.begin();
    terminal.sim.apply("traffic tx 12_345 rx 678_901").unwrap();
    let usage = terminal.settle();
    assert_eq!(terminal.stop(), 0);
    terminal.await_said("everything is saved");

    // The modem says nothing any more: what is served was stored.
    terminal.sim.apply("silence 1h &").unwrap();
    terminal.start();
    let again = terminal.usage();
    assert_eq!((again.tx, again.rx, again.unsaved), (usage.tx, usage.rx, 0));
    let iccid = terminal.client.balance().unwrap().text("Iccid");
    assert_eq!(iccid.unwrap()[..19], terminal.sim.truth().iccid.unwrap()[..19]);
    let history = terminal.client.history("year").unwrap();
    assert_eq!(history.iter().map(|slot| slot.1 + slot.2).sum::<u64>(), usage.total());
    assert_eq!(terminal.stop(), 0);
}

fn poll_ms(terminal: &Terminal) -> Option<u64> {
    terminal.client.source()?.number("poll_ms")
}

fn reload() {
    let mut terminal = Terminal::with(Sim::builder());
    terminal.begin();
    let readings = terminal.client.source().unwrap().number("readings").unwrap();
    terminal.settings.text("modem.poll", "3s").text("terminal.serial", "N2");
    terminal.settings.text("plan.allowance", "10 MiB").text("plan.cycle", "never");
    terminal.reload();
    until("the new poll", || (poll_ms(&terminal)? == 3_000).then_some(()));
    until("the new plan", || {
        let balance = terminal.client.balance()?;
        assert_eq!(balance.text("TerminalSerial").as_deref(), Some("N2"));
        (balance.number("GrantedBytes") == Some(10 << 20)).then_some(())
    });
    let source = terminal.client.source().unwrap();
    assert!(source.number("readings").unwrap() >= readings, "the source was not started anew");

    // A mistake: said with its place, and what was before still holds.
    terminal.settings.text("modem.poll", "soon");
    terminal.reload();
    terminal.await_said("still holds");
    assert!(terminal.said().contains("posdatad.toml:"), "its place is named");
    assert_eq!(poll_ms(&terminal), Some(3_000));
    terminal.settings.text("modem.poll", "1s");
    terminal.reload();
    until("the poll after the mistake", || (poll_ms(&terminal)? == 1_000).then_some(()));
    terminal.sim.apply("traffic tx 5 rx 7").unwrap();
    assert_eq!(terminal.settle().total(), 12);
    assert_eq!(terminal.uncounted(0), []);
    assert_eq!(terminal.stop(), 0);
}

fn other_source() {
    let mut terminal = Terminal::with(Sim::builder());
    terminal.begin();
    terminal.sim.apply("traffic tx 100 rx 200").unwrap();
    terminal.settle();
    let port = terminal.directory.path().join("ttyUSB2");
    terminal.settings.text("modem.source", "netdev").text("modem.interface", "lo");
    terminal.settings.without("modem.port");
    terminal.reload();
    until("the kernel's count", || {
        (terminal.client.usage()?.source.as_deref() == Some("netdev")).then_some(())
    });
    terminal.settings.text("modem.source", "at").text("modem.port", &port.display().to_string());
    terminal.settings.without("modem.interface");
    terminal.reload();
    until("the modem's count", || {
        (terminal.client.usage()?.source.as_deref() == Some("at")).then_some(())
    });
    terminal.await_readings();
    let changes = || {
        let events = terminal.events(0);
        events.into_iter().filter(|event| event.kind == "source_change").count()
    };
    until("both changes", || (changes() == 2).then_some(()));
    let before = terminal.usage();
    assert_eq!((before.tx, before.rx), (100, 200), "the SIM's count is what the modem moved");
    terminal.sim.apply("traffic tx 30 rx 40").unwrap();
    until("the count to go on", || {
        let usage = terminal.client.usage()?;
        ((usage.tx, usage.rx) == (130, 240)).then_some(())
    });
    assert_eq!(terminal.stop(), 0);
}

/// The journal says when a trace ends, in whatever way.
fn trace_end_is_said() {
    let mut terminal = Terminal::with(Sim::builder());
    terminal.begin();
    // By its time, while its caller stays.
    terminal.client.call(ADMIN, "Trace", &1_u32).unwrap();
    terminal.await_said("the modem's lines are traced");
    terminal.await_said("the trace is over");
    assert_eq!(terminal.stop(), 0);
}

/// What systemd hears, line by line.
struct Systemd(UnixDatagram);

impl Systemd {
    fn at(terminal: &mut Terminal) -> Self {
        let path = terminal.directory.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        terminal.env("NOTIFY_SOCKET", &path.display().to_string());
        Self(socket)
    }

    fn next(&self) -> String {
        let mut bytes = [0; 4_096];
        let length = self.0.recv(&mut bytes).expect("systemd is told something");
        String::from_utf8(bytes[..length].to_vec()).unwrap()
    }

    /// The next message that has a line like this; those before it are watchdog's.
    fn expect(&self, line: &str) -> String {
        loop {
            let message = self.next();
            if message.lines().any(|said| said == line) {
                return message;
            }
            assert!(message == "WATCHDOG=1\n", "{message:?} came before {line}");
        }
    }
}

fn systemd() {
    let mut terminal = Terminal::with(Sim::builder());
    let systemd = Systemd::at(&mut terminal);
    terminal.env("WATCHDOG_USEC", "600000");
    terminal.spawn();
    let ready = systemd.expect("READY=1");
    assert!(ready.contains("STATUS=metering by AT commands"), "{ready:?}");
    assert!(terminal.client.owner().is_some(), "ready means that it serves");
    // Fed on and on, while nothing else happens.
    for _ in 0..3 {
        systemd.expect("WATCHDOG=1");
    }
    terminal.reload();
    let reloading = systemd.expect("RELOADING=1");
    assert!(reloading.contains("MONOTONIC_USEC="), "{reloading:?}");
    systemd.expect("READY=1");
    terminal.settings.text("modem.poll", "soon");
    terminal.reload();
    systemd.expect("RELOADING=1");
    systemd.expect("READY=1");
    terminal.daemon().signal(Signal::SIGTERM);
    systemd.expect("STOPPING=1");
    assert_eq!(terminal.daemon().exit_code(), 0);
}

/// A second posdatad beside the terminal's own.
fn second(terminal: &Terminal, bus: &str, database: &str) -> (i32, String) {
    let mut settings = terminal.settings.clone();
    settings.text("store.path", &terminal.directory.path().join(database).display().to_string());
    settings.text("modem.source", "netdev").text("modem.interface", "lo");
    let config = terminal.directory.path().join("second.toml");
    fs::write(&config, settings.to_string()).unwrap();
    let log = terminal.directory.path().join("second.log");
    let mut command = Command::new(POSDATAD);
    command.arg("--config").arg(&config).args(["--bus-address", bus]);
    let mut process = Process::spawn(&mut command, &log);
    (process.exit_code(), process.said())
}

fn one_on_a_bus() {
    let mut terminal = Terminal::with(Sim::builder());
    terminal.begin();
    let (code, said) = second(&terminal, &terminal.address(), "second.db");
    assert_eq!(code, 69, "{said}");
    let pid = terminal.daemon().pid().to_string();
    assert!(said.contains(&pid), "who has the name is said: {said}");
    terminal.sim.apply("traffic tx 1 rx 2").unwrap();
    assert_eq!(terminal.settle().total(), 3);
    assert_eq!(terminal.stop(), 0);
}

fn one_on_a_database() {
    let mut terminal = Terminal::with(Sim::builder());
    terminal.begin();
    let bus = Bus::start();
    let (code, said) = second(&terminal, bus.address(), "posdata.db");
    assert!([69, 74, 75].contains(&code), "{code}: {said}");
    let database = terminal.database().display().to_string();
    assert!(said.contains(&database) && said.contains("another"), "{said}");
    assert!(Client::on(bus.address()).owner().is_none());
    terminal.sim.apply("traffic tx 1 rx 2").unwrap();
    assert_eq!(terminal.settle().total(), 3);
    assert_eq!(terminal.usage().store_state, "ok");
    assert_eq!(terminal.stop(), 0);
}

fn exit_codes() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = directory.path().join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let database = directory.path().join("posdata.db");
    let good = file("good.toml", &format!("[store]\npath = {database:?}\n"));
    let bad = file("bad.toml", "[modem]\npol = \"10s\"\npoll = \"never\"\n");
    let no_bus = format!("unix:path={}", directory.path().join("no-bus").display());
    let log = directory.path().join("log");
    for (words, code, said) in [
        (vec!["--config", &bad, "--bus-address", &no_bus], 78, "bad.toml:"),
        (vec!["--config", &bad, "--check-config"], 78, "bad.toml:"),
        (vec!["--config", &good, "--check-config"], 0, ""),
        (vec!["--config", "/no/such/file.toml", "--bus-address", &no_bus], 78, "/no/such/file"),
        (vec!["--config", &good, "--bus-address", &no_bus], 69, &no_bus),
        (vec!["--nonsense"], 64, "--nonsense"),
        (vec!["--version"], 0, "posdatad"),
    ] {
        let _ = fs::remove_file(&log);
        let mut process = Process::spawn(Command::new(POSDATAD).args(&words), &log);
        assert_eq!(process.exit_code(), code, "{words:?}: {}", process.said());
        assert!(process.said().contains(said), "{words:?}: {}", process.said());
    }
}

fn bus_comes_back() {
    let mut terminal = Terminal::with(Sim::builder());
    terminal.begin();
    terminal.sim.apply("traffic tx 10 rx 20").unwrap();
    terminal.settle();
    terminal.bus.kill();
    terminal.await_said("the bus is gone");
    // The metering goes on.
    terminal.sim.apply("traffic tx 100 rx 200").unwrap();
    terminal.sim.wait_polls(2, PATIENCE).unwrap();
    assert!(terminal.daemon().ended().is_none());
    terminal.bus.start_again();
    terminal.client = Client::on(&terminal.address());
    terminal.await_name();
    assert_eq!(terminal.settle().total(), 330);
    terminal.await_said("the bus is back");
    assert_eq!(terminal.times_said("the bus is gone"), 1);
    assert_eq!(terminal.uncounted(0), []);
    assert_eq!(terminal.stop(), 0);
}

fn trace() {
    let mut terminal = Terminal::with(Sim::builder());
    terminal.begin();
    let output = terminal.ctl(&["--json", "trace", "--for", "4s"]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("> AT+QGDCNT?") && said.contains("< +QGDCNT: "), "{said}");
    assert!(said.lines().all(|line| line.starts_with('{')), "{said}");
    // It has ended: nobody is told, nothing is kept.
    let mut lines = terminal.client.signals("TraceLine");
    terminal.sim.wait_polls(2, PATIENCE).unwrap();
    assert!(lines.next_within(Duration::from_millis(200)).is_none());
    drop(lines);
    assert_eq!(terminal.stop(), 0);
}
