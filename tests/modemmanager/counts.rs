//! What is counted and what is said, beside a ModemManager that does what the
//! test wants.

use std::process::Command;

use posdata_testkit::Sim;

use crate::fake::{Fake, World, modem};
use crate::support::bus::{Bus, Policy};
use crate::support::client::Event;
use crate::support::side_by_side::{run, scenario};
use crate::support::terminal::Terminal;
use crate::support::wait::until;

#[test]
fn what_modemmanager_counts_is_counted_to_the_byte() {
    run(
        8,
        vec![
            scenario("connections", connections),
            scenario("killed", killed),
            scenario("bearers come and go", bearers),
            scenario("ModemManager comes and goes", manager),
            scenario("SIMs", sims),
            scenario("roaming and time", network),
            scenario("faults", faults),
            scenario("several modems", several),
            scenario("the bus comes and goes", bus),
            scenario("the kernel closes the end", kernel),
        ],
    );
}

fn terminal() -> Terminal {
    let mut terminal = Terminal::on(Bus::with(Policy::WithModemManager), Sim::builder());
    terminal.settings.text("modem.source", "modemmanager").without("modem.port");
    terminal
}

/// posdatad beside a modem with bearer 0, its baseline taken.
fn begun() -> (Terminal, Fake) {
    let mut terminal = terminal();
    let fake = Fake::start(&terminal.address(), World::with_modem());
    fake.add_bearer(0, 0);
    terminal.begin();
    (terminal, fake)
}

/// Waits until exactly so much is counted.
fn counted(terminal: &Terminal, rx: u64, tx: u64) {
    let mut seen = None;
    let found = crate::support::wait::within(crate::support::wait::PATIENCE, || {
        let usage = terminal.client.usage()?;
        seen = Some((usage.rx, usage.tx));
        (seen == Some((rx, tx))).then_some(())
    });
    assert!(found.is_some(), "counted {seen:?}, not {:?}", (rx, tx));
}

/// Waits for an event of that kind after event `after`.
fn event(terminal: &Terminal, kind: &str, after: u64) -> Event {
    until(&format!("an event {kind}"), || {
        terminal.client.events(after)?.into_iter().find(|event| event.kind == kind)
    })
}

fn connections() {
    let (mut terminal, fake) = begun();
    assert_eq!(terminal.usage().source.as_deref(), Some("modemmanager"));
    let source = terminal.client.source().unwrap();
    assert_eq!(source.text("imei").as_deref(), Some("860000000000000"));
    assert_eq!(source.text("model").as_deref(), Some("EC25"));
    terminal.await_said("its figures are up to 30 s old");
    fake.connect(0, "");
    fake.count(0, 70_000, 3_000);
    counted(&terminal, 70_000, 3_000);
    fake.count(0, 5, 7);
    counted(&terminal, 70_005, 3_007);
    assert_eq!(terminal.uncounted(0), []);
    // There is no interface to look at: the end is a gap.
    let before = terminal.last_event();
    fake.disconnect(0);
    let gap = event(&terminal, "gap", before);
    assert!(gap.uncounted && gap.counted == 0, "{gap:?}");
    assert!(gap.detail.contains("its last figure could not be read"), "{}", gap.detail);
    // The totals go on.
    fake.connect(0, "");
    fake.count(0, 1_000, 1_000);
    counted(&terminal, 71_005, 4_007);
    assert_eq!(terminal.uncounted(gap.id), []);
    // Said once, and the stats are not asked for: they are told.
    let asked = fake.asked("GetAll");
    fake.count(0, 1, 1);
    counted(&terminal, 71_006, 4_008);
    assert_eq!(fake.asked("GetAll"), asked);
    assert_eq!(terminal.stop(), 0);
}

fn killed() {
    let (mut terminal, fake) = begun();
    fake.connect(0, "");
    fake.count(0, 70_000, 3_000);
    counted(&terminal, 70_000, 3_000);
    until("it to be saved", || (terminal.client.usage()?.unsaved == 0).then_some(()));
    // In the same connection nothing is lost.
    terminal.kill();
    fake.count(0, 500, 50);
    terminal.start();
    counted(&terminal, 70_500, 3_050);
    assert_eq!(terminal.uncounted(0), []);
    // An end that it did not see is said, and the totals are counted.
    let before = terminal.last_event();
    assert_eq!(terminal.stop(), 0);
    fake.disconnect(0);
    fake.connect(0, "");
    fake.count(0, 40, 4);
    terminal.start();
    counted(&terminal, 70_540, 3_054);
    let gap = event(&terminal, "gap", before);
    assert!(gap.uncounted && gap.counted == 44, "{gap:?}");
    assert_eq!(terminal.uncounted(gap.id), []);
    assert_eq!(terminal.stop(), 0);
}

