//! Owns the commands that a modem manager sends beyond what a meter asks: the card's files, data contexts, ranges.

use std::time::Instant;

use crate::accounting::Restart;
use crate::command::{At, Form};
use crate::modem::Modem;
use crate::reply::{Failure, Info};

/// `READ BINARY` of the card's number (EF ICCID, ETSI TS 102 221, 13.2), as `+CRSM` asks for it.
const READ_ICCID: &str = "176,12258,0,0,10";

/// Answers such a command, or `None` when it is none.
pub(crate) fn answer(modem: &mut Modem, at: &At, now: Instant) -> Option<Result<Info, Failure>> {
    match (at.name.as_str(), &at.form) {
        ("+CRSM", Form::Set(asked)) if asked == READ_ICCID => Some(modem.card().map(|card| {
            let even =
                format!("{}{}", card.iccid, if card.iccid.len() % 2 == 1 { "F" } else { "" });
            let (high, low) = (even.chars().step_by(2), even.chars().skip(1).step_by(2));
            let swapped: String = high.zip(low).flat_map(|(high, low)| [low, high]).collect();
            Info::line(format!("+CRSM: 144,0,\"{swapped}\""))
        })),
        ("+CGDCONT", Form::Test) => {
            Some(Ok(Info::line("+CGDCONT: (1-8),\"IP\",,,(0),(0)".to_owned())))
        }
        ("+CTZU", Form::Test) => Some(Ok(Info::line("+CTZU: (0,1,3)".to_owned()))),
        ("+CGACT", Form::Set(asked)) => Some(activate(modem, asked, now)),
        _ => None,
    }
}

/// `AT+CGACT=<state>,1`: the host ends the data session, or begins one.
fn activate(modem: &mut Modem, asked: &str, now: Instant) -> Result<Info, Failure> {
    match asked {
        "0,1" => {
            modem.session_up = false;
            Ok(Info::default())
        }
        "1,1" if modem.sim.is_none() => Err(Failure::NoSim),
        "1,1" => {
            if !modem.session_up {
                // The host has asked for it: nothing is reported.
                let _ = modem.session_begins("session", Restart::Known, now);
            }
            Ok(Info::default())
        }
        _ => Err(Failure::Parameter),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accounting::Bytes;
    use crate::clock;
    use crate::dialect::Dialect;
    use crate::modem::Card;
    use crate::registers::{Registers, Width};

    #[test]
    fn the_card_and_the_session_as_a_manager_asks() {
        let now = clock::now();
        let card = Card { iccid: "8986001637920082246".to_owned(), imsi: "460001".to_owned() };
        let registers = Registers::new(Width::Bits64);
        let mut modem = Modem::new(Dialect::UBlox, "86".to_owned(), card, registers, now);
        let ask = |modem: &mut Modem, line: &str| {
            let reply = modem.execute(line, now, 0).unwrap();
            (reply.lines, reply.result)
        };
        let (lines, _) = ask(&mut modem, "AT+CRSM=176,12258,0,0,10");
        assert_eq!(lines, ["+CRSM: 144,0,\"986800617329002842F6\""]);
        modem.transfer(Bytes::new(10, 20), now);
        ask(&mut modem, "AT+CGACT=0,1");
        modem.transfer(Bytes::new(1_000, 2_000), now);
        assert_eq!(modem.registers.summed().session, Bytes::new(10, 20), "nothing moves without");
        ask(&mut modem, "AT+CGACT=1,1");
        assert_eq!(modem.registers.summed().session, Bytes::default());
        assert_eq!(ask(&mut modem, "AT+CGACT=1,7").1, "ERROR");
    }
}
