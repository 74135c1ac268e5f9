//! What is asked next: a plan is a list of steps, made whenever there is
//! something to do and dropped when something goes wrong.

use super::commands;
use super::dialect::Dialect;
use crate::proto::at::Command;

/// One step of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// `AT`, to see whether the modem answers and to come into step with it.
    Attention,
    /// A setting of the port; whether the modem knows it does not matter.
    Setting(Command),
    /// A name of the modem.
    Name {
        /// Which.
        name: Name,
        /// Whether it is asked for the second time, after a broken answer.
        again: bool,
    },
    /// Everything about the modem itself has been asked.
    Prepared,
    /// Is there a SIM?
    SimState {
        /// How many times it was busy.
        busy: u32,
    },
    /// The card's number, by the command of this rank.
    Iccid {
        /// Among the commands, the one that worked last first.
        rank: usize,
    },
    /// The subscription's number.
    Imsi,
    /// Put the counters to be tried in front of what follows.
    ChooseCounter,
    /// Does the modem have this counter?
    Probe {
        /// Which.
        dialect: Dialect,
        /// Whether it is asked for the second time, after a broken answer.
        again: bool,
    },
    /// Say who the modem is.
    Conclude {
        /// Whether the SIM was looked at in this plan.
        looked: bool,
    },
    /// Where the modem is registered.
    Registration(Command),
    /// The reading that was requested.
    Counter,
    /// The network's time.
    Clock(Command),
    /// Wait, ms.
    Pause(u64),
}

/// What is asked once about the modem itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Name {
    Manufacturer,
    Model,
    Revision,
    Imei,
}

impl Name {
    pub(super) const ALL: [Self; 4] = [Self::Manufacturer, Self::Model, Self::Revision, Self::Imei];

    pub(super) fn command(self) -> Command {
        match self {
            Self::Manufacturer => commands::MANUFACTURER,
            Self::Model => commands::MODEL,
            Self::Revision => commands::REVISION,
            Self::Imei => commands::IMEI,
        }
    }
}

impl Step {
    /// Whether the dialogue can do without its answer. A modem that never answers
    /// such a command is not asked it again.
    pub(super) fn is_optional(self) -> bool {
        match self {
            Self::Setting(_)
            | Self::Name { .. }
            | Self::SimState { .. }
            | Self::Iccid { .. }
            | Self::Imsi
            | Self::Probe { .. }
            | Self::Registration(_)
            | Self::Clock(_) => true,
            Self::Attention
            | Self::Prepared
            | Self::ChooseCounter
            | Self::Conclude { .. }
            | Self::Counter
            | Self::Pause(_) => false,
        }
    }
}
