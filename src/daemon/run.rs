//! The wiring: one loop that hands inputs to the engine and carries out what it
//! decides. Nothing here decides anything about bytes.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::path::Path;
use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tracing::{error, info, warn};

use super::args::{Args, Bus, Exit};
use super::backend::Backend;
use super::config::{self, Config};
use super::journal::{self, ids};
use super::logging;
use super::settings::settings;
use super::sources::{self, Event as SourceEvent, Message, Sources};
use super::trace::Tracers;
use crate::adapters::clock::{self, BootTimer};
use crate::adapters::dbus::{
    self, BackendInfo, BusAddress, BusError, EventRecord, REQUESTS_MAX, Reply, Request, Server,
};
use crate::adapters::signals::{Signal, Signals};
use crate::adapters::store::{self, Fault, Mode, Outcome, Store, StoreThread};
use crate::adapters::systemd::{Notifier, State, watchdog_interval_ms};
use crate::domain::engine::{Engine, Granted, Input, Output, Ticket, merge_usage};
use crate::domain::event::Event;
use crate::domain::sim::Iccid;
use crate::domain::snapshot::Snapshot;
use crate::domain::time::BootMs;

/// The pause before a lost bus is tried again, ms.
const BUS_RETRY_MS: BootMs = 5_000;

/// How long a sleep may be where nothing is due, ms.
const SLEEP_MS_MAX: BootMs = 3_600_000;

/// Runs until a signal says stop.
pub async fn run(args: &Args, config: Config, log: logging::Control) -> Exit {
    match Daemon::start(args, config, log).await {
        Ok(daemon) => daemon.serve().await,
        Err(failure) => {
            error!("{}", failure.said);
            failure.exit
        }
    }
}

/// Why the service does not start.
struct Failure {
    exit: Exit,
    said: String,
}

impl Failure {
    fn os(what: &str) -> impl Fn(io::Error) -> Self + '_ {
        move |error| Self { exit: Exit::OsErr, said: format!("{what}: {error}") }
    }
}

struct Daemon {
    args: Args,
    config: Config,
    log: logging::Control,
    boot_id: String,
    engine: Engine,
    inputs: VecDeque<Input>,
    store: StoreThread,
    sources: Sources,
    tracers: Tracers,
    /// Who waits for the answer to a wish.
    wishes: BTreeMap<Ticket, Reply<Granted>>,
    backend: Backend,
    server: Option<Server>,
    bus_retry_ms: Option<BootMs>,
    /// The connection to the bus, for sources that are on it too.
    bus: watch::Sender<Option<zbus::Connection>>,
    snapshot: watch::Sender<Arc<Snapshot>>,
    requests_in: mpsc::Sender<Request>,
    requests: mpsc::Receiver<Request>,
    messages: mpsc::Receiver<Message>,
    outcomes: mpsc::UnboundedReceiver<Outcome>,
    signals: Signals,
    timer: BootTimer,
    notifier: Notifier,
    watchdog_ms: Option<BootMs>,
    watchdog_due_ms: BootMs,
    stopped: Option<Exit>,
}

impl Daemon {
    async fn start(args: &Args, config: Config, log: logging::Control) -> Result<Self, Failure> {
        let signals = Signals::new().map_err(Failure::os("signals"))?;
        let timer = BootTimer::new().map_err(Failure::os("timer"))?;
        let boot_id = clock::boot_id().map_err(Failure::os("/proc/sys/kernel/random/boot_id"))?;
        let notifier = Notifier::from_env().unwrap_or_else(|error| {
            warn!("systemd cannot be told anything: {error}");
            Notifier::default()
        });
        let (store, loaded) = Store::open(&config.store.path, &boot_id)
            .map_err(|error| Failure { exit: Exit::TempFail, said: error.to_string() })?;
        let engine = Engine::new(settings(&config), &loaded, store.boot_seq());
        let found = found(store.mode(), loaded.replaced.as_deref());
        let (store, outcomes) =
            StoreThread::start(store).map_err(Failure::os("the store's thread"))?;

        let (snapshot, _) = watch::channel(Arc::new(Snapshot::default()));
        let (requests_in, requests) = mpsc::channel(REQUESTS_MAX);
        let (messages_in, messages) = mpsc::channel(sources::MESSAGES_MAX);
        let (bus, on_bus) = watch::channel(None);
        let mut sources = Sources::new(&config, &boot_id, on_bus, messages_in);
        let begun = sources.start(clock::boot_ms()).map_err(Failure::os("the modem's thread"))?;
        let inputs = VecDeque::from([found]);
        let backend = Backend::new(&config).map_err(Failure::os("the kernel's random numbers"))?;

        let mut daemon = Self {
            args: args.clone(),
            config,
            log,
            boot_id,
            engine,
            inputs,
            store,
            sources,
            tracers: Tracers::default(),
            wishes: BTreeMap::new(),
            backend,
            server: None,
            bus_retry_ms: None,
            bus,
            snapshot,
            requests_in,
            requests,
            messages,
            outcomes,
            signals,
            timer,
            notifier,
            watchdog_ms: watchdog_interval_ms(),
            watchdog_due_ms: 0,
            stopped: None,
        };
        // The first view is made before the bus is asked for, so that the first
        // caller is answered from what is stored.
        daemon.turn();
        daemon.join_bus().await.map_err(|error| Failure {
            exit: match error {
                BusError::Connect { .. } | BusError::NameTaken { .. } | BusError::Bus(_) => {
                    Exit::Unavailable
                }
                BusError::NameDenied(_) => Exit::NoPerm,
            },
            said: error.to_string(),
        })?;
        let said = daemon.take_events(begun);
        let status = said.as_deref().map(State::Status);
        let states: Vec<State<'_>> = [State::Ready].into_iter().chain(status).collect();
        daemon.tell(&states);
        Ok(daemon)
    }

