//! The rules of the ledger, one by one: drawdown, overdraft, validity, the plan
//! and what time does to them. `ledger_model.rs` holds them against a model.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

use jiff::Timestamp;
use jiff::tz::TimeZone;
use posdatad::domain::ledger::{
    AMOUNT_MAX, Book, BookRows, BucketKind, BucketStatus, Changes, Entry, EntryKind, Grant,
    Granted, OverdraftTime, PlanOutcome, Refusal,
};
use posdatad::domain::plan::{Calendar, Cycle, Plan};
use posdatad::domain::sim::SimId;
use posdatad::domain::time::{Stamp, Trust, UnixS};

fn unix(text: &str) -> UnixS {
    let text = if text.contains('T') { format!("{text}Z") } else { format!("{text}T00:00:00Z") };
    text.parse::<Timestamp>().unwrap().as_second()
}

fn at(text: &str) -> Stamp {
    Stamp { boot_seq: 1, boot_ms: 0, wall_s: unix(text), trust: Trust::Ntp }
}

fn no_time(boot_seq: u32) -> Stamp {
    Stamp { boot_seq, boot_ms: 0, wall_s: 0, trust: Trust::Untrusted }
}

fn utc() -> Calendar {
    Calendar::new(TimeZone::UTC)
}

fn plan(allowance: u64, cycle: &str) -> Plan {
    Plan::new(allowance, Cycle::parse(cycle).unwrap(), TimeZone::UTC)
}

fn new_book() -> Book {
    Book::new(SimId(1))
}

fn grant(key: &str, bytes: u64, from: Option<&str>, to: Option<&str>) -> Grant {
    Grant {
        key: key.to_owned(),
        kind: BucketKind::TopUp,
        bytes,
        valid_from: from.map(unix),
        expires_at: to.map(unix),
        note: String::new(),
    }
}

fn remaining(book: &Book) -> Vec<u64> {
    book.check().unwrap();
    book.buckets().map(|bucket| bucket.figures.remaining).collect()
}

fn overdraft(book: &Book) -> u64 {
    book.account().figures.overdraft
}

/// The entries as short lines: kind, bucket, bytes, day.
fn lines(entries: &[Entry]) -> Vec<String> {
    let line = |entry: &Entry| {
        let bucket = entry.bucket.map_or_else(|| "-".to_owned(), |id| id.to_string());
        let day = entry.day.map_or_else(|| "-".to_owned(), |day| day.to_string());
        format!("{} {bucket} {} {day}", entry.kind.word(), entry.bytes)
    };
    entries.iter().map(line).collect()
}

fn drained(book: &mut Book) -> Vec<String> {
    lines(&book.drain().entries)
}

#[test]
fn drawdown_is_earliest_expiry_first_then_oldest_grant() {
    let mut book = new_book();
    for (key, from, to) in [
        ("never", None, None),
        ("late", None, Some("2026-12-01")),
        ("early", None, Some("2026-11-30")),
        ("early too", None, Some("2026-11-30")),
        ("not begun", Some("2026-11-29"), Some("2026-11-29T01:00:00")),
        ("ended", None, Some("2026-11-24")),
    ] {
        book.grant(grant(key, 10, from, to), at("2026-11-24")).unwrap();
    }
    for (used, left) in [
        (4, [10, 10, 6, 10, 10, 10]),
        (7, [10, 10, 0, 9, 10, 10]),
        (20, [9, 0, 0, 0, 10, 10]),
        (0, [9, 0, 0, 0, 10, 10]),
        (10, [0, 0, 0, 0, 10, 10]),
    ] {
        book.consume(used, at("2026-11-24"), &utc()).unwrap();
        assert_eq!(remaining(&book), left, "{used}");
    }
    assert_eq!(overdraft(&book), 1);
}

#[test]
fn a_grant_is_posted_once_for_each_key() {
    let mut book = new_book();
    let first = book.grant(grant("T1", 10, None, None), at("2026-11-24"));
    assert_eq!(first, Ok(Granted::New(1)));
    let again = book.grant(grant("T1", 99, None, None), at("2026-11-25"));
    assert_eq!(again, Ok(Granted::Already(1)));
    assert_eq!(remaining(&book), [10]);
}

