//! One value of a message: type, length, value. It is read by a reader that
//! checks every step, and written by one that cannot write too much.

use super::error::WireError;

/// A value and its type; what the type means depends on the message.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Tlv {
    /// Its type.
    pub kind: u8,
    /// Its bytes, at most 65,535.
    pub value: Vec<u8>,
}

impl std::fmt::Debug for Tlv {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:02x}:", self.kind)?;
        self.value.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl Tlv {
    /// A value of these bytes.
    #[must_use]
    pub fn new(kind: u8, value: impl Into<Vec<u8>>) -> Self {
        Self { kind, value: value.into() }
    }

    /// Reads it from its start.
    #[must_use]
    pub fn reader(&self) -> Reader<'_> {
        Reader { rest: &self.value }
    }

    /// Reads a value with the function and makes sure that nothing is left.
    ///
    /// # Errors
    /// What the function says, or [`WireError::Length`] when it left bytes.
    pub fn whole<'a, T>(
        &'a self,
        read: impl FnOnce(&mut Reader<'a>) -> Result<T, WireError>,
    ) -> Result<T, WireError> {
        let mut reader = self.reader();
        let value = read(&mut reader)?;
        let left = reader.rest.len();
        if left > 0 {
            let there = self.value.len();
            return Err(WireError::Length { what: "a value", said: there - left, there });
        }
        Ok(value)
    }

    /// The value as a text: printable ASCII, trimmed, at most 64 characters;
    /// `None` when nothing is left of it.
    #[must_use]
    pub fn text(&self) -> Option<String> {
        let text: String = self
            .value
            .iter()
            .map(|byte| char::from(*byte))
            .filter(|c| c.is_ascii_graphic() || *c == ' ')
            .take(64)
            .collect();
        let text = text.trim();
        (!text.is_empty()).then(|| text.to_owned())
    }
}

/// Reads numbers off the front of bytes.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// On these bytes.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// The next so many bytes.
    ///
    /// # Errors
    /// [`WireError::Length`] when fewer are left.
    pub fn bytes(&mut self, count: usize) -> Result<&'a [u8], WireError> {
        let Some((taken, rest)) = self.rest.split_at_checked(count) else {
            let there = self.rest.len();
            return Err(WireError::Length { what: "a field", said: count, there });
        };
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        let there = self.rest.len();
        let Some((taken, rest)) = self.rest.split_first_chunk() else {
            return Err(WireError::Length { what: "a field", said: N, there });
        };
        self.rest = rest;
        Ok(*taken)
    }

    /// A number of 8 bits.
    ///
    /// # Errors
    /// [`WireError::Length`] at the end; so for all that follow.
    pub fn u8(&mut self) -> Result<u8, WireError> {
        self.array().map(u8::from_le_bytes)
    }

    /// A number of 16 bits.
    ///
    /// # Errors
    /// As [`Self::u8`].
    pub fn u16(&mut self) -> Result<u16, WireError> {
        self.array().map(u16::from_le_bytes)
    }

    /// A number of 32 bits.
    ///
    /// # Errors
    /// As [`Self::u8`].
    pub fn u32(&mut self) -> Result<u32, WireError> {
        self.array().map(u32::from_le_bytes)
    }

    /// A number of 48 bits.
    ///
    /// # Errors
    /// As [`Self::u8`].
    pub fn u48(&mut self) -> Result<u64, WireError> {
        let [a, b, c, d, e, f] = self.array()?;
        Ok(u64::from_le_bytes([a, b, c, d, e, f, 0, 0]))
    }

    /// A number of 64 bits.
    ///
    /// # Errors
    /// As [`Self::u8`].
    pub fn u64(&mut self) -> Result<u64, WireError> {
        self.array().map(u64::from_le_bytes)
    }

    /// All that is left.
    pub fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.rest)
    }

    /// Whether nothing is left.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }
}
