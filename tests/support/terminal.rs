//! A terminal: a directory, a bus, a modem, a configuration, and posdatad.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use nix::sys::signal::Signal;
use posdata_testkit::{Bytes, Sim, SimBuilder, Truth};
use tempfile::TempDir;

use super::bus::Bus;
use super::client::{Client, Event, Usage};
use super::process::Process;
use super::settings::Settings;
use super::wait::{PATIENCE, until, within};

/// The program under test.
pub const POSDATAD: &str = env!("CARGO_BIN_EXE_posdatad");
const POSDATACTL: &str = env!("CARGO_BIN_EXE_posdatactl");

/// Everything that one test needs. What is dropped first stands first.
pub struct Terminal {
    daemon: Option<Process>,
    pub client: Client,
    pub sim: Sim,
    pub bus: Bus,
    pub settings: Settings,
    env: Vec<(String, String)>,
    /// Words to stand in front of the program's own: `nsenter …`.
    pub through: Vec<String>,
    pub directory: TempDir,
}

impl Terminal {
    /// With that modem on its serial port; posdatad is not started yet.
    pub fn with(sim: SimBuilder) -> Self {
        Self::on(Bus::start(), sim)
    }

    /// The same, on that bus.
    pub fn on(bus: Bus, sim: SimBuilder) -> Self {
        let directory = tempfile::Builder::new().prefix("posdata-e2e-").tempdir().unwrap();
        let port = directory.path().join("ttyUSB2");
        let sim = sim.link(&port).start().unwrap();
        let client = Client::on(&plain(bus.address()));
        let mut settings = Settings::new(&directory.path().join("posdata.db"));
        settings.text("modem.source", "at").text("modem.port", &port.display().to_string());
        let (env, through) = (Vec::new(), Vec::new());
        Self { daemon: None, client, sim, bus, settings, env, through, directory }
    }

    /// For another source than AT commands: its modem is not named.
    pub fn bare() -> Self {
        let mut terminal = Self::with(Sim::builder());
        terminal.settings.without("modem.port");
        terminal
    }

    /// The database.
    pub fn database(&self) -> PathBuf {
        self.directory.path().join("posdata.db")
    }

    fn log(&self) -> PathBuf {
        self.directory.path().join("daemon.log")
    }

    /// The configuration file.
    pub fn config(&self) -> PathBuf {
        self.directory.path().join("posdatad.toml")
    }

    /// The bus's address, good for a bus that comes back as well.
    pub fn address(&self) -> String {
        plain(self.bus.address())
    }

    /// A variable in posdatad's environment from the next start on.
    pub fn env(&mut self, name: &str, value: &str) {
        self.env.push((name.to_owned(), value.to_owned()));
    }