#[test]
fn overdraft_is_absorbed_only_by_grants_valid_at_its_time() {
    for (from, to, absorbed) in [
        (None, None, 5),
        (Some("2026-11-24"), None, 5),
        (Some("2026-11-24T11:00:00"), None, 5),
        (Some("2026-11-24T11:00:01"), None, 0),
        (Some("2026-11-25"), Some("2026-12-01"), 0),
        (None, Some("2026-11-24T12:00:00"), 0),
        (None, Some("2026-11-24T12:00:01"), 5),
    ] {
        let mut book = new_book();
        book.consume(2, at("2026-11-24T11:00:00"), &utc()).unwrap();
        book.consume(3, at("2026-11-24T12:00:00"), &utc()).unwrap();
        assert_eq!((overdraft(&book), book.overdrafts().count()), (5, 1));
        book.grant(grant("T1", 100, from, to), at("2026-11-26")).unwrap();
        assert_eq!(overdraft(&book), 5 - absorbed, "{from:?} {to:?}");
        assert_eq!(remaining(&book), [100 - absorbed]);
        assert_eq!(book.account().figures.consumed, 5);
    }
}

#[test]
fn a_small_grant_absorbs_a_part_and_the_next_one_the_rest() {
    let mut book = new_book();
    book.consume(5, at("2026-11-24"), &utc()).unwrap();
    book.grant(grant("T1", 2, None, None), at("2026-11-24")).unwrap();
    book.grant(grant("T2", 9, None, None), at("2026-11-24")).unwrap();
    assert_eq!((remaining(&book), overdraft(&book)), (vec![0, 6], 0));
    assert_eq!(
        drained(&mut book),
        [
            "grant 1 2 -",
            "overdraft - 5 2026-11-24",
            "overdraft_absorbed 1 2 2026-11-24",
            "grant 2 9 -",
            "overdraft_absorbed 2 3 2026-11-24",
        ]
    );
    assert_eq!(book.overdrafts().count(), 0, "what is settled is forgotten");
}

#[test]
fn a_day_closes_into_one_entry_a_bucket() {
    let mut book = new_book();
    book.grant(grant("T1", 10, None, None), at("2026-11-24")).unwrap();
    for _ in 0..6 {
        book.consume(2, at("2026-11-24T08:00:00"), &utc()).unwrap();
    }
    assert_eq!(drained(&mut book), ["grant 1 10 -"]);
    book.close_day(at("2026-11-24T23:59:59"), &utc()).unwrap();
    assert!(!book.has_changes());
    book.close_day(at("2026-11-25"), &utc()).unwrap();
    assert_eq!(drained(&mut book), ["consumption 1 10 2026-11-24", "overdraft - 2 2026-11-24"]);
    book.close_day(at("2026-11-26"), &utc()).unwrap();
    assert_eq!(drained(&mut book), [""; 0]);
}

#[test]
fn midnight_that_comes_twice_closes_a_day_once() {
    let mut book = new_book();
    book.grant(grant("T1", 10, None, None), at("2026-11-24")).unwrap();
    for moment in ["2026-11-24T23:00:00", "2026-11-25", "2026-11-24T23:59:00", "2026-11-25"] {
        book.consume(1, at(moment), &utc()).unwrap();
    }
    book.close_day(at("2026-11-26"), &utc()).unwrap();
    assert_eq!(
        drained(&mut book),
        ["grant 1 10 -", "consumption 1 1 2026-11-24", "consumption 1 3 2026-11-25"]
    );
}

