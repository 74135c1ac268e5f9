//! The kernel's counters: a source of its own on `lo`, with real traffic, and
//! the cross-check of a modem.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use posdata_testkit::Sim;

use crate::AT_ONCE;
use crate::support::side_by_side::{run, scenario};
use crate::support::terminal::Terminal;
use crate::support::wait::until;

#[test]
fn the_kernels_counters_are_metered_and_compared() {
    run(
        AT_ONCE,
        vec![
            scenario("netdev lo", netdev),
            scenario("netdev missing", missing),
            scenario("cross-check", cross_check),
        ],
    );
}

/// The kernel's counters of `lo`: received, sent.
fn lo() -> (u64, u64) {
    let read = |name| {
        let path = format!("/sys/class/net/lo/statistics/{name}_bytes");
        fs::read_to_string(path).unwrap().trim().parse().unwrap()
    };
    (read("rx"), read("tx"))
}

/// Moves real bytes over 127.0.0.1.
fn move_bytes(bytes: usize) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let sender = thread::spawn(move || {
        TcpStream::connect(address).unwrap().write_all(&vec![7; bytes]).unwrap();
    });
    let mut received = Vec::new();
    listener.accept().unwrap().0.read_to_end(&mut received).unwrap();
    sender.join().unwrap();
    assert_eq!(received.len(), bytes);
}

fn netdev() {
    const BYTES: u64 = 300_000;
    let mut terminal = Terminal::with(Sim::builder());
    terminal.settings.text("modem.source", "netdev").text("modem.interface", "lo");
    terminal.settings.without("modem.port");
    let before_all = lo();
    terminal.begin();
    assert_eq!(terminal.usage().source.as_deref(), Some("netdev"));
    let events = terminal.events(0);
    let baseline = events.iter().find(|event| event.kind == "baseline").unwrap();
    let baseline = (baseline.seen_rx.unwrap(), baseline.seen_tx.unwrap());
    assert!(baseline >= before_all && baseline <= lo());

    move_bytes(usize::try_from(BYTES).unwrap());
    let after = lo();
    // Others may use lo as well: what is counted lies between two looks at it.
    let usage = until("the traffic to be counted", || {
        let usage = terminal.client.usage()?;
        (usage.rx >= after.0 - baseline.0 && usage.tx >= after.1 - baseline.1).then_some(usage)
    });
    let later = lo();
    assert!(usage.rx >= BYTES && usage.tx >= BYTES);
    assert!(usage.rx <= later.0 - baseline.0 && usage.tx <= later.1 - baseline.1, "{usage:?}");

    // A kill costs nothing: the kernel counts on.
    terminal.kill();
    move_bytes(usize::try_from(BYTES).unwrap());
    let after = lo();
    terminal.start();
    let usage = until("the traffic to be counted", || {
        let usage = terminal.client.usage()?;
        (usage.rx >= after.0 - baseline.0).then_some(usage)
    });
    assert!(usage.rx <= lo().0 - baseline.0, "{usage:?}");
    assert_eq!(terminal.uncounted(0), []);
    assert_eq!(terminal.stop(), 0);
}

fn missing() {
    let mut terminal = Terminal::with(Sim::builder());
    terminal.settings.text("modem.source", "netdev").text("modem.interface", "wwan77");
    terminal.start();
    until("the fault", || terminal.client.source()?.text("fault"));
    let source = terminal.client.source().unwrap();
    assert_eq!(source.text("fault").as_deref(), Some("missing"));
    assert_eq!(terminal.usage().source, None);
    // Said once, however often it is looked for.
    thread::sleep(std::time::Duration::from_millis(2_500));
    assert_eq!(terminal.times_said("event=source_fault"), 1);
    assert_eq!(terminal.stop(), 0);
}

fn cross_check() {
    let mut terminal = Terminal::with(Sim::builder());
    terminal.settings.text("modem.interface", "lo").text("meter.cross_check", "2 MiB");
    terminal.begin();
    // Both have been read; then the modem alone moves much.
    terminal.await_readings();
    terminal.sim.apply("traffic tx 1_000_000 rx 9_000_000").unwrap();
    let usage = terminal.settle();
    assert_eq!((usage.tx, usage.rx), (1_000_000, 9_000_000), "what is compared is not changed");
    until("the disagreement", || {
        let events = terminal.client.events(0)?;
        events.into_iter().find(|event| event.kind == "cross_check")
    });
    terminal.await_readings();
    assert_eq!(terminal.times_said("event=cross_check"), 1, "said once");
    assert_eq!(terminal.stop(), 0);
}
