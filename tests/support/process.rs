//! A child process that does not outlive its test, and what it has said.

use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::wait;

/// How long an orderly end may take.
const END_MAX: Duration = Duration::from_secs(30);

/// A running program; killed when it is dropped, also by a panic.
pub struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts it; what it says on either output is added to the file `log`.
    pub fn spawn(command: &mut Command, log: &Path) -> Self {
        let file = OpenOptions::new().create(true).append(true).open(log).unwrap();
        let child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone().unwrap())
            .stderr(file)
            // Nothing of the environment of whoever runs the tests.
            .env_remove("JOURNAL_STREAM")
            .env_remove("DBUS_SESSION_BUS_ADDRESS")
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        Self { child, log: log.to_owned() }
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.pid()).unwrap());
        kill(pid, signal).unwrap();
    }

    /// Its end, when it has ended.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Its exit code, as soon as it ends of its own accord.
    pub fn exit_code(&mut self) -> i32 {
        let ended = wait::within(END_MAX, || self.child.try_wait().unwrap());
        let ended = ended.unwrap_or_else(|| panic!("it does not end\n{}", self.said()));
        ended.code().unwrap_or_else(|| panic!("it ended by a signal: {ended}\n{}", self.said()))
    }

    /// Ends it as a power cut would.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// All that was said into its log.
    pub fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}
