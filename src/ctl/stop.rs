//! Ctrl-C and kill, for the verbs that go on until then.

use std::os::unix::net::UnixStream as StdStream;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::low_level::pipe;
use tokio::io::AsyncReadExt as _;
use tokio::net::UnixStream;

use super::failure::Failure;

/// The wish to end, once it has come.
pub(super) struct Stop(UnixStream);

impl Stop {
    /// From now on SIGINT, SIGTERM and SIGHUP are heard here and do not kill.
    pub(super) fn listen() -> Result<Self, Failure> {
        let listen = || {
            let (heard, said) = StdStream::pair()?;
            for signal in [SIGINT, SIGTERM, SIGHUP] {
                pipe::register(signal, said.try_clone()?)?;
            }
            heard.set_nonblocking(true)?;
            UnixStream::from_std(heard)
        };
        listen()
            .map(Self)
            .map_err(|error: std::io::Error| Failure::Internal(format!("no signals: {error}")))
    }

    /// Waits for it.
    pub(super) async fn wanted(&mut self) {
        let mut byte = [0];
        // An error would mean that no signal can be heard: then too it is time to end.
        let _ = self.0.read(&mut byte).await;
    }
}
