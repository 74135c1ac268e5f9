//! Owns the handle that tests and the program hold: build, command, ask, stop.

use std::fmt;
use std::fs;
use std::io::{self, PipeReader, PipeWriter, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::accounting::Bytes;
use crate::clock;
use crate::dialect::Dialect;
use crate::engine::Engine;
use crate::line::{Inbox, Outbox};
use crate::modem::{Card, Modem};
use crate::pty::Link;
use crate::registers::{Registers, Width};
use crate::rng::Rng;
use crate::script::{Action, Command, Script, ScriptError, Step};
use crate::truth::Truth;
use crate::truth_file::TruthFile;
use crate::wishes::Request;

/// Why the simulator did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SimError {
    /// The command is not of the script language.
    Script(ScriptError),
    /// It is, but cannot be done now, or did not come about in time.
    Refused {
        /// The script's line, from 1.
        line: usize,
        /// What and why.
        message: String,
    },
    /// The simulator could not be started: where and why.
    Start(String),
    /// The simulator has stopped.
    Stopped,
}

impl fmt::Display for SimError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SimError::Script(error) => error.fmt(f),
            SimError::Refused { line, message } => write!(f, "line {line}: {message}"),
            SimError::Start(message) => f.write_str(message),
            SimError::Stopped => f.write_str("the simulator has stopped"),
        }
    }
}

impl std::error::Error for SimError {}

/// How a simulator shall be; every setting has a default.
#[derive(Clone, Debug)]
pub struct SimBuilder {
    dialect: Dialect,
    seed: u64,
    link: Option<PathBuf>,
    imei: Option<String>,
    iccid: Option<String>,
    imsi: Option<String>,
    width: Option<Width>,
    counter: Bytes,
    echo: bool,
    truth_file: Option<PathBuf>,
    planted_bytes: u64,
    verbose: bool,
}

impl SimBuilder {
    /// The maker's dialect; `quectel-lte` unless told.
    pub fn dialect(mut self, dialect: Dialect) -> SimBuilder {
        self.dialect = dialect;
        self
    }

    /// What all chance follows from; 1 unless told.
    pub fn seed(mut self, seed: u64) -> SimBuilder {
        self.seed = seed;
        self
    }

    /// The path that the host opens: a symbolic link, made here and taken away at the end. Unless told, one in a
    /// fresh directory of its own.
    pub fn link(mut self, path: impl Into<PathBuf>) -> SimBuilder {
        self.link = Some(path.into());
        self
    }

    /// The modem's serial number, 15 digits; from the seed unless told.
    pub fn imei(mut self, imei: impl Into<String>) -> SimBuilder {
        self.imei = Some(imei.into());
        self
    }

    /// The card's number, 19 or 20 hexadecimal digits; from the seed unless told.
    pub fn iccid(mut self, iccid: impl Into<String>) -> SimBuilder {
        self.iccid = Some(iccid.into());
        self
    }

    /// The subscriber's number; from the card's unless told.
    pub fn imsi(mut self, imsi: impl Into<String>) -> SimBuilder {
        self.imsi = Some(imsi.into());
        self
    }

    /// Where the counter wraps; the dialect's own width unless told.
    pub fn width(mut self, width: Width) -> SimBuilder {
        self.width = Some(width);
        self
    }

    /// What the counter shows at the start, and what the modem's memory holds; 0 unless told. None of it counts
    /// as moved.
    pub fn counter(mut self, tx: u64, rx: u64) -> SimBuilder {
        self.counter = Bytes::new(tx, rx);
        self
    }

    /// Whether commands are echoed at power-on; off unless told.
    pub fn echo(mut self, echo: bool) -> SimBuilder {
        self.echo = echo;
        self
    }

    /// Where the truth is written as JSON (see [`crate::truth`]).
    pub fn truth_file(mut self, path: impl Into<PathBuf>) -> SimBuilder {
        self.truth_file = Some(path.into());
        self
    }

    /// Lets the truth file lie by so many received bytes.
    pub fn plant(mut self, bytes: u64) -> SimBuilder {
        self.planted_bytes = bytes;
        self
    }

