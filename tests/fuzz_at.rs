//! Millions of bytes through lexer, classifier and dialogue, from a fixed seed:
//! raw noise and pieces of real replies in any order. Nothing may panic, hang or
//! grow.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

#[path = "support/random.rs"]
mod random;

use std::collections::BTreeSet;

use posdatad::domain::counter::Evidence;
use posdatad::domain::report::{FaultKind, Report};
use posdatad::modem::at::{AtDialogue, AtSettings, Dialect};
use posdatad::modem::{Action, Dialogue};
use posdatad::proto::at::counters::Columns;
use posdatad::proto::at::{LINE_BYTES_MAX, Lexed, Lexer, classify};

use random::Random;

const SEED: u64 = 0x9E37_79B9_7F4A_7C15;
/// In every test run: well under a second.
const BYTES_QUICK: usize = 10_000_000;
/// In `make fuzz`, in a release build.
const BYTES_FULL: usize = 500_000_000;

const PIECES: [&str; 48] = [
    "OK",
    "OK",
    "OK",
    "OK",
    "ERROR",
    "+CME ERROR: 10",
    "+CME ERROR: ",
    "+CME ERROR:",
    "+CMS ERROR: 500",
    "NO CARRIER",
    "BUSY",
    "COMMAND NOT SUPPORT",
    "RDY",
    "+CPIN: READY",
    "+CPIN: READY",
    "+CPIN: NOT INSERTED",
    "+CPIN: SIM PIN",
    "+QSIMSTAT: 1,0",
    "+CFUN: 1",
    "+CREG: 5",
    "+CREG: 2,1,\"8BE3\",\"00002BAF\"",
    "+CEREG: 2,1, 1F00, 20 ,79D903 ,7",
    "+CGEV: NW PDN DEACT 2",
    "+CGEV: NW DEACT \"IP\",\"1.2.3.4\",1",
    "+CMTI: \"SM\",1",
    "+QGDCNT: 1,2",
    "+QGDCNT: 4294967295,4294967295",
    "+QGDCNT: 18446744073709551615,0",
    "+QGDCNT: 3832,4618",
    "+QGDNRCNT: 231743605,4951875263",
    "+UGCNTRD: 31,2704,1819,2724,1839",
    "+UGCNTRD: 1,1,1,18446744073709551615,1",
    "^DSFLOWQRY: 0000000A,000000000000645C,0000000000003C0F,00000350,0000000100000000,FFFFFFFFFFFFFFFF",
    "%DSFLOWQRY: 100,0,0,592,645c,3c0f",
    "^DSFLOWRPT: 0,0,0,0,0,0,0",
    "#GDATAVOL: 1,30,10,20",
    "+GTSTATIS: 1,2,3,4",
    "+QCCID: 898602F9091830030220",
    "+CCID: \"984402003576012594F9\"",
    "867698041234561",
    "460001234567890",
    "Quectel",
    "EC25",
    "u-blox",
    "+CCLK: \"26/02/28,20:30:40-32\"",
    "+QLTS: \"2026/02/28,20:30:40+32,0\"",
    "+COPS: 1,0,\"CHINA MOBILE\",7",
    "AT+QGDCNT?",
];

fn chunk(random: &mut Random) -> Vec<u8> {
    let mut bytes = Vec::new();
    match random.below(64) {
        0 => bytes.extend(std::iter::repeat_n(random.byte(), random.below(2 * LINE_BYTES_MAX))),
        1..8 => bytes.extend((0..random.below(40)).map(|_| random.byte())),
        pieces => {
            for _ in 0..=pieces % 6 {
                bytes.extend(b"\r\n");
                bytes.extend(PIECES[random.below(PIECES.len())].as_bytes());
                bytes.extend(b"\r\n");
            }
            if random.below(4) == 0 {
                let at = random.below(bytes.len());
                match random.below(3) {
                    0 => bytes[at] = random.byte(),
                    1 => drop(bytes.remove(at)),
                    _ => bytes.truncate(at),
                }
            }
        }
    }
    bytes
}

