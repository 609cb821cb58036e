//! The half of the FHIR endpoint that writes: read the body, run the two halves of a write.

use std::sync::Arc;
use std::time::Duration;

use actix_web::http::Method;

use super::body;
use super::fhir::Call;
use super::halves::Halves;
use super::negotiate::{BodyKind, Format, body_kind, prefer};
use super::pool::Pool;
use crate::documents::ingest;
use crate::error::{Error, Kind, Result};
use crate::fhir::model::key::ResourceKey;
use crate::fhir::patch::Patch;
use crate::interactions::binary::{self, RawBinary};
use crate::interactions::create::{CreateRequest, create};
use crate::interactions::delete::{delete, delete_matching};
use crate::interactions::dispatch::{OperationTarget, Target, query_pairs};
use crate::interactions::idempotency::Once;
use crate::interactions::meta::{MetaChange, change_meta};
use crate::interactions::patch::{PatchRequest, patch};
use crate::interactions::reindex;
use crate::interactions::request::Return;
use crate::interactions::terminology::Operation;
use crate::interactions::update::{UpdateRequest, UpdateTarget, update};
use crate::interactions::write::Incoming;
use crate::interactions::{Answer, Node, Step, bundle};
use crate::storage::Received;

impl Call<'_> {
    pub(super) async fn create(mut self, resource_type: String) -> Result<Answer> {
        self.state.node().check_type(&resource_type)?;
        let kind = body_kind(self.request.headers())?;
        if let (BodyKind::Other(content_type), "Binary") = (&kind, resource_type.as_str()) {
            return self.raw_binary(None, content_type.clone()).await;
        }
        let format = fhir_format(&kind)?;
        let preference = prefer(self.request.headers()).0.unwrap_or_default();
        let if_none_exist = match self.request.headers().get("if-none-exist") {
            Some(value) => Some(query_pairs(
                value.to_str().unwrap_or("").trim_start_matches('?'),
            )?),
            None => None,
        };
        let text = self.resource_body().await?;
        let context = self.context.clone();
        let once = self.once(&text)?;
        let pool = match (&if_none_exist, &once) {
            (None, None) => self.state.compute.clone(),
            _ => self.state.patient.clone(),
        };
        let patience = self.state.patience.write;
        let shared = self.state.node();
        let mut request = None;
        let mut text = Some(text);
        self.write_once(&pool, patience, once.is_some(), move |node| {
            let request = match (&request, text.take()) {
                (Some(request), _) => request,
                (None, text) => request.insert(CreateRequest {
                    resource_type: resource_type.clone(),
                    body: incoming(node, format, text.unwrap_or_default())?,
                    if_none_exist: if_none_exist.clone(),
                    preference,
                }),
            };
            match &once {
                Some(once) => once.step(&shared, |node| create(&context, node, request)),
                None => create(&context, node, request),
            }
        })
        .await
    }

    /// The `Idempotency-Key` of a POST with this body.
    fn once(&self, body: &[u8]) -> Result<Option<Once>> {
        let Some(key) = self.request.headers().get("idempotency-key") else {
            return Ok(None);
        };
        let key = key.to_str().unwrap_or("");
        let path = self.request.path();
        Once::read(&self.context, &self.state.node(), key, path, body).map(Some)
    }

    pub(super) async fn update(mut self, resource_type: String, target: Target) -> Result<Answer> {
        self.state.node().check_type(&resource_type)?;
        let kind = body_kind(self.request.headers())?;
        if let (BodyKind::Other(content_type), "Binary", Target::Id(id)) =
            (&kind, resource_type.as_str(), &target)
        {
            return self
                .raw_binary(Some(id.clone()), content_type.clone())
                .await;
        }
        let format = fhir_format(&kind)?;
        let preference = prefer(self.request.headers()).0.unwrap_or_default();
        let if_match = self.if_match()?;
        let pool = match (&target, &if_match.0) {
            (Target::Id(_), None) if self.state.config.dev => self.state.compute.clone(),
            _ => self.state.patient.clone(),
        };
        let patience = self.state.patience.write;
        let target = target.with(&self.pairs);
        let text = self.resource_body().await?;
        let context = self.context.clone();
        let mut parts = Some((text, target));
        let mut request = None;
        self.write(&pool, patience, move |node| {
            let request = match (&request, parts.take()) {
                (None, Some((text, target))) => request.insert(UpdateRequest {
                    resource_type: resource_type.clone(),
                    target,
                    body: incoming(node, format, text)?,
                    if_match: if_match.clone(),
                    preference,
                }),
                (Some(request), _) => request,
                (None, None) => return Err(Error::internal("an update without its parts")),
            };
            update(&context, node, request)
        })
        .await
    }

    pub(super) async fn patch(mut self, resource_type: String, target: Target) -> Result<Answer> {
        self.state.node().check_type(&resource_type)?;
        let kind = body_kind(self.request.headers())?;
        let preference = prefer(self.request.headers()).0.unwrap_or_default();
        let if_match = self.if_match()?;
        let target = target.with(&self.pairs);
        let text = self.resource_body().await?;
        let context = self.context.clone();
        let node = self.state.node();
        let patch_document = match kind {
            BodyKind::JsonPatch => Patch::Json(text),
            BodyKind::XmlPatch => Patch::Xml(text),
            BodyKind::Fhir(format) => Patch::FhirPath(incoming(&node, format, text)?.into_tree()),
            BodyKind::Form | BodyKind::Other(_) => {
                return Err(Error::of(
                    Kind::UnsupportedMediaType,
                    "expected application/json-patch+json, application/xml-patch+xml or FHIR Parameters, found another Content-Type",
                ));
            }
        };
        let request = PatchRequest {
            resource_type,
            target,
            patch: patch_document,
            if_match,
            preference,
        };
        let (pool, patience) = (self.state.patient.clone(), self.state.patience.write);
        self.write(&pool, patience, move |node| patch(&context, node, &request))
            .await
    }

    pub(super) async fn delete(self, resource_type: String, target: Target) -> Result<Answer> {
        let (context, if_match) = (self.context.clone(), self.if_match()?);
        let (pool, patience) = (self.state.patient.clone(), self.state.patience.write);
        match target.with(&self.pairs) {
            UpdateTarget::Id(id) => {
                let key = ResourceKey::new(resource_type, id);
                self.write(&pool, patience, move |node| {
                    delete(&context, node, &key, if_match.clone())
                })
                .await
            }
            UpdateTarget::Criteria(pairs) => {
                self.write(&pool, patience, move |node| {
                    delete_matching(&context, node, &resource_type, &pairs)
                })
                .await
            }
        }
    }

    pub(super) async fn bundle(mut self) -> Result<Answer> {
        let format = fhir_format(&body_kind(self.request.headers())?)?;
        let (preference, _) = prefer(self.request.headers());
        let limits = &self.state.config.limits;
        let announced = self
            .header(actix_web::http::header::CONTENT_LENGTH)
            .and_then(|text| text.parse().ok())
            .unwrap_or(limits.resource_bytes);
        let permit = self.state.admit(announced.min(limits.bundle_bytes)).await?;
        let coded = body::receive(
            self.request.headers(),
            &mut self.payload,
            self.state.node().store.receive(),
            limits.bundle_bytes,
            limits,
        )
        .await?;
        let context = self.context.clone();
        let key = self.request.headers().get("idempotency-key");
        let key = key.map(|key| key.to_str().unwrap_or("").to_owned());
        let path = self.request.path().to_owned();
        let (pool, patience) = (self.state.bulk.clone(), self.state.patience.bulk);
        let shared = self.state.node();
        let mut coded = Some(coded);
        let mut received = None;
        self.write_once(&pool, patience, key.is_some(), move |node| {
            // As long as the text is there, it counts.
            let _ = &permit;
            let (text, once) = match (&received, coded.take()) {
                (Some(received), _) => received,
                (None, Some(coded)) => {
                    let text = as_json(node, format, coded.inflate(node.store.receive())?)?;
                    let once = match &key {
                        Some(key) => Some(Once::read(&context, node, key, &path, text.reader())?),
                        None => None,
                    };
                    received.insert((text, once))
                }
                (None, None) => return Err(Error::internal("a Bundle without its text")),
            };
            match once {
                Some(once) if bundle::is_batch(node, text)? => once.whole(node, |node| {
                    bundle::process(&context, node, text, preference)
                }),
                Some(once) => once.step(&shared, |node| {
                    bundle::process(&context, node, text, preference)
                }),
                None => bundle::process(&context, node, text, preference),
            }
        })
        .await
    }

    pub(super) async fn operation(mut self, name: &str, on: OperationTarget) -> Result<Answer> {
        let reading = *self.request.method() != Method::POST;
        match (name, on) {
            // It changes nothing, so GET will do; POST always does (R4 operations.html).
            ("$meta", OperationTarget::Resource(key)) => self.meta(key, None).await,
            ("$meta", OperationTarget::Version(key, version)) => {
                self.meta(key, Some(version)).await
            }
            ("$meta-add" | "$meta-delete", OperationTarget::Resource(key)) if !reading => {
                let change = if name == "$meta-add" {
                    MetaChange::Add
                } else {
                    MetaChange::Delete
                };
                let format = fhir_format(&body_kind(self.request.headers())?)?;
                let text = self.resource_body().await?;
                let body = incoming(&self.state.node(), format, text)?;
                let context = self.context.clone();
                let (pool, patience) = (self.state.patient.clone(), self.state.patience.write);
                self.write(&pool, patience, move |node| {
                    change_meta(&context, node, &key, change, &body)
                })
                .await
            }
            ("$ingest", OperationTarget::Type(resource_type))
                if !reading && resource_type == "DocumentReference" =>
            {
                self.ingest().await
            }
            ("$everything", OperationTarget::Resource(key)) => self.everything(key).await,
            ("$docref" | "$lastn" | "$match", OperationTarget::Type(on)) => {
                self.find(name, &on).await
            }
            ("$fhirpath", OperationTarget::System) => self.fhirpath().await,
            ("$reindex", on @ (OperationTarget::System | OperationTarget::Type(_))) if !reading => {
                let context = self.context.clone();
                let (pool, patience) = (self.state.patient.clone(), self.state.patience.write);
                self.write(&pool, patience, move |node| {
                    let resource_type = match &on {
                        OperationTarget::Type(name) => Some(name.as_str()),
                        _ => None,
                    };
                    reindex::reindex(&context, node, resource_type)
                })
                .await
            }
            ("$reindex-status", OperationTarget::System) if reading => {
                let (node, pairs) = (self.state.node(), std::mem::take(&mut self.pairs));
                let work = move || reindex::status(&node, &pairs);
                self.state.patient.run(self.reading(), work).await
            }
            (name, on) if Operation::find(name, &on).is_some() => self.terminology(name, &on).await,
            (
                "$meta" | "$meta-add" | "$meta-delete" | "$ingest" | "$reindex" | "$reindex-status"
                | "$expand" | "$validate-code" | "$lookup" | "$subsumes" | "$translate",
                _,
            ) => Err(Error::of(
                Kind::MethodNotAllowed,
                format!(
                    "expected {name} where the CapabilityStatement offers it, found another method or level"
                ),
            )),
            _ => {
                let shown: String = name.chars().take(40).collect();
                Err(Error::of(
                    Kind::NotSupported,
                    format!("the operation {shown} is not offered"),
                ))
            }
        }
    }

    async fn ingest(mut self) -> Result<Answer> {
        let content_type = match body_kind(self.request.headers())? {
            BodyKind::Fhir(Format::Xml) => "application/xml".to_owned(),
            BodyKind::Other(other) if other.starts_with("application/pdf") => {
                "application/pdf".to_owned()
            }
            _ => {
                return Err(Error::of(
                    Kind::UnsupportedMediaType,
                    "expected application/pdf or application/xml, found another Content-Type",
                ));
            }
        };
        let upload = self.upload().await?;
        let context = self.context.clone();
        let (pool, patience) = (self.state.bulk.clone(), self.state.patience.bulk);
        let mut upload = Some(upload);
        let mut document = None;
        self.write(&pool, patience, move |node| {
            let document = match (&document, upload.take()) {
                (Some(document), _) => document,
                (None, Some(upload)) => {
                    document.insert(ingest::Document::read(upload, &content_type)?)
                }
                (None, None) => return Err(Error::internal("an ingestion without its document")),
            };
            ingest::ingest(&context, node, document)
        })
        .await
    }

    async fn raw_binary(mut self, id: Option<String>, content_type: String) -> Result<Answer> {
        if !binary::is_media_type(&content_type) {
            return Err(Error::of(
                Kind::UnsupportedMediaType,
                "expected a media type such as application/pdf, found another form",
            ));
        }
        let security_context = match self.header("x-security-context") {
            Some(text) => Some(binary::security_context(text)?),
            None => None,
        };
        // What was uploaded is not sent back unless it is asked for.
        let (preference, _) = prefer(self.request.headers());
        let preference = preference.unwrap_or(Return::Minimal);
        let if_match = self.if_match()?;
        let upload = self.upload().await?;
        let once = match id {
            None => self.once(&upload.sha256)?,
            Some(_) => None,
        };
        let context = self.context.clone();
        let raw = RawBinary {
            id,
            content_type,
            security_context,
            upload: Arc::new(upload),
            if_match,
            preference,
        };
        let (pool, patience) = (self.state.patient.clone(), self.state.patience.write);
        let shared = self.state.node();
        self.write_once(&pool, patience, once.is_some(), move |node| match &once {
            Some(once) => once.step(&shared, |node| binary::write_raw(&context, node, &raw)),
            None => binary::write_raw(&context, node, &raw),
        })
        .await
    }

    async fn upload(&mut self) -> Result<crate::storage::Upload> {
        let writer = self.state.node().store.upload()?;
        let limits = &self.state.config.limits;
        let writer =
            body::upload(self.request.headers(), &mut self.payload, writer, limits).await?;
        let turn = self.turn(self.state.patience.write);
        self.state.patient.run(turn, move || writer.finish()).await
    }

    /// The body of a request that carries one resource. Attachment data may make it longer than
    /// the limit of a resource; that is judged once it is parsed.
    pub(super) async fn resource_body(&mut self) -> Result<Vec<u8>> {
        let limits = &self.state.config.limits;
        let document = usize::try_from(limits.document_bytes).unwrap_or(usize::MAX);
        let limit = limits
            .resource_bytes
            .saturating_add(document.saturating_mul(4) / 3);
        body::read(
            self.request.headers(),
            &mut self.payload,
            limit,
            limits,
            limits.body_seconds,
        )
        .await
    }

    /// Runs a write, which is given up when the client goes away before it has begun.
    async fn write(
        self,
        pool: &Pool,
        patience: Duration,
        prepare: impl FnMut(&Node) -> Result<Step> + Send + 'static,
    ) -> Result<Answer> {
        self.halves(pool, patience).run(prepare).await
    }

    /// Runs a write to its end when its answer is kept, whether or not the client waits for it: it will ask
    /// again.
    async fn write_once(
        self,
        pool: &Pool,
        patience: Duration,
        is_kept: bool,
        prepare: impl FnMut(&Node) -> Result<Step> + Send + 'static,
    ) -> Result<Answer> {
        let halves = self.halves(pool, patience);
        if !is_kept {
            return halves.run(prepare).await;
        }
        actix_web::rt::spawn(halves.run(prepare))
            .await
            .map_err(|error| Error::internal("a write has no end").because(error))?
    }

    fn halves(&self, pool: &Pool, patience: Duration) -> Halves {
        Halves {
            state: Arc::clone(self.state),
            pool: pool.clone(),
            turn: self.turn(patience),
        }
    }
}

pub(super) fn fhir_format(kind: &BodyKind) -> Result<Format> {
    match kind {
        BodyKind::Fhir(format) => Ok(*format),
        _ => Err(Error::of(
            Kind::UnsupportedMediaType,
            "expected application/fhir+json or application/fhir+xml, found another Content-Type",
        )),
    }
}

pub(super) fn incoming(node: &Node, format: Format, text: Vec<u8>) -> Result<Incoming> {
    match format {
        Format::Json => Incoming::from_json(node, text),
        Format::Xml => Incoming::from_xml(node, &text),
    }
}

/// The text of a Bundle, as JSON.
fn as_json(node: &Node, format: Format, text: Received) -> Result<Received> {
    match format {
        Format::Json => Ok(text),
        Format::Xml => {
            let tree = crate::fhir::xml::from_xml(&text.into_bytes()?, &node.definitions)?;
            let mut receiver = node.store.receive();
            receiver.write(&crate::fhir::model::json::to_vec(&tree))?;
            Ok(receiver.finish())
        }
    }
}
