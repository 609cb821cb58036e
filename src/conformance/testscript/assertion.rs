//! Whether an assert holds.
//!
//! Source: FHIR R4 *TestScript* (assert), value sets *assert-response-code-types*,
//! *assert-direction-codes*. An assert looks at the answer of its `sourceId`, or at the latest one.

use std::rc::Rc;

use super::Okay;
use super::compare::{Operator, Several, compare_lists, list};
use super::content::{answer, covers, links};
use super::message::{Exchange, Headers, header, media_type, media_type_of_code};
use super::path;
use super::result::{Fault, Outcome};
use super::script::Assert;
use super::session::Session;
use super::source::{Source, Stop};
use crate::error::Severity;
use crate::fhir::validation::shape;

type Checked = Result<(), Stop>;

/// The codes of *assert-response-code-types*.
pub const RESPONSES: &[(&str, u16)] = &[
    ("okay", 200),
    ("created", 201),
    ("noContent", 204),
    ("notModified", 304),
    ("bad", 400),
    ("forbidden", 403),
    ("notFound", 404),
    ("methodNotAllowed", 405),
    ("conflict", 409),
    ("gone", 410),
    ("preconditionFailed", 412),
    ("unprocessable", 422),
];

/// Judges an assert; `warningOnly` is for the caller.
pub fn judge(assert: &Assert, session: &Session<'_>) -> Outcome {
    if let Some(condition) = &assert.when {
        match session.source(&condition.source_id) {
            Ok(Source::Response(exchange))
                if exchange.response.status.to_string() == condition.status => {}
            _ => {
                let text = format!(
                    "{:?} was not answered with status {}",
                    condition.source_id, condition.status
                );
                return Outcome::Skip(text);
            }
        }
    }
    let judge = Judge { assert, session };
    match judge.all() {
        Ok(()) => Outcome::Pass,
        Err(Stop::Fault(fault)) => Outcome::Fail(fault),
        Err(Stop::Unsupported(reason)) => Outcome::Unsupported(reason),
    }
}

struct Judge<'s> {
    assert: &'s Assert,
    session: &'s Session<'s>,
}

