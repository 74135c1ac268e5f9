//! One modem of every maker: which counter is found, and what its samples say.

mod at_bench;

use at_bench::{Bench, ICCID_1, traffic};
use posdatad::domain::counter::{Evidence, Restarts, Width};
use posdatad::domain::report::{FaultKind, Report};
use posdatad::domain::sim::Iccid;
use posdatad::modem::Dialogue as _;
use posdatad::modem::at::{AtSettings, Dialect};
use posdatad::proto::at::counters::Columns;

#[test]
fn every_makers_counter_is_found_and_read() {
    use Restarts::{FromSaved, FromZero};
    use Width::{Bits32, Bits64, Unknown};
    for (maker, model, command, answer, tx, rx, width, restarts, rate) in [
        ("Quectel", "EC25", "AT+QGDCNT?", "+QGDCNT: 3832,4618", 3832, 4618, Bits32, FromSaved, 50),
        (
            "Quectel",
            "RG500Q-EA",
            "AT+QGDNRCNT?",
            "+QGDNRCNT: 231743605,4951875263",
            231_743_605,
            4_951_875_263,
            Bits64,
            FromSaved,
            500,
        ),
        (
            "u-blox",
            "SARA-U201",
            "AT+UGCNTRD",
            "+UGCNTRD: 31,2704,1819,2724,1839|+UGCNTRD: 1,0,0,0,1",
            2724,
            1840,
            Unknown,
            FromSaved,
            50,
        ),
        (
            "Huawei Technologies Co., Ltd.",
            "ME909s-821",
            "AT^DSFLOWQRY",
            "^DSFLOWQRY: 0000000A,0000000000000001,0000000000000002,00000014,0000000100000000,0000000000003C0F",
            0x1_0000_0000,
            0x3c0f,
            Bits64,
            FromZero,
            50,
        ),
        (
            "MEIG",
            "SLM750",
            "AT^DSFLOWQRY",
            "%DSFLOWQRY: 100,0,0,592,645c,3c0f",
            0x645c,
            0x3c0f,
            Bits64,
            FromZero,
            50,
        ),
        (
            "Telit",
            "LE910C4",
            "AT#GDATAVOL=2",
            "#GDATAVOL: 1,30,10,20|#GDATAVOL: 2,3,1,2",
            11,
            22,
            Unknown,
            FromSaved,
            50,
        ),
        (
            "Fibocom Wireless Inc.",
            "L610",
            "AT+GTSTATIS?",
            "+GTSTATIS: 2954,2125,378317,331309",
            331_309,
            378_317,
            Unknown,
            FromZero,
            50,
        ),
        ("No Name", "X1", "AT+GTSTATIS?", "+GTSTATIS: 0,0,2,1", 1, 2, Unknown, FromZero, 50),
    ] {
        let mut bench = Bench::new(AtSettings::default(), maker, model);
        bench.on(command, &format!("{answer}|OK"));
        bench.open();
        bench.request();
        bench.pass(5_000);
        let identity = &bench.identities()[0];
        assert_eq!(identity.manufacturer.as_deref(), Some(maker));
        assert_eq!(identity.imei.as_deref(), Some("867698041234561"));
        assert_eq!(identity.iccid, Iccid::parse(ICCID_1).ok());
        assert_eq!(identity.counter.as_deref(), Some(command));
        assert!(matches!(bench.reports[0], Report::Identified(_)), "before the first reading");
        assert!(bench.reports.contains(&Report::Roaming(false)));
        let sample = bench.sample();
        assert_eq!(sample.counter, traffic(tx, rx), "{maker}");
        // u-blox: what stands in the store may hold a context that is not printed.
        assert_eq!((sample.width, sample.restarts), (width, restarts), "{maker}");
        // Nothing tells whether a session went on while nobody listened.
        let of_the_session = command == "AT+GTSTATIS?";
        let evidence = if of_the_session { Evidence::MayHaveRestarted } else { Evidence::Same };
        assert_eq!(sample.evidence, evidence, "{maker}");
        assert_eq!(sample.rate_max, rate * 1_000_000);
        assert_eq!(bench.dialogue.poll_timeout(), None, "no timer while idle");
    }
}

