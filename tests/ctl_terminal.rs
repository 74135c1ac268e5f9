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

/// Offers, a quote and top-ups, with the longest ids there are.
fn shop(call: &str) -> Answer {
    let record = || {
        dict! {
            "id" => "0b9f5a3e-8d0c-4c1b-9d5e-2f6a7c8b9d0e", "number" => 1_u64, "name" => "30 MB 月包",
            "kind" => "main", "bytes" => 30_u64 << 20, "price" => 500_i64, "fee" => 3_i64, "total" => 503_i64,
            "currency" => "CNY", "state" => "awaiting_payment", "channel" => "alipay",
            "request_id" => "5e1d9c70-5f9b-4c86-9a3b-0c6c2f0f6f11", "placed_at" => 1_795_486_215_u64,
            "validity_s" => 2_592_000_u64, "offer_id" => "M30", "activation" => "now",
        }
    };
    match call.split_once('(').unwrap().0 {
        "Recharge1.ListOffers" => {
            let mut offer = record();
            offer.extend(
                dict! { "id" => "M30", "channels" => vec!["alipay", "wechat_pay", "net_banking"] },
            );
            Answer::Many(vec![offer])
        }
        "Recharge1.ListTopUps" => Answer::Many(vec![record(), record()]),
        _ => Answer::One(record()),
    }
}

#[test]
fn what_is_bought_fits_the_terminal_too() {
    let bus = Bus::open();
    let _fake = Fake::start(&bus, shop);
    for columns in [50, 80] {
        for words in
            [&["offers"][..], &["quote", "M30"], &["topups", "--limit", "2"], &["topups", "K-1"]]
        {
            let shown = on_terminal(&bus, columns, &[("NO_COLOR", "1")], words);
            let widest = shown.lines().map(unicode_width::UnicodeWidthStr::width).max().unwrap();
            assert!(widest <= usize::from(columns), "{words:?}: {widest}\n{shown}");
            assert!(shown.contains("CNY 5.0"), "{words:?}: {shown}");
        }
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
