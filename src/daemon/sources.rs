//! Which sources are read: started, asked, searched for, and replaced when the
//! configuration changes.

use std::io;
use std::path::PathBuf;

use tokio::sync::{mpsc, watch};

use super::candidates::{Candidate, Reasoned, System, candidates};
use super::config::{Config, Modem, Source};
use super::reader::{Reader, Say};
use super::search::{Do, Search};
use crate::adapters::modemmanager;
use crate::adapters::netdev::{Netdev, NetdevReading};
use crate::adapters::port::{FromPort, devices};
use crate::domain::engine::{Input, SourceSetup};
use crate::domain::persist::Role;
use crate::domain::report::Report;
use crate::domain::time::BootMs;

/// Messages of the sources' threads that may wait for the engine; then the thread
/// waits, and the modem with it.
pub const MESSAGES_MAX: usize = 64;

/// Reports of a candidate that are kept until it is used, at most: it says who the
/// modem is before its first reading.
const KEPT_MAX: usize = 16;

/// What a source's thread says, and which one it is: one that was given up may
/// still have something under way.
#[derive(Debug)]
pub struct Message {
    from: u64,
    said: FromPort,
}

/// What comes of a message, or of time.
#[derive(Debug)]
pub enum Event {
    /// For the engine.
    Input(Input),
    /// A sentence for the journal; `metered`: something is read now.
    Said {
        /// Whether something is read from now on.
        metered: bool,
        /// The sentence.
        text: String,
    },
    /// A line for whoever traces, with the source's word.
    Trace(&'static str, String),
}

/// What is read now.
#[derive(Debug)]
pub struct Sources {
    boot_id: String,
    modem: Modem,
    messages: mpsc::Sender<Message>,
    /// The daemon's connection to the bus.
    bus: watch::Receiver<Option<zbus::Connection>>,
    /// The number of what was started last.
    started: u64,
    active: Option<Active>,
    /// The cross-check of what is metered.
    cross_check: Option<Netdev>,
    /// With `source = "auto"`.
    search: Option<Search>,
    /// What the candidate under trial has said.
    kept: Vec<Input>,
    traced: bool,
    /// The last sentence about what is missing, so that it is said once.
    missing_said: Option<String>,
}

/// A source that runs.
#[derive(Debug)]
struct Active {
    candidate: Candidate,
    reader: Reader,
}

impl Sources {
    /// Nothing is read yet; what was started before ends.
    #[must_use]
    pub fn new(
        config: &Config,
        boot_id: &str,
        bus: watch::Receiver<Option<zbus::Connection>>,
        messages: mpsc::Sender<Message>,
    ) -> Self {
        Self {
            boot_id: boot_id.to_owned(),
            modem: config.modem.clone(),
            messages,
            bus,
            started: 0,
            active: None,
            cross_check: None,
            search: None,
            kept: Vec::new(),
            traced: false,
            missing_said: None,
        }
    }

    /// Starts what the configuration names, or the search.
    ///
    /// # Errors
    /// When the system has no thread or descriptor left.
    pub fn start(&mut self, now_ms: BootMs) -> io::Result<Vec<Event>> {
        if self.modem.source == Source::Auto {
            self.search = Some(Search::new(now_ms));
            return self.tick(now_ms);
        }
        match candidates(&self.modem, &Here) {
            Ok(named) => match named.into_iter().next() {
                Some(one) => {
                    self.run(&one.candidate)?;
                    Ok(self.in_use(&one))
                }
                None => Ok(Vec::new()),
            },
            Err(missing) => Ok(self.nothing(&missing)),
        }
    }

    /// When [`Self::tick`] wants to be called.
    #[must_use]
    pub fn timeout(&self) -> Option<BootMs> {
        self.search.as_ref()?.timeout()
    }

    /// The time of [`Self::timeout`] may have come.
    ///
    /// # Errors
    /// When the system has no thread or descriptor left.
    pub fn tick(&mut self, now_ms: BootMs) -> io::Result<Vec<Event>> {
        let action = self.search.as_mut().and_then(|search| search.tick(now_ms));
        self.carry_out(now_ms, action)
    }

