//! token: codes, identifiers, booleans and contacts. Source: FHIR R4 search.html#token.

use super::{check, put, table};
use crate::support::TestNode;

#[test]
fn by_identifier() {
    let node = TestNode::start();
    put(
        &node,
        "Patient",
        "x1",
        r#","identifier":[{"system":"urn:x","value":"1"}]"#,
    );
    put(
        &node,
        "Patient",
        "y1",
        r#","identifier":[{"system":"urn:y","value":"1"}]"#,
    );
    put(
        &node,
        "Patient",
        "none1",
        r#","identifier":[{"value":"1"}]"#,
    );
    put(
        &node,
        "Patient",
        "x2y3",
        r#","identifier":[{"system":"urn:x","value":"2"},{"system":"urn:y","value":"3"}]"#,
    );
    put(
        &node,
        "Patient",
        "odd",
        r#","identifier":[{"system":"urn:x","value":"a,b|c$d\\e"}]"#,
    );
    for (query, expected) in [
        ("Patient?identifier=1", "none1 x1 y1"),
        ("Patient?identifier=urn:x|1", "x1"),
        ("Patient?identifier=urn%3Ax%7C1", "x1"),
        ("Patient?identifier=|1", "none1"),
        ("Patient?identifier=urn:x|", "odd x1 x2y3"),
        ("Patient?identifier=urn:x|1,urn:y|1", "x1 y1"),
        ("Patient?identifier=urn:x|&identifier=urn:y|", "x2y3"),
        ("Patient?identifier=urn:x|3", ""),
        ("Patient?identifier=urn:x|2&identifier=urn:y|3", "x2y3"),
        ("Patient?identifier=2&_id=x1,x2y3", "x2y3"),
        ("Patient?identifier=URN:X|1", ""),
        (r"Patient?identifier=urn:x|a\,b\|c\$d\\e", "odd"),
        ("Patient?identifier=nobody", ""),
    ] {
        check(&node, query, expected);
    }
    for query in [
        "identifier=",
        "identifier=a|b|c",
        "identifier:of-type=a|b",
        "identifier:missing=x",
    ] {
        assert_eq!(node.get(&format!("Patient?{query}")).status, 400, "{query}");
    }
}

#[test]
fn by_codes_and_labels() {
    let node = TestNode::start();
    let kind = |code: &str| {
        format!(
            r#","status":"current","content":[{{"attachment":{{"url":"u"}}}}],"type":{{"coding":[{{"system":"http://loinc.org","code":"{code}"}}]}}"#
        )
    };
    put(
        &node,
        "DocumentReference",
        "ref",
        &format!(
            r#"{},"meta":{{"tag":[{{"system":"s","code":"t"}}],"profile":["http://p|1.0"],"security":[{{"code":"R"}}],"source":"urn:src"}}"#,
            kind("57133-1")
        ),
    );
    put(
        &node,
        "DocumentReference",
        "lab",
        &format!(
            r#"{},"meta":{{"tag":[{{"code":"t"}}],"profile":["http://q"]}}"#,
            kind("11502-2")
        ),
    );
    for (query, expected) in [
        ("type=57133-1", "ref"),
        ("type=http://loinc.org|57133-1", "ref"),
        ("type=|57133-1", ""),
        ("type=57133-1,11502-2", "lab ref"),
        ("status=current", "lab ref"),
        ("_tag=t", "lab ref"),
        ("_tag=s|t", "ref"),
        ("_tag=|t", "lab"),
        ("_profile=http://p|1.0", "ref"),
        ("_profile=http://p", "ref"),
        ("_profile=http://q", "lab"),
        ("_security=R", "ref"),
        ("_tag=t&type=11502-2", "lab"),
    ] {
        check(&node, &format!("DocumentReference?{query}"), expected);
    }
}

