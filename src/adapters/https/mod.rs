//! The only I/O with the operator's backend: HTTPS with TLS 1.3, the operator's CA
//! alone, this terminal's certificate, at most one connection.
//!
//! | room | owns |
//! |---|---|
//! | this file | the client: connect, send, keep, rotate |
//! | `settings` | `[backend]`, the certificate's terms, and what can be wrong with them |
//! | `address` | the configured address, taken apart |
//! | `resolve` | the host's addresses, kept |
//! | `socket` | TCP, every byte counted |
//! | `traffic` | the counts |
//! | `files` | certificates and key, read and read again |
//! | `trust` | which server is believed, at which time |
//! | `pipe`, `link` | one connection: TLS, HTTP/1.1, the limits of an answer |
//! | `fault` | what went wrong, in the words of the exchange |
//!
//! The link is metered: few headers, no compression asked for, sessions resumed, no
//! redirection followed, no proxy, and nothing runs while nobody waits.

mod address;
mod fault;
mod files;
mod link;
mod pipe;
mod resolve;
mod settings;
mod socket;
mod traffic;
mod trust;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HOST, HeaderValue, IF_NONE_MATCH, USER_AGENT};

use self::address::Address;
use self::fault::Place;
use self::files::Credentials;
use self::link::Link;
use self::resolve::Resolver;
pub use self::settings::{CertificateTerms, Settings, SettingsError};
use self::traffic::Counter;
pub use self::traffic::{Spent, Traffic};
pub use self::trust::BUILT_S;
use self::trust::Judge;
use crate::backend::exchange::{Answer, Failure, Method, Purpose, Request, Sent};
use crate::domain::time::UnixS;

const AGENT: &str = concat!("posdatad/", env!("CARGO_PKG_VERSION"));

/// The client of the one backend.
pub struct Client {
    settings: Settings,
    address: Address,
    place: Place,
    judge: Judge,
    credentials: Credentials,
    resolver: Resolver,
    counter: Counter,
    link: Option<Link>,
}

impl Client {
    /// Reads the files; connects to nothing.
    ///
    /// # Errors
    /// [`SettingsError`] says what in `[backend]` or in which file is of no use, and
    /// what to do.
    pub fn new(settings: Settings) -> Result<Self, SettingsError> {
        let address = Address::parse(&settings.url)?;
        let judge = Judge::new();
        let credentials = Credentials::read(&settings, &judge)?;
        let place = Place {
            to: address.shown(),
            ca: settings.ca.clone(),
            certificate: settings.certificate.clone(),
        };
        Ok(Self {
            settings,
            address,
            place,
            judge,
            credentials,
            resolver: Resolver::default(),
            counter: Counter::default(),
            link: None,
        })
    }

    /// Makes sure that there is a connection, TLS included; sends no byte of a
    /// request. What it costs counts for `purpose`.
    ///
    /// An order is written down as sent between this and [`Client::send`].
    ///
    /// # Errors
    /// [`Failure`]; always with [`Sent::Never`].
    pub async fn connect(&mut self, purpose: Purpose) -> Result<(), Failure> {
        self.counter.spend_for(purpose);
        if let Some(mut link) = self.link.take() {
            match link.check().await {
                Ok(()) => {
                    self.link = Some(link);
                    return Ok(());
                }
                // The server accepts a connection first and looks at the certificate
                // then; another connection would end the same way.
                Err(failure @ Failure::OurCertificate { .. }) => return Err(failure),
                Err(_) => {}
            }
        }
        self.link = Some(self.open().await?);
        Ok(())
    }

    async fn open(&mut self) -> Result<Link, Failure> {
        let not_after_s = self.credentials.terms.not_after_s;
        if self.judge.now_s() > not_after_s {
            return Err(self.place.ended(not_after_s));
        }
        let addresses = self.resolver.addresses(&self.address).await?;
        let within = socket::CONNECT_WITHIN;
        let connected = socket::connect(&addresses, &self.address, within, &self.counter).await;
        let (socket, peer) = connected.inspect_err(|_| self.resolver.doubt())?;
        let opened = Link::open(socket, &self.credentials, &self.address.name, &self.place).await;
        // Somebody else may have the address now.
        let (link, resumed) = opened.inspect_err(|_| self.resolver.doubt())?;
        self.resolver.prefer(peer);
        self.counter.opened(resumed);
        Ok(link)
    }

