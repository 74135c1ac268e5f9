//! Whom the client trusts, at which time, and as whom it is trusted.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod https_server;

use std::fs;

use https_server::certificates::Authority;
use https_server::{DAY_S, Made, NOW_S, Step, World, get, ok, order};
use posdatad::adapters::https::{BUILT_S, Client, SettingsError};
use posdatad::backend::exchange::{Failure, Purpose, Sent};

/// Asks once, and expects a failure that says all of this.
async fn fails(client: &mut Client, words: &[&str]) -> Failure {
    let failure = client.send(&order()).await.unwrap_err();
    let text = failure.to_string();
    for word in words {
        assert!(text.contains(word), "\"{word}\" does not stand in: {text}");
    }
    assert_eq!(failure.was_sent(), Sent::Never, "{text}");
    failure
}

#[tokio::test]
async fn another_ca_of_the_same_name_is_not_trusted() {
    let world = World::made(Made { strange: true, ..Made::default() }, vec![]).await;
    let ca = world.settings.ca.display().to_string();
    let failure = fails(&mut world.client(), &["127.0.0.1", &ca, "[backend] url"]).await;
    assert!(matches!(failure, Failure::ServerCertificate { .. }), "{failure:?}");
    assert_eq!(world.requests(), [0], "not tried again, nothing said");
}

#[tokio::test]
async fn a_certificate_for_another_host_is_not_trusted() {
    let made = Made { names: vec!["other.example"], ..Made::default() };
    let world = World::made(made, vec![]).await;
    let failure = fails(&mut world.client(), &["other.example", "[backend] url"]).await;
    assert!(matches!(failure, Failure::ServerCertificate { .. }), "{failure:?}");
}

#[tokio::test]
async fn a_certificate_that_ended_is_refused_whatever_the_clock_is_worth() {
    // It ended after the program was built: only a trusted time can know.
    let made = Made { from_s: BUILT_S, until_s: NOW_S - DAY_S, ..Made::default() };
    let world = World::made(made, vec![]).await;
    let failure = fails(&mut world.client(), &["ended on", "renew"]).await;
    assert!(matches!(failure, Failure::ServerCertificate { .. }), "{failure:?}");
    // The last trusted time of an earlier boot is enough to know it.
    let mut client = world.client_of_1970();
    client.trusted_time(Some(NOW_S), None);
    fails(&mut client, &["ended on"]).await;
    // Who knows nothing cannot know it, and must not be locked out.
    assert_eq!(world.client_of_1970().send(&order()).await.unwrap().status, 204);

    // It ended before the program was built: that is known always.
    let made = Made { from_s: BUILT_S - 9 * DAY_S, until_s: BUILT_S - DAY_S, ..Made::default() };
    let world = World::made(made, vec![]).await;
    fails(&mut world.client_of_1970(), &["ended on"]).await;
}

#[tokio::test]
async fn a_certificate_that_begins_later_is_refused_only_in_trusted_time() {
    let made = Made { from_s: NOW_S + 2 * DAY_S, until_s: NOW_S + 9 * DAY_S, ..Made::default() };
    let world = World::made(made, vec![]).await;
    let failure = fails(&mut world.client(), &["begins on", "trusted time"]).await;
    assert!(matches!(failure, Failure::ServerCertificate { .. }), "{failure:?}");

    let mut client = world.client_of_1970();
    assert_eq!(client.send(&order()).await.unwrap().status, 204);
    client.close();
    client.trusted_time(Some(NOW_S), None);
    assert_eq!(client.send(&order()).await.unwrap().status, 204);
    client.close();
    // 1970 is told: as good as nothing.
    client.trusted_time(Some(NOW_S), Some(0));
    assert_eq!(client.send(&order()).await.unwrap().status, 204);
}

