//! What the kernel says of a process in /proc: its memory, its threads, how often
//! they were switched, how long they ran, what they wrote.

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

/// Work since the process began, over all threads that it has now.
#[derive(Clone, Copy, Debug)]
pub struct Work {
    pub threads: f64,
    /// Voluntary and involuntary.
    pub switches: f64,
    /// On a processor, ms.
    pub cpu_ms: f64,
}

/// From `task/*/status` and `task/*/schedstat`.
pub fn work(pid: u32) -> Result<Work> {
    let mut work = Work { threads: 0.0, switches: 0.0, cpu_ms: 0.0 };
    let folder = format!("/proc/{pid}/task");
    for task in fs::read_dir(&folder).map_err(|error| format!("{folder}: {error}"))? {
        let task = task?.path();
        let status = fs::read_to_string(task.join("status"))?;
        let schedstat = fs::read_to_string(task.join("schedstat"))?;
        let ran_ns: f64 = schedstat.split(' ').next().unwrap_or_default().parse()?;
        work.threads += 1.0;
        work.switches += field(&status, "voluntary_ctxt_switches:")?;
        work.switches += field(&status, "nonvoluntary_ctxt_switches:")?;
        work.cpu_ms += ran_ns / 1e6;
    }
    Ok(work)
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
