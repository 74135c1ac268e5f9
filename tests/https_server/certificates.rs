//! Certificates, made for the moment.

use posdatad::adapters::https::BUILT_S;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// A certificate authority.
pub struct Authority {
    der: CertificateDer<'static>,
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// What a certificate shall say. Times are cut to whole days.
pub struct Wanted<'a> {
    pub common_name: &'a str,
    pub names: &'a [&'a str],
    pub from_s: i64,
    pub until_s: i64,
}

/// A certificate and its key.
pub struct Issued {
    pub chain: Vec<CertificateDer<'static>>,
    pub key: PrivateKeyDer<'static>,
    pem: String,
    key_pem: String,
}

impl Issued {
    pub fn chain_pem(&self) -> &str {
        &self.pem
    }

    pub fn key_pem(&self) -> &str {
        &self.key_pem
    }
}

impl Authority {
    pub fn new(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = params(name, &[], BUILT_S, BUILT_S + 3_650 * 86_400);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let certificate = params.self_signed(&key).unwrap();
        Self {
            der: certificate.der().clone(),
            pem: certificate.pem(),
            issuer: Issuer::new(params, key),
        }
    }

    pub fn certificate(&self) -> CertificateDer<'static> {
        self.der.clone()
    }

    pub fn pem(&self) -> &str {
        &self.pem
    }

    pub fn issue(&self, wanted: &Wanted<'_>) -> Issued {
        let key = KeyPair::generate().unwrap();
        let params = params(wanted.common_name, wanted.names, wanted.from_s, wanted.until_s);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Issued {
            chain: vec![certificate.der().clone()],
            pem: certificate.pem(),
            key_pem: key.serialize_pem(),
            key: PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        }
    }
}

fn params(common_name: &str, names: &[&str], from_s: i64, until_s: i64) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    let day = |s: i64| {
        let date = jiff::Timestamp::from_second(s).unwrap().to_zoned(jiff::tz::TimeZone::UTC);
        date_time_ymd(
            date.year().into(),
            date.month().try_into().unwrap(),
            date.day().try_into().unwrap(),
        )
    };
    params.not_before = day(from_s);
    params.not_after = day(until_s);
    params
}
