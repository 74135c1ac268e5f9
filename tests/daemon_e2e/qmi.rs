//! A modem that speaks QMI: read by the device itself, and through the real
//! qmi-proxy while the real qmicli reads it too.

use std::path::Path;
use std::process::Stdio;

use nix::sys::signal::Signal;
use posdata_testkit::Bytes;
use posdata_testkit::qmi::QmiSim;

use crate::AT_ONCE;
use crate::support::client::Usage;
use crate::support::namespace::Namespace;
use crate::support::process::Process;
use crate::support::side_by_side::{run, scenario};
use crate::support::terminal::Terminal;
use crate::support::wait::{PATIENCE, until, within};

/// Debian's place for it.
const PROXY: &str = "/usr/libexec/qmi-proxy";

#[test]
fn a_qmi_modem_is_metered_to_the_byte() {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("left out: only root has namespaces of its own");
        return;
    }
    run(
        AT_ONCE,
        vec![
            scenario("qmi device", device),
            scenario("qmi sessions", sessions),
            scenario("qmi kill", killed),
            scenario("qmi unplugged", unplugged),
            scenario("qmi proxy", proxy),
            scenario("qmi proxy denied", denied),
            scenario("auto", auto),
        ],
    );
}

/// A terminal with a QMI modem in a namespace of its own.
struct Setup {
    terminal: Terminal,
    sim: QmiSim,
    namespace: Namespace,
}

impl Setup {
    fn new(seed: u64) -> Self {
        let mut terminal = Terminal::bare();
        let link = terminal.directory.path().join("cdc-wdm0");
        // Beyond 32 bits from the first on.
        let counter = (1_234_567, 5_000_000_123);
        let sim = QmiSim::builder().seed(seed).link(&link).counter(counter.0, counter.1);
        let sim = sim.start().unwrap();
        let namespace = Namespace::new(terminal.directory.path());
        terminal.through = namespace.through();
        terminal.settings.text("modem.source", "qmi").text("modem.device", path(&link));
        Self { terminal, sim, namespace }
    }

    /// Waits until everything that moved is read, and counted to the byte.
    fn settle(&self) -> Usage {
        self.settle_without(Bytes::default())
    }

    fn settle_without(&self, left_out: Bytes) -> Usage {
        let mut seen = String::new();
        let settled = within(PATIENCE, || {
            let (truth, usage) = (self.sim.truth(), self.terminal.client.usage()?);
            let (least, most) = truth.countable();
            seen = format!("counted {usage:?}, countable {least:?} to {most:?}");
            let fits = usage.rx + left_out.rx >= least.rx
                && usage.tx + left_out.tx >= least.tx
                && usage.rx <= most.rx
                && usage.tx <= most.tx;
            (fits && truth.is_read_out()).then_some(usage)
        });
        settled.unwrap_or_else(|| panic!("it is not counted: {seen}"))
    }

    fn proxy(&self) -> Process {
        let log = self.terminal.directory.path().join("proxy.log");
        let proxy = Process::spawn(&mut self.namespace.command(PROXY), &log);
        until("qmi-proxy", || self.namespace.listens("qmi-proxy").then_some(()));
        proxy
    }