#[tokio::test]
async fn not_knowing_the_time_trusts_no_other_ca_and_no_other_host() {
    let later = Made { from_s: NOW_S + 2 * DAY_S, until_s: NOW_S + 9 * DAY_S, ..Made::default() };
    let world = World::made(Made { strange: true, ..later }, vec![]).await;
    fails(&mut world.client_of_1970(), &["not issued by the CA"]).await;
    let later = Made { from_s: NOW_S + 2 * DAY_S, until_s: NOW_S + 9 * DAY_S, ..Made::default() };
    let world = World::made(Made { names: vec!["other.example"], ..later }, vec![]).await;
    fails(&mut world.client_of_1970(), &["other.example"]).await;
}

#[tokio::test]
async fn a_resumed_session_is_judged_again_by_the_time_that_is_known_then() {
    // A ticket lives for days, so that a certificate can end meanwhile.
    let end_s = NOW_S / DAY_S * DAY_S;
    let made = Made { from_s: BUILT_S, until_s: end_s, ..Made::default() };
    let world = World::made(made, vec![]).await;
    let mut client = world.client();
    for before_s in [7_200, 3_600] {
        client.trusted_time(None, Some(end_s - before_s));
        client.send(&order()).await.unwrap();
        client.close();
    }
    assert_eq!(client.traffic().opened_resumed, 1, "resumption is what is tried here");
    client.trusted_time(None, Some(end_s + 60));
    fails(&mut client, &["ended on"]).await;
    world.gone(2).await;
    assert!(world.seen.lock().unwrap()[2].resumed, "else it proves nothing");
}

#[tokio::test]
async fn nothing_older_than_tls_1_3_is_spoken() {
    let made = Made { version: &rustls::version::TLS12, ..Made::default() };
    let world = World::made(made, vec![]).await;
    let failure = fails(&mut world.client(), &["TLS 1.3", "operator"]).await;
    assert!(matches!(failure, Failure::Tls { .. }), "{failure:?}");
}

#[tokio::test]
async fn this_terminals_certificate_has_ended() {
    let world = World::new(vec![]).await;
    world.provision(BUILT_S, NOW_S - DAY_S);
    // In trusted time nobody has to be asked.
    let file = world.settings.certificate.display().to_string();
    let failure = fails(&mut world.client(), &[&file, "ended on", "renew"]).await;
    assert!(matches!(failure, Failure::OurCertificate { .. }), "{failure:?}");
    assert!(world.requests().is_empty(), "connected in vain");
    // Else the server says so: after it has accepted the connection.
    let mut client = world.client_of_1970();
    client.connect(Purpose::Order).await.unwrap();
    let failure = fails(&mut client, &[&file, "ended", "127.0.0.1", "renew"]).await;
    assert!(matches!(failure, Failure::OurCertificate { .. }), "{failure:?}");
    assert_eq!(world.requests(), [0], "not tried again");
    // The same when the refusal is there before the request.
    client.connect(Purpose::Order).await.unwrap();
    world.gone(1).await;
    let failure = client.connect(Purpose::Order).await.unwrap_err();
    assert!(matches!(failure, Failure::OurCertificate { .. }), "{failure:?}");
    assert_eq!(world.requests(), [0, 0]);
}

#[tokio::test]
async fn this_terminals_certificate_is_of_another_ca() {
    for (name, said) in [("Operator CA", "cannot be verified"), ("Other CA", "does not know")] {
        let made = Made { wants: Some(Authority::new(name)), ..Made::default() };
        let world = World::made(made, vec![]).await;
        for _ in 0..10 {
            let words = ["127.0.0.1", "terminal.pem", said, "ask the operator"];
            let failure = fails(&mut world.client(), &words).await;
            assert!(matches!(failure, Failure::OurCertificate { .. }), "{failure:?}");
        }
    }
}

