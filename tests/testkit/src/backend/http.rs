//! Owns HTTP/1.1 on a stream: a request read within limits, an answer written.

use std::io::{self, Read};

use serde_json::Value;

/// The longest head of a request.
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// The longest body of a request.
const BODY_BYTES_MAX: usize = 64 * 1024;
const HEADERS_MAX: usize = 64;

/// A request.
#[derive(Clone, Debug, Default)]
pub(super) struct Request {
    pub(super) method: String,
    /// With its query, as it came.
    pub(super) target: String,
    headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
    /// Head and body.
    pub(super) bytes: usize,
}

/// Why there is no request.
#[derive(Debug)]
pub(super) enum NoRequest {
    /// The other side has gone.
    Gone,
    /// What came is no request; what to say before leaving.
    Nonsense(&'static str),
}

impl From<io::Error> for NoRequest {
    fn from(_: io::Error) -> NoRequest {
        NoRequest::Gone
    }
}

impl Request {
    /// The value of a header; its name in lower case.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(is, _)| is == name).map(|(_, value)| value.as_str())
    }

    /// The path, without the query.
    pub(super) fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or("")
    }

    /// A parameter of the query.
    pub(super) fn query(&self, name: &str) -> Option<&str> {
        let (_, query) = self.target.split_once('?')?;
        query.split('&').find_map(|pair| {
            let (is, value) = pair.split_once('=').unwrap_or((pair, ""));
            (is == name).then_some(value)
        })
    }

    /// Whether the other side wants to leave after the answer.
    pub(super) fn wants_close(&self) -> bool {
        self.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"))
    }

    /// Reads one; `rest` holds what came beyond it.
    pub(super) fn read(stream: &mut impl Read, rest: &mut Vec<u8>) -> Result<Request, NoRequest> {
        loop {
            let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
            let mut parsed = httparse::Request::new(&mut headers);
            match parsed.parse(rest) {
                Ok(httparse::Status::Complete(head)) => {
                    let mut request = Request::of(&parsed);
                    let length = request.body_length()?;
                    while rest.len() < head + length {
                        more(stream, rest)?;
                    }
                    let after = rest.split_off(head + length);
                    request.body = rest.split_off(head);
                    request.bytes = head + length;
                    *rest = after;
                    return Ok(request);
                }
                Ok(httparse::Status::Partial) if rest.len() > HEAD_BYTES_MAX => {
                    return Err(NoRequest::Nonsense("the head is too long"));
                }
                Ok(httparse::Status::Partial) => more(stream, rest)?,
                Err(_) => return Err(NoRequest::Nonsense("this is not HTTP/1.1")),
            }
        }
    }

    fn of(parsed: &httparse::Request<'_, '_>) -> Request {
        let headers = parsed
            .headers
            .iter()
            .map(|h| (h.name.to_ascii_lowercase(), String::from_utf8_lossy(h.value).into_owned()))
            .collect();
        Request {
            method: parsed.method.unwrap_or_default().to_owned(),
            target: parsed.path.unwrap_or_default().to_owned(),
            headers,
            ..Request::default()
        }
    }

    fn body_length(&self) -> Result<usize, NoRequest> {
        if self.header("transfer-encoding").is_some() {
            return Err(NoRequest::Nonsense("a body needs a Content-Length"));
        }
        let Some(length) = self.header("content-length") else { return Ok(0) };
        match length.parse() {
            Ok(length) if length <= BODY_BYTES_MAX => Ok(length),
            Ok(_) => Err(NoRequest::Nonsense("the body is too long")),
            Err(_) => Err(NoRequest::Nonsense("the Content-Length is no number")),
        }
    }
}

fn more(stream: &mut impl Read, rest: &mut Vec<u8>) -> io::Result<()> {
    let mut piece = [0_u8; 4096];
    let count = stream.read(&mut piece)?;
    if count == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    rest.extend(piece.iter().take(count));
    Ok(())
}

/// An answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) content_type: Option<String>,
    pub(super) body: Vec<u8>,
}

impl Answer {
    pub(super) fn json(status: u16, body: &Value) -> Answer {
        Answer {
            status,
            content_type: Some("application/json".to_owned()),
            body: body.to_string().into_bytes(),
            ..Answer::default()
        }
    }

    pub(super) fn text(status: u16, kind: &str, body: impl Into<String>) -> Answer {
        Answer {
            status,
            content_type: Some(kind.to_owned()),
            body: body.into().into_bytes(),
            ..Answer::default()
        }
    }

    pub(super) fn empty(status: u16) -> Answer {
        Answer { status, ..Answer::default() }
    }

    /// The bytes of head and body. `date` is the value of that header.
    pub(super) fn to_bytes(&self, date: Option<&str>) -> Vec<u8> {
        let mut head = format!("HTTP/1.1 {} {}\r\n", self.status, phrase(self.status));
        let mut line = |name: &str, value: &str| {
            head.extend([name, ": ", value, "\r\n"]);
        };
        if let Some(date) = date {
            line("Date", date);
        }
        for (name, value) in &self.headers {
            line(name, value);
        }
        if let Some(kind) = &self.content_type {
            line("Content-Type", kind);
        }
        // RFC 9110: neither of them has a body.
        if self.status != 204 && self.status != 304 {
            line("Content-Length", &self.body.len().to_string());
        }
        head.push_str("\r\n");
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(&self.body);
        bytes
    }
}

fn phrase(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        204 => "No Content",
        303 => "See Other",
        304 => "Not Modified",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        409 => "Conflict",
        410 => "Gone",
        422 => "Unprocessable Content",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        _ => "Other",
    }
}
