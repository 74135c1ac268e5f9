//! A QMI modem in memory and the host that asks it, for the tests.

#![allow(dead_code, reason = "each test program uses its part")]

use posdata_testkit::qmi::{CTL, Frame, FrameReader, Kind, QmiIdentity, QmiModem, Tlvs, WDS};

/// A modem and the host that asks it.
pub(crate) struct Pair {
    pub(crate) modem: QmiModem,
    pub(crate) reader: FrameReader,
    pub(crate) transaction: u16,
}

pub(crate) type Told = Option<(u64, u64)>;

impl Pair {
    pub(crate) fn new() -> Pair {
        let modem = QmiModem::new(QmiIdentity::from_seed(7));
        Pair { modem, reader: FrameReader::default(), transaction: 0 }
    }

    pub(crate) fn send(&mut self, service: u8, client: u8, message: u16, tlvs: Tlvs) {
        self.transaction += 1;
        let (kind, transaction) = (Kind::Request, self.transaction);
        let frame = Frame { service, client, kind, transaction, message, tlvs };
        self.modem.receive(&frame.encode());
    }

    /// Everything that the modem says now.
    pub(crate) fn hear(&mut self) -> Vec<Frame> {
        while let Some(bytes) = self.modem.poll_transmit() {
            self.reader.push(&bytes);
        }
        let frames = std::iter::from_fn(|| self.reader.next_frame());
        frames.map(|raw| Frame::decode(&raw).unwrap()).collect()
    }

    pub(crate) fn ask(&mut self, service: u8, client: u8, message: u16, tlvs: Tlvs) -> Frame {
        self.send(service, client, message, tlvs);
        let is_answer = |frame: &Frame| frame.kind == Kind::Response;
        self.hear().into_iter().find(is_answer).expect("an answer")
    }

    pub(crate) fn allocate(&mut self, service: u8) -> u8 {
        self.ask(CTL, 0, 0x22, value(1, [service])).tlvs.array::<2>(1).unwrap()[1]
    }

    /// A data client of this family.
    pub(crate) fn data(&mut self, family: u8) -> u8 {
        let client = self.allocate(WDS);
        assert_eq!(error(&self.ask(WDS, client, 0x4D, value(1, [family]))), 0);
        client
    }

    pub(crate) fn statistics(&mut self, client: u8) -> Frame {
        self.ask(WDS, client, 0x24, value(1, 0xC0_u32.to_le_bytes()))
    }
}

pub(crate) fn none() -> Tlvs {
    Tlvs::default()
}

pub(crate) fn value(kind: u8, value: impl Into<Vec<u8>>) -> Tlvs {
    none().with(kind, value)
}

pub(crate) fn error(frame: &Frame) -> u16 {
    let [status, 0, low, high] = frame.tlvs.array::<4>(2).unwrap() else { panic!("{frame:?}") };
    let code = u16::from_le_bytes([low, high]);
    assert_eq!(status != 0, code != 0);
    code
}

pub(crate) fn pair_of(frame: &Frame, [tx, rx]: [u8; 2]) -> Told {
    let number = |kind| frame.tlvs.array(kind).map(u64::from_le_bytes);
    Some((number(tx)?, number(rx)?))
}

pub(crate) fn current(frame: &Frame) -> Told {
    pair_of(frame, [0x19, 0x1A])
}

pub(crate) fn last_call(frame: &Frame) -> Told {
    pair_of(frame, [0x1B, 0x1C])
}

pub(crate) fn text(frame: &Frame) -> String {
    String::from_utf8(frame.tlvs.get(1).unwrap().to_vec()).unwrap()
}
