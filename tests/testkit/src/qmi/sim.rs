//! Owns the handle of the QMI modem that tests and the program hold.

use std::os::fd::BorrowedFd;
use std::path::Path;
use std::time::Duration;

use crate::handle::{Handle, SimError};
use crate::qmi::builder::QmiSimBuilder;
use crate::qmi::language::{QmiCommand, QmiScript};
use crate::qmi::truth::QmiTruth;

/// A running simulated QMI modem. It may be shared between threads; when it is dropped, the modem is gone, its link
/// and its proxy with it.
///
/// ```no_run
/// use std::time::Duration;
/// use posdata_testkit::qmi::QmiSim;
///
/// let sim = QmiSim::builder().seed(7).start()?;
/// // … start what reads the modem at sim.path() …
/// sim.apply("traffic tx 1000 rx 5000; session v6 up; traffic v6 tx 1 rx 2")?;
/// sim.wait_polls(1, Duration::from_secs(20))?;
/// assert!(sim.truth().is_read_out());
/// # Ok::<(), posdata_testkit::SimError>(())
/// ```
pub struct QmiSim(pub(crate) Handle<QmiCommand, QmiTruth>);

impl QmiSim {
    /// A simulator yet to be started.
    pub fn builder() -> QmiSimBuilder {
        QmiSimBuilder::default()
    }

    /// Carries out script commands; returns when their effect is done.
    pub fn apply(&self, commands: &str) -> Result<(), SimError> {
        self.0.apply(commands)
    }

    /// Carries out a script; returns when its last command is done.
    pub fn run(&self, script: &QmiScript) -> Result<(), SimError> {
        self.0.steps(&script.steps)
    }

    /// Waits until `count` statistics queries from now on are answered, in each family that has anything to tell.
    pub fn wait_polls(&self, count: u64, timeout: Duration) -> Result<(), SimError> {
        self.0.command(1, QmiCommand::AwaitPolls { count, within: timeout }, false)
    }

    /// The truth at this moment; the final one when the simulator has stopped.
    pub fn truth(&self) -> QmiTruth {
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
