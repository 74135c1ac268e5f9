//! Files of the SIM: only the one with its number, for modems whose device
//! service does not tell it.

use super::error::AnswerError;
use super::message::{Message, Request, Service};

/// The content of a file.
pub const READ_TRANSPARENT: u16 = 0x0020;

/// `EF_ICCID`, 2FE2 in the root directory 3F00 (ETSI TS 102 221, 13.2).
const EF_ICCID: u16 = 0x2FE2;
const ROOT: u16 = 0x3F00;
/// The card in the first slot, whether it is unlocked or not.
const CARD_SLOT_1: u8 = 6;

/// Asks for the file with the SIM's number, whole.
#[must_use]
pub fn read_iccid_file() -> Request {
    let [file, root] = [EF_ICCID.to_le_bytes(), ROOT.to_le_bytes()];
    Request::new(Service::UIM, READ_TRANSPARENT)
        .with(0x01, [CARD_SLOT_1, 0])
        .with(0x02, [file[0], file[1], 2, root[0], root[1]])
        .with(0x03, [0; 4])
}

/// The SIM's number: digits in nibbles, the lower first, filled with F.
///
/// # Errors
/// [`AnswerError`].
pub fn read_iccid(answer: &Message) -> Result<String, AnswerError> {
    answer.result()?;
    let file = answer.value(0x11, |reader| {
        let length = usize::from(reader.u16()?);
        reader.bytes(length)
    })?;
    let nibbles = file.iter().flat_map(|byte| [byte & 0x0F, byte >> 4]);
    let digits: String =
        nibbles.filter_map(|nibble| char::from_digit(u32::from(nibble), 16)).collect();
    Ok(digits.to_ascii_uppercase().trim_end_matches('F').to_owned())
}