    /// Prints the dialogue to standard error.
    pub fn verbose(mut self, verbose: bool) -> SimBuilder {
        self.verbose = verbose;
        self
    }

    /// Starts the modem: when this returns, the link is there and answers.
    pub fn start(self) -> Result<Sim, SimError> {
        let told = |error: io::Error| {
            SimError::Start(format!("cannot start the simulated modem: {error}"))
        };
        let mut rng = Rng::new(self.seed);
        let iccid = self
            .iccid
            .unwrap_or_else(|| format!("898600{:014}", rng.up_to(99_999_999_999_999)));
        let imei = self
            .imei
            .unwrap_or_else(|| with_check_digit(format!("86{:012}", rng.up_to(999_999_999_999))));
        let imsi = self.imsi.unwrap_or_else(|| imsi_for(&iccid));
        let (link_path, own_directory) = match self.link {
            Some(path) => (path, None),
            None => {
                let directory = own_directory().map_err(told)?;
                (directory.join("modem"), Some(directory))
            }
        };
        let own_directory = OwnDirectory(own_directory);

        let now = clock::now();
        let mut registers = Registers::new(self.width.unwrap_or(self.dialect.default_width()));
        registers.set(self.counter);
        registers.save();
        let mut modem = Modem::new(self.dialect, imei, Card { iccid, imsi }, registers, now);
        (modem.echo, modem.echo_at_start) = (self.echo, self.echo);

        let (sender, requests) = mpsc::channel();
        let (wake_reader, wake) = io::pipe().map_err(told)?;
        let (ended, ended_writer) = io::pipe().map_err(told)?;
        let last_truth = Arc::new(Mutex::new(None));
        let mut engine = Engine {
            modem,
            rng,
            inbox: Inbox::default(),
            outbox: Outbox::default(),
            port: None,
            link: Link::new(link_path.clone()),
            link_path: link_path.clone(),
            flows: Vec::new(),
            flows_started: 0,
            card_out: None,
            power_at: None,
            session_at: None,
            port_at: None,
            silent_until: None,
            interleave: false,
            reply_faults: Default::default(),
            refusals: Default::default(),
            requests,
            wake: wake_reader,
            _ended: ended_writer,
            waiters: Vec::new(),
            stopping: false,
            last_truth: Arc::clone(&last_truth),
            truth_file: self.truth_file.map(TruthFile::new),
            planted_bytes: self.planted_bytes,
            verbose: self.verbose,
        };
        engine.open_port().map_err(told)?;
        let truth = engine.truth();
        if let Some(file) = &mut engine.truth_file {
            file.write(&truth, now);
        }
        *lock(&last_truth) = Some(truth.clone());
        let thread = thread::Builder::new()
            .name("modem-sim".to_owned())
            .spawn(|| engine.run())
            .map_err(told)?;
        Ok(Sim {
            sender,
            wake,
            ended,
            path: link_path,
            thread: Mutex::new(Some(thread)),
            last_truth,
            first_truth: truth,
            _own_directory: own_directory,
        })
    }
}

/// A running simulated modem. It may be shared between threads; when it is dropped, the modem is gone, its link
/// with it.
pub struct Sim {
    sender: Sender<Request>,
    wake: PipeWriter,
    ended: PipeReader,
    path: PathBuf,
    thread: Mutex<Option<JoinHandle<()>>>,
    last_truth: Arc<Mutex<Option<Truth>>>,
    first_truth: Truth,
    _own_directory: OwnDirectory,
}

impl Sim {
    /// A simulator yet to be started.
    pub fn builder() -> SimBuilder {
        SimBuilder {
            dialect: Dialect::QuectelLte,
            seed: 1,
            link: None,
            imei: None,
            iccid: None,
            imsi: None,
            width: None,
            counter: Bytes::default(),
            echo: false,
            truth_file: None,
            planted_bytes: 0,
            verbose: false,
        }
    }

    /// Carries out script commands; returns when their effect is done.
    pub fn apply(&self, commands: &str) -> Result<(), SimError> {
        self.run(&Script::parse(commands).map_err(SimError::Script)?)
    }

