//! The real ModemManager of Debian with the simulated modem, seen by posdatad.
//!
//! It lives in namespaces of its own. A sysfs made of plain files shows it a USB
//! modem with a serial port or a QMI device, which is a simulator's
//! pseudo-terminal, and with a network interface, which is one end of a real veth
//! pair: so it finds the modem as it finds a real one, without udev.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use posdata_testkit::qmi::QmiSim;
use posdata_testkit::{Dialect, Sim};
use serde_json::Value;

use crate::support::bus::{Bus, Policy};
use crate::support::process::Process;
use crate::support::side_by_side::{run, scenario};
use crate::support::terminal::Terminal;
use crate::support::wait::until;

/// Makes that sysfs and becomes ModemManager: $1 the pseudo-terminal, $2 the
/// bus, $3 a directory, $4 and $5 the USB ids, $6 the port's subsystem, $7 its
/// name, $8 its driver and $9 the interface's.
const MANAGER: &str = r#"
ip link add wwan0 type veth peer name far0
mkdir "$3/real" "$3/sys" "$3/dev"
mount -t sysfs sysfs "$3/real"
mount -t tmpfs tmpfs "$3/sys"
device="$3/sys/devices/pci0/usb1/1-1"
# A QMI device and its interface belong to the same USB interface.
net=4
if [ "$8" = "$9" ]; then net=2; fi
mkdir -p "$device/1-1:1.2/$6/$7" "$device/1-1:1.4" "$device/1-1:1.$net/net/wwan0"
mkdir -p "$3/sys/bus/usb/drivers/$8" "$3/sys/bus/usb/drivers/$9" "$3/sys/bus/usb/drivers/usb"
mkdir -p "$3/sys/class/$6" "$3/sys/class/net" "$3/sys/devices/pci0/usb1/class/net"
for part in "2:$8" "4:$9"; do
  at="$device/1-1:1.${part%%:*}"
  ln -s /sys/bus/usb "$at/subsystem"
  ln -s "/sys/bus/usb/drivers/${part#*:}" "$at/driver"
  echo "0${part%%:*}" >"$at/bInterfaceNumber"
  for class in Class:02 SubClass:02 Protocol:01; do echo "${class#*:}" >"$at/bInterface${class%:*}"; done
done
ln -s /sys/bus/usb "$device/subsystem"
ln -s /sys/bus/usb/drivers/usb "$device/driver"
echo "$4" >"$device/idVendor"
echo "$5" >"$device/idProduct"
echo 0100 >"$device/bcdDevice"
ln -s "/sys/class/$6" "$device/1-1:1.2/$6/$7/subsystem"
ln -s "/sys/devices/pci0/usb1/1-1/1-1:1.2/$6/$7" "$3/sys/class/$6/$7"
mount --bind "$3/real/devices/virtual/net/wwan0" "$device/1-1:1.$net/net/wwan0"
ln -s "/sys/devices/pci0/usb1/1-1/1-1:1.$net/net/wwan0" "$3/sys/class/net/wwan0"
mount --move "$3/sys" /sys
mount -t tmpfs tmpfs "$3/dev"
mkdir "$3/dev/pts"
mount --bind /dev/pts "$3/dev/pts"
for file in null urandom random; do touch "$3/dev/$file"; mount --bind "/dev/$file" "$3/dev/$file"; done
touch "$3/dev/$7"
mount --bind "$1" "$3/dev/$7"
mount --move "$3/dev" /dev
printf 'action=add,subsystem=%s,name=%s\naction=add,subsystem=net,name=wwan0\n' "$6" "$7" >"$3/events"
DBUS_SESSION_BUS_ADDRESS=$2
export DBUS_SESSION_BUS_ADDRESS
exec ModemManager --test-session --test-no-udev --test-no-suspend-resume --test-no-qrtr \
  --no-auto-scan --initial-kernel-events="$3/events" --filter-policy=strict
