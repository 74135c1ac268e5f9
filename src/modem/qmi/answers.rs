//! What the answer to each step means.

use super::clients::Seat;
use super::dialogue::{Phase, QmiDialogue, Way};
use super::plan::{FAMILIES, Name, Step};
use super::session::Taken;
use crate::domain::report::{FaultKind, Identity, Report};
use crate::domain::sim::Iccid;
use crate::domain::time::BootMs;
use crate::modem::subscriber::Next;
use crate::proto::qmi::wds::Family;
use crate::proto::qmi::{AnswerError, Message, Refusal, ctl, dms, nas, uim, wds};

/// The pause before a SIM that gave no number is asked again, ms.
const SIM_PAUSE_MS: u64 = 2_000;

/// The counter, for people.
const COUNTER: &str = "QMI WDS Get Packet Statistics";

impl QmiDialogue {
    pub(super) fn answered(&mut self, now_ms: BootMs, step: Step, answer: &Message) {
        if answer.result() == Err(AnswerError::Refused(Refusal::INVALID_CLIENT_ID))
            && step != Step::Release
        {
            let service = answer.service.name();
            let how = format!("{service} refuses the client id {} (7)", answer.client);
            return self.clients_are_gone(now_ms, None, &how);
        }
        match step {
            Step::ProxyOpen => match answer.result() {
                Ok(()) => self.proxy_opened = true,
                Err(error) => {
                    let detail = format!("qmi-proxy does not open the device: {error}");
                    return self.fail(now_ms, FaultKind::Denied, detail);
                }
            },
            Step::Versions => {
                let services = Self::told(ctl::read_version_info(answer));
                self.services = services.map(|all| all.iter().map(|one| one.service).collect());
            }
            Step::Release => {
                if self.clients.has_left_over() {
                    self.plan.push_front(Step::Release);
                }
            }
            Step::Allocate(seat) => match ctl::read_client(answer) {
                Ok(client) => self.clients.take(seat, client.id),
                Err(error) if matches!(seat, Seat::Data(_)) => {
                    return self.no_client(now_ms, &error);
                }
                Err(_) => {}
            },
            Step::SetFamily(family) => {
                if let Err(error) = self.family_set(family, answer) {
                    let detail =
                        format!("the data service refuses to speak for {}: {error}", family.name());
                    return self.fail(now_ms, FaultKind::Garbled, detail);
                }
            }
            Step::Name(name) => self.named(name, answer),
            Step::Ids => self.imei = Self::told(dms::read_ids(answer)).and_then(|ids| ids.imei),
            Step::Register | Step::EventReport(_) => {}
            Step::Status(family) => {
                if let Ok(connection) = wds::read_packet_service_status(answer) {
                    self.session(family, |session| session.status(connection));
                }
            }
            Step::Iccid => match dms::read_text(answer) {
                Err(AnswerError::Refused(refusal)) if is_no_sim(refusal) => {
                    return self.no_sim(now_ms);
                }
                read => self.number(read.ok(), step),
            },
            Step::IccidFile => match uim::read_iccid(answer) {
                Err(AnswerError::Refused(refusal)) if is_no_sim(refusal) => {
                    return self.no_sim(now_ms);
                }
                read => self.number(read.ok(), step),
            },
            Step::Imsi => {
                let digits = |text: &String| text.bytes().all(|byte| byte.is_ascii_digit());
                self.subscriber.subscription(dms::read_text(answer).ok().filter(digits));
            }
            Step::Statistics(family) => {
                if !self.moved(now_ms, family, answer) {
                    return;
                }
            }
            Step::ServingSystem => {
                if let Ok(system) = nas::read_serving_system(answer) {
                    self.registered(&system);
                }
            }
            Step::Time => {
                let time = Self::told(dms::read_time(answer)).flatten();
                self.report(time.map(Report::NetworkTime));
            }
            Step::Prepared | Step::Conclude { .. } | Step::Tell | Step::Pause(_) => {}
        }
        self.advance(now_ms);
    }

    /// An answer that nothing waits for. A client id that was given too late is
    /// given back.
    pub(super) fn late(&mut self, message: &Message) {
        if message.id == ctl::ALLOCATE_CLIENT
            && self.abandoned.contains(&message.transaction)
            && let Ok(client) = ctl::read_client(message)
            && !self.clients.holds(client)
        {
            self.abandoned.retain(|transaction| *transaction != message.transaction);
            self.clients.leave_one(client);
        }
    }

    /// All is asked: says who the modem is.
    pub(super) fn conclude(&mut self, now_ms: BootMs, looked: bool) {
        if looked {
            self.subscriber.concluded(now_ms);
        }
        if self.subscriber.is_doubtful() {
            return self.make_plan(now_ms);
        }
        self.no_sim_said = false;
        let iccid = self.subscriber.iccid().cloned();
        let another = self.booked_on.as_ref().is_some_and(|before| *before != iccid);
        for session in self.sessions.values_mut() {
            session.sim_found_out(another);
        }
        self.booked_on = Some(iccid);
        let identity = Identity {
            manufacturer: self.name(Name::Manufacturer),
            model: self.name(Name::Model),
            revision: self.name(Name::Revision),
            imei: self.imei.clone(),
            imsi: self.subscriber.imsi().map(str::to_owned),
            iccid: self.subscriber.iccid().cloned(),
            counter: Some(self.counter()),
        };
        if self.identity_said.as_ref() != Some(&identity) {
            self.identity_said = Some(identity.clone());
            self.report([Report::Identified(identity)]);
        }
    }

