//! Owns the modem itself: its card, power, session and counters, and what each does to the books. No I/O.

use std::time::{Duration, Instant};

use crate::accounting::{Books, Bytes, Restart};
use crate::clock::{self, ModemClock};
use crate::command::At;
use crate::dialect::{Dialect, Keeps};
use crate::registers::Registers;
use crate::reply::{Failure, Reply};
use crate::{counters, identity, manager};

/// How the modem prints its card's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IccidForm {
    /// As it is printed on the card.
    Plain,
    /// The two digits of each byte exchanged, filled up with `F` to an even number.
    Swapped,
    /// Followed by an `F`.
    TrailingF,
}

/// A SIM card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Card {
    pub(crate) iccid: String,
    pub(crate) imsi: String,
}

/// The simulated modem.
pub(crate) struct Modem {
    pub(crate) dialect: Dialect,
    pub(crate) imei: String,
    pub(crate) books: Books,
    pub(crate) registers: Registers,
    pub(crate) clock: ModemClock,
    /// The card in the tray, whether or not the modem is on.
    pub(crate) sim: Option<Card>,
    pub(crate) powered: bool,
    /// The data context is active (counts only with power and a card).
    pub(crate) session_up: bool,

    pub(crate) echo_at_start: bool,
    pub(crate) echo: bool,
    pub(crate) cmee: u8,
    pub(crate) creg: u8,
    pub(crate) cgreg: u8,
    pub(crate) cereg: u8,
    pub(crate) cgerep: u8,
    pub(crate) ctzr: u8,
    pub(crate) cops_format: u8,
    pub(crate) restart_asked: bool,

    pub(crate) iccid_form: IccidForm,
    pub(crate) columns_reversed: bool,
    /// `^` or `%` before `DSFLOWQRY` in replies.
    pub(crate) flow_sign: char,
    /// u-blox: a new session sets the totals back too.
    pub(crate) session_resets_totals: bool,
    /// Unsolicited reports come without having been asked for.
    pub(crate) reports_always: bool,

    pub(crate) autosave: Option<Duration>,
    pub(crate) autosave_at: Option<Instant>,
    pub(crate) saved_at: Option<Instant>,
    started: Instant,
    power_since: Instant,
    session_since: Instant,
    rate_asked: (Instant, Bytes),
}

impl Modem {
    pub(crate) fn new(
        dialect: Dialect,
        imei: String,
        card: Card,
        registers: Registers,
        now: Instant,
    ) -> Modem {
        let mut books = Books::default();
        books.insert_sim(&card.iccid, &card.imsi);
        let mut modem = Modem {
            dialect,
            imei,
            books,
            registers,
            clock: ModemClock::new(),
            sim: Some(card),
            powered: true,
            session_up: true,
            echo_at_start: false,
            echo: false,
            cmee: 0,
            creg: 0,
            cgreg: 0,
            cereg: 0,
            cgerep: 0,
            ctzr: 0,
            cops_format: 0,
            restart_asked: false,
            iccid_form: IccidForm::Plain,
            columns_reversed: false,
            flow_sign: '^',
            session_resets_totals: dialect == Dialect::UBlox,
            reports_always: true,
            autosave: None,
            autosave_at: None,
            saved_at: None,
            started: now,
            power_since: now,
            session_since: now,
            rate_asked: (now, Bytes::default()),
        };
        if dialect == Dialect::Telit {
            modem.set_autosave(Some(Duration::from_secs(3600)), now);
        }
        modem
    }

    /// Carries out a command line; `None` when the modem stays silent.
    pub(crate) fn execute(&mut self, line: &str, now: Instant, wall_ms: i64) -> Option<Reply> {
        let mut reply = Reply { lines: Vec::new(), result: "OK".to_owned(), counter: false };
        for at in At::line(line)? {
            let answer = counters::answer(self, &at, now)
                .or_else(|| manager::answer(self, &at, now))
                .or_else(|| identity::answer(self, &at, wall_ms))
                .unwrap_or(Err(Failure::Unknown));
            match answer {
                Ok(info) => {
                    reply.lines.extend(info.lines);
                    reply.counter |= info.counter;
                }
                Err(failure) => {
                    reply.result = failure.result(self.cmee);
                    break;
                }
            }
        }
        Some(reply)
    }

