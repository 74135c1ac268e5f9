//! The real ModemManager of Debian with the simulated modem, seen by posdatad.
//!
//! It lives in a mount and a network namespace of its own. A sysfs made of plain
//! files shows it a USB modem with a serial port, which is the simulator's
//! pseudo-terminal, and with a network interface, which is one end of a real veth
//! pair: so it finds the modem as it finds a real one, without udev.

use std::fs;
use std::process::{Command, Output};

use posdata_testkit::{Dialect, Sim};
use serde_json::Value;

use crate::support::bus::{Bus, Policy};
use crate::support::process::Process;
use crate::support::side_by_side::{run, scenario};
use crate::support::terminal::Terminal;
use crate::support::wait::until;

/// Makes that sysfs and becomes ModemManager: $1 the pseudo-terminal, $2 the
/// bus, $3 a directory, $4 and $5 the USB ids.
const MANAGER: &str = r#"
ip link add wwan0 type veth peer name far0
mkdir "$3/real" "$3/sys" "$3/dev"
mount -t sysfs sysfs "$3/real"
mount -t tmpfs tmpfs "$3/sys"
device="$3/sys/devices/pci0/usb1/1-1"
mkdir -p "$device/1-1:1.2/tty/ttyACM0" "$device/1-1:1.4/net/wwan0"
mkdir -p "$3/sys/bus/usb/drivers/cdc_acm" "$3/sys/bus/usb/drivers/cdc_ether" "$3/sys/bus/usb/drivers/usb"
mkdir -p "$3/sys/class/tty" "$3/sys/class/net" "$3/sys/devices/pci0/usb1/class/net"
for part in 2:cdc_acm 4:cdc_ether; do
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
ln -s /sys/class/tty "$device/1-1:1.2/tty/ttyACM0/subsystem"
ln -s /sys/devices/pci0/usb1/1-1/1-1:1.2/tty/ttyACM0 "$3/sys/class/tty/ttyACM0"
mount --bind "$3/real/devices/virtual/net/wwan0" "$device/1-1:1.4/net/wwan0"
ln -s /sys/devices/pci0/usb1/1-1/1-1:1.4/net/wwan0 "$3/sys/class/net/wwan0"
mount --move "$3/sys" /sys
mount -t tmpfs tmpfs "$3/dev"
mkdir "$3/dev/pts"
mount --bind /dev/pts "$3/dev/pts"
for file in null urandom random; do touch "$3/dev/$file"; mount --bind "/dev/$file" "$3/dev/$file"; done
touch "$3/dev/ttyACM0"
mount --bind "$1" "$3/dev/ttyACM0"
mount --move "$3/dev" /dev
printf 'action=add,subsystem=tty,name=ttyACM0\naction=add,subsystem=net,name=wwan0\n' >"$3/events"
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
    run(2, vec![scenario("u-blox", ublox), scenario("Quectel", quectel)]);
}

/// A terminal whose modem belongs to ModemManager.
struct Managed {
    terminal: Terminal,
    manager: Process,
}

impl Managed {
    fn begin(dialect: Dialect, ids: [&str; 2]) -> Self {
        let sim = Sim::builder().dialect(dialect).iccid("89860012345678901234");
        let mut terminal = Terminal::on(Bus::with(Policy::WithModemManager), sim);
        terminal.settings.text("modem.source", "modemmanager").without("modem.port");
        let directory = terminal.directory.path().join("manager");
        fs::create_dir(&directory).unwrap();
        let pty = fs::canonicalize(terminal.sim.path()).unwrap();
        let mut command = Command::new("unshare");
        command.args(["-m", "-n", "--propagation", "private", "sh", "-euc", MANAGER, "sh"]);
        command.arg(pty).arg(terminal.address()).arg(&directory).args(ids);
        let manager = Process::spawn(&mut command, &directory.join("log"));
        let pid = manager.pid().to_string();
        terminal.through = ["nsenter", "-t", &pid, "-m", "-n"].map(str::to_owned).into();
        let mut managed = Self { terminal, manager };
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
        assert_eq!(iccid.as_deref(), Some("89860012345678901234"));
        let home = modem["3gpp"]["registration-state"] == "home";
        assert_eq!(self.terminal.usage().is_roaming, Some(!home));
    }

    fn inside(&self, script: &str) -> String {
        let pid = self.manager.pid().to_string();
        let output = Command::new("nsenter")
            .args(["-t", &pid, "-m", "-n", "bash", "-ec", script])
            .output()
            .expect("nsenter and bash are needed (Debian: util-linux, bash)");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }
}

fn ublox() {
    let mut managed = Managed::begin(Dialect::UBlox, ["1546", "1146"]);
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
    let set_up = "for link in wwan0 far0; do
          echo 1 >/proc/sys/net/ipv6/conf/$link/disable_ipv6; ip link set $link up; done
        ip address add 10.9.8.7/24 dev wwan0
        ip neighbour add 10.9.8.8 lladdr 02:00:00:00:00:01 dev wwan0";
    managed.inside(set_up);
    // 28 bytes of IP and UDP headers each; the Ethernet headers do not count.
    managed.inside("for n in 1 2 3; do printf '%1000s' >/dev/udp/10.9.8.8/9; done");
    managed.mmcli(&["-m", "0", "--simple-disconnect"]);
    let gap = until("the end", || {
        let events = terminal.client.events(before)?;
        events.into_iter().find(|event| event.kind == "gap")
    });
    assert_eq!((gap.counted, gap.uncounted), (3 * 1_028, true), "{gap:?}");
    assert_eq!((terminal.usage().rx, terminal.usage().tx), (0, 3 * 1_028));
    until("the end of the fault", || {
        terminal.client.source()?.text("fault").is_none().then_some(())
    });
}

fn quectel() {
    let mut managed = Managed::begin(Dialect::QuectelLte, ["2c7c", "0125"]);
    managed.terminal.begin();
    managed.compare();
    assert_eq!(managed.terminal.stop(), 0);
}
