//! Amounts of data: traffic in two directions, and sizes as people write them.

use std::fmt;

/// Bytes in the two directions, as seen from the terminal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Traffic {
    /// Received by the terminal (down), bytes.
    pub rx: u64,
    /// Sent by the terminal (up), bytes.
    pub tx: u64,
}

impl Traffic {
    /// Nothing in either direction.
    pub const ZERO: Self = Self { rx: 0, tx: 0 };

    /// Both directions together, in bytes; stays at `u64::MAX` rather than wrap.
    #[must_use]
    pub fn total(self) -> u64 {
        self.rx.saturating_add(self.tx)
    }

    /// True when neither direction moved.
    #[must_use]
    pub fn is_zero(self) -> bool {
        self == Self::ZERO
    }

    /// The sum by direction; stays at `u64::MAX` rather than wrap.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self { rx: self.rx.saturating_add(other.rx), tx: self.tx.saturating_add(other.tx) }
    }

    /// `self - other` by direction, `None` where either would fall below zero.
    #[must_use]
    pub fn minus(self, other: Self) -> Option<Self> {
        Some(Self { rx: self.rx.checked_sub(other.rx)?, tx: self.tx.checked_sub(other.tx)? })
    }
}

/// Why a text is not a size.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SizeError {
    /// No digits in front.
    #[error("a size starts with a number, as in \"64 KiB\"")]
    NoNumber,
    /// The unit is none of those that are known.
    #[error("unknown unit \"{0}\": use B, KiB, MiB, GiB (1024) or kB, MB, GB (1000)")]
    UnknownUnit(String),
    /// Greater than 2^63-1 bytes.
    #[error("larger than 2^63-1 bytes")]
    TooLarge,
    /// More decimals than whole bytes can hold.
    #[error("not a whole number of bytes")]
    NotWhole,
}

const UNITS: [(&str, u64); 11] = [
    ("", 1),
    ("B", 1),
    ("KB", 1_000),
    ("kB", 1_000),
    ("KiB", 1 << 10),
    ("MB", 1_000_000),
    ("MiB", 1 << 20),
    ("GB", 1_000_000_000),
    ("GiB", 1 << 30),
    ("TB", 1_000_000_000_000),
    ("TiB", 1 << 40),
];

/// Reads a size as people write it: `64 KiB`, `30MB`, `1.5 GiB`, `1048576`.
///
/// Units are IEC 80000-13: KiB, MiB, GiB, TiB are powers of 1024; kB, MB, GB,
/// TB powers of 1000. The result is 0 to 2^63-1 bytes.
///
/// # Errors
/// [`SizeError`] names what is wrong with the text.
pub fn parse_size(text: &str) -> Result<u64, SizeError> {
    let text = text.trim();
    let unit_at = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let unit = unit.trim();
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() || (number.contains('.') && fraction.is_empty()) || fraction.contains('.') {
        return Err(SizeError::NoNumber);
    }
    let scale = UNITS
        .iter()
        .find(|(name, _)| *name == unit)
        .map(|(_, scale)| u128::from(*scale))
        .ok_or_else(|| SizeError::UnknownUnit(unit.to_owned()))?;
    if fraction.len() > 12 {
        return Err(SizeError::NotWhole);
    }
    let digits: u128 = format!("{whole}{fraction}").parse().map_err(|_| SizeError::TooLarge)?;
    let divisor = 10_u128.pow(u32::try_from(fraction.len()).map_err(|_| SizeError::NotWhole)?);
    let scaled = digits.checked_mul(scale).ok_or(SizeError::TooLarge)?;
    if !scaled.is_multiple_of(divisor) {
        return Err(SizeError::NotWhole);
    }
    let bytes = u64::try_from(scaled / divisor).map_err(|_| SizeError::TooLarge)?;
    if i64::try_from(bytes).is_err() {
        return Err(SizeError::TooLarge);
    }
    Ok(bytes)
}

/// Shows a number of bytes to people, in powers of 1024 with one decimal:
/// `0 B`, `1023 B`, `1.0 KiB`, `29.3 MiB`. Rounded down, so that nothing ever
/// looks like more than there is.
#[derive(Clone, Copy, Debug)]
pub struct Size(pub u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let steps = [("TiB", 40_u32), ("GiB", 30), ("MiB", 20), ("KiB", 10)];
        let shown = steps.iter().find(|(_, shift)| self.0 >> shift > 0).map_or_else(
            || format!("{} B", self.0),
            |(unit, shift)| {
                let tenths = (u128::from(self.0) * 10) >> shift;
                format!("{}.{} {unit}", tenths / 10, tenths % 10)
            },
        );
        f.pad(&shown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        for (text, bytes) in [
            ("0", 0),
            ("64 KiB", 65_536),
            ("64KiB", 65_536),
            ("30 MB", 30_000_000),
            ("1.5 GiB", 1_610_612_736),
            ("9223372036854775807", 9_223_372_036_854_775_807),
        ] {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
        for (text, error) in [
            ("", SizeError::NoNumber),
            ("KiB", SizeError::NoNumber),
            ("-1", SizeError::NoNumber),
            ("1.", SizeError::NoNumber),
            ("64 kib", SizeError::UnknownUnit("kib".into())),
            ("1.0001 KiB", SizeError::NotWhole),
            ("9223372036854775808", SizeError::TooLarge),
            ("99999999999999999999999999 TiB", SizeError::TooLarge),
        ] {
            assert_eq!(parse_size(text), Err(error), "{text}");
        }
    }

    #[test]
    fn sizes_are_shown_rounded_down() {
        for (bytes, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1_048_575, "1023.9 KiB"),
            (31_457_280, "30.0 MiB"),
            (u64::MAX, "16777215.9 TiB"),
        ] {
            assert_eq!(Size(bytes).to_string(), text);
        }
    }
}
