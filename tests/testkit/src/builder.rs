//! Owns the settings of a simulator and its start.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::accounting::Bytes;
use crate::clock;
use crate::dialect::Dialect;
use crate::engine::Engine;
use crate::handle::{Handle, SimError, lines};
use crate::line::{Inbox, Outbox};
use crate::modem::{Card, Modem};
use crate::pty::Link;
use crate::registers::{Registers, Width};
use crate::rng::Rng;
use crate::sim::Sim;
use crate::truth_file::TruthFile;

/// How a simulator shall be; every setting has a default.
#[derive(Clone, Debug)]
pub struct SimBuilder {
    dialect: Dialect,
    seed: u64,
    link: Option<PathBuf>,
    imei: Option<String>,
    iccid: Option<String>,
    imsi: Option<String>,
    width: Option<Width>,
    counter: Bytes,
    echo: bool,
    truth_file: Option<PathBuf>,
    planted_bytes: u64,
    verbose: bool,
}

impl Default for SimBuilder {
    fn default() -> SimBuilder {
        SimBuilder {
            dialect: Dialect::QuectelLte,
            seed: 1,
            link: None,
            imei: None,
            iccid: None,
            imsi: None,
            width: None,
            counter: Bytes::default(),
            echo: false,
            truth_file: None,
            planted_bytes: 0,
            verbose: false,
        }
    }
}

impl SimBuilder {
    /// The maker's dialect; `quectel-lte` unless told.
    pub fn dialect(mut self, dialect: Dialect) -> SimBuilder {
        self.dialect = dialect;
        self
    }

    /// What all chance follows from; 1 unless told.
    pub fn seed(mut self, seed: u64) -> SimBuilder {
        self.seed = seed;
        self
    }

    /// The path that the host opens: a symbolic link, made here and taken away at the end. Unless told, one in a
    /// fresh directory of its own.
    pub fn link(mut self, path: impl Into<PathBuf>) -> SimBuilder {
        self.link = Some(path.into());
        self
    }

    /// The modem's serial number, 15 digits; from the seed unless told.
    pub fn imei(mut self, imei: impl Into<String>) -> SimBuilder {
        self.imei = Some(imei.into());
        self
    }

    /// The card's number, 19 or 20 hexadecimal digits; from the seed unless told.
    pub fn iccid(mut self, iccid: impl Into<String>) -> SimBuilder {
        self.iccid = Some(iccid.into());
        self
    }

    /// The subscriber's number; from the card's unless told.
    pub fn imsi(mut self, imsi: impl Into<String>) -> SimBuilder {
        self.imsi = Some(imsi.into());
        self
    }

    /// Where the counter wraps; the dialect's own width unless told.
    pub fn width(mut self, width: Width) -> SimBuilder {
        self.width = Some(width);
        self
    }

    /// What the counter shows at the start, and what the modem's memory holds; 0 unless told. None of it counts
    /// as moved.
    pub fn counter(mut self, tx: u64, rx: u64) -> SimBuilder {
        self.counter = Bytes::new(tx, rx);
        self
    }

    /// Whether commands are echoed at power-on; off unless told.
    pub fn echo(mut self, echo: bool) -> SimBuilder {
        self.echo = echo;
        self
    }

    /// Where the truth is written as JSON (see [`crate::truth`]).
    pub fn truth_file(mut self, path: impl Into<PathBuf>) -> SimBuilder {
        self.truth_file = Some(path.into());
        self
    }

    /// Lets the truth file lie by so many received bytes.
    pub fn plant(mut self, bytes: u64) -> SimBuilder {
        self.planted_bytes = bytes;
        self
    }

    /// Prints the dialogue to standard error.
    pub fn verbose(mut self, verbose: bool) -> SimBuilder {
        self.verbose = verbose;
        self
    }