"#;

#[test]
fn the_real_modemmanager_is_read() {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("the real ModemManager's namespaces need root: left out");
        return;
    }
    let scenarios = vec![
        scenario("u-blox", ublox),
        scenario("Quectel", quectel),
        scenario("counted over QMI", qmi),
    ];
    run(3, scenarios);
}

/// The card in every modem here.
const ICCID: &str = "89860012345678901234";

/// Three packets of 1000 bytes, with 28 of IP and UDP headers each. The kernel
/// counts the Ethernet headers as well; a modem does not see them.
const SENT: u64 = 3 * 1_028;

/// A terminal whose modem belongs to ModemManager.
struct Managed {
    terminal: Terminal,
    manager: Process,
    /// ModemManager itself, as a process id.
    inner: String,
}

impl Managed {
    /// With a modem that speaks AT.
    fn at(dialect: Dialect, ids: [&str; 2]) -> Self {
        let sim = Sim::builder().dialect(dialect).iccid(ICCID);
        let terminal = Terminal::on(Bus::with(Policy::WithModemManager), sim);
        let pty = fs::canonicalize(terminal.sim.path()).unwrap();
        Self::begin(terminal, &pty, ids, ["tty", "ttyACM0", "cdc_acm", "cdc_ether"])
    }

    fn begin(mut terminal: Terminal, pty: &Path, ids: [&str; 2], port: [&str; 4]) -> Self {
        terminal.settings.text("modem.source", "modemmanager").without("modem.port");
        let directory = terminal.directory.path().join("manager");
        fs::create_dir(&directory).unwrap();
        let mut command = Command::new("unshare");
        // Its end is the end of all that it has started (qmi-proxy).
        command.args(["-m", "-n", "-p", "--fork", "--kill-child", "--propagation", "private"]);
        command.args(["sh", "-euc", MANAGER, "sh"]);
        command.arg(pty).arg(terminal.address()).arg(&directory).args(ids).args(port);
        let manager = Process::spawn(&mut command, &directory.join("log"));
        let pid = manager.pid();
        let inner = until("ModemManager's process", || {
            let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).ok()?;
            children.split_whitespace().next().map(str::to_owned)
        });
        terminal.through = ["nsenter", "-t", &inner, "-m", "-n"].map(str::to_owned).into();
        let mut managed = Self { terminal, manager, inner };
        until("ModemManager to know the modem", || {
            if let Some(ended) = managed.manager.ended() {
                panic!("ModemManager ended: {ended}\n{}", managed.manager.said());
            }
            let modem = managed.modem()?;
            (modem["generic"]["state"] == "disabled").then_some(())
        });
        managed.mmcli(&["-m", "0", "--enable"]);
        managed.await_modem("to be registered", |modem| modem["generic"]["state"] == "registered");
        managed
    }

    fn try_mmcli(&self, words: &[&str]) -> Output {
        Command::new("mmcli")
            .args(words)
            .env("DBUS_SYSTEM_BUS_ADDRESS", self.terminal.address())
            .output()
            .expect("mmcli is needed (Debian: modemmanager)")
    }

    fn mmcli(&self, words: &[&str]) -> String {
        let output = self.try_mmcli(words);
        assert!(output.status.success(), "{words:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// The modem as `mmcli` shows it.
    fn modem(&self) -> Option<Value> {
        let output = self.try_mmcli(&["-m", "0", "--output-json"]);
        let all: Value = serde_json::from_slice(&output.stdout).ok()?;
        Some(all["modem"].clone())
    }

    fn await_modem(&self, what: &str, is: impl Fn(&Value) -> bool) {
        until(what, || self.modem().filter(|modem| is(modem)));
    }

    fn shown(&self, words: &[&str]) -> Value {
        serde_json::from_str(&self.mmcli(words)).unwrap()
    }

    /// posdatad shows what `mmcli` shows.
    fn compare(&self) {
        let modem = self.modem().unwrap();
        let output = self.terminal.ctl(&["sources", "--json"]);
        let shown: Value = serde_json::from_slice(&output.stdout).unwrap();
        let source = &shown["sources"][0];
        assert_eq!(source["name"], "modemmanager", "{source}");
        let generic = &modem["generic"];
        for (ours, theirs) in [
            ("imei", &generic["equipment-identifier"]),
            ("manufacturer", &generic["manufacturer"]),
            ("model", &generic["model"]),
            ("revision", &generic["revision"]),
        ] {
            assert!(!theirs.as_str().unwrap().is_empty());
            assert_eq!(&source[ours], theirs, "{ours}");
        }
        let sim = self.shown(&["-i", "0", "--output-json"]);
        let iccid = self.terminal.client.balance().unwrap().text("Iccid");
        assert_eq!(iccid.as_deref(), sim["sim"]["properties"]["iccid"].as_str());
        assert_eq!(iccid.as_deref(), Some(ICCID));
        let home = modem["3gpp"]["registration-state"] == "home";
        assert_eq!(self.terminal.usage().is_roaming, Some(!home));
    }

    /// Lets packets, and nothing else, go out of the modem's interface.
    fn set_up(&self) {
        self.inside(
            "for link in wwan0 far0; do
               echo 1 >/proc/sys/net/ipv6/conf/$link/disable_ipv6; ip link set $link up; done
             ip address add 10.9.8.7/24 dev wwan0
             ip neighbour add 10.9.8.8 lladdr 02:00:00:00:00:01 dev wwan0",
        );
    }

    /// Sends `SENT` bytes through the modem's interface.
    fn send(&self) {
        self.inside("for n in 1 2 3; do printf '%1000s' >/dev/udp/10.9.8.8/9; done");
    }

    /// Waits until exactly so much is counted.
    fn counted(&self, bytes: (u64, u64)) {
        until(&format!("{bytes:?} to be counted"), || {
            let usage = self.terminal.client.usage()?;
            assert!((usage.rx, usage.tx) <= bytes, "more than {bytes:?}: {usage:?}");
            ((usage.rx, usage.tx) == bytes).then_some(())
        });
    }

    /// The totals of bearer 0, as ModemManager has them.
    fn total(&self) -> (u64, u64) {
        let all = self.shown(&["-b", "0", "--output-json"])["bearer"].clone();
        let number = |key| all["stats"][key].as_str().unwrap().parse().unwrap();
        (number("total-bytes-rx"), number("total-bytes-tx"))
    }

    fn inside(&self, script: &str) -> String {
        let output = Command::new("nsenter")
            .args(["-t", &self.inner, "-m", "-n", "bash", "-ec", script])
            .output()
            .expect("nsenter and bash are needed (Debian: util-linux, bash)");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }
}

impl Drop for Managed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- ModemManager said:\n{}---", self.manager.said());
        }
    }
}

