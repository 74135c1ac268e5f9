//! What each fault does on a real pseudo-terminal, and what the books say about it.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail"
)]

mod host;

use std::fs;
use std::time::Duration;

use host::Host;
use posdata_testkit::{Bytes, Dialect, Sim, SimError};

const QUERY: &str = "AT+QGDCNT?";
const SECOND: Duration = Duration::from_secs(1);

fn start(dialect: Dialect) -> (Sim, Host) {
    let sim = Sim::builder().dialect(dialect).seed(3).start().unwrap();
    let host = Host::open(sim.path());
    (sim, host)
}

#[test]
fn a_power_cycle_falls_back_to_what_was_saved() {
    let (sim, mut host) = start(Dialect::QuectelLte);
    sim.apply("traffic tx 100 rx 1000; save; traffic tx 10 rx 20")
        .unwrap();
    assert!(host.ask(QUERY).contains(": 110,1020\r"));
    sim.apply("traffic tx 1 rx 2; power-cycle for 20ms; traffic tx 5 rx 5")
        .unwrap();
    assert_eq!(
        host.read_until(&["READY\r\n"]),
        "\r\nRDY\r\n\r\n+CFUN: 1\r\n\r\n+CPIN: READY\r\n"
    );
    assert!(host.ask(QUERY).contains(": 105,1005\r"));
    let truth = sim.truth();
    assert_eq!(truth.total(), Bytes::new(116, 1027));
    assert_eq!(truth.before_first_answer(), Bytes::new(110, 1020));
    assert_eq!(truth.events[0].kind, "power-cycle");
    assert_eq!(truth.lost, Bytes::new(1, 2));
    assert_eq!(truth.events[0].doubtful, Bytes::new(5, 5));
    assert_eq!(truth.countable(), (Bytes::new(0, 0), Bytes::new(5, 5)));
    assert_eq!(truth.saved, Some(Bytes::new(100, 1000)));
}

#[test]
fn what_was_saved_after_the_last_answer_is_not_lost() {
    let (sim, mut host) = start(Dialect::QuectelLte);
    host.ask(QUERY);
    sim.apply("traffic tx 10 rx 10; save; traffic tx 1 rx 1; power-cycle")
        .unwrap();
    host.read_until(&["READY\r\n"]);
    assert!(host.ask(QUERY).contains(": 10,10\r"));
    assert_eq!(sim.truth().lost, Bytes::new(1, 1));
    assert_eq!(sim.truth().doubtful, Bytes::new(10, 10));
}

#[test]
fn a_volatile_counter_starts_again_at_0_after_power() {
    for dialect in [Dialect::UBlox, Dialect::Huawei, Dialect::Fibocom] {
        let (sim, mut host) = start(dialect);
        let query = match dialect {
            Dialect::UBlox => "AT+UGCNTRD",
            Dialect::Huawei => "AT^DSFLOWQRY",
            _ => "AT+GTSTATIS?",
        };
        host.ask(query);
        sim.apply("traffic tx 10 rx 20; power-cycle; traffic tx 3 rx 4")
            .unwrap();
        host.read_until(&["READY\r\n"]);
        host.ask(query);
        let truth = sim.truth();
        assert_eq!(truth.counter, Bytes::new(3, 4), "{}", dialect.name());
        assert_eq!(
            truth.countable(),
            (Bytes::new(3, 4), Bytes::new(3, 4)),
            "{}",
            dialect.name()
        );
    }
}

#[test]
fn a_new_session_costs_the_unread_only_where_it_restarts_the_count() {
    for (dialect, query, lost) in [
        (Dialect::QuectelLte, QUERY, Bytes::new(0, 0)),
        (Dialect::Huawei, "AT^DSFLOWQRY", Bytes::new(0, 0)),
        (Dialect::Telit, "AT#GDATAVOL=2", Bytes::new(0, 0)),
        (Dialect::UBlox, "AT+UGCNTRD", Bytes::new(10, 20)),
        (Dialect::Fibocom, "AT+GTSTATIS?", Bytes::new(10, 20)),
    ] {
        let (sim, mut host) = start(dialect);
        host.ask(query);
        sim.apply("traffic tx 10 rx 20; session for 5ms").unwrap();
        let lines = host.read_until(&["ME PDN ACT 1\r\n"]);
        assert!(lines.starts_with("\r\n+CGEV: NW PDN DEACT 1\r\n"));
        assert_eq!(sim.truth().lost, lost, "{}", dialect.name());
        assert_eq!(sim.truth().session, Bytes::default());
    }
}

