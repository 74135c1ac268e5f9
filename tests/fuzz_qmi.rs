//! Ten million frames through framer, codec and dialogue, from fixed seeds: real
//! ones with wrong bytes, made-up ones with any values, cut and run together.
//! Nothing may panic, hang or grow, and what is read is written the same.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod qmi_frames;
#[path = "support/random.rs"]
mod random;

use posdatad::domain::counter::Evidence;
use posdatad::domain::report::{FaultKind, Report};
use posdatad::modem::qmi::{QmiDialogue, QmiSettings, Way};
use posdatad::modem::{Action, Dialogue};
use posdatad::proto::qmi::{Framer, Kind, Message, Sender, Service, Tlv, ctl, dms, nas, uim, wds};
use qmi_frames::{FRAMES, bytes};
use random::Random;

/// In every test run.
const FRAMES_ALL: u64 = 10_000_000;
const THREADS: u64 = 2;

const SERVICES: [Service; 6] =
    [Service::CTL, Service::WDS, Service::DMS, Service::NAS, Service::UIM, Service(0x1A)];
const IDS: [u16; 20] = [
    ctl::VERSION_INFO,
    ctl::ALLOCATE_CLIENT,
    ctl::RELEASE_CLIENT,
    ctl::REVOKE_CLIENT,
    ctl::SYNC,
    ctl::PROXY_OPEN,
    wds::EVENT_REPORT,
    wds::PACKET_SERVICE_STATUS,
    wds::PACKET_STATISTICS,
    wds::SET_IP_FAMILY,
    dms::MANUFACTURER,
    dms::MODEL,
    dms::REVISION,
    dms::IDS,
    dms::TIME,
    dms::ICCID,
    dms::IMSI,
    nas::SERVING_SYSTEM,
    nas::NETWORK_TIME,
    uim::READ_TRANSPARENT,
];

/// A message as a modem could send it, with any values.
fn made_up(random: &mut Random, asked: Option<&Message>) -> Message {
    let kinds = [Kind::Response, Kind::Response, Kind::Indication, Kind::Request];
    let mut message = Message {
        sender: Sender::Modem,
        service: SERVICES[random.below(SERVICES.len())],
        client: [0, 1, 2, 255][random.below(4)],
        kind: kinds[random.below(kinds.len())],
        transaction: u16::from(random.byte() % 8),
        id: IDS[random.below(IDS.len())],
        tlvs: Vec::new(),
    };
    // Often the answer to what was asked: else the dialogue hears only noise.
    if let Some(asked) = asked.filter(|_| random.below(4) > 0) {
        let tlvs = Vec::new();
        message = Message { sender: Sender::Modem, kind: Kind::Response, tlvs, ..asked.clone() };
    }
    if random.below(8) > 0 {
        let error = [0, 0, 0, 0, 7, 15, 48, 71, 94][random.below(9)];
        let status = u8::from(error > 0);
        message.tlvs.push(Tlv::new(0x02, [status, 0, error, 0]));
    }
    for _ in 0..random.below(4) {
        let kind = [0x01, 0x10, 0x11, 0x12, 0x19, 0x1A, 0x1B, 0x1C][random.below(8)];
        let length = [0, 1, 2, 4, 4, 8, 8, 8, 10, 20][random.below(10)];
        let value: Vec<u8> = (0..length).map(|_| random.byte() & random.byte()).collect();
        message.tlvs.push(Tlv::new(kind, value));
    }
    message
}

/// The answer that a modem in good order would give.
fn proper(asked: &Message, moved: &mut u64) -> Message {
    *moved += 1_000;
    let mut tlvs = vec![Tlv::new(0x02, [0; 4])];
    match (asked.service, asked.id) {
        (Service::CTL, ctl::ALLOCATE_CLIENT) => {
            let id = u8::try_from(asked.transaction % 250).unwrap() + 1;
            tlvs.push(Tlv::new(0x01, [asked.tlvs[0].value[0], id]));
        }
        (Service::WDS, wds::PACKET_STATISTICS) => {
            tlvs.push(Tlv::new(0x19, moved.to_le_bytes()));
            tlvs.push(Tlv::new(0x1A, moved.to_le_bytes()));
        }
        (Service::WDS, wds::PACKET_SERVICE_STATUS) => tlvs.push(Tlv::new(0x01, [2])),
        (Service::DMS, dms::ICCID) => tlvs.push(Tlv::new(0x01, *b"8986001234567890123")),
        _ => {}
    }
    Message { sender: Sender::Modem, kind: Kind::Response, tlvs, ..asked.clone() }
}

