//! Every key there is: its name, kind, range and default, section by section.
//! `config/posdatad.toml` documents them; a test holds the two together.

use std::path::PathBuf;

use jiff::tz::TimeZone;

use super::kinds::{
    choice, cycle, duration_ms, https, integer, interface, keep, list, path, size, time_zone, word,
};
use super::reader::Reader;
use super::{
    Alert, Backend, Columns, Config, Counter, History, Keep, Log, Meter, Modem, Source, Store,
    Terminal,
};
use crate::domain::plan::{Cycle, Plan};

const SOURCES: &[(&str, Source)] = &[
    ("auto", Source::Auto),
    ("at", Source::At),
    ("qmi", Source::Qmi),
    ("modemmanager", Source::ModemManager),
    ("netdev", Source::Netdev),
];

const COUNTERS: &[(&str, Counter)] = &[
    ("auto", Counter::Auto),
    ("qgdcnt", Counter::Qgdcnt),
    ("qgdnrcnt", Counter::Qgdnrcnt),
    ("ugcntrd", Counter::Ugcntrd),
    ("dsflowqry", Counter::Dsflowqry),
    ("gdatavol", Counter::Gdatavol),
    ("gtstatis", Counter::Gtstatis),
];

const COLUMNS: &[(&str, Columns)] = &[("normal", Columns::Normal), ("reversed", Columns::Reversed)];

const LEVELS: &[(&str, tracing::Level)] = &[
    ("error", tracing::Level::ERROR),
    ("warn", tracing::Level::WARN),
    ("info", tracing::Level::INFO),
    ("debug", tracing::Level::DEBUG),
    ("trace", tracing::Level::TRACE),
];

const HOUR_S: u64 = 3_600;
const DAY_S: u64 = 24 * HOUR_S;
/// A month as humantime has it: 30.44 days.
const MONTH_S: u64 = 2_630_016;

/// Reads every key.
pub(super) fn read(reader: &mut Reader<'_>) -> Config {
    let time_zone = reader.key("plan.time_zone", time_zone).unwrap_or(TimeZone::UTC);
    Config {
        terminal: Terminal {
            serial: reader.key("terminal.serial", word),
            id: reader.key("terminal.id", word),
        },
        modem: modem(reader),
        meter: meter(reader),
        store: Store {
            path: reader
                .key("store.path", path)
                .unwrap_or_else(|| PathBuf::from("/var/lib/posdatad/posdata.db")),
        },
        plan: plan(reader, &time_zone),
        time_zone,
        alert: alert(reader),
        history: history(reader),
        backend: backend(reader),
        log: Log { level: reader.key("log.level", choice(LEVELS)).unwrap_or(tracing::Level::INFO) },
    }
}

fn modem(reader: &mut Reader<'_>) -> Modem {
    Modem {
        source: reader.key("modem.source", choice(SOURCES)).unwrap_or(Source::Auto),
        port: reader.key("modem.port", path),
        device: reader.key("modem.device", path),
        interface: reader.key("modem.interface", interface),
        counter: reader.key("modem.counter", choice(COUNTERS)).unwrap_or(Counter::Auto),
        columns: reader.key("modem.columns", choice(COLUMNS)).unwrap_or(Columns::Normal),
        poll_ms: reader.key("modem.poll", duration_ms(1..=600)).unwrap_or(10_000),
    }
}

fn meter(reader: &mut Reader<'_>) -> Meter {
    Meter {
        loss_bytes_max: reader
            .key("meter.loss_bytes_max", size(4 << 10..=16 << 20))
            .unwrap_or(64 << 10),
        save_interval_max_ms: reader
            .key("meter.save_interval_max", duration_ms(60..=DAY_S))
            .unwrap_or(HOUR_S * 1_000),
        cross_check_bytes: reader
            .key("meter.cross_check", size(64 << 10..=1 << 30))
            .unwrap_or(1 << 20),
        cross_check_percent: reader.key("meter.cross_check_percent", integer(0..=100)).unwrap_or(2),
    }
}

fn plan(reader: &mut Reader<'_>, zone: &TimeZone) -> Option<Plan> {
    let allowance = reader.key("plan.allowance", size(1..=u64::MAX));
    let cycle = reader.key("plan.cycle", cycle).or_else(|| Cycle::parse("monthly:1").ok());
    Some(Plan::new(allowance?, cycle?, zone.clone()))
}

fn alert(reader: &mut Reader<'_>) -> Alert {
    Alert {
        used_percent: reader
            .key("alert.used_percent", list(integer(1..=100)))
            .unwrap_or_else(|| vec![50, 80, 90, 100]),
        expiry_days: reader
            .key("alert.expiry_days", list(integer(0..=365)))
            .unwrap_or_else(|| vec![1, 3, 7]),
    }
}

fn history(reader: &mut Reader<'_>) -> History {
    let mut tier = |name, seconds| reader.key(name, keep).unwrap_or(Keep::Seconds(seconds));
    History {
        five_minutes: tier("history.five_minutes", 48 * HOUR_S),
        hours: tier("history.hours", 4 * DAY_S),
        days: tier("history.days", 62 * DAY_S),
        months: tier("history.months", 25 * MONTH_S),
        years: reader.key("history.years", keep).unwrap_or(Keep::Forever),
    }
}

fn backend(reader: &mut Reader<'_>) -> Option<Backend> {
    let url = reader.key("backend.url", https);
    let mut file = |name, usual: &str| reader.key(name, path).unwrap_or_else(|| usual.into());
    let ca = file("backend.ca", "/etc/posdatad/ca.pem");
    let certificate = file("backend.certificate", "/etc/posdatad/terminal.pem");
    let key = file("backend.key", "/etc/posdatad/terminal.key");
    let sync_interval_ms =
        reader.key("backend.sync_interval", duration_ms(10..=31 * DAY_S)).unwrap_or(DAY_S * 1_000);
    Some(Backend { url: url?, ca, certificate, key, sync_interval_ms })
}
