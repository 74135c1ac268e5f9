//! Owns the simulator's thread: one owner of modem, line and port that wakes for bytes, for requests and for what
//! is due, and for nothing else.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::accounting::{Bytes, Restart};
use crate::clock;
use crate::dialect::Keeps;
use crate::handle::Ends;
use crate::line::{Inbox, Outbox};
use crate::modem::{Card, Modem};
use crate::pty::{Link, Pty};
use crate::rng::Rng;
use crate::script::{Command, ReplyFault};
use crate::traffic::Flow;
use crate::truth::Truth;
use crate::truth_file::TruthFile;
use crate::wishes::{Request, Until, Waiter};

/// How often flowing traffic is booked when nobody asks.
const TRAFFIC_TICK: Duration = Duration::from_millis(100);

/// A flow of traffic that is on.
pub(crate) struct Running {
    pub(crate) id: u64,
    pub(crate) since: Instant,
    pub(crate) flow: Flow,
}

/// A refusal that waits for its command.
pub(crate) struct Refusal {
    pub(crate) result: String,
    pub(crate) counter_only: bool,
}

/// The simulator, whole.
pub(crate) struct Engine {
    pub(crate) modem: Modem,
    pub(crate) rng: Rng,
    pub(crate) inbox: Inbox,
    pub(crate) outbox: Outbox,
    pub(crate) port: Option<Pty>,
    pub(crate) link: Link,
    pub(crate) link_path: PathBuf,

    pub(crate) flows: Vec<Running>,
    pub(crate) flows_started: u64,
    pub(crate) card_out: Option<Card>,
    pub(crate) power_at: Option<Instant>,
    pub(crate) session_at: Option<Instant>,
    pub(crate) port_at: Option<Instant>,
    pub(crate) silent_until: Option<Instant>,
    pub(crate) interleave: bool,
    pub(crate) reply_faults: VecDeque<ReplyFault>,
    pub(crate) refusals: VecDeque<Refusal>,

    pub(crate) ends: Ends<Command, Truth>,
    pub(crate) waiters: Vec<Waiter>,
    pub(crate) stopping: bool,
    pub(crate) truth_file: Option<TruthFile<Truth>>,
    pub(crate) planted_bytes: u64,
    pub(crate) verbose: bool,
}

impl Engine {
    /// Runs until it is told to stop; leaves no link, and the truth where others find it.
    pub(crate) fn run(mut self) {
        while !self.stopping {
            let now = clock::now();
            self.catch_up(now);
            while let Ok(request) = self.ends.requests.try_recv() {
                self.request(request, now);
            }
            self.read(now);
            self.pump(now, false);
            self.settle(now);
            let truth = self.truth_file.is_some().then(|| self.truth());
            if let (Some(file), Some(truth)) = (&mut self.truth_file, truth) {
                file.offer(&truth, now);
            }
            if !self.stopping {
                self.sleep();
            }
        }
        self.catch_up(clock::now());
        self.link.remove();
        self.port = None;
        let truth = self.truth();
        if let Some(file) = &mut self.truth_file {
            file.write(&truth, clock::now());
        }
        let _ = self.ends.last_truth.set(truth);
    }

    /// Books the traffic that is due, and does whatever else is.
    fn catch_up(&mut self, now: Instant) {
        self.move_traffic(now);
        self.modem.autosave_if_due(now);
        if take_due(&mut self.power_at, now) {
            let lines = self.modem.power_on(now);
            self.unsolicited(&lines);
        }
        if take_due(&mut self.session_at, now) && self.modem.powered {
            let lines = self.modem.session_begins("session", Restart::Known, now);
            self.unsolicited(&lines);
        }
        if take_due(&mut self.port_at, now)
            && let Err(error) = self.open_port()
        {
            eprintln!("modem-sim: cannot open a new port: {error}");
            self.stopping = true;
        }
        take_due(&mut self.silent_until, now);
    }

    /// Books what flowing traffic has moved by now.
    pub(crate) fn move_traffic(&mut self, now: Instant) {
        let mut due = Bytes::default();
        for running in &mut self.flows {
            due += running.flow.due(now.saturating_duration_since(running.since));
        }
        self.modem.transfer(due, now);
        self.flows
            .retain(|running| !running.flow.ended(now.saturating_duration_since(running.since)));
    }

    fn request(&mut self, request: Request<Command, Truth>, now: Instant) {
        match request {
            Request::Apply { command, background, answer } => match self.apply(command, now) {
                Ok(Some(until)) if !background => self.waiters.push(Waiter { until, answer }),
                Ok(_) => self.answer(&answer, Ok(())),
                Err(message) => self.answer(&answer, Err(message)),
            },
            Request::Truth(answer) => {
                let _ = answer.send(self.truth());
            }
            Request::Stop => self.stopping = true,
        }
    }

