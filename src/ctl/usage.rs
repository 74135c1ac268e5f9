//! `posdatactl usage`: the history of the SIM in use.

use jiff::Timestamp;
use serde::Serialize;

use super::Out;
use super::args;
use super::chart;
use super::client::Client;
use super::failure::Failure;
use super::model::{Counts, Slot, Usage};
use super::screen::{Colour, Screen};
use super::status::directions;
use super::when::When;
use crate::adapters::clock;
use crate::domain::snapshot::Tier;
use crate::domain::units::Size;

/// What the daemon takes for no end.
const NO_END: u64 = u64::MAX;

#[derive(Debug, Serialize)]
struct History {
    granularity: &'static str,
    slots: Vec<Slot>,
}

pub(super) async fn run(client: &Client, out: &Out, wanted: &args::Usage) -> Result<(), Failure> {
    let tier = Tier::from(wanted.granularity);
    let now = now(client, wanted).await?;
    let zone = &out.screen.zone;
    let from = wanted
        .from
        .map(|when| when.start(zone, now))
        .transpose()
        .and_then(|from| from.map_or(Ok(0), seconds));
    let to = wanted
        .to
        .map(|when| when.end(zone, now))
        .transpose()
        .and_then(|to| to.map_or(Ok(NO_END), seconds));
    let (from, to) = (from.map_err(Failure::Usage)?, to.map_err(Failure::Usage)?);
    if from >= to {
        return Err(Failure::Usage("--from is not before --to".to_owned()));
    }
    let mut slots = client.history(tier.word(), from, to).await?;
    if wanted.from.is_none() {
        slots = slots.split_off(slots.len().saturating_sub(screenful(tier)));
    }
    if out.json {
        out.json(&History { granularity: tier.word(), slots })
    } else {
        out.text(&text(&slots, tier, &out.screen))
    }
}

/// How many slots are shown where no beginning is given.
fn screenful(tier: Tier) -> usize {
    match tier {
        Tier::FiveMinutes | Tier::Hour => 24,
        Tier::Day => 31,
        Tier::Month => 12,
        Tier::Year => usize::MAX,
    }
}

/// The present, where it is needed: the later of the daemon's trusted time and
/// this system's. A terminal without a clock battery starts in the past, and the
/// daemon's last reading may be of yesterday.
async fn now(client: &Client, wanted: &args::Usage) -> Result<Timestamp, Failure> {
    let system = Timestamp::from_second(clock::now().wall_s).unwrap_or_default();
    if ![wanted.from, wanted.to].into_iter().flatten().any(When::is_relative) {
        return Ok(system);
    }
    let counted = Usage::read(&client.usage().await?)?;
    Ok(counted.as_of.map_or(system, |as_of| as_of.0.max(system)))
}

fn seconds(at: Timestamp) -> Result<u64, String> {
    u64::try_from(at.as_second()).map_err(|_| format!("{at} is before 1970"))
}

fn text(slots: &[Slot], tier: Tier, screen: &Screen) -> String {
    if slots.is_empty() {
        return "Nothing was recorded in that time.\n".to_owned();
    }
    let mut text = chart::history(slots, tier, screen).join("\n");
    text.push('\n');
    if screen.columns.is_none() {
        return text;
    }
    let sum = slots.iter().map(Slot::counts).fold(Counts::default(), |sum, slot| Counts {
        rx_bytes: sum.rx_bytes.saturating_add(slot.rx_bytes),
        tx_bytes: sum.tx_bytes.saturating_add(slot.tx_bytes),
    });
    let mut remarks = vec![format!("together {}: {}", Size(sum.total()), directions(sum))];
    if slots.iter().any(|slot| slot.estimated == Some(true)) {
        remarks.push("~ placed in time only afterwards: the clock could not be trusted".to_owned());
    }
    for remark in remarks.iter().flat_map(|remark| super::layout::wrap(remark, screen.columns)) {
        text.push_str(&screen.paint(Colour::Dim, &remark));
        text.push('\n');
    }
    text
}

#[cfg(test)]
#[path = "usage_tests.rs"]
mod tests;
