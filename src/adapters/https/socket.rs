//! The TCP connection: opened by the first address that answers, every byte counted.

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::address::Address;
use super::traffic::Counter;
use crate::backend::exchange::Failure;

/// How long all addresses together may take; a 4G modem that slept needs seconds.
pub(super) const CONNECT_WITHIN: Duration = Duration::from_secs(30);

/// A connection that counts.
#[derive(Debug)]
pub(super) struct Socket {
    stream: Arc<TcpStream>,
    counter: Counter,
}

/// Looks at a connection without reading from it.
#[derive(Clone, Debug)]
pub(super) struct Watch(Arc<TcpStream>);

impl Watch {
    /// Whether the other side has ended the connection, or it broke. The kernel is
    /// asked: the reactor may not have run since.
    pub(super) fn is_over(&self) -> bool {
        // nix has no name for the end of the other side's half.
        let ended = PollFlags::from_bits_retain(libc::POLLRDHUP);
        let mut polled = [PollFd::new(self.0.as_fd(), ended)];
        poll(&mut polled, PollTimeout::ZERO).is_err()
            // Errors are reported unasked.
            || polled.iter().any(|fd| fd.any().unwrap_or(true))
    }
}

/// Connects to the first of the addresses that answers. Each has its share of the
/// time that is left, so that a dead one does not take it all.
pub(super) async fn connect(
    addresses: &[SocketAddr],
    to: &Address,
    within: Duration,
    counter: &Counter,
) -> Result<(Socket, SocketAddr), Failure> {
    let mut worst = None;
    let tried = u32::try_from(addresses.len()).unwrap_or(u32::MAX).max(1);
    for address in addresses {
        let at = format!("{} ({})", to.shown(), address.ip());
        let failure = match timeout(within / tried, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                // Each write is a whole record; waiting for more would only delay it.
                let _ = stream.set_nodelay(true);
                let stream = Arc::new(stream);
                return Ok((Socket { stream, counter: counter.clone() }, *address));
            }
            Ok(Err(error)) => not_connected(at, &error, within),
            Err(_) => {
                Failure::ConnectTimeout { to: at, stage: "connecting", within_s: within.as_secs() }
            }
        };
        // No route to one family says little when the other was tried.
        if worst.is_none() || matches!(worst, Some(Failure::NoRoute { .. })) {
            worst = Some(failure);
        }
    }
    Err(worst.unwrap_or_else(|| Failure::NameNotResolved {
        host: to.host.clone(),
        why: "it has no address".into(),
    }))
}

fn not_connected(to: String, error: &io::Error, within: Duration) -> Failure {
    match error.raw_os_error().map(Errno::from_raw) {
        Some(
            Errno::ENETUNREACH
            | Errno::EHOSTUNREACH
            | Errno::ENETDOWN
            | Errno::EHOSTDOWN
            | Errno::EADDRNOTAVAIL
            | Errno::ENONET
            | Errno::EAFNOSUPPORT
            // A firewall on the terminal, or an interface that is going down.
            | Errno::EPERM
            | Errno::EACCES,
        ) => Failure::NoRoute { to, why: error.to_string() },
        Some(Errno::ECONNREFUSED) => Failure::Refused { to },
        Some(Errno::ETIMEDOUT) => {
            Failure::ConnectTimeout { to, stage: "connecting", within_s: within.as_secs() }
        }
        _ => Failure::BrokenOff {
            to,
            why: error.to_string(),
            sent: crate::backend::exchange::Sent::Never,
        },
    }
}

impl Socket {
    pub(super) fn watch(&self) -> Watch {
        Watch(Arc::clone(&self.stream))
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            ready!(self.stream.poll_read_ready(cx))?;
            match self.stream.try_read(into.initialize_unfilled()) {
                Ok(bytes) => {
                    self.counter.received(bytes);
                    into.advance(bytes);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        from: &[u8],
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.stream.poll_write_ready(cx))?;
            match self.stream.try_write(from) {
                Ok(bytes) => {
                    self.counter.sent(bytes);
                    return Poll::Ready(Ok(bytes));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let how = nix::sys::socket::Shutdown::Write;
        Poll::Ready(
            nix::sys::socket::shutdown(std::os::fd::AsRawFd::as_raw_fd(&*self.stream), how)
                .map_err(io::Error::from),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_of_the_systems_refusals_has_its_name() {
        let failure = |errno: Errno| {
            not_connected("b:443".into(), &io::Error::from(errno), Duration::from_secs(30))
        };
        for errno in
            [Errno::ENETUNREACH, Errno::EHOSTUNREACH, Errno::EADDRNOTAVAIL, Errno::ENETDOWN]
        {
            assert!(matches!(failure(errno), Failure::NoRoute { .. }), "{errno}");
        }
        assert!(matches!(failure(Errno::ECONNREFUSED), Failure::Refused { .. }));
        assert!(matches!(failure(Errno::ETIMEDOUT), Failure::ConnectTimeout { .. }));
        assert!(matches!(failure(Errno::ECONNRESET), Failure::BrokenOff { .. }));
    }
}
