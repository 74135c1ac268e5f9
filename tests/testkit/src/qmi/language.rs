//! Owns the commands of the QMI modem's script language.
//!
//! ```text
#![doc = include_str!("language.txt")]
//! ```

use std::time::Duration;

use crate::clock::ClockSetting;
use crate::handle::Commands;
use crate::qmi::family::Family;
use crate::qmi::faults::Aim;
use crate::script::parse::{Language, Parsed, Parser, Traffic};
use crate::script::words::Token;
use crate::script::{ScriptError, Step, parse};

/// The language by example: itself a valid script.
pub const QMI_LANGUAGE: &str = include_str!("language.txt");

/// A script for the QMI modem, read and checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QmiScript {
    pub(crate) steps: Vec<Step<QmiCommand>>,
}

impl QmiScript {
    /// Reads a script; nothing of it is carried out.
    pub fn parse(text: &str) -> Result<QmiScript, ScriptError> {
        Ok(QmiScript { steps: parse::script(text)? })
    }
}

/// One command to the simulated modem; `language.txt` says what each does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum QmiCommand {
    Wait(Duration),
    AwaitPolls { count: u64, within: Duration },
    Traffic(Family, Traffic),
    Session(Family, SessionChange),
    PowerCycle(Duration),
    SimOut,
    SimIn,
    SwapSim { iccid: String, imsi: Option<String> },
    Roaming(bool),
    Clock(ClockSetting),
    Silence(Duration),
    SilenceRequests(u64),
    Hangup(Duration),
    ForgetClients,
    Duplicate(Aim),
    Late(Duration, Aim),
    WrongTransaction(Aim),
    Error(u16, Aim),
    Garbage(usize),
    Coalesce(bool),
    Split(bool),
    MissingBytes(bool),
    NoDmsIccid(bool),
    FewServices(bool),
    ProxySilent(bool),
    ProxyDrop,
    Exit,
}

/// What becomes of a data session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SessionChange {
    Up,
    Down,
    /// Down for so long, then up.
    Cycle(Duration),
    Suspend,
    Resume,
}

impl Commands for QmiCommand {
    fn is_last(&self) -> bool {
        *self == QmiCommand::Exit
    }
}

impl Language for QmiCommand {
    fn read(parser: &mut Parser, name: &str) -> Parsed<QmiCommand> {
        Ok(match name {
            "wait" => QmiCommand::Wait(parser.duration()?),
            "await" => {
                let (count, within) = parser.await_polls()?;
                QmiCommand::AwaitPolls { count, within }
            }
            "traffic" => QmiCommand::Traffic(family(parser), parser.traffic()?),
            "session" => QmiCommand::Session(family(parser), session(parser)?),
            "power-cycle" => QmiCommand::PowerCycle(parser.optional_for()?),
            "sim" => parser.choice([("out", QmiCommand::SimOut), ("in", QmiCommand::SimIn)])?,
            "swap-sim" => {
                let (iccid, imsi) = parser.card()?;
                QmiCommand::SwapSim { iccid, imsi }
            }
            "roaming" => QmiCommand::Roaming(parser.on_off()?),
            "clock" => QmiCommand::Clock(parser.clock()?),
            "silence" => silence(parser)?,
            "hangup" => QmiCommand::Hangup(parser.optional_for()?),
            "forget-clients" => QmiCommand::ForgetClients,
            "duplicate" => QmiCommand::Duplicate(aim(parser)),
            "late" => QmiCommand::Late(parser.duration()?, aim(parser)),
            "wrong-transaction" => QmiCommand::WrongTransaction(aim(parser)),
            "error" => {
                let code = parser.number("an error number")?;
                let code = u16::try_from(code).ok().filter(|code| *code > 0);
                let code = code.ok_or_else(|| parser.error("errors go from 1 to 65535"))?;
                QmiCommand::Error(code, aim(parser))
            }
            "garbage" => QmiCommand::Garbage(parser.count()?),
            "coalesce" => QmiCommand::Coalesce(parser.on_off()?),
            "split" => QmiCommand::Split(parser.on_off()?),
            "missing-bytes" => QmiCommand::MissingBytes(parser.on_off()?),
            "no-dms-iccid" => QmiCommand::NoDmsIccid(parser.on_off()?),
            "few-services" => QmiCommand::FewServices(parser.on_off()?),
            "proxy" => parser.choice([
                ("silent", QmiCommand::ProxySilent(true)),
                ("speaks", QmiCommand::ProxySilent(false)),
                ("drop", QmiCommand::ProxyDrop),
            ])?,
            "exit" => QmiCommand::Exit,
            _ => return Err(parser.no_command(name)),
        })
    }

