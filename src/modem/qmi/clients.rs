//! The client ids that are held: one a service, two of the data service, each of
//! which speaks for one address family.

use std::collections::BTreeMap;

use crate::proto::qmi::Service;
use crate::proto::qmi::ctl::Client;
use crate::proto::qmi::wds::Family;

/// Client ids that may still be ours and are to be given back, at most.
const LEFT_OVER_MAX: usize = 16;

/// What a client id is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Seat {
    Data(Family),
    Device,
    Network,
    Card,
}

impl Seat {
    pub(super) const ALL: [Self; 5] =
        [Self::Device, Self::Network, Self::Card, Self::Data(Family::V4), Self::Data(Family::V6)];

    pub(super) fn service(self) -> Service {
        match self {
            Self::Data(_) => Service::WDS,
            Self::Device => Service::DMS,
            Self::Network => Service::NAS,
            Self::Card => Service::UIM,
        }
    }
}

/// The client ids of this dialogue.
#[derive(Clone, Debug, Default)]
pub(super) struct Clients {
    held: BTreeMap<Seat, u8>,
    /// Taken once and perhaps still ours: an allocation whose answer came late, or
    /// those of before the port was opened anew.
    left_over: Vec<Client>,
}

impl Clients {
    pub(super) fn id(&self, seat: Seat) -> Option<u8> {
        self.held.get(&seat).copied()
    }

    pub(super) fn take(&mut self, seat: Seat, id: u8) {
        self.held.insert(seat, id);
    }

    /// Whether the id is one of these.
    pub(super) fn holds(&self, client: Client) -> bool {
        self.held.iter().any(|(seat, id)| seat.service() == client.service && *id == client.id)
    }

    /// The family that a client of the data service speaks for.
    pub(super) fn family(&self, id: u8) -> Option<Family> {
        self.held.iter().find_map(|(seat, held)| match seat {
            Seat::Data(family) if *held == id => Some(*family),
            Seat::Data(_) | Seat::Device | Seat::Network | Seat::Card => None,
        })
    }

    /// This one is not valid any more; the others are to be given back.
    pub(super) fn revoked(&mut self, client: Client) {
        self.held.retain(|seat, id| seat.service() != client.service || *id != client.id);
        self.leave();
    }

    /// None is valid any more, and none is to be given back.
    pub(super) fn forget(&mut self) {
        self.held.clear();
        self.left_over.clear();
    }

    /// All of them are to be given back.
    pub(super) fn leave(&mut self) {
        let held = std::mem::take(&mut self.held);
        for (seat, id) in held {
            self.leave_one(Client { service: seat.service(), id });
        }
    }

    /// This seat's is to be given back.
    pub(super) fn vacate(&mut self, seat: Seat) {
        if let Some(id) = self.held.remove(&seat) {
            self.leave_one(Client { service: seat.service(), id });
        }
    }

    /// This one is to be given back.
    pub(super) fn leave_one(&mut self, client: Client) {
        if self.left_over.len() < LEFT_OVER_MAX && !self.left_over.contains(&client) {
            self.left_over.push(client);
        }
    }

    /// The next that is to be given back.
    pub(super) fn next_left_over(&mut self) -> Option<Client> {
        self.left_over.pop()
    }

    pub(super) fn has_left_over(&self) -> bool {
        !self.left_over.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_is_revoked_is_not_given_back_and_the_others_are() {
        let mut clients = Clients::default();
        for (seat, id) in Seat::ALL.into_iter().zip([1, 1, 1, 1, 2]) {
            clients.take(seat, id);
        }
        clients.revoked(Client { service: Service::WDS, id: 1 });
        let left: Vec<Client> = std::iter::from_fn(|| clients.next_left_over()).collect();
        assert_eq!(left.len(), 4);
        assert!(!left.contains(&Client { service: Service::WDS, id: 1 }));
        assert!(Seat::ALL.into_iter().all(|seat| clients.id(seat).is_none()));
    }
}
