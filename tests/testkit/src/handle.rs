//! Owns the handle to a simulator's thread: command, ask, stop. Each kind of modem has its own commands and truth.

use std::fmt;
use std::io::{self, PipeReader, PipeWriter, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::{self, JoinHandle};

use crate::builder::OwnDirectory;
use crate::script::parse::Language;
use crate::script::{Action, ScriptError, Step, parse};
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

/// A simulator's commands.
pub(crate) trait Commands: Language + Clone {
    /// Whether the simulator ends with this one.
    fn is_last(&self) -> bool;
}

/// The simulator's side of the handle.
pub(crate) struct Ends<C, T> {
    pub(crate) requests: Receiver<Request<C, T>>,
    /// Readable when there is a request; at its end when nobody holds the handle any more.
    pub(crate) wake: PipeReader,
    /// Closes when the thread is over, for those who wait for that.
    pub(crate) _ended: PipeWriter,
    /// Set when the thread is over.
    pub(crate) last_truth: Arc<OnceLock<T>>,
}

/// What is there before the simulator's thread is.
pub(crate) struct Lines<C, T> {
    sender: Sender<Request<C, T>>,
    wake: PipeWriter,
    ended: PipeReader,
    last_truth: Arc<OnceLock<T>>,
}

/// Both sides of a handle.
pub(crate) fn lines<C, T>() -> io::Result<(Lines<C, T>, Ends<C, T>)> {
    let (sender, requests) = mpsc::channel();
    let (wake_reader, wake) = io::pipe()?;
    let (ended, ended_writer) = io::pipe()?;
    let last_truth = Arc::new(OnceLock::new());
    let ends = Ends {
        requests,
        wake: wake_reader,
        _ended: ended_writer,
        last_truth: Arc::clone(&last_truth),
    };
    Ok((Lines { sender, wake, ended, last_truth }, ends))
}

/// A running simulator. When it is dropped, the modem is gone, its link with it.
pub(crate) struct Handle<C, T> {
    lines: Lines<C, T>,
    path: PathBuf,
    thread: Mutex<Option<JoinHandle<()>>>,
    first_truth: T,
    _own_directory: OwnDirectory,
}

impl<C: Commands, T: Clone> Handle<C, T> {
    /// Starts the thread that runs the simulator.
    pub(crate) fn start(
        lines: Lines<C, T>,
        path: PathBuf,
        own_directory: OwnDirectory,
        first_truth: T,
        run: impl FnOnce() + Send + 'static,
    ) -> io::Result<Handle<C, T>> {
        let thread = thread::Builder::new().name("modem-sim".to_owned()).spawn(run)?;
        let thread = Mutex::new(Some(thread));
        Ok(Handle { lines, path, thread, first_truth, _own_directory: own_directory })
    }

    pub(crate) fn apply(&self, commands: &str) -> Result<(), SimError> {
        self.steps(&parse::script(commands).map_err(SimError::Script)?)
    }

    pub(crate) fn steps(&self, steps: &[Step<C>]) -> Result<(), SimError> {
        for step in steps {
            match &step.action {
                Action::Do { command, background } => {
                    self.command(step.line, command.clone(), *background)?
                }
                Action::Repeat { times, steps } => {
                    (0..*times).try_for_each(|_| self.steps(steps))?
                }
            }
        }
        Ok(())
    }

    pub(crate) fn command(
        &self,
        line: usize,
        command: C,
        background: bool,
    ) -> Result<(), SimError> {
        let last = command.is_last();
        let (answer, answered) = mpsc::channel();
        self.ask(Request::Apply { command, background, answer })?;
        let result = answered.recv().map_err(|_| SimError::Stopped)?;
        if last {
            self.stop();
        }
        result.map_err(|message| SimError::Refused { line, message })
    }

    /// The truth at this moment; the final one when the simulator has stopped.
    pub(crate) fn truth(&self) -> T {
        let (answer, answered): (_, Receiver<T>) = mpsc::channel();
        let now = self.ask(Request::Truth(answer)).ok().and_then(|()| answered.recv().ok());
        now.unwrap_or_else(|| self.lines.last_truth.get().unwrap_or(&self.first_truth).clone())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn ended(&self) -> BorrowedFd<'_> {
        self.lines.ended.as_fd()
    }
}

impl<C, T> Handle<C, T> {
    pub(crate) fn stop(&self) {
        let _ = self.ask(Request::Stop);
        if let Some(thread) = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take() {
            let _ = thread.join();
        }
    }

    fn ask(&self, request: Request<C, T>) -> Result<(), SimError> {
        self.lines.sender.send(request).map_err(|_| SimError::Stopped)?;
        (&self.lines.wake).write_all(&[0]).map_err(|_| SimError::Stopped)
    }
}

impl<C, T> Drop for Handle<C, T> {
    fn drop(&mut self) {
        self.stop();
    }
}
