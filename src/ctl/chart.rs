//! Bars: how much is left of something, and a history as wide as the terminal.
//! A bar of the history is received and sent together; colours tell them apart.

use super::layout::{Cell, Side, Table, width};
use super::model::Slot;
use super::screen::{Colour, Screen};
use crate::domain::snapshot::Tier;
use crate::domain::units::Size;

/// One to seven eighths of a cell.
const EIGHTHS: [&str; 7] = ["▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/// A shorter bar says nothing.
const BAR_MIN: usize = 8;

/// A level between nothing and a whole, so many columns wide: `████▌░░░`.
pub(super) fn level(part: u64, whole: u64, columns: usize, screen: &Screen) -> String {
    if screen.unicode {
        let bar = blocks(eighths(part.min(whole), whole, columns));
        let rest = columns.saturating_sub(width(&bar));
        return format!("{bar}{}", "░".repeat(rest));
    }
    let room = columns.saturating_sub(2);
    let cells = cells(part.min(whole), whole, room);
    format!("[{}{}]", "#".repeat(cells), "-".repeat(room.saturating_sub(cells)))
}

/// The history as a table: in a pipe its figures alone, on a terminal with bars
/// in the room that the figures leave, and without the figures there is none for.
pub(super) fn history(slots: &[Slot], tier: Tier, screen: &Screen) -> Vec<String> {
    let full = figures(slots, tier, screen, true);
    let Some(columns) = screen.columns else { return full.render(screen) };
    let room =
        |table: &Table| columns.saturating_sub(table.widths().iter().map(|width| width + 2).sum());
    let table = if room(&full) >= BAR_MIN { full } else { figures(slots, tier, screen, false) };
    let room = room(&table);
    let mut rows = table.render(screen).into_iter();
    let mut lines: Vec<_> = rows.next().into_iter().collect();
    let max = slots.iter().map(|slot| slot.counts().total()).max().unwrap_or(0);
    let mut before = None;
    for (row, slot) in rows.zip(slots) {
        if is_hole(before, slot, tier) {
            let hole = if screen.unicode { "⋮" } else { ":" };
            lines.push(screen.paint(Colour::Dim, hole));
        }
        let bar = if room >= BAR_MIN { bar(slot, max, room, screen) } else { String::new() };
        lines.push(format!("{row}  {bar}").trim_end().to_owned());
        before = Some(slot);
    }
    lines
}

fn figures(slots: &[Slot], tier: Tier, screen: &Screen, in_full: bool) -> Table {
    let roamed = in_full && slots.iter().any(|slot| slot.roaming.unwrap_or_default().total() > 0);
    let zone = slots
        .last()
        .and_then(|slot| slot.start)
        .map_or_else(String::new, |at| screen.time(at, "%:z"));
    let mut headings = vec![(zone.as_str(), Side::Left)];
    if in_full {
        headings.extend([("received", Side::Right), ("sent", Side::Right)]);
    }
    if roamed {
        headings.push(("roaming", Side::Right));
    }
    headings.push(("total", Side::Right));
    let mut table = Table::new(&headings);
    let form = form(slots, tier, screen);
    for slot in slots {
        let counts = slot.counts();
        let start = slot.start.map_or_else(String::new, |at| screen.time(at, form));
        let mut row = vec![Cell::from(if slot.estimated == Some(true) {
            format!("{start}~")
        } else {
            start
        })];
        if in_full {
            row.push(Cell::coloured(Size(counts.rx_bytes).to_string(), Colour::Rx));
            row.push(Cell::coloured(Size(counts.tx_bytes).to_string(), Colour::Tx));
        }
        if roamed {
            row.push(Size(slot.roaming.unwrap_or_default().total()).to_string().into());
        }
        row.push(Size(counts.total()).to_string().into());
        table.row(row);
    }
    table
}

/// How a slot's start is written: no finer than the slot, unless it begins at
/// another moment of the day here (the plan may be of another time zone).
fn form(slots: &[Slot], tier: Tier, screen: &Screen) -> &'static str {
    let all_end_with = |form, end: &str| {
        slots.iter().filter_map(|slot| slot.start).all(|start| screen.time(start, form) == end)
    };
    match tier {
        Tier::Year if all_end_with("%m-%d %H:%M", "01-01 00:00") => "%Y",
        Tier::Month if all_end_with("%d %H:%M", "01 00:00") => "%Y-%m",
        Tier::Year | Tier::Month | Tier::Day if all_end_with("%H:%M", "00:00") => "%Y-%m-%d",
        _ => "%Y-%m-%d %H:%M",
    }
}

/// True where the slot does not follow the one before: nothing moved in between.
fn is_hole(before: Option<&Slot>, slot: &Slot, tier: Tier) -> bool {
    // With an hour to spare where clocks may be put back.
    let longest_s = match tier {
        Tier::FiveMinutes => 300,
        Tier::Hour => 3_600,
        Tier::Day => 25 * 3_600,
        Tier::Month => (31 * 24 + 1) * 3_600,
        Tier::Year => (366 * 24 + 1) * 3_600,
    };
    let starts = before.and_then(|before| before.start).zip(slot.start);
    starts.is_some_and(|(before, start)| start.0.duration_since(before.0).as_secs() > longest_s)
}

fn bar(slot: &Slot, max: u64, columns: usize, screen: &Screen) -> String {
    let counts = slot.counts();
    let total = counts.total();
    if !screen.unicode {
        let (all, rx) = (cells(total, max, columns), cells(counts.rx_bytes, max, columns));
        let tx = "#".repeat(all.saturating_sub(rx));
        return format!(
            "{}{}",
            screen.paint(Colour::Rx, &"#".repeat(rx.min(all))),
            screen.paint(Colour::Tx, &tx)
        );
    }
    let all = eighths(total, max, columns);
    if !screen.colour {
        return blocks(all);
    }
    let rx = eighths(counts.rx_bytes, max, columns).min(all);
    let (rx_cells, rx_rest) = (rx / 8, rx % 8);
    if rx_rest == 0 || all / 8 == rx_cells {
        // The received end with a cell, or within the bar's last.
        let (rx, tx) = if all / 8 == rx_cells { (all, 0) } else { (rx, all.saturating_sub(rx)) };
        return format!(
            "{}{}",
            screen.paint(Colour::Rx, &blocks(rx)),
            screen.paint(Colour::Tx, &blocks(tx))
        );
    }
    // One cell is shared: the received in front, on the colour of the sent.
    let tx = all.saturating_sub((rx_cells + 1) * 8);
    [(Colour::Rx, rx_cells * 8), (Colour::RxOnTx, rx_rest), (Colour::Tx, tx)]
        .map(|(colour, eighths)| screen.paint(colour, &blocks(eighths)))
        .concat()
}

fn blocks(eighths: usize) -> String {
    let rest = (eighths % 8).checked_sub(1).and_then(|at| EIGHTHS.get(at)).unwrap_or(&"");
    format!("{}{rest}", "█".repeat(eighths / 8))
}

/// A part of the columns, in eighths; the least that is something is seen.
fn eighths(part: u64, whole: u64, columns: usize) -> usize {
    cells(part, whole, columns.saturating_mul(8))
}

fn cells(part: u64, whole: u64, columns: usize) -> usize {
    if part == 0 || whole == 0 {
        return 0;
    }
    let scaled = u128::from(part) * u128::try_from(columns).unwrap_or(0) / u128::from(whole);
    usize::try_from(scaled).unwrap_or(columns).max(1)
}

#[cfg(test)]
#[path = "chart_tests.rs"]
mod tests;
