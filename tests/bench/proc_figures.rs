//! What the kernel says of a process in /proc: its memory, its threads, how often
//! they were switched, how long they ran, what they wrote.

use std::collections::BTreeMap;
use std::fs;

use super::Result;

/// Memory, KiB.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    pub rss: f64,
    pub pss: f64,
    pub private_dirty: f64,
}

/// From `smaps_rollup`, which sums over all mappings.
pub fn memory(pid: u32) -> Result<Memory> {
    let path = format!("/proc/{pid}/smaps_rollup");
    let text = fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
    Ok(Memory {
        rss: field(&text, "Rss:")?,
        pss: field(&text, "Pss:")?,
        private_dirty: field(&text, "Private_Dirty:")?,
    })
}

/// Work of one thread since it began.
#[derive(Clone, Copy, Debug, Default)]
pub struct Work {
    /// Voluntary and involuntary.
    pub switches: f64,
    /// On a processor, ms.
    pub cpu_ms: f64,
}

/// The work of each thread that there is now, from `task/*/status` and
/// `task/*/schedstat`.
pub fn work(pid: u32) -> Result<BTreeMap<String, Work>> {
    let mut threads = BTreeMap::new();
    let folder = format!("/proc/{pid}/task");
    for task in fs::read_dir(&folder).map_err(|error| format!("{folder}: {error}"))? {
        let task = task?;
        // A thread may end between two looks.
        let Ok(status) = fs::read_to_string(task.path().join("status")) else { continue };
        let Ok(schedstat) = fs::read_to_string(task.path().join("schedstat")) else { continue };
        let ran_ns: f64 = schedstat.split(' ').next().unwrap_or_default().parse()?;
        let switches = field(&status, "voluntary_ctxt_switches:")?
            + field(&status, "nonvoluntary_ctxt_switches:")?;
        let name = task.file_name().to_string_lossy().into_owned();
        threads.insert(name, Work { switches, cpu_ms: ran_ns / 1e6 });
    }
    Ok(threads)
}

/// What the threads of `now` did since `before`. What one did that has ended in
/// between is not known.
pub fn done(before: &BTreeMap<String, Work>, now: &BTreeMap<String, Work>) -> Work {
    let mut sum = Work::default();
    for (thread, work) in now {
        let before = before.get(thread).copied().unwrap_or_default();
        sum.switches += work.switches - before.switches;
        sum.cpu_ms += work.cpu_ms - before.cpu_ms;
    }
    sum
}

/// Bytes that were handed to a disk since the process began, in whole pages: `write_bytes`
/// of /proc/PID/io. Unlike `wchar` it leaves out sockets, pipes, ttys and eventfds.
pub fn disk_bytes(pid: u32) -> Result<f64> {
    let path = format!("/proc/{pid}/io");
    let text = fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
    field(&text, "write_bytes:")
}

/// Whether a tracer holds it.
pub fn is_traced(pid: u32) -> Result<bool> {
    Ok(field(&fs::read_to_string(format!("/proc/{pid}/status"))?, "TracerPid:")? > 0.0)
}

fn field(text: &str, name: &str) -> Result<f64> {
    let value = text
        .lines()
        .find_map(|line| line.strip_prefix(name))
        .and_then(|rest| rest.split_whitespace().next())
        .ok_or_else(|| format!("no {name} in /proc"))?;
    Ok(value.parse()?)
}
