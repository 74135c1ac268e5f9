//! Where a top-up stands, and the one function that moves it.
//!
//! ```text
//! created ──▶ submitted ──▶ awaiting_payment ──▶ processing ──▶ completed ──▶ reversed
//!    │  │          │                │                 │
//!    │  └─▶ failed │ no answer      └──▶ cancelled ◀──┘
//!    │             ▼                └──▶ failed    ◀──┘
//!    │          unknown ──▶ any of those that the backend names
//!    └─▶ cancelled
//! ```
//!
//! The backend's word may skip steps (a payment is often completed when it is
//! first heard of) and may arrive late: an older one changes nothing.

/// Where a top-up stands. TMF654's states, and with them `submitted`, `unknown`,
/// `awaiting_payment`, `processing` and `reversed`, which it does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// Placed here and on disk; nothing of it has been sent.
    Created,
    /// Its first byte may have left.
    Submitted,
    /// It was sent and nothing definite came back. It is asked again, with the
    /// same key, until something does.
    Unknown,
    /// The backend has it and waits for the payment.
    AwaitingPayment,
    /// Paid, and not credited yet.
    Processing,
    /// Credited.
    Completed,
    /// Nothing was charged, or it was given back.
    Failed,
    /// Ended by whom it was for.
    Cancelled,
    /// Completed once, then taken back.
    Reversed,
}

/// A state as the backend names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Said {
    /// It waits for the payment.
    AwaitingPayment,
    /// It has the payment.
    Processing,
    /// It has credited the data.
    Completed,
    /// It has given up; nothing stays charged.
    Failed,
    /// It has been cancelled.
    Cancelled,
    /// It has taken the data back.
    Reversed,
}

/// What can happen to a top-up here; what the backend says of it is [`Said`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Happening {
    /// Its first byte is about to leave, for the first time or again.
    Sending,
    /// It was sent and nothing definite came back: no answer, a 5xx, nonsense.
    NoAnswer,
    /// The backend refuses the order by a definite problem.
    Refused,
    /// The backend has never seen its key, and will charge nothing under it.
    NeverSeen,
    /// Someone wants it cancelled.
    CancelAsked,
    /// It could not be sent in time.
    DeadlinePassed,
    /// The backend no longer keeps its key: nobody can ask about it any more.
    KeyForgotten,
}

/// Why a happening is refused. The top-up stands where it stood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IllegalTransition {
    /// The outside speaks of something that was never sent.
    #[error("nothing of it was ever sent")]
    NeverSent,
    /// It has ended.
    #[error("it is {} already", .0.word())]
    Ended(State),
    /// It is paid: it can no longer be cancelled.
    #[error("it is paid already and can no longer be cancelled")]
    Paid,
    /// What the backend says cannot be true after what it said before.
    #[error("it is {}, and the backend says otherwise: {}", .now.word(), .said)]
    Contradiction {
        /// Where it stands.
        now: State,
        /// What the backend says.
        said: &'static str,
    },
}

impl State {
    /// All of them, in the order that they are reached.
    pub const ALL: [Self; 9] = [
        Self::Created,
        Self::Submitted,
        Self::Unknown,
        Self::AwaitingPayment,
        Self::Processing,
        Self::Completed,
        Self::Failed,
        Self::Cancelled,
        Self::Reversed,
    ];