    /// Starts the modem: when this returns, the link is there and answers.
    pub fn start(self) -> Result<Sim, SimError> {
        let told = |error: io::Error| {
            SimError::Start(format!("cannot start the simulated modem: {error}"))
        };
        let mut rng = Rng::new(self.seed);
        let iccid = self.iccid.unwrap_or_else(|| made_up_iccid(&mut rng));
        let imei = self.imei.unwrap_or_else(|| made_up_imei(&mut rng));
        let imsi = self.imsi.unwrap_or_else(|| imsi_for(&iccid));
        let (link_path, own_directory) = link_path(self.link).map_err(told)?;

        let now = clock::now();
        let mut registers = Registers::new(self.width.unwrap_or(self.dialect.default_width()));
        registers.set(self.counter);
        registers.save();
        let mut modem = Modem::new(self.dialect, imei, Card { iccid, imsi }, registers, now);
        (modem.echo, modem.echo_at_start) = (self.echo, self.echo);

        let (lines, ends) = lines().map_err(told)?;
        let mut engine = Engine {
            modem,
            rng,
            inbox: Inbox::default(),
            outbox: Outbox::default(),
            port: None,
            link: Link::new(link_path.clone()),
            link_path: link_path.clone(),
            flows: Vec::new(),
            flows_started: 0,
            card_out: None,
            power_at: None,
            session_at: None,
            port_at: None,
            silent_until: None,
            interleave: false,
            reply_faults: Default::default(),
            refusals: Default::default(),
            ends,
            waiters: Vec::new(),
            stopping: false,
            truth_file: self.truth_file.map(TruthFile::new),
            planted_bytes: self.planted_bytes,
            verbose: self.verbose,
        };
        engine.open_port().map_err(told)?;
        let truth = engine.truth();
        if let Some(file) = &mut engine.truth_file {
            file.write(&truth, now);
        }
        let run = || engine.run();
        Handle::start(lines, link_path, own_directory, truth, run).map(Sim).map_err(told)
    }
}

/// Removed with all it holds when the simulator goes.
#[derive(Debug)]
pub(crate) struct OwnDirectory(Option<PathBuf>);

impl Drop for OwnDirectory {
    fn drop(&mut self) {
        if let Some(directory) = &self.0 {
            let _ = fs::remove_dir_all(directory);
        }
    }
}

/// The path of a link, and the directory that was made for it, if it was.
pub(crate) fn link_path(told: Option<PathBuf>) -> io::Result<(PathBuf, OwnDirectory)> {
    Ok(match told {
        Some(path) => (path, OwnDirectory(None)),
        None => {
            let directory = own_directory()?;
            (directory.join("modem"), OwnDirectory(Some(directory)))
        }
    })
}

fn own_directory() -> io::Result<PathBuf> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let directory = std::env::temp_dir().join(format!("modem-sim-{}-{number}", std::process::id()));
    fs::create_dir(&directory)?;
    Ok(directory)
}

/// A card's number of China Mobile.
pub(crate) fn made_up_iccid(rng: &mut Rng) -> String {
    format!("898600{:014}", rng.up_to(99_999_999_999_999))
}

/// A modem's serial number.
pub(crate) fn made_up_imei(rng: &mut Rng) -> String {
    with_check_digit(format!("86{:012}", rng.up_to(999_999_999_999)))
}

/// A subscriber's number of China Mobile made from the card's.
pub(crate) fn imsi_for(iccid: &str) -> String {
    let tail: String = iccid.chars().filter(char::is_ascii_digit).collect();
    let tail = tail.get(tail.len().saturating_sub(10)..).unwrap_or_default();
    format!("46000{tail:0>10}")
}

/// The number with its Luhn digit, as an IMEI has one.
fn with_check_digit(digits: String) -> String {
    let sum: u32 = digits
        .chars()
        .rev()
        .filter_map(|digit| digit.to_digit(10))
        .enumerate()
        .map(|(index, digit)| if index % 2 == 0 { digit * 2 / 10 + digit * 2 % 10 } else { digit })
        .sum();
    format!("{digits}{}", (10 - sum % 10) % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_up_numbers_look_real() {
        assert_eq!(with_check_digit("49015420323751".to_owned()), "490154203237518");
        assert_eq!(imsi_for("898602F9091830030220"), "460001830030220");
    }
}
