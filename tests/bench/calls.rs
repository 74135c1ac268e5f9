//! Property reads by one caller over the bus: how long one takes, and how many
//! there are in a second.

use std::time::{Duration, Instant};

use super::Result;
use super::caller::{Caller, Property, get, usage};
use super::lab::{Bus, Lab};
use super::sheet::{Sheet, Subject, What};
use super::spread::{percentile, sort};

/// Rounds, in which each is asked in turn.
const ROUNDS: usize = 25;
/// How long each is asked in a round.
const TURN: Duration = Duration::from_millis(200);
/// Calls that are not counted, before each turn.
const WARM_UP: usize = 100;

/// How often each question about the history is asked.
const QUERIES: usize = 15;

/// Which rows the figures go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum While {
    Idle,
    /// Commits and polls run.
    Busy,
}

/// How long whole answers from the history take, ms.
pub fn queries(bus: &Bus, sheet: &mut Sheet) -> Result<()> {
    let mut caller = Caller::connect(bus.socket())?;
    for (what, tier) in
        [(What::YearsFine, "five_minutes"), (What::YearsDays, "day"), (What::YearsYears, "year")]
    {
        let mut message = usage(tier)?;
        let mut took_ms = Vec::new();
        for _ in 0..QUERIES {
            let sent = Instant::now();
            caller.call(&mut message)?;
            took_ms.push(sent.elapsed().as_secs_f64() * 1e3);
        }
        sheet.put_median(what, Subject::Posdatad, &took_ms);
    }
    Ok(())
}

/// Asks them in turn.
pub fn measure(
    lab: &Lab,
    bus: &Bus,
    asked: &[(Subject, Property)],
    during: While,
    sheet: &mut Sheet,
) -> Result<()> {
    let mut rounds = vec![[Vec::new(), Vec::new(), Vec::new()]; asked.len()];
    for _ in 0..ROUNDS {
        for ((_, property), [p50, p99, rate]) in asked.iter().zip(&mut rounds) {
            lab.pause(Duration::ZERO)?;
            let mut caller = Caller::connect(bus.socket())?;
            let mut message = get(*property)?;
            for _ in 0..WARM_UP {
                caller.call(&mut message)?;
            }
            let mut took_us = Vec::with_capacity(100_000);
            let begin = Instant::now();
            while begin.elapsed() < TURN {
                let sent = Instant::now();
                caller.call(&mut message)?;
                took_us.push(sent.elapsed().as_secs_f64() * 1e6);
            }
            let calls = f64::from(u32::try_from(took_us.len())?);
            rate.push(calls / begin.elapsed().as_secs_f64());
            let sorted = sort(&took_us);
            p50.push(percentile(&sorted, 50));
            p99.push(percentile(&sorted, 99));
        }
    }
    let (rows, ratio) = match during {
        While::Idle => ([What::CallP50, What::CallP99, What::CallRate], What::CallRatio),
        While::Busy => {
            ([What::BusyCallP50, What::BusyCallP99, What::BusyCallRate], What::BusyCallRatio)
        }
    };
    let p50s = asked.iter().zip(&rounds).map(|((subject, _), [p50, ..])| (*subject, &p50[..]));
    sheet.put_ratios(ratio, &p50s.collect::<Vec<_>>());
    for ((subject, _), columns) in asked.iter().zip(&rounds) {
        for (what, samples) in rows.iter().zip(columns) {
            sheet.put_median(*what, *subject, samples);
        }
    }
    Ok(())
}
