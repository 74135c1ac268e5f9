//! Who is let in, who is trusted, and what a ticket is worth.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod sandbox;

use std::io::{Read, Write};
use std::net::TcpStream;

use posdata_testkit::backend::Client;
use sandbox::{PEER, SERIAL, World};
use serde_json::json;

#[test]
fn only_good_certificates_of_the_ca_are_let_in() {
    let world = World::new();
    let backend = &world.backend;
    for (identity, what) in [
        (backend.terminal_expired(SERIAL).unwrap(), "CertificateExpired"),
        (backend.terminal_between(SERIAL, 3600, 7200).unwrap(), "Certificate"),
        (backend.terminal_of_other_ca(SERIAL).unwrap(), "UnknownCA"),
    ] {
        let error = world.terminal_with(&identity).get(1, "").unwrap_err().to_string();
        assert!(error.contains(what), "{what}: {error}");
    }
    let mut other = world.terminal_with(&backend.terminal(PEER).unwrap());
    let (status, problem) = other.sync(&json!({})).unwrap();
    assert_eq!(
        (status, &problem["type"]),
        (403, &json!("urn:posdata:problem:certificate_mismatch"))
    );
    let mut short = world.terminal_with(&backend.terminal_between(SERIAL, -60, 60).unwrap());
    assert_eq!(short.sync(&json!({})).unwrap().0, 200);
    assert_eq!(backend.handshakes().failed, 3);
    assert_eq!(backend.requests().len(), 2, "nothing of the others was read");
}

#[test]
fn the_servers_certificate_is_bad_when_it_should_be() {
    let world = World::new();
    for (shown, what) in
        [("expired", "expired"), ("not-yet", "not valid yet"), ("other-ca", "UnknownIssuer")]
    {
        world.control(&format!("tls {shown}"));
        let error = world.terminal().get(1, "").unwrap_err().to_string();
        assert!(error.contains(what), "{shown}: {error}");
        world.control("tls rotate");
        assert_eq!(world.terminal().get(1, "").unwrap().0, 404);
    }
}

#[test]
fn a_ticket_saves_the_certificates() {
    let world = World::new();
    let mut terminal = world.terminal();
    terminal.get(1, "").unwrap();
    assert!(!terminal.0.is_resumed());
    for _ in 0..2 {
        terminal.0.hang_up();
        assert_eq!(terminal.sync(&json!({})).unwrap().0, 200, "it is still known who asks");
        assert!(terminal.0.is_resumed());
    }
    world.control("tls rotate");
    terminal.0.hang_up();
    terminal.get(1, "").unwrap();
    assert!(!terminal.0.is_resumed(), "a new certificate has no old tickets");
    let handshakes = world.backend.handshakes();
    assert_eq!((handshakes.full, handshakes.resumed), (2, 2));
}

/// What is no TLS, or no request, harms nobody else.
#[test]
fn nonsense_at_the_door_harms_nobody() {
    let world = World::new();
    let mut plain = TcpStream::connect(world.backend.address()).unwrap();
    plain.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    let _ = plain.read_to_end(&mut Vec::new());
    let identity = world.backend.terminal(SERIAL).unwrap();
    let mut client = Client::new(world.backend.address(), &world.backend.ca(), &identity).unwrap();
    let long = "x".repeat(70_000);
    assert_eq!(client.ask("POST", "/v1/quotes", &[], Some(&long)).unwrap().status, 400);
    client.hang_up();
    let huge = [("X-Huge", long.as_str())];
    assert_eq!(client.ask("GET", "/v1/offers", &huge, None).unwrap().status, 400);
    client.hang_up();
    assert_eq!(client.ask("GET", "/v1/nothing", &[], None).unwrap().status, 404);
    assert_eq!(client.ask("DELETE", "/v1/offers", &[], None).unwrap().status, 405);
    assert_eq!(client.ask("GET", "/v1/offers", &[], None).unwrap().status, 200);
}