    /// The word used in the database, in the journal and on D-Bus.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Submitted => "submitted",
            Self::Unknown => "unknown",
            Self::AwaitingPayment => "awaiting_payment",
            Self::Processing => "processing",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Reversed => "reversed",
        }
    }

    /// The state with that word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.word() == word)
    }

    /// Whether nothing more is expected. A late payment or a reversal may still
    /// move it.
    #[must_use]
    pub fn is_ended(self) -> bool {
        match self {
            Self::Completed | Self::Failed | Self::Cancelled | Self::Reversed => true,
            Self::Created
            | Self::Submitted
            | Self::Unknown
            | Self::AwaitingPayment
            | Self::Processing => false,
        }
    }

    /// Where a happening leads; the same state where it changes nothing. `sent`
    /// says whether the backend can know of the top-up at all.
    ///
    /// # Errors
    /// [`IllegalTransition`] where it cannot be.
    pub(super) fn after(self, happening: Happening, sent: bool) -> Result<Self, IllegalTransition> {
        match happening {
            Happening::Sending => self.sending(),
            Happening::CancelAsked => self.cancel_asked(),
            Happening::DeadlinePassed if self == Self::Created => Ok(Self::Failed),
            Happening::DeadlinePassed => Ok(self),
            _ if !sent => Err(IllegalTransition::NeverSent),
            Happening::NoAnswer if self == Self::Submitted => Ok(Self::Unknown),
            Happening::NoAnswer => Ok(self),
            Happening::Refused => self.ends_unpaid(Self::Failed, "refused"),
            Happening::NeverSeen => self.ends_unpaid(Self::Cancelled, "never seen"),
            Happening::KeyForgotten if self == Self::Submitted => Ok(Self::Unknown),
            // What is known of it stays known.
            Happening::KeyForgotten => Ok(self),
        }
    }

    /// Where the backend's word leads; the same state where it brings nothing new.
    /// Its word proves that the top-up was sent, whatever is remembered here.
    ///
    /// # Errors
    /// [`IllegalTransition`] where it cannot be.
    pub(super) fn hears(self, said: Said) -> Result<Self, IllegalTransition> {
        let told = said.state();
        match (self, said) {
            // A reversal is the last word: what was credited is never credited
            // again under the same id.
            (Self::Reversed, _) | (_, Said::Reversed) => Ok(Self::Reversed),
            (Self::Completed, Said::Failed | Said::Cancelled) => {
                Err(IllegalTransition::Contradiction { now: self, said: told.word() })
            }
            (Self::Completed, _) => Ok(self),
            // A payment that came late wins over giving up.
            (Self::Failed | Self::Cancelled, Said::Processing | Said::Completed) => Ok(told),
            (Self::Failed | Self::Cancelled, _) => Ok(self),
            (Self::Processing, Said::AwaitingPayment) => Ok(self),
            (
                Self::Created
                | Self::Submitted
                | Self::Unknown
                | Self::AwaitingPayment
                | Self::Processing,
                _,
            ) => Ok(told),
        }
    }

    fn sending(self) -> Result<Self, IllegalTransition> {
        match self {
            Self::Created => Ok(Self::Submitted),
            // Sent again before anything is definite, it is no better known.
            Self::Submitted | Self::Unknown | Self::AwaitingPayment | Self::Processing => Ok(self),
            Self::Completed | Self::Failed | Self::Cancelled | Self::Reversed => {
                Err(IllegalTransition::Ended(self))
            }
        }
    }

    fn cancel_asked(self) -> Result<Self, IllegalTransition> {
        match self {
            Self::Created => Ok(Self::Cancelled),
            // From here on only the backend can cancel it.
            Self::Submitted | Self::Unknown | Self::AwaitingPayment => Ok(self),
            Self::Processing => Err(IllegalTransition::Paid),
            Self::Completed | Self::Failed | Self::Cancelled | Self::Reversed => {
                Err(IllegalTransition::Ended(self))
            }
        }
    }

    /// Nothing was charged, and nothing will be. That cannot be true of what the
    /// backend knew before.
    fn ends_unpaid(self, end: Self, said: &'static str) -> Result<Self, IllegalTransition> {
        match self {
            Self::Submitted | Self::Unknown => Ok(end),
            Self::Failed | Self::Cancelled => Ok(self),
            Self::Created
            | Self::AwaitingPayment
            | Self::Processing
            | Self::Completed
            | Self::Reversed => Err(IllegalTransition::Contradiction { now: self, said }),
        }
    }
}

