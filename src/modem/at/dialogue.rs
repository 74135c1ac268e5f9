//! The dialogue itself: what comes in, what goes out, and in which phase it is.

use std::collections::{BTreeMap, VecDeque};

use super::commands;
use super::dialect::{Dialect, is_quectel_5g};
use super::exchange::{Exchange, QUIET_MS_MAX};
use super::network::Network;
use super::plan::Step;
use super::run::Run;
use super::track::Track;
use crate::domain::counter::Evidence;
use crate::domain::report::{FaultKind, Identity, Report};
use crate::domain::time::BootMs;
use crate::modem::dialogue::Dialogue;
use crate::modem::health::Health;
use crate::modem::link::Technology;
use crate::modem::outbox::Outbox;
use crate::modem::subscriber::Subscriber;
use crate::proto::at::Command;
use crate::proto::at::counters::Columns;

/// After so many unanswered attempts the port is opened anew.
const SILENT_ATTEMPTS_MAX: u32 = 4;
/// After so many times without an answer a command that can be done without is
/// not sent again for [`UNANSWERED_MS`]: each try costs seconds of silence.
const UNANSWERED_MAX: u32 = 2;
/// After that it is tried again, ms: it may only have been a bad line.
const UNANSWERED_MS: u64 = 10 * 60 * 1_000;
/// After so many readings in a row that failed, the counters are tried anew.
pub(super) const COUNTER_FAILURES_MAX: u32 = 5;

/// What the configuration says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AtSettings {
    /// In which order QGDCNT and QGDNRCNT print their columns.
    pub columns: Columns,
    /// The counter to use; `None`: try all and keep what answers.
    pub counter: Option<Dialect>,
}

/// Where the dialogue is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// There is no port.
    Closed,
    /// A command is in flight.
    Asking(Step),
    /// The modem answered `AT`; the line shall fall still.
    Settling { until_ms: BootMs, at_most_ms: BootMs },
    /// Nothing is done until then.
    Waiting { until_ms: BootMs },
    /// Nothing is to be done.
    Idle,
}

/// The dialogue with one modem.
#[derive(Debug)]
pub struct AtDialogue {
    pub(super) settings: AtSettings,
    pub(super) phase: Phase,
    pub(super) plan: VecDeque<Step>,
    pub(super) exchange: Exchange,
    pub(super) health: Health,
    pub(super) network: Network,
    pub(super) subscriber: Subscriber,
    pub(super) track: Track,
    /// A reading was requested and not yet given.
    pub(super) wanted: bool,
    /// An answer may still be under way: `AT` comes before everything else.
    pub(super) out_of_step: bool,
    pub(super) run: Run,
    pub(super) manufacturer: Option<String>,
    pub(super) model: Option<String>,
    pub(super) revision: Option<String>,
    pub(super) imei: Option<String>,
    /// The commands for the card's number, the one that worked last first.
    pub(super) iccid_commands: Vec<Command>,
    pub(super) dialect: Option<Dialect>,
    pub(super) probing: Probing,
    pub(super) counter_failures: u32,
    /// What was said last, so that it is said again only when it changed.
    pub(super) identity_said: Option<Identity>,
    pub(super) no_sim_said: bool,
    pub(super) silent_attempts: u32,
    pub(super) unanswered: BTreeMap<&'static str, Unanswered>,
    pub(super) outbox: Outbox,
}

/// A command that was not answered lately.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unanswered {
    times: u32,
    last_ms: BootMs,
}

/// How the search for a counter goes.
#[derive(Clone, Debug, Default)]
pub(super) struct Probing {
    /// The counters were tried in this plan.
    pub tried: bool,
    /// Some answer was neither a figure nor a refusal.
    pub unsure: Option<String>,
    /// Not to be tried again before this time.
    pub due_ms: BootMs,
    /// How many searches found nothing.
    pub in_vain: u32,
}

impl AtDialogue {
    /// A dialogue without a port.
    #[must_use]
    pub fn new(settings: AtSettings) -> Self {
        Self {
            settings,
            phase: Phase::Closed,
            plan: VecDeque::new(),
            exchange: Exchange::default(),
            health: Health::default(),
            network: Network::default(),
            subscriber: Subscriber::default(),
            track: Track::default(),
            wanted: false,
            out_of_step: true,
            run: Run::default(),
            manufacturer: None,
            model: None,
            revision: None,
            imei: None,
            iccid_commands: commands::ICCID.to_vec(),
            dialect: None,
            probing: Probing::default(),
            counter_failures: 0,
            identity_said: None,
            no_sim_said: false,
            silent_attempts: 0,
            unanswered: BTreeMap::new(),
            outbox: Outbox::default(),
        }
    }

