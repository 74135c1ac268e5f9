//! The backend as the loop sees it: the conversation, and the one connection that
//! carries it out in a task of its own.
//!
//! Without `[backend]` it does nothing at all.

use std::io;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tracing::{error, info, warn};

use super::config::Config;
use crate::adapters::clock;
use crate::adapters::https::{CertificateTerms, Client, Settings, Traffic};
use crate::adapters::random;
use crate::backend::exchange::{Answer, Failure, Purpose, Request};
use crate::backend::{Dialogue, Do, Identity};
use crate::domain::engine::{Input, Times, Wants};
use crate::domain::time::BootMs;
use crate::proto::backend::Serial;

/// What the connection may have waiting: one exchange, and that it is given up.
const ORDERS_MAX: usize = 4;

/// What the connection is told to do.
enum Order {
    Connect(u64, Purpose, Times),
    Send(u64, Box<Request>, Times),
    GiveUp,
}

/// What came of it.
#[derive(Debug)]
pub(super) struct Came {
    what: What,
    traffic: Traffic,
}

#[derive(Debug)]
enum What {
    /// The connection stands, or does not.
    Connected(u64, Result<(), Failure>),
    /// An answer, or why there is none.
    Answered(u64, Box<Result<Answer, Failure>>),
    /// The certificates were read, for the first time or again.
    Certificate(CertificateTerms),
}

/// The backend, where one is configured.
pub(super) struct Backend {
    line: Option<Line>,
}

struct Line {
    dialogue: Dialogue,
    orders: mpsc::Sender<Order>,
    came: mpsc::Receiver<Came>,
    task: JoinHandle<()>,
    serial: String,
    /// What the engine wanted at the last turn.
    wants: Option<Wants>,
    traffic: Traffic,
    certificate: Option<CertificateTerms>,
}

impl Backend {
    /// Takes up the configuration. It connects to nothing, and reads no file: that
    /// is done when something is asked.
    pub(super) fn new(config: &Config) -> io::Result<Self> {
        let Some((settings, me)) = configured(config) else { return Ok(Self { line: None }) };
        let (orders, inbox) = mpsc::channel(ORDERS_MAX);
        let (outbox, came) = mpsc::channel(ORDERS_MAX);
        let task = tokio::spawn(Carrier::new(settings, outbox).carry(inbox));
        let serial = me.serial.as_str().to_owned();
        let dialogue = Dialogue::new(me, random::seed()?);
        let (traffic, certificate) = (Traffic::default(), None);
        let wants = None;
        Ok(Self {
            line: Some(Line { dialogue, orders, came, task, serial, wants, traffic, certificate }),
        })
    }

    /// Takes what the engine wants now, and begins what is next.
    pub(super) fn turn(&mut self, wants: Option<Wants>, times: Times) {
        let Some(line) = &mut self.line else { return };
        line.wants = wants;
        let Some(wants) = &line.wants else { return };
        let now_ms = clock::boot_ms();
        while let Some(next) = line.dialogue.next(now_ms, wants) {
            let given_up = next == Do::GiveUp;
            order(&line.orders, next, times);
            if !given_up {
                break;
            }
        }
    }

    /// When a turn is wanted at the latest.
    pub(super) fn timeout(&self) -> Option<BootMs> {
        let line = self.line.as_ref()?;
        line.dialogue.timeout(line.wants.as_ref()?)
    }

    /// Waits for what comes from the connection; for ever without one.
    pub(super) async fn came(&mut self) -> Came {
        let came = match &mut self.line {
            Some(line) => line.came.recv().await,
            None => None,
        };
        match came {
            Some(came) => came,
            None => std::future::pending().await,
        }
    }

    /// What that means to the engine.
    pub(super) fn heard(&mut self, came: Came) -> Option<Input> {
        let line = self.line.as_mut()?;
        let now_ms = clock::boot_ms();
        line.traffic = came.traffic;
        match came.what {
            What::Connected(number, came) => line.dialogue.connected(now_ms, number, came),
            What::Answered(number, came) => line.dialogue.answered(now_ms, number, *came),
            What::Certificate(terms) => {
                if terms.common_name != line.serial {
                    warn!(
                        "the certificate is for \"{}\", and [terminal] serial is \"{}\": the \
                         backend will refuse it; provision the right one",
                        terms.common_name, line.serial
                    );
                }
                let (ends_s, ca_ends_s) = (terms.not_after_s, terms.ca_not_after_s);
                line.certificate = Some(terms);
                Some(Input::Certificate { ends_s, ca_ends_s })
            }
        }
    }

    /// That an order is sent is on disk.
    pub(super) fn saved(&mut self, key: &str, times: Times) {
        let Some(line) = &mut self.line else { return };
        if let Some(next) = line.dialogue.saved(clock::boot_ms(), key) {
            order(&line.orders, next, times);
        }
    }

