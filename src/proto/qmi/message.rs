//! A message: the header of its frame, the header of its service, its values.
//!
//! ```text
//! 01 | u16 length, without the 01 | u8 flags: 00 host, 80 modem | u8 service | u8 client
//! control:  u8 flags: 1 response, 2 indication | u8  transaction | u16 message | u16 length | TLV…
//! others:   u8 flags: 2 response, 4 indication | u16 transaction | u16 message | u16 length | TLV…
//! TLV:      u8 type | u16 length | value
//! ```

use std::fmt;

use super::error::{AnswerError, Refusal, WireError};
use super::tlv::{Reader, Tlv};

/// The first byte of every frame.
pub(super) const MARKER: u8 = 0x01;
/// Bytes of a frame's header, marker included.
pub(super) const HEADER_BYTES: usize = 6;
/// The result of every response.
const RESULT: u8 = 0x02;

/// A service of the modem.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Service(pub u8);

impl Service {
    /// Control: clients and versions.
    pub const CTL: Self = Self(0x00);
    /// Wireless data.
    pub const WDS: Self = Self(0x01);
    /// The device.
    pub const DMS: Self = Self(0x02);
    /// The network.
    pub const NAS: Self = Self(0x03);
    /// The SIM.
    pub const UIM: Self = Self(0x0B);

    /// Its short name, for people.
    #[must_use]
    pub fn name(self) -> String {
        match self {
            Self::CTL => "CTL".to_owned(),
            Self::WDS => "WDS".to_owned(),
            Self::DMS => "DMS".to_owned(),
            Self::NAS => "NAS".to_owned(),
            Self::UIM => "UIM".to_owned(),
            Self(other) => format!("service {other:#04x}"),
        }
    }
}

/// Who sent a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sender {
    /// This side.
    Host,
    /// The modem.
    Modem,
}

impl Sender {
    /// Its mark in a frame's header.
    pub(super) fn mark(self) -> u8 {
        match self {
            Self::Host => 0x00,
            Self::Modem => 0x80,
        }
    }
}

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A question.
    Request,
    /// Its answer.
    Response,
    /// Said unasked.
    Indication,
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Message {
    /// Who sent it.
    pub sender: Sender,
    /// The service.
    pub service: Service,
    /// The client of the service; 255: all of them.
    pub client: u8,
    /// What it is.
    pub kind: Kind,
    /// Ties an answer to its question; 0 to 255 for the control service.
    pub transaction: u16,
    /// Which message of the service.
    pub id: u16,
    /// Its values.
    pub tlvs: Vec<Tlv>,
}

/// What is asked, before it has a client and a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Of which service.
    pub service: Service,
    /// Which message.
    pub id: u16,
    /// Its values.
    pub tlvs: Vec<Tlv>,
}

impl Request {
    /// A request without values.
    #[must_use]
    pub fn new(service: Service, id: u16) -> Self {
        Self { service, id, tlvs: Vec::new() }
    }

    /// The same with one value more.
    #[must_use]
    pub fn with(mut self, kind: u8, value: impl Into<Vec<u8>>) -> Self {
        self.tlvs.push(Tlv::new(kind, value));
        self
    }

    /// The message from that client.
    #[must_use]
    pub fn from_client(self, client: u8, transaction: u16) -> Message {
        let Self { service, id, tlvs } = self;
        let (sender, kind) = (Sender::Host, Kind::Request);
        Message { sender, service, client, kind, transaction, id, tlvs }
    }
}

