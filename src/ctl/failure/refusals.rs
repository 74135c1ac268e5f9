//! The daemon's refusals, `org.posdata.Error.*`: each with its exit status and
//! with what to do next.

use super::{EX_CONFIG, EX_DATAERR, EX_NOPERM, EX_SOFTWARE, EX_UNAVAILABLE, EX_USAGE};

/// What a refusal means to the person who asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Advice {
    /// The exit status.
    pub(super) status: u8,
    /// What to do next.
    pub(super) next: &'static str,
}

/// The advice for the last word of the daemon's name, where there is one.
pub(super) fn advice(name: &str) -> Option<Advice> {
    let word = name.strip_prefix("org.posdata.Error.")?;
    let (status, next) = of_the_request(word)
        .or_else(|| of_the_way_to_the_backend(word))
        .or_else(|| of_the_operator(word))?;
    Some(Advice { status, next })
}

/// What was asked cannot be, or not now.
fn of_the_request(word: &str) -> Option<(u8, &'static str)> {
    Some(match word {
        "InvalidArgument" => (EX_USAGE, "posdatactl --help"),
        "NotAllowed" => (EX_NOPERM, "journalctl -u posdatad -b"),
        "StoreUnavailable" => (
            EX_UNAVAILABLE,
            "is the disk full or read-only? posdatactl status; journalctl -u posdatad -b",
        ),
        "TooManyWatches" => (EX_UNAVAILABLE, "end another posdatactl watch first"),
        "Busy" | "ShuttingDown" => (EX_UNAVAILABLE, "try again in a moment"),
        "NoSim" => (
            EX_UNAVAILABLE,
            "is a SIM in, unlocked and readable? posdatactl status; posdatactl sources",
        ),
        "UnknownTopUp" => (
            EX_DATAERR,
            "posdatactl topups --all lists them; one made elsewhere comes with posdatactl sync",
        ),
        "UnknownOffer" | "OfferWithdrawn" => (EX_DATAERR, "posdatactl offers shows what there is"),
        "UnknownQuote" | "QuoteExpired" => {
            (EX_DATAERR, "nothing was ordered; run posdatactl recharge again for a new quote")
        }
        "IncompatibleOffer" => (
            EX_DATAERR,
            "posdatactl offers names the channels and activations, posdatactl status what is active",
        ),
        "RequestIdConflict" => (
            EX_DATAERR,
            "posdatactl topups REQUEST_ID shows what it was used for; to buy anew, give another --request-id or none",
        ),
        "TooManyOrders" => (
            EX_UNAVAILABLE,
            "posdatactl topups --open; pay them, or end one with posdatactl cancel ID",
        ),
        "NotCancellable" => (
            EX_DATAERR,
            "posdatactl topups ID shows where it stands; what is paid only the operator can give back",
        ),
        "NotCalibrated" => (
            EX_DATAERR,
            "posdatactl sync brings the operator's own figure; posdatactl status shows it",
        ),
        "LedgerFault" => (
            EX_SOFTWARE,
            "posdatactl events --limit 200 shows what was set aside; nothing is sold until a person has looked: tell the support",
        ),
        _ => return None,
    })
}

/// The backend was not reached, or is not there at all.
fn of_the_way_to_the_backend(word: &str) -> Option<(u8, &'static str)> {
    Some(match word {
        "NoBackend" => (
            EX_CONFIG,
            "set [backend] and [terminal] in posdatad.toml; posdatad --check-config; systemctl restart posdatad",
        ),
        "NotSynced" => (EX_UNAVAILABLE, "posdatactl sync, then again"),
        "NoRoute" => {
            (EX_UNAVAILABLE, "is there a network? ip route; is the data used up? posdatactl status")
        }
        "Offline" => (
            EX_UNAVAILABLE,
            "try again in some minutes; if it stays: is url of [backend] in posdatad.toml right?",
        ),
        "Untrusted" => (
            EX_CONFIG,
            "are ca, certificate and key of [backend] the operator's, and not past their end? posdatad --check-config; journalctl -u posdatad -b",
        ),
        "BackendFault" => (
            EX_UNAVAILABLE,
            "try again later; if it stays, tell the operator what journalctl -u posdatad -b says",
        ),
        _ => return None,
    })
}

/// The operator says no.
fn of_the_operator(word: &str) -> Option<(u8, &'static str)> {
    Some(match word {
        "UnknownTerminal" => (
            EX_NOPERM,
            "is serial of [terminal] in posdatad.toml this device's, and the certificate's? then the operator has to enter it",
        ),
        "TerminalMismatch" => (
            EX_NOPERM,
            "is id of [terminal] in posdatad.toml the one that the acquirer gave this device? then the operator has to correct its records",
        ),
        "SimMismatch" => (
            EX_NOPERM,
            "posdatactl status names the SIM that is in; put in the terminal's own and run it again, or have the operator correct its records",
        ),
        "CardDeviceSeparated" => {
            (EX_NOPERM, "put the SIM back into its own device, or have the operator release it")
        }
        "AccountSuspended" => (
            EX_NOPERM,
            "posdatactl status says why; settle it with the operator, then posdatactl sync",
        ),
        "LimitExceeded" => (EX_NOPERM, "wait until then or buy less; the operator sets the limit"),
        "Refused" => (EX_NOPERM, "tell the operator's support what it says"),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Every error that the contract names for a method that this program calls.
    fn contract() -> BTreeSet<String> {
        let texts = [
            include_str!("../../../dbus/org.posdata.Admin1.xml"),
            include_str!("../../../dbus/org.posdata.Recharge1.xml"),
            include_str!("../../../dbus/org.posdata.Usage1.xml"),
        ];
        let names = texts.iter().flat_map(|text| text.split("org.posdata.Error.").skip(1));
        names
            .map(|rest| rest.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap())
            .map(|word| format!("org.posdata.Error.{word}"))
            .collect()
    }

    #[test]
    fn every_error_of_the_contract_has_advice() {
        let names = contract();
        assert!(names.len() > 25, "the contract is read wrongly: {names:?}");
        // Properties are read all at once, and a watch is ended by the id that the daemon gave.
        let never = ["org.posdata.Error.Unknown", "org.posdata.Error.UnknownWatch"];
        let none = |name: &&String| advice(name).is_none() && !never.contains(&name.as_str());
        assert_eq!(names.iter().find(none), None);
    }

    #[test]
    fn a_name_that_is_not_known_has_none() {
        assert_eq!(advice("org.posdata.Error.Novel"), None);
        assert_eq!(advice("org.example.Error.Busy"), None);
    }
}