    /// What qmicli says, through the proxy.
    fn qmicli(&self, question: &str) -> String {
        let output = self
            .namespace
            .command("qmicli")
            .args(["-p", "--device-open-qmi", "-d"])
            .arg(self.sim.truth().device.expect("it is there"))
            .arg(question)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
        said
    }
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn device() {
    let mut setup = Setup::new(71);
    setup.terminal.begin();
    let truth = setup.sim.truth();
    let source = setup.terminal.client.source().expect("Admin1 answers");
    assert_eq!(source.text("imei"), Some(truth.imei.clone()));
    for key in ["manufacturer", "model", "revision", "counter"] {
        assert!(source.text(key).is_some_and(|text| !text.is_empty()), "{key} is unknown");
    }
    let balance = setup.terminal.client.balance().unwrap();
    assert_eq!(balance.text("Iccid").unwrap()[..19], truth.iccid.unwrap()[..19]);
    assert_eq!(setup.terminal.usage().source.as_deref(), Some("qmi"));

    setup.sim.apply("traffic tx 4_321 rx 1_000_007").unwrap();
    let usage = setup.settle();
    assert_eq!((usage.tx, usage.rx), (4_321, 1_000_007));
    setup.sim.apply("roaming on").unwrap();
    until("roaming", || (setup.terminal.client.usage()?.is_roaming == Some(true)).then_some(()));
    setup.sim.apply("traffic tx 11 rx 50_021").unwrap();
    let usage = setup.settle();
    assert_eq!((usage.roaming_tx, usage.roaming_rx), (11, 50_021));
    assert_eq!(setup.terminal.uncounted(0), []);
    assert_eq!(setup.terminal.stop(), 0);
    let truth = setup.sim.truth();
    assert_eq!(truth.syncs_received, 0);
    assert!(truth.clients.values().all(|count| *count == 0), "{:?}", truth.clients);
}

fn sessions() {
    let mut setup = Setup::new(72);
    setup.terminal.begin();
    setup.sim.apply("session v6 up; traffic v6 tx 70 rx 7_000; traffic tx 5 rx 9").unwrap();
    let usage = setup.settle();
    assert_eq!((usage.tx, usage.rx), (75, 7_009), "both families count");
    // What moves right before the end is in the last call's totals.
    for round in 1..=5_u64 {
        setup.sim.apply("traffic tx 100 rx 2_000; session down").unwrap();
        let usage = setup.settle();
        assert_eq!((usage.tx, usage.rx), (75 + 101 * round - round, 7_009 + 2_000 * round));
        setup.sim.apply("session up").unwrap();
    }
    setup.sim.apply("traffic v6 tx 1 rx 2; session v6 down; traffic tx 3 rx 4").unwrap();
    setup.settle();
    assert_eq!(setup.terminal.uncounted(0), [], "every end was exact");
    let events = setup.terminal.events(0);
    let resets = events.iter().filter(|event| event.kind == "reset").count();
    assert!(resets >= 5, "each new session is explained: {events:?}");
    assert_eq!(setup.terminal.stop(), 0);
}

fn killed() {
    let mut setup = Setup::new(73);
    setup.terminal.begin();
    setup.sim.apply("traffic rate 200_000 &").unwrap();
    for _ in 0..3 {
        setup.sim.wait_polls(2, PATIENCE).unwrap();
        setup.terminal.kill();
        setup.sim.apply("wait 200ms").unwrap();
        setup.terminal.start();
    }
    setup.sim.wait_polls(2, PATIENCE).unwrap();
    setup.sim.apply("traffic stop").unwrap();
    setup.settle();
    assert_eq!(setup.terminal.uncounted(0), []);
}

fn unplugged() {
    let mut setup = Setup::new(74);
    setup.terminal.begin();
    setup.sim.apply("traffic tx 10 rx 20_000").unwrap();
    setup.settle();
    setup.sim.apply("hangup for 500ms").unwrap();
    setup.terminal.await_said("vanished: ");
    setup.sim.apply("traffic tx 1 rx 3_000").unwrap();
    setup.settle();
    setup.terminal.await_said("it can be read again");
    // The modem forgets its clients: a program that shares it has sent Sync.
    setup.sim.apply("forget-clients; traffic tx 2 rx 4_000").unwrap();
    setup.settle();
    // Silence for longer than it is waited.
    setup.sim.apply("silence 12s; traffic tx 4 rx 5_000").unwrap();
    let usage = setup.settle();
    assert_eq!((usage.tx, usage.rx), (17, 32_000));
    assert_eq!(setup.sim.truth().syncs_received, 0);
    assert_eq!(setup.terminal.stop(), 0);
}

fn proxy() {
    let mut setup = Setup::new(75);
    let mut proxy = setup.proxy();
    setup.terminal.begin();
    let counter = setup.terminal.client.source().unwrap().text("counter").unwrap();
    assert!(counter.ends_with(", through qmi-proxy"), "{counter}");
    setup.sim.apply("traffic tx 54_321 rx 7_654_321").unwrap();
    let usage = setup.settle();
    assert_eq!((usage.tx, usage.rx), (54_321, 7_654_321));
    // Both read at the same time, and see the same.
    let said = setup.qmicli("--wds-get-packet-statistics");
    let source = setup.terminal.client.source().unwrap();
    let ours = ["tx_bytes", "rx_bytes"].map(|key| source.number(key).unwrap());
    assert_eq!(ours, [1_234_567 + 54_321, 5_000_000_123 + 7_654_321]);
    for figure in ours {
        assert!(said.contains(&figure.to_string()), "{ours:?}\n{said}");
    }
    setup.sim.apply("traffic rate 300_000 &").unwrap();
    for _ in 0..5 {
        setup.qmicli("--wds-get-packet-statistics");
        setup.sim.wait_polls(1, PATIENCE).unwrap();
    }
    setup.sim.apply("traffic stop").unwrap();
    setup.settle();
    assert_eq!(setup.terminal.uncounted(0), []);

    // The proxy dies, and another comes.
    proxy.kill();
    setup.terminal.await_said("qmi-proxy has ended");
    setup.sim.apply("traffic tx 7 rx 11").unwrap();
    proxy = setup.proxy();
    setup.settle();
    let before = setup.terminal.times_said("vanished: ");
    // The device goes, and comes back as another node.
    setup.sim.apply("hangup for 500ms").unwrap();
    until("the loss of the device", || {
        (setup.terminal.times_said("vanished: ") > before).then_some(())
    });
    setup.sim.apply("traffic tx 13 rx 17").unwrap();
    setup.settle();
    // It hangs without a word, and goes on.
    proxy.signal(Signal::SIGSTOP);
    setup.terminal.await_said("silent: ");
    proxy.signal(Signal::SIGCONT);
    setup.sim.apply("traffic tx 19 rx 23").unwrap();
    setup.settle();
    assert_eq!(setup.terminal.stop(), 0);
    let truth = setup.sim.truth();
    assert_eq!(truth.syncs_received, 0);
}

/// As a user whom the proxy does not admit.
fn denied() {
    let setup = Setup::new(76);
    let _proxy = setup.proxy();
    let device = setup.sim.truth().device.unwrap();
    let mut command = setup.namespace.command("setpriv");
    command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]);
    command.arg(std::env::current_exe().unwrap());
    command.args(["--ignored", "--exact", "--nocapture", "qmi::open_once"]);
    let output = command.env("POSDATA_DEVICE", device).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("admits root only"), "{said}");
    assert!(said.contains("systemd/qmi-proxy.conf"), "{said}");
}

