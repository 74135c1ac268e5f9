//! Owns the handle that tests and the program hold: command, ask, stop.

use std::fmt;
use std::io::{PipeReader, PipeWriter, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::builder::{OwnDirectory, SimBuilder};
use crate::script::{Action, Command, Script, ScriptError, Step};
use crate::truth::Truth;
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

/// A running simulated modem. It may be shared between threads; when it is dropped, the modem is gone, its link
/// with it.
pub struct Sim {
    pub(crate) sender: Sender<Request>,
    pub(crate) wake: PipeWriter,
    pub(crate) ended: PipeReader,
    pub(crate) path: PathBuf,
    pub(crate) thread: Mutex<Option<JoinHandle<()>>>,
    pub(crate) first_truth: Truth,
    /// Set when the thread is over.
    pub(crate) last_truth: Arc<OnceLock<Truth>>,
    pub(crate) _own_directory: OwnDirectory,
}

impl Sim {
    /// A simulator yet to be started.
    pub fn builder() -> SimBuilder {
        SimBuilder::default()
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
        now.unwrap_or_else(|| self.last_truth.get().unwrap_or(&self.first_truth).clone())
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
        if let Some(thread) = self
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
        {
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
