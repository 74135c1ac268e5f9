//! What `--help` adds to the words themselves: examples, forms, exit statuses.

/// Under the help as a whole.
pub(super) const ALL: &str = "\
Examples:
  posdatactl status                     what is left, until when, and is it saved?
  posdatactl usage hour                 the last 24 hours as a chart
  posdatactl usage day --from 2026-11   every day since the 1st of November
  posdatactl --json status | jq .balance.remaining_bytes
  posdatactl offers                     what can be bought
  posdatactl recharge M30               buy it: price, payment code, new balance
  posdatactl topups --csv > topups.csv  what was bought, for a spreadsheet
  sudo posdatactl trace --for 30s       what is said to the modem, live

JSON: one document on one line; watch, trace and recharge print one object a line. Bytes
are integers, times RFC 3339 in UTC. A key that is absent is unknown, not zero.
With --json an error is one object on standard error: {\"error\":{\"name\":\"posdatactl.NotRunning\",\"message\":\"…\",\"hint\":\"…\"}}
(posdatad's own names are org.posdata.Error.*).

Exit status: 0 done; 64 wrong usage; 65 there is no such thing, or not in this
state; 69 the bus, posdatad or the backend is not there or does not answer; 70
internal error; 74 the output cannot be written; 77 not allowed, by this system
or by the operator; 78 the configuration. Those of recharge: its own --help.";

/// Under the help of `usage`.
pub(super) const USAGE: &str = "\
WHEN is one of
  2026-11-01, 2026-11, 2026   a day, month or year of the local time zone
  2026-11-01T08:30            a local time
  2026-11-01T00:30:00Z        an instant (RFC 3339)
  -7d, -12h, -90m             so long ago
A day, month or year given to --to is shown whole.

Examples:
  posdatactl usage                      the last 31 days
  posdatactl usage hour --from -12h     the last 12 hours
  posdatactl usage day --from 2026-11-01 --to 2026-11-07
  posdatactl --json usage month         {\"granularity\":\"month\",\"slots\":[{\"start\":…,
                                        \"rx_bytes\":…,\"tx_bytes\":…,\"home\":{…},\"roaming\":{…},
                                        \"estimated\":false},…]}

Slots in which nothing was recorded are left out. On a terminal each slot has a
bar as long as its share of the largest; piped, there is a plain table.";

/// Under the help of `events`.
pub(super) const EVENTS: &str = "\
Examples:
  posdatactl events                     the latest 20
  posdatactl events --limit 200         the latest 200
  posdatactl --json events --after 41   all that came after number 41

What is recorded: baselines, wraps, resets and gaps of the counters, changes of
SIM or source, faults of the store. As they happen: journalctl -fu posdatad";

/// Under the help of `watch`.
pub(super) const WATCH: &str = "\
Examples:
  posdatactl watch
  posdatactl watch --accuracy 1B --period 1s
  posdatactl --json watch | while read -r line; do …; done

Ctrl-C ends it.";

/// Under the help of `trace`.
pub(super) const TRACE: &str = "\
Needs root or the group posdata-admin. Tracing ends after --for, at Ctrl-C, and
when posdatactl ends in whatever way.

Examples:
  sudo posdatactl trace
  sudo posdatactl --json trace --for 10m > trace.jsonl";

/// Under the help of `status`.
pub(super) const STATUS: &str = "\
Examples:
  posdatactl status
  posdatactl --json status | jq '{left: .balance.remaining_bytes, until: .balance.expires_at}'

JSON: {\"usage\":{…},\"balance\":{…},\"store\":{…},\"cycle\":{…},\"buckets\":[…]}";

/// Under the help of `sources`.
pub(super) const SOURCES: &str = "\
Examples:
  sudo posdatactl sources
  sudo posdatactl --json sources | jq '.sources[] | select(.fault)'";

/// Under the help of `offers`.
pub(super) const OFFERS: &str = "\
Examples:
  posdatactl offers
  posdatactl --json offers | jq -r '.offers[] | [.id, .price, .currency] | @tsv'

JSON: {\"offers\":[{\"id\":…,\"name\":…,\"bytes\":…,\"price\":503,\"currency\":\"CNY\",…},…]};
money in JSON is in minor units (fen, cents).";

/// Under the help of `quote`.
pub(super) const QUOTE: &str = "\
Examples:
  posdatactl quote M30
  posdatactl quote M30 --channel wechat_pay --activation next_cycle

A quote reserves nothing and holds for some minutes; price + fee = total.";

/// Under the help of `recharge`.
pub(super) const RECHARGE: &str = "\
Asks for a quote, shows it and asks whether to buy. Then the order is placed, its
payment code is drawn to be scanned, and its end is waited for. Ctrl-C leaves the
order as it is. With the same --request-id again the same order is waited for, and
nothing is bought twice, whatever was lost on the way.

Examples:
  posdatactl recharge M30
  posdatactl recharge M30 --channel alipay --request-id desk3-0042
  posdatactl --json recharge M30 --yes --request-id desk3-0042

JSON, an object a line as it happens: {\"request_id\":…,\"quote\":{…}}, {\"placed\":
{\"id\":…,\"request_id\":…,\"resumed\":false}}, {\"topup\":{…}} at every change, in the
end {\"balance\":{…}}.

Exit status, beside the common ones: 0 completed (with --no-wait: placed); 10
failed; 11 cancelled; 12 reversed; 13 a person has to settle it with the operator;
14 left while under way, or not known whether placed; 15 not ordered.";

/// Under the help of `topups`.
pub(super) const TOPUPS: &str = "\
Examples:
  posdatactl topups                     the newest 20
  posdatactl topups --open              what has not ended
  posdatactl topups desk3-0042          all that is known of one
  posdatactl topups --all --csv > topups.csv
  posdatactl --json topups --state completed --channel alipay

CSV: amounts in the currency's own unit (5.03), times RFC 3339 in UTC; a text that
begins as a formula has an apostrophe in front. Payment codes are left out.

JSON: {\"topups\":[{…},…]}, with an ID {\"topup\":{…}}.";

/// Under the help of `cancel`.
pub(super) const CANCEL: &str = "\
An order that was not sent ends at once. Of one that was sent the backend decides:
a payment that came first wins. Repeating it is free.

Examples:
  posdatactl cancel desk3-0042

JSON: {\"id\":…,\"state\":…}";

/// Under the help of `sync`.
pub(super) const SYNC: &str = "\
Examples:
  sudo posdatactl sync
  sudo posdatactl --json sync           {\"events\":2}";

/// Under the help of `calibrate`.
pub(super) const CALIBRATE: &str = "\
For a figure that a person read in an SMS or on the operator's website, true now.

Examples:
  sudo posdatactl calibrate 12MiB
  sudo posdatactl --json calibrate \"1.5 GiB\"    {\"drift_bytes\":-1048576}: the
                                        operator's figure less posdatad's own";

/// Under the help of `export`.
pub(super) const EXPORT: &str = "\
Examples:
  sudo posdatactl export > ledger.csv
  sudo posdatactl --json export --after 41

JSON: {\"entries\":[{\"id\":…,\"kind\":\"grant\",\"bytes\":…,\"day\":…,\"note\":…,…},…]},
the oldest first; the ledger of the SIM in use, as it is on disk.";
