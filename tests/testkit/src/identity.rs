//! Owns the commands that every modem answers alike: who it is, its SIM, its network, its clock, its settings.

use crate::clock;
use crate::command::{At, Form};
use crate::modem::{IccidForm, Modem};
use crate::reply::{Failure, Info};

/// Settings that are accepted, kept nowhere and answered with this when read.
const ACCEPTED: [(&str, &str); 14] = [
    ("+CSCS", "\"GSM\""),
    ("+CMGF", "0"),
    ("+CNMI", "2,1,0,0,0"),
    ("+CPMS", "\"SM\",0,50,\"SM\",0,50,\"SM\",0,50"),
    ("+CSMS", "0,1,1,1"),
    ("+CTZU", "1"),
    ("+CGATT", "1"),
    ("+CFUN", "1"),
    ("+CSSN", "0,0"),
    ("+CUSD", "0"),
    ("+CLIP", "0,1"),
    ("+CRC", "0"),
    ("+IPR", "115200"),
    ("+IFC", "0,0"),
];

/// Answers a common command, or `None` when it is none.
pub(crate) fn answer(modem: &mut Modem, at: &At, wall_ms: i64) -> Option<Result<Info, Failure>> {
    let [maker, model, revision] = modem.dialect.identity();
    let told = |text: &str| Some(Ok(Info::line(text.to_owned())));
    let execute = at.form == Form::Execute;
    match at.name.as_str() {
        "" | "Z" | "&F" | "&F0" | "V1" | "Q0" | "&W" | "&D0" | "&D2" | "&C1" | "S0"
            if at.form != Form::Read =>
        {
            Some(Ok(Info::default()))
        }
        "E0" | "E" | "E1" if execute => {
            modem.echo = at.name == "E1";
            Some(Ok(Info::default()))
        }
        "I" if execute => {
            let lines = [
                maker.to_owned(),
                model.to_owned(),
                format!("Revision: {revision}"),
            ];
            Some(Ok(Info {
                lines: lines.into(),
                counter: false,
            }))
        }
        "+CGMI" | "+GMI" if execute => told(maker),
        "+CGMM" | "+GMM" if execute => told(model),
        "+CGMR" | "+GMR" if execute => told(revision),
        "+CGSN" | "+GSN" if execute => told(&modem.imei.clone()),
        "+CGMI" | "+CGMM" | "+CGMR" | "+CGSN" | "+CIMI" if at.form == Form::Test => {
            Some(Ok(Info::default()))
        }
        "+CIMI" if execute => Some(modem.card().map(|card| Info::line(card.imsi.clone()))),
        "+CPIN" if at.form == Form::Read => {
            Some(modem.card().map(|_| Info::line("+CPIN: READY".to_owned())))
        }
        "+CREG" | "+CGREG" | "+CEREG" => Some(registration(modem, at)),
        "+COPS" => Some(operator(modem, at)),
        "+CSQ" if execute => told("+CSQ: 23,99"),
        "+CCLK" if at.form == Form::Read => {
            told(&format!("+CCLK: \"{}\"", modem.clock.cclk(wall_ms)))
        }
        "+CGDCONT" if at.form == Form::Read => told("+CGDCONT: 1,\"IP\",\"cmnet\",\"0.0.0.0\",0,0"),
        "+CGACT" if at.form == Form::Read => {
            told(&format!("+CGACT: 1,{}", u8::from(modem.in_session())))
        }
        "+CGPADDR" if at.form != Form::Read => told("+CGPADDR: 1,\"10.64.12.7\""),
        "+CGDCONT" if matches!(at.form, Form::Set(_)) => Some(Ok(Info::default())),
        "+CMEE" => Some(setting(at, 2, &mut modem.cmee)),
        "+CTZR" => Some(setting(at, 2, &mut modem.ctzr)),
        "+CGEREP" => Some(setting(at, 2, &mut modem.cgerep)),
        "+CFUN" if at.form == Form::Set("1,1".to_owned()) => {
            modem.restart_asked = true;
            Some(Ok(Info::default()))
        }
        name if name == modem.dialect.iccid_command()
            && matches!(at.form, Form::Execute | Form::Read) =>
        {
            let shown = modem
                .card()
                .map(|card| format!("{name}: {}", iccid_shown(&card.iccid, modem.iccid_form)));
            Some(shown.map(Info::line))
        }
        name => {
            let (name, value) = ACCEPTED.iter().find(|(accepted, _)| *accepted == name)?;
            Some(match at.form {
                Form::Read => Ok(Info::line(format!("{name}: {value}"))),
                Form::Set(_) | Form::Test => Ok(Info::default()),
                Form::Execute => Err(Failure::Parameter),
            })
        }
    }
}

