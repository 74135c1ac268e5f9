//! A scripted modem on fake time: what is asked is looked up, what is looked up
//! is answered at once.

#![allow(dead_code, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::collections::{BTreeMap, VecDeque};

use posdatad::domain::counter::{Evidence, Sample};
use posdatad::domain::report::{FaultKind, Identity, Report};
use posdatad::domain::units::Traffic;
use posdatad::modem::at::{AtDialogue, AtSettings};
use posdatad::modem::{Action, Dialogue};

pub const ICCID_1: &str = "89860120345678901234";
pub const ICCID_2: &str = "89860120345678905678";

/// What the line does to an answer: given the command and what the modem sent,
/// what arrives.
pub type Mangle = Box<dyn FnMut(&str, Vec<u8>) -> Vec<u8>>;

/// A modem's answers by command. `None` is silence; what is not listed is `ERROR`.
pub struct Bench {
    pub dialogue: AtDialogue,
    pub now_ms: u64,
    answers: BTreeMap<String, VecDeque<Option<Vec<u8>>>>,
    pub sent: Vec<String>,
    pub reports: Vec<Report>,
    pub actions: Vec<Action>,
    /// Everything that ever came from the modem.
    pub heard: Vec<u8>,
    /// A line that harms what passes.
    pub mangle: Option<Mangle>,
}

impl Bench {
    /// A modem of this maker with a SIM, registered at home, without a counter.
    pub fn new(settings: AtSettings, maker: &str, model: &str) -> Self {
        let mut bench = Self {
            dialogue: AtDialogue::new(settings),
            now_ms: 1_000,
            answers: BTreeMap::new(),
            sent: Vec::new(),
            reports: Vec::new(),
            actions: Vec::new(),
            heard: Vec::new(),
            mangle: None,
        };
        for ok in
            ["AT", "ATE0", "AT+CMEE=1", "AT+CEREG=1", "AT+CGREG=1", "AT+CREG=1", "AT+CGEREP=2,1"]
        {
            bench.on(ok, "OK");
        }
        bench.on("AT+CGMI", &format!("{maker}|OK"));
        bench.on("AT+CGMM", &format!("{model}|OK"));
        bench.on("AT+CGMR", "FW1.0|OK");
        bench.on("AT+CGSN", "867698041234561|OK");
        bench.on("AT+CIMI", "460001234567890|OK");
        bench.on("AT+CPIN?", "+CPIN: READY|OK");
        bench.on("AT+QCCID", &format!("+QCCID: {ICCID_1}|OK"));
        bench.on("AT+CEREG?", "+CEREG: 1,1|OK");
        bench
    }

    /// A Quectel LTE modem whose counter answers `+QGDCNT: 100,200`.
    pub fn quectel() -> Self {
        let mut bench = Self::new(AtSettings::default(), "Quectel", "EC25");
        bench.on("AT+QGDCNT?", "+QGDCNT: 100,200|OK");
        bench
    }

    /// From now on the command is answered so; `|` stands between lines.
    pub fn on(&mut self, command: &str, answer: &str) {
        self.on_bytes(command, Some(lines(answer)));
    }

    pub fn on_bytes(&mut self, command: &str, answer: Option<Vec<u8>>) {
        self.answers.insert(command.to_owned(), VecDeque::from([answer]));
    }

    /// The command is answered so once, before what was set.
    pub fn once(&mut self, command: &str, answer: &str) {
        self.once_bytes(command, Some(lines(answer)));
    }

    pub fn once_bytes(&mut self, command: &str, answer: Option<Vec<u8>>) {
        self.answers.entry(command.to_owned()).or_default().push_front(answer);
    }

    pub fn silent(&mut self, command: &str) {
        self.on_bytes(command, None);
    }

    /// No command is answered any more.
    pub fn all_silent(&mut self) -> BTreeMap<String, VecDeque<Option<Vec<u8>>>> {
        let kept = self.answers.clone();
        for answer in self.answers.values_mut() {
            *answer = VecDeque::from([None]);
        }
        kept
    }

    pub fn restore(&mut self, answers: BTreeMap<String, VecDeque<Option<Vec<u8>>>>) {
        self.answers = answers;
    }

    pub fn open(&mut self) {
        self.dialogue.opened(self.now_ms, Evidence::Same, ());
        self.settle();
    }

