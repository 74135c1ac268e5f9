//! The command line's words: what may be given, its help, and what is refused
//! before anything is asked of the daemon.

mod shop;

use std::ffi::OsString;
use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{CommandFactory as _, Parser, Subcommand, ValueEnum};

use super::failure::{self, Failure};
use super::help;
use super::when::{self, When};
use crate::domain::snapshot::Tier;
use crate::domain::units::parse_size;
pub(super) use shop::{Calibrate, Cancel, Choice, Export, Recharge, TopUps};

/// Over the options that every verb takes.
const COMMON: &str = "Common options";

/// Which bus the daemon is on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Bus {
    /// The system's: the service as it is installed.
    System,
    /// The user's own.
    Session,
    /// Any other.
    Address(String),
}

/// What was asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Args {
    /// Where the daemon is.
    pub(super) bus: Bus,
    /// JSON instead of text.
    pub(super) json: bool,
    /// What to do.
    pub(super) verb: Verb,
}

#[derive(Debug, Parser)]
#[command(
    name = "posdatactl",
    version,
    about = "Shows what posdatad knows of this terminal's mobile data, and buys more",
    after_help = help::ALL,
    max_term_width = 100,
    disable_help_subcommand = true,
    arg_required_else_help = true,
    subcommand_value_name = "VERB",
    subcommand_help_heading = "Verbs"
)]
struct Given {
    /// Look for posdatad on the session bus instead of the system bus
    #[arg(long, global = true, help_heading = COMMON, conflicts_with = "bus_address")]
    session: bool,
    /// Look for posdatad on the bus at this D-Bus address
    #[arg(long, global = true, help_heading = COMMON, value_name = "ADDRESS")]
    bus_address: Option<String>,
    /// Print JSON instead of text
    #[arg(long, global = true, help_heading = COMMON)]
    json: bool,
    #[command(subcommand)]
    verb: Verb,
}

/// What `posdatactl` can do.
#[derive(Debug, PartialEq, Eq, Subcommand)]
pub(super) enum Verb {
    /// What is left of the data, until when, and whether all is well
    #[command(after_help = help::STATUS)]
    Status,
    /// How much was used, by five minutes, hour, day, month or year
    #[command(after_help = help::USAGE)]
    Usage(Usage),
    /// What happened to the counters: resets, gaps, SIM changes, faults
    #[command(after_help = help::EVENTS)]
    Events(Events),
    /// Where the figures come from: ports, modem, counter, faults (root or group posdata-admin)
    #[command(after_help = help::SOURCES)]
    Sources,
    /// The counters, live
    #[command(after_help = help::WATCH)]
    Watch(Watch),
    /// What can be bought (root or group posdata)
    #[command(after_help = help::OFFERS)]
    Offers,
    /// What an offer costs now; nothing is bought (root or group posdata)
    #[command(after_help = help::QUOTE)]
    Quote(Choice),
    /// Buy an offer, show its payment code, wait until the data is there (root or group posdata)
    #[command(after_help = help::RECHARGE)]
    Recharge(Recharge),
    /// Every top-up of this terminal, or all of one (root or group posdata)
    #[command(name = "topups", after_help = help::TOPUPS)]
    TopUps(TopUps),
    /// End an order that is not paid (root or group posdata)
    #[command(after_help = help::CANCEL)]
    Cancel(Cancel),
    /// Ask the backend now for what is new (root or group posdata-admin)
    #[command(after_help = help::SYNC)]
    Sync,
    /// Take over the operator's figure of what is left (root or group posdata-admin)
    #[command(after_help = help::CALIBRATE)]
    Calibrate(Calibrate),
    /// The ledger's entries, as CSV or JSON (root or group posdata-admin)
    #[command(after_help = help::EXPORT)]
    Export(Export),
    /// What is said to the modem and what it answers, live (root or group posdata-admin)
    #[command(after_help = help::TRACE)]
    Trace(Trace),
}

/// `usage`.
#[derive(Debug, PartialEq, Eq, clap::Args)]
pub(super) struct Usage {
    /// How long one slot is
    #[arg(value_enum, default_value_t = Granularity::Day)]
    pub(super) granularity: Granularity,
    /// Show slots from here on [default: as many as make a screen]
    #[arg(long, value_name = "WHEN", value_parser = when::parse, allow_hyphen_values = true)]
    pub(super) from: Option<When>,
    /// Show slots up to here [default: now]
    #[arg(long, value_name = "WHEN", value_parser = when::parse, allow_hyphen_values = true)]
    pub(super) to: Option<When>,
}

