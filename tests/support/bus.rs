//! A private bus with posdatad's real policy: the real dbus-daemon on a socket
//! in a directory of its own, ended when the test is.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use tempfile::TempDir;

/// Debian's system bus, as far as policies go: everything is denied that is not
/// allowed, owned names and calls among it. The bus's own figures are open to tests.
const SYSTEM_POLICY: &str = r#"
  <policy context="default">
    <allow user="*"/>
    <deny own="*"/>
    <deny send_type="method_call"/>
    <allow send_type="signal"/>
    <allow send_requested_reply="true" send_type="method_return"/>
    <allow send_requested_reply="true" send_type="error"/>
    <allow receive_type="method_call"/>
    <allow receive_type="method_return"/>
    <allow receive_type="error"/>
    <allow receive_type="signal"/>
    <allow send_destination="org.freedesktop.DBus" send_interface="org.freedesktop.DBus"/>
    <allow send_destination="org.freedesktop.DBus"
           send_interface="org.freedesktop.DBus.Debug.Stats"/>
  </policy>"#;

/// What comes with ModemManager (Debian: modemmanager).
const MODEM_MANAGER_POLICY: &str = "/etc/dbus-1/system.d/org.freedesktop.ModemManager1.conf";

/// Nobody, on every Debian.
const NOBODY: &str = "65534";

/// What the bus knows of posdatad's policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy<'a> {
    /// `dbus/org.posdata.conf` as it ships.
    Shipped,
    /// The same, with this group in the place of `posdata-admin`.
    AdminGroup(&'a str),
    /// The same, with this group in the place of `posdata`.
    #[allow(dead_code, reason = "not every test program spends money")]
    CashierGroup(&'a str),
    /// Nothing of it.
    Missing,
    /// The shipped one, and ModemManager's own as Debian ships it.
    #[allow(dead_code, reason = "not every test program has it there")]
    WithModemManager,
}

/// The bus.
#[derive(Debug)]
pub struct Bus {
    daemon: Child,
    address: String,
    directory: TempDir,
}

impl Bus {
    /// With the shipped policy.
    pub fn start() -> Self {
        Self::with(Policy::Shipped)
    }

    /// With that policy.
    pub fn with(policy: Policy<'_>) -> Self {
        let directory = tempfile::Builder::new().prefix("posdata-bus-").tempdir().unwrap();
        let path = directory.path();
        // Other users pass through to the socket.
        fs::set_permissions(path, fs::Permissions::from_mode(0o711)).unwrap();
        fs::write(path.join("bus.conf"), configuration(path, policy)).unwrap();
        let (daemon, address) = spawn(path);
        Self { daemon, address, directory }
    }

    /// Its D-Bus address.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Ends it as a crash would.
    pub fn kill(&mut self) {
        self.daemon.kill().unwrap();
        self.daemon.wait().unwrap();
    }

    /// Starts it again where it was, after its end: the same path, another id.
    #[allow(dead_code, reason = "not every test program wants it back")]
    pub fn start_again(&mut self) {
        (self.daemon, self.address) = spawn(self.directory.path());
    }

    /// Calls a method without arguments on posdatad as nobody, or `None` where
    /// this test is not run by root.
    pub fn call_as_nobody(&self, method: &str, argument: Option<&str>) -> Option<Output> {
        if !nix::unistd::geteuid().is_root() {
            return None;
        }
        let mut command = Command::new("setpriv");
        command
            .args(["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups"])
            .arg("dbus-send")
            .arg(format!("--bus={}", self.address))
            .args(["--print-reply", "--reply-timeout=5000", "--dest=org.posdata", "/org/posdata"])
            .arg(method)
            .args(argument);
        Some(
            command
                .output()
                .expect("setpriv and dbus-send are needed (Debian: util-linux, dbus-bin)"),
        )
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        // It may have been killed already.
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}

fn spawn(directory: &Path) -> (Child, String) {
    let mut daemon = Command::new("dbus-daemon")
        .args(["--nofork", "--nopidfile", "--nosyslog", "--print-address"])
        .arg(format!("--config-file={}", directory.join("bus.conf").display()))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("dbus-daemon is needed (Debian: dbus-daemon)");
    // It says its address when it listens.
    let mut address = String::new();
    BufReader::new(daemon.stdout.take().unwrap()).read_line(&mut address).unwrap();
    assert!(address.starts_with("unix:"), "dbus-daemon did not start: \"{address}\"");
    (daemon, address.trim().to_owned())
}

fn configuration(directory: &Path, policy: Policy<'_>) -> String {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("dbus/org.posdata.conf");
    let included = match policy {
        Policy::Missing => String::new(),
        Policy::Shipped => format!("<include>{}</include>\n{}", shipped.display(), tester()),
        Policy::WithModemManager => format!(
            "<include>{}</include>\n<include>{MODEM_MANAGER_POLICY}</include>\n{}\n{}",
            shipped.display(),
            tester(),
            manager()
        ),
        Policy::AdminGroup(group) => regrouped(directory, &shipped, "posdata-admin", group),
        Policy::CashierGroup(group) => regrouped(directory, &shipped, "posdata", group),
    };
    format!(
        "<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN\"\n \
         \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">\n\
         <busconfig>\n  <listen>unix:path={}/bus</listen>\n  <auth>EXTERNAL</auth>\n\
         {SYSTEM_POLICY}\n{included}\n</busconfig>\n",
        directory.display()
    )
}

/// The shipped policy with another group in the place of one of its own.
fn regrouped(directory: &Path, shipped: &Path, own: &str, group: &str) -> String {
    let changed = directory.join("org.posdata.conf");
    let text = fs::read_to_string(shipped).unwrap();
    let named = format!("group=\"{own}\"");
    assert!(text.contains(&named));
    fs::write(&changed, text.replace(&named, &format!("group=\"{group}\""))).unwrap();
    format!("<include>{}</include>\n{}", changed.display(), tester())
}

/// Lets who runs the tests do what root may.
fn tester() -> String {
    let user = nix::unistd::geteuid();
    format!(
        "<policy user=\"{user}\"><allow own=\"org.posdata\"/>\
         <allow send_destination=\"org.posdata\" send_interface=\"org.posdata.Admin1\"/>\
         <allow send_destination=\"org.posdata\" send_interface=\"org.posdata.Recharge1\"/></policy>"
    )
}

/// Lets who runs the tests play ModemManager's part.
fn manager() -> String {
    let (user, name) = (nix::unistd::geteuid(), "org.freedesktop.ModemManager1");
    format!(
        "<policy user=\"{user}\"><allow own=\"{name}\"/><allow send_destination=\"{name}\"/></policy>"
    )
}
