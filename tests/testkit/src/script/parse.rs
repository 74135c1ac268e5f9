//! Owns the grammar: words to commands.

use std::iter::Peekable;
use std::time::Duration;
use std::vec;

use super::words::{self, Token, Word};
use super::{Action, Command, ReplyFault, Script, ScriptError, Step};
use crate::accounting::Bytes;
use crate::clock::{self, ClockSetting};
use crate::modem::IccidForm;

/// How long `await polls` waits when it is not told.
const AWAIT_DEFAULT: Duration = Duration::from_secs(60);
const DEPTH_MAX: u32 = 8;
const REPEAT_MAX: u64 = 1_000_000;

pub(super) fn script(text: &str) -> Result<Script, ScriptError> {
    let mut parser = Parser {
        words: words::cut(text)?.into_iter().peekable(),
        line: 1,
    };
    Ok(Script {
        steps: parser.steps(0)?,
    })
}

struct Parser {
    words: Peekable<vec::IntoIter<Word>>,
    line: usize,
}

type Parsed<T> = Result<T, ScriptError>;

impl Parser {
    /// Steps up to the end, or up to the brace that closes block number `depth`.
    fn steps(&mut self, depth: u32) -> Parsed<Vec<Step>> {
        let opened = self.line;
        let mut steps = Vec::new();
        loop {
            let Some(word) = self.words.next() else {
                return if depth == 0 {
                    Ok(steps)
                } else {
                    Err(self.error_at(opened, "this { is never closed with }"))
                };
            };
            self.line = word.line;
            match word.token {
                Token::End => {}
                Token::Close if depth > 0 => return Ok(steps),
                Token::Close => return Err(self.error("} closes nothing here")),
                Token::Open => return Err(self.error("{ stands only behind: repeat N")),
                Token::Background => return Err(self.error("& stands only behind a command")),
                Token::Quoted(text) => {
                    return Err(self.error(&format!(
                        "{text:?} is no command: commands stand without quotes"
                    )));
                }
                Token::Plain(name) => steps.push(self.step(&name, depth)?),
            }
        }
    }

    fn step(&mut self, name: &str, depth: u32) -> Parsed<Step> {
        let line = self.line;
        if name == "repeat" {
            let times = self.number("how often")?;
            if times > REPEAT_MAX || depth >= DEPTH_MAX {
                return Err(self.error(&format!(
                    "repeat goes up to {REPEAT_MAX} times and {DEPTH_MAX} deep"
                )));
            }
            if !self.accept(&Token::Open) {
                return Err(self.error("expected { after: repeat N"));
            }
            let steps = self.steps(depth + 1)?;
            return Ok(Step {
                line,
                action: Action::Repeat { times, steps },
            });
        }
        let command = self.command(name)?;
        let background = self.accept(&Token::Background);
        if background && !command.takes_time() {
            return Err(self.error(&format!(
                "{name} takes no time of its own: leave the & away"
            )));
        }
        match self.words.peek().map(|word| &word.token) {
            None | Some(Token::End | Token::Close) => Ok(Step {
                line,
                action: Action::Do {
                    command,
                    background,
                },
            }),
            Some(extra) => {
                let extra = shown(Some(extra));
                Err(self.error(&format!("{name} is complete, but {extra} follows")))
            }
        }
    }

