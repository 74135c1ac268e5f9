//! posdatad is killed at random moments and started again, under traffic: no
//! byte may be lost or counted twice.
//!
//! `POSDATA_KILLS` is how often (200), `POSDATA_SEED` replays a run.
//!
//! # What a kill may not do
//!
//! While nothing destroys evidence, what is counted at the end is what the modem
//! moved, to the byte. At every moment in between it is never more, and never
//! less than what was on the disk when the kill came.
//!
//! # What "exactly one event" means
//!
//! Where evidence is destroyed, no more is counted than the modem moved, and
//! each stretch between two readings in which that happened is named by exactly
//! one recorded event with `uncounted`. So two power cycles while nobody reads
//! are one event: from outside they cannot be told from one. What left no trace
//! needs none: when the modem saved before it lost its power and nobody was
//! listening, nothing is missing and nothing need be said. An event for a change
//! that proves harmless (a port that went and came back, a line of the modem's
//! that waited in the port until posdatad was back) is allowed, but only one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(missing_docs)]

#[path = "support/mod.rs"]
mod support;

use std::thread;

use posdata_testkit::{Bytes, Dialect, Sim};
use support::dice::Dice;
use support::side_by_side::{run, scenario};
use support::terminal::Terminal;
use support::wait::{PATIENCE, until};

/// Just below 2^32: a 32-bit counter wraps when so many bytes have moved.
const fn before_wrap(bytes: u64) -> u64 {
    (1 << 32) - bytes
}

/// A modem, and how it is metered.
struct Modem {
    name: &'static str,
    dialect: Dialect,
    /// Sent and received, at the start.
    counter: (u64, u64),
    reversed: bool,
    loss_bytes_max: &'static str,
    /// What the modem is told first.
    set_up: &'static str,
}

#[rustfmt::skip]
const MODEMS: [Modem; 10] = {
    use Dialect::{Fibocom, Huawei, Meig, Quectel5g, QuectelLte, Telit, UBlox};
    const fn modem(
        name: &'static str, dialect: Dialect, counter: (u64, u64), reversed: bool,
        loss_bytes_max: &'static str, set_up: &'static str,
    ) -> Modem {
        Modem { name, dialect, counter, reversed, loss_bytes_max, set_up }
    }
    [
        modem("quectel-lte", QuectelLte, (before_wrap(300_000), 77), false, "64 KiB", "echo on"),
        modem("quectel-lte rx wraps", QuectelLte, (5, before_wrap(900_000)), false, "16 MiB", ""),
        modem("quectel-lte reversed", QuectelLte, (before_wrap(90_000), before_wrap(1_500_000)),
            true, "4 KiB", "columns reversed"),
        modem("quectel-5g", Quectel5g, (before_wrap(200_000), 231_743_605_000), false, "4 KiB", ""),
        modem("quectel-5g reversed", Quectel5g, (0, 0), true, "64 KiB", "columns reversed"),
        modem("u-blox, two contexts", UBlox, (0, 0), false, "16 MiB", "contexts 2"),
        modem("huawei", Huawei, (1, before_wrap(1)), false, "64 KiB", "prefix %"),
        modem("meig", Meig, (1 << 40, 1 << 50), false, "4 KiB", "interleave on"),
        modem("telit", Telit, (123, 456), false, "1 MiB", "contexts 3"),
        modem("fibocom", Fibocom, (0, before_wrap(500_000)), false, "256 KiB", "echo on"),
    ]
};

fn terminal(modem: &Modem, dice: &mut Dice) -> Terminal {
    let (tx, rx) = modem.counter;
    let sim = Sim::builder().dialect(modem.dialect).counter(tx, rx).seed(dice.below(1 << 32));
    let mut terminal = Terminal::with(sim);
    terminal.settings.text("meter.loss_bytes_max", modem.loss_bytes_max);
    if modem.reversed {
        terminal.settings.text("modem.columns", "reversed");
    }
    terminal.sim.apply(modem.set_up).unwrap();
    terminal
}

#[test]
fn a_kill_at_any_moment_costs_no_byte() {
    let kills: u64 = std::env::var("POSDATA_KILLS").map_or(200, |text| text.parse().unwrap());
    let seed = Dice::seed();
    println!("POSDATA_SEED={seed} POSDATA_KILLS={kills}");
    let modems = MODEMS.len() as u64;
    let scenarios = MODEMS.iter().zip(0..).map(|(modem, n)| {
        // So many each that together they are `kills`.
        let share = (kills + n) / modems;
        scenario(format!("{} killed {share} times", modem.name), move || {
            survive(modem, share, &mut Dice::new(seed ^ n));
        })
    });
    run(5, scenarios.collect());
}

