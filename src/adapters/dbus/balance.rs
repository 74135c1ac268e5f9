//! `org.posdata.Balance1`: what is left, and until when.

use std::sync::Arc;

use tokio::sync::watch;
use zbus::object_server::SignalEmitter;

use super::error::Error;
use super::record::{self, Record};
use crate::domain::snapshot::{BalanceView, Snapshot};

/// The interface.
#[derive(Debug)]
pub(super) struct Balance1 {
    snapshot: watch::Receiver<Arc<Snapshot>>,
}

impl Balance1 {
    pub(super) fn new(snapshot: watch::Receiver<Arc<Snapshot>>) -> Self {
        Self { snapshot }
    }

    /// A value of the balance, or the error that it is not known.
    fn known<T>(
        &self,
        property: &str,
        get: impl FnOnce(&BalanceView) -> Option<T>,
    ) -> Result<T, Error> {
        get(&self.snapshot.borrow().balance).ok_or_else(|| Error::unknown(property))
    }
}

#[zbus::interface(name = "org.posdata.Balance1", introspection_docs = false)]
impl Balance1 {
    #[zbus(property)]
    fn remaining_bytes(&self) -> Result<u64, Error> {
        self.known("RemainingBytes", |b| b.remaining)
    }

    #[zbus(property)]
    fn granted_bytes(&self) -> Result<u64, Error> {
        self.known("GrantedBytes", |b| b.granted)
    }

    #[zbus(property)]
    fn consumed_bytes(&self) -> Result<u64, Error> {
        self.known("ConsumedBytes", |b| b.consumed)
    }

    #[zbus(property)]
    fn overdraft_bytes(&self) -> u64 {
        self.snapshot.borrow().balance.overdraft
    }

    #[zbus(property)]
    fn status(&self) -> &'static str {
        self.snapshot.borrow().balance.status
    }

    #[zbus(property)]
    fn stop_reason(&self) -> String {
        record::text(&self.snapshot.borrow().balance.stop_reason)
    }

    #[zbus(property)]
    fn expires_at(&self) -> Result<u64, Error> {
        self.known("ExpiresAt", |b| record::seconds(b.expires_at))
    }

    #[zbus(property(emits_changed_signal = "false"))]
    fn as_of(&self) -> Result<u64, Error> {
        self.known("AsOf", |b| record::seconds(b.as_of))
    }

    #[zbus(property)]
    fn reconciled_at(&self) -> Result<u64, Error> {
        self.known("ReconciledAt", |b| record::seconds(b.reconciled_at))
    }

    #[zbus(property)]
    fn drift_bytes(&self) -> Result<i64, Error> {
        self.known("DriftBytes", |b| b.drift)
    }

    #[zbus(property)]
    fn days_left(&self) -> Result<u32, Error> {
        self.known("DaysLeft", |b| b.days_left)
    }

    #[zbus(property)]
    fn iccid(&self) -> Result<String, Error> {
        self.known("Iccid", |b| b.iccid.as_deref().map(record::text))
    }

    #[zbus(property)]
    fn terminal_serial(&self) -> Result<String, Error> {
        self.known("TerminalSerial", |b| b.terminal_serial.as_deref().map(record::text))
    }

    #[zbus(out_args("buckets"))]
    fn get_buckets(&self) -> Vec<Record> {
        self.snapshot.borrow().buckets.iter().map(record::bucket).collect()
    }

    #[zbus(signal)]
    pub(super) async fn alert(
        emitter: &SignalEmitter<'_>,
        kind: &str,
        details: Record,
    ) -> zbus::Result<()>;
}
