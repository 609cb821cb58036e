//! string: names, addresses and other texts. Source: FHIR R4 search.html#string, #escaping.

use super::{put, table};
use crate::support::TestNode;

fn patients() -> TestNode {
    let node = TestNode::start();
    for (id, members) in [
        (
            "rossi",
            r#","name":[{"family":"Rossi","given":["Mario","Niccolò"]}]"#,
        ),
        (
            "rossini",
            r#","name":[{"family":"Rossini","given":["Giulia"],"prefix":["Dott.ssa"],"suffix":["PhD"]}]"#,
        ),
        (
            "lower",
            r#","name":[{"family":"rossi","text":"Sig. Gino Rossi"}]"#,
        ),
        (
            "umlaut",
            r#","name":[{"use":"official","family":"Müller","given":["Jürgen"]}]"#,
        ),
        ("amico", r#","name":[{"family":"D'Amico"}]"#),
        ("luca", r#","name":[{"family":"De  Luca"}]"#),
        ("comma", r#","name":[{"family":"Bianchi, Verdi"}]"#),
        ("odd", r#","name":[{"family":"a$b|c\\d%e_f"}]"#),
        ("text", r#","name":[{"text":"Solo Testo"}]"#),
        (
            "two",
            r#","name":[{"family":"Prima"},{"family":"Seconda","given":["Mario"]}]"#,
        ),
        ("none", ""),
    ] {
        put(&node, "Patient", id, members);
    }
    node
}

#[test]
fn a_string_begins_with_the_value_whatever_its_case_and_accents() {
    table(
        &patients(),
        "Patient",
        &[
            ("family=rossi", "lower rossi rossini"),
            ("family=ROSSI", "lower rossi rossini"),
            ("family=Ro", "lower rossi rossini"),
            ("family=ossi", ""),
            ("family=rossin", "rossini"),
            ("family=muller", "umlaut"),
            ("family=M%C3%BCLLER", "umlaut"),
            ("family=mu%CC%88ll", "umlaut"),
            ("family=M%C3%B9ller", "umlaut"),
            ("given=niccolo", "rossi"),
            ("given=NICCOL%C3%92", "rossi"),
            ("given=J%C3%BCr", "umlaut"),
            ("family=d'am", "amico"),
            ("family=de%20luca", "luca"),
            ("family=de+luca", "luca"),
            ("family=de%20%20luca", "luca"),
            ("family=seconda", "two"),
            ("family=zzz", ""),
            // Several values, several parameters.
            ("given=mario,giulia", "rossi rossini two"),
            ("given=mario&given=niccolo", "rossi"),
            ("given=mario&given=giulia", ""),
            ("family=prima&family=seconda", "two"),
            ("family=rossi&given=mario", "rossi"),
            ("family=rossi,muller&given=mario,jurgen", "rossi umlaut"),
            ("family=nobody,amico,d'amico", "amico"),
            ("family:missing=true", "none text"),
            (
                "family:missing=false",
                "amico comma lower luca odd rossi rossini two umlaut",
            ),
        ],
    );
}

#[test]
fn exact_compares_the_whole_text_with_case_and_accents() {
    table(
        &patients(),
        "Patient",
        &[
            ("family:exact=Rossi", "rossi"),
            ("family:exact=rossi", "lower"),
            ("family:exact=ROSSI", ""),
            ("family:exact=Ross", ""),
            ("family:exact=M%C3%BCller", "umlaut"),
            ("family:exact=Muller", ""),
            ("given:exact=Niccol%C3%B2", "rossi"),
            ("given:exact=Niccolo", ""),
            ("family:exact=Rossi,rossi", "lower rossi"),
            ("family:exact=De%20%20Luca", "luca"),
            ("family:exact=De%20Luca", ""),
            ("name:exact=Sig.%20Gino%20Rossi", "lower"),
            ("name:exact=Mario", "rossi two"),
        ],
    );
}

#[test]
fn contains_finds_the_value_anywhere() {
    table(
        &patients(),
        "Patient",
        &[
            ("family:contains=OSSI", "lower rossi rossini"),
            ("family:contains=sin", "rossini"),
            ("family:contains=%C3%BCll", "umlaut"),
            ("family:contains=ulle", "umlaut"),
            ("family:contains=amico", "amico"),
            ("family:contains=xyz", ""),
            ("name:contains=gino", "lower"),
            ("name:contains=colo,uli", "rossi rossini"),
            ("given:contains=ari&given:contains=colo", "rossi"),
            // Short, but bound by something else.
            ("family:contains=i&given=giulia", "rossini"),
            // What SQL would take for patterns.
            ("family:contains=%25e_f", "odd"),
            ("family:contains=%25%25%25", ""),
            ("family:contains=___", ""),
            ("family:contains=_os", ""),
        ],
    );
}

#[test]
fn a_name_is_found_by_each_of_its_parts() {
    table(
        &patients(),
        "Patient",
        &[
            ("name=rossi", "lower rossi rossini"),
            ("name=giulia", "rossini"),
            ("name=dott", "rossini"),
            ("name=phd", "rossini"),
            ("name=sig", "lower"),
            ("name=gino", ""),
            ("name=solo", "text"),
            ("family=solo", ""),
            ("given=rossi", ""),
            // Not a text.
            ("name=official", ""),
            ("name=prima&name=seconda&name=mario", "two"),
            ("name:missing=true", "none"),
        ],
    );
}

#[test]
fn an_address_is_found_by_each_of_its_parts() {
    let node = TestNode::start();
    put(
        &node,
        "Patient",
        "forli",
        r#","address":[{"use":"home","type":"physical","text":"presso Bruni","line":["Via Roma 5","Scala B"],"city":"Forlì","district":"FC","state":"Emilia-Romagna","postalCode":"47121","country":"IT","period":{"start":"2020"}}]"#,
    );
    put(
        &node,
        "Patient",
        "romano",
        r#","address":[{"line":["Piazza Forlì 1"],"city":"Roma","postalCode":"00100","country":"IT"},{"use":"old","city":"Milano"}]"#,
    );
    table(
        &node,
        "Patient",
        &[
            ("address=via", "forli"),
            ("address=scala", "forli"),
            ("address=FORLI", "forli"),
            ("address=forli,piazza", "forli romano"),
            ("address=fc", "forli"),
            ("address=emilia", "forli"),
            ("address=47121", "forli"),
            ("address=it", "forli romano"),
            ("address=presso", "forli"),
            ("address=milano", "romano"),
            ("address=home", ""),
            ("address=physical", ""),
            ("address=2020", ""),
            ("address:contains=forli", "forli romano"),
            ("address-city=roma", "romano"),
            ("address-city=forl%C3%AC", "forli"),
            ("address-city:exact=Forl%C3%AC", "forli"),
            ("address-city:exact=Forli", ""),
            ("address-city=milano&address-city=roma", "romano"),
            ("address-state=emilia-rom", "forli"),
            ("address-postalcode=471", "forli"),
            ("address-postalcode=001,471", "forli romano"),
            ("address-country=IT", "forli romano"),
            ("address-use=old", "romano"),
            ("address-use=home", "forli"),
        ],
    );
}

#[test]
fn separators_are_escaped() {
    table(
        &patients(),
        "Patient",
        &[
            ("family=bianchi", "comma"),
            (r"family=bianchi\,%20verdi", "comma"),
            (r"family:exact=Bianchi\,%20Verdi", "comma"),
            (r"family:exact=Bianchi%5C,%20Verdi", "comma"),
            (r"family:exact=Bianchi%5C%2C%20Verdi", "comma"),
            ("family:exact=Bianchi,%20Verdi", ""),
            ("family:exact=Bianchi%2C%20Verdi", ""),
            (r"family:contains=hi\,%20ve", "comma"),
            (r"family=a\$b\|c\\d%25e_f", "odd"),
            (r"family:exact=a\$b\|c\\d%25e_f", "odd"),
            (r"family:exact=a\$b\|c\\d%25e_f,Rossi", "odd rossi"),
            (r"family:contains=\$b\|c", "odd"),
            (r"family:contains=c\\d", "odd"),
            ("family=a%25", ""),
            ("family=_", ""),
        ],
    );
}

#[test]
fn texts_of_any_length() {
    let node = TestNode::start();
    let long = format!("{} Omega", "lunga ".repeat(30));
    put(
        &node,
        "Organization",
        "long",
        &format!(r#","name":"{long}""#),
    );
    put(&node, "Organization", "short", r#","name":"lunga""#);
    put(
        &node,
        "Organization",
        "greek",
        r#","name":"ΑΒΓ δεζ","alias":["Ελλάς"]"#,
    );
    put(&node, "Organization", "kana", r#","name":"日本 病院""#);
    put(&node, "Organization", "face", r#","name":"😀 clinica""#);
    let exact = format!("name:exact={}", long.replace(' ', "%20"));
    let other = format!("name:exact={}x", long.replace(' ', "%20"));
    let begin = format!("name={}", "lunga%20".repeat(10));
    let beyond = format!("name={}zeta", "lunga%20".repeat(25));
    table(
        &node,
        "Organization",
        &[
            (&exact, "long"),
            (&other, ""),
            (&begin, "long"),
            (&beyond, ""),
            ("name=lunga", "long short"),
            ("name:contains=omega", "long"),
            ("name=%CE%B1%CE%B2%CE%B3", "greek"),
            ("name=%CE%95%CE%BB%CE%BB%CE%B1%CF%82", "greek"),
            ("name=%CE%95%CE%9B%CE%9B%CE%91%CE%A3", "greek"),
            ("name=%E6%97%A5%E6%9C%AC", "kana"),
            ("name:contains=%E7%97%85%E9%99%A2&_id=kana,short", "kana"),
            ("name=%F0%9F%98%80", "face"),
        ],
    );
}
