//! GATE-01, LEAK-*: two worlds. One has everything, and somebody who may not know of all of it; the other never
//! had what is hidden in the first. Whatever that one asks, both answer the same.

use std::collections::BTreeMap;
use std::sync::Arc;

use fascicolo::fhir::model::json::{self, Limits};
use fascicolo::fhir::model::key::ResourceKey;
use fascicolo::fhir::model::value::Text;
use fascicolo::fhir::search::{Handling, Plan, Restriction, Restrictions};
use fascicolo::interactions::Node;
use fascicolo::interactions::conditional::{Criteria, FoundByCondition};
use fascicolo::interactions::dispatch::{Reach, query_pairs};
use fascicolo::interactions::history::{HistoryRequest, history};
use fascicolo::interactions::search::{SearchRequest, everything, search};
use fascicolo::operations::{MatchRequest, find_match, lastn};
use fascicolo::storage::Scope;
use serde_json::{Value, json};

use crate::support::TestNode;

const HIDDEN: &str = r#"{"code":"hidden"}"#;

/// A small generator, the same numbers every time.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(bound).unwrap()).unwrap()
    }
}

/// Those of which nothing may be known; of the others nothing that bears the label.
const CLOSED: &str = "Procedure";

fn restrictions() -> Restrictions {
    let mut all = Restrictions::open()
        .with(CLOSED.to_owned(), Restriction::Nothing)
        .unwrap();
    for name in [
        "Organization",
        "Patient",
        "Practitioner",
        "Encounter",
        "Observation",
    ] {
        let labelled = Plan::Value {
            code: Text::new("_tag"),
            any_of: vec!["c|hidden".to_owned()],
        };
        let only = Restriction::Only(Plan::Not(Box::new(labelled)));
        all = all.with(name.to_owned(), only).unwrap();
    }
    all
}

struct Worlds {
    whole: TestNode,
    left: TestNode,
    /// The node of the first world, for somebody who may not know of everything.
    somebody: Node,
}

impl Worlds {
    fn new(count: usize) -> Self {
        let (whole, left) = (TestNode::start(), TestNode::start());
        let mut numbers = Numbers(5);
        // Those of a type that are there already, and one that never is.
        let mut there: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for number in 0..count {
            let name = ["Organization", "Practitioner", "Patient", "Encounter"][numbers.below(4)];
            let name = if number * 2 > count && numbers.below(4) > 0 {
                ["Observation", "Observation", "Observation", CLOSED][numbers.below(4)]
            } else {
                name
            };
            let to = |numbers: &mut Numbers, name: &str| {
                let known = there.get(name).map_or(&[][..], Vec::as_slice);
                let id = known.get(numbers.below(known.len() + 1));
                json!({"reference": format!("{name}/{}", id.map_or("none", String::as_str))})
            };
            let word = ["Rossi", "Bianchi", "Verdi"][numbers.below(3)];
            let day = format!("2026-01-{:02}", 1 + numbers.below(20));
            let status = ["final", "amended"][numbers.below(2)];
            let mut resource = match name {
                "Organization" => {
                    json!({"name": word, "partOf": to(&mut numbers, "Organization")})
                }
                "Practitioner" => json!({"name": [{"family": word}]}),
                "Patient" => json!({
                    "name": [{"family": word, "given": ["Anna"]}], "birthDate": day,
                    "managingOrganization": to(&mut numbers, "Organization"),
                    "generalPractitioner": [to(&mut numbers, "Practitioner")],
                }),
                "Encounter" => json!({
                    "status": "finished", "class": {"code": "AMB"}, "period": {"start": day},
                    "subject": to(&mut numbers, "Patient"),
                    "serviceProvider": to(&mut numbers, "Organization"),
                }),
                "Observation" => json!({
                    "status": status, "code": {"text": word},
                    "effectiveDateTime": day, "subject": to(&mut numbers, "Patient"),
                    "encounter": to(&mut numbers, "Encounter"),
                    "performer": [to(&mut numbers, "Practitioner")],
                    "hasMember": [to(&mut numbers, "Observation")],
                }),
                _ => json!({
                    "status": "completed", "subject": to(&mut numbers, "Patient"),
                    "partOf": [to(&mut numbers, "Observation")],
                }),
            };
            resource["resourceType"] = name.into();
            resource["id"] = format!("n{number}").into();
            let hidden = numbers.below(3) == 0;
            if hidden {
                let label: Value = serde_json::from_str(HIDDEN).unwrap();
                resource["meta"] = json!({"tag": [label]});
            }
            there.entry(name).or_default().push(format!("n{number}"));
            let path = format!("{name}/n{number}");
            let mut nodes = vec![&whole];
            if !hidden && name != CLOSED {
                nodes.push(&left);
            }
            for node in nodes {
                let answer = node.put(&path, &resource.to_string());
                assert_eq!(answer.status, 201, "{path}: {}", answer.text());
            }
        }
        let somebody = whole.node.known_by(Arc::new(restrictions()));
        Self {
            whole,
            left,
            somebody,
        }
    }

