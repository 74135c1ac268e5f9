//! One connection to the backend: TLS, then one request after another.
//!
//! Nothing runs in the background: the connection makes progress only while someone
//! waits for it, and ends when it is dropped, in the middle of an answer too.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body as _, Bytes, Incoming};
use hyper::client::conn::http1::{Builder, Connection, SendRequest};
use hyper::header::{
    CONTENT_ENCODING, CONTENT_TYPE, DATE, ETAG, HeaderMap, HeaderName, RETRY_AFTER,
};
use hyper::{Request, Response, StatusCode};
use rustls::HandshakeKind;
use rustls::client::danger::ServerCertVerifier as _;
use rustls::pki_types::ServerName;
use rustls::time_provider::TimeProvider as _;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::fault::Place;
use super::files::Credentials;
use super::pipe::{Pipe, Wrote};
use super::socket::{Socket, Watch};
use crate::adapters::clock;
use crate::backend::exchange::{Answer, Failure, Sent};
use crate::domain::time::BootMs;
use crate::proto::backend::ANSWER_MAX;

/// How long TLS may take.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(30);
/// The longest head of an answer, bytes.
pub(super) const HEAD_BYTES_MAX: usize = 16 * 1024;
/// The most headers of an answer.
const HEADERS_MAX: usize = 48;
/// How long a connection without a request is believed to live, ms: mobile networks
/// forget silent ones without a word, some after a few minutes.
const IDLE_MS_MAX: BootMs = 120_000;
/// How long the last words of a connection that is over may take.
const LAST_WORDS_WITHIN: Duration = Duration::from_secs(1);

/// A connection.
pub(super) struct Link {
    sender: SendRequest<Full<Bytes>>,
    /// `None` once it has ended.
    connection: Option<Connection<Pipe, Full<Bytes>>>,
    watch: Watch,
    wrote: Wrote,
    place: Place,
    used_ms: BootMs,
}

impl Link {
    /// Speaks TLS on a socket. True beside it: an earlier session was resumed.
    pub(super) async fn open(
        socket: Socket,
        credentials: &Credentials,
        name: &ServerName<'static>,
        place: &Place,
    ) -> Result<(Self, bool), Failure> {
        let watch = socket.watch();
        let connector = TlsConnector::from(credentials.tls.clone());
        let tls = match timeout(HANDSHAKE_WITHIN, connector.connect(name.clone(), socket)).await {
            Ok(Ok(tls)) => tls,
            Ok(Err(error)) => return Err(place.io(&error, Sent::Never)),
            Err(_) => {
                return Err(Failure::ConnectTimeout {
                    to: place.to.clone(),
                    stage: "TLS",
                    within_s: HANDSHAKE_WITHIN.as_secs(),
                });
            }
        };
        let resumed = tls.get_ref().1.handshake_kind() == Some(HandshakeKind::Resumed);
        if resumed {
            judge_again(&tls, credentials, name, place)?;
        }
        let wrote = Wrote::default();
        let (sender, connection) = Builder::new()
            .max_buf_size(HEAD_BYTES_MAX)
            .max_header_size(HEAD_BYTES_MAX)
            .max_headers(HEADERS_MAX)
            .handshake(Pipe::new(tls, wrote.clone()))
            .await
            .map_err(|error| place.http(&error, Sent::Never))?;
        let connection = Some(connection);
        let place = place.clone();
        let link = Self { sender, connection, watch, wrote, place, used_ms: clock::boot_ms() };
        Ok((link, resumed))
    }

    /// Whether the next request can go this way.
    ///
    /// # Errors
    /// Why it cannot; nothing of that request has been sent.
    pub(super) async fn check(&mut self) -> Result<(), Failure> {
        let over = |why: &str| Failure::BrokenOff {
            to: self.place.to.clone(),
            why: why.to_owned(),
            sent: Sent::Never,
        };
        if clock::boot_ms().saturating_sub(self.used_ms) > IDLE_MS_MAX {
            return Err(over("it was silent for too long"));
        }
        let closed = over("the other side closed it");
        let is_over = self.watch.is_over();
        let Some(connection) = &mut self.connection else { return Err(closed) };
        let mut connection = pin!(connection);
        // One look at what has come; where the end has come, its reason comes with it.
        let mut ended = std::future::poll_fn(|cx| {
            Poll::Ready(match connection.as_mut().poll(cx) {
                Poll::Ready(ended) => Some(ended),
                Poll::Pending => None,
            })
        })
        .await;
        if ended.is_none() && is_over {
            ended = timeout(LAST_WORDS_WITHIN, connection).await.ok();
        }
        match ended {
            None if is_over || self.sender.is_closed() => Err(closed),
            None => Ok(()),
            Some(Ok(())) => {
                self.connection = None;
                Err(closed)
            }
            Some(Err(error)) => {
                self.connection = None;
                Err(self.place.http(&error, Sent::Never))
            }
        }
    }

