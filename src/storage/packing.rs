//! How text is kept small: one zstd frame, made with what most of our texts share.
//!
//! A resource of 2 KB is mostly names and systems that stand in every other one. With the phrases of
//! `phrases.txt` known beforehand a frame needs a third less than without. What is left is short, so
//! the tables of how often each letter comes are known beforehand too: they need not be written,
//! read and built for each frame, which halves the time of packing and saves a tenth of the bytes.
//! Resources and audit records have tables of their own (`packing/tables.c` makes them).
//!
//! The first byte says with what a frame was made: `Shared`, or that of a zstd frame itself, which
//! needs nothing. What a byte stands for is never changed, because what was written with it could
//! not be read any more; better phrases or tables get a byte of their own.

use std::borrow::Cow;
use std::cell::RefCell;
use std::io::{self, Cursor};
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use zstd::bulk::{Compressor, Decompressor};
use zstd::dict::{DecoderDictionary, EncoderDictionary};
use zstd::zstd_safe::CParameter;

use crate::error::{Error, Kind, Result};

/// Speed over size: level 1 takes a third of the time of level 3 for 5 % more bytes.
const LEVEL: i32 = 1;
/// No text is larger than this, whatever a damaged frame says.
const LARGEST: usize = 256 << 20;

/// What a frame was made with.
struct Shared {
    /// In front of each frame that was.
    byte: u8,
    encoder: LazyLock<EncoderDictionary<'static>>,
    decoder: LazyLock<DecoderDictionary<'static>>,
}

/// The phrases alone: how both were packed at first.
static PLAIN: Shared = Shared {
    byte: 1,
    encoder: LazyLock::new(|| encoder(&[])),
    decoder: LazyLock::new(|| decoder(&[])),
};
static RESOURCES: Shared = Shared {
    byte: 2,
    encoder: LazyLock::new(|| encoder(FOR_RESOURCES)),
    decoder: LazyLock::new(|| decoder(FOR_RESOURCES)),
};
static RECORDS: Shared = Shared {
    byte: 3,
    encoder: LazyLock::new(|| encoder(FOR_RECORDS)),
    decoder: LazyLock::new(|| decoder(FOR_RECORDS)),
};

const PHRASES: &[u8] = include_bytes!("packing/phrases.txt");
const FOR_RESOURCES: &[u8] = include_bytes!("packing/resources.tables");
const FOR_RECORDS: &[u8] = include_bytes!("packing/records.tables");

fn encoder(tables: &[u8]) -> EncoderDictionary<'static> {
    EncoderDictionary::copy(&[tables, PHRASES].concat(), LEVEL)
}

fn decoder(tables: &[u8]) -> DecoderDictionary<'static> {
    DecoderDictionary::copy(&[tables, PHRASES].concat())
}

thread_local! {
    // A zstd context is far more expensive to make than to use.
    static COMPRESSOR: RefCell<Option<Compressor<'static>>> = const { RefCell::new(None) };
    static DECOMPRESSOR: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
}

/// The form in which a resource is kept, with a checksum, so that bit rot shows.
pub fn pack(text: &[u8]) -> Result<Vec<u8>> {
    pack_with(&RESOURCES, text)
}

fn pack_with(shared: &'static Shared, text: &[u8]) -> Result<Vec<u8>> {
    let failed = |error: io::Error| Error::internal("a text cannot be compressed").because(error);
    COMPRESSOR.with_borrow_mut(|slot| {
        let compressor = match slot {
            Some(compressor) => compressor,
            None => {
                let mut compressor = Compressor::new(LEVEL).map_err(failed)?;
                compressor.include_checksum(true).map_err(failed)?;
                // Our own first byte says it.
                let unnamed = CParameter::DictIdFlag(false);
                compressor.set_parameter(unnamed).map_err(failed)?;
                slot.insert(compressor)
            }
        };
        compressor
            .set_prepared_dictionary(&shared.encoder)
            .map_err(failed)?;
        let frame = compressor.compress(text).map_err(failed)?;
        // The frame was made as large as the worst case; many are held at once during an import.
        let mut packed = Vec::with_capacity(frame.len().saturating_add(1));
        packed.push(shared.byte);
        packed.extend_from_slice(&frame);
        Ok(packed)
    })
}