#[test]
fn what_is_left_at_the_end_expires() {
    let mut book = new_book();
    book.grant(grant("T1", 10, None, Some("2026-12-01")), at("2026-11-24")).unwrap();
    book.grant(grant("T2", 3, None, Some("2026-12-01")), at("2026-11-24")).unwrap();
    book.consume(11, at("2026-11-30"), &utc()).unwrap();
    book.expire(at("2026-11-30T23:59:59")).unwrap();
    book.expire(no_time(2)).unwrap();
    assert_eq!(remaining(&book), [0, 2]);
    // It is over before it is expired: nothing draws on it.
    book.consume(1, at("2026-12-01"), &utc()).unwrap();
    assert_eq!((remaining(&book), overdraft(&book)), (vec![0, 2], 1));
    book.expire(at("2026-12-01")).unwrap();
    book.expire(at("2026-12-01")).unwrap();
    assert_eq!(remaining(&book), [0, 0]);
    let expired: Vec<_> = book.buckets().map(|bucket| bucket.status).collect();
    assert_eq!(expired, [BucketStatus::Expired; 2]);
    assert_eq!(book.drain().entries.last().unwrap().kind, EntryKind::Expiry);
    assert_eq!(book.adjust(2, 5, "", at("2026-12-01")), Err(Refusal::BucketEnded(2)));
}

#[test]
fn nothing_ends_in_untrusted_time() {
    let mut book = new_book();
    book.grant(grant("T1", 10, None, Some("2026-12-01")), at("2026-11-24")).unwrap();
    book.grant(grant("T2", 10, Some("2026-12-01"), None), at("2026-11-24")).unwrap();
    book.consume(1, at("2026-11-30"), &utc()).unwrap();
    // A boot without a clock, perhaps months later.
    book.consume(12, no_time(2), &utc()).unwrap();
    assert_eq!((remaining(&book), overdraft(&book)), (vec![0, 10], 3));
    let unplaced = OverdraftTime::Unplaced { boot_seq: 2 };
    assert_eq!(book.overdrafts().next().unwrap().time, unplaced);
    assert_eq!(Vec::from_iter(book.unplaced_boots()), [2]);
    // Its time is found out: it lies in the second bucket's validity.
    let day = unix("2026-12-05");
    assert_eq!(book.place(2, day, at("2026-12-06"), &utc()), Ok(3));
    assert_eq!((remaining(&book), overdraft(&book)), (vec![0, 7], 0));
    assert_eq!(book.place(2, day, at("2026-12-06"), &utc()), Ok(0));
}

#[test]
fn a_posting_that_does_not_hold_leaves_the_book_as_it_was() {
    type Attempt = fn(&mut Book, Stamp) -> Result<(), Refusal>;
    let cases: [(Attempt, Refusal); 7] = [
        (|book, now| book.grant(grant("T2", 2, None, None), now).map(drop), Refusal::OutOfRange),
        (
            |book, now| book.grant(grant("T2", u64::MAX, None, None), now).map(drop),
            Refusal::OutOfRange,
        ),
        (
            |book, now| {
                let day = Some("2026-12-01");
                book.grant(grant("T2", 1, day, day), now).map(drop)
            },
            Refusal::EmptyValidity { from: unix("2026-12-01"), to: unix("2026-12-01") },
        ),
        (|book, now| book.adjust(1, i64::MAX, "", now), Refusal::OutOfRange),
        (
            |book, now| book.adjust(1, i64::MIN, "", now),
            Refusal::Short {
                bucket: 1,
                remaining: AMOUNT_MAX - 2,
                wanted: i64::MIN.unsigned_abs(),
            },
        ),
        (|book, now| book.adjust(9, 1, "", now), Refusal::UnknownBucket(9)),
        // A part of it could be drawn, and what is over is out of range.
        (|book, now| book.consume(u64::MAX, now, &utc()), Refusal::OutOfRange),
    ];
    let now = at("2026-11-24");
    let mut book = new_book();
    book.grant(grant("T1", AMOUNT_MAX - 1, None, None), now).unwrap();
    book.consume(1, now, &utc()).unwrap();
    let before = format!("{book:?}");
    for (attempt, refusal) in cases {
        assert_eq!(attempt(&mut book, now), Err(refusal));
        assert_eq!(format!("{book:?}"), before);
    }
}

