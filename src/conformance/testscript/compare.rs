//! The operators of an assert.
//!
//! Source: FHIR R4 *TestScript*, value set *assert-operator-codes*.

use super::result::Fault;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    Equals,
    NotEquals,
    In,
    NotIn,
    GreaterThan,
    LessThan,
    Empty,
    NotEmpty,
    Contains,
    NotContains,
    Eval,
}

/// How several found texts are compared with one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Several {
    /// One that fits is enough, as XPath 1.0 compares node-sets.
    Any,
    /// More than one is a failure: nobody said which is meant.
    Refuse,
}

impl Operator {
    /// The operator of a code; without a code it is `equals`.
    pub fn from_code(code: Option<&str>) -> Option<Self> {
        Some(match code {
            None | Some("equals") => Operator::Equals,
            Some("notEquals") => Operator::NotEquals,
            Some("in") => Operator::In,
            Some("notIn") => Operator::NotIn,
            Some("greaterThan") => Operator::GreaterThan,
            Some("lessThan") => Operator::LessThan,
            Some("empty") => Operator::Empty,
            Some("notEmpty") => Operator::NotEmpty,
            Some("contains") => Operator::Contains,
            Some("notContains") => Operator::NotContains,
            Some("eval") => Operator::Eval,
            Some(_) => return None,
        })
    }

    fn words(self) -> &'static str {
        match self {
            Operator::Equals => "",
            Operator::NotEquals => "anything but ",
            Operator::In => "one of ",
            Operator::NotIn => "none of ",
            Operator::GreaterThan => "more than ",
            Operator::LessThan => "less than ",
            Operator::Empty => "nothing",
            Operator::NotEmpty => "something",
            Operator::Contains => "a text with ",
            Operator::NotContains => "a text without ",
            Operator::Eval => "true",
        }
    }

    /// Compares what was found, if anything, with a value.
    ///
    /// A negative operator holds only if it holds for everything that was found, and it holds for
    /// nothing found.
    pub fn compare(
        self,
        found: &[String],
        value: Option<&str>,
        several: Several,
    ) -> Result<(), Fault> {
        let wanted = value.unwrap_or_default();
        let holds = match self {
            Operator::Empty => found.iter().all(|text| text.is_empty()),
            Operator::NotEmpty => found.iter().any(|text| !text.is_empty()),
            Operator::NotEquals | Operator::NotIn | Operator::NotContains => {
                found.iter().all(|text| self.one(text, wanted))
            }
            // To hold a text is a matter of any of several.
            Operator::Contains => found.iter().any(|text| self.one(text, wanted)),
            _ => match (found, several) {
                ([text], _) => self.one(text, wanted),
                (_, Several::Any) => found.iter().any(|text| self.one(text, wanted)),
                (_, Several::Refuse) => false,
            },
        };
        if holds {
            return Ok(());
        }
        let value = match value {
            Some(value) if !matches!(self, Operator::Empty | Operator::NotEmpty) => {
                format!("{value:?}")
            }
            _ => String::new(),
        };
        Err(Fault::new(format!("{}{value}", self.words()), list(found)))
    }

    fn one(self, found: &str, wanted: &str) -> bool {
        match self {
            Operator::Equals => found == wanted,
            Operator::NotEquals => found != wanted,
            Operator::In => listed(wanted).any(|item| item == found),
            Operator::NotIn => !listed(wanted).any(|item| item == found),
            Operator::GreaterThan => order(found, wanted).is_gt(),
            Operator::LessThan => order(found, wanted).is_lt(),
            Operator::Empty => found.is_empty(),
            Operator::NotEmpty => !found.is_empty(),
            Operator::Contains => found.contains(wanted),
            Operator::NotContains => !found.contains(wanted),
            Operator::Eval => found == "true",
        }
    }
}

