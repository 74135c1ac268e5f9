//! What whoever waits for an order sees: each change of it, its payment code, and
//! on a terminal a line that moves.

use jiff::Timestamp;
use serde::Serialize;

use super::Out;
use super::failure::Failure;
use super::layout::{Sheet, width};
use super::model::TopUp;
use super::money::money;
use super::order;
use super::qr;
use super::screen::harmless;
use crate::adapters::clock;
use crate::domain::time::BootMs;
use crate::domain::topup::State;

/// Shows an order's way.
pub(super) struct Progress<'a> {
    out: &'a Out,
    shown: Option<Stand>,
    /// How long it could still be paid, s, as of when.
    left: Option<(i64, BootMs)>,
    /// How wide the moving line is that stands there.
    line: usize,
}

/// What is worth telling anew when it changes.
#[derive(Debug, PartialEq, Eq)]
struct Stand {
    state: Option<String>,
    payment_code: Option<String>,
    cancel_asked: Option<bool>,
    needs_person: Option<bool>,
}

#[derive(Serialize)]
struct One<'a> {
    topup: &'a TopUp,
}

impl<'a> Progress<'a> {
    pub(super) fn new(out: &'a Out) -> Self {
        Self { out, shown: None, left: None, line: 0 }
    }

    /// Shows where it stands, if that is new.
    pub(super) fn show(&mut self, topup: &TopUp) -> Result<(), Failure> {
        let stand = Stand {
            state: topup.state.clone(),
            payment_code: topup.payment_code.clone(),
            cancel_asked: topup.cancel_asked,
            needs_person: topup.needs_person,
        };
        if self.shown.as_ref() == Some(&stand) {
            return self.tick();
        }
        self.clear()?;
        self.shown = Some(stand);
        self.left = left(topup);
        if self.out.json {
            return self.out.json(&One { topup });
        }
        self.out.text(&self.told(topup))?;
        self.tick()
    }

    fn told(&self, topup: &TopUp) -> String {
        let screen = &self.out.screen;
        let mut sheet = Sheet::default();
        let code = topup
            .payment_code
            .as_deref()
            .filter(|_| topup.stands() == Some(State::AwaitingPayment));
        let Some(code) = code else {
            sheet.row("State", order::state(topup));
            let next = order::advice(topup);
            sheet.known("Next", Some(next).filter(|_| topup.cancel_asked == Some(true)));
            return sheet.render(screen);
        };
        let total = topup.total.zip(topup.currency.as_deref());
        let total =
            total.map_or_else(String::new, |(total, code)| format!("{} ", money(total, code)));
        let channel = topup.channel.as_deref().unwrap_or("?");
        let until = topup.payment_expires_at.map(|at| format!(", until {}", screen.second(at)));
        sheet.row("Pay", format!("{total}by {channel}{}", until.unwrap_or_default()));
        sheet.row("Code", code);
        format!("{}{}", qr::draw(code, screen).unwrap_or_default(), sheet.render(screen))
    }

    /// Moves the line on.
    pub(super) fn tick(&mut self) -> Result<(), Failure> {
        let state =
            self.shown.as_ref().and_then(|stand| stand.state.as_deref()).unwrap_or("placed");
        let waits = match self.left {
            Some((left, then)) => {
                let gone = clock::now().boot_ms.saturating_sub(then) / 1000;
                let left = left.saturating_sub(i64::try_from(gone).unwrap_or(i64::MAX));
                if left > 0 {
                    format!("{}:{:02} left to pay", left / 60, left % 60)
                } else {
                    "the time to pay is over; waiting for the operator's word".to_owned()
                }
            }
            None => format!("{}: waiting", harmless(state)),
        };
        self.draw(&format!("{waits} (Ctrl-C leaves the order as it is)"))
    }

    /// Says that the daemon is not to be had just now.
    pub(super) fn dark(&mut self) -> Result<(), Failure> {
        self.draw("posdatad does not answer: trying again (Ctrl-C leaves the order as it is)")
    }

    /// Takes the moving line away.
    pub(super) fn clear(&mut self) -> Result<(), Failure> {
        if self.line == 0 {
            return Ok(());
        }
        // With the ^C that the terminal may have shown behind it.
        let room = self.out.screen.columns.unwrap_or(0).saturating_sub(1);
        let blanks = " ".repeat(self.line.saturating_add(2).min(room));
        self.line = 0;
        self.out.text(&format!("\r{blanks}\r"))
    }

    /// True where there is a line that moves.
    pub(super) fn moves(&self) -> bool {
        self.out.screen.columns.is_some() && !self.out.json
    }

    fn draw(&mut self, line: &str) -> Result<(), Failure> {
        let Some(columns) = self.out.screen.columns.filter(|_| self.moves()) else { return Ok(()) };
        // The last column stays free: a full line would begin another.
        let line: String = line.chars().take(columns.saturating_sub(1)).collect();
        let blanks = " ".repeat(self.line.saturating_sub(width(&line)));
        self.line = width(&line);
        self.out.text(&format!("\r{line}{blanks}"))
    }
}

/// How long it can still be paid, s. A terminal's clock may be years behind, but
/// it is not before the order's last change.
fn left(topup: &TopUp) -> Option<(i64, BootMs)> {
    let until = topup.payment_expires_at?.0;
    let now = clock::now();
    let system = Timestamp::from_second(now.wall_s).unwrap_or_default();
    let present = topup.changed_at.map_or(system, |changed| changed.0.max(system));
    Some((until.duration_since(present).as_secs(), now.boot_ms))
}