impl Said {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::AwaitingPayment,
        Self::Processing,
        Self::Completed,
        Self::Failed,
        Self::Cancelled,
        Self::Reversed,
    ];

    /// The state that it names; its word is the one of the contract.
    #[must_use]
    pub fn state(self) -> State {
        match self {
            Self::AwaitingPayment => State::AwaitingPayment,
            Self::Processing => State::Processing,
            Self::Completed => State::Completed,
            Self::Failed => State::Failed,
            Self::Cancelled => State::Cancelled,
            Self::Reversed => State::Reversed,
        }
    }

    /// What the contract's word names.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|said| said.state().word() == word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One line a state, one column a happening or a word of the backend. `.`
    /// stays; `!` is refused.
    const TABLE: &str = "
        state             send fail? refuse| never cancel? late  forgot| await  process complete fail   cancel reverse
        created           sub  !     !     | !     can     fail  !     | await  proc    comp     fail   can    rev
        submitted         .    unk   fail  | can   .       .     unk   | await  proc    comp     fail   can    rev
        unknown           .    .     fail  | can   .       .     .     | await  proc    comp     fail   can    rev
        awaiting_payment  .    .     !     | !     .       .     .     | .      proc    comp     fail   can    rev
        processing        .    .     !     | !     !       .     .     | .      .       comp     fail   can    rev
        completed         !    .     !     | !     !       .     .     | .      .       .        !      !      rev
        failed            !    .     .     | .     !       .     .     | .      proc    comp     .      .      rev
        cancelled         !    .     .     | .     !       .     .     | .      proc    comp     .      .      rev
        reversed          !    .     !     | !     !       .     .     | .      .       .        .      .      .
    ";

    #[derive(Clone, Copy, Debug)]
    enum Column {
        Here(Happening),
        There(Said),
    }

    impl Column {
        fn lead(self, from: State, sent: bool) -> Result<State, IllegalTransition> {
            match self {
                Self::Here(happening) => from.after(happening, sent),
                Self::There(said) => from.hears(said),
            }
        }
    }

    const COLUMNS: [Column; 13] = [
        Column::Here(Happening::Sending),
        Column::Here(Happening::NoAnswer),
        Column::Here(Happening::Refused),
        Column::Here(Happening::NeverSeen),
        Column::Here(Happening::CancelAsked),
        Column::Here(Happening::DeadlinePassed),
        Column::Here(Happening::KeyForgotten),
        Column::There(Said::AwaitingPayment),
        Column::There(Said::Processing),
        Column::There(Said::Completed),
        Column::There(Said::Failed),
        Column::There(Said::Cancelled),
        Column::There(Said::Reversed),
    ];

    #[test]
    fn every_happening_in_every_state_does_what_the_table_says() {
        let rows: Vec<Vec<&str>> = TABLE
            .lines()
            .map(|line| line.split([' ', '|']).filter(|word| !word.is_empty()).collect())
            .filter(|row: &Vec<&str>| !row.is_empty())
            .skip(1)
            .collect();
        assert_eq!(rows.len(), State::ALL.len());
        for (row, state) in rows.iter().zip(State::ALL) {
            assert_eq!((row[0], row.len()), (state.word(), 1 + COLUMNS.len()));
            for (cell, happening) in row[1..].iter().zip(COLUMNS) {
                let after = happening.lead(state, state != State::Created);
                match (*cell, after) {
                    ("!", Err(_)) => {}
                    (".", Ok(after)) => assert_eq!(after, state, "{state:?} {happening:?}"),
                    (word, Ok(after)) => assert!(
                        after != state && after.word().starts_with(word),
                        "{state:?} {happening:?}: {after:?}, not {word}"
                    ),
                    (word, Err(e)) => panic!("{state:?} {happening:?}: {e}, not {word}"),
                }
            }
        }
    }

    /// An answer to what was never sent is no answer to it.
    #[test]
    fn what_was_never_sent_is_not_answered() {
        for state in [State::Created, State::Failed, State::Cancelled] {
            for happening in [
                Happening::NoAnswer,
                Happening::Refused,
                Happening::NeverSeen,
                Happening::KeyForgotten,
            ] {
                let after = state.after(happening, false);
                assert_eq!(after, Err(IllegalTransition::NeverSent), "{state:?} {happening:?}");
            }
        }
    }

    /// Whatever happens in whatever order, data is credited at most once, and
    /// what was reversed stays so.
    #[test]
    fn no_sequence_credits_twice() {
        let mut reached = vec![(State::Created, false, 0_u8)];
        let mut seen = std::collections::HashSet::new();
        while let Some((state, sent, credits)) = reached.pop() {
            if !seen.insert((state, sent, credits)) {
                continue;
            }
            assert!(credits <= 1, "{state:?} was credited twice");
            for happening in COLUMNS {
                let Ok(after) = happening.lead(state, sent) else { continue };
                let credited = after == State::Completed && state != State::Completed;
                let sent = sent
                    || matches!(happening, Column::Here(Happening::Sending) | Column::There(_));
                reached.push((after, sent, credits + u8::from(credited)));
            }
        }
        for state in State::ALL {
            assert!(seen.iter().any(|(one, _, _)| *one == state), "{state:?} is never reached");
        }
    }

    #[test]
    fn words_name_states_and_back() {
        for state in State::ALL {
            assert_eq!(State::from_word(state.word()), Some(state));
        }
        for said in Said::ALL {
            assert_eq!(Said::from_word(said.state().word()), Some(said));
        }
        assert_eq!(Said::from_word("unknown"), None, "the backend never says unknown");
    }
}
