//! `make bench`: posdatad beside its peers, measured in one run and printed with the
//! budgets. What each figure means and how it is got is in `docs/benchmarks.md`.
//!
//! Nothing of the machine is touched: buses, terminals and databases are private and
//! gone at the end, and no packet leaves.

#![allow(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a measuring program: it reads clocks, and ends with a word when it is wrong"
)]

mod budgets;
mod caller;
mod calls;
mod idle;
mod lab;
mod machine;
mod proc_figures;
mod process;
mod services;
mod sheet;
mod spread;
mod starts;
mod tracer;
mod wire;
mod writes;
mod years;

use std::env;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use caller::Caller;
use lab::{Bus, Lab};
use process::Process;
use services::{DEFAULTS, FLOOR, Peers, REMAINING, Settings, Terminal, VERSION};
use sheet::{Sheet, Subject, What};
use starts::Starter;
use writes::Doing;

/// What a measurement gives, or why it cannot go on.
pub type Result<T, E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

/// How long the services are left alone before the idle window.
const SETTLING: Duration = Duration::from_secs(20);
/// The idle window, unless `BENCH_SECONDS` says another.
const WINDOW_S: u64 = 60;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let window_s = match env::var("BENCH_SECONDS") {
        Ok(text) => text.parse().map_err(|_| "BENCH_SECONDS takes a number of seconds")?,
        Err(_) => WINDOW_S,
    };
    let begun = Instant::now();
    let lab = Lab::open()?;
    if env::var("BENCH_ONLY").is_ok_and(|only| only == "wire") {
        wire::bytes(&lab)?;
        return wire::memories(&lab, &lab.bus("bus")?);
    }
    let mut sheet = Sheet::default();
    let peers = Peers::find(&lab);
    for missing in [&peers.floor, &peers.modem_manager, &peers.vnstat, &peers.strace] {
        if let Err(why) = missing {
            sheet.miss(why.clone());
        }
    }
    machine::print(lab.disk())?;

    let bus = lab.bus("bus")?;
    let terminal = Terminal::new(&lab, "idle", DEFAULTS)?;
    let mut crew = Crew::start(&bus, &terminal, &peers)?;
    has_answer(&lab, &bus, &terminal)?;
    idle_window(&lab, &crew, &peers, Duration::from_secs(window_s), &mut sheet)?;
    calls_idle(&lab, &bus, &crew, &mut sheet)?;
    write_window(&lab, &crew, &peers, &mut sheet)?;
    calls_busy(&lab, &bus, &terminal, &mut crew, &mut sheet)?;
    crew.stop()?;
    say("a month and five years, simulated");
    years::month(&lab, peers.strace.as_deref().ok(), &mut sheet)?;
    let old = Terminal::new(&lab, "years", DEFAULTS)?;
    years::five_years(&lab, old.database(), &mut sheet)?;
    queries(&bus, &old, &mut sheet)?;
    starts(&lab, &bus, &terminal, &old, &peers, &mut sheet)?;

    wire::bytes(&lab)?;
    wire::memories(&lab, &lab.bus("tls-bus")?)?;
    println!(
        "run {} s, idle window {window_s} s; median, or whole window (least-most)\n",
        begun.elapsed().as_secs()
    );
    sheet.print();
    println!();
    budgets::print(&sheet);
    Ok(())
}

/// The services that are on the bus together.
struct Crew {
    posdatad: Process,
    floor: Option<Process>,
    modem_manager: Option<Process>,
}

impl Crew {
    fn start(bus: &Bus, terminal: &Terminal, peers: &Peers) -> Result<Self> {
        let floor = peers.floor.as_ref().ok();
        let modem_manager = peers.modem_manager.as_ref().ok();
        Ok(Self {
            posdatad: terminal.start(bus)?,
            floor: floor.map(|it| services::start_floor(it, bus)).transpose()?,
            modem_manager: modem_manager
                .map(|it| services::start_modem_manager(it, bus))
                .transpose()?,
        })
    }

