//! The real `qmicli` and the real `qmi-proxy` (Debian's libqmi-utils and libqmi-proxy) at the simulated modem: they
//! understand every value, and show what the simulator's books say. Each runs in namespaces of its own, in which
//! nothing outlives the test. Where they are not installed, or may not do that, the tests say so and pass.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail"
)]

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{SystemTime, UNIX_EPOCH};

use posdata_testkit::Bytes;
use posdata_testkit::qmi::QmiSim;

const PROXY: &str = "/usr/libexec/qmi-proxy";
const QUESTIONS: [&str; 12] = [
    "--wds-get-packet-statistics",
    "--wds-get-packet-service-status",
    "--dms-get-ids",
    "--dms-get-manufacturer",
    "--dms-get-model",
    "--dms-get-revision",
    "--dms-uim-get-iccid",
    "--dms-uim-get-imsi",
    "--dms-get-time",
    "--nas-get-serving-system",
    "--get-service-version-info",
    "--uim-read-transparent=0x3F00,0x2FE2",
];
/// What libqmi says of any port that the kernel does not know as a modem's.
const NO_REAL_PORT: [&str; 2] = [
    "couldn't detect transport type of port: unexpected port subsystem",
    "requested QMI mode but unexpected transport type found",
];
/// Waits until somebody listens as the proxy (its process is $P), or the process is gone.
const LISTENS: &str =
    "until grep -q '@qmi-proxy$' /proc/net/unix; do kill -0 $P || exit 90; sleep 0.01; done";

/// Runs a shell script in namespaces of its own; whatever it starts ends with it.
fn isolated(script: &str, arguments: &[&Path]) -> Output {
    let mut unshare = Command::new("timeout");
    unshare.args(["60", "unshare", "-m", "-n", "-p", "-f", "--kill-child"]);
    let is_root = std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
    if !is_root {
        unshare.arg("-r");
    }
    unshare.args(["--propagation", "private", "sh", "-c", script, "sh"]).args(arguments);
    unshare.output().expect("timeout runs")
}

/// Shell that asks the modem at $1. What goes to standard error comes behind the rest, not in the middle of it.
fn asking(question: &str, flags: &str) -> String {
    format!(
        "exec 3>&1\nE=$(qmicli {flags} -d \"$1\" --device-open-qmi --verbose-full {question} 2>&1 >&3)\n\
         S=$?; echo \"$E\"; (exit $S)"
    )
}

/// Whether the real programs can be run here: namespaces are root's. Root must have the programs, too
/// (`make check` installs them).
fn can_run() -> bool {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("left out: only root has namespaces of its own");
        return false;
    }
    let found = isolated(&format!("command -v qmicli && test -x {PROXY}"), &[]);
    assert!(found.status.success(), "no qmicli, no {PROXY}, or no namespaces here");
    true
}

/// What one question brought.
struct Seen {
    question: &'static str,
    /// All that was printed.
    text: String,
    succeeded: bool,
}

impl Seen {
    /// Asks all questions in one set of namespaces. `before` is shell to run first.
    fn all(path: &Path, before: &str, flags: &str) -> Vec<Seen> {
        let asked =
            QUESTIONS.map(|question| format!("{}\necho \"@@ $?\"", asking(question, flags)));
        let output = isolated(&format!("{before}\n{}", asked.join("\n")), &[path]);
        let text = String::from_utf8(output.stdout).unwrap();
        let mut parts = text.split("@@ ");
        let mut part = parts.next().unwrap_or_default().to_owned();
        let seen: Vec<Seen> = QUESTIONS
            .into_iter()
            .zip(parts)
            .map(|(question, next)| {
                let (status, rest) = next.split_once('\n').unwrap();
                let text = std::mem::replace(&mut part, rest.to_owned());
                Seen { question, text, succeeded: status == "0" }
            })
            .collect();
        assert_eq!(seen.len(), QUESTIONS.len(), "{text}");
        seen
    }

    fn says(&self, expected: &str) -> &Seen {
        assert!(
            self.text.contains(expected),
            "{}: no {expected:?} in {}",
            self.question,
            self.text
        );
        self
    }

