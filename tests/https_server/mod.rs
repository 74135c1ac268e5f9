//! A real TLS server on loopback that does as it is told, certificates made for it,
//! and a client that has its terminal's.
#![allow(dead_code, reason = "each test program uses its part")]

pub mod certificates;
pub mod counted;
pub mod server;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use posdatad::adapters::https::{BUILT_S, Client, Settings};
use posdatad::backend::exchange::{Method, Purpose, Request};
use rustls::server::WebPkiClientVerifier;
use rustls::time_provider::TimeProvider;
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use certificates::{Authority, Issued, Wanted};
pub use server::Step;
use server::{Seen, Serving, serve};

pub const DAY_S: i64 = 86_400;
/// When the tests take place.
pub const NOW_S: i64 = BUILT_S + 200 * DAY_S;
pub const SERIAL: &str = "N9600012345";
pub const NOTHING_NEW: &str = "HTTP/1.1 204 No Content\r\n\
     date: Thu, 26 Nov 2026 08:00:00 GMT\r\n\r\n";

/// The world of one test: certificates, a server, the terminal's files.
pub struct World {
    pub directory: TempDir,
    pub authority: Authority,
    pub settings: Settings,
    pub seen: Arc<Mutex<Vec<Seen>>>,
    pub counted: Arc<counted::Bytes>,
    server: JoinHandle<()>,
}

impl Drop for World {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// How the server is made, where it is not as it should be.
pub struct Made {
    pub names: Vec<&'static str>,
    pub from_s: i64,
    pub until_s: i64,
    /// What its clock says.
    pub now_s: i64,
    pub version: &'static SupportedProtocolVersion,
    /// Its certificate is of another CA.
    pub strange: bool,
    /// It accepts only terminals of another CA than the operator's.
    pub wants: Option<Authority>,
}

impl Default for Made {
    fn default() -> Self {
        Self {
            names: vec!["localhost", "127.0.0.1"],
            from_s: NOW_S - DAY_S,
            until_s: NOW_S + DAY_S,
            now_s: NOW_S,
            version: &rustls::version::TLS13,
            strange: false,
            wants: None,
        }
    }
}

#[derive(Debug)]
struct Fixed(i64);

impl TimeProvider for Fixed {
    fn current_time(&self) -> Option<rustls::pki_types::UnixTime> {
        let s = u64::try_from(self.0).unwrap();
        Some(rustls::pki_types::UnixTime::since_unix_epoch(Duration::from_secs(s)))
    }
}

impl World {
    pub async fn new(steps: Vec<Step>) -> Self {
        Self::made(Made::default(), steps).await
    }

    pub async fn made(made: Made, steps: Vec<Step>) -> Self {
        let authority = Authority::new("Operator CA");
        let strange = Authority::new("Operator CA");
        let (from_s, until_s) = (made.from_s, made.until_s);
        let wanted = Wanted { common_name: "backend", names: &made.names, from_s, until_s };
        let Issued { chain, key, .. } =
            if made.strange { strange.issue(&wanted) } else { authority.issue(&wanted) };
        let mut roots = RootCertStore::empty();
        let accepted = made.wants.as_ref().unwrap_or(&authority);
        roots.add(accepted.certificate()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let clients =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
                .build()
                .unwrap();
        let config = ServerConfig::builder_with_details(provider, Arc::new(Fixed(made.now_s)))
            .with_protocol_versions(&[made.version])
            .unwrap()
            .with_client_cert_verifier(clients)
            .with_single_cert(chain, key)
            .unwrap();

        let directory = TempDir::new().unwrap();
        let file = |name: &str| directory.path().join(name);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let settings = Settings {
            url: format!("https://127.0.0.1:{port}"),
            ca: file("ca.pem"),
            certificate: file("terminal.pem"),
            key: file("terminal.key"),
        };
        std::fs::write(&settings.ca, authority.pem()).unwrap();
        let seen = Arc::<Mutex<Vec<Seen>>>::default();
        let counted = Arc::<counted::Bytes>::default();
        let serving = Serving {
            acceptor: TlsAcceptor::from(Arc::new(config)),
            steps: Mutex::new(steps.into()),
            seen: Arc::clone(&seen),
            counted: Arc::clone(&counted),
        };
        let server = tokio::spawn(serve(listener, Arc::new(serving)));
        let world = Self { directory, authority, settings, seen, counted, server };
        world.provision(NOW_S - DAY_S, NOW_S + 30 * DAY_S);
        world
    }

    /// Gives the terminal a new certificate and its key.
    pub fn provision(&self, from_s: i64, until_s: i64) {
        let issued = self.terminal(from_s, until_s);
        std::fs::write(&self.settings.certificate, issued.chain_pem()).unwrap();
        std::fs::write(&self.settings.key, issued.key_pem()).unwrap();
    }

    pub fn terminal(&self, from_s: i64, until_s: i64) -> Issued {
        let names = &[SERIAL];
        self.authority.issue(&Wanted { common_name: SERIAL, names, from_s, until_s })
    }

    /// The client, which knows the time.
    pub fn client(&self) -> Client {
        let mut client = self.client_of_1970();
        client.trusted_time(None, Some(NOW_S));
        client
    }

    /// The client, to which nobody has told the time.
    pub fn client_of_1970(&self) -> Client {
        Client::new(self.settings.clone()).unwrap()
    }

    /// How many requests each connection carried.
    pub fn requests(&self) -> Vec<usize> {
        self.seen.lock().unwrap().iter().map(|seen| seen.requests.len()).collect()
    }

    /// Waits until the connection has ended, as the server sees it.
    pub async fn ended(&self, connection: usize) -> String {
        self.until(connection, |seen| seen.ended.clone()).await
    }

    /// Waits until nothing passes its socket any more.
    pub async fn gone(&self, connection: usize) {
        self.until(connection, |seen| seen.gone.then_some(())).await;
    }

    async fn until<T>(&self, connection: usize, found: impl Fn(&Seen) -> Option<T>) -> T {
        for _ in 0..10_000 {
            if let Some(found) = self.seen.lock().unwrap().get(connection).and_then(&found) {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        panic!("connection {connection} did not end: {:?}", self.seen.lock().unwrap());
    }
}

/// A request without a body.
pub fn get(path: &str) -> Request {
    Request {
        purpose: Purpose::Payment,
        method: Method::Get,
        path: path.into(),
        idempotency_key: None,
        if_none_match: None,
        body: None,
        answer_within: Duration::from_secs(60),
    }
}

/// An order.
pub fn order() -> Request {
    Request {
        purpose: Purpose::Order,
        method: Method::Post,
        path: "/v1/topups".into(),
        idempotency_key: Some("5f0c2a7e-3d34-4a52-9c5b-9d8d4f2b6a11".into()),
        body: Some("{\"quote_id\":\"Q-88\"}".into()),
        ..get("")
    }
}

/// An answer with a JSON body.
pub fn ok(body: &str) -> Step {
    let length = body.len();
    Step::Say(
        format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\
             date: Thu, 26 Nov 2026 08:00:00 GMT\r\n\r\n{body}"
        )
        .into(),
    )
}

/// An address where nobody listens, as long as the listener's place is held.
pub fn nobody() -> (tokio::net::TcpSocket, SocketAddr) {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}
