//! Bytes as they come, whole frames out: a read may hold part of a frame, or
//! several.

use std::collections::VecDeque;

use super::error::WireError;
use super::message::{HEADER_BYTES, MARKER, Message, Sender};

/// Bytes of the shortest frame: a header, and that of a control message.
const FRAME_BYTES_MIN: usize = HEADER_BYTES + 6;
/// The longest frame that is taken for one: the kernel hands over 4 KiB at most.
const FRAME_BYTES_MAX: usize = 8 * 1024;

/// Puts frames together. It holds at most one frame that is not yet whole, and
/// what was pushed behind it.
#[derive(Clone, Debug)]
pub struct Framer {
    sender: Sender,
    bytes: VecDeque<u8>,
    /// Bytes passed over since the last frame.
    strays: usize,
}

impl Framer {
    /// Listens to one side; what bears the other's mark is no frame.
    #[must_use]
    pub fn new(sender: Sender) -> Self {
        Self { sender, bytes: VecDeque::new(), strays: 0 }
    }

    /// Takes bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
    }

    /// Forgets what is not whole: the port was opened anew, or the rest of the
    /// frame does not come.
    pub fn clear(&mut self) {
        // Not `clear`: a burst must not keep its memory for ever.
        *self = Self::new(self.sender);
    }

    /// Whether part of a frame waits for its rest.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        !self.bytes.is_empty()
    }

    /// The next whole message, or what is there instead of one. `None`: more
    /// bytes are needed.
    pub fn next_message(&mut self) -> Option<Result<Message, WireError>> {
        loop {
            let length = match self.header() {
                Header::Frame(length) => length,
                Header::Short => return None,
                Header::None => {
                    // Where no frame begins, one may begin a byte later.
                    self.bytes.pop_front();
                    self.strays += 1;
                    let begins = matches!(self.header(), Header::Frame(_));
                    if begins || self.bytes.is_empty() {
                        return Some(Err(WireError::Stray(std::mem::take(&mut self.strays))));
                    }
                    continue;
                }
            };
            if self.bytes.len() < length {
                return None;
            }
            let frame: Vec<u8> = self.bytes.drain(..length).collect();
            if self.bytes.is_empty() {
                self.bytes = VecDeque::new();
            }
            return Some(Message::decode(&frame));
        }
    }

    fn header(&self) -> Header {
        let byte = |index: usize| self.bytes.get(index).copied();
        match (byte(0), byte(1), byte(2), byte(3)) {
            (Some(MARKER), Some(low), Some(high), sender) => {
                let length = usize::from(u16::from_le_bytes([low, high])) + 1;
                let fits = (FRAME_BYTES_MIN..=FRAME_BYTES_MAX).contains(&length);
                match sender {
                    _ if !fits => Header::None,
                    Some(mark) if mark == self.sender.mark() => Header::Frame(length),
                    Some(_) => Header::None,
                    None => Header::Short,
                }
            }
            (Some(MARKER), ..) | (None, ..) => Header::Short,
            (Some(_), ..) => Header::None,
        }
    }
}

/// What stands at the front.
enum Header {
    /// A frame of so many bytes.
    Frame(usize),
    /// Too little to tell.
    Short,
    /// No frame.
    None,
}
