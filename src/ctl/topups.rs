//! `posdatactl topups` and `posdatactl cancel`: what was bought, wherever it was.

use serde::Serialize;

use super::Out;
use super::args;
use super::client::{Client, Options};
use super::csv::{Row, document};
use super::failure::Failure;
use super::layout::{Cell, Side, Table, wrap};
use super::model::TopUp;
use super::money::{decimal, money};
use super::order;
use super::screen::{Screen, harmless};
use crate::domain::topup::State;
use crate::domain::units::Size;

/// How many the daemon gives at once.
const PAGE: u32 = 100;
/// How many are shown where no number is given.
const LATEST: u32 = 20;

#[derive(Debug, Serialize)]
struct TopUps {
    topups: Vec<TopUp>,
}

#[derive(Debug, Serialize)]
struct One {
    topup: TopUp,
}

#[derive(Debug, Serialize)]
struct Stands<'a> {
    id: &'a str,
    state: &'a str,
}

/// `topups`.
pub(super) async fn run(client: &Client, out: &Out, wanted: &args::TopUps) -> Result<(), Failure> {
    if let Some(id) = &wanted.id {
        let topup = paid_or_shown(client.top_up(id).await?);
        return match (out.json, wanted.csv) {
            (true, _) => out.json(&One { topup }),
            (false, true) => out.text(&csv(&[topup])?),
            (false, false) => out.text(&order::sheet(&topup, &out.screen)),
        };
    }
    let limit = if wanted.all { u32::MAX } else { wanted.limit.unwrap_or(LATEST) };
    let topups = pages(client, wanted, limit).await?;
    if out.json {
        return out.json(&TopUps { topups });
    }
    if wanted.csv {
        return out.text(&csv(&topups)?);
    }
    if topups.is_empty() {
        return out.text("No top-ups.\n");
    }
    out.text(&text(&topups, &out.screen))
}

/// `cancel`.
pub(super) async fn cancel(
    client: &Client,
    out: &Out,
    wanted: &args::Cancel,
) -> Result<(), Failure> {
    let id = wanted.id.as_str();
    let state = client.cancel(id).await?;
    if out.json {
        return out.json(&Stands { id, state: &state });
    }
    if state == State::Cancelled.word() {
        return out.text("It is cancelled: nothing is charged.\n");
    }
    out.text(&format!(
        "Its end is asked for; it stands at {} until the backend has decided. A payment that came \
         first wins: posdatactl topups {id}\n",
        harmless(&state)
    ))
}

/// The newest, page by page.
async fn pages(client: &Client, wanted: &args::TopUps, limit: u32) -> Result<Vec<TopUp>, Failure> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut topups: Vec<TopUp> = Vec::new();
    let mut before = 0;
    while topups.len() < limit {
        let size = u32::try_from(limit - topups.len()).unwrap_or(PAGE).min(PAGE);
        let page = client.top_ups(filter(wanted), before, size).await?;
        let Some(last) = page.last() else { break };
        match last.number {
            Some(number) if number > 0 && (before == 0 || number < before) => before = number,
            _ => {
                let text = "the numbers of the top-ups do not fall".to_owned();
                return Err(Failure::Misunderstood(text));
            }
        }
        topups.extend(page.into_iter().map(paid_or_shown));
    }
    Ok(topups)
}

fn filter(wanted: &args::TopUps) -> Options<'_> {
    let mut filter = Options::new();
    for (key, word) in [("state", &wanted.state), ("channel", &wanted.channel)] {
        if let Some(word) = word {
            filter.insert(key, word.as_str().into());
        }
    }
    if wanted.open {
        filter.insert("open", true.into());
    }
    filter
}

/// A payment code is shown while it waits to be paid, and never after.
fn paid_or_shown(mut topup: TopUp) -> TopUp {
    if topup.stands() != Some(State::AwaitingPayment) {
        topup.payment_code = None;
        topup.payment_expires_at = None;
    }
    topup
}

