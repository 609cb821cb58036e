//! From a verb and a path to an interaction: one table for HTTP and for the entries of a Bundle.
//!
//! Source: FHIR R4 http.html, table "Summary".

use super::update::UpdateTarget;
use crate::error::{Error, Kind, Result};
use crate::fhir::model::key::{ResourceKey, is_id, is_type_name};
use crate::storage::Scope;

/// An HTTP verb that FHIR uses. HEAD is GET without the body, which only HTTP sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

impl Verb {
    /// Reads the upper-case name of a verb.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "GET" | "HEAD" => Verb::Get,
            "POST" => Verb::Post,
            "PUT" => Verb::Put,
            "PATCH" => Verb::Patch,
            "DELETE" => Verb::Delete,
            _ => return None,
        })
    }
}

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
pub enum Interaction {
    Capabilities,
    Read(ResourceKey),
    VRead(ResourceKey, String),
    Create(String),
    Update(String, Target),
    Patch(String, Target),
    Delete(String, Target),
    Search(Reach),
    History(Scope),
    Bundle,
    Operation { name: String, on: OperationTarget },
}

/// Which resources a search is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// All types.
    System,
    Type(String),
    /// A compartment: one type of it, or all of them.
    Compartment(ResourceKey, Option<String>),
}

/// Which resource a change means: by id in the path, or by the query.
#[derive(Debug, PartialEq, Eq)]
pub enum Target {
    Id(String),
    Query,
}

impl Target {
    /// The target with the query it may need.
    pub fn with(&self, pairs: &[(String, String)]) -> UpdateTarget {
        match self {
            Target::Id(id) => UpdateTarget::Id(id.clone()),
            Target::Query => UpdateTarget::Criteria(pairs.to_vec()),
        }
    }
}

/// What an operation is called on.
#[derive(Debug, PartialEq, Eq)]
pub enum OperationTarget {
    System,
    Type(String),
    Resource(ResourceKey),
    Version(ResourceKey, String),
}

/// Classifies a request by its verb and the decoded segments of its path below the base.
///
/// # Errors
/// `NotFound` for a path that means nothing, `MethodNotAllowed` for a verb that it does not have.
pub fn classify(verb: Verb, segments: &[&str]) -> Result<Interaction> {
    let refuse = |allowed: &str| {
        Err(Error::of(
            Kind::MethodNotAllowed,
            format!("expected {allowed} on this path, found another method"),
        ))
    };
    match (verb, segments) {
        (Verb::Get, ["metadata"]) => Ok(Interaction::Capabilities),
        (_, ["metadata"]) => refuse("GET"),
        (Verb::Post, []) => Ok(Interaction::Bundle),
        (Verb::Get, []) => Ok(Interaction::Search(Reach::System)),
        (_, []) => refuse("GET or POST"),
        (Verb::Get, ["_history"]) => Ok(Interaction::History(Scope::System)),
        (_, ["_history"]) => refuse("GET"),
        (Verb::Get | Verb::Post, [name]) if name.starts_with('$') => Ok(Interaction::Operation {
            name: (*name).to_owned(),
            on: OperationTarget::System,
        }),
        (Verb::Post, ["_search"]) => Ok(Interaction::Search(Reach::System)),
        (_, ["_search"]) => refuse("POST"),
        (verb, [resource_type]) if is_type_name(resource_type) => {
            let name = (*resource_type).to_owned();
            Ok(match verb {
                Verb::Get => Interaction::Search(Reach::Type(name)),
                Verb::Post => Interaction::Create(name),
                Verb::Put => Interaction::Update(name, Target::Query),
                Verb::Patch => Interaction::Patch(name, Target::Query),
                Verb::Delete => Interaction::Delete(name, Target::Query),
            })
        }
        (Verb::Get, [resource_type, "_history"]) if is_type_name(resource_type) => Ok(
            Interaction::History(Scope::Type((*resource_type).to_owned())),
        ),
        (Verb::Post, [resource_type, "_search"]) if is_type_name(resource_type) => Ok(
            Interaction::Search(Reach::Type((*resource_type).to_owned())),
        ),
        (_, [_, "_history"]) => refuse("GET"),
        (_, [_, "_search"]) => refuse("POST"),
        (Verb::Get | Verb::Post, [resource_type, name])
            if is_type_name(resource_type) && name.starts_with('$') =>
        {
            Ok(Interaction::Operation {
                name: (*name).to_owned(),
                on: OperationTarget::Type((*resource_type).to_owned()),
            })
        }
        (verb, [resource_type, id]) if is_type_name(resource_type) && is_id(id) => {
            let name = (*resource_type).to_owned();
            let target = Target::Id((*id).to_owned());
            match verb {
                Verb::Get => Ok(Interaction::Read(ResourceKey::new(*resource_type, *id))),
                Verb::Put => Ok(Interaction::Update(name, target)),
                Verb::Patch => Ok(Interaction::Patch(name, target)),
                Verb::Delete => Ok(Interaction::Delete(name, target)),
                Verb::Post => refuse("GET, PUT, PATCH or DELETE"),
            }
        }
        (Verb::Get, [resource_type, id, "_history"])
            if is_type_name(resource_type) && is_id(id) =>
        {
            let key = ResourceKey::new(*resource_type, *id);
            Ok(Interaction::History(Scope::Resource(key)))
        }
        (verb, [compartment, id, rest @ ..])
            if is_type_name(compartment)
                && is_id(id)
                && matches!(
                    (verb, rest),
                    (Verb::Get, [_]) | (Verb::Post, [_, "_search"])
                )
                && rest
                    .first()
                    .is_some_and(|name| *name == "*" || is_type_name(name)) =>
        {
            let wanted = rest.first().filter(|name| **name != "*");
            Ok(Interaction::Search(Reach::Compartment(
                ResourceKey::new(*compartment, *id),
                wanted.map(|name| (*name).to_owned()),
            )))
        }
        (Verb::Get | Verb::Post, [resource_type, id, name])
            if is_type_name(resource_type) && is_id(id) && name.starts_with('$') =>
        {
            Ok(Interaction::Operation {
                name: (*name).to_owned(),
                on: OperationTarget::Resource(ResourceKey::new(*resource_type, *id)),
            })
        }
        (Verb::Get, [resource_type, id, "_history", version])
            if is_type_name(resource_type) && is_id(id) =>
        {
            let key = ResourceKey::new(*resource_type, *id);
            Ok(Interaction::VRead(key, (*version).to_owned()))
        }
        (Verb::Get | Verb::Post, [resource_type, id, "_history", version, name])
            if is_type_name(resource_type) && is_id(id) && name.starts_with('$') =>
        {
            Ok(Interaction::Operation {
                name: (*name).to_owned(),
                on: OperationTarget::Version(
                    ResourceKey::new(*resource_type, *id),
                    (*version).to_owned(),
                ),
            })
        }
        (_, [_, _, "_history"] | [_, _, "_history", _]) => refuse("GET"),
        (_, [.., name]) if name.starts_with('$') && segments.len() <= 5 => refuse("GET or POST"),
        _ => Err(Error::of(
            Kind::NotFound,
            "expected a FHIR path such as Patient/1, found another",
        )),
    }
}

