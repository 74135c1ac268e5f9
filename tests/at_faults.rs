//! Everything that goes wrong on the line, one test each, on fake time.

mod at_bench;

use at_bench::{Bench, ICCID_2, lines, traffic};
use posdatad::domain::counter::Evidence::{self, MayHaveRestarted as May, Same};
use posdatad::domain::report::{FaultKind, Report};
use posdatad::domain::sim::Iccid;
use posdatad::modem::at::AtSettings;
use posdatad::modem::{Action, Dialogue};

#[test]
fn silence_is_said_once_backs_off_and_asks_to_reopen() {
    let mut bench = Bench::quectel().ready();
    let answers = bench.all_silent();
    bench.request();
    bench.pass(120_000);
    assert_eq!(bench.faults(), [FaultKind::Silent]);
    let [Action::Reopen { at_ms }] = bench.actions[..] else {
        panic!("{:?}", bench.actions);
    };
    assert!(at_ms < bench.now_ms);
    // One reading, then AT with 1, 2, 4 s between: four attempts, then the port.
    assert_eq!(bench.sent, ["AT+QGDCNT?", "AT", "AT", "AT"]);
    assert_eq!(bench.dialogue.poll_timeout(), None, "the port's owner is to act");
    bench.restore(answers);
    bench.open();
    bench.pass(5_000);
    assert_eq!(bench.faults(), [FaultKind::Silent]);
    assert_eq!(bench.recovered(), [4]);
    assert_eq!(bench.samples().len(), 1, "the reading that was wanted is given");
}

#[test]
fn one_lost_answer_is_made_good_and_not_said() {
    let mut bench = Bench::quectel().ready();
    bench.once_bytes("AT+QGDCNT?", None);
    bench.request();
    bench.pass(10_000);
    assert_eq!(bench.sample().counter, traffic(100, 200));
    assert!(bench.reports.is_empty());
}

#[test]
fn a_port_that_vanishes_is_said_at_once() {
    let mut bench = Bench::quectel().ready();
    bench.request();
    bench.reports.clear();
    bench.dialogue.closed(bench.now_ms, FaultKind::Vanished, "gone".into());
    bench.dialogue.closed(bench.now_ms, FaultKind::Vanished, "still gone".into());
    bench.says("+QGDCNT: 1,1|OK");
    assert_eq!(bench.reports, [Report::Fault { kind: FaultKind::Vanished, detail: "gone".into() }]);
    assert_eq!(bench.actions, [Action::Reopen { at_ms: bench.now_ms + 2_000 }]);
    bench.reports.clear();
    bench.dialogue.opened(bench.now_ms, Evidence::MayHaveRestarted, ());
    bench.request();
    bench.pass(1_000);
    assert_eq!(bench.recovered().len(), 1);
    assert_eq!(bench.identities().len(), 1, "identified before it is read");
    assert_eq!(bench.sample().evidence, Evidence::MayHaveRestarted);
}

#[test]
fn echo_is_no_answer() {
    let mut bench = Bench::quectel();
    bench.on_bytes("AT+QGDCNT?", Some(b"AT+QGDCNT?\r\r\n+QGDCNT: 5,6\r\n\r\nOK\r\n".to_vec()));
    let mut bench = bench.ready();
    bench.request();
    assert_eq!(bench.sample().counter, traffic(5, 6));
}

#[test]
fn unsolicited_lines_between_an_answers_lines() {
    let mut bench = Bench::quectel();
    bench.on(
        "AT+QGDCNT?",
        "+CREG: 1|^DSFLOWRPT: 0,0,0,0,0,0,0|+QGDCNT: 5,6|RING|+QIND: \"csq\",20,99|+CMTI: \"SM\",3|OK",
    );
    let mut bench = bench.ready();
    bench.request();
    assert_eq!(bench.sample().counter, traffic(5, 6));
}