    /// A source's thread says something.
    ///
    /// # Errors
    /// When the system has no thread or descriptor left.
    pub fn heard(&mut self, now_ms: BootMs, message: Message) -> io::Result<Vec<Event>> {
        let Some(active) = self.active.as_ref().filter(|_| message.from == self.started) else {
            return Ok(Vec::new());
        };
        match message.said {
            FromPort::Trace(line) => Ok(vec![Event::Trace(active.candidate.word(), line)]),
            FromPort::Report { epoch, report } => {
                let mut events = self.beside(&report);
                events.extend(self.reported(now_ms, &epoch, report)?);
                Ok(events)
            }
        }
    }

    /// Asks a source for a reading. A network interface answers at once; the
    /// modem's answer comes as a message.
    ///
    /// # Errors
    /// When the system has no thread or descriptor left.
    pub fn poll(&mut self, now_ms: BootMs, role: Role) -> io::Result<Vec<Event>> {
        let active = self.active.as_mut().map(|active| &mut active.reader);
        let readings = match (role, active) {
            // Read beside what it says.
            (Role::CrossCheck, Some(Reader::Manager(_))) | (Role::Metered, None) => Vec::new(),
            (Role::CrossCheck, _) => {
                self.cross_check.as_mut().map(Netdev::read).unwrap_or_default()
            }
            (Role::Metered, Some(reader)) => reader.read(),
        };
        let mut events = Vec::new();
        for reading in readings {
            let epoch = format!("{} {}", self.boot_id, reading.ifindex);
            events.extend(match role {
                Role::CrossCheck => {
                    vec![Event::Input(Input::report(role, &epoch, reading.report))]
                }
                Role::Metered => self.reported(now_ms, &epoch, reading.report)?,
            });
        }
        Ok(events)
    }

    /// What is read at the same moment as what this report was read.
    /// ModemManager's figures come when they are fresh, up to 30 s after they were
    /// asked for: against the kernel's of another moment they would always differ.
    fn beside(&mut self, report: &Report) -> Vec<Event> {
        let managed = matches!(&self.active, Some(Active { reader: Reader::Manager(_), .. }));
        let netdev = self.cross_check.as_mut();
        let netdev = netdev.filter(|_| managed && matches!(report, Report::Reading(_)));
        let readings = netdev.map(Netdev::read).unwrap_or_default();
        let boot_id = &self.boot_id;
        let input = |reading: NetdevReading| {
            let epoch = format!("{boot_id} {}", reading.ifindex);
            Event::Input(Input::report(Role::CrossCheck, &epoch, reading.report))
        };
        readings.into_iter().map(input).collect()
    }

    /// Whether lines to and from the modem are said.
    pub fn trace(&mut self, on: bool) {
        self.traced = on;
        if let Some(Active { reader, .. }) = &self.active {
            reader.trace(on);
        }
    }

    fn reported(&mut self, now_ms: BootMs, epoch: &str, report: Report) -> io::Result<Vec<Event>> {
        let Some(search) = &mut self.search else {
            return Ok(vec![Event::Input(Input::report(Role::Metered, epoch, report))]);
        };
        let in_use = search.has_found();
        let action = search.heard(now_ms, &report);
        let input = Input::report(Role::Metered, epoch, report);
        if in_use {
            return Ok(vec![Event::Input(input)]);
        }
        if self.kept.len() < KEPT_MAX {
            self.kept.push(input);
        }
        self.carry_out(now_ms, action)
    }

