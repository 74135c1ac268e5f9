//! Owns which service answers what, and the shape of an answer.

mod control;
mod data;
mod device;
mod network;

use crate::accounting::Answer;
use crate::qmi::clients::Port;
use crate::qmi::family::Family;
use crate::qmi::frame::{CTL, DMS, Frame, NAS, Tlvs, UIM, WDS};
use crate::qmi::modem::QmiModem;
use crate::qmi::wire::error;

pub(crate) use data::report_statistics;
pub(crate) use network::{tell_serving_system, tell_time};

/// What the modem answers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reply {
    error: Option<u16>,
    values: Tlvs,
    /// The statistics in it, if any.
    pub(crate) told: Option<(Family, Answer)>,
}

impl Reply {
    pub(crate) fn done() -> Reply {
        Reply::default()
    }

    pub(crate) fn error(code: u16) -> Reply {
        Reply { error: Some(code), ..Reply::default() }
    }

    pub(crate) fn with(mut self, kind: u8, value: impl Into<Vec<u8>>) -> Reply {
        self.values = self.values.with(kind, value);
        self
    }

    /// The result first, then the values.
    pub(crate) fn tlvs(&self) -> Tlvs {
        let [low, high] = self.error.unwrap_or(0).to_le_bytes();
        let result = Tlvs::default().with(0x02, [u8::from(self.error.is_some()), 0, low, high]);
        self.values.iter().fold(result, |tlvs, (kind, value)| tlvs.with(kind, value))
    }
}

/// Answers a request.
pub(crate) fn answer(modem: &mut QmiModem, port: Port, request: &Frame) -> Reply {
    if request.service == CTL {
        return control::answer(modem, port, request);
    }
    if modem.clients.get(request.service, request.client).is_none() {
        return Reply::error(error::UNKNOWN_CLIENT);
    }
    match request.service {
        WDS => data::answer(modem, request),
        DMS => device::answer(modem, request),
        NAS => network::answer(modem, request),
        UIM => device::answer_card(modem, request),
        _ => Reply::error(error::UNKNOWN_MESSAGE),
    }
}

/// A value that must be there with exactly so many bytes.
fn value<const N: usize>(request: &Frame, kind: u8) -> Result<[u8; N], Reply> {
    let missing = request.tlvs.get(kind).is_none();
    request
        .tlvs
        .array(kind)
        .ok_or_else(|| Reply::error(if missing { error::MISSING_VALUE } else { error::MALFORMED }))
}
