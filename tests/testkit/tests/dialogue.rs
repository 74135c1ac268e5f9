//! What each dialect answers on a real pseudo-terminal, byte for byte.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail"
)]

mod host;

use host::Host;
use posdata_testkit::{Dialect, Sim, Width};

fn start(dialect: Dialect) -> (Sim, Host) {
    let sim = Sim::builder()
        .dialect(dialect)
        .iccid("89440020005367105249")
        .imei("490154203237518")
        .imsi("460001234567890")
        .start()
        .unwrap();
    let host = Host::open(sim.path());
    (sim, host)
}

/// The commands that ask for a counter, and whose they are.
const COUNTERS: [(&str, &[Dialect]); 6] = [
    ("AT+QGDCNT?", &[Dialect::QuectelLte]),
    ("AT+QGDNRCNT?", &[Dialect::Quectel5g]),
    ("AT+UGCNTRD", &[Dialect::UBlox]),
    ("AT^DSFLOWQRY", &[Dialect::Huawei, Dialect::Meig]),
    ("AT#GDATAVOL=2", &[Dialect::Telit]),
    ("AT+GTSTATIS?", &[Dialect::Fibocom]),
];

#[test]
fn each_dialect_knows_its_own_counter_command_only() {
    for dialect in Dialect::ALL {
        let (sim, mut host) = start(dialect);
        for (command, owners) in COUNTERS {
            let reply = host.ask(command);
            assert_eq!(
                reply != "\r\nERROR\r\n",
                owners.contains(&dialect),
                "{} {command} {reply:?}",
                dialect.name()
            );
        }
        assert_eq!(sim.truth().polls, 1, "{}", dialect.name());
    }
}

#[test]
fn each_dialect_knows_its_own_card_command_only() {
    for dialect in Dialect::ALL {
        let (_sim, mut host) = start(dialect);
        let replies = ["AT+QCCID", "AT+CCID", "AT+ICCID"].map(|command| host.ask(command));
        let answered: Vec<&String> = replies
            .iter()
            .filter(|reply| reply.contains("CCID: 89440020005367105249"))
            .collect();
        assert_eq!(answered.len(), 1, "{} {replies:?}", dialect.name());
    }
}

#[test]
fn quectel_shows_sent_then_received() {
    let (sim, mut host) = start(Dialect::QuectelLte);
    sim.apply("traffic tx 1000 rx 5000").unwrap();
    assert_eq!(
        host.ask("AT+QGDCNT?"),
        "\r\n+QGDCNT: 1000,5000\r\n\r\nOK\r\n"
    );
    sim.apply("columns reversed").unwrap();
    assert_eq!(
        host.ask("AT+QGDCNT?"),
        "\r\n+QGDCNT: 5000,1000\r\n\r\nOK\r\n"
    );
    assert_eq!(host.ask("AT+QAUGDCNT?"), "\r\n+QAUGDCNT: 0\r\n\r\nOK\r\n");
    assert_eq!(host.ask("AT+QAUGDCNT=29"), "\r\nERROR\r\n");
    assert_eq!(host.ask("AT+QAUGDCNT=30"), "\r\nOK\r\n");
    assert_eq!(host.ask("AT+QAUGDCNT?"), "\r\n+QAUGDCNT: 30\r\n\r\nOK\r\n");
}

#[test]
fn quectel_5g_counts_beyond_32_bits_and_saves_once_a_minute() {
    let (sim, mut host) = start(Dialect::Quectel5g);
    sim.apply("counter tx 231743605 rx 4951875263").unwrap();
    assert_eq!(
        host.ask("AT+QGDNRCNT?"),
        "\r\n+QGDNRCNT: 231743605,4951875263\r\n\r\nOK\r\n"
    );
    assert_eq!(host.ask("AT+QGDNRCNT=1"), "\r\nOK\r\n");
    assert_eq!(host.ask("AT+QGDNRCNT=1"), "\r\nERROR\r\n");
}

