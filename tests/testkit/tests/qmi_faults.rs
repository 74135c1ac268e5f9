//! What each fault does to the pure QMI modem, and what the books say about it.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail"
)]

mod qmi_pair;

use posdata_testkit::Bytes;
use posdata_testkit::qmi::{Aim, DMS, Family, Kind, QmiIdentity, QmiModem, Silence, WDS};
use qmi_pair::{Pair, current, error, none, value};

#[test]
fn silence_is_kept_for_so_many_requests_or_until_told() {
    let mut pair = Pair::new();
    let client = pair.data(4);
    let mask = || value(1, 0xC0_u32.to_le_bytes());
    pair.modem.silent(Silence::Requests(2));
    pair.send(WDS, client, 0x24, mask());
    pair.send(WDS, client, 0x24, mask());
    assert_eq!(pair.hear(), []);
    assert_eq!(current(&pair.statistics(client)), Some((0, 0)));
    pair.modem.silent(Silence::On);
    pair.send(WDS, client, 0x24, mask());
    pair.modem.disconnect(Family::V4);
    assert_eq!(pair.hear(), []);
    pair.modem.silent(Silence::Off);
    assert_eq!(error(&pair.statistics(client)), 15);
    assert_eq!((pair.modem.truth().queries, pair.modem.truth().polls), (5, 2));
}

#[test]
fn an_answer_may_come_twice_or_name_another_transaction_or_be_an_error() {
    let mut pair = Pair::new();
    let (client, dms) = (pair.data(4), pair.allocate(DMS));
    let mask = || value(1, 0xC0_u32.to_le_bytes());
    pair.modem.duplicate_next(Aim::Statistics);
    pair.modem.wrong_transaction_next(Aim::Statistics);
    pair.modem.error_next(Aim::Statistics, 74);
    pair.ask(DMS, dms, 0x25, none());
    pair.send(WDS, client, 0x24, mask());
    let twice = pair.hear();
    assert_eq!((twice.len(), &twice[0]), (2, &twice[1]));
    assert_eq!(pair.modem.truth().polls, 1);
    let wrong = pair.statistics(client);
    assert_ne!(wrong.transaction, pair.transaction);
    assert_eq!(error(&pair.statistics(client)), 74);
    assert_eq!(pair.modem.truth().polls, 1);
    pair.modem.error_next(Aim::Any, 82);
    assert_eq!(error(&pair.ask(DMS, dms, 0x25, none())), 82);
    let kinds: Vec<&str> = pair.modem.truth().events.iter().map(|event| event.kind).collect();
    assert_eq!(kinds, ["duplicate", "wrong-transaction", "error", "error"]);
}

#[test]
fn a_late_answer_is_no_reading_and_what_it_told_is_doubtful() {
    let mut pair = Pair::new();
    let client = pair.data(4);
    pair.statistics(client);
    pair.modem.traffic(Family::V4, Bytes::new(3, 3));
    pair.modem.delay_next(Aim::Statistics, 500);
    pair.send(WDS, client, 0x24, value(1, 0xC0_u32.to_le_bytes()));
    assert_eq!((pair.hear().len(), pair.modem.next_ms()), (0, Some(500)));
    pair.modem.tick(500);
    assert_eq!(current(&pair.hear()[0]), Some((3, 3)));
    assert_eq!((pair.modem.truth().polls, pair.modem.truth().is_read_out()), (1, false));
    pair.modem.traffic(Family::V4, Bytes::new(1, 1));
    pair.modem.disconnect(Family::V4);
    pair.modem.connect(Family::V4);
    pair.statistics(client);
    let truth = pair.modem.truth();
    assert_eq!((truth.lost, truth.doubtful), (Bytes::new(1, 1), Bytes::new(3, 3)));
    assert_eq!(truth.countable(), (Bytes::default(), Bytes::new(3, 3)));
}

#[test]
fn pieces_and_noise_hide_no_answer() {
    let mut pair = Pair::new();
    let client = pair.data(4);
    pair.modem.split(true);
    pair.send(WDS, client, 0x22, none());
    let mut pieces = Vec::new();
    pieces.extend(std::iter::from_fn(|| pair.modem.poll_transmit()));
    assert!(pieces.len() > 1);
    assert_eq!(pieces.concat().len(), 24);
    assert_eq!(current(&pair.statistics(client)), Some((0, 0)));

    pair.modem.split(false);
    pair.modem.coalesce(true);
    pair.modem.duplicate_next(Aim::Any);
    pair.send(WDS, client, 0x22, none());
    let piece = pair.modem.poll_transmit().unwrap();
    assert_eq!(pair.modem.poll_transmit(), None);
    pair.reader.push(&piece);
    let kinds: Vec<Kind> = pair.hear().iter().map(|frame| frame.kind).collect();
    assert_eq!(kinds, [Kind::Indication, Kind::Response, Kind::Response]);

    pair.modem.garbage(40);
    assert_eq!(pair.modem.poll_transmit().unwrap().len(), 40);
    assert_eq!(current(&pair.statistics(client)), Some((0, 0)));
}

#[test]
fn a_firmware_without_byte_counts_is_never_read() {
    let mut pair = Pair::new();
    let client = pair.data(4);
    pair.modem.missing_bytes(true);
    let answer = pair.statistics(client);
    assert_eq!((error(&answer), current(&answer)), (0, None));
    assert_eq!(pair.modem.truth().first_answer, None);
}

#[test]
fn the_same_seed_makes_the_same_modem() {
    let said = |seed| {
        let mut modem = QmiModem::new(QmiIdentity::from_seed(seed));
        modem.garbage(16);
        (modem.poll_transmit().unwrap(), modem.truth())
    };
    assert_eq!(said(3), said(3));
    assert_ne!(said(3), said(4));
}
