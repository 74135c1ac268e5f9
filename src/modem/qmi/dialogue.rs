//! The dialogue itself: what comes in, what goes out, and in which phase it is.

use std::collections::{BTreeMap, VecDeque};

use super::clients::{Clients, Seat};
use super::exchange::{ANSWER_MS_MAX, Exchange, Heard};
use super::plan::{Asker, FAMILIES, Name, Step};
use super::session::Session;
use crate::domain::counter::Evidence;
use crate::domain::reading::Reading;
use crate::domain::report::{FaultKind, Identity, Report};
use crate::domain::sim::Iccid;
use crate::domain::time::BootMs;
use crate::modem::dialogue::Dialogue;
use crate::modem::health::Health;
use crate::modem::link::Technology;
use crate::modem::outbox::Outbox;
use crate::modem::subscriber::Subscriber;
use crate::proto::qmi::ctl::Client;
use crate::proto::qmi::wds::Family;
use crate::proto::qmi::{Message, Service};

/// After so many unanswered attempts the port is opened anew.
const SILENT_ATTEMPTS_MAX: u32 = 3;
/// After so many times without an answer a question that can be done without is
/// not asked again for [`IGNORED_MS`].
const IGNORED_MAX: u32 = 2;
/// After that it is asked again, ms: it may only have been a bad moment.
const IGNORED_MS: u64 = 10 * 60 * 1_000;
/// So many abandoned allocations are remembered.
const ABANDONED_MAX: usize = 16;

/// What the configuration says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QmiSettings {
    /// How often the modem is to report what was moved by itself, s; 0: not.
    pub report_s: u8,
}

impl Default for QmiSettings {
    fn default() -> Self {
        Self { report_s: 10 }
    }
}

/// How the modem is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// The device itself.
    Device,
    /// `qmi-proxy`, which is to open the device at this path.
    Proxy(Vec<u8>),
}

/// Where the dialogue is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// There is no port.
    Closed,
    /// A question is in flight.
    Asking(Step),
    /// Nothing is done until then.
    Waiting { until_ms: BootMs },
    /// Nothing is to be done.
    Idle,
}

/// The dialogue with one modem.
#[derive(Debug)]
pub struct QmiDialogue {
    pub(super) settings: QmiSettings,
    pub(super) way: Way,
    pub(super) phase: Phase,
    pub(super) plan: VecDeque<Step>,
    pub(super) exchange: Exchange,
    pub(super) health: Health,
    pub(super) subscriber: Subscriber,
    pub(super) clients: Clients,
    pub(super) sessions: BTreeMap<Family, Session>,
    /// The services that the modem has; `None`: it did not say.
    pub(super) services: Option<Vec<Service>>,
    pub(super) proxy_opened: bool,
    /// Client ids are taken, and who the device is is known.
    pub(super) prepared: bool,
    /// A reading was requested and not yet given.
    pub(super) wanted: bool,
    /// A session has ended, and its last figure was not yet read.
    pub(super) closing: bool,
    /// The program ends.
    pub(super) stopping: bool,
    /// The modem has no figure of what was moved.
    pub(super) no_counter: bool,
    pub(super) names: BTreeMap<Name, String>,
    pub(super) imei: Option<String>,
    /// Whose bytes they were when the SIM was last found out.
    pub(super) booked_on: Option<Option<Iccid>>,
    /// What was said last, so that it is said again only when it changed.
    pub(super) identity_said: Option<Identity>,
    pub(super) no_sim_said: bool,
    pub(super) roaming_said: Option<bool>,
    pub(super) registration_due_ms: BootMs,
    pub(super) time_due_ms: BootMs,
    /// Transactions of allocations that were given up: their answers may come.
    pub(super) abandoned: VecDeque<u16>,
    silent_attempts: u32,
    ignored: BTreeMap<(Service, u16), (u32, BootMs)>,
    pub(super) outbox: Outbox,
}