    /// Asks in both worlds, page after page, and compares everything but times and cursors.
    #[track_caller]
    fn same(&self, what: &str, ask: impl Fn(&Node, &str) -> Result<Vec<u8>, String>) -> Seen {
        let mut cursors = [String::new(), String::new()];
        let mut seen = Seen::default();
        for page in 0..30 {
            let [cursor, other] = &cursors;
            let answers = [
                ask(&self.somebody, cursor).map(|json| Told::read(&json, &self.whole)),
                ask(&self.left.node, other).map(|json| Told::read(&json, &self.left)),
            ];
            let [here, there] = answers;
            let (here, there) = match (here, there) {
                (Ok(here), Ok(there)) => (here, there),
                (here, there) => {
                    assert_eq!(here.err(), there.err(), "{what}");
                    return seen;
                }
            };
            assert_eq!(here.facts, there.facts, "{what}, page {page}");
            seen.entries += here.entries;
            match (here.next, there.next) {
                (Some(next), Some(other)) => cursors = [next, other],
                (None, None) => return seen,
                other => panic!("{what}, page {page}: {other:?}"),
            }
        }
        panic!("{what}: pages without end")
    }

    #[track_caller]
    fn search(&self, path: &str) -> Seen {
        self.same(path, |node, cursor| {
            let (name, query) = path.split_once('?').unwrap();
            let mut pairs = query_pairs(query).unwrap();
            if !cursor.is_empty() {
                pairs.push(("_cursor".to_owned(), cursor.to_owned()));
            }
            let reach = match name.split('/').collect::<Vec<_>>().as_slice() {
                [""] => Reach::System,
                [name] => Reach::Type((*name).to_owned()),
                [name, id, to] => Reach::Compartment(
                    ResourceKey::new(*name, *id),
                    (*to != "*").then(|| (*to).to_owned()),
                ),
                other => panic!("{other:?}"),
            };
            let request = SearchRequest {
                reach,
                pairs,
                handling: Handling::Strict,
            };
            search(node, &request).map_err(told)
        })
    }
}

fn told(error: fascicolo::error::Error) -> String {
    format!("{:?} {:?}", error.kind(), error.issues())
}

#[derive(Default)]
struct Seen {
    entries: usize,
}

struct Told {
    facts: Vec<String>,
    entries: usize,
    next: Option<String>,
}

