//! The pure QMI modem: what it answers, and what the books say about it.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail"
)]

mod qmi_pair;

use posdata_testkit::Bytes;
use posdata_testkit::qmi::{CTL, DMS, Family, Kind, NAS, UIM, WDS};
use qmi_pair::{Pair, current, error, last_call, none, text, value};

#[test]
fn each_family_counts_apart_and_both_add_up() {
    let mut pair = Pair::new();
    let (v4, v6) = (pair.data(4), pair.data(6));
    assert_eq!(current(&pair.statistics(v4)), Some((0, 0)));
    let idle = pair.statistics(v6);
    assert_eq!((error(&idle), last_call(&idle)), (15, None));
    assert!(pair.modem.connect(Family::V6));
    assert!(!pair.modem.connect(Family::V6));
    pair.modem.traffic(Family::V4, Bytes::new(1, 2));
    pair.modem.traffic(Family::V6, Bytes::new(10, 20));
    assert_eq!(current(&pair.statistics(v4)), Some((1, 2)));
    assert!(!pair.modem.truth().is_read_out());
    assert_eq!(current(&pair.statistics(v6)), Some((10, 20)));
    let truth = pair.modem.truth();
    assert!(truth.is_read_out());
    assert_eq!(truth.total(), Bytes::new(11, 22));
    assert_eq!(truth.before_first_answer(), Bytes::default());
    assert_eq!(truth.countable(), (Bytes::new(11, 22), Bytes::new(11, 22)));
    assert_eq!((truth.queries, truth.polls, truth.sessions.v6.polls), (4, 4, 2));
}

#[test]
fn the_last_calls_totals_stay_until_the_next_one_begins() {
    let mut pair = Pair::new();
    let client = pair.data(4);
    pair.statistics(client);
    pair.modem.traffic(Family::V4, Bytes::new(111, 222));
    assert!(pair.modem.disconnect(Family::V4));
    assert!(!pair.modem.traffic(Family::V4, Bytes::new(5, 5)));
    let ended = pair.statistics(client);
    assert_eq!((error(&ended), current(&ended), last_call(&ended)), (15, None, Some((111, 222))));
    pair.modem.connect(Family::V4);
    assert_eq!(current(&pair.statistics(client)), Some((0, 0)));
    let truth = pair.modem.truth();
    assert_eq!((truth.lost, truth.is_read_out()), (Bytes::default(), true));
    assert_eq!(truth.events[0].kind, "reconnect");
    assert_eq!(truth.events[0].detail, "IPv4: the last session's totals are gone");

    pair.modem.traffic(Family::V4, Bytes::new(3, 4));
    pair.statistics(client);
    pair.modem.traffic(Family::V4, Bytes::new(1, 1));
    pair.modem.disconnect(Family::V4);
    pair.modem.connect(Family::V4);
    pair.modem.traffic(Family::V4, Bytes::new(7, 7));
    pair.statistics(client);
    let truth = pair.modem.truth();
    assert_eq!((truth.lost, truth.events[1].lost), (Bytes::new(1, 1), Bytes::new(1, 1)));
    assert_eq!(truth.doubtful, Bytes::default());
    let counted = Bytes::new(111 + 3 + 7, 222 + 4 + 7);
    assert_eq!(truth.countable(), (counted, counted));
}

#[test]
fn a_reconnect_that_nobody_heard_of_leaves_doubt() {
    let mut pair = Pair::new();
    let client = pair.data(4);
    pair.statistics(client);
    pair.modem.forget_clients();
    pair.modem.traffic(Family::V4, Bytes::new(1, 1));
    pair.modem.disconnect(Family::V4);
    pair.modem.connect(Family::V4);
    pair.modem.traffic(Family::V4, Bytes::new(9, 9));
    assert_eq!(error(&pair.statistics(client)), 7);
    let client = pair.data(4);
    assert_eq!(current(&pair.statistics(client)), Some((9, 9)));
    let truth = pair.modem.truth();
    assert_eq!((truth.lost, truth.doubtful), (Bytes::new(1, 1), Bytes::new(9, 9)));
}

