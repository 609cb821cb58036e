//! A page in the order of a token or of a reference.
//!
//! The index has hashes of codes: it finds them and does not know their order. So all that matches is looked at,
//! which is bounded: order and other keys come from what the index has packed, the text of a code from one
//! body for each set of values that occurs. Beyond the bound such an order is refused.

use std::collections::HashMap;

use super::paging::{self, Ordered};
use super::reach::Part;
use crate::error::{Error, Kind, Result};
use crate::fhir::model::json;
use crate::fhir::search::sorted_by;
use crate::interactions::node::Node;
use crate::interactions::write::content;
use crate::storage::{By, Found, FoundOne, Key, Listed, MOST_KEYS, Page, Position, UNDATED};

/// Resources that are sorted so.
pub const MOST: usize = 1000;
/// Bodies that are in memory at a time.
const AT_ONCE: usize = 100;

/// A page of one type.
///
/// # Errors
/// `TooCostly` where more resources match than are sorted so.
pub fn page(node: &Node, part: &Part, order: &[Ordered], page: &Page) -> Result<Found> {
    let most = MOST.saturating_add(1);
    let (listed, until) = node.store.list(part.selection.clone(), page, most)?;
    if listed.len() > MOST {
        return Err(Error::of(
            Kind::TooCostly,
            format!(
                "expected at most {MOST} matches to sort by a token or a reference, found more: narrow the search, or sort by a date, a text or _id"
            ),
        ));
    }
    let texts = texts(node, order, &listed)?;
    let mut positions: Vec<Position> = listed
        .iter()
        .map(|one| position(one, order, &texts))
        .collect();
    positions.sort_by(|a, b| paging::compare(page, a, b));
    if let Some(after) = &page.after {
        let wanted = if page.backward {
            std::cmp::Ordering::Less
        } else {
            std::cmp::Ordering::Greater
        };
        positions.retain(|position| paging::compare(page, position, after) == wanted);
    }
    let more = positions.len() > page.limit;
    if page.backward {
        positions.drain(..positions.len().saturating_sub(page.limit));
    } else {
        positions.truncate(page.limit);
    }
    let (first, last) = (positions.first().cloned(), positions.last().cloned());
    let pks = positions.iter().map(|position| position.pk).collect();
    let found = node.store.by_number(pks, &node.known()?)?;
    let mut found: HashMap<i64, FoundOne> = found.into_iter().map(|one| (one.pk, one)).collect();
    // One may have been deleted meanwhile.
    let found = positions.into_iter().filter_map(|position| {
        let one = found.remove(&position.pk)?;
        Some((position, one))
    });
    Ok(Found {
        found: found.collect(),
        first,
        last,
        more,
        until,
    })
}

/// The values that a resource has of a parameter, and the text that each such list is sorted by.
type Texts = HashMap<(usize, Vec<i64>), String>;

/// The text of each set of values that occurs, read from one resource that has it.
fn texts(node: &Node, order: &[Ordered], listed: &[Listed]) -> Result<Texts> {
    // The resource that stands for a list of values of the key at a place.
    let mut standing: HashMap<i64, Vec<(usize, Vec<i64>)>> = HashMap::new();
    let mut known = std::collections::HashSet::new();
    for one in listed {
        for (place, ordered) in order.iter().enumerate() {
            let Some(values) = values(one, ordered) else {
                continue;
            };
            if !values.is_empty() && known.insert((place, values.clone())) {
                standing.entry(one.pk).or_default().push((place, values));
            }
        }
    }
    let mut texts = Texts::new();
    let mut pks: Vec<i64> = standing.keys().copied().collect();
    pks.sort_unstable();
    let restrictions = node.known()?;
    for chunk in pks.chunks(AT_ONCE) {
        for one in node.store.by_number(chunk.to_vec(), &restrictions)? {
            let json = match content(node, &one.version) {
                // What cannot be read has nothing to be sorted by.
                Err(error) if error.kind() == Kind::Damaged => continue,
                other => other?,
            };
            let tree = json::parse(&json, &node.choices.limits)?;
            let found = node.extractor.extract(&tree, &node.base);
            for (place, values) in standing.remove(&one.pk).unwrap_or_default() {
                let Some(Ordered {
                    key,
                    coded: Some(code),
                }) = order.get(place)
                else {
                    continue;
                };
                let own = found.values.iter().filter(|(other, _)| other == code);
                let own = own.map(|(_, value)| value.as_str());
                if let Some(text) = sorted_by(own, key.descending) {
                    texts.insert((place, values), text);
                }
            }
        }
    }
    Ok(texts)
}

/// The hashes of the values of a key that is a token or a reference; `None` for other keys.
fn values(one: &Listed, ordered: &Ordered) -> Option<Vec<i64>> {
    let By::Text(param) = ordered.key.by else {
        return None;
    };
    ordered.coded.as_ref()?;
    let own = one.rows.values().iter().filter(|row| row.param == param);
    Some(own.map(|row| row.value).collect())
}

/// The place of a resource in the order: as the database would say it.
fn position(one: &Listed, order: &[Ordered], texts: &Texts) -> Position {
    let mut position = Position {
        pk: one.pk,
        ..Position::default()
    };
    for (place, ordered) in order.iter().enumerate().take(MOST_KEYS) {
        let key = ordered.key;
        let (number, text) = match key.by {
            By::Clinical => (Some(one.rows.sort).filter(|sort| *sort != UNDATED), None),
            By::LastUpdated => (Some(one.last_updated), None),
            By::Range(param) => {
                let own = one.rows.ranges().iter().filter(|row| row.param == param);
                (chosen(own.map(|row| row.low), key), None)
            }
            By::Id => (None, Some(one.id.clone())),
            By::Text(_) if ordered.coded.is_some() => {
                let values = values(one, ordered).unwrap_or_default();
                (None, texts.get(&(place, values)).cloned())
            }
            By::Text(param) => {
                let own = one.rows.strings().iter().filter(|row| row.param == param);
                (None, chosen(own.map(|row| row.value.clone()), key))
            }
        };
        position.put(place, key, number, text);
    }
    position
}

fn chosen<T: Ord>(own: impl Iterator<Item = T>, key: Key) -> Option<T> {
    if key.descending { own.max() } else { own.min() }
}
