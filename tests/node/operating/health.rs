//! `/health`, `/metrics`, request ids.

use std::collections::{BTreeMap, BTreeSet};

use crate::support::TestNode;

#[test]
fn ops_01_health_says_little() {
    let node = TestNode::start();
    for (path, text) in [("/health/live", "live\n"), ("/health/ready", "ready\n")] {
        let answer = node.get(path);
        assert_eq!((answer.status, answer.text().as_str()), (200, text));
        assert_eq!(
            answer.header("content-type"),
            Some("text/plain; charset=utf-8")
        );
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        let answer = node.request("POST", path, &[], b"");
        assert_eq!(answer.status, 405, "{path}");
        assert_eq!(answer.header("allow"), Some("GET, HEAD"), "HTTP-04");
    }
}

#[test]
fn ops_01_not_ready_without_room_on_the_disk() {
    let node = TestNode::with(|config| config.storage.reserve_bytes = u64::MAX);
    let answer = node.get("/health/ready");
    assert_eq!(
        (answer.status, answer.text().as_str()),
        (503, "not ready\n")
    );
    assert_eq!(node.get("/health/live").status, 200);
    assert_eq!(node.get("Patient").status, 200, "it serves all the same");
}

/// Every sample of the Prometheus text format, by name with labels.
fn metrics(node: &TestNode) -> BTreeMap<String, f64> {
    let answer = node.get("/metrics");
    assert_eq!(answer.status, 200);
    assert!(
        answer
            .header("content-type")
            .unwrap()
            .starts_with("text/plain")
    );
    let text = answer.text();
    assert!(text.ends_with('\n'));
    let mut types = BTreeMap::new();
    let mut samples = BTreeMap::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            let known = ["counter", "gauge", "histogram", "summary"];
            assert!(known.contains(&kind), "{line}");
            assert!(
                types.insert(name.to_owned(), kind.to_owned()).is_none(),
                "{line}"
            );
            continue;
        }
        if line.starts_with("# HELP ") {
            continue;
        }
        assert!(!line.starts_with('#'), "{line}");
        let (name, value) = line.rsplit_once(' ').unwrap();
        let bare = name.split('{').next().unwrap();
        let word = |text: &str| {
            text.chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == ':')
        };
        assert!(word(bare), "{line}");
        if let Some(labels) = name.strip_prefix(bare).filter(|labels| !labels.is_empty()) {
            let inner = labels.strip_prefix('{').unwrap().strip_suffix('}').unwrap();
            for label in inner.split(',') {
                let (label, value) = label.split_once('=').unwrap();
                assert!(
                    word(label) && value.starts_with('"') && value.ends_with('"'),
                    "{line}"
                );
            }
        }
        let family = ["_bucket", "_sum", "_count"]
            .iter()
            .find_map(|end| {
                bare.strip_suffix(end)
                    .filter(|name| types.contains_key(*name))
            })
            .unwrap_or(bare);
        assert!(types.contains_key(family), "{line}");
        let value: f64 = value.parse().unwrap();
        assert!(samples.insert(name.to_owned(), value).is_none(), "{line}");
    }
    samples
}

#[test]
fn metrics_are_well_formed_and_count() {
    let node = TestNode::start();
    let before = metrics(&node);
    let id = node.create(r#"{"resourceType":"Patient"}"#);
    for _ in 0..3 {
        node.get(&format!("Patient/{id}"));
    }
    node.get("Patient/nobody");
    node.get("Patient");
    let after = metrics(&node);
    let grown = |name: &str| after[name] - before[name];
    let requests = |class: &str, status: &str| {
        grown(&format!(
            "fascicolo_requests_total{{class=\"{class}\",status=\"{status}\"}}"
        ))
    };
    assert_eq!(requests("write", "2xx"), 1.0);
    assert_eq!(requests("read", "2xx"), 3.0);
    assert_eq!(requests("read", "4xx"), 1.0);
    assert_eq!(requests("search", "2xx"), 1.0);
    assert_eq!(requests("read", "5xx"), 0.0);
    // A histogram adds up: buckets never fall, and the last is the count.
    let buckets: Vec<f64> = {
        let mut found: Vec<(f64, f64)> = after
            .iter()
            .filter_map(|(name, value)| {
                let bound =
                    name.strip_prefix("fascicolo_request_seconds_bucket{class=\"read\",le=\"")?;
                let bound = bound.strip_suffix("\"}")?;
                let bound = if bound == "+Inf" {
                    f64::INFINITY
                } else {
                    bound.parse().unwrap()
                };
                Some((bound, *value))
            })
            .collect();
        found.sort_by(|a, b| a.0.total_cmp(&b.0));
        assert_eq!(found.last().unwrap().0, f64::INFINITY);
        found.into_iter().map(|(_, value)| value).collect()
    };
    assert!(
        buckets.windows(2).all(|two| two[0] <= two[1]),
        "{buckets:?}"
    );
    let count = after["fascicolo_request_seconds_count{class=\"read\"}"];
    assert_eq!((*buckets.last().unwrap(), count), (4.0, 4.0));
}

#[test]
fn request_ids_are_taken_up_and_given_back() {
    let node = TestNode::start();
    for path in [
        "metadata",
        "Patient",
        "Patient/nobody",
        "/nothing",
        "/health/live",
    ] {
        let answer = node.get_with(path, &[("x-request-id", "abc-1.2_X")]);
        assert_eq!(answer.header("x-request-id"), Some("abc-1.2_X"), "{path}");
    }
    // What could do harm in a log is replaced.
    let long = "a".repeat(65);
    let mut seen = BTreeSet::new();
    for given in [
        "", "a b", "a\tb", "<script>", "a\"b", "è", &long, "a;b", "a/b",
    ] {
        let answer = node.get_with("Patient", &[("x-request-id", given)]);
        let found = answer.header("x-request-id").unwrap().to_owned();
        assert_ne!(found, given);
        assert_eq!(found.len(), 36, "{found}");
        assert!(seen.insert(found));
    }
    let answer = node.get("Patient");
    assert!(seen.insert(answer.header("x-request-id").unwrap().to_owned()));
}
