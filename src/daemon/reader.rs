//! A source that runs, whichever kind it is: started with what the configuration
//! says, asked, and ended.

use std::io;

use tokio::sync::{mpsc, watch};

use super::candidates::Candidate;
use super::config::{Columns, Counter, Modem};
use crate::adapters::modemmanager::ModemManagerSource;
use crate::adapters::netdev::{Netdev, NetdevReading};
use crate::adapters::port::{FromPort, PortSource};
use crate::adapters::qmi::QmiPort;
use crate::adapters::serial::SerialPort;
use crate::modem::at::{self, AtDialogue, AtSettings};
use crate::modem::modemmanager::Selector;
use crate::modem::qmi::{QmiDialogue, QmiSettings};
use crate::proto::at::counters::Columns as AtColumns;

/// Where a source's messages go, and how each is marked as its own.
pub struct Say<M, T> {
    /// To the daemon's loop.
    pub messages: mpsc::Sender<M>,
    /// Makes a message of what is said.
    pub tag: T,
}

/// A source that runs; dropping it ends it.
#[derive(Debug)]
pub enum Reader {
    /// A modem on a port of its own, with a thread.
    Port(PortSource),
    /// ModemManager.
    Manager(ModemManagerSource),
    /// A network interface, read at once.
    Netdev(Netdev),
}

impl Reader {
    /// Starts it.
    ///
    /// # Errors
    /// When the system has no thread or descriptor left.
    pub fn start<M: Send + 'static>(
        candidate: &Candidate,
        modem: &Modem,
        boot_id: &str,
        bus: &watch::Receiver<Option<zbus::Connection>>,
        say: Say<M, impl Fn(FromPort) -> M + Copy + Send + 'static>,
    ) -> io::Result<Self> {
        let Say { messages, tag } = say;
        let blocking = messages.clone();
        // The receiver is gone only when the daemon ends.
        let say = move |said| drop(blocking.blocking_send(tag(said)));
        Ok(match candidate {
            Candidate::At(path) => {
                let dialogue = AtDialogue::new(at_settings(modem));
                let opener = Box::new(SerialPort::new(path.clone()));
                Self::Port(PortSource::start("serial", dialogue, opener, boot_id, say)?)
            }
            Candidate::Qmi(path) => {
                let dialogue = QmiDialogue::new(qmi_settings(modem));
                let opener = Box::new(QmiPort::new(path.clone()));
                Self::Port(PortSource::start("qmi", dialogue, opener, boot_id, say)?)
            }
            Candidate::ModemManager => Self::Manager(ModemManagerSource::start(
                bus.clone(),
                selector(modem),
                boot_id,
                messages,
                tag,
            )),
            Candidate::Netdev(interface) => Self::Netdev(Netdev::new(interface)),
        })
    }

    /// Asks for a reading. A network interface answers at once; the others' answers
    /// come as messages.
    pub fn read(&mut self) -> Vec<NetdevReading> {
        match self {
            Self::Port(port) => port.read(),
            Self::Manager(manager) => manager.read(),
            Self::Netdev(netdev) => return netdev.read(),
        }
        Vec::new()
    }

    /// Whether lines to and from the modem are said; only a port has some.
    pub fn trace(&self, on: bool) {
        if let Self::Port(port) = self {
            port.trace(on);
        }
    }

    /// Ends it, without waiting for that.
    pub fn retire(self) {
        if let Self::Port(port) = self {
            port.retire();
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

/// The modem reports by itself as often as it is asked.
fn qmi_settings(modem: &Modem) -> QmiSettings {
    let seconds = u8::try_from(modem.poll_ms / 1_000).unwrap_or(u8::MAX);
    QmiSettings { report_s: seconds.max(1) }
}
