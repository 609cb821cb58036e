//! What an assert asks of content as a whole: a minimum, links that can be followed.

use super::message::Exchange;
use super::result::Fault;
use super::source::Stop;
use crate::fhir::model::value::Value;

/// An answer in a few words: status, and what an OperationOutcome says.
pub fn answer(exchange: &Exchange) -> String {
    let status = exchange.response.status;
    let issue = exchange
        .response
        .resource
        .as_ref()
        .ok()
        .filter(|tree| tree.str_at("resourceType") == Some("OperationOutcome"))
        .and_then(|tree| tree.items_at("issue").first());
    let said = issue.and_then(|issue| {
        let details = issue
            .get("details")
            .and_then(|details| details.str_at("text"));
        issue.str_at("diagnostics").or(details)
    });
    let request = &exchange.request;
    match said {
        Some(said) => format!("{status} from {} {}: {said}", request.method, request.url),
        None => format!("{status} from {} {}", request.method, request.url),
    }
}

/// Whether `found` has everything that `minimum` has, items of lists in any order.
pub fn covers(found: &Value, minimum: &Value, place: &str) -> Result<(), Stop> {
    let missing = || {
        let place = if place.is_empty() {
            "the resource"
        } else {
            place
        };
        Stop::Fault(Fault::new(
            format!("the minimum content at {place}"),
            "something else",
        ))
    };
    match (found, minimum) {
        (Value::Object(found), Value::Object(minimum)) => {
            for (name, wanted) in minimum.iter() {
                let place = if place.is_empty() {
                    name.to_owned()
                } else {
                    format!("{place}.{name}")
                };
                let Some(found) = found.get(name) else {
                    return Err(Stop::Fault(Fault::new(place, "nothing")));
                };
                covers(found, wanted, &place)?;
            }
            Ok(())
        }
        (Value::Array(found), Value::Array(minimum)) => minimum
            .iter()
            .all(|wanted| {
                found
                    .iter()
                    .any(|found| covers(found, wanted, place).is_ok())
            })
            .then_some(())
            .ok_or_else(missing),
        (found, minimum) => (found == minimum).then_some(()).ok_or_else(missing),
    }
}

/// Whether the links of a Bundle are such that a client can follow them.
pub fn links(bundle: &Value) -> Result<(), Stop> {
    let wrong =
        |expected: &str, found: String| Err(Stop::Fault(Fault::new(expected.to_owned(), found)));
    let kind = bundle.str_at("resourceType").unwrap_or("no type");
    if kind != "Bundle" {
        return wrong("a Bundle with links", kind.to_owned());
    }
    let mut relations = Vec::new();
    for link in bundle.items_at("link") {
        let relation = link.str_at("relation").unwrap_or_default();
        let url = link.str_at("url").unwrap_or_default();
        if relation.is_empty() || url.is_empty() {
            return wrong(
                "a link with relation and url",
                format!("{relation:?}, {url:?}"),
            );
        }
        if relations.contains(&relation) {
            return wrong("each link once", format!("{relation} twice"));
        }
        relations.push(relation);
    }
    if !relations.contains(&"self") {
        return wrong("a link self", format!("{relations:?}"));
    }
    let matches = bundle
        .items_at("entry")
        .iter()
        .filter(|entry| {
            let mode = entry.get("search").and_then(|search| search.str_at("mode"));
            matches!(mode, None | Some("match"))
        })
        .count();
    let total = match bundle.get("total") {
        Some(Value::Number(total)) => total.parse::<usize>().ok(),
        _ => None,
    };
    // The first page of several leads on.
    let is_first = !relations.contains(&"previous") && !relations.contains(&"prev");
    if is_first
        && matches > 0
        && total.is_some_and(|total| total > matches)
        && !relations.contains(&"next")
    {
        return wrong("a link next, as there are more", format!("{relations:?}"));
    }
    Ok(())
}
