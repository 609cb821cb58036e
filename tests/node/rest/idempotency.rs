//! `Idempotency-Key` (CON-04).

use crate::support::{Answer, TestNode};

const PATIENT: &str = r#"{"resourceType":"Patient","active":true}"#;
const TRANSACTION: &str = r#"{"resourceType":"Bundle","type":"transaction","entry":[
    {"fullUrl":"urn:uuid:3d9a2d2e-7f05-4d6e-9d0e-0a1c6d3f0001","resource":{"resourceType":"Patient","active":true},
     "request":{"method":"POST","url":"Patient"}},
    {"resource":{"resourceType":"Observation","status":"final","code":{"text":"x"},
      "subject":{"reference":"urn:uuid:3d9a2d2e-7f05-4d6e-9d0e-0a1c6d3f0001"}},"request":{"method":"POST","url":"Observation"}}]}"#;

fn send(node: &TestNode, path: &str, key: &str, body: &str) -> Answer {
    let headers = [
        ("content-type", "application/fhir+json"),
        ("idempotency-key", key),
    ];
    node.request("POST", path, &headers, body.as_bytes())
}

fn patients(node: &TestNode) -> i64 {
    node.get("Patient?_summary=count").json()["total"]
        .as_i64()
        .unwrap()
}

#[test]
fn con_04_a_create_sent_again_is_answered_as_the_first_time() {
    let node = TestNode::start();
    let first = send(&node, "Patient", "k-1", PATIENT);
    let again = send(&node, "Patient", "k-1", PATIENT);
    assert_eq!(first.status, 201, "{}", first.text());
    assert_eq!((again.status, &again.body), (201, &first.body));
    assert_eq!(again.header("location"), first.header("location"));
    assert_eq!(again.header("etag"), first.header("etag"));
    assert_eq!(patients(&node), 1);
    // Another key is another request; another body under the same key is a mistake.
    assert_eq!(send(&node, "Patient", "k-2", PATIENT).status, 201);
    let other = PATIENT.replace("true", "false");
    send(&node, "Patient", "k-1", &other).refused(422, "duplicate");
    assert_eq!(patients(&node), 2);
    send(&node, "Patient", "", PATIENT).refused(400, "value");
    send(&node, "Patient", &"k".repeat(129), PATIENT).refused(400, "value");
}

#[test]
fn con_04_a_transaction_sent_again_is_answered_as_the_first_time() {
    let node = TestNode::start();
    let first = send(&node, "", "t", TRANSACTION);
    let again = send(&node, "", "t", TRANSACTION);
    assert_eq!(first.status, 200, "{}", first.text());
    assert_eq!((again.status, &again.body), (200, &first.body));
    assert_eq!(patients(&node), 1);
}

