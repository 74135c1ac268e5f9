//! Owns the answers of the network service, and what it tells unasked: where the modem is registered, the time.

use super::Reply;
use crate::qmi::frame::{Frame, NAS, Tlvs};
use crate::qmi::modem::QmiModem;
use crate::qmi::time::universal;
use crate::qmi::wire::{error, nas};

pub(super) fn answer(modem: &mut QmiModem, request: &Frame) -> Reply {
    match request.message {
        nas::RESET => {
            modem.clients.reset(NAS, request.client);
            Reply::done()
        }
        nas::EVENT_REPORT => Reply::done(),
        nas::REGISTER => {
            let wish = |kind| request.tlvs.array::<1>(kind).map(|[wish]| wish != 0);
            if let Some(client) = modem.clients.get_mut(NAS, request.client) {
                client.wants_serving_system = wish(0x13).unwrap_or(client.wants_serving_system);
                client.wants_time = wish(0x17).unwrap_or(client.wants_time);
            }
            Reply::done()
        }
        nas::SERVING_SYSTEM => Reply { values: serving_system(modem), ..Reply::done() },
        _ => Reply::error(error::UNKNOWN_MESSAGE),
    }
}

/// Registered in an LTE network, at home or not; without a card not registered.
fn serving_system(modem: &QmiModem) -> Tlvs {
    const LTE: u8 = 8;
    if modem.card.is_none() {
        return Tlvs::default().with(0x01, [0, 2, 2, 2, 1, LTE]);
    }
    let roaming = modem.ledger.is_roaming();
    let (mcc, mnc, name): (u16, u16, &str) =
        if roaming { (454, 12, "CMHK") } else { (460, 0, "CHINA MOBILE") };
    let mut plmn = [mcc.to_le_bytes(), mnc.to_le_bytes()].concat();
    plmn.push(u8::try_from(name.len()).unwrap_or(0));
    plmn.extend(name.bytes());
    Tlvs::default()
        .with(0x01, [1, 1, 1, 2, 1, LTE])
        // 0 says that it is roaming.
        .with(0x10, [u8::from(!roaming)])
        .with(0x12, plmn)
}

/// Tells where the modem is registered to whoever wants that.
pub(crate) fn tell_serving_system(modem: &mut QmiModem) {
    let tlvs = serving_system(modem);
    modem.indicate(NAS, nas::SERVING_SYSTEM, &tlvs, |client| client.wants_serving_system);
}

/// Tells the network's time to whoever wants that, if it is known.
pub(crate) fn tell_time(modem: &mut QmiModem) {
    let Some(unix_ms) = modem.clock.unix_ms(modem.now_ms) else { return };
    let [zone] = modem.clock.zone_quarters.to_le_bytes();
    let tlvs = Tlvs::default().with(0x01, universal(unix_ms)).with(0x10, [zone]).with(0x11, [0]);
    modem.indicate(NAS, nas::NETWORK_TIME, &tlvs, |client| client.wants_time);
}
