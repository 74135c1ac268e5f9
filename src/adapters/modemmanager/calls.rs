//! What is asked of the bus and of ModemManager. It is called by its unique
//! name: nothing here ever starts it.

use zbus::fdo::{self, ManagedObjects};
use zbus::message::{Message, Sequence};
use zbus::{Connection, DynamicType, Error};

use super::signals::{BUS, BUS_PATH, OBJECTS, PROPERTIES};
use super::values::{self, MODEM_TIME, Properties};
use super::{NAME, ROOT};
use crate::domain::report::FaultKind;
use crate::modem::modemmanager::facts::{Bearer, Modem, Sim, number};

/// Why a call brought nothing.
#[derive(Debug)]
pub(super) enum Refusal {
    /// There is no such object (any more).
    NoObject,
    /// ModemManager has left the bus.
    Gone,
    /// It does not work; what is said of it.
    Fault(FaultKind, String),
}

/// Who owns ModemManager's name.
pub(super) async fn owner(connection: &Connection) -> Result<Option<String>, Refusal> {
    let call = connection.call_method(Some(BUS), BUS_PATH, Some(BUS), "GetNameOwner", &NAME);
    match call.await.and_then(|answer| answer.body().deserialize()) {
        Ok(owner) => Ok(Some(owner)),
        Err(error) => match refusal(&error) {
            Refusal::Gone => Ok(None),
            other @ (Refusal::NoObject | Refusal::Fault(..)) => Err(other),
        },
    }
}

/// ModemManager, as the owner of its name.
pub(super) struct Calls<'a> {
    pub(super) connection: &'a Connection,
    pub(super) owner: &'a str,
}

impl Calls<'_> {
    /// All modems.
    pub(super) async fn modems(&self) -> Result<Vec<Modem>, Refusal> {
        let answer = self.call(ROOT, OBJECTS, "GetManagedObjects", &()).await?;
        let objects: ManagedObjects =
            answer.body().deserialize().map_err(|error| refusal(&error))?;
        Ok(values::modems(&objects))
    }

    /// The modem's SIM, where it has one.
    pub(super) async fn sim(&self, modem: &Modem) -> Result<Option<Sim>, Refusal> {
        if modem.sim.len() <= 1 {
            return Ok(None);
        }
        match self.properties(&modem.sim, values::SIM).await {
            Ok((all, _)) => Ok(Some(values::sim(&all))),
            Err(Refusal::NoObject) => Ok(None),
            Err(other) => Err(other),
        }
    }

    /// The modem's bearers, each with the moment at which it was so.
    pub(super) async fn bearers(
        &self,
        modem: &Modem,
    ) -> Result<Vec<(u32, Bearer, Sequence)>, Refusal> {
        let mut bearers = Vec::new();
        for path in &modem.bearers {
            let Some(number) = number(path) else { continue };
            match self.properties(path, values::BEARER).await {
                Ok((all, at)) => bearers.push((number, values::bearer(&all), at)),
                Err(Refusal::NoObject) => {}
                Err(other) => return Err(other),
            }
        }
        Ok(bearers)
    }

    /// The network's time, where it is known.
    pub(super) async fn network_time(&self, path: &str) -> Option<String> {
        let answer = self.call(path, MODEM_TIME, "GetNetworkTime", &()).await.ok()?;
        answer.body().deserialize().ok()
    }

    async fn properties(
        &self,
        path: &str,
        of: &'static str,
    ) -> Result<(Properties, Sequence), Refusal> {
        let answer = self.call(path, PROPERTIES, "GetAll", &of).await?;
        let all = answer.body().deserialize().map_err(|error| refusal(&error))?;
        Ok((all, answer.recv_position()))
    }

    async fn call<B>(
        &self,
        path: &str,
        interface: &str,
        member: &str,
        body: &B,
    ) -> Result<Message, Refusal>
    where
        B: serde::Serialize + DynamicType,
    {
        let call =
            self.connection.call_method(Some(self.owner), path, Some(interface), member, body);
        call.await.map_err(|error| refusal(&error))
    }
}

fn refusal(error: &Error) -> Refusal {
    let fault = |kind: FaultKind, advice: &str| {
        Refusal::Fault(kind, format!("ModemManager: {error}; {advice}"))
    };
    match error {
        Error::FDO(error) => match &**error {
            fdo::Error::ServiceUnknown(_) | fdo::Error::NameHasNoOwner(_) => Refusal::Gone,
            fdo::Error::UnknownObject(_)
            | fdo::Error::UnknownMethod(_)
            | fdo::Error::UnknownInterface(_)
            | fdo::Error::InvalidArgs(_) => Refusal::NoObject,
            fdo::Error::AccessDenied(_) | fdo::Error::AuthFailed(_) => {
                fault(FaultKind::Denied, "does the bus let posdatad ask ModemManager?")
            }
            _ => fault(FaultKind::Silent, "does it hang (systemctl status ModemManager)?"),
        },
        Error::InputOutput(_) => {
            fault(FaultKind::Silent, "does it hang (systemctl status ModemManager)?")
        }
        _ => fault(FaultKind::Garbled, "it answers otherwise than ModemManager 1.6 to 1.24 do"),
    }
}
