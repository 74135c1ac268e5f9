//! Owns the grammar that every script language shares: steps, repetition, and how numbers and times are read.

use std::iter::Peekable;
use std::time::Duration;
use std::vec;

use super::words::{self, Token, Word};
use super::{Action, ScriptError, Step};
use crate::accounting::Bytes;
use crate::clock::{self, ClockSetting};

/// How long `await polls` waits when it is not told.
const AWAIT_DEFAULT: Duration = Duration::from_secs(60);
const DEPTH_MAX: u32 = 8;
const REPEAT_MAX: u64 = 1_000_000;

/// The commands of a language.
pub(crate) trait Language: Sized {
    /// Reads the rest of the command with this name.
    fn read(parser: &mut Parser, name: &str) -> Parsed<Self>;

    /// Whether `&` has a meaning behind it.
    fn takes_time(&self) -> bool;
}

/// Traffic that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Traffic {
    Now(Bytes),
    Random { bytes: u64, over: Duration },
    Rate { per_second: Bytes, length: Option<Duration> },
    Stop,
}

/// Reads a whole script.
pub(crate) fn script<C: Language>(text: &str) -> Result<Vec<Step<C>>, ScriptError> {
    let mut parser = Parser { words: words::cut(text)?.into_iter().peekable(), line: 1 };
    parser.steps(0)
}

/// Words that become commands of a language.
pub(crate) struct Parser {
    words: Peekable<vec::IntoIter<Word>>,
    line: usize,
}

pub(crate) type Parsed<T> = Result<T, ScriptError>;

