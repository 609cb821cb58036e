//! Pages and their cursors. Source: FHIR R4 http.html#paging.

use std::collections::BTreeSet;

use super::{pages, put};
use crate::support::TestNode;

#[test]
fn pages_deliver_each_once() {
    let node = TestNode::start();
    let dated = |number: usize| {
        // Some without a date, some with the same.
        let date = match number % 3 {
            0 => String::new(),
            _ => format!(r#","effectiveDateTime":"20{:02}-01-01""#, number % 7),
        };
        format!(r#","status":"final","code":{{"coding":[{{"code":"x"}},{{"code":"y"}}]}}{date}"#)
    };
    for number in 0..23 {
        put(&node, "Observation", &format!("o{number}"), &dated(number));
    }
    let expected: BTreeSet<String> = (0..23).map(|number| format!("o{number}")).collect();
    for count in [1, 2, 5, 22, 23, 24, 1000] {
        for query in [
            "code=x",
            "code=x,y",
            "status=final&code=y",
            "_lastUpdated=gt2001",
            "_sort=-date,_id",
        ] {
            let (seen, links) = pages(&node, &format!("Observation?{query}&_count={count}"));
            let once: BTreeSet<String> = seen.iter().cloned().collect();
            assert_eq!(once, expected, "{query} {count}");
            assert_eq!(seen.len(), 23, "{query} {count}");
            assert!(links.len() >= 22 / count, "{query} {count}: {links:?}");
        }
    }
}

#[test]
fn in_19_a_cursor_is_good_for_its_search_alone() {
    let node = TestNode::start();
    for id in ["a", "b", "c"] {
        put(&node, "Patient", id, r#","active":true"#);
        put(
            &node,
            "Group",
            id,
            r#","active":true,"type":"person","actual":true"#,
        );
    }
    let (_, links) = pages(&node, "Patient?active=true&_count=1");
    let (url, cursor) = links[0].split_once("_cursor=").unwrap();
    let query = url.rsplit('/').next().unwrap();
    assert_eq!(node.get(&format!("{query}_cursor={cursor}")).status, 200);
    let mut altered = cursor.to_owned().into_bytes();
    let middle = altered.len() / 2;
    altered[middle] = if altered[middle] == b'A' { b'B' } else { b'A' };
    let altered = String::from_utf8(altered).unwrap();
    for bad in [
        format!("{query}_cursor={altered}"),
        format!("{query}_cursor={}", &cursor[1..]),
        format!("{query}_cursor={cursor}x"),
        format!("{query}_cursor="),
        format!("Patient?active=true&_count=2&_cursor={cursor}"),
        format!("Patient?active=false&_count=1&_cursor={cursor}"),
        format!("Patient?_cursor={cursor}"),
        format!("Group?active=true&_count=1&_cursor={cursor}"),
        format!("Patient/_history?_cursor={cursor}"),
    ] {
        node.get(&bad).refused(400, "value");
    }
    // Another server cannot read it.
    let other = TestNode::start();
    other
        .get(&format!("{query}_cursor={cursor}"))
        .refused(400, "value");
}