#[test]
fn reports_can_wait_until_they_are_asked_for() {
    let (sim, mut host) = start(Dialect::QuectelLte);
    sim.apply("reports asked; session").unwrap();
    assert_eq!(host.ask("AT+CGEREP=2,1"), "\r\nOK\r\n");
    sim.apply("session").unwrap();
    assert!(host.read_until(&["ME PDN ACT 1\r\n"]).contains("DEACT"));
}

#[test]
fn a_silent_reset_and_a_set_counter_lose_the_unread() {
    let (sim, mut host) = start(Dialect::QuectelLte);
    host.ask(QUERY);
    sim.apply("traffic tx 1 rx 2; reset").unwrap();
    assert!(host.ask(QUERY).contains(": 0,0\r"));
    sim.apply("traffic tx 4 rx 8; counter tx 4294967290 rx 7")
        .unwrap();
    assert!(host.ask(QUERY).contains(": 4294967290,7\r"));
    assert_eq!(sim.truth().lost, Bytes::new(5, 10));
    assert_eq!(sim.truth().resets_received, 0);
}

#[test]
fn a_reset_command_is_counted() {
    for (dialect, command) in [
        (Dialect::QuectelLte, "AT+QGDCNT=0"),
        (Dialect::Quectel5g, "AT+QGDNRCNT=0"),
        (Dialect::UBlox, "AT+UGCNTSET=1,0,0"),
        (Dialect::Huawei, "AT^DSFLOWCLR"),
        (Dialect::Telit, "AT#GDATAVOL=0"),
    ] {
        let (sim, mut host) = start(dialect);
        assert_eq!(host.ask(command), "\r\nOK\r\n", "{}", dialect.name());
        assert_eq!(sim.truth().resets_received, 1, "{}", dialect.name());
    }
}

#[test]
fn each_card_has_its_own_books() {
    let (sim, mut host) = start(Dialect::QuectelLte);
    sim.apply(
        "traffic tx 1 rx 1; swap-sim 89860012345678901234 460011234567890; traffic tx 2 rx 2",
    )
    .unwrap();
    host.read_until(&["ME PDN ACT 1\r\n"]);
    assert!(host.ask("AT+QCCID").contains("89860012345678901234"));
    assert!(host.ask("AT+CIMI").contains("460011234567890"));
    let truth = sim.truth();
    assert_eq!(truth.sims.len(), 2);
    assert_eq!(
        truth.sim("89860012345678901234").unwrap().total(),
        Bytes::new(2, 2)
    );
    assert_eq!(truth.counter, Bytes::new(3, 3));
    let first = truth.sims[0].iccid.clone();
    sim.apply(&format!(
        "swap-sim {first}; traffic tx 4 rx 4; sim out; sim in; traffic tx 8 rx 8"
    ))
    .unwrap();
    assert_eq!(sim.truth().sims[0].total(), Bytes::new(13, 13));
    assert_eq!(sim.truth().sims.len(), 2);
}

#[test]
fn a_swap_costs_the_old_card_what_its_session_left_unread() {
    let (sim, mut host) = start(Dialect::Fibocom);
    let (old, new) = (sim.truth().sims[0].iccid.clone(), "89860012345678901234");
    host.ask("AT+GTSTATIS?");
    sim.apply(&format!(
        "traffic tx 1 rx 2; swap-sim {new}; traffic tx 4 rx 8"
    ))
    .unwrap();
    host.read_until(&["ME PDN ACT 1\r\n"]);
    host.ask("AT+GTSTATIS?");
    let truth = sim.truth();
    assert_eq!(
        truth.countable_by(&old),
        (Bytes::default(), Bytes::default())
    );
    assert_eq!(
        truth.countable_by(new),
        (Bytes::default(), Bytes::new(4, 8))
    );
    assert_eq!(truth.lost, Bytes::new(1, 2));
    assert_eq!(truth.doubtful, Bytes::new(4, 8));
}

