//! Owns the handle of the AT modem that tests and the program hold.

use std::os::fd::BorrowedFd;
use std::path::Path;
use std::time::Duration;

use crate::builder::SimBuilder;
use crate::handle::{Commands, Handle, SimError};
use crate::script::{Command, Script};
use crate::truth::Truth;

impl Commands for Command {
    fn is_last(&self) -> bool {
        *self == Command::Exit
    }
}

/// A running simulated modem. It may be shared between threads; when it is dropped, the modem is gone, its link
/// with it.
pub struct Sim(pub(crate) Handle<Command, Truth>);

impl Sim {
    /// A simulator yet to be started.
    pub fn builder() -> SimBuilder {
        SimBuilder::default()
    }

    /// Carries out script commands; returns when their effect is done.
    pub fn apply(&self, commands: &str) -> Result<(), SimError> {
        self.0.apply(commands)
    }

    /// Carries out a script; returns when its last command is done.
    pub fn run(&self, script: &Script) -> Result<(), SimError> {
        self.0.steps(&script.steps)
    }

    /// Waits until `count` counter queries that come from now on are answered to the last byte.
    pub fn wait_polls(&self, count: u64, timeout: Duration) -> Result<(), SimError> {
        self.0.command(1, Command::AwaitPolls { count, within: timeout }, false)
    }

    /// The truth at this moment; the final one when the simulator has stopped.
    pub fn truth(&self) -> Truth {
        self.0.truth()
    }

    /// The path that the host opens, before and after every hang-up.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Reads as ended (`POLLHUP`) when the simulator has stopped.
    pub fn ended(&self) -> BorrowedFd<'_> {
        self.0.ended()
    }

    /// Stops the modem; returns when its thread is over, the link gone and the truth file final.
    pub fn stop(&self) {
        self.0.stop();
    }
}
