//! Alerts: what is worth telling, told once.
//!
//! That an alert has fired is remembered over restarts, by rows that a store
//! keeps. It is armed again
//! - *used percent*: by the plan's next cycle, or when a grant or a correction
//!   has brought use 5 points or more below its threshold, so that a figure that
//!   goes to and fro around it does not fire it again;
//! - *expiry*: by another end;
//! - *overdraft*: when all of it has been absorbed, or by the plan's next cycle,
//!   in which only further overdraft fires it;
//! - *unexplained gap*: by another gap.
//!
//! Where one step crosses several thresholds, only the furthest fires and the
//! others count as fired: a single large download is one message, not four.

use std::collections::{BTreeMap, BTreeSet};

use super::ledger::{Balance, StatusLevels};
use super::sim::SimId;
use super::time::{Stamp, UnixS};
use super::units::Size;

/// By how many points use must fall below a threshold to arm it again.
const HYSTERESIS_POINTS: u32 = 5;
const DAY_S: i64 = 86_400;
/// An expiry that is at most so many days off is critical.
const CRITICAL_DAYS: u32 = 1;

/// What an alert is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AlertKind {
    /// So many percent of what was granted are used.
    UsedPercent,
    /// What is left ends in so many days.
    ExpiryDays,
    /// More was used than was granted.
    Overdraft,
    /// The counter fell and nothing explains it: some use is not counted.
    UnexplainedGap,
}

/// How urgent an alert is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AlertLevel {
    /// Good to know.
    Info,
    /// Something should be done soon.
    Warning,
    /// Payments are about to stall.
    Critical,
}

/// What `[alert]` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertRules {
    /// Percent of use, each 1 to 100.
    pub used_percent: Vec<u8>,
    /// Days before the end, each at least 1.
    pub expiry_days: Vec<u32>,
}

impl Default for AlertRules {
    fn default() -> Self {
        Self { used_percent: vec![50, 80, 90, 100], expiry_days: vec![7, 3, 1] }
    }
}

/// What is looked at.
#[derive(Clone, Copy, Debug)]
pub struct AlertView<'a> {
    /// Whose balance.
    pub sim: SimId,
    /// The balance; `None` while it is unknown.
    pub balance: Option<&'a Balance>,
    /// The number of the last gap that nothing explains, rising; `None`: there
    /// was none.
    pub gap_id: Option<u64>,
}

/// An alert that fires.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    /// Whose.
    pub sim: SimId,
    /// What it is about.
    pub kind: AlertKind,
    /// How urgent it is.
    pub level: AlertLevel,
    /// Percent or days; 0 for the kinds that have no threshold.
    pub threshold: u32,
    /// For people, in English; the fields say the same to programs.
    pub text: String,
    /// The balance that it was judged by.
    pub balance: Option<Balance>,
    /// The gap, for `UnexplainedGap`.
    pub gap_id: Option<u64>,
}

/// A row that a store keeps: inserted or replaced by (SIM, kind, threshold).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AlertState {
    /// Whose.
    pub sim: SimId,
    /// What it is about.
    pub kind: AlertKind,
    /// Percent or days; 0 for the kinds that have no threshold.
    pub threshold: u32,
    /// For what it has fired, or was armed: the bucket of the plan's cycle (0:
    /// none), the end (s since the epoch) or the gap.
    pub scope: i64,
    /// Overdraft: what was known then, bytes; only more than that fires. Else 0.
    pub baseline: u64,
    /// When it fired; `None`: armed.
    pub fired_at: Option<Stamp>,
}

/// The alerts of all SIMs: which have fired, and for what.
#[derive(Clone, Debug)]
pub struct AlertBook {
    rules: AlertRules,
    states: BTreeMap<Key, AlertState>,
    unwritten: BTreeSet<Key>,
}

type Key = (SimId, AlertKind, u32);

