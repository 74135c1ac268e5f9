//! What the observer says of what it is told.

use super::facts::{Bearer, BearerChange, KernelCounter, Modem, Sim, Stats, Witness};
use super::{Observer, Selector, Timing};
use crate::domain::reading::Part;
use crate::domain::report::{FaultKind, Report};
use crate::domain::units::Traffic;

const ROOT: &str = "/org/freedesktop/ModemManager1";

fn modem(number: u32) -> Modem {
    Modem {
        path: format!("{ROOT}/Modem/{number}"),
        state: Some(11),
        imei: "860000000000001".to_owned(),
        manufacturer: "Quectel".to_owned(),
        model: "EC25".to_owned(),
        sim: format!("{ROOT}/SIM/0"),
        registration: Some(1),
        ..Modem::default()
    }
}

fn sim() -> Sim {
    Sim { iccid: "89860012345678901234".to_owned(), imsi: "460001234567890".to_owned() }
}

fn stats(total: u64, duration: u64) -> Stats {
    Stats {
        total_rx: Some(total),
        total_tx: Some(total),
        duration: Some(duration),
        attempts: Some(1),
        ..Stats::default()
    }
}

fn bearer(connected: bool, total: u64) -> Bearer {
    let interface = if connected { "wwan0".to_owned() } else { String::new() };
    Bearer { connected, interface, reloads_stats: Some(true), stats: stats(total, 0) }
}

fn kernel(bytes: u64) -> Witness {
    let traffic = Traffic { rx: bytes, tx: bytes };
    [("wwan0".to_owned(), KernelCounter { ifindex: 2, traffic })].into()
}

fn nothing() -> Witness {
    Witness::new()
}

/// An observer of one modem that has told who it is.
fn begun(bearers: Vec<(u32, Bearer)>) -> Observer {
    let mut observer = Observer::new(Selector::default(), "boot bus".to_owned());
    observer.runs("boot bus", ":1.5");
    let shown: Vec<String> = bearers
        .iter()
        .map(|(number, Bearer { connected, stats, .. })| {
            let state = if *connected { "connection" } else { "rest" };
            let total = stats.total_rx.unwrap();
            format!("bearer{number}={total} bearer{number}-{state}1=0")
        })
        .collect();
    observer.looked(1_000, modem(0), Some(&sim()), bearers, (&kernel(0), Timing::SeenNow));
    let mut expected = vec!["identified 89860012345678901234".into(), "roaming false".into()];
    expected.extend(shown);
    assert_eq!(said(&mut observer), expected);
    observer
}

/// What it says, in short; readings as their parts.
fn said(observer: &mut Observer) -> Vec<String> {
    std::iter::from_fn(|| observer.poll_report()).map(|(_, report)| short(&report)).collect()
}

fn short(report: &Report) -> String {
    let part = |part: &Part| {
        let end = if part.ended { "!" } else { "" };
        format!("{}={}{end}", part.name, part.sample.counter.rx)
    };
    match report {
        Report::Identified(identity) => {
            format!("identified {}", identity.iccid.as_ref().map_or("-", |iccid| iccid.as_str()))
        }
        Report::Reading(reading) => reading.parts.iter().map(part).collect::<Vec<_>>().join(" "),
        Report::Roaming(roaming) => format!("roaming {roaming}"),
        Report::NoSim => "no sim".to_owned(),
        Report::NetworkTime(time) => format!("time {time}"),
        Report::Fault { kind, .. } => format!("fault {}", kind.word()),
        Report::Recovered { attempts_failed } => format!("recovered {attempts_failed}"),
    }
}

fn change(observer: &mut Observer, now_ms: u64, number: u32, to: &BearerChange, kernel: &Witness) {
    observer.bearer_changed(now_ms, &format!("{ROOT}/Bearer/{number}"), to, kernel);
}

fn counts(total: u64, duration: u64) -> BearerChange {
    BearerChange { stats: Some(stats(total, duration)), ..BearerChange::default() }
}

