//! Texts of definitions, and where in them each definition stands.
//!
//! A definition stays text until somebody asks for it: a registry of some thousands of resources
//! must open in milliseconds. The embedded file writes the members named in [`Key`] first, so that
//! its lines are indexed without reading them to the end.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::error::{Issue, Result};
use crate::fhir::model::json::{self, Limits, RawMember};
use crate::fhir::model::value::{Text, Value};

/// Definitions are trusted or were checked when they were added: only nesting is bounded here.
const LIMITS: Limits = Limits {
    depth: 128,
    nodes: usize::MAX,
    string: usize::MAX,
};

/// What the index reads of a definition; `url` to `base` as they stand in the resource.
#[derive(Debug, Default)]
pub struct Key<'a> {
    pub resource_type: &'a str,
    pub url: &'a str,
    pub version: &'a str,
    pub kind: &'a str,
    pub is_abstract: bool,
    pub type_name: &'a str,
    pub base_definition: &'a str,
    pub derivation: &'a str,
    pub code: &'a str,
    pub base: Vec<&'a str>,
    /// Whether the text is one object to its end. Not looked at in the embedded file.
    pub complete: bool,
}

/// Names of the members of [`Key`], in the order in which the embedded file has them.
pub const KEY_MEMBERS: [&str; 10] = [
    "resourceType",
    "url",
    "version",
    "kind",
    "abstract",
    "type",
    "baseDefinition",
    "derivation",
    "code",
    "base",
];

/// Number of a definition in its [`Library`].
pub type Place = u32;

#[derive(Debug)]
struct Entry {
    resource_type: Text,
    version: Text,
    url: Text,
    text: u32,
    start: u32,
    end: u32,
    /// The definition of the same URL that came before.
    previous: Option<Place>,
}

/// All definitions, found by URL.
#[derive(Debug, Default)]
pub struct Library {
    texts: Vec<Cow<'static, str>>,
    entries: Vec<Entry>,
    by_url: HashMap<Text, Place>,
}

impl Library {
    /// Takes in a text of many lines, one definition each, with the key first.
    /// `visit` sees each place and key.
    pub fn add_lines(&mut self, text: &'static str, mut visit: impl FnMut(Place, &Key<'_>)) {
        let number = u32::try_from(self.texts.len()).unwrap_or(u32::MAX);
        self.texts.push(Cow::Borrowed(text));
        let mut start = 0usize;
        for line in text.split_inclusive('\n') {
            let end = start.saturating_add(line.len());
            let line = line.trim_end();
            if let Some(key) = read_key(line, true)
                && let Some(place) =
                    self.insert(&key, number, start, start.saturating_add(line.len()))
            {
                visit(place, &key);
            }
            start = end;
        }
    }

    /// Takes in one resource. `visit` sees its place and key.
    ///
    /// # Errors
    /// The finding that says why it is of no use here: no JSON object, or no URL.
    pub fn add_resource(
        &mut self,
        bytes: Vec<u8>,
        visit: impl FnOnce(Place, &Key<'_>),
    ) -> std::result::Result<(), Issue> {
        let text = String::from_utf8(bytes)
            .map_err(|_| Issue::warning("structure", "expected a definition in UTF-8"))?;
        let Some(key) = read_key(&text, false).filter(|key| key.complete) else {
            return Err(Issue::warning(
                "structure",
                "expected a definition as one JSON object",
            ));
        };
        if key.resource_type.is_empty() || key.url.is_empty() {
            let what = format!(
                "expected resourceType and url, found resourceType '{}' and url '{}'",
                key.resource_type, key.url
            );
            return Err(Issue::information("not-supported", what));
        }
        let number = u32::try_from(self.texts.len()).unwrap_or(u32::MAX);
        let Some(place) = self.insert(&key, number, 0, text.len()) else {
            return Err(Issue::warning("too-long", "expected less than 4 GiB"));
        };
        visit(place, &key);
        self.texts.push(Cow::Owned(text));
        Ok(())
    }

    /// The latest definition of a `url`, or that of the version in `url|version`.
    pub fn find(&self, canonical: &str) -> Option<Place> {
        // Six code systems of HL7 v2 have the separator in their URL.
        if let Some(place) = self.by_url.get(canonical) {
            return Some(*place);
        }
        let (url, version) = canonical.split_once('|')?;
        let mut place = self.by_url.get(url).copied();
        while let Some(entry) = place.and_then(|place| self.entry(place)) {
            if entry.version == version {
                return place;
            }
            place = entry.previous;
        }
        None
    }

    /// The definition at a place, as it is written.
    pub fn parse(&self, place: Place) -> Result<Value> {
        let text = self.entry(place).and_then(|entry| self.slice(entry));
        Ok(json::parse(text.unwrap_or_default().as_bytes(), &LIMITS)?)
    }

    /// The type of the definition at a place.
    pub fn resource_type(&self, place: Place) -> Option<&str> {
        self.entry(place).map(|entry| entry.resource_type.as_str())
    }

    /// URLs of the definitions of one type, in the order in which they came.
    pub fn canonicals(&self, resource_type: &str) -> impl Iterator<Item = &str> {
        self.entries
            .iter()
            .filter(move |entry| entry.resource_type == resource_type && entry.previous.is_none())
            .map(|entry| entry.url.as_str())
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn entry(&self, place: Place) -> Option<&Entry> {
        self.entries.get(usize::try_from(place).ok()?)
    }

    fn slice(&self, entry: &Entry) -> Option<&str> {
        let start = usize::try_from(entry.start).ok()?;
        let end = usize::try_from(entry.end).ok()?;
        self.texts
            .get(usize::try_from(entry.text).ok()?)?
            .get(start..end)
    }

    /// `None` only where a count does not fit 32 bits.
    fn insert(&mut self, key: &Key<'_>, text: u32, start: usize, end: usize) -> Option<Place> {
        let place = u32::try_from(self.entries.len()).ok()?;
        let (start, end) = (u32::try_from(start).ok()?, u32::try_from(end).ok()?);
        let url = Text::new(key.url);
        let previous = self.by_url.insert(url.clone(), place);
        self.entries.push(Entry {
            resource_type: Text::new(key.resource_type),
            version: Text::new(key.version),
            url,
            text,
            start,
            end,
            previous,
        });
        Some(place)
    }
}

/// Reads the key of a definition; with `key_first` it stops at the first member of another name.
fn read_key(text: &str, key_first: bool) -> Option<Key<'_>> {
    let mut key = Key::default();
    let mut members = json::members(text.as_bytes());
    for RawMember { name, value, .. } in members.by_ref() {
        match name {
            b"resourceType" => key.resource_type = plain(value),
            b"url" => key.url = plain(value),
            b"version" => key.version = plain(value),
            b"kind" => key.kind = plain(value),
            b"abstract" => key.is_abstract = value == b"true",
            b"type" => key.type_name = plain(value),
            b"baseDefinition" => key.base_definition = plain(value),
            b"derivation" => key.derivation = plain(value),
            b"code" => key.code = plain(value),
            b"base" => key.base = json::elements(value).map(plain).collect(),
            _ if key_first => return Some(key),
            _ => {}
        }
    }
    key.complete = members.complete();
    (key_first || key.complete).then_some(key)
}