/// Entries that read see what is there when the transaction is first sent, and so does the answer to the second.
#[test]
fn con_04_a_transaction_that_reads_is_answered_as_the_first_time() {
    let node = TestNode::start();
    node.put("Patient/p", r#"{"resourceType":"Patient","id":"p"}"#);
    let read = r#",{"request":{"method":"GET","url":"Patient/p"}}]}"#;
    let body = format!("{}{read}", TRANSACTION.strip_suffix("]}").unwrap());
    let with = |prefer: &str, key: &str| {
        let headers = [
            ("content-type", "application/fhir+json"),
            ("idempotency-key", key),
            ("prefer", prefer),
        ];
        node.request("POST", "", &headers, body.as_bytes())
    };
    for (prefer, key) in [("return=minimal", "m"), ("return=representation", "r")] {
        let before = patients(&node);
        let first = with(prefer, key);
        assert_eq!(first.status, 200, "{}", first.text());
        let entries = first.entries();
        assert_eq!(
            entries[2]["resource"]["meta"]["versionId"],
            before.to_string()
        );
        assert_eq!(entries[0].get("resource").is_some(), key == "r");
        node.put("Patient/p", r#"{"resourceType":"Patient","id":"p"}"#);
        let again = with(prefer, key);
        assert_eq!((again.status, &again.body), (200, &first.body));
        assert_eq!(patients(&node), before + 1);
    }
}

/// What is too long to be kept is not: then what became of the entries has to do.
#[test]
fn con_04_an_answer_that_is_too_long() {
    let node = TestNode::with(|config| config.limits.resource_bytes = 1_500);
    let entry =
        r#"{"resource":{"resourceType":"Patient"},"request":{"method":"POST","url":"Patient"}}"#;
    let bundle = |kind: &str| {
        let entries = [entry; 10].join(",");
        format!(r#"{{"resourceType":"Bundle","type":"{kind}","entry":[{entries}]}}"#)
    };
    let with = |kind: &str| {
        let headers = [
            ("content-type", "application/fhir+json"),
            ("idempotency-key", kind),
            ("prefer", "return=representation"),
        ];
        node.request("POST", "", &headers, bundle(kind).as_bytes())
    };
    let (first, again) = (with("transaction"), with("transaction"));
    assert_eq!(first.status, 200, "{}", first.text());
    for (one, other) in first.entries().iter().zip(again.entries()) {
        assert_eq!(one["resource"]["resourceType"], "Patient");
        assert!(other.get("resource").is_none());
        assert_eq!(other["response"], one["response"]);
    }
    let (first, again) = (with("batch"), with("batch"));
    assert_eq!(first.entries().len(), 10);
    assert_eq!(again.status, 200);
    assert_eq!(again.json()["issue"][0]["severity"], "information");
    assert_eq!(patients(&node), 20);
}

#[test]
fn con_04_a_binary_sent_again() {
    let node = TestNode::start();
    let with = |body: &[u8], prefer: &str| {
        let headers = [
            ("content-type", "application/pdf"),
            ("idempotency-key", prefer),
            ("prefer", prefer),
        ];
        node.request("POST", "Binary", &headers, body)
    };
    for prefer in ["return=minimal", "return=representation"] {
        let (first, again) = (with(b"one", prefer), with(b"one", prefer));
        assert_eq!(first.status, 201, "{}", first.text());
        assert_eq!((again.status, &again.body), (201, &first.body));
        assert_eq!(again.header("location"), first.header("location"));
        with(b"two", prefer).refused(422, "duplicate");
    }
    assert_eq!(node.get("Binary?_summary=count").json()["total"], 2);
}

#[test]
fn con_04_a_batch_sent_again_is_answered_as_the_first_time() {
    let node = TestNode::start();
    let batch = r#"{"resourceType":"Bundle","type":"batch","entry":[
        {"resource":{"resourceType":"Patient"},"request":{"method":"POST","url":"Patient"}},
        {"resource":{"resourceType":"Patient","foo":1},"request":{"method":"POST","url":"Patient"}},
        {"request":{"method":"GET","url":"Patient?_summary=count"}}]}"#;
    let first = send(&node, "", "b", batch);
    assert_eq!(first.status, 200, "{}", first.text());
    let again = send(&node, "", "b", batch);
    assert_eq!((again.status, &again.body), (200, &first.body));
    assert_eq!(patients(&node), 1);
    let other = batch.replace("\"foo\"", "\"bar\"");
    send(&node, "", "b", &other).refused(422, "duplicate");
    // Wrong as a whole: so it stays.
    let wrong = batch.replace("\"batch\",", "\"batch\",\"foo\":1,");
    for _ in 0..2 {
        assert_eq!(send(&node, "", "w", &wrong).status, 400);
    }
    assert_eq!(patients(&node), 1);
}

/// Of equal batches at one time one is executed; the others are told to ask again.
#[test]
fn con_04_of_equal_batches_at_one_time_one_is_executed() {
    let node = TestNode::start();
    let entry =
        r#"{"resource":{"resourceType":"Patient"},"request":{"method":"POST","url":"Patient"}}"#;
    let batch = format!(
        r#"{{"resourceType":"Bundle","type":"batch","entry":[{}]}}"#,
        vec![entry; 50].join(",")
    );
    let answers: Vec<Answer> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| send(&node, "", "race", &batch)))
            .collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    });
    let last = send(&node, "", "race", &batch);
    assert_eq!(last.status, 200);
    for answer in answers {
        if answer.status == 200 {
            assert_eq!(answer.body, last.body);
        } else {
            answer.refused(409, "lock-error");
            assert_eq!(answer.header("retry-after"), Some("1"));
        }
    }
    assert_eq!(patients(&node), 50);
}

#[test]
fn con_04_of_equal_requests_at_one_time_one_is_executed() {
    let node = TestNode::start();
    let answers: Vec<Answer> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..16)
            .map(|_| scope.spawn(|| send(&node, "Patient", "race", PATIENT)))
            .collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    });
    assert!(answers.iter().all(|answer| answer.status == 201));
    assert!(answers.iter().all(|answer| answer.body == answers[0].body));
    assert_eq!(patients(&node), 1);
}
