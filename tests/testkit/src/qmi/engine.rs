//! Owns the QMI simulator's thread: one owner of modem, port and proxy that wakes for bytes, for requests and for
//! what is due, and for nothing else.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::accounting::Bytes;
use crate::clock;
use crate::handle::Ends;
use crate::pty::{Link, Pty};
use crate::qmi::clients::Port;
use crate::qmi::family::{Family, PerFamily};
use crate::qmi::faults::Silence;
use crate::qmi::language::QmiCommand;
use crate::qmi::modem::QmiModem;
use crate::qmi::proxy::Proxy;
use crate::qmi::truth::QmiTruth;
use crate::qmi::waiting::{Until, Waiter};
use crate::rng::Rng;
use crate::traffic::Flow;
use crate::truth_file::TruthFile;
use crate::wishes::Request;

/// How often flowing traffic is booked when nobody asks.
const TRAFFIC_TICK: Duration = Duration::from_millis(100);
/// Bytes waiting for a host that does not read; what comes on top is lost, as in a real modem.
const WAITING_BYTES_MAX: usize = 256 * 1024;

/// A flow of traffic that is on.
pub(crate) struct Running {
    pub(crate) id: u64,
    pub(crate) family: Family,
    pub(crate) since: Instant,
    pub(crate) flow: Flow,
}

/// The simulator, whole.
pub(crate) struct Engine {
    pub(crate) modem: QmiModem,
    pub(crate) rng: Rng,
    pub(crate) started: Instant,
    pub(crate) port: Option<Pty>,
    pub(crate) waiting: VecDeque<u8>,
    pub(crate) link: Link,
    pub(crate) link_path: PathBuf,
    pub(crate) proxy: Option<Proxy>,

    pub(crate) flows: Vec<Running>,
    pub(crate) flows_started: u64,
    pub(crate) power_at: Option<Instant>,
    pub(crate) session_at: PerFamily<Option<Instant>>,
    pub(crate) port_at: Option<Instant>,
    pub(crate) silent_until: Option<Instant>,

    pub(crate) ends: Ends<QmiCommand, QmiTruth>,
    pub(crate) waiters: Vec<Waiter>,
    pub(crate) stopping: bool,
    pub(crate) truth_file: Option<TruthFile<QmiTruth>>,
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
            self.read();
            self.write();
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
    pub(crate) fn catch_up(&mut self, now: Instant) {
        self.modem.tick(clock::whole_ms(now.saturating_duration_since(self.started)));
        self.move_traffic(now);
        if take_due(&mut self.power_at, now) {
            self.modem.power_on();
        }
        for family in Family::ALL {
            if take_due(self.session_at.of_mut(family), now) {
                self.modem.connect(family);
            }
        }
        if take_due(&mut self.port_at, now)
            && let Err(error) = self.open_port()
        {
            eprintln!("modem-sim: cannot open a new port: {error}");
            self.stopping = true;
        }
        if take_due(&mut self.silent_until, now) {
            self.modem.faults.silence = Silence::Off;
        }
    }

    /// Books what flowing traffic has moved by now.
    fn move_traffic(&mut self, now: Instant) {
        let elapsed = |running: &Running| now.saturating_duration_since(running.since);
        let mut due: PerFamily<Bytes> = PerFamily::default();
        for running in &mut self.flows {
            let elapsed = elapsed(running);
            *due.of_mut(running.family) += running.flow.due(elapsed);
        }
        for family in Family::ALL.into_iter().filter(|family| *due.of(*family) != Bytes::default())
        {
            self.modem.traffic(family, *due.of(family));
        }
        self.flows.retain(|running| !running.flow.ended(elapsed(running)));
    }

    fn request(&mut self, request: Request<QmiCommand, QmiTruth>, now: Instant) {
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
        self.write();
        let truth = self.truth_file.is_some().then(|| self.truth());
        if let (Some(file), Some(truth)) = (&mut self.truth_file, truth) {
            file.write(&truth, clock::now());
        }
        let _ = answer.send(result);
    }

