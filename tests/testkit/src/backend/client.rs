//! Owns a small client: one terminal's TLS connection, one request after the other, and every fault told.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, HandshakeKind, RootCertStore, StreamOwned};

use super::certificates::Identity;

/// The longest answer that is read.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;
/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoAnswer(pub String);

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NoAnswer {}

/// An answer as it came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Reply {
    /// The value of a header; its name in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(is, _)| is == name).map(|(_, value)| value.as_str())
    }
}

/// One terminal, as a test drives it: it trusts the CA, shows its certificate, keeps its connection and its tickets.
pub struct Client {
    address: SocketAddr,
    config: Arc<ClientConfig>,
    stream: Option<StreamOwned<ClientConnection, TcpStream>>,
    resumed: bool,
}

impl Client {
    /// A client that has not connected yet.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn new(address: SocketAddr, ca: &Path, identity: &Identity) -> Result<Client, NoAnswer> {
        let told = |path: &Path, e: &dyn fmt::Display| NoAnswer(format!("{}: {e}", path.display()));
        let mut roots = RootCertStore::empty();
        let authority = CertificateDer::from_pem_file(ca).map_err(|e| told(ca, &e))?;
        roots.add(authority).map_err(|e| told(ca, &e))?;
        let certificate = CertificateDer::from_pem_file(&identity.certificate)
            .map_err(|e| told(&identity.certificate, &e))?;
        let key =
            PrivateKeyDer::from_pem_file(&identity.key).map_err(|e| told(&identity.key, &e))?;
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(|e| told(ca, &e))?
            .with_root_certificates(roots)
            .with_client_auth_cert(vec![certificate], key)
            .map_err(|e| told(&identity.key, &e))?;
        Ok(Client { address, config: Arc::new(config), stream: None, resumed: false })
    }

    /// Whether the present connection was begun with a ticket.
    #[must_use]
    pub fn is_resumed(&self) -> bool {
        self.resumed
    }

    /// Leaves; the next request connects again.
    pub fn hang_up(&mut self) {
        if let Some(mut stream) = self.stream.take() {
            stream.conn.send_close_notify();
            let _ = stream.flush();
        }
    }

    /// Asks, on the connection that is there or on a new one; never twice by itself.
    ///
    /// # Errors
    /// No connection, no answer, half an answer, or what is no HTTP; the connection is given up then.
    pub fn ask(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&str>,
    ) -> Result<Reply, NoAnswer> {
        let mut text = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\n", self.address);
        for (name, value) in headers {
            text.extend([name, ": ", value, "\r\n"]);
        }
        if let Some(body) = body {
            text.push_str("Content-Type: application/json\r\n");
            text.extend(["Content-Length: ", &body.len().to_string(), "\r\n"]);
        }
        text.push_str("\r\n");
        text.push_str(body.unwrap_or_default());
        let done = self.exchange(text.as_bytes());
        let leaves = done.as_ref().is_ok_and(|r| r.header("connection") == Some("close"));
        if done.is_err() || leaves {
            self.stream = None;
        }
        done.map_err(|error| NoAnswer(error.to_string()))
    }

    fn exchange(&mut self, request: &[u8]) -> io::Result<Reply> {
        if self.stream.is_none() {
            self.stream = Some(self.connect()?);
        }
        let stream = self.stream.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        stream.write_all(request)?;
        stream.flush()?;
        self.resumed = stream.conn.handshake_kind() == Some(HandshakeKind::Resumed);
        read(stream)
    }

    fn connect(&self) -> io::Result<StreamOwned<ClientConnection, TcpStream>> {
        let mut socket = TcpStream::connect(self.address)?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        let name = ServerName::from(self.address.ip());
        let mut tls =
            ClientConnection::new(Arc::clone(&self.config), name).map_err(io::Error::other)?;
        while tls.is_handshaking() {
            tls.complete_io(&mut socket)?;
        }
        Ok(StreamOwned::new(tls, socket))
    }
}

fn read(stream: &mut impl Read) -> io::Result<Reply> {
    let broken = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
    let mut bytes = Vec::new();
    let mut piece = [0_u8; 8192];
    loop {
        let mut headers = [httparse::EMPTY_HEADER; 32];
        let mut parsed = httparse::Response::new(&mut headers);
        let head = parsed.parse(&bytes).map_err(|e| broken(&format!("no HTTP: {e}")))?;
        if let httparse::Status::Complete(head) = head {
            let mut reply = Reply {
                status: parsed.code.unwrap_or_default(),
                headers: parsed.headers.iter().map(header).collect(),
                body: Vec::new(),
            };
            if reply.header("transfer-encoding").is_some() {
                return Err(broken("an answer without a length"));
            }
            let length = reply.header("content-length").unwrap_or("0");
            let length: usize = length.parse().map_err(|_| broken("no Content-Length"))?;
            if length > ANSWER_BYTES_MAX {
                return Err(broken("the answer is too long"));
            }
            if bytes.len() >= head + length {
                reply.body = bytes.split_off(head);
                reply.body.truncate(length);
                return Ok(reply);
            }
        }
        let count = stream.read(&mut piece)?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        bytes.extend(piece.iter().take(count));
    }
}

fn header(header: &httparse::Header<'_>) -> (String, String) {
    (header.name.to_ascii_lowercase(), String::from_utf8_lossy(header.value).into_owned())
}
