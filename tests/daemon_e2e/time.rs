//! The time: no clock is trusted before somebody vouches for it, and what was
//! counted until then finds its place afterwards.

use posdata_testkit::Sim;

use crate::AT_ONCE;
use crate::support::side_by_side::{run, scenario};
use crate::support::terminal::Terminal;
use crate::support::wait::until;

#[test]
fn time_is_trusted_when_somebody_vouches_for_it() {
    run(AT_ONCE, vec![scenario("untrusted time", untrusted)]);
}

fn untrusted() {
    let mut terminal = Terminal::with(Sim::builder());
    terminal.sim.apply("clock unset").unwrap();
    terminal.begin();
    if terminal.events(0).iter().any(|event| event.trust == "ntp") {
        println!("SKIPPED: this machine's clock is held by NTP, so its time is trusted");
        return;
    }
    terminal.sim.apply("traffic tx 1_000 rx 20_000").unwrap();
    let usage = terminal.settle();
    assert_eq!((usage.tx, usage.rx, usage.as_of), (1_000, 20_000, None));
    assert_eq!(terminal.client.balance().unwrap().number("AsOf"), None);
    assert_eq!(terminal.client.history("hour"), Ok(vec![]), "it lies nowhere in time yet");

    // It waits on the disk as well.
    assert_eq!(terminal.stop(), 0);
    terminal.start();
    assert_eq!(terminal.usage().total(), 21_000);
    assert_eq!(terminal.client.history("hour"), Ok(vec![]));
    assert_eq!(terminal.stop(), 0);

    terminal.sim.apply("clock +0h").unwrap();
    terminal.start();
    until("the time", || terminal.client.usage()?.as_of);
    for granularity in ["five_minutes", "hour", "day", "month", "year"] {
        let slots = until(granularity, || {
            let slots = terminal.client.history(granularity).unwrap();
            (!slots.is_empty()).then_some(slots)
        });
        // All of it happened within these seconds: in one slot, or in two.
        let sum = slots.iter().fold((0, 0), |sum, slot| (sum.0 + slot.1, sum.1 + slot.2));
        assert_eq!(sum, (20_000, 1_000), "{granularity}");
    }
    assert_eq!(terminal.usage().total(), 21_000, "nothing is counted again");
    assert_eq!(terminal.stop(), 0);
}
