//! `fascicolo config check`.

use crate::process::{program, refused, said};

/// The output of a check that finds everything in order.
#[track_caller]
fn shown(file: &str, variables: &[(&str, &str)], arguments: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("f.toml");
    std::fs::write(&path, file).unwrap();
    let output = program(&["config", "check", "--config", path.to_str().unwrap()])
        .args(arguments)
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", said(&output));
    said(&output)
}

#[track_caller]
fn faulty(file: &str, expected: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("f.toml");
    std::fs::write(&path, file).unwrap();
    let text = refused(program(&[
        "config",
        "check",
        "--config",
        path.to_str().unwrap(),
    ]));
    for part in expected {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("geheim"), "{text}");
}

#[test]
fn flags_over_environment_over_file() {
    let file = "listen = \"127.0.0.1:1001\"\n[log]\nlevel = \"warn\"";
    let variable = [("FASCICOLO_LISTEN", "127.0.0.1:1002")];
    let text = shown(file, &[], &[]);
    assert!(text.contains("listen = \"127.0.0.1:1001\""), "{text}");
    assert!(text.contains("level = \"warn\""), "{text}");
    let text = shown(file, &variable, &[]);
    assert!(text.contains("listen = \"127.0.0.1:1002\""), "{text}");
    let text = shown(file, &variable, &["--listen", "127.0.0.1:1003"]);
    assert!(text.contains("listen = \"127.0.0.1:1003\""), "{text}");
    assert!(text.contains("level = \"warn\""), "{text}");
    // The file itself by variable.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("g.toml");
    std::fs::write(&path, file).unwrap();
    let output = program(&["config", "check"])
        .env("FASCICOLO_CONFIG", &path)
        .output()
        .unwrap();
    assert!(
        said(&output).contains("127.0.0.1:1001"),
        "{}",
        said(&output)
    );
}

#[test]
fn what_is_shown_is_complete_and_can_be_read_again() {
    let text = shown("", &[], &[]);
    for part in [
        "listen",
        "database",
        "data_dir",
        "base_url",
        "[log]",
        "[http]",
        "[fhir]",
        "[limits]",
        "[storage]",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let table: toml::Table = text.parse().unwrap();
    assert_eq!(table["limits"]["uri_bytes"].as_integer(), Some(8192));
}

#[test]
fn ops_07_secrets_are_masked() {
    for url in [
        "postgres://u:geheim@h.example/d",
        "postgres://u@h.example/d?password=geheim",
    ] {
        let text = shown(&format!("database = \"{url}\""), &[], &[]);
        assert!(!text.contains("geheim"), "{text}");
        assert!(text.contains("***") && text.contains("h.example"), "{text}");
        let text = shown("", &[("FASCICOLO_DATABASE", url)], &[]);
        assert!(!text.contains("geheim"), "{text}");
        // The warning that data crosses the network in clear does not tell it either.
        assert!(text.contains("in clear"), "{text}");
    }
}

#[test]
fn faults_are_named_all_at_once() {
    faulty(
        "listn = \"127.0.0.1:1\"",
        &["listn", "the nearest is listen"],
    );
    faulty(
        "[limits]\nuri_byte = 1000\nheader_count = \"many\"\n[http]\nworkers = -1\n",
        &[
            "limits.uri_bytes",
            "limits.header_count",
            "expected a whole number",
            "http.workers",
        ],
    );
    faulty("[nothing]\na = 1", &["nothing"]);
    faulty("dev = true", &["--dev alone"]);
    faulty(
        "database = \"postgres://u:geheim@h/d",
        &["line 1", "not TOML"],
    );
    faulty("database = \"mysql://u:geheim@h/d\"", &["mysql"]);
    faulty(
        "database = \"postgres://u:geheim@h/d?sslmode=require\"",
        &["postgres.tls"],
    );
    faulty("password = \"geheim\"", &["password"]);
}
