//! `[backend]`, for whom its certificates are, and what can be wrong with them.

use std::path::PathBuf;

use crate::backend::exchange::Failure;
use crate::domain::time::UnixS;

/// Where the backend is and who this terminal is: `[backend]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `https://host[:port][/prefix]`.
    pub url: String,
    /// The operator's CA, PEM; several while it is replaced.
    pub ca: PathBuf,
    /// This terminal's certificate, PEM; what its issuer needs to be found follows it.
    pub certificate: PathBuf,
    /// Its private key, PEM, not encrypted.
    pub key: PathBuf,
}

/// For whom the certificates are, and how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateTerms {
    /// The subject's common name: has to be the terminal's serial.
    pub common_name: String,
    /// When this terminal's certificate begins, s since the epoch.
    pub not_before_s: UnixS,
    /// When it ends, s since the epoch.
    pub not_after_s: UnixS,
    /// When the last of the operator's CAs ends, s since the epoch. It is announced
    /// and not judged: what it issued ends of itself.
    pub ca_not_after_s: UnixS,
}

/// Why `[backend]` is of no use as it stands.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// The address.
    #[error("[backend] url: {why}; as in \"https://backend.example\"")]
    Url {
        /// What is wrong with it.
        why: &'static str,
    },
    /// A file cannot be read.
    #[error("{}: {why}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// The system's words, and what to do.
        why: String,
    },
    /// A file can be read, and not used.
    #[error("{}: {why}; provision it again", path.display())]
    Unusable {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// Key and certificate are not a pair: another terminal's, or one of them was
    /// replaced and the other not yet.
    #[error(
        "{} is not the key of the certificate in {}; provision both again", key.display(),
        certificate.display()
    )]
    KeyMismatch {
        /// The certificate.
        certificate: PathBuf,
        /// The key.
        key: PathBuf,
    },
    /// TLS itself cannot be set up: a fault of this program's build.
    #[error("TLS cannot be set up: {why}; install a sound build of posdatad")]
    Tls {
        /// The library's words.
        why: String,
    },
}

impl From<SettingsError> for Failure {
    fn from(error: SettingsError) -> Self {
        Self::OurCertificate { why: error.to_string() }
    }
}