    /// libqmi put a name to every message and value, and made sense of each.
    fn is_understood(&self) {
        assert!(self.succeeded, "{}: {}", self.question, self.text);
        let known = |line: &str| NO_REAL_PORT.iter().any(|text| line.contains(text));
        for line in self.text.lines().filter(|line| !known(line)) {
            let wrong = ["ERROR", "couldn't", "-Warning **", "unknown error", "unexpected"];
            assert!(
                !line.starts_with("error:") && !wrong.iter().any(|word| line.contains(word)),
                "{}: {line}\n{}",
                self.question,
                self.text
            );
        }
        let blocks: Vec<&str> = self.text.split("<<<<<< TLV:\n").skip(1).collect();
        assert!(blocks.len() >= 2, "{}", self.text);
        for block in blocks {
            let block = block.split("\n\n").next().unwrap();
            assert!(block.contains("type       = \""), "a value without a name: {block}");
            assert!(block.contains("translated = "), "a value without a meaning: {block}");
        }
        for line in self.text.lines().filter(|line| line.contains("   message     = ")) {
            assert!(line.contains("message     = \""), "a message without a name: {line}");
        }
    }
}

/// Everything shown is what the books say.
fn all_is_right(seen: &[Seen], sim: &QmiSim, counter: Bytes) {
    seen.iter().for_each(Seen::is_understood);
    let truth = sim.truth();
    let (iccid, imsi) = (truth.iccid.clone().unwrap(), &truth.sims[0].imsi);
    let [
        statistics,
        status,
        ids,
        maker,
        model,
        revision,
        card,
        subscriber,
        time,
        network,
        versions,
        file,
    ] = seen
    else {
        panic!("twelve answers")
    };
    assert_eq!(truth.sessions.v4.counter, counter);
    statistics
        .says(&format!("TX bytes OK: {}\n", counter.tx))
        .says(&format!("RX bytes OK: {}\n", counter.rx))
        .says("TX packets dropped: 0\n");
    status.says("Connection status: 'connected'");
    ids.says(&format!("IMEI: '{}'", truth.imei)).says("ESN: '0'").says("IMEI SV: '01'");
    maker.says("Manufacturer: 'QUALCOMM INCORPORATED'");
    model.says("Model: 'QUECTEL Mobile Broadband Module'");
    revision.says("Revision: 'EC25EFAR06A06M4G'");
    card.says(&format!("ICCID: '{iccid}'"));
    subscriber.says(&format!("IMSI: '{imsi}'"));
    network.says("Roaming status: 'off'").says("MCC: '460'").says("Description: 'CHINA MOBILE'");
    versions.says("wds (1.36)").says("uim (1.22)");
    let swapped: Vec<String> = iccid
        .as_bytes()
        .chunks(2)
        .map(|pair| format!("{}{}", char::from(pair[1]), char::from(pair[0])))
        .collect();
    file.says(&swapped.join(":")).says("SW1: '0x90'");

    let said =
        time.says("Time source: 'cdma-network'").text.split("System time: '").nth(1).unwrap();
    let said: u64 = said.split(' ').next().unwrap().parse().unwrap();
    #[expect(clippy::disallowed_methods, reason = "the modem's clock is set by the machine's")]
    let now = SystemTime::now();
    let unix_s = now.duration_since(UNIX_EPOCH).unwrap().as_secs();
    let away = (said / 1000).abs_diff(unix_s - 315_964_800 + 18);
    assert!(away < 70, "the modem's clock is {away} s away");

    assert!(truth.is_read_out());
    assert_eq!(truth.syncs_received, 0);
    // The programs give their clients back.
    assert!(truth.clients.is_empty(), "{:?}", truth.clients);
}

fn sim() -> QmiSim {
    let sim = QmiSim::builder().seed(7).counter(1_000_000, 0).start().unwrap();
    sim.apply("traffic tx 234567 rx 5000000123").unwrap();
    sim
}

