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
use crate::adapters::https::{Client, Settings};
use crate::adapters::random;
use crate::backend::exchange::{Answer, Failure, Purpose, Request};
use crate::backend::{Dialogue, Do, Identity};
use crate::domain::engine::{Input, Wants};
use crate::domain::time::{BootMs, UnixS};
use crate::proto::backend::Serial;

/// What the connection may have waiting: one exchange, and that it is given up.
const ORDERS_MAX: usize = 4;

/// What the connection is told to do.
enum Order {
    Connect(u64, Purpose, Option<UnixS>),
    Send(u64, Box<Request>, Option<UnixS>),
    GiveUp,
}

/// What came of it.
#[derive(Debug)]
pub(super) enum Came {
    /// The connection stands, or does not.
    Connected(u64, Result<(), Failure>),
    /// An answer, or why there is none.
    Answered(u64, Box<Result<Answer, Failure>>),
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
    /// What the engine wanted at the last turn.
    wants: Option<Wants>,
}

impl Backend {
    /// Takes up the configuration. A certificate that cannot be read is said, and
    /// read again when it changes: the metering must not wait for it.
    pub(super) fn new(config: &Config) -> io::Result<Self> {
        let Some((settings, me)) = configured(config) else { return Ok(Self { line: None }) };
        let client = match Client::new(settings) {
            Ok(client) => client,
            Err(wrong) => {
                error!("the backend cannot be used: {wrong}");
                return Ok(Self { line: None });
            }
        };
        let (orders, inbox) = mpsc::channel(ORDERS_MAX);
        let (outbox, came) = mpsc::channel(ORDERS_MAX);
        let task = tokio::spawn(carry(client, inbox, outbox));
        let dialogue = Dialogue::new(me, random::seed()?);
        info!("the backend will be asked");
        Ok(Self { line: Some(Line { dialogue, orders, came, task, wants: None }) })
    }

    /// Takes what the engine wants now, and begins what is next.
    pub(super) fn turn(&mut self, wants: Option<Wants>, trusted_s: Option<UnixS>) {
        let Some(line) = &mut self.line else { return };
        line.wants = wants;
        let Some(wants) = &line.wants else { return };
        let now_ms = clock::boot_ms();
        while let Some(next) = line.dialogue.next(now_ms, wants) {
            let given_up = next == Do::GiveUp;
            order(&line.orders, next, trusted_s);
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
        match &mut self.line {
            Some(line) => match line.came.recv().await {
                Some(came) => came,
                None => std::future::pending().await,
            },
            None => std::future::pending().await,
        }
    }

    /// What that means to the engine.
    pub(super) fn heard(&mut self, came: Came) -> Option<Input> {
        let line = self.line.as_mut()?;
        let now_ms = clock::boot_ms();
        match came {
            Came::Connected(number, came) => line.dialogue.connected(now_ms, number, came),
            Came::Answered(number, came) => line.dialogue.answered(now_ms, number, *came),
        }
    }

    /// That an order is sent is on disk.
    pub(super) fn saved(&mut self, key: &str, trusted_s: Option<UnixS>) {
        let Some(line) = &mut self.line else { return };
        if let Some(next) = line.dialogue.saved(clock::boot_ms(), key) {
            order(&line.orders, next, trusted_s);
        }
    }

    /// An order has ended before it was sent.
    pub(super) fn withheld(&mut self, key: &str) {
        if let Some(line) = &mut self.line {
            line.dialogue.withheld(key);
        }
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
    let serial = config.terminal.serial.as_deref();
    let id = config.terminal.id.as_deref();
    let (Some(serial), Some(id)) = (serial, id) else {
        warn!("the backend is not asked: it needs [terminal] serial and id");
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

fn order(orders: &mpsc::Sender<Order>, next: Do, trusted_s: Option<UnixS>) {
    let order = match next {
        Do::Connect(number, purpose) => Order::Connect(number, purpose, trusted_s),
        Do::Send(number, request) => Order::Send(number, Box::new(request), trusted_s),
        Do::GiveUp => Order::GiveUp,
    };
    // One exchange at a time, and at most one that is given up: there is room.
    if orders.try_send(order).is_err() {
        error!("the backend's connection takes no orders any more");
    }
}

/// Carries out exchanges, one after the other.
async fn carry(mut client: Client, mut inbox: mpsc::Receiver<Order>, outbox: mpsc::Sender<Came>) {
    while let Some(order) = inbox.recv().await {
        let came = match order {
            Order::Connect(number, purpose, trusted_s) => {
                client.trusted_time(trusted_s);
                Came::Connected(number, client.connect(purpose).await)
            }
            Order::Send(number, request, trusted_s) => {
                client.trusted_time(trusted_s);
                tokio::select! {
                    answer = client.send(&request) => Came::Answered(number, Box::new(answer)),
                    // Whatever else comes while it is being sent gives it up.
                    _ = inbox.recv() => continue,
                }
            }
            // It had been answered already.
            Order::GiveUp => continue,
        };
        if outbox.send(came).await.is_err() {
            return;
        }
    }
}
