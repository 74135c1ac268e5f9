//! What is asked next: a plan is a list of steps, made whenever there is
//! something to do and dropped when something goes wrong.

use super::commands;
use super::dialect::Dialect;
use super::dialogue::AtDialogue;
use crate::domain::time::BootMs;
use crate::proto::at::Command;

/// One step of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// `AT`, to see whether the modem answers and to come into step with it.
    Attention,
    /// A setting of the port; whether the modem knows it does not matter.
    Setting(Command),
    /// Is this the run of the modem in which it was told to report changes?
    RunMark,
    /// Mark this run of the modem.
    MarkRun,
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
            | Self::RunMark
            | Self::MarkRun
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

impl AtDialogue {
    /// A plan of everything that is due.
    pub(super) fn make_plan(&mut self, now_ms: BootMs) {
        self.plan.clear();
        self.probing.tried = false;
        if self.out_of_step {
            self.plan.push_back(Step::Attention);
        }
        let searched = self.dialect.is_none() && now_ms >= self.probing.due_ms;
        if !self.run.is_prepared() && (self.dialect.is_some() || searched) {
            self.plan.push_back(Step::Setting(commands::ECHO_OFF));
            self.plan.push_back(Step::Setting(commands::ERRORS_AS_NUMBERS));
            self.plan.extend(Name::ALL.map(|name| Step::Name { name, again: false }));
            self.plan.push_back(Step::RunMark);
            self.plan.extend(commands::REPORTS_ON.map(Step::Setting));
            self.plan.push_back(Step::Prepared);
        }
        let looked = self.subscriber.is_due(now_ms);
        if looked {
            self.subscriber.begin();
            self.plan.extend([Step::SimState { busy: 0 }, Step::Iccid { rank: 0 }, Step::Imsi]);
        }
        if searched {
            self.plan.push_back(Step::ChooseCounter);
        }
        self.plan.push_back(Step::Conclude { looked });
        if self.wanted {
            self.plan.push_back(Step::Counter);
        }
        if self.network.registration_due(now_ms) {
            self.network.registration_asked(now_ms);
            self.plan
                .extend(commands::REGISTRATION.map(|(_, command)| Step::Registration(command)));
        }
        if self.network.clock_due(now_ms) {
            let quectel = self
                .manufacturer
                .as_ref()
                .is_some_and(|maker| maker.to_ascii_lowercase().contains("quectel"));
            let command = if quectel { commands::CLOCK_QUECTEL } else { commands::CLOCK };
            self.network.clock_begins();
            self.plan.push_back(Step::Clock(command));
        }
    }
}
