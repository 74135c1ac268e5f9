//! The kernel's interface counters (`/sys/class/net/*/statistics`, 64 bits,
//! Documentation/ABI/testing/sysfs-class-net-statistics): a source of its own,
//! and what the modem's count is compared with.

use std::fs;
use std::io;
use std::path::PathBuf;

use crate::domain::counter::{Evidence, Restarts, Sample, Width};
use crate::domain::reading::Reading;
use crate::domain::report::{FaultKind, Report};
use crate::domain::units::Traffic;
use crate::modem::modemmanager::facts::KernelCounter;

/// Faster than any link: the kernel's own counters are believed.
const RATE_MAX: u64 = 1 << 50;

/// An interface whose packets have Ethernet headers (if_arp.h).
const ARPHRD_ETHER: u64 = 1;
/// How long these are.
const ETHER_HEADER_BYTES: u64 = 14;

/// One named interface.
#[derive(Debug)]
pub struct Netdev {
    interface: String,
    directory: PathBuf,
    attempts_failed: u32,
    faulty: Option<FaultKind>,
}

/// One reading with the run of the counter it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetdevReading {
    /// What it says.
    pub report: Report,
    /// The interface's index: another one is another interface, whose counters
    /// began at zero.
    pub ifindex: u64,
}

impl Netdev {
    /// The interface with that name; it need not be there yet.
    #[must_use]
    pub fn new(interface: &str) -> Self {
        Self {
            interface: interface.to_owned(),
            directory: PathBuf::from("/sys/class/net").join(interface),
            attempts_failed: 0,
            faulty: None,
        }
    }

    /// Its name.
    #[must_use]
    pub fn interface(&self) -> &str {
        &self.interface
    }

    /// Where the counter is read, for people.
    #[must_use]
    pub fn counter_path(&self) -> String {
        self.directory.join("statistics").display().to_string()
    }

    /// Reads both counters. A fault is reported once, and once its end.
    pub fn read(&mut self) -> Vec<NetdevReading> {
        match self.sample() {
            Ok((ifindex, counter)) => {
                let mut readings = Vec::new();
                if self.faulty.take().is_some() {
                    let attempts_failed = std::mem::take(&mut self.attempts_failed);
                    readings.push(NetdevReading {
                        report: Report::Recovered { attempts_failed },
                        ifindex,
                    });
                }
                let sample = Sample {
                    counter,
                    width: Width::Bits64,
                    restarts: Restarts::FromZero,
                    evidence: Evidence::Same,
                    rate_max: RATE_MAX,
                };
                readings.push(NetdevReading {
                    report: Report::Reading(Reading::exact(sample)),
                    ifindex,
                });
                readings
            }
            Err(error) => {
                self.attempts_failed = self.attempts_failed.saturating_add(1);
                let (kind, advice) = match error.kind() {
                    io::ErrorKind::NotFound => (
                        FaultKind::Missing,
                        "is the modem plugged in and the name right? \"ip link\" lists what is there",
                    ),
                    io::ErrorKind::PermissionDenied => {
                        (FaultKind::Denied, "posdatad may not read it")
                    }
                    _ => (FaultKind::Garbled, "the kernel answered something unexpected"),
                };
                if self.faulty == Some(kind) {
                    return Vec::new();
                }
                self.faulty = Some(kind);
                let detail = format!("{}: {error}; {advice}", self.directory.display());
                vec![NetdevReading { report: Report::Fault { kind, detail }, ifindex: 0 }]
            }
        }
    }

    fn sample(&self) -> io::Result<(u64, Traffic)> {
        // The index is read on both sides, so that an interface replaced in
        // between does not lend its counters to the old one.
        for _ in 0..3 {
            let before = self.number("ifindex")?;
            let rx = self.number("statistics/rx_bytes")?;
            let tx = self.number("statistics/tx_bytes")?;
            if self.number("ifindex")? == before {
                return Ok((before, Traffic { rx, tx }));
            }
        }
        Err(io::Error::other("the interface was replaced while it was read"))
    }

    fn number(&self, file: &str) -> io::Result<u64> {
        let text = fs::read_to_string(self.directory.join(file))?;
        text.trim().parse().map_err(|_| {
            io::Error::new(io::ErrorKind::InvalidData, format!("{file} says {:?}", text.trim()))
        })
    }
}

/// The kernel's counter of an interface as a witness of what its modem moved:
/// without the link headers that an Ethernet-like interface counts as well. None
/// where there is no such interface.
#[must_use]
pub fn witness(interface: &str) -> Option<KernelCounter> {
    if interface.is_empty() || interface.starts_with('.') || interface.contains('/') {
        return None;
    }
    let netdev = Netdev::new(interface);
    let (ifindex, mut traffic) = netdev.sample().ok()?;
    if netdev.number("type").ok()? == ARPHRD_ETHER {
        let headers = |file| Some(netdev.number(file).ok()?.saturating_mul(ETHER_HEADER_BYTES));
        traffic.rx = traffic.rx.saturating_sub(headers("statistics/rx_packets")?);
        traffic.tx = traffic.tx.saturating_sub(headers("statistics/tx_packets")?);
    }
    Some(KernelCounter { ifindex, traffic })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_interface_is_read_as_the_kernel_shows_it() {
        let kernel = |file: &str| -> u64 {
            fs::read_to_string(format!("/sys/class/net/lo/{file}")).unwrap().trim().parse().unwrap()
        };
        let before = kernel("statistics/rx_bytes");
        let readings = Netdev::new("lo").read();
        let after = kernel("statistics/rx_bytes");
        let [NetdevReading { report: Report::Reading(reading), ifindex }] = readings.as_slice()
        else {
            panic!("{readings:?}");
        };
        assert_eq!(*ifindex, kernel("ifindex"));
        assert!((before..=after).contains(&reading.total().rx));
    }

    #[test]
    fn a_missing_interface_is_said_once_and_once_when_it_comes() {
        let directory = tempfile::tempdir().unwrap();
        let mut netdev = Netdev::new("wwan9");
        netdev.directory = directory.path().join("wwan9");
        let readings = netdev.read();
        let Report::Fault { kind: FaultKind::Missing, detail } = &readings[0].report else {
            panic!("{readings:?}");
        };
        assert!(detail.contains("wwan9") && detail.contains("ip link"), "{detail}");
        assert!(netdev.read().is_empty());
        fs::create_dir_all(netdev.directory.join("statistics")).unwrap();
        fs::write(netdev.directory.join("ifindex"), "7\n").unwrap();
        fs::write(netdev.directory.join("statistics/rx_bytes"), "18446744073709551615\n").unwrap();
        fs::write(netdev.directory.join("statistics/tx_bytes"), "0\n").unwrap();
        let reports: Vec<_> = netdev.read().into_iter().map(|reading| reading.report).collect();
        assert_eq!(reports[0], Report::Recovered { attempts_failed: 2 });
        assert!(matches!(&reports[1], Report::Reading(reading) if reading.total().rx == u64::MAX));
        fs::write(netdev.directory.join("statistics/rx_bytes"), "many\n").unwrap();
        let readings = netdev.read();
        assert!(
            matches!(&readings[0].report, Report::Fault { kind: FaultKind::Garbled, detail }
                if detail.contains("many")),
            "{readings:?}"
        );
    }
}
