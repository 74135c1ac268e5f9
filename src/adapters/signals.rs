//! Signals from systemd and from people, as a stream of words.

use std::io;
use std::os::unix::net::UnixStream as StdUnixStream;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::low_level::pipe;
use tokio::io::AsyncReadExt as _;
use tokio::net::UnixStream;

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGTERM, SIGINT: save everything and end.
    Stop,
    /// SIGHUP: read the configuration again.
    Reload,
}

/// Signals that were sent to this process.
#[derive(Debug)]
pub struct Signals {
    stop: UnixStream,
    reload: UnixStream,
}

impl Signals {
    /// Takes over SIGTERM, SIGINT and SIGHUP; needs a running tokio.
    ///
    /// # Errors
    /// When the system has no descriptor left.
    pub fn new() -> io::Result<Self> {
        Ok(Self { stop: listen(&[SIGTERM, SIGINT])?, reload: listen(&[SIGHUP])? })
    }

    /// The next one.
    ///
    /// # Errors
    /// When the pipe behind it broke.
    pub async fn next(&mut self) -> io::Result<Signal> {
        // Several of the same that came together are one.
        let (mut stop, mut reload) = ([0_u8; 16], [0_u8; 16]);
        tokio::select! {
            read = self.stop.read(&mut stop) => read.map(|_| Signal::Stop),
            read = self.reload.read(&mut reload) => read.map(|_| Signal::Reload),
        }
    }
}

fn listen(signals: &[i32]) -> io::Result<UnixStream> {
    let (read, write) = StdUnixStream::pair()?;
    for signal in signals {
        pipe::register(*signal, write.try_clone()?)?;
    }
    read.set_nonblocking(true)?;
    UnixStream::from_std(read)
}