    async fn join_bus(&mut self) -> Result<(), BusError> {
        let address = match self.args.bus() {
            Bus::System => BusAddress::System,
            Bus::Session => BusAddress::Session,
            Bus::Address(address) => BusAddress::Address(address),
        };
        let server =
            Server::start(&address, self.snapshot.subscribe(), self.requests_in.clone()).await?;
        self.bus.send_replace(Some(server.connection()));
        self.server = Some(server);
        Ok(())
    }

    async fn serve(mut self) -> Exit {
        loop {
            self.turn();
            if let Some(exit) = self.stopped {
                return self.end(exit).await;
            }
            if let Err(error) = self.wait().await {
                error!("the event loop cannot go on: {error}");
                self.inputs.push_back(Input::Stop);
                self.turn();
                return self.end(Exit::OsErr).await;
            }
        }
    }

    async fn end(mut self, exit: Exit) -> Exit {
        self.tell(&[State::Stopping]);
        if let Some(server) = self.server.take() {
            server.stop().await;
        }
        drop(self.messages);
        drop(self.sources);
        if let Err(fault) = self.store.stop() {
            warn!("the log could not be folded into the database, and stays beside it: {fault}");
        }
        exit
    }

    /// Hands all inputs over and carries out all outputs.
    fn turn(&mut self) {
        let now = clock::now();
        self.feed_watchdog(now.boot_ms);
        let traced = self.tracers.any();
        self.tracers.expire(now.boot_ms);
        self.traced(traced);
        let events = self.sources.tick(now.boot_ms);
        self.try_events(events);
        self.inputs.push_back(Input::Tick);
        while let Some(input) = self.inputs.pop_front() {
            self.engine.handle(now, input);
            while let Some(output) = self.engine.poll_output() {
                self.carry_out(output);
            }
        }
        self.backend.turn(self.engine.wants(now), self.engine.times(now));
    }

    fn carry_out(&mut self, output: Output) {
        match output {
            Output::Commit(batch) => {
                let seq = batch.seq;
                if let Err(refused) = self.store.commit(batch) {
                    let detail = refused.to_string();
                    self.inputs.push_back(Input::CommitFailed { seq, detail });
                }
            }
            Output::Poll(role) => {
                let events = self.sources.poll(clock::boot_ms(), role);
                self.try_events(events);
            }
            Output::Publish(snapshot) => drop(self.snapshot.send_replace(snapshot)),
            Output::Record { event, iccid } => journal::say(&event, iccid.as_deref()),
            Output::Alert(alert) => self.alert(&alert),
            Output::Push(push) => {
                let usage = self.snapshot.borrow().usage.clone();
                if let Some(server) = &self.server
                    && server.push_reading(push, usage).is_err()
                {
                    warn!("the bus takes readings too slowly; one was left out");
                }
            }
            Output::Answer { ticket, answer } => {
                if let Some(reply) = self.wishes.remove(&ticket) {
                    // A caller that is gone asks again with the same request id.
                    let _ = reply.send(answer.map_err(dbus::Error::from));
                }
            }
            Output::TopUpChanged { id, state } => {
                if let Some(server) = &self.server
                    && server.top_up_changed(id, state.word()).is_err()
                {
                    warn!("the bus takes signals too slowly; a top-up's change was not sent");
                }
            }
            Output::Send { key } => {
                let times = self.engine.times(clock::now());
                self.backend.saved(&key, times);
            }
            Output::Withhold { key } => self.backend.withheld(&key),
            Output::Stopped { unsaved: 0 } => {
                info!(message_id = ids::STOPPED, "everything is saved");
                self.stopped = Some(Exit::Ok);
            }
            Output::Stopped { unsaved } => {
                error!(
                    message_id = ids::STOPPED,
                    posdata.unsaved_bytes = unsaved,
                    "{unsaved} bytes that were counted could not be saved: {}",
                    self.snapshot.borrow().store.detail
                );
                self.stopped = Some(Exit::IoErr);
            }
        }
    }