#[test]
fn a_bucket_closed_by_hand_gives_its_rest_back() {
    let mut book = new_book();
    book.grant(grant("T1", 10, None, None), at("2026-11-24")).unwrap();
    book.consume(4, at("2026-11-24"), &utc()).unwrap();
    book.close_bucket(1, "the operator's figure rules", at("2026-11-24")).unwrap();
    book.close_bucket(1, "again", at("2026-11-24")).unwrap();
    assert_eq!(remaining(&book), [0]);
    assert_eq!(drained(&mut book), ["grant 1 10 -", "adjustment 1 -6 -"]);
    book.consume(1, at("2026-11-24"), &utc()).unwrap();
    assert_eq!(overdraft(&book), 1);
}

#[test]
fn each_period_of_the_plan_is_granted_once() {
    let mut book = new_book();
    let plan = plan(30, "monthly:1");
    for (moment, outcome) in [
        ("2026-11-24", PlanOutcome::Granted(1)),
        ("2026-11-24", PlanOutcome::Unchanged),
        ("2026-11-30T23:59:59", PlanOutcome::Unchanged),
        ("2026-12-01", PlanOutcome::Granted(2)),
        // The clock goes back over the end of the month.
        ("2026-11-30T23:59:59", PlanOutcome::Unchanged),
        // Off for three months: only the present one is granted.
        ("2027-03-10", PlanOutcome::Granted(3)),
        // Back into a month that was granted, and into one that was not.
        ("2026-11-10", PlanOutcome::Unchanged),
        ("2027-02-10", PlanOutcome::Unchanged),
        ("2027-03-11", PlanOutcome::Unchanged),
    ] {
        let at = at(moment);
        book.close_day(at, &utc()).unwrap();
        book.expire(at).unwrap();
        assert_eq!(book.ensure_plan(&plan, at), Ok(outcome), "{moment}");
        // What has been granted stays usable when the clock goes back.
        assert!(book.balance(Some(at.wall_s)).unwrap().remaining > 0, "{moment}");
    }
    let keys: Vec<_> = book.buckets().map(|bucket| bucket.key.as_str()).collect();
    assert_eq!(keys, ["plan:2026-11-01", "plan:2026-12-01", "plan:2027-03-01"]);
    assert_eq!(remaining(&book), [0, 0, 30]);
}

#[test]
fn a_clock_that_was_years_ahead_does_not_stop_the_plan() {
    let mut book = new_book();
    let plan = plan(30, "monthly:1");
    for moment in ["2026-11-24", "2046-07-09", "2026-11-24", "2026-12-01"] {
        book.advance(at(moment), &utc(), Some(&plan)).unwrap();
    }
    let keys: Vec<_> = book.buckets().map(|bucket| bucket.key.as_str()).collect();
    assert_eq!(keys, ["plan:2026-11-01", "plan:2046-07-01", "plan:2026-12-01"]);
    book.consume(1, at("2026-12-02"), &utc()).unwrap();
    assert_eq!(remaining(&book), [0, 30, 29]);
}

#[test]
fn plans_that_need_the_time_wait_for_it() {
    for (cycle, first) in [
        ("monthly:1", PlanOutcome::Waiting),
        ("days:30@2026-01-15", PlanOutcome::Waiting),
        ("once:365d", PlanOutcome::Waiting),
        ("never", PlanOutcome::Granted(1)),
    ] {
        let mut book = new_book();
        let plan = plan(30, cycle);
        assert_eq!(book.ensure_plan(&plan, no_time(1)), Ok(first), "{cycle}");
        book.consume(4, no_time(1), &utc()).unwrap();
        book.advance(at("2026-11-24T02:00:00"), &utc(), Some(&plan)).unwrap();
        book.place(1, unix("2026-11-24T01:00:00"), at("2026-11-24T02:00:00"), &utc()).unwrap();
        assert_eq!((remaining(&book), overdraft(&book)), (vec![26], 0), "{cycle}");
    }
}

