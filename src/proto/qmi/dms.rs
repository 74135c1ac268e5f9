//! The device: who it is, its SIM, its clock.

use super::error::AnswerError;
use super::message::{Message, Request, Service};

/// The maker.
pub const MANUFACTURER: u16 = 0x0021;
/// The model.
pub const MODEL: u16 = 0x0022;
/// The firmware.
pub const REVISION: u16 = 0x0023;
/// Serial numbers.
pub const IDS: u16 = 0x0025;
/// The clock.
pub const TIME: u16 = 0x002F;
/// The SIM's number.
pub const ICCID: u16 = 0x003C;
/// The subscriber's number.
pub const IMSI: u16 = 0x0043;

/// The first second of GPS time, 1980-01-06T00:00:00Z, s since the epoch.
const GPS_EPOCH_S: i64 = 315_964_800;
/// UTC is behind GPS time by this, s, since 2017; none has been announced since.
const LEAP_S: i64 = 18;
/// The clock counts 5 of these in 4 ms.
const TICKS_A_S: u64 = 800;

/// Serial numbers. One that is `None` was not given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ids {
    /// Of CDMA modems.
    pub esn: Option<String>,
    /// 15 digits.
    pub imei: Option<String>,
    /// Of CDMA modems.
    pub meid: Option<String>,
}

/// A question of this service that has no values.
#[must_use]
pub fn ask(id: u16) -> Request {
    Request::new(Service::DMS, id)
}

/// The serial numbers. One that is `0` is none.
///
/// # Errors
/// [`AnswerError`].
pub fn read_ids(answer: &Message) -> Result<Ids, AnswerError> {
    answer.result()?;
    let number = |kind| answer.text(kind).filter(|text| text.bytes().any(|digit| digit != b'0'));
    Ok(Ids { esn: number(0x10), imei: number(0x11), meid: number(0x12) })
}

/// The one text of an answer: the maker, the model, the firmware, the SIM's or
/// the subscriber's number; at most 64 characters.
///
/// # Errors
/// [`AnswerError`].
pub fn read_text(answer: &Message) -> Result<String, AnswerError> {
    answer.result()?;
    answer.text(0x01).ok_or(AnswerError::Missing(0x01))
}

/// The network's time, s since the epoch; `None`: the modem has only its own
/// clock, which is set by nobody.
///
/// # Errors
/// [`AnswerError`].
pub fn read_time(answer: &Message) -> Result<Option<i64>, AnswerError> {
    answer.result()?;
    let (ticks, source) = answer.value(0x01, |reader| Ok((reader.u48()?, reader.u16()?)))?;
    const OWN_CLOCK: u16 = 0;
    if source == OWN_CLOCK {
        return Ok(None);
    }
    let gps_s = i64::try_from(ticks / TICKS_A_S).unwrap_or(i64::MAX);
    Ok(Some(GPS_EPOCH_S.saturating_add(gps_s).saturating_sub(LEAP_S)))
}
