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

/// No instant before this one is believed, whoever says it: posdatad did not
/// exist yet (2026-01-01T00:00:00Z).
pub const EARLIEST_S: UnixS = 1_767_225_600;

/// How far before the last trusted time a modem's time may lie. Networks have
/// been seen to announce a wrong year; a day allows for a wrong zone.
const MODEM_BACKWARD_MAX_S: UnixS = 86_400;

/// No instant after this one is believed of a modem: 20 years on.
pub const LATEST_S: UnixS = EARLIEST_S + 20 * 31_557_600;

/// How far after the last trusted time a modem's time may lie without being
/// heard again: a terminal may be stored for some months.
const MODEM_FORWARD_MAX_S: UnixS = 120 * 86_400;

/// How far a modem's time may lie from what this boot knows without being heard
/// again, s.
const MODEM_STEP_MAX_S: UnixS = 3_600;

/// How long a modem must go on saying what nobody expected, ms.
const CONFIRMED_AFTER_MS: BootMs = 600_000;

/// How far two such statements may lie apart, s.
const CONFIRMED_WITHIN_S: UnixS = 60;

/// How long a better source's time outweighs a lesser one, s.
const OUTRANKS_S: UnixS = 86_400;

/// A moment of the boot clock with its wall time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Anchor {
    boot_ms: BootMs,
    wall_s: UnixS,
    trust: Trust,
}

/// Keeps the best wall time that is known in this boot.
#[derive(Clone, Debug)]
pub struct Clock {
    boot_seq: u32,
    last_stored_s: Option<UnixS>,
    anchor: Option<Anchor>,
    /// What a modem said that nobody expected: (boot clock, ms; wall clock, s).
    doubted: Option<(BootMs, UnixS)>,
}

impl Clock {
    /// A clock without trust, in boot `boot_seq`; `last_stored_s` is the last
    /// trusted instant of any boot before.
    #[must_use]
    pub fn new(boot_seq: u32, last_stored_s: Option<UnixS>) -> Self {
        Self { boot_seq, last_stored_s, anchor: None, doubted: None }
    }

    /// The time was known before in this boot: boot clock zero was `started_s`.
    /// Nobody sets the boot clock, so it is known still; by whom is not kept,
    /// and the lowest trust is taken.
    pub fn resume(&mut self, started_s: UnixS) {
        self.offer(0, started_s, Trust::Modem);
    }

    /// Looks at the system's clock. True when time became trusted by it.
    pub fn observe(&mut self, now: Now) -> bool {
        now.ntp && self.offer(now.boot_ms, now.wall_s, Trust::Ntp)
    }

    /// Hears the mobile network's time. True when time became trusted by it.
    ///
    /// One wrong statement must not end a plan: what nobody expected is believed
    /// only when the modem still says it ten minutes later.
    pub fn network_time(&mut self, boot_ms: BootMs, wall_s: UnixS) -> bool {
        if !(EARLIEST_S..LATEST_S).contains(&wall_s) {
            return false;
        }
        if self.is_expected(boot_ms, wall_s) || self.is_confirmed(boot_ms, wall_s) {
            self.doubted = None;
            return self.offer(boot_ms, wall_s, Trust::Modem);
        }
        false
    }

    /// Hears the backend's time. True when time became trusted by it.
    pub fn backend_time(&mut self, boot_ms: BootMs, wall_s: UnixS) -> bool {
        (EARLIEST_S..LATEST_S).contains(&wall_s) && self.offer(boot_ms, wall_s, Trust::Backend)
    }

    fn is_expected(&self, boot_ms: BootMs, wall_s: UnixS) -> bool {
        match (self.trusted_s(boot_ms), self.last_stored_s) {
            (Some(known_s), _) => (wall_s - known_s).abs() <= MODEM_STEP_MAX_S,
            (None, Some(stored_s)) => {
                let (earliest, latest) =
                    (stored_s - MODEM_BACKWARD_MAX_S, stored_s + MODEM_FORWARD_MAX_S);
                (earliest..=latest).contains(&wall_s)
            }
            (None, None) => true,
        }
    }

    fn is_confirmed(&mut self, boot_ms: BootMs, wall_s: UnixS) -> bool {
        if let Some((then_ms, said_s)) = self.doubted {
            let passed_ms = boot_ms.saturating_sub(then_ms);
            let drift_s = (wall_s - said_s - seconds(passed_ms)).abs();
            if drift_s <= CONFIRMED_WITHIN_S {
                return passed_ms >= CONFIRMED_AFTER_MS;
            }
        }
        self.doubted = Some((boot_ms, wall_s));
        false
    }

    fn offer(&mut self, boot_ms: BootMs, wall_s: UnixS, trust: Trust) -> bool {
        if wall_s < EARLIEST_S {
            return false;
        }
        let outranked = self.anchor.is_some_and(|held| {
            held.trust > trust && seconds(boot_ms.saturating_sub(held.boot_ms)) < OUTRANKS_S
        });
        if outranked {
            return false;
        }
        let first = self.anchor.is_none();
        self.anchor = Some(Anchor { boot_ms, wall_s, trust });
        first
    }

    /// The trusted instant at a moment of this boot.
    #[must_use]
    pub fn trusted_s(&self, boot_ms: BootMs) -> Option<UnixS> {
        let anchor = self.anchor?;
        let since = seconds(boot_ms.saturating_sub(anchor.boot_ms));
        let before = seconds(anchor.boot_ms.saturating_sub(boot_ms));
        Some(anchor.wall_s.saturating_add(since).saturating_sub(before))
    }

