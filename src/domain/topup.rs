//! A top-up: an order placed on this terminal, or one that was made elsewhere and
//! that the backend tells of.
//!
//! Its state is moved by [`TopUp::happen`] and [`TopUp::hear`] alone, so that a
//! transition which [`state`] does not allow cannot be written. What it is made of
//! (SIM, bytes, channel) never changes under one id: a backend that says so is
//! refused, and the top-up stays as it was.

mod state;
mod terms;

pub use state::{Happening, IllegalTransition, Said, State};
pub use terms::{Activation, Channel, Package};

use super::money::{Cost, Money};
use super::sim::Iccid;
use super::time::UnixS;

/// What is bought, for which SIM and how. It never changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// The SIM that it is for.
    pub iccid: Iccid,
    /// How it is paid.
    pub channel: Channel,
    /// A main package or an add-on.
    pub package: Package,
    /// How much, 0 to 2^63-1 bytes.
    pub bytes: u64,
    /// When it begins.
    pub activation: Activation,
}

/// When what was bought can be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Validity {
    /// Its first second, s since the epoch; `None` while that is not known yet.
    pub from: Option<UnixS>,
    /// The first second in which it can no longer be used; `None`: it never ends.
    pub to: Option<UnixS>,
}

/// What the backend says of a top-up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its id at the backend.
    pub id: String,
    /// Where it stands.
    pub state: Said,
    /// What was bought.
    pub terms: Terms,
    /// When it can be used.
    pub validity: Validity,
    /// What it costs, where that is known.
    pub cost: Option<Cost>,
    /// Why it failed, was cancelled or reversed: a word.
    pub reason: Option<String>,
    /// How much a reversal takes back, bytes; `None`: all of it.
    pub reversed_bytes: Option<u64>,
}

/// What a change of state means for the ledger.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Effect {
    /// The data is granted, once for the backend's id.
    pub credits: bool,
    /// So much of it is taken back after that, bytes; at most what was bought.
    pub takes_back: u64,
}

/// A change that took place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Step {
    /// Where it stood.
    pub from: State,
    /// Where it stands.
    pub to: State,
    /// What it means for the ledger.
    pub effect: Effect,
}

/// Why what the backend says of a top-up is refused. It stays as it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TopUpRefusal {
    /// The state cannot follow.
    #[error(transparent)]
    Illegal(#[from] IllegalTransition),
    /// It came under another id before.
    #[error("it has the id {known}, and now {said}")]
    OtherId {
        /// The first one.
        known: String,
        /// The later one.
        said: String,
    },
    /// The amount is another.
    #[error("it was {known} bytes, and now {said}")]
    OtherBytes {
        /// As first said.
        known: u64,
        /// As said now.
        said: u64,
    },
    /// It is for another SIM.
    #[error("it was for the SIM {known}, and now for {said}")]
    OtherSim {
        /// As first said.
        known: Iccid,
        /// As said now.
        said: Iccid,
    },
    /// The kind of package or the activation is another.
    #[error("its {what} was {known}, and now {said}")]
    OtherTerms {
        /// Which of them.
        what: &'static str,
        /// As first said.
        known: &'static str,
        /// As said now.
        said: &'static str,
    },
    /// The price or the fee is another.
    #[error("its {what} was {known}, and now {said}")]
    OtherCost {
        /// Which of them.
        what: &'static str,
        /// As first said.
        known: Money,
        /// As said now.
        said: Money,
    },
    /// More is taken back than was bought.
    #[error("{said} bytes are to be taken back of {bytes}")]
    ReversesMore {
        /// What was bought.
        bytes: u64,
        /// What is to be taken back.
        said: u64,
    },
    /// It ends before it begins.
    #[error("its validity from {from} to {to} has no length")]
    EmptyValidity {
        /// s since the epoch.
        from: UnixS,
        /// s since the epoch.
        to: UnixS,
    },
}

/// A top-up and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopUp(Kept);

/// All that a top-up is, as the database keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// What is bought.
    pub terms: Terms,
    /// Where it stands.
    pub state: State,
    /// Whether any byte of it may have left the terminal.
    pub sent: bool,
    /// The backend's id, once it has said it.
    pub id: Option<String>,
    /// When it can be used.
    pub validity: Validity,
    /// What it costs, where that is known.
    pub cost: Option<Cost>,
    /// Why it ended as it did: a word.
    pub reason: Option<String>,
    /// How much of it was taken back so far, bytes.
    pub taken_back: u64,
}

impl TopUp {
    /// An order placed here, of which nothing has been sent.
    #[must_use]
    pub fn order(terms: Terms, cost: Cost) -> Self {
        Self(Kept {
            terms,
            state: State::Created,
            sent: false,
            id: None,
            validity: Validity::default(),
            cost: Some(cost),
            reason: None,
            taken_back: 0,
        })
    }