impl Told {
    fn read(json: &[u8], node: &TestNode) -> Self {
        let bundle: Value = serde_json::from_slice(json).unwrap();
        let mut facts = vec![format!("total {}", bundle["total"])];
        let mut next = None;
        for link in bundle["link"].as_array().into_iter().flatten() {
            let url = link["url"].as_str().unwrap();
            let (before, cursor) = match url.split_once("_cursor=") {
                Some((before, cursor)) => (before, Some(cursor.to_owned())),
                None => (url, None),
            };
            let relation = link["relation"].as_str().unwrap();
            facts.push(format!("{relation} {}", before.replace(&node.base, "")));
            if relation == "next" {
                next = cursor;
            }
        }
        let entries = bundle["entry"].as_array().map_or(&[][..], Vec::as_slice);
        for entry in entries {
            let mut entry = entry.clone();
            // The only things in which two worlds may differ.
            entry["resource"]["meta"]["lastUpdated"] = Value::Null;
            entry["response"]["lastModified"] = Value::Null;
            facts.push(entry.to_string().replace(&node.base, ""));
        }
        Self {
            facts,
            // A count alone is something that is told too.
            entries: entries
                .len()
                .max(usize::try_from(bundle["total"].as_u64().unwrap_or(0)).unwrap()),
            next,
        }
    }
}

