//! The operator in use: `+COPS` (TS 27.007, 7.3).

use super::error::ReplyError;
use super::fields::Fields;

/// The answer to `AT+COPS?`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operator {
    /// How it was chosen: 0 by the modem, 1 by hand, 2 none, 3 format only, 4 by
    /// hand, else by the modem.
    pub mode: u8,
    /// Its name or number as printed; `None` while there is none.
    pub name: Option<String>,
    /// The access technology (7: LTE, 11 to 13: 5G), when printed.
    pub act: Option<u8>,
}

/// Reads `+COPS: <mode>[,<format>,<oper>[,<act>]]`.
///
/// # Errors
/// [`ReplyError`] says which field is wrong.
pub fn cops(line: &str) -> Result<Operator, ReplyError> {
    let fields = Fields::behind(line, "+COPS:")?;
    let small = |field: usize, max: u64| {
        u8::try_from(fields.decimal(field, max)?).map_err(|_| fields.wrong(field, "a number"))
    };
    let mode = small(1, 4)?;
    let (name, act) = match fields.len() {
        1 => (None, None),
        3 | 4 => {
            small(2, 2)?;
            let name = fields.text(3)?;
            let act = if fields.len() == 4 { Some(small(4, u64::from(u8::MAX))?) } else { None };
            ((!name.is_empty()).then(|| name.to_owned()), act)
        }
        found => return Err(ReplyError::FieldCount { expected: 3, found }),
    };
    Ok(Operator { mode, name, act })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators() {
        for (line, mode, name, act) in [
            ("+COPS: 1,0,\"CHINA MOBILE\",7", 1, Some("CHINA MOBILE"), Some(7)),
            ("+COPS: 1,2,\"46000\"", 1, Some("46000"), None),
            ("+COPS: 0", 0, None, None),
            ("+COPS: 0,0,\"\",7", 0, None, Some(7)),
            ("+COPS: 0,0,\"A, B\"", 0, Some("A, B"), None),
        ] {
            let expected = Operator { mode, name: name.map(str::to_owned), act };
            assert_eq!(cops(line), Ok(expected), "{line}");
        }
        for line in
            ["+COPS:", "+COPS: 9", "+COPS: 0,0", "+COPS: 0,0,\"x\",256", "+COPS: 0,0,\"x\",7,8"]
        {
            assert!(cops(line).is_err(), "{line}");
        }
    }
}