    pub(crate) fn card(&self) -> Result<&Card, Failure> {
        self.sim.as_ref().ok_or(Failure::NoSim)
    }

    pub(crate) fn is_roaming(&self) -> bool {
        self.books.roaming
    }

    /// `<stat>` of `+CREG`: 0 not registered, 1 at home, 5 roaming.
    pub(crate) fn registration(&self) -> u8 {
        match (&self.sim, self.is_roaming()) {
            (None, _) => 0,
            (Some(_), false) => 1,
            (Some(_), true) => 5,
        }
    }

    /// Whether traffic can move.
    pub(crate) fn in_session(&self) -> bool {
        self.powered && self.session_up && self.sim.is_some()
    }

    /// Moves bytes through the modem; nothing moves without a session.
    pub(crate) fn transfer(&mut self, bytes: Bytes, now: Instant) {
        if !self.in_session() || bytes == Bytes::default() {
            return;
        }
        let at_ms = self.at_ms(now);
        for direction in self.registers.add(bytes) {
            self.books.note("wrap", direction, at_ms);
        }
        self.books.moved(bytes, self.registers.width.modulus(), at_ms);
    }

    /// Writes the totals to the modem's own memory.
    pub(crate) fn save(&mut self, now: Instant) {
        self.registers.save();
        self.saved_at = Some(now);
    }

    pub(crate) fn set_autosave(&mut self, every: Option<Duration>, now: Instant) {
        self.autosave = every;
        self.autosave_at = every.map(|every| now + every);
    }

    pub(crate) fn autosave_if_due(&mut self, now: Instant) {
        if let (Some(every), true) = (self.autosave, self.autosave_at.is_some_and(|at| at <= now)) {
            self.save(now);
            self.autosave_at = Some(now + every);
        }
    }

    /// The host sent a command that sets the counter to 0, which it never should.
    pub(crate) fn reset_received(&mut self, command: &str, now: Instant) {
        self.books.resets_received += 1;
        let unread = self.books.unread();
        self.books.destroyed("reset-command", command, unread, Restart::Unknown, self.at_ms(now));
        self.registers.reset(true);
    }

    /// The counter falls to 0 without a word.
    pub(crate) fn reset_silently(&mut self, now: Instant) {
        self.books.destroyed(
            "reset",
            "the counter fell to 0",
            self.books.unread(),
            Restart::Unknown,
            self.at_ms(now),
        );
        self.registers.reset(false);
    }

    /// The counter shows `value` from now on.
    pub(crate) fn set_counter(&mut self, value: Bytes, now: Instant) {
        let detail = format!("the counter was set to tx {} rx {}", value.tx, value.rx);
        self.books.destroyed(
            "counter",
            detail,
            self.books.unread(),
            Restart::Unknown,
            self.at_ms(now),
        );
        self.registers.set(value);
    }

    /// The power goes. What was not saved, or read, is gone.
    pub(crate) fn power_off(&mut self, now: Instant) {
        let unread = self.books.unread();
        let (lost, restart, detail) = match self.dialect.keeps() {
            Keeps::Memory => (
                unread.min(self.registers.unsaved()),
                Restart::Unknown,
                "the counter falls back to what was saved",
            ),
            Keeps::Power | Keeps::Session => {
                (unread, Restart::Known, "the counter starts again at 0")
            }
        };
        self.books.destroyed("power-cycle", detail, lost, restart, self.at_ms(now));
        self.registers.power_on(self.dialect.keeps() == Keeps::Memory);
        self.powered = false;
    }

    /// The power is back; gives the lines that the modem prints.
    pub(crate) fn power_on(&mut self, now: Instant) -> Vec<String> {
        self.powered = true;
        self.session_up = true;
        (self.power_since, self.session_since) = (now, now);
        self.rate_asked = (now, Bytes::default());
        self.echo = self.echo_at_start;
        (self.cmee, self.creg, self.cgreg, self.cereg) = (0, 0, 0, 0);
        (self.cgerep, self.ctzr, self.cops_format) = (0, 0, 0);
        let every = if self.dialect == Dialect::Telit { self.autosave } else { None };
        self.set_autosave(every, now);
        let card = if self.sim.is_some() { "+CPIN: READY" } else { "+CPIN: NOT INSERTED" };
        ["RDY", "+CFUN: 1", card].map(str::to_owned).into()
    }

