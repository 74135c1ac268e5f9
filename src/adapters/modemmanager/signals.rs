//! What ModemManager and the bus say of their own accord: one match rule each,
//! narrow, so that nothing else wakes anybody.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::{Context, Poll};

use futures_util::StreamExt as _;
use zbus::message::{Message, Type};
use zbus::{Connection, MatchRule, MessageStream};

use super::values::{BEARER, MODEM, MODEM_3GPP, MODEM_TIME, SIM};
use super::{NAME, ROOT};

pub(super) const BUS: &str = "org.freedesktop.DBus";
pub(super) const BUS_PATH: &str = "/org/freedesktop/DBus";
pub(super) const PROPERTIES: &str = "org.freedesktop.DBus.Properties";
pub(super) const OBJECTS: &str = "org.freedesktop.DBus.ObjectManager";

/// Signals that may wait while a call is answered; ModemManager says a few a
/// second at most.
const WAITING_MAX: usize = 512;

/// The signals, in the order in which the bus delivered them.
pub(super) struct Signals {
    streams: Vec<MessageStream>,
    waiting: VecDeque<Message>,
}

impl Signals {
    /// Tells the bus what is to be heard.
    pub(super) async fn of(connection: &Connection) -> zbus::Result<Self> {
        let signal = || MatchRule::builder().msg_type(Type::Signal);
        let changes = |of: &'static str| {
            let changed = signal().sender(NAME).path_namespace(ROOT);
            changed.interface(PROPERTIES).member("PropertiesChanged").arg(0, of)
        };
        let owner = signal().sender(BUS).path(BUS_PATH).interface(BUS);
        let rules = [
            owner.member("NameOwnerChanged").arg(0, NAME),
            signal().sender(NAME).path(ROOT).interface(OBJECTS),
            changes(BEARER),
            changes(MODEM),
            changes(MODEM_3GPP),
            changes(SIM),
            signal().sender(NAME).interface(MODEM_TIME).member("NetworkTimeChanged"),
        ];
        let mut streams = Vec::with_capacity(rules.len());
        for rule in rules {
            streams.push(MessageStream::for_match_rule(rule.build()?, connection, None).await?);
        }
        Ok(Self { streams, waiting: VecDeque::new() })
    }

    /// The next signal; `None` when the connection is gone.
    pub(super) async fn next(&mut self) -> Option<Message> {
        if let Some(message) = self.waiting.pop_front() {
            return Some(message);
        }
        poll_fn(|context| self.poll(context)).await
    }

    /// Carries out calls while signals are taken in: the connection stands still
    /// when nobody takes them.
    pub(super) async fn during<T>(&mut self, calls: impl Future<Output = T>) -> T {
        let mut calls = pin!(calls);
        loop {
            tokio::select! {
                biased;
                done = &mut calls => {
                    self.order();
                    return done;
                }
                Some(message) = poll_fn(|context| self.poll(context)) => {
                    if self.waiting.len() < WAITING_MAX {
                        self.waiting.push_back(message);
                    }
                }
                else => return calls.await,
            }
        }
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Message>> {
        for stream in &mut self.streams {
            match stream.poll_next_unpin(context) {
                Poll::Ready(Some(Ok(message))) => return Poll::Ready(Some(message)),
                Poll::Ready(Some(Err(_)) | None) => return Poll::Ready(None),
                Poll::Pending => {}
            }
        }
        Poll::Pending
    }

    fn order(&mut self) {
        self.waiting.make_contiguous().sort_by_key(Message::recv_position);
    }
}
