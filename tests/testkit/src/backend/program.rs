//! Owns the command line of `backend-sim`: commands on standard input, or sent to its control port.

use std::io::{self, BufRead, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;

use clap::{Args, Parser, Subcommand};

use super::control::LANGUAGE;
use super::faults::FAULTS;
use super::fields::{is_iccid, is_word};
use super::handle::{Backend, BackendHandle};
use super::settings::{BackendSettings, TerminalSettings};

/// A sandbox backend: speaks docs/backend-api.yaml on the loopback, keeps its own books, misbehaves when told to.
///
/// Commands are lines on standard input; each is answered by lines on standard output, a refused one by a line that
/// begins with error:. When standard input ends it goes on without; quit ends it.
#[derive(Parser)]
#[command(name = "backend-sim", version, after_long_help = format!("{LANGUAGE}{FAULTS}"))]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
struct Cli {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    serve: ServeArgs,
}

#[derive(Subcommand)]
enum Verb {
    /// Send one command to the control port of a running backend-sim; exits 1 when it is refused
    Ctl {
        /// Its control port, as it was printed: http://127.0.0.1:PORT
        control: String,
        /// The command
        command: String,
    },
}

#[derive(Args)]
struct ServeArgs {
    /// Where certificates and books are kept
    #[arg(long, required = true)]
    dir: Option<PathBuf>,
    /// The port on 127.0.0.1; any that is free without
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// The port of the control page on 127.0.0.1; any that is free without
    #[arg(long, default_value_t = 0)]
    control_port: u16,
    /// A terminal that is registered at the first start, with the bytes that its SIM has; two without
    #[arg(long = "terminal", value_name = "SERIAL,TERMINAL-ID,ICCID[,BYTES]", value_parser = terminal)]
    terminals: Vec<TerminalSettings>,
    /// How long a payment is waited for, s
    #[arg(long, default_value_t = 900, value_parser = clap::value_parser!(i64).range(1..))]
    payment_s: i64,
}

/// Runs the program.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match cli.verb {
        Some(Verb::Ctl { control, command }) => send(&control, &command),
        None => serve(cli.serve),
    };
    done.unwrap_or_else(|error| {
        eprintln!("backend-sim: {error}");
        ExitCode::FAILURE
    })
}

fn terminal(text: &str) -> Result<TerminalSettings, String> {
    let parts: Vec<&str> = text.split(',').collect();
    let (serial, terminal_id, iccid, opening) = match *parts.as_slice() {
        [serial, terminal_id, iccid] => (serial, terminal_id, iccid, "0"),
        [serial, terminal_id, iccid, bytes] => (serial, terminal_id, iccid, bytes),
        _ => {
            return Err(
                "write SERIAL,TERMINAL-ID,ICCID or SERIAL,TERMINAL-ID,ICCID,BYTES".to_owned()
            );
        }
    };
    if !is_word(serial) || !is_word(terminal_id) {
        return Err("serial and terminal id are 1 to 32 of A-Z a-z 0-9 . _ -".to_owned());
    }
    if !is_iccid(iccid) {
        return Err(format!("{iccid} is no ICCID: 89 and 16 to 18 more digits"));
    }
    let opening_bytes = opening.parse().map_err(|_| format!("{opening} is no number of bytes"))?;
    Ok(TerminalSettings {
        serial: serial.to_owned(),
        terminal_id: terminal_id.to_owned(),
        iccid: iccid.to_owned(),
        opening_bytes,
    })
}

fn serve(args: ServeArgs) -> Result<ExitCode, String> {
    let mut settings = BackendSettings::new(args.dir.unwrap_or_default());
    settings.port = args.port;
    settings.control_port = Some(args.control_port);
    settings.payment_s = args.payment_s;
    if !args.terminals.is_empty() {
        settings.terminals = args.terminals;
    }
    let serials: Vec<String> = settings.terminals.iter().map(|t| t.serial.clone()).collect();
    let backend = Backend::start(settings).map_err(|error| error.to_string())?;
    greet(&backend, &serials)?;
    let mut line = String::new();
    let mut input = io::stdin().lock();
    loop {
        line.clear();
        match input.read_line(&mut line) {
            Ok(0) => break,
            Ok(_) if line.trim() == "quit" => return Ok(ExitCode::SUCCESS),
            Ok(_) => match backend.control(&line) {
                Ok(said) if said.is_empty() => {}
                Ok(said) => say(&said)?,
                Err(error) => say(&format!("error: {error}"))?,
            },
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                say("error: this is no text")?;
            }
            Err(error) => return Err(format!("standard input: {error}")),
        }
    }
    // Nobody has anything more to say: the program serves until it is ended.
    loop {
        thread::park();
    }
}

/// Says where everything is.
fn greet(backend: &BackendHandle, serials: &[String]) -> Result<(), String> {
    say(&format!("url {}", backend.url()))?;
    say(&format!("ca {}", backend.ca().display()))?;
    for serial in serials {
        let identity = backend.terminal(serial).map_err(|error| error.to_string())?;
        let (certificate, key) = (identity.certificate.display(), identity.key.display());
        say(&format!("terminal {serial} {certificate} {key}"))?;
    }
    say(&format!("control {}", backend.control_url().unwrap_or_default()))?;
    say("ready")
}

fn say(text: &str) -> Result<(), String> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}").and_then(|()| out.flush()).map_err(|e| format!("standard output: {e}"))
}

fn send(control: &str, command: &str) -> Result<ExitCode, String> {
    let address = control.strip_prefix("http://").unwrap_or(control).trim_end_matches('/');
    let told = |error: io::Error| format!("{control}: {error}");
    let mut stream = TcpStream::connect(address).map_err(told)?;
    let request = format!(
        "POST /control HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{command}",
        command.len()
    );
    stream.write_all(request.as_bytes()).map_err(told)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).map_err(told)?;
    let Some((head, body)) = answer.split_once("\r\n\r\n") else {
        return Err(format!("{control}: this is no backend-sim"));
    };
    print!("{body}");
    let done = head.starts_with("HTTP/1.1 200 ");
    Ok(if done { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
