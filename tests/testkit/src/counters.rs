//! Owns the makers' counter commands and the bytes of their replies.

use std::time::{Duration, Instant};

use crate::accounting::Bytes;
use crate::command::{At, Form};
use crate::dialect::Dialect;
use crate::modem::Modem;
use crate::reply::{Failure, Info};

/// Quectel's 5G modems write their memory at most this often.
const MEMORY_PAUSE: Duration = Duration::from_secs(60);

/// Answers a counter command, or `None` when it is none of this dialect's.
pub(crate) fn answer(modem: &mut Modem, at: &At, now: Instant) -> Option<Result<Info, Failure>> {
    match (modem.dialect, at.name.as_str()) {
        (Dialect::QuectelLte, "+QGDCNT") => Some(quectel(modem, at, now)),
        (Dialect::QuectelLte, "+QAUGDCNT") => Some(quectel_autosave(modem, at, now)),
        (Dialect::Quectel5g, "+QGDNRCNT") => Some(quectel(modem, at, now)),
        (Dialect::UBlox, "+UGCNTRD") => Some(ublox(modem, at)),
        (Dialect::UBlox, "+UGCNTSET") => Some(reset(modem, at, now, |_| true)),
        (Dialect::Huawei | Dialect::Meig, "^DSFLOWQRY") => Some(hisilicon(modem, at, now)),
        (Dialect::Huawei | Dialect::Meig, "^DSFLOWCLR") => Some(reset(modem, at, now, |_| true)),
        (Dialect::Telit, "#GDATAVOL") => Some(telit(modem, at, now)),
        (Dialect::Fibocom, "+GTSTATIS") => Some(fibocom(modem, at, now)),
        _ => None,
    }
}

/// `+QGDCNT: <sent>,<recv>`; `=1` saves, `=0` resets, memory and all.
fn quectel(modem: &mut Modem, at: &At, now: Instant) -> Result<Info, Failure> {
    let name = &at.name;
    match &at.form {
        Form::Read => {
            let (first, second) = modem.columns(modem.registers.summed().total);
            Ok(Info::counter([format!("{name}: {first},{second}")]))
        }
        Form::Test => Ok(Info::line(format!("{name}: (0,1)"))),
        Form::Set(value) if value == "1" => {
            let too_soon = modem
                .saved_at
                .is_some_and(|at| now.saturating_duration_since(at) < MEMORY_PAUSE);
            if modem.dialect == Dialect::Quectel5g && too_soon {
                return Err(Failure::NotAllowed);
            }
            modem.save(now);
            Ok(Info::default())
        }
        Form::Set(value) if value == "0" => {
            modem.reset_received(&format!("AT{name}=0"), now);
            Ok(Info::default())
        }
        Form::Set(_) | Form::Execute => Err(Failure::Parameter),
    }
}

/// `AT+QAUGDCNT=<0|30-65535>`: save every so many seconds; forgotten at power-off.
fn quectel_autosave(modem: &mut Modem, at: &At, now: Instant) -> Result<Info, Failure> {
    match &at.form {
        Form::Read => {
            let seconds = modem.autosave.map_or(0, |every| every.as_secs());
            Ok(Info::line(format!("+QAUGDCNT: {seconds}")))
        }
        Form::Test => Ok(Info::line("+QAUGDCNT: (0,30-65535)".to_owned())),
        Form::Set(value) => match value.parse::<u64>() {
            Ok(0) => {
                modem.set_autosave(None, now);
                Ok(Info::default())
            }
            Ok(seconds @ 30..=65535) => {
                modem.set_autosave(Some(Duration::from_secs(seconds)), now);
                Ok(Info::default())
            }
            _ => Err(Failure::Parameter),
        },
        Form::Execute => Err(Failure::Parameter),
    }
}

