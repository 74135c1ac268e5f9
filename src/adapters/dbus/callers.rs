//! The callers that hold watches or a trace: when they leave the bus, that ends;
//! and no reading reaches a caller before the id that it belongs to.
//!
//! The bus is asked to tell of each such caller's leaving alone (one match rule
//! a caller), so that the comings and goings of others wake nobody.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::StreamExt;
use tokio::task::AbortHandle;
use zbus::message::{Header, Type};
use zbus::{Connection, MatchRule, MessageStream};

use super::error::Error;
use super::request::Engine;
use super::server::{BUS, BUS_PATH, ask_bus};
use super::signal::{Outbox, Outgoing};
use crate::domain::snapshot::UsageView;
use crate::domain::watch::{Caller, WATCHES_MAX};

/// How many callers may be attended: one a watch, and some that trace.
const CALLERS_MAX: usize = WATCHES_MAX + 8;

/// A caller appears and disappears once each under its unique name.
const LEAVING_QUEUE: NonZeroUsize = match NonZeroUsize::new(2) {
    Some(two) => two,
    None => NonZeroUsize::MIN,
};

/// Who is calling.
pub(super) fn sender(header: &Header<'_>) -> Result<Caller, Error> {
    header
        .sender()
        .map(|name| Caller::new(name.as_str()))
        .ok_or_else(|| Error::NotAllowed("only a caller with a name on a bus may ask".to_owned()))
}

/// How far a watch is.
#[derive(Debug)]
enum Watching {
    /// The caller does not have the id yet; the newest reading waits for that.
    Answering(Option<UsageView>),
    /// The caller has it.
    Told,
}

#[derive(Debug)]
struct Attended {
    /// Calls of it that are being answered.
    visits: usize,
    tracing: bool,
    watches: HashMap<u32, Watching>,
    /// The task that waits for its leaving.
    leaving: AbortHandle,
}

impl Drop for Attended {
    fn drop(&mut self) {
        self.leaving.abort();
    }
}

/// All callers that are attended.
#[derive(Debug)]
pub(super) struct Callers {
    attended: Mutex<HashMap<Caller, Attended>>,
    engine: Engine,
    outbox: Outbox,
}

impl Callers {
    pub(super) fn new(engine: Engine, outbox: Outbox) -> Self {
        Self { attended: Mutex::default(), engine, outbox }
    }

    /// Attends a caller at least until the visit ends.
    pub(super) fn visit(
        this: &Arc<Self>,
        connection: &Connection,
        caller: &Caller,
    ) -> Result<Visit, Error> {
        let mut attended = this.lock();
        if !attended.contains_key(caller) && attended.len() >= CALLERS_MAX {
            return Err(Error::Busy(format!("{CALLERS_MAX} callers watch or trace already")));
        }
        attended
            .entry(caller.clone())
            .or_insert_with(|| Attended {
                visits: 0,
                tracing: false,
                watches: HashMap::new(),
                leaving: tokio::spawn(attend(this.clone(), connection.clone(), caller.clone()))
                    .abort_handle(),
            })
            .visits += 1;
        Ok(Visit { callers: this.clone(), caller: caller.clone() })
    }

    /// A watch was ended by its caller.
    pub(super) fn unwatched(&self, caller: &Caller, id: u32) {
        let mut attended = self.lock();
        if let Some(entry) = attended.get_mut(caller) {
            entry.watches.remove(&id);
        }
        let_go(&mut attended, caller);
    }

    /// The reading, if it may go out now: else it is held back until the caller
    /// has the id, or dropped because the watch has ended.
    pub(super) fn pass(&self, caller: &Caller, id: u32, usage: UsageView) -> Option<UsageView> {
        let mut attended = self.lock();
        let entry = attended.get_mut(caller)?;
        match entry.watches.get_mut(&id) {
            Some(Watching::Told) => return Some(usage),
            Some(Watching::Answering(held)) => *held = Some(usage),
            None if entry.visits > 0 => {
                entry.watches.insert(id, Watching::Answering(Some(usage)));
            }
            None => {}
        }
        None
    }

