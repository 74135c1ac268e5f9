//! The daemon, asked over D-Bus: every question has a time limit, every answer
//! that is a failure becomes a [`Failure`].

mod till;

pub(super) use till::Options;

use std::io;
use std::time::Duration;

use futures_util::StreamExt as _;
use zbus::fdo;
use zbus::proxy::{CacheProperties, OwnerChangedStream};

use super::args::Bus;
use super::failure::Failure;
use super::model::{Bucket, Cycle, Event, Slot, Source};
use super::proxy::{
    ADMIN, AdminProxy, BALANCE, BalanceProxy, Dict, PropertiesProxy, ReadingStream, RechargeProxy,
    TraceLineStream, USAGE, UsageProxy,
};
use super::record::Record;

/// How long the bus may take to let us in.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long the daemon may take for an answer: what is read from its store may
/// wait for a slow flash. Longer than the daemon's own limit, to hear its reason.
const CALL_TIMEOUT: Duration = Duration::from_secs(25);

/// A connection to the bus that the daemon is on.
pub(super) struct Client {
    bus: Bus,
    balance: BalanceProxy<'static>,
    usage: UsageProxy<'static>,
    admin: AdminProxy<'static>,
    recharge: RechargeProxy<'static>,
    properties: PropertiesProxy<'static>,
}

impl Client {
    /// Connects to the bus; whether the daemon is there shows with the first question.
    pub(super) async fn connect(bus: &Bus) -> Result<Self, Failure> {
        let builder = match bus {
            Bus::System => zbus::connection::Builder::system(),
            Bus::Session => zbus::connection::Builder::session(),
            Bus::Address(address) => zbus::connection::Builder::address(address.as_str()),
        };
        let connecting = builder.build();
        let connection = tokio::time::timeout(CONNECT_TIMEOUT, connecting)
            .await
            .map_err(|_| Failure::BusUnreachable {
                bus: bus.clone(),
                reason: "it does not answer".to_owned(),
            })?
            .map_err(|error| connect_failure(bus, &error))?;
        let proxies = async {
            let none = CacheProperties::No;
            Ok::<_, zbus::Error>(Self {
                bus: bus.clone(),
                balance: BalanceProxy::builder(&connection).cache_properties(none).build().await?,
                usage: UsageProxy::builder(&connection).cache_properties(none).build().await?,
                admin: AdminProxy::builder(&connection).cache_properties(none).build().await?,
                recharge: RechargeProxy::builder(&connection)
                    .cache_properties(none)
                    .build()
                    .await?,
                properties: PropertiesProxy::builder(&connection)
                    .cache_properties(none)
                    .build()
                    .await?,
            })
        };
        proxies.await.map_err(|error| Failure::Internal(error.to_string()))
    }

    /// `Balance1`'s properties.
    pub(super) async fn balance(&self) -> Result<Record, Failure> {
        self.properties(BALANCE).await
    }

    /// `Usage1`'s properties.
    pub(super) async fn usage(&self) -> Result<Record, Failure> {
        self.properties(USAGE).await
    }

    async fn properties(&self, interface: &'static str) -> Result<Record, Failure> {
        self.ask(interface, self.properties.get_all(interface)).await.map(Record::of_properties)
    }

    /// The SIM's buckets, in the order in which they are drawn down.
    pub(super) async fn buckets(&self) -> Result<Vec<Bucket>, Failure> {
        read_all(self.ask(BALANCE, self.balance.get_buckets()).await?, Bucket::read)
    }

    /// The current cycle, when one is known.
    pub(super) async fn cycle(&self) -> Result<Option<Cycle>, Failure> {
        let cycle = Record::new(self.ask(USAGE, self.usage.get_cycle()).await?);
        if cycle.is_empty() { Ok(None) } else { Cycle::read(&cycle).map(Some) }
    }

    /// The history between two instants, s since the epoch, the latter not included.
    pub(super) async fn history(
        &self,
        granularity: &str,
        from_s: u64,
        to_s: u64,
    ) -> Result<Vec<Slot>, Failure> {
        read_all(
            self.ask(USAGE, self.usage.get_usage(granularity, from_s, to_s)).await?,
            Slot::read,
        )
    }

    /// At most `limit` events after that number, oldest first.
    pub(super) async fn events(&self, after_id: u64, limit: u32) -> Result<Vec<Event>, Failure> {
        read_all(self.ask(USAGE, self.usage.get_events(after_id, limit)).await?, Event::read)
    }

    /// Every source, the metered one first.
    pub(super) async fn sources(&self) -> Result<Vec<Source>, Failure> {
        read_all(self.ask(ADMIN, self.admin.source_info()).await?, Source::read)
    }

