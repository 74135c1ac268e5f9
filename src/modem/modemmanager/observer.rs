//! Facts in, reports out: which modem, who it is, whether it roams, what its
//! bearers moved, and what is wrong.

use std::collections::{BTreeMap, VecDeque};

use jiff::Timestamp;

use super::bearer::{Timing, Track};
use super::choose::{Selector, choose};
use super::facts::{Bearer, BearerChange, KernelCounter, Modem, Sim, Witness, identity, number};
use crate::domain::reading::{Part, Reading};
use crate::domain::report::{FaultKind, Identity, Report};
use crate::domain::time::BootMs;

/// ModemManager looks at a connected modem every 30 s: when it has not been heard
/// of for so long, it is looked at, ms.
const SILENCE_MS_MAX: BootMs = 70_000;
/// How often the network's time is asked for while it is not known, ms.
const TIME_UNKNOWN_EVERY_MS: BootMs = 5 * 60 * 1_000;
/// How often it is asked for once it is known, ms.
const TIME_KNOWN_EVERY_MS: BootMs = 6 * 60 * 60 * 1_000;

/// MMModemState.
const STATE_FAILED: i32 = -1;
const STATE_INITIALIZING: i32 = 1;
const STATE_LOCKED: i32 = 2;
const STATE_REGISTERED: i32 = 8;
/// MMModemStateFailedReason: no SIM, a SIM that fails, an eSIM without profile.
const FAILED_FOR_THE_SIM: [u32; 3] = [2, 3, 5];

/// What is known of a modem through ModemManager.
#[derive(Debug)]
pub struct Observer {
    selector: Selector,
    /// Boot and bus; with the owner of ModemManager's name this run of it.
    place: String,
    owner: Option<String>,
    modem: Option<Modem>,
    bearers: BTreeMap<u32, Track>,
    identity: Option<Identity>,
    no_sim: bool,
    roaming: Option<bool>,
    fault: Option<FaultKind>,
    attempts_failed: u32,
    /// The next question is answered, however old the figures are.
    wanted: bool,
    /// Something about the bytes is new since the last reading.
    fresh: bool,
    /// It is to be looked at again: what is known does not suffice.
    look_again: bool,
    heard_ms: BootMs,
    time_due_ms: BootMs,
    reports: VecDeque<(String, Report)>,
}

impl Observer {
    /// Nothing is known. `place` names the boot and the bus.
    #[must_use]
    pub fn new(selector: Selector, place: String) -> Self {
        Self {
            selector,
            place,
            owner: None,
            modem: None,
            bearers: BTreeMap::new(),
            identity: None,
            no_sim: false,
            roaming: None,
            fault: None,
            attempts_failed: 0,
            wanted: false,
            fresh: false,
            look_again: false,
            heard_ms: 0,
            time_due_ms: 0,
            reports: VecDeque::new(),
        }
    }

    /// The next report with the epoch it belongs to: boot, bus, this run of
    /// ModemManager, and the modem object, whose path is never used again in it.
    pub fn poll_report(&mut self) -> Option<(String, Report)> {
        self.reports.pop_front()
    }

    /// Where it is on the bus now: another bus (`place`) or another owner of the
    /// name is another run of ModemManager.
    pub fn runs(&mut self, place: &str, owner: &str) {
        if self.owner.as_deref() == Some(owner) && self.place == place {
            return;
        }
        self.place = place.to_owned();
        self.owner = Some(owner.to_owned());
    }

    /// The unique name of this run of ModemManager.
    #[must_use]
    pub fn owner(&self) -> Option<&str> {
        self.owner.as_deref()
    }

    /// The modem that is metered.
    #[must_use]
    pub fn modem(&self) -> Option<&Modem> {
        self.modem.as_ref()
    }

    /// The interfaces whose kernel counters are to be read beside what is heard
    /// of the bearers.
    #[must_use]
    pub fn interfaces(&self) -> Vec<String> {
        let connected = self.bearers.values().filter(|track| track.is_connected());
        let theirs = connected.map(|track| track.bearer().interface.clone());
        theirs.chain(self.selector.interface.clone()).filter(|name| !name.is_empty()).collect()
    }

    /// The modem to look at among these; nothing where none is, which is said.
    pub fn choose(&mut self, modems: Vec<Modem>, witness: &Witness) -> Option<Modem> {
        let current = self.modem.as_ref().map(|modem| modem.path.clone());
        match choose(&modems, &self.selector, current.as_deref()) {
            Ok(modem) => Some(modem.clone()),
            Err((kind, detail)) => {
                self.lost(witness, kind, detail);
                None
            }
        }
    }

