//! The QMI dialogue with the simulated modem, on virtual time: who it is, whose
//! bytes they are, and what it is to do when a modem is not as it should be.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod qmi_world;

use posdata_testkit::Bytes;
use posdata_testkit::qmi::{Aim, Family, Silence};
use posdatad::domain::counter::Evidence;
use posdatad::domain::event::EventKind;
use posdatad::domain::report::{FaultKind, Identity, Report};
use posdatad::modem::Dialogue as _;
use posdatad::modem::qmi::Way;
use qmi_world::World;

fn world() -> World {
    World::new(7, 10)
}

fn identities(world: &World) -> Vec<&Identity> {
    world
        .reports
        .iter()
        .filter_map(|report| match report {
            Report::Identified(identity) => Some(identity),
            _ => None,
        })
        .collect()
}

fn faults(world: &World) -> Vec<(FaultKind, &str)> {
    world
        .reports
        .iter()
        .filter_map(|report| match report {
            Report::Fault { kind, detail } => Some((*kind, detail.as_str())),
            _ => None,
        })
        .collect()
}

/// Moves some in the IPv4 session and reads it.
fn move_and_read(world: &mut World, bytes: u64) {
    assert!(world.modem.traffic(Family::V4, Bytes::new(0, bytes)));
    world.settle();
}

#[test]
fn who_the_modem_is_and_where() {
    let mut world = world();
    let truth = world.modem.truth();
    let identity = identities(&world)[0];
    assert_eq!(identity.imei, Some(truth.imei.clone()));
    assert_eq!(identity.iccid.as_ref().unwrap().as_str()[..19], truth.iccid.unwrap()[..19]);
    assert!(identity.imsi.as_ref().is_some_and(|imsi| imsi.len() >= 14));
    assert!(identity.manufacturer.is_some() && identity.model.is_some());
    assert!(identity.revision.is_some());
    assert_eq!(identity.counter.as_deref(), Some("QMI WDS Get Packet Statistics"));
    assert!(matches!(world.reports[0], Report::Identified(_)), "before the first reading");
    assert!(world.reports.contains(&Report::Roaming(false)));

    world.reports.clear();
    world.modem.set_roaming(true);
    world.pass(10);
    assert!(world.reports.contains(&Report::Roaming(true)), "told at once");
    world.modem.set_clock(Some(1_772_339_440));
    world.pass(10);
    assert!(world.reports.contains(&Report::NetworkTime(1_772_339_440)), "told at once");
    assert_eq!(identities(&world).len(), 0, "nothing new");
}

#[test]
fn the_number_of_the_card_from_its_file() {
    let mut world = world();
    let known = identities(&world)[0].iccid.clone();
    world.modem.no_dms_iccid(true);
    world.reports.clear();
    world.vanish();
    world.settle();
    assert_eq!(identities(&world)[0].iccid, known);
    assert_eq!(faults(&world), [(FaultKind::Vanished, "gone")]);
}

#[test]
fn the_bytes_of_two_cards_are_kept_apart() {
    let mut world = world();
    move_and_read(&mut world, 1_000);
    assert_eq!(world.counted(), Bytes::new(0, 1_000));
    // What moved right before the old one was taken out is still its own.
    world.modem.traffic(Family::V4, Bytes::new(0, 50));
    world.modem.sim_out();
    world.settle();
    assert!(world.reports.contains(&Report::NoSim));
    assert_eq!(world.counted(), Bytes::new(0, 1_050));
    world.gaps();
    world.modem.swap_sim("8986012034567890777", "460001234567777");
    world.settle();
    move_and_read(&mut world, 7);
    assert_eq!(world.counted(), Bytes::new(0, 7), "the new card's own");
    let change: Vec<_> =
        world.events.iter().filter(|event| event.kind == EventKind::SimChange).collect();
    assert_eq!(change.len(), 1);
    assert!(!change[0].uncounted, "{change:?}");
    // The old one put back finds its own.
    let old = world.modem.truth().sims[0].clone();
    world.modem.sim_out();
    world.settle();
    world.modem.swap_sim(&old.iccid, &old.imsi);
    world.settle();
    move_and_read(&mut world, 3);
    assert_eq!(world.counted(), Bytes::new(0, 1_053));
    assert_eq!(world.gaps().len(), 0);
}

#[test]
fn a_modem_without_figures_is_said_to_be_so() {
    let mut world = world();
    world.reports.clear();
    world.modem.missing_bytes(true);
    world.settle();
    let faults = faults(&world);
    assert_eq!(faults.len(), 1, "said once: {faults:?}");
    assert_eq!(faults[0].0, FaultKind::NoCounter);
    assert!(faults[0].1.contains("source = \"netdev\""), "{}", faults[0].1);
    world.modem.missing_bytes(false);
    move_and_read(&mut world, 5);
    assert_eq!(world.counted(), Bytes::new(0, 5), "no invented number in between");
    assert!(world.reports.iter().any(|report| matches!(report, Report::Recovered { .. })));
}

