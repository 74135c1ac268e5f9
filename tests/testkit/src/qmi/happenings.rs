//! Owns what happens to the modem: traffic, sessions, power, card, network, clock; and what that does to the books.

use crate::accounting::{Bytes, Restart};
use crate::modem::Card;
use crate::qmi::answers;
use crate::qmi::clients::Port;
use crate::qmi::family::Family;
use crate::qmi::faults::{Aim, Fault, Silence};
use crate::qmi::frame::{CTL, Tlvs, WDS};
use crate::qmi::modem::QmiModem;
use crate::qmi::outbox::Outgoing;
use crate::qmi::session::{Session, State};
use crate::qmi::wire;

impl QmiModem {
    /// Whether data of this family can move.
    pub fn is_connected(&self, family: Family) -> bool {
        self.powered && self.card.is_some() && self.sessions.of(family).state == State::Up
    }

    /// Moves bytes; says whether there is a session to carry them.
    pub fn traffic(&mut self, family: Family, bytes: Bytes) -> bool {
        let connected = self.is_connected(family);
        if connected {
            self.sessions.of_mut(family).moved(bytes);
            self.ledger.moved(family, bytes, self.now_ms);
        }
        connected
    }

    /// The session of this family shows this now; none of it counts as moved.
    pub fn start_at(&mut self, family: Family, counter: Bytes) {
        *self.sessions.of_mut(family) = Session::up_at(counter);
    }

    /// Begins a data session, its counters at zero; the totals of the one before are gone. Says whether it could.
    pub fn connect(&mut self, family: Family) -> bool {
        self.connect_with(family, false)
    }

    fn connect_with(&mut self, family: Family, other_card: bool) -> bool {
        if !self.powered || self.card.is_none() || self.sessions.of(family).is_there() {
            return false;
        }
        let before = self.sessions.of(family).last_call.is_some();
        *self.sessions.of_mut(family) = Session::up_at(Bytes::default());
        let heard = self.tell_status(family);
        // Who heard of neither end nor beginning, or finds another card, cannot tell the sessions apart.
        let restart = if heard && !other_card { Restart::Known } else { Restart::Unknown };
        if before {
            let detail = "the last session's totals are gone";
            self.ledger.destroyed(family, "reconnect", detail, restart, self.now_ms);
        }
        true
    }

    /// Ends a data session; its totals stay readable. Says whether there was one.
    pub fn disconnect(&mut self, family: Family) -> bool {
        let there = self.sessions.of(family).is_there();
        if there {
            self.sessions.of_mut(family).end();
            self.tell_status(family);
        }
        there
    }

    /// Lets a session rest: nothing moves, its counters stay. Says whether there was one.
    pub fn suspend(&mut self, family: Family) -> bool {
        self.change_state(family, State::Up, State::Suspended)
    }

    /// Lets a session that rests go on.
    pub fn resume(&mut self, family: Family) -> bool {
        self.change_state(family, State::Suspended, State::Up)
    }

    fn change_state(&mut self, family: Family, from: State, to: State) -> bool {
        let session = self.sessions.of_mut(family);
        let changes = session.state == from;
        if changes {
            session.state = to;
            self.tell_status(family);
        }
        changes
    }

    fn tell_status(&mut self, family: Family) -> bool {
        let tlvs = wire::wds::status_indication(family, self.sessions.of(family).state);
        self.indicate(WDS, wire::wds::SERVICE_STATUS, &tlvs, |client| client.family == family)
    }

    /// The power goes: sessions, totals and clients are gone.
    pub fn power_off(&mut self) {
        for family in Family::ALL {
            let session = self.sessions.of_mut(family);
            let (had, was_up) =
                (session.is_there() || session.last_call.is_some(), session.is_there());
            *session = Session::default();
            *self.returning.of_mut(family) |= was_up;
            if had {
                let detail = "all totals are gone";
                self.ledger.destroyed(family, "power-cycle", detail, Restart::Known, self.now_ms);
            }
        }
        self.clients.clear();
        self.powered = false;
        let ports: Vec<Port> = self.ports.keys().copied().collect();
        for port in ports {
            self.unplug(port);
            self.plug(port);
        }
    }

    /// The power is back: sessions that were up come up again, at zero. Every port hears of it.
    pub fn power_on(&mut self) {
        self.powered = true;
        let ports: Vec<Port> = self.ports.keys().copied().collect();
        for port in ports {
            self.send(port, CTL, 0, wire::ctl::SYNC, Tlvs::default());
        }
        self.come_back(false);
    }

    /// Off and on again.
    pub fn power_cycle(&mut self) {
        self.power_off();
        self.power_on();
    }

