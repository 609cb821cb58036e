//! What a resource is found by.
//!
//! The expressions of the SearchParameters are compiled once per resource type, cut down to the part
//! that concerns the type, and evaluated on each write.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};

use super::caseless::{self, Caseless};
use super::extracted::Extracted;
use super::joint::{self, Joint};
use super::text;
use super::{composite, implied, near, single, untyped};
use crate::fhir::definitions::{Definitions, SearchKind, SearchParameter};
use crate::fhir::fhirpath::{Environment, Expr, evaluate, parse};
use crate::fhir::model::value::{Text, Value};

/// Compiles and evaluates; shared as `Arc<Extractor>`.
pub struct Extractor {
    definitions: Arc<Definitions>,
    types: HashMap<Text, OnceLock<Vec<Parameter>>>,
    codes: HashMap<Text, Vec<String>>,
    /// Of the types that have some.
    joints: HashMap<Text, Vec<Joint>>,
    /// Systems that codes imply, by type and parameter, as far as anybody asked.
    implied: Mutex<Implied>,
    /// How tokens are compared, likewise.
    caseless: Mutex<HashMap<(String, Text), Caseless>>,
    forms: OnceLock<Vec<Form>>,
}

/// Code systems by resource type and parameter.
type Implied = HashMap<(String, Text), Arc<[String]>>;

/// The name of index rows, and everything that they depend on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Form {
    pub resource_type: String,
    /// The code of a parameter, or the name of the texts beside it.
    pub name: String,
    pub definition: String,
}

/// A parameter of one resource type, compiled.
pub(super) struct Parameter {
    pub code: Text,
    pub kind: SearchKind,
    pub expression: Expr,
    /// Of a reference: the one type that it leads to, if there is but one.
    pub only: Option<Text>,
    /// Of a reference: the expression without its questions for that type, if it has such.
    pub any_type: Option<Expr>,
    /// Of a token: the name of its own rows for `:text`.
    pub text_code: Option<Text>,
    /// Of a composite: what its parts are compared as, with their expressions.
    pub parts: Vec<(SearchKind, Expr)>,
    /// Whether a composite is a joint.
    pub is_joint: bool,
}

impl Extractor {
    pub fn new(definitions: Arc<Definitions>) -> Self {
        let mut types = HashMap::new();
        let mut codes = HashMap::new();
        let mut joints = HashMap::new();
        for name in definitions.resource_types() {
            let known = definitions
                .search_parameters(name)
                .iter()
                .filter(|parameter| is_indexed(&definitions, parameter, name))
                .map(|parameter| parameter.code.to_string());
            codes.insert(name.clone(), known.collect());
            types.insert(name.clone(), OnceLock::new());
            let found = joint::of_type(&definitions, name);
            if !found.is_empty() {
                joints.insert(name.clone(), found);
            }
        }
        Self {
            definitions,
            types,
            codes,
            joints,
            implied: Mutex::default(),
            caseless: Mutex::default(),
            forms: OnceLock::new(),
        }
    }

    /// The codes of the parameters that are indexed for a type, sorted.
    pub fn codes(&self, resource_type: &str) -> &[String] {
        self.codes.get(resource_type).map_or(&[], Vec::as_slice)
    }

    /// Whether a parameter of a type is indexed.
    pub fn knows(&self, resource_type: &str, code: &str) -> bool {
        self.codes(resource_type).iter().any(|known| known == code)
    }

    /// Whether the elements of a parameter imply a code system.
    pub fn implies(&self, resource_type: &str, parameter: &SearchParameter, system: &str) -> bool {
        let systems = self.implied(resource_type, parameter);
        systems.iter().any(|implied| implied == system)
    }

    /// The code systems that the elements of a parameter imply.
    pub fn implied(&self, resource_type: &str, parameter: &SearchParameter) -> Arc<[String]> {
        let key = (resource_type.to_owned(), parameter.code.clone());
        let mut known = match self.implied.lock() {
            Ok(known) => known,
            Err(poisoned) => poisoned.into_inner(),
        };
        let systems = known.entry(key).or_insert_with(|| {
            implied::systems(&self.definitions, resource_type, parameter).into()
        });
        Arc::clone(systems)
    }

