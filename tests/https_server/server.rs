//! The server: reads whole requests and takes one step of its script for each.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::HandshakeKind;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::NOTHING_NEW;
use super::counted::{Bytes, Counted};

/// What the server does once it has read a request.
pub enum Step {
    Say(Vec<u8>),
    SayAndClose(Vec<u8>),
    /// Says it, then one more byte every few milliseconds, for ever.
    SayAndDrip(Vec<u8>),
    Silence,
    Close,
}

/// What one connection was.
#[derive(Debug, Default)]
pub struct Seen {
    pub resumed: bool,
    pub requests: Vec<String>,
    /// Why it ended for the server, once it has.
    pub ended: Option<String>,
    /// Nothing passes its socket any more.
    pub gone: bool,
}

/// What all connections share.
pub struct Serving {
    pub acceptor: TlsAcceptor,
    pub steps: Mutex<VecDeque<Step>>,
    pub seen: Arc<Mutex<Vec<Seen>>>,
    pub counted: Arc<Bytes>,
}

/// Accepts whoever comes, and converses with each.
pub async fn serve(listener: TcpListener, serving: Arc<Serving>) {
    while let Ok((stream, _)) = listener.accept().await {
        let index = {
            let mut seen = serving.seen.lock().unwrap();
            seen.push(Seen::default());
            seen.len() - 1
        };
        let serving = Arc::clone(&serving);
        tokio::spawn(async move {
            let ended = converse(stream, &serving, index).await;
            let why = ended.map_or_else(|error| error.to_string(), |()| "closed".into());
            let seen = &mut serving.seen.lock().unwrap()[index];
            seen.ended.get_or_insert(why);
            seen.gone = true;
        });
    }
}

async fn converse(stream: TcpStream, serving: &Serving, index: usize) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let stream = Counted::new(stream, Arc::clone(&serving.counted));
    let mut tls = serving.acceptor.accept(stream).await?;
    let resumed = tls.get_ref().1.handshake_kind() == Some(HandshakeKind::Resumed);
    serving.seen.lock().unwrap()[index].resumed = resumed;
    loop {
        let Some(request) = read_request(&mut tls).await? else { return Ok(()) };
        serving.seen.lock().unwrap()[index].requests.push(request);
        let step = serving.steps.lock().unwrap().pop_front();
        match step.unwrap_or_else(|| Step::Say(NOTHING_NEW.into())) {
            Step::Say(text) => {
                tls.write_all(&text).await?;
                tls.flush().await?;
            }
            Step::SayAndClose(text) => {
                tls.write_all(&text).await?;
                tls.shutdown().await?;
                serving.seen.lock().unwrap()[index].ended = Some("closed".into());
                // The client's last words pass the socket too.
                return tls.read_to_end(&mut Vec::new()).await.map(|_| ());
            }
            Step::SayAndDrip(text) => {
                tls.write_all(&text).await?;
                loop {
                    tls.write_all(b"x").await?;
                    tls.flush().await?;
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            }
            // Until the client is gone.
            Step::Silence => return tls.read_u8().await.map(|_| ()),
            Step::Close => return Ok(()),
        }
    }
}

/// A whole request, its body by content-length; `None` at the end.
async fn read_request(
    from: &mut (impl tokio::io::AsyncRead + Unpin),
) -> std::io::Result<Option<String>> {
    let mut text = Vec::new();
    loop {
        let whole = String::from_utf8_lossy(&text).into_owned();
        if let Some((head, body)) = whole.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "))
                .map_or(0, |length| length.parse().unwrap());
            if body.len() >= length {
                return Ok(Some(whole));
            }
        }
        if from.read_buf(&mut text).await? == 0 {
            return Ok(None);
        }
    }
}