    /// Carries out a script; returns when its last command is done.
    pub fn run(&self, script: &Script) -> Result<(), SimError> {
        self.steps(&script.steps)
    }

    fn steps(&self, steps: &[Step]) -> Result<(), SimError> {
        for step in steps {
            match &step.action {
                Action::Do {
                    command,
                    background,
                } => self.command(step.line, command.clone(), *background)?,
                Action::Repeat { times, steps } => {
                    (0..*times).try_for_each(|_| self.steps(steps))?
                }
            }
        }
        Ok(())
    }

    fn command(&self, line: usize, command: Command, background: bool) -> Result<(), SimError> {
        let last = command == Command::Exit;
        let (answer, answered) = mpsc::channel();
        self.ask(Request::Apply {
            command,
            background,
            answer,
        })?;
        let result = answered.recv().map_err(|_| SimError::Stopped)?;
        if last {
            self.stop();
        }
        result.map_err(|message| SimError::Refused { line, message })
    }

    /// Waits until `count` counter queries that come from now on are answered to the last byte.
    pub fn wait_polls(&self, count: u64, timeout: Duration) -> Result<(), SimError> {
        self.command(
            1,
            Command::AwaitPolls {
                count,
                within: timeout,
            },
            false,
        )
    }

    /// The truth at this moment; the final one when the simulator has stopped.
    pub fn truth(&self) -> Truth {
        let (answer, answered): (_, Receiver<Truth>) = mpsc::channel();
        let now = self
            .ask(Request::Truth(answer))
            .ok()
            .and_then(|()| answered.recv().ok());
        now.or_else(|| lock(&self.last_truth).clone())
            .unwrap_or_else(|| self.first_truth.clone())
    }

    /// The path that the host opens, before and after every hang-up.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads as ended (`POLLHUP`) when the simulator has stopped.
    pub fn ended(&self) -> BorrowedFd<'_> {
        self.ended.as_fd()
    }

    /// Stops the modem; returns when its thread is over, the link gone and the truth file final.
    pub fn stop(&self) {
        let _ = self.ask(Request::Stop);
        if let Some(thread) = lock(&self.thread).take() {
            let _ = thread.join();
        }
    }

    fn ask(&self, request: Request) -> Result<(), SimError> {
        self.sender.send(request).map_err(|_| SimError::Stopped)?;
        (&self.wake).write_all(&[0]).map_err(|_| SimError::Stopped)
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Removed with all it holds when the simulator goes.
#[derive(Debug)]
struct OwnDirectory(Option<PathBuf>);

impl Drop for OwnDirectory {
    fn drop(&mut self) {
        if let Some(directory) = &self.0 {
            let _ = fs::remove_dir_all(directory);
        }
    }
}

fn own_directory() -> io::Result<PathBuf> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let directory = std::env::temp_dir().join(format!("modem-sim-{}-{number}", std::process::id()));
    fs::create_dir(&directory)?;
    Ok(directory)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A subscriber's number of China Mobile made from the card's.
pub(crate) fn imsi_for(iccid: &str) -> String {
    let tail: String = iccid.chars().filter(char::is_ascii_digit).collect();
    let tail = tail
        .get(tail.len().saturating_sub(10)..)
        .unwrap_or_default();
    format!("46000{tail:0>10}")
}

/// The number with its Luhn digit, as an IMEI has one.
fn with_check_digit(digits: String) -> String {
    let sum: u32 = digits
        .chars()
        .rev()
        .filter_map(|digit| digit.to_digit(10))
        .enumerate()
        .map(|(index, digit)| {
            if index % 2 == 0 {
                digit * 2 / 10 + digit * 2 % 10
            } else {
                digit
            }
        })
        .sum();
    format!("{digits}{}", (10 - sum % 10) % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_up_numbers_look_real() {
        assert_eq!(
            with_check_digit("49015420323751".to_owned()),
            "490154203237518"
        );
        assert_eq!(imsi_for("898602F9091830030220"), "460001830030220");
    }
}