    /// Says a report, if there is one.
    pub(super) fn report(&mut self, report: Option<Report>) {
        self.outbox.report(report);
    }

    /// Makes a plan and starts on it.
    pub(super) fn begin(&mut self, now_ms: BootMs) {
        self.make_plan(now_ms);
        self.advance(now_ms);
    }

    /// Goes on with the plan until a command is in flight, a wait begins or
    /// nothing is left.
    pub(super) fn advance(&mut self, now_ms: BootMs) {
        while let Some(step) = self.plan.pop_front() {
            let command = match step {
                Step::Pause(pause_ms) => {
                    self.phase = Phase::Waiting { until_ms: now_ms.saturating_add(pause_ms) };
                    return;
                }
                Step::Prepared => {
                    self.run.prepared();
                    continue;
                }
                Step::ChooseCounter => {
                    self.choose_counter();
                    continue;
                }
                Step::Conclude { looked } => {
                    if self.conclude(now_ms, looked) {
                        continue;
                    }
                    return;
                }
                // It follows the conclusion at once, with nothing said between.
                Step::Counter => match self.dialect {
                    Some(dialect) => {
                        self.track.asked();
                        dialect.command()
                    }
                    None => {
                        self.wanted = false;
                        continue;
                    }
                },
                Step::Iccid { rank } => match self.iccid_commands.get(rank) {
                    Some(command) => *command,
                    None => {
                        self.no_number();
                        continue;
                    }
                },
                Step::Attention => commands::ATTENTION,
                Step::RunMark => {
                    self.run.mark_asked();
                    commands::RUN_MARK
                }
                Step::MarkRun => commands::MARK_RUN,
                Step::SimState { .. } => commands::SIM_STATE,
                Step::Imsi => commands::IMSI,
                Step::Name { name, .. } => name.command(),
                Step::Probe { dialect, .. } => dialect.command(),
                Step::Setting(command) | Step::Registration(command) | Step::Clock(command) => {
                    command
                }
            };
            if step.is_optional() && self.never_answers(now_ms, command) {
                self.unanswered_step(now_ms, step);
                continue;
            }
            self.send(now_ms, step, command);
            return;
        }
        self.finished(now_ms);
    }

    /// Something failed: drop the plan, say so, and try again after a back-off.
    pub(super) fn fail(&mut self, now_ms: BootMs, kind: FaultKind, detail: String) {
        self.plan.clear();
        self.exchange.abandon();
        self.out_of_step = true;
        let report = self.health.failure(kind, detail);
        self.report(report);
        if self.silent_attempts >= SILENT_ATTEMPTS_MAX {
            self.silent_attempts = 0;
            self.phase = Phase::Closed;
            self.ask_to_reopen(now_ms);
        } else {
            let until_ms = now_ms.saturating_add(self.health.back_off_ms());
            self.phase = Phase::Waiting { until_ms };
        }
    }

    /// The technology of the link, as far as the modem's names tell.
    pub(super) fn technology(&self) -> Technology {
        let model = self.model.as_deref().unwrap_or_default().to_ascii_uppercase();
        let nr = self.dialect == Some(Dialect::Qgdnrcnt)
            || is_quectel_5g(&model)
            || model.contains("5G")
            || model.contains("MT5700");
        if nr { Technology::Nr } else { Technology::Lte }
    }

    fn finished(&mut self, now_ms: BootMs) {
        self.phase = Phase::Idle;
        if self.dialect.is_some() {
            let report = self.health.success();
            self.report(report);
        }
        if self.wanted {
            self.begin(now_ms);
        }
    }

    fn send(&mut self, now_ms: BootMs, step: Step, command: Command) {
        self.exchange.start(now_ms, command);
        self.outbox.send(command.to_bytes(), &command.text);
        self.phase = Phase::Asking(step);
    }

