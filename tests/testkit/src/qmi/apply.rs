//! Owns what each script command does to the running QMI simulator.

use std::time::{Duration, Instant};

use crate::builder::imsi_for;
use crate::clock::{self, ClockSetting};
use crate::qmi::engine::{Engine, Running};
use crate::qmi::family::Family;
use crate::qmi::faults::Silence;
use crate::qmi::language::{QmiCommand, SessionChange};
use crate::qmi::waiting::{Polls, Until};
use crate::script::parse::Traffic;
use crate::traffic::Flow;

/// Flows of traffic at the same time, at most.
const FLOWS_MAX: usize = 64;

impl Engine {
    /// Begins a command; says what ends it when that is not at once.
    pub(crate) fn apply(
        &mut self,
        command: QmiCommand,
        now: Instant,
    ) -> Result<Option<Until>, String> {
        self.catch_up(now);
        match command {
            QmiCommand::Wait(length) => return Ok(Some(Until::At(now + length))),
            QmiCommand::AwaitPolls { count, within } => {
                let polls = Polls::new(&self.modem, count, within, now);
                return Ok(Some(Until::Polls(polls)));
            }
            QmiCommand::Traffic(family, traffic) => return self.traffic(family, traffic, now),
            QmiCommand::Session(family, change) => return self.session(family, change, now),
            QmiCommand::PowerCycle(length) => return self.power_cycle(length, now),
            QmiCommand::SimOut if !self.modem.sim_out() => {
                return Err("sim out: there is no card inside".to_owned());
            }
            QmiCommand::SimIn if !self.modem.sim_in() => {
                return Err("sim in: no card was taken out".to_owned());
            }
            QmiCommand::SimOut | QmiCommand::SimIn => {}
            QmiCommand::SwapSim { iccid, imsi } => {
                let known = self.modem.truth().sim(&iccid).map(|sim| sim.imsi.clone());
                let imsi = imsi.or(known).unwrap_or_else(|| imsi_for(&iccid));
                self.modem.swap_sim(&iccid, &imsi);
            }
            QmiCommand::Roaming(roaming) => self.modem.set_roaming(roaming),
            QmiCommand::Clock(setting) => self.clock(setting),
            QmiCommand::Silence(length) => {
                self.modem.silent(Silence::On);
                self.silent_until = Some(now + length);
                return Ok(self.silent_until.map(Until::At));
            }
            QmiCommand::SilenceRequests(count) => self.modem.silent(Silence::Requests(count)),
            QmiCommand::Hangup(length) => {
                self.modem.note("hangup", format!("{length:?}"));
                return self.hang_up(length, now);
            }
            QmiCommand::ForgetClients => self.modem.forget_clients(),
            QmiCommand::Duplicate(aim) => self.modem.duplicate_next(aim),
            QmiCommand::Late(length, aim) => self.modem.delay_next(aim, clock::whole_ms(length)),
            QmiCommand::WrongTransaction(aim) => self.modem.wrong_transaction_next(aim),
            QmiCommand::Error(code, aim) => self.modem.error_next(aim, code),
            QmiCommand::Garbage(count) => self.modem.garbage(count),
            QmiCommand::Coalesce(on) => self.modem.coalesce(on),
            QmiCommand::Split(on) => self.modem.split(on),
            QmiCommand::MissingBytes(on) => self.modem.missing_bytes(on),
            QmiCommand::NoDmsIccid(on) => self.modem.no_dms_iccid(on),
            QmiCommand::FewServices(on) => self.modem.few_services(on),
            QmiCommand::ProxySilent(silent) => {
                self.proxy.as_mut().ok_or("proxy: there is none (--proxy)")?.silent = silent;
            }
            QmiCommand::ProxyDrop => {
                let proxy = self.proxy.as_mut().ok_or("proxy: there is none (--proxy)")?;
                proxy.drop_all(&mut self.modem);
            }
            QmiCommand::Exit => self.stopping = true,
        }
        Ok(None)
    }

    fn traffic(
        &mut self,
        family: Family,
        traffic: Traffic,
        now: Instant,
    ) -> Result<Option<Until>, String> {
        let (flow, ends) = match traffic {
            Traffic::Now(bytes) if self.modem.traffic(family, bytes) => return Ok(None),
            Traffic::Now(_) => {
                return Err(format!(
                    "traffic: no {} session (power, card and session must be there)",
                    family.name()
                ));
            }
            Traffic::Stop => {
                self.flows.clear();
                return Ok(None);
            }
            Traffic::Random { bytes, over } => (Flow::random(bytes, over, &mut self.rng), true),
            Traffic::Rate { per_second, length } => {
                (Flow::steady(per_second, length), length.is_some())
            }
        };
        if self.flows.len() >= FLOWS_MAX {
            return Err(format!(
                "traffic: {FLOWS_MAX} flows are on already; stop them with: traffic stop"
            ));
        }
        self.flows_started += 1;
        let id = self.flows_started;
        self.flows.push(Running { id, family, since: now, flow });
        Ok(ends.then_some(Until::FlowEnds(id)))
    }

    fn session(
        &mut self,
        family: Family,
        change: SessionChange,
        now: Instant,
    ) -> Result<Option<Until>, String> {
        let name = family.name();
        let (done, refused) = match change {
            SessionChange::Up => {
                (self.modem.connect(family), "cannot begin (power and card, and no session yet)")
            }
            SessionChange::Down | SessionChange::Cycle(_) => {
                (self.modem.disconnect(family), "there is none to end")
            }
            SessionChange::Suspend => (self.modem.suspend(family), "there is none to suspend"),
            SessionChange::Resume => (self.modem.resume(family), "there is none to resume"),
        };
        if !done {
            return Err(format!("session: {name}: {refused}"));
        }
        match change {
            SessionChange::Cycle(length) => {
                *self.session_at.of_mut(family) = Some(now + length);
                Ok(Some(Until::At(now + length)))
            }
            _ => {
                *self.session_at.of_mut(family) = None;
                Ok(None)
            }
        }
    }

    /// The modem goes, its port with it, and comes back after `length`.
    fn power_cycle(&mut self, length: Duration, now: Instant) -> Result<Option<Until>, String> {
        self.close_port();
        self.session_at = Default::default();
        self.modem.power_off();
        if length.is_zero() {
            self.modem.power_on();
        } else {
            self.power_at = Some(now + length);
        }
        self.hang_up(length, now)
    }

    /// Takes the port away; a new one comes after `length`.
    fn hang_up(&mut self, length: Duration, now: Instant) -> Result<Option<Until>, String> {
        self.close_port();
        if length.is_zero() {
            let opened = self.open_port();
            return opened
                .map(|()| None)
                .map_err(|error| format!("hangup: cannot open a new port: {error}"));
        }
        self.port_at = Some(now + length);
        Ok(Some(Until::At(now + length)))
    }

    pub(crate) fn clock(&mut self, setting: ClockSetting) {
        match setting {
            ClockSetting::At { unix_ms, zone_quarters } => {
                self.modem.clock.zone_quarters = i8::try_from(zone_quarters).unwrap_or(0);
                self.modem.set_clock_ms(Some(unix_ms));
            }
            ClockSetting::Offset(ms) => {
                self.modem.set_clock_ms(Some(clock::wall_ms().saturating_add(ms)));
            }
            ClockSetting::Unset => self.modem.set_clock_ms(None),
        }
    }
}
