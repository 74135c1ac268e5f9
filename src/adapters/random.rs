//! What must not be guessed or repeated: the kernel gives it.

use std::fs;
use std::io;

/// A new UUID (RFC 9562, version 4), lower case.
///
/// # Errors
/// When the kernel's file cannot be read: without `/proc` nothing runs.
pub fn uuid() -> io::Result<String> {
    Ok(fs::read_to_string("/proc/sys/kernel/random/uuid")?.trim().to_owned())
}

/// A number that differs from start to start.
///
/// # Errors
/// As [`uuid`].
pub fn seed() -> io::Result<u64> {
    let digits: String = uuid()?.chars().filter(char::is_ascii_hexdigit).take(12).collect();
    u64::from_str_radix(&digits, 16).map_err(io::Error::other)
}