#[test]
fn sessions_tell_their_clients_what_becomes_of_them() {
    let mut pair = Pair::new();
    let (v4, v6) = (pair.data(4), pair.data(6));
    let status = |pair: &mut Pair| -> Vec<(u8, u8, [u8; 2], u8)> {
        let told = pair.hear().into_iter();
        told.map(|frame| {
            assert_eq!((frame.kind, frame.message), (Kind::Indication, 0x22));
            let family = frame.tlvs.array::<1>(0x12).unwrap()[0];
            (frame.service, frame.client, frame.tlvs.array(1).unwrap(), family)
        })
        .collect()
    };
    pair.modem.suspend(Family::V4);
    assert_eq!(status(&mut pair), [(WDS, v4, [3, 0], 4)]);
    assert!(!pair.modem.traffic(Family::V4, Bytes::new(1, 1)));
    assert_eq!(pair.ask(WDS, v4, 0x22, none()).tlvs.get(1), Some(&[3][..]));
    pair.modem.resume(Family::V4);
    pair.modem.disconnect(Family::V4);
    assert_eq!(status(&mut pair), [(WDS, v4, [2, 0], 4), (WDS, v4, [1, 0], 4)]);
    pair.modem.connect(Family::V6);
    assert_eq!(status(&mut pair), [(WDS, v6, [2, 0], 6)]);
}

#[test]
fn a_power_cycle_takes_everything_unread() {
    let mut pair = Pair::new();
    let client = pair.data(4);
    pair.statistics(client);
    pair.modem.traffic(Family::V4, Bytes::new(1, 2));
    pair.modem.power_cycle();
    let [sync] = &pair.hear()[..] else { panic!("one word after power-on") };
    assert_eq!((sync.service, sync.kind, sync.message), (CTL, Kind::Indication, 0x27));
    assert_eq!(error(&pair.statistics(client)), 7);
    let client = pair.data(4);
    assert_eq!(current(&pair.statistics(client)), Some((0, 0)));
    let truth = pair.modem.truth();
    assert_eq!(truth.lost, Bytes::new(1, 2));
    assert_eq!(truth.events[0].kind, "power-cycle");
    assert_eq!((truth.doubtful, truth.clients[&WDS]), (Bytes::default(), 1));
}

#[test]
fn a_mask_is_honoured_bit_by_bit() {
    let mut pair = Pair::new();
    let client = pair.data(4);
    pair.modem.traffic(Family::V4, Bytes::new(1400, 1401));
    for (bit, kind, size) in [
        (0x01_u32, 0x10, 4),
        (0x02, 0x11, 4),
        (0x04, 0x12, 4),
        (0x08, 0x13, 4),
        (0x10, 0x14, 4),
        (0x20, 0x15, 4),
        (0x40, 0x19, 8),
        (0x80, 0x1A, 8),
        (0x100, 0x1D, 4),
        (0x200, 0x1E, 4),
    ] {
        let answer = pair.ask(WDS, client, 0x24, value(1, bit.to_le_bytes()));
        let kinds: Vec<(u8, usize)> =
            answer.tlvs.iter().map(|(kind, value)| (kind, value.len())).collect();
        assert_eq!(kinds, [(2, 4), (kind, size)]);
    }
    let answer = pair.ask(WDS, client, 0x24, value(1, 3_u32.to_le_bytes()));
    assert_eq!(answer.tlvs.get(0x10), Some(&[1, 0, 0, 0][..]));
    assert_eq!(answer.tlvs.get(0x11), Some(&[2, 0, 0, 0][..]));
    assert_eq!((pair.modem.truth().queries, pair.modem.truth().polls), (11, 0));
}

