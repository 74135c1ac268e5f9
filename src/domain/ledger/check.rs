//! Holds a book against itself: after a load, and before each commit.

use super::action::{ActionKind, ActionState};
use super::book::{Book, add};
use super::bucket::Bucket;
use super::refusal::Refusal;

impl Book {
    /// Holds everything against everything: each bucket balances, the account
    /// balances, and it is the sum of its parts; what is reserved is reserved for
    /// something.
    ///
    /// # Errors
    /// [`Refusal`] names the first thing that does not fit.
    pub fn check(&self) -> Result<(), Refusal> {
        let account = &self.account;
        let mut parts = [0_i128; 11];
        for bucket in self.buckets.values() {
            bucket.figures.check()?;
            let fits = bucket.sim == account.sim
                && bucket.id < account.next_bucket_id
                && bucket.open_day_bytes <= bucket.figures.consumed
                && bucket.figures.overdraft == 0
                && self.reserved_in(bucket) == i128::from(bucket.figures.reserved);
            if !fits {
                return Err(Refusal::Contradiction(format!("bucket {}", bucket.id)));
            }
            add(&mut parts, &bucket.figures.signed());
        }
        if self.actions.values().any(|action| action.sim != account.sim) {
            return Err(Refusal::Contradiction("an action of another SIM".to_owned()));
        }
        for overdraft in self.overdrafts.values() {
            let fits = overdraft.sim == account.sim
                && overdraft.id < account.next_overdraft_id
                && overdraft.absorbed <= overdraft.entered
                && overdraft.entered <= overdraft.bytes;
            if !fits {
                return Err(Refusal::Contradiction(format!("overdraft {}", overdraft.id)));
            }
            add(&mut parts, &overdraft.figures().signed());
        }
        account.check()?;
        let whole = account.figures.signed();
        if whole == parts {
            Ok(())
        } else {
            Err(Refusal::NotTheSum { account: Box::new(whole), parts: Box::new(parts) })
        }
    }

    /// What the actions say is reserved in a bucket.
    fn reserved_in(&self, bucket: &Bucket) -> i128 {
        let of = self.actions.values().filter(|action| {
            action.bucket == Some(bucket.id)
                && action.state == ActionState::Reserved
                && action.kind != ActionKind::TransferIn
        });
        of.map(|action| i128::from(action.bytes)).sum()
    }
}