    /// The moment of the boot clock at which it will be `at_s`.
    #[must_use]
    pub fn boot_ms_of(&self, at_s: UnixS) -> Option<BootMs> {
        let anchor = self.anchor?;
        let ahead_ms = at_s.saturating_sub(anchor.wall_s).saturating_mul(1_000);
        Some(anchor.boot_ms.saturating_add_signed(ahead_ms))
    }

    /// The last trusted instant of any boot before this one.
    #[must_use]
    pub fn last_stored_s(&self) -> Option<UnixS> {
        self.last_stored_s
    }

    /// How much the time is worth now.
    #[must_use]
    pub fn trust(&self) -> Trust {
        self.anchor.map_or(Trust::Untrusted, |anchor| anchor.trust)
    }

    /// The number of this boot.
    #[must_use]
    pub fn boot_seq(&self) -> u32 {
        self.boot_seq
    }

    /// The stamp of this moment.
    #[must_use]
    pub fn stamp(&self, now: Now) -> Stamp {
        Stamp {
            boot_seq: self.boot_seq,
            boot_ms: now.boot_ms,
            wall_s: self.trusted_s(now.boot_ms).unwrap_or(now.wall_s),
            trust: self.trust(),
        }
    }
}

/// Whole seconds of a span of the boot clock.
fn seconds(ms: BootMs) -> UnixS {
    UnixS::try_from(ms / 1_000).unwrap_or(UnixS::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const T: UnixS = 1_800_000_000;

    fn now(boot_ms: BootMs, wall_s: UnixS, ntp: bool) -> Now {
        Now { boot_ms, wall_s, ntp }
    }

    #[test]
    fn a_clock_of_its_own_is_never_trusted() {
        let mut clock = Clock::new(3, None);
        assert!(!clock.observe(now(1_000, T, false)));
        assert_eq!(clock.trusted_s(1_000), None);
        assert_eq!(clock.stamp(now(1_000, T, false)).trusted_s(), None);
    }

    #[test]
    fn time_runs_on_with_the_boot_clock_whatever_the_system_says() {
        let mut clock = Clock::new(3, None);
        assert!(clock.network_time(10_000, T));
        assert!(!clock.observe(now(20_000, 5, false)));
        assert_eq!(clock.trusted_s(70_000), Some(T + 60));
        assert_eq!(clock.trusted_s(0), Some(T - 10));
        assert_eq!(clock.stamp(now(70_000, 5, false)).trusted_s(), Some(T + 60));
    }

    #[test]
    fn a_better_source_outranks_a_lesser_one_for_a_day() {
        let mut clock = Clock::new(1, None);
        assert!(clock.observe(now(0, T, true)));
        assert!(!clock.network_time(1_000, T + 500));
        assert_eq!(clock.trusted_s(1_000), Some(T + 1));
        clock.network_time(86_400_000, T + 90_000);
        assert_eq!((clock.trusted_s(86_400_000), clock.trust()), (Some(T + 90_000), Trust::Modem));
    }

    #[test]
    fn a_restarted_daemon_knows_the_time_of_its_boot_still() {
        let mut clock = Clock::new(7, Some(T));
        clock.resume(T - 100);
        assert_eq!(clock.trusted_s(160_000), Some(T + 60));
        assert!(!clock.network_time(160_000, T + 61), "it is known already, and corrected");
        assert_eq!(clock.trusted_s(160_000), Some(T + 61));
    }

    #[test]
    fn times_that_cannot_be_are_refused() {
        let mut clock = Clock::new(1, Some(T));
        assert!(!clock.observe(now(0, EARLIEST_S - 1, true)));
        assert!(!clock.network_time(0, LATEST_S));
        assert!(!clock.network_time(0, T - 86_401));
        assert!(clock.network_time(0, T - 86_400));
    }

    #[test]
    fn a_time_that_nobody_expected_must_be_said_for_ten_minutes() {
        let far = T + 200 * 86_400;
        let mut clock = Clock::new(1, Some(T));
        assert!(!clock.network_time(1_000, far));
        assert!(!clock.network_time(300_000, far + 299), "not long enough");
        assert!(clock.network_time(601_000, far + 600));
        // Within a boot a step of more than an hour is as strange.
        assert!(!clock.network_time(700_000, T));
        assert_eq!(clock.trusted_s(700_000), Some(far + 699));
        assert!(!clock.network_time(800_000, far + 799), "as expected: the doubt is gone");
        assert!(!clock.network_time(1_400_000, T + 700));
        assert_eq!(clock.trusted_s(1_400_000), Some(far + 1_399));
        // A true time at last overrides a wrong one that was believed.
        clock.network_time(2_100_000, T + 1_400);
        assert_eq!(clock.trusted_s(2_100_000), Some(T + 1_400));
    }

    #[test]
    fn the_boot_clock_reaches_an_instant_when_the_wall_clock_does() {
        let mut clock = Clock::new(1, None);
        clock.network_time(1_234, T);
        let at_ms = clock.boot_ms_of(T + 10).unwrap();
        assert_eq!(
            (clock.trusted_s(at_ms - 1), clock.trusted_s(at_ms)),
            (Some(T + 9), Some(T + 10))
        );
    }
}
