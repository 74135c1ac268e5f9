//! Owns the bytes of QMI as the simulated modem writes and reads them: frames, their messages and TLVs.

/// The control service, whose transaction numbers have one byte.
pub const CTL: u8 = 0;
/// Wireless data: sessions and their counters.
pub const WDS: u8 = 1;
/// The device: who it is, its clock.
pub const DMS: u8 = 2;
/// The network.
pub const NAS: u8 = 3;
/// The card.
pub const UIM: u8 = 0x0B;

/// The first byte of every frame.
const MARK: u8 = 0x01;
/// Bytes before the message: mark, length, flags, service, client.
const HEAD: usize = 6;
/// A length beyond this is taken for noise; the longest real messages are far shorter.
const LENGTH_MAX: usize = 4096;

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// From the host.
    Request,
    /// The modem's answer.
    Response,
    /// From the modem, unasked.
    Indication,
}

/// One message in its frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The service it belongs to.
    pub service: u8,
    /// The client of that service; 0 for control, 255 for all.
    pub client: u8,
    /// Request, response or indication.
    pub kind: Kind,
    /// Which request this is or answers.
    pub transaction: u16,
    /// What it is about.
    pub message: u16,
    /// Its values, in order.
    pub tlvs: Tlvs,
}

/// Why a whole frame is no message, and whom to tell: what could be read of it, without values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken(pub Option<Frame>);

impl Frame {
    /// The frame's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let values = self.tlvs.encode();
        let mut message = Vec::with_capacity(7 + values.len());
        let control = self.service == CTL;
        message.push(match (self.kind, control) {
            (Kind::Request, _) => 0,
            (Kind::Response, true) => 1,
            (Kind::Response, false) | (Kind::Indication, true) => 2,
            (Kind::Indication, false) => 4,
        });
        let [low, high] = self.transaction.to_le_bytes();
        message.push(low);
        if !control {
            message.push(high);
        }
        message.extend(self.message.to_le_bytes());
        message.extend(short(values.len()));
        message.extend(values);
        let mut bytes = vec![MARK];
        bytes.extend(short(message.len() + HEAD - 1));
        bytes.push(if self.kind == Kind::Request { 0x00 } else { 0x80 });
        bytes.extend([self.service, self.client]);
        bytes.extend(message);
        bytes
    }

    /// Reads a whole frame.
    pub fn decode(bytes: &[u8]) -> Result<Frame, Broken> {
        let mut rest = Cut(bytes);
        let head = || Broken(None);
        let (mark, length) =
            (rest.byte().ok_or_else(head)?, usize::from(rest.short().ok_or_else(head)?));
        if mark != MARK || length + 1 != bytes.len() {
            return Err(head());
        }
        rest.byte().ok_or_else(head)?;
        let service = rest.byte().ok_or_else(head)?;
        let client = rest.byte().ok_or_else(head)?;
        let flags = rest.byte().ok_or_else(head)?;
        let kind = match (flags, service == CTL) {
            (0, _) => Kind::Request,
            (1, true) | (2, false) => Kind::Response,
            (2, true) | (4, false) => Kind::Indication,
            _ => return Err(head()),
        };
        let transaction = if service == CTL { rest.byte().map(u16::from) } else { rest.short() };
        let transaction = transaction.ok_or_else(head)?;
        let message = rest.short().ok_or_else(head)?;
        let mut frame =
            Frame { service, client, kind, transaction, message, tlvs: Tlvs::default() };
        let stated = rest.short().map(usize::from);
        match Tlvs::decode(rest.0).filter(|_| stated == Some(rest.0.len())) {
            Some(tlvs) => {
                frame.tlvs = tlvs;
                Ok(frame)
            }
            None => Err(Broken(Some(frame))),
        }
    }
}

/// The values of a message: type and bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tlvs(Vec<(u8, Vec<u8>)>);

impl Tlvs {
    /// Adds a value.
    pub fn with(mut self, kind: u8, value: impl Into<Vec<u8>>) -> Tlvs {
        self.0.push((kind, value.into()));
        self
    }

    /// The first value of this type.
    pub fn get(&self, kind: u8) -> Option<&[u8]> {
        self.0.iter().find(|(this, _)| *this == kind).map(|(_, value)| value.as_slice())
    }

