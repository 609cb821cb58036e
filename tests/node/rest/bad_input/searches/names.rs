//! Modifiers that a kind lacks, and chains that lead nowhere.

use super::{COSTLY, NS, V, refused};
use crate::support::TestNode;

#[test]
fn tokens_references_and_modifiers() {
    refused(
        &TestNode::start(),
        &[
            ("Patient?identifier=a|b|c", V, "identifier"),
            ("Patient?identifier=|", V, "identifier"),
            ("Patient?identifier=", V, "identifier"),
            ("Patient?identifier=,", V, "identifier"),
            ("Patient?identifier:of-type=a", V, "identifier:of-type"),
            ("Patient?identifier:of-type=a|b", V, "identifier:of-type"),
            ("Patient?identifier:of-type=a||c", V, "identifier:of-type"),
            ("Patient?identifier:of-type=a|b|", V, "identifier:of-type"),
            ("Patient?gender:missing=maybe", V, "gender:missing"),
            ("Patient?gender:missing=", V, "gender:missing"),
            ("Patient?gender:missing=true,false", V, "gender:missing"),
            ("Patient?gender:missing=TRUE", V, "gender:missing"),
            ("Patient?gender:exact=male", NS, "gender:exact"),
            ("Patient?gender:contains=male", NS, "gender:contains"),
            ("Patient?gender:identifier=male", NS, "gender:identifier"),
            ("Patient?gender:Patient=male", NS, "gender:Patient"),
            ("Patient?gender:=male", NS, "gender:"),
            ("Patient?gender:not:not=male", NS, "gender:not:not"),
            ("Patient?gender:NOT=male", NS, "gender:NOT"),
            ("Patient?family:below=x", NS, "family:below"),
            ("Patient?family:not=x", NS, "family:not"),
            ("Patient?family:Exact=x", NS, "family:Exact"),
            ("Patient?birthdate:exact=2020", NS, "birthdate:exact"),
            ("Patient?birthdate:contains=2020", NS, "birthdate:contains"),
            ("Patient?birthdate:gt=2020", NS, "birthdate:gt"),
            ("RiskAssessment?probability:not=1", NS, "probability:not"),
            (
                "Observation?value-quantity:above=1",
                NS,
                "value-quantity:above",
            ),
            ("ValueSet?url:contains=x", NS, "url:contains"),
            ("ValueSet?url:exact=x", NS, "url:exact"),
            ("ValueSet?url:not=x", NS, "url:not"),
            ("Observation?subject:exact=x", NS, "subject:exact"),
            ("Observation?subject:not=x", NS, "subject:not"),
            ("Observation?subject:Nothing=1", V, "subject:Nothing"),
            (
                "Observation?subject:Practitioner=1",
                V,
                "subject:Practitioner",
            ),
            ("Observation?subject:patient=1", NS, "subject:patient"),
            ("Observation?subject=", V, "subject"),
            ("Patient?family=%CC%81", V, "family"),
            ("Patient?family=", V, "family"),
            ("Patient?family=%20", V, "family"),
            ("Patient?_id=", V, "_id"),
            ("Patient?_list=a_b", V, "_list"),
            ("Patient?_list=", V, "_list"),
        ],
    );
}

#[test]
fn chains_and_has() {
    let deep = format!("Organization?{}name=x", "partof.".repeat(20));
    let nine = format!("Organization?{}name=x", "partof.".repeat(9));
    let untyped = format!("Observation?subject.{}_id=x", "link.".repeat(20));
    let has = format!(
        "Organization?{}name=x",
        "_has:Organization:partof:".repeat(5)
    );
    let many_has = format!(
        "Organization?{}name=x",
        "_has:Organization:partof:".repeat(60)
    );
    refused(
        &TestNode::start(),
        &[
            (&deep, COSTLY, "partof"),
            (&nine, COSTLY, "partof"),
            (&untyped, COSTLY, "subject"),
            (&has, COSTLY, "_has"),
            (&many_has, COSTLY, "_has"),
            ("Observation?subject:Nothing.name=x", V, "subject:Nothing"),
            (
                "Observation?subject:Practitioner.name=x",
                V,
                "subject:Practitioner",
            ),
            ("Observation?subject:missing.name=x", V, "subject:missing"),
            ("Observation?subject:.name=x", V, "subject:"),
            ("Observation?code.name=x", V, "code.name"),
            ("Observation?subject.nonsense=x", V, "subject.nonsense"),
            (
                "Observation?subject:Patient.nonsense=x",
                V,
                "subject:Patient.nonsense",
            ),
            (
                "Observation?patient.organization.nonsense=x",
                V,
                "patient.organization",
            ),
            (
                "Observation?patient.name.family=x",
                V,
                "patient.name.family",
            ),
            ("Observation?patient.=x", V, "patient."),
            ("Observation?patient..name=x", V, "patient..name"),
            ("Observation?patient.name=", V, "patient.name"),
            ("Observation?patient.name:below=x", NS, "patient.name:below"),
            (
                "Observation?patient.identifier=a|b|c",
                V,
                "patient.identifier",
            ),
            ("Observation?patient._filter=x", NS, "patient._filter"),
            ("Patient?_has:=x", V, "_has:"),
            ("Patient?_has:Observation=x", V, "_has:Observation"),
            (
                "Patient?_has:Observation:patient=x",
                V,
                "_has:Observation:patient",
            ),
            (
                "Patient?_has:Observation:patient:=x",
                V,
                "_has:Observation:patient",
            ),
            ("Patient?_has:Nothing:patient:code=x", V, "_has:Nothing"),
            (
                "Patient?_has:observation:patient:code=x",
                V,
                "_has:observation",
            ),
            (
                "Patient?_has:Observation:nonsense:code=x",
                V,
                "_has:Observation:nonsense",
            ),
            (
                "Patient?_has:Observation:status:code=x",
                V,
                "_has:Observation:status",
            ),
            (
                "Patient?_has:Observation:specimen:code=x",
                V,
                "_has:Observation:specimen",
            ),
            (
                "Patient?_has:Observation:patient:nonsense=x",
                V,
                "_has:Observation:patient",
            ),
            (
                "Patient?_has:Observation:patient:code:exact=x",
                NS,
                "_has:Observation:patient",
            ),
            (
                "Patient?_has:Observation:patient:code=",
                V,
                "_has:Observation:patient:code",
            ),
            (
                "Patient?_has:Observation:patient:_has:x=1",
                V,
                "_has:Observation:patient",
            ),
        ],
    );
}
