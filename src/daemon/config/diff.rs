//! What a reload changes.

use super::Config;
use crate::domain::plan::Plan;

/// A key whose value is another one now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Its name, `section.key`.
    pub key: &'static str,
    /// Whether the running daemon goes on with the old value until it is started
    /// again.
    pub needs_restart: bool,
}

/// Every key that differs, in the order of the file.
#[must_use]
pub fn differences(old: &Config, new: &Config) -> Vec<Difference> {
    let mut found = Vec::new();
    let mut compare = |key, same: bool| {
        if !same {
            // The database is open, and what is counted must stay in one place.
            found.push(Difference { key, needs_restart: key == "store.path" });
        }
    };
    // Without `..`: a new section or key does not compile until it stands here.
    let Config { terminal, modem, meter, store, plan, time_zone, alert, history, backend, log } =
        old;

    let super::Terminal { serial, id } = terminal;
    compare("terminal.serial", *serial == new.terminal.serial);
    compare("terminal.id", *id == new.terminal.id);

    let super::Modem { source, port, device, interface, counter, columns, poll_ms } = modem;
    compare("modem.source", *source == new.modem.source);
    compare("modem.port", *port == new.modem.port);
    compare("modem.device", *device == new.modem.device);
    compare("modem.interface", *interface == new.modem.interface);
    compare("modem.counter", *counter == new.modem.counter);
    compare("modem.columns", *columns == new.modem.columns);
    compare("modem.poll", *poll_ms == new.modem.poll_ms);

    let super::Meter {
        loss_bytes_max,
        save_interval_max_ms,
        cross_check_bytes,
        cross_check_percent,
    } = meter;
    compare("meter.loss_bytes_max", *loss_bytes_max == new.meter.loss_bytes_max);
    compare("meter.save_interval_max", *save_interval_max_ms == new.meter.save_interval_max_ms);
    compare("meter.cross_check", *cross_check_bytes == new.meter.cross_check_bytes);
    compare("meter.cross_check_percent", *cross_check_percent == new.meter.cross_check_percent);

    let super::Store { path } = store;
    compare("store.path", *path == new.store.path);

    match (plan, &new.plan) {
        // Its calendar is that of plan.time_zone, below.
        (Some(Plan { allowance, cycle, calendar: _ }), Some(new)) => {
            compare("plan.allowance", *allowance == new.allowance);
            compare("plan.cycle", *cycle == new.cycle);
        }
        // A plan that comes or goes is one change.
        (old, new) => compare("plan.allowance", old.is_some() == new.is_some()),
    }
    compare("plan.time_zone", *time_zone == new.time_zone);

    let super::Alert { used_percent, expiry_days } = alert;
    compare("alert.used_percent", *used_percent == new.alert.used_percent);
    compare("alert.expiry_days", *expiry_days == new.alert.expiry_days);

    let super::History { five_minutes, hours, days, months, years } = history;
    compare("history.five_minutes", *five_minutes == new.history.five_minutes);
    compare("history.hours", *hours == new.history.hours);
    compare("history.days", *days == new.history.days);
    compare("history.months", *months == new.history.months);
    compare("history.years", *years == new.history.years);

    match (backend, &new.backend) {
        (Some(super::Backend { url, ca, certificate, key, sync_interval_ms }), Some(new)) => {
            compare("backend.url", *url == new.url);
            compare("backend.ca", *ca == new.ca);
            compare("backend.certificate", *certificate == new.certificate);
            compare("backend.key", *key == new.key);
            compare("backend.sync_interval", *sync_interval_ms == new.sync_interval_ms);
        }
        (old, new) => compare("backend.url", old.is_some() == new.is_some()),
    }

    let super::Log { level } = log;
    compare("log.level", *level == new.log.level);
    found
}
