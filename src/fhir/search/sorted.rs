//! The texts that a token or a reference is sorted by.
//!
//! R4 lets a search be sorted by any parameter and does not say how codes compare. Here a token is sorted by its
//! code, as it is written, and among equal codes by its system; a reference by `Type/id`, or by its URL where
//! it leads elsewhere. Like everything else a resource with several is sorted by the least of them, or by the
//! greatest when the order falls.

/// Bytes of such a text: it goes with a cursor.
const LENGTH: usize = 200;

/// Below every character, so that codes are compared first.
const BETWEEN: char = '\0';

/// What a resource is sorted by that has these normalised values of a parameter; `None` has nothing to be
/// sorted by.
pub fn sorted_by<'a>(
    values: impl Iterator<Item = &'a str> + Clone,
    descending: bool,
) -> Option<String> {
    let with_system = values.clone().filter_map(|value| {
        let (system, code) = value.strip_prefix("s|")?.split_once('|')?;
        Some(format!("{code}{BETWEEN}{system}"))
    });
    // Primitives have no system; a coding has both forms, of which the other says more.
    let alone = |code: &str| {
        let mut all = values.clone().filter_map(|value| value.strip_prefix("s|"));
        !all.any(|value| {
            value
                .split_once('|')
                .is_some_and(|(_, other)| other == code)
        })
    };
    let plain = values.clone().filter_map(|value| value.strip_prefix("c|"));
    let plain = plain.filter(|code| alone(code)).map(str::to_owned);
    let references = values
        .clone()
        .filter(|value| is_reference(value))
        .map(str::to_owned);
    let all = with_system.chain(plain).chain(references);
    let chosen = if descending { all.max() } else { all.min() };
    chosen.map(cut)
}

/// Whether a value is not one of the forms of tokens, nor of the identifier in a reference.
fn is_reference(value: &str) -> bool {
    let form = value.split_once('|').map(|(form, _)| form);
    !matches!(form, Some("c" | "s" | "n" | "t" | "i"))
}

fn cut(mut text: String) -> String {
    if text.len() > LENGTH {
        let end = (0..=LENGTH).rev().find(|end| text.is_char_boundary(*end));
        text.truncate(end.unwrap_or(0));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(values: &[&str], least: Option<&str>, greatest: Option<&str>) {
        let by = |descending| sorted_by(values.iter().copied(), descending);
        assert_eq!(by(false).as_deref(), least, "{values:?}");
        assert_eq!(by(true).as_deref(), greatest, "{values:?}");
    }

    #[test]
    fn tokens_by_code_then_by_system_references_as_they_are() {
        check(&[], None, None);
        check(&["c|final"], Some("final"), Some("final"));
        let codings = [
            "c|a",
            "s|urn:z|a",
            "n|urn:z",
            "c|b",
            "s||b",
            "s|urn:a|a",
            "n|urn:a",
        ];
        check(&codings, Some("a\0urn:a"), Some("b\0"));
        check(&["n|urn:z", "t|urn:t|MR|x"], None, None);
        check(&["c|b", "s|urn:a|b", "c|a"], Some("a"), Some("b\0urn:a"));
        check(
            &["Patient/1", "http://a/Patient/2", "i|s|urn:z|a"],
            Some("Patient/1"),
            Some("http://a/Patient/2"),
        );
        let long = format!("c|{}", "è".repeat(300));
        assert_eq!(
            sorted_by([long.as_str()].into_iter(), false).unwrap().len(),
            200
        );
    }
}
