//! Rows for the functions that ask about the outside: references, terminology, profiles, narratives.

use std::sync::LazyLock;

use super::{Answer, Codes, Environment, Item, Node, Phase, Profiles, References, evaluate, parse};
use crate::fhir::definitions::Definitions;
use crate::fhir::model::json;
use crate::fhir::model::value::{Text, Value};

static R4: LazyLock<Definitions> = LazyLock::new(|| Definitions::r4().unwrap());

fn value(text: &str) -> Value {
    json::parse(text.as_bytes(), &json::Limits::default()).unwrap()
}

/// `a` is above `b`; the value set `two` has two systems.
struct Known;

impl Codes for Known {
    fn systems(&self, value_set: &str) -> Answer<Vec<Text>> {
        match value_set {
            "vs" => Ok(vec!["s".into()]),
            "two" => Ok(vec!["s".into(), "t".into()]),
            _ => Err("not loaded".into()),
        }
    }

    fn member_of(&self, value_set: &str, system: &str, code: &str) -> Answer<bool> {
        self.systems(value_set)?;
        Ok(system == "s" && matches!(code, "a" | "male"))
    }

    fn subsumes(&self, _: &str, ancestor: &str, code: &str) -> Answer<bool> {
        Ok(ancestor == "a" && code == "b")
    }
}

struct Rules(Value);

impl Profiles for Rules {
    fn conforms(&self, node: &Node<'_>, profile: &str) -> Answer<bool> {
        match profile {
            "nobody" => Err("not loaded".into()),
            name => Ok(node.type_name() == name),
        }
    }

    fn definition_of(&self, node: &Node<'_>) -> Answer<Option<&Value>> {
        Ok((node.type_name() == "HumanName").then_some(&self.0))
    }

    fn is_in_slice(&self, node: &Node<'_>, structure: &str, slice: &str) -> Answer<bool> {
        Ok(structure == "sd" && node.value.str_at("use") == Some(slice))
    }
}

struct Store(Value);

impl References for Store {
    fn find(&self, reference: &str) -> Answer<Option<&Value>> {
        Ok((reference == "Organization/stored").then_some(&self.0))
    }
}

fn patient() -> Value {
    value(
        r##"{"resourceType":"Patient","id":"p","gender":"male",
        "text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">a</div>"},
        "contained":[{"resourceType":"Organization","id":"o"}],
        "modifierExtension":[{"url":"http://x.org/m","valueBoolean":true}],
        "name":[{"use":"official","family":"a"},{"use":"old","family":"b"}],
        "maritalStatus":{"coding":[{"system":"x","code":"?"},{"system":"s","code":"a"}]},
        "generalPractitioner":[{"reference":"Organization/stored"},{"reference":"Organization/none"}],
        "managingOrganization":{"reference":"#o"},
        "extension":[{"url":"b","valueCoding":{"system":"s","code":"b"}},
            {"url":"t","valueCoding":{"system":"t","code":"b"}}]}"##,
    )
}

