//! `[backend] url`, taken apart.

use hyper::Uri;
use rustls::pki_types::ServerName;

use super::SettingsError;

/// The port of `https://` when none is named.
const PORT: u16 = 443;

/// Where the backend is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    /// The host as it is resolved: an IPv6 address stands without brackets.
    pub(super) host: String,
    pub(super) port: u16,
    /// The name that the server's certificate must have.
    pub(super) name: ServerName<'static>,
    /// The `Host` header: without the port where it is the usual one.
    pub(super) authority: String,
    /// What stands before each request's path; empty, or `/…` without an end slash.
    pub(super) prefix: String,
}

impl Address {
    /// Takes `https://host[:port][/prefix]` apart.
    ///
    /// # Errors
    /// [`SettingsError::Url`] says what is wrong. A user name or password in it is
    /// never repeated.
    pub(super) fn parse(url: &str) -> Result<Self, SettingsError> {
        let wrong = |why: &'static str| SettingsError::Url { why };
        if url.contains('@') {
            return Err(wrong("it holds a user name or password; the certificate is enough"));
        }
        if url.contains(['?', '#']) {
            return Err(wrong("it ends in a query or a fragment; take out what follows ? or #"));
        }
        let uri: Uri = url.parse().map_err(|_| wrong("it is no address"))?;
        if uri.scheme_str() != Some("https") {
            return Err(wrong("it does not start with https://; nothing else is spoken"));
        }
        let host = uri.host().filter(|host| !host.is_empty()).ok_or(wrong("it names no host"))?;
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        let port = match authority.strip_prefix(host).and_then(|rest| rest.strip_prefix(':')) {
            Some(port) => port.parse().map_err(|_| wrong("its port is not from 1 to 65535"))?,
            None => PORT,
        };
        if port == 0 {
            return Err(wrong("its port is not from 1 to 65535"));
        }
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let name = ServerName::try_from(bare.to_owned())
            .map_err(|_| wrong("its host is neither a name nor an IP address"))?;
        Ok(Self {
            host: bare.to_owned(),
            port,
            name,
            authority: if port == PORT { host.to_owned() } else { format!("{host}:{port}") },
            prefix: uri.path().trim_end_matches('/').to_owned(),
        })
    }

    /// Host and port, for whoever reads an error.
    pub(super) fn shown(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_taken_apart() {
        for (url, shown, authority, prefix) in [
            ("https://backend.example", "backend.example:443", "backend.example", ""),
            ("https://backend.example:443/", "backend.example:443", "backend.example", ""),
            ("https://b.example:8443/pos/", "b.example:8443", "b.example:8443", "/pos"),
            ("https://192.0.2.7:1", "192.0.2.7:1", "192.0.2.7:1", ""),
            ("https://[2001:db8::1]/x", "[2001:db8::1]:443", "[2001:db8::1]", "/x"),
        ] {
            let address = Address::parse(url).unwrap();
            assert_eq!(address.shown(), shown, "{url}");
            assert_eq!(address.authority, authority, "{url}");
            assert_eq!(address.prefix, prefix, "{url}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused_and_a_password_is_not_repeated() {
        for (url, why) in [
            ("http://backend.example", "https://"),
            ("backend.example", "https://"),
            ("https://", "no address"),
            ("https://me:secret@backend.example", "password"),
            ("https://backend.example?x=1", "query"),
            ("https://backend.example:0", "65535"),
            ("https://backend.example:65536", "65535"),
            ("https://back end.example", "no address"),
            ("https://-.example", "neither a name"),
        ] {
            let error = Address::parse(url).unwrap_err().to_string();
            assert!(error.contains(why), "{url}: {error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