#[tokio::test]
async fn files_that_are_of_no_use_are_named() {
    let world = World::new(vec![]).await;
    let settings = &world.settings;
    let good: Vec<Vec<u8>> =
        [&settings.ca, &settings.certificate, &settings.key].map(|f| fs::read(f).unwrap()).into();
    let half = &good[1][..good[1].len() / 2];
    for (file, content, words) in [
        (&settings.ca, None, "provision"),
        (&settings.certificate, None, "provision"),
        (&settings.key, None, "provision"),
        (&settings.ca, Some(b"".as_slice()), "no certificate"),
        (&settings.ca, Some(&good[2]), "no certificate"),
        (&settings.certificate, Some(half), "in part"),
        (&settings.certificate, Some(&good[2]), "no certificate"),
        (&settings.key, Some(&good[1]), "no unencrypted private key"),
        (&settings.key, Some(&[b'x'; 70_000]), "64 KiB"),
        (
            &settings.certificate,
            Some(b"-----BEGIN CERTIFICATE-----\nMAMCAQE=\n-----END CERTIFICATE-----\n"),
            "cannot be read",
        ),
    ] {
        let before = fs::read(file).unwrap();
        match content {
            Some(content) => fs::write(file, content).unwrap(),
            None => fs::remove_file(file).unwrap(),
        }
        let error = Client::new(settings.clone()).err().unwrap();
        let text = error.to_string();
        assert!(text.contains(&file.display().to_string()), "{text}");
        assert!(text.contains(words) && text.contains("provision"), "{text}");
        let failure = Failure::from(error);
        assert_eq!((failure.was_sent(), failure.to_string().contains(&text)), (Sent::Never, true));
        fs::write(file, before).unwrap();
    }
    let other = world.terminal(NOW_S, NOW_S + DAY_S);
    fs::write(&settings.key, other.key_pem()).unwrap();
    let error = Client::new(settings.clone()).err().unwrap();
    assert!(matches!(error, SettingsError::KeyMismatch { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains("terminal.key") && text.contains("terminal.pem"), "{text}");
}

#[tokio::test]
async fn certificates_are_replaced_while_it_runs() {
    let world = World::new(vec![ok("{}"), ok("{}"), ok("{}"), Step::Silence]).await;
    let mut client = world.client();
    client.send(&order()).await.unwrap();
    let ends_s = client.certificate().not_after_s;
    assert!(!client.reread().unwrap(), "nothing has changed");

    // The certificate is there, its key is not yet: the old pair goes on.
    let next = world.terminal(NOW_S - DAY_S, NOW_S + 60 * DAY_S);
    fs::write(&world.settings.certificate, next.chain_pem()).unwrap();
    for _ in 0..2 {
        let error = client.reread().unwrap_err();
        assert!(matches!(error, SettingsError::KeyMismatch { .. }), "{error}");
    }
    client.send(&order()).await.unwrap();
    assert_eq!(client.certificate().not_after_s, ends_s);
    assert_eq!(world.requests(), [2]);

    fs::write(&world.settings.key, next.key_pem()).unwrap();
    assert!(client.reread().unwrap());
    assert!(!client.reread().unwrap());
    assert!(client.certificate().not_after_s > ends_s);
    client.send(&order()).await.unwrap();
    assert_eq!(world.requests(), [2, 1], "on a new connection");
    assert_eq!(client.traffic().opened_resumed, 0, "a session belongs to its certificate");
    drop(client);
}

#[tokio::test]
async fn the_ca_is_replaced_while_it_runs_and_the_same_again_is_no_change() {
    let world = World::new(vec![]).await;
    let mut client = world.client();
    client.send(&get("/")).await.unwrap();
    // Written again by a provisioning that found nothing new.
    fs::remove_file(&world.settings.ca).unwrap();
    assert!(client.reread().unwrap_err().to_string().contains("ca.pem"));
    fs::write(&world.settings.ca, world.authority.pem()).unwrap();
    assert!(!client.reread().unwrap());
    client.send(&get("/")).await.unwrap();
    assert_eq!(world.requests(), [2]);

    let next = Authority::new("Operator CA, the next");
    fs::write(&world.settings.ca, format!("{}{}", next.pem(), world.authority.pem())).unwrap();
    assert!(client.reread().unwrap());
    client.send(&get("/")).await.unwrap();
    fs::write(&world.settings.ca, next.pem()).unwrap();
    assert!(client.reread().unwrap());
    fails(&mut client, &["not issued by the CA"]).await;
}