#[test]
fn no_command_that_resets_or_saves_is_ever_sent() {
    let mut bench = Bench::new(AtSettings::default(), "No Name", "X1");
    bench.open();
    for _ in 0..500 {
        bench.request();
        bench.pass(60_000);
    }
    for command in &bench.sent {
        let harmless = command.ends_with('?')
            || ["AT", "ATE0", "AT+CMEE=1", "AT+UGCNTRD", "AT^DSFLOWQRY", "AT#GDATAVOL=2"]
                .contains(&command.as_str())
            || ["AT+CGMI", "AT+CGMM", "AT+CGMR", "AT+CGSN", "AT+CIMI"].contains(&command.as_str())
            || ["AT+QCCID", "AT+CCID", "AT+ICCID"].contains(&command.as_str())
            || ["AT+CEREG=1", "AT+CGREG=1", "AT+CREG=1", "AT+CGEREP=2,1"]
                .contains(&command.as_str());
        assert!(harmless, "{command}");
    }
}

#[test]
fn reversed_columns() {
    let settings = AtSettings { columns: Columns::ReceivedFirst, counter: None };
    let mut bench = Bench::new(settings, "Quectel", "RG500Q-EA");
    bench.on("AT+QGDNRCNT?", "+QGDNRCNT: 7,9|OK");
    let mut bench = bench.ready();
    bench.request();
    assert_eq!(bench.sample().counter, traffic(9, 7));
}

#[test]
fn a_configured_counter_is_the_only_one_tried() {
    let settings = AtSettings { columns: Columns::SentFirst, counter: Some(Dialect::Gtstatis) };
    let mut bench = Bench::new(settings, "Quectel", "EC25");
    bench.on("AT+QGDCNT?", "+QGDCNT: 1,2|OK");
    bench.open();
    bench.pass(2_000);
    assert_eq!(bench.faults(), [FaultKind::NoCounter]);
    assert!(!bench.sent.iter().any(|command| command == "AT+QGDCNT?"));
}

#[test]
fn a_modem_without_a_counter_is_named_once_and_tried_again_rarely() {
    let mut bench = Bench::new(AtSettings::default(), "SIMCOM", "SIM7600");
    bench.open();
    bench.pass(2_000);
    assert_eq!(bench.faults(), [FaultKind::NoCounter]);
    let Some(Report::Fault { detail, .. }) =
        bench.reports.iter().find(|report| matches!(report, Report::Fault { .. }))
    else {
        panic!("a fault was said");
    };
    assert!(
        detail.contains("SIMCOM SIM7600") && detail.contains("source = \"netdev\""),
        "{detail}"
    );
    assert_eq!(bench.identities().len(), 1, "who it is, is said all the same");
    assert!(bench.reports.contains(&Report::Roaming(false)));
    bench.reports.clear();
    bench.sent.clear();
    for _ in 0..5 {
        bench.request();
        bench.pass(10_000);
    }
    assert!(bench.sent.is_empty(), "{:?}", bench.sent);
    bench.pass(60_000);
    bench.on("AT+GTSTATIS?", "+GTSTATIS: 0,0,2,1|OK");
    bench.request();
    bench.pass(1_000);
    assert_eq!(bench.recovered().len(), 1);
    assert_eq!(bench.identities()[0].counter.as_deref(), Some("AT+GTSTATIS?"));
    assert_eq!(bench.sample().counter, traffic(1, 2));
}

#[test]
fn a_makers_counter_without_a_context_is_no_fault_and_no_zero() {
    let mut bench = Bench::new(AtSettings::default(), "u-blox", "SARA-R510S");
    bench.on("AT+UGCNTRD", "OK");
    bench.open();
    bench.request();
    bench.pass(2_000);
    assert_eq!((bench.faults().len(), bench.samples().len()), (0, 0));
    bench.on("AT+UGCNTRD", "+UGCNTRD: 1,5,6,5,6|OK");
    bench.request();
    assert_eq!(bench.sample().counter, traffic(5, 6));
}

#[test]
fn the_first_question_is_answered_by_two_answers_that_agree() {
    let mut bench = Bench::quectel().ready();
    bench.once("AT+QGDCNT?", "+QGDCNT: 900,200|OK");
    bench.request();
    // 900 came once; 100 came twice.
    assert_eq!(bench.sample().counter, traffic(100, 200));
}