impl QmiDialogue {
    /// A dialogue without a port.
    #[must_use]
    pub fn new(settings: QmiSettings) -> Self {
        Self {
            settings,
            way: Way::Device,
            phase: Phase::Closed,
            plan: VecDeque::new(),
            exchange: Exchange::new(),
            health: Health::default(),
            subscriber: Subscriber::default(),
            clients: Clients::default(),
            sessions: FAMILIES.map(|family| (family, Session::new(family))).into(),
            services: None,
            proxy_opened: false,
            prepared: false,
            wanted: false,
            closing: false,
            stopping: false,
            no_counter: false,
            names: BTreeMap::new(),
            imei: None,
            booked_on: None,
            identity_said: None,
            no_sim_said: false,
            roaming_said: None,
            registration_due_ms: 0,
            time_due_ms: 0,
            abandoned: VecDeque::new(),
            silent_attempts: 0,
            ignored: BTreeMap::new(),
            outbox: Outbox::default(),
        }
    }

    /// Says a report.
    pub(super) fn report(&mut self, report: impl IntoIterator<Item = Report>) {
        self.outbox.report(report);
    }

    /// Makes a plan and starts on it.
    pub(super) fn begin(&mut self, now_ms: BootMs) {
        self.make_plan(now_ms);
        self.advance(now_ms);
    }

    /// Goes on with the plan until a question is in flight, a wait begins or
    /// nothing is left.
    pub(super) fn advance(&mut self, now_ms: BootMs) {
        while let Some(step) = self.plan.pop_front() {
            match step {
                Step::Pause(pause_ms) => {
                    self.phase = Phase::Waiting { until_ms: now_ms.saturating_add(pause_ms) };
                    return;
                }
                Step::Prepared => self.prepared = true,
                Step::Conclude { looked } => self.conclude(now_ms, looked),
                Step::Tell => {
                    self.closing = false;
                    // What cannot be booked yet is told when the SIM is found out.
                    self.wanted = !self.is_booking_clear();
                    self.tell();
                }
                // A figure that is left from an attempt that failed is told before
                // another takes its place.
                Step::Statistics(family) => {
                    self.tell_what_is_left();
                    if self.ask(now_ms, step) {
                        self.session(family, Session::asked);
                        return;
                    }
                }
                asked => {
                    if self.ask(now_ms, asked) {
                        return;
                    }
                }
            }
        }
        self.finished(now_ms);
    }

    /// Whether the figures are known to be of the SIM that was said last. While
    /// another one may be in, those of sessions that were up under it still are.
    fn is_booking_clear(&self) -> bool {
        !self.subscriber.is_doubtful() || self.sessions.values().all(Session::is_booked)
    }

    /// Says the reading, if every session's figure is known, and whose it is.
    pub(super) fn tell(&mut self) {
        if !self.is_booking_clear() {
            return;
        }
        let read = FAMILIES.map(|family| self.is_read(family));
        let all_known =
            self.sessions.iter().zip(read).all(|((_, session), read)| session.is_known() || !read);
        if !all_known || !read.contains(&true) {
            return;
        }
        let rate_max = Technology::Nr.rate_max();
        let parts = self.sessions.values().filter_map(|session| session.part(rate_max)).collect();
        for session in self.sessions.values_mut() {
            session.given();
        }
        self.no_counter = false;
        let recovered = self.health.success();
        self.report(recovered);
        self.report([Report::Reading(Reading { parts, may_be_garbled: false })]);
    }

    pub(super) fn tell_what_is_left(&mut self) {
        if self.prepared && self.sessions.values().any(Session::has_news) {
            self.tell();
        }
    }

    /// Whether this family's session can be read at all.
    pub(super) fn is_read(&self, family: Family) -> bool {
        self.clients.id(Seat::Data(family)).is_some()
    }

    /// Does something with a family's session.
    pub(super) fn session<T>(
        &mut self,
        family: Family,
        with: impl FnOnce(&mut Session) -> T,
    ) -> Option<T> {
        self.sessions.get_mut(&family).map(with)
    }

