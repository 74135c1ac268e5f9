//! Owns the faults: how they are written, and which request each of them meets.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::problem::PROBLEMS;
use super::routes::PLACES;

/// What is said of `fault` by `help`.
pub(super) const FAULTS: &str = "\
fault WHERE[#N] WHAT[=VALUE] [TIMES|always]   what goes wrong with the (N-th) request there, so many times
fault clear                                   nothing goes wrong any more
  WHERE: sync offers quote order get cancel refund transfer, any, or connect (before TLS; with WHAT close)
  the answer is lost:  lost-before lost-after (it was applied)
  another answer:      500 502 503 429, with =SECONDS or =date+SECONDS for Retry-After; 500-after … (it was applied);
                       problem=TYPE[:RETRY_AFTER_S], any of the contract's; nothing is applied
  slowness:            slow=MS (before the answer), drip=MS (16 bytes at a time)
  events:              duplicate (all of the stream again), reordered, hole, cursor-reset (a new stream)
  wrong content:       wrong-terminal other-key other-amount other-price bad-total
  time:                skew=SECONDS (the Date header is off), no-date
  nonsense:            garbage (no HTTP) not-json html wrong-type (of content) wrong-types (of members) too-big
                       endless truncated empty
  others:              pay-first (the order of the path is paid just before), closing (the connection, after it)";

/// When to ask again, as the header says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Retry {
    Seconds(i64),
    /// As an HTTP date that many seconds from now.
    Date(i64),
}

/// What goes wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum What {
    Lost {
        after: bool,
    },
    Status {
        status: u16,
        after: bool,
        retry: Option<Retry>,
    },
    Problem {
        word: String,
        retry_after_s: Option<i64>,
    },
    Slow(u64),
    Drip(u64),
    Duplicate,
    Reordered,
    Hole,
    CursorReset,
    WrongTerminal,
    OtherKey,
    OtherAmount,
    OtherPrice,
    BadTotal,
    Skew(i64),
    NoDate,
    Garbage,
    NotJson,
    Html,
    WrongType,
    WrongTypes,
    TooBig,
    Endless,
    Truncated,
    Empty,
    PayFirst,
    Closing,
    /// The connection is closed before TLS.
    Close,
}

/// One that waits for its request.
#[derive(Clone, Debug)]
struct Fault {
    place: String,
    /// Requests that it lets pass.
    skip: u64,
    /// How many it meets; none for all.
    times: Option<u64>,
    what: What,
    /// As it was written.
    text: String,
}

/// All that wait.
#[derive(Default)]
pub(super) struct Faults(Mutex<Vec<Fault>>);

impl Faults {
    /// Takes `WHERE[#N] WHAT[=VALUE] [TIMES|always]`.
    pub(super) fn add(&self, words: &[&str]) -> Result<(), String> {
        let (place, what, times) = match *words {
            ["clear"] => {
                self.lock().clear();
                return Ok(());
            }
            [place, what] => (place, what, Some(1)),
            [place, what, "always"] => (place, what, None),
            [place, what, times] => (place, what, Some(positive(times)?)),
            _ => return Err("write: fault WHERE[#N] WHAT[=VALUE] [TIMES|always]".to_owned()),
        };
        let (name, nth) = match place.split_once('#') {
            Some((name, nth)) => (name, positive(nth)?),
            None => (place, 1),
        };
        let parsed = parse(what)?;
        let at_connect = name == "connect";
        if !at_connect && name != "any" && !PLACES.contains(&name) {
            return Err(format!("{name} is no place: {}, any or connect", PLACES.join(", ")));
        }
        if at_connect != (parsed == What::Close) {
            return Err("close goes with connect, and nothing else does".to_owned());
        }
        let fault = Fault {
            place: name.to_owned(),
            skip: nth.saturating_sub(1),
            times,
            what: parsed,
            text: format!("{place} {what}"),
        };
        self.lock().push(fault);
        Ok(())
    }

