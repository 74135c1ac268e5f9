//! What `PropertiesChanged` tells: the properties whose change is signalled, and
//! only those that changed. One signal an interface.

use std::collections::HashMap;

use zbus::Variant;

use super::record::{seconds, text, word};
use crate::domain::snapshot::Snapshot;

/// The changes of one interface.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Changes {
    /// By name, what they are now.
    pub(super) changed: HashMap<&'static str, Variant<'static>>,
    /// By name, those that are no longer known.
    pub(super) invalidated: Vec<&'static str>,
}

impl Changes {
    /// True when there is nothing to tell.
    pub(super) fn is_empty(&self) -> bool {
        self.changed.is_empty() && self.invalidated.is_empty()
    }

    fn known<T: PartialEq + Into<Variant<'static>>>(
        &mut self,
        name: &'static str,
        old: Option<T>,
        new: Option<T>,
    ) {
        if old == new {
            return;
        }
        match new {
            Some(value) => {
                self.changed.insert(name, value.into());
            }
            None => self.invalidated.push(name),
        }
    }

    fn text(&mut self, name: &'static str, old: Option<&str>, new: Option<&str>) {
        if old != new {
            self.known(name, old.map(text), new.map(text));
        }
    }
}

/// The changes of `org.posdata.Balance1`.
pub(super) fn balance(old: &Snapshot, new: &Snapshot) -> Changes {
    let (old, new) = (&old.balance, &new.balance);
    let mut changes = Changes::default();
    changes.known("RemainingBytes", old.remaining, new.remaining);
    changes.known("GrantedBytes", old.granted, new.granted);
    changes.known("ConsumedBytes", old.consumed, new.consumed);
    changes.known("OverdraftBytes", Some(old.overdraft), Some(new.overdraft));
    changes.known("Status", Some(old.status), Some(new.status));
    changes.text("StopReason", Some(&old.stop_reason), Some(&new.stop_reason));
    changes.known("ExpiresAt", seconds(old.expires_at), seconds(new.expires_at));
    changes.known("ReconciledAt", seconds(old.reconciled_at), seconds(new.reconciled_at));
    changes.known("DriftBytes", old.drift, new.drift);
    changes.known("DaysLeft", old.days_left, new.days_left);
    changes.text("Iccid", old.iccid.as_deref(), new.iccid.as_deref());
    changes.text("TerminalSerial", old.terminal_serial.as_deref(), new.terminal_serial.as_deref());
    changes
}

/// The changes of `org.posdata.Usage1`.
pub(super) fn usage(old: &Snapshot, new: &Snapshot) -> Changes {
    let mut changes = Changes::default();
    changes.known("Source", word(old.usage.source), word(new.usage.source));
    changes.known("IsRoaming", old.usage.is_roaming, new.usage.is_roaming);
    changes.known("StoreState", Some(old.store.state), Some(new.store.state));
    changes.text("StoreDetail", Some(&old.store.detail), Some(&new.store.detail));
    changes
}
