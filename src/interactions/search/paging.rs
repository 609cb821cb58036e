//! Pages of a search: the order, and the cursors between them.

use std::cmp::Ordering;

use crate::clock::Instant;
use crate::error::Result;
use crate::fhir::model::value::Text;
use crate::fhir::search::{DATE, Query, SortBy};
use crate::interactions::cursor;
use crate::interactions::node::Node;
use crate::storage::{By, Key, MOST_KEYS, Page, Position};

/// Where a page is, as a cursor says it.
#[derive(Debug, PartialEq, Eq)]
pub struct Mark {
    pub position: Position,
    pub backward: bool,
    /// Nothing written later than this.
    pub until: Instant,
}

impl Mark {
    pub fn seal(&self, node: &Node, bound_to: &str) -> Result<String> {
        let mut bytes = Vec::with_capacity(160);
        let numbers = self.position.numbers;
        for number in [i64::from(self.backward), self.until, self.position.pk]
            .into_iter()
            .chain(numbers)
        {
            bytes.extend_from_slice(&number.to_be_bytes());
        }
        for text in &self.position.texts {
            let length = u32::try_from(text.len()).unwrap_or(0);
            bytes.extend_from_slice(&length.to_be_bytes());
            bytes.extend_from_slice(text.as_bytes());
        }
        cursor::seal(node.store.cursor_key(), bound_to, node.clock.now(), &bytes)
    }

    pub fn open(node: &Node, bound_to: &str, text: &str) -> Result<Self> {
        let bytes = cursor::open(node.store.cursor_key(), bound_to, node.clock.now(), text)?;
        Self::read(&mut cursor::Reader(&bytes)).ok_or_else(cursor::refused)
    }

    fn read(reader: &mut cursor::Reader<'_>) -> Option<Self> {
        let (backward, until) = (reader.int()? != 0, reader.int()?);
        let mut position = Position {
            pk: reader.int()?,
            ..Position::default()
        };
        for number in &mut position.numbers {
            *number = reader.int()?;
        }
        for text in &mut position.texts {
            *text = String::from_utf8(reader.bytes()?.to_vec()).ok()?;
        }
        Some(Self {
            position,
            backward,
            until,
        })
    }
}

/// A key, and the code of its parameter where that is a token or a reference, whose text the database does
/// not have: then it stands for a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ordered {
    pub key: Key,
    pub coded: Option<Text>,
}

/// The keys that one type is ordered by.
pub fn keys(node: &Node, resource_type: &str, query: &Query) -> Result<Vec<Ordered>> {
    let mut keys = Vec::new();
    for sort in query.sort.iter().take(MOST_KEYS) {
        let param = |code: &str| node.ready(resource_type, code);
        let by = match &sort.by {
            SortBy::Clinical => {
                param(DATE)?;
                // Kept the other way round: newest first is the usual order.
                keys.push(ordered(By::Clinical, !sort.descending));
                continue;
            }
            SortBy::Coded(code) => {
                keys.extend(param(code)?.map(|param| Ordered {
                    coded: Some(code.clone()),
                    ..ordered(By::Text(param), sort.descending)
                }));
                continue;
            }
            SortBy::LastUpdated => Some(By::LastUpdated),
            SortBy::Id => Some(By::Id),
            SortBy::Text(code) => param(code)?.map(By::Text),
            SortBy::Interval(code) => param(code)?.map(By::Range),
        };
        keys.extend(by.map(|by| ordered(by, sort.descending)));
    }
    Ok(keys)
}

fn ordered(by: By, descending: bool) -> Ordered {
    Ordered {
        key: Key { by, descending },
        coded: None,
    }
}

/// The order of two resources of different types under the keys of a page.
pub fn compare(page: &Page, a: &Position, b: &Position) -> Ordering {
    let mut order = Ordering::Equal;
    for (index, key) in page.keys().iter().enumerate() {
        let numbers = a.numbers.get(index).cmp(&b.numbers.get(index));
        let found = numbers.then_with(|| a.texts.get(index).cmp(&b.texts.get(index)));
        order = order.then(if key.descending {
            found.reverse()
        } else {
            found
        });
    }
    let ties = a.pk.cmp(&b.pk);
    let down = page.keys().first().is_some_and(|key| key.descending);
    order.then(if down { ties.reverse() } else { ties })
}