#[test]
fn a_reading_is_given_when_figures_are_fresh() {
    let mut observer = begun(vec![(3, bearer(true, 500))]);
    assert!(!observer.asked(12_000));
    assert_eq!(said(&mut observer), [""; 0], "the same figures again say nothing");
    change(&mut observer, 31_000, 3, &counts(900, 30), &kernel(400));
    assert_eq!(said(&mut observer), ["bearer3=900 bearer3-connection1=0"], "told unasked");
    // Silence: it is looked at, and then given.
    assert!(!observer.asked(101_000));
    assert!(observer.asked(101_001));
    observer.looked(
        101_100,
        modem(0),
        Some(&sim()),
        vec![(3, bearer(true, 900))],
        (&kernel(400), Timing::SeenNow),
    );
    observer.answer();
    assert_eq!(said(&mut observer), ["bearer3=900 bearer3-connection1=0"]);
}

#[test]
fn without_a_connection_every_question_is_answered() {
    let mut observer = begun(vec![(3, bearer(false, 500))]);
    for now_ms in [2_000, 12_000, 500_000] {
        assert!(!observer.asked(now_ms));
        assert_eq!(said(&mut observer), ["bearer3=500 bearer3-rest1=0"]);
    }
}

#[test]
fn an_end_is_told_at_once() {
    let mut observer = begun(vec![(3, bearer(true, 500))]);
    assert_eq!(observer.interfaces(), ["wwan0"]);
    change(&mut observer, 31_000, 3, &counts(900, 30), &kernel(400));
    let end =
        BearerChange { connected: Some(false), interface: Some(String::new()), ..counts(900, 37) };
    change(&mut observer, 38_000, 3, &end, &kernel(450));
    let given = [
        "bearer3=900 bearer3-connection1=0",
        "bearer3=900 bearer3-connection1=50! bearer3-rest1=0",
    ];
    assert_eq!(said(&mut observer), given);
    assert_eq!(observer.interfaces(), [""; 0]);
    // It is gone for good, and then the modem.
    observer.looked(40_000, modem(0), Some(&sim()), vec![], (&nothing(), Timing::SeenNow));
    assert_eq!(said(&mut observer), ["bearer3=900! bearer3-rest1=0!"]);
    observer.lost(&nothing(), FaultKind::Missing, String::new());
    assert_eq!(said(&mut observer), ["fault missing"]);
}

#[test]
fn a_modem_without_figures_is_a_fault_while_it_is_connected() {
    let ppp = |connected| Bearer { reloads_stats: Some(false), ..bearer(connected, 0) };
    let mut observer = begun(vec![(0, ppp(false))]);
    let begin = BearerChange { connected: Some(true), ..counts(0, 1) };
    change(&mut observer, 2_000, 0, &begin, &nothing());
    assert_eq!(
        said(&mut observer),
        ["fault no_counter", "bearer0=0 bearer0-rest1=0! bearer0-connection1=0"]
    );
    let end = BearerChange { connected: Some(false), ..counts(0, 9) };
    change(&mut observer, 9_000, 0, &end, &nothing());
    assert_eq!(said(&mut observer), ["recovered 0", "bearer0=0 bearer0-rest1=0"]);
}

#[test]
fn the_state_decides_what_is_said() {
    let in_state = |state, failed_reason| Modem { state: Some(state), failed_reason, ..modem(0) };
    let other = Sim { iccid: "89860099999999999999".to_owned(), ..sim() };
    let unreadable = Sim { iccid: String::new(), ..sim() };
    let roaming = Modem { registration: Some(5), ..modem(0) };
    let all = Some(&other);
    #[rustfmt::skip]
    let table: [(&str, Modem, Option<&Sim>, &[&str]); 11] = [
        ("the same", modem(0), Some(&sim()), &[]),
        ("initializing", in_state(1, 0), None, &[]),
        ("locked", in_state(2, 0), Some(&sim()), &["no sim"]),
        ("failed for want of a SIM", in_state(-1, 2), None, &["no sim"]),
        ("registered and no SIM object", in_state(8, 0), None, &["no sim"]),
        ("failed", in_state(-1, 4), Some(&sim()), &["fault silent"]),
        ("another SIM", modem(0), all, &["identified 89860099999999999999"]),
        ("its number cannot be read", modem(0), Some(&unreadable), &["identified -"]),
        ("another modem", Modem { imei: "860000000000002".to_owned(), ..modem(0) },
            Some(&sim()), &["identified 89860012345678901234"]),
        ("another object", modem(1), Some(&sim()),
            &["identified 89860012345678901234", "roaming false"]),
        ("abroad", roaming, Some(&sim()), &["roaming true"]),
    ];
    for (name, modem, sim, expected) in table {
        let mut observer = begun(vec![]);
        observer.looked(2_000, modem, sim, vec![], (&nothing(), Timing::SeenNow));
        assert_eq!(said(&mut observer), expected, "{name}");
    }
}