    fn command(&mut self, name: &str) -> Parsed<Command> {
        Ok(match name {
            "wait" => Command::Wait(self.duration()?),
            "await" => {
                self.expect("polls")?;
                let count = self.number("how many")?;
                let within = if self.accept_plain("within") {
                    self.duration()?
                } else {
                    AWAIT_DEFAULT
                };
                Command::AwaitPolls { count, within }
            }
            "traffic" => self.traffic()?,
            "counter" => Command::Counter(self.tx_rx()?),
            "reset" => Command::Reset,
            "save" => Command::Save,
            "autosave" => Command::Autosave(self.duration_or_off()?),
            "contexts" => match self.number("how many")? {
                1 => Command::Contexts(1),
                2 => Command::Contexts(2),
                3 => Command::Contexts(3),
                4 => Command::Contexts(4),
                _ => return Err(self.error("contexts goes from 1 to 4")),
            },
            "totals" => {
                Command::SessionResetsTotals(self.choice([("keep", false), ("reset", true)])?)
            }
            "columns" => {
                Command::ColumnsReversed(self.choice([("normal", false), ("reversed", true)])?)
            }
            "prefix" => Command::Prefix(self.choice([("^", '^'), ("%", '%')])?),
            "power-cycle" => Command::PowerCycle(self.optional_for()?),
            "session" => Command::Session(self.optional_for()?),
            "sim" => self.choice([("out", Command::SimOut), ("in", Command::SimIn)])?,
            "swap-sim" => {
                let iccid = self.word("the card's number")?;
                if !is_iccid(&iccid) {
                    return Err(self.error(&format!(
                        "{iccid:?} is no ICCID: 19 or 20 hexadecimal digits"
                    )));
                }
                let imsi = match self.words.peek().map(|word| &word.token) {
                    Some(Token::Plain(imsi)) if is_imsi(imsi) => Some(self.word("the IMSI")?),
                    _ => None,
                };
                Command::SwapSim { iccid, imsi }
            }
            "roaming" => Command::Roaming(self.on_off()?),
            "reports" => Command::ReportsAlways(self.choice([("always", true), ("asked", false)])?),
            "clock" => Command::Clock(self.clock()?),
            "iccid-form" => Command::IccidForm(self.choice([
                ("plain", IccidForm::Plain),
                ("swapped", IccidForm::Swapped),
                ("trailing-f", IccidForm::TrailingF),
            ])?),
            "silence" => Command::Silence(self.duration()?),
            "hangup" => Command::Hangup(self.optional_for()?),
            "echo" => Command::Echo(self.on_off()?),
            "slow" => Command::Slow(self.duration_or_off()?.unwrap_or_default()),
            "interleave" => Command::Interleave(self.on_off()?),
            "urc" => match self.next() {
                Some(Token::Quoted(line)) => Command::Urc(line),
                other => return Err(self.wrong("a line in quotes", other.as_ref())),
            },
            "garbage" => {
                let count = self.count()?;
                if self.accept_plain("in") {
                    self.expect("reply")?;
                    Command::OnReply(ReplyFault::Garbage(count))
                } else {
                    Command::Garbage(count)
                }
            }
            "half-line" => Command::OnReply(ReplyFault::Half),
            "truncate" => Command::OnReply(ReplyFault::Truncate(self.count()?)),
            "drop" => Command::Drop(self.count()?),
            "error" => {
                let result = match self.words.peek().map(|word| word.token.clone()) {
                    Some(Token::Quoted(result)) => {
                        self.next();
                        result
                    }
                    _ => "ERROR".to_owned(),
                };
                let counter_only = self.choice([("next", false), ("counter", true)])?;
                Command::ErrorNext {
                    result,
                    counter_only,
                }
            }
            "exit" => Command::Exit,
            _ => {
                return Err(self.error(&format!(
                    "{name:?} is no command; modem-sim --help lists them"
                )));
            }
        })
    }

    fn traffic(&mut self) -> Parsed<Command> {
        match self.words.peek().map(|word| &word.token) {
            Some(Token::Plain(word)) if word == "tx" => Ok(Command::Traffic(self.tx_rx()?)),
            Some(Token::Plain(word)) if word == "random" => {
                self.next();
                let bytes = self.bytes()?;
                self.expect("over")?;
                Ok(Command::TrafficRandom {
                    bytes,
                    over: self.duration()?,
                })
            }
            Some(Token::Plain(word)) if word == "rate" => {
                self.next();
                let per_second = match self.words.peek().map(|word| &word.token) {
                    Some(Token::Plain(word)) if word == "tx" => self.tx_rx()?,
                    _ => {
                        let sum = self.bytes()?;
                        Bytes::new(sum / 5, sum - sum / 5)
                    }
                };
                let length = if self.accept_plain("for") {
                    Some(self.duration()?)
                } else {
                    None
                };
                Ok(Command::TrafficRate { per_second, length })
            }
            Some(Token::Plain(word)) if word == "stop" => {
                self.next();
                Ok(Command::TrafficStop)
            }
            _ => {
                let found = self.next();
                Err(self.wrong("tx, random, rate or stop after traffic", found.as_ref()))
            }
        }
    }

    fn clock(&mut self) -> Parsed<ClockSetting> {
        let word = self.word("a time")?;
        let offset = |digits: &str| i64::try_from(words::duration(digits)?.as_millis()).ok();
        let setting = match word.split_at_checked(1) {
            _ if word == "unset" => Some(ClockSetting::Unset),
            Some(("+", ahead)) => offset(ahead).map(ClockSetting::Offset),
            Some(("-", behind)) => offset(behind).map(|ms| ClockSetting::Offset(-ms)),
            _ => clock::parse_rfc3339(&word),
        };
        setting.ok_or_else(|| {
            self.error(&format!(
                "{word:?} is no time: 2026-01-31T08:00:00+08:00, +1h, -2d or unset"
            ))
        })
    }

    fn tx_rx(&mut self) -> Parsed<Bytes> {
        self.expect("tx")?;
        let tx = self.bytes()?;
        self.expect("rx")?;
        Ok(Bytes::new(tx, self.bytes()?))
    }

    fn on_off(&mut self) -> Parsed<bool> {
        self.choice([("on", true), ("off", false)])
    }

    fn choice<T, const N: usize>(&mut self, choices: [(&str, T); N]) -> Parsed<T> {
        let names = choices.each_ref().map(|(name, _)| *name).join(" or ");
        let word = self.word(&names)?;
        let found = choices.into_iter().find(|(name, _)| *name == word);
        found
            .map(|(_, value)| value)
            .ok_or_else(|| self.error(&format!("expected {names}, found {word:?}")))
    }

    fn optional_for(&mut self) -> Parsed<Duration> {
        if self.accept_plain("for") {
            self.duration()
        } else {
            Ok(Duration::ZERO)
        }
    }

