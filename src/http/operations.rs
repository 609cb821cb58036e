//! Operations that only read: parameters from URL and body, an answer from what is stored.
//!
//! Source: FHIR R4 operations.html: what changes nothing may be asked by GET where its parameters are
//! plain values; POST always does.

use actix_web::http::Method;
use actix_web::http::header::CONTENT_TYPE;

use super::fhir::Call;
use super::negotiate::{body_kind, prefer};
use super::writes::{fhir_format, incoming};
use crate::error::{Error, Kind, Result};
use crate::fhir::model::key::ResourceKey;
use crate::interactions::dispatch::OperationTarget;
use crate::interactions::meta::meta;
use crate::interactions::search::everything;
use crate::interactions::terminology::{Input, Operation};
use crate::interactions::{Answer, Body, Node};
use crate::operations::{MatchRequest, docref, fhirpath, find_match, lastn, parameters};

impl Call<'_> {
    pub(super) async fn everything(mut self, key: ResourceKey) -> Result<Answer> {
        let pairs = self.operation_pairs().await?;
        self.told(move |node| everything(node, &key, &pairs)).await
    }

    /// An operation that finds resources of a type.
    pub(super) async fn find(mut self, name: &str, on: &str) -> Result<Answer> {
        let (_, handling) = prefer(self.request.headers());
        match (name, on) {
            ("$docref", "DocumentReference") => {
                let pairs = self.operation_pairs().await?;
                self.told(move |node| docref(node, &pairs, handling)).await
            }
            ("$lastn", "Observation") => {
                let pairs = self.operation_pairs().await?;
                self.told(move |node| lastn(node, &pairs, handling)).await
            }
            ("$match", "Patient") if *self.request.method() == Method::POST => {
                let pairs = std::mem::take(&mut self.pairs);
                let format = fhir_format(&body_kind(self.request.headers())?)?;
                let text = self.resource_body().await?;
                self.told(move |node| {
                    let body = incoming(node, format, text.clone())?;
                    find_match(node, &MatchRequest::read(node, body.tree(), &pairs)?)
                })
                .await
            }
            ("$match", "Patient") => Err(Error::of(
                Kind::MethodNotAllowed,
                "expected POST for $match, found another method",
            )),
            _ => Err(Error::of(
                Kind::NotSupported,
                format!("the operation {name} is not offered on this type"),
            )),
        }
    }

    /// `$fhirpath`: by GET with plain parameters, by POST with a Parameters resource.
    pub(super) async fn fhirpath(mut self) -> Result<Answer> {
        let pairs = std::mem::take(&mut self.pairs);
        let has_body = self.request.headers().contains_key(CONTENT_TYPE);
        if *self.request.method() != Method::POST || !has_body {
            return self.told(move |node| fhirpath(node, &pairs, None)).await;
        }
        let format = fhir_format(&body_kind(self.request.headers())?)?;
        let text = self.resource_body().await?;
        self.told(move |node| {
            let body = incoming(node, format, text.clone())?;
            fhirpath(node, &pairs, Some(body.tree()))
        })
        .await
    }

    pub(super) async fn terminology(mut self, name: &str, on: &OperationTarget) -> Result<Answer> {
        let Some((operation, key)) = Operation::find(name, on) else {
            return Err(Error::internal("an operation that is gone"));
        };
        let mut input = Input::from_pairs(std::mem::take(&mut self.pairs));
        let has_body = self.request.headers().contains_key(CONTENT_TYPE);
        if *self.request.method() == Method::POST && has_body {
            let format = fhir_format(&body_kind(self.request.headers())?)?;
            let text = self.resource_body().await?;
            let body = incoming(&self.state.node(), format, text)?;
            input.add(body.tree())?;
        }
        self.told(move |node| operation.answer(node, key.as_ref(), &input))
            .await
    }

    pub(super) async fn meta(self, key: ResourceKey, version: Option<String>) -> Result<Answer> {
        self.told(move |node| meta(node, &key, version.as_deref()))
            .await
    }

    /// The parameters of an operation: of the URL, and of the body of a POST.
    async fn operation_pairs(&mut self) -> Result<Vec<(String, String)>> {
        let mut pairs = std::mem::take(&mut self.pairs);
        let has_body = self.request.headers().contains_key(CONTENT_TYPE);
        if *self.request.method() == Method::POST && has_body {
            let format = fhir_format(&body_kind(self.request.headers())?)?;
            let text = self.resource_body().await?;
            let body = incoming(&self.state.node(), format, text)?;
            pairs.extend(parameters(body.tree())?);
        }
        Ok(pairs)
    }

    /// Answers from what is stored, on a thread that may wait.
    async fn told(
        self,
        read: impl Fn(&Node) -> Result<Vec<u8>> + Send + 'static,
    ) -> Result<Answer> {
        let node = self.state.node();
        let work = move || node.reading(read);
        let json = self.state.patient.run(self.reading(), work).await?;
        Ok(Answer::of(200, Body::Json(json)))
    }
}
