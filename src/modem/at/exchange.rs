//! One command in flight: its answer's lines, and how long it is waited for.

use crate::domain::time::BootMs;
use crate::proto::at::{Class, Command, Final, Lexed, Lexer, Unsolicited, classify};

/// How long the line may be quiet before a command counts as not answered, ms.
pub(super) const QUIET_MS_MAX: u64 = 3_000;
/// How long an answer may take in all, ms: at 1200 baud the longest one takes
/// about 5 s, and a modem that talks without end must not hold the line.
pub(super) const ANSWER_MS_MAX: u64 = 15_000;
/// More lines than any answer that is asked for has.
const LINES_MAX: usize = 32;

/// A whole answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reply {
    /// The text of the command that it answers.
    pub command: &'static str,
    pub lines: Vec<String>,
    pub result: Final,
    /// Lines that belonged nowhere, and broken ones.
    pub strays: u32,
}

impl Reply {
    /// Whether it ended with `OK`.
    pub(super) fn is_ok(&self) -> bool {
        self.result == Final::Ok
    }

    /// Whether it ended with `OK` and nothing broken stood in it: only then are
    /// its figures believed.
    pub(super) fn is_sound(&self) -> bool {
        self.is_ok() && self.strays == 0
    }
}

/// What a byte completed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// The answer to the command in flight.
    Reply(Reply),
    /// Something the modem said of its own accord.
    Unsolicited(Unsolicited),
    /// A line that belongs to no command, while none is in flight: the rest of a
    /// late answer.
    Late,
    /// A broken line.
    Broken,
}

/// The line to the modem, with at most one command in flight.
#[derive(Clone, Debug, Default)]
pub(super) struct Exchange {
    lexer: Lexer,
    in_flight: Option<InFlight>,
}

#[derive(Clone, Debug)]
struct InFlight {
    command: Command,
    sent_ms: BootMs,
    heard_ms: BootMs,
    lines: Vec<String>,
    strays: u32,
}

impl Exchange {
    /// Forgets everything: the port was opened or closed.
    pub(super) fn reset(&mut self) {
        self.lexer.clear();
        self.in_flight = None;
    }

    /// Puts a command in flight.
    pub(super) fn start(&mut self, now_ms: BootMs, command: Command) {
        self.in_flight = Some(InFlight {
            command,
            sent_ms: now_ms,
            heard_ms: now_ms,
            lines: Vec::new(),
            strays: 0,
        });
    }

    /// Gives the command in flight up.
    pub(super) fn abandon(&mut self) {
        self.in_flight = None;
    }

    /// The text of the command in flight.
    pub(super) fn command_text(&self) -> Option<&'static str> {
        self.in_flight.as_ref().map(|flight| flight.command.text)
    }

    /// Whether a line of the answer in flight has arrived.
    pub(super) fn has_lines(&self) -> bool {
        self.in_flight.as_ref().is_some_and(|flight| !flight.lines.is_empty())
    }

    /// When the command in flight counts as not answered.
    pub(super) fn deadline_ms(&self) -> Option<BootMs> {
        self.in_flight.as_ref().map(|flight| {
            let quiet = flight.heard_ms.saturating_add(QUIET_MS_MAX);
            quiet.min(flight.sent_ms.saturating_add(ANSWER_MS_MAX))
        })
    }

    /// What was heard so far of the answer in flight, for people.
    pub(super) fn heard_so_far(&self) -> String {
        match &self.in_flight {
            Some(flight) if flight.strays > 0 => "unreadable bytes".to_owned(),
            Some(flight) if !flight.lines.is_empty() => "an answer without an end".to_owned(),
            Some(_) if self.lexer.in_line() => "half a line".to_owned(),
            Some(_) | None => "nothing".to_owned(),
        }
    }

    /// Takes a byte. The text of a line that it completed is given to `trace`.
    pub(super) fn push(
        &mut self,
        now_ms: BootMs,
        byte: u8,
        trace: &mut dyn FnMut(&str),
    ) -> Option<Heard> {
        if let Some(flight) = &mut self.in_flight {
            flight.heard_ms = now_ms;
        }
        let line = match self.lexer.push(byte)? {
            Lexed::Line(line) => line,
            Lexed::Garbled => return Some(self.broken("(unreadable)", trace)),
            Lexed::Overlong => return Some(self.broken("(too long)", trace)),
        };
        trace(&line);
        let class = classify(&line, self.in_flight.as_ref().map(|flight| &flight.command));
        match class {
            Class::Echo => None,
            Class::Unsolicited(said) => Some(Heard::Unsolicited(said)),
            Class::Final(result) => Some(match self.in_flight.take() {
                Some(InFlight { command, lines, strays, .. }) => {
                    Heard::Reply(Reply { command: command.text, lines, result, strays })
                }
                None => Heard::Late,
            }),
            Class::Information => {
                if let Some(flight) = &mut self.in_flight {
                    if flight.lines.len() < LINES_MAX {
                        flight.lines.push(line);
                    } else {
                        flight.strays = flight.strays.saturating_add(1);
                    }
                }
                None
            }
            Class::Stray => match &mut self.in_flight {
                Some(flight) => {
                    flight.strays = flight.strays.saturating_add(1);
                    None
                }
                None => Some(Heard::Late),
            },
        }
    }

    fn broken(&mut self, shown: &str, trace: &mut dyn FnMut(&str)) -> Heard {
        trace(shown);
        if let Some(flight) = &mut self.in_flight {
            flight.strays = flight.strays.saturating_add(1);
        }
        Heard::Broken
    }
}
