//! The bus name, and the bus going away.

use std::sync::Arc;

use posdatad::adapters::dbus::{BusAddress, BusError, Request, Server};
use posdatad::domain::snapshot::Snapshot;
use posdatad::domain::watch::Caller;
use tokio::sync::{mpsc, watch};

use crate::bus::{Bus, Policy};
use crate::fixture::{Client, Posdatad, known, soon};

async fn start(address: &str) -> Result<Server, BusError> {
    let (_snapshot, published) = watch::channel(Arc::new(Snapshot::default()));
    let (sender, _requests) = mpsc::channel(1);
    Server::start(&BusAddress::Address(address.to_owned()), published, sender).await
}

#[tokio::test]
async fn a_second_posdatad_is_refused_and_the_first_stays() {
    let bus = Bus::start();
    let _first = Posdatad::on(&bus, known()).await;
    let refused = start(bus.address()).await.unwrap_err();
    let BusError::NameTaken { pid } = &refused else { panic!("{refused}") };
    assert_eq!(*pid, Some(std::process::id()));
    assert!(refused.to_string().contains("another posdatad runs on this bus"), "{refused}");
    Client::on(&bus).await.call("org.posdata.Balance1", "GetBuckets", &()).await.unwrap();
}

#[tokio::test]
async fn the_name_is_free_after_a_stop_and_after_a_drop() {
    let bus = Bus::start();
    Posdatad::on(&bus, known()).await.server.stop().await;
    let second = soon("start after stop", start(bus.address())).await.unwrap();
    drop(second);
    // The bus takes the name back when it has read the end of the connection,
    // which comes before anything it reads later only by chance: wait for it.
    let client = Client::on(&bus).await;
    let bus_proxy = zbus::fdo::DBusProxy::new(&client.0).await.unwrap();
    let mut changes =
        bus_proxy.receive_name_owner_changed_with_args(&[(0, "org.posdata")]).await.unwrap();
    if bus_proxy.name_has_owner("org.posdata".try_into().unwrap()).await.unwrap() {
        soon("the name's release", futures_util::StreamExt::next(&mut changes)).await.unwrap();
    }
    start(bus.address()).await.unwrap();
}

#[tokio::test]
async fn without_the_policy_the_error_says_what_to_do() {
    let bus = Bus::with(Policy::Missing);
    let refused = start(bus.address()).await.unwrap_err();
    assert!(matches!(refused, BusError::NameDenied(_)), "{refused}");
    assert!(refused.to_string().contains("org.posdata.conf"), "{refused}");
}

#[tokio::test]
async fn a_bus_that_is_not_there_is_named() {
    for address in ["unix:path=/nonexistent/bus", "no address"] {
        let refused = start(address).await.unwrap_err();
        assert!(matches!(refused, BusError::Connect { .. }), "{refused}");
        assert!(refused.to_string().contains(address), "{refused}");
    }
}

#[tokio::test]
async fn a_lost_bus_is_noticed_and_ends_what_callers_held() {
    let mut bus = Bus::start();
    let mut posdatad = Posdatad::on(&bus, known()).await;
    let client = Client::on(&bus).await;
    let name = Caller::new(client.name());
    let (id, ()) =
        tokio::join!(client.call("org.posdata.Usage1", "Watch", &(1_u64, 1_u32)), async {
            let Request::Watch { reply, .. } = posdatad.request().await else { panic!() };
            reply.send(Ok(1)).unwrap();
        });
    id.unwrap();
    bus.kill();
    soon("the loss", posdatad.server.closed()).await;
    let Request::CallerGone(gone) = posdatad.request().await else { panic!() };
    assert_eq!(gone, name);
    let bus = Bus::start();
    Posdatad::on(&bus, known()).await;
}
