//! What HTTP writes to and reads from: TLS, and a note whether anything of a request
//! has been handed to it.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use hyper::rt::{Read, ReadBufCursor, Write};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::client::TlsStream;

use super::socket::Socket;
use crate::backend::exchange::Sent;

/// How much is read at once, bytes; most answers are shorter.
const CHUNK_BYTES: usize = 2048;

/// Whether a byte of the present request has been handed to TLS.
#[derive(Clone, Debug, Default)]
pub(super) struct Wrote(Arc<AtomicBool>);

impl Wrote {
    /// A new request begins.
    pub(super) fn begin(&self) {
        self.0.store(false, Ordering::Relaxed);
    }

    pub(super) fn sent(&self) -> Sent {
        if self.0.load(Ordering::Relaxed) { Sent::Perhaps } else { Sent::Never }
    }
}

/// TLS for hyper.
#[derive(Debug)]
pub(super) struct Pipe {
    tls: TlsStream<Socket>,
    wrote: Wrote,
}

impl Pipe {
    pub(super) fn new(tls: TlsStream<Socket>, wrote: Wrote) -> Self {
        Self { tls, wrote }
    }

    /// Why TLS ended, where the other side said so before it closed: a write that
    /// fails is then only the consequence.
    fn reason(&mut self, cx: &mut Context<'_>) -> Option<io::Error> {
        let mut chunk = [0; 1];
        match Pin::new(&mut self.tls).poll_read(cx, &mut ReadBuf::new(&mut chunk)) {
            Poll::Ready(Err(error)) if error.get_ref().is_some() => Some(error),
            Poll::Ready(_) | Poll::Pending => None,
        }
    }
}

impl Read for Pipe {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut into: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let mut chunk = [0; CHUNK_BYTES];
        let room = chunk.len().min(into.remaining());
        let mut read = ReadBuf::new(chunk.get_mut(..room).unwrap_or_default());
        ready!(Pin::new(&mut self.tls).poll_read(cx, &mut read))?;
        into.put_slice(read.filled());
        Poll::Ready(Ok(()))
    }
}

impl Write for Pipe {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        from: &[u8],
    ) -> Poll<io::Result<usize>> {
        // Before the attempt: what fails may have left in part.
        self.wrote.0.store(true, Ordering::Relaxed);
        match ready!(Pin::new(&mut self.tls).poll_write(cx, from)) {
            Ok(bytes) => Poll::Ready(Ok(bytes)),
            Err(error) => Poll::Ready(Err(self.reason(cx).unwrap_or(error))),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match ready!(Pin::new(&mut self.tls).poll_flush(cx)) {
            Ok(()) => Poll::Ready(Ok(())),
            Err(error) => Poll::Ready(Err(self.reason(cx).unwrap_or(error))),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tls).poll_shutdown(cx)
    }
}
