//! What the libraries and the kernel say of a connection, in the words of
//! [`Failure`].

use std::error::Error as _;
use std::io;
use std::path::PathBuf;

use jiff::Timestamp;
use rustls::pki_types::UnixTime;
use rustls::{AlertDescription, CertificateError, Error, PeerIncompatible};

use super::link::HEAD_BYTES_MAX;
use crate::backend::exchange::{Failure, Sent};

/// Where it happened: what a text needs to say what to do.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// Host and port.
    pub(super) to: String,
    /// `[backend] ca`.
    pub(super) ca: PathBuf,
    /// `[backend] certificate`.
    pub(super) certificate: PathBuf,
}

impl Place {
    /// An error of the connection below HTTP.
    pub(super) fn io(&self, error: &io::Error, sent: Sent) -> Failure {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
            Some(tls) => self.tls(tls, sent),
            None => Failure::BrokenOff { to: self.to.clone(), why: words(error), sent },
        }
    }

    /// An error of HTTP.
    pub(super) fn http(&self, error: &hyper::Error, sent: Sent) -> Failure {
        let mut source = error.source();
        while let Some(inner) = source {
            if let Some(error) = inner.downcast_ref::<io::Error>() {
                return match error.kind() {
                    // HTTP's own objection to the form of a body: TLS would be inside.
                    io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData
                        if error.get_ref().is_none_or(|inner| !inner.is::<Error>()) =>
                    {
                        Failure::NotHttp { to: self.to.clone(), why: error.to_string() }
                    }
                    _ => self.io(error, sent),
                };
            }
            source = inner.source();
        }
        let to = self.to.clone();
        // hyper tells a server this by a method of its own, a client only in words.
        if error.is_parse() && error.to_string().contains("too large") {
            let what = format!("more than {HEAD_BYTES_MAX} bytes of headers");
            Failure::TooMuch { to, what }
        } else if error.is_parse() {
            Failure::NotHttp { to, why: error.to_string() }
        } else if error.is_incomplete_message() || error.is_closed() || error.is_canceled() {
            Failure::BrokenOff { to, why: "the other side closed it".into(), sent }
        } else if sent == Sent::Perhaps && !error.is_user() && !error.is_body_write_aborted() {
            Failure::NotHttp { to, why: error.to_string() }
        } else {
            Failure::BrokenOff { to, why: error.to_string(), sent }
        }
    }

    /// An error of TLS.
    pub(super) fn tls(&self, error: &Error, sent: Sent) -> Failure {
        let to = self.to.clone();
        match error {
            Error::InvalidCertificate(why) => {
                Failure::ServerCertificate { to, why: self.not_trusted(why) }
            }
            Error::NoCertificatesPresented => {
                let why = "it shows no certificate; is [backend] url right?".into();
                Failure::ServerCertificate { to, why }
            }
            Error::AlertReceived(alert) => match self.refused(*alert) {
                Some(why) => Failure::OurCertificate { why },
                None => Failure::Tls { to, why: alert_words(*alert), sent },
            },
            Error::PeerIncompatible(
                PeerIncompatible::ServerDoesNotSupportTls12Or13
                | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig,
            ) => Failure::Tls { to, why: NO_TLS13.into(), sent },
            Error::InvalidMessage(_) => {
                let why = "what answers speaks no TLS; are host and port in [backend] url right, \
                           and is nothing in between?"
                    .into();
                Failure::Tls { to, why, sent }
            }
            other => Failure::Tls { to, why: other.to_string(), sent },
        }
    }

    fn not_trusted(&self, error: &CertificateError) -> String {
        let ca = self.ca.display();
        match error {
            CertificateError::ExpiredContext { time, not_after } => format!(
                "its certificate ended on {} (it is {} or later): the operator has to renew it",
                date(*not_after),
                date(*time)
            ),
            CertificateError::NotValidYetContext { time, not_before } => format!(
                "its certificate begins on {} and it is {}: the operator's certificate or the \
                 terminal's trusted time is wrong",
                date(*not_before),
                date(*time)
            ),
            CertificateError::UnknownIssuer | CertificateError::BadSignature => format!(
                "its certificate is not issued by the CA in {ca}: is [backend] url right, and the \
                 CA file the operator's present one?"
            ),
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                format!("{error}: is [backend] url right?")
            }
            other => {
                format!("its certificate is refused ({other}): the operator has to look at it")
            }
        }
    }

    /// What the server says of this terminal's certificate, when the alert is of it.
    fn refused(&self, alert: AlertDescription) -> Option<String> {
        let what = match alert {
            AlertDescription::CertificateExpired => "has ended: renew it",
            AlertDescription::CertificateRevoked => "is revoked: ask the operator for a new one",
            AlertDescription::UnknownCA => {
                "is of a CA that it does not know: ask the operator for one of its own"
            }
            AlertDescription::CertificateRequired | AlertDescription::NoCertificate => {
                "was not shown, and it wants one: ask the operator which CA it must be of"
            }
            AlertDescription::AccessDenied => {
                "is known and not allowed: ask the operator to register this terminal"
            }
            // Its signature, or ours with its key: of a CA with the same name and
            // another key.
            AlertDescription::DecryptError => {
                "cannot be verified: ask the operator whether it is of the present CA"
            }
            AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateUnknown => {
                "is not accepted: ask the operator for a new one"
            }
            _ => return None,
        };
        Some(format!("{} says that {} {what}", self.to, self.certificate.display()))
    }

    /// This terminal's certificate has ended; asking is of no use.
    pub(super) fn ended(&self, not_after_s: i64) -> Failure {
        let path = self.certificate.display();
        let why = format!("{path} ended on {}: renew it", date_s(not_after_s));
        Failure::OurCertificate { why }
    }
}

const NO_TLS13: &str =
    "it does not speak TLS 1.3, and nothing older is spoken: the operator has to switch it on";

fn alert_words(alert: AlertDescription) -> String {
    match alert {
        AlertDescription::ProtocolVersion => NO_TLS13.into(),
        AlertDescription::UnrecognisedName => {
            "it does not know this host name: is [backend] url right?".into()
        }
        other => format!("it ended with the alert {other:?}; the operator has to look at it"),
    }
}

fn words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => "the other side closed it".into(),
        _ => error.to_string(),
    }
}

fn date(time: UnixTime) -> String {
    date_s(i64::try_from(time.as_secs()).unwrap_or(i64::MAX))
}

fn date_s(time_s: i64) -> String {
    Timestamp::from_second(time_s).map_or_else(|_| format!("{time_s} s"), |time| time.to_string())
}