    /// The first value of this type, when it has exactly so many bytes.
    pub fn array<const N: usize>(&self, kind: u8) -> Option<[u8; N]> {
        self.get(kind)?.try_into().ok()
    }

    /// Each type with its value, in order.
    pub fn iter(&self) -> impl Iterator<Item = (u8, &[u8])> {
        self.0.iter().map(|(kind, value)| (*kind, value.as_slice()))
    }

    fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (kind, value) in &self.0 {
            bytes.push(*kind);
            bytes.extend(short(value.len()));
            bytes.extend(value);
        }
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<Tlvs> {
        let (mut tlvs, mut rest) = (Tlvs::default(), Cut(bytes));
        while let Some(kind) = rest.byte() {
            let length = usize::from(rest.short()?);
            tlvs.0.push((kind, rest.take(length)?.to_vec()));
        }
        Some(tlvs)
    }
}

/// Cuts whole frames out of bytes that come in any pieces; steps over what is no frame.
#[derive(Clone, Debug, Default)]
pub struct FrameReader {
    bytes: Vec<u8>,
}

impl FrameReader {
    /// Takes what came in.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The next whole frame, once all of it is there.
    pub fn next_frame(&mut self) -> Option<Vec<u8>> {
        loop {
            let start = self.bytes.iter().position(|byte| *byte == MARK);
            self.bytes.drain(..start.unwrap_or(self.bytes.len()));
            let mut head = Cut(self.bytes.get(1..)?);
            let length = usize::from(head.short()?);
            let flags = head.byte()?;
            if (HEAD + 5..LENGTH_MAX).contains(&length) && matches!(flags, 0x00 | 0x80) {
                let whole = self.bytes.get(..length + 1)?.to_vec();
                self.bytes.drain(..=length);
                return Some(whole);
            }
            self.bytes.drain(..1);
        }
    }
}

/// Bytes from which values are cut, front first.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cut<'a>(pub(crate) &'a [u8]);

impl<'a> Cut<'a> {
    pub(crate) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    pub(crate) fn byte(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    pub(crate) fn short(&mut self) -> Option<u16> {
        Some(u16::from_le_bytes(self.take(2)?.try_into().ok()?))
    }
}

/// A length as it stands on the wire. Nothing here is ever that long.
fn short(length: usize) -> [u8; 2] {
    u16::try_from(length).unwrap_or(u16::MAX).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame() -> Frame {
        let tlvs = Tlvs::default().with(1, [7, 8]).with(0x10, []);
        Frame {
            service: 3,
            client: 9,
            kind: Kind::Indication,
            transaction: 0x1234,
            message: 0x4C,
            tlvs,
        }
    }

    #[test]
    fn a_frame_reads_back_and_its_bytes_are_known() {
        let bytes = frame().encode();
        assert_eq!(
            bytes,
            [1, 20, 0, 0x80, 3, 9, 4, 0x34, 0x12, 0x4C, 0, 8, 0, 1, 2, 0, 7, 8, 0x10, 0, 0]
        );
        assert_eq!(Frame::decode(&bytes), Ok(frame()));
    }

    #[test]
    fn frames_come_in_any_pieces_and_behind_noise() {
        let mut bytes = vec![0xFF, 1, 0xFF, 0xFF, 0x80, 1, 2, 0, 0];
        bytes.extend(frame().encode());
        bytes.extend(frame().encode());
        for size in 1..bytes.len() {
            let (mut reader, mut found) = (FrameReader::default(), 0);
            for piece in bytes.chunks(size) {
                reader.push(piece);
                while let Some(raw) = reader.next_frame() {
                    assert_eq!(Frame::decode(&raw), Ok(frame()), "pieces of {size}");
                    found += 1;
                }
            }
            assert_eq!(found, 2, "pieces of {size}");
        }
    }

    #[test]
    fn a_wrong_length_inside_is_told_with_what_could_be_read() {
        let mut bytes = frame().encode();
        bytes[14] = 3;
        let Err(Broken(Some(read))) = Frame::decode(&bytes) else { panic!("{bytes:?}") };
        assert_eq!((read.transaction, read.message), (0x1234, 0x4C));
        assert_eq!(Frame::decode(&bytes[..9]), Err(Broken(None)));
    }
}
