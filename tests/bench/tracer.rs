//! Counts what a process writes to files and how often it waits for the disk, with
//! strace. It slows the process down, so nothing else is measured meanwhile.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::sys::signal::Signal;

use super::Result;
use super::lab::Lab;
use super::proc_figures;
use super::process::Process;

/// Each counts as one wait for the disk.
const SYNCS: [&str; 5] = ["fsync(", "fdatasync(", "sync_file_range(", "syncfs(", "msync("];
/// How files are written by the databases that are measured: SQLite knows no other.
const WRITES: [&str; 2] = ["pwrite64", "pwritev"];

/// What was seen so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seen {
    pub syncs: f64,
    pub written_bytes: f64,
}

/// An attached strace.
#[derive(Debug)]
pub struct Tracer {
    process: Process,
    lines: PathBuf,
}

impl Tracer {
    pub fn attach(lab: &Lab, strace: &Path, pid: u32) -> Result<Self> {
        let lines = lab.disk().join(format!("strace-{pid}"));
        let mut process = Process::start(
            Command::new(strace)
                .args(["--follow-forks", "--string-limit=0", "--quiet=all", "--trace"])
                .arg("fsync,fdatasync,sync_file_range,syncfs,msync,pwrite64,pwritev")
                .args(["--output", &lines.display().to_string()])
                .args(["--attach", &pid.to_string()])
                .stdin(Stdio::null())
                .stderr(Stdio::null()),
        )?;
        lab.until("strace is attached", || {
            process.must_run()?;
            proc_figures::is_traced(pid)
        })?;
        Ok(Self { process, lines })
    }

    pub fn seen(&self) -> Result<Seen> {
        Ok(count(&fs::read_to_string(&self.lines)?))
    }

    /// Lets the process go on alone.
    pub fn detach(mut self) -> Result<()> {
        self.process.end(Signal::SIGINT)
    }
}

fn count(lines: &str) -> Seen {
    let mut seen = Seen::default();
    for line in lines.lines() {
        // A call that another thread interrupts takes two lines: it begins on the
        // first, its result is on the second.
        if SYNCS.iter().any(|call| line.contains(call)) {
            seen.syncs += 1.0;
        }
        if WRITES.iter().any(|call| line.contains(call))
            && let Some((_, result)) = line.rsplit_once(" = ")
            && let Ok(bytes) = result.parse::<u32>()
        {
            seen.written_bytes += f64::from(bytes);
        }
    }
    seen
}
