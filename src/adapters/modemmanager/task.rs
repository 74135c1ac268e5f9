//! The task: hears, asks, and passes on what the observer makes of it.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::{Notify, mpsc, watch};
use zbus::Connection;
use zbus::message::{Message, Sequence};

use super::calls::{self, Calls, Refusal};
use super::signals::{BUS, Signals};
use super::values::{self, BEARER, MODEM, MODEM_3GPP, Properties, SIM};
use crate::adapters::clock;
use crate::adapters::netdev;
use crate::adapters::port::FromPort;
use crate::domain::report::FaultKind;
use crate::modem::modemmanager::facts::{Bearer, Modem, Sim, Witness, number};
use crate::modem::modemmanager::{Observer, Selector, Timing};

/// Properties of a modem that change who it is, whether it works, and what there
/// is to look at. The others (signal quality) change often and mean nothing here.
const TELLING: [&str; 6] = ["State", "Sim", "Bearers", "EquipmentIdentifier", "Model", "Revision"];

const NOT_RUNNING: &str = "ModemManager is not on the bus; is it installed and running \
                           (systemctl status ModemManager)?";

pub(super) struct Task<M, F> {
    bus: watch::Receiver<Option<Connection>>,
    boot_id: String,
    read: Arc<Notify>,
    messages: mpsc::Sender<M>,
    message: F,
    observer: Observer,
    /// Where each bearer was when it was last asked for: what was said before
    /// that is known.
    known_at: HashMap<String, Sequence>,
}

/// What one look brought.
type Look = (Modem, Option<Sim>, Vec<(u32, Bearer, Sequence)>);

impl<M, F: Fn(FromPort) -> M> Task<M, F> {
    pub(super) fn new(
        bus: watch::Receiver<Option<Connection>>,
        selector: Selector,
        boot_id: &str,
        read: Arc<Notify>,
        messages: mpsc::Sender<M>,
        message: F,
    ) -> Self {
        let observer = Observer::new(selector, boot_id.to_owned());
        let known_at = HashMap::new();
        Self { bus, boot_id: boot_id.to_owned(), read, messages, message, observer, known_at }
    }

    /// Ends with the daemon.
    pub(super) async fn run(mut self) {
        loop {
            let connection = self.bus.borrow_and_update().clone();
            let heard = match &connection {
                Some(connection) => self.attend(connection).await,
                None => true,
            };
            self.pass_on().await;
            let read = Arc::clone(&self.read);
            let bus = tokio::select! {
                bus = self.bus.changed() => bus,
                // A bus that refused may have changed its mind.
                () = read.notified(), if !heard => Ok(()),
            };
            if bus.is_err() {
                return;
            }
        }
    }

    /// Until the connection is gone, or replaced. False when it lets nothing be heard.
    async fn attend(&mut self, connection: &Connection) -> bool {
        let mut signals = match Signals::of(connection).await {
            Ok(signals) => signals,
            Err(error) => {
                let detail = format!("the bus does not let ModemManager be heard: {error}");
                self.observer.failed(FaultKind::Denied, detail);
                return false;
            }
        };
        self.look(connection, &mut signals, Timing::SeenLate).await;
        self.pass_on().await;
        let (read, mut bus) = (Arc::clone(&self.read), self.bus.clone());
        loop {
            tokio::select! {
                signal = signals.next() => match signal {
                    Some(signal) => self.heard(connection, &mut signals, &signal).await,
                    None => break,
                },
                () = read.notified() => self.asked(connection, &mut signals).await,
                _ = bus.changed() => break,
            }
            self.pass_on().await;
        }
        let witness = self.witness(None);
        let detail = "the bus is gone, and ModemManager with it".to_owned();
        self.observer.lost(&witness, FaultKind::Vanished, detail);
        true
    }

    async fn asked(&mut self, connection: &Connection, signals: &mut Signals) {
        if self.observer.asked(clock::boot_ms()) {
            self.look(connection, signals, Timing::SeenLate).await;
            self.observer.answer();
        }
        self.ask_time(connection, signals).await;
    }

    async fn heard(&mut self, connection: &Connection, signals: &mut Signals, signal: &Message) {
        let header = signal.header();
        let member = header.member().map(|member| member.as_str()).unwrap_or_default();
        let path = header.path().map(|path| path.as_str()).unwrap_or_default();
        // A rule for a well-known name lets through what anybody sends to us alone.
        let sender = header.sender().map(|name| name.as_str());
        let by_rights =
            if member == "NameOwnerChanged" { Some(BUS) } else { self.observer.owner() };
        if sender != by_rights {
            return;
        }
        match member {
            "NameOwnerChanged" => {
                // Whoever owned it, its objects are gone.
                let witness = self.witness(None);
                self.observer.lost(&witness, FaultKind::Missing, NOT_RUNNING.to_owned());
                self.look(connection, signals, Timing::SeenNow).await;
            }
            "InterfacesAdded" | "InterfacesRemoved" => {
                self.look(connection, signals, Timing::SeenNow).await
            }
            "NetworkTimeChanged" if self.is_metered(path) => {
                let text: Option<String> = signal.body().deserialize().ok();
                self.observer.time(clock::boot_ms(), text.as_deref());
            }
            "PropertiesChanged" => {
                let body = signal.body();
                let Ok((of, changed, _)) = body.deserialize::<(&str, Properties, Vec<&str>)>()
                else {
                    return;
                };
                let at = signal.recv_position();
                self.changed(connection, signals, (path, of, at), &changed).await;
            }
            _ => {}
        }
    }