#[test]
fn statistics_are_reported_as_often_as_wished_while_they_change() {
    let mut pair = Pair::new();
    let client = pair.data(4);
    pair.statistics(client);
    let wish = [2, 0xC3, 0, 0, 0];
    assert_eq!(error(&pair.ask(WDS, client, 1, value(0x11, wish))), 0);
    assert_eq!(pair.modem.next_ms(), Some(2000));
    pair.modem.traffic(Family::V4, Bytes::new(10, 20));
    pair.modem.tick(1999);
    assert_eq!(pair.hear(), []);
    pair.modem.tick(2000);
    let [report] = &pair.hear()[..] else { panic!("one report") };
    assert_eq!((report.message, report.client, current(report)), (1, client, Some((10, 20))));
    assert_eq!(
        report.tlvs.iter().map(|(kind, _)| kind).collect::<Vec<_>>(),
        [0x10, 0x11, 0x19, 0x1A]
    );
    assert!(pair.modem.truth().is_read_out());
    pair.modem.tick(4000);
    assert_eq!(pair.hear(), []);
    pair.ask(WDS, client, 1, value(0x11, [0; 5]));
    assert_eq!(pair.modem.next_ms(), None);
}

#[test]
fn requests_that_cannot_be_are_refused_each_in_its_way() {
    let mut pair = Pair::new();
    let client = pair.data(4);
    let stray = |pair: &mut Pair, service, client, message, tlvs| {
        error(&pair.ask(service, client, message, tlvs))
    };
    assert_eq!(stray(&mut pair, WDS, 77, 0x24, none()), 7);
    assert_eq!(stray(&mut pair, DMS, client, 0x25, none()), 7);
    assert_eq!(stray(&mut pair, WDS, client, 0x1234, none()), 71);
    assert_eq!(stray(&mut pair, WDS, client, 0x24, none()), 17);
    assert_eq!(stray(&mut pair, WDS, client, 0x24, value(1, [1])), 1);
    assert_eq!(stray(&mut pair, WDS, client, 0x4D, value(1, [9])), 48);
    assert_eq!(stray(&mut pair, CTL, 0, 0x22, value(1, [0x77])), 31);
    assert_eq!(stray(&mut pair, CTL, 0, 0x23, value(1, [WDS, client])), 0);
    assert_eq!(stray(&mut pair, CTL, 0, 0x23, value(1, [WDS, client])), 7);
    // A value that is longer than its message.
    pair.modem.receive(&[1, 16, 0, 0, DMS, 1, 0, 9, 0, 0x25, 0, 4, 0, 1, 9, 0, 1]);
    assert_eq!(error(&pair.hear()[0]), 1);
}

#[test]
fn sync_takes_all_clients_and_is_held_against_the_host() {
    let mut pair = Pair::new();
    pair.data(4);
    assert_eq!(error(&pair.ask(CTL, 0, 0x27, none())), 0);
    let truth = pair.modem.truth();
    assert_eq!((truth.syncs_received, truth.clients.len()), (1, 0));
}

#[test]
fn it_says_who_it_is_and_which_card_it_holds() {
    let mut pair = Pair::new();
    let (dms, uim) = (pair.allocate(DMS), pair.allocate(UIM));
    let truth = pair.modem.truth();
    assert_eq!(text(&pair.ask(DMS, dms, 0x21, none())), "QUALCOMM INCORPORATED");
    let ids = pair.ask(DMS, dms, 0x25, none());
    assert_eq!(ids.tlvs.get(0x11), Some(truth.imei.as_bytes()));
    let iccid = truth.iccid.unwrap();
    assert_eq!(text(&pair.ask(DMS, dms, 0x3C, none())), iccid);
    assert_eq!(text(&pair.ask(DMS, dms, 0x43, none())), truth.sims[0].imsi);
    pair.modem.no_dms_iccid(true);
    assert_eq!(error(&pair.ask(DMS, dms, 0x3C, none())), 94);
    let file = value(1, [6, 0]).with(2, [0xE2, 0x2F, 2, 0x00, 0x3F]).with(3, [0; 4]);
    let read = pair.ask(UIM, uim, 0x20, file.clone());
    assert_eq!(read.tlvs.get(0x10), Some(&[0x90, 0][..]));
    let digits: String = read.tlvs.get(0x11).unwrap()[2..]
        .iter()
        .map(|byte| format!("{:X}{:X}", byte & 15, byte >> 4))
        .collect();
    assert_eq!(digits, iccid);

    pair.modem.sim_out();
    pair.modem.no_dms_iccid(false);
    assert_eq!(error(&pair.ask(DMS, dms, 0x3C, none())), 48);
    assert_eq!(error(&pair.ask(DMS, dms, 0x43, none())), 48);
    assert_eq!(error(&pair.ask(UIM, uim, 0x20, file)), 48);
    assert_eq!(pair.modem.truth().iccid, None);
}