fn ublox() {
    let mut managed = Managed::at(Dialect::UBlox, ["1546", "1146"]);
    managed.terminal.begin();
    managed.compare();
    managed.terminal.sim.apply("roaming on").unwrap();
    managed.await_modem("roaming", |modem| modem["3gpp"]["registration-state"] == "roaming");
    until("roaming", || (managed.terminal.client.usage()?.is_roaming == Some(true)).then_some(()));
    managed.compare();
    managed.terminal.sim.apply("roaming off").unwrap();
    until("home", || (managed.terminal.client.usage()?.is_roaming == Some(false)).then_some(()));
    connection(&managed);
    // It is killed: its owner's leaving is heard.
    let before = managed.terminal.last_event();
    managed.manager.kill();
    until("the fault", || {
        let events = managed.terminal.client.events(before)?;
        events.into_iter().find(|event| event.kind == "source_fault")
    });
    managed.terminal.await_said("is it installed and running");
    assert_eq!(managed.terminal.stop(), 0);
}

/// ModemManager 1.20 asks this modem for its counters before it knows the number
/// of the context that they are of, and concludes that there are none: it says so,
/// and so does posdatad. What the interface moved is counted when it ends.
fn connection(managed: &Managed) {
    let terminal = &managed.terminal;
    let before = terminal.last_event();
    managed.mmcli(&["-m", "0", "--simple-connect=apn=cmnet"]);
    let bearer = managed.shown(&["-b", "0", "--output-json"])["bearer"].clone();
    assert_eq!(bearer["status"]["connected"], "yes");
    assert_eq!(bearer["status"]["interface"], "wwan0");
    until("the fault", || {
        let source = terminal.client.source()?;
        (source.text("fault")? == "no_counter").then_some(())
    });
    managed.set_up();
    managed.send();
    managed.mmcli(&["-m", "0", "--simple-disconnect"]);
    let gap = until("the end", || {
        let events = terminal.client.events(before)?;
        events.into_iter().find(|event| event.kind == "gap")
    });
    assert_eq!((gap.counted, gap.uncounted), (SENT, true), "{gap:?}");
    assert_eq!((terminal.usage().rx, terminal.usage().tx), (0, SENT));
    until("the end of the fault", || {
        terminal.client.source()?.text("fault").is_none().then_some(())
    });
}

