//! For the tests of `posdatactl`: a private bus, and on it a stand-in for
//! posdatad that answers from a table, message by message. It shares no code
//! with the daemon, so that the two cannot be wrong together.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

#[path = "../support/bus.rs"]
mod bus;

use std::collections::HashMap;
use std::process::{Command, Output, Stdio};
use std::sync::mpsc;
use std::thread::JoinHandle;

use futures_util::StreamExt as _;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;
use zbus::message::Type;
use zbus::{Message, Variant};

/// A record, as it goes over the bus.
pub type Dict = HashMap<&'static str, Variant<'static>>;

/// `dict! { "a" => 1_u64, … }`
#[macro_export]
macro_rules! dict {
    ($($key:literal => $value:expr),* $(,)?) => {
        $crate::ctl_fake::Dict::from([$(($key, zbus::Variant::from($value))),*])
    };
}

/// The bus, with posdatad's shipped policy.
pub struct Bus(bus::Bus);

impl Bus {
    /// Opens one of the test's own.
    pub fn open() -> Self {
        Self(bus::Bus::start())
    }

    /// Its address.
    pub fn address(&self) -> &str {
        self.0.address()
    }

    /// The same without the bus's own id: one that is started again has another.
    pub fn place(&self) -> &str {
        self.address().split(",guid=").next().unwrap()
    }

    /// Ends it as a crash would.
    pub fn kill(&mut self) {
        self.0.kill();
    }

    /// Starts it again where it was.
    pub fn start_again(&mut self) {
        self.0.start_again();
    }

    /// `posdatactl` on this bus, in an environment that is the same everywhere.
    pub fn ctl(&self, words: &[&str]) -> Command {
        let mut command = bare_ctl();
        command.args(["--bus-address", self.address()]).args(words);
        command
    }

    /// Runs it to its end.
    pub fn run(&self, words: &[&str]) -> Output {
        self.ctl(words).output().unwrap()
    }

    /// Runs it; it must succeed and say nothing on standard error.
    pub fn stdout(&self, words: &[&str]) -> String {
        let output = self.run(words);
        assert_eq!(text(&output.stderr), "", "{words:?}");
        assert_eq!(output.status.code(), Some(0), "{words:?}");
        text(&output.stdout)
    }
}

/// `posdatactl` without a bus named.
pub fn bare_ctl() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_posdatactl"));
    command.env_clear().env("TZ", "CST-8").env("LC_ALL", "C.UTF-8").stdin(Stdio::null());
    command
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// What the stand-in does with a call.
pub enum Answer {
    /// Properties or one record.
    One(Dict),
    /// A list of records.
    Many(Vec<Dict>),
    /// A number.
    Number(u32),
    /// A number with a sign.
    Signed(i64),
    /// A text.
    Text(&'static str),
    /// Nothing but that it is done.
    Done,
    /// An error of that name.
    Error(&'static str, &'static str),
    /// Leaves the bus without an answer.
    Leave,
    /// Answers, then sends the caller these signals: interface, member, body.
    ThenSignal(Box<Answer>, Vec<Signal>),
}

/// A signal's body.
pub enum Signal {
    Reading(u32, Dict),
    TraceLine(&'static str, &'static str),
    /// To everyone, as posdatad sends it.
    TopUpChanged(&'static str, &'static str),
    /// The stand-in leaves the bus.
    Leave,
}

/// A call as the stand-in heard it: `Usage1.GetUsage("hour", 0, 5)`.
pub type Call = String;

/// The stand-in, gone from the bus when it is dropped.
pub struct Fake {
    /// Every call, as it comes.
    pub calls: mpsc::Receiver<Call>,
    /// What it is to send of its own accord.
    pub signals: UnboundedSender<Signal>,
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Fake {
    /// Owns the name when this returns.
    pub fn start(bus: &Bus, answer: impl Fn(&str) -> Answer + Send + 'static) -> Self {
        let (ready, is_ready) = mpsc::channel();
        let (call, calls) = mpsc::channel();
        let (end, ended) = oneshot::channel();
        let (signals, to_send) = unbounded_channel();
        let address = bus.address().to_owned();
        let thread = std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(serve(&address, answer, ready, call, to_send, ended));
        });
        is_ready.recv().unwrap();
        Self { calls, signals, end: Some(end), thread: Some(thread) }
    }

