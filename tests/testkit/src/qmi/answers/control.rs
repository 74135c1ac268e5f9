//! Owns the answers of the control service: versions, clients, sync.

use super::{Reply, value};
use crate::qmi::clients::{EVERY_MODEMS, Port, SERVICES};
use crate::qmi::frame::Frame;
use crate::qmi::modem::QmiModem;
use crate::qmi::wire::{ctl, error};

pub(super) fn answer(modem: &mut QmiModem, port: Port, request: &Frame) -> Reply {
    let replied = match request.message {
        ctl::VERSIONS => Ok(versions(services(modem))),
        ctl::ALLOCATE => value(request, 0x01).map(|[service]| allocate(modem, service, port)),
        ctl::RELEASE => value(request, 0x01).map(|[service, id]| {
            if modem.clients.release(service, id) {
                Reply::done().with(0x01, [service, id])
            } else {
                Reply::error(error::UNKNOWN_CLIENT)
            }
        }),
        ctl::SET_INSTANCE => Ok(Reply::done().with(0x01, [0, 0])),
        ctl::SET_DATA_FORMAT => Ok(Reply::done()),
        ctl::SYNC => {
            // It takes away the clients of every program that shares the modem: no meter may send it.
            modem.syncs_received += 1;
            modem.note("sync-received", "every client is gone");
            modem.clients.clear();
            Ok(Reply::done())
        }
        _ => Err(Reply::error(error::UNKNOWN_MESSAGE)),
    };
    replied.unwrap_or_else(|refused| refused)
}

/// The services that the modem has.
fn services(modem: &QmiModem) -> &'static [(u8, u16, u16)] {
    let count = if modem.faults.few_services { EVERY_MODEMS } else { SERVICES.len() };
    SERVICES.get(..count).unwrap_or(&SERVICES)
}

fn versions(services: &[(u8, u16, u16)]) -> Reply {
    let mut list = vec![u8::try_from(services.len()).unwrap_or(u8::MAX)];
    for (service, major, minor) in services {
        list.push(*service);
        list.extend(major.to_le_bytes());
        list.extend(minor.to_le_bytes());
    }
    Reply::done().with(0x01, list)
}

fn allocate(modem: &mut QmiModem, service: u8, port: Port) -> Reply {
    if services(modem).iter().all(|(this, ..)| *this != service) {
        return Reply::error(error::UNKNOWN_SERVICE);
    }
    match modem.clients.allocate(service, port) {
        Some(id) => Reply::done().with(0x01, [service, id]),
        None => Reply::error(error::NO_MORE_CLIENTS),
    }
}
