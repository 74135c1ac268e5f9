//! What the modem knows of the network: whether it roams, and the time.

use std::collections::BTreeMap;

use crate::domain::report::Report;
use crate::domain::time::BootMs;
use crate::proto::at::clock::clock;
use crate::proto::at::registration::{Domain, Registration, Stat, registration};

/// How often the registration is asked for again, ms: modems that say it of
/// their own accord are heard at once, for the others this is soon enough.
const REGISTRATION_EVERY_MS: u64 = 5 * 60 * 1_000;
/// How often the time is asked for until it is known, ms.
const CLOCK_UNKNOWN_EVERY_MS: u64 = 5 * 60 * 1_000;
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

    /// Takes the answer to a question for the time. A clock that was never set is
    /// no time, and no fault either: it is asked again later.
    pub(super) fn clock_answer(&mut self, now_ms: BootMs, lines: &[String]) -> Option<Report> {
        let time = lines.iter().find_map(|line| clock(line).ok());
        let every_ms = if time.is_some() { CLOCK_KNOWN_EVERY_MS } else { CLOCK_UNKNOWN_EVERY_MS };
        self.clock_due_ms = now_ms.saturating_add(every_ms);
        time.map(Report::NetworkTime)
    }
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
        assert_eq!(network.clock_answer(0, &["+CCLK: \"80/01/06,00:00:00+00\"".into()]), None);
        assert!(!network.clock_due(CLOCK_UNKNOWN_EVERY_MS - 1));
        assert!(network.clock_due(CLOCK_UNKNOWN_EVERY_MS));
        assert_eq!(
            network.clock_answer(0, &["+CCLK: \"26/03/01,12:30:40+32\"".into()]),
            Some(Report::NetworkTime(1_772_339_440))
        );
        assert!(!network.clock_due(CLOCK_KNOWN_EVERY_MS - 1));
    }
}
