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

/// Seals a position: two numbers that mean something to the listing that made them.
pub fn seal(key: &[u8; 32], bound_to: &str, now: Instant, position: (i64, i64)) -> Result<String> {
    let nonce = random_bytes::<NONCE>()?;
    let mut sealed = Vec::with_capacity(64);
    for number in [position.0, position.1, now.saturating_add(LIFE)] {
        sealed.extend_from_slice(&number.to_be_bytes());
    }
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
pub fn open(key: &[u8; 32], bound_to: &str, now: Instant, cursor: &str) -> Result<(i64, i64)> {
    let refused = || {
        Error::new(
            Kind::Invalid,
            "value",
            "expected a cursor from a link of this very search, found another or one that is too old: search again",
        )
    };
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
    let mut numbers = opened
        .chunks_exact(8)
        .filter_map(|chunk| chunk.first_chunk::<8>())
        .map(|chunk| i64::from_be_bytes(*chunk));
    match (numbers.next(), numbers.next(), numbers.next()) {
        (Some(first), Some(second), Some(until)) if now < until => Ok((first, second)),
        _ => Err(refused()),
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
        let cursor = seal(&key, "Patient?a=b", 1000, (-5, 9)).unwrap();
        assert_eq!(open(&key, "Patient?a=b", 2000, &cursor).unwrap(), (-5, 9));
        assert!(open(&key, "Patient?a=c", 2000, &cursor).is_err());
        assert!(open(&key, "Patient?a=b", 1000 + LIFE, &cursor).is_err());
        assert!(open(&[8; 32], "Patient?a=b", 2000, &cursor).is_err());
        let again = seal(&key, "Patient?a=b", 1000, (i64::MAX, i64::MIN)).unwrap();
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
