//! What the engine has to know of the configuration.

use std::collections::BTreeMap;

use super::config::{Config, Keep};
use crate::domain::alert::AlertRules;
use crate::domain::crosscheck::Tolerance;
use crate::domain::engine::Settings;
use crate::domain::plan::Calendar;
use crate::domain::snapshot::Tier;
use crate::domain::time::UnixS;

/// Translates it.
#[must_use]
pub fn settings(config: &Config) -> Settings {
    let history = &config.history;
    let retention_s = [
        (Tier::FiveMinutes, history.five_minutes),
        (Tier::Hour, history.hours),
        (Tier::Day, history.days),
        (Tier::Month, history.months),
        (Tier::Year, history.years),
    ]
    .into_iter()
    .filter_map(|(tier, keep)| match keep {
        Keep::Forever => None,
        Keep::Seconds(seconds) => Some((tier, UnixS::try_from(seconds).ok()?)),
    })
    .collect::<BTreeMap<_, _>>();
    Settings {
        terminal_serial: config.terminal.serial.clone(),
        poll_ms: config.modem.poll_ms,
        loss_bytes_max: config.meter.loss_bytes_max,
        save_interval_ms: config.meter.save_interval_max_ms,
        tolerance: Tolerance {
            bytes: config.meter.cross_check_bytes,
            percent: config.meter.cross_check_percent,
        },
        retention_s,
        plan: config.plan.clone(),
        sync_every_s: config
            .backend
            .as_ref()
            .map(|backend| (backend.sync_interval_ms / 1_000).max(1)),
        alerts: AlertRules {
            used_percent: config.alert.used_percent.clone(),
            expiry_days: config.alert.expiry_days.iter().copied().map(u32::from).collect(),
        },
        calendar: Calendar::new(config.time_zone.clone()),
    }
}
