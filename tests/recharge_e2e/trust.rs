//! Whom the terminal trusts, and who trusts it.

use std::fs;

use crate::AT_ONCE;
use crate::support::side_by_side::{run, scenario};
use crate::support::wait::until;
use crate::till::{SERIAL, Till};

#[test]
fn only_the_operator_is_trusted_and_only_a_good_certificate_is_shown() {
    run(
        AT_ONCE,
        vec![
            scenario("trust in the backend", in_the_backend),
            scenario("trust in the terminal", in_the_terminal),
            scenario("trust rotated", rotated),
            scenario("trust ends", ends),
        ],
    );
}

fn in_the_backend() {
    let till = Till::open();
    for (tls, word) in [("expired", "its certificate ended"), ("other-ca", "")] {
        // A connection that stands is believed on.
        till.control("fault sync closing");
        till.sync().unwrap();
        till.control(&format!("tls {tls}"));
        let refused = till.sync().unwrap_err();
        assert!(refused.contains("org.posdata.Error.Untrusted"), "{tls}: {refused}");
        assert!(refused.contains(word), "{tls}: {refused}");
        till.control("tls good");
        until("the good one", || till.sync().ok());
    }
}

fn in_the_terminal() {
    for made in 0..3 {
        let mut till = Till::new();
        let identity = match made {
            0 => till.backend.terminal_expired(SERIAL).unwrap(),
            1 => till.backend.terminal_of_other_ca(SERIAL).unwrap(),
            _ => till.backend.terminal("N9600054321").unwrap(),
        };
        till.show(&identity);
        till.terminal.begin();
        let refused = till.sync().unwrap_err();
        let expected = if made == 2 { "UnknownTerminal" } else { "Untrusted" };
        assert!(refused.contains(expected), "{made}: {refused}");
    }
}

/// New files are taken without a restart, and half of them is not.
fn rotated() {
    let mut till = Till::new();
    let good = till.backend.terminal(SERIAL).unwrap();
    let bad = till.backend.terminal_of_other_ca(SERIAL).unwrap();
    let at = |name: &str| till.terminal.directory.path().join(name);
    let (certificate, key) = (at("terminal.pem"), at("terminal.key"));
    let (shown_certificate, shown_key) =
        (certificate.display().to_string(), key.display().to_string());
    till.terminal
        .settings
        .text("backend.certificate", &shown_certificate)
        .text("backend.key", &shown_key);
    // Nothing is provisioned yet: the metering does not wait for it.
    till.terminal.begin();
    let missing = till.sync().unwrap_err();
    assert!(missing.contains("Untrusted") && missing.contains("terminal.pem"), "{missing}");
    fs::copy(&bad.certificate, &certificate).unwrap();
    fs::copy(&bad.key, &key).unwrap();
    assert!(till.sync().unwrap_err().contains("Untrusted"));
    fs::copy(&good.certificate, &certificate).unwrap();
    assert!(till.sync().is_err(), "half of a pair is not taken");
    fs::copy(&good.key, &key).unwrap();
    until("the new pair to be taken", || till.sync().ok());
}

/// What ends soon is announced.
fn ends() {
    let mut till = Till::new();
    let day_s = 86_400;
    let soon = till.backend.terminal_between(SERIAL, -day_s, 3 * day_s - 60).unwrap();
    till.show(&soon);
    till.terminal.begin();
    till.sync().unwrap();
    let events = till.terminal.events(0);
    let told = events.iter().find(|event| event.kind == "certificate_ending").unwrap();
    assert!(told.detail.contains("this terminal's certificate ends in 2 days"), "{}", told.detail);
}