#[test]
fn garbage_before_an_answer_and_inside() {
    let garbage: [&[u8]; 4] = [
        b"\xff\xfe\x01\x02\r\n\r\n+QGDCNT: 9,9\r\n\r\nOK\r\n",
        b"\r\n+QGDCNT: 9\x01,9\r\n\r\nOK\r\n",
        b"\r\n+QGDCNT: 9,9\r\n9,9\r\nOK\r\n",
        b"\r\n+QGDCNT: 9,9\r\n+QGDCNT: 9,9\r\n\r\nOK\r\n",
    ];
    for bytes in garbage {
        let mut bench = Bench::quectel().ready();
        bench.once_bytes("AT+QGDCNT?", Some(bytes.to_vec()));
        bench.request();
        assert!(bench.samples().is_empty(), "{bytes:?}");
        bench.pass(5_000);
        assert_eq!(bench.sample().counter, traffic(100, 200));
        assert!(bench.faults().is_empty(), "once is no fault");
    }
}

#[test]
fn an_answer_that_stays_garbled_is_said_and_the_counters_are_tried_anew() {
    let mut bench = Bench::quectel().ready();
    bench.on("AT+QGDCNT?", "+QGDCNT: x,y|OK");
    bench.request();
    bench.pass(200_000);
    assert_eq!(bench.faults(), [FaultKind::Garbled]);
    assert!(bench.sent.iter().any(|command| command == "AT+UGCNTRD"), "others were tried");
    bench.on("AT+QGDCNT?", "+QGDCNT: 7,8|OK");
    bench.pass(120_000);
    assert_eq!(bench.recovered().len(), 1);
    assert_eq!(bench.sample().counter, traffic(7, 8));
}

#[test]
fn half_a_line_is_no_reading() {
    for half in
        ["\r\n+QGDCNT: 1", "\r\n+QGDCNT: 1,2", "\r\n+QGDCNT: 1,2\r\n", "\r\n+QGDCNT: 1,2\r\n\r\nO"]
    {
        let mut bench = Bench::quectel().ready();
        bench.once_bytes("AT+QGDCNT?", Some(half.into()));
        bench.request();
        assert!(bench.samples().is_empty());
        bench.pass(10_000);
        assert_eq!(bench.sample().counter, traffic(100, 200), "{half:?}");
    }
}

#[test]
fn an_error_on_a_counter_that_worked() {
    for error in
        ["ERROR", "+CME ERROR: 100", "+CMS ERROR: 500", "NO CARRIER", "COMMAND NOT SUPPORT"]
    {
        let mut bench = Bench::quectel().ready();
        bench.once("AT+QGDCNT?", error);
        bench.once("AT+QGDCNT?", error);
        bench.request();
        bench.pass(10_000);
        assert_eq!(bench.faults(), [FaultKind::Garbled], "{error}");
        let Some(Report::Fault { detail, .. }) = bench.reports.first() else { panic!("{error}") };
        assert!(detail.contains("AT+QGDCNT?") && detail.contains(error), "{detail}");
        assert_eq!(bench.recovered(), [2]);
        assert_eq!(bench.sample().counter, traffic(100, 200));
    }
}

#[test]
fn slow_bytes_are_waited_for_and_endless_ones_are_not() {
    let mut bench = Bench::quectel().ready();
    bench.silent("AT+QGDCNT?");
    // Twice, because the first figure wants a second.
    for _ in 0..2 {
        bench.request();
        for byte in lines("+QGDCNT: 5,6|OK") {
            bench.pass(400);
            bench.bytes(&[byte]);
        }
    }
    assert_eq!(bench.sample().counter, traffic(5, 6));
    bench.request();
    let start_ms = bench.now_ms;
    while !bench.sent.iter().any(|command| command == "AT") {
        bench.pass(500);
        bench.bytes(b"x");
        assert!(bench.now_ms < start_ms + 30_000, "given up in the end");
    }
}