    async fn changed(
        &mut self,
        connection: &Connection,
        signals: &mut Signals,
        (path, of, at): (&str, &str, Sequence),
        changed: &Properties,
    ) {
        match of {
            BEARER if self.known_at.get(path).is_none_or(|known| *known < at) => {
                let change = values::bearer_change(changed);
                let witness = self.witness(change.interface.as_deref());
                self.observer.bearer_changed(clock::boot_ms(), path, &change, &witness);
            }
            MODEM
                if self.observer.modem().is_none_or(|modem| modem.path == path)
                    && TELLING.iter().any(|key| changed.contains_key(*key)) =>
            {
                self.look(connection, signals, Timing::SeenNow).await;
            }
            MODEM_3GPP if self.is_metered(path) => {
                self.observer.registered(values::registration(changed));
            }
            SIM if self.observer.modem().is_some_and(|modem| modem.sim == path) => {
                self.look(connection, signals, Timing::SeenNow).await;
            }
            _ => {}
        }
    }

    fn is_metered(&self, path: &str) -> bool {
        self.observer.modem().is_some_and(|modem| modem.path == path)
    }

    /// Looks at everything anew.
    async fn look(&mut self, connection: &Connection, signals: &mut Signals, timing: Timing) {
        let looked = signals.during(self.see(connection)).await;
        match looked {
            Ok(Some((modem, sim, bearers))) => {
                let paths = modem.bearers.iter();
                self.known_at = paths
                    .filter_map(|path| {
                        let of = number(path)?;
                        let (_, _, at) = bearers.iter().find(|(there, _, _)| *there == of)?;
                        Some((path.clone(), *at))
                    })
                    .collect();
                let mut witness = self.witness(None);
                for (_, bearer, _) in &bearers {
                    witness.extend(self.witness(Some(&bearer.interface)));
                }
                let bearers = bearers.into_iter().map(|(number, bearer, _)| (number, bearer));
                let now_ms = clock::boot_ms();
                let known = (&witness, timing);
                self.observer.looked(now_ms, modem, sim.as_ref(), bearers.collect(), known);
                self.ask_time(connection, signals).await;
            }
            Ok(None) => {}
            Err(Refusal::Gone | Refusal::NoObject) => {
                let witness = self.witness(None);
                self.observer.lost(&witness, FaultKind::Missing, NOT_RUNNING.to_owned());
            }
            Err(Refusal::Fault(kind, detail)) => self.observer.failed(kind, detail),
        }
    }

    async fn see(&mut self, connection: &Connection) -> Result<Option<Look>, Refusal> {
        let owner = calls::owner(connection).await?.ok_or(Refusal::Gone)?;
        let place = format!("{} {}", self.boot_id, connection.server_guid());
        self.observer.runs(&place, &owner);
        let calls = Calls { connection, owner: &owner };
        let modems = calls.modems().await?;
        let witness = self.witness(None);
        let Some(modem) = self.observer.choose(modems, &witness) else { return Ok(None) };
        let sim = calls.sim(&modem).await?;
        let bearers = calls.bearers(&modem).await?;
        Ok(Some((modem, sim, bearers)))
    }

    async fn ask_time(&mut self, connection: &Connection, signals: &mut Signals) {
        if !self.observer.time_due(clock::boot_ms()) {
            return;
        }
        let Some(modem) = self.observer.modem() else { return };
        let Some(owner) = self.observer.owner() else { return };
        let calls = Calls { connection, owner };
        let text = signals.during(calls.network_time(&modem.path)).await;
        self.observer.time(clock::boot_ms(), text.as_deref());
    }

    /// The kernel's counters, read now, of the connected bearers' interfaces and of
    /// one more.
    fn witness(&self, more: Option<&str>) -> Witness {
        let names = self.observer.interfaces().into_iter().chain(more.map(str::to_owned));
        names.filter_map(|name| netdev::witness(&name).map(|counter| (name, counter))).collect()
    }

    async fn pass_on(&mut self) {
        while let Some((epoch, report)) = self.observer.poll_report() {
            // The receiver is gone only when the daemon ends.
            let _ = self.messages.send((self.message)(FromPort::Report { epoch, report })).await;
        }
    }
}
