//! Owns the line between modem and host, without I/O: command lines out of bytes, and bytes on their way out,
//! slow, dropped or cut as a script wants them.

use std::collections::VecDeque;
use std::io;
use std::time::{Duration, Instant};

use crate::accounting::Answer;

/// The longest command line; what is longer answers `ERROR` in a real modem and is dropped here.
const COMMAND_BYTES_MAX: usize = 2048;
/// Bytes waiting for a host that does not read; what comes on top is lost, as in a real modem.
const WAITING_BYTES_MAX: usize = 256 * 1024;

/// Puts command lines together.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    line: Vec<u8>,
}

impl Inbox {
    /// Takes one byte; gives the line that it ended.
    pub(crate) fn take(&mut self, byte: u8) -> Option<String> {
        match byte {
            b'\r' => {
                let line = String::from_utf8_lossy(&self.line).into_owned();
                self.line.clear();
                (!line.trim().is_empty()).then_some(line)
            }
            b'\n' => None,
            0x1B => {
                self.line.clear();
                None
            }
            byte => {
                if self.line.len() < COMMAND_BYTES_MAX {
                    self.line.push(byte);
                }
                None
            }
        }
    }

    pub(crate) fn clear(&mut self) {
        self.line.clear();
    }
}

/// Something on its way out.
#[derive(Debug)]
struct Piece {
    bytes: VecDeque<u8>,
    /// Counts as answered when its last byte is out and none was lost.
    answer: Option<Answer>,
}

/// What waits to go out.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    pieces: VecDeque<Piece>,
    waiting: usize,
    drop_left: usize,
    per_byte: Duration,
    next_at: Option<Instant>,
    blocked: bool,
}

impl Outbox {
    pub(crate) fn push(&mut self, bytes: &[u8], answer: Option<Answer>) {
        if self.waiting + bytes.len() <= WAITING_BYTES_MAX {
            self.waiting += bytes.len();
            self.pieces.push_back(Piece {
                bytes: bytes.iter().copied().collect(),
                answer,
            });
        }
    }

    /// The next `count` bytes will never arrive.
    pub(crate) fn drop_next(&mut self, count: usize) {
        self.drop_left = self.drop_left.saturating_add(count);
    }

    /// The pause before each byte; zero for none.
    pub(crate) fn set_pace(&mut self, per_byte: Duration) {
        self.per_byte = per_byte;
        self.next_at = None;
    }

    pub(crate) fn clear(&mut self) {
        *self = Outbox {
            per_byte: self.per_byte,
            drop_left: self.drop_left,
            ..Outbox::default()
        };
    }

    /// Hands bytes to `write` until it takes no more or the pace says wait; gives the answers that are out. With
    /// `hurry` the pace is ignored.
    pub(crate) fn pump(
        &mut self,
        now: Instant,
        hurry: bool,
        mut write: impl FnMut(&[u8]) -> io::Result<usize>,
    ) -> Vec<Answer> {
        let mut answered = Vec::new();
        self.blocked = false;
        let paced = !self.per_byte.is_zero() && !hurry;
        while let Some(piece) = self.pieces.front_mut() {
            if piece.bytes.is_empty() {
                answered.extend(piece.answer.take());
                self.pieces.pop_front();
                continue;
            }
            if self.drop_left > 0 {
                let gone = self.drop_left.min(piece.bytes.len());
                piece.bytes.drain(..gone);
                piece.answer = None;
                self.drop_left -= gone;
                self.waiting -= gone;
                continue;
            }
            if paced {
                let due = *self.next_at.get_or_insert(now + self.per_byte);
                if due > now {
                    return answered;
                }
                self.next_at = Some(due + self.per_byte);
            }
            let run = piece.bytes.as_slices().0;
            let run = if paced {
                run.get(..1).unwrap_or(run)
            } else {
                run
            };
            match write(run) {
                Ok(0) | Err(_) => {
                    self.blocked = true;
                    return answered;
                }
                Ok(written) => {
                    piece.bytes.drain(..written.min(piece.bytes.len()));
                    self.waiting -= written.min(self.waiting);
                }
            }
        }
        self.next_at = None;
        answered
    }

