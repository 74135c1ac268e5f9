//! What the answer to each step means.

use super::commands;
use super::dialect::{Dialect, FiguresError};
use super::dialogue::{AtDialogue, COUNTER_FAILURES_MAX, Phase};
use super::exchange::Reply;
use super::network::ClockAnswer;
use super::plan::{Name, Step};
use super::track::Observed;
use crate::domain::counter::Evidence;
use crate::domain::reading::Reading;
use crate::domain::report::{FaultKind, Identity, Report};
use crate::domain::sim::Iccid;
use crate::domain::time::BootMs;
use crate::modem::subscriber::Next;
use crate::proto::at::pin::{Pin, cpin};
use crate::proto::at::registration::reports_are_on;
use crate::proto::at::{EquipmentError, Final, identity};

/// Between two tries for a SIM that is being started, ms.
const SIM_PAUSE_MS: u64 = 1_000;
/// How many times a SIM may be busy before it counts as not there.
const SIM_BUSY_MAX: u32 = 3;
/// After a search for a counter that found none, the next one comes after this,
/// ms, doubled up to [`PROBE_AGAIN_MS_MAX`].
const PROBE_AGAIN_MS_MIN: u64 = 60 * 1_000;
const PROBE_AGAIN_MS_MAX: u64 = 60 * 60 * 1_000;

/// What an answer to `AT+CPIN?` says about the card.
enum Card {
    Usable,
    Starting,
    Absent,
    /// The modem does not know the command: the card's number will tell.
    Unsaid,
}

impl AtDialogue {
    /// The step in flight was answered.
    pub(super) fn answered(&mut self, now_ms: BootMs, step: Step, reply: &Reply) {
        match step {
            Step::Attention => return self.in_step(now_ms),
            Step::RunMark => {
                let told = reply.lines.iter().find_map(|line| reports_are_on(line));
                if reply.is_ok()
                    && let Some(is_set) = told
                    && self.run.mark_answered(is_set)
                {
                    self.hint(Evidence::MayHaveRestarted);
                }
            }
            Step::MarkRun => self.run.mark_sent(reply.is_ok()),
            Step::Name { name, again: false } if reply.strays > 0 => {
                self.plan.push_front(Step::Name { name, again: true });
            }
            Step::Name { name, .. } => self.name(name, reply),
            Step::SimState { busy } => match card(reply) {
                Card::Usable | Card::Unsaid => {}
                Card::Starting if busy < SIM_BUSY_MAX => {
                    self.plan.push_front(Step::SimState { busy: busy.saturating_add(1) });
                    self.plan.push_front(Step::Pause(SIM_PAUSE_MS));
                }
                Card::Starting | Card::Absent => return self.no_sim(),
            },
            Step::Iccid { rank } => self.iccid(rank, reply),
            Step::Imsi => {
                let imsi = sound_line(reply, |line| identity::imsi(line).ok());
                self.subscriber.subscription(imsi);
            }
            Step::Probe { dialect, again } => self.probed(dialect, again, reply),
            Step::Registration(_) => {
                self.network.registration_asked(now_ms);
                if reply.is_ok() && self.network.registration_lines(&reply.lines) {
                    // Registered here: the older networks need not be asked.
                    self.plan.retain(|step| !matches!(step, Step::Registration(_)));
                }
                let report = self.network.roaming_report();
                self.report(report);
            }
            Step::Counter => return self.counted(now_ms, reply),
            Step::Clock(commands::CLOCK_QUECTEL) if !reply.is_ok() => {
                self.plan.push_front(Step::Clock(commands::CLOCK));
            }
            Step::Clock(command) => {
                let lines = if reply.is_sound() { reply.lines.as_slice() } else { &[] };
                match self.network.clock_answer(now_ms, lines) {
                    ClockAnswer::Believed(report) => self.report(Some(report)),
                    ClockAnswer::AskAgain => self.plan.push_front(Step::Clock(command)),
                    ClockAnswer::Unknown => {}
                }
            }
            Step::Setting(_)
            | Step::Prepared
            | Step::ChooseCounter
            | Step::Conclude { .. }
            | Step::Pause(_) => {}
        }
        self.advance(now_ms);
    }

    /// A step whose command this modem never answers: as if it were refused.
    pub(super) fn unanswered_step(&mut self, now_ms: BootMs, step: Step) {
        match step {
            Step::Iccid { rank } => self.plan.push_front(Step::Iccid { rank: rank + 1 }),
            Step::Imsi => self.subscriber.subscription(None),
            Step::Clock(commands::CLOCK_QUECTEL) => {
                self.plan.push_front(Step::Clock(commands::CLOCK));
            }
            Step::Clock(_) => {
                let _ = self.network.clock_answer(now_ms, &[]);
            }
            Step::Attention
            | Step::Setting(_)
            | Step::RunMark
            | Step::MarkRun
            | Step::Name { .. }
            | Step::Prepared
            | Step::SimState { .. }
            | Step::ChooseCounter
            | Step::Probe { .. }
            | Step::Conclude { .. }
            | Step::Registration(_)
            | Step::Counter
            | Step::Pause(_) => {}
        }
    }

