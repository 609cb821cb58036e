//! An FSE document goes in: `$ingest` and the command line.
//!
//! In one commit: `Binary` (the untouched bytes), `DocumentReference`, and the people and
//! organisations the header names, found again by identifier *with* system. The same document
//! again changes nothing and says so; a new version supersedes the older ones of its set.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::sync::Arc;

use ring::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY};

use super::lineage::{Lineage, base64_of, parsed, point_to, sha256_of, tie_to_set, token_of};
use crate::audit::{self, Action};
use crate::context::RequestContext;
use crate::error::{Error, Issue, Kind, Result};
use crate::fhir::model::date::format_instant;
use crate::fhir::model::key::ResourceKey;
use crate::fhir::model::value::{Object, Text, Value};
use crate::fse::cda;
use crate::fse::mapping::{
    LOCAL, Mapped, MappedResource, Submission, replace_local, to_document_reference,
};
use crate::fse::pdf::Extracted;
use crate::interactions::conditional::Criteria;
use crate::interactions::write::{self, Incoming};
use crate::interactions::{Answer, Body, Node, Race, Step};
use crate::sandbox;
use crate::storage::{
    Change, Commit, Expect, Matches, Method, Upload, Version, Write, WriteOutcome,
};

/// The name of the sandboxed parser that finds the CDA in a PDF.
pub const PDF_PARSER: &str = "pdf";
/// The local name of the Binary among the mapped resources.
const BINARY: &str = "binary";

/// A submitted document: a file until it is stored, and never in memory as a whole when it is a PDF.
pub struct Document {
    upload: Arc<Upload>,
    /// Stays open when the upload has been put in place, for a second attempt.
    file: File,
    content_type: String,
    sha1: [u8; 20],
}

impl Document {
    /// Takes an upload whose media type is `application/pdf` or `application/xml`.
    pub fn read(upload: Upload, content_type: &str) -> Result<Self> {
        let mut file = upload.open()?;
        // IHE demands SHA-1 as the hash of a document; integrity rests on SHA-256.
        let mut hash = Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
        let mut piece = vec![0; 64 * 1024];
        loop {
            match file.read(&mut piece).map_err(unreadable)? {
                0 => break,
                read => hash.update(piece.get(..read).unwrap_or(&[])),
            }
        }
        let mut sha1 = [0u8; 20];
        for (place, byte) in sha1.iter_mut().zip(hash.finish().as_ref()) {
            *place = *byte;
        }
        Ok(Self {
            upload: Arc::new(upload),
            file,
            content_type: match content_type {
                "application/pdf" => content_type.to_owned(),
                _ => "text/xml".to_owned(),
            },
            sha1,
        })
    }

