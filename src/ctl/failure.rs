//! What can go wrong: said once, with what to do next and the exit status.

mod refusals;

use std::borrow::Cow;
use std::io::{self, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use serde::Serialize;

use super::args::Bus;

/// Exit statuses of `sysexits.h`.
pub(super) const EX_USAGE: u8 = 64;
const EX_DATAERR: u8 = 65;
const EX_UNAVAILABLE: u8 = 69;
const EX_SOFTWARE: u8 = 70;
const EX_IOERR: u8 = 74;
const EX_NOPERM: u8 = 77;
const EX_CONFIG: u8 = 78;

/// How a recharge was left, where it was not completed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Nothing stays charged.
    Failed,
    /// It was cancelled.
    Cancelled,
    /// It was credited, and taken back.
    Reversed,
    /// Only a person can settle it with the operator.
    NeedsPerson,
    /// It goes on without this program, or may do so.
    Open,
    /// The question was answered with no: there is no order.
    Declined,
}

impl End {
    /// Its name for programs, and its exit status.
    fn name_and_status(self) -> (&'static str, u8) {
        match self {
            Self::Failed => ("posdatactl.OrderFailed", 10),
            Self::Cancelled => ("posdatactl.OrderCancelled", 11),
            Self::Reversed => ("posdatactl.OrderReversed", 12),
            Self::NeedsPerson => ("posdatactl.OrderNeedsPerson", 13),
            Self::Open => ("posdatactl.OrderOpen", 14),
            Self::Declined => ("posdatactl.NotOrdered", 15),
        }
    }
}

/// Why a verb could not be done.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// The words of the command line do not hold together.
    #[error("{0}")]
    Usage(String),
    /// The address of the bus cannot be one.
    #[error("\"{0}\" is not a D-Bus address")]
    BadAddress(String),
    /// There is no bus to talk over.
    #[error("{} cannot be reached: {reason}", bus_name(bus))]
    BusUnreachable { bus: Bus, reason: String },
    /// The bus is there and will not have us.
    #[error("{} does not let this user in: {reason}", bus_name(bus))]
    BusDenied { bus: Bus, reason: String },
    /// No one owns the daemon's name.
    #[error("posdatad is not running: no one owns org.posdata on {}", bus_name(.0))]
    NotRunning(Bus),
    /// It was there, and went away before it had answered.
    #[error(
        "posdatad is gone from the bus: it was stopped, restarted or has failed, or the bus itself has ended"
    )]
    Gone(Bus),
    /// No answer in time.
    #[error("posdatad did not answer within {} s", .waited.as_secs())]
    TimedOut { bus: Bus, waited: Duration },
    /// The bus policy forbids the call.
    #[error("this user may not call {interface} on posdatad")]
    AccessDenied { interface: &'static str },
    /// The daemon refused, with one of its own names.
    #[error("{message}")]
    Refused { name: String, message: String },
    /// The order was not completed, or not yet.
    #[error("{message}")]
    Order { end: End, message: String, next: String },
    /// The caller's request id was used for another purchase.
    #[error("{0}")]
    RequestIdUsed(String),
    /// The answer is not what this program knows.
    #[error("posdatad's answer is not understood: {0}")]
    Misunderstood(String),
    /// Standard output cannot be written.
    #[error("the output cannot be written: {0}")]
    Output(io::Error),
    /// Something that should not happen.
    #[error("{0}")]
    Internal(String),
}

fn bus_name(bus: &Bus) -> String {
    match bus {
        Bus::System => "the system bus".to_owned(),
        Bus::Session => "the session bus".to_owned(),
        Bus::Address(address) => format!("the bus at {address}"),
    }
}

impl Failure {
    /// One word a reason, for programs; the daemon's own names stay as they are.
    fn name(&self) -> &str {
        match self {
            Self::Usage(_) => "posdatactl.Usage",
            Self::BadAddress(_) => "posdatactl.BadAddress",
            Self::BusUnreachable { .. } => "posdatactl.BusUnreachable",
            Self::BusDenied { .. } => "posdatactl.BusDenied",
            Self::NotRunning(_) => "posdatactl.NotRunning",
            Self::Gone(_) => "posdatactl.Gone",
            Self::TimedOut { .. } => "posdatactl.TimedOut",
            Self::AccessDenied { .. } => "posdatactl.AccessDenied",
            Self::Refused { name, .. } => name,
            Self::Order { end, .. } => end.name_and_status().0,
            Self::RequestIdUsed(_) => "posdatactl.RequestIdUsed",
            Self::Misunderstood(_) => "posdatactl.Misunderstood",
            Self::Output(_) => "posdatactl.Output",
            Self::Internal(_) => "posdatactl.Internal",
        }
    }