impl Judge<'_> {
    fn all(&self) -> Checked {
        let assert = self.assert;
        let operator = Operator::from_code(assert.operator.as_deref())
            .ok_or_else(|| unsupported("an operator that is not known"))?;
        let value = self.session.fill_option(assert.value.as_ref())?;
        let value = value.as_deref();
        let mut asked = 0_u32;
        let mut ask = |checked: Checked| {
            asked = asked.saturating_add(1);
            checked
        };
        if let Some(codes) = &assert.response {
            ask(self.response(codes, operator))?;
        }
        if let Some(codes) = &assert.response_code {
            let status = self.exchange()?.response.status.to_string();
            let codes = self.session.fill(codes)?;
            ask(compare("status ", operator, &[status], Some(&codes)))?;
        }
        if let Some(code) = &assert.content_type {
            ask(self.content_type(code))?;
        }
        if let Some(field) = &assert.header_field {
            let found = header(&self.headers()?, field);
            let found: Vec<String> = found.into_iter().collect();
            let operator = match (value, &assert.operator) {
                (None, None) => Operator::NotEmpty,
                _ => operator,
            };
            ask(compare(
                &format!("header {field}: "),
                operator,
                &found,
                value,
            ))?;
        }
        if let Some(method) = &assert.request_method {
            let found = self.exchange()?.request.method.to_lowercase();
            let method = method.to_lowercase();
            ask(compare("method ", operator, &[found], Some(&method)))?;
        }
        if let Some(url) = &assert.request_url {
            let url = self.session.fill(url)?;
            let found = self.exchange()?.request.url.clone();
            ask(compare("request to ", operator, &[found], Some(&url)))?;
        }
        if let Some(name) = &assert.resource {
            let source = self.source()?;
            let found = source.tree()?.str_at("resourceType").unwrap_or("no type");
            ask(compare(
                "resource ",
                operator,
                &[found.to_owned()],
                Some(name),
            ))?;
        }
        if assert.expression.is_some()
            || assert.path.is_some()
            || assert.compare_expression.is_some()
            || assert.compare_path.is_some()
        {
            ask(self.content(operator, value))?;
        }
        if let Some(id) = &assert.minimum_id {
            let source = self.source()?;
            let minimum = self.session.source(id)?;
            ask(covers(source.tree()?, minimum.tree()?, ""))?;
        }
        if assert.navigation_links {
            ask(links(self.source()?.tree()?))?;
        }
        if let Some(id) = &assert.profile_id {
            ask(self.profile(id))?;
        }
        if asked == 0 {
            return Err(unsupported("an assert that asks for nothing known"));
        }
        Ok(())
    }

    fn is_request(&self) -> bool {
        self.assert.direction.as_deref() == Some("request")
    }

    fn source(&self) -> Result<Source, Stop> {
        let source = self
            .session
            .source_or_last(self.assert.source_id.as_deref())?;
        match source {
            Source::Response(exchange) if self.is_request() => Ok(Source::Request(exchange)),
            other => Ok(other),
        }
    }

    /// The request and answer that the assert is about.
    fn exchange(&self) -> Result<Rc<Exchange>, Stop> {
        let source = self
            .session
            .source_or_last(self.assert.source_id.as_deref())?;
        match source {
            Source::Response(exchange) | Source::Request(exchange) => Ok(exchange),
            // A fixture was named for the content; the message is the latest one.
            Source::Fixture(_) => match &self.session.last {
                Some(last) => Ok(Rc::clone(last)),
                None => Err(Stop::Fault(Fault::new("an answer", "none so far"))),
            },
        }
    }

    fn headers(&self) -> Result<Headers, Stop> {
        let exchange = self.exchange()?;
        Ok(match self.source()? {
            Source::Request(_) => exchange.request.headers.clone(),
            _ => exchange.response.headers.clone(),
        })
    }

    fn response(&self, codes: &str, operator: Operator) -> Checked {
        let exchange = self.exchange()?;
        let status = exchange.response.status;
        let fits = codes.split(',').any(|code| match code.trim() {
            "okay" if self.session.place.options.okay == Okay::AnySuccess => {
                (200..300).contains(&status)
            }
            code => RESPONSES.contains(&(code, status)),
        });
        let (wanted, words) = match operator {
            Operator::NotEquals | Operator::NotIn => (false, "anything but "),
            _ => (true, ""),
        };
        if fits == wanted {
            return Ok(());
        }
        let statuses: Vec<String> = RESPONSES
            .iter()
            .filter(|(known, _)| codes.split(',').any(|code| code.trim() == *known))
            .map(|(_, status)| status.to_string())
            .collect();
        Err(Stop::Fault(Fault::new(
            format!("{words}{codes} ({})", statuses.join(", ")),
            answer(&exchange),
        )))
    }

    fn content_type(&self, code: &str) -> Checked {
        let found = header(&self.headers()?, "content-type");
        let code = self.session.fill(code)?;
        let fits = match (media_type_of_code(&code), &found) {
            (None, None) => true,
            (None, Some(_)) | (Some(_), None) => false,
            (Some(wanted), Some(found)) => {
                let found = media_type(found);
                match code.as_str() {
                    "json" | "xml" => found.ends_with(code.as_str()),
                    "ttl" => found.ends_with("turtle"),
                    _ => found == media_type(wanted),
                }
            }
        };
        if fits {
            return Ok(());
        }
        let found = found.unwrap_or_else(|| "no content type".to_owned());
        Err(Stop::Fault(Fault::new(
            format!("content of type {code}"),
            found,
        )))
    }

    /// An expression or a path, alone, against a value, or against another source.
    fn content(&self, operator: Operator, value: Option<&str>) -> Checked {
        let assert = self.assert;
        let expression = self.session.fill_option(assert.expression.as_ref())?;
        let path = self.session.fill_option(assert.path.as_ref())?;
        let source = self.source()?;
        // A value goes before a comparison with another source.
        if let (Some(id), None) = (&assert.compare_id, value) {
            let other_expression = self
                .session
                .fill_option(assert.compare_expression.as_ref())?;
            let other_path = self.session.fill_option(assert.compare_path.as_ref())?;
            let other = self.session.source(id)?;
            let other = self.texts(
                other_expression.as_ref().or(expression.as_ref()),
                other_path.as_ref().or(path.as_ref()),
                &other,
            )?;
            // Without an expression of its own, the answer is asked what the other one is.
            let found = match (&expression, &path) {
                (None, None) => {
                    self.texts(other_expression.as_ref(), other_path.as_ref(), &source)?
                }
                _ => self.texts(expression.as_ref(), path.as_ref(), &source)?,
            };
            let several = match (&expression, &other_expression) {
                (None, None) => Several::Any,
                _ => Several::Refuse,
            };
            return compare_lists(operator, &found, &other, several).map_err(Stop::Fault);
        }
        if value.is_none() && (assert.compare_expression.is_some() || assert.compare_path.is_some())
        {
            return Err(unsupported("a comparison without compareToSourceId"));
        }
        let alone = value.is_none() && !matches!(operator, Operator::Empty | Operator::NotEmpty);
        match (&expression, alone) {
            (Some(expression), true) => {
                if !matches!(operator, Operator::Equals | Operator::Eval) {
                    return Err(unsupported("a comparison without a value"));
                }
                let tree = source.tree()?;
                if path::holds(expression, tree, self.session.knowledge())? {
                    return Ok(());
                }
                let found = path::expression(expression, tree, self.session.knowledge())?;
                Err(Stop::Fault(Fault::new(
                    format!("{expression} to hold"),
                    list(&found),
                )))
            }
            (expression, _) => {
                let found = self.texts(expression.as_ref(), path.as_ref(), &source)?;
                let several = match expression {
                    Some(_) => Several::Refuse,
                    None => Several::Any,
                };
                let operator = match (alone, operator) {
                    (true, Operator::Equals) => Operator::NotEmpty,
                    (_, operator) => operator,
                };
                let what = expression.as_ref().or(path.as_ref());
                let what = what
                    .map(|what| format!("{what} to be "))
                    .unwrap_or_default();
                operator
                    .compare(&found, value, several)
                    .map_err(|fault| named(&what, fault))
            }
        }
    }

    fn texts(
        &self,
        expression: Option<&String>,
        path: Option<&String>,
        source: &Source,
    ) -> Result<Vec<String>, Stop> {
        let knowledge = self.session.knowledge();
        match (expression, path) {
            (Some(expression), _) => Ok(path::expression(expression, source.tree()?, knowledge)?),
            (None, Some(path)) => Ok(path::evaluate(path, source.tree()?, knowledge)?),
            (None, None) => Err(unsupported("an expression or a path is missing")),
        }
    }

    /// The shape of the base resource; a profile beyond it is not known here.
    fn profile(&self, id: &str) -> Checked {
        let name = base_type(id, self.session).map_err(Stop::Unsupported)?;
        let source = self.source()?;
        let tree = source.tree()?;
        let found = tree.str_at("resourceType").unwrap_or("no type");
        compare(
            "resource ",
            Operator::Equals,
            &[found.to_owned()],
            Some(&name),
        )?;
        let issues = shape::check(tree, self.session.place.world.definitions);
        match issues
            .iter()
            .find(|issue| issue.severity >= Severity::Error)
        {
            None => Ok(()),
            Some(issue) => Err(Stop::Fault(Fault::new(
                format!("a {name} of the shape of FHIR R4"),
                format!("{} ({})", issue.diagnostics, issue.expression.join(", ")),
            ))),
        }
    }
}

/// The resource type whose base definition a profile of the script is; an error names the reason
/// why it cannot be validated here.
pub fn base_type(id: &str, session: &Session<'_>) -> Result<String, String> {
    let profiles = &session.script.profiles;
    let Some((_, url)) = profiles.iter().find(|(profile, _)| profile == id) else {
        return Err(format!("the script has no profile {id:?}"));
    };
    let url = url.split('|').next().unwrap_or(url);
    url.strip_prefix("http://hl7.org/fhir/StructureDefinition/")
        .filter(|name| session.place.world.definitions.is_resource_type(name))
        .map(str::to_owned)
        .ok_or_else(|| format!("profile {url} is not validated here, only base resources are"))
}

fn unsupported(reason: &str) -> Stop {
    Stop::Unsupported(reason.to_owned())
}

fn compare(what: &str, operator: Operator, found: &[String], value: Option<&str>) -> Checked {
    operator
        .compare(found, value, Several::Refuse)
        .map_err(|fault| named(what, fault))
}

fn named(what: &str, fault: Fault) -> Stop {
    Stop::Fault(Fault {
        expected: format!("{what}{}", fault.expected),
        found: fault.found,
    })
}
