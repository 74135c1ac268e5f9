//! Owns the faults that wait for their request, and the silence.

use std::collections::VecDeque;

/// Which request a fault waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aim {
    /// The next one of any kind.
    Any,
    /// The next one for packet statistics.
    Statistics,
}

/// What befalls an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It comes twice.
    Duplicate,
    /// It comes so many milliseconds late.
    Late(u64),
    /// It names a transaction that is not the request's.
    WrongTransaction,
    /// It is this error.
    Error(u16),
}

/// How long the modem stays silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Silence {
    /// Not at all.
    Off,
    /// Until it is told to speak; says nothing unasked either.
    On,
    /// For so many requests.
    Requests(u64),
}

/// What is in store.
#[derive(Clone, Debug)]
pub(crate) struct Faults {
    waiting: VecDeque<(Aim, Fault)>,
    pub(crate) silence: Silence,
    /// Statistics come without their byte counts.
    pub(crate) missing_bytes: bool,
    /// The device service does not tell the card's number.
    pub(crate) no_dms_iccid: bool,
    /// Neither a card service nor data administration, as old modems.
    pub(crate) few_services: bool,
}

impl Default for Faults {
    fn default() -> Faults {
        Faults {
            waiting: VecDeque::new(),
            silence: Silence::Off,
            missing_bytes: false,
            no_dms_iccid: false,
            few_services: false,
        }
    }
}

impl Faults {
    pub(crate) fn add(&mut self, aim: Aim, fault: Fault) {
        self.waiting.push_back((aim, fault));
    }

    /// The first fault that waits for such a request.
    pub(crate) fn take(&mut self, statistics: bool) -> Option<Fault> {
        let index = self.waiting.iter().position(|(aim, _)| *aim == Aim::Any || statistics)?;
        self.waiting.remove(index).map(|(_, fault)| fault)
    }

    /// Whether this request is left unanswered.
    pub(crate) fn swallows(&mut self) -> bool {
        match self.silence {
            Silence::Off => false,
            Silence::On => true,
            Silence::Requests(0 | 1) => {
                self.silence = Silence::Off;
                true
            }
            Silence::Requests(left) => {
                self.silence = Silence::Requests(left - 1);
                true
            }
        }
    }
}
