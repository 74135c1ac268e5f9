//! Owns the handle: start, ask, command, stop.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;

use super::books::{self, Books, Charge};
use super::certificates::{DAY_S, Identity};
use super::core::{Clock, Core};
use super::journal::{Handshakes, Received};
use super::server::{self, Open};
use super::settings::BackendSettings;
use super::tls::Tls;
use super::{control, store};

/// Why the sandbox did not do what it was asked: what, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackendError(pub(super) String);

impl fmt::Display for BackendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BackendError {}

/// The sandbox backend.
#[derive(Debug)]
pub struct Backend;

/// A running sandbox backend; stopped when this is dropped. Its directory stays.
pub struct BackendHandle {
    core: Arc<Core>,
    doors: Vec<Door>,
}

/// A port that is listened on.
struct Door {
    address: SocketAddr,
    open: Arc<Open>,
    thread: Option<JoinHandle<()>>,
}

impl Backend {
    /// Starts it on threads of its own.
    ///
    /// # Errors
    /// The directory cannot be used, or the port is taken.
    pub fn start(settings: BackendSettings) -> Result<BackendHandle, BackendError> {
        start(settings).map_err(BackendError)
    }
}

fn start(settings: BackendSettings) -> Result<BackendHandle, String> {
    let dir = settings.dir.clone();
    std::fs::create_dir_all(&dir).map_err(|e| format!("{}: {e}", dir.display()))?;
    let clock = Arc::new(Clock::default());
    let store = store::open(&dir.join("books.db"), &settings, clock.now_s())?;
    let tls = Tls::open(&dir.join("pki"), Arc::clone(&clock))?;
    let control_port = settings.control_port;
    let port = settings.port;
    let core = Arc::new(Core::new(settings, clock, tls, store));
    let ahead = core.at_the_desk(|desk| desk.meta_number("clock_ahead_s")).map_err(|e| e.told())?;
    core.clock.set_ahead_s(ahead.unwrap_or(0));
    let mut handle = BackendHandle { core, doors: Vec::new() };
    handle.listen(port, server::serve)?;
    if let Some(port) = control_port {
        handle.listen(port, control::serve)?;
    }
    Ok(handle)
}

impl BackendHandle {
    fn listen(&mut self, port: u16, serve: fn(&Arc<Core>, TcpStream, u64)) -> Result<(), String> {
        let told = |e: std::io::Error| format!("cannot listen on 127.0.0.1:{port}: {e}");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(told)?;
        let address = listener.local_addr().map_err(told)?;
        let open = Arc::new(Open::default());
        let thread = server::listen(Arc::clone(&self.core), listener, Arc::clone(&open), serve);
        self.doors.push(Door { address, open, thread: Some(thread) });
        Ok(())
    }

    /// Where terminals find it.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.doors.first().map_or_else(|| (Ipv4Addr::LOCALHOST, 0).into(), |door| door.address)
    }

    /// The same as a URL, for `[backend] url`; without the contract's `/v1`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("https://{}", self.address())
    }

    /// The control page, where one was wanted.
    #[must_use]
    pub fn control_url(&self) -> Option<String> {
        self.doors.get(1).map(|door| format!("http://{}", door.address))
    }

    /// The CA's certificate, PEM: what a terminal pins.
    #[must_use]
    pub fn ca(&self) -> PathBuf {
        self.core.tls.ca()
    }

    /// A terminal's good certificate and key; the same each time. Any serial is given one.
    ///
    /// # Errors
    /// The files cannot be written.
    pub fn terminal(&self, serial: &str) -> Result<Identity, BackendError> {
        self.core.tls.terminal(serial).map_err(BackendError)
    }

    /// A certificate for this serial that is valid between these seconds from now; in files of its own, written anew
    /// each time.
    ///
    /// # Errors
    /// The files cannot be written.
    pub fn terminal_between(
        &self,
        serial: &str,
        from_s: i64,
        to_s: i64,
    ) -> Result<Identity, BackendError> {
        self.core.tls.between(serial, "between", from_s, to_s).map_err(BackendError)
    }

    /// A certificate for this serial that ended yesterday.
    ///
    /// # Errors
    /// The files cannot be written.
    pub fn terminal_expired(&self, serial: &str) -> Result<Identity, BackendError> {
        self.core.tls.between(serial, "expired", -2 * DAY_S, -DAY_S).map_err(BackendError)
    }

    /// A certificate for this serial of a CA that this backend does not know.
    ///
    /// # Errors
    /// The files cannot be written.
    pub fn terminal_of_other_ca(&self, serial: &str) -> Result<Identity, BackendError> {
        self.core.tls.of_other_ca(serial).map_err(BackendError)
    }

    /// Gives a command; what it has to say. `help` shows all of them.
    ///
    /// # Errors
    /// It is no command, or cannot be done; the text says why.
    pub fn control(&self, line: &str) -> Result<String, BackendError> {
        control::run(&self.core, line).map_err(BackendError)
    }

    /// Every request since the start, in the order that they came.
    #[must_use]
    pub fn requests(&self) -> Vec<Received> {
        self.core.journal.requests()
    }

    /// How many TLS handshakes there have been since the start.
    #[must_use]
    pub fn handshakes(&self) -> Handshakes {
        self.core.journal.handshakes()
    }

    /// The books of a terminal.
    ///
    /// # Errors
    /// There is no such terminal.
    pub fn books(&self, serial: &str) -> Result<Books, BackendError> {
        let books = self.core.at_the_desk(|desk| books::books(desk, serial));
        books.map_err(|fail| BackendError(fail.told()))
    }

    /// Every payment of all terminals.
    ///
    /// # Errors
    /// The database is damaged.
    pub fn charges(&self) -> Result<Vec<Charge>, BackendError> {
        let charges = self.core.at_the_desk(|desk| books::charges(desk, None));
        charges.map_err(|fail| BackendError(fail.told()))
    }

    /// The operator's time, s since 1970.
    #[must_use]
    pub fn now(&self) -> i64 {
        self.core.clock.now_s()
    }

    /// Stops it, and waits until its threads are over and its port is free.
    pub fn stop(self) {
        drop(self);
    }
}

impl fmt::Debug for BackendHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BackendHandle").field("address", &self.address()).finish_non_exhaustive()
    }
}

impl Drop for BackendHandle {
    fn drop(&mut self) {
        self.core.stop();
        for door in &mut self.doors {
            door.open.end_all();
            // The listener looks up at each connection only.
            let woken = TcpStream::connect(door.address);
            if let Some(thread) = door.thread.take()
                && woken.is_ok()
            {
                let _ = thread.join();
            }
        }
    }
}
