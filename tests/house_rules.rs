//! Holds the house to its plan (`docs/architecture.md`): which room may import which, sizes of
//! files, one clock, one id source, one XML parser, who names Diesel, migrations in pairs.
//!
//! The plan is data: `house/plan.rs`. Source files are read as text with comments, strings
//! and test modules blanked, so a rule sees code only.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::arithmetic_side_effects
)]

mod house;

use std::collections::{BTreeMap, BTreeSet};

use house::migrations;
use house::plan::*;
use house::source::{Source, paths, sources, words};

/// Fails with all the breaches, one a line.
#[track_caller]
fn report(rule: &str, breaches: Vec<String>) {
    assert!(
        breaches.is_empty(),
        "{rule}:\n  {}\n",
        breaches.join("\n  ")
    );
}

/// A finding for each source of `src` in whose code one of `patterns` stands, unless allowed.
fn uses(patterns: &[&str], allowed: impl Fn(&Source) -> bool) -> Vec<String> {
    let mut breaches = Vec::new();
    for source in sources("src").iter().filter(|source| !allowed(source)) {
        for (number, line) in source.code.lines().enumerate() {
            for pattern in patterns.iter().filter(|pattern| words(line, pattern)) {
                breaches.push(format!("{}:{}: {pattern}", source.name, number + 1));
            }
        }
    }
    breaches
}

fn in_rooms(source: &Source, rooms: &[&str]) -> bool {
    rooms.iter().any(|room| covers(room, &source.module))
}

#[test]
fn every_source_file_stands_in_a_room_of_the_plan() {
    let strays = sources("src")
        .iter()
        .filter(|source| match room_of(&source.module) {
            // `fhir/mod.rs` declares; everything else below it has a room of its own.
            Some("fhir") => source.module != "fhir",
            room => room.is_none(),
        })
        .map(|source| source.name.clone())
        .collect();
    report("files outside the rooms of docs/architecture.md", strays);
}

#[test]
fn arrows_only_point_down() {
    let mut breaches = BTreeSet::new();
    for source in sources("src") {
        let Some(room) = room_of(&source.module) else {
            continue;
        };
        // `fhir/mod.rs` and `lib.rs` only declare.
        for path in paths(&source) {
            let Some(target) = room_of(&path) else {
                if !path.is_empty() && source.is_absolute(&path) {
                    breaches.insert(format!(
                        "{}: crate::{path} is in no room of the plan",
                        source.name
                    ));
                }
                continue;
            };
            // A room may speak of itself and of rooms inside it.
            if !covers(room, target) && !may_import(room, &path) {
                breaches.insert(format!(
                    "{}: {room} may not import crate::{path}",
                    source.name
                ));
            }
        }
    }
    report("arrows only point down", breaches.into_iter().collect());
}

#[test]
fn files_are_small() {
    let mut breaches = Vec::new();
    for source in ["src", "tests", "benches"]
        .iter()
        .flat_map(|folder| sources(folder))
    {
        let lines = source.text.lines().count();
        if lines > LINES_ALLOWED
            && !source
                .text
                .lines()
                .take(40)
                .any(|line| line.starts_with(LONGER))
        {
            breaches.push(format!(
                "{} has {lines} lines, at most {LINES_ALLOWED} are allowed",
                source.name
            ));
        } else if lines > LINES_WANTED {
            println!(
                "{} has {lines} lines, more than the {LINES_WANTED} we want",
                source.name
            );
        }
    }
    report("small files", breaches);
}

#[test]
fn only_storage_names_diesel() {
    let breaches = uses(
        &["diesel", "diesel_migrations", "libsqlite3_sys", "pq_sys"],
        |source| in_rooms(source, &["storage"]),
    );
    report("only src/storage names Diesel", breaches);
}

#[test]
fn async_ends_at_the_edge() {
    let breaches = uses(
        &["tokio", "actix_web", "reqwest", "async", ".await"],
        |source| {
            in_rooms(source, ASYNC_ROOMS)
                || ASYNC_FILES.iter().any(|(name, _)| source.name == *name)
        },
    );
    report("layers 0 to 3 are synchronous", breaches);
}

#[test]
fn one_clock() {
    let mut breaches = uses(
        &["Utc::now", "Local::now", "SystemTime::now", "SystemTime"],
        |source| source.module == "clock",
    );
    breaches.extend(uses(&["Instant::now"], |source| {
        in_rooms(source, TIMER_ROOMS) || source.module == "clock"
    }));
    report("the time of day comes from clock.rs", breaches);
}

#[test]
fn one_id_source() {
    let breaches = uses(
        &["SystemRandom", "getrandom", "rand", "fastrand", "Uuid"],
        |source| source.module == "ids",
    );
    report("randomness comes from ids.rs", breaches);
}