/// `+CREG: <n>,<stat>`, with cell and technology from n = 2: 1 at home, 5 roaming, 0 without a card.
fn registration(modem: &mut Modem, at: &At) -> Result<Info, Failure> {
    let stat = modem.registration();
    let n = match at.name.as_str() {
        "+CREG" => &mut modem.creg,
        "+CGREG" => &mut modem.cgreg,
        _ => &mut modem.cereg,
    };
    if at.form != Form::Read {
        return setting(at, 2, n);
    }
    let cell = if *n == 2 && stat != 0 {
        ",\"8BE3\",\"00002BAF\",7"
    } else {
        ""
    };
    Ok(Info::line(format!("{}: {n},{stat}{cell}", at.name)))
}

/// `+COPS: 0,<format>,<operator>,7`.
fn operator(modem: &mut Modem, at: &At) -> Result<Info, Failure> {
    match &at.form {
        Form::Read if modem.registration() == 0 => Ok(Info::line("+COPS: 0".to_owned())),
        Form::Read => {
            let (long, short, numeric) = if modem.is_roaming() {
                ("CMHK", "CMHK", "45412")
            } else {
                ("CHINA MOBILE", "CMCC", "46000")
            };
            let name = match modem.cops_format {
                0 => long,
                1 => short,
                _ => numeric,
            };
            Ok(Info::line(format!(
                "+COPS: 0,{},\"{name}\",7",
                modem.cops_format
            )))
        }
        Form::Set(value) => {
            if let Some(format) = value.strip_prefix("3,") {
                modem.cops_format = format
                    .parse()
                    .ok()
                    .filter(|n| *n <= 2)
                    .ok_or(Failure::Parameter)?;
            }
            Ok(Info::default())
        }
        Form::Test | Form::Execute => Err(Failure::NotAllowed),
    }
}

/// A setting of one number from 0 to `max`; what follows a comma is accepted unread.
fn setting(at: &At, max: u8, value: &mut u8) -> Result<Info, Failure> {
    match &at.form {
        Form::Read => Ok(Info::line(format!("{}: {value}", at.name))),
        Form::Test => Ok(Info::line(format!("{}: (0-{max})", at.name))),
        Form::Set(text) => {
            let first = text.split(',').next().unwrap_or_default();
            *value = first
                .parse()
                .ok()
                .filter(|n| *n <= max)
                .ok_or(Failure::Parameter)?;
            Ok(Info::default())
        }
        Form::Execute => Err(Failure::Parameter),
    }
}

/// The card's number the way this firmware prints it.
fn iccid_shown(iccid: &str, form: IccidForm) -> String {
    match form {
        IccidForm::Plain => iccid.to_owned(),
        IccidForm::TrailingF => format!("{iccid}F"),
        IccidForm::Swapped => {
            let even = if iccid.len() % 2 == 1 {
                format!("{iccid}F")
            } else {
                iccid.to_owned()
            };
            let (high, low) = (even.chars().step_by(2), even.chars().skip(1).step_by(2));
            high.zip(low).flat_map(|(high, low)| [low, high]).collect()
        }
    }
}

impl Modem {
    /// The modem's clock in the form of NITZ, for `+CTZV`.
    pub(crate) fn set_clock(
        &mut self,
        setting: clock::ClockSetting,
        wall_ms: i64,
    ) -> Option<String> {
        self.clock.set(setting, wall_ms);
        (self.ctzr > 0).then(|| format!("+CTZV: {}", self.clock.zone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_iccid_in_each_form() {
        assert_eq!(
            iccid_shown("8944200053671052499", IccidForm::Swapped),
            "984402003576012594F9"
        );
        assert_eq!(
            iccid_shown("898602F9091830030220", IccidForm::Swapped),
            "9868209F908103302002"
        );
        assert_eq!(
            iccid_shown("8944200053671052499", IccidForm::TrailingF),
            "8944200053671052499F"
        );
        assert_eq!(
            iccid_shown("898602F9091830030220", IccidForm::Plain),
            "898602F9091830030220"
        );
    }
}