fn survive(modem: &Modem, kills: u64, dice: &mut Dice) {
    let mut terminal = terminal(modem, dice);
    terminal.begin();
    // The baseline is on the disk: from here on every byte counts. The modem's run
    // is marked: without that every start would doubt it.
    terminal.await_readings();
    assert_eq!(terminal.stop(), 0);
    terminal.sim.apply("traffic rate tx 60_000 rx 140_000 &").unwrap();
    let mut saved = Bytes::new(0, 0);
    for _ in 0..kills {
        terminal.spawn();
        if dice.below(5) == 0 {
            // Perhaps before it is ready.
            thread::sleep(dice.ms(0, 60));
        } else {
            terminal.await_name();
            saved = look(&terminal, saved);
            let long = dice.below(3) == 0;
            thread::sleep(if long { dice.ms(600, 2_500) } else { dice.ms(0, 600) });
            saved = look(&terminal, saved);
        }
        terminal.kill();
    }
    terminal.start();
    terminal.sim.apply("traffic stop").unwrap();
    let usage = terminal.settle();
    let truth = terminal.sim.truth();
    let (least, most) = truth.countable();
    assert_eq!(least, most, "this script destroys nothing");
    assert_eq!((usage.tx, usage.rx), (most.tx, most.rx));
    // Whether Fibocom's session went on while nobody listened, nothing tells:
    // every start doubts it, and counts all the same.
    let doubts =
        if modem.dialect == Dialect::Fibocom { usize::try_from(kills).unwrap() + 2 } else { 0 };
    let doubted = terminal.uncounted(0);
    assert!(doubted.len() <= doubts, "nothing is missing: {doubted:#?}");
    assert_eq!(terminal.stop(), 0);
    terminal.start();
    let again = terminal.usage();
    assert_eq!((again.tx, again.rx, again.unsaved), (most.tx, most.rx, 0));
    assert_eq!(terminal.sim.truth().resets_received, 0);
}

/// Looks at the count: not more than has moved, not less than was on the disk.
/// Gives what is on the disk now.
fn look(terminal: &Terminal, saved: Bytes) -> Bytes {
    let usage = terminal.usage();
    terminal.assert_not_invented(&usage, &terminal.sim.truth());
    assert!(
        usage.rx >= saved.rx && usage.tx >= saved.tx,
        "what was on the disk is gone: {saved:?}, then {usage:?}"
    );
    // It is not told which direction the unsaved bytes are of.
    Bytes::new(usage.tx, usage.rx) - Bytes::new(usage.unsaved, usage.unsaved)
}

/// Something that destroys evidence, or looks as if it did.
struct Ruin {
    name: &'static str,
    dialect: Dialect,
    script: &'static str,
    /// How many events must name it when posdatad hears it.
    heard: (usize, usize),
    /// And when posdatad is not there.
    unheard: (usize, usize),
    /// So much moves after it that the counter has passed its last reading again:
    /// its figures alone tell nothing.
    overtakes: bool,
}

#[rustfmt::skip]
const RUINS: [Ruin; 19] = {
    use Dialect::{Fibocom, Huawei, Meig, Quectel5g, QuectelLte, Telit, UBlox};
    const fn ruin(
        name: &'static str, dialect: Dialect, script: &'static str,
        heard: (usize, usize), unheard: (usize, usize),
    ) -> Ruin {
        Ruin { name, dialect, script, heard, unheard, overtakes: false }
    }
    const fn overtaken(name: &'static str, dialect: Dialect, script: &'static str) -> Ruin {
        Ruin { name, dialect, script, heard: (1, 1), unheard: (1, 1), overtakes: true }
    }
    const ONE: (usize, usize) = (1, 1);
    const AT_MOST_ONE: (usize, usize) = (0, 1);
    [
        ruin("quectel-lte unsaved", QuectelLte, "power-cycle for 300ms", ONE, ONE),
        ruin("quectel-lte saved", QuectelLte, "save; power-cycle for 300ms", ONE, AT_MOST_ONE),
        ruin("quectel-lte swap", QuectelLte, "swap-sim", ONE, ONE),
        ruin("quectel-lte hangup", QuectelLte, "hangup for 300ms", AT_MOST_ONE, AT_MOST_ONE),
        ruin("quectel-5g reset", Quectel5g, "reset", ONE, ONE),
        ruin("telit unsaved", Telit, "power-cycle for 300ms", ONE, ONE),
        ruin("u-blox session", UBlox, "session for 300ms", ONE, ONE),
        ruin("u-blox power", UBlox, "power-cycle for 300ms", ONE, ONE),
        ruin("huawei power", Huawei, "power-cycle for 300ms", ONE, ONE),
        ruin("huawei session", Huawei, "session for 300ms", AT_MOST_ONE, AT_MOST_ONE),
        ruin("meig reset", Meig, "reset", ONE, ONE),
        ruin("fibocom session", Fibocom, "session for 300ms", ONE, ONE),
        ruin("fibocom swap", Fibocom, "swap-sim", ONE, ONE),
        ruin("fibocom hangup", Fibocom, "hangup for 300ms", AT_MOST_ONE, AT_MOST_ONE),
        overtaken("quectel-lte overtaken", QuectelLte, "power-cycle for 300ms"),
        overtaken("telit overtaken", Telit, "power-cycle for 300ms"),
        overtaken("u-blox overtaken", UBlox, "power-cycle for 300ms"),
        overtaken("huawei overtaken", Huawei, "power-cycle for 300ms"),
        overtaken("fibocom overtaken", Fibocom, "session for 300ms"),
    ]
};

