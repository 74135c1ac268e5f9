//! What the backend's word does to the ledger: credits, reversals, corrections,
//! and the operator's own figure.

use super::super::errand::OperatorBalance;
use super::super::event::EventKind;
use super::super::ledger::{BucketKind, Grant};
use super::super::sim::{Iccid, SimId};
use super::super::time::Now;
use super::super::topup::Package;
use super::Engine;
use super::wish::{Denied, Granted};

impl Engine {
    /// Grants what a top-up bought, once for the backend's id.
    pub(super) fn credit(&mut self, now: Now, number: u64) {
        let Some(order) = self.shop.orders.get(number) else { return };
        let topup = &order.topup;
        let (terms, validity) = (topup.terms().clone(), topup.validity());
        let grant = Grant {
            key: topup_key(topup.id().unwrap_or_default()),
            kind: match terms.package {
                Package::Main => BucketKind::TopUp,
                Package::AddOn => BucketKind::AddOn,
            },
            bytes: terms.bytes,
            valid_from: validity.from,
            expires_at: validity.to,
            note: terms.channel.word().to_owned(),
        };
        let sim = self.sim_of(&terms.iccid);
        let at = self.clock.stamp(now);
        let Some(book) = self.accounts.book_mut(sim) else { return };
        let posted = book.grant(grant, at);
        self.say_refusal(now, sim, posted, "the credit of a top-up");
        self.accounts.review();
    }

    pub(super) fn take_back(&mut self, now: Now, number: u64, bytes: u64) {
        let _ = (now, number, bytes);
    }

    pub(super) fn adjust(
        &mut self,
        now: Now,
        id: &str,
        iccid: &Iccid,
        topup_id: Option<&str>,
        bytes: i64,
        note: &str,
    ) {
        let _ = (now, id, iccid, topup_id, bytes, note);
    }

    pub(super) fn calibrate(&mut self, now: Now, said: &OperatorBalance) {
        let _ = (now, said);
    }

    pub(super) fn calibrate_by_hand(
        &mut self,
        now: Now,
        remaining: u64,
    ) -> Result<Granted, Denied> {
        let _ = (now, remaining, EventKind::LedgerFault);
        Err(Denied::NotCalibrated(String::new()))
    }

    /// The SIM with that number; a new one where it was never in this terminal.
    fn sim_of(&mut self, iccid: &Iccid) -> SimId {
        self.meter.named(iccid)
    }
}

/// The key of a top-up's bucket.
fn topup_key(id: &str) -> String {
    format!("topup:{id}")
}
