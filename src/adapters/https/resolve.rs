//! The backend's addresses: asked of the system on a thread of its own, and kept,
//! so that a lookup is not paid for with each sync.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _, UdpSocket};
use std::thread;
use std::time::Duration;

use tokio::sync::oneshot;

use super::address::Address;
use crate::adapters::clock;
use crate::backend::exchange::Failure;
use crate::domain::time::BootMs;

/// How long addresses are good without asking again, ms.
const FRESH_MS: BootMs = 3_600_000;
/// How long a lookup may take; the system's own resolver gives up before.
const LOOKUP_WITHIN: Duration = Duration::from_secs(30);
/// How many of the addresses are tried.
const ADDRESSES_MAX: usize = 4;
/// Room for the system's resolver, which keeps whole answers on its stack.
const STACK_BYTES: usize = 256 * 1024;

/// The resolver of one host.
#[derive(Debug, Default)]
pub(super) struct Resolver {
    known: Vec<SocketAddr>,
    /// Until when (boot clock) `known` is used without asking.
    fresh_until_ms: BootMs,
    /// A lookup that is still going on: never more than one, however long the
    /// system takes and however often it is asked.
    lookup: Option<oneshot::Receiver<io::Result<Vec<SocketAddr>>>>,
}

impl Resolver {
    /// The addresses, at least one. Where nobody answers, the last known ones.
    pub(super) async fn addresses(&mut self, of: &Address) -> Result<Vec<SocketAddr>, Failure> {
        if let Ok(ip) = of.host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(ip, of.port)]);
        }
        if !self.known.is_empty() && clock::boot_ms() < self.fresh_until_ms {
            return Ok(self.known.clone());
        }
        match self.look_up(of).await {
            Ok(found) => {
                self.known = found;
                self.fresh_until_ms = clock::boot_ms().saturating_add(FRESH_MS);
            }
            Err(why) if self.known.is_empty() => return Err(unresolved(of, why)),
            // They worked before, and may now.
            Err(_) => {}
        }
        Ok(self.known.clone())
    }

    /// None of the addresses answered: the next time asks again.
    pub(super) fn doubt(&mut self) {
        self.fresh_until_ms = 0;
    }

    /// This address answered: it is tried first from now on.
    pub(super) fn prefer(&mut self, good: SocketAddr) {
        if let Some(at) = self.known.iter().position(|known| *known == good)
            && let Some(front) = self.known.get_mut(..=at)
        {
            front.rotate_right(1);
        }
    }

    async fn look_up(&mut self, of: &Address) -> Result<Vec<SocketAddr>, String> {
        let lookup = match &mut self.lookup {
            Some(lookup) => lookup,
            none => none.insert(start(of.host.clone(), of.port).map_err(|e| e.to_string())?),
        };
        let Ok(answer) = tokio::time::timeout(LOOKUP_WITHIN, lookup).await else {
            return Err(format!("no answer within {} s", LOOKUP_WITHIN.as_secs()));
        };
        self.lookup = None;
        let mut found = match answer {
            Ok(Ok(found)) => found,
            Ok(Err(error)) => return Err(error.to_string()),
            Err(_) => return Err("the resolver ended without an answer".to_owned()),
        };
        found.dedup();
        found.truncate(ADDRESSES_MAX);
        if found.is_empty() {
            return Err("it has no address".to_owned());
        }
        Ok(found)
    }
}

/// The system's resolver blocks, for up to half a minute.
fn start(host: String, port: u16) -> io::Result<oneshot::Receiver<io::Result<Vec<SocketAddr>>>> {
    let (answer, lookup) = oneshot::channel();
    thread::Builder::new().name("resolver".into()).stack_size(STACK_BYTES).spawn(move || {
        let found = (host.as_str(), port).to_socket_addrs().map(Iterator::collect);
        // Nobody waits any more when the client is gone.
        let _ = answer.send(found);
    })?;
    Ok(lookup)
}

/// Without a way out no name is resolved either; then that is the reason.
fn unresolved(of: &Address, why: String) -> Failure {
    if has_a_way_out() {
        Failure::NameNotResolved { host: of.host.clone(), why }
    } else {
        Failure::NoRoute {
            to: of.shown(),
            why: format!("no interface leads to the internet ({why})"),
        }
    }
}

/// Whether the kernel would know where to send a packet for the internet: it is
/// asked by connecting a UDP socket to addresses that belong to nobody (RFC 5737,
/// RFC 3849), which sends nothing.
fn has_a_way_out() -> bool {
    [("0.0.0.0:0", "192.0.2.1:9"), ("[::]:0", "[2001:db8::1]:9")]
        .iter()
        .any(|(from, to)| UdpSocket::bind(from).is_ok_and(|socket| socket.connect(to).is_ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_that_answered_goes_first_and_the_others_keep_their_order() {
        let addresses: Vec<SocketAddr> =
            (1..=3).map(|n| SocketAddr::from(([192, 0, 2, n], 443))).collect();
        let mut resolver = Resolver { known: addresses.clone(), ..Resolver::default() };
        resolver.prefer(addresses[2]);
        assert_eq!(resolver.known, [addresses[2], addresses[0], addresses[1]]);
        resolver.prefer(SocketAddr::from(([198, 51, 100, 1], 443)));
        assert_eq!(resolver.known, [addresses[2], addresses[0], addresses[1]]);
    }

    #[tokio::test]
    async fn known_addresses_are_asked_for_again_only_when_stale_or_doubted() {
        let address = Address::parse("https://unknown.invalid").unwrap();
        let known = vec![SocketAddr::from(([192, 0, 2, 1], 443))];
        let mut resolver = Resolver { known: known.clone(), ..Resolver::default() };
        resolver.fresh_until_ms = clock::boot_ms() + FRESH_MS;
        assert_eq!(resolver.addresses(&address).await.unwrap(), known);
        assert!(resolver.lookup.is_none());
        resolver.doubt();
        // The name leads nowhere now: the addresses that were good go on.
        assert_eq!(resolver.addresses(&address).await.unwrap(), known);
    }
}
