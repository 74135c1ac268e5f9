//! `org.posdata.Usage1`: what moved, now and in the past.

use std::sync::Arc;

use tokio::sync::watch;
use zbus::Connection;
use zbus::message::Header;
use zbus::object_server::{ResponseDispatchNotifier, SignalEmitter};

use super::callers::{Callers, sender};
use super::error::Error;
use super::record::{self, Record};
use super::request::{Engine, Request};
use crate::domain::snapshot::{Snapshot, Tier, UsageView};
use crate::domain::time::UnixS;
use crate::domain::watch::check_watch;

/// How many events one answer holds at most.
const EVENTS_MAX: u32 = 1_000;

/// The interface.
#[derive(Debug)]
pub(super) struct Usage1 {
    snapshot: watch::Receiver<Arc<Snapshot>>,
    engine: Engine,
    callers: Arc<Callers>,
}

impl Usage1 {
    pub(super) fn new(
        snapshot: watch::Receiver<Arc<Snapshot>>,
        engine: Engine,
        callers: Arc<Callers>,
    ) -> Self {
        Self { snapshot, engine, callers }
    }

    fn of<T>(&self, get: impl FnOnce(&UsageView) -> T) -> T {
        get(&self.snapshot.borrow().usage)
    }
}

#[zbus::interface(name = "org.posdata.Usage1", introspection_docs = false)]
impl Usage1 {
    #[zbus(property(emits_changed_signal = "false"))]
    fn rx_bytes(&self) -> u64 {
        self.of(|u| u.total.rx)
    }

    #[zbus(property(emits_changed_signal = "false"))]
    fn tx_bytes(&self) -> u64 {
        self.of(|u| u.total.tx)
    }

    #[zbus(property(emits_changed_signal = "false"))]
    fn home_rx_bytes(&self) -> u64 {
        self.of(|u| u.home.rx)
    }

    #[zbus(property(emits_changed_signal = "false"))]
    fn home_tx_bytes(&self) -> u64 {
        self.of(|u| u.home.tx)
    }

    #[zbus(property(emits_changed_signal = "false"))]
    fn roaming_rx_bytes(&self) -> u64 {
        self.of(|u| u.roaming.rx)
    }

    #[zbus(property(emits_changed_signal = "false"))]
    fn roaming_tx_bytes(&self) -> u64 {
        self.of(|u| u.roaming.tx)
    }

    #[zbus(property(emits_changed_signal = "false"))]
    fn unsaved_bytes(&self) -> u64 {
        self.snapshot.borrow().store.unsaved
    }

    #[zbus(property(emits_changed_signal = "false"))]
    fn as_of(&self) -> Result<u64, Error> {
        self.of(|u| record::seconds(u.as_of)).ok_or_else(|| Error::unknown("AsOf"))
    }

    #[zbus(property)]
    fn source(&self) -> Result<&'static str, Error> {
        self.of(|u| record::word(u.source)).ok_or_else(|| Error::unknown("Source"))
    }

    #[zbus(property)]
    fn is_roaming(&self) -> Result<bool, Error> {
        self.of(|u| u.is_roaming).ok_or_else(|| Error::unknown("IsRoaming"))
    }

    #[zbus(property)]
    fn store_state(&self) -> &'static str {
        self.snapshot.borrow().store.state
    }

    #[zbus(property)]
    fn store_detail(&self) -> String {
        record::text(&self.snapshot.borrow().store.detail)
    }

    #[zbus(out_args("usage"))]
    async fn get_usage(&self, granularity: &str, from: u64, to: u64) -> Result<Vec<Record>, Error> {
        let (tier, from, to) = check_range(granularity, from, to)?;
        let slots = self.engine.ask(|reply| Request::Usage { tier, from, to, reply }).await?;
        Ok(slots.iter().map(record::slot).collect())
    }

    #[zbus(out_args("cycle"))]
    fn get_cycle(&self) -> Record {
        self.snapshot.borrow().cycle.as_ref().map(record::cycle).unwrap_or_default()
    }

    #[zbus(out_args("events"))]
    async fn get_events(&self, after_id: u64, limit: u32) -> Result<Vec<Record>, Error> {
        if !(1..=EVENTS_MAX).contains(&limit) {
            return Err(Error::InvalidArgument(format!(
                "limit must be 1 to {EVENTS_MAX}, not {limit}"
            )));
        }
        let events = self.engine.ask(|reply| Request::Events { after_id, limit, reply }).await?;
        Ok(events.iter().map(record::event).collect())
    }

    #[zbus(out_args("id"))]
    async fn watch(
        &self,
        accuracy_bytes: u64,
        period_s: u32,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
    ) -> Result<ResponseDispatchNotifier<u32>, Error> {
        check_watch(accuracy_bytes, period_s)?;
        let caller = sender(&header)?;
        let visit = Callers::visit(&self.callers, connection, &caller)?;
        let id = self
            .engine
            .ask(|reply| Request::Watch { caller, accuracy_bytes, period_s, reply })
            .await?;
        visit.adopt(id);
        let (answer, sent) = ResponseDispatchNotifier::new(id);
        tokio::spawn(async move {
            sent.await;
            visit.answered(id).await;
        });
        Ok(answer)
    }

    async fn unwatch(&self, id: u32, #[zbus(header)] header: Header<'_>) -> Result<(), Error> {
        let caller = sender(&header)?;
        let of = caller.clone();
        self.engine.ask(|reply| Request::Unwatch { caller: of, id, reply }).await?;
        self.callers.unwatched(&caller, id);
        Ok(())
    }

    #[zbus(signal)]
    pub(super) async fn reading(
        emitter: &SignalEmitter<'_>,
        id: u32,
        reading: Record,
    ) -> zbus::Result<()>;
}

/// The arguments of `GetUsage` as the engine takes them: an end beyond what a
/// time can be means no end.
fn check_range(granularity: &str, from: u64, to: u64) -> Result<(Tier, UnixS, UnixS), Error> {
    let tier = Tier::from_word(granularity).ok_or_else(|| {
        let words = Tier::ALL.map(Tier::word).join(", ");
        Error::InvalidArgument(format!("granularity must be one of {words}, not \"{granularity}\""))
    })?;
    let (start, end) = (clamped(from), clamped(to));
    if start >= end {
        return Err(Error::InvalidArgument(format!(
            "to must be larger than from: {to} is not larger than {from}"
        )));
    }
    Ok((tier, start, end))
}

fn clamped(seconds: u64) -> UnixS {
    UnixS::try_from(seconds).unwrap_or(UnixS::MAX)
}