    fn exit_status(&self) -> u8 {
        match self {
            Self::Usage(_) | Self::BadAddress(_) => EX_USAGE,
            Self::BusUnreachable { .. }
            | Self::NotRunning(_)
            | Self::Gone(_)
            | Self::TimedOut { .. } => EX_UNAVAILABLE,
            Self::BusDenied { .. } | Self::AccessDenied { .. } => EX_NOPERM,
            Self::Refused { name, .. } => {
                refusals::advice(name).map_or(EX_SOFTWARE, |advice| advice.status)
            }
            Self::Order { end, .. } => end.name_and_status().1,
            Self::RequestIdUsed(_) => EX_DATAERR,
            Self::Misunderstood(_) | Self::Internal(_) => EX_SOFTWARE,
            Self::Output(_) => EX_IOERR,
        }
    }

    /// True where the daemon or the bus may be back in a moment, and the same
    /// question may then be asked again.
    pub(super) fn is_passing(&self) -> bool {
        match self {
            Self::BusUnreachable { .. }
            | Self::NotRunning(_)
            | Self::Gone(_)
            | Self::TimedOut { .. } => true,
            Self::Refused { name, .. } => {
                matches!(name.as_str(), "org.posdata.Error.Busy" | "org.posdata.Error.ShuttingDown")
            }
            _ => false,
        }
    }

    /// What to do next; empty where the message says it all.
    fn hint(&self) -> Cow<'_, str> {
        match self {
            Self::Order { next, .. } => next.into(),
            other => other.standing_hint().into(),
        }
    }

    /// The same, where it does not depend on what was asked.
    fn standing_hint(&self) -> &'static str {
        match self {
            Self::Usage(_) => "posdatactl --help",
            Self::BadAddress(_) => "an address looks like unix:path=/run/dbus/system_bus_socket",
            Self::BusUnreachable { bus: Bus::System, .. } => {
                "systemctl status dbus.socket dbus.service"
            }
            Self::BusUnreachable { bus: Bus::Session, .. } => {
                "is DBUS_SESSION_BUS_ADDRESS set? (sudo drops it); the installed service is on the system bus: leave out --session"
            }
            Self::BusUnreachable { bus: Bus::Address(_), .. } => {
                "does a dbus-daemon listen there? the installed service is on the system bus: leave out --bus-address"
            }
            Self::BusDenied { .. } => "try it as root or as the user who owns that bus",
            Self::NotRunning(Bus::System)
            | Self::Gone(Bus::System)
            | Self::TimedOut { bus: Bus::System, .. } => {
                "systemctl status posdatad; journalctl -u posdatad -b"
            }
            Self::NotRunning(Bus::Session) => {
                "start it there with posdatad --session, or leave out --session to ask the installed service"
            }
            Self::NotRunning(Bus::Address(_)) => {
                "start it there with posdatad --bus-address, or leave out --bus-address to ask the installed service"
            }
            Self::Gone(_) | Self::TimedOut { .. } => "look at what posdatad itself has printed",
            Self::AccessDenied { interface: "org.posdata.Admin1" } => {
                "run it with sudo, or join the group posdata-admin (adduser USER posdata-admin, then log in again)"
            }
            Self::AccessDenied { interface: "org.posdata.Recharge1" } => {
                "run it with sudo, or join the group posdata (adduser USER posdata, then log in again)"
            }
            Self::AccessDenied { .. } => {
                "is the bus policy installed? every user may call this: ls /usr/share/dbus-1/system.d/org.posdata.conf; systemctl reload dbus"
            }
            Self::Refused { name, .. } => {
                refusals::advice(name).map_or("journalctl -u posdatad -b", |advice| advice.next)
            }
            Self::RequestIdUsed(_) => {
                "posdatactl topups REQUEST_ID shows it; to buy anew, give another --request-id or none"
            }
            Self::Misunderstood(_) => {
                "are posdatactl and posdatad of one version? posdatactl --version; systemctl restart posdatad"
            }
            Self::Output(_) => "is the disk full?",
            Self::Internal(_) | Self::Order { .. } => "",
        }
    }

    /// Says it on standard error and gives the exit status.
    pub(super) fn report(&self, json: bool) -> ExitCode {
        let mut stderr = io::stderr().lock();
        // With standard error gone too, the exit status is all that is left to say.
        let _ = if json {
            let error = Shown { name: self.name(), message: self.to_string(), hint: &self.hint() };
            let object = serde_json::to_string(&Envelope { error }).unwrap_or_default();
            writeln!(stderr, "{object}")
        } else {
            let name = match self {
                Self::Refused { name, .. } => format!(" ({name})"),
                _ => String::new(),
            };
            let hint = self.hint();
            let next =
                if hint.is_empty() { String::new() } else { format!("\n  what to do: {hint}") };
            writeln!(stderr, "posdatactl: {self}{name}{next}")
        };
        ExitCode::from(self.exit_status())
    }
}

#[derive(Serialize)]
struct Envelope<'a> {
    error: Shown<'a>,
}

#[derive(Serialize)]
struct Shown<'a> {
    name: &'a str,
    message: String,
    hint: &'a str,
}
