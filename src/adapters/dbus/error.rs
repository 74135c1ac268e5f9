//! What clients are refused with, and what keeps the server from starting.

use super::server::BusAddress;
use crate::domain::engine::Denied;
use crate::domain::errand::{Problem, Silence};
use crate::domain::orders::OrderRefusal;
use crate::domain::watch::WatchRefusal;

/// The errors of `org.posdata.Error.*`; a variant's name is the error's name,
/// its text is for people.
#[derive(Clone, Debug, PartialEq, Eq, zbus::DBusError)]
#[zbus(prefix = "org.posdata.Error")]
pub enum Error {
    /// An argument is out of its range; the text names it, its range and what came.
    InvalidArgument(String),
    /// The property's value is not known now.
    Unknown(String),
    /// The caller holds no watch of that id.
    UnknownWatch(String),
    /// The caller, or all callers together, hold as many watches as they may.
    TooManyWatches(String),
    /// The disk cannot be read.
    StoreUnavailable(String),
    /// The bus let the call in, and posdatad refuses it.
    NotAllowed(String),
    /// No backend is configured.
    NoBackend(String),
    /// No SIM that can be read is in the modem.
    NoSim(String),
    /// The backend was never reached since the database was made: sync first.
    NotSynced(String),
    /// The ledger set a posting aside: a person has to look at it before more is
    /// bought.
    LedgerFault(String),
    /// The terminal has no network.
    NoRoute(String),
    /// There is a network, and the backend does not answer.
    Offline(String),
    /// The backend and this terminal do not trust each other.
    Untrusted(String),
    /// The backend fails, or answers what cannot be.
    BackendFault(String),
    /// There is no such top-up.
    UnknownTopUp(String),
    /// There is no such offer.
    UnknownOffer(String),
    /// There is no such quote, or it was asked for before the last start.
    UnknownQuote(String),
    /// The quote's time is over.
    QuoteExpired(String),
    /// The offer is no longer sold.
    OfferWithdrawn(String),
    /// The offer cannot be had so, or not beside what is active.
    IncompatibleOffer(String),
    /// The request id was used for something else.
    RequestIdConflict(String),
    /// As many orders are under way as may be.
    TooManyOrders(String),
    /// The top-up is paid, has ended, or was made elsewhere.
    NotCancellable(String),
    /// The terminal id does not belong to the serial.
    TerminalMismatch(String),
    /// The SIM does not belong to the terminal, or is not the quote's.
    SimMismatch(String),
    /// The SIM may only be used in another device.
    CardDeviceSeparated(String),
    /// The operator has stopped the SIM.
    AccountSuspended(String),
    /// The backend does not know this terminal, or its certificate is another's.
    UnknownTerminal(String),
    /// A limit of amount or count; the text says until when.
    LimitExceeded(String),
    /// The backend refuses for another reason; the text says which.
    Refused(String),
    /// The operator's figure is not taken; the text says why.
    NotCalibrated(String),
    /// Too much is asked at once, or the answer took too long: ask again.
    Busy(String),
    /// posdatad is ending: ask again when the name has an owner.
    ShuttingDown(String),
}

impl Error {
    /// The property is not known now.
    pub(super) fn unknown(property: &str) -> Self {
        Self::Unknown(format!("{property} is not known now"))
    }

    /// The engine is gone.
    pub(super) fn shutting_down() -> Self {
        Self::ShuttingDown("posdatad is ending".to_owned())
    }
}

impl From<WatchRefusal> for Error {
    fn from(refusal: WatchRefusal) -> Self {
        let text = refusal.to_string();
        match refusal {
            WatchRefusal::Accuracy | WatchRefusal::Period(_) => Self::InvalidArgument(text),
            WatchRefusal::TooManyOfCaller | WatchRefusal::TooMany => Self::TooManyWatches(text),
            WatchRefusal::Unknown(_) => Self::UnknownWatch(text),
        }
    }
}