impl AlertKind {
    /// All of them.
    pub const ALL: [Self; 4] =
        [Self::UsedPercent, Self::ExpiryDays, Self::Overdraft, Self::UnexplainedGap];

    /// The word used in the journal, on D-Bus and in the database.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::UsedPercent => "used_percent",
            Self::ExpiryDays => "expiry_days",
            Self::Overdraft => "overdraft",
            Self::UnexplainedGap => "unexplained_gap",
        }
    }
}

impl AlertLevel {
    /// The word used in the journal and on D-Bus.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

impl AlertBook {
    /// The alerts by these rules, with the rows that a store kept. Rows of
    /// thresholds that the rules no longer have do nothing.
    #[must_use]
    pub fn new(rules: AlertRules, rows: impl IntoIterator<Item = AlertState>) -> Self {
        let states = rows.into_iter().map(|row| (row.key(), row)).collect();
        Self { rules, states, unwritten: BTreeSet::new() }
    }

    /// What fires now. To be called after each change of the balance and when a
    /// day ends; asking again gives nothing.
    pub fn evaluate(&mut self, view: &AlertView<'_>, at: Stamp) -> Vec<Alert> {
        let mut alerts = Vec::new();
        if let Some(balance) = view.balance {
            alerts.extend(self.used(view, balance, at));
            if let Some(now_s) = at.trusted_s() {
                alerts.extend(self.expiry(view, balance, now_s, at));
            }
            alerts.extend(self.overdraft(view, balance, at));
        }
        if let Some(gap_id) = view.gap_id {
            alerts.extend(self.gap(view, gap_id, at));
        }
        alerts
    }

    /// Takes the rows that have changed since the last drain, to be written
    /// before the alerts that they stand for are shown.
    pub fn drain(&mut self) -> Vec<AlertState> {
        let keys = std::mem::take(&mut self.unwritten);
        keys.iter().filter_map(|key| self.states.get(key).copied()).collect()
    }

    fn used(&mut self, view: &AlertView<'_>, balance: &Balance, at: Stamp) -> Option<Alert> {
        let used = u32::from(balance.used_percent()?);
        let scope = cycle_scope(balance);
        let thresholds: BTreeSet<u32> =
            self.rules.used_percent.iter().copied().map(u32::from).collect();
        let mut fires = None;
        for threshold in thresholds {
            let key = (view.sim, AlertKind::UsedPercent, threshold);
            if let Some(row) = self.fired(key)
                && (scope > row.scope || used + HYSTERESIS_POINTS <= threshold)
            {
                self.put(AlertState { scope, fired_at: None, ..row });
            }
            if used < threshold {
                continue;
            }
            // Rising thresholds: one that fired before silences those below it.
            if self.fired(key).is_some() {
                fires = None;
            } else {
                // Without a cycle it still belongs to the last one.
                let scope = self.states.get(&key).map_or(scope, |row| row.scope.max(scope));
                self.put(AlertState::fired(key, scope, 0, at));
                fires = Some(threshold);
            }
        }
        let threshold = fires?;
        let left = Size(balance.remaining);
        let granted = Size(balance.granted);
        let text = format!("{threshold} % of the data is used: {left} of {granted} are left");
        Some(Alert {
            kind: AlertKind::UsedPercent,
            level: self.level_of(threshold),
            threshold,
            ..Alert::about(view, text)
        })
    }

