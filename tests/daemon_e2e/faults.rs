//! Every dialect and every fault of the script language: the count is exact, or
//! not more than is true and one event says so; a fault is said once, and once
//! that it is over.

use posdata_testkit::{Bytes, Dialect, Sim};

use crate::support::side_by_side::{run, scenario};
use crate::support::terminal::Terminal;
use crate::support::wait::until;

/// A fault of the line, which costs no byte.
struct Line {
    /// What is done to the modem, and undone when everything is counted.
    script: &'static str,
    undo: &'static str,
    /// How many faults the journal names, at least and at most.
    said: (usize, usize),
}

#[rustfmt::skip]
const LINE: [Line; 18] = {
    const fn line(script: &'static str, undo: &'static str, said: (usize, usize)) -> Line {
        Line { script, undo, said }
    }
    const NEVER: (usize, usize) = (0, 0);
    const PERHAPS: (usize, usize) = (0, 1);
    const ONCE: (usize, usize) = (1, 1);
    [
        line("echo on", "echo off", NEVER),
        line("interleave on", "interleave off", NEVER),
        line("slow 2ms", "slow off", NEVER),
        line("garbage 40", "", PERHAPS),
        line("garbage 16 in reply", "", PERHAPS),
        line("half-line", "", PERHAPS),
        line("truncate 5", "", PERHAPS),
        line("truncate 1", "", PERHAPS),
        line("drop 1", "", PERHAPS),
        line("drop 3", "", PERHAPS),
        line("drop 12", "", PERHAPS),
        line("error next", "", PERHAPS),
        line("error \"+CME ERROR: 14\" counter", "", PERHAPS),
        line("error \"+CME ERROR: \" counter", "", PERHAPS),
        line("urc \"+CMTI: \\\"SM\\\",3\"; urc \"RING\"; urc \"^RSSI: 12\"; urc \"OK\"", "", PERHAPS),
        line("clock unset", "clock +0h", NEVER),
        line("silence 2s &", "", PERHAPS),
        // Long enough to be a fault: a lost answer or two is none.
        line("silence 12s &", "", ONCE),
    ]
};

/// What takes bytes along, or looks as if it did.
struct Loss {
    script: &'static str,
    /// Faults that the journal may name.
    said_most: usize,
}

const LOSSES: [Loss; 9] = [
    Loss { script: "power-cycle for 500ms", said_most: 1 },
    Loss { script: "save; power-cycle for 500ms", said_most: 1 },
    Loss { script: "session for 500ms", said_most: 0 },
    Loss { script: "reset", said_most: 0 },
    Loss { script: "sim out; wait 1500ms; sim in", said_most: 1 },
    Loss { script: "swap-sim 89860012345678901234 460011234567890", said_most: 1 },
    // Gone, then not there yet: two kinds of fault, each said once.
    Loss { script: "hangup for 1s", said_most: 2 },
    Loss { script: "hangup for 4s", said_most: 2 },
    Loss { script: "hangup for 0s", said_most: 1 },
];

#[test]
fn every_fault_is_survived_by_every_dialect() {
    let mut scenarios = Vec::new();
    for dialect in Dialect::ALL {
        let name = dialect.name();
        for (faults, n) in LINE.chunks(LINE.len().div_ceil(3)).zip(1..) {
            let name = format!("line faults {n}, {name}");
            scenarios.push(scenario(name, move || lines(dialect, faults)));
        }
        for (kinds, n) in LOSSES.chunks(LOSSES.len().div_ceil(3)).zip(1..) {
            let name = format!("losses {n}, {name}");
            scenarios.push(scenario(name, move || losses(dialect, kinds)));
        }
    }
    // The modem is waited for nearly all the time.
    run(24, scenarios);
}

fn begin(dialect: Dialect) -> Terminal {
    let mut terminal = Terminal::with(Sim::builder().dialect(dialect).counter(70_000, 90_000));
    terminal.begin();
    terminal
}

/// The journal's lines about faults of the source: begun, ended.
fn said(terminal: &Terminal) -> (usize, usize) {
    (terminal.times_said("event=source_fault"), terminal.times_said("event=source_recovered"))
}

