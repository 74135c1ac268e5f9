//! Which kind of line a line is, given the command in flight.
//!
//! A modem says what it likes between the lines of an answer. An answer's own
//! lines are known by their prefix; everything else that looks like a result
//! code (`+…:`, `^…:`, a word of [`BARE_WORDS`]) is unsolicited; the rest is
//! stray: the remains of a broken line or of a late answer.

use super::command::Command;
use super::context::{ContextEvent, cgev};
use super::final_result::{Final, final_result};
use super::pin::{Pin, cpin};
use super::registration::{Registration, is_registration, registration};

/// What a line is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Class {
    /// It ends the answer.
    Final(Final),
    /// The command itself, come back.
    Echo,
    /// A line of the answer.
    Information,
    /// The modem said it of its own accord.
    Unsolicited(Unsolicited),
    /// Nothing that belongs anywhere.
    Stray,
}

/// What a modem says of its own accord.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unsolicited {
    /// `RDY` and kin: the modem has just booted.
    Booted,
    /// `+CFUN: n`: the radio was switched.
    Functionality,
    /// `+CPIN: …`.
    Pin(Pin),
    /// `+QSIMSTAT:`, `^SIMST:` and kin: the card came or went; which, is asked.
    SimChanged,
    /// `+CREG:` and kin.
    Registration(Registration),
    /// `+CGEV: …`.
    Context(ContextEvent),
    /// `+CMTI: …`: a message has come.
    MessageArrived,
    /// Anything else: signal levels, `RING`, `^DSFLOWRPT`, `+QIND`, …
    Other,
}

/// Words without a prefix that modems say of their own accord.
const BARE_WORDS: [&str; 8] = [
    "RING",
    "Call Ready",
    "SMS Ready",
    "SMS DONE",
    "PB DONE",
    "POWERED DOWN",
    "NORMAL POWER DOWN",
    "CONNECT",
];

/// Words of a modem that has just booted.
const BOOT_WORDS: [&str; 4] = ["RDY", "^SYSSTART", "+SYSSTART", "APP RDY"];

const SIM_CHANGES: [&str; 4] = ["+QSIMSTAT:", "^SIMST:", "#QSS:", "+UUSIMSTAT:"];

/// Tells what a line is. `in_flight` is the command whose answer is awaited.
#[must_use]
pub fn classify(line: &str, in_flight: Option<&Command>) -> Class {
    if let Some(result) = final_result(line) {
        return Class::Final(result);
    }
    let text = line.trim();
    if let Some(command) = in_flight {
        if command.is_echoed_by(text) {
            return Class::Echo;
        }
        if command.prefixes_match(text) && !is_unsolicited_form(text) {
            return Class::Information;
        }
    }
    if let Some(said) = unsolicited(text) {
        return Class::Unsolicited(said);
    }
    match in_flight {
        Some(command) if command.takes_bare_lines() => Class::Information,
        Some(_) | None => Class::Stray,
    }
}

/// A registration line without `<n>` is unsolicited even while `+CREG?` is in
/// flight; its state is as good as an answer's.
fn is_unsolicited_form(text: &str) -> bool {
    is_registration(text) && registration(text).is_ok_and(|registration| !registration.answer)
}

fn unsolicited(text: &str) -> Option<Unsolicited> {
    if BOOT_WORDS.contains(&text) {
        return Some(Unsolicited::Booted);
    }
    if BARE_WORDS.contains(&text) {
        return Some(Unsolicited::Other);
    }
    let prefix_at = text.find(':')?;
    let prefix = text.get(..=prefix_at)?;
    if !is_prefix(prefix) {
        return None;
    }
    Some(match prefix {
        "+CPIN:" => cpin(text).map_or(Unsolicited::SimChanged, Unsolicited::Pin),
        "+CGEV:" => cgev(text).map_or(Unsolicited::Other, Unsolicited::Context),
        "+CMTI:" => Unsolicited::MessageArrived,
        "+CFUN:" => Unsolicited::Functionality,
        change if SIM_CHANGES.contains(&change) => Unsolicited::SimChanged,
        _ => registration(text).map_or(Unsolicited::Other, Unsolicited::Registration),
    })
}

