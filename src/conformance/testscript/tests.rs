//! Addresses of operations, the extensions as they are read, pages and reports of results.

use super::request::{Line, Parts, Subject, line};
use super::result::{ActionKind, ActionResult, Fault, Outcome};
use super::script::{Action, Script};
use super::{ScriptResult, SuiteResult, TestOutcome, TestResult, page, report};
use crate::fhir::definitions::Definitions;
use crate::fhir::model::json;
use crate::fhir::validation::shape;
use crate::ids::CountedIds;

const BASE: &str = "http://h/fhir";

#[track_caller]
fn check(code: &str, change: impl FnOnce(&mut Parts), expected: &str) {
    let mut parts = Parts {
        code: Some(code.to_owned()),
        encode: true,
        ..Parts::default()
    };
    change(&mut parts);
    let found = match line(&parts, BASE) {
        Ok(Line { method, url, form }) => {
            let form = form.map(|form| format!(" {form}")).unwrap_or_default();
            let url = url.strip_prefix(BASE).map(str::to_owned).unwrap_or(url);
            format!("{method} {url}{form}")
        }
        Err(reason) => reason,
    };
    assert_eq!(found, expected, "{code}");
}

fn of(resource: &str, params: &str) -> impl FnOnce(&mut Parts) {
    move |parts| {
        parts.resource = Some(resource.to_owned()).filter(|text| !text.is_empty());
        parts.params = Some(params.to_owned()).filter(|text| !text.is_empty());
    }
}

fn about(resource: &str) -> impl FnOnce(&mut Parts) {
    move |parts| {
        parts.resource = Some(resource.to_owned());
        parts.target = Some(patient());
    }
}

fn patient() -> Subject {
    Subject {
        resource_type: Some("Patient".to_owned()),
        id: Some("1".to_owned()),
        version: Some("2".to_owned()),
    }
}

#[test]
fn addresses() {
    check("read", of("Patient", "/1"), "GET /Patient/1");
    check("read", of("Patient", "1"), "GET /Patient/1");
    check("read", about("Patient"), "GET /Patient/1");
    check("read", |p| p.target = Some(patient()), "GET /Patient/1");
    check(
        "read",
        of("Patient", ""),
        "the operation does not say which resource",
    );
    check("vread", about("Patient"), "GET /Patient/1/_history/2");
    check(
        "vread",
        of("Patient", "/1/_history/3"),
        "GET /Patient/1/_history/3",
    );
    check("update", of("Patient", "/1"), "PUT /Patient/1");
    check("update", |p| p.source = Some(patient()), "PUT /Patient/1");
    check("updateCreate", about("Patient"), "PUT /Patient/1");
    check(
        "update",
        of("Patient", "?identifier=s|v"),
        "PUT /Patient?identifier=s%7Cv",
    );
    check("patch", about("Patient"), "PATCH /Patient/1");
    check("delete", about("Patient"), "DELETE /Patient/1");
    check("delete", of("Patient", ""), "DELETE /Patient");
    check(
        "deleteCondSingle",
        of("Patient", "?_id=1"),
        "DELETE /Patient?_id=1",
    );
    check(
        "deleteCondMultiple",
        of("Patient", "_id=1"),
        "DELETE /Patient?_id=1",
    );
    check("create", |p| p.source = Some(patient()), "POST /Patient");
    check(
        "create",
        of("", ""),
        "the operation does not say which type",
    );
    check(
        "search",
        of("Patient", "?name=a b"),
        "GET /Patient?name=a%20b",
    );
    check("search", of("", "?_type=Patient"), "GET ?_type=Patient");
    check(
        "search",
        of("Patient", "/_search?name=x"),
        "GET /Patient/_search?name=x",
    );
    check("history", about("Patient"), "GET /Patient/1/_history");
    check(
        "history",
        of("Patient", "?_count=1"),
        "GET /Patient/_history?_count=1",
    );
    check("history", of("Patient", "/1"), "GET /Patient/1/_history");
    check("history", of("", ""), "GET /_history");
    check("batch", of("", ""), "POST ");
    check("transaction", of("", ""), "POST ");
    check("capabilities", of("", ""), "GET /metadata");
    check(
        "capabilities",
        of("", "?mode=full"),
        "GET /metadata?mode=full",
    );
    check(
        "$everything",
        about("Patient"),
        "GET /Patient/1/$everything",
    );
    check(
        "everything",
        of("Patient", "/1"),
        "GET /Patient/1/$everything",
    );
    check(
        "expand",
        of("ValueSet", "?url=http://a"),
        "GET /ValueSet/$expand?url=http://a",
    );
    check(
        "$meta",
        of("Patient", "/1/$meta?x=1"),
        "GET /Patient/1/$meta?x=1",
    );
    check(
        "$validate",
        |p| p.source = Some(patient()),
        "POST /$validate",
    );
    check(
        "noSuch",
        of("Patient", ""),
        "the operation type \"noSuch\" is not known",
    );
}

