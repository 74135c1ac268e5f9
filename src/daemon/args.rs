//! posdatad's command line and its exit codes.

use std::path::{Path, PathBuf};
use std::process::{ExitCode, Termination};

use clap::Parser;

use super::config::DEFAULT_FILE;

/// Where the daemon finds its D-Bus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bus {
    /// The system bus: the one that terminals use.
    System,
    /// The user's bus, for development.
    Session,
    /// A bus by its address, for development and tests.
    Address(String),
}

const EXAMPLES: &str = "\
Examples:
  posdatad --check-config
      says everything that is wrong with /etc/posdatad/posdatad.toml and its drop-ins
  posdatad --session --config ./posdatad.toml
      runs on the user's own bus, for development

Signals: HUP reads the configuration again, TERM and INT stop in order.
Exit codes are those of sysexits.h: 0 ok, 64 command line, 69 no bus,
74 input or output, 77 not allowed, 78 configuration.";

/// Counts the bytes of a terminal's modem and keeps what is left of its data plan
#[derive(Clone, Debug, Parser)]
#[command(name = "posdatad", version, after_help = EXAMPLES)]
pub struct Args {
    /// Read FILE and FILE.d/*.toml instead of /etc/posdatad/posdatad.toml and its drop-ins
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Serve on the session bus instead of the system bus
    #[arg(long, conflicts_with = "bus_address")]
    pub session: bool,

    /// Serve on the bus at ADDRESS, as in unix:path=/run/user/1000/bus
    #[arg(long, value_name = "ADDRESS")]
    pub bus_address: Option<String>,

    /// Check the configuration, print every finding and exit (78 when there is an error)
    #[arg(long)]
    pub check_config: bool,
}

impl Args {
    /// The file to read. One that was named must exist; the usual one need not.
    #[must_use]
    pub fn config_file(&self) -> (&Path, Named) {
        match &self.config {
            Some(file) => (file, Named::OnCommandLine),
            None => (Path::new(DEFAULT_FILE), Named::ByDefault),
        }
    }

    /// The bus to serve on.
    #[must_use]
    pub fn bus(&self) -> Bus {
        match &self.bus_address {
            Some(address) => Bus::Address(address.clone()),
            None if self.session => Bus::Session,
            None => Bus::System,
        }
    }
}

/// Who chose the configuration file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named {
    /// Nobody: it is the usual one, and may be missing.
    ByDefault,
    /// `--config`: it is an error when it is missing.
    OnCommandLine,
}

/// How the program ends, as `sysexits.h` numbers it. systemd does not start the
/// service again after [`Exit::Config`]: it would fail in the same way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Ended as asked.
    Ok = 0,
    /// The command line is wrong.
    Usage = 64,
    /// Data that was given or stored cannot be read.
    DataErr = 65,
    /// A file that was named does not exist.
    NoInput = 66,
    /// A service that is needed (the bus) is not there.
    Unavailable = 69,
    /// A bug of this program.
    Software = 70,
    /// The operating system refused something basic (a thread, a timer).
    OsErr = 71,
    /// A file that must be written cannot be made.
    CantCreat = 73,
    /// Reading or writing failed.
    IoErr = 74,
    /// Failed for now; trying again may help.
    TempFail = 75,
    /// Not allowed (the bus name, a file).
    NoPerm = 77,
    /// The configuration has an error.
    Config = 78,
}

impl Exit {
    /// The number the shell and systemd see.
    #[must_use]
    pub fn code(self) -> u8 {
        // The enum is one byte: nothing can be lost.
        self as u8
    }
}

impl Termination for Exit {
    fn report(self) -> ExitCode {
        ExitCode::from(self.code())
    }
}

/// Reads the command line, or prints what clap has to say (help, the version, an
/// error) and gives the exit code to end with.
///
/// # Errors
/// [`Exit::Ok`] after `--help` and `--version`, [`Exit::Usage`] after a mistake
/// (clap itself would say 2).
pub fn parse<I>(words: I) -> Result<Args, Exit>
where
    I: IntoIterator,
    I::Item: Into<std::ffi::OsString> + Clone,
{
    Args::try_parse_from(words).map_err(|said| {
        let exit = if said.use_stderr() { Exit::Usage } else { Exit::Ok };
        // Nobody is left to tell when the terminal is gone.
        let _ = said.print();
        exit
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bus_and_the_file_are_chosen() {
        let args = parse(["posdatad"]).unwrap();
        assert_eq!(args.bus(), Bus::System);
        assert_eq!(args.config_file(), (Path::new(DEFAULT_FILE), Named::ByDefault));
        let args = parse(["posdatad", "--session", "--config", "x.toml"]).unwrap();
        assert_eq!(args.bus(), Bus::Session);
        assert_eq!(args.config_file(), (Path::new("x.toml"), Named::OnCommandLine));
        let args = parse(["posdatad", "--bus-address", "unix:path=/x"]).unwrap();
        assert_eq!(args.bus(), Bus::Address("unix:path=/x".to_owned()));
    }

    #[test]
    fn mistakes_end_with_64_and_questions_with_0() {
        for (words, exit) in [
            (vec!["posdatad", "--nonsense"], Exit::Usage),
            (vec!["posdatad", "--session", "--bus-address", "unix:path=/x"], Exit::Usage),
            (vec!["posdatad", "stray"], Exit::Usage),
            (vec!["posdatad", "--help"], Exit::Ok),
            (vec!["posdatad", "--version"], Exit::Ok),
        ] {
            assert_eq!(parse(words.clone()).unwrap_err(), exit, "{words:?}");
        }
    }
}