    /// Sends a request and reads its whole answer. After an error, and when the wait
    /// is dropped, the connection is of no more use.
    pub(super) async fn exchange(
        &mut self,
        request: Request<Full<Bytes>>,
        within: Duration,
    ) -> Result<Answer, Failure> {
        self.wrote.begin();
        let place = self.place.clone();
        match timeout(within, self.run(request)).await {
            Ok(answer) => answer,
            Err(_) => Err(Failure::TooSlow { to: place.to, within_s: within.as_secs() }),
        }
    }

    async fn run(&mut self, request: Request<Full<Bytes>>) -> Result<Answer, Failure> {
        let mut end = None;
        let sent = match drive(&mut self.connection, &mut end, self.sender.ready()).await {
            Ok(()) => {
                let sending = self.sender.send_request(request);
                drive(&mut self.connection, &mut end, sending).await
            }
            Err(error) => Err(error),
        };
        let mut response = match sent {
            Ok(response) => response,
            Err(error) => return Err(self.failure(&error, end)),
        };
        self.refuse_head(&response)?;
        let mut body = Vec::new();
        while let Some(frame) =
            drive(&mut self.connection, &mut end, response.body_mut().frame()).await
        {
            let frame = match frame {
                Ok(frame) => frame,
                Err(error) => return Err(self.failure(&error, end)),
            };
            if let Ok(data) = frame.into_data() {
                if body.len().saturating_add(data.len()) > ANSWER_MAX {
                    return Err(self.too_much());
                }
                body.extend_from_slice(&data);
            }
        }
        self.used_ms = clock::boot_ms();
        Ok(answer(&response, body))
    }

    /// What hyper says of a request, and of the connection when that knows more.
    fn failure(&self, error: &hyper::Error, end: Option<hyper::Error>) -> Failure {
        let cause = end.as_ref().filter(|_| error.is_canceled() || error.is_closed());
        self.place.http(cause.unwrap_or(error), self.wrote.sent())
    }

    /// What can be refused before the body is read.
    fn refuse_head(&self, response: &Response<Incoming>) -> Result<(), Failure> {
        let not_http =
            |why: &str| Err(Failure::NotHttp { to: self.place.to.clone(), why: why.to_owned() });
        if response.status() == StatusCode::SWITCHING_PROTOCOLS || response.status().as_u16() > 599
        {
            return not_http("its status is none of an answer");
        }
        if response.headers().get(CONTENT_ENCODING).is_some_and(|coding| coding != "identity") {
            return not_http("its body is compressed, which nobody asked for");
        }
        let announced = usize::try_from(response.body().size_hint().lower());
        if announced.unwrap_or(usize::MAX) > ANSWER_MAX {
            return Err(self.too_much());
        }
        Ok(())
    }

    fn too_much(&self) -> Failure {
        let what = format!("a body of more than {ANSWER_MAX} bytes");
        Failure::TooMuch { to: self.place.to.clone(), what }
    }
}

/// A resumed session shows no certificate again; the one that it began with may have
/// ended since, or be seen as ended since the time is known.
fn judge_again(
    tls: &TlsStream<Socket>,
    credentials: &Credentials,
    name: &ServerName<'static>,
    place: &Place,
) -> Result<(), Failure> {
    let verifier = &credentials.verifier;
    let verdict = match (tls.get_ref().1.peer_certificates(), verifier.judge.current_time()) {
        (Some([leaf, chain @ ..]), Some(now)) => {
            verifier.verify_server_cert(leaf, chain, name, &[], now).map(|_| ())
        }
        _ => Err(rustls::Error::NoCertificatesPresented),
    };
    verdict.map_err(|error| place.tls(&error, Sent::Never))
}

/// Waits for something of a connection, and lets the connection run meanwhile.
async fn drive<F: Future>(
    connection: &mut Option<Connection<Pipe, Full<Bytes>>>,
    end: &mut Option<hyper::Error>,
    wanted: F,
) -> F::Output {
    let mut wanted = pin!(wanted);
    std::future::poll_fn(|cx| {
        if let Poll::Ready(output) = wanted.as_mut().poll(cx) {
            return Poll::Ready(output);
        }
        let Some(running) = connection.as_mut() else { return Poll::Pending };
        match Pin::new(running).poll(cx) {
            Poll::Ready(ended) => {
                *end = ended.err();
                // Whoever waits for it learns of its end only when it is gone.
                *connection = None;
                wanted.as_mut().poll(cx)
            }
            // It may have what is wanted, and has woken whoever waits for it.
            Poll::Pending => wanted.as_mut().poll(cx),
        }
    })
    .await
}

fn answer(response: &Response<Incoming>, body: Vec<u8>) -> Answer {
    let headers = response.headers();
    Answer {
        status: response.status().as_u16(),
        content_type: text(headers, &CONTENT_TYPE),
        date: text(headers, &DATE),
        etag: text(headers, &ETAG),
        retry_after: text(headers, &RETRY_AFTER),
        body,
    }
}

/// A header's text; one that is no visible ASCII counts as absent.
fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}