#[test]
fn broken_replies_do_not_count_as_answered() {
    let (sim, mut host) = start(Dialect::QuectelLte);
    sim.apply("traffic tx 1234 rx 56789").unwrap();
    let whole = b"\r\n+QGDCNT: 1234,56789\r\n\r\nOK\r\n";
    for (fault, expected) in [
        ("half-line", &whole[..11]),
        ("truncate 12", &whole[..whole.len() - 12]),
        ("drop 3 bytes", &whole[3..]),
    ] {
        sim.apply(fault).unwrap();
        host.send("AT+QGDCNT?\r");
        assert_eq!(host.read_quiet(200), expected, "{fault}");
        assert_eq!(sim.truth().polls, 0, "{fault}");
    }
    sim.apply("garbage 9 in reply").unwrap();
    host.send("AT+QGDCNT?\r");
    assert_eq!(host.read_quiet(200).len(), whole.len() + 9);
    assert_eq!(host.ask(QUERY).as_bytes(), whole);
    let truth = sim.truth();
    assert_eq!((truth.queries, truth.polls), (5, 1));
    let kinds: Vec<&str> = truth.events.iter().map(|event| event.kind).collect();
    assert_eq!(kinds, ["half-line", "truncate", "drop", "garbage"]);
}

#[test]
fn garbage_follows_from_the_seed() {
    let noise = |seed| {
        let sim = Sim::builder().seed(seed).start().unwrap();
        sim.apply("garbage 32").unwrap();
        Host::open(sim.path()).read_quiet(200)
    };
    assert_eq!(noise(1).len(), 32);
    assert_eq!(noise(1), noise(1));
    assert_ne!(noise(1), noise(2));
}

#[test]
fn refusals_wait_for_their_command() {
    let (sim, mut host) = start(Dialect::QuectelLte);
    sim.apply("error \"+CME ERROR: 14\" counter; error next")
        .unwrap();
    assert_eq!(host.ask("AT"), "\r\nERROR\r\n");
    assert_eq!(host.ask("AT"), "\r\nOK\r\n");
    assert_eq!(host.ask(QUERY), "\r\n+CME ERROR: 14\r\n");
    assert_eq!(host.ask(QUERY), "\r\n+QGDCNT: 0,0\r\n\r\nOK\r\n");
}

#[test]
fn unsolicited_lines_fall_between_the_lines_of_a_reply() {
    let (sim, mut host) = start(Dialect::QuectelLte);
    sim.apply("urc \"+CMTI: \\\"SM\\\",3\"").unwrap();
    assert_eq!(host.read_until(&["3\r\n"]), "\r\n+CMTI: \"SM\",3\r\n");
    sim.apply("interleave on").unwrap();
    let reply = host.ask(QUERY);
    assert!(
        reply.starts_with("\r\n+QGDCNT: 0,0\r\n\r\n") && reply.ends_with("\r\n\r\nOK\r\n"),
        "{reply:?}"
    );
    assert!(reply.len() > "\r\n+QGDCNT: 0,0\r\n\r\n\r\nOK\r\n".len());
    assert_eq!(sim.truth().polls, 1);
}

#[test]
fn silence_ends_by_itself() {
    let (sim, mut host) = start(Dialect::QuectelLte);
    sim.apply("silence 300ms &").unwrap();
    host.send("AT\r");
    assert!(!host.readable(50));
    sim.apply("silence 1ms").unwrap();
    assert_eq!(host.ask("AT"), "\r\nOK\r\n");
}