    /// The modem was looked at, with its SIM and its bearers.
    pub fn looked(
        &mut self,
        now_ms: BootMs,
        modem: Modem,
        sim: Option<&Sim>,
        bearers: Vec<(u32, Bearer)>,
        (witness, timing): (&Witness, Timing),
    ) {
        if self.modem.as_ref().is_some_and(|known| known.path != modem.path) {
            self.close(witness);
        }
        self.heard_ms = now_ms;
        self.look_again = false;
        let registration = modem.registration;
        let (state, reason) = (modem.state.unwrap_or(0), modem.failed_reason);
        let without_sim = state == STATE_LOCKED
            || state == STATE_FAILED && FAILED_FOR_THE_SIM.contains(&reason)
            || sim.is_none() && state > STATE_INITIALIZING;
        let identity = identity(&modem, sim);
        self.modem = Some(modem);
        self.take_bearers(bearers, witness, timing);
        if without_sim {
            self.recovered();
            if !std::mem::replace(&mut self.no_sim, true) {
                self.identity = None;
                self.say(Report::NoSim);
            }
            return;
        }
        if (0..=STATE_INITIALIZING).contains(&state) {
            // What it says of itself is not whole yet; a change of state is heard.
            return;
        }
        if state == STATE_FAILED {
            let detail = format!(
                "ModemManager could not set the modem up (state failed, reason {reason}); see \
                 journalctl -u ModemManager"
            );
            self.failed(FaultKind::Silent, detail);
            return;
        }
        self.no_sim = false;
        self.judge_counters();
        if self.identity.as_ref() != Some(&identity) {
            self.identity = Some(identity.clone());
            self.wanted = true;
            self.say(Report::Identified(identity));
        }
        self.registered(registration);
        self.tell_if_fresh();
    }

    fn take_bearers(&mut self, bearers: Vec<(u32, Bearer)>, witness: &Witness, timing: Timing) {
        let gone: Vec<u32> = self
            .bearers
            .keys()
            .copied()
            .filter(|number| bearers.iter().all(|(there, _)| there != number))
            .collect();
        if !gone.is_empty() {
            self.end(&gone, witness);
        }
        for (number, bearer) in bearers {
            // The end takes the interface's name away.
            let before = self.bearers.get(&number).map(|track| track.bearer().clone());
            let named = before.filter(|_| !bearer.connected).unwrap_or_else(|| bearer.clone());
            let kernel = self.kernel(&named, witness);
            match self.bearers.get_mut(&number) {
                Some(track) => self.fresh |= track.is_now(bearer, kernel, timing),
                None => {
                    self.fresh = true;
                    self.bearers.insert(number, Track::new(number, bearer, kernel));
                }
            }
        }
    }

    /// A bearer says that something of it changed; nothing where it is not one of
    /// the metered modem's, or not known yet.
    pub fn bearer_changed(
        &mut self,
        now_ms: BootMs,
        path: &str,
        change: &BearerChange,
        witness: &Witness,
    ) {
        let Some(track) = number(path).and_then(|number| self.bearers.get(&number)) else { return };
        let before = track.bearer().clone();
        let bearer = change.applied_to(&before);
        // The end takes the interface's name away.
        let kernel = self.kernel(if bearer.connected { &bearer } else { &before }, witness);
        let looked = change.stats.is_some() || change.connected.is_some();
        let track = number(path).and_then(|number| self.bearers.get_mut(&number));
        if looked && let Some(track) = track {
            self.heard_ms = now_ms;
            self.fresh |= track.is_now(bearer, kernel, Timing::Heard);
            self.judge_counters();
            self.tell_if_fresh();
        }
    }

    /// The kernel's counter that belongs to a bearer.
    fn kernel(&self, bearer: &Bearer, witness: &Witness) -> Option<KernelCounter> {
        let own = witness.get(&bearer.interface);
        let configured = self.selector.interface.as_ref().and_then(|name| witness.get(name));
        // A configured one (`ppp0`) is that of the only connection.
        let connected = self.bearers.values().filter(|track| track.is_connected()).count();
        own.or(configured.filter(|_| connected <= 1)).copied()
    }

    /// The network said whether the modem is at home (MMModem3gppRegistrationState).
    pub fn registered(&mut self, registration: Option<u32>) {
        let roaming = match registration {
            Some(1 | 6 | 9) => false,
            Some(5 | 7 | 10) => true,
            Some(_) | None => return,
        };
        if let Some(modem) = &mut self.modem {
            modem.registration = registration;
        }
        if self.roaming != Some(roaming) {
            self.roaming = Some(roaming);
            self.wanted = true;
            self.say(Report::Roaming(roaming));
        }
    }

