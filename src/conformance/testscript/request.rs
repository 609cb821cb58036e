//! From an operation to the method and address of its request.
//!
//! Source: FHIR R4 *TestScript* (operation), *RESTful API*; value set
//! *testscript-operation-codes*. `url` goes before everything but for what it lacks, a query in
//! `params`. Otherwise `params` is the path and the parameters after the type; `targetId` gives
//! type, id and version; an update without either takes the id of what it sends.

/// What an operation is about: type, id and version, as far as they are known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subject {
    pub resource_type: Option<String>,
    pub id: Option<String>,
    pub version: Option<String>,
}

/// The parts of an operation, variables substituted.
#[derive(Clone, Debug, Default)]
pub struct Parts {
    pub code: Option<String>,
    pub method: Option<String>,
    pub resource: Option<String>,
    pub params: Option<String>,
    pub url: Option<String>,
    pub encode: bool,
    pub target: Option<Subject>,
    pub source: Option<Subject>,
}

/// The line of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub method: String,
    pub url: String,
    /// The body of a search by POST.
    pub form: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Read,
    VersionRead,
    /// Update, patch, delete.
    Change,
    Create,
    Search,
    History,
    System,
    Metadata,
    Named,
}

const INTERACTIONS: &[(&str, &str, Kind)] = &[
    ("read", "GET", Kind::Read),
    ("vread", "GET", Kind::VersionRead),
    ("update", "PUT", Kind::Change),
    ("updateCreate", "PUT", Kind::Change),
    ("patch", "PATCH", Kind::Change),
    ("delete", "DELETE", Kind::Change),
    ("deleteCondSingle", "DELETE", Kind::Change),
    ("deleteCondMultiple", "DELETE", Kind::Change),
    ("create", "POST", Kind::Create),
    ("search", "GET", Kind::Search),
    ("history", "GET", Kind::History),
    ("batch", "POST", Kind::System),
    ("transaction", "POST", Kind::System),
    ("capabilities", "GET", Kind::Metadata),
];

/// The operations of the code system, which stand there without their dollar sign.
const NAMED: &[&str] = &[
    "apply",
    "closure",
    "compose",
    "conforms",
    "convert",
    "data-requirements",
    "document",
    "evaluate-measure",
    "everything",
    "expand",
    "find",
    "find-matches",
    "graphql",
    "implements",
    "lastn",
    "lookup",
    "match",
    "meta",
    "meta-add",
    "meta-delete",
    "populate",
    "populatehtml",
    "populatelink",
    "preferred-id",
    "process-message",
    "questionnaire",
    "snapshot",
    "stats",
    "statistics",
    "subset",
    "subsumes",
    "transform",
    "translate",
    "validate",
    "validate-code",
    "versions",
];

const METHODS: &[&str] = &["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"];

/// Whether an operation of this type can be sent; the error says why not.
pub fn check(code: Option<&str>, method: Option<&str>, has_url: bool) -> Result<(), String> {
    if let Some(method) = method
        && !METHODS.contains(&method.to_ascii_uppercase().as_str())
    {
        return Err(format!("the method {method:?} is not known"));
    }
    match code {
        Some(code) => kind(code).map(|_| ()),
        None if method.is_some() && has_url => Ok(()),
        None => Err("an operation without type needs a method and a url".to_owned()),
    }
}

fn kind(code: &str) -> Result<(&'static str, Kind), String> {
    if let Some((_, method, kind)) = INTERACTIONS.iter().find(|(known, _, _)| *known == code) {
        return Ok((method, *kind));
    }
    if code.len() > 1 && code.starts_with('$') || NAMED.contains(&code) {
        return Ok(("GET", Kind::Named));
    }
    Err(format!("the operation type {code:?} is not known"))
}

/// Makes method and address.
///
/// # Errors
/// A sentence saying what is missing.
pub fn line(parts: &Parts, base: &str) -> Result<Line, String> {
    let (usual, kind) = match &parts.code {
        Some(code) => kind(code)?,
        None => ("GET", Kind::Named),
    };
    let mut method = parts
        .method
        .as_ref()
        .map_or_else(|| usual.to_owned(), |method| method.to_ascii_uppercase());
    if kind == Kind::Named && parts.method.is_none() && parts.source.is_some() {
        method = "POST".to_owned();
    }
    let params = parts.params.as_deref().unwrap_or_default();
    let mut form = None;
    let url = if let Some(url) = &parts.url {
        // By the standard `params` is then ignored; scripts that write a query there mean it.
        let query = if params.starts_with('?') && !url.contains('?') {
            params
        } else {
            ""
        };
        join(url, query)
    } else if kind == Kind::Search && method == "POST" {
        let (path, query) = params.split_once('?').unwrap_or(match params {
            path if path.starts_with('/') => (path, ""),
            query => ("", query),
        });
        form = Some(encode_form(query));
        let path = join(&prefix(parts), path);
        if path.ends_with("/_search") {
            path
        } else {
            join(&path, "/_search")
        }
    } else {
        path(parts, kind, params)?
    };
    let url = if url.starts_with("http://") || url.starts_with("https://") {
        url
    } else {
        let url = url.trim_start_matches('/');
        let separator = if url.is_empty() || url.starts_with('?') {
            ""
        } else {
            "/"
        };
        format!("{base}{separator}{url}")
    };
    let url = if parts.encode { encode(&url) } else { url };
    Ok(Line { method, url, form })
}