/// Bytes of one frame, or of what is left of it.
fn frame(
    random: &mut Random,
    real: &[Vec<u8>],
    asked: Option<&Message>,
    moved: &mut u64,
) -> Vec<u8> {
    let mut frame = match (random.below(8), asked) {
        (0, _) => real[random.below(real.len())].clone(),
        (1..6, Some(asked)) => return proper(asked, moved).encode().unwrap(),
        _ => made_up(random, asked).encode().unwrap(),
    };
    match random.below(8) {
        0 => {
            for _ in 0..=random.below(3) {
                let at = random.below(frame.len());
                frame[at] = random.byte();
            }
        }
        1 => frame.truncate(random.below(frame.len())),
        _ => {}
    }
    frame
}

/// Everything that reads a message's values.
fn read_all(message: &Message) {
    let _ = message.result();
    let _ = ctl::read_version_info(message);
    let _ = ctl::read_client(message);
    let _ = ctl::read_revoked(message);
    let _ = wds::read_packet_statistics(message);
    let _ = wds::read_counts(message);
    let _ = wds::read_packet_service_status(message);
    let _ = wds::read_service_status(message);
    let _ = dms::read_ids(message);
    let _ = dms::read_text(message);
    let _ = dms::read_time(message);
    let _ = nas::read_serving_system(message);
    let _ = nas::read_network_time(message);
    let _ = uim::read_iccid(message);
}

/// What one run has seen, to know that it went everywhere.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    messages: u64,
    readings: u64,
    identities: u64,
    reopened: u64,
}

fn run(seed: u64, frames: u64) -> Seen {
    let mut random = Random(seed);
    let real: Vec<Vec<u8>> = FRAMES.iter().map(|(_, hex)| bytes(hex)).collect();
    let mut framer = Framer::new(Sender::Modem);
    let mut dialogue = QmiDialogue::new(QmiSettings::default());
    let mut now_ms = 0;
    let mut seen = Seen::default();
    let mut asked: Option<Message> = None;
    let mut moved = 0;
    let mut reopen = true;
    for _ in 0..frames {
        if std::mem::take(&mut reopen) {
            let way = [Way::Device, Way::Proxy(b"/dev/cdc-wdm0".to_vec())][random.below(2)].clone();
            dialogue.opened(now_ms, Evidence::MayHaveRestarted, way);
        }
        let frame = frame(&mut random, &real, asked.as_ref(), &mut moved);
        framer.push(&frame);
        while let Some(read) = framer.next_message() {
            let Ok(message) = read else { continue };
            seen.messages += 1;
            read_all(&message);
            let written = message.encode().unwrap();
            assert_eq!(Message::decode(&written).unwrap(), message);
        }
        dialogue.handle_bytes(now_ms, &frame);
        match random.below(512) {
            0 => dialogue.closed(now_ms, FaultKind::Vanished, String::new()),
            1..64 => dialogue.request_reading(now_ms),
            _ => {}
        }
        if dialogue.poll_timeout().is_some() && random.below(64) == 0 {
            now_ms = dialogue.poll_timeout().unwrap().max(now_ms);
        }
        now_ms += 1;
        dialogue.handle_timeout(now_ms);
        let mut said = 0;
        while let Some(report) = dialogue.poll_report() {
            said += 1;
            match report {
                Report::Reading(_) => seen.readings += 1,
                Report::Identified(_) => seen.identities += 1,
                _ => {}
            }
        }
        let mut sent = 0;
        while let Some(bytes) = dialogue.poll_transmit() {
            sent += 1;
            asked = Some(Message::decode(&bytes).unwrap());
        }
        assert!(said < 32 && sent < 32, "one frame makes it talk without end");
        while let Some(Action::Reopen { at_ms }) = dialogue.poll_action() {
            now_ms = now_ms.max(at_ms);
            seen.reopened += 1;
            reopen = true;
        }
    }
    seen
}

#[test]
fn ten_million_frames_are_survived() {
    let threads: Vec<_> = (1..=THREADS)
        .map(|n| {
            let seed = 0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(n);
            std::thread::spawn(move || run(seed, FRAMES_ALL / THREADS))
        })
        .collect();
    for thread in threads {
        let seen = thread.join().unwrap();
        println!("{seen:?}");
        assert!(seen.messages > FRAMES_ALL / THREADS / 3);
        assert!(seen.readings > 1_000 && seen.identities > 100 && seen.reopened > 100);
    }
}