    /// A reading is asked for. True when the modem must be looked at for it.
    #[must_use]
    pub fn asked(&mut self, now_ms: BootMs) -> bool {
        if self.modem.is_none() || self.look_again {
            // What ModemManager or the bus will say of their own accord is waited for.
            self.attempts_failed = self.attempts_failed.saturating_add(1);
            self.wanted = true;
            return self.look_again;
        }
        let connected = self.bearers.values().any(Track::is_connected);
        if connected && now_ms.saturating_sub(self.heard_ms) > SILENCE_MS_MAX {
            self.wanted = true;
            return true;
        }
        if self.identity.is_some() && (self.wanted || self.fresh || !connected) {
            self.tell();
        }
        false
    }

    /// After a look that [`asked`](Self::asked) wanted: the reading.
    pub fn answer(&mut self) {
        if self.wanted && self.identity.is_some() && !self.look_again {
            self.tell();
        }
    }

    /// Whether the network's time is to be asked for.
    #[must_use]
    pub fn time_due(&self, now_ms: BootMs) -> bool {
        let registered =
            self.modem.as_ref().and_then(|modem| modem.state) >= Some(STATE_REGISTERED);
        registered && now_ms >= self.time_due_ms
    }

    /// The network's time as ModemManager writes it, heard just now; `None` where
    /// it has none.
    pub fn time(&mut self, now_ms: BootMs, text: Option<&str>) {
        let said = text.and_then(|text| text.parse::<Timestamp>().ok());
        let every_ms = if said.is_some() { TIME_KNOWN_EVERY_MS } else { TIME_UNKNOWN_EVERY_MS };
        self.time_due_ms = now_ms.saturating_add(every_ms);
        if let Some(time) = said {
            self.say(Report::NetworkTime(time.as_second()));
        }
    }

    /// A call failed: nothing new is known, and what was known may still hold.
    pub fn failed(&mut self, kind: FaultKind, detail: String) {
        self.look_again = true;
        self.attempts_failed = self.attempts_failed.saturating_add(1);
        self.fault(kind, detail);
    }

    /// ModemManager or the modem is gone.
    pub fn lost(&mut self, witness: &Witness, kind: FaultKind, detail: String) {
        self.close(witness);
        self.look_again = false;
        self.fault(kind, detail);
    }

    /// Ends what is known of the modem with what can still be told of it.
    fn close(&mut self, witness: &Witness) {
        let all: Vec<u32> = self.bearers.keys().copied().collect();
        if !all.is_empty() {
            self.end(&all, witness);
        }
        self.modem = None;
        self.identity = None;
        self.roaming = None;
        self.no_sim = false;
        self.time_due_ms = 0;
    }

    /// These bearers are gone: one last reading has them as ended.
    fn end(&mut self, numbers: &[u32], witness: &Witness) {
        let mut gone = Vec::new();
        for number in numbers {
            if let Some(track) = self.bearers.get(number) {
                let kernel = self.kernel(track.bearer(), witness);
                gone.extend(track.clone().last_parts(kernel));
            }
            self.bearers.remove(number);
        }
        if self.identity.is_some() {
            self.give(gone);
        }
    }

    fn tell_if_fresh(&mut self) {
        if self.fresh && self.identity.is_some() {
            self.tell();
        }
    }

    fn tell(&mut self) {
        self.give(Vec::new());
    }

    fn give(&mut self, gone: Vec<Part>) {
        self.wanted = false;
        self.fresh = false;
        let mut parts: Vec<Part> = self.bearers.values().flat_map(Track::parts).collect();
        parts.extend(gone);
        self.bearers.values_mut().for_each(Track::told);
        self.say(Report::Reading(Reading { parts, may_be_garbled: false }));
    }

    fn judge_counters(&mut self) {
        match self.bearers.iter().find(|(_, track)| track.is_uncounted()) {
            None => self.recovered(),
            Some((number, track)) => {
                let detail = format!(
                    "ModemManager has no counters of this modem's connection (bearer {number}, \
                     interface {}): it drives it by AT commands and PPP alone; use source = \
                     \"netdev\" with the interface that carries the data (ppp0), or \"at\"",
                    track.bearer().interface
                );
                self.fault(FaultKind::NoCounter, detail);
            }
        }
    }

    fn fault(&mut self, kind: FaultKind, detail: String) {
        if self.fault != Some(kind) {
            self.fault = Some(kind);
            self.say(Report::Fault { kind, detail });
        }
    }

    fn recovered(&mut self) {
        if self.fault.take().is_some() {
            let attempts_failed = std::mem::take(&mut self.attempts_failed);
            self.say(Report::Recovered { attempts_failed });
        }
        self.attempts_failed = 0;
    }

    fn say(&mut self, report: Report) {
        let owner = self.owner.as_deref().unwrap_or("-");
        let object =
            self.modem.as_ref().map_or("-", |modem| modem.path.rsplit('/').next().unwrap_or("-"));
        let epoch = format!("{} {owner} modem{object}", self.place);
        self.reports.push_back((epoch, report));
    }
}
