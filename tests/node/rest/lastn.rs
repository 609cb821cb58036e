//! `Observation/$lastn`. Source: FHIR R4 observation-operation-lastn.html.

use serde_json::json;

use crate::support::{Answer, TestNode};

const LOINC: &str = "http://loinc.org";

struct Record {
    node: TestNode,
}

impl Record {
    fn start() -> Self {
        let it = Self {
            node: TestNode::start(),
        };
        for id in ["p", "q"] {
            let body = format!(r#"{{"resourceType":"Patient","id":"{id}"}}"#);
            assert_eq!(it.node.put(&format!("Patient/{id}"), &body).status, 201);
        }
        it
    }

    /// An Observation of a patient; codings are `system|code`, one without `|` is the text.
    fn add(&self, id: &str, patient: &str, date: &str, codings: &[&str]) {
        let mut code = json!({});
        for coding in codings {
            match coding.split_once('|') {
                None => code["text"] = json!(coding),
                Some((system, value)) => {
                    let coding = json!({"system": system, "code": value});
                    match code["coding"].as_array_mut() {
                        Some(list) => list.push(coding),
                        None => code["coding"] = json!([coding]),
                    }
                }
            }
        }
        let category = json!([{"coding": [{"code": "vital-signs"}]}]);
        let mut body = json!({
            "resourceType": "Observation", "id": id, "status": "final", "code": code, "category": category,
            "subject": {"reference": format!("Patient/{patient}")},
        });
        if !date.is_empty() {
            body["effectiveDateTime"] = json!(date);
        }
        let answer = self
            .node
            .put(&format!("Observation/{id}"), &body.to_string());
        assert_eq!(answer.status, 201, "{}", answer.text());
    }

    #[track_caller]
    fn check(&self, query: &str, expected: &str) {
        let answer = self.node.get(&format!("Observation/$lastn?{query}"));
        assert_eq!(ids(&answer), expected, "{query}");
    }
}

/// The ids of the matches, in order.
#[track_caller]
fn ids(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{}", answer.text());
    let entries = answer.entries();
    let matches = entries
        .iter()
        .filter(|entry| entry["search"]["mode"] == "match");
    let ids: Vec<&str> = matches
        .map(|entry| entry["resource"]["id"].as_str().unwrap())
        .collect();
    assert_eq!(answer.json()["total"], ids.len());
    ids.join(" ")
}

#[test]
fn lastn_groups_by_code_and_tells_the_newest_of_each() {
    let it = Record::start();
    let (pulse, weight) = (format!("{LOINC}|8867-4"), format!("{LOINC}|29463-7"));
    it.add("pulse1", "p", "2020-01-01", &[&pulse]);
    it.add("pulse2", "p", "2020-03-01T10:00:00Z", &[&pulse]);
    it.add("pulse3", "p", "2020-02-01", &[&pulse]);
    it.add("weight1", "p", "2019-01-01", &[&weight]);
    it.add("weight2", "p", "2020-05-01", &[&weight]);
    it.add("undated", "p", "", &[&weight]);
    it.add("of-another", "q", "2021-01-01", &[&pulse]);
    let all = "patient=p&category=vital-signs";
    it.check(all, "weight2 pulse2");
    it.check("patient=Patient/p&category=vital-signs", "weight2 pulse2");
    it.check("subject=Patient/p&category=vital-signs", "weight2 pulse2");
    it.check("subject:Patient=p&code=8867-4", "pulse2");
    it.check("subject:Patient._id=p&code=8867-4", "pulse2");
    it.check(&format!("{all}&max=2"), "weight2 weight1 pulse2 pulse3");
    it.check(
        &format!("{all}&max=3"),
        "weight2 weight1 undated pulse2 pulse3 pulse1",
    );
    it.check(&format!("{all}&date=lt2020-02-15"), "pulse3 weight1");
    it.check(
        &format!("patient=p&code={LOINC}%7C29463-7&max=10&date=ge2019"),
        "weight2 weight1",
    );
    it.check("patient=p,q&code=8867-4&max=2", "of-another pulse2");
    it.check("patient=p&category=laboratory", "");
    it.check("patient=nobody&category=vital-signs", "");
}

#[test]
fn lastn_tells_what_happened_at_the_time_of_the_last() {
    let it = Record::start();
    let pulse = format!("{LOINC}|8867-4");
    for (id, date) in [
        ("a", "2020-01-01"),
        ("b", "2020-01-02"),
        ("c", "2020-01-02"),
        ("d", ""),
        ("e", ""),
    ] {
        it.add(id, "p", date, &[&pulse]);
    }
    let query = |max: u32| {
        let path = format!("Observation/$lastn?patient=p&code=8867-4&max={max}");
        let found = ids(&it.node.get(&path));
        let mut found: Vec<&str> = found.split(' ').collect();
        found.sort_unstable();
        found.join(" ")
    };
    assert_eq!(query(1), "b c");
    assert_eq!(query(2), "b c");
    assert_eq!(query(3), "a b c");
    // What has no time happened at no time: one more, not both.
    assert_eq!(query(4).len(), "a b c d".len());
    assert_eq!(query(5), "a b c d e");
}

/// Observations with a coding in common belong together, and so do those that have only the same text.
#[test]
fn lastn_knows_what_has_the_same_meaning() {
    let it = Record::start();
    let (loinc, local, other) = (format!("{LOINC}|8867-4"), "urn:local|fc", "urn:other|hr");
    it.add("loinc", "p", "2020-01-01", &[&loinc]);
    it.add("both", "p", "2020-01-02", &[&loinc, local]);
    it.add("local", "p", "2020-01-03", &[local, "Frequenza"]);
    it.add("third", "p", "2020-01-04", &[local, other]);
    it.add("other-code", "p", "2020-01-05", &[&format!("{LOINC}|1-8")]);
    it.add("text1", "p", "2020-01-06", &["Polso a riposo"]);
    it.add("text2", "p", "2020-01-07", &["polso  A riposo"]);
    it.add("text3", "p", "2020-01-08", &["Peso"]);
    it.check(
        "patient=p&category=vital-signs&max=2",
        "text3 text2 text1 other-code third local",
    );
}

#[test]
fn lastn_tells_parts_and_includes() {
    let it = Record::start();
    it.add("a", "p", "2020-01-01", &["urn:x|1"]);
    let answer = it.node.get(
        "Observation/$lastn?patient=p&code=1&_include=Observation:subject&_elements=code&nonsense=1",
    );
    assert_eq!(ids(&answer), "a");
    let modes: Vec<String> = answer
        .entries()
        .iter()
        .map(|entry| entry["search"]["mode"].to_string())
        .collect();
    assert_eq!(modes, ["\"match\"", "\"include\"", "\"outcome\""]);
    assert_eq!(answer.entries()[0]["resource"].get("category"), None);
    assert_eq!(
        answer.json()["link"][0]["url"],
        format!(
            "{}/Observation/$lastn?patient=p&code=1&_include=Observation:subject&_elements=code",
            it.node.base
        )
    );
    let count = it
        .node
        .get("Observation/$lastn?patient=p&code=1&_summary=count");
    assert_eq!(
        (count.json()["total"].as_u64(), count.entries().len()),
        (Some(1), 0)
    );
    let body = r#"{"resourceType":"Parameters","parameter":[{"name":"max","valuePositiveInt":1},{"name":"subject","valueReference":{"reference":"Patient/p"}},{"name":"code","valueCodeableConcept":{"coding":[{"system":"urn:x","code":"1"}]}}]}"#;
    assert_eq!(ids(&it.node.post("Observation/$lastn", body)), "a");
}

#[test]
fn lastn_refuses_what_it_cannot_do() {
    let it = Record::start();
    for (query, code) in [
        ("", "required"),
        ("patient=p", "required"),
        ("category=vital-signs", "required"),
        ("patient=p&category=", "required"),
        ("patient=p&code:not=1", "required"),
        ("patient:missing=false&code=1", "required"),
        ("patient=p&code=1&max=0", "value"),
        ("patient=p&code=1&max=-1", "value"),
        ("patient=p&code=1&max=x", "value"),
        ("patient=p&code=1&max=1001", "value"),
        ("patient=p&code=1&max=1&max=2", "value"),
        ("patient=p&code=1&_count=2", "not-supported"),
        ("patient=p&code=1&_sort=date", "not-supported"),
        ("patient=p&code=1&_cursor=x", "not-supported"),
        ("patient=p&code=1&date=soon", "value"),
    ] {
        it.node
            .get(&format!("Observation/$lastn?{query}"))
            .refused(400, code);
    }
    let strict = [("prefer", "handling=strict")];
    it.node
        .get_with("Observation/$lastn?patient=p&code=1&nonsense=1", &strict)
        .refused(400, "not-supported");
    it.node
        .post("Observation/$lastn", r#"{"resourceType":"Patient"}"#)
        .refused(400, "value");
    it.node
        .get("Patient/$lastn?patient=p&code=1")
        .refused(501, "not-supported");
}

/// No more than so many are looked at, and told.
#[test]
fn lastn_is_bounded() {
    let it = Record::start();
    let add = |code: &dyn Fn(usize) -> usize, category: &str| {
        let entry = |number: usize| {
            format!(
                r#"{{"request":{{"method":"POST","url":"Observation"}},"resource":{{"resourceType":"Observation","status":"final","code":{{"coding":[{{"code":"c{}"}}]}},"category":[{{"coding":[{{"code":"{category}"}}]}}],"subject":{{"reference":"Patient/p"}}}}}}"#,
                code(number)
            )
        };
        let entries: Vec<String> = (0..1001).map(entry).collect();
        let entries = entries.join(",");
        let body =
            format!(r#"{{"resourceType":"Bundle","type":"transaction","entry":[{entries}]}}"#);
        assert_eq!(it.node.post("", &body).status, 200);
    };
    let get = |query: &str| {
        it.node
            .get(&format!("Observation/$lastn?patient=p&{query}"))
    };
    add(&|number| number, "different");
    get("category=different").refused(400, "too-costly");
    add(&|number| number / 2, "pairs");
    get("category=pairs&max=2").refused(400, "too-costly");
    assert_eq!(get("category=pairs").json()["total"], 501);
    for _ in 0..9 {
        add(&|_| 0, "same");
    }
    assert_eq!(get("category=same&max=5").json()["total"], 5);
    add(&|_| 0, "same");
    get("category=same").refused(400, "too-costly");
}
