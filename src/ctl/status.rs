//! `posdatactl status`: what is left, until when, of which SIM, read from where,
//! and whether it is saved; on one screen.

use serde::Serialize;

use super::Out;
use super::chart;
use super::client::Client;
use super::failure::Failure;
use super::layout::{Cell, Sheet, wrap};
use super::model::{Balance, Bucket, Counts, Cycle, Instant, Store, Usage};
use super::screen::{Colour, Screen};
use crate::domain::units::Size;

/// All that the screen shows.
#[derive(Debug, Default, Serialize)]
struct Status {
    usage: Usage,
    balance: Balance,
    store: Store,
    #[serde(skip_serializing_if = "Option::is_none")]
    cycle: Option<Cycle>,
    buckets: Vec<Bucket>,
}

pub(super) async fn run(client: &Client, out: &Out) -> Result<(), Failure> {
    let status = ask(client).await?;
    if out.json { out.json(&status) } else { out.text(&text(&status, &out.screen)) }
}

async fn ask(client: &Client) -> Result<Status, Failure> {
    let balance = Balance::read(&client.balance().await?)?;
    let counted = client.usage().await?;
    let usage = Usage { iccid: balance.iccid.clone(), ..Usage::read(&counted)? };
    let store = Store::read(&counted)?;
    Ok(Status {
        usage,
        balance,
        store,
        cycle: client.cycle().await?,
        buckets: client.buckets().await?,
    })
}

fn text(status: &Status, screen: &Screen) -> String {
    let mut sheet = Sheet::default();
    balance_rows(&mut sheet, status, screen);
    usage_rows(&mut sheet, status, screen);
    store_row(&mut sheet, &status.store);
    format!("{}{}{}", alarm(&status.store, screen), sheet.render(screen), buckets(status, screen))
}

/// What must not be overlooked stands first.
fn alarm(store: &Store, screen: &Screen) -> String {
    let warning = match store.state.as_deref() {
        None | Some("ok") => return String::new(),
        Some("memory") => {
            "NOT SAVING: what is counted is lost when posdatad ends or the power fails."
        }
        Some(_) => {
            "NOT SAVING: writing to the disk fails. It is tried again; until then a power cut loses what is not saved."
        }
    };
    let lines = wrap(&format!("!! {warning}"), screen.columns);
    let lines: Vec<_> = lines.iter().map(|line| screen.paint(Colour::Bad, line)).collect();
    format!("{}\n\n", lines.join("\n"))
}

fn balance_rows(sheet: &mut Sheet, status: &Status, screen: &Screen) {
    let balance = &status.balance;
    let word = balance.status.as_deref().unwrap_or("unknown");
    let (meaning, colour) = match word {
        "ok" => ("ok", Colour::Good),
        "low" => ("low", Colour::Warn),
        "critical" => ("critical: nearly all is used", Colour::Bad),
        "depleted" => ("depleted: nothing is left", Colour::Bad),
        "expired" => ("expired: the time of the data is over", Colour::Bad),
        "suspended" => ("suspended: the operator has stopped the service", Colour::Bad),
        "no_sim" => ("no_sim: there is no SIM in the modem, or it is locked", Colour::Bad),
        "unknown" => ("unknown: there is nothing yet to judge by", Colour::Warn),
        other => (other, Colour::Warn),
    };
    sheet.row("Status", Cell::coloured(meaning, colour));
    sheet.known("Reason", balance.stop_reason.as_ref().filter(|reason| !reason.is_empty()));
    match (balance.remaining_bytes, balance.granted_bytes) {
        (Some(remaining), Some(granted)) => {
            sheet.row("Remaining", format!("{} of {}", Size(remaining), Size(granted)));
            if let Some(columns) = screen.columns {
                let room = columns.saturating_sub(Sheet::LABEL + 7).clamp(10, 50);
                let (bar, percent) =
                    (chart::level(remaining, granted, room, screen), percent(remaining, granted));
                sheet.row("", Cell::coloured(format!("{bar} {percent} %"), colour));
            }
        }
        (Some(remaining), None) => sheet.row("Remaining", Size(remaining).to_string()),
        (None, _) => sheet.row(
            "Remaining",
            "unknown: nothing has been granted yet (no plan, or no SIM or time is known)",
        ),
    }
    sheet.known(
        "Overdraft",
        balance.overdraft_bytes.filter(|over| *over > 0).map(|over| {
            Cell::coloured(format!("{} used beyond what was granted", Size(over)), Colour::Bad)
        }),
    );
    sheet.known(
        "Valid until",
        balance.expires_at.map(|at| {
            format!(
                "{}{}",
                screen.minute(at),
                balance.as_of.map_or_else(String::new, |now| until(now, at))
            )
        }),
    );
    forecast_rows(sheet, status, screen);
    sheet.known(
        "Operator",
        balance.reconciled_at.map(|at| {
            let drift = balance.drift_bytes.map_or_else(String::new, |drift| {
                let side = if drift < 0 { "less" } else { "more" };
                format!(", {} {side} than counted here", Size(drift.unsigned_abs()))
            });
            format!("figure of {}{drift}", screen.minute(at))
        }),
    );
    sheet.row("SIM", balance.iccid.as_deref().unwrap_or("unknown"));
    sheet.known("Terminal", balance.terminal_serial.as_ref());
}