    /// Sends a request and reads its whole answer; connects before where there is no
    /// connection. Nothing is sent twice: only what certainly never left is sent on
    /// another connection.
    ///
    /// The wait can be dropped at any time; it then ends the connection.
    ///
    /// # Errors
    /// [`Failure`] says what went wrong, and [`Failure::was_sent`] whether the backend
    /// may have acted.
    pub async fn send(&mut self, request: &Request) -> Result<Answer, Failure> {
        let kept = self.link.is_some();
        match self.attempt(request).await {
            // A kept connection ended between the look at it and the request.
            Err(Failure::BrokenOff { sent: Sent::Never, .. }) if kept => {
                self.attempt(request).await
            }
            other => other,
        }
    }

    async fn attempt(&mut self, request: &Request) -> Result<Answer, Failure> {
        let message = self.message(request)?;
        self.connect(request.purpose).await?;
        // Taken out for the time of the exchange: dropped with it when it fails or is
        // dropped itself.
        let Some(mut link) = self.link.take() else {
            let why = "there is no connection".into();
            return Err(Failure::BrokenOff { to: self.place.to.clone(), why, sent: Sent::Never });
        };
        let answer = link.exchange(message, request.answer_within).await?;
        self.link = Some(link);
        Ok(answer)
    }

    fn message(&self, request: &Request) -> Result<hyper::Request<Full<Bytes>>, Failure> {
        let method = match request.method {
            Method::Get => hyper::Method::GET,
            Method::Post => hyper::Method::POST,
        };
        let mut message = hyper::Request::builder()
            .method(method)
            .uri(format!("{}{}", self.address.prefix, request.path))
            .header(HOST, &self.address.authority)
            .header(USER_AGENT, HeaderValue::from_static(AGENT));
        if request.body.is_some() {
            message = message.header(CONTENT_TYPE, "application/json");
        }
        if let Some(key) = &request.idempotency_key {
            message = message.header("idempotency-key", key);
        }
        if let Some(etag) = &request.if_none_match {
            message = message.header(IF_NONE_MATCH, etag);
        }
        let body = request.body.clone().unwrap_or_default();
        message.body(Full::new(Bytes::from(body))).map_err(|error| Failure::BrokenOff {
            to: self.place.to.clone(),
            why: format!("the request cannot be written: {error}"),
            sent: Sent::Never,
        })
    }

    /// Ends the connection, if there is one: nothing more will be asked for a while,
    /// the network has changed, the terminal goes to sleep. The TLS session is kept and
    /// resumed later.
    pub fn close(&mut self) {
        self.link = None;
    }

    /// What was spent since the client was made.
    #[must_use]
    pub fn traffic(&self) -> Traffic {
        self.counter.traffic()
    }

    /// For whom the certificates in use are, and how long.
    #[must_use]
    pub fn certificate(&self) -> &CertificateTerms {
        &self.credentials.terms
    }

    /// Tells the time that certificates are judged at: the last trusted time of any
    /// boot, and the trusted time now. It then goes on by the boot clock. Never
    /// earlier than [`BUILT_S`].
    ///
    /// Without the latter, a certificate that begins later is no objection.
    pub fn trusted_time(&mut self, last_stored_s: Option<UnixS>, now_s: Option<UnixS>) {
        self.judge.set(last_stored_s, now_s);
    }

    /// Looks whether the files have changed, and takes them without a restart. True:
    /// other certificates are in use from now on, on a new connection.
    ///
    /// # Errors
    /// [`SettingsError`]: what stands on disk is of no use, perhaps because only one of
    /// two files has been replaced so far. What was in use stays so; the next call
    /// looks again.
    pub fn reread(&mut self) -> Result<bool, SettingsError> {
        if self.credentials.are_current(&self.settings) {
            return Ok(false);
        }
        let read = Credentials::read(&self.settings, &self.judge)?;
        let changed = !read.are_the_same(&self.credentials);
        // TLS sessions belong to the certificates that they began with.
        if changed {
            self.link = None;
            self.credentials = read;
        } else {
            self.credentials.touch(read);
        }
        Ok(changed)
    }
}
