//! Every maker's modem: who it is, what it counts, where it was, what time it is.

use posdata_testkit::{Dialect, Sim};

use crate::AT_ONCE;
use crate::support::client::ADMIN;
use crate::support::side_by_side::{run, scenario};
use crate::support::terminal::Terminal;
use crate::support::wait::until;

#[test]
fn every_dialect_is_metered_to_the_byte() {
    let scenarios = Dialect::ALL.into_iter().map(|dialect| {
        scenario(format!("dialect {}", dialect.name()), move || metered(dialect, false))
    });
    let reversed = [Dialect::QuectelLte, Dialect::Quectel5g].into_iter().map(|dialect| {
        scenario(format!("dialect {} reversed", dialect.name()), move || metered(dialect, true))
    });
    run(AT_ONCE, scenarios.chain(reversed).collect());
}

fn metered(dialect: Dialect, reversed: bool) {
    let sim = Sim::builder().dialect(dialect).seed(31).counter(1_234, 5_678);
    let mut terminal = Terminal::with(sim);
    if reversed {
        terminal.sim.apply("columns reversed").unwrap();
        terminal.settings.text("modem.columns", "reversed");
    }
    terminal.begin();
    let usage = terminal.usage();
    assert_eq!((usage.rx, usage.tx), (0, 0), "nothing before the baseline counts");
    assert_eq!(usage.source.as_deref(), Some("at"));

    identity(&terminal);

    terminal.sim.apply("traffic tx 4_321 rx 1_000_007").unwrap();
    let usage = terminal.settle();
    assert_eq!((usage.tx, usage.rx), (4_321, 1_000_007));
    assert_eq!((usage.roaming_tx, usage.roaming_rx), (0, 0));

    terminal.sim.apply("roaming on").unwrap();
    until("roaming", || (terminal.client.usage()?.is_roaming == Some(true)).then_some(()));
    terminal.sim.apply("traffic tx 11 rx 50_021").unwrap();
    let usage = terminal.settle();
    assert_eq!((usage.roaming_tx, usage.roaming_rx), (11, 50_021));
    terminal.sim.apply("roaming off").unwrap();
    until("home", || (terminal.client.usage()?.is_roaming == Some(false)).then_some(()));
    terminal.sim.apply("traffic tx 13 rx 17").unwrap();
    let usage = terminal.settle();
    assert_eq!((usage.roaming_tx, usage.roaming_rx), (11, 50_021));
    assert_eq!((usage.tx, usage.rx), (4_321 + 11 + 13, 1_000_007 + 50_021 + 17));

    the_same_card_in_other_writing(&mut terminal, usage.total());
    assert_eq!(terminal.uncounted(0), []);
    assert_eq!(terminal.sim.truth().resets_received, 0);
    assert_eq!(terminal.stop(), 0);
}

fn identity(terminal: &Terminal) {
    let truth = terminal.sim.truth();
    let source = terminal.client.source().expect("Admin1 answers");
    assert_eq!(source.text("imei"), Some(truth.imei.clone()));
    for key in ["manufacturer", "model", "revision", "counter"] {
        assert!(source.text(key).is_some_and(|text| !text.is_empty()), "{key} is unknown");
    }
    assert_eq!(source.number("poll_ms"), Some(1_000));
    assert_eq!(iccid(terminal), truth.iccid.unwrap()[..19]);
    // The network's time (NITZ) is trusted, the terminal's own clock is not.
    until("the time", || {
        let events = terminal.client.events(0)?;
        events.into_iter().find(|event| event.kind == "time_trusted")
    });
    assert!(terminal.usage().as_of.is_some());
    assert!(terminal.client.call(ADMIN, "SourceInfo", &()).is_ok());
}

/// The card's number as it is compared: its first 19 characters.
fn iccid(terminal: &Terminal) -> String {
    let balance = terminal.client.balance().unwrap();
    balance.text("Iccid").expect("the card's number is known")[..19].to_owned()
}

/// However the modem writes the number, it is the same card.
fn the_same_card_in_other_writing(terminal: &mut Terminal, counted: u64) {
    let before = iccid(terminal);
    for form in ["swapped", "trailing-f"] {
        terminal.sim.apply(&format!("iccid-form {form}")).unwrap();
        assert_eq!(terminal.stop(), 0);
        terminal.start();
        terminal.await_readings();
        assert_eq!(iccid(terminal), before, "{form}");
        assert_eq!(terminal.usage().total(), counted, "{form}");
    }
    let changes = terminal.events(0).into_iter().filter(|event| event.kind == "sim_change");
    assert_eq!(changes.count(), 0);
}