fn forecast_rows(sheet: &mut Sheet, status: &Status, screen: &Screen) {
    let cycle = status.cycle.as_ref();
    sheet.known(
        "Lasts",
        status.balance.days_left.map(|days| {
            let basis = cycle
                .and_then(|cycle| Some((cycle.daily_average_bytes?, cycle.basis_days?)))
                .map_or_else(String::new, |(average, days)| {
                    format!(
                        " at {} a day (average of {})",
                        Size(average),
                        count(u64::from(days), "full day")
                    )
                });
            format!("{}{basis}", count(u64::from(days), "day"))
        }),
    );
    let Some(cycle) = cycle else { return };
    let used =
        Counts { rx_bytes: cycle.rx_bytes.unwrap_or(0), tx_bytes: cycle.tx_bytes.unwrap_or(0) }
            .total();
    let allowance =
        cycle.allowance_bytes.map_or_else(String::new, |bytes| format!(" of {}", Size(bytes)));
    let start = cycle.start.map_or_else(String::new, |at| format!(" since {}", screen.minute(at)));
    let end = cycle.end.map_or_else(String::new, |at| format!(", next {}", screen.minute(at)));
    sheet.row("Cycle", format!("{} used{allowance}{start}{end}", Size(used)));
    sheet.known(
        "",
        cycle
            .allowance_per_day_bytes
            .map(|bytes| format!("{} a day would last to its end", Size(bytes))),
    );
}

fn usage_rows(sheet: &mut Sheet, status: &Status, screen: &Screen) {
    let usage = &status.usage;
    sheet.row(
        "Source",
        usage.source.as_deref().map_or_else(
            || Cell::coloured("none answers: posdatactl sources", Colour::Bad),
            |source| {
                let network = match usage.is_roaming {
                    Some(true) => ", roaming",
                    Some(false) => ", home network",
                    None => ", whether it roams is unknown",
                };
                Cell::from(format!("{source}{network}"))
            },
        ),
    );
    match (usage.rx_bytes, usage.tx_bytes) {
        (Some(rx_bytes), Some(tx_bytes)) => {
            sheet.row(
                "Counted",
                format!("{} in all with this SIM", directions(Counts { rx_bytes, tx_bytes })),
            );
        }
        _ => sheet.row("Counted", "nothing yet"),
    }
    sheet.known(
        "Roaming",
        usage
            .roaming
            .filter(|roaming| roaming.total() > 0)
            .map(|roaming| format!("{} of it", directions(roaming))),
    );
    let as_of = usage
        .as_of
        .map_or_else(|| "unknown: the time is not trusted yet".to_owned(), |at| screen.second(at));
    sheet.row("As of", as_of);
}

fn store_row(sheet: &mut Sheet, store: &Store) {
    let unsaved = store.unsaved_bytes.filter(|bytes| *bytes > 0);
    let unsaved =
        unsaved.map_or_else(String::new, |bytes| format!(", {} not saved yet", Size(bytes)));
    match store.state.as_deref() {
        Some("ok") => sheet.row("Store", format!("ok{unsaved}")),
        Some(state) => {
            sheet.row("Store", Cell::coloured(format!("{state}{unsaved}"), Colour::Bad));
            sheet.known("", store.detail.as_ref().filter(|detail| !detail.is_empty()));
        }
        None => sheet.row("Store", "unknown"),
    }
}

/// The buckets by themselves, where there is more than one to tell apart.
fn buckets(status: &Status, screen: &Screen) -> String {
    if status.buckets.len() < 2 {
        return String::new();
    }
    let mut sheet = Sheet::default();
    for bucket in &status.buckets {
        let (remaining, granted) =
            (bucket.remaining_bytes.unwrap_or(0), bucket.granted_bytes.unwrap_or(0));
        let end = bucket
            .expires_at
            .map_or_else(|| "never ends".to_owned(), |at| format!("until {}", screen.minute(at)));
        let (kind, state) =
            (bucket.kind.as_deref().unwrap_or("?"), bucket.status.as_deref().unwrap_or("?"));
        let id = bucket.id.unwrap_or(0);
        sheet.row(
            "",
            format!("{id}: {kind}, {state}, {} of {}, {end}", Size(remaining), Size(granted)),
        );
    }
    format!(
        "{}\n{}",
        screen.paint(Colour::Dim, "Buckets, in the order in which they are used"),
        sheet.render(screen)
    )
}

/// `received 1.0 MiB, sent 3.0 KiB`.
pub(super) fn directions(counts: Counts) -> String {
    format!("received {}, sent {}", Size(counts.rx_bytes), Size(counts.tx_bytes))
}

fn percent(part: u64, whole: u64) -> u128 {
    if whole == 0 { 0 } else { u128::from(part) * 100 / u128::from(whole) }
}

fn count(number: u64, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// How far off, by the daemon's own time.
fn until(now: Instant, at: Instant) -> String {
    let seconds = at.0.duration_since(now.0).as_secs();
    let hours = seconds.unsigned_abs() / 3600;
    match seconds {
        ..0 => " (it is over)".to_owned(),
        0..3600 => " (in less than an hour)".to_owned(),
        3600..172_800 => format!(" (in {})", count(hours, "hour")),
        _ => format!(" (in {})", count(hours / 24, "day")),
    }
}

#[cfg(test)]
#[path = "status_tests.rs"]
mod tests;
