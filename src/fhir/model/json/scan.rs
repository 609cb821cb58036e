//! Walking over JSON text without building a tree.
//!
//! Used where the bytes themselves matter: to cut a Bundle into its entries, and to keep a resource
//! exactly as it was written but for white space. The text is expected to be well formed; where
//! it is not, the walk ends with `None` and the caller lets [`super::parse`] name the fault.

/// A member of an object: its name between the quotes, as written, and the text of its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawMember<'a> {
    pub name: &'a [u8],
    pub value: &'a [u8],
    /// Where the value begins in the text.
    pub at: usize,
}

/// A position in a JSON text.
#[derive(Clone, Debug)]
pub struct Scanner<'a> {
    bytes: &'a [u8],
    position: usize,
}

/// The members of an object, one by one. After the last, or a fault, `None`;
/// [`Members::complete`] tells which.
#[derive(Clone, Debug)]
pub struct Members<'a> {
    scanner: Scanner<'a>,
    state: State,
}

/// The items of an array, one by one.
#[derive(Clone, Debug)]
pub struct Elements<'a> {
    scanner: Scanner<'a>,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    First,
    Next,
    Complete,
    Broken,
}

/// Walks over the members of the object that `text` holds.
pub fn members(text: &[u8]) -> Members<'_> {
    let mut scanner = Scanner::new(text);
    let state = scanner.opening(b'{');
    Members { scanner, state }
}

/// Walks over the items of the array that `text` holds.
pub fn elements(text: &[u8]) -> Elements<'_> {
    let mut scanner = Scanner::new(text);
    let state = scanner.opening(b'[');
    Elements { scanner, state }
}

impl<'a> Iterator for Members<'a> {
    type Item = RawMember<'a>;

    fn next(&mut self) -> Option<RawMember<'a>> {
        if !self.scanner.advance_to_item(&mut self.state, b'}') {
            return None;
        }
        let member = self.scanner.member();
        if member.is_none() {
            self.state = State::Broken;
        }
        member
    }
}

impl Members<'_> {
    /// Whether the closing brace has been reached, and nothing but white space comes after it.
    pub fn complete(&self) -> bool {
        let mut rest = self.scanner.clone();
        rest.white_space();
        self.state == State::Complete && rest.peek().is_none()
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if !self.scanner.advance_to_item(&mut self.state, b']') {
            return None;
        }
        let item = self.scanner.value();
        if item.is_none() {
            self.state = State::Broken;
        }
        item
    }
}

impl Elements<'_> {
    /// Where in the text the item that was given last ends.
    pub fn end(&self) -> usize {
        self.scanner.position
    }

    /// Whether the closing bracket has been reached, and nothing but white space comes after it.
    pub fn complete(&self) -> bool {
        let mut rest = self.scanner.clone();
        rest.white_space();
        self.state == State::Complete && rest.peek().is_none()
    }
}