#[test]
fn a_sim_that_is_back_is_named_again() {
    let mut observer = begun(vec![]);
    let locked = Modem { state: Some(2), ..modem(0) };
    for _ in 0..2 {
        observer.looked(2_000, locked.clone(), Some(&sim()), vec![], (&nothing(), Timing::SeenNow));
    }
    observer.looked(3_000, modem(0), Some(&sim()), vec![], (&nothing(), Timing::SeenNow));
    assert_eq!(said(&mut observer), ["no sim", "identified 89860012345678901234"]);
}

#[test]
fn a_fault_is_said_once_and_looked_at_again() {
    let mut observer = begun(vec![(3, bearer(false, 500))]);
    for _ in 0..3 {
        observer.failed(FaultKind::Denied, "no".to_owned());
        assert!(observer.asked(3_000), "what was refused is asked again");
    }
    observer.looked(
        4_000,
        modem(0),
        Some(&sim()),
        vec![(3, bearer(false, 500))],
        (&nothing(), Timing::SeenNow),
    );
    observer.answer();
    assert_eq!(said(&mut observer), ["fault denied", "recovered 6", "bearer3=500 bearer3-rest1=0"]);
    // What is gone is waited for.
    observer.lost(&nothing(), FaultKind::Missing, String::new());
    assert!(!observer.asked(5_000));
    assert_eq!(said(&mut observer), ["bearer3=500! bearer3-rest1=0!", "fault missing"]);
}

#[test]
fn registrations_that_say_where_it_is() {
    for (registration, expected) in [
        (0, None),
        (1, Some(false)),
        (2, None),
        (3, None),
        (4, None),
        (5, Some(true)),
        (6, Some(false)),
        (7, Some(true)),
        (8, None),
        (9, Some(false)),
        (10, Some(true)),
        (11, None),
        (99, None),
    ] {
        let mut observer = Observer::new(Selector::default(), String::new());
        observer.registered(Some(registration));
        let expected: Vec<String> =
            expected.iter().map(|roaming: &bool| format!("roaming {roaming}")).collect();
        assert_eq!(said(&mut observer), expected, "{registration}");
    }
}

#[test]
fn the_time_is_asked_for_when_it_may_be_known() {
    let mut observer = begun(vec![]);
    assert!(observer.time_due(1_000));
    observer.time(1_000, None);
    assert!(!observer.time_due(300_999) && observer.time_due(301_000));
    for (text, expected) in [
        ("2026-11-27T01:54:49+08", Some(1_795_715_689)),
        ("2026-11-27T01:54:49+08:00", Some(1_795_715_689)),
        ("2026-11-26T17:54:49Z", Some(1_795_715_689)),
        ("soon", None),
        ("", None),
    ] {
        observer.time(301_000, Some(text));
        let expected: Vec<String> = expected.iter().map(|s: &i64| format!("time {s}")).collect();
        assert_eq!(said(&mut observer), expected, "{text}");
    }
    observer.time(301_000, Some("2026-11-26T17:54:49Z"));
    assert!(!observer.time_due(301_000 + 6 * 3_600_000 - 1));
    let unregistered = Modem { state: Some(7), ..modem(0) };
    observer.looked(2_000, unregistered, Some(&sim()), vec![], (&nothing(), Timing::SeenNow));
    assert!(!observer.time_due(u64::MAX));
}

#[test]
fn another_run_or_object_is_another_epoch() {
    let epoch = |observer: &mut Observer| {
        let mut last = None;
        while let Some((epoch, _)) = observer.poll_report() {
            last = Some(epoch);
        }
        last.unwrap()
    };
    let mut observer = Observer::new(Selector::default(), String::new());
    let mut epochs = Vec::new();
    for (place, owner, number) in
        [("b g", ":1.5", 0), ("b g", ":1.5", 1), ("b g", ":1.9", 1), ("b h", ":1.9", 1)]
    {
        observer.lost(&nothing(), FaultKind::Missing, String::new());
        observer.runs(place, owner);
        observer.looked(2_000, modem(number), Some(&sim()), vec![], (&nothing(), Timing::SeenNow));
        epochs.push(epoch(&mut observer));
    }
    assert_eq!(
        epochs,
        ["b g :1.5 modem0", "b g :1.5 modem1", "b g :1.9 modem1", "b h :1.9 modem1"]
    );
}
