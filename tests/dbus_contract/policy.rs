//! `dbus/org.posdata.conf`, enforced by the real bus.

use std::sync::Arc;

use posdatad::adapters::dbus::{Error, Request};

use crate::bus::{Bus, Policy};
use crate::fixture::{Client, Posdatad, known, soon};

const DENIED: &str = "org.freedesktop.DBus.Error.AccessDenied";

/// Calls as nobody, beside posdatad; `None` where the tests are not run by root.
async fn as_nobody(
    bus: &Arc<Bus>,
    method: &'static str,
    argument: Option<&'static str>,
) -> Option<Result<(), String>> {
    let bus = bus.clone();
    let call = tokio::task::spawn_blocking(move || bus.call_as_nobody(method, argument));
    let output = soon(method, call).await.unwrap()?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Some(if output.status.success() { Ok(()) } else { Err(said) })
}

#[tokio::test]
async fn everyone_may_look_and_only_technicians_may_more() {
    let bus = Arc::new(Bus::start());
    let _posdatad = Posdatad::on(&bus, known()).await;
    for (method, argument) in [
        ("org.posdata.Balance1.GetBuckets", None),
        ("org.posdata.Usage1.GetCycle", None),
        ("org.freedesktop.DBus.Properties.GetAll", Some("string:org.posdata.Balance1")),
        ("org.freedesktop.DBus.Introspectable.Introspect", None),
        ("org.freedesktop.DBus.Peer.Ping", None),
    ] {
        match as_nobody(&bus, method, argument).await {
            None => return eprintln!("not root: cannot call as another user"),
            Some(outcome) => assert_eq!(outcome, Ok(()), "{method}"),
        }
    }
    for (method, argument) in [
        ("org.posdata.Admin1.SourceInfo", None),
        ("org.posdata.Admin1.Trace", Some("uint32:1")),
        ("org.posdata.Recharge1.ListOffers", None),
        ("org.example.Other.Method", None),
    ] {
        let said = as_nobody(&bus, method, argument).await.unwrap().unwrap_err();
        assert!(said.contains(DENIED), "{method}: {said}");
    }
    let root = Client::on(&bus).await;
    root.call("org.posdata.Admin1", "SourceInfo", &()).await.unwrap();
}

#[tokio::test]
async fn the_cashiers_group_may_recharge_and_no_more() {
    let bus = Arc::new(Bus::with(Policy::CashierGroup("nogroup")));
    let mut posdatad = Posdatad::on(&bus, known()).await;
    let (outcome, ()) = tokio::join!(
        as_nobody(&bus, "org.posdata.Recharge1.GetTopUp", Some("string:r-1")),
        async {
            if !nix::unistd::geteuid().is_root() {
                return;
            }
            let Request::Wish { reply, .. } = posdatad.request().await else { panic!() };
            reply.send(Err(Error::UnknownTopUp("none".to_owned()))).unwrap();
        }
    );
    let Some(outcome) = outcome else { return eprintln!("not root: cannot call as another user") };
    assert!(outcome.unwrap_err().contains("org.posdata.Error.UnknownTopUp"));
    let said = as_nobody(&bus, "org.posdata.Admin1.Sync", None).await.unwrap().unwrap_err();
    assert!(said.contains(DENIED), "{said}");
}

#[tokio::test]
async fn the_technicians_group_is_let_in() {
    let bus = Arc::new(Bus::with(Policy::AdminGroup("nogroup")));
    let _posdatad = Posdatad::on(&bus, known()).await;
    match as_nobody(&bus, "org.posdata.Admin1.SourceInfo", None).await {
        None => eprintln!("not root: cannot call as another user"),
        Some(outcome) => assert_eq!(outcome, Ok(())),
    }
}

/// The bus cannot match the interface of a call that names none.
#[tokio::test]
async fn a_call_without_an_interface_reaches_nothing() {
    let bus = Bus::start();
    let _posdatad = Posdatad::on(&bus, known()).await;
    let client = Client::on(&bus).await;
    let call =
        client.0.call_method(Some("org.posdata"), "/org/posdata", None::<&str>, "SourceInfo", &());
    assert!(soon("the refusal", call).await.is_err());
}
