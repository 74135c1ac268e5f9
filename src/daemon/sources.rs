//! Which sources are read: chosen from the configuration, started, asked, and
//! replaced when the configuration changes.

use std::io;
use std::path::PathBuf;

use tokio::sync::{mpsc, watch};

use super::config::{Columns, Config, Counter, Modem, Source};
use crate::adapters::modemmanager::ModemManagerSource;
use crate::adapters::netdev::Netdev;
use crate::adapters::serial::{FromPort, SerialSource, ports};
use crate::domain::engine::{Input, SourceSetup};
use crate::domain::persist::Role;
use crate::domain::report::Report;
use crate::modem::at::{self, AtSettings};
use crate::modem::modemmanager::Selector;
use crate::proto::at::counters::Columns as AtColumns;

/// Messages of the serial thread that may wait for the engine; then the thread
/// waits, and the modem with it.
pub const MESSAGES_MAX: usize = 64;

/// What is read now.
#[derive(Debug)]
pub struct Sources {
    boot_id: String,
    serial: Option<SerialSource>,
    manager: Option<ModemManagerSource>,
    /// The interfaces that are read, with what for.
    netdevs: Vec<(Role, Netdev)>,
}

/// What was chosen, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Choice {
    At { port: PathBuf, why: String },
    ModemManager { why: String },
    Netdev { interface: String, why: String },
    None { why: String },
}

impl Sources {
    /// Nothing is read.
    #[must_use]
    pub fn none(boot_id: &str) -> Self {
        Self { boot_id: boot_id.to_owned(), serial: None, manager: None, netdevs: Vec::new() }
    }

    /// Starts what the configuration names. Beside the sources: a set-up for the
    /// engine each (none: nothing is metered), and a sentence for the journal.
    ///
    /// # Errors
    /// When the system has no thread or descriptor left.
    pub fn start(
        config: &Config,
        boot_id: &str,
        bus: &watch::Receiver<Option<zbus::Connection>>,
        messages: &mpsc::Sender<FromPort>,
    ) -> io::Result<(Self, Vec<SourceSetup>, String)> {
        let mut sources = Self::none(boot_id);
        let mut setups = Vec::new();
        let said = match choose(&config.modem, ports::marked_ports) {
            Choice::At { port, why } => {
                let messages = messages.clone();
                // The receiver is gone only when the daemon ends.
                let say = move |message| drop(messages.blocking_send(message));
                let settings = at_settings(&config.modem);
                sources.serial = Some(SerialSource::start(&port, settings, boot_id, say)?);
                setups.push(SourceSetup {
                    role: Role::Metered,
                    name: "at",
                    path: port.display().to_string(),
                    names_sim: true,
                    epoch_proves_restart: false,
                });
                if let Some(interface) = &config.modem.interface {
                    setups.push(sources.add_netdev(Role::CrossCheck, interface));
                }
                why
            }
            Choice::ModemManager { why } => {
                let (bus, messages) = (bus.clone(), messages.clone());
                let selector = selector(&config.modem);
                sources.manager = Some(ModemManagerSource::start(bus, selector, boot_id, messages));
                setups.push(SourceSetup {
                    role: Role::Metered,
                    name: "modemmanager",
                    path: "org.freedesktop.ModemManager1".to_owned(),
                    names_sim: true,
                    // Its totals live and die with it and with its modem object.
                    epoch_proves_restart: true,
                });
                if let Some(interface) = &config.modem.interface {
                    setups.push(sources.add_netdev(Role::CrossCheck, interface));
                }
                why
            }
            Choice::Netdev { interface, why } => {
                setups.push(sources.add_netdev(Role::Metered, &interface));
                why
            }
            Choice::None { why } => why,
        };
        Ok((sources, setups, said))
    }

    fn add_netdev(&mut self, role: Role, interface: &str) -> SourceSetup {
        self.netdevs.push((role, Netdev::new(interface)));
        SourceSetup {
            role,
            name: "netdev",
            path: interface.to_owned(),
            names_sim: false,
            epoch_proves_restart: true,
        }
    }

    /// Asks a source for a reading. A network interface answers at once, with
    /// inputs for the engine; the modem's answer comes as a message.
    pub fn poll(&mut self, role: Role) -> Vec<Input> {
        if role == Role::Metered
            && let Some(serial) = &self.serial
        {
            serial.read();
            return Vec::new();
        }
        if let Some(manager) = &self.manager {
            if role == Role::Metered {
                manager.read();
            }
            // The kernel is read beside each reading: see `beside`.
            return Vec::new();
        }
        self.netdev_inputs(role)
    }

    /// What is to be read at the same moment as what this report was read.
    /// ModemManager's figures come when they are fresh, up to 30 s after they were
    /// asked for: compared with the kernel's of another moment they would differ.
    pub fn beside(&mut self, report: &Report) -> Vec<Input> {
        match report {
            Report::Reading(_) if self.manager.is_some() => self.netdev_inputs(Role::CrossCheck),
            _ => Vec::new(),
        }
    }

    fn netdev_inputs(&mut self, role: Role) -> Vec<Input> {
        let boot_id = &self.boot_id;
        self.netdevs
            .iter_mut()
            .filter(|(of, _)| *of == role)
            .flat_map(|(_, netdev)| netdev.read())
            .map(|reading| {
                let epoch = format!("{boot_id} {}", reading.ifindex);
                Input::report(role, &epoch, reading.report)
            })
            .collect()
    }

    /// Whether lines to and from the modem are said.
    pub fn trace(&self, on: bool) {
        if let Some(serial) = &self.serial {
            serial.trace(on);
        }
    }
}

