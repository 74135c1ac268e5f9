//! Wireless data: what the sessions have moved, and whether there is one.
//!
//! A client of this service speaks for one address family (see
//! [`set_ip_family`]); IPv4 and IPv6 sessions are counted apart. Counts start at
//! zero with every session.

use super::error::{AnswerError, Refusal, WireError};
use super::message::{Message, Request, Service};
use super::tlv::Reader;

/// What is to be reported unasked; the same id as the report.
pub const EVENT_REPORT: u16 = 0x0001;
/// Whether there is a session; the same id as the indication.
pub const PACKET_SERVICE_STATUS: u16 = 0x0022;
/// What the session has moved.
pub const PACKET_STATISTICS: u16 = 0x0024;
/// For which address family this client speaks.
pub const SET_IP_FAMILY: u16 = 0x004D;

/// Packets sent and received (1, 2), bytes sent and received (0x40, 0x80).
const MASK: u32 = 0xC3;

/// The types of the values; in answers and in event reports alike.
const TX_PACKETS: u8 = 0x10;
const RX_PACKETS: u8 = 0x11;
const TX_BYTES: u8 = 0x19;
const RX_BYTES: u8 = 0x1A;
/// Only in answers, beside the refusal `OutOfCall`.
const LAST_CALL_TX_BYTES: u8 = 0x1B;
const LAST_CALL_RX_BYTES: u8 = 0x1C;

/// An address family; its sessions count apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// Its name, as parts of readings bear it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::V4 => "ipv4",
            Self::V6 => "ipv6",
        }
    }
}

/// Two figures, one each way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Both {
    /// Sent by the terminal.
    pub sent: u64,
    /// Received by it.
    pub received: u64,
}

/// What a session has moved so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Bytes of IP packets; `None`: not available.
    pub bytes: Option<Both>,
    /// Packets; `None`: not available.
    pub packets: Option<Both>,
}

/// The answer to a question for what was moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Statistics {
    /// There is a session.
    InCall(Counts),
    /// There is none.
    OutOfCall {
        /// All that the last one has moved, bytes; `None`: there was none, or not
        /// available.
        last_call: Option<Both>,
    },
}

/// Whether there is a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connection {
    /// There is none.
    Disconnected,
    /// There is one.
    Connected,
    /// There is one, which carries nothing now.
    Suspended,
    /// One is being made.
    Authenticating,
}

/// An indication of a session's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServiceStatus {
    /// The state.
    pub connection: Connection,
    /// Of which family; `None`: the client's.
    pub family: Option<Family>,
}

/// Asks what the session has moved.
#[must_use]
pub fn packet_statistics() -> Request {
    Request::new(Service::WDS, PACKET_STATISTICS).with(0x01, MASK.to_le_bytes())
}

/// Asks to be told what the session has moved, every so many seconds while
/// something moves; 0: not any more.
#[must_use]
pub fn event_report(period_s: u8) -> Request {
    let mut value = vec![period_s];
    value.extend(MASK.to_le_bytes());
    Request::new(Service::WDS, EVENT_REPORT).with(0x11, value)
}

/// Asks whether there is a session. A client that has asked is also told.
#[must_use]
pub fn packet_service_status() -> Request {
    Request::new(Service::WDS, PACKET_SERVICE_STATUS)
}

/// Lets the client speak for this family.
#[must_use]
pub fn set_ip_family(family: Family) -> Request {
    let preference = match family {
        Family::V4 => 4,
        Family::V6 => 6,
    };
    Request::new(Service::WDS, SET_IP_FAMILY).with(0x01, [preference])
}

/// What was moved.
///
/// # Errors
/// [`AnswerError`]; `OutOfCall` is none.
pub fn read_packet_statistics(answer: &Message) -> Result<Statistics, AnswerError> {
    match answer.result() {
        Ok(()) => read_counts(answer).map(Statistics::InCall),
        Err(AnswerError::Refused(Refusal::OUT_OF_CALL)) => {
            let last_call = pair(answer, LAST_CALL_RX_BYTES, LAST_CALL_TX_BYTES, wide)?;
            Ok(Statistics::OutOfCall { last_call })
        }
        Err(error) => Err(error),
    }
}

/// What was moved, of an answer or of an event report.
///
/// # Errors
/// [`AnswerError::Value`].
pub fn read_counts(message: &Message) -> Result<Counts, AnswerError> {
    Ok(Counts {
        bytes: pair(message, RX_BYTES, TX_BYTES, wide)?,
        packets: pair(message, RX_PACKETS, TX_PACKETS, narrow)?,
    })
}

/// Whether there is a session, from an answer.
///
/// # Errors
/// [`AnswerError`].
pub fn read_packet_service_status(answer: &Message) -> Result<Connection, AnswerError> {
    answer.result()?;
    answer.value(0x01, |reader| connection(reader.u8()?))
}

/// The state of a session, from an indication: there its value has a second byte
/// (whether the interface must be configured anew).
///
/// # Errors
/// [`AnswerError`].
pub fn read_service_status(indication: &Message) -> Result<ServiceStatus, AnswerError> {
    let connection = indication.value(0x01, |reader| {
        let state = connection(reader.u8()?)?;
        let _reconfigure = reader.rest();
        Ok(state)
    })?;
    let family = indication.value_if_any(0x12, |reader| {
        Ok(match reader.u8()? {
            4 => Some(Family::V4),
            6 => Some(Family::V6),
            _ => None,
        })
    })?;
    Ok(ServiceStatus { connection, family: family.flatten() })
}

fn connection(byte: u8) -> Result<Connection, WireError> {
    match byte {
        1 => Ok(Connection::Disconnected),
        2 => Ok(Connection::Connected),
        3 => Ok(Connection::Suspended),
        4 => Ok(Connection::Authenticating),
        value => Err(WireError::Header { what: "state of the session", value }),
    }
}

/// Both directions, or nothing: one alone is no figure.
fn pair(
    message: &Message,
    rx: u8,
    tx: u8,
    read: fn(&mut Reader<'_>) -> Result<Option<u64>, WireError>,
) -> Result<Option<Both>, AnswerError> {
    let one = |kind| Ok(message.value_if_any(kind, read)?.flatten());
    let (received, sent): (Option<u64>, Option<u64>) = (one(rx)?, one(tx)?);
    Ok(received.zip(sent).map(|(received, sent)| Both { sent, received }))
}

/// Every bit set means that the modem does not know.
fn narrow(reader: &mut Reader<'_>) -> Result<Option<u64>, WireError> {
    let figure = reader.u32()?;
    Ok((figure != u32::MAX).then_some(u64::from(figure)))
}

fn wide(reader: &mut Reader<'_>) -> Result<Option<u64>, WireError> {
    let figure = reader.u64()?;
    Ok((figure != u64::MAX).then_some(figure))
}
