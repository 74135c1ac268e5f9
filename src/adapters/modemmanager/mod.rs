//! A modem that ModemManager owns: a task that hears what ModemManager says on
//! the daemon's own connection to the bus, and asks it for what it does not say.
//! It wakes for signals and for [`ModemManagerSource::read`], and for nothing else.

mod calls;
mod signals;
mod task;
mod values;

use std::sync::Arc;

use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinHandle;
use zbus::Connection;

use super::serial::FromPort;
use crate::modem::modemmanager::Selector;

/// ModemManager's name on the bus.
pub(super) const NAME: &str = "org.freedesktop.ModemManager1";
/// The object that lists its modems.
pub(super) const ROOT: &str = "/org/freedesktop/ModemManager1";

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
    pub fn start(
        bus: watch::Receiver<Option<Connection>>,
        selector: Selector,
        boot_id: &str,
        messages: mpsc::Sender<FromPort>,
    ) -> Self {
        let read = Arc::new(Notify::new());
        let task = task::Task::new(bus, selector, boot_id, Arc::clone(&read), messages);
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