    fn expiry(
        &mut self,
        view: &AlertView<'_>,
        balance: &Balance,
        now_s: UnixS,
        at: Stamp,
    ) -> Option<Alert> {
        let end_s = balance.expires_at.filter(|end| balance.remaining > 0 && *end > now_s)?;
        let left_s = end_s.saturating_sub(now_s);
        let thresholds: BTreeSet<u32> = self.rules.expiry_days.iter().copied().collect();
        let mut fires = None;
        // The furthest is the smallest number of days.
        for threshold in thresholds.into_iter().rev() {
            if left_s > i64::from(threshold).saturating_mul(DAY_S) {
                continue;
            }
            let key = (view.sim, AlertKind::ExpiryDays, threshold);
            if self.fired(key).is_some_and(|row| row.scope == end_s) {
                fires = None;
            } else {
                self.put(AlertState::fired(key, end_s, 0, at));
                fires = Some(threshold);
            }
        }
        let threshold = fires?;
        let left = Size(balance.remaining);
        let days = left_s.unsigned_abs().div_ceil(DAY_S.unsigned_abs());
        let unit = if days == 1 { "day" } else { "days" };
        let critical = threshold <= CRITICAL_DAYS;
        Some(Alert {
            kind: AlertKind::ExpiryDays,
            level: if critical { AlertLevel::Critical } else { AlertLevel::Warning },
            threshold,
            ..Alert::about(
                view,
                format!("{left} are left, and some of it ends within {days} {unit}"),
            )
        })
    }

    fn overdraft(&mut self, view: &AlertView<'_>, balance: &Balance, at: Stamp) -> Option<Alert> {
        let key = (view.sim, AlertKind::Overdraft, 0);
        let scope = cycle_scope(balance);
        let overdraft = balance.overdraft;
        if let Some(row) = self.states.get(&key).copied() {
            let absorbed = overdraft == 0 && (row.fired_at.is_some() || row.baseline > 0);
            let reduced = row.fired_at.is_none() && overdraft < row.baseline;
            if absorbed || reduced || scope > row.scope {
                self.put(AlertState { scope, baseline: overdraft, fired_at: None, ..row });
            }
        }
        let row = self.states.get(&key);
        let silent = row.is_some_and(|row| row.fired_at.is_some() || overdraft <= row.baseline);
        if overdraft == 0 || silent {
            return None;
        }
        self.put(AlertState::fired(key, scope, overdraft, at));
        Some(Alert {
            kind: AlertKind::Overdraft,
            level: AlertLevel::Critical,
            ..Alert::about(view, format!("{} more than granted are used", Size(overdraft)))
        })
    }

    fn gap(&mut self, view: &AlertView<'_>, gap_id: u64, at: Stamp) -> Option<Alert> {
        let key = (view.sim, AlertKind::UnexplainedGap, 0);
        let scope = i64::try_from(gap_id).unwrap_or(i64::MAX);
        if self.fired(key).is_some_and(|row| scope <= row.scope) {
            return None;
        }
        self.put(AlertState::fired(key, scope, 0, at));
        let text = "The counter fell and nothing explains it: some use is not counted".to_owned();
        Some(Alert {
            kind: AlertKind::UnexplainedGap,
            level: AlertLevel::Warning,
            gap_id: Some(gap_id),
            ..Alert::about(view, text)
        })
    }

    /// As urgent as the status that it leads to.
    fn level_of(&self, used_percent: u32) -> AlertLevel {
        let levels = StatusLevels::from_used_percent(&self.rules.used_percent);
        if used_percent >= u32::from(levels.critical_percent) {
            AlertLevel::Critical
        } else if used_percent >= u32::from(levels.low_percent) {
            AlertLevel::Warning
        } else {
            AlertLevel::Info
        }
    }

    fn fired(&self, key: Key) -> Option<AlertState> {
        self.states.get(&key).copied().filter(|row| row.fired_at.is_some())
    }

    fn put(&mut self, row: AlertState) {
        self.unwritten.insert(row.key());
        self.states.insert(row.key(), row);
    }
}

impl AlertState {
    fn fired(key: Key, scope: i64, baseline: u64, at: Stamp) -> Self {
        let (sim, kind, threshold) = key;
        Self { sim, kind, threshold, scope, baseline, fired_at: Some(at) }
    }

