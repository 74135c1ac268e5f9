//! Exchanges with a backend over real TLS that go well: what is on the wire, which
//! connection they take, what they cost.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod https_server;

use std::time::Duration;

use https_server::{NOTHING_NEW, NOW_S, SERIAL, Step, World, get, ok, order};
use posdatad::backend::exchange::{Purpose, Request};
use posdatad::proto::backend::{ANSWER_MAX, read_date};

#[tokio::test]
async fn a_request_is_lean_and_its_answer_whole() {
    let refused = "HTTP/1.1 429 Too Many Requests\r\ncontent-type: application/problem+json\r\n\
                   retry-after: 60\r\netag: \"7\"\r\ncontent-length: 2\r\n\r\n{}";
    let world = World::new(vec![ok("{\"id\":\"T-1\"}"), Step::Say(refused.into())]).await;
    let mut client = world.client();
    assert_eq!(client.certificate().common_name, SERIAL);
    assert!(client.certificate().not_after_s > NOW_S);
    assert!(client.certificate().not_before_s < NOW_S);
    assert!(client.certificate().ca_not_after_s > client.certificate().not_after_s);

    let answer = client.send(&order()).await.unwrap();
    assert_eq!((answer.status, answer.body.as_slice()), (200, b"{\"id\":\"T-1\"}".as_slice()));
    assert_eq!(answer.content_type.as_deref(), Some("application/json"));
    assert_eq!(read_date(&answer.date.unwrap()), Some(1_795_680_000));

    let mut offers = get("/v1/offers");
    offers.if_none_match = Some("\"6\"".into());
    let answer = client.send(&offers).await.unwrap();
    assert_eq!((answer.status, answer.retry_after.as_deref()), (429, Some("60")));
    assert_eq!((answer.etag.as_deref(), answer.date), (Some("\"7\""), None));

    let seen = world.seen.lock().unwrap();
    let host = world.settings.url.strip_prefix("https://").unwrap();
    let agent = format!("posdatad/{}", env!("CARGO_PKG_VERSION"));
    assert_eq!(
        seen[0].requests,
        [
            format!(
                "POST /v1/topups HTTP/1.1\r\nhost: {host}\r\nuser-agent: {agent}\r\n\
                 content-type: application/json\r\n\
                 idempotency-key: 5f0c2a7e-3d34-4a52-9c5b-9d8d4f2b6a11\r\n\
                 content-length: 19\r\n\r\n{{\"quote_id\":\"Q-88\"}}"
            ),
            format!(
                "GET /v1/offers HTTP/1.1\r\nhost: {host}\r\nuser-agent: {agent}\r\n\
                 if-none-match: \"6\"\r\n\r\n"
            ),
        ]
    );
}

#[tokio::test]
async fn a_redirection_is_an_answer_and_not_followed() {
    let moved = "HTTP/1.1 302 Found\r\nlocation: /v2\r\ncontent-length: 0\r\n\r\n";
    let world = World::new(vec![Step::Say(moved.into())]).await;
    assert_eq!(world.client().send(&get("/v1/offers")).await.unwrap().status, 302);
    assert_eq!(world.requests(), [1]);
}

#[tokio::test]
async fn a_prefix_of_the_address_stands_before_each_path() {
    let mut world = World::new(vec![]).await;
    world.settings.url.push_str("/pos/");
    world.client().send(&get("/v1/offers")).await.unwrap();
    assert!(world.seen.lock().unwrap()[0].requests[0].starts_with("GET /pos/v1/offers HTTP/1.1"));
}

#[tokio::test]
async fn the_longest_answer_is_read_in_either_form() {
    let body = "x".repeat(ANSWER_MAX);
    let chunked = format!(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n",
        body.len()
    );
    let world = World::new(vec![ok(&body), Step::Say(chunked.into())]).await;
    let mut client = world.client();
    for _ in 0..2 {
        assert_eq!(client.send(&get("/")).await.unwrap().body.len(), ANSWER_MAX);
    }
    assert_eq!(world.requests(), [2]);
}