    /// Whether the tokens of a parameter are compared without case.
    pub fn caseless(&self, resource_type: &str, parameter: &SearchParameter) -> Caseless {
        let key = (resource_type.to_owned(), parameter.code.clone());
        let mut known = match self.caseless.lock() {
            Ok(known) => known,
            Err(poisoned) => poisoned.into_inner(),
        };
        *known
            .entry(key)
            .or_insert_with(|| caseless::of(&self.definitions, resource_type, parameter))
    }

    /// All resource types with the names of their index rows: the codes of the indexed parameters, and
    /// of tokens those of the texts beside them.
    pub fn names(&self) -> Vec<(String, Vec<String>)> {
        self.definitions
            .resource_types()
            .iter()
            .map(|name| {
                let codes = self.codes(name);
                let texts = codes.iter().filter_map(|code| {
                    let parameter = self.definitions.search_parameter(name, code)?;
                    self.text_code(name, parameter)
                });
                (
                    name.to_string(),
                    codes.iter().cloned().chain(texts).collect(),
                )
            })
            .collect()
    }

    /// The name of the rows of the texts beside the tokens of a parameter, where it has rows of its own.
    fn text_code(&self, resource_type: &str, parameter: &SearchParameter) -> Option<String> {
        let own = text::text_code(&parameter.code);
        (parameter.kind == SearchKind::Token
            && self.text_codes(resource_type, parameter) == [own.as_str()])
        .then_some(own)
    }

    /// The names of the rows by which the texts of a token parameter are found. One over several elements
    /// is found by the rows of the parameters over each, where there are such (`combo-code`).
    pub fn text_codes(&self, resource_type: &str, parameter: &SearchParameter) -> Vec<String> {
        let own = |parameter: &SearchParameter| own_part(&parameter.expression, resource_type);
        let expression = own(parameter).unwrap_or_default();
        let members = union_members(&expression);
        if members.len() > 1 {
            let all = self.definitions.search_parameters(resource_type).iter();
            let others = members.iter().map(|member| {
                let mut tokens = all.clone().filter(|other| other.kind == SearchKind::Token);
                let other = tokens.find(|other| own(other).as_deref() == Some(*member))?;
                Some(text::text_code(&other.code))
            });
            if let Some(others) = others.collect() {
                return others;
            }
        }
        vec![text::text_code(&parameter.code)]
    }

    /// Whether a resource of a type has at most one value of a parameter.
    pub fn is_single(&self, resource_type: &str, code: &str) -> bool {
        self.definitions
            .search_parameter(resource_type, code)
            .is_some_and(|parameter| single::is_single(&self.definitions, resource_type, parameter))
    }

    /// The joints of a type.
    pub fn joints(&self, resource_type: &str) -> &[Joint] {
        self.joints.get(resource_type).map_or(&[], Vec::as_slice)
    }

    /// The one type that a parameter leads to from resources of a type, if there is but one.
    pub fn only(&self, resource_type: &str, code: &str) -> Option<&Text> {
        let mut known = self.compiled(resource_type)?.iter();
        known.find(|known| known.code == code)?.only.as_ref()
    }

    /// Whether resources of a type could be found by a parameter, defined or not.
    pub fn can_index(&self, parameter: &SearchParameter, resource_type: &str) -> bool {
        is_indexed(&self.definitions, parameter, resource_type)
    }

    /// All names of index rows, each with everything that the rows depend on.
    pub fn forms(&self) -> &[Form] {
        self.forms.get_or_init(|| self.all_forms())
    }

    fn all_forms(&self) -> Vec<Form> {
        let mut forms = Vec::new();
        for (resource_type, names) in self.names() {
            for name in names {
                let code = name.strip_suffix(text::TEXTS).unwrap_or(&name);
                if let Some(parameter) = self.definitions.search_parameter(&resource_type, code) {
                    let definition = form(&self.definitions, &resource_type, parameter);
                    forms.push(Form {
                        resource_type: resource_type.clone(),
                        name,
                        definition,
                    });
                }
            }
        }
        forms
    }