impl Parser {
    /// Steps up to the end, or up to the brace that closes block number `depth`.
    fn steps<C: Language>(&mut self, depth: u32) -> Parsed<Vec<Step<C>>> {
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
                    return Err(self
                        .error(&format!("{text:?} is no command: commands stand without quotes")));
                }
                Token::Plain(name) => steps.push(self.step(&name, depth)?),
            }
        }
    }

    fn step<C: Language>(&mut self, name: &str, depth: u32) -> Parsed<Step<C>> {
        let line = self.line;
        if name == "repeat" {
            let times = self.number("how often")?;
            if times > REPEAT_MAX || depth >= DEPTH_MAX {
                return Err(self
                    .error(&format!("repeat goes up to {REPEAT_MAX} times and {DEPTH_MAX} deep")));
            }
            if !self.accept(&Token::Open) {
                return Err(self.error("expected { after: repeat N"));
            }
            let steps = self.steps(depth + 1)?;
            return Ok(Step { line, action: Action::Repeat { times, steps } });
        }
        let command = C::read(self, name)?;
        let background = self.accept(&Token::Background);
        if background && !command.takes_time() {
            return Err(self.error(&format!("{name} takes no time of its own: leave the & away")));
        }
        match self.words.peek().map(|word| &word.token) {
            None | Some(Token::End | Token::Close) => {
                Ok(Step { line, action: Action::Do { command, background } })
            }
            Some(extra) => {
                let extra = shown(Some(extra));
                Err(self.error(&format!("{name} is complete, but {extra} follows")))
            }
        }
    }

    pub(crate) fn peek(&mut self) -> Option<&Token> {
        self.words.peek().map(|word| &word.token)
    }

    pub(crate) fn no_command(&self, name: &str) -> ScriptError {
        self.error(&format!("{name:?} is no command; modem-sim --help lists them"))
    }

    /// `within T`, or so long.
    pub(crate) fn await_polls(&mut self) -> Parsed<(u64, Duration)> {
        self.expect("polls")?;
        let count = self.number("how many")?;
        let within = if self.accept_plain("within") { self.duration()? } else { AWAIT_DEFAULT };
        Ok((count, within))
    }

    /// A card's number, and perhaps the subscriber's.
    pub(crate) fn card(&mut self) -> Parsed<(String, Option<String>)> {
        let iccid = self.word("the card's number")?;
        if !is_iccid(&iccid) {
            return Err(self.error(&format!("{iccid:?} is no ICCID: 19 or 20 hexadecimal digits")));
        }
        let imsi = match self.peek() {
            Some(Token::Plain(imsi)) if is_imsi(imsi) => Some(self.word("the IMSI")?),
            _ => None,
        };
        Ok((iccid, imsi))
    }

    /// What follows the word `traffic`.
    pub(crate) fn traffic(&mut self) -> Parsed<Traffic> {
        match self.peek() {
            Some(Token::Plain(word)) if word == "tx" => Ok(Traffic::Now(self.tx_rx()?)),
            Some(Token::Plain(word)) if word == "random" => {
                self.next();
                let bytes = self.bytes()?;
                self.expect("over")?;
                Ok(Traffic::Random { bytes, over: self.duration()? })
            }
            Some(Token::Plain(word)) if word == "rate" => {
                self.next();
                let per_second = match self.peek() {
                    Some(Token::Plain(word)) if word == "tx" => self.tx_rx()?,
                    _ => {
                        let sum = self.bytes()?;
                        Bytes::new(sum / 5, sum - sum / 5)
                    }
                };
                let length = if self.accept_plain("for") { Some(self.duration()?) } else { None };
                Ok(Traffic::Rate { per_second, length })
            }
            Some(Token::Plain(word)) if word == "stop" => {
                self.next();
                Ok(Traffic::Stop)
            }
            _ => {
                let found = self.next();
                Err(self.wrong("tx, random, rate or stop after traffic", found.as_ref()))
            }
        }
    }

    pub(crate) fn clock(&mut self) -> Parsed<ClockSetting> {
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

    pub(crate) fn tx_rx(&mut self) -> Parsed<Bytes> {
        self.expect("tx")?;
        let tx = self.bytes()?;
        self.expect("rx")?;
        Ok(Bytes::new(tx, self.bytes()?))
    }

    pub(crate) fn on_off(&mut self) -> Parsed<bool> {
        self.choice([("on", true), ("off", false)])
    }

    pub(crate) fn choice<T, const N: usize>(&mut self, choices: [(&str, T); N]) -> Parsed<T> {
        let names = choices.each_ref().map(|(name, _)| *name).join(" or ");
        let word = self.word(&names)?;
        let found = choices.into_iter().find(|(name, _)| *name == word);
        found
            .map(|(_, value)| value)
            .ok_or_else(|| self.error(&format!("expected {names}, found {word:?}")))
    }

    pub(crate) fn optional_for(&mut self) -> Parsed<Duration> {
        if self.accept_plain("for") { self.duration() } else { Ok(Duration::ZERO) }
    }

    pub(crate) fn duration_or_off(&mut self) -> Parsed<Option<Duration>> {
        if self.accept_plain("off") { Ok(None) } else { self.duration().map(Some) }
    }

    pub(crate) fn duration(&mut self) -> Parsed<Duration> {
        let word = self.word("a time such as 500ms or 2s")?;
        words::duration(&word)
            .ok_or_else(|| self.error(&format!("{word:?} is no time: 500ms, 2s, 5m, 1h, 7d")))
    }

    pub(crate) fn bytes(&mut self) -> Parsed<u64> {
        let word = self.word("an amount of bytes")?;
        words::bytes(&word)
            .ok_or_else(|| self.error(&format!("{word:?} is no amount: 1500, 64KiB, 2MiB, 1GiB")))
    }

    /// An amount of bytes on the line, with or without the word `bytes` behind it.
    pub(crate) fn count(&mut self) -> Parsed<usize> {
        let count = self.bytes()?;
        self.accept_plain("bytes");
        usize::try_from(count)
            .ok()
            .filter(|count| *count <= 65_536)
            .ok_or_else(|| self.error("at most 64KiB here"))
    }

    pub(crate) fn number(&mut self, what: &str) -> Parsed<u64> {
        let word = self.word(what)?;
        words::number(&word)
            .ok_or_else(|| self.error(&format!("expected a number ({what}), found {word:?}")))
    }

    pub(crate) fn expect(&mut self, expected: &str) -> Parsed<()> {
        match self.next() {
            Some(Token::Plain(word)) if word == expected => Ok(()),
            other => Err(self.wrong(expected, other.as_ref())),
        }
    }

    pub(crate) fn word(&mut self, what: &str) -> Parsed<String> {
        match self.next() {
            Some(Token::Plain(word)) => Ok(word),
            other => Err(self.wrong(what, other.as_ref())),
        }
    }

    fn accept(&mut self, token: &Token) -> bool {
        self.words.next_if(|word| word.token == *token).is_some()
    }

    pub(crate) fn accept_plain(&mut self, word: &str) -> bool {
        self.words
            .next_if(|next| matches!(&next.token, Token::Plain(plain) if plain == word))
            .is_some()
    }

    pub(crate) fn next(&mut self) -> Option<Token> {
        self.words.next().map(|word| word.token)
    }

    pub(crate) fn wrong(&self, expected: &str, found: Option<&Token>) -> ScriptError {
        self.error(&format!("expected {expected}, found {}", shown(found)))
    }

    pub(crate) fn error(&self, message: &str) -> ScriptError {
        self.error_at(self.line, message)
    }

    fn error_at(&self, line: usize, message: &str) -> ScriptError {
        ScriptError { line, message: message.to_owned() }
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