    /// An order has ended before it was sent.
    pub(super) fn withheld(&mut self, key: &str) {
        if let Some(line) = &mut self.line {
            line.dialogue.withheld(key);
        }
    }

    /// What the link to the backend has cost, and how long its certificates last.
    pub(super) fn cost(&self) -> (Traffic, Option<CertificateTerms>) {
        let line = self.line.as_ref();
        let traffic = line.map(|line| line.traffic).unwrap_or_default();
        (traffic, line.and_then(|line| line.certificate.clone()))
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        if let Some(line) = &self.line {
            line.task.abort();
        }
    }
}

/// Where the backend is and who this terminal is to it, where both are configured.
fn configured(config: &Config) -> Option<(Settings, Identity)> {
    let backend = config.backend.as_ref()?;
    let (serial, id) = (config.terminal.serial.as_deref()?, config.terminal.id.as_deref());
    let Some(id) = id else {
        warn!("the backend is not asked: it needs the acquirer's terminal id, [terminal] id");
        return None;
    };
    let (Ok(serial), Ok(terminal_id)) = (Serial::parse(serial), Serial::parse(id)) else {
        warn!(
            "the backend is not asked: [terminal] serial and id are 1 to 32 letters, digits, dots, \
             underlines and hyphens"
        );
        return None;
    };
    let settings = Settings {
        url: backend.url.clone(),
        ca: backend.ca.clone(),
        certificate: backend.certificate.clone(),
        key: backend.key.clone(),
    };
    Some((settings, Identity { serial, terminal_id }))
}

fn order(orders: &mpsc::Sender<Order>, next: Do, times: Times) {
    let order = match next {
        Do::Connect(number, purpose) => Order::Connect(number, purpose, times),
        Do::Send(number, request) => Order::Send(number, Box::new(request), times),
        Do::GiveUp => Order::GiveUp,
    };
    // One exchange at a time, and at most one that is given up: there is room.
    if orders.try_send(order).is_err() {
        error!("the backend's connection takes no orders any more");
    }
}

/// Carries out exchanges, one after the other. The files are looked at before each
/// one, so that they can be provisioned and replaced without a restart.
struct Carrier {
    settings: Settings,
    client: Option<Client>,
    outbox: mpsc::Sender<Came>,
    /// What is wrong with the files, as it was last said.
    said: Option<String>,
}

impl Carrier {
    fn new(settings: Settings, outbox: mpsc::Sender<Came>) -> Self {
        Self { settings, client: None, outbox, said: None }
    }

    async fn carry(mut self, mut inbox: mpsc::Receiver<Order>) {
        while let Some(order) = inbox.recv().await {
            let what = match order {
                Order::Connect(number, purpose, times) => {
                    What::Connected(number, self.connect(purpose, times).await)
                }
                Order::Send(number, request, times) => {
                    tokio::select! {
                        answer = self.send(&request, times) => {
                            What::Answered(number, Box::new(answer))
                        }
                        // Whatever else comes while it is being sent gives it up.
                        _ = inbox.recv() => continue,
                    }
                }
                // It had been answered already.
                Order::GiveUp => continue,
            };
            if !self.tell(what).await {
                return;
            }
        }
    }

    async fn connect(&mut self, purpose: Purpose, times: Times) -> Result<(), Failure> {
        self.client(times).await?.connect(purpose).await
    }

    async fn send(&mut self, request: &Request, times: Times) -> Result<Answer, Failure> {
        self.client(times).await?.send(request).await
    }

    async fn client(&mut self, times: Times) -> Result<&mut Client, Failure> {
        let (client, new) = match self.client.take() {
            None => (Client::new(self.settings.clone())?, true),
            Some(mut client) => {
                let new = match client.reread() {
                    Ok(new) => {
                        self.said = None;
                        new
                    }
                    Err(wrong) => {
                        let wrong = wrong.to_string();
                        if self.said.as_ref() != Some(&wrong) {
                            warn!("the certificates in use stay in use: {wrong}");
                        }
                        self.said = Some(wrong);
                        false
                    }
                };
                (client, new)
            }
        };
        let client = self.client.insert(client);
        client.trusted_time(times.last_stored_s, times.trusted_s);
        if new {
            let terms = client.certificate().clone();
            info!("the certificate of \"{}\" is used towards the backend", terms.common_name);
            let traffic = client.traffic();
            // Without a receiver the daemon is ending.
            let _ = self.outbox.send(Came { what: What::Certificate(terms), traffic }).await;
        }
        Ok(client)
    }

    async fn tell(&self, what: What) -> bool {
        let traffic = self.client.as_ref().map(Client::traffic).unwrap_or_default();
        self.outbox.send(Came { what, traffic }).await.is_ok()
    }
}