    /// The fault of a request that has come there. Those that wait for a later one come nearer.
    pub(super) fn take(&self, place: &str) -> Option<(What, String)> {
        let mut faults = self.lock();
        let mut met = None;
        for fault in faults.iter_mut() {
            let is_here = fault.place == place || fault.place == "any" && place != "connect";
            if !is_here {
                continue;
            }
            if fault.skip > 0 {
                fault.skip -= 1;
            } else if met.is_none() && fault.times != Some(0) {
                fault.times = fault.times.map(|times| times - 1);
                met = Some((fault.what.clone(), fault.text.clone()));
            }
        }
        faults.retain(|fault| fault.times != Some(0));
        met
    }

    /// Those that still wait, as they were written.
    pub(super) fn waiting(&self) -> Vec<String> {
        self.lock().iter().map(|fault| fault.text.clone()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Fault>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn positive(text: &str) -> Result<u64, String> {
    text.parse()
        .ok()
        .filter(|n| *n > 0)
        .ok_or_else(|| format!("{text} is no number from 1 (or always)"))
}

fn parse(text: &str) -> Result<What, String> {
    let (word, value) = match text.split_once('=') {
        Some((word, value)) => (word, Some(value)),
        None => (text, None),
    };
    let number = |what: &str| -> Result<i64, String> {
        value
            .and_then(|v| v.parse().ok())
            .ok_or_else(|| format!("{word} needs {what}, as in {word}=250"))
    };
    let ms = || u64::try_from(number("milliseconds")?).map_err(|_| format!("{word} is below 0"));
    let (status, after) = match word.strip_suffix("-after") {
        Some(status) => (status, true),
        None => (word, false),
    };
    if ["429", "500", "502", "503"].contains(&status) {
        let status = status.parse().unwrap_or(500);
        return Ok(What::Status { status, after, retry: value.map(retry).transpose()? });
    }
    Ok(match word {
        "problem" => return problem(value.unwrap_or_default()),
        "slow" => What::Slow(ms()?),
        "drip" => What::Drip(ms()?),
        "skew" => What::Skew(number("seconds")?),
        _ if value.is_some() => return Err(format!("{word} takes no value")),
        "lost-before" => What::Lost { after: false },
        "lost-after" => What::Lost { after: true },
        "duplicate" => What::Duplicate,
        "reordered" => What::Reordered,
        "hole" => What::Hole,
        "cursor-reset" => What::CursorReset,
        "wrong-terminal" => What::WrongTerminal,
        "other-key" => What::OtherKey,
        "other-amount" => What::OtherAmount,
        "other-price" => What::OtherPrice,
        "bad-total" => What::BadTotal,
        "no-date" => What::NoDate,
        "garbage" => What::Garbage,
        "not-json" => What::NotJson,
        "html" => What::Html,
        "wrong-type" => What::WrongType,
        "wrong-types" => What::WrongTypes,
        "too-big" => What::TooBig,
        "endless" => What::Endless,
        "truncated" => What::Truncated,
        "empty" => What::Empty,
        "pay-first" => What::PayFirst,
        "closing" => What::Closing,
        "close" => What::Close,
        _ => return Err(format!("{word} is no fault; help shows them")),
    })
}

fn retry(text: &str) -> Result<Retry, String> {
    let (text, kind): (&str, fn(i64) -> Retry) = match text.strip_prefix("date+") {
        Some(rest) => (rest, Retry::Date),
        None => (text, Retry::Seconds),
    };
    text.parse().map(kind).map_err(|_| format!("{text} is neither SECONDS nor date+SECONDS"))
}

fn problem(text: &str) -> Result<What, String> {
    let (word, seconds) = match text.split_once(':') {
        Some((word, seconds)) => {
            (word, Some(seconds.parse().map_err(|_| format!("{seconds} is no number of seconds"))?))
        }
        None => (text, None),
    };
    if !PROBLEMS.iter().any(|(known, ..)| *known == word) {
        return Err(format!("{word} is no problem of the contract"));
    }
    Ok(What::Problem { word: word.to_owned(), retry_after_s: seconds })
}
