//! Owns the commands: what they are called, and what each of them does.

mod deeds;
mod figures;
mod page;

use std::sync::Arc;

pub(super) use page::serve;
use serde_json::{Value, json};

use super::books;
use super::core::Core;
use super::desk::Desk;
use super::faults::FAULTS;
use super::fields::is_id;
use super::problem::Fail;
use super::tls::Shown;
use super::{events, topups};

/// The commands, for people.
pub(super) const LANGUAGE: &str = include_str!("language.txt");

/// Does one line; what there is to say, or what is wrong with it.
pub(super) fn run(core: &Arc<Core>, line: &str) -> Result<String, String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let desk = |work: &dyn Fn(&Desk<'_>) -> Result<String, Fail>| {
        core.at_the_desk(work).map_err(|fail| fail.told())
    };
    match *words.as_slice() {
        [] => Ok(String::new()),
        ["help"] => Ok(format!("{LANGUAGE}{FAULTS}")),
        ["fault", ref fault @ ..] => core.faults.add(fault).map(|()| "ok".to_owned()),
        ["faults"] => Ok(core.faults.waiting().join("\n")),
        ["requests"] => {
            let requests = core.journal.requests();
            let lines: Vec<String> = requests.iter().map(|r| r.to_json().to_string()).collect();
            Ok(lines.join("\n"))
        }
        ["clock", by] => clock(core, by),
        ["tls", shown] => {
            let shown = match shown {
                "good" | "rotate" => Shown::Good,
                "expired" => Shown::Expired,
                "not-yet" => Shown::NotYet,
                "other-ca" => Shown::OtherCa,
                _ => return Err(format!("{shown}: good, expired, not-yet, other-ca or rotate")),
            };
            core.tls.show(shown).map(|()| "ok".to_owned())
        }
        ["books", ref rest @ ..] => desk(&|desk| show_books(desk, rest)),
        ["topups", ref rest @ ..] => desk(&|desk| show_topups(desk, rest)),
        ["cursor", "reset", ref rest @ ..] => desk(&|desk| reset(desk, rest)),
        _ => desk(&|desk| deeds::run(desk, &words)),
    }
}

fn clock(core: &Arc<Core>, by: &str) -> Result<String, String> {
    let ahead_s = core
        .at_the_desk(|desk| {
            let now = desk.meta_number("clock_ahead_s")?.unwrap_or(0);
            let ahead = match (by, by.starts_with(['+', '-'])) {
                ("real", _) => Some(0),
                (_, true) => by.parse().ok().and_then(|by: i64| now.checked_add(by)),
                _ => None,
            };
            // A century either way: beyond it there are no dates for certificates.
            let ahead = ahead
                .filter(|s| s.abs() <= 3_200_000_000)
                .ok_or_else(|| Fail::command(format!("{by}: +SECONDS, -SECONDS or real")))?;
            desk.set_meta("clock_ahead_s", Some(&ahead.to_string()))?;
            Ok(ahead)
        })
        .map_err(|fail| fail.told())?;
    core.clock.set_ahead_s(ahead_s);
    core.ring();
    Ok(format!("it is {}", super::fields::instant(core.clock.now_s())))
}

fn reset(desk: &Desk<'_>, words: &[&str]) -> Result<String, Fail> {
    let (compact, serials) = match *words {
        [] => (false, desk.serials()?),
        ["compact"] => (true, desk.serials()?),
        ["compact", serial] => (true, vec![desk.terminal(serial)?.serial]),
        [serial] => (false, vec![desk.terminal(serial)?.serial]),
        _ => return Err(Fail::command("write: cursor reset [compact] [SERIAL]")),
    };
    for serial in &serials {
        events::reset(desk, serial, compact)?;
    }
    Ok("ok".to_owned())
}

fn show_books(desk: &Desk<'_>, words: &[&str]) -> Result<String, Fail> {
    let named: Vec<&str> = words.iter().copied().filter(|word| *word != "--json").collect();
    let serials = match *named.as_slice() {
        [] => desk.serials()?,
        [serial] => vec![serial.to_owned()],
        _ => return Err(Fail::command("write: books [SERIAL] [--json]")),
    };
    let mut all = Vec::new();
    for serial in &serials {
        all.push(books::books(desk, serial)?);
    }
    if words.contains(&"--json") {
        return Ok(Value::Array(all.iter().map(books::Books::to_json).collect()).to_string());
    }
    Ok(all.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
}

fn show_topups(desk: &Desk<'_>, words: &[&str]) -> Result<String, Fail> {
    let all = all_topups(desk)?;
    match *words {
        ["--json"] => Ok(json!(all).to_string()),
        [] => {
            let word = |topup: &Value, name: &str| {
                topup.get(name).and_then(Value::as_str).unwrap_or("-").to_owned()
            };
            let line = |t: &Value| {
                ["id", "serial", "state", "channel", "name", "key"].map(|n| word(t, n)).join("  ")
            };
            Ok(all.iter().map(line).collect::<Vec<_>>().join("\n"))
        }
        _ => Err(Fail::command("write: topups [--json]")),
    }
}

/// All top-ups as the wire has them, with their serials.
fn all_topups(desk: &Desk<'_>) -> Result<Vec<Value>, Fail> {
    let mut all = Vec::new();
    for serial in desk.serials()? {
        for topup in topups::of_terminal(desk, &serial)? {
            let mut body = topup.to_json();
            if let Some(members) = body.as_object_mut() {
                members.insert("serial".to_owned(), json!(serial));
            }
            all.push(body);
        }
    }
    Ok(all)
}

/// A word for the reason of something.
fn reason<'a>(word: Option<&'a str>, usual: &'a str) -> Result<&'a str, Fail> {
    let reason = word.unwrap_or(usual);
    let is_word = is_id(reason)
        && reason.len() <= 32
        && reason.starts_with(|c: char| c.is_ascii_lowercase())
        && reason.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if is_word {
        Ok(reason)
    } else {
        Err(Fail::command(format!("{reason}: a reason is a word of a-z, 0-9 and _")))
    }
}
