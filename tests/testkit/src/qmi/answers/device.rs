//! Owns the answers of the device service and of the card service: names, numbers, time.

use super::{Reply, value};
use crate::qmi::frame::{Cut, DMS, Frame};
use crate::qmi::modem::QmiModem;
use crate::qmi::wire::{dms, error, uim};

/// The file with the card's number.
const FILE_ICCID: u16 = 0x2FE2;
/// The file with the subscriber's number.
const FILE_IMSI: u16 = 0x6F07;

/// Rates at most (none said), data and calls apart, with a SIM; two radios, UMTS and LTE.
const CAPABILITIES: [u8; 13] = [0, 0, 0, 4, 0, 0, 0, 4, 2, 2, 2, 5, 8];
/// A PIN that is not asked for, with three and ten tries left.
const PIN_OFF: [u8; 3] = [3, 3, 10];

pub(super) fn answer(modem: &mut QmiModem, request: &Frame) -> Reply {
    let who = &modem.identity;
    match request.message {
        dms::RESET => {
            modem.clients.reset(DMS, request.client);
            Reply::done()
        }
        dms::EVENT_REPORT => Reply::done(),
        dms::CAPABILITIES => Reply::done().with(0x01, CAPABILITIES),
        dms::PIN_STATUS => Reply::done().with(0x11, PIN_OFF).with(0x12, PIN_OFF),
        dms::SET_OPERATING_MODE => Reply::done(),
        dms::MANUFACTURER => Reply::done().with(0x01, who.manufacturer.as_str()),
        dms::MODEL => Reply::done().with(0x01, who.model.as_str()),
        dms::REVISION => Reply::done().with(0x01, who.revision.as_str()),
        dms::IDS => Reply::done()
            .with(0x10, "0")
            .with(0x11, who.imei.as_str())
            .with(0x13, who.software_version.as_str()),
        dms::OPERATING_MODE => Reply::done().with(0x01, [0]),
        dms::TIME => time(modem),
        dms::ICCID if modem.faults.no_dms_iccid => Reply::error(error::NOT_SUPPORTED),
        dms::ICCID => of_card(modem, |iccid, _| iccid.to_owned()),
        dms::IMSI => of_card(modem, |_, imsi| imsi.to_owned()),
        _ => Reply::error(error::UNKNOWN_MESSAGE),
    }
}

fn of_card(modem: &QmiModem, number: impl Fn(&str, &str) -> String) -> Reply {
    modem.card.as_ref().map_or_else(
        || Reply::error(error::INVALID_ARGUMENT),
        |card| Reply::done().with(0x01, number(&card.iccid, &card.imsi)),
    )
}

/// A count of 1.25 ms and where it comes from (0: the device alone, 1: the network), and twice the milliseconds.
fn time(modem: &QmiModem) -> Reply {
    let ms = modem.clock.device_ms(modem.now_ms);
    let mut count: Vec<u8> = (ms / 5 * 4 + ms % 5 * 4 / 5).to_le_bytes().into();
    count.truncate(6);
    count.extend([u8::from(modem.clock.is_set()), 0]);
    Reply::done().with(0x01, count).with(0x10, ms.to_le_bytes()).with(0x11, ms.to_le_bytes())
}

pub(super) fn answer_card(modem: &QmiModem, request: &Frame) -> Reply {
    if request.message != uim::READ_TRANSPARENT {
        return Reply::error(error::UNKNOWN_MESSAGE);
    }
    let file = request.tlvs.get(0x02).and_then(|value| Cut(value).short());
    let (Some(file), true) = (file, request.tlvs.get(0x01).is_some()) else {
        return Reply::error(error::MISSING_VALUE);
    };
    let [o, p, l, m] = match value(request, 0x03) {
        Ok(value) => value,
        Err(refused) => return refused,
    };
    let (offset, length) = (u16::from_le_bytes([o, p]), u16::from_le_bytes([l, m]));
    let Some(card) = &modem.card else { return Reply::error(error::INVALID_ARGUMENT) };
    let content = match file {
        FILE_ICCID => swapped(&card.iccid, 20),
        FILE_IMSI => imsi_file(&card.imsi),
        // The card says: file not found.
        _ => return Reply::error(error::INVALID_ARGUMENT).with(0x10, [0x6A, 0x82]),
    };
    let rest = content.get(usize::from(offset)..).unwrap_or_default();
    let wanted = if length == 0 { rest.len() } else { usize::from(length).min(rest.len()) };
    let read = rest.get(..wanted).unwrap_or_default();
    let mut result = u16::try_from(read.len()).unwrap_or(0).to_le_bytes().to_vec();
    result.extend(read);
    Reply::done().with(0x10, [0x90, 0x00]).with(0x11, result)
}

/// Digits two to a byte, the first in the low half, filled up with F to so many.
fn swapped(digits: &str, count: usize) -> Vec<u8> {
    let filled = digits.bytes().chain(std::iter::repeat(b'F')).take(count);
    let half = |digit: u8| {
        char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok()).unwrap_or(0xF)
    };
    let halves: Vec<u8> = filled.map(half).collect();
    let pairs = halves.iter().step_by(2).zip(halves.iter().skip(1).step_by(2));
    pairs.map(|(low, high)| high << 4 | low).collect()
}

/// Eight bytes follow; the first half-byte says that the number of digits is odd, as it is on every card here.
fn imsi_file(imsi: &str) -> Vec<u8> {
    let odd = if imsi.len() % 2 == 1 { '9' } else { '1' };
    let mut content = vec![8];
    content.extend(swapped(&format!("{odd}{imsi}"), 16));
    content
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_in_files_with_their_digits_exchanged() {
        let iccid = swapped("8944200053671052499", 20);
        assert_eq!(iccid, [0x98, 0x44, 0x02, 0x00, 0x35, 0x76, 0x01, 0x25, 0x94, 0xF9]);
        let imsi = imsi_file("460001234567890");
        assert_eq!(imsi, [8, 0x49, 0x06, 0x00, 0x21, 0x43, 0x65, 0x87, 0x09]);
    }
}
