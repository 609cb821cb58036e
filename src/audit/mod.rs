//! What happened, as `AuditEvent`.
//!
//! A write carries its record inside the commit, so that there is no data without a record. The
//! content follows IHE BALP *Create/Update/Delete* patterns: who, what kind of act, which
//! resources, under which request; no clinical content. Time and sequence are given by the commit.
//! Reads, the hash tree over the records and its proofs belong to the audit work still to come.

use crate::context::RequestContext;
use crate::fhir::model::json;
use crate::fhir::model::key::ResourceKey;
use crate::fhir::model::value::{Object, Value};
use crate::storage::AuditDraft;

/// What was done to the resources named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Create,
    Update,
    Delete,
    /// Several kinds of act in one transaction.
    Execute,
}

impl Action {
    /// `AuditEvent.action`.
    fn code(self) -> &'static str {
        match self {
            Action::Create => "C",
            Action::Update => "U",
            Action::Delete => "D",
            Action::Execute => "E",
        }
    }

    /// The code of `http://hl7.org/fhir/restful-interaction`.
    fn interaction(self) -> &'static str {
        match self {
            Action::Create => "create",
            Action::Update => "update",
            Action::Delete => "delete",
            Action::Execute => "transaction",
        }
    }
}

/// The record of a write that is about to be committed.
pub fn draft<'a>(
    context: &RequestContext,
    action: Action,
    subjects: impl IntoIterator<Item = &'a ResourceKey>,
) -> AuditDraft {
    let coding = |system: &str, code: &str| {
        let mut coding = Object::with_capacity(2);
        coding.push("system", system);
        coding.push("code", code);
        Value::Object(coding)
    };
    let mut agent = Object::new();
    let mut who = Object::new();
    who.push("display", context.caller.name());
    agent.push("who", who);
    agent.push("requestor", true);

    let mut source = Object::new();
    let mut observer = Object::new();
    observer.push("display", "fascicolo");
    source.push("observer", observer);

    let mut entities = vec![request_entity(&context.request_id)];
    for key in subjects {
        let mut what = Object::new();
        what.push("reference", key.to_string());
        let mut entity = Object::new();
        entity.push("what", what);
        entities.push(Value::Object(entity));
    }

    let mut event = Object::new();
    event.push("resourceType", "AuditEvent");
    event.push(
        "type",
        coding(
            "http://terminology.hl7.org/CodeSystem/audit-event-type",
            "rest",
        ),
    );
    event.push(
        "subtype",
        vec![coding(
            "http://hl7.org/fhir/restful-interaction",
            action.interaction(),
        )],
    );
    event.push("action", action.code());
    event.push("outcome", "0");
    event.push("agent", vec![Value::Object(agent)]);
    event.push("source", source);
    event.push("entity", entities);
    let content = json::to_vec(&Value::Object(event));
    AuditDraft {
        content: String::from_utf8(content).unwrap_or_default(),
    }
}

/// IHE BALP: the request id, as an entity of its own.
fn request_entity(request_id: &str) -> Value {
    let mut identifier = Object::new();
    identifier.push("value", request_id);
    let mut what = Object::new();
    what.push("identifier", identifier);
    let mut kind = Object::new();
    kind.push(
        "system",
        "https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType",
    );
    kind.push("code", "XrequestId");
    let mut entity = Object::new();
    entity.push("what", what);
    entity.push("type", kind);
    Value::Object(entity)
}
