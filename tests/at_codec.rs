//! The codec on real replies: split anywhere, and read back what was written.

use posdatad::proto::at::counters::{
    Columns, Octets, dsflowqry, gdatavol, gtstatis, qgdcnt, qgdnrcnt, ugcntrd,
};
use posdatad::proto::at::{Class, Command, Lexed, Lexer, classify};
use proptest::prelude::*;

/// Replies as modems send them, line ends and all.
const CORPUS: [&[u8]; 16] = [
    b"AT\r\r\nOK\r\n",
    b"\r\n+QGDCNT: 3832,4618\r\n\r\nOK\r\n",
    b"AT+QGDNRCNT?\r\r\n+QGDNRCNT: 231743605,4951875263\r\n\r\nOK\r\n",
    b"\r\n+UGCNTRD: 31,2704,1819,2724,1839\r\n+UGCNTRD: 1,0,0,0,0\r\n\r\nOK\r\n",
    b"\r\n^DSFLOWQRY: 0000000A,000000000000645C,0000000000003C0F,00000350,0000000100000000,FFFFFFFFFFFFFFFF\r\n\r\nOK\r\n",
    b"\r\n%DSFLOWQRY: 100,0,0,592,645c,3c0f\r\n\r\nOK\r\n",
    b"\r\n#GDATAVOL: 1,30,10,20\r\n#GDATAVOL: 2,3,1,2\r\n\r\nOK\r\n",
    b"\r\n+GTSTATIS: 2954,2125,378317,331309\r\n\r\nOK\r\n",
    b"\r\n+CREG: 2,1,\"8BE3\",\"00002BAF\"\r\n\r\nOK\r\n",
    b"\r\n+CREG:002,001,\"18d8\",\"ffff\"\r\n\r\nOK\r\n",
    b"\r\n+CEREG: 2,1, 1F00, 20 ,79D903 ,7\r\n\r\nOK\r\n",
    b"\r\n+COPS: 1,0,\"\xd6\xd0\xb9\xfa\xd2\xc6\xb6\xaf\",7\r\n\r\nOK\r\n",
    b"\r\n+CME ERROR: SIM not inserted\r\n",
    b"\r\n+CME ERROR: \r\n\r\n+CME ERROR:\r\n\r\nERROR\r\n",
    b"\0\0\r\nRDY\r\n\r\n+CFUN: 1\r\n\r\n+CPIN: READY\r\n\r\nSMS DONE\r\n",
    b"867698041234561\r\n\r\nOK\r\n",
];

#[test]
fn a_reply_split_anywhere_is_the_same_reply() {
    for reply in CORPUS {
        let whole = Lexer::new().feed(reply);
        assert!(!whole.is_empty());
        for cut in 0..=reply.len() {
            let (head, tail) = reply.split_at(cut);
            let mut lexer = Lexer::new();
            let mut lines = lexer.feed(head);
            lines.extend(lexer.feed(tail));
            assert_eq!(lines, whole, "cut at {cut}");
        }
        let mut lexer = Lexer::new();
        let bytewise: Vec<Lexed> = reply.iter().flat_map(|byte| lexer.feed(&[*byte])).collect();
        assert_eq!(bytewise, whole);
    }
}

#[test]
fn every_reply_of_the_corpus_ends_or_is_unsolicited() {
    for reply in CORPUS {
        for lexed in Lexer::new().feed(reply) {
            let Lexed::Line(line) = lexed else { panic!("{lexed:?}") };
            let in_flight = Command::asks_bare("AT+ANY", &[]);
            assert_ne!(classify(&line, Some(&in_flight)), Class::Stray, "{line}");
        }
    }
}

proptest! {
    #[test]
    fn counters_read_back_what_was_written(a: u64, b: u64, c: u64, d: u64, cid: u8, time_s: u32) {
        let octets = |sent, received| Octets { sent, received };
        prop_assert_eq!(qgdcnt(&format!("+QGDCNT: {a},{b}"), Columns::SentFirst), Ok(octets(a, b)));
        prop_assert_eq!(
            qgdnrcnt(&format!("+QGDNRCNT: {a},{b}"), Columns::ReceivedFirst),
            Ok(octets(b, a))
        );
        let ublox = ugcntrd(&format!("+UGCNTRD: {cid},{a},{b},{c},{d}")).unwrap();
        prop_assert_eq!((ublox.cid, ublox.session, ublox.total), (cid, octets(a, b), octets(c, d)));
        for line in [
            format!("^DSFLOWQRY: {time_s:08X},{a:016X},{b:016X},{time_s:08X},{c:016X},{d:016X}"),
            format!("%DSFLOWQRY: {time_s:x},{a:x},{b:x},{time_s:x},{c:x},{d:x}"),
        ] {
            let flow = dsflowqry(&line).unwrap();
            prop_assert_eq!((flow.last, flow.total), (octets(a, b), octets(c, d)));
            prop_assert_eq!((flow.last_time_s, flow.total_time_s), (time_s, time_s));
        }
        let telit = gdatavol(&format!("#GDATAVOL: {cid},{a},{b},{c}")).unwrap();
        prop_assert_eq!((telit.cid, telit.both, telit.octets), (cid, a, octets(b, c)));
        let fibocom = gtstatis(&format!("+GTSTATIS: {a},{b},{c},{d}")).unwrap();
        prop_assert_eq!(fibocom.octets, octets(d, c));
    }

    #[test]
    fn any_bytes_split_anywhere_are_the_same_lines(
        bytes in prop::collection::vec(prop_oneof![Just(b'\r'), Just(b'\n'), Just(0), any::<u8>()], 0..1_500),
        cut in 0_usize..1_500,
    ) {
        let whole = Lexer::new().feed(&bytes);
        let (head, tail) = bytes.split_at(cut.min(bytes.len()));
        let mut lexer = Lexer::new();
        let mut lines = lexer.feed(head);
        lines.extend(lexer.feed(tail));
        prop_assert_eq!(lines, whole);
    }

    #[test]
    fn a_counter_line_with_one_byte_changed_is_refused_or_says_what_stands_there(
        sent: u64, received: u64, at in 0_usize..60, byte: u8,
    ) {
        let mut line = format!("+QGDCNT: {sent},{received}").into_bytes();
        let at = at % line.len();
        line[at] = byte;
        let text = String::from_utf8_lossy(&line).into_owned();
        if let Ok(octets) = qgdcnt(&text, Columns::SentFirst) {
            let digits: String = text.chars().filter(|c| c.is_ascii_digit() || *c == ',').collect();
            let trimmed = |number: &str| number.trim_start_matches('0').to_owned();
            let (first, second) = digits.split_once(',').unwrap();
            prop_assert_eq!(trimmed(first), trimmed(&octets.sent.to_string()));
            prop_assert_eq!(trimmed(second), trimmed(&octets.received.to_string()));
        }
    }
}
