//! Owns the answers of the data service: statistics, session status, reports.

use super::{Reply, value};
use crate::accounting::Bytes;
use crate::qmi::clients::{Client, StatisticsReport};
use crate::qmi::family::Family;
use crate::qmi::frame::{Frame, Tlvs, WDS};
use crate::qmi::ledger::{Booking, Told};
use crate::qmi::modem::QmiModem;
use crate::qmi::session::Session;
use crate::qmi::wire::{error, wds};

const SENT_BYTES: u32 = 0x40;
const RECEIVED_BYTES: u32 = 0x80;
/// What each bit of a mask asks for that is not a byte count: its value's type. Nothing ever goes wrong here.
const PACKETS: [(u32, u8); 8] = [
    (0x01, 0x10),
    (0x02, 0x11),
    (0x04, 0x12),
    (0x08, 0x13),
    (0x10, 0x14),
    (0x20, 0x15),
    (0x100, 0x1D),
    (0x200, 0x1E),
];
/// Bits a second, as the modem states them: sending now, receiving now, sending at most, receiving at most.
const RATES: [u32; 4] = [50_000_000, 150_000_000, 50_000_000, 150_000_000];

pub(super) fn answer(modem: &mut QmiModem, request: &Frame) -> Reply {
    let Some(client) = modem.clients.get(WDS, request.client) else {
        return Reply::error(error::UNKNOWN_CLIENT);
    };
    let family = client.family;
    let session = modem.sessions.of(family);
    let replied = match request.message {
        wds::RESET => {
            modem.clients.reset(WDS, request.client);
            Ok(Reply::done())
        }
        wds::EVENT_REPORT => set_report(modem, request, family),
        wds::START_NETWORK => Ok(start_network(modem, family)),
        wds::STOP_NETWORK if session.is_there() => {
            modem.disconnect(family);
            Ok(Reply::done())
        }
        wds::STOP_NETWORK => Err(Reply::error(error::NO_EFFECT)),
        wds::SERVICE_STATUS => Ok(Reply::done().with(0x01, [session.state.code()])),
        wds::CHANNEL_RATES if !session.is_there() => Err(Reply::error(error::OUT_OF_CALL)),
        wds::CHANNEL_RATES => Ok(Reply::done().with(0x01, RATES.map(u32::to_le_bytes).concat())),
        wds::STATISTICS => value(request, 0x01)
            .map(|mask| statistics(modem, family, u32::from_le_bytes(mask)))
            .inspect_err(|_| drop(modem.ledger.query(family))),
        wds::SET_IP_FAMILY => set_family(modem, request),
        wds::BIND_MUX_DATA_PORT => Ok(Reply::done()),
        _ => Err(Reply::error(error::UNKNOWN_MESSAGE)),
    };
    replied.unwrap_or_else(|refused| refused)
}

/// The handle of a session, which its end is asked for with.
const HANDLE: u32 = 0xDEAD_BEEF;

fn start_network(modem: &mut QmiModem, family: Family) -> Reply {
    if modem.sessions.of(family).is_there() {
        return Reply::error(error::NO_EFFECT);
    }
    if modem.connect(family) {
        Reply::done().with(0x01, HANDLE.to_le_bytes())
    } else {
        Reply::error(error::CALL_FAILED)
    }
}

fn set_family(modem: &mut QmiModem, request: &Frame) -> Result<Reply, Reply> {
    let [code] = value(request, 0x01)?;
    let family = Family::from_code(code).ok_or_else(|| Reply::error(error::INVALID_ARGUMENT))?;
    if let Some(client) = modem.clients.get_mut(WDS, request.client) {
        client.family = family;
    }
    Ok(Reply::done())
}