const COUNTER: Bytes = Bytes::new(1_234_567, 5_000_000_123);

#[test]
fn qmicli_understands_the_modem_and_shows_its_figures() {
    if can_run() {
        let sim = sim();
        let seen = Seen::all(sim.path(), "", "");
        all_is_right(&seen, &sim, COUNTER);
    }
}

#[test]
fn so_it_does_through_the_real_proxy() {
    if can_run() {
        let sim = sim();
        let start = format!("{PROXY} & P=$!\n{LISTENS}\ntrap 'kill $P; wait $P' EXIT");
        let seen = Seen::all(sim.path(), &start, "-p");
        all_is_right(&seen, &sim, COUNTER);
    }
}

#[test]
fn qmicli_shares_the_modem_through_the_simulators_own_proxy() {
    if !can_run() {
        return;
    }
    let directory = std::env::temp_dir().join(format!("modem-sim-real-{}", std::process::id()));
    std::fs::create_dir(&directory).unwrap();
    let script = format!(
        "\"$2\" --dialect qmi --proxy qmi-proxy --link \"$1/modem\" --control \"$1/control\" \
         --tx 11 --rx 22 & P=$!\n{LISTENS}\nuntil test -S \"$1/control\"; do sleep 0.01; done\n\
         qmicli -p -d \"$1/modem\" --device-open-qmi --verbose-full --wds-get-packet-statistics; \
         echo \"status $?\"\n\"$2\" ctl \"$1/control\" truth\n\"$2\" ctl \"$1/control\" exit\nwait $P"
    );
    let program = Path::new(env!("CARGO_BIN_EXE_modem-sim"));
    let output = isolated(&script, &[&directory, program]);
    let _ = std::fs::remove_dir_all(&directory);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}");
    for expected in ["TX bytes OK: 11\n", "RX bytes OK: 22\n", "status 0\n", "\"clients\":{}"] {
        assert!(text.contains(expected), "no {expected:?} in {text}");
    }
}

/// One question, with everything that was printed.
fn ask(sim: &QmiSim, question: &'static str) -> Seen {
    let output = isolated(&asking(question, ""), &[sim.path()]);
    let text = String::from_utf8(output.stdout).unwrap();
    Seen { question, text, succeeded: output.status.success() }
}

#[test]
fn qmicli_understands_refusals_indications_and_pieces() {
    if !can_run() {
        return;
    }
    let sim = sim();
    sim.apply("split on; coalesce on; duplicate counter; roaming on").unwrap();
    let seen = ask(&sim, "--wds-get-packet-statistics");
    seen.says("message     = \"Packet Service Status\" (0x0022)")
        .says("translated = [ status = 'connected' reconfiguration_required = 'no' ]")
        .says("translated = ipv4")
        .says("RX bytes OK: 5000000123\n");
    assert!(seen.succeeded, "{}", seen.text);
    sim.apply("split off; coalesce off").unwrap();
    ask(&sim, "--nas-get-serving-system").says("Roaming status: 'on'").is_understood();

    sim.apply("session down").unwrap();
    let seen = ask(&sim, "--wds-get-packet-statistics");
    seen.says("'OutOfCall'")
        .says("type       = \"Last Call Tx Bytes Ok\" (0x1b)")
        .says("translated = 1234567\n")
        .says("type       = \"Last Call Rx Bytes Ok\" (0x1c)")
        .says("translated = 5000000123\n");
    assert!(!seen.succeeded);
    ask(&sim, "--wds-get-packet-service-status").says("'disconnected'").is_understood();

    sim.apply("no-dms-iccid on").unwrap();
    ask(&sim, "--dms-uim-get-iccid").says("QMI protocol error (94): 'NotSupported'");
    sim.apply("sim out").unwrap();
    ask(&sim, "--dms-uim-get-imsi").says("QMI protocol error (48): 'InvalidArgument'");
    ask(&sim, "--nas-get-serving-system").says("'not-registered'").is_understood();
    sim.apply("clock unset").unwrap();
    ask(&sim, "--dms-get-time").says("Time source: 'device'").is_understood();
}
