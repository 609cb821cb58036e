//! Rows for what search parameters, patches and limits ask of the engine.

use super::{Environment, Item, Limits, Location, Phase, evaluate, parse};
use crate::fhir::definitions::Definitions;
use crate::fhir::model::json;
use crate::fhir::model::value::Value;

use std::sync::LazyLock;

static R4: LazyLock<Definitions> = LazyLock::new(|| Definitions::r4().unwrap());

fn value(text: &str) -> Value {
    json::parse(text.as_bytes(), &json::Limits::default()).unwrap()
}

fn observation() -> Value {
    value(
        r##"{"resourceType":"Observation","id":"o1","status":"final",
        "contained":[{"resourceType":"Patient","id":"p"}],
        "code":{"coding":[{"system":"http://loinc.org","code":"8480-6"}],"text":"Systolic"},
        "subject":{"reference":"Patient/1"},
        "performer":[{"reference":"http://x.org/fhir/Practitioner/2"},{"type":"Organization","identifier":{"value":"7"}},{"reference":"#p"}],
        "effectiveDateTime":"2024-03",
        "valueQuantity":{"value":72.50,"unit":"mm[Hg]"},
        "component":[{"valueCodeableConcept":{"text":"a"}},{"valueString":"b"},{"valueCodeableConcept":{"text":"c"}}],
        "_status":{"extension":[{"url":"http://x.org/e","valueBoolean":true}]}}"##,
    )
}

