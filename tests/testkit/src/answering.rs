//! Owns the conversation: what the host wrote, what the modem says to it, and what of that gets out.

use std::time::{Duration, Instant};

use crate::clock;
use crate::engine::Engine;
use crate::line;

use crate::pty::Pty;
use crate::reply::Reply;
use crate::script::ReplyFault;
use crate::wishes::Until;

/// Unsolicited lines that real modems throw in.
const CHATTER: [&str; 6] = [
    "+CREG: 1",
    "+CMTI: \"SM\",3",
    "^RSSI:18",
    "+QIND: \"csq\",18,99",
    "RING",
    "+CGEV: NW MODIFY 1,0",
];

impl Engine {
    /// Takes what the host wrote.
    pub(crate) fn read(&mut self, now: Instant) {
        let bytes = self.port.as_ref().map(Pty::read).unwrap_or_default();
        for byte in bytes {
            if self.modem.echo && self.speaks() {
                self.outbox.push(&[byte], None);
            }
            if let Some(line) = self.inbox.take(byte) {
                self.command_line(&line, now);
            }
        }
    }

    fn speaks(&self) -> bool {
        self.modem.powered && self.silent_until.is_none()
    }

    /// Carries out a command line and queues its reply, spoilt or refused if a script wants it so. A refused
    /// command has been carried out all the same, as can happen to real ones.
    fn command_line(&mut self, command: &str, now: Instant) {
        self.log(">", command);
        if !self.speaks() {
            return;
        }
        self.move_traffic(now);
        let Some(mut reply) = self.modem.execute(command, now, clock::wall_ms()) else {
            return;
        };
        let refusal = self
            .refusals
            .iter()
            .position(|refusal| reply.counter || !refusal.counter_only);
        if let Some(refusal) = refusal.and_then(|index| self.refusals.remove(index)) {
            self.modem
                .books
                .note("error", refusal.result.clone(), self.modem.at_ms(now));
            reply = Reply {
                lines: Vec::new(),
                result: refusal.result,
                counter: false,
            };
        }
        for line in reply.lines.iter().chain([&reply.result]) {
            self.log("<", line);
        }
        let (rng, interleave) = (&mut self.rng, self.interleave);
        let mut bytes = line::frame(&reply.lines, &reply.result, || {
            interleave.then(|| rng.pick(&CHATTER).map(str::to_owned))?
        });
        let mut answer = reply.counter.then(|| self.modem.books.query());
        if reply.counter
            && let Some(fault) = self.reply_faults.pop_front()
        {
            answer = None;
            self.spoil(&mut bytes, &fault, now);
        }
        self.outbox.push(&bytes, answer);
        if std::mem::take(&mut self.modem.restart_asked) {
            self.pump(now, true);
            self.power_off(Duration::ZERO, now);
        }
    }

    /// Spoils a counter reply, so that it does not count as answered.
    fn spoil(&mut self, reply: &mut Vec<u8>, fault: &ReplyFault, now: Instant) {
        let first_line = reply
            .iter()
            .skip(2)
            .position(|byte| *byte == b'\n')
            .map_or(reply.len(), |at| at + 3);
        let kind = match fault {
            ReplyFault::Half => {
                reply.truncate(first_line / 2);
                "half-line"
            }
            ReplyFault::Truncate(count) => {
                reply.truncate(reply.len().saturating_sub(*count));
                "truncate"
            }
            ReplyFault::Garbage(count) => {
                let at = first_line / 2;
                reply.splice(at..at, self.rng.bytes(*count));
                "garbage"
            }
        };
        let detail = format!("in the reply to counter query {}", self.modem.books.queries);
        self.modem.books.note(kind, detail, self.modem.at_ms(now));
    }

    /// Prints lines that nobody asked for; a modem that is off or silent prints none.
    pub(crate) fn unsolicited(&mut self, lines: &[String]) {
        if !self.speaks() {
            return;
        }
        for line in lines {
            self.log("<", line);
            self.outbox.push(format!("\r\n{line}\r\n").as_bytes(), None);
        }
    }

    /// Sends what can be sent. With `hurry` a slow line is finished at once.
    pub(crate) fn pump(&mut self, now: Instant, hurry: bool) {
        let Some(port) = &self.port else { return };
        for answer in self.outbox.pump(now, hurry, |bytes| port.write(bytes)) {
            for waiter in &mut self.waiters {
                if let Until::Polls { after, left, .. } = &mut waiter.until
                    && answer.number > *after
                {
                    *left = left.saturating_sub(1);
                }
            }
            self.modem.books.answered(answer);
        }
    }

    fn log(&self, mark: &str, line: &str) {
        if self.verbose {
            eprintln!("{mark} {line}");
        }
    }
}
