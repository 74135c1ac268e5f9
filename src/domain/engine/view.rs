//! The view that readers get: made anew after each change, published when it
//! differs from the one before.

use std::sync::Arc;

use super::super::persist::Role;
use super::super::snapshot::{Snapshot, SourceView, StoreView, UsageView};
use super::super::time::Now;
use super::readings::SourceState;
use super::{Engine, Output};

impl Engine {
    pub(super) fn publish(&mut self, now: Now) {
        let view = Snapshot {
            balance: self.balance_view(now),
            buckets: self.accounts.buckets(self.sim, self.clock.trusted_s(now.boot_ms)),
            usage: self.usage_view(now),
            cycle: self.cycle_view(now),
            sources: self.sources.values().map(source_view).collect(),
            store: StoreView {
                unsaved: self.meter.unsaved().saturating_add(self.commits.unsaved_bytes()),
                ..self.store.clone()
            },
        };
        if view != *self.published {
            self.published = Arc::new(view);
            self.outputs.push_back(Output::Publish(Arc::clone(&self.published)));
        }
    }

    fn usage_view(&self, now: Now) -> UsageView {
        let source = self.sources.get(&Role::Metered);
        let counts = self.sim.and_then(|id| self.meter.sim(id));
        let home = counts.map_or_else(Default::default, |sim| sim.home);
        let roaming = counts.map_or_else(Default::default, |sim| sim.roaming);
        let answering = source.filter(|source| source.fault.is_none() && source.readings > 0);
        UsageView {
            total: home.plus(roaming),
            home,
            roaming,
            source: answering.map_or("", |source| source.setup.name),
            is_roaming: source.and_then(|source| source.roaming),
            as_of: source
                .filter(|source| source.readings > 0)
                .and_then(|source| self.clock.trusted_s(source.read_at_ms))
                .filter(|_| self.clock.trusted_s(now.boot_ms).is_some()),
        }
    }
}

fn source_view(source: &SourceState) -> SourceView {
    SourceView {
        name: source.setup.name,
        role: match source.setup.role {
            Role::Metered => "metered",
            Role::CrossCheck => "cross_check",
        },
        path: source.setup.path.clone(),
        fault: source.fault.as_ref().map(|(kind, _)| *kind),
        fault_detail: source.fault.as_ref().map(|(_, detail)| detail.clone()).unwrap_or_default(),
        manufacturer: source.identity.manufacturer.clone(),
        model: source.identity.model.clone(),
        revision: source.identity.revision.clone(),
        imei: source.identity.imei.clone(),
        counter: source.identity.counter.clone(),
        reading: source.reading,
        readings: source.readings,
        poll_ms: source.poll_ms,
    }
}