    /// One that was kept.
    #[must_use]
    pub fn load(kept: Kept) -> Self {
        Self(kept)
    }

    /// All of it, to be kept.
    #[must_use]
    pub fn kept(&self) -> &Kept {
        &self.0
    }

    /// One that the backend tells of first, wherever it was made.
    ///
    /// # Errors
    /// [`TopUpRefusal`] where the record contradicts itself.
    pub fn elsewhere(record: &Record) -> Result<(Self, Step), TopUpRefusal> {
        let mut topup = Self(Kept {
            terms: record.terms.clone(),
            state: State::Submitted,
            sent: true,
            id: None,
            validity: Validity::default(),
            cost: None,
            reason: None,
            taken_back: 0,
        });
        let step = topup.hear(record)?;
        Ok((topup, step))
    }

    /// Takes what happened here: it is sent, cancelled, too late, not answered.
    /// `reason` is kept where it ends by this.
    ///
    /// # Errors
    /// [`IllegalTransition`]; it stays as it was.
    pub fn happen(
        &mut self,
        happening: Happening,
        reason: Option<&str>,
    ) -> Result<Step, IllegalTransition> {
        let from = self.0.state;
        let to = from.after(happening, self.0.sent)?;
        // Only the backend's word grants anything or takes it back.
        let effect = Effect::default();
        self.0.sent |= happening == Happening::Sending;
        if to != from && to.is_ended() {
            self.0.reason = reason.map(str::to_owned);
        }
        self.0.state = to;
        Ok(Step { from, to, effect })
    }

    /// Takes what the backend says of it. Hearing it again changes nothing.
    ///
    /// # Errors
    /// [`TopUpRefusal`]; it stays as it was.
    pub fn hear(&mut self, record: &Record) -> Result<Step, TopUpRefusal> {
        self.same_top_up(record)?;
        let from = self.0.state;
        let to = from.hears(record.state)?;
        let effect = self.effect(from, to, record);
        // A record that is older than what is known brings nothing new, and one
        // of the same state does not make unknown what was known.
        if to == record.state.state() {
            let known = self.0.validity;
            self.0.validity = Validity {
                from: record.validity.from.or(known.from),
                to: record.validity.to.or(known.to),
            };
            self.0.cost = record.cost.clone().or_else(|| self.0.cost.take());
            self.0.reason = record.reason.clone();
        }
        self.0.taken_back = self.0.taken_back.saturating_add(effect.takes_back);
        self.0.id = Some(record.id.clone());
        self.0.sent = true;
        self.0.state = to;
        Ok(Step { from, to, effect })
    }

    /// Where it stands.
    #[must_use]
    pub fn state(&self) -> State {
        self.0.state
    }

    /// Whether any byte of it may have left the terminal.
    #[must_use]
    pub fn is_sent(&self) -> bool {
        self.0.sent
    }

    /// What is bought.
    #[must_use]
    pub fn terms(&self) -> &Terms {
        &self.0.terms
    }