impl<'a> Scanner<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, position: 0 }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.position).copied()
    }

    fn step(&mut self) {
        self.position = self.position.saturating_add(1);
    }

    fn white_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.step();
        }
    }

    fn opening(&mut self, bracket: u8) -> State {
        self.white_space();
        if self.peek() == Some(bracket) {
            self.step();
            State::First
        } else {
            State::Broken
        }
    }

    /// Moves to the next item; false at the end and on a fault.
    fn advance_to_item(&mut self, state: &mut State, closing: u8) -> bool {
        self.white_space();
        match (*state, self.peek()) {
            (State::First | State::Next, Some(b)) if b == closing => {
                self.step();
                self.white_space();
                // Anything behind the closing bracket belongs to nobody.
                *state = match self.peek() {
                    None => State::Complete,
                    Some(_) => State::Broken,
                };
                false
            }
            (State::First, Some(_)) => {
                *state = State::Next;
                true
            }
            (State::Next, Some(b',')) => {
                self.step();
                self.white_space();
                true
            }
            (State::Complete, _) => false,
            _ => {
                *state = State::Broken;
                false
            }
        }
    }

    fn member(&mut self) -> Option<RawMember<'a>> {
        let quoted = self.string()?;
        let name = quoted.get(1..quoted.len().checked_sub(1)?)?;
        self.white_space();
        if self.peek()? != b':' {
            return None;
        }
        self.step();
        self.white_space();
        let at = self.position;
        let value = self.value()?;
        Some(RawMember { name, value, at })
    }

    fn string(&mut self) -> Option<&'a [u8]> {
        let start = self.position;
        if self.peek()? != b'"' {
            return None;
        }
        self.step();
        loop {
            match self.peek()? {
                b'"' => {
                    self.step();
                    return self.bytes.get(start..self.position);
                }
                b'\\' => self.position = self.position.saturating_add(2),
                _ => self.step(),
            }
        }
    }

    /// The text of the value that starts here.
    pub fn value(&mut self) -> Option<&'a [u8]> {
        let start = self.position;
        match self.peek()? {
            b'"' => {
                self.string()?;
            }
            b'{' | b'[' => {
                // Brackets are counted, not matched: the tree parser looks at each part later.
                let mut open = 0usize;
                loop {
                    match self.peek()? {
                        b'"' => {
                            self.string()?;
                            continue;
                        }
                        b'{' | b'[' => open = open.saturating_add(1),
                        b'}' | b']' => open = open.saturating_sub(1),
                        _ => {}
                    }
                    self.step();
                    if open == 0 {
                        break;
                    }
                }
            }
            _ => {
                while !matches!(
                    self.peek(),
                    None | Some(b',' | b'}' | b']' | b' ' | b'\t' | b'\n' | b'\r')
                ) {
                    self.step();
                }
                if self.position == start {
                    return None;
                }
            }
        }
        self.bytes.get(start..self.position)
    }
}

/// Appends a JSON text without the white space between its tokens; strings and numbers stay as written.
pub fn compact(text: &[u8], out: &mut Vec<u8>) {
    let mut rest = text;
    while let Some(first) = rest.first() {
        match first {
            b' ' | b'\t' | b'\n' | b'\r' => {
                let run = rest
                    .iter()
                    .position(|b| !matches!(b, b' ' | b'\t' | b'\n' | b'\r'))
                    .unwrap_or(rest.len());
                rest = rest.get(run..).unwrap_or(&[]);
            }
            b'"' => {
                let mut scanner = Scanner::new(rest);
                let string = scanner.string().unwrap_or(rest);
                out.extend_from_slice(string);
                rest = rest.get(string.len()..).unwrap_or(&[]);
            }
            _ => {
                let run = rest
                    .iter()
                    .position(|b| matches!(b, b' ' | b'\t' | b'\n' | b'\r' | b'"'))
                    .unwrap_or(rest.len());
                let (token, after) = rest.split_at(run);
                out.extend_from_slice(token);
                rest = after;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compact_keeps_tokens_as_written() {
        let mut out = Vec::new();
        compact(
            b" { \"a\" : [ 1.50 ,\n \"x \\\" y\\u00e8\" ] , \"b\":{ } } ",
            &mut out,
        );
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "{\"a\":[1.50,\"x \\\" y\\u00e8\"],\"b\":{}}"
        );
    }

    #[test]
    fn members_and_elements() {
        let text = br#"{"a": {"x":[1,2]}, "b": [ {"c":"}"}, 3 ], "d":null}"#;
        let mut walk = members(text);
        let found: Vec<(&[u8], &[u8])> = walk.by_ref().map(|m| (m.name, m.value)).collect();
        assert_eq!(found[0], (&b"a"[..], &br#"{"x":[1,2]}"#[..]));
        assert_eq!(found[2], (&b"d"[..], &b"null"[..]));
        assert!(walk.complete());
        let mut items = elements(found[1].1);
        assert_eq!(items.next(), Some(&br#"{"c":"}"}"#[..]));
        assert_eq!(items.next(), Some(&b"3"[..]));
        assert_eq!(items.next(), None);
        assert!(items.complete());
    }

    #[test]
    fn a_fault_is_not_complete() {
        for bad in [
            "{",
            "{\"a\"",
            "{\"a\":1",
            "[",
            "{\"a\":[}",
            "x",
            "{\"a\":1,,}",
            "{\"a\" 1}",
            "{\"a\":1} x",
            "{\"a\":1} x",
            "{}{}",
            "{}\0",
        ] {
            let mut walk = members(bad.as_bytes());
            walk.by_ref().for_each(drop);
            assert!(!walk.complete(), "{bad}");
        }
    }
}