#[tokio::test]
async fn connecting_sends_no_request_and_the_connection_is_kept() {
    let world = World::new(vec![]).await;
    let mut client = world.client();
    client.connect(Purpose::Order).await.unwrap();
    client.connect(Purpose::Order).await.unwrap();
    assert_eq!(world.requests(), [0]);
    for _ in 0..3 {
        client.connect(Purpose::Order).await.unwrap();
        client.send(&order()).await.unwrap();
    }
    assert_eq!(world.requests(), [3]);
    let traffic = client.traffic();
    assert_eq!((traffic.opened_cold, traffic.opened_resumed), (1, 0));
}

#[tokio::test]
async fn a_new_connection_resumes_the_session_and_costs_less() {
    let world = World::new(vec![]).await;
    let mut client = world.client();
    let mut costs = Vec::new();
    for _ in 0..3 {
        let before = client.traffic().total();
        client.send(&get("/")).await.unwrap();
        let after = client.traffic().total();
        let cost = after.sent_bytes + after.received_bytes;
        costs.push(cost - before.sent_bytes - before.received_bytes);
        client.close();
    }
    let resumed: Vec<bool> = world.seen.lock().unwrap().iter().map(|seen| seen.resumed).collect();
    assert_eq!(resumed, [false, true, true]);
    let traffic = client.traffic();
    assert_eq!((traffic.opened_cold, traffic.opened_resumed), (1, 2));
    println!("cold, resumed, resumed: {costs:?} bytes");
    assert!(costs[1] < costs[0] * 2 / 3, "{costs:?}");
}

#[tokio::test]
async fn every_byte_at_the_socket_is_counted_under_its_purpose() {
    let world = World::new(vec![ok("{}"), Step::SayAndClose(NOTHING_NEW.into())]).await;
    let mut client = world.client();
    let sync = Request { purpose: Purpose::Sync, ..order() };
    client.send(&sync).await.unwrap();
    let first = client.traffic();
    assert_eq!(first.of(Purpose::Sync), first.total());
    client.send(&order()).await.unwrap();
    world.ended(0).await;
    client.send(&get("/")).await.unwrap();

    let traffic = client.traffic();
    assert_eq!(traffic.of(Purpose::Sync), first.total(), "what is counted stays");
    for purpose in [Purpose::Order, Purpose::Payment] {
        let spent = traffic.of(purpose);
        assert!(spent.sent_bytes > 100 && spent.received_bytes > 50, "{purpose:?}: {spent:?}");
    }
    assert_eq!(traffic.of(Purpose::Offers).sent_bytes, 0);
    client.close();
    world.gone(0).await;
    world.gone(1).await;
    assert_eq!(client.traffic().total().sent_bytes, world.counted.received());
    // What the server said when it ended the kept connection was seen before that one
    // was given up.
    assert_eq!(client.traffic().total().received_bytes, world.counted.sent());
}

#[tokio::test]
async fn a_kept_connection_that_ended_is_replaced_without_a_word() {
    let close = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    let world =
        World::new(vec![Step::SayAndClose(NOTHING_NEW.into()), Step::Say(close.into())]).await;
    let mut client = world.client();
    for n in 0..3 {
        client.send(&order()).await.unwrap();
        if n < 2 {
            world.ended(n).await;
        }
    }
    assert_eq!(world.requests(), [1, 1, 1]);
}

#[tokio::test]
async fn a_wait_that_is_dropped_ends_the_connection_and_harms_nothing() {
    fn can_be_spawned(_: &impl Send) {}
    let world = World::new(vec![Step::Silence, ok("{\"id\":\"second\"}")]).await;
    let mut client = world.client();
    can_be_spawned(&client.send(&order()));
    let wait = get("/v1/topups/5f0c2a7e?wait=25");
    tokio::select! {
        biased;
        answer = client.send(&wait) => panic!("{answer:?}"),
        () = async {
            while world.requests() != [1] {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        } => {}
    }
    world.ended(0).await;
    let answer = client.send(&order()).await.unwrap();
    assert_eq!(answer.body, b"{\"id\":\"second\"}");
    assert_eq!(world.requests(), [1, 1]);
}

#[tokio::test]
async fn a_name_is_resolved_and_each_of_its_addresses_tried() {
    // On most machines `localhost` is ::1 as well, where this server does not listen.
    let mut world = World::new(vec![]).await;
    world.settings.url = world.settings.url.replace("127.0.0.1", "localhost");
    let mut client = world.client();
    for _ in 0..2 {
        client.send(&get("/")).await.unwrap();
        client.close();
    }
    assert_eq!(world.requests(), [1, 1]);
}
