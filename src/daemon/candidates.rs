//! What could be metered from, best first, and why: from the configuration, and
//! for `auto` from what the kernel and udev say is a modem's.

use std::path::PathBuf;

use super::config::{Modem, Source};

/// A way to read the modem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Candidate {
    /// AT commands on this serial port.
    At(PathBuf),
    /// QMI on this device.
    Qmi(PathBuf),
    /// What ModemManager has counted.
    ModemManager,
    /// The kernel's counters of this interface.
    Netdev(String),
}

impl Candidate {
    /// The source's word: the same in the configuration, in the journal and on
    /// D-Bus.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::At(_) => Source::At.word(),
            Self::Qmi(_) => Source::Qmi.word(),
            Self::ModemManager => Source::ModemManager.word(),
            Self::Netdev(_) => Source::Netdev.word(),
        }
    }

    /// What is read, for people.
    #[must_use]
    pub fn what(&self) -> String {
        match self {
            Self::At(port) => format!("AT commands on {}", port.display()),
            Self::Qmi(device) => format!("QMI on {}", device.display()),
            Self::ModemManager => "ModemManager's counters".to_owned(),
            Self::Netdev(interface) => format!("the kernel's counters of {interface}"),
        }
    }

    /// Whether it is only taken where nothing else answers: it knows no SIM, and a
    /// modem that is slow to come up would lose against it at every start.
    #[must_use]
    pub fn is_last_resort(&self) -> bool {
        match self {
            Self::Netdev(_) => true,
            Self::At(_) | Self::Qmi(_) | Self::ModemManager => false,
        }
    }

    /// What it cannot count, for the journal at the start.
    #[must_use]
    pub fn cannot(&self) -> Option<&'static str> {
        match self {
            Self::ModemManager => Some(
                "its figures are up to 30 s old, and a disconnect loses the last of them: what \
                 the kernel's counter of the connection's interface moved since is counted in \
                 their place where it can be read, and a gap is recorded either way",
            ),
            Self::At(_) | Self::Qmi(_) | Self::Netdev(_) => None,
        }
    }
}

/// A candidate, and why it is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reasoned {
    /// Which.
    pub candidate: Candidate,
    /// Why, for people.
    pub why: String,
}

/// What is on this system; each is asked only where it matters: looking at every
/// port costs more than the rest of a start.
pub trait System {
    /// Serial ports that udev marks as a modem's, best first.
    fn marked_ports(&self) -> Vec<PathBuf>;
    /// Devices of the kernel's driver for QMI.
    fn qmi_devices(&self) -> Vec<PathBuf>;
    /// Whether ModemManager is installed.
    fn has_modem_manager(&self) -> bool;
}

