//! `$reindex` and `$reindex-status`: operations of this server's own.
//!
//! A job goes over the resources of all types, or of one, while the server runs. It is answered as FHIR
//! R4 async.html says: 202 with the place where its state is told, which is 202 until it is done.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::answer::{Answer, Body, Race, Step};
use super::node::Node;
use crate::audit::{self, Action};
use crate::context::RequestContext;
use crate::error::{Error, Issue, Kind, Result};
use crate::fhir::model::json;
use crate::fhir::model::value::{Object, Value};
use crate::storage::{Commit, JobDraft, REINDEX, ReindexJob};

/// The first half of `$reindex`: a job is queued, unless one waits that does as much.
pub fn reindex(context: &RequestContext, node: &Node, resource_type: Option<&str>) -> Result<Step> {
    let types: BTreeSet<String> = match resource_type {
        Some(name) => {
            node.check_type(name)?;
            BTreeSet::from([name.to_owned()])
        }
        None => {
            let names = node.definitions.resource_types().iter();
            names.map(ToString::to_string).collect()
        }
    };
    let jobs = node.store.reindex_jobs()?;
    let waiting = jobs
        .iter()
        .find(|(_, job)| job.is_waiting() && job.types.is_superset(&types));
    if let Some((id, _)) = waiting {
        return Ok(Step::Done(accepted(*id)));
    }
    Ok(Step::Commit {
        commit: Commit {
            audit: Some(audit::draft(context, Action::Execute, [])),
            jobs: vec![JobDraft {
                kind: REINDEX,
                payload: ReindexJob::of(types, node.edition).payload()?,
                run_after: node.clock.now(),
            }],
            ..Commit::default()
        },
        race: Race::Retry,
        brief: None,
        finish: Arc::new(|_, committed| {
            let id = committed.jobs.first().copied();
            id.map(accepted)
                .ok_or_else(|| Error::internal("a job without a number"))
        }),
    })
}

fn accepted(id: i64) -> Answer {
    let text = "the index is brought up to date; its state is told at Content-Location";
    let issue = Issue::information("informational", text);
    let mut answer = Answer::of(202, Body::Outcome(vec![issue]));
    answer.content_location = Some(format!("$reindex-status?job={id}"));
    answer
}

/// `$reindex-status`: the state of a job as Parameters; 202 until it is done.
pub fn status(node: &Node, pairs: &[(String, String)]) -> Result<Answer> {
    let job = pairs.iter().find(|(name, _)| name == "job");
    let id: i64 = job.and_then(|(_, text)| text.parse().ok()).ok_or_else(|| {
        Error::new(
            Kind::Invalid,
            "value",
            "expected the number of a job as job, found none",
        )
    })?;
    let job = node.store.reindex_job(id)?.ok_or_else(|| {
        Error::of(
            Kind::NotFound,
            "expected a job that $reindex began and that ended not long ago, found none",
        )
    })?;
    let state = match (job.done, job.is_waiting()) {
        (true, _) => "completed",
        (false, true) => "waiting",
        (false, false) => "in-progress",
    };
    let number = |count: u64| Value::Number(count.to_string().into());
    let mut list = vec![
        parameter("status", "valueCode", state.into()),
        parameter("lookedAt", "valueDecimal", number(job.looked_at)),
        parameter("changed", "valueDecimal", number(job.changed)),
        parameter("failed", "valueDecimal", number(job.failed)),
    ];
    if let (Some(name), false) = (&job.at, job.done) {
        list.push(parameter("at", "valueCode", name.as_str().into()));
    }
    let mut parameters = Object::new();
    parameters.push("resourceType", "Parameters");
    parameters.push("parameter", list);
    let status = if job.done { 200 } else { 202 };
    let json = json::to_vec(&Value::Object(parameters));
    Ok(Answer::of(status, Body::Json(json)))
}

fn parameter(name: &str, member: &str, value: Value) -> Value {
    let mut parameter = Object::new();
    parameter.push("name", name);
    parameter.push(member, value);
    Value::Object(parameter)
}
