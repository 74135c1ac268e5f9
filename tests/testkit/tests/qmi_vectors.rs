//! Frames that the real libqmi made or decoded, byte for byte through the simulator's own codec.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail"
)]

use posdata_testkit::Bytes;
use posdata_testkit::qmi::{
    CTL, DMS, Family, Frame, FrameReader, Kind, QmiIdentity, QmiModem, Tlvs, WDS,
};

const OK: [u8; 4] = [0; 4];

fn bytes(hex: &str) -> Vec<u8> {
    let digits = |at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    (0..hex.len()).step_by(2).map(digits).collect()
}

fn frame(service: u8, client: u8, kind: Kind, transaction: u16, message: u16, tlvs: Tlvs) -> Frame {
    Frame { service, client, kind, transaction, message, tlvs }
}

fn request(service: u8, client: u8, transaction: u16, message: u16, tlvs: Tlvs) -> Frame {
    frame(service, client, Kind::Request, transaction, message, tlvs)
}

fn response(service: u8, client: u8, transaction: u16, message: u16, result: [u8; 4]) -> Frame {
    frame(service, client, Kind::Response, transaction, message, Tlvs::default().with(2, result))
}

fn and(mut frame: Frame, kind: u8, value: impl Into<Vec<u8>>) -> Frame {
    frame.tlvs = frame.tlvs.with(kind, value);
    frame
}

fn vectors() -> Vec<(&'static str, Frame)> {
    let none = Tlvs::default;
    let one = |kind, value: &[u8]| Tlvs::default().with(kind, value);
    let services = [
        6, 0, 1, 0, 5, 0, 1, 1, 0, 36, 0, 2, 1, 0, 14, 0, 3, 1, 0, 25, 0, 11, 1, 0, 22, 0, 26, 1,
        0, 13, 0,
    ];
    let ids = response(DMS, 1, 0xFFFF, 0x25, OK);
    let ids = and(and(ids, 0x13, "B"), 0x12, "35922505003997");
    let ids = and(and(ids, 0x10, "80997874"), 0x11, "359225050039973");
    vec![
        ("010b00000000000121000000", request(CTL, 0, 1, 0x21, none())),
        (
            "01340080000001012100290002040000000000011f0006000100050001010024000201000e0003010019000b010016001a01000d00",
            and(response(CTL, 0, 1, 0x21, OK), 1, services),
        ),
        ("010f0000000000052200040001010001", request(CTL, 0, 5, 0x22, one(1, &[WDS]))),
        (
            "011700800000010522000c00020400000000000102000101",
            and(response(CTL, 0, 5, 0x22, OK), 1, [WDS, 1]),
        ),
        ("010f0000000000042200040001010002", request(CTL, 0, 4, 0x22, one(1, &[DMS]))),
        (
            "011700800000010422000c00020400000000000102000201",
            and(response(CTL, 0, 4, 0x22, OK), 1, [DMS, 1]),
        ),
        (
            "011800000000000100ff0d00010a002f6465762f7074732f31",
            request(CTL, 0, 1, 0xFF00, one(1, b"/dev/pts/1")),
        ),
        ("011200800000010100ff070002040000000000", response(CTL, 0, 1, 0xFF00, OK)),
        ("010c0000020100010025000000", request(DMS, 1, 1, 0x25, none())),
        (
            "012e00800201020100250022000204000000000010010030110f003836373639383034313233343536333302003031",
            and(
                and(and(response(DMS, 1, 1, 0x25, OK), 0x10, "0"), 0x11, "867698041234563"),
                0x33,
                "01",
            ),
        ),
        ("010c000002010003003c000000", request(DMS, 1, 3, 0x3C, none())),
        (
            "0129008002010203003c001d000204000000000001130038393836303031323334353637383930313233",
            and(response(DMS, 1, 3, 0x3C, OK), 1, "8986001234567890123"),
        ),
        ("010c0000010100010022000000", request(WDS, 1, 1, 0x22, none())),
        (
            "01170080010102010022000b000204000000000001010002",
            and(response(WDS, 1, 1, 0x22, OK), 1, [2]),
        ),
        (
            "01130000010100020024000700010400c0000000",
            request(WDS, 1, 2, 0x24, one(1, &[0xC0, 0, 0, 0])),
        ),
        (
            "01290080010102020024001d000204000000000019080087d61200000000001a08007bf2052a01000000",
            and(
                and(response(WDS, 1, 2, 0x24, OK), 0x19, 1_234_567_u64.to_le_bytes()),
                0x1A,
                5_000_000_123_u64.to_le_bytes(),
            ),
        ),
        (
            "01290080010102010024001d0002040001000f001b08006f000000000000001c0800de00000000000000",
            and(
                and(response(WDS, 1, 1, 0x24, [1, 0, 15, 0]), 0x1B, 111_u64.to_le_bytes()),
                0x1C,
                222_u64.to_le_bytes(),
            ),
        ),
        (
            "01450080020102ffff250039000204000000000013010042120e0033353932323530353030333939371008003830393937383734110f00333539323235303530303339393733",
            ids,
        ),
        ("0110000000000006230005000102000101", request(CTL, 0, 6, 0x23, one(1, &[WDS, 1]))),
        (
            "011700800000010623000c00020400000000000102000101",
            and(response(CTL, 0, 6, 0x23, OK), 1, [WDS, 1]),
        ),
    ]
}

#[test]
fn each_known_frame_reads_and_writes_the_same() {
    for (hex, frame) in vectors() {
        assert_eq!(Frame::decode(&bytes(hex)), Ok(frame.clone()), "{hex}");
        assert_eq!(frame.encode(), bytes(hex), "{hex}");
    }
}

#[test]
fn all_of_them_in_one_go_are_cut_apart_again() {
    let all: Vec<u8> = vectors().iter().flat_map(|(hex, _)| bytes(hex)).collect();
    for size in [1, 2, 7, all.len()] {
        let mut reader = FrameReader::default();
        let mut read = Vec::new();
        for piece in all.chunks(size) {
            reader.push(piece);
            read.extend(std::iter::from_fn(|| reader.next_frame()));
        }
        let expected: Vec<Vec<u8>> = vectors().iter().map(|(hex, _)| bytes(hex)).collect();
        assert_eq!(read, expected);
    }
}

#[test]
fn the_modem_answers_what_the_real_libqmi_understood() {
    let identity = QmiIdentity { imei: "867698041234563".to_owned(), ..QmiIdentity::from_seed(1) };
    let mut modem = QmiModem::new(identity.with_card("8986001234567890123"));
    modem.traffic(Family::V4, Bytes::new(1_234_567, 5_000_000_123));
    let known = vectors();
    // Versions, two clients, the card's number, status, statistics; each request stands before its answer.
    for index in [0, 2, 4, 10, 12, 14] {
        modem.receive(&bytes(known[index].0));
        assert_eq!(modem.poll_transmit().unwrap(), bytes(known[index + 1].0), "{}", known[index].0);
    }
    modem.disconnect(Family::V4);
    modem.poll_transmit();
    modem.connect(Family::V4);
    modem.traffic(Family::V4, Bytes::new(111, 222));
    modem.disconnect(Family::V4);
    while modem.poll_transmit().is_some() {}
    let (out_of_call, _) = known[16];
    modem.receive(&bytes("01130000010100010024000700010400c0000000"));
    assert_eq!(modem.poll_transmit().unwrap(), bytes(out_of_call));
}