/// Decodes a query string or form body into pairs, in order; `+` is a space.
pub fn query_pairs(query: &str) -> Result<Vec<(String, String)>> {
    let mut pairs = Vec::new();
    for part in query.split('&').filter(|part| !part.is_empty()) {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        pairs.push((decode(name)?, decode(value)?));
    }
    Ok(pairs)
}

/// Decodes percent-encoding and `+`.
///
/// # Errors
/// `Invalid` for a broken sequence, for what is no UTF-8 and for U+0000.
pub fn decode(text: &str) -> Result<String> {
    let bad = || {
        Error::new(
            Kind::Invalid,
            "value",
            "expected percent-encoded UTF-8 in the URL, found something else",
        )
    };
    if !text.contains(['%', '+', '\0']) {
        return Ok(text.to_owned());
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        match first {
            b'+' => bytes.push(b' '),
            b'%' => {
                let (digits, after) = rest.split_at_checked(2).ok_or_else(bad)?;
                let digits = std::str::from_utf8(digits).map_err(|_| bad())?;
                if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
                    return Err(bad());
                }
                bytes.push(u8::from_str_radix(digits, 16).map_err(|_| bad())?);
                rest = after;
            }
            other => bytes.push(*other),
        }
    }
    let text = String::from_utf8(bytes).map_err(|_| bad())?;
    if text.contains('\0') {
        return Err(bad());
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(verb: &str, path: &str, expected: &str) {
        let segments: Vec<&str> = path.split('/').filter(|s| !s.is_empty()).collect();
        let found = match classify(Verb::parse(verb).unwrap(), &segments) {
            Ok(interaction) => format!("{interaction:?}"),
            Err(error) => error.kind().status().to_string(),
        };
        assert!(found.starts_with(expected), "{verb} {path}: {found}");
    }

    #[test]
    fn http_table() {
        check("GET", "metadata", "Capabilities");
        check("POST", "", "Bundle");
        check("GET", "Patient/1", "Read");
        check("HEAD", "Patient/1", "Read");
        check("GET", "Patient/1/_history/2", "VRead");
        check("PUT", "Patient/1", "Update(\"Patient\", Id(\"1\"))");
        check("PUT", "Patient", "Update(\"Patient\", Query)");
        check("PATCH", "Patient", "Patch(\"Patient\", Query)");
        check("DELETE", "Patient", "Delete(\"Patient\", Query)");
        check("POST", "Patient/_search", "Search");
        check("GET", "", "Search(System)");
        check("POST", "_search", "Search(System)");
        check("GET", "Patient/1/Observation", "Search(Compartment");
        check("GET", "Patient/1/*", "Search(Compartment");
        check(
            "POST",
            "Patient/1/Observation/_search",
            "Search(Compartment",
        );
        check("GET", "_history", "History(System)");
        check("GET", "Patient/_history", "History(Type");
        check("GET", "Patient/1/_history", "History(Resource");
        check("POST", "Patient/1/$meta-add", "Operation");
        check("GET", "Patient/1/_history/1/$meta", "Operation");
        check("POST", "Patient/1", "405");
        check("PUT", "metadata", "405");
        check("GET", "patient/1", "404");
        check("GET", "Patient/a_b", "404");
        check("GET", "Patient/1/2/3", "404");
        check("DELETE", "Patient/1/_history/1", "405");
        check("PUT", "Patient/1/$meta", "405");
        check("DELETE", "$x", "405");
    }

    #[test]
    fn query_strings() {
        let pairs = query_pairs("a=b%20c&d=%C3%A8+x&&e").unwrap();
        assert_eq!(pairs[0], ("a".into(), "b c".into()));
        assert_eq!(pairs[1], ("d".into(), "è x".into()));
        assert_eq!(pairs[2], ("e".into(), String::new()));
        for bad in ["a=%", "a=%zz", "a=%c3", "a=%00", "a=%+1"] {
            assert!(query_pairs(bad).is_err(), "{bad}");
        }
    }
}
