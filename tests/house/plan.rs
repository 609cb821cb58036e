//! The plan of the house as data: rooms and arrows, who may know what, sizes, versions.

/// Which rooms a room may import, itself apart. The longest prefix of a path is its room, and an
/// entry lets in everything below it.
pub const ROOMS: &[(&str, &[&str])] = &[
    // Ground. The JSON tree is the one leaf below the error, which builds an OperationOutcome.
    ("fhir::model::value", &[]),
    ("clock", &[]),
    ("error", &["fhir::model::value"]),
    ("ids", &["error"]),
    ("config", &["error"]),
    ("sandbox", &["error"]),
    (
        "packages",
        &["error", "clock", "fhir::definitions", "fhir::model"],
    ),
    // The pure core: no clock, no ids, no configuration.
    ("fhir::model", PURE),
    (
        "fhir::definitions",
        &["error", "clock::Instant", "fhir::model"],
    ),
    ("fhir::xml", &["error", "fhir::model", "fhir::definitions"]),
    ("fhir::ucum", &[]),
    (
        "fhir::fhirpath",
        &[
            "error",
            "clock::Instant",
            "fhir::model",
            "fhir::definitions",
            "fhir::ucum",
        ],
    ),
    (
        "fhir::terminology",
        &[
            "error",
            "clock::Instant",
            "fhir::model",
            "fhir::definitions",
            "fhir::fhirpath",
            "fhir::ucum",
        ],
    ),
    (
        "fhir::validation",
        &[
            "error",
            "clock::Instant",
            "fhir::model",
            "fhir::definitions",
            "fhir::xml",
            "fhir::fhirpath",
            "fhir::terminology",
        ],
    ),
    (
        "fhir::search",
        &[
            "error",
            "clock::Instant",
            "fhir::model",
            "fhir::definitions",
            "fhir::fhirpath",
            "fhir::terminology",
            "fhir::ucum",
        ],
    ),
    (
        "fhir::patch",
        &[
            "error",
            "fhir::model",
            "fhir::definitions",
            "fhir::fhirpath",
            "fhir::xml",
        ],
    ),
    ("fhir", &["fhir"]),
    (
        "fse",
        &[
            "error",
            "clock::Instant",
            "fhir::model",
            "fhir::definitions",
            "fhir::terminology",
            "fhir::xml",
        ],
    ),
    (
        "access",
        &[
            "error",
            "clock::Instant",
            "fse",
            "fhir::model",
            "fhir::search",
            "fhir::definitions",
        ],
    ),
    ("context", &["error", "clock", "ids", "access"]),
    // Services.
    (
        "storage",
        &[
            "error",
            "clock",
            "ids",
            "config",
            "fhir::model",
            "fhir::search",
            "fhir::terminology::ConceptSource",
        ],
    ),
    (
        "audit",
        &[
            "error",
            "clock",
            "ids",
            "config",
            "context",
            "storage",
            "fhir::model",
        ],
    ),
    (
        "security",
        &[
            "error",
            "clock",
            "ids",
            "config",
            "storage",
            "access::caller",
            "fse::claims",
            "fhir::model",
        ],
    ),
    // Use cases.
    ("interactions", SERVICES),
    ("operations", &["SERVICES", "interactions"]),
    ("documents", &["SERVICES", "interactions", "operations"]),
    ("monitoring", SERVICES),
    // Networks and edges.
    ("federation", &["SERVICES", "USE CASES"]),
    ("jobs", &["SERVICES", "USE CASES", "federation", "app"]),
    ("http", &["SERVICES", "USE CASES", "federation", "app"]),
    // Wiring.
    (
        "app",
        &["SERVICES", "USE CASES", "federation", "jobs", "http"],
    ),
    ("conformance", &["SERVICES", "USE CASES", "app"]),
    (
        "conformance::testscript",
        &["error", "clock", "ids", "config", "fhir"],
    ),
    (
        "conformance::published",
        &["error", "clock", "ids", "config", "packages", "fhir", "fse"],
    ),
    (
        "cli",
        &[
            "SERVICES",
            "USE CASES",
            "federation",
            "jobs",
            "http",
            "conformance",
            "app",
        ],
    ),
    ("lib", &[]),
    ("main", &["cli"]),
];
pub const PURE: &[&str] = &["error", "clock::Instant"];
/// Everything of the layers 0 to 2.
pub const SERVICES: &[&str] = &[
    "error", "clock", "ids", "config", "packages", "sandbox", "context", "fhir", "fse", "access",
    "storage", "audit", "security",
];
pub const USE_CASES: &[&str] = &["interactions", "operations", "documents", "monitoring"];

