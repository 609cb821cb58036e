//! Texts as they are compared: without case, accents and doubled spaces.
//!
//! Source: FHIR R4 search.html#string.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::plan::TextLike;
use crate::fhir::fhirpath::Item;
use crate::fhir::model::value::Value;

/// Bytes of a folded text that are kept. Names and places are shorter; of a long description the
/// beginning is enough to be found by.
const LONGEST: usize = 200;

/// A text that was cut is not shorter: the last character may have needed up to four bytes.
pub const SHORTEST_CUT: usize = LONGEST - 3;

/// A text to be found by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundText {
    pub folded: String,
    /// As it was written: for `:exact`.
    pub exact: String,
}

impl FoundText {
    fn folded(text: &str) -> Self {
        Self {
            folded: fold(text),
            exact: text.to_owned(),
        }
    }

    /// A uri, which is compared as it is: for `:below`.
    pub fn verbatim(text: &str) -> Self {
        Self {
            folded: cut(text.to_owned()),
            exact: text.to_owned(),
        }
    }
}

/// Folds case and accents and makes every run of white space one space.
pub fn fold(text: &str) -> String {
    cut(spaced(text))
}

fn spaced(text: &str) -> String {
    let letters = text
        .nfkd()
        .filter(|c| !is_combining_mark(*c))
        .flat_map(char::to_lowercase)
        // The small sigma at the end of a word.
        .map(|c| if c == 'ς' { 'σ' } else { c });
    let mut spaced = String::with_capacity(text.len());
    for c in letters {
        if !c.is_whitespace() {
            spaced.push(c);
        } else if !spaced.is_empty() && !spaced.ends_with(' ') {
            spaced.push(' ');
        }
    }
    spaced.truncate(spaced.trim_end().len());
    spaced
}

/// A text of a search, folded; `None` when it has no letters, or more than are kept.
pub fn asked(text: &str) -> Option<String> {
    let folded = spaced(text);
    (!folded.is_empty() && folded.len() <= LONGEST).then_some(folded)
}

/// A text of a search that is compared with whole texts; `None` when it has no letters, or so many
/// that what is kept may have been cut.
pub fn whole(text: &str) -> Option<String> {
    asked(text).filter(|folded| folded.len() < SHORTEST_CUT)
}

/// How the beginning of a text is searched; `None` when it has no letters. What is longer than
/// what is kept is compared as a whole.
pub fn beginning(text: &str) -> Option<TextLike> {
    let folded = spaced(text);
    match folded.len() {
        0 => None,
        1..=LONGEST => Some(TextLike::StartsWith(folded)),
        _ => Some(TextLike::Exact(cut(folded), text.to_owned())),
    }
}

fn cut(mut text: String) -> String {
    let mut end = text.len().min(LONGEST);
    while !text.is_char_boundary(end) {
        end = end.saturating_sub(1);
    }
    text.truncate(end);
    text
}

/// Members of HumanName and Address that a text may be found in.
const PARTS: [&str; 13] = [
    "text",
    "family",
    "given",
    "prefix",
    "suffix",
    "line",
    "city",
    "district",
    "state",
    "postalCode",
    "country",
    "display",
    "name",
];

/// The texts of an item: of a string, a HumanName or an Address.
pub fn texts(item: &Item<'_>, out: &mut Vec<FoundText>) {
    match item {
        Item::String(text) => push(text, out),
        Item::Node(node) => match node.value {
            Value::String(text) => push(text, out),
            value @ Value::Object(_) => {
                for part in PARTS {
                    match value.get(part) {
                        Some(Value::String(text)) => push(text, out),
                        Some(Value::Array(items)) => {
                            for text in items.iter().filter_map(Value::as_str) {
                                push(text, out);
                            }
                        }
                        _ => {}
                    }
                }
            }
            _ => {}
        },
        _ => {}
    }
}

/// The texts beside a token (`:text`): of a CodeableConcept, its codings, a Coding, or the type of an
/// Identifier.
pub fn beside_token(item: &Item<'_>, out: &mut Vec<FoundText>) {
    let Some(node) = item.node() else {
        return;
    };
    let concept = match node.type_name() {
        "CodeableConcept" | "Coding" => Some(node.value),
        "Identifier" => node.value.get("type"),
        _ => None,
    };
    let Some(concept) = concept else {
        return;
    };
    let codings = concept.items_at("coding").iter();
    let displays = codings.filter_map(|coding| coding.str_at("display"));
    let own = ["text", "display"].into_iter();
    for text in own.filter_map(|name| concept.str_at(name)).chain(displays) {
        push(text, out);
    }
}

/// What the name of the rows of the texts beside the tokens of a parameter ends with.
pub const TEXTS: &str = ":text";

/// The name of the rows of the texts beside the tokens of a parameter.
pub fn text_code(code: &str) -> String {
    format!("{code}{TEXTS}")
}

fn push(text: &str, out: &mut Vec<FoundText>) {
    let found = FoundText::folded(text);
    if !found.folded.is_empty() {
        out.push(found);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_accents_and_spaces_are_folded() {
        for (text, expected) in [
            ("Rossi", "rossi"),
            ("  D'Amico  Niccolò ", "d'amico niccolo"),
            ("Ürgüp\tÅ", "urgup a"),
            ("ﬁne", "fine"),
            ("\u{301}", ""),
            ("ΑΒΓ", "αβγ"),
            ("ΕΛΛΆΣ", "ελλασ"),
            ("Ελλάς", "ελλασ"),
        ] {
            assert_eq!(fold(text), expected, "{text}");
            assert_eq!(fold(&fold(text)), fold(text), "{text}");
        }
        assert_eq!(fold(&"è".repeat(LONGEST + 1)).len(), LONGEST);
        assert_eq!(fold(&"α".repeat(LONGEST)), "α".repeat(LONGEST / 2));
        assert_eq!(asked(&"è".repeat(LONGEST)), Some("e".repeat(LONGEST)));
        assert_eq!(asked(&"è".repeat(LONGEST + 1)), None);
    }
}