fn quectel() {
    let mut managed = Managed::at(Dialect::QuectelLte, ["2c7c", "0125"]);
    managed.terminal.begin();
    managed.compare();
    assert_eq!(managed.terminal.stop(), 0);
}

/// A modem whose counters ModemManager reads: what it counts is counted, and what
/// it loses at a disconnect as well.
fn qmi() {
    let modem = QmiSim::builder().seed(81).iccid(ICCID).start().unwrap();
    // As an old one: what ModemManager wants of the card service is not simulated.
    modem.apply("few-services on; session down").unwrap();
    let terminal = Terminal::on(Bus::with(Policy::WithModemManager), Sim::builder());
    let device = modem.truth().device.unwrap();
    let port = ["usbmisc", "cdc-wdm0", "qmi_wwan", "qmi_wwan"];
    let mut managed = Managed::begin(terminal, &device, ["05c6", "9025"], port);
    managed.terminal.begin();
    managed.compare();
    managed.set_up();

    // Its look at the beginning, and the one 30 s later.
    managed.mmcli(&["-m", "0", "--simple-connect=apn=cmnet"]);
    modem.apply("traffic tx 23_000 rx 570_000").unwrap();
    managed.counted((570_000, 23_000));
    assert_eq!(managed.total(), (570_000, 23_000));
    assert_eq!(managed.terminal.uncounted(0), []);

    // What moves now is never looked at.
    let before = managed.terminal.last_event();
    managed.send();
    modem.apply(&format!("traffic tx {SENT} rx 0")).unwrap();
    managed.mmcli(&["-m", "0", "--simple-disconnect"]);
    managed.counted((570_000, 23_000 + SENT));
    assert_eq!(managed.total(), (570_000, 23_000), "it has lost it");
    let gaps = managed.terminal.uncounted(before);
    let [gap] = &gaps[..] else { panic!("one gap, not {gaps:#?}") };
    assert_eq!((gap.kind.as_str(), gap.counted), ("gap", SENT));

    // The next connection, of the same bearer: its totals go on.
    managed.mmcli(&["-m", "0", "--simple-connect=apn=cmnet"]);
    modem.apply("traffic tx 50 rx 500").unwrap();
    managed.counted((570_500, 23_050 + SENT));
    assert_eq!(managed.total(), (570_500, 23_050));
    assert_eq!(managed.terminal.uncounted(gap.id), []);
    let truth = modem.truth().total();
    assert_eq!((truth.rx, truth.tx), (570_500, 23_050 + SENT), "the modem's own books");
    assert_eq!(managed.terminal.stop(), 0);
}
