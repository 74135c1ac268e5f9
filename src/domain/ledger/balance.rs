//! The balance of a SIM at a moment, as it is shown.

use super::book::Book;
use crate::domain::time::UnixS;

/// What is left and of what, over the buckets that are usable now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Balance {
    /// Left to use, bytes.
    pub remaining: u64,
    /// What the usable buckets were granted, corrections included and less what
    /// left them unused: what `consumed` and `remaining` are parts of, bytes.
    pub granted: u64,
    /// Used of them, bytes.
    pub consumed: u64,
    /// Set aside in them for what is not settled, bytes.
    pub reserved: u64,
    /// Bought, and not to be used yet: what begins later, bytes.
    pub pending: u64,
    /// Used without cover and not absorbed since, over the life of the SIM, bytes.
    pub overdraft: u64,
    /// When the first of them that has something left ends, s since the epoch.
    /// `None`: nothing that is left ever ends.
    pub expires_at: Option<UnixS>,
    /// How many buckets are usable.
    pub usable_buckets: usize,
    /// The plan's running bucket: another one is another cycle.
    pub cycle: Option<u64>,
}

impl Balance {
    /// How much of what was granted is used, percent, 0 to 100, rounded down;
    /// `None` when nothing is granted.
    #[must_use]
    pub fn used_percent(&self) -> Option<u8> {
        let used = u128::from(self.granted.saturating_sub(self.remaining));
        let percent = (used * 100).checked_div(u128::from(self.granted))?;
        u8::try_from(percent).ok()
    }
}

impl Book {
    /// The balance at `trusted_s`, or, while the time is not known, by the time
    /// that was last known. `None` when nothing was ever granted: then what is
    /// left is unknown, not zero.
    #[must_use]
    pub fn balance(&self, trusted_s: Option<UnixS>) -> Option<Balance> {
        if self.buckets.is_empty() {
            return None;
        }
        let judged_s = trusted_s.or(self.account.known_s);
        let mut balance =
            Balance { overdraft: self.account.figures.overdraft, ..Balance::default() };
        for bucket in self.buckets().filter(|bucket| bucket.is_open()) {
            let figures = &bucket.figures;
            if !bucket.usable_at(judged_s) {
                if !bucket.ended_at(judged_s) {
                    balance.pending = balance.pending.saturating_add(figures.remaining);
                }
                continue;
            }
            balance.reserved = balance.reserved.saturating_add(figures.reserved);
            balance.remaining = balance.remaining.saturating_add(figures.remaining);
            balance.granted = balance.granted.saturating_add(figures.available());
            balance.consumed = balance.consumed.saturating_add(figures.consumed);
            balance.usable_buckets += 1;
            if figures.remaining > 0 {
                balance.expires_at = earlier(balance.expires_at, bucket.expires_at);
            }
            if bucket.plan_terms().is_some() {
                balance.cycle = Some(bucket.id);
            }
        }
        Some(balance)
    }
}

fn earlier(a: Option<UnixS>, b: Option<UnixS>) -> Option<UnixS> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, None) => a,
        (None, b) => b,
    }
}
