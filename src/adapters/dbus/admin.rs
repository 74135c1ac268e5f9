//! `org.posdata.Admin1`: for the technician. It has no properties, so that the
//! bus can guard all of it.

use std::sync::Arc;

use tokio::sync::watch;
use zbus::Connection;
use zbus::message::Header;
use zbus::object_server::SignalEmitter;

use super::callers::{Callers, sender};
use super::error::Error;
use super::recharge::{mixed_up, wish};
use super::record::{self, Record};
use super::request::{Engine, Request};
use crate::domain::engine::{Granted, Wish};
use crate::domain::snapshot::Snapshot;

/// How long a trace may be asked for at once.
const TRACE_S_MAX: u32 = 3_600;
/// How many entries one answer holds at most.
const EXPORT_MAX: u32 = 1_000;

/// The interface.
#[derive(Debug)]
pub(super) struct Admin1 {
    snapshot: watch::Receiver<Arc<Snapshot>>,
    engine: Engine,
    callers: Arc<Callers>,
}

impl Admin1 {
    pub(super) fn new(
        snapshot: watch::Receiver<Arc<Snapshot>>,
        engine: Engine,
        callers: Arc<Callers>,
    ) -> Self {
        Self { snapshot, engine, callers }
    }
}

#[zbus::interface(name = "org.posdata.Admin1", introspection_docs = false)]
impl Admin1 {
    #[zbus(out_args("sources"))]
    fn source_info(&self) -> Vec<Record> {
        self.snapshot.borrow().sources.iter().map(record::source).collect()
    }

    #[zbus(out_args("info"))]
    async fn backend_info(&self) -> Result<Record, Error> {
        let info = self.engine.ask(|reply| Request::BackendInfo { reply }).await?;
        Ok(record::backend(&info))
    }

    #[zbus(out_args("result"))]
    async fn sync(&self) -> Result<Record, Error> {
        match wish(&self.engine, Wish::Sync).await? {
            Granted::Synced(events) => Ok(record::synced(events)),
            _ => Err(mixed_up()),
        }
    }

    #[zbus(out_args("drift_bytes"))]
    async fn calibrate(&self, remaining_bytes: u64) -> Result<i64, Error> {
        if remaining_bytes > i64::MAX.unsigned_abs() {
            return Err(Error::InvalidArgument("remaining_bytes must be 0 to 2^63-1".to_owned()));
        }
        match wish(&self.engine, Wish::Calibrate { remaining: remaining_bytes }).await? {
            Granted::Calibrated(drift) => Ok(drift),
            _ => Err(mixed_up()),
        }
    }

    #[zbus(out_args("entries"))]
    async fn export(&self, after_id: u64, limit: u32) -> Result<Vec<Record>, Error> {
        if !(1..=EXPORT_MAX).contains(&limit) {
            let text = format!("limit must be 1 to {EXPORT_MAX}, not {limit}");
            return Err(Error::InvalidArgument(text));
        }
        let entries = self.engine.ask(|reply| Request::Entries { after_id, limit, reply }).await?;
        Ok(entries.iter().map(record::entry).collect())
    }

    async fn trace(
        &self,
        seconds: u32,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
    ) -> Result<(), Error> {
        if seconds > TRACE_S_MAX {
            return Err(Error::InvalidArgument(format!(
                "seconds must be 0 to {TRACE_S_MAX}, not {seconds}"
            )));
        }
        let caller = sender(&header)?;
        let visit = Callers::visit(&self.callers, connection, &caller)?;
        self.engine.ask(|reply| Request::Trace { caller, seconds, reply }).await?;
        visit.traces(seconds > 0).await;
        Ok(())
    }

    #[zbus(signal)]
    pub(super) async fn trace_line(
        emitter: &SignalEmitter<'_>,
        source: &str,
        line: &str,
    ) -> zbus::Result<()>;
}
