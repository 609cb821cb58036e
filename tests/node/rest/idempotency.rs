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
    let batch = TRANSACTION.replace("transaction", "batch");
    send(&node, "", "b", &batch).refused(501, "not-supported");
    assert_eq!(patients(&node), 1);
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
