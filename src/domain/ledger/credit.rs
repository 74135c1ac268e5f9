//! Top-ups that become buckets: once for each id of the backend, and from when on
//! they can be used.
//!
//! Where the backend states the beginning, it rules. Else `now` is when it is
//! credited; `next_cycle` is when the first of the main packages that run ends; and
//! `after_current` is when every main package that came before has ended. What
//! cannot be known yet is pending: it is shown, not counted, and begins in trusted
//! time.

use serde::{Deserialize, Serialize};

use super::aside::Posting;
use super::book::Book;
use super::bucket::{Bought, Bucket, BucketKind, BucketStatus};
use super::draft::Draft;
use super::pending::begin_due;
use super::posting::{Grant, post_adjustment, post_grant, settle};
use super::refusal::Refusal;
use crate::domain::time::{Stamp, UnixS};
use crate::domain::topup::{Activation, Channel, Package, Terms, Validity};

/// A completed top-up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credit {
    /// Its id at the backend.
    pub topup: String,
    /// A main package or an add-on.
    pub package: Package,
    /// How it was paid.
    pub channel: Channel,
    /// How much, 0 to 2^63-1 bytes.
    pub bytes: u64,
    /// When it begins, where the backend does not state it.
    pub activation: Activation,
    /// Its first second, s since the epoch; `None` while that is not known.
    pub valid_from: Option<UnixS>,
    /// The first second in which it can no longer be used; `None`: it never ends.
    pub valid_to: Option<UnixS>,
}

/// What became of a top-up: the bucket's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credited {
    /// It was credited.
    New(u64),
    /// It had been credited; its validity was brought in line.
    Moved(u64),
    /// It had been credited, just so; nothing was done. Also where the operator's
    /// figure had named it before.
    Already(u64),
}

impl Credit {
    /// Of a top-up that the backend says is completed.
    #[must_use]
    pub fn of(topup: &str, terms: &Terms, validity: Validity) -> Self {
        Self {
            topup: topup.to_owned(),
            package: terms.package,
            channel: terms.channel,
            bytes: terms.bytes,
            activation: terms.activation,
            valid_from: validity.from,
            valid_to: validity.to,
        }
    }

    fn kind(&self) -> BucketKind {
        match self.package {
            Package::Main => BucketKind::TopUp,
            Package::AddOn => BucketKind::AddOn,
        }
    }

    fn bought(&self) -> Bought {
        Bought { channel: self.channel, activation: self.activation }
    }

    fn same_as(&self, bucket: &Bucket) -> Result<(), Refusal> {
        let differs = if bucket.figures.granted != self.bytes {
            "amount"
        } else if bucket.kind != self.kind() {
            "kind of package"
        } else if bucket.bought.is_some_and(|bought| bought.channel != self.channel) {
            "channel"
        } else if bucket.bought != Some(self.bought()) {
            "activation"
        } else {
            return Ok(());
        };
        Err(Refusal::OtherContent { what: "top-up", key: self.topup.clone(), differs })
    }
}

/// The key of a top-up's bucket.
pub(super) fn topup_key(topup: &str) -> String {
    format!("topup:{topup}")
}

impl Book {
    /// Credits a completed top-up, once for its id. Hearing of it again may only
    /// state its validity anew.
    ///
    /// # Errors
    /// [`Refusal`], `OtherContent` where its id was credited with other terms: the
    /// book is as it was.
    pub fn credit(&mut self, credit: &Credit, at: Stamp) -> Result<Credited, Refusal> {
        let known = self.bucket_by_key(&topup_key(&credit.topup)).cloned();
        let credited = match known {
            Some(bucket) if bucket.kind == BucketKind::Opening => Credited::Already(bucket.id),
            Some(bucket) => {
                credit.same_as(&bucket)?;
                self.state_validity(credit, bucket, at)?
            }
            None => self.post_draft(at, |draft| post_credit(draft, credit))?,
        };
        if !matches!(credited, Credited::Already(_)) {
            self.journal(Posting::Credit(credit.clone()), at);
        }
        Ok(credited)
    }

    fn state_validity(
        &mut self,
        credit: &Credit,
        mut bucket: Bucket,
        at: Stamp,
    ) -> Result<Credited, Refusal> {
        let id = bucket.id;
        let pending = bucket.status == BucketStatus::Pending;
        let from = credit.valid_from.or(bucket.valid_from);
        let to = credit.valid_to.or(bucket.expires_at);
        let begins = pending && credit.valid_from.is_some();
        let same = from == bucket.valid_from && to == bucket.expires_at && !begins;
        if same || !bucket.is_open() {
            return Ok(Credited::Already(id));
        }
        check_validity(from, to)?;
        self.post_draft(at, |draft| {
            post_adjustment(draft, id, 0, "validity: as the backend states it")?;
            bucket.valid_from = from;
            bucket.expires_at = to;
            if begins {
                bucket.status = BucketStatus::Active;
            }
            draft.put_bucket(bucket);
            settle(draft)?;
            Ok(Credited::Moved(id))
        })
    }
}

fn check_validity(from: Option<UnixS>, to: Option<UnixS>) -> Result<(), Refusal> {
    match (from, to) {
        (Some(from), Some(to)) if to <= from => Err(Refusal::EmptyValidity { from, to }),
        _ => Ok(()),
    }
}

fn post_credit(draft: &mut Draft<'_>, credit: &Credit) -> Result<Credited, Refusal> {
    let begins = beginning(draft, credit);
    let grant = Grant {
        key: topup_key(&credit.topup),
        kind: credit.kind(),
        bytes: credit.bytes,
        valid_from: begins.unwrap_or(None),
        expires_at: credit.valid_to,
        note: format!("{} by {}", credit.package.word(), credit.channel.word()),
    };
    let id = post_grant(draft, grant)?;
    let mut bucket = draft.bucket(id)?.clone();
    bucket.bought = Some(credit.bought());
    if begins.is_none() {
        bucket.status = BucketStatus::Pending;
    }
    draft.put_bucket(bucket);
    if let Some(at_s) = draft.at.trusted_s() {
        begin_due(draft, at_s)?;
    }
    settle(draft)?;
    Ok(Credited::New(id))
}

/// The first second in which it can be used, `Some(None)`: since ever; `None` while
/// that depends on another package.
fn beginning(draft: &Draft<'_>, credit: &Credit) -> Option<Option<UnixS>> {
    if credit.valid_from.is_some() {
        return Some(credit.valid_from);
    }
    let now_s = draft.judged_s();
    match credit.activation {
        // One that is heard of after its end was usable until then.
        Activation::Now => Some(
            now_s.map(|now_s| credit.valid_to.map_or(now_s, |to| now_s.min(to.saturating_sub(1)))),
        ),
        Activation::AfterCurrent => None,
        Activation::NextCycle => {
            let running = draft.all_buckets().filter(|b| b.is_main() && b.usable_at(now_s));
            let end = running.filter_map(|bucket| bucket.expires_at).min()?;
            credit.valid_to.is_none_or(|to| end < to).then_some(Some(end))
        }
    }
}
