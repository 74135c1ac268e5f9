//! What is asked next: a plan is a list of steps, made whenever there is
//! something to do and dropped when something goes wrong.

use super::clients::Seat;
use super::dialogue::{QmiDialogue, Way};
use crate::domain::time::BootMs;
use crate::proto::qmi::wds::Family;
use crate::proto::qmi::{Request, ctl, dms, nas, uim, wds};

/// Both families.
pub(super) const FAMILIES: [Family; 2] = [Family::V4, Family::V6];

/// How often the registration is asked for, ms; changes are heard at once.
pub(super) const REGISTRATION_EVERY_MS: u64 = 15 * 60 * 1_000;
/// How often the time is asked for, ms.
pub(super) const TIME_EVERY_MS: u64 = 6 * 60 * 60 * 1_000;

/// One step of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Let the proxy open the device.
    ProxyOpen,
    /// Which services there are: does the modem answer at all?
    Versions,
    /// Give a client id back, if there is one left over.
    Release,
    /// Take a client id.
    Allocate(Seat),
    /// Let the data service's client speak for a family.
    SetFamily(Family),
    /// A text about the device.
    Name(Name),
    /// Its serial numbers.
    Ids,
    /// Be told of changes of the registration.
    Register,
    /// Is there a session? From then on its changes are told.
    Status(Family),
    /// Be told what was moved, now and then.
    EventReport(Family),
    /// Everything above was asked.
    Prepared,
    /// The SIM's number, as the device tells it.
    Iccid,
    /// The SIM's number, from its file.
    IccidFile,
    /// The subscriber's number.
    Imsi,
    /// Say who the modem is.
    Conclude {
        /// Whether the SIM was looked at in this plan.
        looked: bool,
    },
    /// What was moved.
    Statistics(Family),
    /// Say it.
    Tell,
    /// Where the modem is registered.
    ServingSystem,
    /// The network's time, as the device keeps it.
    Time,
    /// Wait, ms.
    Pause(u64),
}

/// What is asked once about the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Name {
    Manufacturer,
    Model,
    Revision,
}

impl Name {
    pub(super) const ALL: [Self; 3] = [Self::Manufacturer, Self::Model, Self::Revision];

    fn id(self) -> u16 {
        match self {
            Self::Manufacturer => dms::MANUFACTURER,
            Self::Model => dms::MODEL,
            Self::Revision => dms::REVISION,
        }
    }
}

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asker {
    /// Control has no clients.
    Control,
    /// A client.
    Of(Seat),
}

impl Step {
    /// Whether the dialogue can do without its answer.
    pub(super) fn is_optional(self) -> bool {
        match self {
            Self::ProxyOpen
            | Self::Versions
            // Both families, or half of the bytes would be missing without a word.
            | Self::Allocate(Seat::Data(_))
            | Self::SetFamily(_)
            | Self::Status(_)
            // Whose bytes they are must be known.
            | Self::Iccid
            | Self::IccidFile
            | Self::Prepared
            | Self::Conclude { .. }
            | Self::Statistics(_)
            | Self::Tell
            | Self::Pause(_) => false,
            Self::Release
            | Self::Allocate(_)
            | Self::Name(_)
            | Self::Ids
            | Self::Register
            | Self::EventReport(_)
            | Self::Imsi
            | Self::ServingSystem
            | Self::Time => true,
        }
    }
}

impl QmiDialogue {
    /// The question of a step, with who asks it; `None`: it is no question.
    pub(super) fn question(&mut self, step: Step) -> Option<(Asker, Request)> {
        let control = |request| Some((Asker::Control, request));
        let of = |seat, request| Some((Asker::Of(seat), request));
        match step {
            Step::ProxyOpen => match &self.way {
                Way::Proxy(path) => control(ctl::proxy_open(path)),
                Way::Device => None,
            },
            Step::Versions => control(ctl::version_info()),
            Step::Release => {
                let client = self.clients.next_left_over()?;
                control(ctl::release_client(client))
            }
            Step::Allocate(seat) => control(ctl::allocate_client(seat.service())),
            Step::SetFamily(family) => of(Seat::Data(family), wds::set_ip_family(family)),
            Step::Name(name) => of(Seat::Device, dms::ask(name.id())),
            Step::Ids => of(Seat::Device, dms::ask(dms::IDS)),
            Step::Register => of(Seat::Network, nas::register_indications()),
            Step::Status(family) => of(Seat::Data(family), wds::packet_service_status()),
            Step::EventReport(family) => {
                of(Seat::Data(family), wds::event_report(self.settings.report_s))
            }
            Step::Iccid => of(Seat::Device, dms::ask(dms::ICCID)),
            Step::IccidFile => of(Seat::Card, uim::read_iccid_file()),
            Step::Imsi => of(Seat::Device, dms::ask(dms::IMSI)),
            Step::Statistics(family) => of(Seat::Data(family), wds::packet_statistics()),
            Step::ServingSystem => of(Seat::Network, nas::serving_system()),
            Step::Time => of(Seat::Device, dms::ask(dms::TIME)),
            Step::Prepared | Step::Conclude { .. } | Step::Tell | Step::Pause(_) => None,
        }
    }

    /// A plan of everything that is due.
    pub(super) fn make_plan(&mut self, now_ms: BootMs) {
        self.plan.clear();
        if self.stopping {
            self.clients.leave();
            self.plan.push_back(Step::Release);
            return;
        }
        if !self.prepared {
            self.plan_to_prepare();
        }
        // A session that has ended is closed first: its bytes are those of the SIM
        // that was in, whichever comes next.
        let closing = self.prepared && self.closing;
        if closing {
            self.plan.extend(FAMILIES.map(Step::Statistics));
            self.plan.push_back(Step::Tell);
        }
        let looked = self.subscriber.is_due(now_ms);
        if looked {
            self.subscriber.begin();
            self.plan.extend([Step::Iccid, Step::Imsi]);
        }
        self.plan.push_back(Step::Conclude { looked });
        if self.wanted && !closing {
            self.plan.extend(FAMILIES.map(Step::Statistics));
            self.plan.push_back(Step::Tell);
        }
        if now_ms >= self.registration_due_ms {
            self.registration_due_ms = now_ms.saturating_add(REGISTRATION_EVERY_MS);
            self.plan.push_back(Step::ServingSystem);
        }
        if now_ms >= self.time_due_ms {
            self.time_due_ms = now_ms.saturating_add(TIME_EVERY_MS);
            self.plan.push_back(Step::Time);
        }
    }

    fn plan_to_prepare(&mut self) {
        if matches!(self.way, Way::Proxy(_)) && !self.proxy_opened {
            self.plan.push_back(Step::ProxyOpen);
        }
        self.plan.extend([Step::Versions, Step::Release]);
        for seat in Seat::ALL {
            if self.clients.id(seat).is_none() {
                self.plan.push_back(Step::Allocate(seat));
            }
            // Also where the client is held: whether it was told is not known.
            if let Seat::Data(family) = seat {
                self.plan.push_back(Step::SetFamily(family));
            }
        }
        self.plan.extend(Name::ALL.map(Step::Name));
        self.plan.extend([Step::Ids, Step::Register]);
        self.plan.extend(FAMILIES.map(Step::Status));
        self.plan.extend(FAMILIES.map(Step::EventReport));
        self.plan.push_back(Step::Prepared);
    }
}