/// Where posdatad is when the evidence goes.
#[derive(Clone, Copy, Debug)]
enum When {
    /// It listens, and is killed soon after.
    Listening,
    /// It listens, and is killed again and again until it has named it.
    Hunted,
    /// It is dead, and the modem loses its evidence once.
    Dead,
    /// It is dead, and the modem loses it twice.
    DeadTwice,
}

#[test]
fn destroyed_evidence_is_named_once_and_nothing_is_invented() {
    let seed = Dice::seed();
    println!("POSDATA_SEED={seed}");
    let scenarios = RUINS
        .iter()
        .zip(1_000..)
        .map(|(ruin, n)| scenario(ruin.name, move || destroy(ruin, &mut Dice::new(seed ^ n))));
    run(7, scenarios.collect());
}

fn destroy(ruin: &Ruin, dice: &mut Dice) {
    let sim = Sim::builder().dialect(ruin.dialect).counter(5_000_000, 9_000_000);
    let mut terminal = Terminal::with(sim.seed(dice.below(1 << 32)));
    terminal.begin();
    for when in [When::Listening, When::Dead, When::Hunted, When::DeadTwice] {
        round(&mut terminal, ruin, when, dice);
    }
    assert_eq!(terminal.sim.truth().resets_received, 0);
    assert_eq!(terminal.stop(), 0);
}

fn round(terminal: &mut Terminal, ruin: &Ruin, when: When, dice: &mut Dice) {
    // Much is read, a little is not, and after the loss even less moves: so that
    // a counter which starts again has visibly fallen, unless it overtakes.
    terminal.sim.apply("traffic tx 300_000 rx 900_000").unwrap();
    terminal.await_readings();
    let before = terminal.last_event();
    if matches!(when, When::Dead | When::DeadTwice) {
        terminal.kill();
    }
    terminal.sim.apply("traffic tx 3_000 rx 5_000").unwrap();
    let counter = terminal.sim.truth().counter;
    apply(terminal, ruin.script, dice);
    terminal.sim.apply("traffic tx 700 rx 1_100").unwrap();
    if ruin.overtakes {
        terminal.sim.apply(&format!("traffic tx {} rx {}", counter.tx, counter.rx)).unwrap();
    }
    if matches!(when, When::DeadTwice) {
        apply(terminal, ruin.script, dice);
        terminal.sim.apply("traffic tx 11 rx 13").unwrap();
    }
    let kills = match when {
        When::Listening => 1,
        When::Hunted => 4,
        When::Dead | When::DeadTwice => 0,
    };
    for _ in 0..kills {
        thread::sleep(dice.ms(0, 1_500));
        terminal.kill();
        terminal.start();
        terminal.assert_not_invented(&terminal.usage(), &terminal.sim.truth());
    }
    if kills == 0 {
        terminal.start();
    }
    // The first reading after a start is asked for twice, and what it doubts is
    // named behind the next.
    terminal.await_readings();
    terminal.await_readings();
    let (least, most) = match when {
        When::Listening | When::Hunted => ruin.heard,
        When::Dead | When::DeadTwice => ruin.unheard,
    };
    // A kill may have taken what posdatad alone had heard: then the counter's
    // fall is left to tell it, and a counter that did not fall has lost nothing.
    let least = if kills > 0 { least.min(ruin.unheard.0) } else { least };
    let named = until("the event", || {
        let named = terminal.uncounted(before);
        (named.len() >= least).then_some(named)
    });
    // It stays at that, however often it is read.
    terminal.await_readings();
    let named_later = terminal.uncounted(before);
    assert_eq!(named, named_later, "{when:?}: named once more");
    assert!(named.len() <= most, "{when:?}: {} events name it: {named:#?}", named.len());
    check_counts(terminal, when);
}

/// Nothing is invented for the SIM that is in, and what no event doubts is all there.
fn check_counts(terminal: &Terminal, when: When) {
    terminal.sim.wait_polls(1, PATIENCE).unwrap();
    let truth = terminal.sim.truth();
    let usage = terminal.usage();
    let (_, most) = truth.countable_by(truth.iccid.as_deref().unwrap());
    assert!(
        usage.tx <= most.tx && usage.rx <= most.rx,
        "{when:?}: counted {usage:?}, at most {most:?}"
    );
}

fn apply(terminal: &Terminal, script: &str, dice: &mut Dice) {
    // Every swap brings a card that was never in.
    let card = format!("swap-sim 898600{:014}", dice.below(99_999_999_999_999));
    terminal.sim.apply(&script.replace("swap-sim", &card)).unwrap();
}
