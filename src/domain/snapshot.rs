//! The published view: all that D-Bus answers without asking anyone. The engine
//! makes a new one after each change; readers never wait for a disk or a modem.

use super::report::FaultKind;
use super::time::UnixS;
use super::units::Traffic;

/// Everything a reader may ask for at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// What `org.posdata.Balance1` shows.
    pub balance: BalanceView,
    /// The SIM's buckets, in the order in which they are drawn down.
    pub buckets: Vec<BucketView>,
    /// What `org.posdata.Usage1` shows.
    pub usage: UsageView,
    /// The current cycle, when a plan and the time are known.
    pub cycle: Option<CycleView>,
    /// Every source, the one that is metered first.
    pub sources: Vec<SourceView>,
    /// Whether what is counted reaches the disk.
    pub store: StoreView,
}

/// The balance of the SIM in use. `None` is unknown, never zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BalanceView {
    /// One of the words of `org.posdata.Balance1.Status`.
    pub status: &'static str,
    /// Why service stopped, a sentence for the cashier; empty when it has not.
    pub stop_reason: String,
    /// Left in all buckets that are active, bytes.
    pub remaining: Option<u64>,
    /// Granted by all buckets that are active, bytes.
    pub granted: Option<u64>,
    /// Consumed from the buckets that are active, bytes.
    pub consumed: Option<u64>,
    /// Used beyond what was granted and not absorbed since, bytes.
    pub overdraft: u64,
    /// When the next of what remains ends; `None` also when it never does.
    pub expires_at: Option<UnixS>,
    /// When these figures were counted, if the time is trusted.
    pub as_of: Option<UnixS>,
    /// When the operator's figure was last taken over.
    pub reconciled_at: Option<UnixS>,
    /// The operator's figure less ours at that time, bytes.
    pub drift: Option<i64>,
    /// Whole days until the data runs out at the present rate.
    pub days_left: Option<u32>,
    /// The SIM in use.
    pub iccid: Option<String>,
    /// The terminal's serial, from the configuration.
    pub terminal_serial: Option<String>,
}

impl Default for BalanceView {
    fn default() -> Self {
        Self {
            status: "unknown",
            stop_reason: String::new(),
            remaining: None,
            granted: None,
            consumed: None,
            overdraft: 0,
            expires_at: None,
            as_of: None,
            reconciled_at: None,
            drift: None,
            days_left: None,
            iccid: None,
            terminal_serial: None,
        }
    }
}

/// One bucket as `GetBuckets` shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BucketView {
    /// The bucket's number, unique in the SIM's ledger.
    pub id: u64,
    /// `plan`, and later `top_up`, `add_on`, `opening`.
    pub kind: &'static str,
    /// TMF654: `active`, `expired`; ours: `pending`, `depleted`, `closed`.
    pub status: &'static str,
    /// Granted, corrections included, bytes.
    pub granted: u64,
    /// Bytes.
    pub consumed: u64,
    /// Bytes.
    pub remaining: u64,
    /// Start of validity; `None` when unbounded.
    pub valid_from: Option<UnixS>,
    /// End of validity; `None` when it never ends.
    pub expires_at: Option<UnixS>,
}

/// Lifetime counts of the SIM in use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UsageView {
    /// All of it: home and roaming.
    pub total: Traffic,
    /// In the home network.
    pub home: Traffic,
    /// In other networks.
    pub roaming: Traffic,
    /// Which source is metered: `at`, `qmi`, `modemmanager`, `netdev`; empty while none answers.
    pub source: &'static str,
    /// Whether the modem roams now; `None` when it does not say.
    pub is_roaming: Option<bool>,
    /// When the counter was last read, if the time is trusted.
    pub as_of: Option<UnixS>,
}

/// The current cycle of the plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CycleView {
    /// First second of the cycle.
    pub start: UnixS,
    /// First second after it; `None` when it has no end.
    pub end: Option<UnixS>,
    /// The plan's allowance for it, bytes.
    pub allowance: u64,
    /// Counted since `start`; `None` where that is longer ago than days are kept.
    pub used: Option<Traffic>,
    /// Average of the days that the forecast rests on, bytes a day.
    pub daily_average: Option<u64>,
    /// How many full days that average is made of.
    pub basis_days: u32,
    /// When the data runs out at that rate.
    pub runs_out_at: Option<UnixS>,
    /// What may be used a day so that it lasts to `end`, bytes.
    pub allowance_per_day: Option<u64>,
}

/// One source as `SourceInfo` shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceView {
    /// `at`, `netdev`, …
    pub name: &'static str,
    /// `metered` or `cross_check`.
    pub role: &'static str,
    /// The port, device or interface.
    pub path: String,
    /// The fault it has now, if any.
    pub fault: Option<FaultKind>,
    /// What was tried, what came back, what to do.
    pub fault_detail: String,
    /// The modem's own words on itself.
    pub manufacturer: Option<String>,
    /// The model.
    pub model: Option<String>,
    /// The firmware's revision.
    pub revision: Option<String>,
    /// 15 digits.
    pub imei: Option<String>,
    /// The command or file the counter is read with.
    pub counter: Option<String>,
    /// The counter as it was last read.
    pub reading: Option<Traffic>,
    /// Readings taken since the daemon started.
    pub readings: u64,
    /// How often it is read now, ms.
    pub poll_ms: u64,
}

/// Whether what is counted reaches the disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreView {
    /// `ok`, `retrying` (a commit failed; all is kept in memory and tried
    /// again), `memory` (the file is not ours to write: nothing will be saved).
    pub state: &'static str,
    /// What is wrong and what to do; empty when nothing is.
    pub detail: String,
    /// Counted and not yet on disk, bytes.
    pub unsaved: u64,
}

impl Default for StoreView {
    fn default() -> Self {
        Self { state: "ok", detail: String::new(), unsaved: 0 }
    }
}

/// One slot of the history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UsageRecord {
    /// First second of the slot.
    pub start: UnixS,
    /// In the home network.
    pub home: Traffic,
    /// In other networks.
    pub roaming: Traffic,
    /// True where part of it was placed in time only afterwards, by its neighbours.
    pub estimated: bool,
}

/// The history's tiers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tier {
    /// 300 seconds.
    FiveMinutes,
    /// An hour of the plan's time zone.
    Hour,
    /// A day of the plan's time zone.
    Day,
    /// A calendar month.
    Month,
    /// A calendar year.
    Year,
}

impl Tier {
    /// All of them, finest first.
    pub const ALL: [Self; 5] = [Self::FiveMinutes, Self::Hour, Self::Day, Self::Month, Self::Year];

    /// The word used on D-Bus and on the command line.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::FiveMinutes => "five_minutes",
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Month => "month",
            Self::Year => "year",
        }
    }

    /// The tier with that word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tier| tier.word() == word)
    }
}
