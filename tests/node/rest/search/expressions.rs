//! Parameters whose expressions say more than a path: casts, filters, types of what is referred to,
//! unions. Source: FHIR R4 searchparameter-registry.html.

use super::{STRICT, ids, put};
use crate::support::TestNode;

/// A type, members of a resource of it, and searches that must find it and no other of the type.
type Row<'a> = (&'a str, &'a str, &'a [&'a str]);

#[track_caller]
fn found_alone(rows: &[Row<'_>], known: &[&str]) {
    let node = TestNode::start();
    for (number, (name, members, _)) in rows.iter().enumerate() {
        put(&node, name, &format!("r{number}"), members);
    }
    let mut wrong = Vec::new();
    for (number, (name, _, queries)) in rows.iter().enumerate() {
        for query in *queries {
            let answer = node.get_with(&format!("{name}?{query}"), &[STRICT]);
            let fine = answer.status == 200 && ids(&answer) == [format!("r{number}")];
            if fine == known.contains(query) {
                wrong.push(format!("{name}?{query}: r{number}: {}", answer.text()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

const FINAL: &str = r#","status":"final","code":{"coding":[{"code":"x"}]}"#;

#[test]
fn one_type_of_a_choice() {
    let observation = |members: &str| format!("{FINAL}{members}");
    let text = observation(r#","valueString":"Rosso""#);
    let concept =
        observation(r#","valueCodeableConcept":{"coding":[{"system":"urn:c","code":"c"}]}"#);
    let date = observation(r#","valueDateTime":"2025-03-30""#);
    let period = observation(r#","valuePeriod":{"start":"2020-01","end":"2020-02"}"#);
    let component = observation(
        r#","component":[{"code":{"coding":[{"code":"k"}]},"valueQuantity":{"value":7}},{"code":{"coding":[{"code":"l"}]},"valueCodeableConcept":{"coding":[{"code":"d"}]}}]"#,
    );
    found_alone(
        &[
            ("Observation", &text, &["value-string=rosso"]),
            (
                "Observation",
                &concept,
                &["value-concept=urn:c|c", "combo-value-concept=c"],
            ),
            (
                "Observation",
                &date,
                &["value-date=2025-03", "value-date=ge2025"],
            ),
            (
                "Observation",
                &period,
                &["value-date=2020", "value-date=lt2020-02"],
            ),
            (
                "Observation",
                &component,
                &[
                    "component-value-quantity=7",
                    "combo-value-quantity=7",
                    "component-code=k",
                    "component-code=l",
                    "combo-code=k",
                    "component-value-concept=d",
                    "combo-value-concept=d",
                ],
            ),
            (
                "Patient",
                r#","deceasedDateTime":"2020-05-01""#,
                &["death-date=2020", "death-date=2020-05-01", "deceased=true"],
            ),
            (
                "Patient",
                r#","deceasedBoolean":false"#,
                &["deceased=false&death-date:missing=true&gender:missing=true"],
            ),
            (
                "MedicationRequest",
                r#","status":"active","intent":"order","subject":{"reference":"Patient/p"},"medicationCodeableConcept":{"coding":[{"code":"m"}]}"#,
                &["code=m", "medication:missing=true"],
            ),
            (
                "MedicationRequest",
                r#","status":"active","intent":"plan","subject":{"reference":"Patient/p"},"medicationReference":{"reference":"Medication/m"}"#,
                &[
                    "medication=Medication/m",
                    "medication=m",
                    "code:missing=true",
                ],
            ),
            (
                "Goal",
                r#","lifecycleStatus":"active","description":{"text":"x"},"subject":{"reference":"Patient/p"},"startDate":"2025-01-01","target":[{"dueDate":"2025-06-01"}]"#,
                &["target-date=2025-06", "start-date=2025-01-01"],
            ),
            (
                "Group",
                r#","type":"person","actual":false,"characteristic":[{"code":{"coding":[{"code":"sex"}]},"valueCodeableConcept":{"coding":[{"code":"f"}]},"exclude":false}]"#,
                &["value=f", "characteristic=sex&value=f"],
            ),
            (
                "Group",
                r#","type":"person","actual":false,"characteristic":[{"code":{"coding":[{"code":"owner"}]},"valueBoolean":true,"exclude":true}]"#,
                &["value=true", "exclude=true"],
            ),
            (
                "ConceptMap",
                r#","status":"active","sourceUri":"http://s.example/uri","targetUri":"http://t.example/uri""#,
                &[
                    "source-uri=http://s.example/uri",
                    "target-uri=http://t.example/uri",
                ],
            ),
            (
                "ConceptMap",
                r#","status":"active","sourceCanonical":"http://s.example/vs""#,
                &["source=http://s.example/vs"],
            ),
            (
                "Condition",
                r#","subject":{"reference":"Patient/p"},"onsetString":"da bambino""#,
                &["onset-info=da%20bam"],
            ),
            (
                "Condition",
                r#","subject":{"reference":"Patient/p"},"abatementPeriod":{"start":"2020-01-01","end":"2020-02-01"},"onsetDateTime":"2019""#,
                &["abatement-date=2020", "onset-date=2019"],
            ),
            (
                "ActivityDefinition",
                r#","status":"draft","useContext":[{"code":{"system":"urn:u","code":"age"},"valueRange":{"low":{"value":10,"unit":"a"},"high":{"value":20,"unit":"a"}}}]"#,
                &["context-quantity=gt15", "context-type=age"],
            ),
            (
                "ActivityDefinition",
                r#","status":"draft","useContext":[{"code":{"system":"urn:u","code":"focus"},"valueCodeableConcept":{"coding":[{"code":"v"}]}}]"#,
                &["context=v", "context-type=urn:u|focus"],
            ),
        ],
        &[],
    );
}

#[test]
fn filters_and_types_of_what_is_referred_to() {
    let appointment = r#","status":"booked","participant":[{"status":"accepted","actor":{"reference":"Patient/p"}},{"status":"accepted","actor":{"reference":"Practitioner/d"}},{"status":"accepted","actor":{"reference":"Location/l"}}]"#;
    found_alone(
        &[
            (
                "Appointment",
                appointment,
                &[
                    "patient=Patient/p",
                    "patient=p",
                    "practitioner=d",
                    "location=Location/l",
                    "actor=Practitioner/d",
                    "actor=p",
                    "part-status=accepted",
                ],
            ),
            (
                "Appointment",
                r#","status":"pending","participant":[{"status":"declined","actor":{"reference":"Practitioner/e"}}]"#,
                &[
                    "patient:missing=true",
                    "practitioner=e",
                    "part-status=declined",
                    "status=pending",
                ],
            ),
            (
                "PractitionerRole",
                r#","telecom":[{"system":"phone","value":"06"},{"system":"email","value":"a@b.it"}],"availableTime":[{"daysOfWeek":["mon"]}]"#,
                &["phone=06", "email=a@b.it", "telecom=06"],
            ),
            (
                "PractitionerRole",
                r#","telecom":[{"system":"email","value":"c@d.it"}],"code":[{"coding":[{"code":"doctor"}]}]"#,
                &["email=c@d.it", "phone:missing=true", "role=doctor"],
            ),
            (
                "Patient",
                r#","communication":[{"language":{"coding":[{"system":"urn:ietf:bcp:47","code":"it"}]}}],"language":"de""#,
                &["language=it", "language=urn:ietf:bcp:47|it"],
            ),
            (
                "Library",
                r#","status":"draft","type":{"coding":[{"code":"logic-library"}]},"relatedArtifact":[{"type":"depends-on","resource":"http://l.example/a"},{"type":"successor","resource":"http://l.example/b"}]"#,
                &[
                    "depends-on=http://l.example/a",
                    "successor=http://l.example/b",
                ],
            ),
            (
                "Person",
                r#","link":[{"target":{"reference":"Practitioner/d"}},{"target":{"reference":"Patient/p"}}]"#,
                &[
                    "practitioner=d",
                    "patient=p",
                    "link=Patient/p",
                    "link=d",
                    "relatedperson:missing=true",
                ],
            ),
            (
                "Composition",
                r#","status":"final","type":{"coding":[{"code":"t"}]},"date":"2025-03-30T10:00:00Z","title":"Referto","author":[{"reference":"Practitioner/d"}],"subject":{"reference":"Patient/p"},"section":[{"code":{"coding":[{"code":"s"}]},"entry":[{"reference":"Observation/o"}]}],"attester":[{"mode":"legal","party":{"reference":"Practitioner/e"}}]"#,
                &[
                    "title=ref",
                    "patient=p",
                    "entry=Observation/o",
                    "section=s",
                    "attester=Practitioner/e",
                    "date=2025-03-30",
                    "author=d",
                ],
            ),
            (
                "DocumentReference",
                r#","status":"current","date":"2025-03-30T10:00:00Z","content":[{"attachment":{"contentType":"application/pdf","url":"http://d.example/1","creation":"2025-01-01"},"format":{"system":"urn:f","code":"f"}}],"relatesTo":[{"code":"replaces","target":{"reference":"DocumentReference/old"}}],"context":{"period":{"start":"2024-12-01","end":"2024-12-31"},"facilityType":{"coding":[{"code":"h"}]},"related":[{"reference":"Encounter/v"}]},"masterIdentifier":{"system":"urn:m","value":"M1"},"identifier":[{"system":"urn:i","value":"I1"}]"#,
                &[
                    "contenttype=application/pdf",
                    "format=urn:f|f",
                    "relatesto=DocumentReference/old",
                    "relation=replaces",
                    "period=2024-12",
                    "facility=h",
                    "related=Encounter/v",
                    "identifier=urn:m|M1",
                    "identifier=I1",
                    "location=http://d.example/1",
                    "date=2025-03-30",
                ],
            ),
            (
                "Encounter",
                r#","status":"finished","class":{"code":"AMB"},"location":[{"location":{"reference":"Location/l"},"period":{"start":"2025-01-01","end":"2025-01-02"}}],"participant":[{"type":[{"coding":[{"code":"ATND"}]}],"individual":{"reference":"Practitioner/d"}}],"diagnosis":[{"condition":{"reference":"Condition/c"}}],"hospitalization":{"specialArrangement":[{"coding":[{"code":"wheel"}]}]}"#,
                &[
                    "location=l",
                    "location-period=2025-01",
                    "participant=Practitioner/d",
                    "participant-type=ATND",
                    "practitioner=d",
                    "diagnosis=Condition/c",
                    "special-arrangement=wheel",
                ],
            ),
            (
                "Immunization",
                r#","status":"completed","vaccineCode":{"coding":[{"code":"v"}]},"patient":{"reference":"Patient/p"},"occurrenceDateTime":"2025-03","lotNumber":"L-1","reaction":[{"date":"2025-04-01","detail":{"reference":"Observation/o"}}]"#,
                &[
                    "reaction-date=2025-04-01",
                    "reaction=Observation/o",
                    "lot-number=l-1",
                    "date=2025-03",
                    "vaccine-code=v",
                ],
            ),
            (
                "Bundle",
                r#","type":"document","identifier":{"system":"urn:b","value":"1"},"timestamp":"2025-03-30T10:00:00Z","entry":[{"fullUrl":"http://b.example/Composition/c","resource":{"resourceType":"Composition","id":"c","status":"final","type":{"text":"t"},"date":"2025","title":"T","author":[{"display":"x"}]}}]"#,
                &[
                    "type=document",
                    "identifier=urn:b|1",
                    "timestamp=2025-03-30",
                ],
            ),
            (
                "AuditEvent",
                r#","type":{"system":"urn:t","code":"rest"},"recorded":"2025-03-30T10:00:00Z","agent":[{"requestor":true,"who":{"reference":"Practitioner/d"},"network":{"address":"10.0.0.1","type":"2"}}],"source":{"observer":{"reference":"Device/s"}},"entity":[{"what":{"reference":"Patient/p"}}]"#,
                &[
                    "agent=Practitioner/d",
                    "entity=Patient/p",
                    "patient=p",
                    "address=10.0",
                    "type=urn:t|rest",
                    "source=Device/s",
                ],
            ),
            (
                "Questionnaire",
                r#","status":"active","item":[{"linkId":"1","type":"string","code":[{"system":"urn:q","code":"q"}],"definition":"http://q.example/def"}]"#,
                &["code=urn:q|q", "definition=http://q.example/def"],
            ),
        ],
        &[],
    );
}