    /// Says that there is no SIM, once.
    pub(super) fn say_no_sim(&mut self) {
        self.identity_said = None;
        if !self.no_sim_said {
            self.no_sim_said = true;
            self.report(Some(Report::NoSim));
        }
    }

    /// Puts the counters to be tried in front of the plan.
    pub(super) fn choose_counter(&mut self) {
        self.probing.tried = true;
        self.probing.unsure = None;
        let order = match self.settings.counter {
            Some(only) => vec![only],
            None => Dialect::order(self.manufacturer.as_deref(), self.model.as_deref()),
        };
        for dialect in order.into_iter().rev() {
            self.plan.push_front(Step::Probe { dialect, again: false });
        }
    }

    /// All is asked: says who the modem is. False when the plan ended here.
    pub(super) fn conclude(&mut self, now_ms: BootMs, looked: bool) -> bool {
        if looked {
            self.subscriber.concluded(now_ms);
        }
        if self.subscriber.is_doubtful() {
            self.make_plan(now_ms);
            return true;
        }
        self.no_sim_said = false;
        let identity = self.identity();
        if self.identity_said.as_ref() != Some(&identity) {
            self.identity_said = Some(identity.clone());
            self.report(Some(Report::Identified(identity)));
        }
        if self.dialect.is_some() {
            return true;
        }
        if let Some(why) = self.probing.unsure.take() {
            self.fail(now_ms, FaultKind::Garbled, why);
            return false;
        }
        if std::mem::take(&mut self.probing.tried) {
            let doublings = self.probing.in_vain.min(6);
            self.probing.in_vain = self.probing.in_vain.saturating_add(1);
            let again_ms = (PROBE_AGAIN_MS_MIN << doublings).min(PROBE_AGAIN_MS_MAX);
            self.probing.due_ms = now_ms.saturating_add(again_ms);
            self.search_in_vain();
        }
        let report = self.health.no_counter(self.no_counter_detail());
        self.report(report);
        true
    }

    /// No command of this round gave the card's number.
    pub(super) fn no_number(&mut self) {
        let next = self.subscriber.no_number();
        self.after_number(0, next);
    }

    /// A reading failed; after some the counters are tried anew.
    pub(super) fn counter_failed(&mut self) {
        self.counter_failures = self.counter_failures.saturating_add(1);
        if self.counter_failures >= COUNTER_FAILURES_MAX {
            self.counter_failures = 0;
            self.run.prepare_again();
            self.dialect = None;
            self.probing.due_ms = 0;
        }
    }

    fn name(&mut self, name: Name, reply: &Reply) {
        let text = |prefix| sound_line(reply, |line| identity::name(line, &[prefix]).ok());
        match name {
            Name::Manufacturer => self.manufacturer = text("+CGMI:"),
            Name::Model => self.model = text("+CGMM:"),
            Name::Revision => self.revision = text("+CGMR:"),
            Name::Imei => self.imei = sound_line(reply, |line| identity::imei(line).ok()),
        }
    }

    fn no_sim(&mut self) {
        self.subscriber.hint();
        self.say_no_sim();
        // Without a card nothing is moved, and nothing could be booked: the next
        // request looks again.
        self.wanted = false;
        self.plan.clear();
        self.phase = Phase::Idle;
        let report = self.health.success();
        self.report(report);
    }

    fn iccid(&mut self, rank: usize, reply: &Reply) {
        let read = sound_line(reply, |line| Iccid::parse(&identity::iccid(line).ok()?).ok());
        let Some(read) = read else {
            self.plan.push_front(Step::Iccid { rank: rank + 1 });
            return;
        };
        if rank < self.iccid_commands.len() {
            let works = self.iccid_commands.remove(rank);
            self.iccid_commands.insert(0, works);
        }
        let next = self.subscriber.number(read);
        self.after_number(0, next);
    }

    fn after_number(&mut self, rank: usize, next: Next) {
        match next {
            Next::Settled => {}
            Next::Confirm => self.plan.push_front(Step::Iccid { rank }),
            Next::Again => {
                self.plan.push_front(Step::Iccid { rank });
                self.plan.push_front(Step::Pause(SIM_PAUSE_MS));
            }
        }
    }

    fn probed(&mut self, dialect: Dialect, again: bool, reply: &Reply) {
        let text = dialect.command().text;
        let why = match &reply.result {
            Final::Ok if reply.strays > 0 => "a broken answer".to_owned(),
            Final::Ok => match dialect.read(&reply.lines, self.settings.columns) {
                Ok(_) => return self.chosen(dialect),
                // `OK` and nothing else is how some modems refuse what they do
                // not know, and how the right ones say that no context is up.
                Err(FiguresError::Empty) if !self.is_makers_own(dialect) => return,
                Err(FiguresError::Empty) if dialect.is_by_context() => {
                    return self.chosen(dialect);
                }
                Err(error) => error.to_string(),
            },
            Final::Equipment(error) if error.is_about_the_sim() => error.to_string(),
            Final::Error
            | Final::Equipment(_)
            | Final::Message(_)
            | Final::NoCall(_)
            | Final::NotSupported => return,
        };
        if again {
            self.probing.unsure = Some(format!("{text}: {why}"));
        } else {
            self.plan.push_front(Step::Probe { dialect, again: true });
        }
    }