    fn cda(&self) -> Result<Vec<u8>> {
        let mut file = &self.file;
        file.rewind().map_err(unreadable)?;
        if self.content_type == "application/pdf" {
            let frame = sandbox::run(PDF_PARSER, file, self.upload.size)?;
            return Ok(Extracted::from_frame(&frame)?.cda);
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(unreadable)?;
        Ok(bytes)
    }
}

fn unreadable(error: io::Error) -> Error {
    Error::of(Kind::Unavailable, "an upload cannot be read back").because(error)
}

/// The first half of an ingestion.
pub fn ingest(context: &RequestContext, node: &Node, document: &Document) -> Result<Step> {
    let (read, mut issues) = cda::read(&document.cda()?)?;
    let indexed = format_instant(node.clock.now());
    let mut mapped = to_document_reference(
        &read,
        &Submission {
            content_type: &document.content_type,
            url: &format!("{LOCAL}{BINARY}"),
            size: document.upload.size,
            sha1: document.sha1,
            sha256: document.upload.sha256,
            indexed: &indexed,
        },
    );
    issues.append(&mut mapped.issues);

    let lineage = Lineage::find(node, &mapped)?;
    if let Some(stored) = lineage.same_document {
        return unchanged(node, document, &stored, issues);
    }
    let mut builder = Builder {
        node,
        commit: Commit::default(),
        keys: vec![(
            Text::new(BINARY),
            ResourceKey::new("Binary", node.ids.new_id()?),
        )],
        issues,
    };
    builder.identify(&mapped.resources)?;
    builder.binary(document)?;
    builder.people(&mapped)?;
    let reference = builder.reference(mapped, &lineage)?;
    builder.supersede(&lineage)?;

    let Builder {
        mut commit, issues, ..
    } = builder;
    let keys: Vec<&ResourceKey> = commit.writes.iter().map(|write| &write.key).collect();
    commit.audit = Some(audit::draft(context, Action::Create, keys));
    Ok(Step::Commit {
        commit,
        race: Race::Retry,
        brief: None,
        finish: Arc::new(move |_, committed| {
            let created = committed
                .writes
                .iter()
                .filter(|written| written.outcome == WriteOutcome::Created)
                .count();
            let mut all = vec![Issue::information(
                "informational",
                format!("stored as {reference}; resources created: {created}"),
            )];
            all.extend(issues.iter().cloned());
            let mut answer = Answer::of(201, Body::Outcome(all));
            answer.location = Some(format!("{reference}/_history/1"));
            Ok(answer)
        }),
    })
}

fn unchanged(
    node: &Node,
    document: &Document,
    stored: &Version,
    issues: Vec<Issue>,
) -> Result<Step> {
    let tree = parsed(node, stored)?;
    if sha256_of(&tree) != Some(base64_of(&document.upload.sha256)) {
        return Err(Error::new(
            Kind::Conflict,
            "duplicate",
            format!(
                "expected a new document or the same bytes as before, found other bytes under the document id of {}",
                stored.key
            ),
        ));
    }
    let mut all = vec![Issue::information(
        "informational",
        format!(
            "this document is stored already as {}; nothing was changed",
            stored.key
        ),
    )];
    all.extend(issues);
    let mut answer = Answer::of(200, Body::Outcome(all));
    answer.version = Some((stored.version, stored.last_updated));
    answer.location = Some(format!("{}/_history/{}", stored.key, stored.version));
    Ok(Step::Done(answer))
}

/// The commit in the making.
struct Builder<'a> {
    node: &'a Node,
    commit: Commit,
    /// Local names with the resources they stand for.
    keys: Vec<(Text, ResourceKey)>,
    issues: Vec<Issue>,
}