    /// Opens, and lets the modem be identified.
    pub fn ready(mut self) -> Self {
        self.open();
        self.pass(2_000);
        self.reports.clear();
        self.sent.clear();
        self
    }

    pub fn request(&mut self) {
        self.dialogue.request_reading(self.now_ms);
        self.settle();
    }

    /// The modem says something of its own accord; `|` stands between lines.
    pub fn says(&mut self, text: &str) {
        self.bytes(&lines(text));
    }

    pub fn bytes(&mut self, bytes: &[u8]) {
        self.heard.extend(bytes);
        self.dialogue.handle_bytes(self.now_ms, bytes);
        self.settle();
    }

    /// Time passes; every timer goes off at its own time.
    pub fn pass(&mut self, ms: u64) {
        let until_ms = self.now_ms + ms;
        while let Some(due_ms) = self.dialogue.poll_timeout().filter(|due_ms| *due_ms <= until_ms) {
            self.now_ms = self.now_ms.max(due_ms);
            self.dialogue.handle_timeout(self.now_ms);
            self.settle();
        }
        self.now_ms = until_ms;
    }

    /// Time passes, and the port is opened again whenever that is asked for.
    pub fn pass_reopening(&mut self, ms: u64) {
        let until_ms = self.now_ms + ms;
        while self.now_ms < until_ms {
            let step_ms = (until_ms - self.now_ms).min(1_000);
            self.pass(step_ms);
            while let Some(Action::Reopen { at_ms }) = self.actions.pop() {
                self.pass(at_ms.saturating_sub(self.now_ms));
                self.dialogue.opened(self.now_ms, Evidence::MayHaveRestarted, ());
                self.settle();
            }
        }
    }

    /// Answers until nothing is asked, and takes what is said.
    fn settle(&mut self) {
        loop {
            let mut idle = true;
            while let Some(bytes) = self.dialogue.poll_transmit() {
                idle = false;
                let command = String::from_utf8(bytes).unwrap().trim().to_owned();
                let answer = match self.answers.get_mut(&command) {
                    Some(answers) if answers.len() > 1 => answers.pop_front().unwrap(),
                    Some(answers) => answers.front().cloned().unwrap(),
                    None => Some(lines("ERROR")),
                };
                let answer = match &mut self.mangle {
                    Some(mangle) => answer.map(|bytes| mangle(&command, bytes)),
                    None => answer,
                };
                self.sent.push(command);
                if let Some(bytes) = answer {
                    self.heard.extend(&bytes);
                    self.dialogue.handle_bytes(self.now_ms, &bytes);
                }
            }
            while let Some(report) = self.dialogue.poll_report() {
                idle = false;
                self.reports.push(report);
            }
            while let Some(action) = self.dialogue.poll_action() {
                idle = false;
                self.actions.push(action);
            }
            if idle {
                return;
            }
        }
    }

    pub fn samples(&self) -> Vec<Sample> {
        self.reports
            .iter()
            .filter_map(|report| match report {
                Report::Reading(reading) => Some(reading.parts[0].sample.clone()),
                _ => None,
            })
            .collect()
    }

    /// The one sample since the reports were last cleared, as (sent, received).
    pub fn sample(&mut self) -> Sample {
        let samples = self.samples();
        assert_eq!(samples.len(), 1, "{:#?}", self.reports);
        self.reports.clear();
        samples[0].clone()
    }

    pub fn identities(&self) -> Vec<Identity> {
        self.reports
            .iter()
            .filter_map(|report| match report {
                Report::Identified(identity) => Some(identity.clone()),
                _ => None,
            })
            .collect()
    }

    pub fn faults(&self) -> Vec<FaultKind> {
        self.reports
            .iter()
            .filter_map(|report| match report {
                Report::Fault { kind, .. } => Some(*kind),
                _ => None,
            })
            .collect()
    }

    pub fn recovered(&self) -> Vec<u32> {
        self.reports
            .iter()
            .filter_map(|report| match report {
                Report::Recovered { attempts_failed } => Some(*attempts_failed),
                _ => None,
            })
            .collect()
    }
}

pub fn traffic(tx: u64, rx: u64) -> Traffic {
    Traffic { rx, tx }
}

/// `a|b` as a modem sends it.
pub fn lines(text: &str) -> Vec<u8> {
    text.split('|').flat_map(|line| format!("\r\n{line}\r\n").into_bytes()).collect()
}