    /// Something failed: drop the plan, say so, and try again after a back-off.
    pub(super) fn fail(&mut self, now_ms: BootMs, kind: FaultKind, detail: String) {
        self.plan.clear();
        self.give_up_the_question();
        if self.stopping {
            // Whatever is left is lost with the end of the program.
            self.phase = Phase::Closed;
            return;
        }
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

    /// The question in flight is not waited for. A client id that its answer may
    /// still give is to be given back.
    fn give_up_the_question(&mut self) {
        let transaction = self.exchange.question().map(|question| question.transaction);
        if let (Phase::Asking(Step::Allocate(_)), Some(transaction)) = (self.phase, transaction) {
            if self.abandoned.len() >= ABANDONED_MAX {
                self.abandoned.pop_front();
            }
            self.abandoned.push_back(transaction);
        }
        self.exchange.abandon();
    }

    /// Client ids have ended: that one alone, or (`None`) all of them, since the
    /// modem restarted or another program has sent Sync; then the same ids may be
    /// somebody else's by now. What would have been told since is unheard.
    pub(super) fn clients_are_gone(&mut self, now_ms: BootMs, one: Option<Client>, how: &str) {
        self.tell_what_is_left();
        match one {
            Some(client) => self.clients.revoked(client),
            None => self.clients.forget(),
        }
        self.lost_sight(Evidence::MayHaveRestarted);
        let detail = format!(
            "{how}: the modem restarted, or another program has sent it Sync (CTL 0x0027); client \
             ids are taken anew"
        );
        self.fail(now_ms, FaultKind::Garbled, detail);
    }

    /// A question that can be done without has no answer: what follows from that.
    pub(super) fn without(&mut self, step: Step) {
        match step {
            Step::Iccid => self.plan.push_front(Step::IccidFile),
            Step::IccidFile => self.no_number(),
            Step::ProxyOpen
            | Step::Versions
            | Step::Release
            | Step::Allocate(_)
            | Step::SetFamily(_)
            | Step::Name(_)
            | Step::Ids
            | Step::Register
            | Step::Status(_)
            | Step::EventReport(_)
            | Step::Prepared
            | Step::Imsi
            | Step::Conclude { .. }
            | Step::Statistics(_)
            | Step::Tell
            | Step::ServingSystem
            | Step::Time
            | Step::Pause(_) => {}
        }
    }

    /// Sends the step's question; false when it is not to be asked now.
    fn ask(&mut self, now_ms: BootMs, step: Step) -> bool {
        if let Step::Allocate(seat @ (Seat::Device | Seat::Network | Seat::Card)) = step
            && self.services.as_ref().is_some_and(|all| !all.contains(&seat.service()))
        {
            return false;
        }
        let Some((asker, request)) = self.question(step) else { return false };
        let client = match asker {
            Asker::Control => Some(0),
            Asker::Of(seat) => self.clients.id(seat),
        };
        let key = (request.service, request.id);
        let Some(client) = client.filter(|_| !step.is_optional() || !self.ignores(now_ms, key))
        else {
            self.without(step);
            return false;
        };
        match self.exchange.start(now_ms, request, client) {
            Ok((message, frame)) => {
                self.outbox.send(frame, &message);
                self.phase = Phase::Asking(step);
                true
            }
            // Only a path could be too long.
            Err(error) => {
                self.fail(now_ms, FaultKind::Denied, format!("{error}: is [modem] device right?"));
                true
            }
        }
    }

    fn ignores(&self, now_ms: BootMs, key: (Service, u16)) -> bool {
        self.ignored.get(&key).is_some_and(|(times, last_ms)| {
            *times >= IGNORED_MAX && now_ms < last_ms.saturating_add(IGNORED_MS)
        })
    }

    fn finished(&mut self, now_ms: BootMs) {
        self.phase = Phase::Idle;
        if self.stopping {
            return;
        }
        self.silent_attempts = 0;
        if !self.no_counter {
            let recovered = self.health.success();
            self.report(recovered);
        }
        if self.wanted || self.closing || self.subscriber.is_doubtful() && !self.no_sim_said {
            self.begin(now_ms);
        }
    }

    fn not_answered(&mut self, now_ms: BootMs, step: Step) {
        let Some(question) = self.exchange.question() else { return };
        let key = (question.service, question.id);
        let what = question.to_string();
        if step.is_optional() && step != Step::Release {
            let (times, last_ms) = self.ignored.entry(key).or_default();
            *times = times.saturating_add(1);
            *last_ms = now_ms;
        }
        self.exchange.drop_begun();
        self.silent_attempts = self.silent_attempts.saturating_add(1);
        let what = what.split(':').next().unwrap_or_default();
        let who = match self.way {
            Way::Device => "the device",
            Way::Proxy(_) => "qmi-proxy",
        };
        let detail = format!(
            "{what} was not answered by {who} within {} s: is this the modem's QMI device, and \
             does no other program read it directly (ModemManager without qmi-proxy)?",
            ANSWER_MS_MAX / 1_000
        );
        self.fail(now_ms, FaultKind::Silent, detail);
    }

    fn heard(&mut self, now_ms: BootMs, heard: Heard) {
        match heard {
            Heard::Answer(message) => {
                self.outbox.trace('<', &message);
                if let Phase::Asking(step) = self.phase {
                    self.answered(now_ms, step, &message);
                }
            }
            Heard::Indication(message) => {
                self.outbox.trace('<', &message);
                self.indicated(now_ms, &message);
            }
            Heard::Late(message) => {
                self.outbox.trace('<', &message);
                self.late(&message);
            }
            Heard::Broken(error) => self.outbox.trace('<', &error),
        }
    }

    /// Sessions, registration and SIM are to be looked at anew, and everything is
    /// to be prepared again.
    fn lost_sight(&mut self, hint: Evidence) {
        for session in self.sessions.values_mut() {
            session.lost_sight(hint);
        }
        self.prepared = false;
        self.proxy_opened = false;
        self.closing = false;
        self.subscriber.hint();
        self.registration_due_ms = 0;
    }

    fn start_over(&mut self) {
        self.tell_what_is_left();
        self.exchange.reset();
        self.plan.clear();
        self.outbox.forget_the_port();
        self.ignored.clear();
        self.abandoned.clear();
        self.services = None;
        self.identity_said = None;
        self.silent_attempts = 0;
    }

    fn ask_to_reopen(&mut self, now_ms: BootMs) {
        let at_ms = now_ms.saturating_add(self.health.back_off_ms());
        self.outbox.reopen(at_ms);
    }

    /// The device's name of that kind.
    pub(super) fn name(&self, name: Name) -> Option<String> {
        self.names.get(&name).cloned()
    }

    /// Takes what an optional question told; a refusal is no answer.
    pub(super) fn told<T, E>(answer: Result<T, E>) -> Option<T> {
        answer.ok()
    }

    /// A client of that message's service is meant.
    pub(super) fn is_ours(&self, message: &Message) -> bool {
        const EVERY_CLIENT: u8 = 255;
        let client = Client { service: message.service, id: message.client };
        message.client == EVERY_CLIENT || self.clients.holds(client)
    }
}

impl Dialogue for QmiDialogue {
    type Way = Way;

