//! A backend, and a network, that do not do what they should: each failure by its
//! name, with what may have been sent, and with what to do.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod https_server;

use std::process::Command;
use std::time::Duration;

use https_server::{Step, World, nobody, ok, order};
use nix::sched::{CloneFlags, unshare};
use posdatad::adapters::https::Client;
use posdatad::backend::exchange::{Failure, Purpose, Request, Sent};
use posdatad::proto::backend::ANSWER_MAX;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// Asks, and expects a failure that says all of this.
async fn fails(client: &mut Client, request: &Request, words: &[&str]) -> Failure {
    let failure = client.send(request).await.unwrap_err();
    let text = failure.to_string();
    for word in words {
        assert!(text.contains(word), "\"{word}\" does not stand in: {text}");
    }
    for secret in ["5f0c2a7e", "Q-88", "payload"] {
        assert!(!text.contains(secret), "{text}");
    }
    failure
}

/// Each answer on a connection of its own, each of them failing once, after which the
/// next request is answered.
async fn answers_fail(answers: Vec<String>, words: &[&str]) -> Vec<Failure> {
    let mut failures = Vec::new();
    for answer in answers {
        let world = World::new(vec![Step::SayAndClose(answer.into()), ok("{}")]).await;
        let mut client = world.client();
        failures.push(fails(&mut client, &order(), words).await);
        assert_eq!(failures.last().unwrap().was_sent(), Sent::Perhaps);
        assert_eq!(world.requests(), [1], "not sent twice");
        assert_eq!(client.send(&order()).await.unwrap().status, 200);
        assert_eq!(world.requests(), [1, 1], "nor on the same connection");
    }
    failures
}

#[tokio::test]
async fn an_answer_that_is_too_long_is_not_read() {
    let long = "x".repeat(ANSWER_MAX + 1);
    let head = "HTTP/1.1 200 OK\r\n";
    // Announced and never sent: refused all the same, at once.
    let announced = format!("{head}content-length: 65537\r\n\r\n");
    let chunked = format!("{head}transfer-encoding: chunked\r\n\r\n10001\r\n{long}\r\n0\r\n\r\n");
    let endless = format!("{head}\r\n{long}");
    let bodies = answers_fail(vec![announced, chunked, endless], &["65536", "operator"]).await;
    let heads = vec![
        format!("{head}x: {}\r\ncontent-length: 0\r\n\r\n", "x".repeat(20_000)),
        format!("{head}{}content-length: 0\r\n\r\n", "x: y\r\n".repeat(60)),
    ];
    let heads = answers_fail(heads, &["headers", "operator"]).await;
    for failure in bodies.into_iter().chain(heads) {
        assert!(matches!(failure, Failure::TooMuch { .. }), "{failure:?}");
    }
}

#[tokio::test]
async fn an_answer_that_takes_too_long_is_given_up() {
    for step in [
        Step::Silence,
        Step::SayAndDrip(b"HTTP/1.1 200 OK\r\nx: ".to_vec()),
        Step::SayAndDrip(b"HTTP/1.1 200 OK\r\ncontent-length: 60000\r\n\r\n".to_vec()),
    ] {
        let world = World::new(vec![step]).await;
        let mut client = world.client();
        let request = Request { answer_within: Duration::from_millis(150), ..order() };
        let failure = fails(&mut client, &request, &["127.0.0.1", "within", "tried again"]).await;
        assert!(matches!(failure, Failure::TooSlow { .. }), "{failure:?}");
        assert_eq!(failure.was_sent(), Sent::Perhaps);
        world.gone(0).await;
        assert_eq!(client.send(&order()).await.unwrap().status, 204);
    }
}

#[tokio::test]
async fn what_is_no_http_is_refused() {
    let answers = [
        "SSH-2.0-payload\r\n\r\n",
        "HTTP/2.0 200 OK\r\n\r\n",
        "HTTP/1.1 0 payload\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: payload\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 2\r\n\r\n{}",
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: payload\r\nconnection: upgrade\r\n\r\n",
        "HTTP/1.1 777 OK\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\npayload\r\n",
    ];
    let answers = answers.map(str::to_owned).to_vec();
    for failure in answers_fail(answers, &["127.0.0.1", "HTTP/1.1", "[backend] url"]).await {
        assert!(matches!(failure, Failure::NotHttp { .. }), "{failure:?}");
    }
}

#[tokio::test]
async fn a_connection_that_breaks_in_an_answer_leaves_the_outcome_open() {
    let answers = [
        "",
        "HTTP/1.1 200 OK\r\nda",
        "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\npayl",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\npayl",
    ];
    let answers = answers.map(str::to_owned).to_vec();
    for failure in answers_fail(answers, &["127.0.0.1", "before the answer was complete"]).await {
        assert!(matches!(failure, Failure::BrokenOff { .. }), "{failure:?}");
    }
    // The same without a word of TLS.
    let world = World::new(vec![ok("{}"), Step::Close, ok("{}")]).await;
    let mut client = world.client();
    client.send(&order()).await.unwrap();
    let failure = fails(&mut client, &order(), &["127.0.0.1", "lost"]).await;
    assert!(matches!(failure, Failure::BrokenOff { sent: Sent::Perhaps, .. }), "{failure:?}");
    assert_eq!(world.requests(), [2], "not sent twice, though the connection was a kept one");
    client.send(&order()).await.unwrap();
}

