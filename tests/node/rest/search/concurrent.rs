//! Pages while others write: what did not change meanwhile comes exactly once, and what changed at
//! most once, whatever the order.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};

use super::{found, link, put};
use crate::support::TestNode;

const STABLE: usize = 24;

fn members(number: usize) -> String {
    let date = match number % 5 {
        0 => String::new(),
        rest => format!(r#","birthDate":"19{}0-0{}-01""#, 5 + rest, 1 + number % 9),
    };
    format!(
        r#","active":true{date},"name":[{{"family":"F{}","given":["G{}"]}}]"#,
        number % 7,
        number % 3
    )
}

fn body(id: &str, members: &str) -> String {
    format!(r#"{{"resourceType":"Patient","id":"{id}"{members}}}"#)
}

/// Creates, changes and deletes until told to stop; never what begins with `s`.
fn write(node: &TestNode, stop: &AtomicBool) {
    let mut turn = 0usize;
    while !stop.load(Ordering::Relaxed) {
        let changed = format!("c{:02}", turn % 12);
        let answer = node.put(
            &format!("Patient/{changed}"),
            &body(&changed, &members(turn.wrapping_mul(31))),
        );
        assert!(matches!(answer.status, 200 | 201), "{}", answer.text());
        let deleted = format!("d{:02}", turn % 8);
        if turn % 16 < 8 {
            node.delete(&format!("Patient/{deleted}"));
        } else {
            node.put(
                &format!("Patient/{deleted}"),
                &body(&deleted, &members(turn)),
            );
        }
        let fresh = format!("n{turn}");
        node.put(&format!("Patient/{fresh}"), &body(&fresh, &members(turn)));
        turn += 1;
    }
}

/// Pages of a search from the first to the last; a bound, because writing goes on.
fn read(node: &TestNode, query: &str) -> Vec<String> {
    let mut page = node.get(query);
    let mut seen = Vec::new();
    for _ in 0..400 {
        assert_eq!(page.status, 200, "{query}: {}", page.text());
        seen.extend(found(&page));
        match link(&page, "next") {
            Some(next) => page = node.get(&next),
            None => return seen,
        }
    }
    panic!("{query}: no end");
}

#[test]
fn what_is_unchanged_comes_once_and_what_changes_at_most_once() {
    let node = TestNode::start();
    for number in 0..STABLE {
        put(&node, "Patient", &format!("s{number:02}"), &members(number));
        if number.is_multiple_of(2) {
            put(
                &node,
                "Patient",
                &format!("c{:02}", number / 2),
                &members(number),
            );
        }
    }
    let stable: BTreeSet<String> = (0..STABLE).map(|number| format!("s{number:02}")).collect();
    let stop = AtomicBool::new(false);
    let mut wrong = Vec::new();
    std::thread::scope(|scope| {
        scope.spawn(|| write(&node, &stop));
        for query in [
            "",
            "&_sort=_id",
            "&_sort=-_id",
            "&_sort=_lastUpdated",
            "&_sort=-_lastUpdated",
            "&_sort=birthdate",
            "&_sort=-birthdate",
            "&_sort=family",
            "&_sort=-family",
            "&_sort=family,-given,birthdate",
            "&_sort=-birthdate,family",
            "&_sort=given&birthdate=gt1900",
            "&_sort=-family&family=F1,F2,F3,F4,F5,F6,F0",
            // Over several types.
            "&_type=Patient,Group",
            "&_type=Patient,Group&_sort=-_id",
            "&_type=Patient,Group&_sort=_lastUpdated,_id",
        ] {
            let name = if query.contains("_type") {
                ""
            } else {
                "Patient"
            };
            let seen = read(&node, &format!("{name}?active=true&_count=5{query}"));
            let mut times: BTreeMap<&String, usize> = BTreeMap::new();
            for id in &seen {
                *times.entry(id).or_default() += 1;
            }
            // Without a date a search by date does not find it.
            let expected = stable.iter().filter(|id| {
                let number: usize = id[1..].parse().unwrap();
                !query.contains("birthdate=gt") || !number.is_multiple_of(5)
            });
            for id in expected {
                if times.get(id) != Some(&1) {
                    wrong.push(format!("{query}: {id} came {:?} times", times.get(id)));
                }
            }
            for (id, count) in times.iter().filter(|(_, count)| **count > 1) {
                wrong.push(format!("{query}: {id} came {count} times"));
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
