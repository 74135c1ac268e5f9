//! The one word for a SIM's balance, with one order of precedence.

use super::balance::Balance;

/// The state of the balance. Where several hold, the first in this order is
/// shown: no_sim, suspended, unknown, expired, depleted, critical, low, ok.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// There is no SIM, or it is not ready.
    NoSim,
    /// The operator has stopped the service, whatever is left.
    Suspended,
    /// Nothing says what was granted: no plan yet, no operator.
    Unknown,
    /// There were grants, and none of them is valid now.
    Expired,
    /// There are valid grants, and nothing of them is left.
    Depleted,
    /// Used as far as the level of `critical`.
    Critical,
    /// Used as far as the level of `low`.
    Low,
    /// None of these.
    Ok,
}

/// What the status is made of.
#[derive(Clone, Copy, Debug)]
pub struct StatusInput<'a> {
    /// Whether there is a SIM.
    pub sim_present: bool,
    /// Whether the operator has stopped the service.
    pub suspended: bool,
    /// The balance; `None` when nothing was ever granted.
    pub balance: Option<&'a Balance>,
    /// From where on it is low or critical.
    pub levels: StatusLevels,
}

/// From how much use on the balance is low, and critical, percent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatusLevels {
    /// 1 to 99.
    pub low_percent: u8,
    /// `low_percent` to 99.
    pub critical_percent: u8,
}

impl StatusLevels {
    /// 80 and 90 percent used: low at a fifth left, critical at a tenth.
    pub const DEFAULT: Self = Self { low_percent: 80, critical_percent: 90 };

    /// From `[alert] used_percent`, so that the status and the alerts agree: the
    /// highest threshold below 100 is critical, the next highest is low. One
    /// alone is low, and critical is 90 or, if that is not higher, the same; none
    /// leaves the default. The order of the list does not matter.
    #[must_use]
    pub fn from_used_percent(thresholds: &[u8]) -> Self {
        let mut levels: Vec<u8> =
            thresholds.iter().copied().filter(|percent| (1..100).contains(percent)).collect();
        levels.sort_unstable_by(|a, b| b.cmp(a));
        levels.dedup();
        match levels.as_slice() {
            [] => Self::DEFAULT,
            [low] => Self {
                low_percent: *low,
                critical_percent: Self::DEFAULT.critical_percent.max(*low),
            },
            [critical, low, ..] => Self { low_percent: *low, critical_percent: *critical },
        }
    }
}

impl Status {
    /// All of them, in the order of precedence.
    pub const ALL: [Self; 8] = [
        Self::NoSim,
        Self::Suspended,
        Self::Unknown,
        Self::Expired,
        Self::Depleted,
        Self::Critical,
        Self::Low,
        Self::Ok,
    ];

    /// The status that these make.
    #[must_use]
    pub fn of(input: &StatusInput<'_>) -> Self {
        if !input.sim_present {
            return Self::NoSim;
        }
        if input.suspended {
            return Self::Suspended;
        }
        let Some(balance) = input.balance else {
            return Self::Unknown;
        };
        if balance.usable_buckets == 0 {
            return Self::Expired;
        }
        if balance.remaining == 0 {
            return Self::Depleted;
        }
        let used = balance.used_percent().unwrap_or(0);
        if used >= input.levels.critical_percent {
            Self::Critical
        } else if used >= input.levels.low_percent {
            Self::Low
        } else {
            Self::Ok
        }
    }

    /// The word used in the journal and on D-Bus.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::NoSim => "no_sim",
            Self::Suspended => "suspended",
            Self::Unknown => "unknown",
            Self::Expired => "expired",
            Self::Depleted => "depleted",
            Self::Critical => "critical",
            Self::Low => "low",
            Self::Ok => "ok",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn balance(granted: u64, remaining: u64, usable_buckets: usize) -> Option<Balance> {
        let consumed = granted - remaining;
        Some(Balance { granted, remaining, consumed, usable_buckets, ..Balance::default() })
    }

    #[test]
    fn the_status_has_one_order_of_precedence() {
        for (sim_present, suspended, balance, status) in [
            (false, true, None, "no_sim"),
            (false, false, balance(100, 100, 1), "no_sim"),
            (true, true, None, "suspended"),
            (true, true, balance(100, 0, 1), "suspended"),
            (true, false, None, "unknown"),
            (true, false, balance(0, 0, 0), "expired"),
            (true, false, balance(100, 0, 1), "depleted"),
            (true, false, balance(0, 0, 1), "depleted"),
            (true, false, balance(100, 1, 1), "critical"),
            (true, false, balance(100, 10, 1), "critical"),
            (true, false, balance(100, 11, 1), "low"),
            (true, false, balance(100, 20, 2), "low"),
            (true, false, balance(100, 21, 1), "ok"),
            (true, false, balance(u64::MAX, u64::MAX, 1), "ok"),
        ] {
            let levels = StatusLevels::DEFAULT;
            let input = StatusInput { sim_present, suspended, balance: balance.as_ref(), levels };
            assert_eq!(Status::of(&input).word(), status, "{input:?}");
        }
    }

    #[test]
    fn the_levels_come_from_the_alert_thresholds() {
        for (thresholds, low, critical) in [
            (&[][..], 80, 90),
            (&[100], 80, 90),
            (&[50, 80, 90, 100], 80, 90),
            (&[100, 95, 50], 50, 95),
            (&[75], 75, 90),
            (&[95], 95, 95),
            (&[60, 60, 0], 60, 90),
        ] {
            let levels = StatusLevels { low_percent: low, critical_percent: critical };
            assert_eq!(StatusLevels::from_used_percent(thresholds), levels, "{thresholds:?}");
        }
    }
}
