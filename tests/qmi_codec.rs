//! The QMI codec on real frames: read, written again byte for byte, cut at every
//! byte, and their values.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod qmi_frames;

use posdatad::proto::qmi::ctl::{self, Client};
use posdatad::proto::qmi::wds::{Both, Connection, Counts, Family, ServiceStatus, Statistics};
use posdatad::proto::qmi::{
    AnswerError, Framer, Kind, Message, Refusal, Request, Sender, Service, Tlv, WireError, dms,
    nas, uim, wds,
};
use qmi_frames::{FRAMES, bytes};

/// The bytes of the frame with that name.
fn frame(name: &str) -> Vec<u8> {
    let (_, hex) = FRAMES.iter().find(|(known, _)| *known == name).unwrap();
    bytes(hex)
}

fn message(name: &str) -> Message {
    Message::decode(&frame(name)).unwrap()
}

#[test]
fn every_frame_is_written_as_it_was_read() {
    for (name, hex) in FRAMES {
        let message = Message::decode(&bytes(hex)).unwrap();
        assert_eq!(message.encode().unwrap(), bytes(hex), "{name}");
        let from_host = name.ends_with('>');
        assert_eq!(message.sender == Sender::Host, from_host, "{name}");
        assert_eq!(message.kind == Kind::Request, from_host, "{name}");
    }
}

#[test]
fn what_is_asked_is_what_the_real_programs_ask() {
    let wds = Client { service: Service::WDS, id: 1 };
    for (name, request, client, transaction) in [
        ("version info >", ctl::version_info(), 0, 1),
        ("allocate WDS >", ctl::allocate_client(Service::WDS), 0, 5),
        ("allocate DMS >", ctl::allocate_client(Service::DMS), 0, 4),
        ("proxy open >", ctl::proxy_open(b"/dev/pts/1"), 0, 1),
        ("ids >", dms::ask(dms::IDS), 1, 1),
        ("ICCID >", dms::ask(dms::ICCID), 1, 3),
        ("packet service status >", wds::packet_service_status(), 1, 1),
        ("release WDS >", ctl::release_client(wds), 0, 6),
        (
            // Ours asks for packets too.
            "packet statistics >",
            Request::new(Service::WDS, wds::PACKET_STATISTICS).with(0x01, [0xC0, 0, 0, 0]),
            1,
            2,
        ),
    ] {
        let written = request.from_client(client, transaction).encode().unwrap();
        assert_eq!(written, frame(name), "{name}");
    }
    assert_eq!(wds::packet_statistics().tlvs, [Tlv::new(0x01, [0xC3, 0, 0, 0])]);
}

#[test]
fn the_values_of_the_answers() {
    let services = ctl::read_version_info(&message("version info <")).unwrap();
    let services: Vec<_> = services.iter().map(|one| (one.service.0, one.version)).collect();
    let known =
        [(0, (1, 5)), (1, (1, 36)), (2, (1, 14)), (3, (1, 25)), (11, (1, 22)), (26, (1, 13))];
    assert_eq!(services, known);

    let client = Client { service: Service::WDS, id: 1 };
    assert_eq!(ctl::read_client(&message("allocate WDS <")), Ok(client));
    assert_eq!(ctl::read_client(&message("release WDS <")), Ok(client));
    assert_eq!(message("proxy open <").result(), Ok(()));

    let ids = dms::read_ids(&message("ids <")).unwrap();
    assert_eq!((ids.esn, ids.imei), (None, Some("867698041234563".to_owned())));
    let ids = dms::read_ids(&message("ids of libqmi's own tests <")).unwrap();
    assert_eq!(ids.esn.as_deref(), Some("80997874"));
    assert_eq!(ids.imei.as_deref(), Some("359225050039973"));
    assert_eq!(ids.meid.as_deref(), Some("35922505003997"));
    assert_eq!(dms::read_text(&message("ICCID <")), Ok("8986001234567890123".to_owned()));

    let status = wds::read_packet_service_status(&message("packet service status <"));
    assert_eq!(status, Ok(Connection::Connected));
    let said = wds::read_service_status(&message("packet service status indication <"));
    let expected = ServiceStatus { connection: Connection::Connected, family: Some(Family::V4) };
    assert_eq!(said, Ok(expected));

    let counts =
        Counts { bytes: Some(Both { sent: 1_234_567, received: 5_000_000_123 }), packets: None };
    let statistics = wds::read_packet_statistics(&message("packet statistics <"));
    assert_eq!(statistics, Ok(Statistics::InCall(counts)));
    let last_call = Some(Both { sent: 111, received: 222 });
    let statistics = wds::read_packet_statistics(&message("out of call <"));
    assert_eq!(statistics, Ok(Statistics::OutOfCall { last_call }));
}

