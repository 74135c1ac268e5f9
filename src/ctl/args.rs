//! The command line's words: what may be given, its help, and what is refused
//! before anything is asked of the daemon.

use std::ffi::OsString;
use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};

use super::failure::{self, Failure};
use super::when::{self, When};
use crate::domain::snapshot::Tier;
use crate::domain::units::parse_size;

const AFTER_HELP: &str = "\
Examples:
  posdatactl status                     what is left, until when, and is it saved?
  posdatactl usage hour                 the last 24 hours as a chart
  posdatactl usage day --from 2026-11   every day since the 1st of November
  posdatactl --json status | jq .balance.remaining_bytes
  sudo posdatactl trace --for 30s       what is said to the modem, live

JSON: one document on one line; watch and trace print one object a line. Bytes
are integers, times RFC 3339 in UTC. A key that is absent is unknown, not zero.
With --json an error is one object on standard error, standard output stays
empty: {\"error\":{\"name\":\"posdatactl.NotRunning\",\"message\":\"…\",\"hint\":\"…\"}}
(posdatad's own names are org.posdata.Error.*).

Exit status: 0 done; 64 wrong usage; 69 the bus or posdatad is not there or does
not answer; 70 internal error; 74 the output cannot be written; 77 not allowed.";

const USAGE_HELP: &str = "\
WHEN is one of
  2026-11-01, 2026-11, 2026   a day, month or year of the local time zone
  2026-11-01T08:30            a local time
  2026-11-01T00:30:00Z        an instant (RFC 3339)
  -7d, -12h, -90m             so long ago
A day, month or year given to --to is shown whole.

Examples:
  posdatactl usage                      the last 31 days
  posdatactl usage hour --from -12h     the last 12 hours
  posdatactl usage day --from 2026-11-01 --to 2026-11-07
  posdatactl --json usage month         {\"granularity\":\"month\",\"slots\":[{\"start\":…,
                                        \"rx_bytes\":…,\"tx_bytes\":…,\"home\":{…},\"roaming\":{…},
                                        \"estimated\":false},…]}

Slots in which nothing was recorded are left out. On a terminal each slot has a
bar as long as its share of the largest; piped, there is a plain table.";

const EVENTS_HELP: &str = "\
Examples:
  posdatactl events                     the latest 20
  posdatactl events --limit 200         the latest 200
  posdatactl --json events --after 41   all that came after number 41

What is recorded: baselines, wraps, resets and gaps of the counters, changes of
SIM or source, faults of the store. As they happen: journalctl -fu posdatad";

const WATCH_HELP: &str = "\
Examples:
  posdatactl watch
  posdatactl watch --accuracy 1B --period 1s
  posdatactl --json watch | while read -r line; do …; done

Ctrl-C ends it.";

const TRACE_HELP: &str = "\
Needs root or the group posdata-admin. Tracing ends after --for, at Ctrl-C, and
when posdatactl ends in whatever way.

Examples:
  sudo posdatactl trace
  sudo posdatactl --json trace --for 10m > trace.jsonl";

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
    about = "Shows what posdatad knows of this terminal's mobile data",
    after_help = AFTER_HELP,
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
    Status,
    /// How much was used, by five minutes, hour, day, month or year
    #[command(after_help = USAGE_HELP)]
    Usage(Usage),
    /// What happened to the counters: resets, gaps, SIM changes, faults
    #[command(after_help = EVENTS_HELP)]
    Events(Events),
    /// Where the figures come from: ports, modem, counter, faults (root or group posdata-admin)
    Sources,
    /// The counters, live
    #[command(after_help = WATCH_HELP)]
    Watch(Watch),
    /// What is said to the modem and what it answers, live (root or group posdata-admin)
    #[command(after_help = TRACE_HELP)]
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
mod tests {
    use super::*;

    fn given(words: &str) -> Result<Args, String> {
        let words: Vec<_> = words.split(' ').map(OsString::from).collect();
        parse(&words).map_err(|early| early.error.to_string())
    }

    #[test]
    fn words_are_read() {
        let verb = |words: &str| given(words).unwrap().verb;
        assert_eq!(
            given("posdatactl status"),
            Ok(Args { bus: Bus::System, json: false, verb: Verb::Status })
        );
        assert_eq!(
            given("posdatactl sources --json --session"),
            Ok(Args { bus: Bus::Session, json: true, verb: Verb::Sources })
        );
        assert_eq!(
            given("posdatactl --bus-address unix:path=/b status").unwrap().bus,
            Bus::Address("unix:path=/b".into())
        );
        for (words, granularity) in [
            ("posdatactl usage", Granularity::Day),
            ("posdatactl usage five-minutes", Granularity::FiveMinutes),
            ("posdatactl usage five_minutes", Granularity::FiveMinutes),
            ("posdatactl usage year", Granularity::Year),
        ] {
            assert_eq!(
                verb(words),
                Verb::Usage(Usage { granularity, from: None, to: None }),
                "{words}"
            );
        }
        assert_eq!(
            verb("posdatactl events --after 0 --limit 5"),
            Verb::Events(Events { after: Some(0), limit: Some(5) })
        );
        assert_eq!(verb("posdatactl watch"), Verb::Watch(Watch { accuracy: 65_536, period: 5 }));
        assert_eq!(
            verb("posdatactl watch --accuracy 1MB --period 24h"),
            Verb::Watch(Watch { accuracy: 1_000_000, period: 86_400 })
        );
        assert_eq!(verb("posdatactl trace"), Verb::Trace(Trace { seconds: 60 }));
        assert_eq!(verb("posdatactl trace --for 1h"), Verb::Trace(Trace { seconds: 3_600 }));
    }

    #[test]
    fn wrong_words_are_refused_with_a_reason() {
        for (words, reason) in [
            ("posdatactl", "Usage:"),
            ("posdatactl stats", "similar subcommand exists: 'status'"),
            ("posdatactl --session --bus-address unix:path=/b status", "cannot be used with"),
            ("posdatactl usage week", "possible values: five-minutes, hour, day, month, year"),
            ("posdatactl usage --from soon", "give a day (2026-11-01)"),
            ("posdatactl events --limit 0", "0 is not in 1.."),
            ("posdatactl events --after x", "--after <ID>"),
            ("posdatactl watch --accuracy 0", "at least 1 byte"),
            ("posdatactl watch --accuracy 5XB", "unknown unit"),
            ("posdatactl watch --period 0s", "whole seconds, 1s to 24h"),
            ("posdatactl watch --period 25h", "whole seconds, 1s to 24h"),
            ("posdatactl watch --period 1500ms", "whole seconds"),
            ("posdatactl trace --for 61m", "whole seconds, 1s to 1h"),
            ("posdatactl trace --for 60", "as in 30s or 5m"),
        ] {
            let error = given(words).unwrap_err();
            assert!(error.contains(reason), "{words}: {error}");
        }
    }

    #[test]
    fn the_command_line_holds_together() {
        use clap::CommandFactory as _;
        Given::command().debug_assert();
    }
}
