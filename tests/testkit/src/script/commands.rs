//! Owns the words of the AT modem's commands.

use super::parse::{Language, Parsed, Parser, Traffic};
use super::words::Token;
use super::{Command, ReplyFault};
use crate::modem::IccidForm;

impl Language for Command {
    fn read(parser: &mut Parser, name: &str) -> Parsed<Command> {
        Ok(match name {
            "wait" => Command::Wait(parser.duration()?),
            "await" => {
                let (count, within) = parser.await_polls()?;
                Command::AwaitPolls { count, within }
            }
            "traffic" => match parser.traffic()? {
                Traffic::Now(bytes) => Command::Traffic(bytes),
                Traffic::Random { bytes, over } => Command::TrafficRandom { bytes, over },
                Traffic::Rate { per_second, length } => Command::TrafficRate { per_second, length },
                Traffic::Stop => Command::TrafficStop,
            },
            "counter" => Command::Counter(parser.tx_rx()?),
            "reset" => Command::Reset,
            "save" => Command::Save,
            "autosave" => Command::Autosave(parser.duration_or_off()?),
            "contexts" => match parser.number("how many")? {
                1 => Command::Contexts(1),
                2 => Command::Contexts(2),
                3 => Command::Contexts(3),
                4 => Command::Contexts(4),
                _ => return Err(parser.error("contexts goes from 1 to 4")),
            },
            "totals" => {
                Command::SessionResetsTotals(parser.choice([("keep", false), ("reset", true)])?)
            }
            "columns" => {
                Command::ColumnsReversed(parser.choice([("normal", false), ("reversed", true)])?)
            }
            "prefix" => Command::Prefix(parser.choice([("^", '^'), ("%", '%')])?),
            "power-cycle" => Command::PowerCycle(parser.optional_for()?),
            "session" => Command::Session(parser.optional_for()?),
            "sim" => parser.choice([("out", Command::SimOut), ("in", Command::SimIn)])?,
            "swap-sim" => {
                let (iccid, imsi) = parser.card()?;
                Command::SwapSim { iccid, imsi }
            }
            "roaming" => Command::Roaming(parser.on_off()?),
            "reports" => {
                Command::ReportsAlways(parser.choice([("always", true), ("asked", false)])?)
            }
            "clock" => Command::Clock(parser.clock()?),
            "iccid-form" => Command::IccidForm(parser.choice([
                ("plain", IccidForm::Plain),
                ("swapped", IccidForm::Swapped),
                ("trailing-f", IccidForm::TrailingF),
            ])?),
            "silence" => Command::Silence(parser.duration()?),
            "hangup" => Command::Hangup(parser.optional_for()?),
            "echo" => Command::Echo(parser.on_off()?),
            "slow" => Command::Slow(parser.duration_or_off()?.unwrap_or_default()),
            "interleave" => Command::Interleave(parser.on_off()?),
            "urc" => match parser.next() {
                Some(Token::Quoted(line)) => Command::Urc(line),
                other => return Err(parser.wrong("a line in quotes", other.as_ref())),
            },
            "garbage" => {
                let count = parser.count()?;
                if parser.accept_plain("in") {
                    parser.expect("reply")?;
                    Command::OnReply(ReplyFault::Garbage(count))
                } else {
                    Command::Garbage(count)
                }
            }
            "half-line" => Command::OnReply(ReplyFault::Half),
            "truncate" => Command::OnReply(ReplyFault::Truncate(parser.count()?)),
            "drop" => Command::Drop(parser.count()?),
            "error" => {
                let result = match parser.peek().cloned() {
                    Some(Token::Quoted(result)) => {
                        parser.next();
                        result
                    }
                    _ => "ERROR".to_owned(),
                };
                let counter_only = parser.choice([("next", false), ("counter", true)])?;
                Command::ErrorNext { result, counter_only }
            }
            "exit" => Command::Exit,
            _ => return Err(parser.no_command(name)),
        })
    }

