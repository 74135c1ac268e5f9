//! Who the modem and its SIM are: TS 27.007, 5.1 to 5.4, and the vendors'
//! commands for the card's number.

use super::error::ReplyError;
use super::fields::Fields;

/// The longest manufacturer, model or revision that is kept, characters.
pub const NAME_CHARS_MAX: usize = 64;

/// The prefixes that firmwares put before a card's number.
pub const ICCID_PREFIXES: &[&str] = &["+QCCID:", "+CCID:", "+ICCID:", "^ICCID:", "#CCID:"];

/// Reads manufacturer, model or revision: a bare line, or one with its prefix,
/// with or without quotes; at most [`NAME_CHARS_MAX`] characters of it.
///
/// # Errors
/// [`ReplyError::Field`] when nothing stands there.
pub fn name(line: &str, prefixes: &[&'static str]) -> Result<String, ReplyError> {
    let text = without_prefix(line, prefixes).trim().trim_matches('"').trim();
    // `AT+CGMR` of some firmwares answers `Revision: EC25EFAR06A06M4G`.
    let text = text.strip_prefix("Revision:").unwrap_or(text).trim();
    if text.is_empty() {
        return Err(Fields::of("").wrong(1, "a name"));
    }
    Ok(text.chars().take(NAME_CHARS_MAX).collect())
}

/// Reads an IMEI: 15 digits. `AT+CGSN` of some firmwares prints it in quotes or
/// with `+CGSN:` before it; 14 (no check digit) and 16 (IMEISV) are refused.
///
/// # Errors
/// [`ReplyError::Field`] when it is not 15 digits.
pub fn imei(line: &str) -> Result<String, ReplyError> {
    digits(line, &["+CGSN:", "+GSN:"], 15, 15, "an IMEI of 15 digits")
}

/// Reads an IMSI: 6 to 15 digits.
///
/// # Errors
/// [`ReplyError::Field`] when it is not 6 to 15 digits.
pub fn imsi(line: &str) -> Result<String, ReplyError> {
    digits(line, &["+CIMI:"], 6, 15, "an IMSI of 6 to 15 digits")
}

/// Reads the text of a card's number as it was printed: 18 to 22 hexadecimal
/// digits, bare or behind one of [`ICCID_PREFIXES`]. Whether its nibbles are
/// swapped is not judged here.
///
/// # Errors
/// [`ReplyError::Field`] when it cannot be a card's number.
pub fn iccid(line: &str) -> Result<String, ReplyError> {
    let body = without_prefix(line, ICCID_PREFIXES);
    let fields = Fields::of(body).exactly(1)?;
    let text = fields.text(1)?;
    if (18..=22).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_hexdigit()) {
        Ok(text.to_owned())
    } else {
        Err(fields.wrong(1, "the number of a SIM"))
    }
}

fn digits(
    line: &str,
    prefixes: &[&'static str],
    least: usize,
    most: usize,
    what: &'static str,
) -> Result<String, ReplyError> {
    let fields = Fields::of(without_prefix(line, prefixes)).exactly(1)?;
    let text = fields.text(1)?;
    if (least..=most).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit()) {
        Ok(text.to_owned())
    } else {
        Err(fields.wrong(1, what))
    }
}

fn without_prefix<'a>(line: &'a str, prefixes: &[&'static str]) -> &'a str {
    let line = line.trim();
    prefixes.iter().find_map(|prefix| line.strip_prefix(prefix)).unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for (line, text) in [
            ("Quectel", "Quectel"),
            ("+CGMI: \"Fibocom Wireless Inc.\"", "Fibocom Wireless Inc."),
            ("Revision: EC25EFAR06A06M4G", "EC25EFAR06A06M4G"),
        ] {
            assert_eq!(name(line, &["+CGMI:"]).as_deref(), Ok(text), "{line}");
        }
        assert_eq!(name(&"x".repeat(500), &[]).unwrap().len(), NAME_CHARS_MAX);
        assert!(name("+CGMI: \"\"", &["+CGMI:"]).is_err());
    }

    #[test]
    fn numbers_of_the_modem_and_its_subscriber() {
        for line in ["867698041234561", "+CGSN: \"867698041234561\"", "+CGSN: 867698041234561"] {
            assert_eq!(imei(line).as_deref(), Ok("867698041234561"), "{line}");
        }
        for line in ["86769804123456", "8676980412345612", "86769804123456A", "", "+CGSN: 1,2"] {
            assert!(imei(line).is_err(), "{line}");
        }
        assert_eq!(imsi("460001234567890").as_deref(), Ok("460001234567890"));
        assert_eq!(
            imsi("+CIMI: 26201").unwrap_err().to_string(),
            "field 1 is \"26201\", not an IMSI of 6 to 15 digits"
        );
    }

    #[test]
    fn numbers_of_cards() {
        for (line, text) in [
            ("+QCCID: 898602F9091830030220", "898602F9091830030220"),
            ("+CCID: \"984402003576012594F9\"", "984402003576012594F9"),
            ("+ICCID: 8944200053671052499F", "8944200053671052499F"),
            ("898600MFSSYYGXXXXXXP", ""),
            ("^ICCID:89860012345678901234", "89860012345678901234"),
            ("8986012034567890123", "8986012034567890123"),
            ("OK", ""),
            ("+QCCID:", ""),
            ("89860120345678901231234", ""),
        ] {
            assert_eq!(iccid(line).unwrap_or_default(), text, "{line}");
        }
    }
}