fn bearers() {
    let (mut terminal, fake) = begun();
    fake.connect(0, "");
    fake.count(0, 70_000, 3_000);
    fake.disconnect(0);
    counted(&terminal, 70_000, 3_000);
    let gap = event(&terminal, "gap", 0);
    // A bearer without a connection leaves nothing behind; a new one counts whole.
    fake.remove_bearer(0, 0);
    fake.add_bearer(1, 0);
    fake.add_bearer(2, 0);
    fake.connect(1, "");
    fake.connect(2, "");
    fake.count(1, 100, 10);
    fake.count(2, 5, 5);
    counted(&terminal, 70_105, 3_015);
    assert_eq!(terminal.uncounted(gap.id), []);
    // One that goes in the middle of a connection does.
    fake.remove_bearer(2, 0);
    let gap = event(&terminal, "gap", gap.id);
    assert!(gap.uncounted, "{gap:?}");
    fake.count(1, 1, 1);
    counted(&terminal, 70_106, 3_016);
    // Totals that fall, and stats that are none, are never taken for traffic.
    fake.bearer(1, |bearer| bearer.total = (7, 7));
    event(&terminal, "gap", gap.id);
    fake.count(1, 2, 2);
    counted(&terminal, 70_108, 3_018);
    fake.bearer(1, |bearer| bearer.strange = true);
    event(&terminal, "source_fault", 0);
    assert_eq!(terminal.client.source().unwrap().text("fault").as_deref(), Some("no_counter"));
    assert_eq!(terminal.stop(), 0);
}

fn manager() {
    let mut terminal = terminal();
    terminal.start();
    let fault = event(&terminal, "source_fault", 0);
    assert!(fault.detail.contains("is it installed and running"), "{}", fault.detail);
    let fake = Fake::start(&terminal.address(), World::with_modem());
    event(&terminal, "source_recovered", fault.id);
    fake.add_bearer(0, 0);
    terminal.await_baseline();
    fake.connect(0, "");
    fake.count(0, 70_000, 3_000);
    counted(&terminal, 70_000, 3_000);
    let before = terminal.last_event();
    drop(fake);
    // What moved after its last look is gone with it.
    let gap = event(&terminal, "gap", before);
    assert!(gap.uncounted && gap.counted == 0, "{gap:?}");
    let fault = event(&terminal, "source_fault", before);
    // Another run of it: the same paths, other totals, all since.
    let fake = Fake::start(&terminal.address(), World::with_modem());
    fake.add_bearer(0, 0);
    fake.connect(0, "");
    fake.count(0, 90_000, 9_000);
    counted(&terminal, 160_000, 12_000);
    event(&terminal, "source_recovered", fault.id);
    assert_eq!(terminal.times_said("is it installed and running"), 2);
    assert_eq!(terminal.stop(), 0);
}

fn sims() {
    let (mut terminal, fake) = begun();
    let iccid = |terminal: &Terminal| terminal.client.balance()?.text("Iccid");
    fake.connect(0, "");
    fake.count(0, 70_000, 3_000);
    fake.disconnect(0);
    counted(&terminal, 70_000, 3_000);
    // The card is taken out: the modem is set up anew, and fails.
    fake.unplug(0);
    let without = crate::fake::Modem { state: -1, failed_reason: 2, sim: None, ..modem(0) };
    fake.plug(1, without);
    terminal.await_said("no_sim");
    fake.unplug(1);
    // Another card: all that moves now is its own.
    fake.world().sims.insert(7, "89860099999999999999".to_owned());
    fake.plug(2, crate::fake::Modem { sim: Some(7), ..modem(0) });
    until("the other card", || (iccid(&terminal)? == "89860099999999999999").then_some(()));
    fake.add_bearer(5, 2);
    fake.connect(5, "");
    fake.count(5, 11, 13);
    counted(&terminal, 11, 13);
    let change = event(&terminal, "sim_change", 0);
    assert!(!change.uncounted, "every bearer of the old one had ended: {change:?}");
    // The first one again.
    fake.unplug(2);
    fake.plug(3, modem(0));
    fake.add_bearer(6, 3);
    counted(&terminal, 70_000, 3_000);
    assert_eq!(terminal.stop(), 0);
}