/// The history's tiers, as they are written on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Granularity {
    /// Kept for 2 days by default
    #[value(alias = "five_minutes", alias = "5min")]
    FiveMinutes,
    /// Kept for 4 days by default
    Hour,
    /// Kept for 62 days by default
    Day,
    /// Kept for 25 months by default
    Month,
    /// Kept for ever
    Year,
}

impl From<Granularity> for Tier {
    fn from(given: Granularity) -> Self {
        match given {
            Granularity::FiveMinutes => Self::FiveMinutes,
            Granularity::Hour => Self::Hour,
            Granularity::Day => Self::Day,
            Granularity::Month => Self::Month,
            Granularity::Year => Self::Year,
        }
    }
}

/// `events`.
#[derive(Debug, PartialEq, Eq, clap::Args)]
pub(super) struct Events {
    /// Only those with a greater number than this
    #[arg(long, value_name = "ID")]
    pub(super) after: Option<u64>,
    /// At most so many: the latest, or with --after the first after it [default: 20, with --after all]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) limit: Option<u32>,
}

/// `watch`.
#[derive(Debug, PartialEq, Eq, clap::Args)]
pub(super) struct Watch {
    /// Tell when the count has moved by this much: 1B, "64 KiB", 1MB
    #[arg(long, value_name = "SIZE", default_value = "64 KiB", value_parser = accuracy)]
    pub(super) accuracy: u64,
    /// And when it has moved at all, this long after the line before: 5s, 1m
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = period_s)]
    pub(super) period: u32,
}

/// `trace`.
#[derive(Debug, PartialEq, Eq, clap::Args)]
pub(super) struct Trace {
    /// How long, at most 1h: 30s, 10m
    #[arg(long = "for", value_name = "TIME", default_value = "60s", value_parser = trace_s)]
    pub(super) seconds: u32,
}

fn accuracy(text: &str) -> Result<u64, String> {
    match parse_size(text) {
        Ok(0) => Err("at least 1 byte".to_owned()),
        Ok(bytes) => Ok(bytes),
        Err(error) => Err(error.to_string()),
    }
}

fn period_s(text: &str) -> Result<u32, String> {
    whole_seconds(text, Duration::from_secs(86_400), "1s to 24h")
}

fn trace_s(text: &str) -> Result<u32, String> {
    whole_seconds(text, Duration::from_secs(3600), "1s to 1h")
}

fn whole_seconds(text: &str, max: Duration, range: &str) -> Result<u32, String> {
    let time =
        humantime::parse_duration(text).map_err(|error| format!("{error}, as in 30s or 5m"))?;
    if time.subsec_nanos() != 0 || time.is_zero() || time > max {
        return Err(format!("whole seconds, {range}"));
    }
    u32::try_from(time.as_secs()).map_err(|error| error.to_string())
}

/// An end before the beginning: help and version were asked for, or the words are wrong.
#[derive(Debug)]
pub(super) struct Early {
    error: clap::Error,
    json: bool,
}

/// Reads the words that the program was started with, its own name first.
pub(super) fn parse(given: &[OsString]) -> Result<Args, Early> {
    let Given { session, bus_address, json, verb } = Given::try_parse_from(given)
        .map_err(|error| Early { error, json: given.iter().any(|word| word == "--json") })?;
    if json && matches!(&verb, Verb::TopUps(TopUps { csv: true, .. })) {
        let text = "the argument '--csv' cannot be used with '--json'";
        let error = Given::command().error(ErrorKind::ArgumentConflict, text);
        return Err(Early { error, json });
    }
    let bus = match (session, bus_address) {
        (true, _) => Bus::Session,
        (false, Some(address)) => Bus::Address(address),
        (false, None) => Bus::System,
    };
    Ok(Args { bus, json, verb })
}

impl Early {
    /// Prints what is to be said and gives the exit status.
    pub(super) fn report(self) -> ExitCode {
        if !self.error.use_stderr() {
            // A closed pipe (`--help | head -1`) is no failure.
            let _ = self.error.print();
            return ExitCode::SUCCESS;
        }
        if self.json {
            let text = self.error.to_string();
            let first = text.lines().next().unwrap_or_default();
            return Failure::Usage(first.trim_start_matches("error: ").to_owned()).report(true);
        }
        let _ = write!(std::io::stderr(), "{}", self.error);
        ExitCode::from(failure::EX_USAGE)
    }
}

#[cfg(test)]
#[path = "args_tests.rs"]
mod tests;