    /// Starts posdatad on this configuration and waits for nothing.
    pub fn spawn(&mut self) {
        assert!(self.daemon.is_none(), "it runs already");
        fs::write(self.config(), self.settings.to_string()).unwrap();
        let mut words = self.through.clone();
        words.push(POSDATAD.to_owned());
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]);
        command.arg("--config").arg(self.config());
        command.args(["--bus-address", &self.address()]);
        command.env_remove("NOTIFY_SOCKET").env_remove("WATCHDOG_USEC");
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        self.daemon = Some(Process::spawn(&mut command, &self.log()));
    }

    /// Waits until posdatad has its name.
    pub fn await_name(&mut self) {
        let found = within(PATIENCE, || {
            let daemon = self.daemon.as_mut().expect("it was started");
            self.client.owner().map(Ok).or_else(|| daemon.ended().map(Err))
        });
        match found {
            Some(Ok(_)) => {}
            Some(Err(ended)) => panic!("posdatad ended before it had its name: {ended}"),
            None => panic!("posdatad does not get its name"),
        }
    }

    /// Starts posdatad and waits until it serves.
    pub fn start(&mut self) {
        self.spawn();
        self.await_name();
    }

    /// The running daemon.
    pub fn daemon(&mut self) -> &mut Process {
        self.daemon.as_mut().expect("it runs")
    }

    /// Kills it as a power cut would, and waits until the bus knows.
    pub fn kill(&mut self) {
        if let Some(mut daemon) = self.daemon.take() {
            daemon.kill();
            until("the bus to notice the end", || self.client.owner().is_none().then_some(()));
        }
    }

    /// Asks it to end; gives its exit code.
    pub fn stop(&mut self) -> i32 {
        let mut daemon = self.daemon.take().expect("it runs");
        daemon.signal(Signal::SIGTERM);
        daemon.exit_code()
    }

    /// Writes the configuration and asks posdatad to read it.
    pub fn reload(&mut self) {
        fs::write(self.config(), self.settings.to_string()).unwrap();
        self.daemon().signal(Signal::SIGHUP);
    }

    /// All that posdatad has said, over all its lives.
    pub fn said(&self) -> String {
        fs::read_to_string(self.log()).unwrap_or_default()
    }

    /// How many lines say this.
    pub fn times_said(&self, words: &str) -> usize {
        self.said().lines().filter(|line| line.contains(words)).count()
    }

    /// Waits until a line says this.
    pub fn await_said(&self, words: &str) {
        until(words, || (self.times_said(words) > 0).then_some(()));
    }

    /// What was counted.
    pub fn usage(&self) -> Usage {
        self.client.usage().expect("posdatad answers")
    }

    /// What was recorded after that event.
    pub fn events(&self, after: u64) -> Vec<Event> {
        self.client.events(after).expect("posdatad answers")
    }

    /// The last event's number.
    pub fn last_event(&self) -> u64 {
        self.events(0).last().map_or(0, |event| event.id)
    }

    /// Events after that one which say that traffic may be missing.
    pub fn uncounted(&self, after: u64) -> Vec<Event> {
        self.events(after).into_iter().filter(|event| event.uncounted).collect()
    }

    /// Starts posdatad for the first time, until its baseline is on the disk:
    /// from here on every byte counts.
    pub fn begin(&mut self) {
        self.start();
        self.await_baseline();
    }

    /// Waits for the first reading.
    pub fn await_baseline(&self) {
        until("the baseline", || {
            let events = self.client.events(0)?;
            events.iter().any(|event| event.kind == "baseline").then_some(())
        });
    }

    /// Waits, when no traffic flows, until the modem has told everything and
    /// posdatad has counted it to the byte.
    pub fn settle(&self) -> Usage {
        self.settle_without(Bytes::default())
    }

    /// The same, where so much may have been left out.
    pub fn settle_without(&self, left_out: Bytes) -> Usage {
        let mut seen = String::new();
        let settled = within(PATIENCE, || {
            let (truth, usage) = (self.sim.truth(), self.client.usage()?);
            // With several cards, the count is that of the one inside.
            let (least, most) = match (&truth.iccid, truth.sims.len()) {
                (Some(iccid), 2..) => truth.countable_by(iccid),
                _ => truth.countable(),
            };
            let least = least - left_out;
            seen = format!("counted {usage:?}, countable {least:?} to {most:?}");
            let rx = (least.rx..=most.rx).contains(&usage.rx);
            let tx = (least.tx..=most.tx).contains(&usage.tx);
            (rx && tx && truth.is_read_out()).then_some(usage)
        });
        settled
            .unwrap_or_else(|| panic!("it is not counted: {seen}, read out: {}", self.read_out()))
    }

    fn read_out(&self) -> bool {
        self.sim.truth().is_read_out()
    }

    /// Waits until two further readings have been taken, and the last is the
    /// modem's own: whatever the first of them made of it has been decided.
    pub fn await_readings(&self) {
        self.sim.wait_polls(2, PATIENCE).unwrap();
        until("the modem's reading", || {
            let source = self.client.source()?;
            let truth = self.sim.truth().counter;
            let read = (source.number("tx_bytes")?, source.number("rx_bytes")?);
            (read == (truth.tx, truth.rx)).then_some(())
        });
    }

    /// Fails when more was counted than has moved.
    pub fn assert_not_invented(&self, usage: &Usage, truth: &Truth) {
        let moved = truth.total() - truth.before_first_answer();
        assert!(
            usage.rx <= moved.rx && usage.tx <= moved.tx,
            "more is counted than has moved: {usage:?}, {moved:?}"
        );
    }

    /// Runs posdatactl on this bus.
    pub fn ctl(&self, words: &[&str]) -> Output {
        Command::new(POSDATACTL)
            .args(["--bus-address", &self.address()])
            .args(words)
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- posdatad said:\n{}---", tail(&self.said()));
        }
    }
}

/// Without the bus's own id: one that is started again has another.
fn plain(address: &str) -> String {
    address.split(",guid=").next().unwrap_or_default().to_owned()
}

fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(40)..].iter().map(|line| format!("{line}\n")).collect()
}
