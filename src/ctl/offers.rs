//! `posdatactl offers` and `posdatactl quote`: what there is, and what it costs.

use std::time::Duration;

use serde::Serialize;

use super::Out;
use super::args::Choice;
use super::client::{Client, Options};
use super::failure::Failure;
use super::layout::{Cell, Sheet, Side, Table, wrap};
use super::model::{Offer, Quote};
use super::money::money;
use super::screen::{Colour, Screen, harmless};
use crate::domain::units::Size;

#[derive(Debug, Serialize)]
struct Offers {
    offers: Vec<Offer>,
}

#[derive(Debug, Serialize)]
struct Quoted<'a> {
    quote: &'a Quote,
}

/// `offers`.
pub(super) async fn run(client: &Client, out: &Out) -> Result<(), Failure> {
    let offers = client.offers().await?;
    if out.json {
        return out.json(&Offers { offers });
    }
    if offers.is_empty() {
        return out.text("The operator offers this terminal nothing now.\n");
    }
    out.text(&list(&offers, &out.screen))
}

/// `quote`.
pub(super) async fn quote(client: &Client, out: &Out, choice: &Choice) -> Result<(), Failure> {
    let quote = client.quote(&choice.offer, options(choice)).await?;
    show(out, &quote)
}

/// A quote, as text or as JSON.
pub(super) fn show(out: &Out, quote: &Quote) -> Result<(), Failure> {
    if out.json { out.json(&Quoted { quote }) } else { out.text(&sheet(quote, &out.screen)) }
}

/// The options of `Quote`: what was chosen.
pub(super) fn options(choice: &Choice) -> Options<'_> {
    let mut options = Options::new();
    let chosen = [("channel", &choice.channel), ("activation", &choice.activation)];
    for (key, word) in chosen {
        if let Some(word) = word {
            options.insert(key, word.as_str().into());
        }
    }
    options
}

fn list(offers: &[Offer], screen: &Screen) -> String {
    let mut headings = vec![
        ("ID", Side::Left),
        ("NAME", Side::Left),
        ("SIZE", Side::Right),
        ("PRICE", Side::Right),
        ("VALID", Side::Right),
    ];
    let piped = screen.columns.is_none();
    let narrow = screen.columns.is_some_and(|columns| columns < 60);
    if narrow {
        headings.truncate(3);
    }
    if piped {
        headings.extend([("CHANNELS", Side::Left), ("MORE", Side::Left)]);
    }
    let mut table = Table::new(&headings);
    for offer in offers {
        let mut row: Vec<Cell> = vec![
            Cell::coloured(offer.id.as_deref().unwrap_or("?"), Colour::Bold),
            offer.name.as_deref().unwrap_or("?").into(),
            Size(offer.bytes.unwrap_or(0)).to_string().into(),
        ];
        if !narrow {
            row.extend([price(offer).into(), valid(offer).into()]);
        }
        if piped {
            row.extend([channels(offer).into(), more(offer, screen).into()]);
        }
        table.row(row);
    }
    let mut text = String::new();
    let lines = table.render(screen);
    let details = offers.iter().map(Some);
    for (line, offer) in lines.iter().zip(std::iter::once(None).chain(details)) {
        text.push_str(&format!("{line}\n"));
        let (Some(offer), Some(columns)) = (offer, screen.columns) else { continue };
        let first =
            if narrow { format!("{}; {}; ", price(offer), valid(offer)) } else { String::new() };
        let detail = format!("{first}paid by {}; {}", channels(offer), more(offer, screen));
        for line in wrap(&harmless(&detail), Some(columns.saturating_sub(4))) {
            text.push_str(&format!("    {line}\n"));
        }
    }
    text
}

fn price(offer: &Offer) -> String {
    let price = offer.price.zip(offer.currency.as_deref());
    price.map_or_else(|| "?".to_owned(), |(price, code)| money(price, code))
}

fn valid(offer: &Offer) -> String {
    offer.validity_s.map_or_else(|| "no end".to_owned(), lasts)
}

fn channels(offer: &Offer) -> String {
    offer.channels.as_ref().map_or_else(|| "?".to_owned(), |channels| channels.join(", "))
}

