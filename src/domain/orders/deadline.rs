//! When an order is too late to be sent.

use super::super::time::{Now, UnixS};
use super::{DEADLINE_S, Order, WAITED_S};

impl Order {
    /// Whether its time to be sent is over. Within a boot the boot clock says so;
    /// across boots the trusted time does, and where that is missing it is over:
    /// nobody knows how long the power was off, and an order that ends too soon
    /// costs a tap, one that is sent weeks later costs money.
    pub(super) fn is_late(&self, now: Now, now_s: Option<UnixS>, boot_seq: u32) -> bool {
        let age_s = if self.placed.boot_seq == boot_seq {
            let age_ms = now.boot_ms.saturating_sub(self.placed.boot_ms);
            UnixS::try_from(age_ms / 1_000).ok()
        } else {
            now_s.zip(self.placed.trusted_s()).map(|(now_s, placed_s)| now_s - placed_s)
        };
        age_s.is_none_or(|age_s| !(0..DEADLINE_S).contains(&age_s))
    }

    /// Whether someone may be standing at the till to pay it: for some minutes after
    /// it last changed, in this boot.
    pub(super) fn is_waited_for(&self, now: Now, boot_seq: u32) -> bool {
        let waited_ms = now.boot_ms.saturating_sub(self.changed.boot_ms);
        self.changed.boot_seq == boot_seq && waited_ms < WAITED_S.saturating_mul(1_000)
    }

    /// When it becomes late in this boot, boot clock, ms; `None` where it is late by
    /// the trusted time, or already.
    pub(in super::super) fn late_at_ms(&self, boot_seq: u32) -> Option<u64> {
        let deadline_ms = DEADLINE_S.unsigned_abs().saturating_mul(1_000);
        (self.placed.boot_seq == boot_seq).then(|| self.placed.boot_ms.saturating_add(deadline_ms))
    }
}
