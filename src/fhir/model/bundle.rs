//! Bundles, written around raw entries, and single entries cut into their parts.
//!
//! Source: FHIR R4 *Bundle*. Neither direction builds a tree of the whole: a Bundle may hold
//! 30 000 resources. Where its entries lie is for [`super::cutter`] to say.

use super::cutter::CutError;
use super::json::{self, escape_into};

/// Writes a Bundle; entries are raw JSON and are not looked into.
pub struct BundleWriter {
    out: Vec<u8>,
    entries: usize,
}

impl BundleWriter {
    /// Begins a Bundle of a type (`searchset`, `history`, …).
    pub fn new(bundle_type: &str) -> Self {
        let mut out = Vec::with_capacity(4096);
        out.extend_from_slice(b"{\"resourceType\":\"Bundle\",\"type\":");
        escape_into(bundle_type, &mut out);
        Self { out, entries: 0 }
    }

    /// The total number of matches. Before the links.
    pub fn total(&mut self, total: i64) {
        self.out.extend_from_slice(b",\"total\":");
        self.out.extend_from_slice(total.to_string().as_bytes());
    }

    /// The links, each once. Before the entries.
    pub fn links(&mut self, links: &[(&str, String)]) {
        self.out.extend_from_slice(b",\"link\":[");
        for (index, (relation, url)) in links.iter().enumerate() {
            if index > 0 {
                self.out.push(b',');
            }
            self.out.extend_from_slice(b"{\"relation\":");
            escape_into(relation, &mut self.out);
            self.out.extend_from_slice(b",\"url\":");
            escape_into(url, &mut self.out);
            self.out.push(b'}');
        }
        self.out.push(b']');
    }

    /// Begins an entry.
    pub fn entry(&mut self) -> EntryWriter<'_> {
        self.out.extend_from_slice(if self.entries == 0 {
            b",\"entry\":[{".as_slice()
        } else {
            b",{".as_slice()
        });
        self.entries = self.entries.saturating_add(1);
        EntryWriter {
            out: &mut self.out,
            first: true,
        }
    }

    /// Ends the Bundle.
    pub fn finish(mut self) -> Vec<u8> {
        self.out.extend_from_slice(if self.entries == 0 {
            b"}".as_slice()
        } else {
            b"]}".as_slice()
        });
        self.out
    }
}

/// Writes one entry of a Bundle; ends with [`EntryWriter::end`].
pub struct EntryWriter<'a> {
    out: &'a mut Vec<u8>,
    first: bool,
}

impl EntryWriter<'_> {
    fn name(&mut self, name: &str) {
        if !self.first {
            self.out.push(b',');
        }
        self.first = false;
        escape_into(name, self.out);
        self.out.push(b':');
    }

    /// A member whose value is a string.
    pub fn text(&mut self, name: &str, value: &str) -> &mut Self {
        self.name(name);
        escape_into(value, self.out);
        self
    }

    /// A member whose value is JSON already.
    pub fn raw(&mut self, name: &str, json: &[u8]) -> &mut Self {
        self.name(name);
        self.out.extend_from_slice(json);
        self
    }

    /// A member whose value is an object of strings; pairs without a value are left out.
    pub fn object(&mut self, name: &str, members: &[(&str, Option<&str>)]) -> &mut Self {
        self.name(name);
        self.out.push(b'{');
        let mut first = true;
        for (name, value) in members {
            let Some(value) = value else {
                continue;
            };
            if !first {
                self.out.push(b',');
            }
            first = false;
            escape_into(name, self.out);
            self.out.push(b':');
            escape_into(value, self.out);
        }
        self.out.push(b'}');
        self
    }

    /// A `response` with an `OperationOutcome`.
    pub fn response(
        &mut self,
        members: &[(&str, Option<&str>)],
        outcome: Option<&[u8]>,
    ) -> &mut Self {
        self.object("response", members);
        if let Some(outcome) = outcome {
            // Reopen the object that was just closed.
            self.out.pop();
            self.out.extend_from_slice(b",\"outcome\":");
            self.out.extend_from_slice(outcome);
            self.out.push(b'}');
        }
        self
    }

    /// Ends the entry.
    pub fn end(&mut self) {
        self.out.push(b'}');
    }
}

/// One entry; every part is raw JSON.
#[derive(Clone, Copy, Debug, Default)]
pub struct RawEntry<'a> {
    pub full_url: Option<&'a [u8]>,
    pub resource: Option<&'a [u8]>,
    /// Where the resource begins in the entry.
    pub resource_at: usize,
    pub request: Option<&'a [u8]>,
    /// The whole entry.
    pub text: &'a [u8],
}

impl<'a> RawEntry<'a> {
    /// Cuts an entry into its parts without parsing them.
    ///
    /// # Errors
    /// Whatever keeps it from being an object whose members are there once.
    pub fn cut(text: &'a [u8]) -> Result<Self, CutError> {
        let mut entry = Self {
            text,
            ..Self::default()
        };
        let mut members = json::members(text);
        for member in members.by_ref() {
            if member.name.contains(&b'\\') {
                return Err(CutError::Escaped);
            }
            let place = match member.name {
                b"fullUrl" => &mut entry.full_url,
                b"resource" => &mut entry.resource,
                b"request" => &mut entry.request,
                _ => continue,
            };
            if place.replace(member.value).is_some() {
                return Err(CutError::Twice);
            }
            if member.name == b"resource" {
                entry.resource_at = member.at;
            }
        }
        if members.complete() {
            Ok(entry)
        } else {
            Err(CutError::Entry)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::model::cutter::Cutter;

    #[test]
    fn writer_and_cut_agree() {
        let mut writer = BundleWriter::new("batch-response");
        writer.total(1);
        writer.links(&[("self", "http://a/b?c=\"".to_owned())]);
        let mut entry = writer.entry();
        entry.text("fullUrl", "urn:x").raw("resource", b"{\"a\":1}");
        entry.response(&[("status", Some("200")), ("etag", None)], Some(b"{}"));
        entry.end();
        let text = writer.finish();
        assert!(json::parse(&text, &json::Limits::default()).is_ok());
        let cut = Cutter::cut(&text, 10).unwrap();
        assert_eq!(cut.entries.len(), 1);
        let part = |part: &std::ops::Range<u64>| {
            let at = |place| usize::try_from(place).unwrap();
            &text[at(part.start)..at(part.end)]
        };
        assert_eq!(part(&cut.bundle_type.unwrap()), b"\"batch-response\"");
        let entry = RawEntry::cut(part(&cut.entries[0])).unwrap();
        assert_eq!(entry.resource, Some(&b"{\"a\":1}"[..]));
        let (_, from) = entry.text.split_at(entry.resource_at);
        assert!(from.starts_with(b"{\"a\":1}"));
        for (bad, expected) in [
            (&b"[]"[..], CutError::Entry),
            (b"{\"resource\":{},\"resource\":{}}", CutError::Twice),
            (br#"{"resourc\u0065":{}}"#, CutError::Escaped),
        ] {
            assert_eq!(RawEntry::cut(bad).unwrap_err(), expected);
        }
    }
}