fn answer(service: Service, id: u16, tlvs: &[(u8, &[u8])]) -> Message {
    let success = Tlv::new(0x02, [0; 4]);
    let tlvs = tlvs.iter().map(|(kind, value)| Tlv::new(*kind, *value));
    Message {
        sender: Sender::Modem,
        service,
        client: 1,
        kind: Kind::Response,
        transaction: 1,
        id,
        tlvs: [success].into_iter().chain(tlvs).collect(),
    }
}

#[test]
fn what_is_not_available_is_no_number() {
    let read = |tlvs: &[(u8, &[u8])]| {
        let answer = answer(Service::WDS, wds::PACKET_STATISTICS, tlvs);
        match wds::read_packet_statistics(&answer) {
            Ok(Statistics::InCall(Counts { bytes, packets })) => Ok((bytes, packets)),
            Ok(Statistics::OutOfCall { .. }) => unreachable!(),
            Err(error) => Err(error),
        }
    };
    let one = 1_u64.to_le_bytes();
    let none = [0xFF; 8];
    let all = Some(Both { sent: 1, received: 1 });
    assert_eq!(read(&[(0x19, &one), (0x1A, &one)]), Ok((all, None)));
    assert_eq!(read(&[]), Ok((None, None)));
    assert_eq!(read(&[(0x19, &one)]), Ok((None, None)), "one direction is no figure");
    assert_eq!(read(&[(0x19, &one), (0x1A, &none)]), Ok((None, None)));
    let packets: [(u8, &[u8]); 2] = [(0x10, &[1, 0, 0, 0]), (0x11, &[0xFF; 4])];
    assert_eq!(read(&packets), Ok((None, None)));
    let packets: [(u8, &[u8]); 2] = [(0x10, &[1, 0, 0, 0]), (0x11, &[1, 0, 0, 0])];
    assert_eq!(read(&packets), Ok((None, all)));
    let error = WireError::Length { what: "a field", said: 8, there: 4 };
    assert_eq!(read(&[(0x19, &[0; 4])]), Err(AnswerError::Value { tlv: 0x19, error }));
    let error = WireError::Length { what: "a value", said: 8, there: 9 };
    assert_eq!(read(&[(0x19, &[0; 9])]), Err(AnswerError::Value { tlv: 0x19, error }));
}

#[test]
fn the_network_and_the_clock() {
    let serving: &[u8] = &[1, 1, 1, 2, 1, 8];
    let home: &[u8] = &[0xCC, 0x01, 0x01, 0x00, 5, b'C', b'U', b' ', 0xE4, b'G'];
    let read = |tlvs: &[(u8, &[u8])]| {
        nas::read_serving_system(&answer(Service::NAS, nas::SERVING_SYSTEM, tlvs)).unwrap()
    };
    let there = read(&[(0x01, serving), (0x10, &[1]), (0x12, home)]);
    assert_eq!((there.registered, there.roaming), (true, Some(false)));
    let operator = there.operator.unwrap();
    assert_eq!((operator.mcc, operator.mnc, operator.name.as_deref()), (460, 1, Some("CU G")));
    assert_eq!(read(&[(0x01, serving), (0x10, &[0])]).roaming, Some(true));
    assert_eq!(read(&[(0x01, &[2, 0, 0, 0, 0])]).roaming, None);
    assert!(!read(&[(0x01, &[2, 0, 0, 0, 0])]).registered);

    let time = |value: &[u8]| {
        nas::read_network_time(&answer(Service::NAS, nas::NETWORK_TIME, &[(0x01, value)])).unwrap()
    };
    assert_eq!(time(&[0xEA, 0x07, 3, 1, 4, 30, 40, 6]), Some(1_772_339_440));
    for wrong in [[0xEA, 0x07, 2, 30, 4, 30, 40, 6], [0xEA, 0x07, 3, 1, 24, 0, 0, 6]] {
        assert_eq!(time(&wrong), None);
    }
    let time = |count: u64, source: u16| {
        let mut value = count.to_le_bytes()[..6].to_vec();
        value.extend(source.to_le_bytes());
        dms::read_time(&answer(Service::DMS, dms::TIME, &[(0x01, &value)])).unwrap()
    };
    // 2026-03-01T04:30:40Z, less the GPS epoch, with 18 leap seconds; 800 a second.
    let count = (1_772_339_440 - 315_964_800 + 18) * 800;
    assert_eq!(time(count, 1), Some(1_772_339_440));
    assert_eq!(time(count, 0), None, "the modem's own clock, which nobody sets");
}