#[test]
fn another_card_begins_its_own_sessions_and_books() {
    let mut pair = Pair::new();
    let client = pair.data(4);
    pair.statistics(client);
    pair.modem.traffic(Family::V4, Bytes::new(1, 1));
    pair.modem.swap_sim("89860012345678901234", "460011234567890");
    pair.modem.set_roaming(true);
    pair.modem.traffic(Family::V4, Bytes::new(5, 6));
    assert_eq!(current(&pair.statistics(client)), Some((5, 6)));
    let truth = pair.modem.truth();
    assert_eq!(truth.sims[1].roaming, Bytes::new(5, 6));
    assert_eq!((truth.lost, truth.doubtful), (Bytes::new(1, 1), Bytes::new(5, 6)));
    let kinds: Vec<&str> = truth.events.iter().map(|event| event.kind).collect();
    assert_eq!(kinds, ["sim-out", "swap-sim", "reconnect", "roaming"]);
    assert_eq!(truth.events[2].iccid, truth.sims[0].iccid);
    assert_eq!(truth.countable_by("89860012345678901234").1, Bytes::new(5, 6));
}

#[test]
fn the_network_is_told_asked_and_unasked() {
    let mut pair = Pair::new();
    let client = pair.allocate(NAS);
    let asked = pair.ask(NAS, client, 0x24, none());
    assert_eq!(asked.tlvs.get(1), Some(&[1, 1, 1, 2, 1, 8][..]));
    assert_eq!(asked.tlvs.get(0x10), Some(&[1][..]));
    assert_eq!(asked.tlvs.get(0x12).unwrap()[..5], [0xCC, 1, 0, 0, 12]);
    pair.modem.set_roaming(true);
    assert_eq!(pair.hear(), []);
    pair.ask(NAS, client, 3, value(0x13, [1]).with(0x17, [1]));
    pair.modem.set_roaming(false);
    pair.modem.set_clock(Some(1_769_846_462));
    let told = pair.hear();
    assert_eq!((told[0].message, told[0].tlvs.get(0x10)), (0x24, Some(&[1][..])));
    assert_eq!((told[1].message, told[1].client), (0x4C, client));
    assert_eq!(told[1].tlvs.get(1), Some(&[0xEA, 7, 1, 31, 8, 1, 2, 5][..]));
}

#[test]
fn the_clock_says_whether_anyone_told_it() {
    let mut pair = Pair::new();
    let client = pair.allocate(DMS);
    pair.modem.tick(10);
    let time = |pair: &mut Pair| {
        let answer = pair.ask(DMS, client, 0x2F, none());
        let raw: [u8; 8] = answer.tlvs.array(1).unwrap();
        let ms = u64::from_le_bytes(answer.tlvs.array(0x10).unwrap());
        let mut count = [0; 8];
        count[..6].copy_from_slice(&raw[..6]);
        (u64::from_le_bytes(count), raw[6], ms)
    };
    assert_eq!(time(&mut pair), (8, 0, 10));
    pair.modem.set_clock(Some(315_964_800));
    pair.modem.tick(110);
    assert_eq!(time(&mut pair), (14_480, 1, 18_100));
}