    fn alert(&self, alert: &crate::domain::alert::Alert) {
        warn!(
            message_id = ids::ALERT,
            posdata.alert = alert.kind.word(),
            posdata.level = alert.level.word(),
            "{}",
            alert.text
        );
        let signal = dbus::Alert {
            kind: alert.kind.word(),
            level: alert.level.word(),
            threshold: (alert.threshold > 0).then_some(alert.threshold),
            text: alert.text.clone(),
            iccid: self.snapshot.borrow().balance.iccid.clone(),
            remaining: alert.balance.as_ref().map(|balance| balance.remaining),
            expires_at: alert.balance.as_ref().and_then(|balance| balance.expires_at),
        };
        if let Some(server) = &self.server
            && server.alert(signal).is_err()
        {
            warn!("the bus takes signals too slowly; an alert was not sent");
        }
    }

    /// What the sources have for the engine, the journal and tracers. Gives the
    /// sentence for systemd's status, if there is a new one.
    fn take_events(&mut self, events: Vec<SourceEvent>) -> Option<String> {
        let mut said = None;
        for event in events {
            match event {
                SourceEvent::Input(input) => self.inputs.push_back(input),
                SourceEvent::Said { metered, text } => {
                    say_started(metered, &text);
                    said = Some(text);
                }
                SourceEvent::Trace(source, line) => {
                    let Some(server) = &self.server else { continue };
                    for caller in self.tracers.callers() {
                        // A line that the bus has no room for is left out of a trace.
                        let _ = server.trace_line(caller, source, line.clone());
                    }
                }
            }
        }
        said
    }

    /// The same, where the system may have had no thread left for a new source:
    /// then the search goes on later.
    fn try_events(&mut self, events: io::Result<Vec<SourceEvent>>) {
        match events {
            Ok(events) => {
                if let Some(said) = self.take_events(events) {
                    self.tell(&[State::Status(&said)]);
                }
            }
            Err(error) => error!("a source cannot be started: {error}"),
        }
    }

    async fn wait(&mut self) -> io::Result<()> {
        let watchdog = self.watchdog_ms.map(|_| self.watchdog_due_ms);
        let deadlines = [
            self.engine.poll_timeout(),
            watchdog,
            self.tracers.deadline(),
            self.bus_retry_ms,
            self.sources.timeout(),
            self.backend.timeout(),
        ];
        let deadline = deadlines.into_iter().flatten().min().unwrap_or(BootMs::MAX);
        let sleep_max = clock::now().boot_ms.saturating_add(SLEEP_MS_MAX);
        let deadline = deadline.min(sleep_max);
        tokio::select! {
            slept = self.timer.wait_until(deadline) => slept?,
            Some(message) = self.messages.recv() => self.heard(message),
            Some(outcome) = self.outcomes.recv() => self.written(outcome),
            came = self.backend.came() => self.inputs.extend(self.backend.heard(came)),
            Some(request) = self.requests.recv() => self.asked(request),
            signal = self.signals.next() => match signal? {
                Signal::Stop => self.inputs.push_back(Input::Stop),
                Signal::Reload => self.reload(),
            },
            () = bus_lost(self.server.as_ref()) => {
                warn!(message_id = ids::BUS_LOST, "the bus is gone; the metering goes on");
                self.server = None;
                self.bus.send_replace(None);
                let traced = self.tracers.any();
                self.tracers.clear();
                self.traced(traced);
                self.inputs.push_back(Input::CallersGone);
                self.bus_retry_ms = Some(clock::now().boot_ms.saturating_add(BUS_RETRY_MS));
            }
        }
        self.rejoin_bus().await;
        Ok(())
    }

