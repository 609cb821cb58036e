//! Values that no parameter of their kind can have.

use super::{V, refused};
use crate::support::TestNode;

#[test]
fn dates() {
    refused(
        &TestNode::start(),
        &[
            ("Patient?birthdate=xx2020", V, "birthdate"),
            ("Patient?birthdate=eqq2020", V, "birthdate"),
            ("Patient?birthdate=EQ2020", V, "birthdate"),
            ("Patient?birthdate=%3E2020", V, "birthdate"),
            ("Patient?birthdate=gt", V, "birthdate"),
            ("Patient?birthdate=gtlt2020", V, "birthdate"),
            ("Patient?birthdate=", V, "birthdate"),
            ("Patient?birthdate=soon", V, "soon"),
            ("Patient?birthdate=2020-13", V, "2020-13"),
            ("Patient?birthdate=2020-00", V, "birthdate"),
            ("Patient?birthdate=2020-02-30", V, "2020-02-30"),
            ("Patient?birthdate=2021-02-29", V, "birthdate"),
            ("Patient?birthdate=2020-04-31", V, "birthdate"),
            ("Patient?birthdate=2020-1-1", V, "birthdate"),
            ("Patient?birthdate=20200101", V, "birthdate"),
            ("Patient?birthdate=0000", V, "birthdate"),
            ("Patient?birthdate=99999", V, "birthdate"),
            ("Patient?birthdate=20", V, "birthdate"),
            ("Patient?birthdate=2020-", V, "birthdate"),
            ("Patient?birthdate=-2020", V, "birthdate"),
            ("Patient?birthdate=2020-01-01T25:00", V, "birthdate"),
            ("Patient?birthdate=2020-01-01T10", V, "birthdate"),
            ("Patient?birthdate=2020-01-01T10:60", V, "birthdate"),
            ("Patient?birthdate=2020-01-01T10:00:61", V, "birthdate"),
            (
                "Patient?birthdate=2020-01-01T10:00:00%2B25:00",
                V,
                "birthdate",
            ),
            (
                "Patient?birthdate=2020-01-01T10:00:00Europe/Rome",
                V,
                "birthdate",
            ),
            ("Patient?birthdate=2020-01T10:00", V, "birthdate"),
            ("Patient?birthdate=2020,2020-02-31", V, "value 2"),
            ("Patient?birthdate=2020|x", V, "birthdate"),
            ("Patient?birthdate=%D9%A2%D9%A0%D9%A2%D9%A0", V, "birthdate"),
            ("Patient?_lastUpdated=2020-02-30", V, "_lastUpdated"),
            ("Patient?_lastUpdated=gt", V, "_lastUpdated"),
            ("Observation?date=2020-06-31T10:00:00Z", V, "date"),
            (
                "Observation?patient.birthdate=2020-02-30",
                V,
                "patient.birthdate",
            ),
            (
                "Patient?_has:Observation:patient:date=soon",
                V,
                "_has:Observation:patient:date",
            ),
        ],
    );
}

#[test]
fn numbers_and_quantities() {
    refused(
        &TestNode::start(),
        &[
            ("RiskAssessment?probability=x", V, "probability"),
            ("RiskAssessment?probability=", V, "probability"),
            ("RiskAssessment?probability=gt", V, "probability"),
            ("RiskAssessment?probability=xx1", V, "probability"),
            ("RiskAssessment?probability=1,5x", V, "value 2"),
            ("RiskAssessment?probability=0x10", V, "probability"),
            ("RiskAssessment?probability=NaN", V, "probability"),
            ("RiskAssessment?probability=Infinity", V, "probability"),
            ("RiskAssessment?probability=1.", V, "probability"),
            ("RiskAssessment?probability=1.2.3", V, "probability"),
            ("RiskAssessment?probability=--1", V, "probability"),
            ("RiskAssessment?probability=1e", V, "probability"),
            ("RiskAssessment?probability=1e999999", V, "probability"),
            ("RiskAssessment?probability=1|2", V, "probability"),
            ("RiskAssessment?probability=1%20000", V, "probability"),
            ("Observation?value-quantity=mg", V, "value-quantity"),
            (
                "Observation?value-quantity=|http://unitsofmeasure.org|mg",
                V,
                "value-quantity",
            ),
            ("Observation?value-quantity=5.4|mg", V, "value-quantity"),
            ("Observation?value-quantity=5.4|a|b|c", V, "value-quantity"),
            ("Observation?value-quantity=~5.4", V, "value-quantity"),
            ("Observation?value-quantity=5.4||mg,x||mg", V, "value 2"),
        ],
    );
}

#[test]
fn percent_signs_and_control_characters() {
    refused(
        &TestNode::start(),
        &[
            ("Patient?family=%", V, ""),
            ("Patient?family=%4", V, ""),
            ("Patient?family=%zz", V, ""),
            ("Patient?family=a%", V, ""),
            ("Patient?%=a", V, ""),
            ("Patient?family=%FF", V, ""),
            ("Patient?family=%C3", V, ""),
            ("Patient?family=%C0%80", V, ""),
            ("Patient?family=%ED%A0%80", V, ""),
            ("Patient?family=%00", V, ""),
            ("Patient?family=Rossi%00", V, ""),
            ("Patient?family%00=Rossi", V, ""),
            ("Patient?identifier=urn:x|%00", V, ""),
            ("Patient?_id=%00", V, ""),
            ("Patient?_sort=%00", V, ""),
            ("Patient?_cursor=%00", V, ""),
        ],
    );
}