fn lines(dialect: Dialect, faults: &[Line]) {
    let mut terminal = begin(dialect);
    for (fault, n) in faults.iter().zip(1_u64..) {
        let (event, before) = (terminal.last_event(), said(&terminal));
        terminal.sim.apply(&format!("traffic tx {} rx {}", n * 101, n * 10_007)).unwrap();
        terminal.sim.apply(fault.script).unwrap();
        terminal.sim.apply(&format!("traffic tx {} rx {}", n * 103, n * 5_003)).unwrap();
        if fault.said.0 > 0 {
            let begun = || (said(&terminal).0 > before.0).then_some(());
            until(&format!("a fault because of: {}", fault.script), begun);
        }
        let usage = terminal.settle();
        let (_, most) = terminal.sim.truth().countable();
        assert_eq!((usage.tx, usage.rx), (most.tx, most.rx), "{}", fault.script);
        // What the journal says of it, it has said when all is well again.
        terminal.await_readings();
        until(&format!("the end of: {}", fault.script), || {
            let now = said(&terminal);
            (now.0 == now.1 && terminal.client.usage()?.source.is_some()).then_some(())
        });
        let times = said(&terminal).0 - before.0;
        let (least, most) = fault.said;
        assert!((least..=most).contains(&times), "{}: said {times} times", fault.script);
        let doubted = terminal.uncounted(event);
        assert_eq!(doubted, [], "{}", fault.script);
        terminal.sim.apply(fault.undo).unwrap();
    }
    assert_eq!(terminal.sim.truth().resets_received, 0);
    assert_eq!(terminal.stop(), 0);
}

fn losses(dialect: Dialect, kinds: &[Loss]) {
    let mut terminal = begin(dialect);
    let first_card = terminal.sim.truth().iccid.unwrap();
    for loss in kinds {
        lose(&terminal, loss);
    }
    // The first card again: its count goes on where it was.
    let counted = terminal.sim.truth().countable_by(&first_card);
    terminal.sim.apply(&format!("swap-sim {first_card}")).unwrap();
    until("the first card's count", || {
        let usage = terminal.client.usage()?;
        let (least, most) = counted;
        let rx = (least.rx..=most.rx).contains(&usage.rx);
        (rx && (least.tx..=most.tx).contains(&usage.tx)).then_some(())
    });
    assert_eq!(terminal.sim.truth().resets_received, 0);
    assert_eq!(terminal.stop(), 0);
}

fn lose(terminal: &Terminal, loss: &Loss) {
    let script = loss.script;
    // Much is read, so that a counter that starts again has fallen.
    terminal.sim.apply("traffic tx 200_000 rx 700_000").unwrap();
    terminal.await_readings();
    let (event, before) = (terminal.last_event(), said(terminal));
    let events_before = terminal.sim.truth().events.len();
    terminal.sim.apply("traffic tx 300 rx 5_000").unwrap();
    terminal.sim.apply(script).unwrap();
    terminal.sim.apply("traffic tx 70 rx 110").unwrap();
    terminal.await_readings();

    let truth = terminal.sim.truth();
    let lost = truth.events[events_before..]
        .iter()
        .map(|event| event.lost.sum() + event.doubtful.sum())
        .sum::<u64>();
    let what = format!("{script}: {lost} bytes are lost, and an event that says so");
    until(&what, || (lost == 0 || !terminal.uncounted(event).is_empty()).then_some(()));
    // A counter that fell is believed when a second reading goes on from it:
    // what moves until then may be left out.
    terminal.settle_without(if lost > 0 { Bytes::new(70, 110) } else { Bytes::default() });
    terminal.await_readings();
    let named = terminal.uncounted(event);
    assert!(named.len() <= 1, "{script}: named more than once: {named:#?}");
    let now = said(terminal);
    assert_eq!(now.0 - before.0 > 0, now.1 - before.1 > 0, "{script}: a fault without an end");
    assert!(now.0 - before.0 <= loss.said_most, "{script}: said {} times", now.0 - before.0);
    assert!(now.1 - before.1 <= 1, "{script}: its end was said more than once");
    // And it counts on.
    let usage = terminal.usage();
    terminal.sim.apply("traffic tx 5 rx 6").unwrap();
    until("the count to go on", || {
        (terminal.client.usage()?.total() == usage.total() + 11).then_some(())
    });
}