#[test]
fn ublox_has_a_line_for_each_context() {
    let (sim, mut host) = start(Dialect::UBlox);
    sim.apply("totals keep; traffic tx 20 rx 20; session; traffic tx 2704 rx 1819")
        .unwrap();
    host.read_until(&["ME PDN ACT 1\r\n"]);
    assert_eq!(
        host.ask("AT+UGCNTRD"),
        "\r\n+UGCNTRD: 1,2704,1819,2724,1839\r\n\r\nOK\r\n"
    );
    sim.apply("contexts 2; traffic tx 80 rx 800").unwrap();
    let two = "\r\n+UGCNTRD: 1,2774,2519,2794,2539\r\n+UGCNTRD: 2,10,100,10,100\r\n\r\nOK\r\n";
    assert_eq!(host.ask("AT+UGCNTRD"), two);
}

#[test]
fn huawei_and_meig_answer_in_hexadecimal() {
    for dialect in [Dialect::Huawei, Dialect::Meig] {
        let (sim, mut host) = start(dialect);
        sim.apply("traffic tx 255 rx 4294967297").unwrap();
        let reply = host.ask("AT^DSFLOWQRY");
        let (head, rest) = reply.split_at("\r\n^DSFLOWQRY: 0000000".len());
        assert_eq!(head, "\r\n^DSFLOWQRY: 0000000");
        assert_eq!(&rest[1..36], ",00000000000000FF,0000000100000001,");
        assert!(
            rest.ends_with(",00000000000000FF,0000000100000001\r\n\r\nOK\r\n"),
            "{reply:?}"
        );
        sim.apply("prefix %").unwrap();
        assert!(
            host.ask("AT^DSFLOWQRY=1")
                .starts_with("\r\n%DSFLOWQRY: 0000000")
        );
    }
}

#[test]
fn telit_tells_session_and_total_apart() {
    let (sim, mut host) = start(Dialect::Telit);
    sim.apply("traffic tx 10 rx 20; session; traffic tx 1 rx 2")
        .unwrap();
    host.read_until(&["ME PDN ACT 1\r\n"]);
    assert_eq!(
        host.ask("AT#GDATAVOL=1"),
        "\r\n#GDATAVOL: 1,3,1,2\r\n\r\nOK\r\n"
    );
    assert_eq!(
        host.ask("AT#GDATAVOL=2"),
        "\r\n#GDATAVOL: 1,33,11,22\r\n\r\nOK\r\n"
    );
    assert_eq!(sim.truth().polls, 1);
}

#[test]
fn fibocom_shows_received_first() {
    let (sim, mut host) = start(Dialect::Fibocom);
    sim.apply("traffic tx 7 rx 9000").unwrap();
    assert!(host.ask("AT+GTSTATIS?").ends_with(",9000,7\r\n\r\nOK\r\n"));
}

#[test]
fn a_32_bit_counter_wraps_in_every_dialect() {
    for (dialect, command, shown) in [
        (Dialect::QuectelLte, "AT+QGDCNT?", "+QGDCNT: 4,7"),
        (Dialect::UBlox, "AT+UGCNTRD", "+UGCNTRD: 1,4,7,4,7"),
        (
            Dialect::Huawei,
            "AT^DSFLOWQRY",
            ",0000000000000004,0000000000000007\r",
        ),
        (Dialect::Telit, "AT#GDATAVOL=2", "#GDATAVOL: 1,11,4,7"),
        (Dialect::Fibocom, "AT+GTSTATIS?", ",7,4\r"),
    ] {
        let sim = Sim::builder()
            .dialect(dialect)
            .width(Width::Bits32)
            .counter(4_294_967_290, 5)
            .start()
            .unwrap();
        sim.apply("traffic tx 10 rx 2").unwrap();
        let reply = Host::open(sim.path()).ask(command);
        assert!(reply.contains(shown), "{} {reply:?}", dialect.name());
        assert_eq!(sim.truth().total().tx, 10);
        assert_eq!(sim.truth().events[0].kind, "wrap");
    }
}

