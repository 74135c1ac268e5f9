//! Owns the certificates: a CA of its own, the server's, and those of terminals, good and bad. P-256, lean.

use std::fs;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};

/// The files that a terminal shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Its certificate, PEM.
    pub certificate: PathBuf,
    /// Its key, PEM.
    pub key: PathBuf,
}

/// A certificate with its key, in DER.
pub(super) struct Leaf {
    pub(super) certificate: Vec<u8>,
    pub(super) key: Vec<u8>,
    certificate_pem: String,
    key_pem: String,
}

/// A CA that can issue.
pub(super) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub(super) certificate: Vec<u8>,
    pem: String,
}

/// A day, s.
pub(super) const DAY_S: i64 = 86_400;
/// How long what is not meant to end is valid, s.
pub(super) const LONG_S: i64 = 3650 * DAY_S;

/// The CA's own name; the same at each start, so that its key alone is kept.
const AUTHORITY: &str = "posdata sandbox CA";

impl Authority {
    /// The CA whose key lies in this directory; a new one if there is none.
    pub(super) fn open(dir: &Path, now: i64) -> Result<Authority, String> {
        let (pem, key) = (dir.join("ca.pem"), dir.join("ca.key"));
        if !key.exists() {
            let pair = KeyPair::generate().map_err(|e| format!("cannot make a key: {e}"))?;
            let made = Authority::of(AUTHORITY, pair, now)?;
            write_secret(&key, &made.issuer.key().serialize_pem())?;
            write(&pem, &made.pem)?;
            return Ok(made);
        }
        let text = fs::read_to_string(&key).map_err(|e| format!("{}: {e}", key.display()))?;
        let pair = KeyPair::from_pem(&text).map_err(|e| format!("{}: {e}", key.display()))?;
        let mut authority = Authority::of(AUTHORITY, pair, now)?;
        // Terminals have pinned the certificate that is on disk.
        let text = fs::read(&pem).map_err(|e| format!("{}: {e}", pem.display()))?;
        authority.certificate = x509_parser::pem::parse_x509_pem(&text)
            .map_err(|e| format!("{}: {e}", pem.display()))?
            .1
            .contents;
        Ok(authority)
    }

    /// A CA that nobody knows.
    pub(super) fn stranger(now: i64) -> Result<Authority, String> {
        let pair = KeyPair::generate().map_err(|e| format!("cannot make a key: {e}"))?;
        Authority::of("another CA", pair, now)
    }

    fn of(name: &str, pair: KeyPair, now: i64) -> Result<Authority, String> {
        let mut params = named(name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        between(&mut params, now.saturating_sub(LONG_S), now.saturating_add(2 * LONG_S));
        let made = params.self_signed(&pair).map_err(|e| format!("cannot make a CA: {e}"))?;
        let (certificate, pem) = (made.der().to_vec(), made.pem());
        Ok(Authority { issuer: Issuer::new(params, pair), certificate, pem })
    }

    /// A certificate for this name, valid from and to these seconds since 1970; `server` makes it the loopback's.
    pub(super) fn issue(
        &self,
        name: &str,
        server: bool,
        from: i64,
        to: i64,
    ) -> Result<Leaf, String> {
        let told = |e: rcgen::Error| format!("cannot make a certificate for {name}: {e}");
        let mut params = named(name);
        if server {
            let address = std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
            let host = "localhost".try_into().map_err(told)?;
            params.subject_alt_names =
                vec![rcgen::SanType::IpAddress(address), rcgen::SanType::DnsName(host)];
        }
        between(&mut params, from, to);
        let pair = KeyPair::generate().map_err(told)?;
        let certificate = params.signed_by(&pair, &self.issuer).map_err(told)?;
        Ok(Leaf {
            certificate: certificate.der().to_vec(),
            key: pair.serialize_der(),
            certificate_pem: certificate.pem(),
            key_pem: pair.serialize_pem(),
        })
    }
}

impl Leaf {
    /// Writes both files, `NAME.pem` and `NAME.key`.
    pub(super) fn write(&self, dir: &Path, name: &str) -> Result<Identity, String> {
        let identity = identity(dir, name);
        write_secret(&identity.key, &self.key_pem)?;
        write(&identity.certificate, &self.certificate_pem)?;
        Ok(identity)
    }
}

/// Where the files of that name are.
pub(super) fn identity(dir: &Path, name: &str) -> Identity {
    Identity { certificate: dir.join(format!("{name}.pem")), key: dir.join(format!("{name}.key")) }
}

/// The common name of a certificate's subject.
pub(super) fn common_name(certificate: &[u8]) -> Option<String> {
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate).ok()?;
    let name = parsed.subject().iter_common_name().next()?.as_str().ok()?.to_owned();
    Some(name)
}

fn named(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

fn between(params: &mut CertificateParams, from: i64, to: i64) {
    let at = |seconds: i64| {
        date_time_ymd(1970, 1, 1) + Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
    };
    params.not_before = at(from);
    params.not_after = at(to);
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    fs::write(path, text).map_err(|e| format!("{}: {e}", path.display()))
}

fn write_secret(path: &Path, text: &str) -> Result<(), String> {
    use std::io::Write as _;
    let told = |e: std::io::Error| format!("{}: {e}", path.display());
    let mut options = fs::OpenOptions::new();
    let mut file =
        options.write(true).create(true).truncate(true).mode(0o600).open(path).map_err(told)?;
    file.write_all(text.as_bytes()).map_err(told)
}
