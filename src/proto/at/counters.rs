//! The vendors' byte counters, one line each. Sources: the vendors' AT manuals
//! (Quectel EC2x/EG2x and RG50x, u-blox UBX-13002752, MeiG SLM7xx, Huawei ME909,
//! Telit, Fibocom) and real replies.
//!
//! Every function reads exactly one line and refuses it whole when anything in
//! it is off: too many or too few fields, a sign, a letter, a number beyond 64
//! bits.

use super::error::ReplyError;
use super::fields::Fields;

/// Bytes in both directions, as the modem names them: sent by the terminal,
/// received by it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Octets {
    /// Sent (up), bytes.
    pub sent: u64,
    /// Received (down), bytes.
    pub received: u64,
}

/// In which order a firmware prints the two columns of QGDCNT and QGDNRCNT.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Columns {
    /// `<sent>,<received>`, as in Quectel's manuals.
    #[default]
    SentFirst,
    /// `<received>,<sent>`, as some RG50x firmwares print.
    ReceivedFirst,
}

/// One context of `AT+UGCNTRD`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UbloxContext {
    /// The context, 0 to 255.
    pub cid: u8,
    /// Since this context was last activated.
    pub session: Octets,
    /// Since the modem was switched on.
    pub total: Octets,
}

/// The answer to `AT^DSFLOWQRY`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HuaweiFlow {
    /// How long the last session has been up, s.
    pub last_time_s: u32,
    /// The last session.
    pub last: Octets,
    /// How long all sessions since power-on were up, s.
    pub total_time_s: u32,
    /// All sessions since power-on.
    pub total: Octets,
}

/// One context of `AT#GDATAVOL=1` or `=2`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TelitContext {
    /// The context, 0 to 255.
    pub cid: u8,
    /// Both directions, bytes, as the modem adds them.
    pub both: u64,
    /// Apart.
    pub octets: Octets,
}

/// The answer to `AT+GTSTATIS?`: this session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FibocomStatistics {
    /// Received just now, bytes a second.
    pub received_rate: u64,
    /// Sent just now, bytes a second.
    pub sent_rate: u64,
    /// The bytes of this session.
    pub octets: Octets,
}

/// Reads `+QGDCNT: <sent>,<received>` (Quectel LTE), decimal bytes.
///
/// # Errors
/// [`ReplyError`] says which field is wrong.
pub fn qgdcnt(line: &str, columns: Columns) -> Result<Octets, ReplyError> {
    two_columns(line, "+QGDCNT:", columns)
}

/// Reads `+QGDNRCNT: <sent>,<received>` (Quectel 5G), decimal bytes.
///
/// # Errors
/// [`ReplyError`] says which field is wrong.
pub fn qgdnrcnt(line: &str, columns: Columns) -> Result<Octets, ReplyError> {
    two_columns(line, "+QGDNRCNT:", columns)
}

fn two_columns(line: &str, prefix: &'static str, columns: Columns) -> Result<Octets, ReplyError> {
    let fields = Fields::behind(line, prefix)?.exactly(2)?;
    let first = fields.decimal(1, u64::MAX)?;
    let second = fields.decimal(2, u64::MAX)?;
    Ok(match columns {
        Columns::SentFirst => Octets { sent: first, received: second },
        Columns::ReceivedFirst => Octets { sent: second, received: first },
    })
}

/// Reads `+UGCNTRD: <cid>,<sent session>,<received session>,<sent total>,<received total>`
/// (u-blox), decimal bytes; one line a context.
///
/// # Errors
/// [`ReplyError`] says which field is wrong.
pub fn ugcntrd(line: &str) -> Result<UbloxContext, ReplyError> {
    let fields = Fields::behind(line, "+UGCNTRD:")?.exactly(5)?;
    Ok(UbloxContext {
        cid: cid(&fields)?,
        session: octets(&fields, 2, 3)?,
        total: octets(&fields, 4, 5)?,
    })
}

/// Reads `^DSFLOWQRY: <last time>,<last sent>,<last received>,<total time>,<total
/// sent>,<total received>` (Huawei, HiSilicon, MeiG; some print `%DSFLOWQRY`).
/// Hexadecimal: times of up to 8 digits, s; bytes of up to 16. MeiG leaves the
/// leading zeros out.
///
/// # Errors
/// [`ReplyError`] says which field is wrong.
pub fn dsflowqry(line: &str) -> Result<HuaweiFlow, ReplyError> {
    let fields = Fields::behind(line, "^DSFLOWQRY:")
        .or_else(|_| Fields::behind(line, "%DSFLOWQRY:"))
        .map_err(|_| ReplyError::Prefix("^DSFLOWQRY:"))?
        .exactly(6)?;
    let time_s = |field| {
        u32::try_from(fields.hexadecimal(field, 8)?).map_err(|_| fields.wrong(field, "a time"))
    };
    let bytes = |field| fields.hexadecimal(field, 16);
    Ok(HuaweiFlow {
        last_time_s: time_s(1)?,
        last: Octets { sent: bytes(2)?, received: bytes(3)? },
        total_time_s: time_s(4)?,
        total: Octets { sent: bytes(5)?, received: bytes(6)? },
    })
}

/// Reads `#GDATAVOL: <cid>,<both>,<sent>,<received>` (Telit), decimal bytes; one
/// line a context.
///
/// # Errors
/// [`ReplyError`] says which field is wrong.
pub fn gdatavol(line: &str) -> Result<TelitContext, ReplyError> {
    let fields = Fields::behind(line, "#GDATAVOL:")?.exactly(4)?;
    Ok(TelitContext {
        cid: cid(&fields)?,
        both: fields.decimal(2, u64::MAX)?,
        octets: octets(&fields, 3, 4)?,
    })
}