    fn key(&self) -> Key {
        (self.sim, self.kind, self.threshold)
    }
}

impl Alert {
    /// What all alerts say; kind and level are the caller's.
    fn about(view: &AlertView<'_>, text: String) -> Self {
        Self {
            sim: view.sim,
            kind: AlertKind::UsedPercent,
            level: AlertLevel::Info,
            threshold: 0,
            text,
            balance: view.balance.cloned(),
            gap_id: None,
        }
    }
}

/// The cycle as a number that rises from one to the next; 0 without a plan, and
/// between two cycles, which arms nothing.
fn cycle_scope(balance: &Balance) -> i64 {
    balance.cycle.and_then(|id| i64::try_from(id).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::Trust;

    const NOW: UnixS = 1_800_000_000;

    fn at(now_s: UnixS) -> Stamp {
        Stamp { boot_seq: 1, boot_ms: 0, wall_s: now_s, trust: Trust::Ntp }
    }

    fn balance(used: u64, cycle: u64) -> Balance {
        Balance {
            remaining: 100 - used,
            granted: 100,
            consumed: used,
            usable_buckets: 1,
            cycle: Some(cycle),
            ..Balance::default()
        }
    }

    /// The alerts of one look, as `kind threshold level`. Each look is made by a
    /// book that has just been loaded from its rows, and made twice.
    fn look(
        rows: &mut BTreeMap<Key, AlertState>,
        balance: &Balance,
        gap_id: Option<u64>,
        at: Stamp,
    ) -> Vec<String> {
        let mut book = AlertBook::new(AlertRules::default(), rows.values().copied());
        let view = AlertView { sim: SimId(1), balance: Some(balance), gap_id };
        let alerts = book.evaluate(&view, at);
        assert_eq!(book.evaluate(&view, at), [], "asked again, it gives nothing");
        rows.extend(book.drain().into_iter().map(|row| (row.key(), row)));
        assert_eq!(book.drain(), []);
        let shown = |alert: &Alert| {
            format!("{} {} {}", alert.kind.word(), alert.threshold, alert.level.word())
        };
        alerts.iter().map(shown).collect()
    }

    #[test]
    fn use_fires_each_threshold_once_a_cycle() {
        let mut rows = BTreeMap::new();
        for (used, cycle, fires) in [
            (49, 1, None),
            (50, 1, Some("used_percent 50 info")),
            (51, 1, None),
            // To and fro around the threshold.
            (49, 1, None),
            (50, 1, None),
            (46, 1, None),
            (50, 1, None),
            // A grant has brought it five points below.
            (45, 1, None),
            (50, 1, Some("used_percent 50 info")),
            (79, 1, None),
            // Several at once: the furthest.
            (95, 1, Some("used_percent 90 critical")),
            (100, 1, Some("used_percent 100 critical")),
            // A small grant: only 100 is armed again.
            (92, 1, None),
            (100, 1, Some("used_percent 100 critical")),
            // The next cycle arms all, and begins with much used.
            (81, 2, Some("used_percent 80 warning")),
            (81, 2, None),
            // Between two cycles nothing is armed.
            (95, 0, Some("used_percent 90 critical")),
            (95, 2, None),
            (0, 3, None),
            (100, 3, Some("used_percent 100 critical")),
        ] {
            let fired = look(&mut rows, &balance(used, cycle), None, at(NOW));
            assert_eq!(fired, Vec::from_iter(fires), "{used} {cycle}");
        }
    }

    #[test]
    fn a_threshold_that_is_added_below_one_that_fired_is_silent() {
        let rules = |used_percent| AlertRules { used_percent, expiry_days: vec![] };
        let used = balance(92, 1);
        let view = AlertView { sim: SimId(1), balance: Some(&used), gap_id: None };
        let mut book = AlertBook::new(rules(vec![90]), []);
        assert_eq!(book.evaluate(&view, at(NOW)).len(), 1);
        let mut book = AlertBook::new(rules(vec![90, 70]), book.drain());
        assert_eq!(book.evaluate(&view, at(NOW)), []);
    }

    #[test]
    fn an_end_is_announced_in_trusted_time_while_something_is_left() {
        let day = |days: i64| NOW + days * DAY_S;
        let trusted = |now_s| at(now_s);
        let untrusted = |now_s| Stamp { trust: Trust::Untrusted, ..at(now_s) };
        let mut rows = BTreeMap::new();
        for (end, remaining, stamp, fires) in [
            (None, 10, trusted(day(0)), None),
            (Some(day(30)), 10, trusted(day(22)), None),
            (Some(day(30)), 10, untrusted(day(23)), None),
            (Some(day(30)), 0, trusted(day(23)), None),
            (Some(day(30)), 10, trusted(day(23)), Some("expiry_days 7 warning")),
            (Some(day(30)), 10, trusted(day(20)), None),
            (Some(day(30)), 10, trusted(day(24)), None),
            (Some(day(30)), 10, trusted(day(29)), Some("expiry_days 1 critical")),
            (Some(day(30)), 10, trusted(day(27)), None),
            (Some(day(30)), 10, trusted(day(30)), None),
            // Another end, and the terminal was off in between.
            (Some(day(60)), 10, trusted(day(58)), Some("expiry_days 3 warning")),
        ] {
            let balance = Balance { remaining, expires_at: end, ..balance(0, 1) };
            let balance = Balance { granted: remaining, ..balance };
            let fired = look(&mut rows, &balance, None, stamp);
            let fired: Vec<_> = fired.into_iter().filter(|a| a.starts_with("expiry")).collect();
            assert_eq!(fired, Vec::from_iter(fires), "{end:?} {remaining} {stamp:?}");
        }
    }

    #[test]
    fn overdraft_is_told_once_until_it_is_absorbed() {
        let mut rows = BTreeMap::new();
        for (overdraft, cycle, fires) in [
            (0, 1, false),
            (1, 1, true),
            (9, 1, false),
            (4, 1, false),
            (0, 1, false),
            (1, 1, true),
            // In the next cycle only more than there was is news.
            (5, 1, false),
            (5, 2, false),
            (3, 2, false),
            (4, 2, true),
            (4, 0, false),
            (4, 2, false),
        ] {
            let balance = Balance { overdraft, ..balance(0, cycle) };
            let balance = Balance { cycle: (cycle > 0).then_some(cycle), ..balance };
            let fired = look(&mut rows, &balance, None, at(NOW));
            assert_eq!(!fired.is_empty(), fires, "{overdraft} {cycle}");
        }
    }

    #[test]
    fn each_gap_is_told_once() {
        let mut rows = BTreeMap::new();
        for (gap_id, fires) in [(None, false), (Some(3), true), (Some(3), false), (Some(5), true)] {
            let fired = look(&mut rows, &balance(0, 1), gap_id, at(NOW));
            assert_eq!(!fired.is_empty(), fires, "{gap_id:?}");
        }
    }

    #[test]
    fn an_unknown_balance_fires_nothing() {
        let mut book = AlertBook::new(AlertRules::default(), []);
        let view = AlertView { sim: SimId(1), balance: None, gap_id: None };
        assert_eq!(book.evaluate(&view, at(NOW)), []);
    }

    #[test]
    fn the_text_is_for_people() {
        let mut book = AlertBook::new(AlertRules::default(), []);
        let balance = Balance {
            remaining: 3 << 20,
            granted: 30 << 20,
            overdraft: 4096,
            expires_at: Some(NOW + DAY_S),
            ..balance(0, 1)
        };
        let view = AlertView { sim: SimId(1), balance: Some(&balance), gap_id: Some(1) };
        let alerts = book.evaluate(&view, at(NOW));
        let texts: Vec<_> = alerts.iter().map(|alert| alert.text.as_str()).collect();
        assert_eq!(
            texts,
            [
                "90 % of the data is used: 3.0 MiB of 30.0 MiB are left",
                "3.0 MiB are left, and some of it ends within 1 day",
                "4.0 KiB more than granted are used",
                "The counter fell and nothing explains it: some use is not counted",
            ]
        );
    }
}
