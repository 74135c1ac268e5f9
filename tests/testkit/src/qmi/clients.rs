//! Owns the table of clients: who was given which number, and what each wants to hear.

use crate::accounting::Bytes;
use crate::qmi::family::Family;
use crate::qmi::frame::{CTL, DMS, NAS, UIM, WDS};

/// A way into the modem: its own port, or one program at the proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Port(pub u64);

impl Port {
    /// The modem's own port.
    pub const DEVICE: Port = Port(0);
}

/// Each service and its version. The last (wireless data administration) has clients, but no messages here.
pub(crate) const SERVICES: [(u8, u16, u16); 6] =
    [(CTL, 1, 5), (WDS, 1, 36), (DMS, 1, 14), (NAS, 1, 25), (UIM, 1, 22), (0x1A, 1, 13)];

/// Those that every modem has, at the front.
pub(crate) const EVERY_MODEMS: usize = 4;

/// Numbers that can be given out; 255 means all clients.
const IDS: std::ops::RangeInclusive<u8> = 1..=254;

/// A client that was allocated.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    pub(crate) service: u8,
    pub(crate) id: u8,
    pub(crate) port: Port,
    /// The family that its data messages are about.
    pub(crate) family: Family,
    pub(crate) report: Option<StatisticsReport>,
    pub(crate) wants_serving_system: bool,
    pub(crate) wants_time: bool,
}

/// Statistics that a client wants to be told again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StatisticsReport {
    pub(crate) every_ms: u64,
    pub(crate) mask: u32,
    pub(crate) due_ms: u64,
    /// The counter as it was told last.
    pub(crate) told: Bytes,
}

/// All clients.
#[derive(Clone, Debug, Default)]
pub(crate) struct Clients(Vec<Client>);

impl Clients {
    /// A new client with the lowest free number; `None` for an unknown service, or when all numbers are taken.
    pub(crate) fn allocate(&mut self, service: u8, port: Port) -> Option<u8> {
        let known = SERVICES.iter().any(|(this, ..)| *this == service && service != CTL);
        let id = IDS.clone().find(|id| self.get(service, *id).is_none()).filter(|_| known)?;
        self.0.push(Client::new(service, id, port));
        Some(id)
    }

    pub(crate) fn release(&mut self, service: u8, id: u8) -> bool {
        let before = self.0.len();
        self.0.retain(|client| (client.service, client.id) != (service, id));
        self.0.len() < before
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    pub(crate) fn get(&self, service: u8, id: u8) -> Option<&Client> {
        self.0.iter().find(|client| (client.service, client.id) == (service, id))
    }

    pub(crate) fn get_mut(&mut self, service: u8, id: u8) -> Option<&mut Client> {
        self.0.iter_mut().find(|client| (client.service, client.id) == (service, id))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Client> {
        self.0.iter()
    }

    /// A client forgets what it asked to be told.
    pub(crate) fn reset(&mut self, service: u8, id: u8) {
        if let Some(client) = self.get_mut(service, id) {
            *client = Client::new(service, id, client.port);
        }
    }
}

impl Client {
    fn new(service: u8, id: u8, port: Port) -> Client {
        Client {
            service,
            id,
            port,
            family: Family::V4,
            report: None,
            wants_serving_system: false,
            wants_time: false,
        }
    }
}
