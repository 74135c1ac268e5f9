//! Owns the simulated QMI modem itself: bytes in, bytes out, faults on the way. No I/O, no clock.

use std::collections::BTreeMap;

use crate::accounting::Bytes;
use crate::modem::Card;
use crate::qmi::answers::{self, Reply};
use crate::qmi::clients::{Client, Clients, Port};
use crate::qmi::family::{Family, PerFamily};
use crate::qmi::faults::{Fault, Faults, Silence};
use crate::qmi::frame::{Broken, CTL, Frame, FrameReader, Kind, Tlvs, WDS};
use crate::qmi::identity::QmiIdentity;
use crate::qmi::ledger::{Booking, Ledger, Told};
use crate::qmi::outbox::{Outbox, Outgoing};
use crate::qmi::session::Session;
use crate::qmi::time::Clock;
use crate::qmi::wire;
use crate::rng::Rng;

/// A modem that speaks QMI. All of it follows from what it is told, and from its seed.
///
/// At the start it is on, with a card and an IPv4 session at zero; its own port is plugged in.
pub struct QmiModem {
    pub(crate) identity: QmiIdentity,
    pub(crate) rng: Rng,
    pub(crate) ledger: Ledger,
    pub(crate) sessions: PerFamily<Session>,
    /// Sessions that come back with the card or the power.
    pub(crate) returning: PerFamily<bool>,
    pub(crate) card: Option<Card>,
    pub(crate) card_out: Option<Card>,
    pub(crate) powered: bool,
    pub(crate) clients: Clients,
    pub(crate) ports: BTreeMap<Port, FrameReader>,
    pub(crate) outbox: Outbox,
    pub(crate) faults: Faults,
    pub(crate) clock: Clock,
    pub(crate) now_ms: u64,
    pub(crate) syncs_received: u64,
    indications: u16,
}

impl QmiModem {
    /// A modem that is on.
    pub fn new(identity: QmiIdentity) -> QmiModem {
        let card = Card { iccid: identity.iccid.clone(), imsi: identity.imsi.clone() };
        let mut ledger = Ledger::default();
        ledger.insert_sim(&card.iccid, &card.imsi);
        QmiModem {
            rng: Rng::new(identity.seed),
            identity,
            ledger,
            sessions: PerFamily { v4: Session::up_at(Bytes::default()), v6: Session::default() },
            returning: PerFamily::default(),
            card: Some(card),
            card_out: None,
            powered: true,
            clients: Clients::default(),
            ports: BTreeMap::from([(Port::DEVICE, FrameReader::default())]),
            outbox: Outbox::default(),
            faults: Faults::default(),
            clock: Clock::default(),
            now_ms: 0,
            syncs_received: 0,
            indications: 0,
        }
    }

    /// Takes bytes from the host, in any pieces.
    pub fn receive(&mut self, bytes: &[u8]) {
        self.receive_from(Port::DEVICE, bytes);
    }

    /// Takes bytes that came in at this port.
    pub fn receive_from(&mut self, port: Port, bytes: &[u8]) {
        if let Some(reader) = self.ports.get_mut(&port) {
            reader.push(bytes);
        }
        while let Some(raw) = self.ports.get_mut(&port).and_then(FrameReader::next_frame) {
            match Frame::decode(&raw) {
                Ok(frame) if frame.kind == Kind::Request => self.request(port, &frame, true),
                Err(Broken(Some(frame))) if frame.kind == Kind::Request => {
                    self.request(port, &frame, false);
                }
                Ok(_) | Err(Broken(_)) => {}
            }
        }
    }

