//! The one source of identities and of randomness.
//!
//! Logical ids are random UUIDs (version 4, RFC 9562): never guessable, sequential or ordered by
//! time, because an id must not tell anything about neighbours.

use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, Ordering};

use ring::rand::{SecureRandom, SystemRandom};

use crate::error::{Error, Result};

/// Makes logical ids.
pub trait Ids: Send + Sync {
    /// A new logical id, 36 characters, lower case.
    ///
    /// # Errors
    /// `Internal` when the operating system gives no randomness.
    fn new_id(&self) -> Result<String>;
}

/// Ids from the randomness of the operating system.
#[derive(Debug, Default)]
pub struct RandomIds;

impl RandomIds {
    pub fn new() -> Self {
        Self
    }
}

/// Bytes asked of the operating system at once: each question costs as much as a short answer to a client.
const SUPPLY: usize = 1024;

thread_local! {
    static SUPPLIED: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

impl Ids for RandomIds {
    fn new_id(&self) -> Result<String> {
        random_uuid()
    }
}

/// A random UUID, as logical ids are.
///
/// # Errors
/// `Internal` when the operating system gives no randomness.
pub fn random_uuid() -> Result<String> {
    SUPPLIED.with_borrow_mut(|supply| {
        if supply.is_empty() {
            supply.extend(random_bytes::<SUPPLY>()?);
        }
        let rest = supply.len().saturating_sub(16);
        let mut bytes = [0u8; 16];
        // Each byte is used once: what is taken is gone from the supply.
        for (byte, fresh) in bytes.iter_mut().zip(supply.drain(rest..)) {
            *byte = fresh;
        }
        Ok(uuid_text(bytes))
    })
}

/// Random bytes for keys, salts and nonces.
///
/// # Errors
/// `Internal` when the operating system gives no randomness.
pub fn random_bytes<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0u8; N];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| Error::internal("the operating system gives no randomness"))?;
    Ok(bytes)
}

/// Counted ids for tests: `00000000-0000-4000-8000-000000000001`, and so on.
#[derive(Debug, Default)]
pub struct CountedIds(AtomicU64);

impl Ids for CountedIds {
    fn new_id(&self) -> Result<String> {
        let number = self.0.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        Ok(uuid_text(u128::from(number).to_be_bytes()))
    }
}

/// The text form of 16 bytes, with the version and variant bits of a random UUID set.
pub fn uuid_text(mut bytes: [u8; 16]) -> String {
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let mut text = String::with_capacity(36);
    for (index, byte) in bytes.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        for nibble in [byte >> 4, byte & 0x0f] {
            text.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0'));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counted_ids_are_well_formed() {
        let ids = CountedIds::default();
        assert_eq!(
            ids.new_id().unwrap(),
            "00000000-0000-4000-8000-000000000001"
        );
        assert_eq!(
            ids.new_id().unwrap(),
            "00000000-0000-4000-8000-000000000002"
        );
    }

    #[test]
    fn random_ids_differ() {
        let ids = RandomIds::new();
        assert_ne!(ids.new_id().unwrap(), ids.new_id().unwrap());
    }
}
