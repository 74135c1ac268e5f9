//! The commands that are sent. None changes what outlives a restart of the modem,
//! and none resets a counter.

use crate::proto::at::Command;
use crate::proto::at::identity::ICCID_PREFIXES;
use crate::proto::at::registration::Domain;

pub(super) const ATTENTION: Command = Command::plain("AT");
pub(super) const ECHO_OFF: Command = Command::plain("ATE0");
/// Errors as numbers: texts differ by firmware.
pub(super) const ERRORS_AS_NUMBERS: Command = Command::plain("AT+CMEE=1");

pub(super) const MANUFACTURER: Command = Command::asks_bare("AT+CGMI", &["+CGMI:"]);
pub(super) const MODEL: Command = Command::asks_bare("AT+CGMM", &["+CGMM:"]);
pub(super) const REVISION: Command = Command::asks_bare("AT+CGMR", &["+CGMR:"]);
pub(super) const IMEI: Command = Command::asks_bare("AT+CGSN", &["+CGSN:", "+GSN:"]);
pub(super) const IMSI: Command = Command::asks_bare("AT+CIMI", &["+CIMI:"]);
pub(super) const SIM_STATE: Command = Command::asks("AT+CPIN?", &["+CPIN:"]);

/// The card's number, by the vendors' commands.
pub(super) const ICCID: [Command; 4] = [
    Command::asks_bare("AT+QCCID", ICCID_PREFIXES),
    Command::asks_bare("AT+CCID", ICCID_PREFIXES),
    Command::asks_bare("AT+ICCID", ICCID_PREFIXES),
    Command::asks_bare("AT^ICCID?", ICCID_PREFIXES),
];

/// Say changes of registration and of data contexts without being asked. The
/// setting is of this port and is gone when the modem restarts.
pub(super) const REPORTS_ON: [Command; 3] =
    [Command::plain("AT+CEREG=1"), Command::plain("AT+CGREG=1"), Command::plain("AT+CGEREP=2,1")];

/// The last of the reports, and the mark of the modem's run: a modem that was
/// told to report and no longer does has restarted since, even while nobody
/// listened. See [`super::run`] for when it is sent.
pub(super) const MARK_RUN: Command = Command::plain("AT+CREG=1");
/// Is the mark still there?
pub(super) const RUN_MARK: Command = Command::asks("AT+CREG?", &["+CREG:"]);

/// Registrations, the one that carries data first.
pub(super) const REGISTRATION: [(Domain, Command); 4] = [
    (Domain::Lte, Command::asks("AT+CEREG?", &["+CEREG:"])),
    (Domain::Nr, Command::asks("AT+C5GREG?", &["+C5GREG:"])),
    (Domain::Packets, Command::asks("AT+CGREG?", &["+CGREG:"])),
    (Domain::Calls, Command::asks("AT+CREG?", &["+CREG:"])),
];

pub(super) const CLOCK: Command = Command::asks("AT+CCLK?", &["+CCLK:"]);
/// Quectel's own clock answers only what the network said, as local time with its
/// zone. Its `AT+CCLK?` may show UTC beside a zone that is not UTC's
/// (`AT+CTZU=1`): hours off, and nothing in the line tells.
pub(super) const CLOCK_QUECTEL: Command = Command::asks("AT+QLTS=2", &["+QLTS:"]);