#[test]
fn a_hang_up_closes_the_port_and_brings_a_new_one_behind_the_same_link() {
    let (sim, mut host) = start(Dialect::QuectelLte);
    sim.apply("traffic tx 1 rx 2; hangup for 500ms &").unwrap();
    assert!(host.is_hung_up());
    assert!(!sim.path().exists());
    assert_eq!(sim.truth().device, None);
    sim.apply("wait 510ms").unwrap();
    assert_eq!(fs::read_link(sim.path()).ok(), sim.truth().device);
    host = Host::open(sim.path());
    assert_eq!(host.ask(QUERY), "\r\n+QGDCNT: 1,2\r\n\r\nOK\r\n");
    sim.apply("hangup").unwrap();
    assert!(host.is_hung_up());
    assert_eq!(Host::open(sim.path()).ask("AT"), "\r\nOK\r\n");
}

#[test]
fn a_slow_line_still_answers() {
    let (sim, mut host) = start(Dialect::QuectelLte);
    sim.apply("slow 1ms").unwrap();
    assert_eq!(host.ask(QUERY), "\r\n+QGDCNT: 0,0\r\n\r\nOK\r\n");
    sim.apply("slow off").unwrap();
}

#[test]
fn polls_count_from_the_moment_of_the_call() {
    let (sim, mut host) = start(Dialect::QuectelLte);
    host.ask(QUERY);
    let told = sim.wait_polls(1, Duration::from_millis(20)).unwrap_err();
    assert_eq!(
        told.to_string(),
        "line 1: await polls: 0 of 1 answered within 20ms"
    );
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| sim.wait_polls(2, 10 * SECOND));
        while !waits.is_finished() {
            host.ask(QUERY);
        }
        assert_eq!(waits.join().unwrap(), Ok(()));
    });
    sim.apply("traffic tx 1 rx 1").unwrap();
    assert!(!sim.truth().is_read_out());
    host.ask(QUERY);
    assert!(sim.truth().is_read_out());
}

#[test]
fn traffic_flows_in_the_background_until_it_is_stopped() {
    let (sim, mut host) = start(Dialect::QuectelLte);
    sim.apply("traffic rate tx 100000 rx 300000; wait 50ms; traffic stop")
        .unwrap();
    let moved = sim.truth().total();
    assert!(moved.tx >= 5_000 && moved.rx >= 15_000, "{moved:?}");
    sim.apply("wait 20ms").unwrap();
    assert_eq!(sim.truth().total(), moved);
    assert!(
        host.ask(QUERY)
            .contains(&format!(": {},{}\r", moved.tx, moved.rx))
    );
    sim.apply("traffic random 10001 over 30ms").unwrap();
    assert_eq!(sim.truth().total().sum(), moved.sum() + 10_001);
    sim.apply("traffic rate 100000 for 50ms").unwrap();
    assert_eq!(sim.truth().total().sum(), moved.sum() + 15_001);
}

#[test]
fn nothing_is_left_behind() {
    let sim = Sim::builder().start().unwrap();
    let link = sim.path().to_owned();
    let directory = link.parent().unwrap().to_owned();
    let device = sim.truth().device.unwrap();
    sim.apply("traffic tx 1 rx 1; exit").unwrap();
    assert_eq!(sim.apply("save"), Err(SimError::Stopped));
    assert_eq!(sim.truth().total(), Bytes::new(1, 1));
    assert!(fs::symlink_metadata(&link).is_err());
    drop(sim);
    assert!(!directory.exists());
    drop(device);
}

#[test]
fn what_is_no_link_is_never_replaced() {
    let other = Sim::builder().start().unwrap();
    let taken = other.path().with_file_name("taken");
    fs::write(&taken, "precious").unwrap();
    let Err(error) = Sim::builder().link(&taken).start() else {
        panic!("it started")
    };
    assert!(
        error
            .to_string()
            .contains("is no symbolic link: choose another --link"),
        "{error}"
    );
    assert_eq!(fs::read_to_string(&taken).unwrap(), "precious");
}