    /// The values of a resource that has the shape of its type. `base` is the FHIR base of this
    /// server: references below it are local.
    pub fn extract(&self, resource: &Value, base: &str) -> Extracted {
        let mut extracted = Extracted::default();
        let Some(compiled) = resource
            .str_at("resourceType")
            .and_then(|name| self.compiled(name))
        else {
            return extracted;
        };
        let environment =
            Environment::for_search(&self.definitions).with_resource(resource, resource);
        let untyped = untyped::is_in(resource);
        for parameter in compiled {
            // An expression that does not fit the data yields nothing to be found by.
            let all = |expression| evaluate(expression, resource, &environment).unwrap_or_default();
            let mut items = all(&parameter.expression);
            // Nothing tells the type of an id alone: it may be what the parameter asks for.
            if let (true, Some(any_type)) = (untyped, &parameter.any_type) {
                let only = parameter.only.as_deref();
                let found = all(any_type).into_iter();
                items.extend(found.filter(|item| untyped::fits(item, only)));
            }
            if !items.is_empty() {
                extracted.present.push(parameter.code.clone());
            }
            for item in &items {
                extracted.add(parameter, item, base, &environment);
            }
        }
        extracted
    }

    fn compiled(&self, resource_type: &str) -> Option<&Vec<Parameter>> {
        let slot = self.types.get(resource_type)?;
        Some(slot.get_or_init(|| self.compile(resource_type)))
    }

    /// The parts of a composite that has rows of its own, and whether it is a joint; another one over the
    /// resource itself, or over several elements, is found by the rows of others.
    fn parts(
        &self,
        resource_type: &str,
        parameter: &SearchParameter,
    ) -> Option<(Vec<(SearchKind, Expr)>, bool)> {
        let composites = composite::resolve(&self.definitions, resource_type, parameter)?;
        let [composite] = composites.as_slice() else {
            return None;
        };
        if composite.is_root && !composite.is_joint() {
            return None;
        }
        let kinds = composite.parts.iter().map(|part| part.kind);
        let parts = kinds
            .zip(composite.expressions())
            .map(|(kind, text)| Some((kind, parse(&text).ok()?)));
        Some((parts.collect::<Option<_>>()?, composite.is_joint()))
    }

    fn compile(&self, resource_type: &str) -> Vec<Parameter> {
        let mut compiled = Vec::new();
        for parameter in self.definitions.search_parameters(resource_type) {
            let Some(expression) =
                own_part(&parameter.expression, resource_type).and_then(|text| parse(&text).ok())
            else {
                continue;
            };
            let (parts, is_joint) = match parameter.kind {
                SearchKind::Composite => match self.parts(resource_type, parameter) {
                    Some(parts) => parts,
                    None => continue,
                },
                _ => (Vec::new(), false),
            };
            let (mut only, mut any_type) = (None, None);
            if parameter.kind == SearchKind::Reference {
                only = untyped::only(resource_type, parameter);
                any_type = own_part(&parameter.expression, resource_type)
                    .and_then(|text| parse(&untyped::without_types(&text)?.0).ok());
            }
            if self.knows(resource_type, &parameter.code) {
                compiled.push(Parameter {
                    code: parameter.code.clone(),
                    kind: parameter.kind,
                    expression,
                    only,
                    any_type,
                    text_code: self.text_code(resource_type, parameter).map(Text::new),
                    parts,
                    is_joint,
                });
            }
        }
        compiled
    }
}

/// What the rows of a parameter depend on.
fn form(definitions: &Definitions, resource_type: &str, parameter: &SearchParameter) -> String {
    let own = own_part(&parameter.expression, resource_type).unwrap_or_default();
    let mut form = format!("{} {own}", parameter.kind.code());
    if parameter.kind == SearchKind::Reference {
        // What an id alone is found by depends on it.
        let only = untyped::only(resource_type, parameter);
        form.push_str(&format!("\nto {}", only.as_deref().unwrap_or("any")));
    }
    let composites = match parameter.kind {
        SearchKind::Composite => composite::resolve(definitions, resource_type, parameter),
        _ => None,
    };
    for composite in composites.iter().flatten() {
        for (part, expression) in composite.parts.iter().zip(composite.expressions()) {
            form.push_str(&format!("\n{} {expression}", part.kind.code()));
        }
        if composite.is_joint() {
            form.push_str("\njoint");
        }
    }
    form
}

