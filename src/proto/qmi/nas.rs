//! The network: whether the modem is registered, whether it roams, its time.

use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::error::AnswerError;
use super::message::{Message, Request, Service};

/// What is to be told unasked.
pub const REGISTER_INDICATIONS: u16 = 0x0003;
/// Registration and operator; the same id as the indication.
pub const SERVING_SYSTEM: u16 = 0x0024;
/// The network's time; an indication.
pub const NETWORK_TIME: u16 = 0x004C;

/// Where the modem is registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServingSystem {
    /// Whether it is registered at all.
    pub registered: bool,
    /// Whether in another network than the home one; `None`: not said.
    pub roaming: Option<bool>,
    /// The operator.
    pub operator: Option<Operator>,
}

/// An operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operator {
    /// Mobile country code.
    pub mcc: u16,
    /// Mobile network code.
    pub mnc: u16,
    /// Its name, as far as it is ASCII.
    pub name: Option<String>,
}

/// Asks where the modem is registered.
#[must_use]
pub fn serving_system() -> Request {
    Request::new(Service::NAS, SERVING_SYSTEM)
}

/// Asks to be told of changes of the registration, and the network's time when it
/// comes.
#[must_use]
pub fn register_indications() -> Request {
    Request::new(Service::NAS, REGISTER_INDICATIONS).with(0x13, [1]).with(0x17, [1])
}

/// Where the modem is registered, from an answer.
///
/// # Errors
/// [`AnswerError`].
pub fn read_serving_system(answer: &Message) -> Result<ServingSystem, AnswerError> {
    answer.result()?;
    read_serving_system_indication(answer)
}

/// Where the modem is registered, from an indication.
///
/// # Errors
/// [`AnswerError`].
pub fn read_serving_system_indication(said: &Message) -> Result<ServingSystem, AnswerError> {
    const REGISTERED: u8 = 1;
    let registered = said.value(0x01, |reader| {
        let state = reader.u8()?;
        // Attach states, network type, radio interfaces.
        let _others = reader.rest();
        Ok(state == REGISTERED)
    })?;
    // 0 is "on", 1 is "off"; above are CDMA's kinds of roaming.
    let roaming = said.value_if_any(0x10, |reader| Ok(reader.u8()? != 1))?;
    let operator = said.value_if_any(0x12, |reader| {
        let (mcc, mnc) = (reader.u16()?, reader.u16()?);
        let length = usize::from(reader.u8()?);
        let name = super::Tlv::new(0, reader.bytes(length)?).text();
        Ok(Operator { mcc, mnc, name })
    })?;
    Ok(ServingSystem { registered, roaming, operator })
}

/// The network's time, s since the epoch, from an indication; `None`: there is no
/// such day or hour.
///
/// # Errors
/// [`AnswerError`].
pub fn read_network_time(said: &Message) -> Result<Option<i64>, AnswerError> {
    said.value(0x01, |reader| {
        let year = reader.u16()?;
        let [month, day] = [reader.u8()?, reader.u8()?];
        let [hour, minute, second] = [reader.u8()?, reader.u8()?, reader.u8()?];
        let _day_of_week = reader.u8()?;
        Ok(unix_s(year, [month, day, hour, minute, second]))
    })
}

fn unix_s(year: u16, [month, day, hour, minute, second]: [u8; 5]) -> Option<i64> {
    let small = |number: u8| i8::try_from(number).ok();
    let date = Date::new(i16::try_from(year).ok()?, small(month)?, small(day)?).ok()?;
    let hours = (0..24).contains(&hour) && minute < 60 && second < 60;
    if !hours {
        return None;
    }
    let time = date.at(small(hour)?, small(minute)?, small(second)?, 0);
    Some(time.to_zoned(TimeZone::UTC).ok()?.timestamp().as_second())
}
