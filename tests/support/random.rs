//! Cheap chance for millions of bytes: the same on every machine.

/// xorshift64: the same bytes on every machine.
pub struct Random(pub u64);

impl Random {
    /// The next 64 bits.
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// 0 up to, not including, `limit`.
    pub fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(limit).unwrap()).unwrap()
    }

    /// The next 8 bits.
    pub fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[3]
    }
}