    fn takes_time(&self) -> bool {
        match self {
            QmiCommand::Traffic(_, Traffic::Random { .. } | Traffic::Rate { .. })
            | QmiCommand::Session(_, SessionChange::Cycle(_))
            | QmiCommand::PowerCycle(_)
            | QmiCommand::Silence(_)
            | QmiCommand::Hangup(_) => true,
            QmiCommand::Traffic(_, Traffic::Now(_) | Traffic::Stop)
            | QmiCommand::Session(
                _,
                SessionChange::Up
                | SessionChange::Down
                | SessionChange::Suspend
                | SessionChange::Resume,
            )
            | QmiCommand::Wait(_)
            | QmiCommand::AwaitPolls { .. }
            | QmiCommand::SimOut
            | QmiCommand::SimIn
            | QmiCommand::SwapSim { .. }
            | QmiCommand::Roaming(_)
            | QmiCommand::Clock(_)
            | QmiCommand::SilenceRequests(_)
            | QmiCommand::ForgetClients
            | QmiCommand::Duplicate(_)
            | QmiCommand::Late(..)
            | QmiCommand::WrongTransaction(_)
            | QmiCommand::Error(..)
            | QmiCommand::Garbage(_)
            | QmiCommand::Coalesce(_)
            | QmiCommand::Split(_)
            | QmiCommand::MissingBytes(_)
            | QmiCommand::NoDmsIccid(_)
            | QmiCommand::FewServices(_)
            | QmiCommand::ProxySilent(_)
            | QmiCommand::ProxyDrop
            | QmiCommand::Exit => false,
        }
    }
}

fn family(parser: &mut Parser) -> Family {
    if parser.accept_plain("v6") {
        return Family::V6;
    }
    parser.accept_plain("v4");
    Family::V4
}

fn aim(parser: &mut Parser) -> Aim {
    if parser.accept_plain("counter") { Aim::Statistics } else { Aim::Any }
}

fn session(parser: &mut Parser) -> Parsed<SessionChange> {
    if parser.accept_plain("for") {
        return parser.duration().map(SessionChange::Cycle);
    }
    parser.choice([
        ("up", SessionChange::Up),
        ("down", SessionChange::Down),
        ("suspend", SessionChange::Suspend),
        ("resume", SessionChange::Resume),
    ])
}

fn silence(parser: &mut Parser) -> Parsed<QmiCommand> {
    let digits = |word: &str| word.bytes().all(|byte| byte.is_ascii_digit());
    if matches!(parser.peek(), Some(Token::Plain(word)) if digits(word)) {
        let count = parser.number("how many")?;
        parser.expect("requests")?;
        return Ok(QmiCommand::SilenceRequests(count));
    }
    parser.duration().map(QmiCommand::Silence)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fails(text: &str) -> String {
        QmiScript::parse(text).unwrap_err().to_string()
    }

    #[test]
    fn the_documented_language_is_a_valid_script() {
        let steps = QmiScript::parse(QMI_LANGUAGE).unwrap().steps;
        let begins = |line: &&str| !line.is_empty() && !line.starts_with(['#', ' ', '}']);
        assert_eq!(steps.len(), QMI_LANGUAGE.lines().filter(begins).count());
    }

    #[test]
    fn errors_name_the_line_and_what_would_be_right() {
        assert_eq!(
            fails("session v6 away"),
            "line 1: expected up or down or suspend or resume, found \"away\""
        );
        assert_eq!(fails("silence 3 times"), "line 1: expected requests, found \"times\"");
        assert_eq!(fails("error 0"), "line 1: errors go from 1 to 65535");
        assert_eq!(fails("\nurc x"), "line 2: \"urc\" is no command; modem-sim --help lists them");
        assert_eq!(
            fails("session up &"),
            "line 1: session takes no time of its own: leave the & away"
        );
    }
}