#[test]
fn once_is_granted_once_and_ends_after_its_validity() {
    let mut book = new_book();
    let plan = plan(30, "once:10d");
    for (moment, outcome) in [
        ("2026-11-24", PlanOutcome::Granted(1)),
        ("2026-12-03T23:59:59", PlanOutcome::Unchanged),
        ("2026-12-04", PlanOutcome::Unchanged),
        ("2027-12-04", PlanOutcome::Unchanged),
    ] {
        book.expire(at(moment)).unwrap();
        assert_eq!(book.ensure_plan(&plan, at(moment)), Ok(outcome), "{moment}");
    }
    assert_eq!(book.bucket(1).unwrap().status, BucketStatus::Expired);
    assert_eq!(book.bucket(1).unwrap().figures.expired, 30);
}

#[test]
fn a_changed_allowance_adjusts_the_running_bucket() {
    for (steps, left, adjustments) in [
        (&[(30, 10), (50, 0)][..], 40, 1),
        (&[(30, 10), (20, 0)], 10, 1),
        // Lowered below what is used: nothing is left, and what is used stays.
        (&[(30, 25), (20, 0)], 0, 1),
        (&[(30, 25), (20, 0), (20, 0)], 0, 1),
        (&[(30, 25), (20, 0), (30, 0)], 5, 2),
        (&[(30, 30), (20, 0), (30, 0)], 0, 0),
        (&[(30, 0), (0, 0), (30, 0)], 30, 2),
        // What was used in between without cover is absorbed by the raise.
        (&[(30, 25), (20, 3), (40, 0)], 12, 2),
    ] {
        let mut book = new_book();
        for (allowance, used) in steps {
            book.ensure_plan(&plan(*allowance, "monthly:1"), at("2026-11-24")).unwrap();
            book.consume(*used, at("2026-11-24"), &utc()).unwrap();
        }
        assert_eq!((remaining(&book), overdraft(&book)), (vec![left], 0), "{steps:?}");
        let entries = book.drain().entries;
        let adjusted = entries.iter().filter(|entry| entry.kind == EntryKind::Adjustment);
        assert_eq!(adjusted.count(), adjustments, "{steps:?}");
    }
}

#[test]
fn a_changed_cycle_moves_the_end_and_grants_nothing() {
    for (cycles, end) in [
        (&["monthly:1", "monthly:15"][..], Some("2026-12-15")),
        (&["monthly:1", "monthly:15", "monthly:1"], Some("2026-12-01")),
        (&["monthly:1", "days:7@2026-11-23"], Some("2026-11-30")),
        (&["monthly:1", "never"], None),
        (&["never", "monthly:1"], Some("2026-12-01")),
        (&["monthly:1", "once:60d"], Some("2026-12-31")),
        (&["once:60d", "once:30d"], Some("2026-12-24")),
        (&["never", "once:30d"], Some("2026-12-24")),
    ] {
        let mut book = new_book();
        for cycle in cycles {
            book.advance(at("2026-11-24"), &utc(), Some(&plan(30, cycle))).unwrap();
            book.consume(1, at("2026-11-24"), &utc()).unwrap();
        }
        let used = u64::try_from(cycles.len()).unwrap();
        assert_eq!(remaining(&book), [30 - used], "{cycles:?}");
        assert_eq!(book.bucket(1).unwrap().expires_at, end.map(unix), "{cycles:?}");
    }
}

#[test]
fn another_zone_moves_the_end_of_the_month() {
    let mut book = new_book();
    book.ensure_plan(&plan(30, "monthly:1"), at("2026-11-24")).unwrap();
    let zone = TimeZone::get("Asia/Shanghai").unwrap();
    let shanghai = Plan::new(30, Cycle::parse("monthly:1").unwrap(), zone);
    assert_eq!(book.ensure_plan(&shanghai, at("2026-11-24")), Ok(PlanOutcome::Changed(1)));
    assert_eq!(book.bucket(1).unwrap().expires_at, Some(unix("2026-11-30T16:00:00")));
    assert_eq!(book.ensure_plan(&shanghai, at("2026-11-25")), Ok(PlanOutcome::Unchanged));
}

