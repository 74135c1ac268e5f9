//! The room that one run takes place in: two directories of its own, private buses,
//! and the wish to stop. All is gone when it is dropped.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::Result;
use super::process::Process;

/// How long something may take that takes milliseconds.
const SOON_MAX: Duration = Duration::from_secs(20);

#[derive(Debug)]
pub struct Lab {
    /// For sockets, whose paths must be short.
    sockets: TempDir,
    /// For databases: beside the build, where a disk is rather than memory.
    disk: TempDir,
    interrupted: Arc<AtomicBool>,
}

impl Lab {
    pub fn open() -> Result<Self> {
        let interrupted = Arc::new(AtomicBool::new(false));
        for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
            signal_hook::flag::register(signal, Arc::clone(&interrupted))?;
        }
        let named = tempfile::Builder::new().prefix("posdatad-bench-").tempdir()?;
        let disk = Path::new(env!("CARGO_TARGET_TMPDIR"));
        fs::create_dir_all(disk)?;
        let disk = tempfile::Builder::new().prefix("bench-").tempdir_in(disk)?;
        Ok(Self { sockets: named, disk, interrupted })
    }

    /// A fresh folder on the disk.
    pub fn folder(&self, name: &str) -> Result<PathBuf> {
        let folder = self.disk.path().join(name);
        fs::create_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        Ok(folder)
    }

    /// The disk itself.
    pub fn disk(&self) -> &Path {
        self.disk.path()
    }

    /// Where a socket or a terminal of that name may lie.
    pub fn socket(&self, name: &str) -> PathBuf {
        self.sockets.path().join(name)
    }

    /// Sleeps, unless the run is to end.
    pub fn pause(&self, length: Duration) -> Result<()> {
        self.pause_until(Instant::now() + length)
    }

    /// The same up to a moment.
    pub fn pause_until(&self, moment: Instant) -> Result<()> {
        loop {
            if self.interrupted.load(Ordering::Relaxed) {
                return Err("interrupted".into());
            }
            let left = moment.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            sleep(left.min(Duration::from_millis(200)));
        }
    }

    /// Waits until it is so.
    pub fn until(&self, what: &str, mut so: impl FnMut() -> Result<bool>) -> Result<()> {
        let deadline = Instant::now() + SOON_MAX;
        while !so()? {
            if Instant::now() > deadline {
                return Err(format!("waited in vain: {what}").into());
            }
            self.pause(Duration::from_millis(10))?;
        }
        Ok(())
    }

    /// A bus with posdatad's policy, and leave for the peers.
    pub fn bus(&self, name: &str) -> Result<Bus> {
        let socket = self.socket(name);
        let config = self.socket(&format!("{name}.conf"));
        let policy = Path::new(env!("CARGO_MANIFEST_DIR")).join("dbus/org.posdata.conf");
        let text = BUS_CONFIG
            .replace("@SOCKET@", &socket.display().to_string())
            .replace("@POLICY@", &policy.display().to_string())
            .replace("@USER@", &nix::unistd::geteuid().to_string());
        fs::write(&config, text)?;
        let daemon = Process::start(
            Command::new("dbus-daemon")
                .args(["--nofork", "--nopidfile", "--nosyslog", "--config-file"])
                .arg(&config)
                .stdout(Stdio::null())
                .stderr(Stdio::null()),
        )?;
        self.until("dbus-daemon listens", || Ok(socket.exists()))?;
        Ok(Bus { _daemon: daemon, socket })
    }
}

/// A private bus.
#[derive(Debug)]
pub struct Bus {
    _daemon: Process,
    socket: PathBuf,
}

impl Bus {
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    pub fn address(&self) -> String {
        format!("unix:path={}", self.socket.display())
    }
}

const BUS_CONFIG: &str = r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <listen>unix:path=@SOCKET@</listen>
  <auth>EXTERNAL</auth>
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
    <allow send_destination="org.example.Floor"/>
    <allow send_destination="org.freedesktop.ModemManager1"/>
  </policy>
  <include>@POLICY@</include>
  <policy user="@USER@">
    <allow own="org.posdata"/>
    <allow own="org.example.Floor"/>
    <allow own="org.freedesktop.ModemManager1"/>
  </policy>
</busconfig>
"#;
