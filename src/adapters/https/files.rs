//! The operator's CA, this terminal's certificate and its key: read from disk, and
//! read again when they change.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::version::TLS13;
use rustls::{ClientConfig, Error, RootCertStore};
use x509_cert::Certificate;
use x509_cert::der::Decode as _;

use super::trust::{Judge, Verifier};
use super::{CertificateTerms, Settings, SettingsError};
use crate::domain::time::UnixS;

/// The longest of these files, bytes: room for a long chain with its texts.
const FILE_BYTES_MAX: u64 = 65_536;
/// TLS sessions kept in memory for resumption: one backend gives a ticket or two.
const SESSIONS_MAX: usize = 8;

/// What was read, ready for use.
pub(super) struct Credentials {
    pub(super) tls: Arc<ClientConfig>,
    pub(super) verifier: Arc<Verifier>,
    pub(super) terms: CertificateTerms,
    authorities: Vec<CertificateDer<'static>>,
    chain: Vec<CertificateDer<'static>>,
    stamps: Stamps,
}

impl Credentials {
    /// Reads the three files.
    ///
    /// # Errors
    /// [`SettingsError`] names the file and what to do.
    pub(super) fn read(settings: &Settings, judge: &Judge) -> Result<Self, SettingsError> {
        // Before the files: what changes while they are read is seen the next time.
        let stamps = Stamps::of(settings);
        let authorities = certificates(&settings.ca)?;
        let chain = certificates(&settings.certificate)?;
        let terms = terms(settings, &authorities, &chain)?;
        let key = PrivateKeyDer::from_pem_slice(&content(&settings.key)?).map_err(|_| {
            // Nothing of what stands in it is repeated.
            unusable(&settings.key, "no unencrypted private key in PEM form stands in it")
        })?;

        let mut roots = RootCertStore::empty();
        for authority in &authorities {
            roots.add(authority.clone()).map_err(|error| unusable(&settings.ca, error))?;
        }
        let provider = Arc::new(ring::default_provider());
        let webpki =
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
                .build()
                .map_err(|error| unusable(&settings.ca, error))?;
        let verifier = Arc::new(Verifier { webpki, judge: judge.clone() });
        let mut tls = ClientConfig::builder_with_details(provider, Arc::new(judge.clone()))
            .with_protocol_versions(&[&TLS13])
            .map_err(|error| SettingsError::Tls { why: error.to_string() })?
            .dangerous()
            .with_custom_certificate_verifier(Arc::clone(&verifier) as Arc<_>)
            .with_client_auth_cert(chain.clone(), key)
            .map_err(|error| match error {
                Error::InconsistentKeys(_) => SettingsError::KeyMismatch {
                    certificate: settings.certificate.clone(),
                    key: settings.key.clone(),
                },
                other => unusable(&settings.key, other),
            })?;
        tls.resumption = Resumption::in_memory_sessions(SESSIONS_MAX);
        Ok(Self { tls: Arc::new(tls), verifier, terms, authorities, chain, stamps })
    }

    /// Whether the files look as they did when these were read.
    pub(super) fn are_current(&self, settings: &Settings) -> bool {
        self.stamps == Stamps::of(settings)
    }

    /// Takes the looks of files that say the same.
    pub(super) fn touch(&mut self, read: Self) {
        self.stamps = read.stamps;
    }

    /// Whether the same certificates stand in both. A key belongs to its certificate.
    pub(super) fn are_the_same(&self, other: &Self) -> bool {
        self.authorities == other.authorities && self.chain == other.chain
    }
}

/// How the three files look. `None`: not there.
#[derive(Debug, PartialEq, Eq)]
struct Stamps([Option<Stamp>; 3]);

/// What tells a file from its next version: device, inode, time of change (s, ns),
/// length.
type Stamp = (u64, u64, i64, i64, u64);

impl Stamps {
    fn of(settings: &Settings) -> Self {
        Self([&settings.ca, &settings.certificate, &settings.key].map(|path| {
            let meta = path.metadata().ok()?;
            Some((meta.dev(), meta.ino(), meta.mtime(), meta.mtime_nsec(), meta.size()))
        }))
    }
}

fn content(path: &Path) -> Result<Vec<u8>, SettingsError> {
    let unreadable = |error: io::Error| {
        let advice = match error.kind() {
            io::ErrorKind::NotFound => "provision the terminal, or correct the path in [backend]",
            io::ErrorKind::PermissionDenied => "let the user of posdatad read it",
            _ => "is it a file, and the disk sound?",
        };
        SettingsError::Unreadable { path: path.to_owned(), why: format!("{error}; {advice}") }
    };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > FILE_BYTES_MAX {
        return Err(unusable(path, "it is longer than 64 KiB"));
    }
    Ok(bytes)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, SettingsError> {
    let found: Vec<_> =
        CertificateDer::pem_slice_iter(&content(path)?)
            .collect::<Result<_, _>>()
            .map_err(|_| unusable(path, "it is no sound PEM; was it written in part?"))?;
    if found.is_empty() {
        return Err(unusable(path, "no certificate in PEM form stands in it"));
    }
    Ok(found)
}

/// From when, until when, and for whom.
fn terms(
    settings: &Settings,
    authorities: &[CertificateDer<'static>],
    chain: &[CertificateDer<'static>],
) -> Result<CertificateTerms, SettingsError> {
    let read = |path: &PathBuf, der: &CertificateDer<'_>| {
        Certificate::from_der(der)
            .map_err(|error| unusable(path, format!("a certificate cannot be read: {error}")))
    };
    let mut ca_not_after_s = UnixS::MIN;
    for authority in authorities {
        ca_not_after_s = ca_not_after_s.max(not_after_s(&read(&settings.ca, authority)?));
    }
    let path = &settings.certificate;
    let leaf = chain.first().ok_or_else(|| unusable(path, "no certificate stands in it"))?;
    let leaf = read(path, leaf)?;
    let subject = leaf.tbs_certificate().subject();
    let common_name = match subject.common_name() {
        Ok(Some(name)) => name.value().into_owned(),
        Ok(None) | Err(_) => {
            let why = "its subject has no common name; it has to be the terminal's serial";
            return Err(unusable(path, why));
        }
    };
    let begins = leaf.tbs_certificate().validity().not_before.to_unix_duration();
    Ok(CertificateTerms {
        common_name,
        not_before_s: i64::try_from(begins.as_secs()).unwrap_or(i64::MAX),
        not_after_s: not_after_s(&leaf),
        ca_not_after_s,
    })
}

fn not_after_s(certificate: &Certificate) -> UnixS {
    let ends = certificate.tbs_certificate().validity().not_after.to_unix_duration();
    i64::try_from(ends.as_secs()).unwrap_or(i64::MAX)
}

fn unusable(path: &Path, why: impl ToString) -> SettingsError {
    SettingsError::Unusable { path: path.to_owned(), why: why.to_string() }
}
