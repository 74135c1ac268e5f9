//! Owns the control port: plain HTTP on the loopback, for commands and for a merchant's page with a button to pay.

use std::io::Write as _;
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::{all_topups, run};
use crate::backend::core::Core;
use crate::backend::fields::http_date;
use crate::backend::http::{Answer, NoRequest, Request};

/// How long a connection may be idle.
const IDLE: Duration = Duration::from_secs(60);

/// Serves one connection of the control port.
pub(in crate::backend) fn serve(core: &Arc<Core>, mut stream: TcpStream, _connection: u64) {
    if stream.set_read_timeout(Some(IDLE)).is_err() {
        return;
    }
    let mut rest = Vec::new();
    loop {
        let (answer, last) = match Request::read(&mut stream, &mut rest) {
            Ok(request) => (answer(core, &request), request.wants_close()),
            Err(NoRequest::Nonsense(what)) => (text(400, what), true),
            Err(NoRequest::Gone) => return,
        };
        let bytes = answer.to_bytes(Some(&http_date(core.clock.now_s())));
        if stream.write_all(&bytes).is_err() || last {
            return;
        }
    }
}

fn text(status: u16, text: impl Into<String>) -> Answer {
    Answer::text(status, "text/plain; charset=utf-8", text)
}

fn said(result: Result<String, String>) -> Answer {
    match result {
        Ok(said) => text(200, format!("{said}\n")),
        Err(wrong) => text(400, format!("error: {wrong}\n")),
    }
}

fn answer(core: &Arc<Core>, request: &Request) -> Answer {
    let body = String::from_utf8_lossy(&request.body);
    match (request.method.as_str(), request.path()) {
        ("GET", "/") => page(core),
        ("GET", "/books") => said(run(core, "books --json")),
        ("GET", "/topups") => said(run(core, "topups --json")),
        ("GET", "/requests") => said(run(core, "requests")),
        ("POST", _) if !is_own_page(request) => text(403, "error: from another page\n"),
        ("POST", "/control") => {
            let mut told = String::new();
            for line in body.lines() {
                match run(core, line) {
                    Ok(said) => told.extend([said.as_str(), "\n"]),
                    Err(wrong) => return text(400, format!("{told}error: {line}: {wrong}\n")),
                }
            }
            text(200, told)
        }
        ("POST", "/pay") => match run(core, &format!("pay {}", body.trim_start_matches("id="))) {
            Ok(_) => {
                let mut answer = Answer::empty(303);
                answer.headers.push(("Location".to_owned(), "/".to_owned()));
                answer
            }
            Err(wrong) => text(400, format!("error: {wrong}\n")),
        },
        _ => text(404, "error: / /books /topups /requests, POST /control and /pay\n"),
    }
}

/// A browser says which page a form is on: other pages give no commands here.
fn is_own_page(request: &Request) -> bool {
    let host = request.header("host").unwrap_or_default();
    request.header("origin").is_none_or(|origin| origin.strip_prefix("http://") == Some(host))
}

fn page(core: &Arc<Core>) -> Answer {
    let topups = match core.at_the_desk(all_topups) {
        Ok(topups) => topups,
        Err(fail) => return text(500, format!("error: {}\n", fail.told())),
    };
    let rows: String = topups.iter().rev().map(row).collect();
    let html = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Merchant portal</title>\
         <style>body{{font:16px sans-serif;margin:2em}}td,th{{padding:.3em 1em;text-align:left}}</style>\
         <h1>Merchant portal</h1><table><tr><th>Order<th>Terminal<th>Offer<th>To pay<th>State<th></tr>\
         {rows}</table>"
    );
    Answer::text(200, "text/html; charset=utf-8", html)
}

fn row(topup: &Value) -> String {
    let word = |name: &str| escaped(topup.get(name).and_then(Value::as_str).unwrap_or("-"));
    let total = topup.get("total");
    let amount = total.and_then(|total| total.get("amount")).and_then(Value::as_i64);
    let currency = total.and_then(|total| total.get("currency")).and_then(Value::as_str);
    let sum = match (amount, currency) {
        (Some(amount), Some(currency)) => {
            format!("{}.{:02} {currency}", amount.div_euclid(100), amount.rem_euclid(100))
        }
        _ => "-".to_owned(),
    };
    let (id, state) = (word("id"), word("state"));
    let button = if state == "awaiting_payment" {
        format!(
            "<form method=\"post\" action=\"/pay\"><button name=\"id\" value=\"{id}\">Pay</button></form>"
        )
    } else {
        String::new()
    };
    let (serial, name) = (word("serial"), word("name"));
    format!("<tr><td>{id}<td>{serial}<td>{name}<td>{sum}<td>{state}<td>{button}</tr>")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