#[test]
fn client_ids_are_given_back() {
    let mut world = world();
    let held = |world: &World| world.modem.truth().clients.values().sum::<usize>();
    assert_eq!(held(&world), 5, "{:?}", world.modem.truth().clients);
    // Silent for so long that the port is opened anew: those of before first.
    world.modem.silent(Silence::On);
    world.pass(60_000);
    assert_eq!(faults(&world)[0].0, FaultKind::Silent);
    world.modem.silent(Silence::Off);
    world.settle();
    world.settle();
    assert_eq!(held(&world), 5, "{:?}", world.modem.truth().clients);
    // An id that comes too late is given back, too.
    world.modem.forget_clients();
    world.modem.delay_next(Aim::Any, 9_000);
    world.modem.delay_next(Aim::Any, 9_000);
    world.dialogue.request_reading(world.now_ms);
    world.settle();
    world.settle();
    world.settle();
    assert_eq!(held(&world), 5, "{:?}", world.modem.truth().clients);

    world.dialogue.stop(world.now_ms);
    assert!(!world.dialogue.is_stopped());
    world.pump();
    assert!(world.dialogue.is_stopped());
    assert_eq!(held(&world), 0, "{:?}", world.modem.truth().clients);
    assert_eq!(world.modem.truth().syncs_received, 0);
}

#[test]
fn whichever_question_is_lost_both_families_are_counted() {
    for lost in 0..32 {
        let mut world = world();
        world.modem.connect(Family::V6);
        world.settle();
        world.lose_after = Some(lost);
        world.vanish();
        world.settle();
        world.settle();
        assert_eq!(world.lose_after, None, "there are fewer questions");
        let (counted, moved) = (world.counted(), world.moved());
        world.gaps();
        for (family, bytes) in [(Family::V4, 1_000), (Family::V6, 70_000)] {
            assert!(world.modem.traffic(family, Bytes::new(3, bytes)));
        }
        world.settle();
        assert_eq!(world.counted() - counted, world.moved() - moved, "question {lost}");
        assert_eq!(world.gaps().len(), 0, "question {lost}");
        assert!(identities(&world).last().unwrap().iccid.is_some(), "question {lost}");
    }
}

#[test]
fn an_end_while_nothing_is_open_is_no_wait() {
    let mut world = world();
    world.dialogue.closed(world.now_ms, FaultKind::Vanished, "gone".to_owned());
    world.dialogue.stop(world.now_ms);
    assert!(world.dialogue.is_stopped());
    assert_eq!(world.dialogue.poll_transmit(), None);
}

#[test]
fn nothing_wakes_it_while_all_is_well() {
    let world = world();
    assert_eq!(world.dialogue.poll_timeout(), None);
}

#[test]
fn a_proxy_that_does_not_open_the_device() {
    let mut world = world();
    world.reports.clear();
    let way = Way::Proxy(b"/dev/cdc-wdm9".to_vec());
    world.dialogue.opened(world.now_ms, Evidence::MayHaveRestarted, way);
    // The simulated modem itself knows no such message, and refuses it.
    world.pass(20_000);
    let faults = faults(&world);
    assert_eq!(faults[0].0, FaultKind::Denied);
    assert!(faults[0].1.starts_with("qmi-proxy does not open the device: "), "{}", faults[0].1);
}

#[test]
fn the_trace_shows_questions_and_answers() {
    let mut world = world();
    world.dialogue.set_trace(true);
    world.dialogue.request_reading(world.now_ms);
    world.pump();
    let lines: Vec<String> = std::iter::from_fn(|| world.dialogue.poll_trace()).collect();
    assert!(lines[0].starts_with("> WDS 0x0024 request, client "), "{lines:?}");
    assert!(lines[1].starts_with("< WDS 0x0024 response, client "), "{lines:?}");
}

/// Whichever question is refused, and however: nothing is counted wrongly, and the
/// reading comes back.
#[test]
fn any_refusal_of_any_question_is_survived() {
    const NO_EFFECT: u16 = 26;
    for code in [1, 3, 5, 7, 15, NO_EFFECT, 48, 71, 74, 82, 94, 98] {
        for skipped in 0..30 {
            let mut world = world();
            world.modem.connect(Family::V6);
            world.settle();
            world.refuse_after = Some((skipped, code));
            world.vanish();
            world.settle();
            world.pass(120_000);
            assert_eq!(world.refuse_after, None, "there are fewer questions");
            let what = format!("error {code} for question {skipped}");
            let (counted, moved) = (world.counted(), world.moved());
            world.gaps();
            for (family, bytes) in [(Family::V4, 1_000), (Family::V6, 70_000)] {
                assert!(world.modem.traffic(family, Bytes::new(3, bytes)));
            }
            world.settle();
            let (counted, moved) = (world.counted() - counted, world.moved() - moved);
            let identity = identities(&world).last().unwrap().counter.clone().unwrap();
            if identity.contains("cannot tell IPv4 and IPv6 apart") {
                // The one question whose refusal leaves a family out, and says so.
                assert!(code == 71 || code == 94, "{what}");
                assert_eq!(counted, Bytes::new(3, 1_000), "{what}");
            } else if code == NO_EFFECT && counted != moved {
                // The modem said that it speaks for IPv6 already, which was a lie.
                assert_eq!(counted, Bytes::new(6, 2_000), "{what}");
            } else {
                assert_eq!(counted, moved, "{what}");
                assert_eq!(world.gaps().len(), 0, "{what}");
            }
        }
    }
}
