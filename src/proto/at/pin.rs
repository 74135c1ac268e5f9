//! The state of the SIM: `+CPIN` (TS 27.007, 8.3).

use super::error::ReplyError;
use super::fields::Fields;

/// What `+CPIN:` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pin {
    /// `READY`: the card can be used.
    Ready,
    /// `NOT INSERTED`: there is none.
    NotInserted,
    /// `NOT READY`: it is being started, or was just taken out.
    NotReady,
    /// `SIM PIN`, `SIM PUK` and kin: it waits for a code.
    Locked,
}

/// Reads `+CPIN: <code>`.
///
/// # Errors
/// [`ReplyError::Field`] when the code is none that is known.
pub fn cpin(line: &str) -> Result<Pin, ReplyError> {
    let fields = Fields::behind(line, "+CPIN:")?;
    let code = fields.text(1)?.to_ascii_uppercase();
    Ok(match code.as_str() {
        "READY" => Pin::Ready,
        "NOT INSERTED" => Pin::NotInserted,
        "NOT READY" => Pin::NotReady,
        locked if locked.ends_with("PIN") || locked.ends_with("PUK") => Pin::Locked,
        locked if locked.ends_with("PIN2") || locked.ends_with("PUK2") => Pin::Ready,
        _ => return Err(fields.wrong(1, "a state of the SIM")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states() {
        for (line, pin) in [
            ("+CPIN: READY", Pin::Ready),
            ("+CPIN:READY", Pin::Ready),
            ("+CPIN: NOT INSERTED", Pin::NotInserted),
            ("+CPIN: NOT READY", Pin::NotReady),
            ("+CPIN: SIM PIN", Pin::Locked),
            ("+CPIN: \"SIM PUK\"", Pin::Locked),
            ("+CPIN: PH-NET PIN", Pin::Locked),
            // The second PIN guards the phone book, not the data.
            ("+CPIN: SIM PIN2", Pin::Ready),
        ] {
            assert_eq!(cpin(line), Ok(pin), "{line}");
        }
        assert!(cpin("+CPIN: ").is_err());
        assert!(cpin("+CPIN: FOO").is_err());
    }
}