/// `+UGCNTRD: <cid>,<tx_session>,<rx_session>,<tx_total>,<rx_total>`, a line for each context.
fn ublox(modem: &mut Modem, at: &At) -> Result<Info, Failure> {
    match at.form {
        Form::Execute => {
            let lines = modem.registers.shown().map(|shown| {
                let ((tx_session, rx_session), (tx_total, rx_total)) =
                    (modem.columns(shown.session), modem.columns(shown.total));
                format!(
                    "+UGCNTRD: {},{tx_session},{rx_session},{tx_total},{rx_total}",
                    shown.cid
                )
            });
            Ok(Info::counter(lines))
        }
        Form::Test => Ok(Info::default()),
        Form::Read | Form::Set(_) => Err(Failure::Parameter),
    }
}

/// `^DSFLOWQRY: <time>,<tx>,<rx>,<total time>,<total tx>,<total rx>` in hexadecimal.
fn hisilicon(modem: &mut Modem, at: &At, now: Instant) -> Result<Info, Failure> {
    let asked = match &at.form {
        Form::Execute => true,
        Form::Set(cid) => cid == "1",
        Form::Test => return Ok(Info::default()),
        Form::Read => false,
    };
    if !asked {
        return Err(Failure::Parameter);
    }
    let shown = modem.registers.summed();
    let (session_s, power_s) = modem.uptimes_s(now);
    let ((tx, rx), (total_tx, total_rx)) =
        (modem.columns(shown.session), modem.columns(shown.total));
    let sign = modem.flow_sign;
    Ok(Info::counter([format!(
        "{sign}DSFLOWQRY: {session_s:08X},{tx:016X},{rx:016X},{power_s:08X},{total_tx:016X},{total_rx:016X}"
    )]))
}

/// `#GDATAVOL: <cid>,<total>,<sent>,<received>`; 1 the session, 2 the total, 0 resets.
fn telit(modem: &mut Modem, at: &At, now: Instant) -> Result<Info, Failure> {
    let session = match &at.form {
        Form::Set(mode) if mode == "1" => true,
        Form::Set(mode) if mode == "2" => false,
        Form::Set(_) => return reset(modem, at, now, |mode| mode == "0"),
        Form::Test => return Ok(Info::line("#GDATAVOL: (0-2)".to_owned())),
        Form::Read | Form::Execute => return Err(Failure::Parameter),
    };
    let lines: Vec<String> = modem
        .registers
        .shown()
        .map(|shown| {
            let bytes = if session { shown.session } else { shown.total };
            let (sent, received) = modem.columns(bytes);
            format!("#GDATAVOL: {},{},{sent},{received}", shown.cid, bytes.sum())
        })
        .collect();
    Ok(Info {
        counter: !session,
        ..Info::counter(lines)
    })
}

/// `+GTSTATIS: <rx_rate>,<tx_rate>,<rx_bytes>,<tx_bytes>`: received first, of this session.
fn fibocom(modem: &mut Modem, at: &At, now: Instant) -> Result<Info, Failure> {
    match at.form {
        Form::Read => {
            let rate = modem.rate_since_last_asked(now);
            let (tx_rate, rx_rate) = modem.columns(rate);
            let (tx, rx) = modem.columns(modem.registers.summed().session);
            Ok(Info::counter([format!(
                "+GTSTATIS: {rx_rate},{tx_rate},{rx},{tx}"
            )]))
        }
        Form::Test => Ok(Info::default()),
        Form::Execute | Form::Set(_) => Err(Failure::Parameter),
    }
}

/// A command that sets the counter to 0 when its value is one that `resets` accepts.
fn reset(
    modem: &mut Modem,
    at: &At,
    now: Instant,
    resets: impl Fn(&str) -> bool,
) -> Result<Info, Failure> {
    let value = match &at.form {
        Form::Set(value) => value.as_str(),
        Form::Execute => "",
        Form::Test => return Ok(Info::default()),
        Form::Read => return Err(Failure::Parameter),
    };
    if !resets(value) {
        return Err(Failure::Parameter);
    }
    modem.reset_received(&format!("AT{} {value}", at.name), now);
    Ok(Info::default())
}

impl Modem {
    /// Sent and received in the order this firmware prints them.
    fn columns(&self, bytes: Bytes) -> (u64, u64) {
        if self.columns_reversed {
            (bytes.rx, bytes.tx)
        } else {
            (bytes.tx, bytes.rx)
        }
    }
}