#[test]
fn addresses_given() {
    let url = |url: &'static str| move |p: &mut Parts| p.url = Some(url.to_owned());
    check("read", url("Patient/1"), "GET /Patient/1");
    check("read", url("/Patient/1"), "GET /Patient/1");
    check("read", url("https://x/y"), "GET https://x/y");
    check(
        "history",
        |p| {
            p.url = Some("Patient/_history".to_owned());
            p.params = Some("?_sort=_id".to_owned());
        },
        "GET /Patient/_history?_sort=_id",
    );
    check(
        "read",
        |p| {
            p.url = Some("Patient/1".to_owned());
            p.params = Some("/1".to_owned());
            p.resource = Some("Patient".to_owned());
        },
        "GET /Patient/1",
    );
    check(
        "read",
        |p| {
            p.url = Some("Patient".to_owned());
            p.method = Some("HEAD".to_owned());
        },
        "HEAD /Patient",
    );
}

#[test]
fn searches_by_post() {
    let post = |params: &'static str| {
        move |p: &mut Parts| {
            p.resource = Some("Patient".to_owned());
            p.params = Some(params.to_owned());
            p.method = Some("post".to_owned());
        }
    };
    check(
        "search",
        post("?name=a|b&x=1+2"),
        "POST /Patient/_search name=a%7Cb&x=1%2B2",
    );
    check(
        "search",
        post("/_search?name=x"),
        "POST /Patient/_search name=x",
    );
    check("search", post("name=x"), "POST /Patient/_search name=x");
}

#[test]
fn encoding() {
    let check = |params: &str, expected: &str| {
        check("search", of("A", params), &format!("GET /A{expected}"));
    };
    check("?a=%7Bx%7D", "?a=%7Bx%7D");
    check("?a=100%", "?a=100%25");
    check("?a=x\\,y", "?a=x%5C,y");
    check(
        "?d=2020-01-01T00:00:00+01:00",
        "?d=2020-01-01T00:00:00%2B01:00",
    );
    check("?a=\u{e8}#", "?a=%C3%A8%23");
    let raw = |parts: &mut Parts| {
        parts.encode = false;
        parts.resource = Some("A".to_owned());
        parts.params = Some("?a=b|c".to_owned());
    };
    self::check("search", raw, "GET /A?a=b|c");
}

