//! What the link to the backend has cost: bytes at the socket, TLS included, apart
//! by what they were spent for.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::backend::exchange::Purpose;

/// Bytes at the socket; TCP and IP headers are not in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// Written, bytes.
    pub sent_bytes: u64,
    /// Read, bytes.
    pub received_bytes: u64,
}

/// What was spent since the client was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    spent: [Spent; Purpose::ALL.len()],
    /// Connections with a whole TLS handshake.
    pub opened_cold: u64,
    /// Connections that resumed an earlier one's TLS session.
    pub opened_resumed: u64,
}

impl Traffic {
    /// What was spent for a purpose. Opening a connection counts for what it was
    /// opened for.
    #[must_use]
    pub fn of(&self, purpose: Purpose) -> Spent {
        self.spent.get(slot(purpose)).copied().unwrap_or_default()
    }

    /// What was spent for all of them.
    #[must_use]
    pub fn total(&self) -> Spent {
        self.spent.iter().fold(Spent::default(), |sum, spent| Spent {
            sent_bytes: sum.sent_bytes.saturating_add(spent.sent_bytes),
            received_bytes: sum.received_bytes.saturating_add(spent.received_bytes),
        })
    }
}

fn slot(purpose: Purpose) -> usize {
    match purpose {
        Purpose::Sync => 0,
        Purpose::Offers => 1,
        Purpose::Order => 2,
        Purpose::Payment => 3,
    }
}

/// Counts; shared by the client and its socket.
#[derive(Clone, Debug, Default)]
pub(super) struct Counter(Arc<Mutex<Counts>>);

#[derive(Debug, Default)]
struct Counts {
    traffic: Traffic,
    purpose: usize,
}

impl Counter {
    /// What comes now is spent for this.
    pub(super) fn spend_for(&self, purpose: Purpose) {
        self.lock().purpose = slot(purpose);
    }

    pub(super) fn sent(&self, bytes: usize) {
        self.add(|spent| &mut spent.sent_bytes, bytes);
    }

    pub(super) fn received(&self, bytes: usize) {
        self.add(|spent| &mut spent.received_bytes, bytes);
    }

    pub(super) fn opened(&self, resumed: bool) {
        let traffic = &mut self.lock().traffic;
        let count = if resumed { &mut traffic.opened_resumed } else { &mut traffic.opened_cold };
        *count = count.saturating_add(1);
    }

    pub(super) fn traffic(&self) -> Traffic {
        self.lock().traffic
    }

    fn add(&self, which: impl Fn(&mut Spent) -> &mut u64, bytes: usize) {
        let mut counts = self.lock();
        let slot = counts.purpose;
        if let Some(spent) = counts.traffic.spent.get_mut(slot) {
            let sum = which(spent);
            *sum = sum.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
        }
    }

    /// Nothing panics while it is held.
    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
