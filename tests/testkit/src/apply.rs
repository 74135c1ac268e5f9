//! Owns what each script command does to the running simulator.

use std::time::{Duration, Instant};

use crate::clock;
use crate::dialect::Dialect;
use crate::engine::{Engine, Refusal, Running};
use crate::modem::Card;
use crate::script::Command;
use crate::traffic::Flow;
use crate::wishes::Until;

/// Flows of traffic at the same time, at most.
const FLOWS_MAX: usize = 64;

impl Engine {
    /// Begins a command; says what ends it when that is not at once.
    pub(crate) fn apply(
        &mut self,
        command: Command,
        now: Instant,
    ) -> Result<Option<Until>, String> {
        self.move_traffic(now);
        match command {
            Command::Wait(length) => return Ok(Some(Until::At(now + length))),
            Command::AwaitPolls { count, within } => {
                let after = self.modem.books.queries;
                let deadline = now + within;
                return Ok(Some(Until::Polls {
                    after,
                    left: count,
                    asked: count,
                    within,
                    deadline,
                }));
            }
            Command::Traffic(bytes) => {
                if !self.modem.in_session() {
                    return Err(
                        "traffic: no data session (power, card and session must be there)"
                            .to_owned(),
                    );
                }
                self.modem.transfer(bytes, now);
            }
            Command::TrafficRandom { bytes, over } => {
                let flow = Flow::random(bytes, over, &mut self.rng);
                return self.flow(flow, now).map(Some);
            }
            Command::TrafficRate { per_second, length } => {
                let until = self.flow(Flow::steady(per_second, length), now)?;
                return Ok(length.map(|_| until));
            }
            Command::TrafficStop => self.flows.clear(),
            Command::Counter(value) => {
                self.pump(now, true);
                self.modem.set_counter(value, now);
            }
            Command::Reset => {
                self.pump(now, true);
                self.modem.reset_silently(now);
            }
            Command::Save => self.modem.save(now),
            Command::Autosave(every) => self.modem.set_autosave(every, now),
            Command::Contexts(count) => {
                if !matches!(self.modem.dialect, Dialect::UBlox | Dialect::Telit) && count > 1 {
                    return Err(format!(
                        "contexts: {} has a single counter",
                        self.modem.dialect.name()
                    ));
                }
                self.modem.registers.set_contexts(count);
            }
            Command::SessionResetsTotals(resets) => self.modem.session_resets_totals = resets,
            Command::ColumnsReversed(reversed) => self.modem.columns_reversed = reversed,
            Command::Prefix(sign) => self.modem.flow_sign = sign,
            Command::PowerCycle(length) => {
                if !self.modem.powered {
                    return Err("power-cycle: the modem is off already".to_owned());
                }
                self.power_off(length, now);
                return Ok(Some(Until::Powered));
            }
            Command::Session(length) => return self.session(length, now).map(Some),
            Command::SimOut => self.sim_out(now)?,
            Command::SimIn => {
                let card = self
                    .card_out
                    .take()
                    .ok_or("sim in: the card is inside already")?;
                let lines = self.modem.sim_in(card, false, now);
                self.unsolicited(&lines);
            }
            Command::SwapSim { iccid, imsi } => self.swap_sim(iccid, imsi, now)?,
            Command::Roaming(roaming) => {
                let lines = self.modem.set_roaming(roaming, now);
                self.unsolicited(&lines);
            }
            Command::ReportsAlways(always) => self.modem.reports_always = always,
            Command::Clock(setting) => {
                let line = self.modem.set_clock(setting, clock::wall_ms());
                self.unsolicited(line.as_slice());
            }
            Command::IccidForm(form) => self.modem.iccid_form = form,
            Command::Silence(length) => {
                self.note("silence", format!("{length:?}"), now);
                self.silent_until = Some(now + length);
                return Ok(Some(Until::Spoken));
            }
            Command::Hangup(length) => {
                self.hang_up(length, now)?;
                return Ok(Some(Until::PortBack));
            }
            Command::Echo(echo) => {
                (self.modem.echo, self.modem.echo_at_start) = (echo, echo);
            }
            Command::Slow(per_byte) => self.outbox.set_pace(per_byte),
            Command::Interleave(on) => self.interleave = on,
            Command::Urc(line) => self.unsolicited(&[line]),
            Command::Garbage(count) => {
                self.note("garbage", format!("{count} bytes"), now);
                let noise = self.rng.bytes(count);
                self.outbox.push(&noise, None);
            }
            Command::OnReply(fault) => self.reply_faults.push_back(fault),
            Command::Drop(count) => {
                self.note("drop", format!("{count} bytes"), now);
                self.outbox.drop_next(count);
            }
            Command::ErrorNext {
                result,
                counter_only,
            } => {
                self.refusals.push_back(Refusal {
                    result,
                    counter_only,
                });
            }
            Command::Exit => self.stopping = true,
        }
        Ok(None)
    }