#[test]
fn huaweis_time_that_fell_is_a_certain_restart() {
    let mut bench = Bench::new(AtSettings::default(), "Huawei", "ME909");
    bench.on("AT^DSFLOWQRY", "^DSFLOWQRY: 1,1,1,100,10,10|OK");
    let mut bench = bench.ready();
    bench.request();
    assert_eq!(bench.sample().evidence, Evidence::Same);
    bench.on("AT^DSFLOWQRY", "^DSFLOWQRY: 1,1,1,2,5,5|OK");
    bench.request();
    assert_eq!(bench.sample().evidence, Evidence::Restarted);
}

#[test]
fn a_session_that_may_have_ended_unheard_is_doubted_at_the_start_only() {
    let mut bench = Bench::new(AtSettings::default(), "Fibocom", "L610");
    bench.on("AT+CREG?", "+CREG: 1,1|OK");
    bench.on("AT+GTSTATIS?", "+GTSTATIS: 0,0,2,1|OK");
    let mut bench = bench.ready();
    bench.request();
    assert_eq!(bench.sample().evidence, Evidence::MayHaveRestarted);
    bench.request();
    assert_eq!(bench.sample().evidence, Evidence::Same);
}

#[test]
fn network_time_is_said_when_it_is_one() {
    let mut bench = Bench::quectel();
    bench.on("AT+CCLK?", "+CCLK: \"80/01/06,00:00:10+00\"|OK");
    bench.on("AT+QLTS=2", "+QLTS: \"\"|OK");
    let mut bench = bench.ready();
    let time = |bench: &mut Bench| {
        bench.request();
        let said = bench.reports.contains(&Report::NetworkTime(1_772_339_440));
        bench.reports.clear();
        said
    };
    assert!(!time(&mut bench));
    bench.on("AT+QLTS=2", "+QLTS: \"2026/03/01,12:30:40+32,0\"|OK");
    assert!(!time(&mut bench), "asked for at most every 5 minutes");
    bench.pass(300_000);
    assert!(time(&mut bench));
    bench.pass(3_600_000);
    assert!(!time(&mut bench), "and every 6 hours once it is known");
    bench.pass(6 * 3_600_000);
    assert!(time(&mut bench));
}

#[test]
fn one_garbled_answer_is_no_time() {
    let mut bench = Bench::quectel();
    bench.on("AT+QLTS=2", "+QLTS: \"2026/03/01,12:30:40+32,0\"|OK");
    let mut bench = bench.ready();
    bench.pass(7 * 3_600_000);
    bench.once("AT+QLTS=2", "+QLTS: \"2056/03/01,12:30:40+32,0\"|OK");
    bench.request();
    let times: Vec<_> =
        bench.reports.iter().filter(|said| matches!(said, Report::NetworkTime(_))).collect();
    assert_eq!(times, [&Report::NetworkTime(1_772_339_440)]);
    assert_eq!(bench.sent.iter().filter(|command| *command == "AT+QLTS=2").count(), 3);
}

#[test]
fn another_maker_is_asked_for_its_clock_by_the_standard() {
    let mut bench = Bench::new(AtSettings::default(), "Telit", "LE910");
    bench.on("AT#GDATAVOL=2", "#GDATAVOL: 1,3,1,2|OK");
    bench.on("AT+CCLK?", "+CCLK: \"26/03/01,12:30:40+32\"|OK");
    bench.open();
    bench.pass(2_000);
    assert!(bench.reports.contains(&Report::NetworkTime(1_772_339_440)));
    assert!(!bench.sent.iter().any(|command| command == "AT+QLTS=2"));
}

#[test]
fn roaming_is_said_when_it_begins_and_when_it_ends() {
    let mut bench = Bench::quectel().ready();
    bench.says("+CEREG: 5,\"18D8\",\"0A1B2C3D\",7");
    bench.says("+CEREG: 5");
    bench.says("+CEREG: 1");
    assert_eq!(bench.reports, [Report::Roaming(true), Report::Roaming(false)]);
    assert!(bench.sent.is_empty());
}