    fn pids(&self) -> Vec<(Subject, u32)> {
        let peer = |subject, process: &Option<Process>| {
            process.as_ref().map(|process| (subject, process.pid()))
        };
        [
            Some((Subject::Posdatad, self.posdatad.pid())),
            peer(Subject::Floor, &self.floor),
            peer(Subject::ModemManager, &self.modem_manager),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    fn stop(self) -> Result<()> {
        self.posdatad.stop()?;
        self.floor.map_or(Ok(()), Process::stop)?;
        self.modem_manager.map_or(Ok(()), Process::stop)
    }
}

/// An answer is there before it is measured how soon: the plan waits for the modem to
/// say what time it is.
fn has_answer(lab: &Lab, bus: &Bus, terminal: &Terminal) -> Result<()> {
    let mut caller = Caller::connect(bus.socket())?;
    let mut message = caller::get(REMAINING)?;
    lab.until("posdatad knows its balance", || Ok(caller.call(&mut message).is_ok()))
        .map_err(|error| format!("{error}\n{}", terminal.log()).into())
}

fn idle_window(
    lab: &Lab,
    crew: &Crew,
    peers: &Peers,
    window: Duration,
    sheet: &mut Sheet,
) -> Result<()> {
    say(&format!("idle for {} s", (SETTLING + window).as_secs()));
    let bus = lab.bus("quiet-bus")?;
    let terminal = Terminal::new(lab, "quiet", Settings { poll: "10min", ..DEFAULTS })?;
    let quiet = terminal.start(&bus)?;
    let vnstat = peers.vnstat.as_ref().ok();
    let vnstat = vnstat.map(|it| services::start_vnstat(it, lab, "vnstat-idle", 5)).transpose()?;
    terminal.await_polls(1)?;
    lab.pause(SETTLING)?;
    let one = |(subject, pid)| idle::Watched { subject, pid, quiet: false };
    let mut watched: Vec<_> = crew.pids().into_iter().map(one).collect();
    watched.extend(vnstat.as_ref().map(|it| one((Subject::VnStat, it.pid()))));
    watched.push(idle::Watched { subject: Subject::Posdatad, pid: quiet.pid(), quiet: true });
    idle::measure(lab, &watched, window, sheet)?;
    quiet.stop()?;
    vnstat.map_or(Ok(()), Process::stop)
}

fn calls_idle(lab: &Lab, bus: &Bus, crew: &Crew, sheet: &mut Sheet) -> Result<()> {
    say("property reads");
    let asked: Vec<_> =
        crew.pids().into_iter().map(|(subject, _)| (subject, property(subject))).collect();
    calls::measure(lab, bus, &asked, calls::While::Idle, sheet)
}

fn property(subject: Subject) -> caller::Property {
    match subject {
        Subject::Floor => FLOOR,
        Subject::ModemManager => VERSION,
        Subject::Posdatad | Subject::VnStat => REMAINING,
    }
}

fn write_window(lab: &Lab, crew: &Crew, peers: &Peers, sheet: &mut Sheet) -> Result<()> {
    say("what is written, in a minute");
    let bus = lab.bus("writes-bus")?;
    // Each burst is read within a second, and saved because it is more than may be lost.
    let settings = Settings { poll: "1s", loss_bytes_max: "32 KiB" };
    let terminal = Terminal::new(lab, "writes", settings)?;
    let busy = terminal.start(&bus)?;
    let vnstat = peers.vnstat.as_ref().ok();
    let vnstat =
        vnstat.map(|it| services::start_vnstat(it, lab, "vnstat-writes", 1)).transpose()?;
    terminal.await_polls(3)?;

    let mut all: Vec<_> =
        crew.pids().into_iter().map(|(subject, pid)| (subject, Doing::Idling, pid)).collect();
    all.push((Subject::Posdatad, Doing::Bursts, busy.pid()));
    all.extend(vnstat.as_ref().map(|it| (Subject::VnStat, Doing::Saving, it.pid())));
    let mut watched = Vec::new();
    for (subject, doing, pid) in all {
        let tracer = match &peers.strace {
            Ok(strace) => match tracer::Tracer::attach(lab, strace, pid) {
                Ok(tracer) => Some(tracer),
                Err(error) => {
                    sheet.miss(format!("fsyncs: {error}"));
                    None
                }
            },
            Err(_) => None,
        };
        watched.push(writes::Watched { subject, doing, pid, tracer });
    }
    writes::measure(lab, &terminal, watched, sheet)?;
    busy.stop()?;
    vnstat.map_or(Ok(()), Process::stop)
}

/// posdatad starts again with a poll and a commit every second, while it and the
/// minimal C service are asked.
fn calls_busy(
    lab: &Lab,
    bus: &Bus,
    terminal: &Terminal,
    crew: &mut Crew,
    sheet: &mut Sheet,
) -> Result<()> {
    say("property reads while commits and polls run");
    crew.posdatad.end(nix::sys::signal::Signal::SIGTERM)?;
    terminal.configure(Settings { poll: "1s", loss_bytes_max: "4 KiB" })?;
    crew.posdatad = terminal.start(bus)?;
    terminal.await_polls(2)?;
    has_answer(lab, bus, terminal)?;
    terminal.sim.apply("traffic rate 20000 &").map_err(|error| error.to_string())?;
    let asked: Vec<_> =
        crew.pids().into_iter().map(|(subject, _)| (subject, property(subject))).collect();
    calls::measure(lab, bus, &asked, calls::While::Busy, sheet)?;
    terminal.sim.apply("traffic stop").map_err(|error| error.to_string())?;
    terminal.await_polls(2)?;
    for (subject, pid) in crew.pids() {
        let memory = proc_figures::memory(pid)?;
        sheet.put_median(What::RssWorked, subject, &[memory.rss]);
        sheet.put_median(What::PrivateDirtyWorked, subject, &[memory.private_dirty]);
    }
    terminal.configure(DEFAULTS)
}

fn posdatad(what: What, terminal: &Terminal) -> Starter<'_> {
    Starter {
        what,
        subject: Subject::Posdatad,
        name: REMAINING.service,
        start: Box::new(|bus| terminal.start(bus)),
    }
}

fn queries(bus: &Bus, old: &Terminal, sheet: &mut Sheet) -> Result<()> {
    let posdatad = old.start(bus)?;
    old.await_polls(1)?;
    calls::queries(bus, sheet).map_err(|error| format!("{error}\n{}", old.log()))?;
    posdatad.stop()
}

fn starts(
    lab: &Lab,
    bus: &Bus,
    terminal: &Terminal,
    old: &Terminal,
    peers: &Peers,
    sheet: &mut Sheet,
) -> Result<()> {
    say("starts");
    let mut starters = vec![posdatad(What::Start, terminal), posdatad(What::StartYears, old)];
    if let Ok(program) = &peers.floor {
        starters.push(Starter {
            what: What::Start,
            subject: Subject::Floor,
            name: FLOOR.service,
            start: Box::new(|bus| services::start_floor(program, bus)),
        });
    }
    if let Ok(program) = &peers.modem_manager {
        starters.push(Starter {
            what: What::Start,
            subject: Subject::ModemManager,
            name: VERSION.service,
            start: Box::new(|bus| services::start_modem_manager(program, bus)),
        });
    }
    starts::measure(lab, bus, &starters, sheet)
}

/// On standard error, so that the table can be kept.
fn say(what: &str) {
    eprintln!("bench: {what} …");
}
