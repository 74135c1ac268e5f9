//! What is wrong with keys together, though each is right by itself.

use super::finding::Level;
use super::reader::Reader;
use super::{Backend, Config, Counter, Source};
use crate::domain::plan::{Cycle, Plan};

/// Syncs that come more often than this cost more than they are worth, ms.
const COSTLY_SYNC_MS: u64 = 15 * 60 * 1_000;

/// Judges the configuration as a whole.
pub(super) fn judge(config: &Config, reader: &mut Reader<'_>) {
    // A key that is missing may stand on a line that could not be read.
    if reader.is_whole() {
        needed(config, reader);
    }
    unused(config, reader);
}

fn needed(config: &Config, reader: &mut Reader<'_>) {
    match config.modem.source {
        Source::At if !reader.is_set("modem.port") => reader.say(
            Level::Error,
            "modem.source",
            "\"at\" needs modem.port",
            "name the modem's AT port, as in port = \"/dev/ttyUSB2\"; no other port is ever opened",
        ),
        Source::Netdev if !reader.is_set("modem.interface") => reader.say(
            Level::Error,
            "modem.source",
            "\"netdev\" needs modem.interface",
            "name the modem's interface, as in interface = \"wwan0\"; a default route may be Wi-Fi",
        ),
        Source::Auto | Source::At | Source::Qmi | Source::ModemManager | Source::Netdev => {}
    }
    if config.backend.is_some() && config.terminal.serial.is_none() {
        reader.say(
            Level::Warning,
            "backend.url",
            "the backend knows a terminal by its serial number, and is not asked without it",
            "set terminal.serial to the one in its certificate",
        );
    }
    if config.backend.is_some() && config.terminal.id.is_none() {
        reader.say(
            Level::Warning,
            "backend.url",
            "the backend checks the acquirer's terminal id, and is not asked without it",
            "set terminal.id to the one that the acquirer gave",
        );
    }
    let costly = |backend: &Backend| backend.sync_interval_ms < COSTLY_SYNC_MS;
    if config.backend.as_ref().is_some_and(costly) {
        reader.say(
            Level::Warning,
            "backend.sync_interval",
            "less than 15 minutes: each sync costs one to two kilobytes of the plan",
            "set \"24h\"; when data runs low or a payment is open, it is asked more often by itself",
        );
    }
    if !reader.is_set("plan.allowance") {
        reader.say(
            Level::Warning,
            "plan.cycle",
            "has no effect without plan.allowance",
            "set what a cycle brings, as in allowance = \"30 MiB\"",
        );
    }
    if !reader.is_set("plan.time_zone") && config.plan.as_ref().is_some_and(counts_days) {
        reader.say(
            Level::Warning,
            "plan.allowance",
            "cycles begin at midnight UTC",
            "set plan.time_zone to the operator's, as in time_zone = \"Asia/Shanghai\"",
        );
    }
    for key in ["backend.ca", "backend.certificate", "backend.key", "backend.sync_interval"] {
        if !reader.is_set("backend.url") {
            reader.say(
                Level::Warning,
                key,
                "has no effect without backend.url",
                "set the operator's address, or take the section out",
            );
        }
    }
}

/// Whether it is renewed at someone's midnight.
fn counts_days(plan: &Plan) -> bool {
    match plan.cycle {
        Cycle::Monthly(_) | Cycle::Days { .. } => true,
        Cycle::Once { .. } | Cycle::Never => false,
    }
}

fn unused(config: &Config, reader: &mut Reader<'_>) {
    let source = config.modem.source;
    let at = matches!(source, Source::Auto | Source::At);
    let qmi = matches!(source, Source::Auto | Source::Qmi);
    let why = format!("not used while modem.source is \"{}\"", source.word());
    for (key, used) in
        [("modem.port", at), ("modem.counter", at), ("modem.columns", at), ("modem.device", qmi)]
    {
        if !used {
            reader.say(Level::Warning, key, &why, "take it out, or set another source");
        }
    }
    if at && !matches!(config.modem.counter, Counter::Auto | Counter::Qgdnrcnt) {
        let why = "not used: the order of columns is in doubt for qgdnrcnt alone";
        reader.say(Level::Warning, "modem.columns", why, "take it out");
    }
    if config.log.level > tracing::level_filters::STATIC_MAX_LEVEL {
        reader.say(
            Level::Warning,
            "log.level",
            "this build has no messages below info",
            "set \"info\"",
        );
    }
}