    async fn rejoin_bus(&mut self) {
        let now_ms = clock::now().boot_ms;
        if self.bus_retry_ms.is_none_or(|at| at > now_ms) {
            return;
        }
        self.bus_retry_ms = match self.join_bus().await {
            Ok(()) => {
                info!(message_id = ids::BUS_BACK, "the bus is back");
                None
            }
            Err(_) => Some(now_ms.saturating_add(BUS_RETRY_MS)),
        };
    }

    fn written(&mut self, outcome: Outcome) {
        if let Outcome::Failed {
            fault: fault @ (Fault::Damaged { .. } | Fault::Changed { .. }),
            ..
        } = &outcome
        {
            // Only a start can go on from what is there now: the modem's counter
            // is read again, and counted from what that database knows.
            error!(message_id = ids::STOPPED, "{fault}; ending, to be started again");
            self.stopped = Some(Exit::TempFail);
        }
        self.inputs.push_back(input_of(outcome));
    }

    fn heard(&mut self, message: Message) {
        let events = self.sources.heard(clock::boot_ms(), message);
        self.try_events(events);
    }

    fn asked(&mut self, request: Request) {
        let now = clock::now();
        match request {
            Request::Usage { tier, from, to, reply } => {
                let Some(sim) = self.engine.sim_in_use() else {
                    let _ = reply.send(Ok(Vec::new()));
                    return;
                };
                let unsaved = self.engine.unsaved_usage(tier, sim, from, to);
                let stored = self.store.usage(sim, tier, from, to);
                tokio::spawn(async move {
                    let answer = stored.await.map(|stored| merge_usage(stored, unsaved));
                    let _ = reply.send(answer.map_err(unavailable));
                });
            }
            Request::Events { after_id, limit, reply } => {
                let unsaved = self.engine.unsaved_events(after_id);
                let stored = self.store.events(after_id, limit);
                tokio::spawn(async move {
                    let answer = stored.await.map(|stored| merge_events(stored, unsaved, limit));
                    let _ = reply.send(answer.map_err(unavailable));
                });
            }
            Request::Watch { caller, accuracy_bytes, period_s, reply } => {
                let begun = self.engine.watch(now, &caller, accuracy_bytes, period_s);
                if let (Ok(id), Err(_)) = (begun, reply.send(begun.map_err(dbus::Error::from))) {
                    let _ = self.engine.unwatch(&caller, id);
                }
            }
            Request::Unwatch { caller, id, reply } => {
                let _ = reply.send(self.engine.unwatch(&caller, id).map_err(dbus::Error::from));
            }
            Request::Wish { wish, reply } => {
                let ticket = self.engine.wish(now, wish);
                self.wishes.insert(ticket, reply);
            }
            Request::BackendInfo { reply } => {
                let (traffic, certificate) = self.backend.cost();
                let view = self.engine.backend_view(now);
                let _ = reply.send(Ok(BackendInfo { view, traffic, certificate }));
            }
            Request::Entries { after_id, limit, reply } => {
                let Some(sim) = self.engine.sim_in_use() else {
                    let _ = reply.send(Ok(Vec::new()));
                    return;
                };
                let stored = self.store.entries(sim, after_id, limit);
                tokio::spawn(async move {
                    let _ = reply.send(stored.await.map_err(unavailable));
                });
            }
            Request::Trace { caller, seconds, reply } => {
                let traced = self.tracers.any();
                let answer = if self.tracers.set(caller, seconds, now.boot_ms) {
                    Ok(())
                } else {
                    Err(dbus::Error::Busy("too many callers trace already".to_owned()))
                };
                let _ = reply.send(answer);
                self.traced(traced);
            }
            Request::CallerGone(caller) => {
                let traced = self.tracers.any();
                self.tracers.remove(&caller);
                self.traced(traced);
                self.inputs.push_back(Input::CallerGone(caller));
            }
        }
    }

    /// Tells the port and the journal when the first tracer came or the last left.
    fn traced(&mut self, before: bool) {
        match (before, self.tracers.any()) {
            (false, true) => {
                self.sources.trace(true);
                info!(message_id = ids::TRACE_ON, "the modem's lines are traced");
            }
            (true, false) => {
                self.sources.trace(false);
                info!(message_id = ids::TRACE_OFF, "the trace is over");
            }
            (true, true) | (false, false) => {}
        }
    }

    fn reload(&mut self) {
        self.tell(&[State::Reloading]);
        let (file, named) = self.args.config_file();
        let loaded = config::load(file, named);
        super::say_findings(&loaded);
        if loaded.is_ok() {
            self.take_over(loaded.config);
        } else {
            error!(
                message_id = ids::CONFIG_REJECTED,
                "{}; the configuration from before still holds",
                loaded.verdict(file)
            );
        }
        self.tell(&[State::Ready]);
    }