#[test]
fn a_late_answer_is_not_taken_for_the_next() {
    let mut bench = Bench::quectel().ready();
    bench.request();
    bench.reports.clear();
    bench.once_bytes("AT+QGDCNT?", None);
    bench.request();
    bench.pass(3_500);
    // It comes while the dialogue waits, and its end even after AT was answered.
    bench.says("+QGDCNT: 50,60");
    bench.pass(600);
    bench.says("OK");
    bench.on("AT+QGDCNT?", "+QGDCNT: 101,201|OK");
    bench.pass(5_000);
    assert_eq!(bench.sample().counter, traffic(101, 201));
}

#[test]
fn an_ok_that_belongs_to_nothing_brings_the_dialogue_back_into_step() {
    let mut bench = Bench::quectel().ready();
    bench.says("OK");
    bench.request();
    bench.pass(1_000);
    assert_eq!(bench.sent[0], "AT");
    assert_eq!(bench.sample().counter, traffic(100, 200));
}

#[test]
fn a_sim_that_is_missing_and_then_inserted() {
    let mut bench = Bench::quectel();
    bench.on("AT+CPIN?", "+CME ERROR: 10");
    bench.on("AT+QCCID", "+CME ERROR: 10");
    bench.open();
    bench.request();
    bench.pass(10_000);
    bench.request();
    assert_eq!(bench.reports, [Report::NoSim], "said once");
    bench.on("AT+CPIN?", "+CPIN: READY|OK");
    bench.on("AT+QCCID", &format!("+QCCID: {ICCID_2}|OK"));
    bench.says("+CPIN: READY");
    bench.request();
    bench.pass(2_000);
    assert_eq!(bench.identities()[0].iccid, Iccid::parse(ICCID_2).ok());
    assert_eq!(bench.sample().counter, traffic(100, 200));
}

#[test]
fn a_sim_that_is_taken_out_twice_is_missing_twice() {
    let mut bench = Bench::quectel().ready();
    for _ in 0..2 {
        bench.says("+CPIN: NOT INSERTED");
        bench.says("+CPIN: NOT INSERTED");
        bench.says("+CPIN: READY");
        bench.request();
    }
    let missing = bench.reports.iter().filter(|report| **report == Report::NoSim).count();
    assert_eq!((missing, bench.identities().len()), (2, 2), "{:#?}", bench.reports);
}

#[test]
fn a_counter_whose_query_was_lost_is_found_by_the_next_search() {
    let mut bench = Bench::quectel();
    bench.silent("AT+QGDCNT?");
    bench.silent("AT+CGMM");
    bench.open();
    bench.pass(40_000);
    assert_eq!(bench.faults(), [FaultKind::NoCounter]);
    bench.on("AT+QGDCNT?", "+QGDCNT: 1,2|OK");
    bench.on("AT+CGMM", "EC25|OK");
    bench.pass(60_000);
    bench.request();
    bench.pass(5_000);
    assert_eq!(bench.sample().counter, traffic(1, 2));
}

