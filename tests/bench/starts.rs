//! From the start of a process until its name is on the bus.

use std::time::Instant;

use super::Result;
use super::caller::Caller;
use super::lab::{Bus, Lab};
use super::process::Process;
use super::sheet::{Sheet, Subject, What};

/// How often each is started.
const TIMES: usize = 15;

/// How it is started on a bus.
type Start<'a> = Box<dyn Fn(&Bus) -> Result<Process> + 'a>;

/// Something that can be started again and again.
pub struct Starter<'a> {
    pub what: What,
    pub subject: Subject,
    pub name: &'static str,
    pub start: Start<'a>,
}

/// Starts them in turn, so that what else the machine does meets all alike.
pub fn measure(lab: &Lab, bus: &Bus, starters: &[Starter<'_>], sheet: &mut Sheet) -> Result<()> {
    let mut took_ms = vec![Vec::new(); starters.len()];
    for _ in 0..TIMES {
        for (starter, took_ms) in starters.iter().zip(&mut took_ms) {
            lab.pause(std::time::Duration::ZERO)?;
            let mut caller = Caller::connect(bus.socket())?;
            caller.watch_owner(starter.name)?;
            let begin = Instant::now();
            let process = (starter.start)(bus)?;
            caller.await_owner()?;
            took_ms.push(begin.elapsed().as_secs_f64() * 1e3);
            process.stop()?;
        }
    }
    let first = starters.iter().zip(&took_ms).filter(|(starter, _)| starter.what == What::Start);
    let first: Vec<_> = first.map(|(starter, ms)| (starter.subject, &ms[..])).collect();
    sheet.put_ratios(What::StartRatio, &first);
    for (starter, took_ms) in starters.iter().zip(&took_ms) {
        sheet.put_median(starter.what, starter.subject, took_ms);
    }
    Ok(())
}
