//! The real `posdatactl recharge` on a terminal: the question, the code that a
//! phone can read, the line that moves, and Ctrl-C.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod ctl_fake;
mod ctl_till;

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::process::{Child, Command, Stdio};

use ctl_fake::Bus;
use ctl_till::{CODE, Till};
use nix::pty::{Winsize, openpty};

const PAPER: &str = "\u{1b}[30;47m";
const PLAIN: &str = "\u{1b}[0m";

/// It runs on a terminal; only what went wrong goes elsewhere.
struct Screen {
    child: Child,
    master: File,
    seen: String,
}

impl Screen {
    fn start(bus: &Bus, columns: u16, environment: &[(&str, &str)], words: &[&str]) -> Self {
        let size = Winsize { ws_row: 40, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        let pty = openpty(&size, None).unwrap();
        let ctl = bus.ctl(words);
        // The terminal becomes its own, so that Ctrl-C is a signal to it (util-linux).
        let mut command = Command::new("setsid");
        command.arg("--ctty").arg(ctl.get_program()).args(ctl.get_args()).env_clear();
        command.envs(ctl.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.envs(environment.iter().copied());
        command.stdin(pty.slave.try_clone().unwrap()).stdout(pty.slave).stderr(Stdio::piped());
        let child = command.spawn().unwrap();
        Self { child, master: File::from(pty.master), seen: String::new() }
    }

    /// Reads on until this has been shown.
    fn until(&mut self, words: &str) {
        let mut bytes = [0; 4096];
        let mut pending = Vec::new();
        while !self.seen.contains(words) {
            let read = self.master.read(&mut bytes).unwrap_or(0);
            assert!(read > 0, "it ended without \"{words}\": {}", self.seen);
            pending.extend_from_slice(&bytes[..read]);
            // A letter may come in two parts.
            if let Ok(text) = std::str::from_utf8(&pending) {
                self.seen.push_str(text);
                pending.clear();
            }
        }
    }

    fn types(&mut self, text: &str) {
        self.master.write_all(text.as_bytes()).unwrap();
    }

    /// Its exit status, and what it said on standard error.
    fn ended(mut self) -> (Option<i32>, String, String) {
        let mut rest = Vec::new();
        // At its end a terminal is an error, not an end of file.
        let _ = self.master.read_to_end(&mut rest);
        self.seen.push_str(&String::from_utf8(rest).unwrap());
        let mut stderr = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        (self.child.wait().unwrap().code(), stderr, self.seen)
    }
}

/// Reads the code off the screen as a camera would, 4 points a module.
fn scanned(seen: &str) -> String {
    let rows: Vec<Vec<char>> = seen
        .lines()
        .filter_map(|line| line.trim_end().strip_prefix(PAPER)?.strip_suffix(PLAIN))
        .map(|line| line.chars().collect())
        .collect();
    let dark = |x: usize, y: usize| match rows[y / 2][x] {
        '█' => true,
        '▀' => y.is_multiple_of(2),
        '▄' => !y.is_multiple_of(2),
        _ => false,
    };
    let (wide, high) = (rows[0].len(), rows.len() * 2);
    let mut image =
        rqrr::PreparedImage::prepare_from_bitmap(wide * 4, high * 4, |x, y| dark(x / 4, y / 4));
    image.detect_grids()[0].decode().unwrap().1
}

#[test]
fn asked_paid_by_phone_and_credited() {
    let (bus, till) = (Bus::open(), Till::default());
    let fake = till.serve(&bus);
    let mut screen = Screen::start(&bus, 80, &[("TERM", "xterm")], &["recharge", "M30"]);
    screen.until("Buy it for CNY 5.03? [y/N] ");
    assert_eq!(till.request_id(), None, "nothing is ordered before the yes");
    screen.types("y\n");
    screen.until("15:00 left to pay");
    assert_eq!(scanned(&screen.seen), CODE);
    // The line moves by itself.
    screen.until("14:59 left to pay");
    till.moves_on(&fake, "processing");
    screen.until("paid, the data is on its way");
    till.moves_on(&fake, "completed");
    let (status, stderr, seen) = screen.ended();
    assert_eq!((status, stderr.as_str()), (Some(0), ""));
    let last: Vec<_> = seen.lines().rev().take(2).collect();
    assert!(last[0].contains("51.0 MiB of 60.0 MiB") && last[1].contains("30.0 MiB"), "{seen}");
    assert!(fake.heard().iter().any(|call| call.starts_with("Recharge1.Recharge(")));
}

#[test]
fn anything_but_a_yes_is_a_no() {
    for answer in ["n\n", "\n", "yep\n", "\u{4}"] {
        let (bus, till) = (Bus::open(), Till::default());
        let fake = till.serve(&bus);
        let mut screen = Screen::start(&bus, 80, &[], &["recharge", "M30"]);
        screen.until("[y/N] ");
        screen.types(answer);
        let (status, stderr, _) = screen.ended();
        assert_eq!((status, stderr.as_str()), (Some(15), "posdatactl: nothing was ordered\n"));
        assert_eq!(fake.heard(), ["Recharge1.Quote(M30, {})"], "{answer:?}");
    }
}

#[test]
fn ctrl_c_leaves_the_order_and_says_how_to_go_on() {
    let (bus, till) = (Bus::open(), Till::default());
    let fake = till.serve(&bus);
    let words = ["recharge", "M30", "--yes", "--request-id", "desk-1"];
    let mut screen = Screen::start(&bus, 80, &[], &words);
    screen.until("left to pay");
    screen.types("\u{3}");
    let (status, stderr, seen) = screen.ended();
    assert_eq!(status, Some(14));
    assert_eq!(
        stderr,
        "posdatactl: no longer waited for; the order stays as it is and goes on by itself\n  \
         what to do: posdatactl topups K-1 shows it; posdatactl recharge M30 --request-id desk-1 \
         waits for it again; posdatactl cancel K-1 ends it\n"
    );
    assert!(seen.ends_with(" \r"), "the moving line is taken away: {seen:?}");
    assert!(fake.heard().iter().all(|call| !call.starts_with("Recharge1.Cancel")));
    let mut again = Screen::start(
        &bus,
        80,
        &[("TERM", "xterm")],
        &words[..2].iter().chain(&words[3..]).copied().collect::<Vec<_>>(),
    );
    again.until("left to pay");
    assert_eq!(scanned(&again.seen), CODE);
    till.moves_on(&fake, "completed");
    assert_eq!(again.ended().0, Some(0));
}

#[test]
fn where_a_code_cannot_be_drawn_its_text_stands() {
    for (columns, environment) in [(36, ("TERM", "xterm")), (80, ("LC_ALL", "C"))] {
        let (bus, till) = (Bus::open(), Till::default());
        till.has("desk-1", "awaiting_payment");
        let fake = till.serve(&bus);
        let words = ["recharge", "M30", "--request-id", "desk-1"];
        let mut screen = Screen::start(&bus, columns, &[environment], &words);
        screen.until("left to pay");
        assert!(!screen.seen.contains(PAPER) && screen.seen.contains(CODE), "{}", screen.seen);
        till.moves_on(&fake, "completed");
        assert_eq!(screen.ended().0, Some(0));
    }
}

#[test]
fn a_daemon_that_is_gone_is_told_of_and_waited_for() {
    let (bus, till) = (Bus::open(), Till::default());
    till.has("desk-1", "awaiting_payment");
    let first = till.serve(&bus);
    let words = ["recharge", "M30", "--request-id", "desk-1"];
    let mut screen = Screen::start(&bus, 80, &[], &words);
    screen.until("left to pay");
    drop(first);
    screen.until("posdatad does not answer: trying again");
    till.moves_on_quietly("completed");
    let _second = till.serve(&bus);
    screen.until("51.0 MiB of 60.0 MiB");
    assert_eq!(screen.ended().0, Some(0));
}
