//! All services side by side with nothing to do: memory, threads, context
//! switches and processor time.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::Result;
use super::lab::Lab;
use super::proc_figures::{self, Work};
use super::sheet::{Sheet, Subject, What};
use super::spread::Spread;

/// Into so many parts the window is divided, to see how much they differ.
const PARTS: u32 = 6;

/// One process that is watched.
#[derive(Clone, Copy, Debug)]
pub struct Watched {
    pub subject: Subject,
    pub pid: u32,
    /// posdatad with polls so rare that none falls into the window.
    pub quiet: bool,
}

/// Watches them for that long.
pub fn measure(lab: &Lab, watched: &[Watched], window: Duration, sheet: &mut Sheet) -> Result<()> {
    let begin = Instant::now();
    let mut seen: Vec<Vec<Look>> = vec![Vec::new(); watched.len()];
    let mut memory = vec![Vec::new(); watched.len()];
    for part in 0..=PARTS {
        lab.pause_until(begin + window * part / PARTS)?;
        for (at, one) in watched.iter().enumerate() {
            seen[at].push((Instant::now(), proc_figures::work(one.pid)?));
        }
        // After the work has been read, for that takes a process's locks.
        if part > 0 {
            for (at, one) in watched.iter().enumerate() {
                memory[at].push(proc_figures::memory(one.pid)?);
            }
        }
    }
    for ((one, seen), memory) in watched.iter().zip(&seen).zip(&memory) {
        let put = &mut |what, figure: fn(&Work) -> f64| {
            sheet.put(what, one.subject, a_minute(seen, figure));
        };
        if one.quiet {
            put(What::SwitchesQuiet, |work| work.switches);
            put(What::CpuQuiet, |work| work.cpu_ms);
            continue;
        }
        put(What::Switches, |work| work.switches);
        put(What::Cpu, |work| work.cpu_ms);
        let threads: Vec<f64> = seen.iter().map(|look| look.1.len() as f64).collect();
        sheet.put_median(What::Threads, one.subject, &threads);
        let column = |figure: fn(&proc_figures::Memory) -> f64| -> Vec<f64> {
            memory.iter().map(figure).collect()
        };
        sheet.put_median(What::Rss, one.subject, &column(|it| it.rss));
        sheet.put_median(What::Pss, one.subject, &column(|it| it.pss));
        sheet.put_median(What::PrivateDirty, one.subject, &column(|it| it.private_dirty));
    }
    Ok(())
}

/// What each thread had done at a moment.
type Look = (Instant, BTreeMap<String, Work>);

/// How much a counter rose in a minute: over the whole window, and over its parts.
fn a_minute(seen: &[Look], figure: fn(&Work) -> f64) -> Spread {
    let mut sum = 0.0;
    let mut parts = Vec::new();
    for pair in seen.windows(2) {
        let rose = figure(&proc_figures::done(&pair[0].1, &pair[1].1));
        sum += rose;
        parts.push(rose * 60.0 / (pair[1].0 - pair[0].0).as_secs_f64());
    }
    let took = seen[seen.len() - 1].0 - seen[0].0;
    Spread::whole(sum * 60.0 / took.as_secs_f64(), &parts)
}
