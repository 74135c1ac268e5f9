//! The SIMs that the meter knows: named ones, provisional ones, and the merging of
//! the one into the other.

use super::super::persist::SimRow;
use super::super::sim::{Iccid, SimId};
use super::super::units::Traffic;
use super::{Meter, Note, UNNAMED_SIM};

impl Meter {
    /// The SIM with that number; a new one where it was never seen, a
    /// provisional one while the number is unknown. What a provisional SIM
    /// counted in the same epoch goes to the SIM as soon as it has a name.
    pub fn identify(&mut self, iccid: Option<&Iccid>, epoch: &str) -> (SimId, Option<Note>) {
        let provisional = self
            .baseline
            .as_ref()
            .filter(|row| row.epoch == epoch)
            .and_then(|row| self.sims.get(&row.sim))
            .filter(|sim| sim.id != UNNAMED_SIM && sim.iccid.is_none())
            .map(|sim| sim.id);
        let Some(iccid) = iccid else {
            let id = provisional.unwrap_or_else(|| self.new_sim(None));
            return (id, None);
        };
        let known =
            self.sims.values().find(|sim| sim.iccid.as_ref() == Some(iccid)).map(|sim| sim.id);
        match (known, provisional) {
            (Some(id), None) => (id, None),
            (None, None) => (self.new_sim(Some(iccid.clone())), None),
            (None, Some(id)) => {
                if let Some(sim) = self.sims.get_mut(&id) {
                    sim.iccid = Some(iccid.clone());
                }
                self.sims_unsaved.insert(id);
                (id, Some(Note::merged(iccid, self.counted_by(id))))
            }
            (Some(to), Some(from)) => {
                let moved = self.counted_by(from);
                self.merge(from, to);
                (to, Some(Note::merged(iccid, moved)))
            }
        }
    }

    /// The SIM with that number, which need not be in the modem; a new one where it
    /// was never heard of.
    pub fn named(&mut self, iccid: &Iccid) -> SimId {
        let known = self.sims.values().find(|sim| sim.iccid.as_ref() == Some(iccid));
        known.map(|sim| sim.id).unwrap_or_else(|| self.new_sim(Some(iccid.clone())))
    }

    /// The SIM of a source that cannot name one.
    pub fn unnamed(&mut self) -> SimId {
        if !self.sims.contains_key(&UNNAMED_SIM) {
            self.insert_sim(UNNAMED_SIM, None);
        }
        UNNAMED_SIM
    }

    fn counted_by(&self, id: SimId) -> Traffic {
        self.sims.get(&id).map_or(Traffic::ZERO, |sim| sim.home.plus(sim.roaming))
    }

    fn new_sim(&mut self, iccid: Option<Iccid>) -> SimId {
        let last = self.sims.keys().next_back().map_or(0, |id| id.0);
        let id = SimId(last.saturating_add(1));
        self.insert_sim(id, iccid);
        id
    }

    fn insert_sim(&mut self, id: SimId, iccid: Option<Iccid>) {
        let row =
            SimRow { id, iccid, merged_into: None, home: Traffic::ZERO, roaming: Traffic::ZERO };
        self.sims.insert(id, row);
        self.sims_unsaved.insert(id);
    }

    fn merge(&mut self, from: SimId, to: SimId) {
        let Some(mut source) = self.sims.get(&from).cloned() else { return };
        if let Some(target) = self.sims.get_mut(&to) {
            target.home = target.home.plus(source.home);
            target.roaming = target.roaming.plus(source.roaming);
        }
        source.home = Traffic::ZERO;
        source.roaming = Traffic::ZERO;
        source.merged_into = Some(to);
        self.sims.insert(from, source);
        self.sims_unsaved.extend([from, to]);
        self.slots.merge(from, to);
        self.merged_unsaved.push((to, from));
        if let Some(baseline) = self.baseline.as_mut().filter(|row| row.sim == from) {
            baseline.sim = to;
            self.baseline_unsaved = true;
        }
    }
}
