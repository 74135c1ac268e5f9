//! A modem on a bad line: answers are echoed, mixed with other lines, flipped,
//! cut, doubled and lost. Whatever happens, no figure is said that did not arrive
//! as a whole line, and once the line is good again the reading comes.

#![allow(clippy::indexing_slicing)]

mod at_bench;

use std::collections::{BTreeSet, VecDeque};

use at_bench::{Bench, ICCID_1, traffic};
use posdatad::domain::sim::Iccid;
use posdatad::modem::Dialogue as _;
use posdatad::proto::at::counters::{Columns, Octets, qgdcnt};
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Harm {
    None,
    Echo,
    Between(&'static str),
    Flip(usize, u8),
    Drop(usize),
    Double(usize),
    DoubleAll,
    Cut(usize),
    Lost,
    Insert(usize, Vec<u8>),
}

impl Harm {
    fn apply(&self, command: &str, mut bytes: Vec<u8>) -> Vec<u8> {
        let place = |at: &usize| at % bytes.len().max(1);
        match self {
            Self::None => bytes,
            Self::Echo => [command.as_bytes(), b"\r", &bytes].concat(),
            Self::Between(line) => {
                let end = bytes.windows(2).rposition(|pair| pair == b"\r\n").unwrap_or(0);
                let start = bytes[..end].windows(2).rposition(|pair| pair == b"\r\n").unwrap_or(0);
                [&bytes[..start], b"\r\n", line.as_bytes(), b"\r\n", &bytes[start..]].concat()
            }
            Self::Flip(at, bits) => {
                let at = place(at);
                bytes[at] ^= bits;
                bytes
            }
            Self::Drop(at) => {
                let at = place(at);
                bytes.remove(at);
                bytes
            }
            Self::Double(at) => {
                let at = place(at);
                bytes.insert(at, bytes[at]);
                bytes
            }
            Self::DoubleAll => [bytes.clone(), bytes].concat(),
            Self::Cut(at) => {
                let at = place(at);
                bytes.truncate(at);
                bytes
            }
            Self::Lost => Vec::new(),
            Self::Insert(at, noise) => {
                let at = place(at);
                bytes.splice(at..at, noise.iter().copied());
                bytes
            }
        }
    }
}

fn harm() -> impl Strategy<Value = Harm> {
    prop_oneof![
        4 => Just(Harm::None),
        2 => Just(Harm::Echo),
        2 => prop::sample::select(vec![
            "RDY", "+CPIN: READY", "+CPIN: NOT INSERTED", "+CREG: 5", "+CGEV: NW PDN DEACT 1",
            "+CMTI: \"SM\",3", "^DSFLOWRPT: 0,0,0,0,0,0,0", "+QIND: \"csq\",1,99", "RING", "OK",
            "ERROR", "+QGDCNT: 7,7", "NO CARRIER", "+CME ERROR: 10", "+CME ERROR:", "100,200",
            "89860120345678901234", "+QCCID: 89860120345678905678",
        ]).prop_map(Harm::Between),
        2 => (any::<usize>(), 1_u8..).prop_map(|(at, bits)| Harm::Flip(at, bits)),
        2 => any::<usize>().prop_map(Harm::Drop),
        2 => any::<usize>().prop_map(Harm::Double),
        1 => Just(Harm::DoubleAll),
        2 => any::<usize>().prop_map(Harm::Cut),
        1 => Just(Harm::Lost),
        1 => (any::<usize>(), prop::collection::vec(any::<u8>(), 1..40))
            .prop_map(|(at, noise)| Harm::Insert(at, noise)),
    ]
}

/// The figures that stand in a stream as whole lines, read by hand.
fn figures(stream: &[u8]) -> BTreeSet<(u64, u64)> {
    stream
        .split(|byte| *byte == b'\r' || *byte == b'\n')
        .filter_map(|line| {
            let line = std::str::from_utf8(line).ok()?.trim_matches('\0').trim();
            let (sent, received) = line.strip_prefix("+QGDCNT:")?.split_once(',')?;
            Some((sent.trim().parse().ok()?, received.trim().parse().ok()?))
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_bad_line_invents_nothing_and_a_good_one_recovers(
        harms in prop::collection::vec(harm(), 1..120),
        waits in prop::collection::vec(0_u64..15_000, 1..30),
    ) {
        let mut bench = Bench::quectel();
        let mut harms = VecDeque::from(harms);
        bench.mangle = Some(Box::new(move |command, bytes| {
            harms.pop_front().unwrap_or(Harm::None).apply(command, bytes)
        }));
        bench.open();
        for wait_ms in waits {
            bench.request();
            bench.pass_reopening(wait_ms);
        }
        // The line is good from here on.
        bench.mangle = None;
        let before = bench.samples().len();
        for _ in 0..120 {
            bench.request();
            bench.pass_reopening(10_000);
        }
        let samples = bench.samples();
        prop_assert!(samples.len() > before, "no reading in twenty minutes");
        prop_assert_eq!(samples[samples.len() - 1].counter, traffic(100, 200));
        let in_stream = figures(&bench.heard);
        for sample in &samples {
            let figure = (sample.counter.tx, sample.counter.rx);
            prop_assert!(in_stream.contains(&figure), "{figure:?} never arrived");
        }
        bench.request();
        bench.pass(10_000);
        prop_assert_eq!(bench.dialogue.poll_timeout(), None, "idle again");
        let identity = bench.identities().pop().and_then(|identity| identity.iccid);
        prop_assert_eq!(identity, Iccid::parse(ICCID_1).ok(), "who it is, is known again");
    }

    #[test]
    fn the_hand_made_reader_and_the_codec_agree(sent: u64, received: u64) {
        let line = format!("+QGDCNT: {sent},{received}");
        prop_assert!(figures(line.as_bytes()).contains(&(sent, received)));
        prop_assert_eq!(qgdcnt(&line, Columns::SentFirst), Ok(Octets { sent, received }));
    }
}