    fn duration_or_off(&mut self) -> Parsed<Option<Duration>> {
        if self.accept_plain("off") {
            Ok(None)
        } else {
            self.duration().map(Some)
        }
    }

    fn duration(&mut self) -> Parsed<Duration> {
        let word = self.word("a time such as 500ms or 2s")?;
        words::duration(&word)
            .ok_or_else(|| self.error(&format!("{word:?} is no time: 500ms, 2s, 5m, 1h, 7d")))
    }

    fn bytes(&mut self) -> Parsed<u64> {
        let word = self.word("an amount of bytes")?;
        words::bytes(&word)
            .ok_or_else(|| self.error(&format!("{word:?} is no amount: 1500, 64KiB, 2MiB, 1GiB")))
    }

    /// An amount of bytes on the line, with or without the word `bytes` behind it.
    fn count(&mut self) -> Parsed<usize> {
        let count = self.bytes()?;
        self.accept_plain("bytes");
        usize::try_from(count)
            .ok()
            .filter(|count| *count <= 65_536)
            .ok_or_else(|| self.error("at most 64KiB here"))
    }

    fn number(&mut self, what: &str) -> Parsed<u64> {
        let word = self.word(what)?;
        words::number(&word)
            .ok_or_else(|| self.error(&format!("expected a number ({what}), found {word:?}")))
    }

    fn expect(&mut self, expected: &str) -> Parsed<()> {
        match self.next() {
            Some(Token::Plain(word)) if word == expected => Ok(()),
            other => Err(self.wrong(expected, other.as_ref())),
        }
    }

    fn word(&mut self, what: &str) -> Parsed<String> {
        match self.next() {
            Some(Token::Plain(word)) => Ok(word),
            other => Err(self.wrong(what, other.as_ref())),
        }
    }

    fn accept(&mut self, token: &Token) -> bool {
        self.words.next_if(|word| word.token == *token).is_some()
    }

    fn accept_plain(&mut self, word: &str) -> bool {
        self.words
            .next_if(|next| matches!(&next.token, Token::Plain(plain) if plain == word))
            .is_some()
    }

    fn next(&mut self) -> Option<Token> {
        self.words.next().map(|word| word.token)
    }

    fn wrong(&self, expected: &str, found: Option<&Token>) -> ScriptError {
        self.error(&format!("expected {expected}, found {}", shown(found)))
    }

    fn error(&self, message: &str) -> ScriptError {
        self.error_at(self.line, message)
    }

    fn error_at(&self, line: usize, message: &str) -> ScriptError {
        ScriptError {
            line,
            message: message.to_owned(),
        }
    }
}

fn shown(token: Option<&Token>) -> String {
    match token {
        Some(Token::Plain(word) | Token::Quoted(word)) => format!("{word:?}"),
        Some(Token::Open) => "{".to_owned(),
        Some(Token::Close) => "}".to_owned(),
        Some(Token::Background) => "&".to_owned(),
        Some(Token::End) | None => "the end of the command".to_owned(),
    }
}

/// 19 or 20 hexadecimal digits.
pub(crate) fn is_iccid(text: &str) -> bool {
    (19..=20).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// 14 or 15 digits.
pub(crate) fn is_imsi(text: &str) -> bool {
    (14..=15).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::super::LANGUAGE;
    use super::*;

    fn fails(text: &str) -> String {
        script(text).unwrap_err().to_string()
    }

    #[test]
    fn the_documented_language_is_a_valid_script() {
        let steps = script(LANGUAGE).unwrap().steps;
        let written = LANGUAGE
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with(['#', ' ', '}']));
        assert_eq!(steps.len(), written.count());
    }

    #[test]
    fn commands_share_a_line_and_repeat() {
        let steps = script("repeat 2 { save; repeat 3 { reset } } ; wait 1s")
            .unwrap()
            .steps;
        assert_eq!(steps.len(), 2);
        let Action::Repeat {
            times: 2,
            steps: inner,
        } = &steps[0].action
        else {
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
        assert_eq!(
            fails("wait 5"),
            "line 1: \"5\" is no time: 500ms, 2s, 5m, 1h, 7d"
        );
        assert_eq!(
            fails("wait"),
            "line 1: expected a time such as 500ms or 2s, found the end of the command"
        );
        assert_eq!(
            fails("dance"),
            "line 1: \"dance\" is no command; modem-sim --help lists them"
        );
        assert_eq!(
            fails("save now"),
            "line 1: save is complete, but \"now\" follows"
        );
        assert_eq!(
            fails("save &"),
            "line 1: save takes no time of its own: leave the & away"
        );
        assert_eq!(
            fails("\nrepeat 2 {\nsave\n"),
            "line 2: this { is never closed with }"
        );
        assert_eq!(fails("save\n}"), "line 2: } closes nothing here");
        assert_eq!(
            fails("urc \"RING"),
            "line 1: a \" is not closed on this line"
        );
        assert_eq!(
            fails("echo maybe"),
            "line 1: expected on or off, found \"maybe\""
        );
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
