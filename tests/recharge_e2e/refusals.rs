//! Every problem of the contract, provoked over real TLS, with the error that a
//! cashier app gets over the real bus.

use crate::AT_ONCE;
use crate::support::side_by_side::{run, scenario};
use crate::support::wait::until;
use crate::till::{RECHARGE, Till};

#[test]
fn every_problem_has_its_name_on_the_bus() {
    run(
        AT_ONCE,
        vec![
            scenario("problems of a quote", of_a_quote),
            scenario("problems of an order", of_an_order),
            scenario("problems of a sync", of_a_sync),
            scenario("strange answers", strange),
        ],
    );
}

/// The problems of the contract, and the errors of the bus.
const PROBLEMS: [(&str, &str); 23] = [
    ("bad_request", "Refused"),
    ("certificate_mismatch", "UnknownTerminal"),
    ("unknown_terminal", "UnknownTerminal"),
    ("unknown_offer", "UnknownOffer"),
    ("unknown_quote", "UnknownQuote"),
    ("unknown_topup", "UnknownTopUp"),
    ("terminal_mismatch", "TerminalMismatch"),
    ("sim_mismatch", "SimMismatch"),
    ("card_device_separated", "CardDeviceSeparated"),
    ("account_suspended", "AccountSuspended"),
    ("incompatible_offer", "IncompatibleOffer"),
    ("request_id_conflict", "RequestIdConflict"),
    ("not_cancellable", "NotCancellable"),
    ("not_refundable", "Refused"),
    ("insufficient_balance", "Refused"),
    ("quote_expired", "QuoteExpired"),
    ("offer_withdrawn", "OfferWithdrawn"),
    ("key_expired", "Refused"),
    ("idempotency_conflict", "Refused"),
    ("limit_exceeded", "LimitExceeded"),
    ("too_many_requests", "Busy"),
    ("backend_failure", "BackendFault"),
    ("service_unavailable", "BackendFault"),
];

fn of_a_quote() {
    let till = Till::open();
    for (problem, error) in PROBLEMS {
        // The pause that a busy backend asks for is the last thing it is asked.
        let retry = if problem == "limit_exceeded" { ":3600" } else { "" };
        till.control(&format!("fault quote problem={problem}{retry}"));
        let refused = till.quote("add-10").unwrap_err();
        let name = format!("org.posdata.Error.{error}");
        assert!(refused.contains(&name), "{problem}: {refused}");
        if problem == "limit_exceeded" {
            assert!(refused.contains("allowed again in 3600 s"), "{refused}");
        }
    }
    // And what the sandbox refuses by itself.
    for (offer, error) in [("no-such", "UnknownOffer"), ("boost-20", "IncompatibleOffer")] {
        let refused = till.quote(offer).unwrap_err();
        assert!(refused.contains(error), "{offer}: {refused}");
    }
    till.control("service N9600012345 suspend");
    let refused = till.quote("add-10").unwrap_err();
    assert!(refused.contains("AccountSuspended"), "{refused}");
    till.sync().unwrap();
    let balance = till.terminal.client.balance().unwrap();
    assert_eq!(balance.text("Status").as_deref(), Some("suspended"));
    assert_eq!(balance.text("StopReason").as_deref(), Some("stopped_by_customer"));
}

/// Those that end an order end it by their name; the others leave it unknown until
/// it is asked again.
fn of_an_order() {
    let till = Till::open();
    let ends = [
        "unknown_offer",
        "unknown_quote",
        "terminal_mismatch",
        "sim_mismatch",
        "card_device_separated",
        "account_suspended",
        "incompatible_offer",
        "request_id_conflict",
        "quote_expired",
        "offer_withdrawn",
        "limit_exceeded",
    ];
    for (n, problem) in ends.into_iter().enumerate() {
        let quote = till.quote("add-10").unwrap();
        till.control(&format!("fault order problem={problem}"));
        let id = till.order(&format!("ends-{n}"), &quote).unwrap();
        let failed = till.await_state(&id, "failed");
        assert_eq!(failed.text("reason").as_deref(), Some(problem));
    }
    for (n, problem) in
        ["backend_failure", "bad_request", "idempotency_conflict"].into_iter().enumerate()
    {
        let quote = till.quote("add-10").unwrap();
        till.control(&format!("fault order problem={problem}"));
        let id = till.order(&format!("goes-on-{n}"), &quote).unwrap();
        till.await_state(&id, "awaiting_payment");
        till.terminal.client.call(RECHARGE, "Cancel", &id).unwrap();
        till.await_state(&id, "cancelled");
    }
    // A key that is no longer kept is left to a person.
    let quote = till.quote("add-10").unwrap();
    till.control("fault order problem=key_expired");
    let id = till.order("forgotten", &quote).unwrap();
    until("a person to be asked", || {
        till.top_up(&id).filter(|topup| topup.flag("needs_person") == Some(true))
    });
    assert_eq!(till.state(&id), "unknown");
    assert_eq!(till.books().charges.len(), 0);
}

fn of_a_sync() {
    let till = Till::open();
    for (problem, error) in [
        ("unknown_terminal", "UnknownTerminal"),
        ("certificate_mismatch", "UnknownTerminal"),
        ("terminal_mismatch", "TerminalMismatch"),
        ("bad_request", "Refused"),
        ("backend_failure", "BackendFault"),
    ] {
        till.control(&format!("fault sync problem={problem}"));
        let refused = till.sync().unwrap_err();
        assert!(refused.contains(&format!("org.posdata.Error.{error}")), "{problem}: {refused}");
    }
    assert_eq!(till.sync(), Ok(0), "it is asked again all the same");
}

/// A backend that answers nonsense, too much or for another harms nothing.
fn strange() {
    let till = Till::open();
    for what in ["not-json", "html", "wrong-type", "wrong-types", "too-big", "truncated", "empty"] {
        till.control(&format!("fault quote {what}"));
        let refused = till.quote("add-10").unwrap_err();
        let named = refused.contains("BackendFault") || refused.contains("Offline");
        assert!(named, "{what}: {refused}");
    }
    till.control("fault quote bad-total");
    let refused = till.quote("add-10").unwrap_err();
    assert!(refused.contains("BackendFault") && refused.contains("are not the total"), "{refused}");
    for (n, what) in ["wrong-terminal", "other-key", "other-amount", "other-price", "lost-after"]
        .into_iter()
        .enumerate()
    {
        let quote = till.quote("add-10").unwrap();
        till.control(&format!("fault order {what}"));
        let id = till.order(&format!("r-{n}"), &quote).unwrap();
        till.await_state(&id, "awaiting_payment");
        till.control("pay latest");
        till.await_state(&id, "completed");
    }
    let books = till.books();
    assert_eq!((books.charges.len(), books.credits.len()), (5, 5));
    until("five credits", || till.remaining().filter(|left| *left == 5 * crate::till::ADD_10));
    for what in ["duplicate", "reordered", "hole"] {
        till.control("topup N9600012345 add-10 agent");
        till.control("topup N9600012345 add-10 agent");
        till.control(&format!("fault sync {what}"));
        let _ = till.sync();
        till.sync().unwrap();
        let expected = u64::try_from(till.books().remaining).unwrap();
        until(what, || till.remaining().filter(|left| *left == expected));
    }
}