/// GATE-01: who may know of everything is said in one place, and nowhere in passing.
#[test]
fn gate_01_open_restrictions_come_from_one_place() {
    let breaches = uses(&["Restrictions::open"], |source| source.module == "app");
    report("restrictions are open in app.rs only", breaches);
}

/// Lesson of four XXE faults in one code base, each fixed in one function and left in its twin.
#[test]
fn in_13_one_xml_parser() {
    let mut places = Vec::new();
    for source in sources("src") {
        for (number, line) in source.code.lines().enumerate() {
            let count = ["Reader::from_", "NsReader::from_"]
                .iter()
                .filter(|pattern| words(line, pattern))
                .count();
            places.extend((0..count).map(|_| format!("{}:{}", source.name, number + 1)));
        }
    }
    let named = sources("src")
        .iter()
        .any(|source| words(&source.code, "quick_xml"));
    assert!(
        places.len() == usize::from(named),
        "expected one place that makes an XML parser, found {places:?}"
    );
    let other = uses(&["roxmltree", "xmlparser", "xml_rs", "libxml"], |_| false);
    report("one XML parser", other);
}

#[test]
fn in_26_unsafe_nowhere() {
    let breaches = uses(&["unsafe"], |source| {
        UNSAFE_FILES.contains(&source.name.as_str())
    });
    report("unsafe stands in named files only", breaches);
    assert!(UNSAFE_FILES.len() <= 1);
}

#[test]
fn nothing_is_left_for_later() {
    // Put together, so that this file does not find itself.
    let marks = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("todo", "!"),
        concat!("unimpl", "emented!"),
    ];
    let mut breaches = Vec::new();
    for source in ["src", "tests", "benches"]
        .iter()
        .flat_map(|folder| sources(folder))
    {
        for (number, line) in source.text.lines().enumerate() {
            if marks.iter().any(|mark| words(line, mark)) {
                breaches.push(format!("{}:{}", source.name, number + 1));
            }
        }
    }
    report("nothing is left for later", breaches);
}

#[test]
fn migrations_come_in_pairs() {
    report("migrations", migrations::breaches());
}

#[test]
fn the_top_of_the_repository_is_as_planned() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let ignore = std::fs::read_to_string(root.join(".gitignore")).unwrap_or_default();
    let ignored = |name: &str| {
        ignore.lines().any(|line| match line.strip_prefix('*') {
            Some(ending) => !ending.is_empty() && name.ends_with(ending),
            None => line.trim_matches('/') == name,
        })
    };
    let breaches = std::fs::read_dir(root)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !TOP.contains(&name.as_str()) && !ignored(name))
        .collect();
    report(
        "the top of the repository (docs/architecture.md, section 2)",
        breaches,
    );
}

#[test]
fn decisions_are_numbered_once() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/decisions");
    let mut numbers = BTreeMap::new();
    let mut breaches = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        match name.split_once('-') {
            Some((number, rest))
                if number.len() == 4 && number.parse::<u16>().is_ok() && rest.ends_with(".md") =>
            {
                if let Some(other) = numbers.insert(number.to_string(), name.clone()) {
                    breaches.push(format!("{name} and {other}"));
                }
            }
            _ => breaches.push(format!("{name}: expected NNNN-subject.md")),
        }
    }
    report("docs/decisions", breaches);
}

#[test]
fn dependencies_are_at_least_as_new_as_their_floors() {
    let lock = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.lock")).unwrap();
    let lock: toml::Table = lock.parse().unwrap();
    let mut breaches = Vec::new();
    for package in lock["package"].as_array().unwrap() {
        let (name, version) = (
            package["name"].as_str().unwrap(),
            package["version"].as_str().unwrap(),
        );
        let numbers = |version: &str| -> Vec<u64> {
            version
                .split(['.', '-', '+'])
                .map_while(|part| part.parse().ok())
                .collect()
        };
        for (_, floor) in FLOORS.iter().filter(|(floor, _)| *floor == name) {
            if numbers(version) < numbers(floor) {
                breaches.push(format!("{name} {version}, at least {floor} is needed"));
            }
        }
        if UNWANTED.contains(&name) {
            breaches.push(format!("{name} {version} is not wanted"));
        }
        // A registry, or the project itself: nothing from elsewhere.
        let source = package.get("source").and_then(toml::Value::as_str);
        if source.is_some_and(|source| !source.starts_with("registry+")) {
            breaches.push(format!(
                "{name} {version} comes from {}",
                source.unwrap_or_default()
            ));
        }
    }
    report("dependencies", breaches);
}
