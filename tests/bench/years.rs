//! Time that a benchmark cannot wait for: the engine and the store as the daemon
//! wires them, on a simulated clock. A month shows what the flash has to bear, five
//! years how large the database becomes.

use std::path::Path;
use std::time::Duration;

use jiff::tz::TimeZone;
use posdatad::adapters::store::Store;
use posdatad::domain::alert::AlertRules;
use posdatad::domain::counter::{Evidence, Restarts, Sample, Width};
use posdatad::domain::crosscheck::Tolerance;
use posdatad::domain::engine::{Engine, Input, Output, Settings, SourceSetup};
use posdatad::domain::persist::Role;
use posdatad::domain::plan::{Cycle, Plan};
use posdatad::domain::reading::Reading;
use posdatad::domain::report::{Identity, Report};
use posdatad::domain::sim::Iccid;
use posdatad::domain::snapshot::Tier;
use posdatad::domain::time::{BootMs, EARLIEST_S, Now, UnixS};
use posdatad::domain::units::Traffic;

use super::Result;
use super::lab::Lab;
use super::proc_figures;
use super::services::ICCID;
use super::sheet::{Sheet, Subject, What};
use super::spread::Spread;
use super::tracer::{Seen, Tracer};

const MINUTE_S: UnixS = 60;
const HOUR_S: UnixS = 3_600;
const DAY_S: UnixS = 86_400;
/// Days of the month, and days that are let go by before they count.
const MONTH_DAYS: UnixS = 30;
const LEAD_DAYS: UnixS = 2;
/// A terminal's day: 120 payments from 8:00 to 22:00, seven minutes apart, of 8,333
/// bytes each: 30 MB in 30 days.
const PAYMENTS_A_DAY: UnixS = 120;
const PAYMENT: Traffic = Traffic { rx: 6_666, tx: 1_667 };
const OPENS_S: UnixS = 8 * HOUR_S;
const PAYMENT_INTERVAL_S: UnixS = 7 * MINUTE_S;
/// As `[modem] poll` is shipped.
const POLL_S: UnixS = 10;
/// The end of the five years is lived in such steps, so that the fine tiers are full.
const FINE_S: UnixS = 5 * MINUTE_S;
/// The rest in such steps, saved once a day: the rows are the same.
const COARSE_S: UnixS = 2 * HOUR_S;
const FIVE_YEARS_DAYS: UnixS = 1_826;

/// A daemon without its doors.
struct Life {
    engine: Engine,
    store: Store,
    begun_s: UnixS,
    wall_s: UnixS,
    counter: Traffic,
}

impl Life {
    fn begin(database: &Path, save_interval_s: UnixS) -> Result<Self> {
        let (store, loaded) = Store::open(database, "simulated")?;
        let engine = Engine::new(settings(save_interval_s)?, &loaded, store.boot_seq());
        let begun_s = EARLIEST_S + DAY_S;
        let counter = Traffic { rx: 1_000_000, tx: 1_000_000 };
        let mut life = Self { engine, store, begun_s, wall_s: begun_s, counter };
        life.tell(Input::Source(SourceSetup {
            role: Role::Metered,
            name: "at",
            path: "/dev/ttyUSB2".to_owned(),
            names_sim: true,
            epoch_proves_restart: false,
        }))?;
        let iccid = Iccid::parse(ICCID).map_err(|error| error.to_string())?;
        let identity = Identity {
            imei: Some("861234567890127".to_owned()),
            iccid: Some(iccid),
            ..Identity::default()
        };
        life.tell(report(Report::Identified(identity)))?;
        life.read()?;
        Ok(life)
    }

    /// The clock goes on, the modem moves that much, and is read.
    fn live(&mut self, seconds: UnixS, moved: Traffic) -> Result<()> {
        self.wall_s += seconds;
        self.counter = self.counter.plus(moved);
        self.read()
    }

    fn read(&mut self) -> Result<()> {
        let sample = Sample {
            counter: self.counter,
            width: Width::Bits64,
            restarts: Restarts::FromSaved,
            evidence: Evidence::Same,
            rate_max: 50_000_000,
        };
        self.tell(report(Report::Reading(Reading::over_a_line(sample))))
    }

    /// What the engine wants is done at once; nobody listens to what it says.
    fn tell(&mut self, input: Input) -> Result<()> {
        let boot_ms = BootMs::try_from((self.wall_s - self.begun_s) * 1_000 + 60_000)?;
        let now = Now { boot_ms, wall_s: self.wall_s, ntp: true };
        self.engine.handle(now, input);
        while let Some(output) = self.engine.poll_output() {
            if let Output::Commit(batch) = output {
                self.store.commit(&batch)?;
                self.engine.handle(now, Input::Committed { seq: batch.seq });
            }
        }
        Ok(())
    }

