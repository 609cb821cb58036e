//! The FHIR endpoint: read the request, hand it to a use case, answer.

use std::sync::Arc;
use std::time::Duration;

use actix_web::http::Method;
use actix_web::http::header::{
    ALLOW, CONTENT_RANGE, HeaderValue, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH,
};
use actix_web::web::{Bytes, Payload};
use actix_web::{HttpRequest, HttpResponse};
use tokio::sync::oneshot;

use super::body;
use super::download::{self, Download};
use super::negotiate::{
    BodyKind, Format, Wanted, body_kind, coding, not_acceptable, only_documents, prefer, wanted,
};
use super::peers;
use super::pool::Turn;
use super::respond::{self, read_http_date};
use super::state::State;
use crate::clock::Instant;
use crate::context::RequestContext;
use crate::error::{Error, Kind, Result};
use crate::fhir::model::key::ResourceKey;
use crate::interactions::binary;
use crate::interactions::dispatch::{Interaction, Reach, Verb, classify, decode, query_pairs};
use crate::interactions::history::{HistoryRequest, history};
use crate::interactions::read;
use crate::interactions::request::{IfMatch, version_of_etag};
use crate::interactions::search::{SearchRequest, search};
use crate::interactions::subset::{self, Subset};
use crate::interactions::write::content;
use crate::interactions::{Answer, Body, capabilities};
use crate::monitoring::counters::Class;
use crate::storage::{Cached, Look, Version};

/// One request, as far as it is read.
pub(super) struct Call<'a> {
    pub(super) state: &'a Arc<State>,
    pub(super) request: &'a HttpRequest,
    pub(super) payload: Payload,
    pub(super) context: RequestContext,
    pub(super) pairs: Vec<(String, String)>,
    pub(super) wanted: Wanted,
}

/// Answers a request to the FHIR base; `path` is what follows it.
pub async fn handle(
    state: &Arc<State>,
    request: &HttpRequest,
    payload: Payload,
    context: RequestContext,
    path: &str,
) -> (HttpResponse, Class) {
    let plain = Wanted {
        format: Format::Json,
        pretty: false,
        raw: false,
    };
    let request_id = context.request_id.clone();
    let refuse = |error: &Error, wanted: &Wanted, class| {
        (
            respond::error(&state.node(), error, wanted, &request_id),
            class,
        )
    };
    let pairs = match query_pairs(request.query_string()) {
        Ok(pairs) => pairs,
        Err(error) => return refuse(&error, &plain, Class::Other),
    };
    let wanted = match wanted(request.headers(), &pairs) {
        Ok(wanted) => wanted,
        Err(error) => return refuse(&error, &plain, Class::Other),
    };
    let interaction = match interaction(request.method().as_str(), path) {
        Ok(interaction) => interaction,
        Err(error) => {
            let (mut response, class) = refuse(&error, &wanted, Class::Other);
            if error.kind() == Kind::MethodNotAllowed
                && let Ok(value) = HeaderValue::from_str(&allowed(path))
            {
                response.headers_mut().insert(ALLOW, value);
            }
            return (response, class);
        }
    };
    let class = class_of(&interaction);
    let call = Call {
        state,
        request,
        payload,
        context,
        pairs,
        wanted: wanted.clone(),
    };
    let turn = call.turn(state.patience.write);
    let download = |document| Download {
        document,
        pool: state.patient.clone(),
        turn,
    };
    let result = match call.answer(interaction).await {
        Ok(Answer {
            status,
            version,
            body: Body::Raw {
                content_type,
                document,
            },
            ..
        }) => {
            let mut response = respond::builder(status);
            respond::version(&mut response, version);
            let size = document.size();
            download(document)
                .raw(response, request, content_type)
                .or_else(|error| {
                    let (mut response, _) = refuse(&error, &wanted, class);
                    if let Some(value) = download::unsatisfied(size) {
                        response.headers_mut().insert(CONTENT_RANGE, value);
                    }
                    Ok(response)
                })
        }
        Ok(Answer {
            status,
            version,
            body: Body::Around { json, document },
            ..
        }) => {
            let mut response = respond::builder(status);
            respond::version(&mut response, version);
            respond::vary(&mut response);
            download(document).inside(response, request, json)
        }
        Ok(answer) => respond::answer(&state.node(), answer, &wanted, coding(request.headers())),
        Err(error) => Err(error),
    };
    match result {
        Ok(response) => (response, class),
        Err(error) => refuse(&error, &wanted, class),
    }
}