fn written(items: &[Item<'_>]) -> String {
    let list: Vec<String> = items
        .iter()
        .map(|item| match item {
            Item::Node(node) => match node.value {
                Value::Bool(value) => value.to_string(),
                Value::Number(text) | Value::String(text) => text.to_string(),
                _ => node.type_name().to_owned(),
            },
            Item::Target(name) => format!("->{name}"),
            Item::Boolean(value) => value.to_string(),
            Item::Integer(value) => value.to_string(),
            Item::Decimal(value) => value.to_string(),
            Item::String(text) => text.to_string(),
            Item::Temporal(value) => value.to_string(),
            Item::Quantity(value) => value.to_string(),
            Item::Type { name, .. } => name.to_string(),
        })
        .collect();
    list.join(", ")
}

/// Evaluates on the observation above, by the rules of search parameters.
#[track_caller]
fn check(expression: &str, expected: &str) {
    let focus = observation();
    let parsed = parse(expression).unwrap();
    let env = Environment::for_search(&R4);
    let items = evaluate(&parsed, &focus, &env).unwrap();
    assert_eq!(written(&items), expected, "{expression}");
}

#[track_caller]
fn fails(expression: &str, phase: Phase) {
    let focus = observation();
    let error = match parse(expression) {
        Ok(parsed) => evaluate(&parsed, &focus, &Environment::new(&R4)).map(|_| ()),
        Err(error) => Err(error),
    };
    assert_eq!(error.unwrap_err().phase, phase, "{expression:.80}");
}

#[test]
fn paths_of_search_parameters() {
    check("Observation.status", "final");
    check("Resource.id", "o1");
    check("DomainResource.id | Patient.name", "o1");
    check("Patient.name", "");
    check("Observation.value", "Quantity");
    check("Observation.valueQuantity", "");
    check("(Observation.value as Quantity).value", "72.50");
    check("(Observation.value as CodeableConcept).text", "");
    check(
        "(Observation.component.value as CodeableConcept).text",
        "a, c",
    );
    check("Observation.component.value.as(string)", "b");
    check(
        "Observation.component.value.ofType(CodeableConcept).text",
        "a, c",
    );
    check("Observation.effective", "2024-03");
    check("(Observation.effective as dateTime)", "2024-03");
    check(
        "Observation.code.coding.where(system = 'http://loinc.org').code",
        "8480-6",
    );
    check(
        "Observation.subject.where(resolve() is Patient)",
        "Reference",
    );
    check("Observation.subject.where(resolve() is Group)", "");
    check(
        "Observation.performer.resolve()",
        "->Practitioner, ->Organization, Patient",
    );
    check(
        "Observation.performer.where(resolve() is Resource).count()",
        "3",
    );
    check(
        "Observation.status.extension('http://x.org/e').value",
        "true",
    );
    check(
        "Observation.deceased.exists() and Observation.deceased != false",
        "false",
    );
    check("Observation.component[1].value", "b");
    check("Observation.component[9].value", "");
}

#[test]
fn precedence() {
    check("1 + 2 * 3 - 4 / 2", "5");
    check("2 = 1 | 2 - 1", "false");
    check("1 | 2 = 2", "false");
    check("true or false and false", "true");
    check("false implies false implies false", "false");
    check("1 < 2 = true", "true");
    check("'a' & 'b' = 'ab'", "true");
    check("-1 + 2", "1");
    check("status in ('final' | 'amended')", "true");
    check("('final' | 'amended') contains status", "true");
    check("value is Quantity and status is code", "true");
}

#[test]
fn precision_of_dates() {
    check("effective < @2024-04", "true");
    check("effective < @2024-03-15", "");
    check("@2024-01-31 + 1 month", "2024-02-29");
    check("@2024-03-01T00:30:00+01:00 = @2024-02-29T23:30:00Z", "true");
    check("@2024 + 24 months", "2026");
    check("@T23:30 + 1 hour", "00:30");
}

#[test]
fn faults_name_their_phase() {
    for text in [
        "", "a.", "a b", "(a", "a.where(", "a[1", "1 +", "@2024-13", "'x", "$that",
    ] {
        fails(text, Phase::Syntax);
    }
    fails("a.unknown()", Phase::Semantic);
    fails("a.where()", Phase::Semantic);
    fails("status is Nonsense", Phase::Semantic);
    fails("component.single()", Phase::Execution);
    fails("(1 | 2) + 1", Phase::Execution);
    fails("now()", Phase::Execution);
    fails("%nothing", Phase::Execution);
}

#[test]
fn in_16_limits_hold() {
    fails(&"(".repeat(100_000), Phase::Syntax);
    fails(
        &format!("{}1{}", "(".repeat(65), ")".repeat(65)),
        Phase::Syntax,
    );
    fails(&format!("1{}", " is Integer".repeat(70)), Phase::Syntax);
    fails(&"-".repeat(1000), Phase::Syntax);
    fails(
        "(1|2|3|4|5|6|7|8|9).select((1|2|3|4|5|6|7|8|9).select((1|2|3|4|5|6|7|8|9).select((1|2|3|4|5|6|7|8|9).select($this + 1))))",
        Phase::Limit,
    );
    let doubling = format!("'abcdefgh'{}", ".select($this & $this)".repeat(30));
    fails(&doubling, Phase::Limit);
    let growing = format!("status{}", ".combine($this.status)".repeat(3));
    check(&growing, "final, final, final, final");
    let long = format!("status{}", " | status".repeat(500));
    check(&long, "final");
    let focus = observation();
    let parsed = parse("descendants()").unwrap();
    let limits = Limits {
        items: 3,
        ..Limits::default()
    };
    let env = Environment::new(&R4).with_limits(limits);
    assert_eq!(
        evaluate(&parsed, &focus, &env).unwrap_err().phase,
        Phase::Limit
    );
}

#[test]
fn regular_expressions() {
    check("'http://a.org/Library|1'.matches('Library')", "true");
    check("'Library'.matchesFull('Lib')", "false");
    check("'Library'.matchesFull('Lib|Library')", "true");
    check("'a\\nb'.matches('a.b')", "true");
    check("'abc123'.replaceMatches('[0-9]', '-')", "abc---");
    check(
        "'12-30'.replaceMatches('(\\\\d+)-(\\\\d+)', '$2/$1')",
        "30/12",
    );
    check("'abc'.replaceMatches('', 'x')", "abc");
    check("{}.matches('a') | 'a'.matches({})", "");
    // The pattern of a literal is compiled once; another is told apart at each item.
    check(
        "('a' | 'b').select('ab'.matches($this + 'b'))",
        "true, false",
    );
    fails("'a'.matches('(?=a)')", Phase::Execution);
    fails("'a'.matches('(')", Phase::Execution);
}

/// Linear in the text, and bounded where the pattern is large.
#[test]
fn in_16_regular_expressions_do_not_run_away() {
    let text = "a".repeat(2_000);
    check(&format!("'{text}'.matches('^(a|a)*(a|aa)*(a*)*$')"), "true");
    check(&format!("'{text}'.matches('^(a+)+b$')"), "false");
    fails("'a'.matches('((a{500}){500}){500}')", Phase::Limit);
    let growing =
        "'aaaaaaaaaaaaaaaa'".to_owned() + &".replaceMatches('a', 'aaaaaaaaaaaaaaaa')".repeat(6);
    fails(&growing, Phase::Limit);
    let many = "(1|2|3|4|5|6|7|8|9|10|11).select((1|2|3|4|5|6|7|8|9|10|11).select('a'.matches($this.toString())))";
    fails(many, Phase::Limit);
}

#[test]
fn variables_of_an_expression() {
    check("defineVariable('s', status).select(%s & '!')", "final!");
    check(
        "code.coding.defineVariable('c').select(%c.code & system)",
        "8480-6http://loinc.org",
    );
    check(
        "status.defineVariable('a').defineVariable('b', %a & 'x').select(%a & %b)",
        "finalfinalx",
    );
    fails(
        "defineVariable('s', 1).defineVariable('s', 2)",
        Phase::Execution,
    );
    fails("defineVariable('context', 1)", Phase::Execution);
    fails("defineVariable('')", Phase::Execution);
    fails("defineVariable('s', 1) | %s", Phase::Execution);
}

/// What the left side decides needs no right side.
#[test]
fn logic_stops_where_it_is_decided() {
    check("false and component.single().exists()", "false");
    check("true or component.single().exists()", "true");
    check("false implies component.single().exists()", "true");
    fails("true and component.single().exists()", Phase::Execution);
}

#[test]
fn boundaries_of_dates() {
    check("@2014.lowBoundary()", "2014-01-01");
    check("@2014-02.highBoundary()", "2014-02-28");
    check("@2014.highBoundary(6)", "2014-12");
    check(
        "@2014-01-01T08.lowBoundary()",
        "2014-01-01T08:00:00.000+14:00",
    );
    check(
        "@2014-01-01T08:05+02:00.highBoundary()",
        "2014-01-01T08:05:59.999+02:00",
    );
    check("@T10:30.lowBoundary()", "10:30:00.000");
    check("@T10:30:15.5.highBoundary()", "10:30:15.599");
    check(
        "@2014.lowBoundary(7) | @2014.lowBoundary(9) | @T10.highBoundary(17)",
        "",
    );
    check("effective.highBoundary().toDate()", "2024-03-31");
    check("(1.5 'g').highBoundary(1)", "1.6 'g'");
    fails("'a'.lowBoundary()", Phase::Execution);
}

#[test]
fn parts_of_dates() {
    let moment = "@2012-01-02T12:30:45.678+08:45";
    check(
        &format!(
            "{moment}.select(yearOf() | monthOf() | dayOf() | hourOf() | minuteOf() | secondOf() | millisecondOf())"
        ),
        "2012, 1, 2, 12, 30, 45, 678",
    );
    check(&format!("{moment}.timezoneOffsetOf()"), "8.75");
    check(&format!("{moment}.dateOf()"), "2012-01-02");
    check(&format!("{moment}.timeOf()"), "12:30:45.678");
    check(
        "effective.dayOf() | @T10:00.yearOf() | 'x'.yearOf() | {}.yearOf()",
        "",
    );
}

#[test]
fn sums_and_extremes() {
    check("(1 | 2 | 3.5).sum()", "6.5");
    check("(1 'cm' | 1 'm').max()", "1 'm'");
    check("('b' | 'a').min()", "a");
    check("(1 | 2).avg()", "1.5");
    check("{}.sum() | {}.min() | {}.avg()", "");
    fails("(1 | 'a').sum()", Phase::Execution);
}

/// Source: FHIR R4 *FHIRPath*, "Use of FHIR Quantity"; FHIRPath N1 *Conversion*.
#[test]
fn quantities_beside_numbers_and_the_calendar() {
    check("2 > 1 '1' and 3 - 2 '1' = 1 '1'", "true");
    check("20 / 5 'kg' = 4 '1/kg'", "true");
    check("1 month = 30 'd'", "");
    check("1 month = 30 days and 1 year ~ 1 'a'", "true");
    check("(1 year).toQuantity('seconds')", "31536000 seconds");
    check("7 days + 12 hours", "180 hours");
    check("1 'B' + 1 'B'", "");
    fails("@T09:45 + 2 years", Phase::Execution);
}

#[test]
fn places_of_results() {
    let focus = observation();
    let parsed = parse("component.value | status.extension | code.coding.code | status").unwrap();
    let env = Environment::for_search(&R4);
    let places: Vec<String> = evaluate(&parsed, &focus, &env)
        .unwrap()
        .iter()
        .filter_map(Item::node)
        .map(|node| {
            Location::find(&focus, node)
                .unwrap()
                .expression("Observation")
        })
        .collect();
    assert_eq!(
        places,
        [
            "Observation.component[0].valueCodeableConcept",
            "Observation.component[1].valueString",
            "Observation.component[2].valueCodeableConcept",
            "Observation._status.extension[0]",
            "Observation.code.coding[0].code",
            "Observation.status",
        ]
    );
}

#[test]
fn every_search_parameter_evaluates() {
    let focus = observation();
    let mut count = 0;
    for name in R4.resource_types() {
        for parameter in R4.search_parameters(name) {
            if parameter.expression.is_empty() {
                continue;
            }
            let parsed = parse(&parameter.expression)
                .unwrap_or_else(|error| panic!("{}: {error}", parameter.url));
            evaluate(&parsed, &focus, &Environment::for_search(&R4))
                .unwrap_or_else(|error| panic!("{}: {error}", parameter.url));
            count += 1;
        }
    }
    assert!(count > 1000, "{count}");
}

/// Source: FHIR R4, the constraints of all resources and datatypes.
#[test]
fn every_invariant_compiles() {
    let mut count = 0;
    for url in R4.canonicals("StructureDefinition") {
        let definition = R4.resolve(url).unwrap();
        let snapshot = definition.get("snapshot");
        let elements = snapshot.map_or(&[][..], |part| part.items_at("element"));
        for constraint in elements.iter().flat_map(|part| part.items_at("constraint")) {
            if let Some(expression) = constraint.str_at("expression") {
                parse(expression)
                    .unwrap_or_else(|error| panic!("{url}: {}", error.in_text(expression)));
                count += 1;
            }
        }
    }
    assert!(count > 5_000, "{count}");
}

#[test]
fn no_part_of_an_expression_panics() {
    let text = "Observation.component.where(value is Quantity and $index < 3 or code.text ~ 'a\\u0041').value[0] | %\"ext-a\" + 4 days - @2015-02-04T14:34:28.123+10:00 // é";
    let focus = observation();
    for start in (0..text.len()).filter(|place| text.is_char_boundary(*place)) {
        for end in (start..=text.len()).filter(|place| text.is_char_boundary(*place)) {
            if let Ok(parsed) = parse(&text[start..end]) {
                drop(evaluate(&parsed, &focus, &Environment::for_search(&R4)));
            }
        }
    }
}