fn lexer_and_classifier(count: usize) {
    let mut random = Random(SEED);
    let mut lexer = Lexer::new();
    let mut given = 0;
    let mut lines = 0_usize;
    let in_flight: Vec<_> = Dialect::ALL.iter().map(|dialect| dialect.command()).collect();
    while given < count {
        let bytes = chunk(&mut random);
        given += bytes.len();
        for lexed in lexer.feed(&bytes) {
            if let Lexed::Line(line) = lexed {
                lines += 1;
                assert!(line.chars().count() <= LINE_BYTES_MAX);
                let command = &in_flight[random.below(in_flight.len())];
                let _ = classify(&line, Some(command));
                let _ = classify(&line, None);
            }
        }
    }
    assert!(lines > count / 1_000);
}

fn dialogue(count: usize) {
    for (index, counter) in Dialect::ALL.into_iter().map(Some).chain([None]).enumerate() {
        let mut random = Random(SEED ^ (u64::try_from(index).unwrap() << 32));
        let mut dialogue = AtDialogue::new(AtSettings { columns: Columns::SentFirst, counter });
        let mut now_ms = 0;
        let mut given = 0;
        let mut reports = 0_usize;
        let mut kinds = BTreeSet::new();
        dialogue.opened(now_ms, Evidence::Same, ());
        while given < count / 7 {
            let bytes = chunk(&mut random);
            given += bytes.len();
            dialogue.handle_bytes(now_ms, &bytes);
            if random.below(4) == 0 {
                now_ms += random.next() % 10_000;
            }
            // Every timer is in the future once it was handled.
            let mut turns = 0;
            while dialogue.poll_timeout().is_some_and(|due_ms| due_ms <= now_ms) {
                dialogue.handle_timeout(now_ms);
                turns += 1;
                assert!(turns < 100, "a timer that never ends");
            }
            match random.below(200) {
                0 => dialogue.opened(now_ms, Evidence::MayHaveRestarted, ()),
                1 => dialogue.closed(now_ms, FaultKind::Vanished, String::new()),
                2..40 => dialogue.request_reading(now_ms),
                _ => {}
            }
            let mut sent = 0;
            while let Some(bytes) = dialogue.poll_transmit() {
                assert!(bytes.ends_with(b"\r"));
                sent += 1;
            }
            assert!(sent < 200, "it talks without end");
            while let Some(report) = dialogue.poll_report() {
                reports += 1;
                kinds.insert(kind(&report));
            }
            while let Some(Action::Reopen { at_ms }) = dialogue.poll_action() {
                assert!(at_ms > now_ms && at_ms <= now_ms + 60_000);
                dialogue.opened(now_ms, Evidence::MayHaveRestarted, ());
            }
        }
        assert!(reports > 0 && kinds.len() >= 3, "{counter:?}: {kinds:?}");
    }
}

fn kind(report: &Report) -> &'static str {
    match report {
        Report::Identified(_) => "identified",
        Report::Reading(_) => "reading",
        Report::Roaming(_) => "roaming",
        Report::NoSim => "no sim",
        Report::NetworkTime(_) => "time",
        Report::Fault { .. } => "fault",
        Report::Recovered { .. } => "recovered",
    }
}

#[test]
fn the_codec_survives_noise() {
    lexer_and_classifier(BYTES_QUICK);
}

#[test]
fn the_dialogue_survives_noise() {
    dialogue(BYTES_QUICK);
}

#[test]
#[ignore = "half a billion bytes: make fuzz"]
fn the_codec_survives_half_a_billion_bytes() {
    lexer_and_classifier(BYTES_FULL);
}

#[test]
#[ignore = "half a billion bytes: make fuzz"]
fn the_dialogue_survives_half_a_billion_bytes() {
    dialogue(BYTES_FULL);
}