/// The methods that a path has (HTTP-04).
fn allowed(path: &str) -> String {
    let methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];
    let allowed: Vec<&str> = methods
        .into_iter()
        .filter(|method| interaction(method, path).is_ok())
        .collect();
    allowed.join(", ")
}

fn interaction(method: &str, path: &str) -> Result<Interaction> {
    let verb = Verb::parse(method).ok_or_else(|| {
        Error::of(
            Kind::MethodNotAllowed,
            "expected GET, HEAD, POST, PUT, PATCH or DELETE, found another method",
        )
    })?;
    let segments = path
        .split('/')
        .filter(|segment| !segment.is_empty())
        .map(|segment| decode(&segment.replace('+', "%2B")))
        .collect::<Result<Vec<String>>>()?;
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    classify(verb, &segments)
}

fn class_of(interaction: &Interaction) -> Class {
    match interaction {
        Interaction::Read(_) | Interaction::VRead(..) => Class::Read,
        Interaction::Search(_) | Interaction::History(_) => Class::Search,
        Interaction::Bundle => Class::Bundle,
        Interaction::Create(_)
        | Interaction::Update(..)
        | Interaction::Patch(..)
        | Interaction::Delete(..) => Class::Write,
        Interaction::Capabilities | Interaction::Operation { .. } => Class::Other,
    }
}

