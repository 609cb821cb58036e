//! How text is kept small: one zstd frame, made with phrases that most of our resources share.
//!
//! A resource of 2 KB is mostly names and systems that stand in every other one. With the phrases of
//! `phrases.txt` known beforehand a frame needs a third less than without, an audit record of ours a sixth. The first byte
//! says which phrases: [`PHRASES_1`], or that of a zstd frame itself, which has none. The phrases of a
//! byte are never changed, because what was written with them could not be read any more; better ones
//! get a byte of their own.

use std::borrow::Cow;
use std::cell::RefCell;
use std::io;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use zstd::bulk::{Compressor, Decompressor};
use zstd::dict::{DecoderDictionary, EncoderDictionary};

use crate::error::{Error, Kind, Result};

/// Speed over size: level 1 takes a third of the time of level 3 for 5 % more bytes.
const LEVEL: i32 = 1;
/// No text is larger than this, whatever a damaged frame says.
const LARGEST: usize = 256 << 20;
/// Written with `phrases.txt`.
const PHRASES_1: u8 = 1;

static PHRASES: &[u8] = include_bytes!("phrases.txt");
static ENCODER: LazyLock<EncoderDictionary<'static>> =
    LazyLock::new(|| EncoderDictionary::copy(PHRASES, LEVEL));
static DECODER: LazyLock<DecoderDictionary<'static>> =
    LazyLock::new(|| DecoderDictionary::copy(PHRASES));

thread_local! {
    // A zstd context is far more expensive to make than to use.
    static COMPRESSOR: RefCell<Option<Compressor<'static>>> = const { RefCell::new(None) };
    static DECOMPRESSOR: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
}

/// The form in which a text is kept, with a checksum, so that bit rot shows.
pub fn pack(text: &[u8]) -> Result<Vec<u8>> {
    let failed = |error: io::Error| Error::internal("a text cannot be compressed").because(error);
    COMPRESSOR.with_borrow_mut(|slot| {
        let compressor = match slot {
            Some(compressor) => compressor,
            None => {
                let mut compressor =
                    Compressor::with_prepared_dictionary(&ENCODER).map_err(failed)?;
                compressor.include_checksum(true).map_err(failed)?;
                slot.insert(compressor)
            }
        };
        let frame = compressor.compress(text).map_err(failed)?;
        // The frame was made as large as the worst case; many are held at once during an import.
        let mut packed = Vec::with_capacity(frame.len().saturating_add(1));
        packed.push(PHRASES_1);
        packed.extend_from_slice(&frame);
        Ok(packed)
    })
}

/// Appends the text that was packed.
///
/// # Errors
/// `Damaged` when the stored bytes are; they are never served.
pub fn unpack_into(packed: &[u8], out: &mut Vec<u8>) -> Result<()> {
    let damaged = || Error::of(Kind::Damaged, "what is stored here is damaged");
    let failed = |error: io::Error| Error::internal("a text cannot be read").because(error);
    let frame = match packed.split_first() {
        Some((&PHRASES_1, frame)) => frame,
        _ => packed,
    };
    let size = zstd::zstd_safe::get_frame_content_size(frame)
        .ok()
        .flatten()
        .and_then(|size| usize::try_from(size).ok())
        .filter(|size| *size <= LARGEST)
        .ok_or_else(damaged)?;
    let text = DECOMPRESSOR.with_borrow_mut(|slot| {
        let decompressor = match slot {
            Some(decompressor) => decompressor,
            // A frame that was made without phrases refers to none and is read all the same.
            None => slot.insert(Decompressor::with_prepared_dictionary(&DECODER).map_err(failed)?),
        };
        decompressor
            .decompress(frame, size)
            .map_err(|error| damaged().because(error))
    })?;
    out.extend_from_slice(&text);
    Ok(())
}

/// The form of a JSON object for a column of text: what was packed, in base64.
pub fn pack_text(object: &str) -> Result<String> {
    Ok(STANDARD_NO_PAD.encode(pack(object.as_bytes())?))
}

/// The JSON object of a column of text, packed or, from before there were phrases, as it is;
/// `None` when it is damaged.
pub fn unpack_text(kept: &str) -> Option<Cow<'_, str>> {
    if kept.starts_with('{') {
        return Some(Cow::Borrowed(kept));
    }
    let mut object = Vec::new();
    unpack_into(&STANDARD_NO_PAD.decode(kept).ok()?, &mut object).ok()?;
    String::from_utf8(object).ok().map(Cow::Owned)
}

/// Whether two packed texts are the same text.
pub fn same(one: &[u8], other: &[u8]) -> bool {
    if one == other {
        return true;
    }
    if one.first() == other.first() {
        // Packed alike, equal texts have equal bytes.
        return false;
    }
    let (mut texts, mut whole) = ((Vec::new(), Vec::new()), true);
    whole &= unpack_into(one, &mut texts.0).is_ok();
    whole &= unpack_into(other, &mut texts.1).is_ok();
    whole && texts.0 == texts.1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unpacked(packed: &[u8]) -> Result<Vec<u8>> {
        let mut out = Vec::new();
        unpack_into(packed, &mut out).map(|()| out)
    }

    #[test]
    fn what_was_packed_comes_back() {
        for text in [
            "",
            "}}",
            "},\"active\":true}",
            &"a long text ".repeat(20_000),
        ] {
            let packed = pack(text.as_bytes()).unwrap();
            assert_eq!(unpacked(&packed).unwrap(), text.as_bytes());
            // As it was kept before there were phrases.
            let plain = zstd::bulk::compress(text.as_bytes(), LEVEL).unwrap();
            assert_eq!(unpacked(&plain).unwrap(), text.as_bytes());
            assert!(same(&packed, &plain) && same(&plain, &packed));
            assert!(!same(&packed, &pack(b"other").unwrap()));
        }
        for text in ["{}", "{\"a\":\"è\"}"] {
            assert_eq!(unpack_text(&pack_text(text).unwrap()).unwrap(), text);
            assert_eq!(unpack_text(text).unwrap(), text);
        }
    }

    #[test]
    fn dur_07_damage_shows() {
        let packed = pack(b"}}").unwrap();
        for at in 0..packed.len() {
            let mut damaged = packed.clone();
            damaged[at] ^= 1;
            let mut out = Vec::new();
            let error = unpack_into(&damaged, &mut out).unwrap_err();
            assert_eq!((error.kind(), out.len()), (Kind::Damaged, 0), "byte {at}");
        }
        assert_eq!(unpacked(b"").unwrap_err().kind(), Kind::Damaged);
    }

    /// What was written with the phrases can only be read with the same ones.
    #[test]
    fn phrases_are_never_changed() {
        let hash = ring::digest::digest(&ring::digest::SHA256, PHRASES);
        let hex: String = hash.as_ref().iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(
            hex,
            "ff36989ed93ed021f029e850f17f4f332ee3edfce42fcee366d84ce011ea08a0"
        );
    }
}