/// What an expression yields on the patient, with all ports.
#[track_caller]
fn check(expression: &str, expected: Result<&str, Phase>) {
    let focus = patient();
    let (rules, store) = (
        Rules(value(r#"{"path":"Patient.name"}"#)),
        Store(value(r#"{"resourceType":"Organization","id":"stored"}"#)),
    );
    let parsed = parse(expression).unwrap();
    let env = Environment::new(&R4)
        .with_codes(&Known)
        .with_profiles(&rules)
        .with_references(&store)
        .with_narratives(|text| text.contains("xhtml"));
    let found = evaluate(&parsed, &focus, &env)
        .map(|items| items.iter().map(shown).collect::<Vec<_>>().join(", "))
        .map_err(|error| error.phase);
    assert_eq!(found, expected.map(str::to_owned), "{expression}");
}

fn shown(item: &Item<'_>) -> String {
    match item {
        Item::Boolean(value) => value.to_string(),
        Item::Node(node) => match node.value {
            Value::String(text) => text.to_string(),
            value => value.str_at("id").unwrap_or("?").to_owned(),
        },
        other => format!("{other:?}"),
    }
}

#[test]
fn references_resolve() {
    check("managingOrganization.resolve()", Ok("o"));
    check("generalPractitioner.resolve()", Ok("stored"));
    check("'Organization/stored'.resolve()", Ok("stored"));
    check(
        "generalPractitioner.where(resolve() is Organization).count() = 1",
        Ok("true"),
    );
    check("'#nothing'.resolve()", Ok(""));
    check("1.resolve()", Ok(""));
}

#[test]
fn bundle_references_resolve() {
    let bundle = value(
        r##"{"resourceType":"Bundle","type":"collection","entry":[
        {"fullUrl":"http://a.org/fhir/Observation/1","resource":{"resourceType":"Observation","id":"1",
            "contained":[{"resourceType":"Device","id":"d"}],"device":{"reference":"#d"},
            "subject":{"reference":"Patient/1"},"encounter":{"reference":"urn:uuid:e"},
            "specimen":{"reference":"Specimen/1"},
            "performer":[{"reference":"Patient/1/_history/7"},{"reference":"Patient/1/_history/8"}]}},
        {"fullUrl":"http://b.org/fhir/Patient/1","resource":{"resourceType":"Patient","id":"wrong"}},
        {"fullUrl":"http://a.org/fhir/Patient/1","resource":{"resourceType":"Patient","id":"right","meta":{"versionId":"7"}}},
        {"fullUrl":"urn:uuid:e","resource":{"resourceType":"Encounter","id":"e","subject":{"reference":"Patient/1"}}}]}"##,
    );
    let observation = bundle.items_at("entry")[0].get("resource").unwrap();
    for (expression, expected) in [
        ("subject.resolve().id", "right"),
        ("encounter.resolve().id", "e"),
        ("encounter.resolve().subject.resolve().id", "right"),
        ("performer.resolve().id", "right"),
        ("specimen.resolve().id", ""),
        ("device.resolve().id", "d"),
    ] {
        let whole = format!("Bundle.entry[0].resource.{expression}");
        let (whole, part) = (parse(&whole).unwrap(), parse(expression).unwrap());
        let on_bundle = Environment::new(&R4);
        let on_entry = Environment::new(&R4)
            .with_resource(observation, observation)
            .with_bundle(&bundle);
        let join = |items: Vec<Item<'_>>| items.iter().map(shown).collect::<Vec<_>>().join(", ");
        let found = join(evaluate(&part, observation, &on_entry).unwrap());
        assert_eq!(found, expected, "{expression}");
        // The encounter has no base against which its own reference could be read.
        if expression != "encounter.resolve().subject.resolve().id" {
            let found = join(evaluate(&whole, &bundle, &on_bundle).unwrap());
            assert_eq!(found, expected, "{expression}");
        }
    }
}

#[test]
fn codes_in_value_sets() {
    check("gender.memberOf('vs')", Ok("true"));
    check("gender.memberOf('two')", Ok("true"));
    check("name.first().use.memberOf('vs')", Ok("false"));
    check("'a'.memberOf('vs')", Ok("true"));
    check("'a'.memberOf('two')", Err(Phase::Execution));
    check("'a'.memberOf('nobody')", Err(Phase::Outside));
    check("maritalStatus.memberOf('vs')", Ok("true"));
    check("maritalStatus.coding.first().memberOf('vs')", Ok("false"));
    check("maritalStatus.coding.memberOf('vs')", Err(Phase::Execution));
    check("birthDate.memberOf('vs')", Ok(""));
}

#[test]
fn codes_that_subsume() {
    let b = "%resource.extension('b').value";
    check(&format!("maritalStatus.subsumes({b})"), Ok("true"));
    check(&format!("maritalStatus.subsumedBy({b})"), Ok("false"));
    check(&format!("{b}.subsumedBy(maritalStatus)"), Ok("true"));
    check(&format!("{b}.subsumes({b})"), Ok("true"));
    check(
        &format!("{b}.subsumes(extension('t').value)"),
        Err(Phase::Outside),
    );
    check(&format!("{b}.subsumes('b')"), Err(Phase::Execution));
    check("birthDate.subsumes(maritalStatus)", Ok(""));
}

#[test]
fn profiles_of_elements() {
    check("conformsTo('Patient')", Ok("true"));
    check("name.first().conformsTo('Patient')", Ok("false"));
    check("conformsTo('nobody')", Err(Phase::Outside));
    check("1.conformsTo('Patient')", Ok("false"));
    check("name.first().elementDefinition().path", Ok("Patient.name"));
    check("gender.elementDefinition()", Ok(""));
    check("name.slice('sd', 'old').family", Ok("b"));
    check("name.slice('other', 'old')", Ok(""));
}

#[test]
fn modifiers_and_narratives() {
    check("checkModifiers('http://x.org/m').id", Ok("p"));
    check("checkModifiers('a', 'http://x.org/m').id", Ok("p"));
    check("checkModifiers('a')", Err(Phase::Execution));
    check("checkModifiers()", Err(Phase::Execution));
    check("name.checkModifiers().family", Ok("a, b"));
    check("text.div.htmlChecks()", Ok("true"));
    check("gender.htmlChecks()", Ok(""));
}

/// Without a port nothing is guessed.
#[test]
fn absent_ports_say_so() {
    let focus = patient();
    for expression in [
        "gender.memberOf('vs')",
        "extension('b').value.subsumes(maritalStatus)",
        "conformsTo('Patient')",
        "name.elementDefinition()",
        "name.slice('sd', 'old')",
        "text.div.htmlChecks()",
    ] {
        let parsed = parse(expression).unwrap();
        let error = evaluate(&parsed, &focus, &Environment::new(&R4)).unwrap_err();
        assert_eq!(error.phase, Phase::Outside, "{expression}");
        assert!(error.at.is_some(), "{expression}");
    }
    let parsed = parse("generalPractitioner.resolve()").unwrap();
    let found = evaluate(&parsed, &focus, &Environment::new(&R4)).unwrap();
    assert!(found.is_empty());
}
