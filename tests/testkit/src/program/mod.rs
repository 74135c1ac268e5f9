//! Owns the command line of `modem-sim` and its exit statuses.

mod control;
mod serve;
mod served;

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::builder::PossibleValuesParser;
use clap::{Args, Parser, Subcommand};
use posdata_testkit::qmi::QMI_LANGUAGE;
use posdata_testkit::script::LANGUAGE;
use posdata_testkit::{Dialect, check, plant};
use serde_json::Value;

/// A simulated 4G modem on a pseudo-terminal, with its own books of every byte it moves.
#[derive(Parser)]
#[command(name = "modem-sim", version, after_long_help = format!("{LANGUAGE}\n{QMI_LANGUAGE}"))]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
struct Cli {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    serve: ServeArgs,
}

#[derive(Subcommand)]
enum Verb {
    /// Send one line of commands (or: truth) to a running modem-sim; exits 1 when it is refused
    Ctl {
        /// The --control socket of the running modem-sim
        socket: PathBuf,
        /// Commands of the script language, or: truth
        command: String,
    },
    /// Compare a truth file with posdatad's figures: exits 0 when all are equal, 1 when not, 2 on unreadable input
    Check {
        /// The truth file of a modem-sim
        #[arg(long)]
        truth: PathBuf,
        /// The output of posdatactl --json status; - for standard input
        #[arg(long)]
        usage: PathBuf,
    },
    /// Add one received byte to a truth file, to see that check finds it (after its modem-sim has stopped)
    Plant {
        /// The truth file to change
        #[arg(long)]
        truth: PathBuf,
    },
}

#[derive(Args)]
struct ServeArgs {
    /// The maker whose commands the modem knows; or qmi, which is no AT modem
    #[arg(long, required = true, value_parser = dialects())]
    dialect: Option<String>,
    /// The path that the host opens: a symbolic link, made here
    #[arg(long, required = true)]
    link: Option<PathBuf>,
    /// qmi: let several programs share the modem at this abstract socket, as qmi-proxy does
    #[arg(long)]
    proxy: Option<String>,
    /// Keep the truth in this file, as JSON
    #[arg(long)]
    truth: Option<PathBuf>,
    /// Take commands on this unix socket, one line each: ok, error: …, or for truth one line of JSON
    #[arg(long)]
    control: Option<PathBuf>,
    /// Carry out this script (its language is below)
    #[arg(long)]
    script: Option<PathBuf>,
    /// What all chance follows from
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The card's number, 19 or 20 hexadecimal digits [default: from the seed]
    #[arg(long, value_parser = iccid)]
    iccid: Option<String>,
    /// The subscriber's number, 14 or 15 digits [default: from the card's]
    #[arg(long, value_parser = imsi)]
    imsi: Option<String>,
    /// The modem's serial number [default: from the seed]
    #[arg(long)]
    imei: Option<String>,
    /// Bits before an AT counter wraps [default: 32 for quectel-lte, 64 for the others]
    #[arg(long, value_parser = ["32", "64"])]
    width: Option<String>,
    /// What the counter of sent bytes shows at the start
    #[arg(long, default_value_t = 0)]
    tx: u64,
    /// What the counter of received bytes shows at the start
    #[arg(long, default_value_t = 0)]
    rx: u64,
    /// Echo AT commands, as modems do at power-on
    #[arg(long)]
    echo: bool,
    /// Let the truth file lie by so many received bytes
    #[arg(long, default_value_t = 0)]
    plant: u64,
    /// Print the dialogue to standard error
    #[arg(long)]
    verbose: bool,
}

/// The dialect that is none of AT.
const QMI: &str = "qmi";

fn dialects() -> PossibleValuesParser {
    PossibleValuesParser::new(Dialect::ALL.map(Dialect::name).into_iter().chain([QMI]))
}

/// Exit status for input that cannot be read or understood.
const UNREADABLE: u8 = 2;

pub(crate) fn main() -> ExitCode {
    let cli = Cli::parse();
    let (result, failed) = match cli.verb {
        None => (serve::serve(cli.serve), 1),
        Some(Verb::Ctl { socket, command }) => (control::send(&socket, &command), 1),
        Some(Verb::Check { truth, usage }) => (compare(&truth, &usage), UNREADABLE),
        Some(Verb::Plant { truth }) => (plant_one(&truth), UNREADABLE),
    };
    result.unwrap_or_else(|message| {
        eprintln!("modem-sim: {message}");
        ExitCode::from(failed)
    })
}

fn compare(truth: &Path, usage: &Path) -> Result<ExitCode, String> {
    let report = check::check(&json(truth)?, &json(usage)?)?;
    println!("{report}");
    Ok(if report.is_equal() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn plant_one(truth: &Path) -> Result<ExitCode, String> {
    let mut document = json(truth)?;
    plant(&mut document, 1);
    let fresh = truth.with_extension("planted");
    let written =
        fs::write(&fresh, format!("{document:#}\n")).and_then(|()| fs::rename(&fresh, truth));
    written.map_err(|error| format!("cannot write {}: {error}", truth.display()))?;
    Ok(ExitCode::SUCCESS)
}

/// Reads a JSON document; `-` is standard input.
fn json(path: &Path) -> Result<Value, String> {
    let mut text = String::new();
    let read = if path == Path::new("-") {
        io::stdin().read_to_string(&mut text).map(|_| ())
    } else {
        fs::read_to_string(path).map(|read| text = read)
    };
    read.map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    serde_json::from_str(&text).map_err(|error| format!("{} is no JSON: {error}", path.display()))
}

fn iccid(text: &str) -> Result<String, String> {
    let right =
        (19..=20).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    right.then(|| text.to_owned()).ok_or_else(|| "19 or 20 hexadecimal digits".to_owned())
}

fn imsi(text: &str) -> Result<String, String> {
    let right = (14..=15).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    right.then(|| text.to_owned()).ok_or_else(|| "14 or 15 digits".to_owned())
}