    fn not_answered(&mut self, now_ms: BootMs, step: Step) {
        let so_far = self.exchange.heard_so_far();
        let text = self.exchange.command_text().unwrap_or("AT");
        self.exchange.abandon();
        if step.is_optional() {
            let last = self.unanswered.entry(text).or_insert(Unanswered { times: 0, last_ms: 0 });
            *last = Unanswered { times: last.times.saturating_add(1), last_ms: now_ms };
            // Whether the modem is silent or only ignores this, AT will tell.
            self.out_of_step = true;
            self.begin(now_ms);
            return;
        }
        self.silent_attempts = self.silent_attempts.saturating_add(1);
        let seconds = QUIET_MS_MAX / 1_000;
        let detail = format!(
            "{text} was not answered within {seconds} s ({so_far} came back): check that this is \
             the modem's AT port and that no other program (ModemManager, a dialler) uses it"
        );
        if step == Step::Counter {
            self.counter_failed();
        }
        self.fail(now_ms, FaultKind::Silent, detail);
    }

    fn never_answers(&self, now_ms: BootMs, command: Command) -> bool {
        self.unanswered.get(command.text).is_some_and(|last| {
            last.times >= UNANSWERED_MAX && now_ms < last.last_ms.saturating_add(UNANSWERED_MS)
        })
    }

    /// The next search for a counter takes nothing of this one for granted: what
    /// was lost on the line may be answered then.
    pub(super) fn search_in_vain(&mut self) {
        self.run.prepare_again();
        self.unanswered.clear();
    }

    fn start_over(&mut self) {
        self.exchange.reset();
        self.plan.clear();
        self.outbox.forget_the_port();
        self.unanswered.clear();
        self.subscriber.hint();
        self.network.forget();
        self.out_of_step = true;
        self.run.prepare_again();
        self.identity_said = None;
        self.silent_attempts = 0;
    }

    fn ask_to_reopen(&mut self, now_ms: BootMs) {
        let at_ms = now_ms.saturating_add(self.health.back_off_ms());
        self.outbox.reopen(at_ms);
    }
}

impl Dialogue for AtDialogue {
    /// A serial port has nothing to tell.
    type Way = ();

    fn opened(&mut self, now_ms: BootMs, epoch_changed: Evidence, (): ()) {
        self.start_over();
        // What a modem says while its port is closed is lost: `RDY`, too.
        let unheard = epoch_changed == Evidence::Unwatched;
        self.hint(if unheard { Evidence::MayHaveRestarted } else { epoch_changed });
        self.begin(now_ms);
    }

    fn closed(&mut self, now_ms: BootMs, kind: FaultKind, detail: String) {
        self.start_over();
        self.phase = Phase::Closed;
        let report = self.health.port_failure(kind, detail);
        self.report(report);
        self.ask_to_reopen(now_ms);
    }

    fn request_reading(&mut self, now_ms: BootMs) {
        self.wanted = true;
        if self.phase == Phase::Idle {
            self.begin(now_ms);
        }
    }

    fn stop(&mut self, _now_ms: BootMs) {
        // Nothing of the modem's is held.
        self.start_over();
        self.phase = Phase::Closed;
    }

    fn is_stopped(&self) -> bool {
        true
    }

    fn handle_bytes(&mut self, now_ms: BootMs, bytes: &[u8]) {
        for byte in bytes {
            if self.phase == Phase::Closed {
                return;
            }
            let outbox = &mut self.outbox;
            let heard = self.exchange.push(now_ms, *byte, &mut |line| outbox.trace('<', &line));
            if let Some(heard) = heard {
                self.heard(now_ms, heard);
            }
        }
    }

    fn handle_timeout(&mut self, now_ms: BootMs) {
        if self.poll_timeout().is_none_or(|due_ms| now_ms < due_ms) {
            return;
        }
        match self.phase {
            Phase::Asking(step) => self.not_answered(now_ms, step),
            Phase::Settling { .. } => self.advance(now_ms),
            Phase::Waiting { .. } if self.plan.is_empty() => self.begin(now_ms),
            Phase::Waiting { .. } => self.advance(now_ms),
            Phase::Closed | Phase::Idle => {}
        }
    }

    fn outbox(&mut self) -> &mut Outbox {
        &mut self.outbox
    }

    fn poll_timeout(&self) -> Option<BootMs> {
        match self.phase {
            Phase::Closed | Phase::Idle => None,
            Phase::Asking(_) => self.exchange.deadline_ms(),
            Phase::Settling { until_ms, .. } | Phase::Waiting { until_ms } => Some(until_ms),
        }
    }
}
