//! Whom TLS believes: the operator's CA alone, judged at a time that is trusted.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::time_provider::TimeProvider;
use rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};

use crate::adapters::clock;
use crate::domain::time::{BootMs, EARLIEST_S, UnixS};

/// No time before this one is believed: when this program was built, where whoever
/// built it said so (`SOURCE_DATE_EPOCH`, s), or when posdatad began to exist.
pub const BUILT_S: UnixS = match option_env!("SOURCE_DATE_EPOCH") {
    Some(text) => match i64::from_str_radix(text, 10) {
        Ok(built_s) if built_s > EARLIEST_S => built_s,
        Ok(_) | Err(_) => EARLIEST_S,
    },
    None => EARLIEST_S,
};

/// The longest chain of a server, the leaf included. A longer one is not looked at
/// while the time is not known.
const CHAIN_MAX: usize = 8;

/// The time that certificates are judged at; shared by the client and its TLS.
#[derive(Clone, Debug)]
pub(super) struct Judge(Arc<Mutex<Judged>>);

#[derive(Clone, Copy, Debug)]
struct Judged {
    /// The time at `boot_ms` of the boot clock; with nothing trusted, it was at
    /// least that.
    at_s: UnixS,
    boot_ms: BootMs,
    known: bool,
}

impl Judge {
    /// Knows nothing but when the program was built.
    pub(super) fn new() -> Self {
        let judged = Judged { at_s: BUILT_S, boot_ms: clock::boot_ms(), known: false };
        Self(Arc::new(Mutex::new(judged)))
    }

    /// Takes the last trusted time of any boot, and the trusted time of now.
    pub(super) fn set(&self, last_stored_s: Option<UnixS>, now_s: Option<UnixS>) {
        let at_least_s = BUILT_S.max(last_stored_s.unwrap_or(BUILT_S));
        // A "now" that cannot be is no knowledge.
        let now_s = now_s.filter(|now_s| *now_s >= at_least_s);
        *self.lock() = Judged {
            at_s: now_s.unwrap_or(at_least_s),
            boot_ms: clock::boot_ms(),
            known: now_s.is_some(),
        };
    }

    /// The time now, s since the epoch. It goes on by the boot clock, which nobody
    /// sets.
    pub(super) fn now_s(&self) -> UnixS {
        let judged = *self.lock();
        let passed_s = clock::boot_ms().saturating_sub(judged.boot_ms) / 1000;
        judged.at_s.saturating_add(i64::try_from(passed_s).unwrap_or(i64::MAX))
    }

    fn is_known(&self) -> bool {
        self.lock().known
    }

    /// Nothing panics while it is held.
    fn lock(&self) -> MutexGuard<'_, Judged> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TimeProvider for Judge {
    fn current_time(&self) -> Option<UnixTime> {
        let now_s = u64::try_from(self.now_s()).ok()?;
        Some(UnixTime::since_unix_epoch(Duration::from_secs(now_s)))
    }
}

/// Judges a server's certificate by webpki.
///
/// While the time is not known, "not valid yet" is no objection: the judge's time is
/// then only the earliest that it can be. "Ended" always is: what has ended at the
/// earliest time has ended now.
#[derive(Debug)]
pub(super) struct Verifier {
    pub(super) webpki: Arc<WebPkiServerVerifier>,
    pub(super) judge: Judge,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let mut at = now;
        for _ in 0..CHAIN_MAX {
            match self.webpki.verify_server_cert(leaf, chain, name, ocsp, at) {
                // It is that late at least, if the certificate is real; then all others
                // of the chain have to be valid at that time too.
                Err(Error::InvalidCertificate(CertificateError::NotValidYetContext {
                    not_before,
                    ..
                })) if !self.judge.is_known() && not_before > at => at = not_before,
                verdict => return verdict,
            }
        }
        Err(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.webpki.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.webpki.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.webpki.supported_verify_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_are_judged_at_the_latest_time_that_is_known() {
        let judge = Judge::new();
        let about = |s: UnixS| (s..s + 60).contains(&judge.now_s());
        assert!(about(BUILT_S) && !judge.is_known());
        judge.set(Some(BUILT_S + 1_000), None);
        assert!(about(BUILT_S + 1_000) && !judge.is_known());
        judge.set(Some(BUILT_S + 1_000), Some(BUILT_S + 5_000));
        assert!(about(BUILT_S + 5_000) && judge.is_known());
        // 1970 is no news, whoever says it.
        judge.set(Some(BUILT_S + 1_000), Some(0));
        assert!(about(BUILT_S + 1_000) && !judge.is_known());
        judge.set(None, None);
        assert!(about(BUILT_S) && !judge.is_known());
    }
}