fn text(topups: &[TopUp], screen: &Screen) -> String {
    let mut headings = vec![
        ("NO", Side::Right),
        ("PLACED", Side::Left),
        ("STATE", Side::Left),
        ("SIZE", Side::Right),
        ("TOTAL", Side::Right),
    ];
    let narrow = screen.columns.is_some_and(|columns| columns < 76);
    let piped = screen.columns.is_none();
    if narrow {
        headings.truncate(3);
    }
    if piped {
        headings.extend([("ID", Side::Left), ("MORE", Side::Left)]);
    }
    let mut table = Table::new(&headings);
    for topup in topups {
        let placed = topup.placed_at.map(|at| screen.minute(at));
        let mut row: Vec<Cell> = vec![
            topup.number.unwrap_or(0).to_string().into(),
            placed.unwrap_or_else(|| "unknown".to_owned()).into(),
            Cell::coloured(topup.word(), order::colour(topup)),
        ];
        if !narrow {
            row.extend([size(topup).into(), total(topup).into()]);
        }
        if piped {
            row.extend([topup.name_here().into(), more(topup, narrow).into()]);
        }
        table.row(row);
    }
    let mut text = String::new();
    let lines = table.render(screen);
    let details = std::iter::once(None).chain(topups.iter().map(Some));
    for (line, topup) in lines.iter().zip(details) {
        text.push_str(&format!("{line}\n"));
        let (Some(topup), Some(columns)) = (topup, screen.columns) else { continue };
        let detail = harmless(&format!("{}; {}", topup.name_here(), more(topup, narrow)));
        for line in wrap(&detail, Some(columns.saturating_sub(4))) {
            text.push_str(&format!("    {line}\n"));
        }
    }
    text
}

fn size(topup: &TopUp) -> String {
    Size(topup.bytes.unwrap_or(0)).to_string()
}

fn total(topup: &TopUp) -> String {
    let total = topup.total.zip(topup.currency.as_deref());
    total.map_or_else(|| "unknown".to_owned(), |(total, code)| money(total, code))
}

/// All else that tells it from its neighbours.
fn more(topup: &TopUp, narrow: bool) -> String {
    let mut more = Vec::new();
    if narrow {
        more.extend([size(topup), total(topup)]);
    }
    more.extend(topup.channel.clone());
    more.extend(topup.name.clone());
    more.extend(topup.reason.clone());
    if topup.cancel_asked == Some(true) && topup.stands().is_some_and(|state| !state.is_ended()) {
        more.push("its end is asked for".to_owned());
    }
    if topup.needs_person == Some(true) {
        more.push("a person has to settle it with the operator".to_owned());
    }
    more.extend(topup.request_id.as_ref().map(|id| format!("request {id}")));
    more.extend(topup.reference.as_ref().map(|reference| format!("reference {reference}")));
    more.join("; ")
}

/// Amounts stand in the currency's own unit, for who adds them up; payment codes
/// are for paying, and stand in no sheet.
fn csv(topups: &[TopUp]) -> Result<String, Failure> {
    let header = [
        "number",
        "id",
        "placed_at",
        "changed_at",
        "state",
        "reason",
        "offer_id",
        "name",
        "kind",
        "bytes",
        "taken_back_bytes",
        "channel",
        "activation",
        "price",
        "fee",
        "total",
        "currency",
        "rate",
        "rate_from",
        "rate_source",
        "rate_at",
        "valid_from",
        "valid_to",
        "iccid",
        "request_id",
        "backend_id",
        "quote_id",
        "reference",
        "cancel_asked",
        "needs_person",
    ];
    document(&header, topups.iter().map(row))
}

fn row(topup: &TopUp) -> Row {
    let code = topup.currency.as_deref();
    let amount = |minor: Option<i64>| minor.zip(code).map(|(minor, code)| decimal(minor, code));
    Row::default()
        .figure(topup.number)
        .text(topup.id.as_deref())
        .time(topup.placed_at)
        .time(topup.changed_at)
        .text(topup.state.as_deref())
        .text(topup.reason.as_deref())
        .text(topup.offer_id.as_deref())
        .text(topup.name.as_deref())
        .text(topup.kind.as_deref())
        .figure(topup.bytes)
        .figure(topup.taken_back_bytes)
        .text(topup.channel.as_deref())
        .text(topup.activation.as_deref())
        .figure(amount(topup.price))
        .figure(amount(topup.fee))
        .figure(amount(topup.total))
        .text(code)
        .text(topup.rate.as_deref())
        .text(topup.rate_from.as_deref())
        .text(topup.rate_source.as_deref())
        .time(topup.rate_at)
        .time(topup.valid_from)
        .time(topup.valid_to)
        .text(topup.iccid.as_deref())
        .text(topup.request_id.as_deref())
        .text(topup.backend_id.as_deref())
        .text(topup.quote_id.as_deref())
        .text(topup.reference.as_deref())
        .figure(topup.cancel_asked)
        .figure(topup.needs_person)
}