#[test]
fn not_finds_what_has_no_such_value_and_what_has_none() {
    let node = TestNode::start();
    put(&node, "Patient", "m", r#","gender":"male","active":true"#);
    put(
        &node,
        "Patient",
        "f",
        r#","gender":"female","active":false"#,
    );
    put(&node, "Patient", "none", "");
    table(
        &node,
        "Patient",
        &[
            ("gender=male", "m"),
            ("gender=male,female", "f m"),
            ("gender:not=male", "f none"),
            ("gender:not=male,female", "none"),
            ("gender:not=male&gender:not=female", "none"),
            ("gender:not=male&gender=female", "f"),
            ("gender:not=other", "f m none"),
            ("gender:missing=true", "none"),
            ("gender:missing=false", "f m"),
            ("gender:missing=false&gender:not=male", "f"),
            ("active=true", "m"),
            ("active=false", "f"),
            ("active:not=true", "f none"),
            ("active:missing=true", "none"),
            ("gender=http://hl7.org/fhir/administrative-gender|male", "m"),
            ("gender=urn:x|male", ""),
            ("gender=MALE", ""),
        ],
    );
}

#[test]
fn codings() {
    let node = TestNode::start();
    for (id, codings) in [
        (
            "a1b2",
            r#"{"system":"http://a","code":"1"},{"system":"http://b","code":"2"}"#,
        ),
        ("a2", r#"{"system":"http://a","code":"2","display":"two"}"#),
        ("own", r#"{"code":"1"}"#),
        ("shown", r#"{"system":"http://a","display":"1"}"#),
        ("odd", r#"{"system":"http://a","code":"x|y,z"}"#),
        ("case", r#"{"system":"http://a","code":"Ab"}"#),
    ] {
        let members = format!(r#","status":"final","code":{{"coding":[{codings}],"text":"t"}}"#);
        put(&node, "Observation", id, &members);
    }
    put(
        &node,
        "Observation",
        "text",
        r#","status":"final","code":{"text":"1"}"#,
    );
    table(
        &node,
        "Observation",
        &[
            ("code=1", "a1b2 own"),
            ("code=2", "a1b2 a2"),
            ("code=http://a|1", "a1b2"),
            ("code=http://b|2", "a1b2"),
            ("code=http://b|1", ""),
            ("code=|1", "own"),
            ("code=|2", ""),
            ("code=http://a|", "a1b2 a2 case odd shown"),
            ("code=http://b|", "a1b2"),
            ("code=http://c|", ""),
            ("code=http://a|1,|1", "a1b2 own"),
            ("code=http://a|1&code=http://b|2", "a1b2"),
            ("code=http%3A%2F%2Fa%7C1", "a1b2"),
            ("code:not=http://a|1", "a2 case odd own shown text"),
            ("code:not=1,2", "case odd shown text"),
            ("code:not=http://a|", "own text"),
            (r"code=x\|y\,z", "odd"),
            (r"code=http://a|x\|y\,z", "odd"),
            (r"code=http://a|x\|y\,z,http://b|2", "a1b2 odd"),
            ("code=Ab", "case"),
            ("code:missing=true", ""),
            ("code:missing=false", "a1b2 a2 case odd own shown text"),
            ("status=final&code=2", "a1b2 a2"),
            ("combo-code=http://a|2", "a2"),
        ],
    );
}

#[test]
fn identifiers_of_a_type() {
    const V2: &str = "http://terminology.hl7.org/CodeSystem/v2-0203";
    let node = TestNode::start();
    let of = |system: &str, code: &str, value: &str| {
        format!(
            r#","identifier":[{{"type":{{"coding":[{{"system":"{system}","code":"{code}"}}]}},"system":"urn:x","value":"{value}"}}]"#
        )
    };
    put(&node, "Patient", "mr1", &of(V2, "MR", "1"));
    put(&node, "Patient", "mr2", &of(V2, "MR", "2"));
    put(&node, "Patient", "nh1", &of(V2, "NH", "1"));
    put(&node, "Patient", "own", &of("urn:own", "MR", "1"));
    put(
        &node,
        "Patient",
        "plain",
        r#","identifier":[{"system":"urn:x","value":"1"}]"#,
    );
    table(
        &node,
        "Patient",
        &[
            (&format!("identifier:of-type={V2}|MR|1"), "mr1"),
            (
                &format!("identifier:of-type={V2}|MR|1,{V2}|NH|1"),
                "mr1 nh1",
            ),
            (&format!("identifier:of-type={V2}|MR|3"), ""),
            (&format!("identifier:of-type={V2}|PPN|1"), ""),
            ("identifier:of-type=urn:own|MR|1", "own"),
            ("identifier=1", "mr1 nh1 own plain"),
            ("identifier=urn:x|1", "mr1 nh1 own plain"),
            ("identifier:not=1", "mr2"),
            ("identifier:missing=false", "mr1 mr2 nh1 own plain"),
        ],
    );
}

#[test]
fn contacts_booleans_and_texts() {
    let node = TestNode::start();
    for (id, members) in [
        (
            "both",
            r#","telecom":[{"system":"phone","use":"home","value":"0612345"},{"system":"email","value":"a@b.it"}]"#,
        ),
        (
            "mail",
            r#","telecom":[{"system":"email","value":"0612345"}]"#,
        ),
        ("dead", r#","deceasedBoolean":true"#),
        ("died", r#","deceasedDateTime":"2020-01-01""#),
        ("alive", r#","deceasedBoolean":false"#),
    ] {
        put(&node, "Patient", id, members);
    }
    table(
        &node,
        "Patient",
        &[
            ("phone=0612345", "both"),
            ("email=a@b.it", "both"),
            ("email=0612345", "mail"),
            ("telecom=0612345", "both mail"),
            ("telecom=a%40b.it", "both"),
            ("telecom=A%40B.it", "both"),
            ("email=A@b.IT", "both"),
            ("phone=06", ""),
            ("phone:missing=true", "alive dead died mail"),
            ("deceased=true", "dead died"),
            ("deceased=false", "alive both mail"),
            ("deceased:not=true", "alive both mail"),
        ],
    );
    let system =
        |version: &str| format!(r#","status":"active","content":"complete","version":"{version}""#);
    put(&node, "CodeSystem", "beta", &system("1.0-BETA"));
    put(&node, "CodeSystem", "two", &system("2.0"));
    table(
        &node,
        "CodeSystem",
        &[
            ("version=1.0-BETA", "beta"),
            ("version=2.0", "two"),
            ("version=2", ""),
            ("version=1.0-beta", "beta"),
            ("status=active&version:not=2.0", "beta"),
            ("version=1.0-Beta,2.0", "beta two"),
            ("content-mode=complete", "beta two"),
            // Codes are compared as they are.
            ("content-mode=Complete", ""),
        ],
    );
}

#[test]
fn classes_and_other_plain_codings() {
    let node = TestNode::start();
    const ACT: &str = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
    for (id, class) in [
        ("amb", format!(r#"{{"system":"{ACT}","code":"AMB"}}"#)),
        ("imp", format!(r#"{{"system":"{ACT}","code":"IMP"}}"#)),
        ("own", r#"{"code":"AMB"}"#.to_owned()),
    ] {
        let members = format!(r#","status":"finished","class":{class}"#);
        put(&node, "Encounter", id, &members);
    }
    table(
        &node,
        "Encounter",
        &[
            ("class=AMB", "amb own"),
            (&format!("class={ACT}|AMB"), "amb"),
            (&format!("class={ACT}|"), "amb imp"),
            ("class=|AMB", "own"),
            ("class:not=AMB", "imp"),
            ("status=finished", "amb imp own"),
            ("status:not=finished", ""),
            ("status=planned", ""),
            ("class=AMB,IMP&status=finished", "amb imp own"),
        ],
    );
}