/// The candidates of a configuration, best first; none: a sentence that says what
/// is missing.
///
/// # Errors
/// The sentence.
pub fn candidates(modem: &Modem, system: &impl System) -> Result<Vec<Reasoned>, String> {
    let word = modem.source.word();
    let named = |candidate: Option<Candidate>, key: &str| {
        let why = format!("source = \"{word}\"");
        candidate
            .map(|candidate| vec![Reasoned { candidate, why }])
            .ok_or_else(|| format!("[modem] source is \"{word}\" and {key} is not set"))
    };
    let at = modem.port.clone().map(Candidate::At);
    let qmi = modem.device.clone().map(Candidate::Qmi);
    let netdev = modem.interface.clone().map(Candidate::Netdev);
    match modem.source {
        Source::At => named(at, "port"),
        Source::Netdev => named(netdev, "interface"),
        Source::Qmi => named(
            qmi.or_else(|| system.qmi_devices().into_iter().next().map(Candidate::Qmi)),
            "device",
        ),
        Source::ModemManager => named(Some(Candidate::ModemManager), ""),
        Source::Auto => {
            let reasoned = |candidate, why: &str| Reasoned { candidate, why: why.to_owned() };
            let mut all = Vec::new();
            all.extend(qmi.map(|qmi| reasoned(qmi, "the device is configured")));
            all.extend(at.map(|at| reasoned(at, "the port is configured")));
            if all.is_empty() {
                let devices = system.qmi_devices().into_iter().map(Candidate::Qmi);
                all.extend(devices.map(|qmi| reasoned(qmi, "the kernel has it as a QMI device")));
                let ports = system.marked_ports().into_iter().map(Candidate::At);
                all.extend(ports.map(|at| reasoned(at, "udev marks it as a modem's")));
            }
            if system.has_modem_manager() {
                let why = "it is installed, and may own the modem";
                all.push(reasoned(Candidate::ModemManager, why));
            }
            all.extend(netdev.map(|netdev| reasoned(netdev, "the interface is named")));
            if all.is_empty() {
                return Err("set [modem] device (QMI), port (AT commands) or interface (the \
                            kernel's counters) in /etc/posdatad/posdatad.toml; the kernel knows \
                            no QMI device, and no port is marked as a modem's by udev"
                    .to_owned());
            }
            Ok(all)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::config::Config;
    use super::*;

    struct Fake {
        ports: Vec<PathBuf>,
        devices: Vec<PathBuf>,
    }

    impl System for Fake {
        fn marked_ports(&self) -> Vec<PathBuf> {
            self.ports.clone()
        }

        fn qmi_devices(&self) -> Vec<PathBuf> {
            self.devices.clone()
        }

        fn has_modem_manager(&self) -> bool {
            !self.devices.is_empty()
        }
    }

    fn said(modem: &Modem, system: &Fake) -> String {
        match candidates(modem, system) {
            Ok(all) => all
                .iter()
                .map(|one| format!("{} ({})", one.candidate.what(), one.why))
                .collect::<Vec<_>>()
                .join(" > "),
            Err(missing) => missing,
        }
    }

    #[test]
    fn only_what_is_named_or_a_modems_is_opened() {
        let bare = Fake { ports: Vec::new(), devices: Vec::new() };
        let full =
            Fake { ports: vec!["/dev/ttyUSB3".into()], devices: vec!["/dev/cdc-wdm0".into()] };
        let modem = |source, keys: [Option<&str>; 3]| Modem {
            source,
            port: keys[0].map(PathBuf::from),
            device: keys[1].map(PathBuf::from),
            interface: keys[2].map(str::to_owned),
            ..Config::default().modem
        };
        let (p, d, i) = (Some("/dev/a"), Some("/dev/b"), Some("wwan0"));
        for (modem, system, expected) in [
            (modem(Source::At, [p, d, i]), &full, "AT commands on /dev/a (source = \"at\")"),
            (modem(Source::At, [None; 3]), &full, "[modem] source is \"at\" and port is not set"),
            (modem(Source::Qmi, [p, d, i]), &full, "QMI on /dev/b (source = \"qmi\")"),
            (modem(Source::Qmi, [None; 3]), &full, "QMI on /dev/cdc-wdm0 (source = \"qmi\")"),
            (
                modem(Source::Qmi, [None; 3]),
                &bare,
                "[modem] source is \"qmi\" and device is not set",
            ),
            (
                modem(Source::Netdev, [p, d, i]),
                &full,
                "the kernel's counters of wwan0 (source = \"netdev\")",
            ),
            (
                modem(Source::ModemManager, [p, d, i]),
                &bare,
                "ModemManager's counters (source = \"modemmanager\")",
            ),
            (
                modem(Source::Auto, [p, d, i]),
                &full,
                "QMI on /dev/b (the device is configured) > \
                 AT commands on /dev/a (the port is configured) > \
                 ModemManager's counters (it is installed, and may own the modem) > \
                 the kernel's counters of wwan0 (the interface is named)",
            ),
            (
                modem(Source::Auto, [None, None, i]),
                &full,
                "QMI on /dev/cdc-wdm0 (the kernel has it as a QMI device) > \
                 AT commands on /dev/ttyUSB3 (udev marks it as a modem's) > \
                 ModemManager's counters (it is installed, and may own the modem) > \
                 the kernel's counters of wwan0 (the interface is named)",
            ),
        ] {
            assert_eq!(said(&modem, system), expected);
        }
        assert!(said(&modem(Source::Auto, [None; 3]), &bare).contains("set [modem] device"));
    }
}