    /// After [`Evidence::Unwatched`] the device is the same as before: client ids
    /// that were held are given back first. After anything more they are another
    /// life's, and may be somebody else's now.
    fn opened(&mut self, now_ms: BootMs, epoch_changed: Evidence, way: Way) {
        self.start_over();
        self.way = way;
        if epoch_changed == Evidence::Same {
            self.lost_sight(Evidence::Unwatched);
        } else {
            if epoch_changed == Evidence::Unwatched {
                self.clients.leave();
            } else {
                self.clients.forget();
            }
            self.lost_sight(Evidence::MayHaveRestarted);
        }
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
        if self.phase == Phase::Idle && !self.stopping {
            self.begin(now_ms);
        }
    }

    fn stop(&mut self, now_ms: BootMs) {
        self.tell_what_is_left();
        self.stopping = true;
        self.give_up_the_question();
        if self.phase != Phase::Closed {
            self.begin(now_ms);
        }
    }

    fn is_stopped(&self) -> bool {
        self.phase == Phase::Closed || self.stopping && self.phase == Phase::Idle
    }

    fn handle_bytes(&mut self, now_ms: BootMs, bytes: &[u8]) {
        if self.phase == Phase::Closed {
            return;
        }
        self.exchange.push(bytes);
        while self.phase != Phase::Closed
            && let Some(heard) = self.exchange.next_heard()
        {
            self.heard(now_ms, heard);
        }
    }

    fn handle_timeout(&mut self, now_ms: BootMs) {
        if self.poll_timeout().is_none_or(|due_ms| now_ms < due_ms) {
            return;
        }
        match self.phase {
            Phase::Asking(step) => self.not_answered(now_ms, step),
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
            Phase::Waiting { until_ms } => Some(until_ms),
        }
    }
}