#[test]
fn leak_two_worlds_answer_the_same() {
    let worlds = Worlds::new(160);
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    let queries = [
        // LEAK-06 to LEAK-09, LEAK-11, LEAK-15
        "Patient?_count=3",
        "Patient?_sort=family&_count=2&_total=accurate",
        "Patient?_sort=-birthdate,_id&_count=3",
        "Patient?_sort=-_lastUpdated&_count=4",
        "Patient?family=rossi&_summary=count",
        "Patient?family:not=rossi&_total=estimate",
        "Patient?family:missing=true",
        "Patient?_tag=hidden",
        "Patient?_tag:not=hidden&_summary=count",
        "Procedure?_summary=count",
        "Procedure?status=completed&_include=*&_revinclude=*",
        "Observation?status=final&date=ge2026-01-10&_count=5",
        "Observation?code:text=rossi,verdi&_count=5&_total=accurate",
        "?_type=Patient,Observation,Procedure&_id=n1,n2,n3,n4,n5,n70,n90,n100,n120,n150",
        "?_lastUpdated=gt2020-01-01&_count=30",
        // LEAK-13
        "Observation?subject.family=rossi&_count=4",
        "Observation?subject:Patient.organization.name=rossi",
        "Observation?patient.general-practitioner.family=bianchi",
        "Observation?encounter.service-provider.partof.name=verdi",
        "Observation?has-member.subject.family=verdi,rossi&_total=accurate",
        "Observation?subject:Patient._id=n1,n2,n3,n4,n5,n6,n7,n8,n9,n10,n11,n12,n13,n14",
        "Encounter?subject.organization.partof.name=rossi&_summary=count",
        // LEAK-14
        "Patient?_has:Observation:subject:status=final",
        "Patient?_has:Procedure:subject:status=completed",
        "Patient?_has:Observation:patient:_has:Observation:has-member:status=final",
        "Patient?_has:Encounter:subject:service-provider.name=rossi",
        "Organization?_has:Patient:organization:_has:Observation:subject:code:text=rossi",
        "Practitioner?_has:Observation:performer:subject.family=rossi",
        "Observation?_has:Procedure:part-of:status=completed",
        // LEAK-16
        "Patient?_filter=family eq \"rossi\" or not (family eq \"verdi\")",
        "Observation?_filter=subject.family eq \"rossi\" and status ne final",
        // LEAK-17, LEAK-18, LEAK-19
        "Observation?status=final&_count=5&_include=Observation:subject",
        "Observation?status=final&_count=5&_include=Observation:subject&_include:iterate=Patient:organization",
        "Observation?status=final&_count=5&_include=*&_include:iterate=Observation:has-member",
        "Patient?family=rossi&_revinclude=Observation:subject&_revinclude:iterate=Observation:has-member",
        "Patient?family=rossi&_revinclude=Procedure:subject&_revinclude=*",
        "Patient?family=rossi&_elements=name&_revinclude=Encounter:patient",
        "Organization?_revinclude=Patient:organization&_revinclude:iterate=Observation:patient&_count=6",
    ];
    for query in queries {
        seen.insert(query, worlds.search(query).entries);
    }
    // Compartments, $everything, $lastn: every patient, hidden or not, or not there at all.
    let (mut records, mut newest) = (0, 0);
    for number in 0..100 {
        let id = format!("n{number}");
        for to in ["*", "Observation", CLOSED] {
            records += worlds
                .search(&format!("Patient/{id}/{to}?_count=7"))
                .entries;
        }
        let key = ResourceKey::new("Patient", id.as_str());
        let asked = |node: &Node, cursor: &str| {
            let mut pairs = vec![("_count".to_owned(), "9".to_owned())];
            if !cursor.is_empty() {
                pairs.push(("_cursor".to_owned(), cursor.to_owned()));
            }
            everything(node, &key, &pairs).map_err(told)
        };
        records += worlds.same(&format!("{key}/$everything"), asked).entries;
        let last = |node: &Node, _: &str| {
            let query =
                format!("patient={id}&code:text=rossi&max=2&_include=Observation:encounter");
            let pairs = query_pairs(&query).unwrap();
            lastn(node, &pairs, Handling::Strict).map_err(told)
        };
        newest += worlds.same(&format!("{key}: $lastn"), last).entries;
    }
    assert!(records > 150 && newest > 10, "{records} {newest}");
    let asked = json!({"resourceType": "Patient", "birthDate": "2026-01-05",
        "name": [{"family": "Rossi", "given": ["Anna"]}]});
    let patient = json::parse(asked.to_string().as_bytes(), &Limits::default()).unwrap();
    let matched = worlds.same("$match", |node, _| {
        let request = MatchRequest::read(node, &patient, &[]).map_err(told)?;
        find_match(node, &request).map_err(told)
    });
    assert!(matched.entries > 0);
    // LEAK-03, LEAK-04
    let mut scopes = vec![Scope::System];
    scopes.extend(["Patient", "Observation", CLOSED].map(|name| Scope::Type(name.to_owned())));
    for name in ["Patient", "Observation", CLOSED] {
        scopes.extend((0..160).map(|n| Scope::Resource(ResourceKey::new(name, format!("n{n}")))));
    }
    let mut versions = 0;
    for scope in scopes {
        let asked = |node: &Node, cursor: &str| {
            let mut pairs = vec![("_count".to_owned(), "11".to_owned())];
            if !cursor.is_empty() {
                pairs.push(("_cursor".to_owned(), cursor.to_owned()));
            }
            let scope = scope.clone();
            history(node, &HistoryRequest { scope, pairs }).map_err(told)
        };
        versions += worlds.same(&format!("history of {scope:?}"), asked).entries;
    }
    assert!(versions > 150, "{versions}");
    // LEAK-32, LEAK-33
    for query in [
        "family=rossi",
        "_tag=hidden",
        "_id=n1",
        "birthdate=2026-01-05",
        "family=nobody",
    ] {
        let asked = |node: &Node| {
            let criteria = Criteria::parse(node, "Patient", &query_pairs(query).unwrap()).unwrap();
            match criteria.find(node).unwrap() {
                FoundByCondition::None => "none".to_owned(),
                FoundByCondition::One(one) => one.key.to_string(),
                FoundByCondition::Several => "several".to_owned(),
            }
        };
        assert_eq!(asked(&worlds.somebody), asked(&worlds.left.node), "{query}");
    }
    let without: Vec<&&str> = seen
        .iter()
        .filter(|(_, n)| **n == 0)
        .map(|(q, _)| q)
        .collect();
    assert!(without.len() < 15, "{without:?}");
}

/// Definitions that change while a request is answered do not open what was closed.
#[test]
fn gate_01_restrictions_stay_when_definitions_change() {
    let whole = TestNode::start();
    let somebody = whole.node.known_by(Arc::new(restrictions()));
    let renewed = somebody.renewed().unwrap();
    let current = somebody.current().unwrap();
    for node in [renewed, current] {
        assert_eq!(*node.restrictions, restrictions());
    }
    assert!(whole.node.renewed().unwrap().restrictions.is_open());
}
