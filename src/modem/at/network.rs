//! What the modem knows of the network: whether it roams, and the time.

use std::collections::BTreeMap;

use crate::domain::report::Report;
use crate::domain::time::{BootMs, UnixS};
use crate::proto::at::clock::clock;
use crate::proto::at::registration::{Domain, Registration, Stat, registration};

/// How often the registration is asked for again, ms: modems that say it of
/// their own accord are heard at once, for the others this is soon enough.
const REGISTRATION_EVERY_MS: u64 = 5 * 60 * 1_000;
/// How often the time is asked for until it is known, ms.
const CLOCK_UNKNOWN_EVERY_MS: u64 = 5 * 60 * 1_000;
/// How far two answers in a row may differ from the time between them, s.
const CLOCK_TOLERANCE_S: u64 = 2;
/// How many answers in a row are looked at for two that agree.
const CLOCK_ANSWERS_MAX: u8 = 4;
/// How often the time is asked for once it is known, ms.
const CLOCK_KNOWN_EVERY_MS: u64 = 6 * 60 * 60 * 1_000;

/// Which registration says most about where data goes.
const BY_WEIGHT: [Domain; 4] = [Domain::Nr, Domain::Lte, Domain::Packets, Domain::Calls];

/// The network as it was last heard of.
#[derive(Clone, Debug, Default)]
pub(super) struct Network {
    stats: BTreeMap<Domain, Stat>,
    roaming_said: Option<bool>,
    registration_due_ms: BootMs,
    clock_due_ms: BootMs,
    /// The last answer of this round, to be confirmed by the next.
    clock_last: Option<(BootMs, UnixS)>,
    clock_answers: u8,
}

/// What became of an answer to a question for the time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ClockAnswer {
    /// It is believed.
    Believed(Report),
    /// Ask again at once: one garbled digit is another year.
    AskAgain,
    /// It is not known; it is asked for again later.
    Unknown,
}

impl Network {
    /// The modem restarted or was opened anew: nothing heard so far holds.
    pub(super) fn forget(&mut self) {
        self.stats.clear();
        self.registration_due_ms = 0;
        self.clock_due_ms = 0;
    }

    pub(super) fn registration_due(&self, now_ms: BootMs) -> bool {
        now_ms >= self.registration_due_ms
    }

    pub(super) fn clock_due(&self, now_ms: BootMs) -> bool {
        now_ms >= self.clock_due_ms
    }

    /// Registrations were asked for.
    pub(super) fn registration_asked(&mut self, now_ms: BootMs) {
        self.registration_due_ms = now_ms.saturating_add(REGISTRATION_EVERY_MS);
    }

    /// Takes an answer's lines; true when it says that the modem is registered.
    pub(super) fn registration_lines(&mut self, lines: &[String]) -> bool {
        let mut registered = false;
        for heard in lines.iter().filter_map(|line| registration(line).ok()) {
            self.heard(heard);
            registered |= heard.stat.roaming().is_some();
        }
        registered
    }

    /// Takes one registration.
    pub(super) fn heard(&mut self, heard: Registration) {
        self.stats.insert(heard.domain, heard.stat);
    }

    /// Whether the modem roams, when that is known and has not been said.
    pub(super) fn roaming_report(&mut self) -> Option<Report> {
        let roaming =
            BY_WEIGHT.iter().find_map(|domain| self.stats.get(domain).and_then(|s| s.roaming()))?;
        if self.roaming_said == Some(roaming) {
            return None;
        }
        self.roaming_said = Some(roaming);
        Some(Report::Roaming(roaming))
    }

    /// The time is about to be asked for.
    pub(super) fn clock_begins(&mut self) {
        self.clock_last = None;
        self.clock_answers = 0;
    }