/// The text of a JSON string; empty for anything else, and for strings with escapes, which no URL,
/// code or type name needs.
fn plain(value: &[u8]) -> &str {
    let text = value
        .strip_prefix(b"\"")
        .and_then(|rest| rest.strip_suffix(b"\""))
        .unwrap_or_default();
    if text.contains(&b'\\') {
        return "";
    }
    std::str::from_utf8(text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINES: &str = concat!(
        r#"{"resourceType":"ValueSet","url":"http://e/a","version":"1","name":"A"}"#,
        "\n",
        r#"{"resourceType":"SearchParameter","url":"http://e/b","code":"b","base":["Patient","Group"],"x":1}"#,
        "\n",
    );

    #[test]
    fn lines_are_found_by_url_and_version() {
        let mut library = Library::default();
        let mut bases = Vec::new();
        library.add_lines(LINES, |_, key| {
            bases.extend(key.base.iter().map(|base| base.to_string()));
        });
        assert_eq!(bases, ["Patient", "Group"]);
        assert_eq!(library.find("http://e/a"), Some(0));
        assert_eq!(library.find("http://e/a|1"), Some(0));
        assert_eq!(library.find("http://e/a|2"), None);
        assert_eq!(
            library.parse(1).unwrap().get("x"),
            Some(&Value::Number("1".into()))
        );
    }

    #[test]
    fn a_later_definition_of_the_same_url_wins_and_the_earlier_stays() {
        let mut library = Library::default();
        library.add_lines(LINES, |_, _| {});
        let later = br#"{"name":"A2","version":"2","url":"http://e/a","resourceType":"ValueSet"}"#;
        library.add_resource(later.to_vec(), |_, _| {}).unwrap();
        assert_eq!(library.find("http://e/a"), Some(2));
        assert_eq!(library.find("http://e/a|1"), Some(0));
        assert_eq!(library.canonicals("ValueSet").count(), 1);
    }

    #[test]
    fn what_is_no_definition_is_an_issue() {
        #[track_caller]
        fn check(text: &[u8]) {
            let mut library = Library::default();
            assert!(library.add_resource(text.to_vec(), |_, _| {}).is_err());
            assert!(library.is_empty());
        }
        check(b"");
        check(b"[]");
        check(b"\xff");
        check(br#"{"resourceType":"ValueSet","url":"http://e/a""#);
        check(br#"{"resourceType":"Patient"}"#);
        check(br#"{"url":"http://e/a"}"#);
    }
}
