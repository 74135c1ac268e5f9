//! Owns the settings of a QMI simulator and its start.

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;

use crate::accounting::Bytes;
use crate::builder::{imsi_for, link_path};
use crate::clock::{self, ClockSetting};
use crate::handle::{Handle, SimError, lines};
use crate::pty::Link;
use crate::qmi::clients::Port;
use crate::qmi::engine::Engine;
use crate::qmi::family::{Family, PerFamily};
use crate::qmi::identity::QmiIdentity;
use crate::qmi::modem::QmiModem;
use crate::qmi::proxy::Proxy;
use crate::qmi::sim::QmiSim;
use crate::rng::Rng;
use crate::truth_file::TruthFile;

/// How a QMI simulator shall be; every setting has a default.
#[derive(Clone, Debug, Default)]
pub struct QmiSimBuilder {
    seed: Option<u64>,
    link: Option<PathBuf>,
    imei: Option<String>,
    iccid: Option<String>,
    imsi: Option<String>,
    counter: Bytes,
    proxy: Option<String>,
    truth_file: Option<PathBuf>,
    planted_bytes: u64,
    verbose: bool,
}

impl QmiSimBuilder {
    /// What all chance follows from; 1 unless told.
    pub fn seed(mut self, seed: u64) -> QmiSimBuilder {
        self.seed = Some(seed);
        self
    }

    /// The path that the host opens: a symbolic link, made here and taken away at the end. Unless told, one in a
    /// fresh directory of its own.
    pub fn link(mut self, path: impl Into<PathBuf>) -> QmiSimBuilder {
        self.link = Some(path.into());
        self
    }

    /// The modem's serial number, 15 digits; from the seed unless told.
    pub fn imei(mut self, imei: impl Into<String>) -> QmiSimBuilder {
        self.imei = Some(imei.into());
        self
    }

    /// The card's number, 19 or 20 digits; from the seed unless told.
    pub fn iccid(mut self, iccid: impl Into<String>) -> QmiSimBuilder {
        self.iccid = Some(iccid.into());
        self
    }

    /// The subscriber's number; from the card's unless told.
    pub fn imsi(mut self, imsi: impl Into<String>) -> QmiSimBuilder {
        self.imsi = Some(imsi.into());
        self
    }

    /// What the IPv4 session shows at the start; 0 unless told. None of it counts as moved.
    pub fn counter(mut self, tx: u64, rx: u64) -> QmiSimBuilder {
        self.counter = Bytes::new(tx, rx);
        self
    }

    /// Lets several programs share the modem at an abstract socket of this name; `qmi-proxy` is the real one's.
    pub fn proxy(mut self, name: impl Into<String>) -> QmiSimBuilder {
        self.proxy = Some(name.into());
        self
    }

    /// Where the truth is written as JSON (see [`QmiTruth`](crate::qmi::QmiTruth)).
    pub fn truth_file(mut self, path: impl Into<PathBuf>) -> QmiSimBuilder {
        self.truth_file = Some(path.into());
        self
    }

    /// Lets the truth file lie by so many received bytes.
    pub fn plant(mut self, bytes: u64) -> QmiSimBuilder {
        self.planted_bytes = bytes;
        self
    }

    /// Prints the dialogue to standard error, in hexadecimal; 0 is the modem's own port, others are the proxy's.
    pub fn verbose(mut self, verbose: bool) -> QmiSimBuilder {
        self.verbose = verbose;
        self
    }

    /// Starts the modem: when this returns, the link is there and answers.
    pub fn start(self) -> Result<QmiSim, SimError> {
        let told = |error: io::Error| {
            SimError::Start(format!("cannot start the simulated modem: {error}"))
        };
        let identity = self.identity();
        let proxy = self.proxy.as_deref().map(|name| {
            Proxy::listen(name).map_err(|error| {
                SimError::Start(format!("cannot listen as the proxy {name:?}: {error}"))
            })
        });
        let proxy = proxy.transpose()?;
        let (link_path, own_directory) = link_path(self.link).map_err(told)?;
        let (lines, ends) = lines().map_err(told)?;
        let now = clock::now();
        let rng = Rng::new(identity.seed);
        let mut modem = QmiModem::new(identity);
        modem.start_at(Family::V4, self.counter);
        modem.unplug(Port::DEVICE);
        let mut engine = Engine {
            modem,
            rng,
            started: now,
            port: None,
            waiting: VecDeque::new(),
            link: Link::new(link_path.clone()),
            link_path: link_path.clone(),
            proxy,
            flows: Vec::new(),
            flows_started: 0,
            power_at: None,
            session_at: PerFamily::default(),
            port_at: None,
            silent_until: None,
            ends,
            waiters: Vec::new(),
            stopping: false,
            truth_file: self.truth_file.map(TruthFile::new),
            planted_bytes: self.planted_bytes,
            verbose: self.verbose,
        };
        engine.clock(ClockSetting::Offset(0));
        engine.open_port().map_err(told)?;
        let truth = engine.truth();
        if let Some(file) = &mut engine.truth_file {
            file.write(&truth, now);
        }
        let run = || engine.run();
        Handle::start(lines, link_path, own_directory, truth, run).map(QmiSim).map_err(told)
    }

    fn identity(&self) -> QmiIdentity {
        let mut identity = QmiIdentity::from_seed(self.seed.unwrap_or(1));
        if let Some(iccid) = &self.iccid {
            identity.imsi = imsi_for(iccid);
            identity.iccid.clone_from(iccid);
        }
        if let Some(imsi) = &self.imsi {
            identity.imsi.clone_from(imsi);
        }
        if let Some(imei) = &self.imei {
            identity.imei.clone_from(imei);
        }
        identity
    }
}