/// True when the sources must be started anew for the new configuration.
#[must_use]
pub fn differ(old: &Modem, new: &Modem) -> bool {
    (old.source, &old.port, &old.device, &old.interface, old.counter, old.columns)
        != (new.source, &new.port, &new.device, &new.interface, new.counter, new.columns)
}

/// `marked` is asked only where it matters: looking at every port of the system
/// costs more than the rest of a start.
fn choose(modem: &Modem, marked: impl Fn() -> Vec<PathBuf>) -> Choice {
    let at = |port: &PathBuf, why: &str| Choice::At {
        port: port.clone(),
        why: format!("metering by AT commands on {} ({why})", port.display()),
    };
    let netdev = |interface: &String, why: &str| Choice::Netdev {
        interface: interface.clone(),
        why: format!("metering by the kernel's counters of {interface} ({why})"),
    };
    let none = |why: &str| Choice::None { why: format!("nothing is metered: {why}") };
    match modem.source {
        Source::At => modem.port.as_ref().map_or_else(
            || none("[modem] source is \"at\" and port is not set"),
            |port| at(port, "source = \"at\""),
        ),
        Source::Netdev => modem.interface.as_ref().map_or_else(
            || none("[modem] source is \"netdev\" and interface is not set"),
            |interface| netdev(interface, "source = \"netdev\""),
        ),
        Source::ModemManager => Choice::ModemManager {
            why: format!(
                "metering by ModemManager's counters (source = \"modemmanager\"); they lag by \
                 up to 30 s, and a disconnect loses the last of them: what the kernel's counter \
                 of the connection's interface{} moved since is counted in their place, and a \
                 gap is recorded",
                modem.interface.as_ref().map(|name| format!(" (or of {name})")).unwrap_or_default()
            ),
        },
        Source::Qmi => none(&format!(
            "source = \"{}\" is not in this release; use \"at\", \"modemmanager\" or \"netdev\"",
            modem.source.word()
        )),
        Source::Auto => {
            if let Some(port) = &modem.port {
                return at(port, "source = \"auto\": the port is configured");
            }
            match (marked().first(), &modem.interface) {
                (Some(port), _) => at(port, "source = \"auto\": udev marks it as a modem's"),
                (None, Some(interface)) => netdev(
                    interface,
                    "source = \"auto\": no port is configured or marked by udev, the interface \
                     is named",
                ),
                (None, None) => none(
                    "set [modem] port (AT commands) or interface (the kernel's counters) in \
                     /etc/posdatad/posdatad.toml; no port is marked as a modem's by udev",
                ),
            }
        }
    }
}

/// The modem that ModemManager is to be asked for: a port by its own name as well,
/// where a link leads to it (`/dev/serial/by-id/…`).
fn selector(modem: &Modem) -> Selector {
    let paths = modem.port.iter().chain(&modem.device);
    let names = paths.flat_map(|path| [Some(path.clone()), std::fs::canonicalize(path).ok()]);
    Selector {
        names: names.flatten().map(|path| path.display().to_string()).collect(),
        interface: modem.interface.clone(),
    }
}

fn at_settings(modem: &Modem) -> AtSettings {
    AtSettings {
        columns: match modem.columns {
            Columns::Normal => AtColumns::SentFirst,
            Columns::Reversed => AtColumns::ReceivedFirst,
        },
        counter: match modem.counter {
            Counter::Auto => None,
            Counter::Qgdcnt => Some(at::Dialect::Qgdcnt),
            Counter::Qgdnrcnt => Some(at::Dialect::Qgdnrcnt),
            Counter::Ugcntrd => Some(at::Dialect::Ugcntrd),
            Counter::Dsflowqry => Some(at::Dialect::Dsflowqry),
            Counter::Gdatavol => Some(at::Dialect::Gdatavol),
            Counter::Gtstatis => Some(at::Dialect::Gtstatis),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_named_or_marked_is_opened() {
        let marked = [PathBuf::from("/dev/ttyUSB3")];
        let modem = |source, port: Option<&str>, interface: Option<&str>| Modem {
            source,
            port: port.map(PathBuf::from),
            interface: interface.map(str::to_owned),
            ..Config::default().modem
        };
        #[rustfmt::skip]
        let table: [(Modem, &[PathBuf], &str); 9] = [
            (modem(Source::At, Some("/dev/a"), None), &[], "AT commands on /dev/a"),
            (modem(Source::At, None, None), &marked, "nothing is metered: [modem] source is \"at\""),
            (modem(Source::Netdev, Some("/dev/a"), Some("wwan0")), &marked, "counters of wwan0"),
            (modem(Source::Auto, Some("/dev/a"), Some("wwan0")), &marked, "on /dev/a (source = \"auto\""),
            (modem(Source::Auto, None, Some("wwan0")), &marked, "on /dev/ttyUSB3"),
            (modem(Source::Auto, None, Some("wwan0")), &[], "counters of wwan0"),
            (modem(Source::Auto, None, None), &[], "set [modem] port"),
            (modem(Source::ModemManager, None, Some("ppp0")), &marked, "interface (or of ppp0) moved"),
            (modem(Source::Qmi, None, None), &marked, "not in this release"),
        ];
        for (modem, marked, said) in table {
            let (Choice::At { why, .. }
            | Choice::ModemManager { why }
            | Choice::Netdev { why, .. }
            | Choice::None { why }) = choose(&modem, || marked.to_vec());
            assert!(why.contains(said), "{why}");
        }
    }
}