impl From<Denied> for Error {
    fn from(denied: Denied) -> Self {
        let text = denied.to_string();
        match denied {
            Denied::NoBackend => Self::NoBackend(text),
            Denied::NoSim => Self::NoSim(text),
            Denied::Busy => Self::Busy(text),
            Denied::StoreUnavailable(_) => Self::StoreUnavailable(text),
            Denied::NotSynced => Self::NotSynced(text),
            Denied::LedgerFault(_) => Self::LedgerFault(text),
            Denied::UnknownTopUp(_) => Self::UnknownTopUp(text),
            Denied::UnknownOffer(_) => Self::UnknownOffer(text),
            Denied::NotOffered { .. } => Self::IncompatibleOffer(text),
            Denied::WrongQuote(_) => Self::BackendFault(text),
            Denied::Illegal(_) | Denied::Elsewhere => Self::NotCancellable(text),
            Denied::NotCalibrated(_) => Self::NotCalibrated(text),
            Denied::Order(refusal) => match refusal {
                OrderRefusal::RequestIdConflict { .. } => Self::RequestIdConflict(text),
                OrderRefusal::UnknownQuote { .. } => Self::UnknownQuote(text),
                OrderRefusal::QuoteExpired { .. } => Self::QuoteExpired(text),
                OrderRefusal::TooManyOpen => Self::TooManyOrders(text),
            },
            Denied::Silent { why, .. } => match why {
                Silence::NoRoute => Self::NoRoute(text),
                Silence::Offline => Self::Offline(text),
                Silence::Untrusted => Self::Untrusted(text),
                Silence::Nonsense | Silence::Failing => Self::BackendFault(text),
            },
            Denied::Problem(problem) => Self::of_problem(&problem, text),
        }
    }
}

impl Error {
    fn of_problem(problem: &Problem, text: String) -> Self {
        let later = problem.retry_after_s.map(|s| format!("; allowed again in {s} s"));
        let text = text + &later.unwrap_or_default();
        match problem.word {
            "unknown_terminal" | "certificate_mismatch" => Self::UnknownTerminal(text),
            "unknown_offer" => Self::UnknownOffer(text),
            "unknown_quote" => Self::UnknownQuote(text),
            "unknown_topup" => Self::UnknownTopUp(text),
            "terminal_mismatch" => Self::TerminalMismatch(text),
            "sim_mismatch" => Self::SimMismatch(text),
            "card_device_separated" => Self::CardDeviceSeparated(text),
            "account_suspended" => Self::AccountSuspended(text),
            "incompatible_offer" => Self::IncompatibleOffer(text),
            "request_id_conflict" => Self::RequestIdConflict(text),
            "not_cancellable" => Self::NotCancellable(text),
            "quote_expired" => Self::QuoteExpired(text),
            "offer_withdrawn" => Self::OfferWithdrawn(text),
            "limit_exceeded" => Self::LimitExceeded(text),
            "too_many_requests" => Self::Busy(text),
            _ => Self::Refused(text),
        }
    }
}

/// Why the server does not run.
#[derive(Debug, thiserror::Error)]
pub enum BusError {
    /// No bus answers there.
    #[error("cannot reach {address}: {source}")]
    Connect {
        /// Where.
        address: BusAddress,
        /// What came back.
        source: zbus::Error,
    },
    /// Somebody owns the name.
    #[error("another posdatad runs on this bus: org.posdata is owned by {}", owner(.pid))]
    NameTaken {
        /// Its process, where the bus says so.
        pid: Option<u32>,
    },
    /// The bus does not let this user own the name.
    #[error(
        "the bus does not let this user own org.posdata ({0}): run as root or posdatad, with \
         org.posdata.conf in /usr/share/dbus-1/system.d; if the user was made after the bus \
         started, reload the bus (systemctl reload dbus)"
    )]
    NameDenied(String),
    /// The bus answered something else.
    #[error("the bus refused: {0}")]
    Bus(#[from] zbus::Error),
}

fn owner(pid: &Option<u32>) -> String {
    pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"))
}
