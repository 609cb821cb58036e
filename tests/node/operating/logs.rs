//! Logs: text or JSON, with request ids and without personal data.

use crate::process::Process;
use crate::support::database::TestDatabase;

#[test]
fn logs_tell_requests_and_nobodys_data() {
    for format in ["json", "text"] {
        let database = TestDatabase::fresh();
        let arguments = ["--dev", "--log-format", format, "--log-level", "trace"];
        let server = Process::serve_with(&database, &arguments);
        let request = |method: &str, path: &str, body: &str| {
            let headers = [
                ("content-type", "application/fhir+json"),
                ("x-request-id", "the-request-id"),
            ];
            server.request(method, path, &headers, body.as_bytes())
        };
        let patient = r#"{"resourceType":"Patient","identifier":[{"system":"urn:oid:2.16.840.1.113883.2.9.4.3.2","value":"RSSMRA80A01H501U"}],"name":[{"family":"Segretissimo"}]}"#;
        assert_eq!(request("POST", "Patient", patient).status, 201);
        let bad = patient.replace("\"name\"", "\"Segretissimo\"");
        assert_eq!(request("POST", "Patient", &bad).status, 400);
        let search = "Patient?identifier=urn:oid:2.16.840.1.113883.2.9.4.3.2|RSSMRA80A01H501U";
        assert_eq!(request("GET", search, "").status, 200);
        request(
            "GET",
            "Patient?family=Segretissimo&nothing=Segretissimo",
            "",
        );
        request("GET", "Patient/Segretissimo", "");
        server.terminate();
        assert!(server.wait(std::time::Duration::from_secs(20)).success());

        let log = std::fs::read_to_string(database.data_dir().join("stderr.log")).unwrap();
        assert!(log.contains("the-request-id"), "{log}");
        for secret in ["RSSMRA80A01H501U", "Segretissimo"] {
            let told = log.lines().find(|line| line.contains(secret));
            assert_eq!(told, None, "{format}");
        }
        if format == "json" {
            for line in log.lines() {
                let entry: serde_json::Value = serde_json::from_str(line).expect(line);
                assert!(
                    entry["level"].is_string() && entry["timestamp"].is_string(),
                    "{line}"
                );
            }
        }
    }
}