#[test]
fn the_next_deadline_is_the_next_thing_that_time_does() {
    let mut book = new_book();
    let monthly = plan(30, "monthly:1");
    let days = plan(30, "never");
    let deadline = |book: &Book, now: &str, plan: Option<&Plan>| {
        Timestamp::from_second(book.next_deadline(unix(now), &utc(), plan)).unwrap().to_string()
    };
    assert_eq!(deadline(&book, "2026-11-24T10:00:00", None), "2026-11-25T00:00:00Z");
    let ends = grant("T1", 1, Some("2026-11-24T12:00:00"), Some("2026-11-24T13:00:00"));
    book.grant(ends, at("2026-11-24T10:00:00")).unwrap();
    for (now, next) in [
        ("2026-11-24T10:00:00", "2026-11-24T12:00:00Z"),
        ("2026-11-24T12:00:00", "2026-11-24T13:00:00Z"),
        ("2026-11-24T14:00:00", "2026-11-24T14:00:00Z"),
    ] {
        assert_eq!(deadline(&book, now, Some(&days)), next);
    }
    book.expire(at("2026-11-24T14:00:00")).unwrap();
    assert_eq!(deadline(&book, "2026-11-30T14:00:00", Some(&monthly)), "2026-12-01T00:00:00Z");
}

#[test]
fn the_balance_counts_what_is_usable_now() {
    let mut book = new_book();
    assert_eq!(book.balance(Some(unix("2026-11-24"))), None);
    book.ensure_plan(&plan(30, "monthly:1"), at("2026-11-24")).unwrap();
    book.grant(grant("T1", 10, None, None), at("2026-11-24")).unwrap();
    book.grant(grant("T2", 50, Some("2026-12-01"), None), at("2026-11-24")).unwrap();
    book.consume(31, at("2026-11-24"), &utc()).unwrap();
    let balance = book.balance(None).unwrap();
    assert_eq!((balance.remaining, balance.granted, balance.consumed), (9, 40, 31));
    assert_eq!((balance.used_percent(), balance.usable_buckets), (Some(77), 2));
    // The plan's bucket has an end, but nothing left.
    assert_eq!((balance.expires_at, balance.cycle), (None, Some(1)));
    let later = book.balance(Some(unix("2026-12-01"))).unwrap();
    assert_eq!((later.remaining, later.granted), (59, 60));
}

#[test]
fn rows_that_contradict_each_other_are_refused() {
    let mut book = new_book();
    book.grant(grant("T1", 10, None, None), at("2026-11-24")).unwrap();
    book.consume(12, at("2026-11-24"), &utc()).unwrap();
    let Changes { account, buckets, overdrafts, actions, asides, .. } = book.drain();
    let rows = BookRows { account: account.unwrap(), buckets, overdrafts, actions, asides };
    assert!(Book::load(rows.clone()).is_ok());
    let broken = |change: &dyn Fn(&mut BookRows)| {
        let mut rows = rows.clone();
        change(&mut rows);
        Book::load(rows).unwrap_err()
    };
    let twice = broken(&|rows| rows.buckets.push(rows.buckets[0].clone()));
    assert!(matches!(twice, Refusal::Contradiction(_)), "{twice}");
    let foreign = broken(&|rows| rows.buckets[0].sim = SimId(2));
    assert!(matches!(foreign, Refusal::Contradiction(_)), "{foreign}");
    let id = broken(&|rows| rows.account.next_bucket_id = 1);
    assert!(matches!(id, Refusal::Contradiction(_)), "{id}");
    let bucket = broken(&|rows| rows.buckets[0].figures.remaining += 1);
    assert!(matches!(bucket, Refusal::Unbalanced(_)), "{bucket}");
    let lost = broken(&|rows| rows.overdrafts.clear());
    assert!(matches!(lost, Refusal::NotTheSum { .. }), "{lost}");
    let account = broken(&|rows| rows.account.figures.granted -= 1);
    assert!(matches!(account, Refusal::Unbalanced(_)), "{account}");
}