/// Reads `+GTSTATIS: <received rate>,<sent rate>,<received>,<sent>` (Fibocom),
/// decimal; received comes first.
///
/// # Errors
/// [`ReplyError`] says which field is wrong.
pub fn gtstatis(line: &str) -> Result<FibocomStatistics, ReplyError> {
    let fields = Fields::behind(line, "+GTSTATIS:")?.exactly(4)?;
    Ok(FibocomStatistics {
        received_rate: fields.decimal(1, u64::MAX)?,
        sent_rate: fields.decimal(2, u64::MAX)?,
        octets: octets(&fields, 4, 3)?,
    })
}

fn cid(fields: &Fields<'_>) -> Result<u8, ReplyError> {
    let number = fields.decimal(1, u64::from(u8::MAX))?;
    u8::try_from(number).map_err(|_| fields.wrong(1, "a context"))
}

fn octets(fields: &Fields<'_>, sent: usize, received: usize) -> Result<Octets, ReplyError> {
    Ok(Octets {
        sent: fields.decimal(sent, u64::MAX)?,
        received: fields.decimal(received, u64::MAX)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn octets(sent: u64, received: u64) -> Octets {
        Octets { sent, received }
    }

    #[test]
    fn quectel() {
        assert_eq!(qgdcnt("+QGDCNT: 3832,4618", Columns::SentFirst), Ok(octets(3832, 4618)));
        assert_eq!(qgdcnt("+QGDCNT:3832, 4618 ", Columns::SentFirst), Ok(octets(3832, 4618)));
        assert_eq!(qgdcnt("+QGDCNT: 3832,4618", Columns::ReceivedFirst), Ok(octets(4618, 3832)));
        assert_eq!(
            qgdnrcnt("+QGDNRCNT: 231743605,4951875263", Columns::SentFirst),
            Ok(octets(231_743_605, 4_951_875_263))
        );
        assert_eq!(
            qgdnrcnt("+QGDNRCNT: 18446744073709551615,0", Columns::ReceivedFirst),
            Ok(octets(0, u64::MAX))
        );
        assert_eq!(
            qgdcnt("+QGDNRCNT: 1,2", Columns::SentFirst),
            Err(ReplyError::Prefix("+QGDCNT:"))
        );
        for (line, error) in [
            ("+QGDCNT: 1", ReplyError::FieldCount { expected: 2, found: 1 }),
            ("+QGDCNT: 1,2,3", ReplyError::FieldCount { expected: 2, found: 3 }),
            (
                "+QGDCNT: 1,-2",
                ReplyError::Field { field: 2, what: "a decimal number", text: "-2".into() },
            ),
            (
                "+QGDCNT: ,2",
                ReplyError::Field { field: 1, what: "a decimal number", text: String::new() },
            ),
            (
                "+QGDCNT: 1,18446744073709551616",
                ReplyError::TooLarge {
                    field: 2,
                    max: u64::MAX,
                    text: "18446744073709551616".into(),
                },
            ),
        ] {
            assert_eq!(qgdcnt(line, Columns::SentFirst), Err(error), "{line}");
        }
    }

    #[test]
    fn ublox() {
        assert_eq!(
            ugcntrd("+UGCNTRD: 31,2704,1819,2724,1839"),
            Ok(UbloxContext { cid: 31, session: octets(2704, 1819), total: octets(2724, 1839) })
        );
        assert!(ugcntrd("+UGCNTRD: 256,1,1,1,1").is_err());
        assert!(ugcntrd("+UGCNTRD: 1,1,1,1").is_err());
        assert!(ugcntrd("+UGCNTRD: ").is_err());
    }

    #[test]
    fn huawei_and_meig() {
        let flow = HuaweiFlow {
            last_time_s: 10,
            last: octets(0x645c, 0x3c0f),
            total_time_s: 592 + 0x100,
            total: octets(0x1_0000_0000, u64::MAX),
        };
        for sign in ['^', '%'] {
            let line = format!(
                "{sign}DSFLOWQRY: 0000000A,000000000000645C,0000000000003C0F,\
                 00000350,0000000100000000,FFFFFFFFFFFFFFFF"
            );
            assert_eq!(dsflowqry(&line), Ok(flow));
        }
        let short = dsflowqry("^DSFLOWQRY: 100,0,0,592,645c,3c0f").unwrap();
        assert_eq!((short.last_time_s, short.total_time_s), (0x100, 0x592));
        assert_eq!(short.total, octets(0x645c, 0x3c0f));
        assert!(dsflowqry("^DSFLOWQRY: 000000000,0,0,0,0,0").is_err(), "a time of 9 digits");
        assert!(dsflowqry("^DSFLOWQRY: 0,0,0,0,0,00000000000000000").is_err(), "17 digits");
        assert!(dsflowqry("^DSFLOWQRY: 0,0,0,0,0,g").is_err());
        assert_eq!(dsflowqry("^DSFLOWRPT: 1"), Err(ReplyError::Prefix("^DSFLOWQRY:")));
    }

    #[test]
    fn telit() {
        assert_eq!(
            gdatavol("#GDATAVOL: 1,30,10,20"),
            Ok(TelitContext { cid: 1, both: 30, octets: octets(10, 20) })
        );
        assert!(gdatavol("#GDATAVOL: 1,30,10").is_err());
    }

    #[test]
    fn fibocom_prints_received_first() {
        assert_eq!(
            gtstatis("+GTSTATIS: 7,8,900,100"),
            Ok(FibocomStatistics { received_rate: 7, sent_rate: 8, octets: octets(100, 900) })
        );
        assert!(gtstatis("+GTSTATIS: 7,8,900,0x64").is_err());
    }
}
