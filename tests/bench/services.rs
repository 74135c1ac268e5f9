//! Who is measured, and how each is started: posdatad as it is released with a
//! simulated modem, and the peers as far as they are there.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use posdata_testkit::{Dialect, Sim};

use super::Result;
use super::caller::Property;
use super::lab::{Bus, Lab};
use super::process::Process;

/// What is asked of posdatad.
pub const REMAINING: Property = Property {
    service: "org.posdata",
    path: "/org/posdata",
    interface: "org.posdata.Balance1",
    name: "RemainingBytes",
};

/// What is asked of the minimal C service.
pub const FLOOR: Property = Property {
    service: "org.example.Floor",
    path: "/org/example/Floor",
    interface: "org.example.Floor",
    name: "RemainingBytes",
};

/// What is asked of ModemManager.
pub const VERSION: Property = Property {
    service: "org.freedesktop.ModemManager1",
    path: "/org/freedesktop/ModemManager1",
    interface: "org.freedesktop.ModemManager1",
    name: "Version",
};

/// How posdatad is configured for a measurement.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    pub poll: &'static str,
    pub loss_bytes_max: &'static str,
}

/// As it is shipped.
pub const DEFAULTS: Settings = Settings { poll: "10s", loss_bytes_max: "64 KiB" };

/// The card in every modem.
pub const ICCID: &str = "8986001234567890123";

/// A terminal: a simulated modem, a bus, and a place for the database.
pub struct Terminal {
    pub sim: Sim,
    config: PathBuf,
    log: PathBuf,
    database: PathBuf,
}

impl Terminal {
    pub fn new(lab: &Lab, name: &str, settings: Settings) -> Result<Self> {
        let folder = lab.folder(name)?;
        let sim = Sim::builder()
            .dialect(Dialect::QuectelLte)
            .seed(2026)
            .iccid(ICCID)
            .counter(1_000_000, 9_000_000)
            .link(lab.socket(&format!("{name}-tty")))
            .start()
            .map_err(|error| error.to_string())?;
        let terminal = Self {
            sim,
            config: folder.join("posdatad.toml"),
            log: folder.join("log"),
            database: folder.join("posdata.db"),
        };
        terminal.configure(settings)?;
        Ok(terminal)
    }

    /// Writes the configuration; a daemon that runs does not read it again.
    pub fn configure(&self, settings: Settings) -> Result<()> {
        let text = format!(
            "[terminal]\nserial = \"N9600012345\"\n\n\
             [modem]\nsource = \"at\"\nport = \"{}\"\npoll = \"{}\"\n\n\
             [meter]\nloss_bytes_max = \"{}\"\n\n\
             [store]\npath = \"{}\"\n\n\
             [plan]\nallowance = \"1 GiB\"\ncycle = \"monthly:1\"\ntime_zone = \"Asia/Shanghai\"\n",
            self.sim.path().display(),
            settings.poll,
            settings.loss_bytes_max,
            self.database.display()
        );
        fs::write(&self.config, text)?;
        Ok(())
    }

    /// Adds to the configuration; the next start reads it.
    pub fn append(&self, text: &str) -> Result<()> {
        let before = fs::read_to_string(&self.config)?;
        // A backend checks the terminal's id.
        let with_id = before.replace("[terminal]\n", "[terminal]\nid = \"10086001\"\n");
        fs::write(&self.config, with_id + text)?;
        Ok(())
    }

    /// Starts posdatad as it is released.
    pub fn start(&self, bus: &Bus) -> Result<Process> {
        let log = fs::File::options().create(true).append(true).open(&self.log)?;
        Process::start(
            Command::new(released())
                .arg("--config")
                .arg(&self.config)
                .args(["--bus-address", &bus.address()])
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(log),
        )
    }

    /// Waits until its modem has been read so often from now on.
    pub fn await_polls(&self, count: u64) -> Result<()> {
        self.sim.wait_polls(count, Duration::from_secs(30)).map_err(|error| {
            let log = fs::read_to_string(&self.log).unwrap_or_default();
            format!("posdatad does not read its modem: {error}\n{log}").into()
        })
    }

