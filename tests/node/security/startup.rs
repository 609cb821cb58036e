//! Combinations under which the program must not start, and what it says (DEV-01, DEV-05).

use crate::process::{Process, program, refused};
use crate::support::database::TestDatabase;

/// A start with these arguments, variables and configuration file must fail with this text.
#[track_caller]
fn check(arguments: &[&str], variables: &[(&str, &str)], file: &str, expected: &str) {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data").display().to_string();
    let config = folder.path().join("f.toml");
    std::fs::write(&config, file).unwrap();
    let config = config.display().to_string();
    let mut command = program(&["serve", "--data-dir", &data, "--config", &config]);
    command.args(arguments).envs(variables.iter().copied());
    let text = refused(command);
    assert!(text.contains(expected), "{arguments:?} {file}: {text}");
    assert!(!text.contains("FHIR base"), "{text}");
}

#[test]
fn dev_01_only_on_loopback_under_no_public_name() {
    let address = "--dev listens on 127.0.0.1 or [::1] only";
    for listen in [
        "0.0.0.0:0",
        "[::]:0",
        "192.0.2.1:0",
        "127.0.0.2:0",
        "[::ffff:127.0.0.1]:0",
    ] {
        check(&["--dev", "--listen", listen], &[], "", address);
        check(&["--dev"], &[("FASCICOLO_LISTEN", listen)], "", address);
        let file = format!("listen = \"{listen}\"");
        check(&["--dev"], &[], &file, address);
    }
    let local = ["--dev", "--listen", "127.0.0.1:0"];
    let with = |more: &[&'static str]| [&local[..], more].concat();
    let public = "under a public name";
    check(
        &with(&["--base-url", "http://fse.example/fhir"]),
        &[],
        "",
        public,
    );
    check(
        &with(&["--base-url", "http://localhost.evil.example/fhir"]),
        &[],
        "",
        public,
    );
    check(
        &with(&["--base-url", "https://localhost/fhir"]),
        &[],
        "",
        "behind TLS",
    );
    check(
        &local,
        &[("FASCICOLO_BASE_URL", "http://fse.example/fhir")],
        "",
        public,
    );
    check(&local, &[], "http = { hosts = [\"fse.example\"] }", public);
    check(
        &local,
        &[("FASCICOLO_HTTP_HOSTS", "localhost,fse.example")],
        "",
        public,
    );
}

/// Development mode has neither key nor variable: it cannot survive in a file.
#[test]
fn dev_06_only_the_flag_makes_development_mode() {
    let listen = ["--listen", "127.0.0.1:0"];
    check(&listen, &[], "dev = true", "--dev alone");
    check(&listen, &[], "[http]\ndev = true", "is no key");
    let database = TestDatabase::sqlite();
    let config = database.data_dir().join("f.toml");
    std::fs::write(&config, "").unwrap();
    let server = Process::serve_with(&database, &["--config", config.to_str().unwrap()]);
    assert_eq!(server.get("Patient").status, 401);
    assert!(!server.banner.contains("DEVELOPMENT"), "{}", server.banner);
}

#[test]
fn what_cannot_be_meant_is_refused() {
    check(&["--listen", "somewhere"], &[], "", "expected ADDRESS:PORT");
    check(
        &["--listen", "127.0.0.1:99999"],
        &[],
        "",
        "expected ADDRESS:PORT",
    );
    check(
        &["--database", "mysql://h/d"],
        &[],
        "",
        "found the scheme mysql",
    );
    check(&[], &[], "listn = \"127.0.0.1:0\"", "the nearest is listen");
    check(&[], &[], "[limits]\nuri_bytes = 1", "limits.uri_bytes");
    let text = refused(program(&["serve", "--config", "/nowhere/f.toml"]));
    assert!(text.contains("cannot be read"), "{text}");
    // An address that is taken.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    check(&["--listen", &address], &[], "", "cannot be bound");
    // A database that nobody answers for; its password is not told.
    let nobody = "postgres://u:geheim@127.0.0.1:1/d";
    let mut command = program(&["serve", "--listen", "127.0.0.1:0", "--database", nobody]);
    let folder = tempfile::tempdir().unwrap();
    command.current_dir(folder.path());
    let text = refused(command);
    assert!(text.contains("cannot be reached"), "{text}");
    assert!(!text.contains("geheim"), "{text}");
}

#[test]
fn dev_01_starts_where_it_may() {
    for more in [
        &["--dev"][..],
        &["--dev", "--base-url", "http://localhost:8080/fhir"],
    ] {
        let database = TestDatabase::fresh();
        let server = Process::serve_with(&database, more);
        assert!(
            server.banner.contains("DEVELOPMENT MODE"),
            "{}",
            server.banner
        );
    }
    if std::net::TcpListener::bind("[::1]:0").is_ok() {
        let database = TestDatabase::fresh();
        let server = Process::serve_with(&database, &["--dev", "--listen", "[::1]:0"]);
        assert_eq!(server.get("Patient").status, 200);
    }
}

#[test]
fn dev_05_synthetic_and_real_data_never_meet() {
    let restart = |database: &TestDatabase, more: &[&str]| {
        let (url, folder) = (database.url(), database.data_dir().display().to_string());
        let mut command = program(&["serve", "--listen", "127.0.0.1:0"]);
        command
            .args(["--database", &url, "--data-dir", &folder])
            .args(more);
        refused(command)
    };
    let database = TestDatabase::fresh();
    let server = Process::serve(&database);
    let patient = br#"{"resourceType":"Patient"}"#;
    assert_eq!(
        server
            .post("Patient", "application/fhir+json", patient)
            .status,
        201
    );
    drop(server);
    let text = restart(&database, &[]);
    assert!(text.contains("made with --dev"), "{text}");
    drop(Process::serve(&database));

    let database = TestDatabase::fresh();
    drop(Process::serve_with(&database, &[]));
    let text = restart(&database, &["--dev"]);
    assert!(text.contains("synthetic data only"), "{text}");
    drop(Process::serve_with(&database, &[]));
}
