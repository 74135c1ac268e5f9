//! Owns the numbers of messages and errors, and the layouts that several places write.

/// Control.
pub(crate) mod ctl {
    pub(crate) const SET_INSTANCE: u16 = 0x20;
    pub(crate) const VERSIONS: u16 = 0x21;
    pub(crate) const ALLOCATE: u16 = 0x22;
    pub(crate) const RELEASE: u16 = 0x23;
    pub(crate) const SET_DATA_FORMAT: u16 = 0x26;
    pub(crate) const SYNC: u16 = 0x27;
}

/// Wireless data.
pub(crate) mod wds {
    use crate::qmi::family::Family;
    use crate::qmi::frame::Tlvs;
    use crate::qmi::session::State;

    pub(crate) const RESET: u16 = 0x00;
    pub(crate) const EVENT_REPORT: u16 = 0x01;
    pub(crate) const START_NETWORK: u16 = 0x20;
    pub(crate) const STOP_NETWORK: u16 = 0x21;
    pub(crate) const SERVICE_STATUS: u16 = 0x22;
    pub(crate) const CHANNEL_RATES: u16 = 0x23;
    pub(crate) const STATISTICS: u16 = 0x24;
    pub(crate) const SET_IP_FAMILY: u16 = 0x4D;
    pub(crate) const BIND_MUX_DATA_PORT: u16 = 0xA2;

    pub(crate) fn status_indication(family: Family, state: State) -> Tlvs {
        Tlvs::default().with(0x01, [state.code(), 0]).with(0x12, [family.code()])
    }
}

/// The device.
pub(crate) mod dms {
    pub(crate) const RESET: u16 = 0x00;
    pub(crate) const EVENT_REPORT: u16 = 0x01;
    pub(crate) const CAPABILITIES: u16 = 0x20;
    pub(crate) const MANUFACTURER: u16 = 0x21;
    pub(crate) const MODEL: u16 = 0x22;
    pub(crate) const REVISION: u16 = 0x23;
    pub(crate) const IDS: u16 = 0x25;
    pub(crate) const PIN_STATUS: u16 = 0x2B;
    pub(crate) const OPERATING_MODE: u16 = 0x2D;
    pub(crate) const SET_OPERATING_MODE: u16 = 0x2E;
    pub(crate) const TIME: u16 = 0x2F;
    pub(crate) const ICCID: u16 = 0x3C;
    pub(crate) const IMSI: u16 = 0x43;
}

/// The network.
pub(crate) mod nas {
    pub(crate) const RESET: u16 = 0x00;
    pub(crate) const EVENT_REPORT: u16 = 0x02;
    pub(crate) const REGISTER: u16 = 0x03;
    pub(crate) const SERVING_SYSTEM: u16 = 0x24;
    pub(crate) const NETWORK_TIME: u16 = 0x4C;
}

/// The card.
pub(crate) mod uim {
    pub(crate) const READ_TRANSPARENT: u16 = 0x20;
}

/// Why a request was refused.
pub(crate) mod error {
    pub(crate) const MALFORMED: u16 = 1;
    pub(crate) const NO_MORE_CLIENTS: u16 = 5;
    pub(crate) const UNKNOWN_CLIENT: u16 = 7;
    pub(crate) const CALL_FAILED: u16 = 14;
    pub(crate) const OUT_OF_CALL: u16 = 15;
    pub(crate) const MISSING_VALUE: u16 = 17;
    pub(crate) const NO_EFFECT: u16 = 26;
    pub(crate) const UNKNOWN_SERVICE: u16 = 31;
    pub(crate) const INVALID_ARGUMENT: u16 = 48;
    pub(crate) const UNKNOWN_MESSAGE: u16 = 71;
    pub(crate) const NOT_SUPPORTED: u16 = 94;
}