    /// All calls so far.
    pub fn heard(&self) -> Vec<Call> {
        self.calls.try_iter().collect()
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        if let Some(end) = self.end.take() {
            let _ = end.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn serve(
    address: &str,
    answer: impl Fn(&str) -> Answer,
    ready: mpsc::Sender<()>,
    call: mpsc::Sender<Call>,
    mut signals: UnboundedReceiver<Signal>,
    mut ended: oneshot::Receiver<()>,
) {
    let connection = zbus::connection::Builder::address(address).build().await.unwrap();
    let mut messages = zbus::MessageStream::from(&connection);
    connection.request_name("org.posdata").await.unwrap();
    ready.send(()).unwrap();
    loop {
        let message = tokio::select! {
            _ = &mut ended => break,
            Some(signal) = signals.recv() => {
                if emit(&connection, None, signal).await {
                    continue;
                }
                break;
            }
            message = messages.next() => message.unwrap().unwrap(),
        };
        if message.message_type() != Type::MethodCall {
            continue;
        }
        let heard = describe(&message);
        let answer = answer(&heard);
        let _ = call.send(heard);
        if !reply(&connection, &message, answer).await {
            break;
        }
    }
    connection.close().await.unwrap();
}

/// False where the stand-in is to leave the bus.
async fn reply(connection: &zbus::Connection, message: &Message, answer: Answer) -> bool {
    let header = message.header();
    match answer {
        Answer::One(dict) => connection.reply(&header, &dict).await.unwrap(),
        Answer::Many(dicts) => connection.reply(&header, &dicts).await.unwrap(),
        Answer::Number(number) => connection.reply(&header, &number).await.unwrap(),
        Answer::Signed(number) => connection.reply(&header, &number).await.unwrap(),
        Answer::Text(text) => connection.reply(&header, &text).await.unwrap(),
        Answer::Done => connection.reply(&header, &()).await.unwrap(),
        Answer::Error(name, text) => connection.reply_error(&header, name, &text).await.unwrap(),
        Answer::Leave => return false,
        Answer::ThenSignal(answer, signals) => {
            if !Box::pin(reply(connection, message, *answer)).await {
                return false;
            }
            let caller = header.sender().unwrap();
            for signal in signals {
                if !emit(connection, Some(caller), signal).await {
                    return false;
                }
            }
        }
    }
    true
}

/// False where the stand-in is to leave the bus.
async fn emit(
    connection: &zbus::Connection,
    caller: Option<&zbus::names::UniqueName<'_>>,
    signal: Signal,
) -> bool {
    let path = "/org/posdata";
    let sent = match signal {
        Signal::Reading(id, dict) => {
            connection.emit_signal(caller, path, "org.posdata.Usage1", "Reading", &(id, dict)).await
        }
        Signal::TraceLine(source, line) => {
            let body = (source, line);
            connection.emit_signal(caller, path, "org.posdata.Admin1", "TraceLine", &body).await
        }
        Signal::TopUpChanged(id, state) => {
            let (everyone, body) = (None::<&str>, (id, state));
            let interface = "org.posdata.Recharge1";
            connection.emit_signal(everyone, path, interface, "TopUpChanged", &body).await
        }
        Signal::Leave => return false,
    };
    sent.unwrap();
    true
}

fn describe(message: &Message) -> Call {
    let header = message.header();
    let interface = header
        .interface()
        .map(|name| name.as_str().rsplit('.').next().unwrap().to_owned())
        .unwrap();
    let member = header.member().unwrap().to_string();
    let body = message.body();
    let arguments = match member.as_str() {
        "GetAll" => body.deserialize::<String>().unwrap().rsplit('.').next().unwrap().to_owned(),
        "GetUsage" => {
            let (granularity, from, to): (String, u64, u64) = body.deserialize().unwrap();
            format!(
                "{granularity}, {from}, {}",
                if to == u64::MAX { "no end".to_owned() } else { to.to_string() }
            )
        }
        "GetEvents" => {
            let (after, limit): (u64, u32) = body.deserialize().unwrap();
            format!("{after}, {limit}")
        }
        "Watch" => {
            let (accuracy, period): (u64, u32) = body.deserialize().unwrap();
            format!("{accuracy}, {period}")
        }
        "Quote" => {
            let (offer, options): (String, Filter) = body.deserialize().unwrap();
            format!("{offer}, {}", shown(options))
        }
        "Recharge" => {
            let (request, quote, options): (String, String, Filter) = body.deserialize().unwrap();
            format!("{request}, {quote}, {}", shown(options))
        }
        "GetTopUp" | "Cancel" => body.deserialize::<String>().unwrap(),
        "ListTopUps" => {
            let (filter, before, limit): (Filter, u64, u32) = body.deserialize().unwrap();
            format!("{}, {before}, {limit}", shown(filter))
        }
        "Calibrate" => body.deserialize::<u64>().unwrap().to_string(),
        "Export" => {
            let (after, limit): (u64, u32) = body.deserialize().unwrap();
            format!("{after}, {limit}")
        }
        "Unwatch" | "Trace" => body.deserialize::<u32>().unwrap().to_string(),
        _ => String::new(),
    };
    format!("{interface}.{member}({arguments})")
}

type Filter = std::collections::BTreeMap<String, zbus::OwnedVariant>;

/// `{channel=alipay open=true}`
fn shown(options: Filter) -> String {
    let one = |(key, value): (String, zbus::OwnedVariant)| match Variant::from(value) {
        Variant::Str(word) => format!("{key}={word}"),
        Variant::Bool(flag) => format!("{key}={flag}"),
        other => format!("{key}={other:?}"),
    };
    format!("{{{}}}", options.into_iter().map(one).collect::<Vec<_>>().join(" "))
}