    /// Takes the answer to a question for the time; it is believed when it agrees
    /// with the one just before. A clock that was never set is no time, and no
    /// fault either: it is asked again later.
    pub(super) fn clock_answer(&mut self, now_ms: BootMs, lines: &[String]) -> ClockAnswer {
        let time = lines.iter().find_map(|line| clock(line).ok());
        self.clock_answers = self.clock_answers.saturating_add(1);
        let last = std::mem::replace(&mut self.clock_last, time.map(|time| (now_ms, time)));
        self.clock_due_ms = now_ms.saturating_add(CLOCK_UNKNOWN_EVERY_MS);
        match (time, last) {
            (Some(time), Some(last)) if agree(last, (now_ms, time)) => {
                self.clock_due_ms = now_ms.saturating_add(CLOCK_KNOWN_EVERY_MS);
                ClockAnswer::Believed(Report::NetworkTime(time))
            }
            (Some(_), _) if self.clock_answers < CLOCK_ANSWERS_MAX => ClockAnswer::AskAgain,
            (Some(_) | None, _) => ClockAnswer::Unknown,
        }
    }
}

/// Whether the modem's clock went on by as much as time did.
fn agree(first: (BootMs, UnixS), second: (BootMs, UnixS)) -> bool {
    let elapsed_s = second.0.saturating_sub(first.0) / 1_000;
    let expected = first.1.saturating_add_unsigned(elapsed_s);
    second.1.abs_diff(expected) <= CLOCK_TOLERANCE_S
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hear(network: &mut Network, line: &str) -> Option<Report> {
        network.heard(registration(line).unwrap());
        network.roaming_report()
    }

    #[test]
    fn roaming_is_said_when_it_changes() {
        let mut network = Network::default();
        assert_eq!(hear(&mut network, "+CEREG: 2"), None);
        assert_eq!(hear(&mut network, "+CREG: 1"), Some(Report::Roaming(false)));
        assert_eq!(hear(&mut network, "+CEREG: 5"), Some(Report::Roaming(true)));
        assert_eq!(hear(&mut network, "+CEREG: 5"), None);
        // Lost on LTE: what the other networks say counts again.
        assert_eq!(hear(&mut network, "+CEREG: 0"), Some(Report::Roaming(false)));
    }

    #[test]
    fn the_time_is_asked_for_often_until_it_is_known() {
        let mut network = Network::default();
        assert!(network.clock_due(0));
        let unset = "+CCLK: \"80/01/06,00:00:00+00\"";
        assert_eq!(network.clock_answer(0, &[unset.into()]), ClockAnswer::Unknown);
        assert!(!network.clock_due(CLOCK_UNKNOWN_EVERY_MS - 1));
        assert!(network.clock_due(CLOCK_UNKNOWN_EVERY_MS));
        network.clock_begins();
        let set = ["+CCLK: \"26/03/01,12:30:40+32\"".to_owned()];
        assert_eq!(network.clock_answer(0, &set), ClockAnswer::AskAgain);
        let believed = ClockAnswer::Believed(Report::NetworkTime(1_772_339_440));
        assert_eq!(network.clock_answer(0, &set), believed);
        assert!(!network.clock_due(CLOCK_KNOWN_EVERY_MS - 1));
    }

    #[test]
    fn two_answers_in_a_row_agree_within_two_seconds() {
        let line = |time: &str| [format!("+CCLK: \"26/03/01,{time}+32\"")];
        for (second, later_ms, agrees) in [
            ("12:30:40", 100, true),
            ("12:30:42", 100, true),
            ("12:30:43", 100, false),
            ("12:30:38", 100, true),
            ("12:30:37", 100, false),
            ("12:30:45", 5_000, true),
            ("12:30:40", 5_000, false),
        ] {
            let mut network = Network::default();
            assert_eq!(network.clock_answer(0, &line("12:30:40")), ClockAnswer::AskAgain);
            let answer = network.clock_answer(later_ms, &line(second));
            assert_eq!(answer != ClockAnswer::AskAgain, agrees, "{second} {later_ms}");
        }
    }

    #[test]
    fn a_clock_that_contradicts_itself_is_left_alone_for_a_while() {
        let mut network = Network::default();
        let mut answers = Vec::new();
        for hour in 10..14 {
            let line = format!("+CCLK: \"26/03/01,{hour}:30:40+32\"");
            answers.push(network.clock_answer(0, &[line]));
        }
        let again = ClockAnswer::AskAgain;
        assert_eq!(answers, [again.clone(), again.clone(), again, ClockAnswer::Unknown]);
        assert!(!network.clock_due(CLOCK_UNKNOWN_EVERY_MS - 1));
    }
}
