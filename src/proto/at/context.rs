//! Data contexts that come and go: `+CGEV` (TS 27.007, 10.1.19).

use super::error::ReplyError;
use super::fields::Fields;

/// What happened to a data context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContextEvent {
    /// It was set up.
    Activated {
        /// Which, when the line names one.
        cid: Option<u8>,
    },
    /// It was taken down.
    Deactivated {
        /// Which, when the line names one.
        cid: Option<u8>,
    },
    /// The modem left the packet network: all contexts are down.
    Detached,
    /// Something that starts no counter again (class, modification, rejection).
    Other,
}

/// Reads `+CGEV: <event>`: `NW PDN DEACT 2`, `ME PDN ACT 1,0`, `NW DETACH`,
/// `NW DEACT "IP","10.0.0.1",1`, `NW ACT 1,2,0` (the second number is the cid).
///
/// # Errors
/// [`ReplyError::Prefix`] when it is another line, [`ReplyError::Field`] when the
/// event is not one of TS 27.007.
pub fn cgev(line: &str) -> Result<ContextEvent, ReplyError> {
    let body = line.trim().strip_prefix("+CGEV:").ok_or(ReplyError::Prefix("+CGEV:"))?.trim_start();
    let event = body.strip_prefix("NW ").or_else(|| body.strip_prefix("ME "));
    let Some(event) = event else {
        // `REJECT "IP","10.0.0.1"` has neither NW nor ME before it.
        return if body.starts_with("REJECT") {
            Ok(ContextEvent::Other)
        } else {
            Err(Fields::of(body).wrong(1, "an event of a data context"))
        };
    };
    let event = event.trim_start();
    if event.starts_with("DETACH") {
        return Ok(ContextEvent::Detached);
    }
    for (words, activated, cid_field) in [
        ("PDN ACT", true, 1),
        ("PDN DEACT", false, 1),
        ("ACT", true, 2),
        ("DEACT", false, 3),
        ("REACT", true, 3),
    ] {
        if let Some(rest) = event.strip_prefix(words) {
            let cid = cid(rest, cid_field);
            return Ok(if activated {
                ContextEvent::Activated { cid }
            } else {
                ContextEvent::Deactivated { cid }
            });
        }
    }
    if event.starts_with("CLASS") || event.starts_with("MODIFY") {
        return Ok(ContextEvent::Other);
    }
    Err(Fields::of(body).wrong(1, "an event of a data context"))
}

/// A number that is missing or wrong costs the cid, not the event.
fn cid(rest: &str, field: usize) -> Option<u8> {
    let number = Fields::of(rest).decimal(field, u64::from(u8::MAX)).ok()?;
    u8::try_from(number).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events() {
        use ContextEvent::{Activated, Deactivated, Detached, Other};
        for (line, event) in [
            ("+CGEV: NW PDN DEACT 2", Deactivated { cid: Some(2) }),
            ("+CGEV: ME PDN ACT 1", Activated { cid: Some(1) }),
            ("+CGEV: ME PDN ACT 1,0", Activated { cid: Some(1) }),
            ("+CGEV: NW DETACH", Detached),
            ("+CGEV: ME DETACH", Detached),
            ("+CGEV: NW DEACT \"IP\",\"10.0.0.1\",1", Deactivated { cid: Some(1) }),
            ("+CGEV: NW DEACT \"IP\",\"10.0.0.1\"", Deactivated { cid: None }),
            ("+CGEV: NW REACT \"IP\",\"10.0.0.1\",3", Activated { cid: Some(3) }),
            ("+CGEV: NW ACT 1,2,0", Activated { cid: Some(2) }),
            ("+CGEV: ME PDN ACT 999", Activated { cid: None }),
            ("+CGEV: ME CLASS \"B\"", Other),
            ("+CGEV: NW MODIFY 1,1,0", Other),
            ("+CGEV: REJECT \"IP\",\"10.0.0.1\"", Other),
        ] {
            assert_eq!(cgev(line), Ok(event), "{line}");
        }
        for line in ["+CGEV:", "+CGEV: ", "+CGEV: NW FOO 1", "+CREG: 1"] {
            assert!(cgev(line).is_err(), "{line}");
        }
    }
}
