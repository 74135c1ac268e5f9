//! All signals, in one order, from one task: changes of properties, alerts,
//! readings, trace lines. Nobody waits for the bus: what is to be sent is put
//! into a bounded outbox.

use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use zbus::fdo::Properties;
use zbus::names::{BusName, InterfaceName, UniqueName};
use zbus::object_server::{Interface, SignalEmitter};

use super::admin::Admin1;
use super::balance::Balance1;
use super::callers::Callers;
use super::change::{self, Changes};
use super::recharge::Recharge1;
use super::record;
use super::usage::Usage1;
use crate::domain::snapshot::{Snapshot, UsageView};
use crate::domain::time::UnixS;
use crate::domain::watch::Caller;

/// How many signals may wait to be sent.
pub const OUTBOX_MAX: usize = 128;

/// An alert as the signal `org.posdata.Balance1.Alert` tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    /// `used_percent`, `expiry_days`, `overdraft` or `unexplained_gap`.
    pub kind: &'static str,
    /// `info`, `warning` or `critical`.
    pub level: &'static str,
    /// A percentage for `used_percent`, days for `expiry_days`.
    pub threshold: Option<u32>,
    /// A sentence for people.
    pub text: String,
    /// The SIM concerned.
    pub iccid: Option<String>,
    /// What was left, bytes.
    pub remaining: Option<u64>,
    /// When that ends.
    pub expires_at: Option<UnixS>,
}

/// The bus takes signals more slowly than they come: this one was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{OUTBOX_MAX} signals wait for the bus already")]
pub struct OutboxFull;

/// One signal that waits to be sent.
#[derive(Debug)]
pub(super) enum Outgoing {
    Alert(Alert),
    TopUpChanged {
        id: String,
        state: &'static str,
    },
    Reading {
        caller: Caller,
        id: u32,
        usage: UsageView,
    },
    TraceLine {
        caller: Caller,
        source: &'static str,
        line: String,
    },
    /// Nothing more comes.
    End,
}

/// Where signals are put.
#[derive(Clone, Debug)]
pub(super) struct Outbox(mpsc::Sender<Outgoing>);

impl Outbox {
    pub(super) fn new() -> (Self, mpsc::Receiver<Outgoing>) {
        let (sender, receiver) = mpsc::channel(OUTBOX_MAX);
        (Self(sender), receiver)
    }

    pub(super) fn put(&self, outgoing: Outgoing) -> Result<(), OutboxFull> {
        self.0.try_send(outgoing).map_err(|_| OutboxFull)
    }

    /// Ends the task that sends, after all that waits has been sent.
    pub(super) async fn end(&self) {
        // Without a receiver it has ended.
        let _ = self.0.send(Outgoing::End).await;
    }
}

/// What the task that sends works with.
pub(super) struct Signals {
    emitter: SignalEmitter<'static>,
    snapshot: watch::Receiver<Arc<Snapshot>>,
    told: Arc<Snapshot>,
    callers: Arc<Callers>,
    queue: mpsc::Receiver<Outgoing>,
}

impl Signals {
    /// Takes the snapshot of now as told: who comes later reads it.
    pub(super) fn new(
        emitter: SignalEmitter<'static>,
        mut snapshot: watch::Receiver<Arc<Snapshot>>,
        callers: Arc<Callers>,
        queue: mpsc::Receiver<Outgoing>,
    ) -> Self {
        let told = snapshot.borrow_and_update().clone();
        Self { emitter, snapshot, told, callers, queue }
    }

    /// Sends until the end is put into the outbox.
    pub(super) async fn run(mut self) {
        let mut published = true;
        loop {
            let outgoing = tokio::select! {
                changed = self.snapshot.changed(), if published => {
                    published = changed.is_ok();
                    None
                }
                outgoing = self.queue.recv() => match outgoing {
                    None | Some(Outgoing::End) => return,
                    some => some,
                },
            };
            // The properties first: who gets an alert may read them.
            let mut sent = self.tell_changes().await;
            if let Some(outgoing) = outgoing {
                sent = sent.and(self.send(outgoing).await);
            }
            if let Err(error) = sent {
                tracing::debug!("a signal was not sent: {error}");
            }
        }
    }

    async fn tell_changes(&mut self) -> zbus::Result<()> {
        let new = self.snapshot.borrow_and_update().clone();
        if Arc::ptr_eq(&new, &self.told) {
            return Ok(());
        }
        let old = std::mem::replace(&mut self.told, new.clone());
        self.tell(Balance1::name(), change::balance(&old, &new)).await?;
        self.tell(Usage1::name(), change::usage(&old, &new)).await
    }

    async fn tell(&self, interface: InterfaceName<'_>, changes: Changes) -> zbus::Result<()> {
        if changes.is_empty() {
            return Ok(());
        }
        let Changes { changed, invalidated } = changes;
        Properties::properties_changed(&self.emitter, interface, changed, invalidated.into()).await
    }

    async fn send(&self, outgoing: Outgoing) -> zbus::Result<()> {
        match outgoing {
            Outgoing::Alert(alert) => {
                Balance1::alert(&self.emitter, alert.kind, record::alert(&alert)).await
            }
            Outgoing::TopUpChanged { id, state } => {
                Recharge1::top_up_changed(&self.emitter, &record::text(&id), state).await
            }
            Outgoing::Reading { caller, id, usage } => {
                match self.callers.pass(&caller, id, usage) {
                    Some(usage) => {
                        Usage1::reading(&self.to(&caller)?, id, record::reading(&usage)).await
                    }
                    None => Ok(()),
                }
            }
            Outgoing::TraceLine { caller, source, line } => {
                Admin1::trace_line(&self.to(&caller)?, source, &record::text(&line)).await
            }
            Outgoing::End => Ok(()),
        }
    }

    /// To that caller alone.
    fn to<'a>(&'a self, caller: &'a Caller) -> zbus::Result<SignalEmitter<'a>> {
        let name = UniqueName::try_from(caller.as_str())?;
        Ok(self.emitter.clone().set_destination(BusName::Unique(name)))
    }
}
