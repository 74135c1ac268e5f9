//! Ends of QMI sessions under bad luck: another card, an answer that fails with the
//! end right behind it, a card that goes before the second family's end was read.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod qmi_world;

use posdata_testkit::Bytes;
use posdata_testkit::qmi::{Aim, Family};
use posdatad::modem::Dialogue as _;
use qmi_world::World;

const NEW: (&str, &str) = ("8986012034567890777", "460001234567777");

/// A world in which some was moved by IPv4 and read.
fn world(bytes: u64) -> World {
    let mut world = World::new(7, 10);
    assert!(world.modem.traffic(Family::V4, Bytes::new(0, bytes)));
    world.settle();
    assert_eq!(world.counted(), Bytes::new(0, bytes));
    world.gaps();
    world
}

/// Carries what the modem has said to the dialogue.
fn hear(world: &mut World) {
    while let Some(bytes) = world.modem.poll_transmit() {
        world.dialogue.handle_bytes(world.now_ms, &bytes);
    }
}

/// Carries what the dialogue has asked to the modem. False when it asks nothing.
fn ask(world: &mut World) -> bool {
    let Some(bytes) = world.dialogue.poll_transmit() else { return false };
    world.modem.receive(&bytes);
    true
}

/// A session that a new card began and ended while its number was being asked for
/// is not booked on the card before, whichever question is slow.
#[test]
fn a_new_cards_short_session_is_not_the_old_ones() {
    for late_ms in [100, 1_500, 3_000, 4_900] {
        let mut world = world(1_000);
        let old = world.modem.truth().sims[0].clone();
        world.modem.sim_out();
        world.settle();
        world.gaps();
        world.modem.delay_next(Aim::Any, late_ms);
        world.modem.swap_sim(NEW.0, NEW.1);
        world.pass(10);
        assert!(world.modem.traffic(Family::V4, Bytes::new(0, 500_000)));
        world.modem.disconnect(Family::V4);
        world.settle();
        let counted = world.counted();
        let gaps = world.gaps().len();
        assert!(
            counted == Bytes::new(0, 500_000) || counted == Bytes::new(0, 0) && gaps > 0,
            "{late_ms} ms: {counted:?} on the new card, {gaps} gaps"
        );
        world.modem.swap_sim(&old.iccid, &old.imsi);
        world.modem.connect(Family::V4);
        assert!(world.modem.traffic(Family::V4, Bytes::new(0, 3)));
        world.settle();
        assert_eq!(world.counted(), Bytes::new(0, 1_003), "{late_ms} ms: the old card's");
    }
}

/// The same card keeps it, exactly.
#[test]
fn a_short_session_of_the_same_card_is_counted_whole() {
    let mut world = world(1_000);
    world.modem.disconnect(Family::V4);
    world.settle();
    world.modem.delay_next(Aim::Any, 3_000);
    world.modem.connect(Family::V4);
    world.pass(10);
    assert!(world.modem.traffic(Family::V4, Bytes::new(0, 500_000)));
    world.modem.disconnect(Family::V4);
    world.settle();
    assert_eq!(world.counted(), Bytes::new(0, 501_000));
    assert_eq!(world.gaps().len(), 0);
}

/// The end of a session comes in one piece behind an answer that fails: it is
/// heard all the same, and what followed is a new session.
#[test]
fn an_end_right_behind_a_failed_answer_is_heard() {
    for code in [3, 74] {
        let mut world = world(5_000);
        world.modem.coalesce(true);
        world.modem.error_next(Aim::Statistics, code);
        world.dialogue.request_reading(world.now_ms);
        while ask(&mut world) {}
        assert!(world.modem.traffic(Family::V4, Bytes::new(0, 1_000)));
        world.modem.disconnect(Family::V4);
        hear(&mut world);
        world.modem.connect(Family::V4);
        assert!(world.modem.traffic(Family::V4, Bytes::new(0, 6_700)));
        world.settle();
        let (counted, moved) = (world.counted(), world.moved());
        let gaps = world.gaps().len();
        assert!(counted == moved || gaps == 1, "{code}: {counted:?} of {moved:?}, {gaps} gaps");
        assert!(counted.rx >= 11_700, "{code}: what could be read was counted: {counted:?}");
    }
}

/// The second family's session ends while the card that is gone is asked for: its
/// last total can be read still, and is.
#[test]
fn the_second_familys_end_is_read_before_the_card_is_missed() {
    let mut world = world(1_000);
    world.modem.connect(Family::V6);
    world.settle();
    assert!(world.modem.traffic(Family::V4, Bytes::new(0, 7)));
    world.modem.disconnect(Family::V4);
    // The end of IPv4 is read and told; then the card's number is asked for.
    hear(&mut world);
    for _ in 0..2 {
        assert!(ask(&mut world));
        hear(&mut world);
    }
    let question = world.dialogue.poll_transmit().unwrap();
    assert!(world.modem.traffic(Family::V6, Bytes::new(0, 44)));
    world.modem.sim_out();
    hear(&mut world);
    world.modem.receive(&question);
    world.settle();
    assert_eq!(world.counted(), Bytes::new(0, 1_051));
    world.modem.swap_sim(NEW.0, NEW.1);
    world.settle();
    assert_eq!(world.gaps().len(), 0, "every session was counted to its last byte");
}