    /// Attends nobody any more.
    pub(super) fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Caller, Attended>> {
        self.attended.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Attends a caller no longer if nothing is left to end.
fn let_go(attended: &mut HashMap<Caller, Attended>, caller: &Caller) {
    if let Some(entry) = attended.get_mut(caller)
        && entry.visits == 0
    {
        // What no visit adopted was refused or given up.
        entry.watches.retain(|_, watch| matches!(watch, Watching::Told));
        if entry.watches.is_empty() && !entry.tracing {
            attended.remove(caller);
        }
    }
}

/// A call that is being answered.
#[derive(Debug)]
pub(super) struct Visit {
    callers: Arc<Callers>,
    caller: Caller,
}

impl Visit {
    /// The engine gave this watch to the caller.
    pub(super) fn adopt(&self, id: u32) {
        if let Some(entry) = self.callers.lock().get_mut(&self.caller) {
            entry.watches.entry(id).or_insert(Watching::Answering(None));
        }
    }

    /// The caller has been sent the id: what was held back follows.
    pub(super) async fn answered(self, id: u32) {
        let held = match self.callers.lock().get_mut(&self.caller) {
            Some(entry) => entry.watches.get_mut(&id).and_then(|watch| {
                match std::mem::replace(watch, Watching::Told) {
                    Watching::Answering(held) => held,
                    Watching::Told => None,
                }
            }),
            None => None,
        };
        if let Some(usage) = held {
            let caller = self.caller.clone();
            // A full outbox drops a reading; the next one makes it good.
            let _ = self.callers.outbox.put(Outgoing::Reading { caller, id, usage });
        }
        self.end_if_gone().await;
    }

    /// The engine began or ended the caller's trace.
    pub(super) async fn traces(self, tracing: bool) {
        if let Some(entry) = self.callers.lock().get_mut(&self.caller) {
            entry.tracing = tracing;
        }
        self.end_if_gone().await;
    }

    /// A caller that left while it was being answered may have been reported
    /// gone before the engine gave it anything: then it is reported again.
    async fn end_if_gone(self) {
        if !self.callers.lock().contains_key(&self.caller) {
            self.callers.engine.tell_gone(self.caller.clone()).await;
        }
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        let mut attended = self.callers.lock();
        if let Some(entry) = attended.get_mut(&self.caller) {
            entry.visits = entry.visits.saturating_sub(1);
        }
        let_go(&mut attended, &self.caller);
    }
}

/// Waits until a caller is gone, then ends what it holds.
async fn attend(callers: Arc<Callers>, connection: Connection, caller: Caller) {
    if let Err(error) = leaving(&connection, &caller).await {
        tracing::warn!("cannot see whether {caller} stays on the bus, its watches end: {error}");
    }
    // From here on this task must not be aborted: the entry's drop would.
    let entry = callers.lock().remove(&caller);
    callers.engine.tell_gone(caller).await;
    drop(entry);
}

/// Ends when the caller has left the bus, or the bus itself is gone.
async fn leaving(connection: &Connection, caller: &Caller) -> zbus::Result<()> {
    let rule = MatchRule::builder()
        .msg_type(Type::Signal)
        .sender(BUS)
        .path(BUS_PATH)
        .interface(BUS)
        .member("NameOwnerChanged")
        .arg(0, caller.as_str())
        .build()?;
    let mut changes = MessageStream::for_match_rule(rule, connection, Some(LEAVING_QUEUE)).await?;
    // It may have left before the bus was asked to tell.
    let stays = ask_bus(connection, "NameHasOwner", &caller.as_str()).await?;
    if !stays.body().deserialize::<bool>()? {
        return Ok(());
    }
    while let Some(change) = changes.next().await {
        let body = change?.body();
        let (_, _, owner): (&str, &str, &str) = body.deserialize()?;
        if owner.is_empty() {
            break;
        }
    }
    Ok(())
}
