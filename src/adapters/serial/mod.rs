//! A modem on a serial port: a thread of its own that carries bytes between the
//! port and the AT dialogue, and sleeps whenever neither has anything to say.

pub mod ports;

use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::{EfdFlags, EventFd};
use serialport::TTYPort;

use super::clock;
use crate::domain::counter::Evidence;
use crate::domain::report::{FaultKind, Report};
use crate::domain::time::BootMs;
use crate::modem::at::{AtDialogue, AtSettings};
use crate::modem::{Action, Dialogue};

/// How long one write may block before the port counts as hung.
const WRITE_TIMEOUT: Duration = Duration::from_secs(5);
/// Enough for two calls deep of parsing; the default of 2 MiB is only address
/// space, yet some terminals run without overcommit.
const STACK_BYTES: usize = 128 * 1024;

/// What the thread says to the daemon.
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

enum Command {
    Read,
    Trace(bool),
    Stop,
}

/// A running port; dropping it stops its thread.
#[derive(Debug)]
pub struct SerialSource {
    commands: Sender<Command>,
    wake: Arc<EventFd>,
    thread: Option<JoinHandle<()>>,
}

impl SerialSource {
    /// Starts to talk to the modem at `path`, which need not be there yet.
    /// Everything it says goes to `say`, which may block.
    ///
    /// # Errors
    /// When the system has no thread or descriptor left.
    pub fn start(
        path: &Path,
        settings: AtSettings,
        boot_id: &str,
        say: impl Fn(FromPort) + Send + 'static,
    ) -> io::Result<Self> {
        let wake = Arc::new(EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?);
        let (commands, inbox) = channel();
        let worker = Worker {
            path: path.to_owned(),
            boot_id: boot_id.to_owned(),
            epoch: boot_id.to_owned(),
            dialogue: AtDialogue::new(settings),
            port: None,
            opened_before: false,
            reopen_at_ms: Some(0),
            inbox,
            wake: Arc::clone(&wake),
            say: Box::new(say),
        };
        let thread = std::thread::Builder::new()
            .name("serial".to_owned())
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

    fn command(&self, command: Command) {
        // A thread that is gone has said why; there is no one to wake.
        if self.commands.send(command).is_ok() {
            let _ = self.wake.write(1);
        }
    }
}

impl Drop for SerialSource {
    fn drop(&mut self) {
        self.command(Command::Stop);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Worker {
    path: PathBuf,
    boot_id: String,
    epoch: String,
    dialogue: AtDialogue,
    port: Option<TTYPort>,
    opened_before: bool,
    reopen_at_ms: Option<BootMs>,
    inbox: Receiver<Command>,
    wake: Arc<EventFd>,
    say: Box<dyn Fn(FromPort) + Send>,
}

impl Worker {
    fn run(mut self) {
        loop {
            if !self.obey() {
                return;
            }
            let now_ms = clock::boot_ms();
            if self.port.is_none() && self.reopen_at_ms.is_some_and(|at| at <= now_ms) {
                self.open(now_ms);
            }
            self.dialogue.handle_timeout(now_ms);
            self.drain(now_ms);
            self.wait();
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

    fn open(&mut self, now_ms: BootMs) {
        let opened =
            ports::identity(&self.path).map_err(serialport::Error::from).and_then(|node| {
                // 115200 baud 8N1 is what USB modems ignore and UART modems start with.
                let builder =
                    serialport::new(self.path.to_string_lossy(), 115_200).timeout(WRITE_TIMEOUT);
                Ok((node, TTYPort::open(&builder)?))
            });
        match opened {
            Ok((node, port)) => {
                let epoch = format!("{} {node}", self.boot_id);
                let evidence =
                    if self.opened_before { Evidence::MayHaveRestarted } else { Evidence::Same };
                self.opened_before = true;
                self.epoch = epoch;
                self.port = Some(port);
                self.reopen_at_ms = None;
                self.dialogue.opened(now_ms, evidence, ());
            }
            Err(error) => {
                self.reopen_at_ms = None;
                let kind = fault_of(&error);
                let detail = format!("{}: {error}; {}", self.path.display(), advice(kind));
                self.dialogue.closed(now_ms, kind, detail);
            }
        }
    }

    /// The other side is gone: the next life of the port may be another modem.
    fn lost(&mut self, now_ms: BootMs, why: &str) {
        self.port = None;
        let detail =
            format!("{}: {why}; it is opened again as soon as it is back", self.path.display());
        self.dialogue.closed(now_ms, FaultKind::Vanished, detail);
    }

    fn report(&self, report: Report) {
        (self.say)(FromPort::Report { epoch: self.epoch.clone(), report });
    }

    fn drain(&mut self, now_ms: BootMs) {
        while let Some(bytes) = self.dialogue.poll_transmit() {
            let Some(port) = self.port.as_mut() else { continue };
            if let Err(error) = port.write_all(&bytes) {
                self.lost(now_ms, &format!("it cannot be written to ({error})"));
            }
        }
        while let Some(line) = self.dialogue.poll_trace() {
            (self.say)(FromPort::Trace(line));
        }
        while let Some(report) = self.dialogue.poll_report() {
            self.report(report);
        }
        while let Some(Action::Reopen { at_ms }) = self.dialogue.poll_action() {
            self.port = None;
            self.reopen_at_ms = Some(at_ms);
        }
    }

    /// Sleeps until the port, a command or a deadline wants attention.
    fn wait(&mut self) {
        let now_ms = clock::boot_ms();
        let deadline =
            [self.dialogue.poll_timeout(), self.reopen_at_ms].into_iter().flatten().min();
        let timeout = deadline.map_or(PollTimeout::NONE, |at| {
            // One more than the rest, so that the deadline has passed on waking.
            let rest = at.saturating_sub(now_ms).saturating_add(u64::from(at > now_ms));
            PollTimeout::try_from(rest.min(3_600_000)).unwrap_or(PollTimeout::MAX)
        });
        let wake = Arc::clone(&self.wake);
        let mut fds = vec![PollFd::new(wake.as_fd(), PollFlags::POLLIN)];
        if let Some(port) = &self.port {
            fds.push(PollFd::new(descriptor(port), PollFlags::POLLIN));
        }
        let ready = poll(&mut fds, timeout);
        let port_ready =
            fds.get(1).and_then(PollFd::revents).is_some_and(|events| !events.is_empty());
        drop(fds);
        let _ = wake.read();
        if ready.is_ok() && port_ready {
            self.receive();
        }
    }

    fn receive(&mut self) {
        let mut bytes = [0_u8; 512];
        let Some(port) = self.port.as_mut() else { return };
        let received = port.read(&mut bytes);
        let now_ms = clock::boot_ms();
        match received {
            Ok(0) => self.lost(now_ms, "the port was closed from the other side"),
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

/// The port's descriptor, lent for as long as the port is.
#[allow(unsafe_code, reason = "serialport knows no AsFd")]
fn descriptor(port: &TTYPort) -> BorrowedFd<'_> {
    // SAFETY: the descriptor is open for as long as the port is borrowed.
    unsafe { BorrowedFd::borrow_raw(port.as_raw_fd()) }
}

fn fault_of(error: &serialport::Error) -> FaultKind {
    match error.kind() {
        serialport::ErrorKind::NoDevice => FaultKind::Denied,
        serialport::ErrorKind::Io(io::ErrorKind::NotFound) => FaultKind::Missing,
        serialport::ErrorKind::Io(_)
        | serialport::ErrorKind::InvalidInput
        | serialport::ErrorKind::Unknown => FaultKind::Denied,
    }
}

fn advice(kind: FaultKind) -> &'static str {
    match kind {
        FaultKind::Missing => "is the modem plugged in and [modem] port right?",
        FaultKind::Denied => {
            "is it a modem's serial port, does another program hold it (ModemManager: see the \
             README), is posdatad in its group (dialout)?"
        }
        FaultKind::Vanished | FaultKind::Silent | FaultKind::Garbled | FaultKind::NoCounter => {
            "see the manual"
        }
    }
}
