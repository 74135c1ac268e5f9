//! The real `posdatactl` on a terminal: it fits the width, and is coloured only
//! where that is wanted.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod ctl_fake;

use std::fs::File;
use std::io::Read as _;

use ctl_fake::{Answer, Bus, Fake};
use nix::pty::{Winsize, openpty};

/// Runs it on a terminal so wide, and gives what the terminal was sent.
fn on_terminal(bus: &Bus, columns: u16, environment: &[(&str, &str)], words: &[&str]) -> String {
    let size = Winsize { ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    let pty = openpty(&size, None).unwrap();
    let mut command = bus.ctl(words);
    let mut child = command.envs(environment.iter().copied()).stdout(pty.slave).spawn().unwrap();
    // The last of the terminal's writers here, or its end would never be seen.
    drop(command);
    let mut text = Vec::new();
    // At its end a terminal is an error, not an end of file.
    let _ = File::from(pty.master).read_to_end(&mut text);
    assert_eq!(child.wait().unwrap().code(), Some(0));
    String::from_utf8(text).unwrap().replace("\r\n", "\n")
}

fn days(_: &str) -> Answer {
    let day = |at: u64| dict! { "start" => 1_795_449_600 + at * 86_400, "rx_bytes" => at << 20, "tx_bytes" => at << 10 };
    Answer::Many((1..=5).map(day).collect())
}

fn width(line: &str) -> usize {
    line.chars().count()
}

#[test]
fn the_chart_is_as_wide_as_the_terminal() {
    let bus = Bus::open();
    let _fake = Fake::start(&bus, days);
    for columns in [40, 80, 132] {
        let shown = on_terminal(&bus, columns, &[("NO_COLOR", "1")], &["usage"]);
        let widest = shown.lines().map(width).max().unwrap();
        assert_eq!(widest, usize::from(columns), "{shown}");
        assert!(shown.contains('█') && !shown.contains('\u{1b}'), "{shown}");
    }
}

#[test]
fn columns_in_the_environment_overrule_the_terminal() {
    let bus = Bus::open();
    let _fake = Fake::start(&bus, days);
    let shown = on_terminal(&bus, 80, &[("NO_COLOR", "1"), ("COLUMNS", "60")], &["usage"]);
    assert_eq!(shown.lines().map(width).max(), Some(60), "{shown}");
}

#[test]
fn colours_and_blocks_are_for_terminals_that_have_them() {
    let bus = Bus::open();
    let _fake = Fake::start(&bus, days);
    assert!(on_terminal(&bus, 80, &[("TERM", "xterm")], &["usage"]).contains("\u{1b}[36m"));
    let dumb = on_terminal(&bus, 80, &[("TERM", "dumb"), ("LC_ALL", "C")], &["usage"]);
    assert!(dumb.contains('#') && dumb.is_ascii() && !dumb.contains('\u{1b}'), "{dumb}");
}
