//! Tests of the bar chart.

use super::super::model::{Counts, Instant};
use super::super::screen::tests::screen;
use super::*;

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;

fn slot(start: &str, rx_bytes: u64, tx_bytes: u64) -> Slot {
    Slot {
        start: start.parse().ok().map(Instant),
        rx_bytes: Some(rx_bytes),
        tx_bytes: Some(tx_bytes),
        ..Slot::default()
    }
}

fn hours() -> Vec<Slot> {
    vec![
        slot("2026-11-24T00:00:00+08:00", 3 * MIB, MIB),
        slot("2026-11-24T01:00:00+08:00", MIB, 512 * KIB),
        slot("2026-11-24T05:00:00+08:00", 1, 0),
        slot("2026-11-24T06:00:00+08:00", 0, 0),
    ]
}

#[track_caller]
fn shown(slots: &[Slot], tier: Tier, columns: Option<usize>, lines: &[&str]) {
    let seen = history(slots, tier, &screen(columns));
    assert_eq!(seen, lines, "\n{}", seen.join("\n"));
    for line in seen {
        assert!(columns.is_none_or(|columns| width(&line) <= columns), "too wide: {line}");
    }
}

#[test]
fn a_history_fits_40_columns() {
    shown(
        &hours(),
        Tier::Hour,
        Some(40),
        &[
            "+08:00              total",
            "2026-11-24 00:00  4.0 MiB  █████████████",
            "2026-11-24 01:00  1.5 MiB  ████▉",
            "⋮",
            "2026-11-24 05:00      1 B  ▏",
            "2026-11-24 06:00      0 B",
        ],
    );
}

#[test]
fn a_history_fits_80_columns() {
    shown(
        &hours(),
        Tier::Hour,
        Some(80),
        &[
            "+08:00            received       sent    total",
            "2026-11-24 00:00   3.0 MiB    1.0 MiB  4.0 MiB  ████████████████████████████████",
            "2026-11-24 01:00   1.0 MiB  512.0 KiB  1.5 MiB  ████████████",
            "⋮",
            "2026-11-24 05:00       1 B        0 B      1 B  ▏",
            "2026-11-24 06:00       0 B        0 B      0 B",
        ],
    );
}

#[test]
fn a_history_fits_132_columns() {
    let bar = "█".repeat(84);
    let part = format!("{}▌", "█".repeat(31));
    shown(
        &hours(),
        Tier::Hour,
        Some(132),
        &[
            "+08:00            received       sent    total",
            &format!("2026-11-24 00:00   3.0 MiB    1.0 MiB  4.0 MiB  {bar}"),
            &format!("2026-11-24 01:00   1.0 MiB  512.0 KiB  1.5 MiB  {part}"),
            "⋮",
            "2026-11-24 05:00       1 B        0 B      1 B  ▏",
            "2026-11-24 06:00       0 B        0 B      0 B",
        ],
    );
}

#[test]
fn a_terminal_too_narrow_for_bars_still_shows_totals() {
    shown(
        &hours()[..1],
        Tier::Hour,
        Some(30),
        &["+08:00              total", "2026-11-24 00:00  4.0 MiB"],
    );
}

#[test]
fn piped_there_are_figures_alone() {
    shown(
        &hours(),
        Tier::Hour,
        None,
        &[
            "+08:00            received       sent    total",
            "2026-11-24 00:00   3.0 MiB    1.0 MiB  4.0 MiB",
            "2026-11-24 01:00   1.0 MiB  512.0 KiB  1.5 MiB",
            "2026-11-24 05:00       1 B        0 B      1 B",
            "2026-11-24 06:00       0 B        0 B      0 B",
        ],
    );
}

#[test]
fn numbers_as_large_as_they_come_stay_in_their_columns() {
    let slots = [
        slot("2026-01-01T00:00:00+08:00", u64::MAX, u64::MAX),
        slot("2027-01-01T00:00:00+08:00", 1, 1),
    ];
    shown(
        &slots,
        Tier::Year,
        Some(80),
        &[
            "+08:00        received            sent           total",
            "2026    16777215.9 TiB  16777215.9 TiB  16777215.9 TiB  ████████████████████████",
            "2027               1 B             1 B             2 B  ▏",
        ],
    );
}

#[test]
fn roaming_has_a_column_where_there_was_any_and_an_estimate_its_mark() {
    let roamed = Slot {
        roaming: Some(Counts { rx_bytes: KIB, tx_bytes: 0 }),
        estimated: Some(true),
        ..slot("2026-11-24T00:00:00+08:00", 2 * KIB, 0)
    };
    shown(
        &[roamed],
        Tier::Day,
        None,
        &[
            "+08:00       received  sent  roaming    total",
            "2026-11-24~   2.0 KiB   0 B  1.0 KiB  2.0 KiB",
        ],
    );
}

#[test]
fn a_slot_is_named_no_finer_than_it_is_unless_it_begins_elsewhen_here() {
    for (tier, start, name) in [
        (Tier::Year, "2026-01-01T00:00:00+08:00", "2026"),
        (Tier::Month, "2026-11-01T00:00:00+08:00", "2026-11"),
        (Tier::Month, "2026-11-27T00:00:00+08:00", "2026-11-27"),
        (Tier::Day, "2026-11-24T00:00:00+08:00", "2026-11-24"),
        (Tier::Day, "2026-11-24T00:00:00Z", "2026-11-24 08:00"),
        (Tier::FiveMinutes, "2026-11-24T00:05:00+08:00", "2026-11-24 00:05"),
    ] {
        let lines = history(&[slot(start, 1, 1)], tier, &screen(None));
        assert_eq!(lines[1].split("  ").next(), Some(name), "{tier:?} {start}");
    }
}

#[test]
fn colours_part_a_bar_within_a_cell() {
    let screen = Screen { colour: true, ..screen(Some(80)) };
    // 4 columns: 1.5 cells received, 1.5 sent, of 4.
    assert_eq!(
        bar(&slot("", 3, 3), 8, 4, &screen),
        "\u{1b}[36m█\u{1b}[0m\u{1b}[36;45m▌\u{1b}[0m\u{1b}[35m█\u{1b}[0m"
    );
    assert_eq!(bar(&slot("", 4, 4), 8, 2, &screen), "\u{1b}[36m█\u{1b}[0m\u{1b}[35m█\u{1b}[0m");
    assert_eq!(bar(&slot("", 8, 0), 8, 2, &screen), "\u{1b}[36m██\u{1b}[0m");
    assert_eq!(bar(&slot("", 0, 0), 8, 2, &screen), "");
}

#[test]
fn without_unicode_bars_are_made_of_hashes() {
    let ascii = Screen { unicode: false, ..screen(Some(80)) };
    assert_eq!(bar(&slot("", 3, 3), 8, 8, &ascii), "######");
    assert_eq!(level(3, 4, 10, &ascii), "[######--]");
}

#[test]
fn a_level_is_never_longer_than_its_room() {
    let screen = screen(Some(80));
    for (part, whole, bar) in [
        (0, 0, "░░░░"),
        (0, 5, "░░░░"),
        (1, u64::MAX, "▏░░░"),
        (5, 8, "██▌░"),
        (5, 5, "████"),
        (9, 5, "████"),
        (u64::MAX, u64::MAX, "████"),
    ] {
        assert_eq!(level(part, whole, 4, &screen), bar, "{part} of {whole}");
    }
}
