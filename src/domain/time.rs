//! Time that can be trusted, on terminals whose clock cannot.
//!
//! Timers run on the boot clock, which no one sets. Wall time is the boot clock
//! plus an offset, and the offset has a level of trust: where it came from.

/// Milliseconds since this boot (CLOCK_BOOTTIME: it runs on while suspended).
pub type BootMs = u64;

/// Seconds since 1970-01-01T00:00:00Z.
pub type UnixS = i64;

/// What the clock adapter reads at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// The boot clock, ms.
    pub boot_ms: BootMs,
    /// What the system's clock claims, s since the epoch.
    pub wall_s: UnixS,
    /// Whether the kernel says that its clock is synchronised (adjtimex, NTP).
    pub ntp: bool,
}

/// Where a wall time came from, least trusted first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Trust {
    /// The terminal's own clock, which may say anything.
    Untrusted,
    /// The mobile network, by way of the modem (NITZ, `AT+CCLK?`).
    Modem,
    /// The kernel's clock while NTP holds it.
    Ntp,
    /// The operator's backend, over TLS.
    Backend,
}

impl Trust {
    /// The word used in the journal, on D-Bus and in the database.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Untrusted => "untrusted",
            Self::Modem => "modem",
            Self::Ntp => "ntp",
            Self::Backend => "backend",
        }
    }
}

/// When something was recorded, as far as was known then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Which boot of this terminal, counted by the store from 1.
    pub boot_seq: u32,
    /// The boot clock, ms.
    pub boot_ms: BootMs,
    /// The wall clock, s since the epoch; an instant only when trusted.
    pub wall_s: UnixS,
    /// What `wall_s` is worth.
    pub trust: Trust,
}

impl Stamp {
    /// The instant, when it is known.
    #[must_use]
    pub fn trusted_s(self) -> Option<UnixS> {
        (self.trust > Trust::Untrusted).then_some(self.wall_s)
    }
}