/// Appends the text that was packed.
///
/// # Errors
/// `Damaged` when the stored bytes are; they are never served, and `out` is as it was.
pub fn unpack_into(packed: &[u8], out: &mut Vec<u8>) -> Result<()> {
    let damaged = || Error::of(Kind::Damaged, "what is stored here is damaged");
    let failed = |error: io::Error| Error::internal("a text cannot be read").because(error);
    let known = |first: u8| {
        let all = [&RESOURCES, &RECORDS, &PLAIN];
        all.into_iter().find(|shared| shared.byte == first)
    };
    // A frame that was made with nothing refers to nothing and is read with anything.
    let (shared, frame) = packed
        .split_first()
        .and_then(|(first, frame)| Some((known(*first)?, frame)))
        .unwrap_or((&PLAIN, packed));
    let size = zstd::zstd_safe::get_frame_content_size(frame)
        .ok()
        .flatten()
        .and_then(|size| usize::try_from(size).ok())
        .filter(|size| *size <= LARGEST)
        .ok_or_else(damaged)?;
    DECOMPRESSOR.with_borrow_mut(|slot| {
        let decompressor = match slot {
            Some(decompressor) => decompressor,
            None => slot.insert(Decompressor::new().map_err(failed)?),
        };
        decompressor
            .set_prepared_dictionary(&shared.decoder)
            .map_err(failed)?;
        let start = out.len();
        out.reserve_exact(size);
        let mut end = Cursor::new(std::mem::take(out));
        end.set_position(u64::try_from(start).unwrap_or(u64::MAX));
        let unpacked = decompressor.decompress_to_buffer(frame, &mut end);
        *out = end.into_inner();
        match unpacked {
            Ok(found) if found == size => Ok(()),
            result => {
                out.truncate(start);
                Err(match result {
                    Err(error) => damaged().because(error),
                    Ok(_) => damaged(),
                })
            }
        }
    })
}

/// The form of a JSON object for a column of text: what was packed, in base64.
pub fn pack_text(object: &str) -> Result<String> {
    Ok(STANDARD_NO_PAD.encode(pack_with(&RECORDS, object.as_bytes())?))
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
            // As it was kept before there were tables, and before there were phrases.
            for older in [
                pack_with(&PLAIN, text.as_bytes()).unwrap(),
                zstd::bulk::compress(text.as_bytes(), LEVEL).unwrap(),
            ] {
                assert_eq!(unpacked(&older).unwrap(), text.as_bytes());
                assert!(same(&packed, &older) && same(&older, &packed));
            }
            assert!(!same(&packed, &pack(b"other").unwrap()));
        }
        for text in ["{}", "{\"a\":\"è\"}"] {
            assert_eq!(unpack_text(&pack_text(text).unwrap()).unwrap(), text);
            assert_eq!(unpack_text(text).unwrap(), text);
        }
    }

    #[test]
    fn dur_07_damage_shows() {
        for shared in [&PLAIN, &RESOURCES, &RECORDS] {
            let packed = pack_with(shared, b"},\"status\":\"final\"}").unwrap();
            // The first byte may become that of other tables over the same phrases: if a frame can be read
            // with them, its checksum says that it is the same text.
            for at in 1..packed.len() {
                let mut damaged = packed.clone();
                damaged[at] ^= 1;
                let mut out = b"head".to_vec();
                let error = unpack_into(&damaged, &mut out).unwrap_err();
                assert_eq!(error.kind(), Kind::Damaged, "byte {at}");
                assert_eq!(out, b"head", "byte {at}");
            }
        }
        assert_eq!(unpacked(b"").unwrap_err().kind(), Kind::Damaged);
    }

    /// What was written with them can only be read with the same ones.
    #[test]
    fn phrases_and_tables_are_never_changed() {
        for (bytes, expected) in [
            (
                PHRASES,
                "ff36989ed93ed021f029e850f17f4f332ee3edfce42fcee366d84ce011ea08a0",
            ),
            (
                FOR_RESOURCES,
                "ec16eaa95fa24d908a792e486f4c930b958b9e8663f28c97a4d0ed9e9d41c2da",
            ),
            (
                FOR_RECORDS,
                "3d80fc6dfef194aa9534828f88c7d8fdd377f4fb636fe521f817febd8d62d529",
            ),
        ] {
            let hash = ring::digest::digest(&ring::digest::SHA256, bytes);
            let hex: String = hash.as_ref().iter().map(|b| format!("{b:02x}")).collect();
            assert_eq!(hex, expected);
        }
    }
}
