//! The figures of a bucket or of a whole account, and the law that they obey.

/// The largest amount, bytes: 2^63-1, what the database can hold.
pub const AMOUNT_MAX: u64 = i64::MAX.unsigned_abs();

/// What came in and where it went, bytes, over the life of a bucket or an
/// account. Each is 0 to 2^63-1, but for `adjusted`, which has a sign.
///
/// Conservation: `granted + transferred_in + overdraft + adjusted` equals
/// `consumed + remaining + reserved + expired + transferred_out + refunded +
/// reversed`, always.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Granted by a plan, a top-up or an opening balance.
    pub granted: u64,
    /// Received from another SIM.
    pub transferred_in: u64,
    /// Used although nothing covered it, and not absorbed since. 0 in a bucket.
    pub overdraft: u64,
    /// The sum of all corrections.
    pub adjusted: i64,
    /// Used. In an account this counts the overdraft too.
    pub consumed: u64,
    /// Left to use.
    pub remaining: u64,
    /// Set aside for an operation that is not settled.
    pub reserved: u64,
    /// Left over when the validity ended.
    pub expired: u64,
    /// Given to another SIM.
    pub transferred_out: u64,
    /// Given back for money.
    pub refunded: u64,
    /// Taken back because its payment was.
    pub reversed: u64,
}

/// Figures that do not obey the law: nothing may be posted on them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the figures do not balance: {incoming} came in, {accounted} is accounted for: {figures:?}"
)]
pub struct Unbalanced {
    /// granted + transferred_in + overdraft + adjusted.
    pub incoming: i128,
    /// consumed + remaining + reserved + expired + transferred_out + refunded +
    /// reversed.
    pub accounted: i128,
    /// All of them.
    pub figures: Box<Figures>,
}

impl Figures {
    /// Whether the figures balance and each of them is in range.
    ///
    /// # Errors
    /// [`Unbalanced`] with the figures. Where an amount is out of range the two
    /// sums may be equal.
    pub fn check(&self) -> Result<(), Unbalanced> {
        let incoming = i128::from(self.granted)
            + i128::from(self.transferred_in)
            + i128::from(self.overdraft)
            + i128::from(self.adjusted);
        let accounted = i128::from(self.consumed)
            + i128::from(self.remaining)
            + i128::from(self.reserved)
            + i128::from(self.expired)
            + i128::from(self.transferred_out)
            + i128::from(self.refunded)
            + i128::from(self.reversed);
        let in_range = self.amounts().iter().all(|amount| *amount <= AMOUNT_MAX);
        if incoming == accounted && in_range {
            Ok(())
        } else {
            Err(Unbalanced { incoming, accounted, figures: Box::new(*self) })
        }
    }

    fn amounts(&self) -> [u64; 10] {
        [
            self.granted,
            self.transferred_in,
            self.overdraft,
            self.consumed,
            self.remaining,
            self.reserved,
            self.expired,
            self.transferred_out,
            self.refunded,
            self.reversed,
        ]
    }

    /// The figures as a vector that can be summed and compared.
    pub(super) fn signed(&self) -> [i128; 11] {
        let [a, b, c, d, e, f, g, h, i, j] = self.amounts().map(i128::from);
        [a, b, c, d, e, f, g, h, i, j, i128::from(self.adjusted)]
    }

    /// What the grants and corrections come to, less what has left unused: the
    /// amount that used and left are parts of.
    pub(super) fn available(&self) -> u64 {
        self.consumed.saturating_add(self.remaining)
    }

    // One method a movement. Each gives `None` where an amount would leave its
    // range, and keeps the balance otherwise.

    pub(super) fn grant(mut self, bytes: u64) -> Option<Self> {
        self.granted = plus(self.granted, bytes)?;
        self.remaining = plus(self.remaining, bytes)?;
        Some(self)
    }

    pub(super) fn receive(mut self, bytes: u64) -> Option<Self> {
        self.transferred_in = plus(self.transferred_in, bytes)?;
        self.remaining = plus(self.remaining, bytes)?;
        Some(self)
    }

    pub(super) fn adjust(mut self, delta: i64) -> Option<Self> {
        self.adjusted = self.adjusted.checked_add(delta)?;
        self.remaining = if delta < 0 {
            self.remaining.checked_sub(delta.unsigned_abs())?
        } else {
            plus(self.remaining, delta.unsigned_abs())?
        };
        Some(self)
    }

    pub(super) fn consume(mut self, bytes: u64) -> Option<Self> {
        self.consumed = plus(self.consumed, bytes)?;
        self.remaining = self.remaining.checked_sub(bytes)?;
        Some(self)
    }

    pub(super) fn expire(mut self, bytes: u64) -> Option<Self> {
        self.expired = plus(self.expired, bytes)?;
        self.remaining = self.remaining.checked_sub(bytes)?;
        Some(self)
    }

    pub(super) fn overdraw(mut self, bytes: u64) -> Option<Self> {
        self.overdraft = plus(self.overdraft, bytes)?;
        self.consumed = plus(self.consumed, bytes)?;
        Some(self)
    }

