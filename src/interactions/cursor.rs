//! Cursors: where a page ended, sealed.
//!
//! A cursor is encrypted and authenticated under a key all processes share, bound to the query and
//! the caller it was made for, of one length, and good for half an hour (IN-19, LEAK-10). It is the
//! whole state of a listing: no process remembers anything.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

use crate::clock::Instant;
use crate::error::{Error, Kind, Result};
use crate::ids::random_bytes;

/// Microseconds that a cursor is good for.
const LIFE: i64 = 30 * 60 * 1_000_000;
const NONCE: usize = 12;

/// What is sealed is a multiple of this long, so that its length tells nothing.
const BLOCK: usize = 192;

/// Seals a position: bytes that mean something to the listing that made them.
pub fn seal(key: &[u8; 32], bound_to: &str, now: Instant, position: &[u8]) -> Result<String> {
    let nonce = random_bytes::<NONCE>()?;
    let mut sealed = Vec::with_capacity(BLOCK.saturating_mul(2));
    sealed.extend_from_slice(&now.saturating_add(LIFE).to_be_bytes());
    let length = u32::try_from(position.len())
        .map_err(|_| Error::internal("a position is too long for a cursor"))?;
    sealed.extend_from_slice(&length.to_be_bytes());
    sealed.extend_from_slice(position);
    sealed.resize(sealed.len().next_multiple_of(BLOCK), 0);
    aead(key)?
        .seal_in_place_append_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(bound_to.as_bytes()),
            &mut sealed,
        )
        .map_err(|_| Error::internal("a cursor cannot be sealed"))?;
    let mut out = nonce.to_vec();
    out.extend_from_slice(&sealed);
    Ok(URL_SAFE_NO_PAD.encode(out))
}

/// Opens a cursor.
///
/// # Errors
/// `Invalid` when it was altered, made for another query or caller, or is too old; which of them is
/// not said.
pub fn open(key: &[u8; 32], bound_to: &str, now: Instant, cursor: &str) -> Result<Vec<u8>> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| refused())?;
    let (nonce, sealed) = bytes.split_first_chunk::<NONCE>().ok_or_else(refused)?;
    let mut sealed = sealed.to_vec();
    let opened = aead(key)?
        .open_in_place(
            Nonce::assume_unique_for_key(*nonce),
            Aad::from(bound_to.as_bytes()),
            &mut sealed,
        )
        .map_err(|_| refused())?;
    let mut reader = Reader(opened);
    let until = reader.int().ok_or_else(refused)?;
    if now >= until {
        return Err(refused());
    }
    Ok(reader.bytes().ok_or_else(refused)?.to_vec())
}

/// 400: not a cursor of this listing.
pub fn refused() -> Error {
    Error::new(
        Kind::Invalid,
        "value",
        "expected a cursor from a link of this very search, found another or one that is too old: search again",
    )
}

/// Reads what a position was written as.
pub struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    pub fn int(&mut self) -> Option<i64> {
        let (first, rest) = self.0.split_first_chunk::<8>()?;
        self.0 = rest;
        Some(i64::from_be_bytes(*first))
    }

    /// Bytes with their length before them.
    pub fn bytes(&mut self) -> Option<&'a [u8]> {
        let (first, rest) = self.0.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_be_bytes(*first)).ok()?;
        let (bytes, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }
}

fn aead(key: &[u8; 32]) -> Result<LessSafeKey> {
    UnboundKey::new(&AES_256_GCM, key)
        .map(LessSafeKey::new)
        .map_err(|_| Error::internal("the cursor key is unusable"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_19_cursors_are_sealed() {
        let key = [7u8; 32];
        let cursor = seal(&key, "Patient?a=b", 1000, b"here").unwrap();
        assert_eq!(open(&key, "Patient?a=b", 2000, &cursor).unwrap(), b"here");
        assert!(open(&key, "Patient?a=c", 2000, &cursor).is_err());
        assert!(open(&key, "Patient?a=b", 1000 + LIFE, &cursor).is_err());
        assert!(open(&[8; 32], "Patient?a=b", 2000, &cursor).is_err());
        let again = seal(&key, "Patient?a=b", 1000, b"somewhere else").unwrap();
        assert_eq!(cursor.len(), again.len());
        for index in 0..cursor.len() {
            let mut altered = cursor.clone().into_bytes();
            altered[index] = if altered[index] == b'A' { b'B' } else { b'A' };
            let altered = String::from_utf8(altered).unwrap();
            // The last character carries bits that base64 does not use.
            assert!(altered == cursor || open(&key, "Patient?a=b", 2000, &altered).is_err());
        }
        assert!(open(&key, "Patient?a=b", 2000, "").is_err());
    }
}
