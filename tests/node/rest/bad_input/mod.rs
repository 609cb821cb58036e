//! What bad input gets: the right status, the right issue code, the place, and nothing stored.
//!
//! Every row is a request that must be refused. After each family nothing is stored, no answer was a
//! 500, and the server still answers.

mod bundles;
mod documents;
mod json;
mod patches;
mod pdfs;
mod primitives;
mod raw_http;
mod requests;
mod searches;
mod shape;
mod xml;

use crate::support::TestNode;

/// A request and what it must get.
pub struct Row {
    name: &'static str,
    method: &'static str,
    path: String,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    status: u16,
    code: &'static str,
    expression: String,
}

/// A request with a FHIR JSON body.
pub fn row(name: &'static str, method: &'static str, path: &str, body: impl Into<Vec<u8>>) -> Row {
    Row {
        name,
        method,
        path: path.to_owned(),
        headers: vec![("content-type", "application/fhir+json".to_owned())],
        body: body.into(),
        status: 400,
        code: "structure",
        expression: String::new(),
    }
}

impl Row {
    /// The status, the code of the first issue and its first expression (empty: there must be none).
    pub fn gets(mut self, status: u16, code: &'static str, expression: &str) -> Self {
        (self.status, self.code, self.expression) = (status, code, expression.to_owned());
        self
    }

    /// Another body.
    pub fn body(mut self, body: &str) -> Self {
        self.body = body.as_bytes().to_vec();
        self
    }

    /// Another header; a second `content-type` replaces the first.
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.retain(|(known, _)| *known != name);
        self.headers.push((name, value.into()));
        self
    }
}

/// Sends every row; reports all that differ.
#[track_caller]
pub fn check(node: &TestNode, rows: Vec<Row>) {
    let before = stored(node);
    let mut wrong = Vec::new();
    for row in rows {
        let headers: Vec<(&str, &str)> =
            row.headers.iter().map(|(n, v)| (*n, v.as_str())).collect();
        let answer = node.request(row.method, &row.path, &headers, &row.body);
        let issue = serde_json::from_slice::<serde_json::Value>(&answer.body)
            .map(|outcome| outcome["issue"][0].clone())
            .unwrap_or_default();
        let code = issue["code"].as_str().unwrap_or("");
        let place = issue["expression"][0].as_str().unwrap_or("");
        let fine = answer.status == row.status
            && (row.method == "HEAD" || code == row.code)
            && place == row.expression;
        if !fine {
            wrong.push(format!(
                "{}: expected {} {} {}, found {} {code} {place}: {}",
                row.name,
                row.status,
                row.code,
                row.expression,
                answer.status,
                issue["diagnostics"].as_str().unwrap_or("")
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} rows differ:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert_eq!(stored(node), before, "something was stored");
    assert_eq!(node.get("/health/live").status, 200);
}

/// Versions in all, and what a search still counts of the type that most rows are about.
fn stored(node: &TestNode) -> (i64, i64) {
    let total = |path: &str| node.get(path).json()["total"].as_i64().unwrap();
    (total("_history"), total("Patient?_summary=count"))
}

/// A Patient with some members.
pub fn patient(members: &str) -> String {
    format!(r#"{{"resourceType":"Patient",{members}}}"#)
}

/// Bytes, compressed as far as it goes.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