/// `+QIND:`, `^RSSI:`, `%DSFLOWRPT:`, `#QSS:`, `*PSUTTZ:`, `$QCSIMSTAT:`.
fn is_prefix(prefix: &str) -> bool {
    let mut bytes = prefix.bytes();
    let sign = bytes.next();
    let name = prefix.get(1..prefix.len().saturating_sub(1)).unwrap_or_default();
    sign.is_some_and(|b| b"+^%#*$_@".contains(&b))
        && !name.is_empty()
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_- ".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::super::final_result::EquipmentError;
    use super::super::registration::{Domain, Stat};
    use super::*;

    const QGDCNT: Command = Command::asks("AT+QGDCNT?", &["+QGDCNT:"]);
    const CREG: Command = Command::asks("AT+CREG?", &["+CREG:"]);
    const CGSN: Command = Command::asks_bare("AT+CGSN", &["+CGSN:"]);

    fn home(answer: bool) -> Registration {
        Registration { domain: Domain::Calls, stat: Stat::Home, answer }
    }

    #[test]
    fn lines_between_the_lines_of_an_answer() {
        for (line, class) in [
            ("AT+QGDCNT?", Class::Echo),
            ("at+qgdcnt?", Class::Echo),
            ("+QGDCNT: 1,2", Class::Information),
            ("+QGDCNT: 1,x", Class::Information),
            ("OK", Class::Final(Final::Ok)),
            ("+CME ERROR: 10", Class::Final(Final::Equipment(EquipmentError::Code(10)))),
            ("RDY", Class::Unsolicited(Unsolicited::Booted)),
            ("RING", Class::Unsolicited(Unsolicited::Other)),
            ("+CPIN: READY", Class::Unsolicited(Unsolicited::Pin(Pin::Ready))),
            ("+CPIN: ???", Class::Unsolicited(Unsolicited::SimChanged)),
            ("+QSIMSTAT: 1,0", Class::Unsolicited(Unsolicited::SimChanged)),
            ("+CFUN: 1", Class::Unsolicited(Unsolicited::Functionality)),
            ("+CMTI: \"SM\",3", Class::Unsolicited(Unsolicited::MessageArrived)),
            ("+CREG: 1", Class::Unsolicited(Unsolicited::Registration(home(false)))),
            ("+CREG: ???", Class::Unsolicited(Unsolicited::Other)),
            ("+QIND: \"csq\",20,99", Class::Unsolicited(Unsolicited::Other)),
            ("^RSSI: 20", Class::Unsolicited(Unsolicited::Other)),
            ("^DSFLOWRPT: 0,0,0,0,0,0,0", Class::Unsolicited(Unsolicited::Other)),
            ("+QGDNRCNT: 1,2", Class::Unsolicited(Unsolicited::Other)),
            ("+CME ERROR:", Class::Unsolicited(Unsolicited::Other)),
            ("CNT: 1,2", Class::Stray),
            ("1,2", Class::Stray),
            ("+: 1", Class::Stray),
            ("\u{fffd}\u{fffd}", Class::Stray),
        ] {
            assert_eq!(classify(line, Some(&QGDCNT)), class, "{line}");
        }
    }

    #[test]
    fn an_answer_to_creg_is_told_from_its_unsolicited_form() {
        assert_eq!(classify("+CREG: 2,1,\"8BE3\",\"00002BAF\"", Some(&CREG)), Class::Information);
        assert_eq!(
            classify("+CREG: 1,\"8BE3\",\"00002BAF\"", Some(&CREG)),
            Class::Unsolicited(Unsolicited::Registration(home(false)))
        );
        assert_eq!(
            classify("+CREG: 0,1", None),
            Class::Unsolicited(Unsolicited::Registration(home(true)))
        );
    }

    #[test]
    fn bare_answers() {
        assert_eq!(classify("867698041234561", Some(&CGSN)), Class::Information);
        assert_eq!(classify("+CGSN: 867698041234561", Some(&CGSN)), Class::Information);
        assert_eq!(classify("RDY", Some(&CGSN)), Class::Unsolicited(Unsolicited::Booted));
        assert_eq!(classify("^RSSI: 20", Some(&CGSN)), Class::Unsolicited(Unsolicited::Other));
        assert_eq!(classify("867698041234561", None), Class::Stray);
    }
}
