//! What one reading of a counter means after the one before it.

use super::units::Traffic;

/// How wide a counter is before it starts again at zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Width {
    /// 32 bits: starts again after 4,294,967,295.
    Bits32,
    /// 64 bits.
    Bits64,
    /// Not documented: a fall is never taken for a wrap.
    Unknown,
}

/// What a counter does when its owner restarts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Restarts {
    /// It starts at zero with each data session, boot of the modem or interface
    /// (u-blox, Huawei, Fibocom, QMI, the kernel).
    FromZero,
    /// It is loaded from the modem's own memory: it falls back to what was last
    /// saved there (QGDCNT, QGDNRCNT, GDATAVOL).
    FromSaved,
}

/// What is known of a restart between the last reading and this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Evidence {
    /// Nothing hints at a restart: same boot, same port, no `RDY`.
    Same,
    /// Something happened that may have restarted the counter (the port was
    /// enumerated again, a data context changed, the terminal booted).
    MayHaveRestarted,
    /// The counter has certainly started again (`RDY`, its own duration fell,
    /// a new interface index).
    Restarted,
}

/// One reading of a source's counter with all that is known about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// The counter as it stands.
    pub counter: Traffic,
    /// Its width.
    pub width: Width,
    /// What it does at a restart.
    pub restarts: Restarts,
    /// What is known of a restart since the sample before.
    pub evidence: Evidence,
    /// The most that this link can move, bytes a second, both ways each.
    pub rate_max: u64,
}
