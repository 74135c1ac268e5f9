//! `org.posdata.Admin1`: for the technician. It has no properties, so that the
//! bus can guard all of it.

use std::sync::Arc;

use tokio::sync::watch;
use zbus::Connection;
use zbus::message::Header;
use zbus::object_server::SignalEmitter;

use super::callers::{Callers, sender};
use super::error::Error;
use super::record::{self, Record};
use super::request::{Engine, Request};
use crate::domain::snapshot::Snapshot;

/// How long a trace may be asked for at once.
const TRACE_S_MAX: u32 = 3_600;

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