#[test]
fn the_sims_file_holds_its_number() {
    let file = bytes("986810325476981032F4");
    let mut value = u16::try_from(file.len()).unwrap().to_le_bytes().to_vec();
    value.extend(&file);
    let read =
        |value| uim::read_iccid(&answer(Service::UIM, uim::READ_TRANSPARENT, &[(0x11, value)]));
    assert_eq!(read(&value), Ok("8986012345678901234".to_owned()));
    assert!(matches!(read(&value[..5]), Err(AnswerError::Value { tlv: 0x11, .. })));
}

#[test]
fn a_refusal_has_a_name() {
    let mut refused = answer(Service::DMS, dms::ICCID, &[]);
    refused.tlvs[0] = Tlv::new(0x02, [1, 0, 7, 0]);
    assert_eq!(refused.result(), Err(AnswerError::Refused(Refusal::INVALID_CLIENT_ID)));
    assert_eq!(refused.result().unwrap_err().to_string(), "InvalidClientId (7)");
    assert_eq!(Refusal(999).to_string(), "error 999");
    refused.tlvs.clear();
    assert_eq!(refused.result(), Err(AnswerError::Missing(0x02)));
}

fn all(framer: &mut Framer) -> Vec<Result<Message, WireError>> {
    std::iter::from_fn(|| framer.next_message()).collect()
}

#[test]
fn a_frame_split_at_every_byte_equals_the_whole() {
    for (sender, mark) in [(Sender::Modem, '<'), (Sender::Host, '>')] {
        split(sender, mark);
    }
}

fn split(sender: Sender, mark: char) {
    let frames = || FRAMES.iter().filter(|(name, _)| name.ends_with(mark));
    let whole: Vec<u8> = frames().flat_map(|(_, hex)| bytes(hex)).collect();
    let expected: Vec<Result<Message, WireError>> =
        frames().map(|(_, hex)| Message::decode(&bytes(hex))).collect();
    let mut framer = Framer::new(sender);
    framer.push(&whole);
    assert_eq!(all(&mut framer), expected, "several in one read");
    assert!(!framer.is_waiting());
    for at in 0..=whole.len() {
        let mut framer = Framer::new(sender);
        let mut got = Vec::new();
        for piece in [&whole[..at], &whole[at..]] {
            framer.push(piece);
            got.extend(all(&mut framer));
        }
        assert_eq!(got, expected, "split at {at}");
    }
    let mut framer = Framer::new(sender);
    let mut got = Vec::new();
    for byte in &whole {
        framer.push(&[*byte]);
        got.extend(all(&mut framer));
    }
    assert_eq!(got, expected, "byte by byte");
}

#[test]
fn what_is_no_frame_is_told_and_passed_over() {
    let good = frame("packet statistics <");
    for noise in ["ff", "00ff7e", "01", "0101", "010100", "01ffff80", "010b0042", "0a0d4f4b0d0a"] {
        let noise = bytes(noise);
        let mut framer = Framer::new(Sender::Modem);
        framer.push(&noise);
        framer.push(&good);
        let got = all(&mut framer);
        let (last, strays) = got.split_last().unwrap();
        assert_eq!(*last, Message::decode(&good), "{noise:02x?}");
        let passed: usize = strays
            .iter()
            .map(|stray| match stray {
                Err(WireError::Stray(count)) => *count,
                other => panic!("{other:?}"),
            })
            .sum();
        assert_eq!(passed, noise.len(), "{noise:02x?}");
    }
    for (wrong, error) in [
        ("010c0000020108010025000000", WireError::Header { what: "kind of message", value: 8 }),
        ("010c0000020100010025000100", WireError::Length { what: "values", said: 1, there: 0 }),
        (
            "010f0000020100010025000300010500",
            WireError::Length { what: "a field", said: 5, there: 0 },
        ),
        (
            "010e00000201000100250002000105",
            WireError::Length { what: "a field", said: 2, there: 1 },
        ),
    ] {
        assert_eq!(Message::decode(&bytes(wrong)), Err(error), "{wrong}");
    }
    let too_long = Request::new(Service::WDS, 1).with(1, vec![0; 70_000]).from_client(1, 1);
    assert_eq!(too_long.encode(), Err(WireError::TooLong(70_000)));
    let far = ctl::version_info().from_client(0, 256);
    assert!(matches!(far.encode(), Err(WireError::Length { .. })));
}