/// A listener that says this to whoever connects and closes; how often it was asked.
async fn says(text: &'static [u8]) -> (String, tokio::task::JoinHandle<usize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let serving = tokio::spawn(async move {
        let mut asked = 0;
        let patience = Duration::from_millis(300);
        while let Ok(Ok((mut stream, _))) = tokio::time::timeout(patience, listener.accept()).await
        {
            asked += 1;
            let _ = stream.read(&mut [0; 1024]).await;
            stream.write_all(text).await.unwrap();
        }
        asked
    });
    (url, serving)
}

#[tokio::test]
async fn a_connection_that_breaks_before_tls_has_sent_nothing() {
    let mut world = World::new(vec![]).await;
    let (url, serving) = says(b"").await;
    world.settings.url = url;
    let words = ["127.0.0.1", "before anything was asked"];
    let failure = fails(&mut world.client(), &order(), &words).await;
    assert!(matches!(failure, Failure::BrokenOff { sent: Sent::Never, .. }), "{failure:?}");
    assert_eq!(serving.await.unwrap(), 1, "tried again at once");
}

#[tokio::test]
async fn a_server_without_tls_is_named() {
    let mut world = World::new(vec![]).await;
    let (url, _serving) = says(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    world.settings.url = url;
    let failure = fails(&mut world.client(), &order(), &["no TLS", "[backend] url"]).await;
    assert!(matches!(failure, Failure::Tls { sent: Sent::Never, .. }), "{failure:?}");
}

#[tokio::test]
async fn a_port_where_nobody_listens_refuses() {
    let mut world = World::new(vec![]).await;
    let (_held, address) = nobody();
    world.settings.url = format!("https://{address}");
    let words = [address.to_string(), "running".into()];
    let failure = fails(&mut world.client(), &order(), &[&words[0], &words[1]]).await;
    assert!(matches!(failure, Failure::Refused { .. }), "{failure:?}");
    assert_eq!(failure.was_sent(), Sent::Never);
}

#[tokio::test]
async fn a_server_that_never_answers_tls_is_given_up() {
    let mut world = World::new(vec![]).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    world.settings.url = format!("https://{}", listener.local_addr().unwrap());
    let mut client = world.client();
    // Nothing but time passes from here on.
    tokio::time::pause();
    let failure = client.connect(Purpose::Sync).await.unwrap_err();
    let expected = matches!(failure, Failure::ConnectTimeout { stage: "TLS", within_s: 30, .. });
    assert!(expected, "{failure:?}");
    assert_eq!(failure.was_sent(), Sent::Never);
    assert!(failure.to_string().contains("30 s"), "{failure}");
}

#[test]
fn a_request_that_cannot_be_written_is_not_sent() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let world = World::new(vec![]).await;
        let request = Request { path: "/v1/a b".into(), ..order() };
        let failure = fails(&mut world.client(), &request, &["cannot be written"]).await;
        assert_eq!(failure.was_sent(), Sent::Never);
        assert!(world.requests().is_empty());
    });
}

/// Runs on a thread with a network of its own; needs root, as the tests of QMI do.
fn in_a_network(test: impl AsyncFnOnce() + Send + 'static) {
    std::thread::spawn(|| {
        unshare(CloneFlags::CLONE_NEWNET).unwrap();
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test())
    })
    .join()
    .unwrap();
}

fn ip(words: &str) {
    assert!(Command::new("ip").args(words.split(' ')).status().unwrap().success(), "ip {words}");
}

async fn asked_at(url: &str) -> Failure {
    let mut world = World::new(vec![]).await;
    world.settings.url = url.into();
    let failure = world.client().send(&order()).await.unwrap_err();
    assert_eq!(failure.was_sent(), Sent::Never);
    failure
}

#[test]
fn a_terminal_without_a_network_has_no_route() {
    in_a_network(async || {
        for url in ["https://192.0.2.1", "https://[2001:db8::1]", "https://backend.invalid"] {
            let failure = asked_at(url).await;
            assert!(matches!(failure, Failure::NoRoute { .. }), "{failure:?}");
            let text = failure.to_string();
            assert!(text.contains("modem") && text.contains(":443"), "{text}");
        }
    });
}

#[test]
fn a_name_that_leads_nowhere_is_not_resolved() {
    in_a_network(async || {
        ip("link set lo up");
        ip("route add default dev lo");
        // Whom the system asks for names is this machine, which refuses at once.
        let resolvers = std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
        for server in resolvers.lines().filter_map(|line| line.strip_prefix("nameserver ")) {
            ip(&format!("address replace {} dev lo", server.trim()));
        }
        let failure = asked_at("https://backend.invalid").await;
        assert!(matches!(failure, Failure::NameNotResolved { .. }), "{failure:?}");
        let text = failure.to_string();
        assert!(text.contains("backend.invalid") && text.contains("[backend] url"), "{text}");
    });
}

#[test]
fn a_network_that_swallows_everything_is_given_up() {
    in_a_network(async || {
        ip("link set lo up");
        ip("route add default dev lo");
        let mut world = World::new(vec![]).await;
        world.settings.url = "https://192.0.2.1".into();
        let mut client = world.client();
        tokio::time::pause();
        let failure = client.connect(Purpose::Sync).await.unwrap_err();
        let expected = matches!(failure, Failure::ConnectTimeout { stage: "connecting", .. });
        assert!(expected, "{failure:?}");
        assert!(failure.to_string().contains("192.0.2.1"), "{failure}");
    });
}