#[test]
#[ignore = "run by another test, as another user"]
fn open_once() {
    use posdatad::adapters::port::{FromPort, PortSource};
    use posdatad::adapters::qmi::QmiPort;
    use posdatad::domain::report::Report;
    use posdatad::modem::qmi::{QmiDialogue, QmiSettings};

    let device = std::env::var_os("POSDATA_DEVICE").expect("the other test names it");
    let (said, heard) = std::sync::mpsc::channel();
    let dialogue = QmiDialogue::new(QmiSettings::default());
    let opener = Box::new(QmiPort::new(device.into()));
    let say = move |message| drop(said.send(message));
    let _port = PortSource::start("qmi", dialogue, opener, "boot", say).unwrap();
    let FromPort::Report { report: Report::Fault { kind, detail }, .. } =
        heard.recv_timeout(PATIENCE).unwrap()
    else {
        panic!("it is let in");
    };
    println!("{}: {detail}", kind.word());
}

/// The best that answers, and why.
fn auto() {
    let mut setup = Setup::new(77);
    let device = setup.terminal.directory.path().join("cdc-wdm0");
    let port = setup.terminal.directory.path().join("ttyUSB2");
    let _at = posdata_testkit::Sim::builder().seed(78).link(&port).start().unwrap();
    setup.terminal.settings.text("modem.source", "auto").text("modem.port", path(&port));
    setup.terminal.begin();
    assert_eq!(setup.terminal.usage().source.as_deref(), Some("qmi"));
    let chosen = format!(
        "metering by QMI on {} (source = \"auto\": the device is configured)",
        device.display()
    );
    setup.terminal.await_said(&chosen);
    assert_eq!(setup.terminal.stop(), 0);
    // Without it, the next best; and the reason says what failed.
    setup.sim.stop();
    setup.terminal.start();
    until("another source", || {
        (setup.terminal.client.usage()?.source.as_deref() == Some("at")).then_some(())
    });
    let chosen = format!("metering by AT commands on {}", port.display());
    setup.terminal.await_said(&chosen);
    setup.terminal.await_said(&format!("not by QMI on {}: missing: ", device.display()));
    assert_eq!(setup.terminal.stop(), 0);
}
