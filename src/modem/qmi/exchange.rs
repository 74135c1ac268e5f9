//! One question in flight: its answer is the response with the same service,
//! client, transaction and message. Everything else that looks like one is late,
//! doubled, or somebody else's.

use crate::domain::time::BootMs;
use crate::proto::qmi::{Framer, Kind, Message, Request, Sender, Service, WireError};

/// How long an answer may take, ms.
pub(super) const ANSWER_MS_MAX: u64 = 5_000;

/// What came from the modem.
#[derive(Clone, Debug)]
pub(super) enum Heard {
    /// The answer to the question in flight.
    Answer(Message),
    /// Something it says unasked.
    Indication(Message),
    /// An answer that nothing waits for.
    Late(Message),
    /// No message.
    Broken(WireError),
}

/// The line to the modem.
#[derive(Clone, Debug)]
pub(super) struct Exchange {
    framer: Framer,
    in_flight: Option<(Message, BootMs)>,
    /// The control service counts with 8 bits, the others with 16.
    last_control: u8,
    last: u16,
}

impl Exchange {
    pub(super) fn new() -> Self {
        Self { framer: Framer::new(Sender::Modem), in_flight: None, last_control: 0, last: 0 }
    }

    /// The port was opened or closed. The numbers of the transactions go on: an
    /// answer of before must not be taken for one of now.
    pub(super) fn reset(&mut self) {
        self.framer.clear();
        self.in_flight = None;
    }

    /// Puts a question in flight and gives its frame.
    ///
    /// # Errors
    /// When it does not fit into one.
    pub(super) fn start(
        &mut self,
        now_ms: BootMs,
        request: Request,
        client: u8,
    ) -> Result<(Message, Vec<u8>), WireError> {
        let transaction = if request.service == Service::CTL {
            self.last_control = self.last_control.checked_add(1).unwrap_or(1);
            u16::from(self.last_control)
        } else {
            self.last = self.last.checked_add(1).unwrap_or(1);
            self.last
        };
        let message = request.from_client(client, transaction);
        let frame = message.encode()?;
        self.in_flight = Some((message.clone(), now_ms));
        Ok((message, frame))
    }

    /// Gives the question in flight up. What was received behind its answer stays:
    /// it may be the end of a session, told once and never again.
    pub(super) fn abandon(&mut self) {
        self.in_flight = None;
    }

    /// Nothing more came of a frame that has begun: its length may be a wrong one.
    pub(super) fn drop_begun(&mut self) {
        self.framer.clear();
    }

    /// The question in flight.
    pub(super) fn question(&self) -> Option<&Message> {
        self.in_flight.as_ref().map(|(message, _)| message)
    }

    /// When the question in flight counts as not answered.
    pub(super) fn deadline_ms(&self) -> Option<BootMs> {
        self.in_flight.as_ref().map(|(_, sent_ms)| sent_ms.saturating_add(ANSWER_MS_MAX))
    }

    /// Takes bytes.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.framer.push(bytes);
    }

    /// The next that was heard.
    pub(super) fn next_heard(&mut self) -> Option<Heard> {
        let message = match self.framer.next_message()? {
            Ok(message) => message,
            Err(error) => return Some(Heard::Broken(error)),
        };
        Some(match message.kind {
            Kind::Indication => Heard::Indication(message),
            Kind::Response if self.is_answer(&message) => {
                self.in_flight = None;
                Heard::Answer(message)
            }
            Kind::Response | Kind::Request => Heard::Late(message),
        })
    }

    fn is_answer(&self, message: &Message) -> bool {
        let key = |of: &Message| (of.service, of.client, of.transaction, of.id);
        self.in_flight.as_ref().is_some_and(|(question, _)| key(question) == key(message))
    }
}