    fn end(mut self) -> Result<()> {
        self.tell(Input::Stop)?;
        self.store.close()?;
        Ok(())
    }
}

fn report(report: Report) -> Input {
    Input::report(Role::Metered, "simulated", report)
}

fn settings(save_interval_s: UnixS) -> Result<Settings> {
    let zone = TimeZone::get("Asia/Shanghai")?;
    let cycle = Cycle::parse("monthly:1").map_err(|error| error.to_string())?;
    let plan = Plan::new(31_457_280, cycle, zone);
    // As `[history]` is shipped.
    let retention_s = [
        (Tier::FiveMinutes, 48 * HOUR_S),
        (Tier::Hour, 4 * DAY_S),
        (Tier::Day, 62 * DAY_S),
        (Tier::Month, 25 * 2_629_746),
    ];
    Ok(Settings {
        terminal_serial: Some("N9600012345".to_owned()),
        poll_ms: 10_000,
        loss_bytes_max: 65_536,
        save_interval_ms: BootMs::try_from(save_interval_s * 1_000)?,
        tolerance: Tolerance { bytes: 1_048_576, percent: 2 },
        retention_s: retention_s.into(),
        calendar: plan.calendar.clone(),
        plan: Some(plan),
        sync_every_s: None,
        alerts: AlertRules::default(),
    })
}

/// What 30 days of 30 MB write, with all else as it is shipped.
pub fn month(lab: &Lab, strace: Option<&Path>, sheet: &mut Sheet) -> Result<()> {
    let mut life = Life::begin(&lab.folder("month")?.join("posdata.db"), HOUR_S)?;
    for _ in 0..LEAD_DAYS {
        day(lab, &mut life)?;
    }
    let ourselves = std::process::id();
    let tracer = strace.map(|strace| Tracer::attach(lab, strace, ourselves)).transpose()?;
    let seen = || tracer.as_ref().map_or(Ok(Seen::default()), Tracer::seen);
    let mut days = vec![(proc_figures::disk_bytes(ourselves)?, seen()?)];
    for _ in 0..MONTH_DAYS {
        day(lab, &mut life)?;
        days.push((proc_figures::disk_bytes(ourselves)?, seen()?));
    }
    let mut put = |what, figure: fn(&(f64, Seen)) -> f64| {
        let each: Vec<f64> =
            days.windows(2).map(|pair| figure(&pair[1]) - figure(&pair[0])).collect();
        let mean = each.iter().sum::<f64>() / each.len() as f64;
        sheet.put(what, Subject::Posdatad, Spread::whole(mean, &each));
    };
    put(What::MonthDisk, |day| day.0 / 1024.0);
    if tracer.is_some() {
        put(What::MonthPwrite, |day| day.1.written_bytes / 1024.0);
        put(What::MonthFsyncs, |day| day.1.syncs);
    }
    tracer.map_or(Ok(()), Tracer::detach)?;
    life.end()
}

/// One day, second by second as far as the engine looks.
fn day(lab: &Lab, life: &mut Life) -> Result<()> {
    lab.pause(Duration::ZERO)?;
    for second in (0..DAY_S).step_by(usize::try_from(POLL_S)?) {
        let since = second - OPENS_S;
        let pays = (0..PAYMENTS_A_DAY * PAYMENT_INTERVAL_S).contains(&since)
            && since % PAYMENT_INTERVAL_S < POLL_S;
        life.live(POLL_S, if pays { PAYMENT } else { Traffic::ZERO })?;
    }
    Ok(())
}

/// Fills a database with five years of 30 MB a month; how large it is.
pub fn five_years(lab: &Lab, database: &Path, sheet: &mut Sheet) -> Result<()> {
    let mut life = Life::begin(database, DAY_S)?;
    let share = |step_s: UnixS| -> Result<Traffic> {
        let steps = u64::try_from(DAY_S / step_s)?;
        Ok(Traffic { rx: 800_000 / steps, tx: 200_000 / steps })
    };
    let fine_days = 5;
    for (days, step_s) in [(FIVE_YEARS_DAYS - fine_days, COARSE_S), (fine_days, FINE_S)] {
        for _ in 0..days {
            lab.pause(Duration::ZERO)?;
            for _ in 0..DAY_S / step_s {
                life.live(step_s, share(step_s)?)?;
            }
        }
    }
    life.end()?;
    let bytes = f64::from(u32::try_from(std::fs::metadata(database)?.len())?);
    sheet.put(What::YearsSize, Subject::Posdatad, Spread::once(bytes / 1024.0));
    Ok(())
}