    fn carry_out(&mut self, now_ms: BootMs, action: Option<Do>) -> io::Result<Vec<Event>> {
        let mut events = Vec::new();
        let mut next = action;
        while let Some(action) = next.take() {
            match action {
                Do::Look => match candidates(&self.modem, &Here) {
                    Ok(all) => {
                        next = self.search.as_mut().and_then(|search| search.round(now_ms, all));
                    }
                    Err(missing) => {
                        if let Some(search) = &mut self.search {
                            search.round(now_ms, Vec::new());
                        }
                        events.extend(self.nothing(&missing));
                    }
                },
                Do::Try(one) => {
                    self.kept.clear();
                    self.run(&one.candidate)?;
                    // The engine asks only what is in use.
                    events.extend(self.poll(now_ms, Role::Metered)?);
                }
                Do::Use(one) => {
                    let failures = self.search.as_ref().map(Search::failures).unwrap_or_default();
                    events.push(Event::Input(Input::SourcesGone));
                    events.extend(self.in_use(&found(one, &failures)));
                    events.extend(self.kept.drain(..).map(Event::Input));
                }
            }
        }
        if let Some(search) = &self.search
            && !search.has_found()
            && !search.failures().is_empty()
            && search.is_paused()
        {
            let failures = search.failures();
            events.extend(self.nothing(&format!("nothing answers yet: {failures}")));
        }
        Ok(events)
    }

    /// Starts a source, and ends what was read before.
    fn run(&mut self, candidate: &Candidate) -> io::Result<()> {
        if let Some(Active { reader, .. }) = self.active.take() {
            reader.retire();
        }
        self.started += 1;
        let from = self.started;
        let say = Say { messages: self.messages.clone(), tag: move |said| Message { from, said } };
        let reader = Reader::start(candidate, &self.modem, &self.boot_id, &self.bus, say)?;
        self.active = Some(Active { candidate: candidate.clone(), reader });
        self.trace(self.traced);
        Ok(())
    }

    /// The source is metered from now on.
    fn in_use(&mut self, one: &Reasoned) -> Vec<Event> {
        let candidate = &one.candidate;
        let by_netdev = matches!(candidate, Candidate::Netdev(_));
        // Its totals live and die with it, and with its modem object.
        let by_manager = *candidate == Candidate::ModemManager;
        let mut setups = vec![SourceSetup {
            role: Role::Metered,
            name: candidate.word(),
            path: match candidate {
                Candidate::At(path) | Candidate::Qmi(path) => path.display().to_string(),
                Candidate::ModemManager => modemmanager::NAME.to_owned(),
                Candidate::Netdev(interface) => interface.clone(),
            },
            names_sim: !by_netdev,
            epoch_proves_restart: by_netdev || by_manager,
        }];
        self.cross_check = None;
        if let Some(interface) = self.modem.interface.as_ref().filter(|_| !by_netdev) {
            self.cross_check = Some(Netdev::new(interface));
            setups.push(SourceSetup {
                role: Role::CrossCheck,
                name: Source::Netdev.word(),
                path: interface.clone(),
                names_sim: false,
                epoch_proves_restart: true,
            });
        }
        self.missing_said = None;
        let mut text = format!("metering by {} ({})", candidate.what(), one.why);
        if let Some(cannot) = candidate.cannot() {
            text = format!("{text}; {cannot}");
        }
        let setups = setups.into_iter().map(|setup| Event::Input(Input::Source(setup)));
        [Event::Said { metered: true, text }].into_iter().chain(setups).collect()
    }

    fn nothing(&mut self, missing: &str) -> Vec<Event> {
        if self.missing_said.as_deref() == Some(missing) {
            return Vec::new();
        }
        self.missing_said = Some(missing.to_owned());
        let text = format!("nothing is metered: {missing}");
        vec![Event::Said { metered: false, text }]
    }
}

/// Why one was found, and others were not taken.
fn found(mut one: Reasoned, failures: &str) -> Reasoned {
    one.why = format!("source = \"auto\": {}", one.why);
    if !failures.is_empty() {
        one.why = format!("{}; not by {failures}", one.why);
    }
    one
}

/// This system.
struct Here;

impl System for Here {
    fn marked_ports(&self) -> Vec<PathBuf> {
        devices::marked_ports()
    }

    fn qmi_devices(&self) -> Vec<PathBuf> {
        devices::qmi_devices()
    }

    fn has_modem_manager(&self) -> bool {
        modemmanager::is_installed()
    }
}

/// True when the sources must be started anew for the new configuration.
#[must_use]
pub fn differ(old: &Modem, new: &Modem) -> bool {
    (old.source, &old.port, &old.device, &old.interface, old.counter, old.columns)
        != (new.source, &new.port, &new.device, &new.interface, new.counter, new.columns)
}
