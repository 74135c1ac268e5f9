//! What one commit writes and what a start reads: plain rows, so that the
//! domain knows nothing of the database and the database nothing of the domain.

use std::path::PathBuf;

use super::alert::AlertState;
use super::event::Event;
use super::feed::Feed;
use super::ledger::{BookRows, Changes};
use super::orders::Order;
use super::reading::Mark;
use super::sim::{Iccid, SimId};
use super::snapshot::Tier;
use super::time::{BootMs, Stamp, UnixS};
use super::units::Traffic;

/// The reading that the count has reached, one row a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaselineRow {
    /// Whose it is.
    pub role: Role,
    /// Which source read it (`at`, `netdev`, …).
    pub source: String,
    /// What was read: IMEI, else the path; another one is another counter.
    pub device: String,
    /// Boot, port and whatever else must be the same for the counter to be the
    /// same run of it; opaque.
    pub epoch: String,
    /// The SIM its bytes belonged to.
    pub sim: SimId,
    /// How far each of its counters was counted.
    pub marks: Vec<Mark>,
    /// When they were read.
    pub at: Stamp,
}

/// What a baseline is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// The source that is metered.
    Metered,
    /// The kernel interface that it is compared with.
    CrossCheck,
}

/// Lifetime counts of one SIM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SimRow {
    /// Its number here.
    pub id: SimId,
    /// `None` while it is provisional: the card's number was never read.
    pub iccid: Option<Iccid>,
    /// Into which SIM a provisional one was merged.
    pub merged_into: Option<SimId>,
    /// In the home network, bytes since the first baseline.
    pub home: Traffic,
    /// In other networks.
    pub roaming: Traffic,
}

/// Bytes to add to one slot of one tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UsageDelta {
    /// The tier.
    pub tier: Tier,
    /// The SIM.
    pub sim: SimId,
    /// First second of the slot.
    pub start: UnixS,
    /// Counted in another network than the home one.
    pub roaming: bool,
    /// Placed in time only afterwards.
    pub estimated: bool,
    /// How much.
    pub bytes: Traffic,
}

/// Bytes counted while no time was trusted: they wait for their place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnplacedRow {
    /// The boot.
    pub boot_seq: u32,
    /// The 5-minute slot of that boot (boot clock, ms / 300,000).
    pub slot: u32,
    /// The SIM.
    pub sim: SimId,
    /// Counted in another network than the home one.
    pub roaming: bool,
    /// The slot's whole count so far (replaces what was stored).
    pub bytes: Traffic,
}

/// One boot of the terminal, as far as its time was known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BootRow {
    /// Counted from 1.
    pub boot_seq: u32,
    /// Wall time less boot clock at the last trusted moment, s: the trusted
    /// instant of boot clock zero. `None` while none was trusted.
    pub started_s: Option<UnixS>,
    /// The last moment that was written, boot clock, ms.
    pub last_boot_ms: BootMs,
    /// The last trusted wall time that was written.
    pub last_trusted_s: Option<UnixS>,
}

/// Whether the operator lets a SIM use data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceRow {
    /// Which SIM.
    pub iccid: Iccid,
    /// `normal`, or why not: a word of the contract.
    pub state: String,
    /// Since when, s since the epoch.
    pub at: UnixS,
}

/// An event of the backend that this program does not know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StrangeRow {
    /// In which numbering.
    pub stream: String,
    /// Which of it.
    pub seq: u64,
    /// Its kind.
    pub kind: String,
    /// The whole event, JSON.
    pub json: String,
}

/// What the backend's events changed besides the ledger.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BackendRows {
    /// Replaced, where it moved.
    pub feed: Option<Feed>,
    /// Inserted or replaced by SIM.
    pub services: Vec<ServiceRow>,
    /// Inserted.
    pub strange: Vec<StrangeRow>,
}

/// All that one transaction writes. Applying it twice must be impossible by
/// mistake: `seq` is stored with it and a batch that is not newer is skipped.
///
/// It is applied in this order: `boot`, `sims`, `merged_sims`, `placed_boots`,
/// `unplaced`, `usage`, `baselines`, `ledger`, `orders`, `backend`, `alerts`, `events`, `prune`. A SIM
/// must be in `sims` of this or an earlier batch before anything names it (only
/// events may name one that is not).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// Counted from 1 over the life of the database.
    pub seq: u64,
    /// Inserted or replaced by role.
    pub baselines: Vec<BaselineRow>,
    /// Inserted or replaced by id.
    pub sims: Vec<SimRow>,
    /// Added to their slots.
    pub usage: Vec<UsageDelta>,
    /// Inserted or replaced by (boot, slot, SIM, roaming).
    pub unplaced: Vec<UnplacedRow>,
    /// Unplaced rows of these boots have been placed (by `usage`): deleted.
    pub placed_boots: Vec<u32>,
    /// Usage and unplaced rows of `.1` now belong to `.0`: added there and
    /// deleted.
    pub merged_sims: Vec<(SimId, SimId)>,
    /// Inserted or replaced by boot.
    pub boot: Option<BootRow>,
    /// What the books of the SIMs drained: rows inserted or replaced, new entries.
    pub ledger: Vec<Changes>,
    /// Inserted or replaced by number.
    pub orders: Vec<Order>,
    /// What the backend's events changed.
    pub backend: BackendRows,
    /// Inserted or replaced by (SIM, kind, threshold).
    pub alerts: Vec<AlertState>,
    /// Inserted.
    pub events: Vec<Event>,
    /// History rows of the tier that start before this are deleted.
    pub prune: Vec<(Tier, UnixS)>,
}

/// What a start finds on disk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Loaded {
    /// The last batch that was written; 0 when none was.
    pub seq: u64,
    /// Both roles, where they exist.
    pub baselines: Vec<BaselineRow>,
    /// Every SIM.
    pub sims: Vec<SimRow>,
    /// Every row that waits for its place.
    pub unplaced: Vec<UnplacedRow>,
    /// This boot last, also when it was never written; earlier ones as far as
    /// unplaced rows or the last trusted time need them.
    pub boots: Vec<BootRow>,
    /// The next event's id.
    pub next_event_id: u64,
    /// The book of every SIM that has an account.
    pub books: Vec<BookRows>,
    /// Every top-up, by number.
    pub orders: Vec<Order>,
    /// How far the terminal has come with the backend's events.
    pub feed: Feed,
    /// What the operator last said of each SIM.
    pub services: Vec<ServiceRow>,
    /// Every alert that has fired or was armed again.
    pub alerts: Vec<AlertState>,
    /// Where a damaged database was set aside at this start, in whose place a
    /// fresh one was opened: to be recorded as an event.
    pub replaced: Option<PathBuf>,
    /// The day tier of the last 62 days that have any, both networks together,
    /// by SIM and start.
    pub days: Vec<(SimId, UnixS, Traffic)>,
}