    fn chosen(&mut self, dialect: Dialect) {
        self.plan.retain(|step| !matches!(step, Step::Probe { .. }));
        if self.dialect != Some(dialect) {
            self.track.forget();
        }
        self.dialect = Some(dialect);
        self.probing.in_vain = 0;
    }

    fn is_makers_own(&self, dialect: Dialect) -> bool {
        let likely = Dialect::likely(self.manufacturer.as_deref(), self.model.as_deref());
        self.settings.counter == Some(dialect) || likely.contains(&dialect)
    }

    fn counted(&mut self, now_ms: BootMs, reply: &Reply) {
        let Some(dialect) = self.dialect else { return self.advance(now_ms) };
        let text = dialect.command().text;
        if self.subscriber.is_doubtful() {
            // The card may have changed while the answer was under way: the
            // figure is dropped, who it is comes first.
            return self.begin(now_ms);
        }
        if !reply.is_sound() {
            if let Final::Equipment(error) = &reply.result
                && error.is_about_the_sim()
            {
                self.subscriber.hint();
            }
            let what =
                if reply.is_ok() { "a broken answer".to_owned() } else { reply.result.to_string() };
            return self.unreadable(now_ms, format!("{text} was answered by {what}"));
        }
        let figures = match dialect.read(&reply.lines, self.settings.columns) {
            Ok(figures) => figures,
            Err(FiguresError::Empty) if dialect.is_by_context() => {
                // No data context is up: there is nothing to read, and it is no
                // fault. A zero here would count everything again afterwards.
                self.wanted = false;
                return self.advance(now_ms);
            }
            Err(error) => {
                return self.unreadable(now_ms, format!("{text} was answered by {error}"));
            }
        };
        match self.track.take(now_ms, dialect, self.technology(), figures) {
            Observed::Sample(sample) => {
                self.wanted = false;
                self.counter_failures = 0;
                self.run.reading_given();
                let recovered = self.health.success();
                self.report(recovered);
                self.report(Some(Report::Reading(Reading::over_a_line(sample))));
                if self.run.mark_is_due() {
                    self.plan.push_back(Step::MarkRun);
                }
            }
            Observed::Doubted => self.plan.push_front(Step::Counter),
            Observed::Contradictory => {
                return self.unreadable(now_ms, format!("{text} answers contradict each other"));
            }
        }
        self.advance(now_ms);
    }

    fn unreadable(&mut self, now_ms: BootMs, detail: String) {
        self.counter_failed();
        self.fail(now_ms, FaultKind::Garbled, detail);
    }

    fn identity(&self) -> Identity {
        Identity {
            manufacturer: self.manufacturer.clone(),
            model: self.model.clone(),
            revision: self.revision.clone(),
            imei: self.imei.clone(),
            imsi: self.subscriber.imsi().map(str::to_owned),
            iccid: self.subscriber.iccid().cloned(),
            counter: self.dialect.map(|dialect| dialect.command().text.to_owned()),
        }
    }

    fn no_counter_detail(&self) -> String {
        let modem = [&self.manufacturer, &self.model]
            .into_iter()
            .flatten()
            .map(String::as_str)
            .collect::<Vec<_>>()
            .join(" ");
        let modem = if modem.is_empty() { "the modem".to_owned() } else { modem };
        let tried = match self.settings.counter {
            Some(only) => format!("does not answer {}", only.command().text),
            None => {
                let all: Vec<_> = Dialect::ALL.iter().map(|d| d.command().text).collect();
                format!("answers none of {}", all.join(", "))
            }
        };
        format!(
            "{modem} {tried}: set source = \"netdev\" with the modem's interface, or \"qmi\" or \
             \"modemmanager\", in [modem]"
        )
    }
}

/// The first line of a sound answer that can be read.
fn sound_line<T>(reply: &Reply, read: impl Fn(&str) -> Option<T>) -> Option<T> {
    if !reply.is_sound() {
        return None;
    }
    reply.lines.iter().find_map(|line| read(line))
}

fn card(reply: &Reply) -> Card {
    match &reply.result {
        Final::Ok => match reply.lines.iter().find_map(|line| cpin(line).ok()) {
            Some(Pin::Ready) => Card::Usable,
            Some(Pin::NotReady) => Card::Starting,
            Some(Pin::NotInserted | Pin::Locked) => Card::Absent,
            None => Card::Unsaid,
        },
        Final::Equipment(error) if error.is_about_the_sim() => {
            let busy = match error {
                EquipmentError::Code(code) => *code == 14,
                EquipmentError::Text(text) => text.to_ascii_lowercase().contains("busy"),
            };
            if busy { Card::Starting } else { Card::Absent }
        }
        Final::Error
        | Final::Equipment(_)
        | Final::Message(_)
        | Final::NoCall(_)
        | Final::NotSupported => Card::Unsaid,
    }
}