impl Builder<'_> {
    /// Finds each resource by its identifier with system, or gives it an id.
    fn identify(&mut self, resources: &[MappedResource]) -> Result<()> {
        for mapped in resources {
            let key = if mapped.resource_type == "DocumentReference" {
                ResourceKey::new(mapped.resource_type, self.node.ids.new_id()?)
            } else {
                self.known_or_new(mapped)?
            };
            self.keys.push((mapped.name.clone(), key));
        }
        Ok(())
    }

    fn known_or_new(&mut self, mapped: &MappedResource) -> Result<ResourceKey> {
        let pairs = [("identifier".to_owned(), token_of(&mapped.identity))];
        let criteria = Criteria::parse(self.node, mapped.resource_type, &pairs)?;
        let found = criteria.list(self.node, 2)?;
        if found.len() > 1 {
            self.issues.push(Issue::warning(
                "multiple-matches",
                format!("several {} resources have the identifier of one in the document; the first is referred to", mapped.resource_type),
            ));
        }
        if let Some(first) = found.into_iter().next() {
            return Ok(first.key);
        }
        let key = ResourceKey::new(mapped.resource_type, self.node.ids.new_id()?);
        let write = self.commit.writes.len();
        self.commit
            .conditions
            .push(criteria.condition(self.node, Matches::None, Some(write))?);
        self.put(
            key.clone(),
            mapped.resource.clone(),
            Expect::New,
            Method::Post,
        )?;
        Ok(key)
    }

    /// Resources were put down while names were still being given: now all names are known.
    fn people(&mut self, mapped: &Mapped) -> Result<()> {
        for resource in &mapped.resources {
            let Some(key) = self.key_of(&resource.name) else {
                continue;
            };
            let Some(at) = self.commit.writes.iter().position(|write| write.key == key) else {
                continue;
            };
            let content = self.content(&key, resource.resource.clone(), Method::Post)?;
            if let Some(write) = self.commit.writes.get_mut(at) {
                write.change = Change::Put(content);
            }
        }
        Ok(())
    }

    fn binary(&mut self, document: &Document) -> Result<()> {
        let (Some(key), Some(reference)) = (self.key_of(BINARY), self.key_of("document")) else {
            return Err(Error::internal("a document without its names"));
        };
        let mut context = Object::new();
        context.push("reference", reference.to_string());
        let mut binary = Object::new();
        binary.push("resourceType", "Binary");
        binary.push("contentType", document.content_type.as_str());
        binary.push("securityContext", context);
        let draft = self.node.store.stage(Arc::clone(&document.upload))?;
        self.put(key, Value::Object(binary), Expect::New, Method::Post)?;
        if let Some(Write {
            change: Change::Put(content),
            ..
        }) = self.commit.writes.last_mut()
        {
            content.blob = Some(draft.sha256);
        }
        self.commit.blobs.push(draft);
        Ok(())
    }

    /// The DocumentReference itself, tied to its set and to what it replaces.
    fn reference(&mut self, mapped: Mapped, lineage: &Lineage) -> Result<ResourceKey> {
        let key = self
            .key_of("document")
            .ok_or_else(|| Error::internal("a document without its name"))?;
        let Some(mut document) = mapped.resources.into_iter().next_back() else {
            return Err(Error::internal("a mapped document without resources"));
        };
        if let Some(object) = document.resource.as_object_mut() {
            tie_to_set(object, &mapped.set_id, mapped.version);
            if lineage.is_late {
                object.set("status", "superseded");
                self.issues.push(Issue::information(
                    "informational",
                    "a newer version of this document is stored already: this one is superseded",
                ));
            }
            for (older, tree) in &lineage.older {
                point_to(object, older, tree);
            }
        }
        // Decides between submissions at one time, of the same document or of its other versions. The
        // document id is looked up first, and claimed.
        let mut claim = Some(self.commit.writes.len());
        for (criteria, ids) in &lineage.looked_up {
            let expect = Matches::These(ids.clone());
            self.commit
                .conditions
                .push(criteria.condition(self.node, expect, claim.take())?);
        }
        self.put(key.clone(), document.resource, Expect::New, Method::Post)?;
        Ok(key)
    }

    fn supersede(&mut self, lineage: &Lineage) -> Result<()> {
        for (version, tree) in &lineage.older {
            let mut tree = tree.clone();
            if let Some(object) = tree.as_object_mut() {
                object.set("status", "superseded");
            }
            let expect = Expect::Version(version.version);
            self.put(version.key.clone(), tree, expect, Method::Put)?;
            self.issues.push(Issue::information(
                "informational",
                format!("{} is superseded by this document", version.key),
            ));
        }
        Ok(())
    }

    fn key_of(&self, name: &str) -> Option<ResourceKey> {
        self.keys
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, key)| key.clone())
    }

    fn put(
        &mut self,
        key: ResourceKey,
        resource: Value,
        expect: Expect,
        method: Method,
    ) -> Result<()> {
        let content = self.content(&key, resource, method)?;
        self.commit.writes.push(Write {
            key,
            expect,
            change: Change::Put(content),
        });
        Ok(())
    }

    fn content(
        &self,
        key: &ResourceKey,
        mut resource: Value,
        method: Method,
    ) -> Result<crate::storage::Content> {
        replace_local(&mut resource, &|name| {
            self.key_of(name).map(|key| {
                if key.resource_type == "Binary" {
                    Text::from(format!("{}/{key}", self.node.base))
                } else {
                    Text::from(key.to_string())
                }
            })
        });
        let incoming = Incoming::from_tree(resource);
        write::check(self.node, &incoming, &key.resource_type).map_err(|error| {
            // What is mapped should have the shape R4 gives it, whatever the document says: a defect of
            // ours, but one that a document has shown, and so its sender is told.
            tracing::error!(%error, "a mapped {} is not valid", key.resource_type);
            Error::from_issues(Kind::Unprocessable, error.into_issues())
        })?;
        Ok(write::prepare(self.node, &key.resource_type, incoming, method)?.content)
    }
}