/// All else that is known of it.
fn more(offer: &Offer, screen: &Screen) -> String {
    let mut more = Vec::new();
    more.extend(offer.kind.as_deref().map(kind).map(str::to_owned));
    more.extend(offer.activations.as_ref().map(|words| format!("begins {}", words.join(", "))));
    more.extend(offer.valid_from.map(|at| format!("sold from {}", screen.minute(at))));
    more.extend(offer.valid_to.map(|at| format!("sold until {}", screen.minute(at))));
    more.extend(offer.description.clone());
    more.join("; ")
}

/// The kind in words.
pub(super) fn kind(word: &str) -> &str {
    match word {
        "main" => "main package",
        "add_on" => "add-on",
        other => other,
    }
}

/// A length of time as offers have it: `30 days`, `12 hours`.
fn lasts(seconds: u64) -> String {
    let (days, hours) = (seconds / 86_400, seconds / 3_600);
    match (seconds % 86_400, seconds % 3_600) {
        (0, _) if days == 1 => "1 day".to_owned(),
        (0, _) if days > 0 => format!("{days} days"),
        (_, 0) if hours == 1 => "1 hour".to_owned(),
        (_, 0) if hours > 0 => format!("{hours} hours"),
        _ => humantime::format_duration(Duration::from_secs(seconds)).to_string(),
    }
}

fn sheet(quote: &Quote, screen: &Screen) -> String {
    let mut sheet = Sheet::default();
    let (id, name) = (quote.offer_id.as_deref(), quote.name.as_deref());
    let kind = quote.kind.as_deref().map_or_else(String::new, |word| format!(" ({})", kind(word)));
    sheet.row("Offer", format!("{}: {}{kind}", id.unwrap_or("?"), name.unwrap_or("?")));
    sheet.known("Size", quote.bytes.map(|bytes| Size(bytes).to_string()));
    sheet.known("For SIM", quote.iccid.as_ref());
    sheet.known("Paid by", quote.channel.as_ref());
    sheet.known("Begins", quote.activation.as_ref());
    costs(&mut sheet, &Costs::of_quote(quote), screen);
    sheet.known("Holds until", quote.expires_at.map(|at| screen.second(at)));
    sheet.known("Quote", quote.id.as_ref());
    sheet.render(screen)
}

/// What something costs, from wherever it is known.
pub(super) struct Costs<'a> {
    pub(super) amounts: [(&'static str, Option<i64>); 3],
    pub(super) currency: Option<&'a str>,
    pub(super) rate: Option<(&'a str, &'a str)>,
    pub(super) rate_source: Option<&'a str>,
    pub(super) rate_at: Option<super::model::Instant>,
}

impl<'a> Costs<'a> {
    fn of_quote(quote: &'a Quote) -> Self {
        Self {
            amounts: [("Price", quote.price), ("Fee", quote.fee), ("Total", quote.total)],
            currency: quote.currency.as_deref(),
            rate: quote.rate_from.as_deref().zip(quote.rate.as_deref()),
            rate_source: quote.rate_source.as_deref(),
            rate_at: quote.rate_at,
        }
    }
}

/// Price, fee, total and the rate they were made with.
pub(super) fn costs(sheet: &mut Sheet, costs: &Costs<'_>, screen: &Screen) {
    let code = costs.currency.unwrap_or("?");
    for (label, amount) in costs.amounts {
        let Some(amount) = amount else { continue };
        let shown = money(amount, code);
        let total = label == "Total";
        let cell = if total { Cell::coloured(shown, Colour::Bold) } else { Cell::from(shown) };
        sheet.row(label, cell);
    }
    if let Some((from, rate)) = costs.rate {
        let source = costs.rate_source.map_or_else(String::new, |who| format!(", says {who}"));
        let at = costs.rate_at.map_or_else(String::new, |at| format!(", {}", screen.minute(at)));
        sheet.row("Rate", format!("1 {from} = {rate} {code}{source}{at}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_are_told_in_the_largest_whole_unit() {
        for (seconds, told) in [
            (86_400, "1 day"),
            (31 * 86_400, "31 days"),
            (3_600, "1 hour"),
            (36 * 3_600, "36 hours"),
            (90, "1m 30s"),
            (0, "0s"),
        ] {
            assert_eq!(lasts(seconds), told);
        }
    }
}