fn path(parts: &Parts, kind: Kind, params: &str) -> Result<String, String> {
    let subject = parts.target.as_ref();
    let prefix = prefix(parts);
    let missing = |what: &str| format!("the operation does not say which {what}");
    match kind {
        Kind::Metadata => Ok(join("metadata", params)),
        Kind::System => Ok(join(&prefix_of(parts.resource.as_deref()), params)),
        Kind::Create | Kind::Search => {
            if kind == Kind::Create && prefix.is_empty() {
                return Err(missing("type"));
            }
            Ok(join(&prefix, params))
        }
        Kind::Read | Kind::VersionRead => {
            if !params.is_empty() {
                return Ok(join(&prefix, &slashed(params)));
            }
            let id = subject.and_then(|subject| subject.id.as_ref());
            let instance = format!("{prefix}/{}", id.ok_or_else(|| missing("resource"))?);
            if kind == Kind::Read {
                return Ok(instance);
            }
            let version = subject.and_then(|subject| subject.version.as_ref());
            let version = version.ok_or_else(|| missing("version"))?;
            Ok(format!("{instance}/_history/{version}"))
        }
        Kind::Change => {
            if prefix.is_empty() {
                return Err(missing("type"));
            }
            if !params.is_empty() {
                return Ok(join(&prefix, params));
            }
            // What is deleted is told by its target; what is sent tells where it belongs.
            let source = parts.source.as_ref().filter(
                |_| !matches!(parts.code.as_deref(), Some(code) if code.starts_with("delete")),
            );
            let id = subject.or(source).and_then(|subject| subject.id.as_ref());
            Ok(id.map_or_else(|| prefix.clone(), |id| format!("{prefix}/{id}")))
        }
        Kind::History => {
            let (path, query) = params
                .split_at_checked(params.find('?').unwrap_or(params.len()))
                .unwrap_or((params, ""));
            let mut place = join(&prefix, path);
            if path.is_empty()
                && let Some(id) = subject.and_then(|subject| subject.id.as_ref())
            {
                place = join(&place, &format!("/{id}"));
            }
            if !place.contains("_history") {
                place = join(&place, "/_history");
            }
            Ok(format!("{place}{query}"))
        }
        Kind::Named => {
            let code = parts.code.as_deref().ok_or_else(|| missing("address"))?;
            let name = format!("/${}", code.trim_start_matches('$'));
            if params.contains(&name) {
                return Ok(join(&prefix, params));
            }
            let (path, query) = params
                .split_at_checked(params.find('?').unwrap_or(params.len()))
                .unwrap_or((params, ""));
            let mut place = join(&prefix, path);
            if path.is_empty()
                && let Some(id) = subject.and_then(|subject| subject.id.as_ref())
            {
                place = join(&place, &format!("/{id}"));
            }
            Ok(format!("{}{query}", join(&place, &name)))
        }
    }
}

/// The type in front of the path.
fn prefix(parts: &Parts) -> String {
    let subject = |subject: &Option<Subject>| subject.as_ref()?.resource_type.clone();
    parts
        .resource
        .clone()
        .or_else(|| subject(&parts.target))
        .or_else(|| {
            let named = parts
                .code
                .as_deref()
                .is_some_and(|code| matches!(kind(code), Ok((_, Kind::Named))));
            // What an operation takes in says nothing about where it is invoked.
            if named { None } else { subject(&parts.source) }
        })
        .unwrap_or_default()
}

fn prefix_of(resource: Option<&str>) -> String {
    resource.unwrap_or_default().to_owned()
}

/// A path and what follows it: `?…`, `/…`, or parameters without their question mark.
fn join(path: &str, rest: &str) -> String {
    if rest.is_empty() {
        return path.to_owned();
    }
    if let Some(query) = rest.strip_prefix("/?").or_else(|| rest.strip_prefix('?')) {
        let mark = if path.contains('?') { '&' } else { '?' };
        return format!("{path}{mark}{query}");
    }
    if rest.starts_with('/') {
        return format!("{}{rest}", path.trim_end_matches('/'));
    }
    let mark = if path.contains('?') {
        '&'
    } else if rest.contains('=') {
        '?'
    } else {
        '/'
    };
    format!("{path}{mark}{rest}")
}

fn slashed(params: &str) -> String {
    if params.starts_with(['/', '?']) {
        params.to_owned()
    } else {
        format!("/{params}")
    }
}

/// Percent-encodes what may not stand in a URL; what is encoded already stays. A plus sign in the
/// query means itself, as scripts write dates with their offset.
fn encode(url: &str) -> String {
    let bytes = url.as_bytes();
    let query = url.find('?').unwrap_or(url.len());
    let mut out = String::with_capacity(url.len());
    for (index, byte) in bytes.iter().copied().enumerate() {
        let hex = |at: usize| {
            bytes
                .get(index.saturating_add(at))
                .is_some_and(u8::is_ascii_hexdigit)
        };
        let stays = match byte {
            b'%' => hex(1) && hex(2),
            b'+' => index < query,
            b'-' | b'.' | b'_' | b'~' | b':' | b'/' | b'?' | b'@' | b'!' | b'$' | b'&' | b'('
            | b')' | b'*' | b',' | b';' | b'=' => true,
            _ => byte.is_ascii_alphanumeric(),
        };
        push(&mut out, byte, stays);
    }
    out
}

/// The body of a search by POST: as a query, but nothing of it is encoded yet or means a space.
fn encode_form(query: &str) -> String {
    let mut out = String::with_capacity(query.len());
    for byte in encode(&format!("?{query}")).bytes().skip(1) {
        push(&mut out, byte, byte.is_ascii_graphic());
    }
    out
}

fn push(out: &mut String, byte: u8, stays: bool) {
    if stays {
        out.push(char::from(byte));
    } else {
        out.push_str(&format!("%{byte:02X}"));
    }
}