    /// An account's overdraft taken over by a bucket: it stays consumed.
    pub(super) fn absorb(mut self, bytes: u64) -> Option<Self> {
        self.overdraft = self.overdraft.checked_sub(bytes)?;
        self.remaining = self.remaining.checked_sub(bytes)?;
        Some(self)
    }

    /// The opposite, in an account: what a bucket had covered is covered no more.
    pub(super) fn uncover(mut self, bytes: u64) -> Option<Self> {
        self.overdraft = plus(self.overdraft, bytes)?;
        self.remaining = plus(self.remaining, bytes)?;
        Some(self)
    }

    /// The opposite, in the bucket: it was not used from this one.
    pub(super) fn unconsume(mut self, bytes: u64) -> Option<Self> {
        self.consumed = self.consumed.checked_sub(bytes)?;
        self.remaining = plus(self.remaining, bytes)?;
        Some(self)
    }

    /// What had expired is there again, to be taken out in another way.
    pub(super) fn unexpire(mut self, bytes: u64) -> Option<Self> {
        self.expired = self.expired.checked_sub(bytes)?;
        self.remaining = plus(self.remaining, bytes)?;
        Some(self)
    }

    pub(super) fn reserve(mut self, bytes: u64) -> Option<Self> {
        self.reserved = plus(self.reserved, bytes)?;
        self.remaining = self.remaining.checked_sub(bytes)?;
        Some(self)
    }

    pub(super) fn release(mut self, bytes: u64) -> Option<Self> {
        self.reserved = self.reserved.checked_sub(bytes)?;
        self.remaining = plus(self.remaining, bytes)?;
        Some(self)
    }

    pub(super) fn transfer_out(mut self, bytes: u64) -> Option<Self> {
        self.transferred_out = plus(self.transferred_out, bytes)?;
        self.remaining = self.remaining.checked_sub(bytes)?;
        Some(self)
    }

    pub(super) fn refund(mut self, bytes: u64) -> Option<Self> {
        self.refunded = plus(self.refunded, bytes)?;
        self.remaining = self.remaining.checked_sub(bytes)?;
        Some(self)
    }

    pub(super) fn reverse(mut self, bytes: u64) -> Option<Self> {
        self.reversed = plus(self.reversed, bytes)?;
        self.remaining = self.remaining.checked_sub(bytes)?;
        Some(self)
    }
}

pub(super) fn plus(a: u64, b: u64) -> Option<u64> {
    a.checked_add(b).filter(|sum| *sum <= AMOUNT_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn movements_keep_the_balance_or_are_refused() {
        let thirty = Figures::default().grant(30).unwrap();
        for (case, moved, left) in [
            ("consume all", thirty.consume(30), Some(0)),
            ("consume more than all", thirty.consume(31), None),
            ("adjust down to nothing", thirty.adjust(-30), Some(0)),
            ("adjust below nothing", thirty.adjust(-31), None),
            ("adjust by the least", thirty.adjust(i64::MIN), None),
            ("adjust up", thirty.adjust(5), Some(35)),
            ("adjust beyond range", thirty.adjust(i64::MAX), None),
            ("grant beyond range", thirty.grant(AMOUNT_MAX), None),
            ("grant a u64", thirty.grant(u64::MAX), None),
            ("expire", thirty.expire(30), Some(0)),
            ("overdraw", thirty.overdraw(7), Some(30)),
            ("absorb what is not there", thirty.absorb(1), None),
            ("absorb", thirty.overdraw(7).unwrap().absorb(7), Some(23)),
            ("receive", thirty.receive(5), Some(35)),
            ("receive beyond range", thirty.receive(AMOUNT_MAX), None),
            ("reserve", thirty.reserve(30), Some(0)),
            ("reserve more than is left", thirty.reserve(31), None),
            ("release", thirty.reserve(9).unwrap().release(4), Some(25)),
            ("release more than is reserved", thirty.reserve(9).unwrap().release(10), None),
            ("transfer out", thirty.transfer_out(30), Some(0)),
            ("transfer out more than is left", thirty.transfer_out(31), None),
            ("refund", thirty.refund(12), Some(18)),
            ("refund more than is left", thirty.refund(31), None),
            ("reverse", thirty.reverse(12), Some(18)),
            ("reverse more than is left", thirty.reverse(31), None),
            ("take back use", thirty.consume(9).unwrap().unconsume(9), Some(30)),
            ("take back more use than there was", thirty.unconsume(1), None),
            ("take back an expiry", thirty.expire(9).unwrap().unexpire(9), Some(30)),
            ("take back more than expired", thirty.unexpire(1), None),
            ("uncover", thirty.uncover(4), Some(34)),
        ] {
            assert_eq!(moved.map(|figures| figures.remaining), left, "{case}");
            assert!(moved.is_none_or(|figures| figures.check().is_ok()), "{case}");
        }
    }

    #[test]
    fn what_does_not_balance_is_named_with_its_figures() {
        let figures = Figures { granted: 30, remaining: 29, ..Figures::default() };
        let error = figures.check().unwrap_err();
        assert_eq!((error.incoming, error.accounted), (30, 29));
        assert!(error.to_string().contains("granted: 30"), "{error}");
        let too_large = AMOUNT_MAX + 1;
        let figures = Figures { granted: too_large, remaining: too_large, ..Figures::default() };
        assert!(figures.check().is_err());
    }
}
