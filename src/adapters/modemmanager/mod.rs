//! A modem that ModemManager owns: a task that hears what ModemManager says on
//! the daemon's own connection to the bus, and asks it for what it does not say.
//! It wakes for signals and for [`ModemManagerSource::read`], and for nothing else.

mod calls;
mod signals;
mod task;
mod values;

use std::path::Path;
use std::sync::Arc;

use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinHandle;
use zbus::Connection;

use super::port::FromPort;
use crate::modem::modemmanager::Selector;

/// ModemManager's name on the bus.
pub const NAME: &str = "org.freedesktop.ModemManager1";
/// The object that lists its modems.
pub(super) const ROOT: &str = "/org/freedesktop/ModemManager1";

/// What the bus starts ModemManager by.
const SERVICE: &str = "/usr/share/dbus-1/system-services/org.freedesktop.ModemManager1.service";

/// Whether ModemManager is installed, so that it may come, if it is not there yet.
#[must_use]
pub fn is_installed() -> bool {
    Path::new(SERVICE).exists()
}

/// A running source; dropping it ends its task.
#[derive(Debug)]
pub struct ModemManagerSource {
    read: Arc<Notify>,
    task: JoinHandle<()>,
}

impl ModemManagerSource {
    /// Begins to hear ModemManager on the bus that `bus` is connected to: none
    /// while there is none, another when it came back. Needs a tokio runtime.
    #[must_use]
    pub fn start<M: Send + 'static>(
        bus: watch::Receiver<Option<Connection>>,
        selector: Selector,
        boot_id: &str,
        messages: mpsc::Sender<M>,
        message: impl Fn(FromPort) -> M + Send + 'static,
    ) -> Self {
        let read = Arc::new(Notify::new());
        let task = task::Task::new(bus, selector, boot_id, Arc::clone(&read), messages, message);
        Self { read, task: tokio::spawn(task.run()) }
    }

    /// Asks for a reading now; a question under way is not asked twice. While a
    /// modem is connected, it is given when ModemManager's figures are fresh.
    pub fn read(&self) {
        self.read.notify_one();
    }
}

impl Drop for ModemManagerSource {
    fn drop(&mut self) {
        self.task.abort();
    }
}