/// Rooms that may know of async, sockets and HTTP; below them all is synchronous.
pub const ASYNC_ROOMS: &[&str] = &[
    "federation",
    "http",
    "jobs",
    "app",
    "conformance",
    "cli",
    "main",
];
/// Files below them that may, with the reason.
pub const ASYNC_FILES: &[(&str, &str)] = &[(
    "src/security/keys.rs",
    "fetches key sets through a port given to it",
)];
/// Rooms that may measure how long something takes by a monotonic timer.
pub const TIMER_ROOMS: &[&str] = &[
    "http",
    "jobs",
    "storage",
    "sandbox",
    "cli",
    "app",
    "federation",
    "monitoring",
    "conformance",
];
/// Files that may hold `unsafe`: foreign functions, nothing else.
pub const UNSAFE_FILES: &[&str] = &[];

pub const LINES_WANTED: usize = 400;
pub const LINES_ALLOWED: usize = 600;
/// What a header says when a file must be longer.
pub const LONGER: &str = "//! Longer than 600 lines because";

/// What may lie at the top of the repository; what `.gitignore` names is not looked at.
pub const TOP: &[&str] = &[
    ".cargo",
    ".ci",
    ".git",
    ".gitignore",
    "CHANGELOG.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "README.md",
    "benches",
    "conformance",
    "deny.toml",
    "diesel.toml",
    "docs",
    "fhir-profiles",
    "migrations",
    "publiccode.yml",
    "src",
    "tests",
];

/// Least versions of what the security of the server rests on; the reasons stand in
/// `docs/decisions/0002-dependencies.md`.
pub const FLOORS: &[(&str, &str)] = &[
    ("bytes", "1.11.1"),
    ("diesel", "2.3.10"),
    ("lopdf", "0.42.0"),
    ("quick-xml", "0.41.0"),
    ("rustls", "0.23.18"),
    ("rustls-webpki", "0.103.13"),
    ("tar", "0.4.45"),
    ("time", "0.3.47"),
];
/// Packages that must not come in, directly or not.
pub const UNWANTED: &[&str] = &[
    "openssl",
    "openssl-sys",
    "native-tls",
    "r2d2",
    "diesel-async",
    "h2",
    "ammonia",
];

/// The room of a path such as `fhir::model::value::Value`: the longest entry that is a prefix of it.
pub fn room_of(path: &str) -> Option<&'static str> {
    ROOMS
        .iter()
        .map(|(room, _)| *room)
        .filter(|room| covers(room, path))
        .max_by_key(|room| room.len())
}

/// By component: `fhir::model` covers `fhir::model::key`, not `fhir::models`.
pub fn covers(prefix: &str, path: &str) -> bool {
    path.strip_prefix(prefix)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

pub fn may_import(room: &str, path: &str) -> bool {
    let allowed = ROOMS
        .iter()
        .find(|(name, _)| *name == room)
        .map_or(&[][..], |(_, allowed)| allowed);
    allowed.iter().any(|entry| match *entry {
        "SERVICES" => SERVICES.iter().any(|entry| covers(entry, path)),
        "USE CASES" => USE_CASES.iter().any(|entry| covers(entry, path)),
        entry => covers(entry, path),
    })
}
