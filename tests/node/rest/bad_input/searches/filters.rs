//! Filters that cannot be answered: refused with the place of the fault.

use super::{COSTLY, FORM, NS, Row, V, refused};
use crate::support::TestNode;

#[test]
fn filters_that_cannot_be_read() {
    let rows: &[Row<'_>] = &[
        ("Patient?_filter=", V, "at character 1 of _filter"),
        ("Patient?_filter=%20", V, "at character 2 of _filter"),
        ("Patient?_filter=x", V, "at character 2 of _filter"),
        ("Patient?_filter=family+eq", V, "a space and a value"),
        ("Patient?_filter=family+is+x", V, "an operator (eq ne"),
        ("Patient?_filter=family+eq+x+y", V, "at character 13"),
        ("Patient?_filter=family+eq+x+and", V, "at character 16"),
        ("Patient?_filter=family+eq+%22x", V, "a quotation mark"),
        ("Patient?_filter=(family+eq+x", V, "and, or, or )"),
        ("Patient?_filter=family+eq+x)", V, "and, or, or the end"),
        ("Patient?_filter=family%01eq+x", V, "at character 7"),
        ("Patient?_filter=%F0%9F%98%80+eq+x", V, "😀"),
        ("Patient?_filter:not=family+eq+x", NS, "_filter:not"),
        (
            "Observation?subject._filter=family+eq+x",
            NS,
            "subject._filter",
        ),
    ];
    refused(&TestNode::start(), rows);
}

#[test]
fn filters_that_make_no_sense() {
    let rows: &[Row<'_>] = &[
        ("Patient?_filter=nonsense+eq+x", V, "nonsense"),
        (
            "Patient?_filter=active+eq+true+and+nonsense+eq+x",
            V,
            "at character 20",
        ),
        ("Patient?_filter=not+(nonsense+eq+x)", V, "at character 6"),
        ("Patient?_filter=family.name+eq+x", V, "family"),
        (
            "Patient?_filter=organization.nonsense+eq+x",
            V,
            "organization",
        ),
        ("Patient?_filter=family[given+eq+x].name+eq+y", V, "family"),
        ("Patient?_filter=family+gt+%22%22", V, "a text"),
        ("Patient?_filter=family+sa+x", V, "at character 8"),
        ("Patient?_filter=family+re+x", V, "eq, ne, co, sw, ew"),
        ("Patient?_filter=gender+co+x", V, "gender"),
        ("Patient?_filter=birthdate+sw+2020", V, "at character 11"),
        (
            "Patient?_filter=birthdate+eq+2020-02-30",
            V,
            "at character 14",
        ),
        ("Patient?_filter=birthdate+eq+ge2020", V, "ge2020"),
        ("Patient?_filter=birthdate+po+x", V, "a date"),
        ("Patient?_filter=organization+sw+x", V, "re or pr"),
        ("Patient?_filter=organization+ne+x", V, "re or pr"),
        ("Patient?_filter=birthdate+pr+maybe", V, "true or false"),
        ("Patient?_filter=_id+sw+x", V, "_id"),
        ("Patient?_filter=_lastUpdated+co+2020", V, "_lastUpdated"),
        ("Patient?_filter=identifier+ne+x", NS, "not (… eq …)"),
        (
            "Patient?_filter=gender+in+http://a/ValueSet/x",
            NS,
            "terminology",
        ),
        ("Observation?_filter=code+ss+x", NS, "at character 6"),
        (
            "Observation?_filter=code-value-quantity+pr+true",
            V,
            "composite",
        ),
        (
            "Observation?_filter=value-quantity+co+5",
            V,
            "value-quantity",
        ),
        (
            "Observation?_filter=related[type+eq+x].target+re+y",
            V,
            "related",
        ),
        (
            "Observation?_filter=component[code+eq+x].nonsense+eq+y",
            V,
            "nonsense",
        ),
        (
            "Observation?_filter=component[code+eq+x+or+code+eq+y].value+gt+1",
            NS,
            "one comparison",
        ),
        (
            "Observation?_filter=component[code+eq+x].value+pr+true",
            NS,
            "never missing",
        ),
        (
            "Observation?_filter=component[code+eq+x].value+gt+z",
            V,
            "z",
        ),
        ("Patient?_filter=family+co+ab", COSTLY, "three characters"),
        ("Patient?_filter=family+ew+a", COSTLY, "three characters"),
    ];
    refused(&TestNode::start(), rows);
}

#[test]
fn in_18_filters_that_are_too_much() {
    let joined = |count: usize, word: &str| vec!["family+eq+x"; count].join(word);
    let nested = format!(
        "Patient?_filter={}family+eq+x{}",
        "(".repeat(25),
        ")".repeat(25)
    );
    let many = format!("Patient?_filter={}", joined(51, "+and+"));
    let sum = vec![format!("_filter={}", joined(45, "+or+")); 5].join("&");
    let sum = format!("Patient?{sum}");
    let hops = format!("Organization?_filter={}name+eq+x", "partof.".repeat(9));
    let node = TestNode::start();
    let rows: &[Row<'_>] = &[
        (&nested, COSTLY, "levels"),
        (&many, COSTLY, "comparisons"),
        (&sum, COSTLY, "values"),
        (&hops, COSTLY, "references"),
        (
            "Provenance?_filter=target.target.target._id+eq+x",
            COSTLY,
            "too many ways",
        ),
    ];
    refused(&node, rows);
    let long = format!("_filter=family+eq+{}", "x".repeat(9_000));
    let answer = node.request("POST", "Patient/_search", &[FORM], long.as_bytes());
    answer.refused(400, COSTLY);
}

/// What the limits allow is answered.
#[test]
fn in_18_as_much_as_is_allowed() {
    let node = TestNode::start();
    let many = |test: &str, word: &str| vec![test; 50].join(word);
    let mut deep = "a eq 1".replace('a', "active");
    for _ in 0..6 {
        deep = format!("not (birthdate ne 2020 or ({deep} and organization.name co xyz))");
    }
    let alternating = "birthdate ne 2020 and birthdate ne 2021 or ".repeat(9);
    for filter in [
        many("family eq x", " and "),
        many("birthdate ne 2020", " or "),
        many("birthdate ne 2020", " and "),
        many("not (organization.name co xyz)", " or "),
        vec!["organization[name co xyz].partof.name ne abc"; 25].join(" or "),
        format!("{alternating}family gt a"),
        deep,
    ] {
        let form = format!("_filter={}", filter.replace(' ', "+"));
        let answer = node.request("POST", "Patient/_search", &[FORM], form.as_bytes());
        assert_eq!(answer.status, 200, "{}: {filter}", answer.text());
    }
}
