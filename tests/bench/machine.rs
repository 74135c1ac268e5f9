//! What the figures were measured on.

use std::fs;
use std::path::Path;
use std::thread::available_parallelism;

use super::Result;
use super::services;

/// Prints the machine's class, and the sizes of what is measured.
pub fn print(disk: &Path) -> Result<()> {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cpuinfo = read("/proc/cpuinfo");
    let model = cpuinfo
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("processor unnamed", |(_, model)| model);
    println!(
        "machine: {} cores ({model}), {}, Linux {}; load {}; databases on {}",
        available_parallelism()?,
        std::env::consts::ARCH,
        read("/proc/sys/kernel/osrelease").trim(),
        read("/proc/loadavg").split(' ').next().unwrap_or_default(),
        file_system(disk, &read("/proc/self/mountinfo")),
    );
    let program = fs::metadata(services::released())
        .map_err(|error| format!("cargo build --release comes first: {error}"))?
        .len();
    println!(
        "posdatad {}: {} kB for {}",
        env!("CARGO_PKG_VERSION"),
        program / 1000,
        std::env::consts::ARCH
    );
    Ok(())
}

/// The type of the file system that the path is on: of the longest mount point above
/// it.
fn file_system(path: &Path, mounts: &str) -> String {
    mounts
        .lines()
        .filter_map(|line| {
            let (left, right) = line.split_once(" - ")?;
            let point = left.split(' ').nth(4)?;
            path.starts_with(point).then(|| (point.len(), right.split(' ').next()))
        })
        .max_by_key(|(length, _)| *length)
        .and_then(|(_, kind)| kind)
        .unwrap_or("an unknown file system")
        .to_owned()
}
