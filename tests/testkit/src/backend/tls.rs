//! Owns TLS: 1.3 alone, a client certificate of the CA required, stateful tickets; and how the server's own
//! certificate is good or bad.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, UnixTime};
use rustls::server::{ServerSessionMemoryCache, WebPkiClientVerifier};
use rustls::time_provider::TimeProvider;
use rustls::{RootCertStore, ServerConfig};

use super::certificates::{Authority, DAY_S, Identity, LONG_S, identity};
use super::core::Clock;

/// How the server's certificate is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    /// Good; each time anew.
    Good,
    /// It ended yesterday.
    Expired,
    /// It begins tomorrow.
    NotYet,
    /// Of another CA.
    OtherCa,
}

/// The keys of the house.
pub(super) struct Tls {
    dir: PathBuf,
    authority: Authority,
    clock: Arc<Clock>,
    config: RwLock<Arc<ServerConfig>>,
}

impl TimeProvider for Clock {
    fn current_time(&self) -> Option<UnixTime> {
        let seconds = u64::try_from(self.now_s()).ok()?;
        Some(UnixTime::since_unix_epoch(Duration::from_secs(seconds)))
    }
}

impl Tls {
    pub(super) fn open(dir: &Path, clock: Arc<Clock>) -> Result<Tls, String> {
        std::fs::create_dir_all(dir).map_err(|e| format!("{}: {e}", dir.display()))?;
        let authority = Authority::open(dir, clock.now_s())?;
        let config = RwLock::new(config(&authority, Shown::Good, &clock)?);
        Ok(Tls { dir: dir.to_owned(), authority, clock, config })
    }

    /// What the next connection is served with.
    pub(super) fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// From now on the server shows a new certificate, as it is wanted. Tickets of before are worth nothing.
    pub(super) fn show(&self, shown: Shown) -> Result<(), String> {
        let new = config(&self.authority, shown, &self.clock)?;
        *self.config.write().unwrap_or_else(PoisonError::into_inner) = new;
        Ok(())
    }

    pub(super) fn ca(&self) -> PathBuf {
        self.dir.join("ca.pem")
    }

    /// A terminal's good certificate; the same until `renewed`.
    pub(super) fn terminal(&self, serial: &str) -> Result<Identity, String> {
        let there = identity(&self.dir, serial);
        if there.certificate.exists() && there.key.exists() {
            return Ok(there);
        }
        let now = self.clock.now_s();
        self.authority.issue(serial, false, now - DAY_S, now + LONG_S)?.write(&self.dir, serial)
    }

    /// A certificate for this terminal valid between these seconds from now, in files of that name.
    pub(super) fn between(
        &self,
        serial: &str,
        name: &str,
        from_s: i64,
        to_s: i64,
    ) -> Result<Identity, String> {
        let now = self.clock.now_s();
        let (from, to) = (now.saturating_add(from_s), now.saturating_add(to_s));
        self.authority.issue(serial, false, from, to)?.write(&self.dir, &format!("{serial}.{name}"))
    }

    /// A certificate with this serial, of another CA.
    pub(super) fn of_other_ca(&self, serial: &str) -> Result<Identity, String> {
        let now = self.clock.now_s();
        let leaf = Authority::stranger(now)?.issue(serial, false, now - DAY_S, now + LONG_S)?;
        leaf.write(&self.dir, &format!("{serial}.other-ca"))
    }
}

fn config(
    authority: &Authority,
    shown: Shown,
    clock: &Arc<Clock>,
) -> Result<Arc<ServerConfig>, String> {
    let told = |e: &dyn std::fmt::Display| format!("TLS: {e}");
    let now = clock.now_s();
    let (good_from, good_to) = (now - DAY_S, now + LONG_S);
    let leaf = match shown {
        Shown::Good => authority.issue("backend", true, good_from, good_to),
        Shown::Expired => authority.issue("backend", true, now - 2 * DAY_S, good_from),
        Shown::NotYet => authority.issue("backend", true, now + DAY_S, good_to),
        Shown::OtherCa => Authority::stranger(now)?.issue("backend", true, good_from, good_to),
    }?;
    let provider = Arc::new(ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(authority.certificate.clone())).map_err(|e| told(&e))?;
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .build()
            .map_err(|e| told(&e))?;
    let time: Arc<dyn TimeProvider> = Arc::<Clock>::clone(clock);
    let mut config = ServerConfig::builder_with_details(provider, time)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|e| told(&e))?
        .with_client_cert_verifier(verifier)
        .with_single_cert(
            vec![CertificateDer::from(leaf.certificate)],
            PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(leaf.key)),
        )
        .map_err(|e| told(&e))?;
    config.session_storage = ServerSessionMemoryCache::new(1024);
    config.send_tls13_tickets = 1;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
