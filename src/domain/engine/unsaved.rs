//! What is counted and not yet on disk, for queries of the history: what the
//! store answers and this, together, are the whole.

use std::collections::BTreeMap;

use super::super::event::Event;
use super::super::persist::UsageDelta;
use super::super::sim::SimId;
use super::super::snapshot::{Tier, UsageRecord};
use super::super::time::UnixS;
use super::super::units::Traffic;
use super::Engine;

impl Engine {
    /// The part of a SIM's history that the store does not have yet. A batch
    /// that was just sent is the store's: it is written before the query is.
    #[must_use]
    pub fn unsaved_usage(
        &self,
        tier: Tier,
        sim: SimId,
        from: UnixS,
        to: UnixS,
    ) -> Vec<UsageRecord> {
        let pending = self.meter.unsaved_usage(tier, &self.settings.calendar);
        let refused = self.commits.refused().into_iter().flat_map(|batch| batch.usage.clone());
        let mut records = BTreeMap::new();
        for delta in pending.into_iter().chain(refused) {
            if delta.tier == tier && delta.sim == sim && (from..to).contains(&delta.start) {
                add(&mut records, record_of(&delta));
            }
        }
        records.into_values().collect()
    }

    /// Events after `after_id` that the store does not have yet, with the SIM's
    /// number.
    #[must_use]
    pub fn unsaved_events(&self, after_id: u64) -> Vec<(Event, Option<String>)> {
        let refused = self.commits.refused().into_iter().flat_map(|batch| batch.events.iter());
        refused
            .chain(&self.events)
            .filter(|event| event.id > after_id)
            .map(|event| (event.clone(), event.sim.and_then(|sim| self.iccid(sim))))
            .collect()
    }
}

/// Two parts of one history, oldest slot first.
#[must_use]
pub fn merge_usage(stored: Vec<UsageRecord>, unsaved: Vec<UsageRecord>) -> Vec<UsageRecord> {
    let mut records = BTreeMap::new();
    for record in stored.into_iter().chain(unsaved) {
        add(&mut records, record);
    }
    records.into_values().collect()
}

fn add(records: &mut BTreeMap<UnixS, UsageRecord>, record: UsageRecord) {
    let sum = records.entry(record.start).or_insert(UsageRecord {
        start: record.start,
        home: Traffic::ZERO,
        roaming: Traffic::ZERO,
        estimated: false,
    });
    sum.home = sum.home.plus(record.home);
    sum.roaming = sum.roaming.plus(record.roaming);
    sum.estimated |= record.estimated;
}

fn record_of(delta: &UsageDelta) -> UsageRecord {
    let (home, roaming) =
        if delta.roaming { (Traffic::ZERO, delta.bytes) } else { (delta.bytes, Traffic::ZERO) };
    UsageRecord { start: delta.start, home, roaming, estimated: delta.estimated }
}
