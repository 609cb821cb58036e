//! From text to tokens.
//!
//! Source: FHIRPath N1 *Lexical Elements* and the grammar of its appendix B. Keywords come out as
//! identifiers: `ValueSet.expansion.contains` is a path, and only the parser knows.

use super::decimal::Decimal;
use super::error::FhirPathError;
use super::temporal::Temporal;
use crate::fhir::model::value::Text;

/// A token and its byte offset.
#[derive(Clone, Debug)]
pub(super) struct Token {
    pub kind: TokenKind,
    pub at: u32,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum TokenKind {
    /// `name`, also every keyword.
    Identifier(Text),
    /// `` `name` `` or `"name"`.
    Delimited(Text),
    String(Text),
    Integer(i64),
    Decimal(Decimal),
    Temporal(Temporal),
    /// `$this`, `$index`, `$total`, without the dollar sign.
    Dollar(Text),
    /// One of the operators and brackets.
    Symbol(&'static str),
    End,
}

impl TokenKind {
    /// For messages.
    pub(super) fn describe(&self) -> String {
        match self {
            TokenKind::Identifier(name) => format!("'{name}'"),
            TokenKind::Delimited(name) => format!("`{name}`"),
            TokenKind::String(_) => "a string".into(),
            TokenKind::Integer(_) | TokenKind::Decimal(_) => "a number".into(),
            TokenKind::Temporal(_) => "a date or time".into(),
            TokenKind::Dollar(name) => format!("${name}"),
            TokenKind::Symbol(symbol) => format!("'{symbol}'"),
            TokenKind::End => "the end".into(),
        }
    }
}

/// Longest first, so that `<=` is not read as `<`.
const SYMBOLS: &[&str] = &[
    "<=", ">=", "!=", "!~", "(", ")", "[", "]", "{", "}", ".", ",", "+", "-", "*", "/", "&", "|",
    "=", "~", "<", ">", "%",
];

/// Splits the text. The last token is `End`.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, FhirPathError> {
    let mut lexer = Lexer { text, place: 0 };
    let mut tokens = Vec::new();
    loop {
        lexer.skip_blank()?;
        let at = lexer.at();
        let kind = lexer.token()?;
        let end = kind == TokenKind::End;
        tokens.push(Token { kind, at });
        if end {
            return Ok(tokens);
        }
    }
}

struct Lexer<'t> {
    text: &'t str,
    place: usize,
}

impl<'t> Lexer<'t> {
    fn at(&self) -> u32 {
        u32::try_from(self.place).unwrap_or(u32::MAX)
    }

