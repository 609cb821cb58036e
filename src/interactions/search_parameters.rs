//! What a SearchParameter must be before it is put in force.
//!
//! Source: FHIR R4 searchparameter.html. One that is active is searched by as soon as the index has its
//! rows; a draft or a retired one is a resource like any other.

use super::node::Node;
use crate::error::{Error, Issue, Kind, Result, Severity};
use crate::fhir::definitions::{SearchKind, SearchParameter};
use crate::fhir::fhirpath;
use crate::fhir::model::value::{Text, Value};

/// The type whose resources define what can be searched by.
pub const TYPE: &str = "SearchParameter";

/// Whether a SearchParameter is in force.
pub fn is_active(resource: &Value) -> bool {
    resource.str_at("status") == Some("active")
}

/// Refuses an active SearchParameter that could not be searched by; tells whether it is in force.
///
/// # Errors
/// `Unprocessable` with all findings, each at its element; of an expression with the place in its text.
pub fn check(node: &Node, resource: &Value) -> Result<bool> {
    if !is_active(resource) {
        return Ok(false);
    }
    let issues = findings(node, resource);
    if issues.is_empty() {
        return Ok(true);
    }
    Err(Error::from_issues(Kind::Unprocessable, issues))
}

/// The SearchParameters that one transaction puts in force: they must get on with one another too.
#[derive(Default)]
pub struct Together(Vec<SearchParameter>);

impl Together {
    /// Adds a resource of the transaction.
    ///
    /// # Errors
    /// `Unprocessable` for a code that another one of them has on the same type.
    pub fn add(&mut self, node: &Node, resource: &Value) -> Result<()> {
        if resource.str_at("resourceType") != Some(TYPE) || !is_active(resource) {
            return Ok(());
        }
        let Some(parameter) = SearchParameter::from_definition(resource) else {
            return Ok(());
        };
        let on_one_type = |other: &SearchParameter| {
            let mut types = node.definitions.resource_types().iter();
            types.any(|name| {
                let is_on = |bases: &[Text]| node.definitions.is_below(name, bases);
                is_on(&parameter.base) && is_on(&other.base)
            })
        };
        let clash = self.0.iter().find(|other| {
            other.code == parameter.code && other.url != parameter.url && on_one_type(other)
        });
        if let Some(other) = clash {
            let text = format!(
                "expected a code that no other search parameter of the transaction has, found that of {}",
                other.url
            );
            let issue = at("code", "duplicate", text);
            return Err(Error::from_issues(Kind::Unprocessable, vec![issue]));
        }
        self.0.push(parameter);
        Ok(())
    }
}

fn findings(node: &Node, resource: &Value) -> Vec<Issue> {
    let Some(parameter) = SearchParameter::from_definition(resource) else {
        let found = shown(resource.str_at("type").unwrap_or(""));
        return vec![at(
            "type",
            "value",
            format!("expected a type of search parameter of FHIR R4, found ‘{found}’"),
        )];
    };
    let mut issues = Vec::new();
    if parameter.kind == SearchKind::Special {
        let text = "expected a type that is searched by an expression, found special";
        issues.push(at("type", "not-supported", text));
    }
    issues.extend(code(node, &parameter));
    match fhirpath::parse(&parameter.expression) {
        _ if parameter.expression.is_empty() => {
            let text = "expected a FHIRPath expression, found none";
            issues.push(at("expression", "required", text));
        }
        Ok(_) if issues.is_empty() => issues.extend(bases(node, &parameter)),
        Ok(_) => {}
        Err(error) => issues.push(at("expression", "invalid", error.to_string())),
    }
    issues
}

/// The code stands in URLs, and belongs to one parameter of a type.
fn code(node: &Node, parameter: &SearchParameter) -> Vec<Issue> {
    let mut issues = Vec::new();
    let code = parameter.code.as_str();
    let known = |name: &str| node.definitions.search_parameter(name, code);
    let types = node.definitions.resource_types().iter();
    let same = types
        .clone()
        .filter_map(|name| known(name))
        .any(|other| other.url == parameter.url);
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if code.is_empty() || code.len() > 64 || !code.chars().all(plain) {
        let text = "expected a code of at most 64 letters, digits, - and _, found another form";
        issues.push(at("code", "value", text));
    } else if code.starts_with('_') && !same {
        let text = "expected a code without _ in front, which is for the parameters of FHIR R4";
        issues.push(at("code", "value", text));
    }
    for base in &parameter.base {
        if !node.definitions.is_resource_type(base) && !node.definitions.is_abstract_resource(base)
        {
            let text = format!(
                "expected a resource type of FHIR R4 as base, found ‘{}’",
                shown(base)
            );
            issues.push(at("base", "value", text));
        }
    }
    let clash = types
        .filter(|name| node.definitions.is_below(name, &parameter.base))
        .find_map(|name| {
            let other = known(name).filter(|other| other.url != parameter.url)?;
            Some(format!(
                "expected a code that no other search parameter of {name} has, found that of {}",
                other.url
            ))
        });
    issues.extend(clash.map(|text| at("code", "duplicate", text)));
    issues
}

/// On each type the expression must lead somewhere, and the parts of a composite must be comparable.
fn bases(node: &Node, parameter: &SearchParameter) -> Vec<Issue> {
    let types = node.definitions.resource_types().iter();
    let all: Vec<&str> = types
        .map(|name| name.as_str())
        .filter(|name| node.definitions.is_below(name, &parameter.base))
        .collect();
    // Of a parameter that R4 keeps in a column of its own nothing is computed.
    let own = matches!(parameter.code.as_str(), "_id" | "_lastUpdated");
    let unfit = all
        .iter()
        .find(|name| !own && !node.extractor.can_index(parameter, name));
    let issue = unfit.map(|name| match parameter.kind {
        SearchKind::Composite => {
            let text = format!(
                "expected parts that {name} is searched by: a token or reference, and another one, a quantity or two numbers, found others"
            );
            at("component", "not-supported", text)
        }
        _ => {
            let text = format!("expected an expression that begins with {name}, found another");
            at("expression", "value", text)
        }
    });
    issue.into_iter().collect()
}

fn at(element: &str, code: &'static str, text: impl Into<String>) -> Issue {
    Issue::new(Severity::Error, code, text).at(format!("{TYPE}.{element}"))
}

fn shown(text: &str) -> String {
    text.chars().take(40).collect()
}
