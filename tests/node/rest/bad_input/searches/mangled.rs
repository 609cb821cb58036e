//! Searches that were right before something happened to them on the way.

use crate::support::TestNode;

/// Searches of every kind, to be mangled.
const RIGHT: [&str; 16] = [
    "Patient?family:exact=Rossi,Bianchi&_sort=-birthdate,family&_count=2",
    "Patient?identifier=urn:x|1,|2,3&identifier:of-type=a|b|c",
    "Patient?birthdate=ge1980-05-17&birthdate=lt2000-01-01T10:00:00%2B02:00",
    "Patient?_has:Observation:patient:code=http://loinc.org|1-8&active:missing=false",
    "Patient?_id=a,b&_lastUpdated=gt2001&_tag=s|t&_profile:below=http://p",
    "Observation?subject:Patient.organization.partof.name:contains=asl",
    "Observation?value-quantity=le5.4e0|http://unitsofmeasure.org|mg,-1.5||Cel",
    "Observation?patient._has:Group:member:type=person&date=sa2025-03",
    "Observation?subject:identifier=urn:x|7&performer:Practitioner=1",
    "Observation?_include=Observation:subject:Patient&_revinclude:iterate=Provenance:target",
    "Observation?_include:iterate=*&_elements=id,code&_total=accurate",
    "RiskAssessment?probability=ap0.3&_sort=-probability&_summary=data",
    "ValueSet?url:below=http://a.example/b,urn:oid:1.2&url:above=http://a/b/c",
    r"Organization?name=a\,b\$c\|d\\e&_has:Organization:partof:_has:Patient:organization:name=x",
    "?_type=Patient,Group&_lastUpdated=gt2001&_list=a",
    "Patient/a/Observation?code=x&_sort=date",
];

/// What is put in: separators of every level, and what has a meaning somewhere below.
const PIECES: [&str; 30] = [
    ":",
    ".",
    ",",
    "|",
    "%5C",
    "$",
    "&",
    "=",
    "-",
    "_",
    "*",
    "+",
    "%20",
    "%25",
    "'",
    "%22",
    "%00",
    "%0A",
    "%C3%A8",
    "%F0%9F%98%80",
    "%FF",
    "%",
    "0",
    "9999999999999999999999",
    "eq",
    "_has:",
    "missing",
    "/",
    "?",
    "null",
];

/// Numbers that look like chance and are the same each time.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        usize::try_from(self.0 >> 33).unwrap() % bound
    }
}

/// Cuts, doubles, swaps or adds something after the place where the search begins.
fn mangled(right: &str, chance: &mut Chance) -> String {
    let mut text: Vec<char> = right.chars().collect();
    let first = right.find('?').unwrap() + 1;
    for _ in 0..=chance.below(3) {
        if text.len() <= first + 1 {
            break;
        }
        let at = first + chance.below(text.len() - first);
        match chance.below(5) {
            0 => drop(text.remove(at)),
            1 => text.truncate(at),
            2 => {
                let other = first + chance.below(text.len() - first);
                text.swap(at, other);
            }
            3 => {
                let part: Vec<char> = text[at..].to_vec();
                text.extend(part);
            }
            _ => {
                let piece = PIECES[chance.below(PIECES.len())];
                text.splice(at..at, piece.chars());
            }
        }
    }
    text.into_iter().collect()
}

#[test]
fn no_mangled_search_is_an_error_of_the_server() {
    let node = TestNode::start();
    node.put(
        "Patient/a",
        r#"{"resourceType":"Patient","id":"a","active":true}"#,
    );
    let mut chance = Chance(20_250_330);
    let mut wrong = Vec::new();
    let mut refused = 0;
    for turn in 0..3_000 {
        let query = mangled(RIGHT[turn % RIGHT.len()], &mut chance);
        let handling = ["handling=strict", "handling=lenient"][chance.below(2)];
        let answer = node.get_with(&query, &[("prefer", handling)]);
        let outcome = match serde_json::from_slice::<serde_json::Value>(&answer.body) {
            Ok(body) => body["issue"][0]["diagnostics"].as_str().unwrap_or("").len(),
            Err(_) => 0,
        };
        let fine = match answer.status {
            200 => true,
            400 | 404 | 414 => outcome > 0,
            _ => false,
        };
        refused += usize::from(answer.status != 200);
        if !fine {
            wrong.push(format!(
                "{handling} {query}: {} {}",
                answer.status,
                answer.text()
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} differ:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!((1_000..2_900).contains(&refused), "{refused}");
}
