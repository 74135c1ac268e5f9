//! Owns the script language: its words, its commands, and errors that name the line.
//!
//! ```text
#![doc = include_str!("language.txt")]
//! ```

mod commands;
pub(crate) mod parse;
pub(crate) mod words;

use std::fmt;
use std::time::Duration;

use crate::accounting::Bytes;
use crate::clock::ClockSetting;
use crate::modem::IccidForm;

/// The language by example: itself a valid script.
pub const LANGUAGE: &str = include_str!("language.txt");

/// A script, read and checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Script {
    pub(crate) steps: Vec<Step<Command>>,
}

impl Script {
    /// Reads a script; nothing of it is carried out.
    pub fn parse(text: &str) -> Result<Script, ScriptError> {
        Ok(Script { steps: parse::script(text)? })
    }
}

/// Why a script could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong there, and what would be right.
    pub message: String,
}

impl fmt::Display for ScriptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.message)
    }
}

impl std::error::Error for ScriptError {}

/// One step of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Step<C> {
    pub(crate) line: usize,
    pub(crate) action: Action<C>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action<C> {
    Do { command: C, background: bool },
    Repeat { times: u64, steps: Vec<Step<C>> },
}

/// One command to the simulated modem; `language.txt` says what each does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Wait(Duration),
    AwaitPolls { count: u64, within: Duration },
    Traffic(Bytes),
    TrafficRandom { bytes: u64, over: Duration },
    TrafficRate { per_second: Bytes, length: Option<Duration> },
    TrafficStop,
    Counter(Bytes),
    Reset,
    Save,
    Autosave(Option<Duration>),
    Contexts(usize),
    SessionResetsTotals(bool),
    ColumnsReversed(bool),
    Prefix(char),
    PowerCycle(Duration),
    Session(Duration),
    SimOut,
    SimIn,
    SwapSim { iccid: String, imsi: Option<String> },
    Roaming(bool),
    ReportsAlways(bool),
    Clock(ClockSetting),
    IccidForm(IccidForm),
    Silence(Duration),
    Hangup(Duration),
    Echo(bool),
    Slow(Duration),
    Interleave(bool),
    Urc(String),
    Garbage(usize),
    OnReply(ReplyFault),
    Drop(usize),
    ErrorNext { result: String, counter_only: bool },
    Exit,
}

/// What befalls the next counter reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ReplyFault {
    Half,
    Truncate(usize),
    Garbage(usize),
}