    fn note(&mut self, kind: &'static str, detail: String, now: Instant) {
        let at_ms = self.modem.at_ms(now);
        self.modem.books.note(kind, detail, at_ms);
    }

    fn flow(&mut self, flow: Flow, now: Instant) -> Result<Until, String> {
        if self.flows.len() >= FLOWS_MAX {
            return Err(format!(
                "traffic: {FLOWS_MAX} flows are on already; stop them with: traffic stop"
            ));
        }
        self.flows_started += 1;
        self.flows.push(Running {
            id: self.flows_started,
            since: now,
            flow,
        });
        Ok(Until::FlowEnds(self.flows_started))
    }

    /// Cuts the power; a reply under way is cut with it.
    pub(crate) fn power_off(&mut self, length: Duration, now: Instant) {
        self.outbox.clear();
        self.inbox.clear();
        self.session_at = None;
        self.modem.power_off(now);
        self.power_at = Some(now + length);
    }

    fn session(&mut self, length: Duration, now: Instant) -> Result<Until, String> {
        if !self.modem.in_session() {
            return Err(
                "session: there is none to end (power, card and session must be there)".to_owned(),
            );
        }
        self.pump(now, true);
        let lines = self.modem.session_down();
        self.unsolicited(&lines);
        self.session_at = Some(now + length);
        Ok(Until::SessionUp)
    }

    fn sim_out(&mut self, now: Instant) -> Result<(), String> {
        self.pump(now, true);
        let card = self
            .modem
            .sim
            .clone()
            .ok_or("sim out: there is no card inside")?;
        let lines = self.modem.sim_out(now);
        self.unsolicited(&lines);
        self.session_at = None;
        self.card_out = Some(card);
        Ok(())
    }

    fn swap_sim(
        &mut self,
        iccid: String,
        imsi: Option<String>,
        now: Instant,
    ) -> Result<(), String> {
        if self.modem.sim.is_some() {
            self.sim_out(now)?;
        }
        let before = self.card_out.take();
        let imsi = imsi.or_else(|| {
            self.modem
                .books
                .sims
                .iter()
                .find(|sim| sim.iccid == iccid)
                .map(|sim| sim.imsi.clone())
        });
        let imsi = imsi.unwrap_or_else(|| crate::builder::imsi_for(&iccid));
        let other = before.is_none_or(|before| before.iccid != iccid);
        let lines = self.modem.sim_in(Card { iccid, imsi }, other, now);
        self.unsolicited(&lines);
        Ok(())
    }

    /// Takes the port away; a new one comes after `length`.
    fn hang_up(&mut self, length: Duration, now: Instant) -> Result<(), String> {
        self.note("hangup", format!("{length:?}"), now);
        self.outbox.clear();
        self.inbox.clear();
        self.port = None;
        if length.is_zero() {
            return self
                .open_port()
                .map_err(|error| format!("hangup: cannot open a new port: {error}"));
        }
        self.link.remove();
        self.port_at = Some(now + length);
        Ok(())
    }
}
