//! Tests of the command line.

use super::*;

fn given(words: &str) -> Result<Args, String> {
    let words: Vec<_> = words.split(' ').map(OsString::from).collect();
    parse(&words).map_err(|early| early.error.to_string())
}

#[test]
fn words_are_read() {
    let verb = |words: &str| given(words).unwrap().verb;
    assert_eq!(
        given("posdatactl status"),
        Ok(Args { bus: Bus::System, json: false, verb: Verb::Status })
    );
    assert_eq!(
        given("posdatactl sources --json --session"),
        Ok(Args { bus: Bus::Session, json: true, verb: Verb::Sources })
    );
    assert_eq!(
        given("posdatactl --bus-address unix:path=/b status").unwrap().bus,
        Bus::Address("unix:path=/b".into())
    );
    for (words, granularity) in [
        ("posdatactl usage", Granularity::Day),
        ("posdatactl usage five-minutes", Granularity::FiveMinutes),
        ("posdatactl usage five_minutes", Granularity::FiveMinutes),
        ("posdatactl usage year", Granularity::Year),
    ] {
        assert_eq!(
            verb(words),
            Verb::Usage(Usage { granularity, from: None, to: None }),
            "{words}"
        );
    }
    assert_eq!(
        verb("posdatactl events --after 0 --limit 5"),
        Verb::Events(Events { after: Some(0), limit: Some(5) })
    );
    assert_eq!(verb("posdatactl watch"), Verb::Watch(Watch { accuracy: 65_536, period: 5 }));
    assert_eq!(
        verb("posdatactl watch --accuracy 1MB --period 24h"),
        Verb::Watch(Watch { accuracy: 1_000_000, period: 86_400 })
    );
    let choice = Choice { offer: "M30".into(), ..Choice::default() };
    assert_eq!(verb("posdatactl quote M30"), Verb::Quote(choice.clone()));
    let recharge = Recharge { choice: choice.clone(), ..Recharge::default() };
    assert_eq!(verb("posdatactl recharge M30"), Verb::Recharge(recharge));
    assert_eq!(
        verb(
            "posdatactl recharge M30 --channel wechat_pay --activation next_cycle --request-id a-1 -y --no-wait"
        ),
        Verb::Recharge(Recharge {
            choice: Choice {
                channel: Some("wechat_pay".into()),
                activation: Some("next_cycle".into()),
                ..choice
            },
            request_id: Some("a-1".into()),
            yes: true,
            no_wait: true,
        })
    );
    assert_eq!(
        verb("posdatactl topups --state awaiting_payment --open --limit 3 --csv"),
        Verb::TopUps(TopUps {
            state: Some("awaiting_payment".into()),
            open: true,
            limit: Some(3),
            csv: true,
            ..TopUps::default()
        })
    );
    assert_eq!(
        verb("posdatactl calibrate 12MiB"),
        Verb::Calibrate(Calibrate { remaining: 12 << 20 })
    );
    assert_eq!(verb("posdatactl calibrate 0"), Verb::Calibrate(Calibrate { remaining: 0 }));
    assert_eq!(verb("posdatactl export --after 7"), Verb::Export(Export { after: 7, limit: None }));
    assert_eq!(verb("posdatactl trace"), Verb::Trace(Trace { seconds: 60 }));
    assert_eq!(verb("posdatactl trace --for 1h"), Verb::Trace(Trace { seconds: 3_600 }));
}

#[test]
fn wrong_words_are_refused_with_a_reason() {
    for (words, reason) in [
        ("posdatactl", "Usage:"),
        ("posdatactl stats", "similar subcommand exists: 'status'"),
        ("posdatactl --session --bus-address unix:path=/b status", "cannot be used with"),
        ("posdatactl usage week", "possible values: five-minutes, hour, day, month, year"),
        ("posdatactl usage --from soon", "give a day (2026-11-01)"),
        ("posdatactl events --limit 0", "0 is not in 1.."),
        ("posdatactl events --after x", "--after <ID>"),
        ("posdatactl watch --accuracy 0", "at least 1 byte"),
        ("posdatactl watch --accuracy 5XB", "unknown unit"),
        ("posdatactl watch --period 0s", "whole seconds, 1s to 24h"),
        ("posdatactl watch --period 25h", "whole seconds, 1s to 24h"),
        ("posdatactl watch --period 1500ms", "whole seconds"),
        ("posdatactl recharge", "<OFFER>"),
        ("posdatactl recharge M30 --channel cash", "possible values: bank_app, net_banking"),
        ("posdatactl recharge M30 --activation soon", "possible values: now, after_current"),
        ("posdatactl recharge M30 --request-id ä", "1 to 64 printable ASCII"),
        ("posdatactl topups --state paid", "possible values: created, submitted"),
        ("posdatactl topups T-1 --open", "cannot be used with"),
        ("posdatactl topups --limit 1 --all", "cannot be used with"),
        ("posdatactl topups --csv --json", "'--csv' cannot be used with '--json'"),
        ("posdatactl topups --limit 0", "0 is not in 1.."),
        ("posdatactl cancel", "<ID>"),
        ("posdatactl calibrate 12XB", "unknown unit"),
        ("posdatactl trace --for 61m", "whole seconds, 1s to 1h"),
        ("posdatactl trace --for 60", "as in 30s or 5m"),
    ] {
        let error = given(words).unwrap_err();
        assert!(error.contains(reason), "{words}: {error}");
    }
}

#[test]
fn the_command_line_holds_together() {
    Given::command().debug_assert();
}