    /// The next piece of what the modem has to say at its own port.
    pub fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        loop {
            let (port, bytes) = self.poll_transmit_to()?;
            if port == Port::DEVICE {
                return Some(bytes);
            }
        }
    }

    /// The next piece of what the modem has to say, and at which port.
    pub fn poll_transmit_to(&mut self) -> Option<(Port, Vec<u8>)> {
        let piece = self.outbox.pop(&mut self.rng)?;
        piece.bookings.into_iter().for_each(|booking| self.ledger.book(booking));
        Some((piece.port, piece.bytes))
    }

    /// Lets time pass, up to so many milliseconds since the start.
    pub fn tick(&mut self, now_ms: u64) {
        self.now_ms = self.now_ms.max(now_ms);
        self.outbox.release(self.now_ms);
        answers::report_statistics(self);
    }

    /// When the next thing is due, in milliseconds since the start.
    pub fn next_ms(&self) -> Option<u64> {
        let reports = self.clients.iter().filter_map(|client| Some(client.report?.due_ms));
        reports.chain(self.outbox.deadline_ms()).min()
    }

    /// Somebody is at this port from now on.
    pub fn plug(&mut self, port: Port) {
        self.ports.insert(port, FrameReader::default());
    }

    /// Nobody is at this port any more: what is said there is lost. Its clients stay allocated.
    pub fn unplug(&mut self, port: Port) {
        self.ports.remove(&port);
        self.outbox.forget(port);
    }

    fn request(&mut self, port: Port, frame: &Frame, whole: bool) {
        if !self.powered {
            return;
        }
        let statistics = (frame.service, frame.message) == (WDS, wire::wds::STATISTICS);
        if self.faults.swallows() {
            if statistics {
                let client = self.clients.get(frame.service, frame.client);
                self.ledger.query(client.map_or(Family::V4, |client| client.family));
            }
            return;
        }
        let fault = self.faults.take(statistics);
        let mut reply = match fault {
            Some(Fault::Error(code)) => {
                self.note("error", format!("{code}"));
                Reply::error(code)
            }
            _ if !whole => Reply::error(wire::error::MALFORMED),
            _ => answers::answer(self, port, frame),
        };
        let mut response = Frame { kind: Kind::Response, ..frame.clone() };
        response.tlvs = reply.tlvs();
        let asked = reply.told.take();
        let booking = |told| {
            let (family, answer) = asked.clone()?;
            Some(Booking { family, answer, told })
        };
        let bookings: Vec<Booking> = match fault {
            Some(Fault::WrongTransaction) => None,
            Some(Fault::Late(_)) => booking(Told::Late),
            _ => booking(Told::Answer),
        }
        .into_iter()
        .collect();
        if fault == Some(Fault::WrongTransaction) {
            self.note("wrong-transaction", "");
            response.transaction ^= 0x55;
        }
        if self.outbox.coalesce {
            self.push_company(port);
        }
        let outgoing = Outgoing { port, bytes: response.encode(), bookings };
        match fault {
            Some(Fault::Late(ms)) => {
                self.note("late", format!("{ms} ms"));
                self.outbox.hold(self.now_ms.saturating_add(ms), outgoing);
            }
            Some(Fault::Duplicate) => {
                self.note("duplicate", "");
                let again = Outgoing { bookings: Vec::new(), ..outgoing.clone() };
                self.outbox.push(outgoing);
                self.outbox.push(again);
            }
            _ => self.outbox.push(outgoing),
        }
    }

    /// A true indication to everyone, so that an answer has something to share its piece with.
    fn push_company(&mut self, port: Port) {
        let state = self.sessions.v4.state;
        let tlvs = wire::wds::status_indication(Family::V4, state);
        self.send(port, WDS, 0xFF, wire::wds::SERVICE_STATUS, tlvs);
    }

    /// Tells every client of this service that wants it. Says whether that reached anyone.
    pub(crate) fn indicate(
        &mut self,
        service: u8,
        message: u16,
        tlvs: &Tlvs,
        wanted: impl Fn(&Client) -> bool,
    ) -> bool {
        let to: Vec<(Port, u8)> = self
            .clients
            .iter()
            .filter(|client| client.service == service && wanted(client))
            .map(|client| (client.port, client.id))
            .collect();
        to.into_iter().fold(false, |heard, (port, id)| {
            self.send(port, service, id, message, tlvs.clone()) | heard
        })
    }

    /// Sends an indication, unless nobody is there to hear it or the modem is silent.
    pub(crate) fn send(
        &mut self,
        port: Port,
        service: u8,
        client: u8,
        message: u16,
        tlvs: Tlvs,
    ) -> bool {
        let spoken =
            self.powered && self.ports.contains_key(&port) && self.faults.silence != Silence::On;
        if spoken {
            // Numbers of its own, which may well be those of requests under way.
            self.indications = if service == CTL { 0 } else { self.indications.wrapping_add(1) };
            let (kind, transaction) = (Kind::Indication, self.indications);
            let frame = Frame { service, client, kind, transaction, message, tlvs };
            self.outbox.push(Outgoing { port, bytes: frame.encode(), bookings: Vec::new() });
        }
        spoken
    }

    pub(crate) fn note(&mut self, kind: &'static str, detail: impl Into<String>) {
        self.ledger.note(kind, detail, self.now_ms);
    }
}