#[test]
fn extensions_are_read() {
    let text = br#"{"resourceType":"TestScript","extension":[
        {"url":"http://ignixa.io/testscript/requiresCapability","valueString":"rest.exists()"}],
      "test":[{"name":"t","extension":[
        {"url":"http://ignixa.io/testscript/fhirVersions","valueString":"4.0, 4.3"},
        {"url":"http://ignixa.io/testscript/parametrize","extension":[
          {"url":"variable","valueString":"v"},{"url":"values","valueString":"a,b"}]}],
       "action":[{"assert":{"response":"gone","extension":[
        {"url":"http://ignixa.io/testscript/assertionAnyOfGroup","valueString":"g"},
        {"url":"http://ignixa.io/testscript/assertionWhenResponseStatus","extension":[
          {"url":"sourceId","valueString":"r"},{"url":"status","valueInteger":202}]}]}},
        {"assert":{"extension":[{"url":"http://ignixa.io/testscript/other"}]}},
        {"operation":{},"modifierExtension":[{"url":"http://x"}]}, {}]}]}"#;
    let value = json::parse(text, &json::Limits::default()).unwrap();
    let script = Script::read(&value, "s.json".to_owned(), ".".into());
    assert_eq!(script.requires, ["rest.exists()"]);
    let test = &script.tests[0];
    assert_eq!(test.versions, ["4.0", "4.3"]);
    assert_eq!(
        test.repeat,
        [("v".to_owned(), vec!["a".to_owned(), "b".to_owned()])]
    );
    let Action::Assert(assert) = &test.actions[0] else {
        panic!("{:?}", test.actions[0]);
    };
    assert_eq!(assert.any_of.as_deref(), Some("g"));
    assert_eq!(assert.when.as_ref().unwrap().status, "202");
    for unknown in &test.actions[1..] {
        assert!(matches!(unknown, Action::Unknown(_)), "{unknown:?}");
    }
}

#[test]
fn synthetic_resources_have_the_shape_of_their_type() {
    let definitions = Definitions::r4().unwrap();
    for name in definitions.resource_types() {
        if matches!(name.as_str(), "Resource" | "DomainResource") {
            continue;
        }
        let made = super::synthetic::resource(name, &definitions).unwrap();
        let issues = shape::check(&made, &definitions);
        let text = String::from_utf8(json::to_vec(&made)).unwrap();
        assert!(issues.is_empty(), "{text}: {issues:?}");
    }
    assert!(super::synthetic::resource("NoSuch", &definitions).is_err());
}

#[test]
fn results_are_told() {
    let fault = Fault::new("<b>", "\"x\" & 'y'");
    let action = ActionResult {
        kind: ActionKind::Assert,
        label: "1 assert".to_owned(),
        outcome: Outcome::Fail(fault.clone()),
    };
    let test = |outcome| TestResult {
        name: "<script>".to_owned(),
        description: None,
        outcome,
        actions: vec![action.clone()],
    };
    let failed = TestOutcome::Failed {
        action: "1".to_owned(),
        fault,
    };
    let script = ScriptResult {
        tests: vec![
            test(failed),
            test(TestOutcome::Passed),
            test(TestOutcome::Skipped("no".into())),
        ],
        ..ScriptResult::unreadable("a/b.json".to_owned(), String::new(), 0)
    };
    let unread = ScriptResult::unreadable("c.json".to_owned(), "no JSON".to_owned(), 0);
    let result = SuiteResult {
        scripts: vec![script, unread],
    };
    assert_eq!(result.score().to_string(), "1 passed, 1 failed, 2 skipped");
    assert!(!result.is_clean());

    let html = page(&result, "http://h/\"><script>");
    assert!(!html.contains("<script>"), "{html}");
    assert!(html.contains("expected &lt;b&gt;, found &quot;x&quot; &amp; &#39;y&#39;"));

    let bundle = report(&result, BASE, &CountedIds::default()).unwrap();
    let bundle = json::parse(&bundle, &json::Limits::default()).unwrap();
    let issues = shape::check(&bundle, &Definitions::r4().unwrap());
    assert!(issues.is_empty(), "{issues:?}");
    let reports = bundle.items_at("entry");
    let verdicts: Vec<_> = reports
        .iter()
        .map(|entry| entry.get("resource").unwrap().str_at("result").unwrap())
        .collect();
    assert_eq!(verdicts, ["fail", "pending"]);
}
