use std::collections::HashMap;

use super::keys::{Form, KEYS};
use super::*;

/// Loads with these flags, variables and file.
fn load(flags: &Flags, variables: &[(&str, &str)], file: Option<&str>) -> Result<Config> {
    let variables: HashMap<&str, &str> = variables.iter().copied().collect();
    let mut flags = flags.clone();
    if file.is_some() {
        flags.config = Some(PathBuf::from("f.toml"));
    }
    Config::load(
        &flags,
        |name| variables.get(name).map(|value| value.to_string()),
        |_| {
            file.map(str::to_string)
                .ok_or_else(|| std::io::ErrorKind::NotFound.into())
        },
    )
}

fn listen(address: &str) -> Flags {
    Flags {
        listen: Some(address.to_string()),
        ..Flags::default()
    }
}

/// A file is refused with a text that holds `expected`.
#[track_caller]
fn refuse(file: &str, expected: &str) {
    match load(&Flags::default(), &[], Some(file)) {
        Ok(_) => panic!("accepted: {file}"),
        Err(error) => {
            assert_eq!(error.kind(), Kind::Invalid);
            let text = error.to_string();
            assert!(
                text.contains(expected),
                "{file}\nexpected: {expected}\nfound: {text}"
            );
        }
    }
}

#[test]
fn nothing_said_gives_the_defaults() {
    assert_eq!(
        load(&Flags::default(), &[], None).unwrap(),
        Config::default()
    );
    assert_eq!(
        load(&Flags::default(), &[], Some("")).unwrap(),
        Config::default()
    );
}

#[test]
fn flags_over_environment_over_file() {
    let file = Some("listen = \"127.0.0.1:1\"\nbase_url = \"http://a/fhir\"\ndata_dir = \"x\"");
    let variables = [
        ("FASCICOLO_LISTEN", "127.0.0.1:2"),
        ("FASCICOLO_BASE_URL", "http://b/fhir/"),
    ];
    let config = load(&listen("127.0.0.1:3"), &variables, file).unwrap();
    assert_eq!(config.listen.port(), 3);
    assert_eq!(config.base_url.as_deref(), Some("http://b/fhir"));
    assert_eq!(config.data_dir, PathBuf::from("x"));
    assert_eq!(config.database.to_string(), "sqlite://x/fascicolo.db");
}

#[test]
fn the_environment_names_the_file_and_any_key() {
    let read = |path: &Path| {
        assert_eq!(path, Path::new("/etc/f.toml"));
        Ok("[limits]\njson_depth = 32\nwaiting = 7\n".to_string())
    };
    let env = |name: &str| match name {
        "FASCICOLO_CONFIG" => Some("/etc/f.toml".to_string()),
        "FASCICOLO_LIMITS_JSON_DEPTH" => Some(" 100 ".to_string()),
        "FASCICOLO_HTTP_HOSTS" => Some("a.example, b.example,".to_string()),
        "FASCICOLO_LOG_FORMAT" => Some(String::new()),
        _ => None,
    };
    let config = Config::load(&Flags::default(), env, read).unwrap();
    assert_eq!((config.limits.json_depth, config.limits.waiting), (100, 7));
    assert_eq!(config.http.hosts, ["a.example", "b.example"]);
    assert_eq!(config.log.format, LogFormat::Text);
}

#[test]
fn unknown_keys_are_named_with_the_nearest_known_one() {
    refuse(
        "lisen = \"127.0.0.1:1\"",
        "lisen in f.toml is no key of the configuration; the nearest is listen",
    );
    refuse(
        "[limits]\njson_deph = 3",
        "limits.json_deph in f.toml is no key of the configuration; the nearest is limits.json_depth",
    );
    refuse(
        "update_create = \"on\"",
        "the nearest is fhir.update_create",
    );
    refuse("[fhir]\njson_depth = 3", "the nearest is limits.json_depth");
    refuse(
        "[nonsense]\nx = 1",
        "nonsense in f.toml is no key of the configuration",
    );
    refuse(
        "[limits.json_depth]\nx = 1",
        "limits.json_depth in f.toml: expected a whole number",
    );
    refuse(
        &format!("{} = 1", "x".repeat(5_000)),
        "is no key of the configuration",
    );
    refuse("dev = true", "the flag --dev alone");
}

