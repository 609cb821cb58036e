//! Where in an XML text the elements of findings stand.

use super::XmlLimits;
use super::events::{Events, XmlEvent};
use crate::error::Position;
use crate::fhir::model::location::Search;

/// An open element, as far as an expression leads through it.
struct Open {
    /// The expressions, each with the number of its next elements that have begun.
    meant: Vec<(usize, usize)>,
    /// How many steps lead here.
    depth: usize,
}

/// Line and column of the start tag of each expression's element, or of the nearest parent that exists.
///
/// `None` for an empty expression. What is an attribute in XML is found at its element. A document that
/// is not well formed is searched up to its fault.
pub fn locate(text: &[u8], expressions: &[&str]) -> Vec<Option<Position>> {
    let mut search = Search::new(expressions);
    // The reader has judged it within its limits already; a Bundle may have more nodes than others.
    let limits = XmlLimits {
        nodes: usize::MAX,
        ..XmlLimits::default()
    };
    if let Ok(mut events) = Events::open(text, &limits) {
        walk(&mut search, &mut events);
    }
    search.positions(text)
}

fn walk(search: &mut Search, events: &mut Events<'_>) {
    let mut open: Vec<Open> = Vec::new();
    while let Ok(Some(event)) = events.next_event() {
        match event {
            XmlEvent::Start(tag) => {
                let next = match open.last_mut() {
                    None => {
                        let all = search.all();
                        search.note(&all, 0, tag.start);
                        Open {
                            meant: all.into_iter().map(|number| (number, 0)).collect(),
                            depth: 0,
                        }
                    }
                    // The resource inside of `contained` or `resource` is no step.
                    Some(parent) if tag.name.starts_with(|c: char| c.is_ascii_uppercase()) => {
                        Open {
                            meant: std::mem::take(&mut parent.meant),
                            depth: parent.depth,
                        }
                    }
                    Some(parent) => inside(search, parent, tag.name, tag.start),
                };
                open.push(next);
            }
            XmlEvent::End { .. } => {
                open.pop();
            }
            XmlEvent::Text(_) => {}
        }
    }
}

/// What leads through a child of an open element.
fn inside(search: &mut Search, parent: &mut Open, name: &str, start: usize) -> Open {
    let depth = parent.depth.saturating_add(1);
    let mut meant = Vec::new();
    for (number, seen) in &mut parent.meant {
        let Some(step) = search
            .step(*number, parent.depth)
            .filter(|step| step.is(name))
        else {
            continue;
        };
        if step.index.unwrap_or(0) == *seen {
            meant.push((*number, 0));
        }
        *seen = seen.saturating_add(1);
    }
    for (number, _) in &meant {
        search.note(&[*number], depth, start);
    }
    Open { meant, depth }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"<?xml version="1.0"?>
<Bundle xmlns="http://hl7.org/fhir">
  <entry><resource>
    <Patient>
      <name><given value="Ünal"/><given value="x"/></name>
      <name>
        <family value="y"/> </name>
      <birthDate value="x">
        <extension url="u"><valueString value="v"/></extension></birthDate>
    </Patient></resource></entry>
  <entry>
    <resource><Group/></resource>
  </entry>
</Bundle>"#;

    #[track_caller]
    fn check(expression: &str, expected: Option<(usize, usize)>) {
        let found = locate(TEXT.as_bytes(), &[expression])[0];
        let found = found.map(|position| (position.line, position.column));
        assert_eq!(found, expected, "{expression}");
    }

    #[test]
    fn an_element_is_found_at_its_start_tag() {
        check("Bundle", Some((2, 1)));
        check("Bundle.entry[1]", Some((11, 3)));
        check("Bundle.entry[0].resource.name[0].given[1]", Some((5, 34)));
        check("Bundle.entry[0].resource.name[1].family", Some((7, 9)));
        check(
            "Bundle.entry[0].resource.birthDate.extension[0].value.ofType(string)",
            Some((9, 28)),
        );
    }

    #[test]
    fn what_is_missing_or_an_attribute_is_told_at_its_nearest_parent() {
        check("Bundle.type", Some((2, 1)));
        check("Bundle.entry[1].resource.name[0]", Some((12, 5)));
        check(
            "Bundle.entry[0].resource.birthDate.extension[0].url",
            Some((9, 9)),
        );
        check("", None);
    }

    #[test]
    fn a_broken_document_is_searched_up_to_its_fault() {
        let found = locate(b"<A>\n <b/>\n <b></c>\n <b/></A>", &["A.b[0]", "A.b[2]"]);
        let lines: Vec<usize> = found.iter().flatten().map(|one| one.line).collect();
        assert_eq!(lines, [2, 1]);
        assert_eq!(locate(b"\xff", &["A.b"]).len(), 1);
    }
}