    /// Connects what was up before the card or the power went.
    fn come_back(&mut self, other_card: bool) {
        for family in Family::ALL {
            if self.card.is_some() && std::mem::take(self.returning.of_mut(family)) {
                self.connect_with(family, other_card);
            }
        }
    }

    /// The modem forgets every client without a word.
    pub fn forget_clients(&mut self) {
        self.note("forget-clients", "");
        self.clients.clear();
    }

    /// The card is taken out: sessions end, their totals stay readable. Says whether there was one.
    pub fn sim_out(&mut self) -> bool {
        let Some(card) = self.card.clone() else { return false };
        self.note("sim-out", "");
        for family in Family::ALL {
            *self.returning.of_mut(family) |= self.disconnect(family);
        }
        self.card = None;
        self.card_out = Some(card);
        self.tell_serving_system();
        true
    }

    /// The card that was taken out is put back. Says whether there was one.
    pub fn sim_in(&mut self) -> bool {
        let Some(card) = self.card_out.take() else { return false };
        self.insert(card, false);
        true
    }

    /// Another card takes the place of the one inside.
    pub fn swap_sim(&mut self, iccid: &str, imsi: &str) {
        self.sim_out();
        let other = self.card_out.take().is_none_or(|before| before.iccid != iccid);
        self.insert(Card { iccid: iccid.to_owned(), imsi: imsi.to_owned() }, other);
    }

    fn insert(&mut self, card: Card, other: bool) {
        let kind = if other { "swap-sim" } else { "sim-in" };
        self.note(kind, card.iccid.clone());
        self.card = Some(card.clone());
        // What nobody read was moved by the card before, so it goes while that one is in the books.
        self.come_back(other);
        self.ledger.insert_sim(&card.iccid, &card.imsi);
        self.tell_serving_system();
    }

    /// The network says whether this is home.
    pub fn set_roaming(&mut self, roaming: bool) {
        self.note("roaming", if roaming { "on" } else { "off" });
        self.ledger.set_roaming(roaming);
        self.tell_serving_system();
    }

    fn tell_serving_system(&mut self) {
        answers::tell_serving_system(self);
    }

    /// The clock is set to so many seconds since 1970 and runs on; `None`: the network has not told the time.
    pub fn set_clock(&mut self, unix_s: Option<i64>) {
        self.set_clock_ms(unix_s.map(|s| s.saturating_mul(1000)));
    }

    pub(crate) fn set_clock_ms(&mut self, unix_ms: Option<i64>) {
        self.clock.set(unix_ms, self.now_ms);
        answers::tell_time(self);
    }

    /// The modem hears, but says nothing.
    pub fn silent(&mut self, silence: Silence) {
        self.note("silence", format!("{silence:?}"));
        self.faults.silence = silence;
    }

    /// An answer will come twice.
    pub fn duplicate_next(&mut self, aim: Aim) {
        self.faults.add(aim, Fault::Duplicate);
    }

    /// An answer will come so many milliseconds late.
    pub fn delay_next(&mut self, aim: Aim, ms: u64) {
        self.faults.add(aim, Fault::Late(ms));
    }

    /// An answer will name a transaction that is not its request's.
    pub fn wrong_transaction_next(&mut self, aim: Aim) {
        self.faults.add(aim, Fault::WrongTransaction);
    }

    /// A request will be refused with this error.
    pub fn error_next(&mut self, aim: Aim, code: u16) {
        self.faults.add(aim, Fault::Error(code));
    }

    /// Says so many random bytes at every port.
    pub fn garbage(&mut self, count: usize) {
        self.note("garbage", format!("{count} bytes"));
        let ports: Vec<Port> = self.ports.keys().copied().collect();
        for port in ports {
            let bytes = self.rng.bytes(count);
            self.outbox.push(Outgoing { port, bytes, bookings: Vec::new() });
        }
    }

    /// Each answer shares its piece with an indication in front of it, and with whatever else is to be said.
    pub fn coalesce(&mut self, on: bool) {
        self.outbox.coalesce = on;
    }

    /// Everything goes out in several pieces, cut at random.
    pub fn split(&mut self, on: bool) {
        self.outbox.split = on;
    }

    /// Statistics come without their byte counts.
    pub fn missing_bytes(&mut self, on: bool) {
        self.faults.missing_bytes = on;
    }

    /// The device service does not tell the card's number, as on many modems; the card service does.
    pub fn no_dms_iccid(&mut self, on: bool) {
        self.faults.no_dms_iccid = on;
    }

    /// The modem has only the services that every modem has: no card service, no data administration.
    pub fn few_services(&mut self, on: bool) {
        self.faults.few_services = on;
    }
}