#[test]
fn who_it_is() {
    let (sim, mut host) = start(Dialect::QuectelLte);
    assert_eq!(host.ask("AT"), "\r\nOK\r\n");
    assert_eq!(host.ask("AT+CGMI"), "\r\nQuectel\r\n\r\nOK\r\n");
    assert_eq!(host.ask("AT+CGSN"), "\r\n490154203237518\r\n\r\nOK\r\n");
    assert_eq!(host.ask("AT+CIMI"), "\r\n460001234567890\r\n\r\nOK\r\n");
    assert_eq!(host.ask("AT+CPIN?"), "\r\n+CPIN: READY\r\n\r\nOK\r\n");
    assert_eq!(host.ask("AT+CEREG?"), "\r\n+CEREG: 0,1\r\n\r\nOK\r\n");
    assert_eq!(
        host.ask("AT+COPS=3,2;+COPS?"),
        "\r\n+COPS: 0,2,\"46000\",7\r\n\r\nOK\r\n"
    );
    sim.apply("iccid-form swapped").unwrap();
    assert_eq!(
        host.ask("AT+QCCID"),
        "\r\n+QCCID: 98440002003576012594\r\n\r\nOK\r\n"
    );
    sim.apply("clock 2015-02-28T20:30:40-08:00").unwrap();
    assert!(
        host.ask("AT+CCLK?")
            .starts_with("\r\n+CCLK: \"15/02/28,20:30:4")
    );
}

#[test]
fn refusals_follow_cmee() {
    let (sim, mut host) = start(Dialect::QuectelLte);
    sim.apply("sim out").unwrap();
    host.read_until(&["DEACT 1\r\n"]);
    assert_eq!(host.ask("AT+CIMI"), "\r\nERROR\r\n");
    host.ask("AT+CMEE=1");
    assert_eq!(host.ask("AT+CIMI"), "\r\n+CME ERROR: 10\r\n");
    host.ask("AT+CMEE=2");
    assert_eq!(host.ask("AT+CPIN?"), "\r\n+CME ERROR: SIM not inserted\r\n");
    assert_eq!(host.ask("AT+CREG?"), "\r\n+CREG: 0,0\r\n\r\nOK\r\n");
    assert_eq!(host.ask("AT+NONSENSE"), "\r\nERROR\r\n");
    assert!(sim.apply("traffic tx 1 rx 1").is_err());
}

#[test]
fn roaming_shows_in_registration_and_books() {
    let (sim, mut host) = start(Dialect::QuectelLte);
    assert_eq!(host.ask("AT+CREG=1"), "\r\nOK\r\n");
    sim.apply("traffic tx 1 rx 2; roaming on; traffic tx 3 rx 4")
        .unwrap();
    assert_eq!(host.read_until(&["5\r\n"]), "\r\n+CREG: 5\r\n");
    assert_eq!(host.ask("AT+CREG?"), "\r\n+CREG: 1,5\r\n\r\nOK\r\n");
    assert!(host.ask("AT+COPS?").contains("CMHK"));
    let truth = sim.truth();
    assert_eq!((truth.sims[0].home.tx, truth.sims[0].roaming.rx), (1, 4));
}

#[test]
fn echo_repeats_commands_until_it_is_switched_off() {
    let sim = Sim::builder().echo(true).start().unwrap();
    let mut host = Host::open(sim.path());
    assert_eq!(host.ask("AT+CSQ"), "AT+CSQ\r\r\n+CSQ: 23,99\r\n\r\nOK\r\n");
    assert_eq!(host.ask("ATE0"), "ATE0\r\r\nOK\r\n");
    assert_eq!(host.ask("AT"), "\r\nOK\r\n");
}

#[test]
fn two_modems_do_not_disturb_each_other() {
    let (one, mut one_host) = start(Dialect::QuectelLte);
    let (two, mut two_host) = start(Dialect::QuectelLte);
    one.apply("traffic tx 1 rx 1").unwrap();
    two.apply("traffic tx 2 rx 2; error next").unwrap();
    assert_eq!(one_host.ask("AT+QGDCNT?"), "\r\n+QGDCNT: 1,1\r\n\r\nOK\r\n");
    assert_eq!(two_host.ask("AT+QGDCNT?"), "\r\nERROR\r\n");
    drop(one);
    assert_eq!(two_host.ask("AT+QGDCNT?"), "\r\n+QGDCNT: 2,2\r\n\r\nOK\r\n");
    assert_eq!(two.truth().polls, 1);
}