fn network() {
    let (mut terminal, fake) = begun();
    assert_eq!(terminal.usage().is_roaming, Some(false));
    fake.connect(0, "");
    fake.count(0, 70_000, 3_000);
    counted(&terminal, 70_000, 3_000);
    fake.modem(0, |modem| modem.registration = 5);
    until("roaming", || (terminal.client.usage()?.is_roaming == Some(true)).then_some(()));
    // Searching says nothing.
    fake.modem(0, |modem| modem.registration = 2);
    fake.count(0, 10, 20);
    counted(&terminal, 70_010, 3_020);
    fake.modem(0, |modem| modem.registration = 1);
    until("home", || (terminal.client.usage()?.is_roaming == Some(false)).then_some(()));
    fake.count(0, 1, 2);
    counted(&terminal, 70_011, 3_022);
    let usage = terminal.usage();
    assert_eq!((usage.roaming_rx, usage.roaming_tx), (10, 20));
    // The time, as ModemManager writes it.
    fake.world().time = Some("2026-11-27T01:54:49+08".to_owned());
    assert_eq!(terminal.stop(), 0);
    terminal.start();
    event(&terminal, "time_trusted", 0);
    assert_eq!(terminal.stop(), 0);
}

fn faults() {
    let (mut terminal, fake) = begun();
    // A modem that is driven by PPP has no figures.
    fake.world().bearers.get_mut(&0).unwrap().reloads = false;
    fake.modem(0, |modem| modem.state = 9);
    fake.connect(0, "ttyUSB0");
    let fault = event(&terminal, "source_fault", 0);
    assert!(fault.detail.contains("no counters of this modem's connection"), "{}", fault.detail);
    assert!(fault.detail.contains("ttyUSB0"), "{}", fault.detail);
    let before = terminal.last_event();
    fake.disconnect(0);
    assert!(event(&terminal, "gap", before).uncounted);
    event(&terminal, "source_recovered", before);
    // The modem is gone, and comes back.
    fake.unplug(0);
    let gone = event(&terminal, "source_fault", before);
    assert!(gone.detail.contains("knows no modem"), "{}", gone.detail);
    fake.plug(1, modem(0));
    event(&terminal, "source_recovered", gone.id);
    // It could not be set up.
    fake.modem(1, |modem| (modem.state, modem.failed_reason) = (-1, 4));
    let failed = event(&terminal, "source_fault", gone.id);
    assert!(failed.detail.contains("could not set the modem up"), "{}", failed.detail);
    fake.modem(1, |modem| (modem.state, modem.failed_reason) = (8, 0));
    event(&terminal, "source_recovered", failed.id);
    assert_eq!(terminal.times_said("event=source_fault"), 3);
    assert_eq!(terminal.stop(), 0);
}

fn several() {
    let mut terminal = terminal();
    let mut world = World::with_modem();
    world.modems.insert(1, modem(1));
    world.sims.insert(1, "89860011111111111111".to_owned());
    let fake = Fake::start(&terminal.address(), world);
    terminal.start();
    let fault = event(&terminal, "source_fault", 0);
    assert!(fault.detail.contains("knows 2 modems"), "{}", fault.detail);
    assert!(fault.detail.contains("IMEI 860000000000001, port cdc-wdm1"), "{}", fault.detail);
    terminal.settings.text("modem.device", "/dev/cdc-wdm1");
    terminal.reload();
    terminal.await_baseline();
    let imei = || terminal.client.source()?.text("imei");
    until("the named modem", || (imei()? == "860000000000001").then_some(()));
    fake.add_bearer(3, 1);
    fake.add_bearer(4, 0);
    fake.connect(3, "");
    fake.connect(4, "");
    fake.count(3, 100, 10);
    fake.count(4, 5_000, 5_000);
    fake.count(3, 1, 1);
    counted(&terminal, 101, 11);
    assert_eq!(terminal.stop(), 0);
}