/// Compares two lists that were found: alike in length, order and text, or by node-set.
pub fn compare_lists(
    operator: Operator,
    found: &[String],
    other: &[String],
    several: Several,
) -> Result<(), Fault> {
    let fits = match operator {
        Operator::Equals if several == Several::Refuse => found == other,
        Operator::NotEquals if several == Several::Refuse => found != other,
        _ => match (operator, other) {
            (Operator::Empty | Operator::NotEmpty, _) => {
                return operator.compare(found, None, several);
            }
            (_, [value]) => return operator.compare(found, Some(value), several),
            (Operator::In, _) => !found.is_empty() && found.iter().all(|f| other.contains(f)),
            (Operator::NotEquals | Operator::NotIn, _) => found.iter().all(|f| !other.contains(f)),
            (Operator::NotContains, _) => found
                .iter()
                .all(|f| other.iter().all(|o| operator.one(f, o))),
            _ => found
                .iter()
                .any(|f| other.iter().any(|o| operator.one(f, o))),
        },
    };
    if fits {
        Ok(())
    } else {
        Err(Fault::new(
            format!("{}{}", operator.words(), list(other)),
            list(found),
        ))
    }
}

/// Found texts as a sentence holds them.
pub fn list(found: &[String]) -> String {
    match found {
        [] => "nothing".to_owned(),
        [one] => format!("{one:?}"),
        many => format!("{} values: {many:?}", many.len()),
    }
}

fn listed(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim)
}

/// Numbers as numbers; everything else, dates of one precision among it, as text.
fn order(found: &str, wanted: &str) -> std::cmp::Ordering {
    match (found.trim().parse::<f64>(), wanted.trim().parse::<f64>()) {
        (Ok(found), Ok(wanted)) => found.total_cmp(&wanted),
        _ => found.cmp(wanted),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators() {
        let check = |code: &str, found: &[&str], value: &str, expected: bool| {
            let found: Vec<String> = found.iter().map(|text| (*text).to_owned()).collect();
            let operator = Operator::from_code(Some(code)).unwrap();
            let result = operator.compare(&found, Some(value), Several::Refuse);
            assert_eq!(result.is_ok(), expected, "{found:?} {code} {value}");
        };
        check("equals", &["a"], "a", true);
        check("equals", &["a"], "A", false);
        check("equals", &[], "", false);
        check("equals", &["a", "a"], "a", false);
        check("notEquals", &["a"], "b", true);
        check("notEquals", &["a", "b"], "b", false);
        check("in", &["200"], "200, 204", true);
        check("in", &["20"], "200,204", false);
        check("in", &[], "200", false);
        check("notIn", &["404"], "200,204", true);
        check("notIn", &["204"], "200,204", false);
        check("greaterThan", &["10"], "9", true);
        check("greaterThan", &["9.0"], "9", false);
        check("greaterThan", &["2024-02-01"], "2024-01-31", true);
        check("greaterThan", &[], "1", false);
        check("lessThan", &["-1"], "0", true);
        check("empty", &[], "x", true);
        check("empty", &[""], "x", true);
        check("empty", &["a"], "", false);
        check("notEmpty", &["a"], "", true);
        check("notEmpty", &[], "", false);
        check("contains", &["application/fhir+xml"], "xml", true);
        check("contains", &["ab", "cd"], "d", true);
        check("contains", &[], "x", false);
        check("notContains", &["ab"], "c", true);
        check("notContains", &["ab", "c"], "c", false);
        check("eval", &["true"], "", true);
        check("eval", &["false"], "", false);
        assert_eq!(Operator::from_code(None), Some(Operator::Equals));
        assert_eq!(Operator::from_code(Some("like")), None);
    }

    #[test]
    fn lists() {
        let check = |code, found: &[&str], other: &[&str], several, expected: bool| {
            let own = |list: &[&str]| list.iter().map(|t| (*t).to_owned()).collect::<Vec<_>>();
            let operator = Operator::from_code(Some(code)).unwrap();
            let result = compare_lists(operator, &own(found), &own(other), several);
            assert_eq!(result.is_ok(), expected, "{found:?} {code} {other:?}");
        };
        check("equals", &["a", "b"], &["a", "b"], Several::Refuse, true);
        check("equals", &["a"], &["a", "b"], Several::Refuse, false);
        check("equals", &["a", "b"], &["b", "c"], Several::Any, true);
        check("equals", &["a"], &[], Several::Any, false);
        check("notEquals", &["a"], &["a"], Several::Refuse, false);
        check("in", &["a"], &["a", "b"], Several::Refuse, true);
        check("notIn", &["a"], &["a", "b"], Several::Any, false);
        check("greaterThan", &["3"], &["2"], Several::Refuse, true);
    }
}