    /// Answers those whose wait is over.
    fn settle(&mut self, now: Instant) {
        let (flows, modem) = (&self.flows, &self.modem);
        let is_over = |waiter: &mut Waiter| match &waiter.until {
            Until::At(at) => *at <= now,
            Until::FlowEnds(id) => flows.iter().all(|running| running.id != *id),
            Until::Polls(polls) => polls.deadline <= now || polls.missing(modem).is_none(),
        };
        let over: Vec<Waiter> = self.waiters.extract_if(.., is_over).collect();
        for waiter in over {
            let result = waiter.until.result(&self.modem);
            self.answer(&waiter.answer, result);
        }
    }

    /// Takes what hosts have sent.
    fn read(&mut self) {
        if let Some(port) = &self.port {
            let bytes = port.read();
            self.trace("host ", Port::DEVICE, &bytes);
            self.modem.receive(&bytes);
        }
        let device = self.port.as_ref().map(Pty::device);
        if let Some(proxy) = &mut self.proxy {
            proxy.read(&mut self.modem, device);
        }
    }

    /// Sends what the modem has to say.
    pub(crate) fn write(&mut self) {
        while let Some((port, bytes)) = self.modem.poll_transmit_to() {
            self.trace("modem", port, &bytes);
            if port != Port::DEVICE {
                if let Some(proxy) = &mut self.proxy {
                    proxy.push(port, &bytes);
                }
                continue;
            }
            // Each piece by itself, so that a host may read it alone.
            self.write_port();
            let room = WAITING_BYTES_MAX - self.waiting.len().min(WAITING_BYTES_MAX);
            self.waiting.extend(bytes.iter().take(room));
        }
        self.write_port();
        if let Some(proxy) = &mut self.proxy {
            proxy.write(&mut self.modem);
        }
    }

    fn write_port(&mut self) {
        let Some(port) = &self.port else {
            self.waiting.clear();
            return;
        };
        while !self.waiting.is_empty() {
            let (front, _) = self.waiting.as_slices();
            match port.write(front) {
                Ok(count) => drop(self.waiting.drain(..count)),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return,
            }
        }
    }

    fn trace(&self, who: &str, Port(port): Port, bytes: &[u8]) {
        if self.verbose && !bytes.is_empty() {
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            eprintln!("{who} {port}: {hex}");
        }
    }

    /// Waits for bytes, for a request, or for the next thing that is due.
    fn sleep(&mut self) {
        let left = self.deadline().map(|deadline| deadline.saturating_duration_since(clock::now()));
        let timeout = match left {
            None => PollTimeout::NONE,
            Some(left) => {
                PollTimeout::try_from(left.as_micros().div_ceil(1000)).unwrap_or(PollTimeout::MAX)
            }
        };
        let wanted = |writing: bool| {
            if writing { PollFlags::POLLIN | PollFlags::POLLOUT } else { PollFlags::POLLIN }
        };
        let mut fds = vec![PollFd::new(self.ends.wake.as_fd(), PollFlags::POLLIN)];
        let writing = !self.waiting.is_empty();
        fds.extend(self.port.as_ref().map(|port| PollFd::new(port.fd(), wanted(writing))));
        let proxied = self.proxy.iter().flat_map(Proxy::fds);
        fds.extend(proxied.map(|(fd, writing)| PollFd::new(fd, wanted(writing))));
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
        let modem = self.modem.next_ms().map(|ms| self.started + Duration::from_millis(ms));
        let waits = self.waiters.iter().filter_map(|waiter| waiter.until.deadline());
        [
            flowing.flatten(),
            modem,
            self.power_at,
            self.session_at.v4,
            self.session_at.v6,
            self.port_at,
            self.silent_until,
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
        self.modem.plug(Port::DEVICE);
        Ok(())
    }

    /// Takes the port away, and whoever is at the proxy with it.
    pub(crate) fn close_port(&mut self) {
        self.write();
        self.waiting.clear();
        self.link.remove();
        self.port = None;
        self.modem.unplug(Port::DEVICE);
        if let Some(proxy) = &mut self.proxy {
            proxy.device_gone(&mut self.modem);
        }
    }

    pub(crate) fn truth(&self) -> QmiTruth {
        QmiTruth {
            link: Some(self.link_path.clone()),
            device: self.port.as_ref().map(Pty::device).map(Path::to_owned),
            planted_bytes: self.planted_bytes,
            ..self.modem.truth()
        }
    }
}

/// Whether a moment has come; it comes once.
fn take_due(moment: &mut Option<Instant>, now: Instant) -> bool {
    moment.take_if(|at| *at <= now).is_some()
}