    fn rest(&self) -> &'t str {
        self.text.get(self.place..).unwrap_or("")
    }

    fn advance(&mut self, bytes: usize) {
        self.place = self.place.saturating_add(bytes);
    }

    fn skip_blank(&mut self) -> Result<(), FhirPathError> {
        loop {
            let rest = self.rest();
            let blank = rest.len().saturating_sub(rest.trim_start().len());
            if blank > 0 {
                self.advance(blank);
            } else if rest.starts_with("//") {
                self.advance(rest.find('\n').unwrap_or(rest.len()));
            } else if rest.starts_with("/*") {
                match rest.find("*/") {
                    Some(end) => self.advance(end.saturating_add(2)),
                    None => {
                        return Err(FhirPathError::syntax(
                            self.at(),
                            "expected '*/' at the end of the comment, found the end",
                        ));
                    }
                }
            } else {
                return Ok(());
            }
        }
    }

    fn token(&mut self) -> Result<TokenKind, FhirPathError> {
        let rest = self.rest();
        let Some(first) = rest.chars().next() else {
            return Ok(TokenKind::End);
        };
        if first.is_ascii_alphabetic() || first == '_' {
            return Ok(TokenKind::Identifier(self.word()));
        }
        if first.is_ascii_digit() {
            return self.number();
        }
        match first {
            '\'' => Ok(TokenKind::String(self.quoted('\'')?)),
            '`' | '"' => Ok(TokenKind::Delimited(self.quoted(first)?)),
            '@' => self.temporal(),
            '$' => {
                self.advance(1);
                Ok(TokenKind::Dollar(self.word()))
            }
            _ => match SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)) {
                Some(symbol) => {
                    self.advance(symbol.len());
                    Ok(TokenKind::Symbol(symbol))
                }
                None => Err(FhirPathError::syntax(
                    self.at(),
                    format!("expected an expression, found the character {first:?}"),
                )),
            },
        }
    }

    fn word(&mut self) -> Text {
        let rest = self.rest();
        let length = rest
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .unwrap_or(rest.len());
        self.advance(length);
        Text::new(rest.get(..length).unwrap_or(""))
    }

    fn digits(&self, from: usize) -> usize {
        self.rest()
            .bytes()
            .skip(from)
            .take_while(u8::is_ascii_digit)
            .count()
    }

    fn number(&mut self) -> Result<TokenKind, FhirPathError> {
        let at = self.at();
        let whole = self.digits(0);
        let fraction = match self.rest().as_bytes().get(whole) {
            Some(b'.') => self.digits(whole.saturating_add(1)),
            _ => 0,
        };
        let length = match fraction {
            0 => whole,
            _ => whole.saturating_add(fraction).saturating_add(1),
        };
        let text = self.rest().get(..length).unwrap_or("");
        self.advance(length);
        let kind = if fraction == 0 {
            text.parse().ok().map(TokenKind::Integer)
        } else {
            Decimal::parse(text).map(TokenKind::Decimal)
        };
        kind.ok_or_else(|| {
            FhirPathError::syntax(at, format!("expected a number in range, found {text}"))
        })
    }

    fn temporal(&mut self) -> Result<TokenKind, FhirPathError> {
        let at = self.at();
        let body = self.rest().get(1..).unwrap_or("");
        match Temporal::scan_literal(body) {
            Some((temporal, length)) => {
                self.advance(length.saturating_add(1));
                Ok(TokenKind::Temporal(temporal))
            }
            None => Err(FhirPathError::syntax(
                at,
                "expected a date or time such as @2015-02-04T14:34:28Z after '@'",
            )),
        }
    }

    /// A text in quotes. What stands after a backslash and is no escape stands for itself.
    fn quoted(&mut self, quote: char) -> Result<Text, FhirPathError> {
        let at = self.at();
        let mut text = Text::default();
        let mut rest = self.rest().get(quote.len_utf8()..).unwrap_or("");
        let mut chars = rest.chars();
        while let Some(c) = chars.next() {
            rest = chars.as_str();
            if c == quote {
                let read = self.rest().len().saturating_sub(rest.len());
                self.advance(read);
                return Ok(text);
            }
            if c != '\\' {
                text.push(c);
                continue;
            }
            if let Some((c, after)) = rest.strip_prefix('u').and_then(unicode) {
                text.push(c);
                chars = after.chars();
                continue;
            }
            match chars.next() {
                Some('n') => text.push('\n'),
                Some('r') => text.push('\r'),
                Some('t') => text.push('\t'),
                Some('f') => text.push('\u{c}'),
                Some(c) => text.push(c),
                None => break,
            }
        }
        Err(FhirPathError::syntax(
            at,
            format!("expected {quote} at the end of the text, found the end"),
        ))
    }
}

/// The character of four hexadecimal digits, or of two such escapes that are surrogates; and what follows.
fn unicode(text: &str) -> Option<(char, &str)> {
    let (first, rest) = four_digits(text)?;
    let second = rest.strip_prefix("\\u").and_then(four_digits);
    if let Some((second, rest)) = second
        && let Some(c) = pair(first, second)
    {
        return Some((c, rest));
    }
    Some((char::from_u32(first)?, rest))
}

fn four_digits(text: &str) -> Option<(u32, &str)> {
    let (digits, rest) = text.split_at_checked(4)?;
    if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    Some((u32::from_str_radix(digits, 16).ok()?, rest))
}

/// The character of two surrogates.
fn pair(high: u32, low: u32) -> Option<char> {
    if !(0xD800..0xDC00).contains(&high) {
        return None;
    }
    let units = [u16::try_from(high).ok()?, u16::try_from(low).ok()?];
    char::decode_utf16(units).next()?.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        let found: Vec<String> = tokens(text)
            .unwrap()
            .iter()
            .map(|token| token.kind.describe())
            .collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn tokens_of_the_grammar() {
        check("a.b", &["'a'", "'.'", "'b'", "the end"]);
        check(
            "1.is(x)",
            &["a number", "'.'", "'is'", "'('", "'x'", "')'", "the end"],
        );
        check("1.5<=2", &["a number", "'<='", "a number", "the end"]);
        check("// c\n`a b` /* d */ $this", &["`a b`", "$this", "the end"]);
        check("@2015-02.x", &["a date or time", "'.'", "'x'", "the end"]);
    }

    #[test]
    fn text_escapes() {
        let list = tokens(r"'\\\/\f\r\n\t\'\u002a'").unwrap();
        assert_eq!(list[0].kind, TokenKind::String("\\/\u{c}\r\n\t'*".into()));
        let list = tokens(r"'\p\u12\uD83E\uDDB6\uD83E'").unwrap();
        assert_eq!(list[0].kind, TokenKind::String("pu12\u{1f9b6}uD83E".into()));
    }

    #[test]
    fn faults_have_a_place() {
        for (text, at) in [("'abc", 0), ("a #", 2), ("'a\\", 0), ("/* a", 0), ("@x", 0)] {
            assert_eq!(tokens(text).unwrap_err().at, Some(at), "{text}");
        }
    }
}