fn set_report(modem: &mut QmiModem, request: &Frame, family: Family) -> Result<Reply, Reply> {
    if request.tlvs.get(0x11).is_none() {
        return Ok(Reply::done());
    }
    let [seconds, a, b, c, d] = value(request, 0x11)?;
    let every_ms = u64::from(seconds) * 1000;
    let report = StatisticsReport {
        every_ms,
        mask: u32::from_le_bytes([a, b, c, d]),
        due_ms: modem.now_ms + every_ms,
        told: modem.sessions.of(family).counter,
    };
    if let Some(client) = modem.clients.get_mut(WDS, request.client) {
        client.report = (seconds > 0 && report.mask != 0).then_some(report);
    }
    Ok(Reply::done())
}

/// Counters of the session there is; without one, what the last one came to, beside an error.
fn statistics(modem: &mut QmiModem, family: Family, mask: u32) -> Reply {
    let answer = modem.ledger.query(family);
    let session = modem.sessions.of(family);
    let mut reply = Reply::done();
    let shown =
        if modem.faults.missing_bytes { mask & !(SENT_BYTES | RECEIVED_BYTES) } else { mask };
    if session.is_there() {
        reply.values = counters(session, shown);
    } else {
        reply.error = Some(error::OUT_OF_CALL);
        if let Some(last) = session.last_call {
            reply.values = bytes(Tlvs::default(), shown, last, [0x1B, 0x1C]);
        }
    }
    // Only both byte counts together tell all that moved.
    let told = shown & SENT_BYTES != 0 && shown & RECEIVED_BYTES != 0;
    reply.told = told.then_some((family, answer));
    reply
}

/// The values of a session that a mask asks for.
fn counters(session: &Session, mask: u32) -> Tlvs {
    let mut tlvs = Tlvs::default();
    for (bit, kind) in PACKETS.into_iter().filter(|(_, kind)| *kind < 0x19) {
        tlvs = packets(tlvs, session, mask, bit, kind);
    }
    tlvs = bytes(tlvs, mask, session.counter, [0x19, 0x1A]);
    for (bit, kind) in PACKETS.into_iter().filter(|(_, kind)| *kind > 0x1A) {
        tlvs = packets(tlvs, session, mask, bit, kind);
    }
    tlvs
}

fn packets(tlvs: Tlvs, session: &Session, mask: u32, bit: u32, kind: u8) -> Tlvs {
    if mask & bit == 0 {
        return tlvs;
    }
    let count = match kind {
        0x10 => session.packets.tx,
        0x11 => session.packets.rx,
        _ => 0,
    };
    // Thirty-two bits that go round.
    let shown = u32::try_from(count % (1 << 32)).unwrap_or(0);
    tlvs.with(kind, shown.to_le_bytes())
}

fn bytes(mut tlvs: Tlvs, mask: u32, bytes: Bytes, [sent, received]: [u8; 2]) -> Tlvs {
    for (bit, kind, count) in [(SENT_BYTES, sent, bytes.tx), (RECEIVED_BYTES, received, bytes.rx)] {
        if mask & bit != 0 {
            tlvs = tlvs.with(kind, count.to_le_bytes());
        }
    }
    tlvs
}

/// Tells the statistics that are due, of sessions in which something has moved since.
pub(crate) fn report_statistics(modem: &mut QmiModem) {
    let now_ms = modem.now_ms;
    let due = |client: &&Client| client.report.is_some_and(|report| report.due_ms <= now_ms);
    let clients: Vec<Client> = modem.clients.iter().filter(due).cloned().collect();
    for client in clients {
        let Some(mut report) = client.report else { continue };
        let (family, session) = (client.family, modem.sessions.of(client.family));
        let (there, counter) = (session.is_there(), session.counter);
        let tlvs = counters(session, report.mask);
        if there && counter != report.told {
            let both = SENT_BYTES | RECEIVED_BYTES;
            let answer = modem.ledger.of(family).report();
            if modem.send(client.port, WDS, client.id, wds::EVENT_REPORT, tlvs)
                && report.mask & both == both
            {
                modem.outbox.book_last(Booking { family, answer, told: Told::Report });
            }
            report.told = counter;
        }
        report.due_ms = now_ms + report.every_ms;
        if let Some(client) = modem.clients.get_mut(WDS, client.id) {
            client.report = Some(report);
        }
    }
}
