//! A modem's port: a thread of its own that carries bytes between the port and
//! the dialogue, and sleeps whenever neither has anything to say.
//!
//! | room | owns |
//! |---|---|
//! | this file | the thread: open, carry, lose, open again, end |
//! | [`devices`] | which ports and devices may be opened, and what tells one life of them from the next |

pub mod devices;

use std::io;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread::JoinHandle;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::{EfdFlags, EventFd};

use super::clock;
use crate::domain::counter::Evidence;
use crate::domain::report::{FaultKind, Report};
use crate::domain::time::BootMs;
use crate::modem::{Action, Dialogue};

/// Enough for two calls deep of parsing; the default of 2 MiB is only address
/// space, yet some terminals run without overcommit.
const STACK_BYTES: usize = 128 * 1024;
/// How long the end may take to give back what was taken from the modem, ms.
const STOP_MS_MAX: BootMs = 1_500;

/// What a source says to the daemon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FromPort {
    /// The dialogue has a report; `epoch` names this life of the port.
    Report {
        /// Boot and device node.
        epoch: String,
        /// What.
        report: Report,
    },
    /// A line for whoever traces: `> AT`, `< OK`.
    Trace(String),
}

/// An open port.
pub trait Line: Send {
    /// What has come, at least a byte; 0: the other side is gone.
    ///
    /// # Errors
    /// The system's; `WouldBlock`, `TimedOut` and `Interrupted` are none of the
    /// port's.
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize>;

    /// Sends all of it.
    ///
    /// # Errors
    /// The system's.
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// What to wait on.
    fn descriptor(&self) -> BorrowedFd<'_>;

    /// What it means that the other side is gone, and what to do.
    fn lost(&self) -> (FaultKind, String);
}

/// A port that was opened.
pub struct Opened<W> {
    /// The port.
    pub line: Box<dyn Line>,
    /// What tells this life of the device from the next.
    pub node: String,
    /// What the dialogue wants to know of it.
    pub way: W,
}

/// Why a port was not opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotOpened {
    /// What kind of fault it is.
    pub kind: FaultKind,
    /// For people: what was tried, what came back, what to do.
    pub detail: String,
}

/// Opens a port, again and again.
pub trait Opener<W>: Send {
    /// Tries it once.
    ///
    /// # Errors
    /// [`NotOpened`].
    fn open(&mut self) -> Result<Opened<W>, NotOpened>;

    /// The port's path, for people.
    fn path(&self) -> String;
}

enum Command {
    Read,
    Trace(bool),
    Stop,
}

/// A running port; dropping it stops its thread.
#[derive(Debug)]
pub struct PortSource {
    commands: Sender<Command>,
    wake: Arc<EventFd>,
    thread: Option<JoinHandle<()>>,
}

impl PortSource {
    /// Starts to talk to the modem, which need not be there yet. Everything it
    /// says goes to `say`, which may block. `name` is the thread's.
    ///
    /// # Errors
    /// When the system has no thread or descriptor left.
    pub fn start<D>(
        name: &str,
        dialogue: D,
        opener: Box<dyn Opener<D::Way>>,
        boot_id: &str,
        say: impl Fn(FromPort) + Send + 'static,
    ) -> io::Result<Self>
    where
        D: Dialogue + Send + 'static,
        D::Way: 'static,
    {
        let wake = Arc::new(EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?);
        let (commands, inbox) = channel();
        let worker = Worker {
            opener,
            boot_id: boot_id.to_owned(),
            node: None,
            dialogue,
            line: None,
            reopen_at_ms: Some(0),
            inbox,
            wake: Arc::clone(&wake),
            say: Box::new(say),
        };
        let thread = std::thread::Builder::new()
            .name(name.to_owned())
            .stack_size(STACK_BYTES)
            .spawn(move || worker.run())?;
        Ok(Self { commands, wake, thread: Some(thread) })
    }

    /// Asks for a reading now; a question under way is not asked twice.
    pub fn read(&self) {
        self.command(Command::Read);
    }

    /// Says each line that is exchanged, or stops saying them.
    pub fn trace(&self, on: bool) {
        self.command(Command::Trace(on));
    }

    /// Lets it end by itself: whoever cannot wait for that.
    pub fn retire(mut self) {
        self.command(Command::Stop);
        self.thread = None;
    }

    fn command(&self, command: Command) {
        // A thread that is gone has said why; there is no one to wake.
        if self.commands.send(command).is_ok() {
            let _ = self.wake.write(1);
        }
    }
}