    /// Begins a watch; the stream was there before it, so that nothing is missed.
    pub(super) async fn watch(
        &self,
        accuracy_bytes: u64,
        period_s: u32,
    ) -> Result<(u32, ReadingStream), Failure> {
        let readings = self.ask(USAGE, self.usage.receive_reading()).await?;
        let id = self.ask(USAGE, self.usage.watch(accuracy_bytes, period_s)).await?;
        Ok((id, readings))
    }

    /// Ends a watch.
    pub(super) async fn unwatch(&self, id: u32) -> Result<(), Failure> {
        self.ask(USAGE, self.usage.unwatch(id)).await
    }

    /// Begins a trace; the stream was there before it, so that nothing is missed.
    pub(super) async fn trace(&self, seconds: u32) -> Result<TraceLineStream, Failure> {
        let lines = self.ask(ADMIN, self.admin.receive_trace_line()).await?;
        self.ask(ADMIN, self.admin.trace(seconds)).await?;
        Ok(lines)
    }

    /// Ends a trace.
    pub(super) async fn untrace(&self) -> Result<(), Failure> {
        self.ask(ADMIN, self.admin.trace(0)).await
    }

    /// The daemon's coming and going, from now on: to be had before what must not
    /// outlive the daemon is begun.
    pub(super) async fn presence(&self) -> Result<Presence, Failure> {
        let owners = self.ask(USAGE, self.usage.inner().receive_owner_changed()).await?;
        Ok(Presence { owners, bus: self.bus.clone() })
    }

    /// Asks, and waits no longer than [`CALL_TIMEOUT`]; a connection's own limit
    /// does not hold for calls that must not start the daemon.
    async fn ask<T>(
        &self,
        interface: &'static str,
        question: impl Future<Output = zbus::Result<T>>,
    ) -> Result<T, Failure> {
        match tokio::time::timeout(CALL_TIMEOUT, question).await {
            Ok(answer) => answer.map_err(|error| self.failure(interface, error)),
            Err(_) => Err(Failure::TimedOut { bus: self.bus.clone(), waited: CALL_TIMEOUT }),
        }
    }

    /// What an error of a call says to the person who made it.
    fn failure(&self, interface: &'static str, error: zbus::Error) -> Failure {
        let bus = self.bus.clone();
        match error {
            zbus::Error::MethodError(name, message, _) => {
                let message = message.filter(|text| !text.is_empty());
                Failure::Refused {
                    message: message
                        .unwrap_or_else(|| "posdatad refused, without saying why".to_owned()),
                    name: name.to_string(),
                }
            }
            zbus::Error::FDO(error) => match *error {
                fdo::Error::ServiceUnknown(_) | fdo::Error::NameHasNoOwner(_) => {
                    Failure::NotRunning(bus)
                }
                fdo::Error::AccessDenied(_) => Failure::AccessDenied { interface },
                fdo::Error::NoReply(_) | fdo::Error::Disconnected(_) => Failure::Gone(bus),
                fdo::Error::Timeout(_) | fdo::Error::TimedOut(_) => {
                    Failure::TimedOut { bus, waited: CALL_TIMEOUT }
                }
                fdo::Error::ZBus(error) => self.failure(interface, error),
                other => Failure::Misunderstood(other.to_string()),
            },
            zbus::Error::InputOutput(error) => {
                Failure::BusUnreachable { bus, reason: error.to_string() }
            }
            other => Failure::Misunderstood(other.to_string()),
        }
    }
}

/// Whether the daemon that was asked is still there.
pub(super) struct Presence {
    owners: OwnerChangedStream<'static>,
    bus: Bus,
}

impl Presence {
    /// Waits until it is not.
    pub(super) async fn gone(&mut self) -> Failure {
        // When the stream itself ends, the bus is gone, and the daemon with it.
        self.owners.next().await;
        Failure::Gone(self.bus.clone())
    }
}

fn read_all<T>(
    dicts: Vec<Dict>,
    read: impl Fn(&Record) -> Result<T, Failure>,
) -> Result<Vec<T>, Failure> {
    dicts.into_iter().map(|dict| read(&Record::new(dict))).collect()
}

fn connect_failure(bus: &Bus, error: &zbus::Error) -> Failure {
    match (error, bus) {
        (zbus::Error::Address(_), Bus::Address(address)) => Failure::BadAddress(address.clone()),
        (zbus::Error::Connection(io, _) | zbus::Error::InputOutput(io), _) => {
            let reason = io.to_string();
            if io.kind() == io::ErrorKind::PermissionDenied {
                Failure::BusDenied { bus: bus.clone(), reason }
            } else {
                Failure::BusUnreachable { bus: bus.clone(), reason }
            }
        }
        (zbus::Error::Handshake(reason), _) => {
            Failure::BusDenied { bus: bus.clone(), reason: reason.clone() }
        }
        (other, _) => Failure::BusUnreachable { bus: bus.clone(), reason: other.to_string() },
    }
}