fn bus() {
    let (mut terminal, fake) = begun();
    fake.connect(0, "");
    fake.count(0, 70_000, 3_000);
    counted(&terminal, 70_000, 3_000);
    let world = fake.world().clone();
    terminal.bus.kill();
    drop(fake);
    terminal.await_said("the bus is gone");
    terminal.bus.start_again();
    let mut world = world;
    world.bearers.get_mut(&0).unwrap().total = (600, 60);
    let fake = Fake::start(&terminal.address(), world);
    terminal.client = crate::support::client::Client::on(&terminal.address());
    terminal.await_name();
    counted(&terminal, 70_600, 3_060);
    fake.count(0, 1, 1);
    counted(&terminal, 70_601, 3_061);
    // The end of the one run, and the beginning of the other, whenever that was.
    let gaps: Vec<String> = terminal.uncounted(0).into_iter().map(|event| event.kind).collect();
    assert_eq!(gaps, ["gap", "reset"]);
    assert_eq!(terminal.stop(), 0);
}

/// posdatad sees a network of its own, where nothing moves but what the test sends.
fn kernel() {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("the kernel's counter of a network of its own needs root: left out");
        return;
    }
    let mut terminal = terminal();
    let own = "ip link set lo up && mount -t sysfs sysfs /sys && exec \"$@\"";
    let words = ["unshare", "-m", "-n", "--propagation", "private", "sh", "-ec", own, "sh"];
    terminal.through = words.map(str::to_owned).into();
    let fake = Fake::start(&terminal.address(), World::with_modem());
    fake.add_bearer(0, 0);
    terminal.begin();
    fake.connect(0, "lo");
    fake.count(0, 70_000, 3_000);
    counted(&terminal, 70_000, 3_000);
    let look = lo(&mut terminal);
    send(&mut terminal, 1_234);
    let end = lo(&mut terminal);
    let left = (end.0 - look.0, end.1 - look.1);
    assert!(left.0 > 1_234 && left.1 > 1_234, "{left:?}");
    fake.disconnect(0);
    counted(&terminal, 70_000 + left.0, 3_000 + left.1);
    let gap = event(&terminal, "gap", 0);
    assert_eq!((gap.counted, gap.uncounted), (left.0 + left.1, true), "{gap:?}");
    assert!(gap.detail.contains("the kernel's counter of its interface"), "{}", gap.detail);
    // Traffic outside a connection is nobody's.
    send(&mut terminal, 555);
    fake.connect(0, "lo");
    fake.count(0, 0, 0);
    fake.count(0, 0, 0);
    let usage = terminal.usage();
    // Nothing moved since the look before the last: nothing can be missing.
    fake.disconnect(0);
    fake.connect(0, "lo");
    fake.count(0, 8, 9);
    counted(&terminal, usage.rx + 8, usage.tx + 9);
    assert_eq!(terminal.uncounted(gap.id), []);
    // ModemManager itself is gone: the same.
    let look = lo(&mut terminal);
    send(&mut terminal, 99);
    let end = lo(&mut terminal);
    drop(fake);
    let left = (end.0 - look.0, end.1 - look.1);
    counted(&terminal, usage.rx + 8 + left.0, usage.tx + 9 + left.1);
    assert_eq!(terminal.uncounted(gap.id).len(), 1);
    assert_eq!(terminal.stop(), 0);
}

fn inside(terminal: &mut Terminal, script: &str) -> String {
    let pid = terminal.daemon().pid().to_string();
    let output = Command::new("nsenter")
        .args(["-t", &pid, "-m", "-n", "bash", "-ec", script])
        .output()
        .expect("nsenter and bash are needed (Debian: util-linux, bash)");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The counters of posdatad's own `lo`.
fn lo(terminal: &mut Terminal) -> (u64, u64) {
    let said = inside(terminal, "cd /sys/class/net/lo/statistics; cat rx_bytes tx_bytes");
    let mut numbers = said.split_whitespace().map(|word| word.parse().unwrap());
    (numbers.next().unwrap(), numbers.next().unwrap())
}

fn send(terminal: &mut Terminal, bytes: usize) {
    inside(terminal, &format!("printf '%{bytes}s' > /dev/udp/127.0.0.1/9"));
}
