//! The one caller of all D-Bus measurements: a blocking socket, a message that is
//! encoded once, one write and one read a call. It costs everyone the same, and
//! little, so that what is measured is the service and the bus.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use super::Result;

/// How long an answer may take.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// D-Bus numbers its message types.
const METHOD_RETURN: u8 = 2;
const ERROR: u8 = 3;
const SIGNAL: u8 = 4;

/// Whom to ask for which property.
#[derive(Clone, Copy, Debug)]
pub struct Property {
    pub service: &'static str,
    pub path: &'static str,
    pub interface: &'static str,
    pub name: &'static str,
}

/// A connection to a bus.
#[derive(Debug)]
pub struct Caller {
    stream: UnixStream,
    serial: u32,
    received: Vec<u8>,
}

impl Caller {
    pub fn connect(socket: &Path) -> Result<Self> {
        let stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(ANSWER_MAX))?;
        let mut caller = Self { stream, serial: 0, received: Vec::new() };
        let uid = nix::unistd::geteuid().to_string();
        let uid: String = uid.bytes().map(|digit| format!("{digit:02x}")).collect();
        caller.stream.write_all(format!("\0AUTH EXTERNAL {uid}\r\n").as_bytes())?;
        let mut answer = [0; 256];
        let length = caller.stream.read(&mut answer)?;
        if !answer[..length].starts_with(b"OK ") {
            return Err("the bus does not know us".into());
        }
        caller.stream.write_all(b"BEGIN\r\n")?;
        caller.call(&mut to_the_bus("Hello", &())?)?;
        Ok(caller)
    }

    /// Sends a call, and returns the whole answer; an error is one here too.
    pub fn call(&mut self, message: &mut [u8]) -> Result<Vec<u8>> {
        self.serial += 1;
        message[8..12].copy_from_slice(&self.serial.to_le_bytes());
        self.stream.write_all(message)?;
        loop {
            let answer = self.receive()?;
            match answer[1] {
                METHOD_RETURN => return Ok(answer),
                ERROR => {
                    let said = String::from_utf8_lossy(&answer);
                    let said: String = said.chars().filter(|c| !c.is_control()).collect();
                    return Err(format!("the call was refused: {said}").into());
                }
                _ => {}
            }
        }
    }

    /// From now on [`Self::await_owner`] hears of this name.
    pub fn watch_owner(&mut self, name: &str) -> Result<()> {
        let rule = format!(
            "type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',arg0='{name}'"
        );
        self.call(&mut to_the_bus("AddMatch", &rule)?)?;
        Ok(())
    }

    /// Waits until the name that is watched has a new owner, or none.
    pub fn await_owner(&mut self) -> Result<()> {
        while self.receive()?[1] != SIGNAL {}
        Ok(())
    }

    /// Waits until a message is here to the last byte.
    fn receive(&mut self) -> Result<Vec<u8>> {
        loop {
            if let Some(length) = whole(&self.received)
                && self.received.len() >= length
            {
                let rest = self.received.split_off(length);
                return Ok(std::mem::replace(&mut self.received, rest));
            }
            let mut chunk = [0; 4096];
            let length = self.stream.read(&mut chunk)?;
            if length == 0 {
                return Err("the bus hung up".into());
            }
            self.received.extend_from_slice(&chunk[..length]);
        }
    }
}

/// How long the message is whose first bytes these are.
fn whole(bytes: &[u8]) -> Option<usize> {
    let number = |at: usize| -> Option<usize> {
        let four: [u8; 4] = bytes.get(at..at + 4)?.try_into().ok()?;
        let little = bytes.first() == Some(&b'l');
        let number = if little { u32::from_le_bytes(four) } else { u32::from_be_bytes(four) };
        usize::try_from(number).ok()
    };
    let (body, fields) = (number(4)?, number(12)?);
    Some((16 + fields).next_multiple_of(8) + body)
}

/// `Properties.Get`, to be sent again and again.
pub fn get(property: Property) -> Result<Vec<u8>> {
    let message = zbus::Message::method_call(property.path, "Get")
        .destination(property.service)
        .interface("org.freedesktop.DBus.Properties")
        .build(&(property.interface, property.name))?;
    Ok(message.data().to_vec())
}

/// posdatad's `GetUsage` of all slots of a tier.
pub fn usage(tier: &str) -> Result<Vec<u8>> {
    let message = zbus::Message::method_call("/org/posdata", "GetUsage")
        .destination("org.posdata")
        .interface("org.posdata.Usage1")
        .build(&(tier, 0_u64, 253_402_300_799_u64))?;
    Ok(message.data().to_vec())
}

fn to_the_bus<B>(method: &str, body: &B) -> Result<Vec<u8>>
where
    B: serde::Serialize + zbus::Type,
{
    let message = zbus::Message::method_call("/org/freedesktop/DBus", method)
        .destination("org.freedesktop.DBus")
        .interface("org.freedesktop.DBus")
        .build(body)?;
    Ok(message.data().to_vec())
}