impl Call<'_> {
    async fn answer(mut self, interaction: Interaction) -> Result<Answer> {
        let binary = match &interaction {
            Interaction::Read(key) | Interaction::VRead(key, _) => key.resource_type == "Binary",
            Interaction::Create(name) | Interaction::Update(name, _) => name == "Binary",
            _ => false,
        };
        if !binary && only_documents(self.request.headers()) && !self.formatted() {
            return Err(not_acceptable("Accept"));
        }
        match interaction {
            Interaction::Capabilities => self.capabilities(),
            Interaction::Read(key) => self.read(key).await,
            Interaction::VRead(key, version) => self.vread(key, version).await,
            Interaction::Create(name) => self.create(name).await,
            Interaction::Update(name, target) => self.update(name, target).await,
            Interaction::Patch(name, target) => self.patch(name, target).await,
            Interaction::Delete(name, target) => self.delete(name, target).await,
            Interaction::Search(reach) => self.search(reach).await,
            Interaction::History(scope) => {
                let pairs = std::mem::take(&mut self.pairs);
                let node = self.state.node();
                let request = HistoryRequest { scope, pairs };
                let json = self
                    .state
                    .patient
                    .run(self.reading(), move || history(&node, &request))
                    .await?;
                Ok(Answer::of(200, Body::Json(json)))
            }
            Interaction::Bundle => self.bundle().await,
            Interaction::Operation { name, on } => self.operation(&name, on).await,
        }
    }

    /// The turn of work that only reads.
    pub(super) fn reading(&self) -> Turn {
        Turn {
            only_reads: true,
            ..self.turn(self.state.patience.read)
        }
    }

    /// The turn of work that this patience is right for.
    pub(super) fn turn(&self, patience: Duration) -> Turn {
        Turn {
            client: peers::client(self.request),
            patience,
            only_reads: false,
        }
    }

    fn formatted(&self) -> bool {
        self.pairs.iter().any(|(name, _)| name == "_format")
    }

    pub(super) fn header(&self, name: impl actix_web::http::header::AsHeaderName) -> Option<&str> {
        self.request
            .headers()
            .get(name)
            .and_then(|value| value.to_str().ok())
    }

    pub(super) fn if_match(&self) -> Result<IfMatch> {
        match self.request.headers().get(IF_MATCH) {
            Some(value) => IfMatch::parse(value.to_str().unwrap_or("")),
            None => Ok(IfMatch::default()),
        }
    }

    fn subset(&self) -> Result<Subset> {
        Subset::read(&self.pairs)
    }

    fn capabilities(&self) -> Result<Answer> {
        let subset = self.subset()?;
        let node = &self.state.node();
        let terminology = self
            .pairs
            .iter()
            .any(|(name, value)| name == "mode" && value == "terminology");
        let json = if terminology {
            capabilities::terminology(node)
        } else {
            capabilities::statement(node)
        };
        let json = subset::apply(node, json, &subset)?;
        Ok(Answer::of(200, Body::Json(json)))
    }

    async fn read(self, key: ResourceKey) -> Result<Answer> {
        let node = &self.state.node();
        node.check_type(&key.resource_type)?;
        let whole = key.resource_type != "Binary" && self.subset()?.is_whole();
        let look = if whole { node.store.look(&key) } else { None };
        if let Some(Look::Hit(cached)) = &look {
            if let Some(answer) = self.not_modified(cached.version, cached.last_updated) {
                return Ok(answer);
            }
            let mut answer = Answer::of(200, Body::Ready(cached.json.clone()));
            answer.version = Some((cached.version, cached.last_updated));
            return Ok(answer);
        }
        let (sender, found) = oneshot::channel();
        node.store.read_then(
            key.clone(),
            Box::new(move |result| {
                let _ = sender.send(result);
            }),
        );
        let version = found.await.map_err(|_| stopping())??;
        let version = read::found(&key, version)?;
        if let Some(answer) = self.not_modified(version.version, version.last_updated) {
            return Ok(answer);
        }
        let Some(Look::Miss(epoch)) = look else {
            return self.deliver(version).await;
        };
        let json = Bytes::from(node.store.json(&version)?);
        let cached = Cached {
            version: version.version,
            last_updated: version.last_updated,
            json: json.clone(),
        };
        node.store.keep(&key, epoch, cached);
        let mut answer = Answer::of(200, Body::Ready(json));
        answer.version = Some((version.version, version.last_updated));
        Ok(answer)
    }

    async fn vread(self, key: ResourceKey, version: String) -> Result<Answer> {
        self.state.node().check_type(&key.resource_type)?;
        let node = self.state.node();
        let version = self
            .state
            .patient
            .run(self.reading(), move || read::vread(&node, &key, &version))
            .await?;
        self.deliver(version).await
    }

    /// Conditional read, R4 http.html#cread.
    fn not_modified(&self, version: i64, last_updated: Instant) -> Option<Answer> {
        let same = match self.header(IF_NONE_MATCH) {
            Some(tags) => tags
                .split(',')
                .any(|tag| tag.trim() == "*" || version_of_etag(tag) == Some(version)),
            None => self
                .header(IF_MODIFIED_SINCE)
                .and_then(read_http_date)
                .is_some_and(|since| last_updated.div_euclid(1_000_000) <= since),
        };
        same.then(|| {
            let mut answer = Answer::of(304, Body::Empty);
            answer.version = Some((version, last_updated));
            answer
        })
    }

    async fn deliver(self, version: Version) -> Result<Answer> {
        let subset = self.subset()?;
        let is_binary = version.key.resource_type == "Binary";
        if !is_binary && subset.is_whole() {
            return Ok(Answer::stored(200, version));
        }
        let (node, raw) = (self.state.node(), self.wanted.raw);
        let as_stored =
            self.wanted.format == Format::Json && !self.wanted.pretty && subset.is_whole();
        self.state
            .patient
            .run(self.reading(), move || {
                if is_binary && raw {
                    return binary::raw(&node, &version);
                }
                if is_binary && as_stored {
                    return binary::around(&node, &version);
                }
                let json = content(&node, &version)?;
                let json = subset::apply(&node, json, &subset)?;
                let mut answer = Answer::of(200, Body::Json(json));
                answer.version = Some((version.version, version.last_updated));
                Ok(answer)
            })
            .await
    }

    async fn search(mut self, reach: Reach) -> Result<Answer> {
        let mut pairs = std::mem::take(&mut self.pairs);
        if *self.request.method() == Method::POST {
            match body_kind(self.request.headers())? {
                BodyKind::Form => {}
                _ => {
                    return Err(Error::of(
                        Kind::UnsupportedMediaType,
                        "expected application/x-www-form-urlencoded, found another Content-Type",
                    ));
                }
            }
            let limits = &self.state.config.limits;
            let body = body::read(
                self.request.headers(),
                &mut self.payload,
                limits.resource_bytes,
                limits,
                limits.body_seconds,
            )
            .await?;
            let text = String::from_utf8(body).map_err(|_| {
                Error::of(Kind::Invalid, "expected a form in UTF-8, found other bytes")
            })?;
            pairs.extend(query_pairs(&text)?);
        }
        let (_, handling) = prefer(self.request.headers());
        let request = SearchRequest {
            reach,
            pairs,
            handling,
        };
        let node = self.state.node();
        let json = self
            .state
            .patient
            .run(self.reading(), move || {
                node.reading(|node| search(node, &request))
            })
            .await?;
        Ok(Answer::of(200, Body::Json(json)))
    }
}

pub(super) fn stopping() -> Error {
    Error::of(Kind::Unavailable, "the server is stopping").retry_after(5)
}