fn is_indexed(definitions: &Definitions, parameter: &SearchParameter, resource_type: &str) -> bool {
    if parameter.kind == SearchKind::Composite {
        return composite::resolve(definitions, resource_type, parameter).is_some();
    }
    // Columns of their own.
    !matches!(parameter.code.as_str(), "_id" | "_lastUpdated")
        && (parameter.kind != SearchKind::Special || parameter.url == near::URL)
        && own_part(&parameter.expression, resource_type).is_some_and(|text| parse(&text).is_ok())
}

/// The members of a union that concern a type: `Patient.name | Person.name` has one for Patient.
pub(super) fn own_part(expression: &str, resource_type: &str) -> Option<String> {
    let own: Vec<&str> = union_members(expression)
        .into_iter()
        .filter(|member| {
            let path = member.trim_start_matches('(');
            let root = path
                .split(|c: char| !c.is_ascii_alphanumeric())
                .next()
                .unwrap_or("");
            // Some of R4 leave the type out: `name | alias`.
            root == resource_type
                || matches!(root, "Resource" | "DomainResource")
                || root.starts_with(|c: char| c.is_ascii_lowercase())
        })
        .collect();
    (!own.is_empty()).then(|| own.join(" | "))
}

/// Splits at the bars that are not inside brackets or quotes.
pub(super) fn union_members(expression: &str) -> Vec<&str> {
    let (mut members, mut start, mut depth, mut quoted) = (Vec::new(), 0usize, 0usize, false);
    for (at, c) in expression.char_indices() {
        match c {
            '\'' => quoted = !quoted,
            '(' if !quoted => depth = depth.saturating_add(1),
            ')' if !quoted => depth = depth.saturating_sub(1),
            '|' if !quoted && depth == 0 => {
                members.push(expression.get(start..at).unwrap_or("").trim());
                start = at.saturating_add(1);
            }
            _ => {}
        }
    }
    members.push(expression.get(start..).unwrap_or("").trim());
    members
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::model::json;
    use crate::fhir::search::Class;

    fn extractor() -> Extractor {
        Extractor::new(Arc::new(Definitions::r4().unwrap()))
    }

    #[track_caller]
    fn check(extractor: &Extractor, resource: &str, code: &str, expected: &[&str]) {
        let value = json::parse(resource.as_bytes(), &json::Limits::default()).unwrap();
        let extracted = extractor.extract(&value, "http://a/fhir");
        let mut found: Vec<&str> = extracted
            .values
            .iter()
            .filter(|(name, _)| name == code)
            .map(|(_, value)| value.as_str())
            .collect();
        found.sort_unstable();
        let mut expected = expected.to_vec();
        expected.sort_unstable();
        assert_eq!(found, expected, "{code} of {resource}");
    }

    #[test]
    fn values_by_type_of_element() {
        let e = extractor();
        let patient = r#"{"resourceType":"Patient","id":"1","meta":{"tag":[{"code":"t"}],"profile":["http://p|1"]},
            "identifier":[{"system":"urn:x","value":"7"}],"active":true,"gender":"female",
            "telecom":[{"system":"phone","value":"06"}],"generalPractitioner":[{"reference":"http://a/fhir/Practitioner/9/_history/2"}],
            "deceasedBoolean":false}"#;
        check(&e, patient, "identifier", &["c|7", "s|urn:x|7", "n|urn:x"]);
        check(&e, patient, "gender", &["c|female"]);
        check(&e, patient, "active", &["c|true"]);
        check(&e, patient, "phone", &["c|06"]);
        check(&e, patient, "_tag", &["c|t", "s||t"]);
        check(&e, patient, "_profile", &["http://p|1", "http://p"]);
        check(&e, patient, "general-practitioner", &["Practitioner/9"]);
        check(&e, patient, "deceased", &["c|false"]);
        let observation = r##"{"resourceType":"Observation","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"1-8"}]},
            "subject":{"reference":"Patient/1"},"performer":[{"reference":"#x"}],"valueCodeableConcept":{"coding":[{"code":"v"}]}}"##;
        check(
            &e,
            observation,
            "code",
            &["c|1-8", "s|http://loinc.org|1-8", "n|http://loinc.org"],
        );
        check(&e, observation, "patient", &["Patient/1"]);
        check(&e, observation, "subject", &["Patient/1"]);
        check(&e, observation, "performer", &[]);
        check(&e, observation, "value-concept", &["c|v", "s||v"]);
    }

    #[test]
    fn the_values_of_one_element_go_together() {
        let e = extractor();
        let pressure = r#"{"resourceType":"Observation","status":"final","code":{"coding":[{"code":"bp"}]},"component":[
            {"code":{"coding":[{"system":"l","code":"1"}]},"valueCodeableConcept":{"coding":[{"code":"v"}]}},
            {"code":{"coding":[{"code":"2"}]},"valueQuantity":{"value":60,"system":"u","code":"mm"}}]}"#;
        check(
            &e,
            pressure,
            "component-code-value-concept",
            &["k|c|1$c|v", "k|c|1$s||v", "k|s|l|1$c|v", "k|s|l|1$s||v"],
        );
        check(&e, pressure, "combo-code-value-concept", &[]);
        let value = json::parse(pressure.as_bytes(), &json::Limits::default()).unwrap();
        let classes: Vec<_> = e
            .extract(&value, "")
            .intervals
            .into_iter()
            .filter(|(code, _)| code == "component-code-value-quantity")
            .map(|(_, interval)| interval.class)
            .collect();
        let unit = |text: &str| Class::Unit(text.to_owned());
        assert_eq!(
            classes,
            [
                unit("k|c|2$"),
                unit("k|c|2$s|u|mm"),
                unit("k|s||2$"),
                unit("k|s||2$s|u|mm")
            ]
        );
        let related = r#"{"resourceType":"DocumentReference","status":"current","relatesTo":[
            {"code":"replaces","target":{"reference":"DocumentReference/1"}}]}"#;
        check(
            &e,
            related,
            "relationship",
            &["k|DocumentReference/1$c|replaces"],
        );
    }

    #[test]
    fn patient_means_patients_only() {
        let e = extractor();
        let group = r#"{"resourceType":"Observation","status":"final","code":{"text":"x"},"subject":{"reference":"Group/1"}}"#;
        check(&e, group, "patient", &[]);
        check(&e, group, "subject", &["Group/1"]);
        let untyped = group.replace("Group/1", "1");
        check(&e, &untyped, "patient", &["Patient/1"]);
        check(&e, &untyped, "subject", &["1"]);
        let device = untyped.replace(r#""1""#, r#""1","type":"Device""#);
        check(&e, &device, "patient", &[]);
        check(&e, &device, "subject", &["Device/1"]);
    }

    #[test]
    fn the_clinical_date_orders() {
        let e = extractor();
        let date = |text: &str| {
            let value = json::parse(text.as_bytes(), &json::Limits::default()).unwrap();
            e.extract(&value, "").date
        };
        assert_eq!(
            date(r#"{"resourceType":"Observation","effectivePeriod":{"start":"1970-01-02"}}"#),
            Some(86_400_000_000)
        );
        assert_eq!(
            date(r#"{"resourceType":"DocumentReference","date":"1970-01-01T00:00:01Z"}"#),
            Some(1_000_000)
        );
        assert_eq!(
            date(r#"{"resourceType":"Patient","birthDate":"1970-01-02"}"#),
            None
        );
    }

    #[test]
    fn every_type_has_its_parameters() {
        let e = extractor();
        assert!(e.knows("DocumentReference", "identifier"));
        assert!(e.knows("DocumentReference", "patient"));
        assert!(e.knows("Patient", "birthdate"));
        assert!(e.knows("Observation", "value-quantity"));
        assert!(e.knows("Location", "near"));
        let names = e.names();
        let has = |name: &str, code: &str| {
            let of_type = names.iter().find(|(other, _)| other == name);
            of_type.is_some_and(|(_, codes)| codes.iter().any(|other| other == code))
        };
        assert!(has("Observation", "code:text"));
        assert!(!has("Observation", "combo-code:text"));
        for (name, codes) in e.names() {
            assert!(codes.contains(&"_tag".to_owned()), "{name}");
        }
    }
}
