//! The control service: which versions the modem has, client ids, the proxy.
//!
//! Sync (0x0027) is deliberately absent: it frees the clients of every program
//! that shares the modem.

use super::error::AnswerError;
use super::message::{Message, Request, Service};

/// Which services there are, in which version.
pub const VERSION_INFO: u16 = 0x0021;
/// A client id for a service.
pub const ALLOCATE_CLIENT: u16 = 0x0022;
/// Give one back.
pub const RELEASE_CLIENT: u16 = 0x0023;
/// Said by the modem when a client id has ended.
pub const REVOKE_CLIENT: u16 = 0x0024;
/// Said by the modem, or by another program's doing: every client id has ended.
pub const SYNC: u16 = 0x0027;
/// To `qmi-proxy`: open this device.
pub const PROXY_OPEN: u16 = 0xFF00;

/// A service that the modem has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServiceVersion {
    /// Which.
    pub service: Service,
    /// Major and minor.
    pub version: (u16, u16),
}

/// A client id of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Client {
    /// Of which service.
    pub service: Service,
    /// The id, 1 to 254.
    pub id: u8,
}

/// Asks for the services and their versions.
#[must_use]
pub fn version_info() -> Request {
    Request::new(Service::CTL, VERSION_INFO)
}

/// Asks for a client id.
#[must_use]
pub fn allocate_client(service: Service) -> Request {
    Request::new(Service::CTL, ALLOCATE_CLIENT).with(0x01, [service.0])
}

/// Gives a client id back.
#[must_use]
pub fn release_client(client: Client) -> Request {
    Request::new(Service::CTL, RELEASE_CLIENT).with(0x01, [client.service.0, client.id])
}

/// Asks `qmi-proxy` for the device at this path, at most 65,535 bytes of it.
#[must_use]
pub fn proxy_open(path: &[u8]) -> Request {
    Request::new(Service::CTL, PROXY_OPEN).with(0x01, path)
}

/// The services and their versions.
///
/// # Errors
/// [`AnswerError`].
pub fn read_version_info(answer: &Message) -> Result<Vec<ServiceVersion>, AnswerError> {
    answer.result()?;
    answer.value(0x01, |reader| {
        let count = reader.u8()?;
        (0..count)
            .map(|_| {
                let service = Service(reader.u8()?);
                Ok(ServiceVersion { service, version: (reader.u16()?, reader.u16()?) })
            })
            .collect()
    })
}

/// The client id that was given or taken back.
///
/// # Errors
/// [`AnswerError`].
pub fn read_client(answer: &Message) -> Result<Client, AnswerError> {
    answer.result()?;
    client(answer)
}

/// The client id that an indication is about.
///
/// # Errors
/// [`AnswerError`].
pub fn read_revoked(indication: &Message) -> Result<Client, AnswerError> {
    client(indication)
}

fn client(message: &Message) -> Result<Client, AnswerError> {
    message.value(0x01, |reader| Ok(Client { service: Service(reader.u8()?), id: reader.u8()? }))
}
