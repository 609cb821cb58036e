//! Every parameter of every type is answered: by a value of its kind, `:missing`, `_sort`, chains and
//! includes. What is found is the matter of other files.

use fascicolo::fhir::definitions::{Definitions, SearchKind};

use super::STRICT;
use crate::support::TestNode;

/// Columns of their own, which have no index to fail; and what is refused with a reason.
const NOT_HERE: [&str; 6] = [
    "_id",
    "_lastUpdated",
    "_text",
    "_content",
    "_filter",
    "_query",
];

#[test]
fn every_parameter_of_every_type() {
    let definitions = Definitions::r4().unwrap();
    let node = TestNode::start();
    let (mut wrong, mut asked) = (Vec::new(), 0);
    for name in definitions.resource_types() {
        for parameter in definitions.search_parameters(name) {
            let code = parameter.code.as_str();
            let own = |value: &str, rest: &str| {
                format!("{name}?{code}={value}&{code}:missing=false{rest}")
            };
            let queries = match parameter.kind {
                // Their values have a file of their own; `:missing` is not for them.
                SearchKind::Composite | SearchKind::Special => continue,
                _ if NOT_HERE.contains(&code) => continue,
                SearchKind::Number => vec![own("ge1", &format!("&_sort=-{code}"))],
                SearchKind::Date => vec![own("ge2020-02", &format!("&_sort={code}"))],
                SearchKind::String => vec![own("abc", &format!("&_sort=-{code}"))],
                SearchKind::Token => vec![own("s|c", &format!("&{code}:not=d"))],
                SearchKind::Quantity => vec![own("lt1||mg", &format!("&_sort={code}"))],
                SearchKind::Uri => vec![own("http://a", &format!("&{code}:below=http://b"))],
                SearchKind::Reference => vec![
                    own("a,Patient/b", &format!("&{code}._id=a")),
                    format!("{name}?{code}:identifier=s|c&_include={name}:{code}"),
                ],
            };
            for query in queries {
                asked += 1;
                let answer = node.get_with(&query, &[STRICT]);
                if answer.status != 200 {
                    wrong.push(format!("{query}: {} {}", answer.status, answer.text()));
                }
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {asked} searches fail:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(asked > 1_400, "{asked}");
}
