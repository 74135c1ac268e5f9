//! What the modem says unasked.

use super::dialogue::{Phase, QmiDialogue};
use crate::domain::report::Report;
use crate::domain::time::BootMs;
use crate::proto::qmi::wds::Connection;
use crate::proto::qmi::{Message, Service, ctl, nas, wds};

impl QmiDialogue {
    pub(super) fn indicated(&mut self, now_ms: BootMs, said: &Message) {
        match (said.service, said.id) {
            (Service::CTL, ctl::SYNC) => {
                self.clients_are_gone(now_ms, None, "the modem says Sync");
            }
            (Service::CTL, ctl::REVOKE_CLIENT) => {
                let ours = ctl::read_revoked(said).ok().filter(|one| self.clients.holds(*one));
                if ours.is_some() {
                    self.clients_are_gone(now_ms, ours, "the modem revokes a client id");
                }
            }
            (Service::WDS, wds::PACKET_SERVICE_STATUS) if self.is_ours(said) => {
                self.session_changed(now_ms, said);
            }
            (Service::WDS, wds::EVENT_REPORT) if self.is_ours(said) => self.event_report(said),
            (Service::NAS, nas::SERVING_SYSTEM) if self.is_ours(said) => {
                if let Ok(system) = nas::read_serving_system_indication(said) {
                    self.registered(&system);
                }
            }
            (Service::NAS, nas::NETWORK_TIME) if self.is_ours(said) => {
                let time = Self::told(nas::read_network_time(said)).flatten();
                self.report(time.map(Report::NetworkTime));
            }
            _ => {}
        }
    }

    /// A session began or ended: its figure is read at once, and the SIM is looked
    /// at, since another one can only come while there is no session.
    fn session_changed(&mut self, now_ms: BootMs, said: &Message) {
        let Ok(status) = wds::read_service_status(said) else { return };
        let family = status.family.or_else(|| self.clients.family(said.client));
        let Some(family) = family else { return };
        if self.session(family, |session| session.heard(status.connection)) != Some(true) {
            return;
        }
        match status.connection {
            Connection::Disconnected | Connection::Authenticating => self.closing = true,
            Connection::Connected | Connection::Suspended => self.wanted = true,
        }
        self.subscriber.hint();
        if self.phase == Phase::Idle && !self.stopping {
            self.begin(now_ms);
        }
    }

    fn event_report(&mut self, said: &Message) {
        let Some(family) = self.clients.family(said.client) else { return };
        let Ok(counts) = wds::read_counts(said) else { return };
        let news = self.session(family, |session| session.reported(counts)) == Some(true);
        // While something is asked, its answer is told soon.
        if news && self.phase == Phase::Idle && !self.subscriber.is_doubtful() {
            self.tell();
        }
    }
}