    /// The line takes no more for now: wait until it does.
    pub(crate) fn is_blocked(&self) -> bool {
        self.blocked
    }

    /// When the next byte of a slow line goes out.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        if self.pieces.is_empty() || self.blocked {
            None
        } else {
            self.next_at
        }
    }
}

/// The bytes of a reply: its lines in one block, then the final result. With `between`, each line is followed by
/// an unsolicited one.
pub(crate) fn frame(
    lines: &[String],
    result: &str,
    mut between: impl FnMut() -> Option<String>,
) -> Vec<u8> {
    let mut bytes = String::new();
    for (index, line) in lines.iter().enumerate() {
        let lead = if index == 0 { "\r\n" } else { "" };
        bytes.push_str(&format!("{lead}{line}\r\n"));
        if let Some(unsolicited) = between() {
            bytes.push_str(&format!("\r\n{unsolicited}\r\n"));
        }
    }
    bytes.push_str(&format!("\r\n{result}\r\n"));
    bytes.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accounting::Books;
    use crate::clock;

    fn drain(outbox: &mut Outbox, at: Instant) -> (Vec<u8>, usize) {
        let mut out = Vec::new();
        let answers = outbox.pump(at, false, |bytes| {
            out.extend_from_slice(bytes);
            Ok(bytes.len())
        });
        (out, answers.len())
    }

    #[test]
    fn lines_end_with_a_carriage_return() {
        let mut inbox = Inbox::default();
        let lines: Vec<String> = b"AT\r\nATE0\r\r\n\rxx\x1bAT+CSQ\r"
            .iter()
            .filter_map(|byte| inbox.take(*byte))
            .collect();
        assert_eq!(lines, ["AT", "ATE0", "AT+CSQ"]);
    }

    #[test]
    fn an_answer_counts_only_when_whole() {
        let mut books = Books::default();
        let mut outbox = Outbox::default();
        let now = clock::now();
        outbox.push(b"one", Some(books.query()));
        outbox.drop_next(4);
        outbox.push(b"two", Some(books.query()));
        outbox.push(b"three", Some(books.query()));
        assert_eq!(drain(&mut outbox, now), (b"wothree".to_vec(), 1));
    }

    #[test]
    fn a_slow_line_sends_byte_by_byte() {
        let mut outbox = Outbox::default();
        let now = clock::now();
        outbox.set_pace(Duration::from_millis(10));
        outbox.push(b"abc", None);
        assert_eq!(drain(&mut outbox, now).0, b"");
        assert_eq!(outbox.deadline(), Some(now + Duration::from_millis(10)));
        assert_eq!(drain(&mut outbox, now + Duration::from_millis(20)).0, b"ab");
        assert_eq!(drain(&mut outbox, now + Duration::from_millis(30)).0, b"c");
    }

    #[test]
    fn a_host_that_does_not_read_costs_bytes_not_memory() {
        let mut outbox = Outbox::default();
        for _ in 0..1000 {
            outbox.push(&[0; 1024], None);
        }
        assert!(outbox.waiting <= WAITING_BYTES_MAX);
        outbox.pump(clock::now(), false, |_| {
            Err(io::ErrorKind::WouldBlock.into())
        });
        assert!(outbox.is_blocked());
    }

    #[test]
    fn a_reply_is_one_block_and_a_result() {
        let lines = ["+A: 1".to_owned(), "+A: 2".to_owned()];
        assert_eq!(
            frame(&lines, "OK", || None),
            b"\r\n+A: 1\r\n+A: 2\r\n\r\nOK\r\n"
        );
        assert_eq!(frame(&[], "ERROR", || None), b"\r\nERROR\r\n");
        let unsolicited = frame(&lines[..1], "OK", || Some("RING".to_owned()));
        assert_eq!(unsolicited, b"\r\n+A: 1\r\n\r\nRING\r\n\r\nOK\r\n");
    }
}
