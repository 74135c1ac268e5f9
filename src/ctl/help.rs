//! What `--help` adds to the words themselves: examples, forms, exit statuses.

/// Under the help as a whole.
pub(super) const ALL: &str = "\
Examples:
  posdatactl status                     what is left, until when, and is it saved?
  posdatactl usage hour                 the last 24 hours as a chart
  posdatactl usage day --from 2026-11   every day since the 1st of November
  posdatactl --json status | jq .balance.remaining_bytes
  sudo posdatactl trace --for 30s       what is said to the modem, live

JSON: one document on one line; watch and trace print one object a line. Bytes
are integers, times RFC 3339 in UTC. A key that is absent is unknown, not zero.
With --json an error is one object on standard error, standard output stays
empty: {\"error\":{\"name\":\"posdatactl.NotRunning\",\"message\":\"…\",\"hint\":\"…\"}}
(posdatad's own names are org.posdata.Error.*).

Exit status: 0 done; 64 wrong usage; 69 the bus or posdatad is not there or does
not answer; 70 internal error; 74 the output cannot be written; 77 not allowed.";

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