impl Message {
    /// Reads one whole frame.
    ///
    /// # Errors
    /// [`WireError`], when it is none.
    pub fn decode(frame: &[u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new(frame);
        let marker = reader.u8()?;
        if marker != MARKER {
            return Err(WireError::Header { what: "marker", value: marker });
        }
        let said = usize::from(reader.u16()?) + 1;
        if said != frame.len() {
            return Err(WireError::Length { what: "a frame", said, there: frame.len() });
        }
        let sender = match reader.u8()? {
            host if host == Sender::Host.mark() => Sender::Host,
            modem if modem == Sender::Modem.mark() => Sender::Modem,
            value => return Err(WireError::Header { what: "sender", value }),
        };
        let service = Service(reader.u8()?);
        let client = reader.u8()?;
        let flags = reader.u8()?;
        let kind = Flags::of(service)
            .kind(flags)
            .ok_or(WireError::Header { what: "kind of message", value: flags })?;
        let transaction =
            if service == Service::CTL { u16::from(reader.u8()?) } else { reader.u16()? };
        let id = reader.u16()?;
        let said = usize::from(reader.u16()?);
        let values = reader.rest();
        if said != values.len() {
            return Err(WireError::Length { what: "values", said, there: values.len() });
        }
        let mut values = Reader::new(values);
        let mut tlvs = Vec::new();
        while !values.is_empty() {
            let kind = values.u8()?;
            let length = usize::from(values.u16()?);
            tlvs.push(Tlv::new(kind, values.bytes(length)?));
        }
        Ok(Self { sender, service, client, kind, transaction, id, tlvs })
    }

    /// Writes the frame.
    ///
    /// # Errors
    /// [`WireError::TooLong`] for values that no frame holds, and
    /// [`WireError::Length`] for a transaction of the control service above 255.
    pub fn encode(&self) -> Result<Vec<u8>, WireError> {
        let mut values = Vec::new();
        for tlv in &self.tlvs {
            values.push(tlv.kind);
            values.extend(length(tlv.value.len())?);
            values.extend(&tlv.value);
        }
        let mut frame = vec![MARKER, 0, 0, self.sender.mark()];
        frame.extend([self.service.0, self.client, Flags::of(self.service).byte(self.kind)]);
        if self.service == Service::CTL {
            let transaction = u8::try_from(self.transaction).map_err(|_| WireError::Length {
                what: "a control transaction",
                said: 2,
                there: 1,
            })?;
            frame.push(transaction);
        } else {
            frame.extend(self.transaction.to_le_bytes());
        }
        frame.extend(self.id.to_le_bytes());
        frame.extend(length(values.len())?);
        frame.extend(values);
        let whole = length(frame.len() - 1)?;
        if let Some(place) = frame.get_mut(1..3) {
            place.copy_from_slice(&whole);
        }
        Ok(frame)
    }

    /// Its first value of that type.
    #[must_use]
    pub fn tlv(&self, kind: u8) -> Option<&Tlv> {
        self.tlvs.iter().find(|tlv| tlv.kind == kind)
    }

    /// Whether the modem did what was asked.
    ///
    /// # Errors
    /// The refusal, or that the result is missing or broken.
    pub fn result(&self) -> Result<(), AnswerError> {
        let (status, error) = self.value(RESULT, |reader| Ok((reader.u16()?, reader.u16()?)))?;
        if status == 0 { Ok(()) } else { Err(AnswerError::Refused(Refusal(error))) }
    }

    /// A value that must be there.
    ///
    /// # Errors
    /// [`AnswerError::Missing`], or [`AnswerError::Value`] when it cannot be read.
    pub fn value<'a, T>(
        &'a self,
        kind: u8,
        read: impl FnOnce(&mut Reader<'a>) -> Result<T, WireError>,
    ) -> Result<T, AnswerError> {
        self.value_if_any(kind, read)?.ok_or(AnswerError::Missing(kind))
    }

    /// A value that may be missing.
    ///
    /// # Errors
    /// [`AnswerError::Value`] when it is there and cannot be read.
    pub fn value_if_any<'a, T>(
        &'a self,
        kind: u8,
        read: impl FnOnce(&mut Reader<'a>) -> Result<T, WireError>,
    ) -> Result<Option<T>, AnswerError> {
        let Some(tlv) = self.tlv(kind) else { return Ok(None) };
        tlv.whole(read).map(Some).map_err(|error| AnswerError::Value { tlv: kind, error })
    }

    /// A text that may be missing.
    #[must_use]
    pub fn text(&self, kind: u8) -> Option<String> {
        self.tlv(kind).and_then(Tlv::text)
    }
}

impl fmt::Display for Message {
    /// `WDS 0x0024 response, client 1, transaction 2: [02:00000000]`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { service, client, transaction, id, tlvs, .. } = self;
        let kind = match self.kind {
            Kind::Request => "request",
            Kind::Response => "response",
            Kind::Indication => "indication",
        };
        let service = service.name();
        write!(
            f,
            "{service} {id:#06x} {kind}, client {client}, transaction {transaction}: {tlvs:?}"
        )
    }
}

/// The flags of a service's messages.
struct Flags {
    response: u8,
    indication: u8,
}

impl Flags {
    fn of(service: Service) -> Self {
        if service == Service::CTL {
            Self { response: 1, indication: 2 }
        } else {
            Self { response: 2, indication: 4 }
        }
    }

    fn kind(&self, flags: u8) -> Option<Kind> {
        match flags {
            0 => Some(Kind::Request),
            set if set == self.response => Some(Kind::Response),
            set if set == self.indication => Some(Kind::Indication),
            _ => None,
        }
    }

    fn byte(&self, kind: Kind) -> u8 {
        match kind {
            Kind::Request => 0,
            Kind::Response => self.response,
            Kind::Indication => self.indication,
        }
    }
}

fn length(bytes: usize) -> Result<[u8; 2], WireError> {
    u16::try_from(bytes).map(u16::to_le_bytes).map_err(|_| WireError::TooLong(bytes))
}
