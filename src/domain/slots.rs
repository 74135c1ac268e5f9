//! Where counted bytes lie in time: slots of five minutes that are added to
//! every tier of the history when they are written, and slots of a boot without
//! trusted time, which wait until they can be placed.

use std::collections::BTreeMap;

use super::persist::{BootRow, UnplacedRow, UsageDelta};
use super::plan::Calendar;
use super::sim::SimId;
use super::snapshot::Tier;
use super::time::{BootMs, Stamp, UnixS};
use super::units::Traffic;

/// The finest slot of the history, s.
pub const SLOT_S: UnixS = 300;

const SLOT_MS: BootMs = 300_000;

/// Slots a boot may hold before it knows the time: 30 days. What comes later
/// is added to the last one.
const SLOTS_A_BOOT_MAX: u32 = 8_640;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Placed {
    sim: SimId,
    start: UnixS,
    roaming: bool,
    estimated: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Waiting {
    boot_seq: u32,
    slot: u32,
    sim: SimId,
    roaming: bool,
}

/// What is counted and not yet handed to the store, and what waits for a time.
#[derive(Clone, Debug, Default)]
pub struct Slots {
    placed: BTreeMap<Placed, Traffic>,
    waiting: BTreeMap<Waiting, Traffic>,
    /// Which of `waiting` the store has not seen as they are now.
    unsaved_waiting: Vec<Waiting>,
    placed_boots: Vec<u32>,
}

impl Slots {
    /// Takes up what waited on disk.
    #[must_use]
    pub fn load(rows: &[UnplacedRow]) -> Self {
        let waiting = rows
            .iter()
            .map(|row| {
                let UnplacedRow { boot_seq, slot, sim, roaming, bytes } = *row;
                (Waiting { boot_seq, slot, sim, roaming }, bytes)
            })
            .collect();
        Self { waiting, ..Self::default() }
    }

    /// Adds what was counted up to `at`.
    pub fn add(&mut self, sim: SimId, roaming: bool, at: Stamp, bytes: Traffic) {
        if bytes.is_zero() {
            return;
        }
        if let Some(wall_s) = at.trusted_s() {
            self.place(Placed { sim, start: slot_of(wall_s), roaming, estimated: false }, bytes);
            return;
        }
        let slot = u32::try_from(at.boot_ms / SLOT_MS).unwrap_or(u32::MAX);
        let key = Waiting { boot_seq: at.boot_seq, slot: slot.min(SLOTS_A_BOOT_MAX), sim, roaming };
        let sum = self.waiting.entry(key).or_default();
        *sum = sum.plus(bytes);
        if !self.unsaved_waiting.contains(&key) {
            self.unsaved_waiting.push(key);
        }
    }

    fn place(&mut self, key: Placed, bytes: Traffic) {
        let sum = self.placed.entry(key).or_default();
        *sum = sum.plus(bytes);
    }

    /// Places all that waits, now that boot `this_boot` is known to have begun
    /// at `started_s`. A boot that ended without a trusted time lies after the
    /// last trusted instant before it and not after this boot began; its slots
    /// are marked estimated. Gives what was placed, and where.
    pub fn place_waiting(
        &mut self,
        this_boot: u32,
        started_s: UnixS,
        boots: &[BootRow],
    ) -> Vec<(SimId, UnixS, Traffic)> {
        let mut all = Vec::new();
        for (key, bytes) in std::mem::take(&mut self.waiting) {
            let into_boot_s = UnixS::from(key.slot) * SLOT_S;
            let known = boots.iter().find(|boot| boot.boot_seq == key.boot_seq);
            let (start, estimated) = if key.boot_seq == this_boot {
                (started_s + into_boot_s, false)
            } else if let Some(began) = known.and_then(|boot| boot.started_s) {
                (began + into_boot_s, false)
            } else {
                let last_before = boots
                    .iter()
                    .filter(|boot| boot.boot_seq < key.boot_seq)
                    .filter_map(|boot| boot.last_trusted_s)
                    .max();
                let began = last_before.unwrap_or(started_s).min(started_s);
                ((began + into_boot_s).min(started_s), true)
            };
            let placed =
                Placed { sim: key.sim, start: slot_of(start), roaming: key.roaming, estimated };
            self.place(placed, bytes);
            all.push((placed.sim, placed.start, bytes));
            if !self.placed_boots.contains(&key.boot_seq) {
                self.placed_boots.push(key.boot_seq);
            }
        }
        self.unsaved_waiting.clear();
        all
    }

    /// Gives what SIM `from` counted, as far as it is not yet written, to `to`.
    pub fn merge(&mut self, from: SimId, to: SimId) {
        for (key, bytes) in std::mem::take(&mut self.placed) {
            let sim = if key.sim == from { to } else { key.sim };
            self.place(Placed { sim, ..key }, bytes);
        }
        // Waiting rows keep their SIM on disk; the store moves them by the same
        // merge, so they only move here.
        for (key, bytes) in std::mem::take(&mut self.waiting) {
            let sim = if key.sim == from { to } else { key.sim };
            let moved = Waiting { sim, ..key };
            let sum = self.waiting.entry(moved).or_default();
            *sum = sum.plus(bytes);
            if key.sim == from && !self.unsaved_waiting.contains(&moved) {
                self.unsaved_waiting.push(moved);
            }
        }
        self.unsaved_waiting.retain(|key| key.sim != from);
    }

    /// One tier's share of what is not yet handed over.
    #[must_use]
    pub fn usage(&self, tier: Tier, calendar: &Calendar) -> Vec<UsageDelta> {
        let mut sums: BTreeMap<Placed, Traffic> = BTreeMap::new();
        for (key, bytes) in &self.placed {
            let start = slot_start(calendar, tier, key.start);
            let sum = sums.entry(Placed { start, ..*key }).or_default();
            *sum = sum.plus(*bytes);
        }
        sums.into_iter()
            .map(|(key, bytes)| {
                let Placed { sim, start, roaming, estimated } = key;
                UsageDelta { tier, sim, start, roaming, estimated, bytes }
            })
            .collect()
    }

    /// Hands over what the next commit writes: every tier's share.
    pub fn drain(&mut self, calendar: &Calendar) -> Drained {
        let usage = Tier::ALL.into_iter().flat_map(|tier| self.usage(tier, calendar)).collect();
        self.placed.clear();
        let unplaced = std::mem::take(&mut self.unsaved_waiting)
            .into_iter()
            .filter_map(|key| {
                let bytes = *self.waiting.get(&key)?;
                let Waiting { boot_seq, slot, sim, roaming } = key;
                Some(UnplacedRow { boot_seq, slot, sim, roaming, bytes })
            })
            .collect();
        Drained { usage, unplaced, placed_boots: std::mem::take(&mut self.placed_boots) }
    }
}

/// What one commit writes of the slots.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Drained {
    /// To be added, all tiers.
    pub usage: Vec<UsageDelta>,
    /// To be replaced.
    pub unplaced: Vec<UnplacedRow>,
    /// To be deleted.
    pub placed_boots: Vec<u32>,
}

/// Where the tier's slot that holds an instant begins, in the local calendar.
#[must_use]
pub fn slot_start(calendar: &Calendar, tier: Tier, at_s: UnixS) -> UnixS {
    match tier {
        Tier::FiveMinutes => slot_of(at_s),
        Tier::Hour => calendar.start_of_hour(at_s),
        Tier::Day => calendar.start_of_day(at_s),
        Tier::Month => calendar.start_of_month(at_s),
        Tier::Year => calendar.start_of_year(at_s),
    }
}

fn slot_of(wall_s: UnixS) -> UnixS {
    wall_s - wall_s.rem_euclid(SLOT_S)
}
