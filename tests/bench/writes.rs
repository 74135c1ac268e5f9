//! What each service writes, in a window of one minute: idle; posdatad with a day's
//! share of 30 MB a month; vnStat saving once.

use std::time::{Duration, Instant};

use super::Result;
use super::lab::Lab;
use super::proc_figures;
use super::services::Terminal;
use super::sheet::{Sheet, Subject, What};
use super::spread::Spread;
use super::tracer::{Seen, Tracer};

/// A day's hours, each as one burst of traffic that is saved by itself: with 30 MB
/// a month the hourly save comes before `loss_bytes_max` is reached.
const BURSTS: u32 = 24;
/// 30 MB / 30 days / 24 hours = 41,667 bytes, a fifth of them sent.
const BURST: &str = "traffic tx 8333 rx 33334";
/// Time for the reading and the commit.
const BURST_INTERVAL: Duration = Duration::from_millis(2_500);
/// vnStat saves every 5 minutes as it is shipped.
const VNSTAT_SAVES_AN_HOUR: f64 = 12.0;
/// Writes that are this far apart are of two saves.
const SAVE_GAP: Duration = Duration::from_secs(5);

/// What one process does in the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doing {
    /// Nothing: one hour is so many windows.
    Idling,
    /// One burst of traffic an hour.
    Bursts,
    /// vnStat: one hour is so many saves.
    Saving,
}

/// One process that is watched.
#[derive(Debug)]
pub struct Watched {
    pub subject: Subject,
    pub doing: Doing,
    pub pid: u32,
    pub tracer: Option<Tracer>,
}

#[derive(Clone, Copy, Debug, Default)]
struct State {
    seen: Seen,
    disk_bytes: f64,
}

impl Watched {
    fn state(&self) -> Result<State> {
        let seen = self.tracer.as_ref().map_or(Ok(Seen::default()), Tracer::seen)?;
        Ok(State { seen, disk_bytes: proc_figures::disk_bytes(self.pid)? })
    }
}

/// Watches them while `busy` moves a day's data.
pub fn measure(lab: &Lab, busy: &Terminal, watched: Vec<Watched>, sheet: &mut Sheet) -> Result<()> {
    let begin = Instant::now();
    let mut tracks = Vec::new();
    for one in &watched {
        tracks.push(vec![(begin, one.state()?)]);
    }
    for burst in 0..BURSTS {
        busy.sim.apply(BURST).map_err(|error| error.to_string())?;
        lab.pause_until(begin + BURST_INTERVAL * (burst + 1))?;
        for (one, track) in watched.iter().zip(&mut tracks) {
            track.push((Instant::now(), one.state()?));
        }
    }
    for (one, track) in watched.into_iter().zip(&tracks) {
        put(&one, track, sheet);
        if let Some(tracer) = one.tracer {
            tracer.detach()?;
        }
    }
    Ok(())
}

/// Scales what rose in the window to an hour.
fn put(one: &Watched, track: &[(Instant, State)], sheet: &mut Sheet) {
    let (Some((begin, first)), Some((end, last))) = (track.first(), track.last()) else { return };
    let an_hour = match one.doing {
        Doing::Idling => 3600.0 / (*end - *begin).as_secs_f64(),
        Doing::Bursts => 1.0 / f64::from(BURSTS),
        Doing::Saving => {
            let saves = saves(track);
            if saves == 0.0 {
                sheet.miss("vnStat's writes: it did not save in the window".to_owned());
                return;
            }
            VNSTAT_SAVES_AN_HOUR / saves
        }
    };
    let (disk, written, syncs) = match one.doing {
        Doing::Idling => (What::IdleDisk, What::IdlePwrite, What::IdleFsyncs),
        Doing::Bursts | Doing::Saving => (What::BusyDisk, What::BusyPwrite, What::BusyFsyncs),
    };
    let rose = |figure: fn(&State) -> f64| (figure(last) - figure(first)) * an_hour;
    let parts = |figure: fn(&State) -> f64| -> Vec<f64> {
        track.windows(2).map(|pair| figure(&pair[1].1) - figure(&pair[0].1)).collect()
    };
    // In an hour's share the hours of posdatad's day differ: a checkpoint falls into
    // one of them.
    let spread = |figure: fn(&State) -> f64| {
        if one.doing == Doing::Bursts {
            Spread::whole(rose(figure), &parts(figure))
        } else {
            Spread::once(rose(figure))
        }
    };
    sheet.put(disk, one.subject, spread(|it| it.disk_bytes).times(1.0 / 1024.0));
    if one.tracer.is_some() {
        sheet.put(written, one.subject, spread(|it| it.seen.written_bytes).times(1.0 / 1024.0));
        sheet.put(syncs, one.subject, spread(|it| it.seen.syncs));
    }
}

/// How often something was written, with pauses between.
fn saves(track: &[(Instant, State)]) -> f64 {
    let mut saves = 0.0;
    let mut written: Option<Instant> = None;
    for pair in track.windows(2) {
        if pair[1].1.disk_bytes > pair[0].1.disk_bytes {
            if written.is_none_or(|before| pair[1].0 - before > SAVE_GAP) {
                saves += 1.0;
            }
            written = Some(pair[1].0);
        }
    }
    saves
}