#[test]
fn every_fault_is_reported_at_once() {
    let file = "lisen = 1\n[log]\nformat = \"xml\"\n[limits]\njson_depth = 1000\n";
    let error = load(
        &Flags::default(),
        &[("FASCICOLO_LOG_LEVEL", "loud")],
        Some(file),
    )
    .unwrap_err();
    assert_eq!(error.issues().len(), 4, "{error}");
}

#[test]
fn values_out_of_form_or_bounds_are_refused() {
    refuse(
        "listen = \"localhost:8080\"",
        "listen: expected ADDRESS:PORT",
    );
    refuse(
        "listen = 8080",
        "expected a text that is not empty, found a TOML integer",
    );
    refuse(
        "[log]\nformat = \"xml\"",
        "expected one of text, json, found \"xml\"",
    );
    refuse(
        "[limits]\njson_depth = 129",
        "expected a whole number from 8 to 128, found 129",
    );
    refuse(
        "[limits]\njson_depth = \"64\"",
        "expected a whole number from 8 to 128, found \"64\"",
    );
    refuse("[http]\nhosts = [1]", "expected a list of texts");
    refuse("x = = 1", "f.toml, line 1: not TOML");
    refuse(
        "listen = \"127.0.0.1:1\"\nlisten = \"127.0.0.1:2\"",
        "f.toml, line 2: not TOML",
    );
    refuse(
        "[limits]\nbundle_bytes = 200000000",
        "the largest Bundle would never be admitted",
    );
    refuse(
        "[limits]\nresource_bytes = 200000000\n",
        "a Bundle could not hold one resource",
    );
    refuse("[postgres]\ntls = \"require\"", "needs postgres.ca_file");
    refuse(
        "[postgres]\nca_file = \"ca.pem\"",
        "postgres.tls is \"off\"",
    );
    for url in [
        "ftp://a/fhir",
        "http://",
        "http:///fhir",
        "http://u:p@a/fhir",
        "https://a/?x",
        "a/fhir",
        "http://a b",
    ] {
        refuse(
            &format!("base_url = \"{url}\""),
            "base_url: expected http(s)://host",
        );
    }
}

#[test]
fn a_missing_file_is_an_error_that_names_it() {
    let flags = Flags {
        config: Some(PathBuf::from("nowhere.toml")),
        ..Flags::default()
    };
    let error = load(&flags, &[], None).unwrap_err().to_string();
    assert!(error.contains("nowhere.toml cannot be read"), "{error}");
}

#[test]
fn the_effective_configuration_is_shown_without_secrets() {
    let flags = Flags {
        database: Some("postgres://u:geheim@db.example/d".to_string()),
        ..Flags::default()
    };
    let config = load(&flags, &[], None).unwrap();
    let text = config.to_display().unwrap();
    assert!(!text.contains("geheim"), "{text}");
    assert!(!format!("{config:?}").contains("geheim"));
    assert!(
        text.contains("base_url = \"http://127.0.0.1:8080/fhir\""),
        "{text}"
    );
    assert_eq!(config.warnings().len(), 1, "{:?}", config.warnings());
    let Database::Postgres(url) = &config.database else {
        panic!("{:?}", config.database)
    };
    assert_eq!(url.expose(), "postgres://u:geheim@db.example/d");
}