impl Drop for PortSource {
    fn drop(&mut self) {
        self.command(Command::Stop);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Worker<D: Dialogue> {
    opener: Box<dyn Opener<D::Way>>,
    boot_id: String,
    /// The device's life when it was last open.
    node: Option<String>,
    dialogue: D,
    line: Option<Box<dyn Line>>,
    reopen_at_ms: Option<BootMs>,
    inbox: Receiver<Command>,
    wake: Arc<EventFd>,
    say: Box<dyn Fn(FromPort) + Send>,
}

impl<D: Dialogue> Worker<D> {
    fn run(mut self) {
        loop {
            if !self.obey() {
                return self.end();
            }
            let now_ms = clock::boot_ms();
            if self.line.is_none() && self.reopen_at_ms.is_some_and(|at| at <= now_ms) {
                self.open(now_ms);
            }
            self.dialogue.handle_timeout(now_ms);
            self.drain(now_ms);
            self.wait(None);
        }
    }

    /// False when the thread is to end.
    fn obey(&mut self) -> bool {
        loop {
            match self.inbox.try_recv() {
                Ok(Command::Read) => self.dialogue.request_reading(clock::boot_ms()),
                Ok(Command::Trace(on)) => self.dialogue.set_trace(on),
                Ok(Command::Stop) | Err(TryRecvError::Disconnected) => return false,
                Err(TryRecvError::Empty) => return true,
            }
        }
    }

    /// Gives back what was taken from the modem, for as long as that may take.
    fn end(mut self) {
        let mut now_ms = clock::boot_ms();
        let until_ms = now_ms.saturating_add(STOP_MS_MAX);
        self.dialogue.stop(now_ms);
        while now_ms < until_ms {
            self.dialogue.handle_timeout(now_ms);
            self.drain(now_ms);
            if self.line.is_none() || self.dialogue.is_stopped() {
                return;
            }
            self.wait(Some(until_ms));
            now_ms = clock::boot_ms();
        }
    }

    fn open(&mut self, now_ms: BootMs) {
        self.reopen_at_ms = None;
        match self.opener.open() {
            Ok(Opened { line, node, way }) => {
                let evidence = match &self.node {
                    None => Evidence::Same,
                    Some(before) if *before == node => Evidence::Unwatched,
                    Some(_) => Evidence::MayHaveRestarted,
                };
                self.node = Some(node);
                self.line = Some(line);
                self.dialogue.opened(now_ms, evidence, way);
            }
            Err(NotOpened { kind, detail }) => self.dialogue.closed(now_ms, kind, detail),
        }
    }

    /// The other side is gone: the next life of the port may be another modem.
    fn lost(&mut self, now_ms: BootMs, why: &str) {
        let Some(line) = self.line.take() else { return };
        let (kind, meaning) = line.lost();
        let detail = format!("{}: {why}; {meaning}", self.opener.path());
        self.dialogue.closed(now_ms, kind, detail);
    }

    fn drain(&mut self, now_ms: BootMs) {
        while let Some(bytes) = self.dialogue.poll_transmit() {
            let Some(line) = self.line.as_mut() else { continue };
            if let Err(error) = line.write_all(&bytes) {
                self.lost(now_ms, &format!("it cannot be written to ({error})"));
            }
        }
        while let Some(line) = self.dialogue.poll_trace() {
            (self.say)(FromPort::Trace(line));
        }
        while let Some(report) = self.dialogue.poll_report() {
            let node = self.node.as_deref().unwrap_or_default();
            let epoch = format!("{} {node}", self.boot_id).trim_end().to_owned();
            (self.say)(FromPort::Report { epoch, report });
        }
        while let Some(Action::Reopen { at_ms }) = self.dialogue.poll_action() {
            self.line = None;
            self.reopen_at_ms = Some(at_ms);
        }
    }

    /// Sleeps until the port, a command or a deadline wants attention.
    fn wait(&mut self, at_most_ms: Option<BootMs>) {
        let now_ms = clock::boot_ms();
        let deadline = [self.dialogue.poll_timeout(), self.reopen_at_ms, at_most_ms];
        let timeout = deadline.into_iter().flatten().min().map_or(PollTimeout::NONE, |at| {
            // One more than the rest, so that the deadline has passed on waking.
            let rest = at.saturating_sub(now_ms).saturating_add(u64::from(at > now_ms));
            PollTimeout::try_from(rest.min(3_600_000)).unwrap_or(PollTimeout::MAX)
        });
        let wake = Arc::clone(&self.wake);
        let mut fds = vec![PollFd::new(wake.as_fd(), PollFlags::POLLIN)];
        if let Some(line) = &self.line {
            fds.push(PollFd::new(line.descriptor(), PollFlags::POLLIN));
        }
        let ready = poll(&mut fds, timeout);
        let port = fds.get(1).and_then(PollFd::revents).unwrap_or(PollFlags::empty());
        drop(fds);
        let _ = wake.read();
        if ready.is_ok() && !port.is_empty() {
            self.receive(port);
        }
    }

    fn receive(&mut self, events: PollFlags) {
        let mut bytes = [0_u8; 4096];
        let Some(line) = self.line.as_mut() else { return };
        let received = line.read(&mut bytes);
        let now_ms = clock::boot_ms();
        match received {
            Ok(0) => self.lost(now_ms, "it was closed from the other side"),
            // An error that reading does not clear: waiting again would return at once.
            Err(error)
                if error.kind() == io::ErrorKind::WouldBlock
                    && !events.contains(PollFlags::POLLIN) =>
            {
                self.lost(now_ms, "the kernel reports an error of the device");
            }
            Ok(count) => {
                self.dialogue.handle_bytes(now_ms, bytes.get(..count).unwrap_or_default());
            }
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::TimedOut
                        | io::ErrorKind::Interrupted
                        | io::ErrorKind::WouldBlock
                ) => {}
            Err(error) => self.lost(now_ms, &format!("it went away ({error})")),
        }
    }
}