#[test]
fn a_swapped_sim_is_known_before_its_bytes_are_counted() {
    let mut bench = Bench::quectel().ready();
    bench.request();
    bench.reports.clear();
    bench.says("+CPIN: NOT INSERTED");
    bench.on("AT+QCCID", &format!("+QCCID: {ICCID_2}|OK"));
    bench.says("+CPIN: READY");
    bench.request();
    let kinds: Vec<&str> = bench
        .reports
        .iter()
        .map(|report| match report {
            Report::NoSim => "no sim",
            Report::Identified(_) => "identified",
            Report::Reading(_) => "reading",
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(kinds, ["no sim", "identified", "reading"]);
    assert_eq!(bench.identities()[0].iccid, Iccid::parse(ICCID_2).ok());
}

#[test]
fn a_sim_that_changes_while_the_counter_is_asked() {
    let mut bench = Bench::quectel().ready();
    bench.request();
    bench.reports.clear();
    bench.on("AT+QCCID", &format!("+QCCID: {ICCID_2}|OK"));
    bench.once("AT+QGDCNT?", "+QGDCNT: 111,222|+QSIMSTAT: 1,1|OK");
    bench.request();
    assert!(matches!(bench.reports[0], Report::Identified(_)), "{:?}", bench.reports);
    assert_eq!(bench.sample().counter, traffic(100, 200), "the figure of before is dropped");
}

#[test]
fn a_modem_that_restarts_while_idle() {
    let mut bench = Bench::quectel().ready();
    bench.request();
    bench.reports.clear();
    bench.sent.clear();
    bench.bytes(b"\0\0\r\nRDY\r\n");
    assert!(bench.sent.is_empty(), "it waits for the next request");
    bench.on("AT+QGDCNT?", "+QGDCNT: 1,2|OK");
    bench.request();
    bench.pass(2_000);
    assert_eq!(bench.sent[..2], ["AT", "ATE0"], "its settings are gone");
    let sample = bench.sample();
    assert_eq!((sample.counter, sample.evidence), (traffic(1, 2), Evidence::Restarted));
    bench.request();
    assert_eq!(bench.sample().evidence, Evidence::Same);
}

#[test]
fn a_modem_that_restarts_in_the_middle_of_an_answer() {
    let mut bench = Bench::quectel().ready();
    bench.request();
    bench.reports.clear();
    bench.once("AT+QGDCNT?", "+QGDCNT: 111,222|RDY");
    bench.on("AT+QGDCNT?", "+QGDCNT: 3,4|OK");
    bench.once("AT+QGDCNT?", "+QGDCNT: 111,222|RDY");
    bench.request();
    bench.pass(5_000);
    let sample = bench.sample();
    assert_eq!((sample.counter, sample.evidence), (traffic(3, 4), Evidence::Restarted));
}

#[test]
fn a_data_context_that_is_set_up_anew_may_have_restarted_the_counter() {
    let mut bench = Bench::new(AtSettings::default(), "Huawei", "ME909");
    bench.on("AT^DSFLOWQRY", "^DSFLOWQRY: 1,1,1,100,10,10|OK");
    let mut bench = bench.ready();
    bench.request();
    bench.reports.clear();
    bench.says("+CGEV: NW PDN DEACT 2|+CGEV: ME PDN ACT 1");
    bench.request();
    assert_eq!(bench.sample().evidence, Evidence::MayHaveRestarted);
    bench.says("+CGEV: ME CLASS \"B\"");
    bench.request();
    assert_eq!(bench.sample().evidence, Evidence::Same);
}

#[test]
fn a_data_context_restarts_no_counter_of_the_modems_own_memory() {
    let mut bench = Bench::quectel().ready();
    bench.request();
    bench.reports.clear();
    bench.says("+CGEV: NW PDN DEACT 2|+CGEV: ME PDN ACT 1|+CGEV: NW DETACH");
    bench.request();
    assert_eq!(bench.sample().evidence, Evidence::Same);
}

#[test]
fn what_is_heard_while_the_counter_is_asked_doubts_one_reading() {
    for (answer, evidence) in [
        ("+CGEV: ME PDN ACT 1|^DSFLOWQRY: 1,1,1,100,10,10|OK", [May, Same, Same]),
        ("^DSFLOWQRY: 1,1,1,100,10,10|+CGEV: ME PDN ACT 1|OK", [Same, May, Same]),
    ] {
        let mut bench = Bench::new(AtSettings::default(), "Huawei", "ME909");
        bench.on("AT^DSFLOWQRY", "^DSFLOWQRY: 1,1,1,100,10,10|OK");
        let mut bench = bench.ready();
        bench.request();
        bench.reports.clear();
        bench.once("AT^DSFLOWQRY", answer);
        for expected in evidence {
            bench.request();
            assert_eq!(bench.sample().evidence, expected, "{answer}");
        }
    }
}

#[test]
fn noise_is_no_evidence_but_lets_the_mark_be_looked_at() {
    for (mark, evidence) in [("1", Same), ("0", May)] {
        let mut bench = Bench::quectel();
        bench.on("AT+CREG?", "+CREG: 1,1|OK");
        let mut bench = bench.ready();
        for _ in 0..3 {
            bench.request();
        }
        bench.reports.clear();
        bench.sent.clear();
        bench.on("AT+CREG?", &format!("+CREG: {mark},1|OK"));
        bench.bytes(b"\xff\xfe\x01\x02\r\n");
        bench.request();
        bench.pass(5_000);
        assert_eq!(bench.sample().evidence, evidence, "{mark}");
        assert!(bench.sent.iter().any(|command| command == "ATE0"), "{:?}", bench.sent);
        bench.request();
        assert_eq!(bench.sample().evidence, Same, "once");
    }
}

#[test]
fn noise_behind_the_mark_lets_it_be_looked_at_again() {
    let mut bench = Bench::quectel();
    bench.on("AT+CREG?", "+CREG: 1,1|OK");
    let mut bench = bench.ready();
    bench.request();
    bench.bytes(b"\xff\xfe\x01\x02\r\n");
    bench.once_bytes("AT+CREG?", Some(b"\r\n+CREG: 1,1\r\n\xff\x01\r\nOK\r\n".to_vec()));
    bench.request();
    bench.pass(5_000);
    bench.reports.clear();
    bench.on("AT+CREG?", "+CREG: 0,1|OK");
    bench.request();
    bench.pass(5_000);
    assert_eq!(bench.sample().evidence, May);
}

#[test]
fn a_card_without_a_readable_number_is_counted_all_the_same_and_asked_again() {
    let mut bench = Bench::quectel();
    bench.on("AT+QCCID", "ERROR");
    bench.open();
    bench.request();
    bench.pass(5_000);
    assert_eq!(bench.identities()[0].iccid, None);
    assert_eq!(bench.sent.iter().filter(|command| *command == "AT+CCID").count(), 3);
    bench.sample();
    bench.on("AT+CCID", &format!("{ICCID_2}|OK"));
    bench.request();
    assert!(bench.identities().is_empty());
    bench.reports.clear();
    bench.pass(300_000);
    bench.request();
    bench.pass(2_000);
    assert_eq!(bench.identities()[0].iccid, Iccid::parse(ICCID_2).ok());
}

#[test]
fn a_garbled_card_number_is_not_another_card() {
    let mut bench = Bench::quectel().ready();
    bench.request();
    bench.reports.clear();
    bench.says("+CPIN: READY");
    bench.once("AT+QCCID", "+QCCID: 89860120345678991234|OK");
    bench.request();
    assert!(bench.identities().is_empty(), "{:?}", bench.reports);
    assert_eq!(bench.samples().len(), 1);
}

#[test]
fn a_modem_that_never_answers_an_unknown_command() {
    let mut bench = Bench::quectel();
    for command in ["AT+CGMR", "AT+CGEREP=2,1", "AT+CEREG?", "AT+QLTS=2", "AT+CIMI"] {
        bench.silent(command);
    }
    bench.open();
    bench.request();
    bench.pass(120_000);
    assert!(bench.faults().is_empty());
    assert_eq!(bench.sample().counter, traffic(100, 200));
    for command in ["AT+CGMR", "AT+CGEREP=2,1", "AT+CEREG?", "AT+QLTS=2", "AT+CIMI"] {
        let times = bench.sent.iter().filter(|sent| *sent == command).count();
        assert!(times <= 2, "{command} was sent {times} times");
    }
}

#[test]
fn an_idle_minute_costs_six_questions() {
    let mut bench = Bench::quectel().ready();
    for _ in 0..2 {
        bench.request();
    }
    bench.sent.clear();
    for _ in 0..6 {
        bench.pass(10_000);
        bench.request();
    }
    assert_eq!(bench.sent, ["AT+QGDCNT?"; 6]);
}

#[test]
fn the_trace_shows_both_directions_when_it_is_on() {
    let mut bench = Bench::quectel().ready();
    for _ in 0..2 {
        bench.request();
    }
    assert_eq!(bench.dialogue.poll_trace(), None);
    bench.dialogue.set_trace(true);
    bench.request();
    // Asked for once more: what waits is kept.
    bench.dialogue.set_trace(true);
    let trace: Vec<String> = std::iter::from_fn(|| bench.dialogue.poll_trace()).collect();
    assert_eq!(trace, ["> AT+QGDCNT?", "< +QGDCNT: 100,200", "< OK"]);
}

#[test]
fn a_restart_that_nobody_heard_is_known_by_the_reports_that_are_off() {
    for (mark, evidence) in [
        ("+CREG: 0,1|OK", Evidence::MayHaveRestarted),
        ("+CREG: 1,1|OK", Evidence::Same),
        ("+CREG: 2,1,\"8BE3\",\"00002BAF\"|OK", Evidence::Same),
        ("ERROR", Evidence::Same),
    ] {
        let mut bench = Bench::quectel();
        bench.on("AT+CREG?", mark);
        bench.open();
        bench.request();
        bench.pass(5_000);
        assert_eq!(bench.sample().evidence, evidence, "{mark}");
    }
}

/// A modem with its own memory of whether it was told to report; returns the
/// commands that posdatad sends until it has given so many readings.
fn readings(mark: &str, count: usize) -> (Vec<String>, Vec<Evidence>) {
    let mut bench = Bench::quectel();
    bench.on("AT+CREG?", &format!("+CREG: {mark},1|OK"));
    bench.open();
    for _ in 0..count {
        bench.request();
        bench.pass(5_000);
    }
    let evidence = bench.samples().iter().map(|sample| sample.evidence).collect();
    (bench.sent, evidence)
}

#[test]
fn who_is_killed_before_two_readings_leaves_the_mark_as_it_was() {
    // Without a card nothing is read, however long.
    let mut bench = Bench::quectel();
    bench.on("AT+CREG?", "+CREG: 0,1|OK");
    bench.on("AT+CPIN?", "+CME ERROR: 10");
    bench.open();
    for _ in 0..60 {
        bench.request();
        bench.pass(10_000);
    }
    assert!(!bench.sent.iter().any(|command| command == "AT+CREG=1"), "{:?}", bench.sent);
    let (sent, evidence) = readings("0", 1);
    assert!(!sent.iter().any(|command| command == "AT+CREG=1"), "{sent:?}");
    assert_eq!(evidence, [May], "the next one finds it again");
    let (sent, evidence) = readings("0", 6);
    assert_eq!(sent.iter().filter(|command| *command == "AT+CREG=1").count(), 1, "{sent:?}");
    let mark = sent.iter().position(|command| command == "AT+CREG=1").unwrap();
    assert_eq!(sent[mark - 1], "AT+QGDCNT?", "the reading comes first");
    assert_eq!(evidence[1..], [Evidence::Same; 5]);
}

#[test]
fn a_mark_that_was_never_set_proves_nothing() {
    let mut bench = Bench::quectel();
    bench.on("AT+CREG?", "+CREG: 0,1|OK");
    bench.open();
    bench.request();
    bench.pass(5_000);
    assert_eq!(bench.sample().evidence, Evidence::MayHaveRestarted);
    // Opened anew before it was set: of course it is not there.
    bench.open();
    bench.request();
    bench.pass(5_000);
    assert_eq!(bench.sample().evidence, Evidence::Same);
    for _ in 0..3 {
        bench.request();
    }
    assert!(bench.sent.iter().any(|command| command == "AT+CREG=1"));
    bench.reports.clear();
    // Set, and gone.
    bench.open();
    bench.request();
    bench.pass(5_000);
    assert_eq!(bench.sample().evidence, Evidence::MayHaveRestarted);
}

#[test]
fn a_modem_that_says_that_it_restarted_is_marked_anew() {
    let mut bench = Bench::quectel();
    bench.on("AT+CREG?", "+CREG: 1,1|OK");
    bench.open();
    let marks = |bench: &mut Bench| {
        bench.sent.clear();
        for _ in 0..5 {
            bench.request();
            bench.pass(5_000);
        }
        bench.sent.iter().filter(|command| *command == "AT+CREG=1").count()
    };
    assert_eq!(marks(&mut bench), 1);
    assert_eq!(marks(&mut bench), 0);
    bench.says("RDY");
    assert_eq!(marks(&mut bench), 1);
}