    /// Where it keeps its count.
    pub fn database(&self) -> &Path {
        &self.database
    }

    /// The last words of the daemon.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}

/// posdatad as `cargo build --release` made it. The benchmark itself may be built
/// otherwise.
pub fn released() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("release").join("posdatad")
}

/// The peers, or why one is not there.
#[derive(Debug)]
pub struct Peers {
    pub floor: Result<PathBuf, String>,
    pub modem_manager: Result<PathBuf, String>,
    pub vnstat: Result<PathBuf, String>,
    pub strace: Result<PathBuf, String>,
}

impl Peers {
    /// Looks for them, and compiles the one that is ours.
    pub fn find(lab: &Lab) -> Self {
        let vnstat = if nix::unistd::geteuid().is_root() {
            program("ip", "iproute2")
                .and_then(|_| program("vnstat", "vnstat"))
                .and_then(|_| program("vnstatd", "vnstat"))
        } else {
            Err("vnStat: its interface needs root".to_owned())
        };
        Self {
            floor: compile_floor(lab),
            modem_manager: program("ModemManager", "modemmanager"),
            vnstat,
            strace: program("strace", "strace"),
        }
    }
}

/// Starts the minimal C service.
pub fn start_floor(program: &Path, bus: &Bus) -> Result<Process> {
    Process::start(
        Command::new(program)
            .env("DBUS_SESSION_BUS_ADDRESS", bus.address())
            .stdin(Stdio::null())
            .stdout(Stdio::null()),
    )
}

/// Starts ModemManager so that it opens no port of this machine: it has no modem,
/// and uses less than with one.
pub fn start_modem_manager(program: &Path, bus: &Bus) -> Result<Process> {
    Process::start(
        Command::new(program)
            .args(["--test-session", "--test-no-udev", "--test-no-suspend-resume"])
            .args(["--test-no-qrtr", "--no-auto-scan", "--log-level=ERR"])
            .env("DBUS_SESSION_BUS_ADDRESS", bus.address())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null()),
    )
}

/// Starts vnStat's daemon with one interface, a veth in a network namespace that
/// ends with it. All is as it is shipped, except how often it saves.
pub fn start_vnstat(program: &Path, lab: &Lab, name: &str, save_minutes: u32) -> Result<Process> {
    let folder = lab.folder(name)?;
    let config = folder.join("vnstat.conf");
    fs::write(
        &config,
        format!(
            "DatabaseDir \"{}\"\nSaveInterval {save_minutes}\nUseLogging 0\nPidFile \"{}\"\n\
             UpdateFileOwner 0\nBootVariation 0\nTimeSyncWait 0\n",
            folder.display(),
            folder.join("pid").display()
        ),
    )?;
    let script = "set -e; ip link add bench0 type veth peer name bench1; ip link set bench0 up; \
                  ip link set bench1 up; \"$1\" --config \"$2\" --initdb; \
                  vnstat --config \"$2\" --add -i bench0; exec \"$1\" --config \"$2\" --nodaemon";
    let mut process = Process::start(
        Command::new("unshare")
            .args(["--net", "sh", "-c", script, "sh"])
            .arg(program)
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null()),
    )?;
    let comm = format!("/proc/{}/comm", process.pid());
    lab.until("vnstatd runs", || {
        process.must_run()?;
        Ok(fs::read_to_string(&comm)?.trim() == "vnstatd")
    })?;
    Ok(process)
}

fn compile_floor(lab: &Lab) -> Result<PathBuf, String> {
    let program = lab.disk().join("floor");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bench/floor.c");
    let output = Command::new("cc")
        .args(["-O2", "-o"])
        .arg(&program)
        .arg(&source)
        .arg("-lsystemd")
        .output()
        .map_err(|error| format!("minimal C service: cc: {error} (Debian: gcc)"))?;
    if output.status.success() {
        Ok(program)
    } else {
        Err("minimal C service: it does not compile (Debian: libsystemd-dev)".to_owned())
    }
}

fn program(name: &str, package: &str) -> Result<PathBuf, String> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/sbin".into()])
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
        .ok_or_else(|| format!("{name} is not here (Debian: {package})"))
}
