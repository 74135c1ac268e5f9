//! The SIM: whether what was found out about it still holds.
//!
//! A wrong number would book one card's bytes on another: a number that is new is
//! believed when two answers in a row agree.

use crate::domain::sim::Iccid;
use crate::domain::time::BootMs;

/// How often a known card is looked at again, ms: some modems take a card in
/// and out without a word.
const KNOWN_EVERY_MS: u64 = 15 * 60 * 1_000;
/// How often a card without a readable number is looked at again, ms.
const UNKNOWN_EVERY_MS: u64 = 5 * 60 * 1_000;
/// How many rounds over all commands a number is tried for at once.
const ROUNDS_MAX: u32 = 3;
/// How many different numbers in a row are listened to.
const DOUBTS_MAX: u32 = 4;

/// What is to be done about the card's number next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// The number is settled (known or given up).
    Settled,
    /// Ask the same command once more.
    Confirm,
    /// Ask all commands again after a pause.
    Again,
}

/// The card in the modem.
#[derive(Clone, Debug, Default)]
pub(super) struct Subscriber {
    iccid: Option<Iccid>,
    imsi: Option<String>,
    /// A new number heard once.
    doubted: Option<Iccid>,
    doubts: u32,
    rounds: u32,
    /// Goes up whenever something hints at another card.
    hints: u64,
    /// The hints when the card was last asked for, and when that was.
    looked_at: Option<(u64, BootMs)>,
    /// The hints when the current look began.
    looking_at: u64,
}

impl Subscriber {
    pub(super) fn iccid(&self) -> Option<&Iccid> {
        self.iccid.as_ref()
    }

    pub(super) fn imsi(&self) -> Option<&str> {
        self.imsi.as_deref()
    }

    /// Something hints at another card: nothing is attributed until it is looked
    /// at again.
    pub(super) fn hint(&mut self) {
        self.hints = self.hints.saturating_add(1);
    }

    /// Whether something hinted at another card since the last look.
    pub(super) fn is_doubtful(&self) -> bool {
        self.looked_at.is_none_or(|(hints, _)| hints != self.hints)
    }

    /// Whether it is time to look, by a hint or by age.
    pub(super) fn is_due(&self, now_ms: BootMs) -> bool {
        let every_ms = if self.iccid.is_some() { KNOWN_EVERY_MS } else { UNKNOWN_EVERY_MS };
        self.is_doubtful()
            || self.looked_at.is_none_or(|(_, at_ms)| now_ms >= at_ms.saturating_add(every_ms))
    }

    /// A look begins.
    pub(super) fn begin(&mut self) {
        self.looking_at = self.hints;
        self.doubted = None;
        self.doubts = 0;
        self.rounds = 0;
    }

    /// The look is over.
    pub(super) fn concluded(&mut self, now_ms: BootMs) {
        self.looked_at = Some((self.looking_at, now_ms));
    }

    /// A number was read.
    pub(super) fn number(&mut self, read: Iccid) -> Next {
        let known = self.iccid.as_ref() == Some(&read);
        let confirmed = self.doubted.as_ref() == Some(&read);
        if known || confirmed {
            if !known {
                self.imsi = None;
            }
            self.iccid = Some(read);
            return Next::Settled;
        }
        self.doubts = self.doubts.saturating_add(1);
        if self.doubts > DOUBTS_MAX {
            return self.no_number();
        }
        self.doubted = Some(read);
        Next::Confirm
    }

    /// No command gave a number.
    pub(super) fn no_number(&mut self) -> Next {
        self.rounds = self.rounds.saturating_add(1);
        if self.rounds < ROUNDS_MAX {
            return Next::Again;
        }
        self.iccid = None;
        self.imsi = None;
        Next::Settled
    }

    /// The subscription's number was read, or not.
    pub(super) fn subscription(&mut self, imsi: Option<String>) {
        self.imsi = imsi;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn iccid(last: u8) -> Iccid {
        Iccid::parse(&format!("898601203456789012{last}")).unwrap()
    }

    #[test]
    fn a_new_number_is_believed_when_it_is_read_twice() {
        let mut sim = Subscriber::default();
        sim.begin();
        assert_eq!(sim.number(iccid(1)), Next::Confirm);
        assert_eq!(sim.number(iccid(2)), Next::Confirm);
        assert_eq!(sim.number(iccid(2)), Next::Settled);
        assert_eq!(sim.iccid(), Some(&iccid(2)));
        sim.begin();
        assert_eq!(sim.number(iccid(2)), Next::Settled, "a known number needs no second look");
    }

    #[test]
    fn a_number_that_cannot_be_read_is_given_up_after_some_rounds() {
        let mut sim = Subscriber::default();
        sim.begin();
        assert_eq!(
            [sim.no_number(), sim.no_number(), sim.no_number()],
            [Next::Again, Next::Again, Next::Settled]
        );
        assert_eq!(sim.iccid(), None);
    }

    #[test]
    fn a_hint_makes_it_doubtful_and_age_makes_it_due() {
        let mut sim = Subscriber::default();
        assert!(sim.is_doubtful());
        sim.begin();
        sim.number(iccid(1));
        sim.number(iccid(1));
        sim.concluded(0);
        assert!(!sim.is_doubtful() && !sim.is_due(KNOWN_EVERY_MS - 1));
        assert!(sim.is_due(KNOWN_EVERY_MS));
        sim.begin();
        sim.hint();
        sim.concluded(0);
        assert!(sim.is_doubtful(), "a hint during the look asks for another");
    }
}