    fn takes_time(&self) -> bool {
        match self {
            Command::TrafficRandom { .. }
            | Command::TrafficRate { .. }
            | Command::PowerCycle(_)
            | Command::Session(_)
            | Command::Silence(_)
            | Command::Hangup(_) => true,
            Command::Wait(_)
            | Command::AwaitPolls { .. }
            | Command::Traffic(_)
            | Command::TrafficStop
            | Command::Counter(_)
            | Command::Reset
            | Command::Save
            | Command::Autosave(_)
            | Command::Contexts(_)
            | Command::SessionResetsTotals(_)
            | Command::ColumnsReversed(_)
            | Command::Prefix(_)
            | Command::SimOut
            | Command::SimIn
            | Command::SwapSim { .. }
            | Command::Roaming(_)
            | Command::ReportsAlways(_)
            | Command::Clock(_)
            | Command::IccidForm(_)
            | Command::Echo(_)
            | Command::Slow(_)
            | Command::Interleave(_)
            | Command::Urc(_)
            | Command::Garbage(_)
            | Command::OnReply(_)
            | Command::Drop(_)
            | Command::ErrorNext { .. }
            | Command::Exit => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::LANGUAGE;
    use crate::script::parse::script as read;
    use crate::script::{Action, ScriptError, Step};

    fn script(text: &str) -> Result<Vec<Step<Command>>, ScriptError> {
        read(text)
    }

    fn fails(text: &str) -> String {
        script(text).unwrap_err().to_string()
    }

    #[test]
    fn the_documented_language_is_a_valid_script() {
        let steps = script(LANGUAGE).unwrap();
        let written =
            LANGUAGE.lines().filter(|line| !line.is_empty() && !line.starts_with(['#', ' ', '}']));
        assert_eq!(steps.len(), written.count());
    }

    #[test]
    fn commands_share_a_line_and_repeat() {
        let steps = script("repeat 2 { save; repeat 3 { reset } } ; wait 1s").unwrap();
        assert_eq!(steps.len(), 2);
        let Action::Repeat { times: 2, steps: inner } = &steps[0].action else {
            panic!("{steps:?}")
        };
        assert_eq!(inner.len(), 2);
    }

    #[test]
    fn errors_name_the_line_and_what_would_be_right() {
        assert_eq!(
            fails("save\n\ntraffic rat 5"),
            "line 3: expected tx, random, rate or stop after traffic, found \"rat\""
        );
        assert_eq!(fails("wait 5"), "line 1: \"5\" is no time: 500ms, 2s, 5m, 1h, 7d");
        assert_eq!(
            fails("wait"),
            "line 1: expected a time such as 500ms or 2s, found the end of the command"
        );
        assert_eq!(fails("dance"), "line 1: \"dance\" is no command; modem-sim --help lists them");
        assert_eq!(fails("save now"), "line 1: save is complete, but \"now\" follows");
        assert_eq!(fails("save &"), "line 1: save takes no time of its own: leave the & away");
        assert_eq!(fails("\nrepeat 2 {\nsave\n"), "line 2: this { is never closed with }");
        assert_eq!(fails("save\n}"), "line 2: } closes nothing here");
        assert_eq!(fails("urc \"RING"), "line 1: a \" is not closed on this line");
        assert_eq!(fails("echo maybe"), "line 1: expected on or off, found \"maybe\"");
        assert_eq!(
            fails("swap-sim 123"),
            "line 1: \"123\" is no ICCID: 19 or 20 hexadecimal digits"
        );
        assert_eq!(
            fails("clock noon"),
            "line 1: \"noon\" is no time: 2026-01-31T08:00:00+08:00, +1h, -2d or unset"
        );
    }

    #[test]
    fn nesting_has_a_limit() {
        let deep = "repeat 1 { ".repeat(10) + "save" + &" }".repeat(10);
        assert!(fails(&deep).contains("8 deep"));
    }
}
