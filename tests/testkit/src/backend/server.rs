//! Owns the connections: TLS, one request after the other, and the faults on their way.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustls::{HandshakeKind, ServerConnection, StreamOwned};

use super::certificates::common_name;
use super::core::Core;
use super::faults::What;
use super::fields::http_date;
use super::http::{Answer, NoRequest, Request};
use super::journal::Received;
use super::problem::Fail;
use super::routes::{self, Place};
use super::{events, orders, spoil, topups};

/// How long a connection may be idle.
const IDLE: Duration = Duration::from_secs(120);
/// How much an endless answer is at most.
const ENDLESS_BYTES: usize = 8 * 1024 * 1024;

/// How much of what is refused is still read.
const LINGER_BYTES: u64 = 1024 * 1024;

type Stream = StreamOwned<ServerConnection, TcpStream>;

/// Connections that are open, so that they can be ended from outside.
#[derive(Default)]
pub(super) struct Open(Mutex<HashMap<u64, TcpStream>>);

impl Open {
    fn lock(&self) -> MutexGuard<'_, HashMap<u64, TcpStream>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends them all.
    pub(super) fn end_all(&self) {
        for stream in self.lock().values() {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

/// Accepts until the core stops; each connection has a thread.
pub(super) fn listen(
    core: Arc<Core>,
    listener: TcpListener,
    open: Arc<Open>,
    serve: fn(&Arc<Core>, TcpStream, u64),
) -> JoinHandle<()> {
    thread::spawn(move || {
        let mut threads: Vec<JoinHandle<()>> = Vec::new();
        for (number, stream) in (1_u64..).zip(listener.incoming()) {
            if core.is_stopping() {
                break;
            }
            let Ok(stream) = stream else { continue };
            let Ok(copy) = stream.try_clone() else { continue };
            open.lock().insert(number, copy);
            threads.retain(|thread| !thread.is_finished());
            let (core, open) = (Arc::clone(&core), Arc::clone(&open));
            threads.push(thread::spawn(move || {
                serve(&core, stream, number);
                open.lock().remove(&number);
            }));
        }
        open.end_all();
        for thread in threads {
            let _ = thread.join();
        }
    })
}

/// Serves one terminal's connection.
pub(super) fn serve(core: &Arc<Core>, stream: TcpStream, connection: u64) {
    if core.faults.take("connect").is_some() {
        let _ = stream.shutdown(Shutdown::Both);
        return;
    }
    let Ok((mut stream, serial)) = shake(core, stream) else {
        core.journal.shook(|count| count.failed += 1);
        return;
    };
    let mut rest = Vec::new();
    loop {
        let request = match Request::read(&mut stream, &mut rest) {
            Ok(request) => request,
            Err(NoRequest::Gone) => return,
            Err(NoRequest::Nonsense(what)) => {
                let answer = Fail::bad(what).answer();
                let _ = send(&mut stream, &answer.to_bytes(Some(&http_date(core.clock.now_s()))));
                end(&mut stream);
                return linger(&mut stream.sock);
            }
        };
        let last = request.wants_close();
        match attend(core, &mut stream, (&serial, connection), &request) {
            Ok(true) if !last => {}
            Ok(_) => return end(&mut stream),
            // Without a word, as a network does it.
            Err(_) => {
                let _ = stream.sock.shutdown(Shutdown::Both);
                return;
            }
        }
    }
}

fn shake(core: &Core, mut socket: TcpStream) -> io::Result<(Stream, String)> {
    socket.set_nodelay(true)?;
    socket.set_read_timeout(Some(IDLE))?;
    socket.set_write_timeout(Some(IDLE))?;
    let mut tls = ServerConnection::new(core.tls.config()).map_err(io::Error::other)?;
    while tls.is_handshaking() {
        tls.complete_io(&mut socket)?;
    }
    let certificate = tls.peer_certificates().and_then(<[_]>::first);
    let name = certificate.and_then(|certificate| common_name(certificate)).unwrap_or_default();
    let resumed = tls.handshake_kind() == Some(HandshakeKind::Resumed);
    core.journal.shook(|count| *(if resumed { &mut count.resumed } else { &mut count.full }) += 1);
    Ok((StreamOwned::new(tls, socket), name))
}

fn send(stream: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    stream.write_all(bytes)?;
    stream.flush()
}

/// Says goodbye.
fn end(stream: &mut Stream) {
    stream.conn.send_close_notify();
    let _ = stream.flush();
    let _ = stream.sock.shutdown(Shutdown::Write);
}

/// Lets the other side finish what it is sending: a connection that is closed with bytes unread takes the answer
/// with it.
fn linger(socket: &mut TcpStream) {
    let _ = socket.set_read_timeout(Some(Duration::from_secs(2)));
    let _ = io::copy(&mut socket.take(LINGER_BYTES), &mut io::sink());
}

/// Answers one request; whether the connection goes on. An error ends it without a word.
fn attend(
    core: &Arc<Core>,
    stream: &mut Stream,
    (serial, connection): (&str, u64),
    request: &Request,
) -> io::Result<bool> {
    let place = Place::of(request);
    let fault = core.faults.take(place.as_ref().map_or("", Place::word));
    let key = request.header("idempotency-key").or_else(|| place.as_ref().ok()?.key());
    let number = core.journal.received(Received {
        connection,
        serial: serial.to_owned(),
        method: request.method.clone(),
        path: request.target.clone(),
        key: key.map(str::to_owned),
        body: String::from_utf8_lossy(&request.body).into_owned(),
        bytes: request.bytes,
        fault: fault.as_ref().map(|(_, text)| text.clone()),
        applied: false,
        status: None,
        answer_bytes: 0,
    });
    let what = fault.map(|(what, _)| what);
    let now = core.clock.now_s();
    let (answer, applied) = match (&what, &place) {
        (Some(What::Lost { after: false }), _) => return Err(lost()),
        (Some(what @ (What::Status { after: false, .. } | What::Problem { .. })), _) => {
            (spoil::instead(what, now).unwrap_or_default(), false)
        }
        (_, Err(status)) => (routes::astray(*status), false),
        (None, Ok(place)) => (routes::answer(core, serial, place, request), true),
        (Some(what), Ok(place)) => (spoiled(core, serial, (what, place), request), true),
    };
    core.journal.settle(number, |received| received.applied = applied);
    if what == Some(What::Lost { after: true }) {
        return Err(lost());
    }
    // Before it is written: who has read the answer finds it in the journal.
    let date = match what {
        Some(What::NoDate) => None,
        Some(What::Skew(seconds)) => Some(http_date(core.clock.now_s().saturating_add(seconds))),
        _ => Some(http_date(core.clock.now_s())),
    };
    let bytes = answer.to_bytes(date.as_deref());
    core.journal.settle(number, |received| {
        received.status = Some(answer.status);
        received.answer_bytes = bytes.len();
    });
    write(core, stream, what.as_ref(), &answer, &bytes)
}

fn lost() -> io::Error {
    io::ErrorKind::ConnectionAborted.into()
}

/// Applies a request and spoils its answer.
fn spoiled(
    core: &Arc<Core>,
    serial: &str,
    (what, place): (&What, &Place),
    request: &Request,
) -> Answer {
    match what {
        What::PayFirst => {
            // Where there is nothing to pay, nothing is paid.
            let _ = core.at_the_desk(|desk| {
                let topup = orders::find(desk, serial, place.key().unwrap_or_default())?;
                topups::pay(desk, &topup.id)
            });
        }
        What::CursorReset => {
            let _ = core.at_the_desk(|desk| events::reset(desk, serial, false));
        }
        _ => {}
    }
    let mut answer = routes::answer(core, serial, place, &spoil::request(what, request));
    if let Some(other) = spoil::instead(what, core.clock.now_s()) {
        answer = other;
    }
    spoil::content(what, &mut answer);
    answer
}

fn write(
    core: &Core,
    stream: &mut Stream,
    what: Option<&What>,
    answer: &Answer,
    bytes: &[u8],
) -> io::Result<bool> {
    match what {
        Some(What::Slow(ms)) => {
            pause(core, *ms)?;
            send(stream, bytes)?;
        }
        Some(What::Drip(ms)) => {
            for piece in bytes.chunks(16) {
                send(stream, piece)?;
                pause(core, *ms)?;
            }
        }
        Some(What::Truncated) => {
            let kept = bytes.len().saturating_sub(answer.body.len().div_ceil(2).max(1));
            send(stream, bytes.get(..kept).unwrap_or_default())?;
            return Err(lost());
        }
        Some(What::Garbage) => {
            send(stream, b"\x16\x03 this is no HTTP\r\n\r\n")?;
            return Ok(false);
        }
        Some(What::Endless) => {
            let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
            send(stream, head.as_bytes())?;
            let piece = format!("1000\r\n{}\r\n", " ".repeat(0x1000));
            for _ in 0..ENDLESS_BYTES / 0x1000 {
                send(stream, piece.as_bytes())?;
            }
            return Err(lost());
        }
        Some(What::Closing) => {
            send(stream, bytes)?;
            return Ok(false);
        }
        _ => send(stream, bytes)?,
    }
    Ok(true)
}

/// Waits, and gives up when the sandbox stops.
fn pause(core: &Core, ms: u64) -> io::Result<()> {
    let mut left = ms;
    while left > 0 {
        if core.is_stopping() {
            return Err(lost());
        }
        let some = left.min(50);
        thread::sleep(Duration::from_millis(some));
        left -= some;
    }
    Ok(())
}
