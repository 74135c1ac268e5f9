//! Owns what others ask of the running simulator, and who still waits for what.

use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

/// What the simulator's thread is asked.
pub(crate) enum Request<C, T> {
    Apply { command: C, background: bool, answer: Sender<Result<(), String>> },
    Truth(Sender<T>),
    Stop,
}

/// When a command is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Until {
    At(Instant),
    /// `left` more answers to queries numbered above `after`.
    Polls {
        after: u64,
        left: u64,
        asked: u64,
        within: Duration,
        deadline: Instant,
    },
    FlowEnds(u64),
    Powered,
    SessionUp,
    PortBack,
    Spoken,
}

/// Someone who waits for it.
pub(crate) struct Waiter {
    pub(crate) until: Until,
    pub(crate) answer: Sender<Result<(), String>>,
}

impl Until {
    /// What the waiter hears at the end: an error only where answers are missing.
    pub(crate) fn result(self) -> Result<(), String> {
        match self {
            Until::Polls { left, asked, within, .. } if left > 0 => {
                Err(format!("await polls: {} of {asked} answered within {within:?}", asked - left))
            }
            Until::Polls { .. }
            | Until::At(_)
            | Until::FlowEnds(_)
            | Until::Powered
            | Until::SessionUp
            | Until::PortBack
            | Until::Spoken => Ok(()),
        }
    }
}