    fn take_over(&mut self, new: Config) {
        let differences = config::differences(&self.config, &new);
        let later: Vec<_> = differences.iter().filter(|d| d.needs_restart).map(|d| d.key).collect();
        let now: Vec<_> = differences.iter().filter(|d| !d.needs_restart).map(|d| d.key).collect();
        info!(
            message_id = ids::CONFIG_RELOADED,
            "the configuration was read again: {}{}",
            if now.is_empty() { "nothing new".to_owned() } else { now.join(", ") },
            if later.is_empty() {
                String::new()
            } else {
                format!("; only after a restart: {}", later.join(", "))
            }
        );
        self.log.set_level(new.log.level);
        self.inputs.push_back(Input::Configure(Box::new(settings(&new))));
        if sources::differ(&self.config.modem, &new.modem) {
            // The old ones end first, since they may hold the same port; with
            // their channel, so that a thread that waits to speak can end.
            let (messages_in, messages) = mpsc::channel(sources::MESSAGES_MAX);
            self.messages = messages;
            let on_bus = self.bus.subscribe();
            self.sources = Sources::new(&new, &self.boot_id, on_bus, messages_in);
            self.sources.trace(self.tracers.any());
            self.inputs.push_back(Input::SourcesGone);
            let begun = self.sources.start(clock::boot_ms());
            self.try_events(begun);
        }
        if self.config.backend != new.backend || self.config.terminal != new.terminal {
            match Backend::new(&new) {
                Ok(backend) => self.backend = backend,
                Err(error) => error!("the backend from before is still asked: {error}"),
            }
        }
        self.config = new;
    }

    /// Fed only from here, where the engine has just worked: one that is stuck
    /// starves it.
    fn feed_watchdog(&mut self, now_ms: BootMs) {
        let Some(interval_ms) = self.watchdog_ms else { return };
        if now_ms >= self.watchdog_due_ms {
            self.tell(&[State::Watchdog]);
            self.watchdog_due_ms = now_ms.saturating_add(interval_ms);
        }
    }

    fn tell(&self, states: &[State<'_>]) {
        if let Err(error) = self.notifier.send(states) {
            warn!("systemd cannot be told anything: {error}");
        }
    }
}

/// A daemon that meters nothing must not look healthy.
fn say_started(metered: bool, said: &str) {
    if metered {
        info!(message_id = ids::STARTED, "{said}");
    } else {
        error!(message_id = ids::STARTED, "{said}");
    }
}

/// What the engine is to know of the store that was opened.
fn found(mode: &Mode, replaced: Option<&Path>) -> Input {
    let (state, detail) = match mode {
        Mode::Disk => ("ok", String::new()),
        Mode::ReadOnly { reason } => ("retrying", reason.to_string()),
        Mode::Memory { reason } => ("memory", reason.to_string()),
    };
    Input::Store { state, detail, replaced: replaced.map(|path| path.display().to_string()) }
}

fn input_of(outcome: Outcome) -> Input {
    match outcome {
        Outcome::Committed { seq, .. } => Input::Committed { seq },
        Outcome::Failed { seq, fault, .. } => {
            Input::CommitFailed { seq, detail: fault.to_string() }
        }
    }
}

fn unavailable(asked: store::Asked) -> dbus::Error {
    match asked {
        store::Asked::Busy => dbus::Error::Busy(asked.to_string()),
        store::Asked::Closed => dbus::Error::ShuttingDown(asked.to_string()),
        store::Asked::Fault(fault) => dbus::Error::StoreUnavailable(fault.to_string()),
    }
}

/// What is stored, then what is not yet, as far as was asked for.
fn merge_events(
    stored: Vec<store::EventRecord>,
    unsaved: Vec<(Event, Option<String>)>,
    limit: u32,
) -> Vec<EventRecord> {
    let last = stored.last().map_or(0, |(event, _)| event.id);
    let unsaved = unsaved.into_iter().filter(|(event, _)| event.id > last);
    let text = |iccid: Iccid| iccid.as_str().to_owned();
    stored
        .into_iter()
        .map(|(event, iccid)| (event, iccid.map(text)))
        .chain(unsaved)
        .take(usize::try_from(limit).unwrap_or(usize::MAX))
        .map(|(event, iccid)| EventRecord { event, iccid })
        .collect()
}

async fn bus_lost(server: Option<&Server>) {
    match server {
        Some(server) => server.closed().await,
        None => std::future::pending().await,
    }
}