    /// The data session ends; gives the lines about it.
    pub(crate) fn session_down(&mut self) -> Vec<String> {
        self.session_up = false;
        self.reports(["+CGEV: NW PDN DEACT 1"])
    }

    /// A new data session begins, its counters at 0; gives the lines about it.
    pub(crate) fn session_begins(
        &mut self,
        kind: &'static str,
        restart: Restart,
        now: Instant,
    ) -> Vec<String> {
        let (lost, detail) = if self.session_ends_the_count() {
            (self.books.unread(), "the counter starts again at 0")
        } else {
            (Bytes::default(), "the total goes on")
        };
        self.books.destroyed(kind, detail, lost, restart, self.at_ms(now));
        self.registers.new_session(self.session_resets_totals);
        self.session_up = true;
        self.session_since = now;
        self.rate_asked = (now, Bytes::default());
        self.reports(["+CGEV: ME PDN ACT 1"])
    }

    fn session_ends_the_count(&self) -> bool {
        self.dialect.keeps() == Keeps::Session || self.session_resets_totals
    }

    /// The card is taken out.
    pub(crate) fn sim_out(&mut self, now: Instant) -> Vec<String> {
        self.books.note("sim-out", "", self.at_ms(now));
        self.sim = None;
        let mut lines = vec!["+CPIN: NOT INSERTED".to_owned()];
        lines.extend(self.session_down());
        lines
    }

    /// A card is put in: the one before, or another.
    pub(crate) fn sim_in(&mut self, card: Card, other: bool, now: Instant) -> Vec<String> {
        let (kind, restart) =
            if other { ("swap-sim", Restart::Unknown) } else { ("sim-in", Restart::Known) };
        let mut lines = vec!["+CPIN: READY".to_owned()];
        lines.extend(self.session_begins(kind, restart, now));
        self.books.insert_sim(&card.iccid, &card.imsi);
        self.sim = Some(card);
        lines
    }

    /// The network says whether this is home.
    pub(crate) fn set_roaming(&mut self, roaming: bool, now: Instant) -> Vec<String> {
        self.books.note("roaming", if roaming { "on" } else { "off" }, self.at_ms(now));
        self.books.roaming = roaming;
        let stat = self.registration();
        [("+CREG", self.creg), ("+CGREG", self.cgreg), ("+CEREG", self.cereg)]
            .into_iter()
            .filter(|(_, n)| *n > 0)
            .map(|(name, _)| format!("{name}: {stat}"))
            .collect()
    }

    /// Unsolicited lines, when they were asked for or come always.
    fn reports<const N: usize>(&self, lines: [&str; N]) -> Vec<String> {
        if self.reports_always || self.cgerep > 0 {
            lines.map(str::to_owned).into()
        } else {
            Vec::new()
        }
    }

    /// Whole seconds since the session and since the power came.
    pub(crate) fn uptimes_s(&self, now: Instant) -> (u64, u64) {
        let seconds = |since: Instant| now.saturating_duration_since(since).as_secs();
        (seconds(self.session_since), seconds(self.power_since))
    }

    /// Bytes a second since this was last asked.
    pub(crate) fn rate_since_last_asked(&mut self, now: Instant) -> Bytes {
        let (asked, before) = self.rate_asked;
        let counted = self.registers.summed().session;
        let ms = clock::whole_ms(now.saturating_duration_since(asked)).max(1);
        let per_second = |bytes: u64| bytes.saturating_mul(1000) / ms;
        self.rate_asked = (now, counted);
        let moved = counted - before;
        Bytes::new(per_second(moved.tx), per_second(moved.rx))
    }

    /// Milliseconds since the simulator started.
    pub(crate) fn at_ms(&self, now: Instant) -> u64 {
        clock::whole_ms(now.saturating_duration_since(self.started))
    }
}
