//! Tests of the screen of `usage`.

use super::super::screen::tests::screen;
use super::*;

#[test]
fn nothing_is_said_in_words() {
    assert_eq!(text(&[], Tier::Day, &screen(Some(80))), "Nothing was recorded in that time.\n");
    assert_eq!(text(&[], Tier::Day, &screen(None)), "Nothing was recorded in that time.\n");
}

#[test]
fn on_a_terminal_the_sum_and_the_marks_are_explained() {
    let slot = Slot {
        rx_bytes: Some(2048),
        tx_bytes: Some(1024),
        estimated: Some(true),
        ..Slot::default()
    };
    let shown = text(&[slot.clone(), slot.clone()], Tier::Day, &screen(Some(80)));
    let below: Vec<_> = shown.lines().skip(3).collect();
    assert_eq!(
        below,
        [
            "together 6.0 KiB: received 4.0 KiB, sent 2.0 KiB",
            "~ placed in time only afterwards: the clock could not be trusted",
        ]
    );
    assert_eq!(text(&[slot], Tier::Day, &screen(None)).lines().count(), 2);
}