    /// Answers once the effect is on the line and in the truth file.
    fn answer(&mut self, answer: &Sender<Result<(), String>>, result: Result<(), String>) {
        let now = clock::now();
        self.pump(now, false);
        let truth = self.truth_file.is_some().then(|| self.truth());
        if let (Some(file), Some(truth)) = (&mut self.truth_file, truth) {
            file.write(&truth, now);
        }
        let _ = answer.send(result);
    }

    /// Answers those whose wait is over.
    fn settle(&mut self, now: Instant) {
        let (flows, power_at, session_at) = (&self.flows, self.power_at, self.session_at);
        let (port_at, silent_until) = (self.port_at, self.silent_until);
        let is_over = |waiter: &mut Waiter| match waiter.until {
            Until::At(at) => at <= now,
            Until::Polls { left, deadline, .. } => left == 0 || deadline <= now,
            Until::FlowEnds(id) => flows.iter().all(|running| running.id != id),
            Until::Powered => power_at.is_none(),
            Until::SessionUp => session_at.is_none(),
            Until::PortBack => port_at.is_none(),
            Until::Spoken => silent_until.is_none(),
        };
        let over: Vec<Waiter> = self.waiters.extract_if(.., is_over).collect();
        for waiter in over {
            self.answer(&waiter.answer, waiter.until.result());
        }
    }

    /// Waits for bytes, for a request, or for the next thing that is due.
    fn sleep(&mut self) {
        let deadline = self.deadline();
        let timeout =
            match deadline.map(|deadline| deadline.saturating_duration_since(clock::now())) {
                None => PollTimeout::NONE,
                Some(left) => PollTimeout::try_from(left.as_micros().div_ceil(1000))
                    .unwrap_or(PollTimeout::MAX),
            };
        let mut wanted = PollFlags::POLLIN;
        if self.outbox.is_blocked() {
            wanted |= PollFlags::POLLOUT;
        }
        let mut fds = vec![PollFd::new(self.ends.wake.as_fd(), PollFlags::POLLIN)];
        fds.extend(self.port.as_ref().map(|port| PollFd::new(port.fd(), wanted)));
        let woken = poll(&mut fds, timeout).is_ok()
            && fds.first().and_then(PollFd::revents).is_some_and(|events| !events.is_empty());
        if woken && self.ends.wake.read(&mut [0; 64]).is_ok_and(|count| count == 0) {
            self.stopping = true; // nobody holds the handle any more
        }
    }

    fn deadline(&self) -> Option<Instant> {
        let flowing = (!self.flows.is_empty()).then(|| {
            let ends =
                self.flows.iter().filter_map(|running| Some(running.since + running.flow.length?));
            ends.chain([clock::now() + TRAFFIC_TICK]).min()
        });
        let waits = self.waiters.iter().filter_map(|waiter| match waiter.until {
            Until::At(at) | Until::Polls { deadline: at, .. } => Some(at),
            Until::FlowEnds(_)
            | Until::Powered
            | Until::SessionUp
            | Until::PortBack
            | Until::Spoken => None,
        });
        [
            flowing.flatten(),
            self.modem.autosave_at,
            self.power_at,
            self.session_at,
            self.port_at,
            self.silent_until,
            self.outbox.deadline(),
            self.truth_file.as_ref().and_then(TruthFile::deadline),
        ]
        .into_iter()
        .flatten()
        .chain(waits)
        .min()
    }

    /// Opens a new port behind the link.
    pub(crate) fn open_port(&mut self) -> io::Result<()> {
        let port = Pty::open()?;
        self.link.point_at(port.device())?;
        self.port = Some(port);
        Ok(())
    }

    pub(crate) fn truth(&self) -> Truth {
        let books = &self.modem.books;
        let shown = self.modem.registers.summed();
        let keeps = self.modem.dialect.keeps();
        Truth {
            dialect: self.modem.dialect,
            width: self.modem.registers.width,
            imei: self.modem.imei.clone(),
            iccid: self.modem.sim.as_ref().map(|card| card.iccid.clone()),
            link: self.link_path.clone(),
            device: self.port.as_ref().map(|port| port.device().to_owned()),
            sims: books.sims.clone(),
            counter: if keeps == Keeps::Session { shown.session } else { shown.total },
            session: shown.session,
            saved: (keeps == Keeps::Memory).then(|| self.modem.registers.saved()),
            queries: books.queries,
            polls: books.polls,
            first_answer: books.first_answer.clone(),
            last_answer: books.last_answer.clone(),
            lost: books.lost,
            doubtful: books.doubtful,
            resets_received: books.resets_received,
            planted_bytes: self.planted_bytes,
            events: books.events.clone(),
            events_left_off: books.events_left_off,
        }
    }
}

/// Whether a moment has come; it comes once.
fn take_due(moment: &mut Option<Instant>, now: Instant) -> bool {
    moment.take_if(|at| *at <= now).is_some()
}
