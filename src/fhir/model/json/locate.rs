//! Where in a JSON text the elements of findings stand.

use super::scan::{elements, members};
use crate::error::Position;
use crate::fhir::model::location::Search;

/// Nesting that is followed; the reader has refused deeper texts.
const DEPTH: usize = 256;

/// Line and column of each expression's value, or of the nearest parent that exists.
///
/// `None` for an empty expression. The text is walked once for all expressions; of it only the parts
/// that lead to one.
pub fn locate(text: &[u8], expressions: &[&str]) -> Vec<Option<Position>> {
    let mut search = Search::new(expressions);
    let start = text
        .iter()
        .position(|byte| !byte.is_ascii_whitespace())
        .unwrap_or(0);
    let all = search.all();
    search.note(&all, 0, start);
    walk(&mut search, text, 0, &all, 0);
    search.positions(text)
}

/// Looks in a value, which begins at `offset`, for what the expressions go on with.
fn walk(search: &mut Search, value: &[u8], offset: usize, numbers: &[usize], depth: usize) {
    if depth >= DEPTH {
        return;
    }
    let deeper = depth.saturating_add(1);
    for member in members(value) {
        let Ok(name) = std::str::from_utf8(member.name) else {
            continue;
        };
        // `_birthDate` has what `birthDate` has beside its value.
        let mut meant = search.going_on(numbers, depth, name);
        if let Some(bare) = name.strip_prefix('_') {
            meant.extend(search.going_on(numbers, depth, bare));
        }
        if meant.is_empty() {
            continue;
        }
        let at = offset.saturating_add(member.at);
        search.note(&meant, deeper, at);
        if member.value.first() != Some(&b'[') {
            walk(search, member.value, at, &meant, deeper);
            continue;
        }
        let mut items = elements(member.value);
        let mut index = 0usize;
        while let Some(item) = items.next() {
            let here: Vec<usize> = meant
                .iter()
                .filter(|number| {
                    let step = search.step(**number, depth);
                    step.and_then(|step| step.index) == Some(index)
                })
                .copied()
                .collect();
            if !here.is_empty() {
                let at = at.saturating_add(items.end().saturating_sub(item.len()));
                search.refine(&here, deeper, at);
                walk(search, item, at, &here, deeper);
            }
            index = index.saturating_add(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"
{
  "resourceType": "Patient",
  "name": [
    { "given": ["Ünal", "Zoë"] },
    { "family": "è", "given": [ "x",
        "y" ] }
  ],
  "birthDate": "x", "_birthDate": {
    "extension": [ { "url": "u" } ] },
  "deceasedBoolean": true,
  "contained": [ { "resourceType": "Group",
    "a\"b": 1,
    "active": 1 } ]
}"#;

    #[track_caller]
    fn check(expression: &str, expected: Option<(usize, usize)>) {
        let found = locate(TEXT.as_bytes(), &[expression])[0];
        let found = found.map(|position| (position.line, position.column));
        assert_eq!(found, expected, "{expression}");
    }

    #[test]
    fn an_element_is_found_where_its_value_begins() {
        check("Patient", Some((2, 1)));
        check("Patient.name", Some((4, 11)));
        check("Patient.name[1]", Some((6, 5)));
        check("Patient.name[0].given[1]", Some((5, 25)));
        check("Patient.name[1].given[1]", Some((7, 9)));
        check("Patient.birthDate", Some((9, 16)));
        check("Patient.birthDate.extension[0].url", Some((10, 29)));
        check("Patient.deceased.ofType(boolean)", Some((11, 22)));
        check("Patient.contained[0].active", Some((14, 15)));
    }

    #[test]
    fn what_is_missing_is_told_at_its_nearest_parent() {
        check("Patient.name[1].use", Some((6, 5)));
        check("Patient.name[7].use", Some((4, 11)));
        check("Patient.gender", Some((2, 1)));
        check("", None);
    }

    #[test]
    fn many_are_found_in_one_walk() {
        let found = locate(
            TEXT.as_bytes(),
            &["Patient.name[1]", "", "Patient.name[0]", "Patient"],
        );
        let lines: Vec<Option<usize>> = found.iter().map(|one| one.map(|one| one.line)).collect();
        assert_eq!(lines, [Some(6), None, Some(5), Some(2)]);
    }

    #[test]
    fn hostile_texts_end() {
        for text in ["", "[", "{\"name\":[", "{\"name\":{\"name\":", "x"] {
            locate(text.as_bytes(), &["Patient.name[0].name"]);
        }
        let deep = "{\"a\":".repeat(5_000);
        let path = format!("X{}", ".a".repeat(5_000));
        locate(deep.as_bytes(), &[&path]);
    }
}