#[test]
fn every_field_has_a_key_and_every_key_a_field() {
    let config = Config {
        base_url: Some("http://a/fhir".to_string()),
        postgres: Postgres {
            tls: Tls::Require,
            ca_file: Some(PathBuf::from("ca.pem")),
        },
        ..Config::default()
    };
    let table = toml::Table::try_from(&config).unwrap();
    let mut fields = Vec::new();
    for (name, value) in &table {
        match value {
            toml::Value::Table(inner) => {
                fields.extend(inner.keys().map(|key| format!("{name}.{key}")))
            }
            _ => fields.push(name.clone()),
        }
    }
    fields.retain(|name| name != "dev");
    let mut keys: Vec<String> = KEYS.iter().map(|key| key.path.to_string()).collect();
    fields.sort();
    keys.sort();
    assert_eq!(fields, keys);
}

#[test]
fn links_are_built_from_configuration() {
    let config = |listen: &str, base: Option<&str>| Config {
        listen: listen.parse().unwrap(),
        base_url: base.map(str::to_string),
        ..Config::default()
    };
    let rows = [
        ("127.0.0.1:8080", None, "http://127.0.0.1:8080/fhir"),
        ("[::1]:8080", None, "http://[::1]:8080/fhir"),
        ("0.0.0.0:80", None, "http://127.0.0.1:80/fhir"),
        (
            "0.0.0.0:80",
            Some("https://fse.example/fhir"),
            "https://fse.example/fhir",
        ),
    ];
    for (listen, base, expected) in rows {
        let config = config(listen, base);
        assert_eq!(config.base_url_at(config.listen), expected);
    }
    let open = config("0.0.0.0:80", Some("https://FSE.example:443/fhir"));
    assert_eq!(
        open.host_names(open.listen),
        ["127.0.0.1", "[::1]", "fse.example", "localhost"]
    );
    let one = config("192.0.2.1:80", None);
    assert_eq!(one.host_names(one.listen), ["192.0.2.1"]);
}

#[test]
fn con_02_leak_34_dev_changes_the_defaults_only() {
    let dev = Flags {
        dev: true,
        ..Flags::default()
    };
    let config = load(&dev, &[], None).unwrap();
    assert_eq!(config.fhir.update_create, UpdateCreate::On);
    assert_eq!(config.fhir.require_if_match, RequireIfMatch::Off);
    let file = "[fhir]\nupdate_create = \"off\"\nrequire_if_match = \"on\"\n";
    let config = load(&dev, &[], Some(file)).unwrap();
    assert_eq!(config.fhir.update_create, UpdateCreate::Off);
    assert_eq!(config.fhir.require_if_match, RequireIfMatch::Off);
    let config = load(&Flags::default(), &[], Some(file)).unwrap();
    assert_eq!(config.fhir.require_if_match, RequireIfMatch::On);
}

/// The table of keys in the operator's page, as the code knows it.
fn table_of_keys() -> String {
    let defaults = toml::Table::try_from(Config::default()).unwrap();
    let mut text = String::from("| key | value | default | meaning |\n| --- | --- | --- | --- |\n");
    for key in KEYS {
        let form = match key.form {
            Form::Text => "text".to_string(),
            Form::Number(min, max) => format!("{min} … {max}"),
            Form::OneOf(choices) => format!("`{}`", choices.join("` `")),
            Form::List => "list of texts".to_string(),
        };
        let default = match key.path.split_once('.') {
            Some((section, name)) => defaults[section].get(name),
            None => defaults.get(key.path),
        };
        let default = default.map_or(String::new(), |value| format!("`{value}`"));
        text.push_str(&format!(
            "| `{}` | {form} | {default} | {} |\n",
            key.path, key.what
        ));
    }
    text
}

#[test]
fn the_operators_page_lists_every_key() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/operating/configure.md");
    let text = std::fs::read_to_string(page).unwrap();
    let start = text.find("| key |").unwrap();
    let end = text[start..]
        .find("\n\n")
        .map_or(text.len(), |length| start + length + 1);
    let expected = table_of_keys();
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(
            page,
            format!("{}{expected}{}", &text[..start], &text[end..]),
        )
        .unwrap();
        return;
    }
    assert_eq!(
        &text[start..end],
        expected,
        "run again with UPDATE_EXPECT=1 to rewrite the table"
    );
}