    /// How the counter is read, for people.
    fn counter(&self) -> String {
        let way = match self.way {
            Way::Device => "",
            Way::Proxy(_) => ", through qmi-proxy",
        };
        let families = if self.is_read(Family::V6) {
            ""
        } else {
            "; the modem cannot tell IPv4 and IPv6 apart, and may count one of them alone"
        };
        format!("{COUNTER}{way}{families}")
    }

    /// Neither the device nor the file gave the SIM's number.
    pub(super) fn no_number(&mut self) {
        if self.subscriber.no_number() == Next::Again {
            self.plan.push_front(Step::Iccid);
            self.plan.push_front(Step::Pause(SIM_PAUSE_MS));
        }
    }

    /// Where the modem is registered.
    pub(super) fn registered(&mut self, system: &nas::ServingSystem) {
        let Some(roaming) = system.roaming.filter(|_| system.registered) else { return };
        if self.roaming_said != Some(roaming) {
            self.roaming_said = Some(roaming);
            self.report([Report::Roaming(roaming)]);
        }
    }

    fn no_client(&mut self, now_ms: BootMs, error: &AnswerError) {
        let detail = if *error == AnswerError::Refused(Refusal::CLIENT_IDS_EXHAUSTED) {
            "the modem has no client id left for the data service: programs that were killed have \
             kept theirs; restart the modem, and let them share it by qmi-proxy"
                .to_owned()
        } else {
            format!("the modem gives no client id of its data service: {error}")
        };
        self.fail(now_ms, FaultKind::Denied, detail);
    }

    /// A modem that knows no families has one session, and one client reads it.
    fn family_set(&mut self, family: Family, answer: &Message) -> Result<(), AnswerError> {
        match answer.result() {
            // It speaks for that family already.
            Ok(()) | Err(AnswerError::Refused(Refusal::NO_EFFECT)) => Ok(()),
            Err(AnswerError::Refused(Refusal::INVALID_COMMAND | Refusal::NOT_SUPPORTED)) => {
                if family == Family::V6 {
                    self.clients.vacate(Seat::Data(Family::V6));
                }
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    fn named(&mut self, name: Name, answer: &Message) {
        match dms::read_text(answer) {
            Ok(text) => self.names.insert(name, text),
            Err(_) => self.names.remove(&name),
        };
    }

    fn number(&mut self, read: Option<String>, step: Step) {
        let Some(iccid) = read.and_then(|text| Iccid::parse(&text).ok()) else {
            return self.without(step);
        };
        match self.subscriber.number(iccid) {
            Next::Settled => {}
            Next::Confirm => self.plan.push_front(step),
            Next::Again => {
                self.plan.push_front(step);
                self.plan.push_front(Step::Pause(SIM_PAUSE_MS));
            }
        }
    }

    fn no_sim(&mut self, now_ms: BootMs) {
        // The end of the old card's session can be read still, and not for long.
        if self.closing {
            self.closing = false;
            self.plan = FAMILIES.map(Step::Statistics).into();
            self.plan.extend([Step::Tell, Step::Iccid]);
            return self.advance(now_ms);
        }
        if !self.no_sim_said {
            self.no_sim_said = true;
            self.identity_said = None;
            self.report([Report::NoSim]);
        }
        // Without a card nothing is moved, and nothing could be booked: the next
        // request looks again.
        self.subscriber.hint();
        self.wanted = false;
        self.closing = false;
        self.plan.clear();
        self.phase = Phase::Idle;
        let recovered = self.health.success();
        self.report(recovered);
    }

    /// What a session has moved; false when the plan ended here.
    fn moved(&mut self, now_ms: BootMs, family: Family, answer: &Message) -> bool {
        let taken = match wds::read_packet_statistics(answer) {
            Ok(statistics) => self.session(family, |session| session.answered(statistics)),
            Err(AnswerError::Refused(
                refusal @ (Refusal::INVALID_COMMAND | Refusal::NOT_SUPPORTED),
            )) => {
                self.has_no_counter(&refusal.to_string());
                Some(Taken::NotAvailable)
            }
            Err(error) => {
                let detail = format!("the packet statistics of {} are {error}", family.name());
                self.fail(now_ms, FaultKind::Garbled, detail);
                return false;
            }
        };
        match taken {
            Some(Taken::Yes) | None => {}
            Some(Taken::AskAgain) => self.plan.push_front(Step::Statistics(family)),
            Some(Taken::NotAvailable) => {
                self.has_no_counter("an answer without bytes");
                // The other family would be half of the truth.
                self.plan.retain(|step| !matches!(step, Step::Statistics(_) | Step::Tell));
                self.wanted = false;
                self.closing = false;
            }
        }
        true
    }

    fn has_no_counter(&mut self, how: &str) {
        self.no_counter = true;
        let detail = format!(
            "the modem answers {COUNTER} with {how}: set source = \"netdev\" with the modem's \
             interface, or \"at\" or \"modemmanager\", in [modem]"
        );
        let report = self.health.no_counter(detail);
        self.report(report);
    }
}

/// Whether the modem says that there is no usable SIM.
fn is_no_sim(refusal: Refusal) -> bool {
    refusal == Refusal::UIM_UNINITIALIZED || refusal == Refusal::NO_SIM
}