    /// The backend's id, once it has said it.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.0.id.as_deref()
    }

    /// When it can be used.
    #[must_use]
    pub fn validity(&self) -> Validity {
        self.0.validity
    }

    /// What it costs, where that is known.
    #[must_use]
    pub fn cost(&self) -> Option<&Cost> {
        self.0.cost.as_ref()
    }

    /// Why it ended as it did: a word.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        self.0.reason.as_deref()
    }

    /// A top-up that was completed and reversed before it was heard of is granted
    /// and taken back all the same: its history says both, and what a reversal of
    /// a part leaves is there to use.
    ///
    /// What a reversal takes back is a total: a later one may take more.
    fn effect(&self, from: State, to: State, record: &Record) -> Effect {
        let granted = |state| matches!(state, State::Completed | State::Reversed);
        let total = match record.state {
            Said::Reversed => record.reversed_bytes.unwrap_or(self.0.terms.bytes),
            _ => 0,
        };
        let takes_back = total.saturating_sub(self.0.taken_back);
        Effect { credits: granted(to) && !granted(from), takes_back }
    }

    fn same_top_up(&self, record: &Record) -> Result<(), TopUpRefusal> {
        let (known, said) = (&self.0.terms, &record.terms);
        if let Some(id) = self.0.id.as_ref().filter(|id| **id != record.id) {
            return Err(TopUpRefusal::OtherId { known: id.clone(), said: record.id.clone() });
        }
        // Where nothing was charged, what it would have been no longer matters.
        let given_up = matches!(record.state, Said::Failed | Said::Cancelled);
        if given_up && !matches!(self.0.state, State::Completed | State::Reversed) {
            return Ok(());
        }
        if known.bytes != said.bytes {
            return Err(TopUpRefusal::OtherBytes { known: known.bytes, said: said.bytes });
        }
        if known.iccid != said.iccid {
            let (known, said) = (known.iccid.clone(), said.iccid.clone());
            return Err(TopUpRefusal::OtherSim { known, said });
        }
        for (what, known, said) in [
            ("package", known.package.word(), said.package.word()),
            ("activation", known.activation.word(), said.activation.word()),
        ] {
            if known != said {
                return Err(TopUpRefusal::OtherTerms { what, known, said });
            }
        }
        if let (Some(known), Some(said)) = (&self.0.cost, &record.cost) {
            for (what, known, said) in
                [("price", known.price(), said.price()), ("fee", known.fee(), said.fee())]
            {
                if known != said {
                    return Err(TopUpRefusal::OtherCost { what, known, said });
                }
            }
        }
        if let Some(said) = record.reversed_bytes.filter(|bytes| *bytes > known.bytes) {
            return Err(TopUpRefusal::ReversesMore { bytes: known.bytes, said });
        }
        match record.validity {
            // What was taken back before it began may end before that.
            Validity { from: Some(from), to: Some(to) }
                if to <= from && record.state != Said::Reversed =>
            {
                Err(TopUpRefusal::EmptyValidity { from, to })
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::money::Currency;
    use super::*;

    fn iccid(text: &str) -> Iccid {
        Iccid::parse(text).unwrap()
    }

    fn terms() -> Terms {
        Terms {
            iccid: iccid("8986012034567890123"),
            channel: Channel::Alipay,
            package: Package::Main,
            bytes: 31_457_280,
            activation: Activation::Now,
        }
    }

    fn cost(total: u64) -> Cost {
        let cny = |amount| Money::new(amount, Currency::parse("CNY").unwrap()).unwrap();
        Cost::new(cny(total - 3), cny(3), cny(total), None, None).unwrap()
    }

    fn record(state: Said) -> Record {
        Record {
            id: "T-1".into(),
            state,
            terms: terms(),
            validity: Validity::default(),
            cost: Some(cost(503)),
            reason: None,
            reversed_bytes: None,
        }
    }

    fn sent() -> TopUp {
        let mut topup = TopUp::order(terms(), cost(503));
        assert_eq!(topup.happen(Happening::Sending, None).unwrap().to, State::Submitted);
        topup
    }

    fn effect(credits: bool, takes_back: u64) -> Effect {
        Effect { credits, takes_back }
    }

    #[test]
    fn an_order_is_credited_once_however_often_it_is_said() {
        let mut topup = sent();
        for (said, expected) in [
            (Said::AwaitingPayment, effect(false, 0)),
            (Said::Processing, effect(false, 0)),
            (Said::Completed, effect(true, 0)),
            (Said::Completed, effect(false, 0)),
            (Said::AwaitingPayment, effect(false, 0)),
            (Said::Reversed, effect(false, 31_457_280)),
            (Said::Reversed, effect(false, 0)),
            (Said::Completed, effect(false, 0)),
        ] {
            assert_eq!(topup.hear(&record(said)).unwrap().effect, expected, "{said:?}");
        }
        assert_eq!((topup.state(), topup.id()), (State::Reversed, Some("T-1")));
    }

    #[test]
    fn one_made_elsewhere_comes_at_any_state() {
        let taken_back = Record { reversed_bytes: Some(5), ..record(Said::Reversed) };
        for (record, state, expected) in [
            (record(Said::Processing), State::Processing, effect(false, 0)),
            (record(Said::Completed), State::Completed, effect(true, 0)),
            (record(Said::Failed), State::Failed, effect(false, 0)),
            (record(Said::Reversed), State::Reversed, effect(true, 31_457_280)),
            (taken_back, State::Reversed, effect(true, 5)),
        ] {
            let (topup, step) = TopUp::elsewhere(&record).unwrap();
            assert_eq!((topup.state(), step.effect), (state, expected), "{record:?}");
            assert!(topup.is_sent());
        }
    }

    #[test]
    fn a_payment_that_came_late_wins_over_a_cancel() {
        let mut topup = sent();
        assert_eq!(topup.happen(Happening::CancelAsked, None).unwrap().to, State::Submitted);
        let cancelled = Record { reason: Some("by_customer".into()), ..record(Said::Cancelled) };
        assert_eq!(topup.hear(&cancelled).unwrap().to, State::Cancelled);
        assert_eq!(topup.reason(), Some("by_customer"));
        let step = topup.hear(&record(Said::Completed)).unwrap();
        assert_eq!((step.to, step.effect), (State::Completed, effect(true, 0)));
        assert_eq!(topup.reason(), None);
    }

    #[test]
    fn an_order_that_was_never_sent_ends_here() {
        for (happening, reason, state) in [
            (Happening::CancelAsked, "by_customer", State::Cancelled),
            (Happening::DeadlinePassed, "expired", State::Failed),
        ] {
            let mut topup = TopUp::order(terms(), cost(503));
            assert_eq!(topup.happen(happening, Some(reason)).unwrap().to, state);
            assert_eq!(topup.reason(), Some(reason));
            // The backend's word under its id proves that it was sent all the same:
            // what is paid is credited.
            let step = topup.hear(&record(Said::Completed)).unwrap();
            assert_eq!((step.to, step.effect), (State::Completed, effect(true, 0)));
            assert!(topup.is_sent());
        }
    }

    #[test]
    fn reversals_are_totals_and_may_grow() {
        let mut topup = sent();
        let _ = topup.hear(&record(Said::Completed)).unwrap();
        for (said, expected) in [(Some(5), 5), (Some(20), 15), (Some(5), 0), (None, 31_457_260)] {
            let record = Record { reversed_bytes: said, ..record(Said::Reversed) };
            assert_eq!(topup.hear(&record).unwrap().effect, effect(false, expected), "{said:?}");
        }
        assert_eq!(topup.kept().taken_back, 31_457_280);
    }

    #[test]
    fn an_order_that_came_to_nothing_ends_whatever_else_is_said_of_it() {
        let mut topup = sent();
        let dearer = |state| Record { cost: Some(cost(999)), ..record(state) };
        let _ = topup.hear(&dearer(Said::AwaitingPayment)).unwrap_err();
        assert_eq!(topup.hear(&dearer(Said::Cancelled)).unwrap().to, State::Cancelled);
    }

    #[test]
    fn a_record_that_changes_what_was_bought_is_refused_and_changes_nothing() {
        let mut topup = sent();
        let _ = topup.hear(&record(Said::AwaitingPayment)).unwrap();
        let before = topup.clone();
        let completed = || record(Said::Completed);
        let with = |terms: Terms| Record { terms, ..completed() };
        let validity = Validity { from: Some(9), to: Some(9) };
        for (changed, word) in [
            (Record { id: "T-2".into(), ..completed() }, "T-2"),
            (with(Terms { bytes: 31_457_281, ..terms() }), "31457281 "),
            (with(Terms { iccid: iccid("8986012034567890124"), ..terms() }), "890124"),
            (with(Terms { package: Package::AddOn, ..terms() }), "package"),
            (with(Terms { activation: Activation::NextCycle, ..terms() }), "activation"),
            (Record { cost: Some(cost(504)), ..completed() }, "501"),
            (Record { reversed_bytes: Some(31_457_281), ..record(Said::Reversed) }, "31457281"),
            (Record { validity, ..completed() }, "no length"),
        ] {
            let error = topup.hear(&changed).unwrap_err().to_string();
            assert!(format!("{error} ").contains(word), "{error}: no word of {word}");
            assert_eq!(topup, before, "{error}");
        }
        assert!(topup.hear(&completed()).unwrap().effect.credits, "the right one is still taken");
    }

    /// An answer that was overtaken brings back neither an old payment's end nor
    /// an old validity.
    #[test]
    fn an_older_record_brings_nothing_back() {
        let mut topup = sent();
        let validity = Validity { from: Some(100), to: Some(200) };
        let _ = topup.hear(&Record { validity, ..record(Said::Completed) }).unwrap();
        for older in [Said::Processing, Said::Completed] {
            let _ = topup.hear(&record(older)).unwrap();
            assert_eq!((topup.state(), topup.validity()), (State::Completed, validity));
        }
    }

    /// Paid now, to begin later: the beginning is learnt afterwards.
    #[test]
    fn activation_is_apart_from_payment() {
        let mut topup = sent();
        let _ = topup.hear(&record(Said::Completed)).unwrap();
        assert_eq!(topup.validity().from, None);
        let validity = Validity { from: Some(100), to: Some(200) };
        let step = topup.hear(&Record { validity, ..record(Said::Completed) }).unwrap();
        assert_eq!((step.effect, topup.validity()), (effect(false, 0), validity));
    }

    #[test]
    fn words_name_terms_and_back() {
        for channel in Channel::ALL {
            assert_eq!(Channel::from_word(channel.word()), Some(*channel));
        }
        for package in Package::ALL {
            assert_eq!(Package::from_word(package.word()), Some(*package));
        }
        for activation in Activation::ALL {
            assert_eq!(Activation::from_word(activation.word()), Some(*activation));
        }
        assert_eq!(Channel::from_word("cash"), None);
    }
}
