//! From tokens to the compiled tree.
//!
//! Source: FHIRPath N1, appendix B *Grammar*, and the precedence table of *Operations*. One
//! function per kind of construct; operators climb by rank. Nesting is bounded.

use super::decimal::Decimal;
use super::error::FhirPathError;
use super::functions;
use super::item::Item;
use super::lexer::{Token, TokenKind, tokens};
use super::quantity::{Quantity, Unit};
use super::temporal::CalendarUnit;
use super::tree::{Call, Expr, Link, Operator, Pattern, Step, Tree};
use super::types::TypeName;
use crate::fhir::model::value::Text;

/// Nesting of parentheses, arguments and signs (IN-16).
const MAX_DEPTH: u32 = 64;
/// The longest expression of FHIR R4 has under 10,000 characters.
const MAX_LENGTH: usize = 65_536;

/// The rank at which unions stand, and above them the type operators.
const UNION: usize = 6;

/// Compiles an expression.
///
/// # Errors
/// `Syntax` where the text is no expression; `Semantic` for an unknown function or a wrong
/// number of arguments. Both tell the byte offset.
pub fn parse(text: &str) -> Result<Expr, FhirPathError> {
    if text.len() > MAX_LENGTH {
        return Err(FhirPathError::syntax(
            0,
            format!("expected at most {MAX_LENGTH} bytes, found {}", text.len()),
        ));
    }
    let mut parser = Parser {
        tokens: tokens(text)?,
        place: 0,
        depth: 0,
    };
    let root = parser.expression()?;
    match parser.peek() {
        TokenKind::End => Ok(Expr::new(root, text)),
        other => Err(FhirPathError::syntax(
            parser.at(),
            format!(
                "expected an operator or the end, found {}",
                other.describe()
            ),
        )),
    }
}

struct Parser {
    tokens: Vec<Token>,
    place: usize,
    depth: u32,
}

type Parsed = Result<Tree, FhirPathError>;

impl Parser {
    fn peek(&self) -> &TokenKind {
        self.peek_at(0)
    }

    fn peek_at(&self, ahead: usize) -> &TokenKind {
        self.tokens
            .get(self.place.saturating_add(ahead))
            .map_or(&TokenKind::End, |token| &token.kind)
    }

    fn at(&self) -> u32 {
        self.tokens
            .get(self.place)
            .or(self.tokens.last())
            .map_or(0, |token| token.at)
    }

    fn advance(&mut self) {
        self.place = self.place.saturating_add(1);
    }

    fn accept(&mut self, symbol: &str) -> bool {
        let found = matches!(self.peek(), TokenKind::Symbol(found) if *found == symbol);
        if found {
            self.advance();
        }
        found
    }

    fn expect(&mut self, symbol: &str) -> Result<(), FhirPathError> {
        if self.accept(symbol) {
            return Ok(());
        }
        Err(self.unexpected(&format!("'{symbol}'")))
    }

    fn unexpected(&self, expected: &str) -> FhirPathError {
        FhirPathError::syntax(
            self.at(),
            format!("expected {expected}, found {}", self.peek().describe()),
        )
    }

    fn deeper(&mut self) -> Result<(), FhirPathError> {
        self.depth = self.depth.saturating_add(1);
        if self.depth > MAX_DEPTH {
            return Err(FhirPathError::syntax(
                self.at(),
                format!("expected at most {MAX_DEPTH} levels of nesting, found more"),
            ));
        }
        Ok(())
    }

    fn expression(&mut self) -> Parsed {
        self.deeper()?;
        let tree = self.chain(0)?;
        self.depth = self.depth.saturating_sub(1);
        Ok(tree)
    }

    /// An expression of operators of at least this rank.
    fn chain(&mut self, rank: usize) -> Parsed {
        let Some(operators) = Operator::RANKS.get(rank) else {
            return self.polarity();
        };
        let next = |parser: &mut Self| match rank.saturating_add(1) {
            UNION => parser.union(),
            next => parser.chain(next),
        };
        let first = next(self)?;
        let mut rest = Vec::new();
        while let Some(operator) = self.operator(operators) {
            let at = self.at();
            self.advance();
            let operand = next(self)?;
            rest.push(Link {
                operator,
                operand,
                at,
            });
        }
        if rest.is_empty() {
            return Ok(first);
        }
        Ok(Tree::Chain {
            first: Box::new(first),
            rest: rest.into(),
        })
    }

    fn operator(&self, among: &[Operator]) -> Option<Operator> {
        let written = match self.peek() {
            TokenKind::Symbol(symbol) => symbol,
            TokenKind::Identifier(word) => word.as_str(),
            _ => return None,
        };
        among
            .iter()
            .copied()
            .find(|operator| operator.symbol() == written)
    }

    fn union(&mut self) -> Parsed {
        let at = self.at();
        let first = self.type_operators()?;
        if !matches!(self.peek(), TokenKind::Symbol("|")) {
            return Ok(first);
        }
        let mut parts = vec![first];
        while self.accept("|") {
            parts.push(self.type_operators()?);
        }
        Ok(Tree::Union {
            parts: parts.into(),
            at,
        })
    }

    fn type_operators(&mut self) -> Parsed {
        let mut tree = self.chain(UNION)?;
        let depth = self.depth;
        loop {
            let cast = match self.peek() {
                TokenKind::Identifier(word) if word == "is" => false,
                TokenKind::Identifier(word) if word == "as" => true,
                _ => break,
            };
            // Each one nests the tree a level deeper.
            self.deeper()?;
            let at = self.at();
            self.advance();
            let of = self.type_name()?;
            tree = Tree::TypeOperator {
                operand: Box::new(tree),
                cast,
                of,
                at,
            };
        }
        self.depth = depth;
        Ok(tree)
    }

    /// `Patient`, `FHIR.Patient`, `` System.`Integer` ``.
    fn type_name(&mut self) -> Result<TypeName, FhirPathError> {
        let at = self.at();
        let first = self.name("the name of a type")?;
        if !matches!(self.peek(), TokenKind::Symbol("."))
            || !TypeName::is_namespace(&first)
            || !matches!(
                self.peek_at(1),
                TokenKind::Identifier(_) | TokenKind::Delimited(_)
            )
        {
            return Ok(TypeName::unqualified(first, at));
        }
        self.advance();
        let name = self.name("the name of a type")?;
        Ok(TypeName::qualified(&first, name, at))
    }

    fn name(&mut self, expected: &str) -> Result<Text, FhirPathError> {
        let name = match self.peek() {
            TokenKind::Identifier(name) | TokenKind::Delimited(name) => name.clone(),
            _ => return Err(self.unexpected(expected)),
        };
        self.advance();
        Ok(name)
    }

    fn polarity(&mut self) -> Parsed {
        let at = self.at();
        let negative = match self.peek() {
            TokenKind::Symbol("-") => true,
            TokenKind::Symbol("+") => false,
            _ => return self.path(),
        };
        self.advance();
        self.deeper()?;
        let operand = self.polarity()?;
        self.depth = self.depth.saturating_sub(1);
        Ok(Tree::Polarity {
            negative,
            operand: Box::new(operand),
            at,
        })
    }

    fn path(&mut self) -> Parsed {
        let mut steps = Vec::new();
        let start = match self.peek() {
            TokenKind::Identifier(word)
                if matches!(word.as_str(), "true" | "false")
                    && !matches!(self.peek_at(1), TokenKind::Symbol("(")) =>
            {
                let value = word == "true";
                self.advance();
                Tree::Literal(Item::Boolean(value))
            }
            TokenKind::Identifier(_) | TokenKind::Delimited(_) => {
                steps.push(self.invocation()?);
                Tree::Focus
            }
            _ => self.term()?,
        };
        loop {
            let at = self.at();
            if self.accept(".") {
                steps.push(self.invocation()?);
            } else if self.accept("[") {
                let index = self.expression()?;
                self.expect("]")?;
                steps.push(Step::Index { index, at });
            } else {
                break;
            }
        }
        if steps.is_empty() {
            return Ok(start);
        }
        Ok(Tree::Path {
            start: Box::new(start),
            steps: steps.into(),
        })
    }

    fn term(&mut self) -> Parsed {
        let at = self.at();
        let kind = self.peek().clone();
        self.advance();
        match kind {
            TokenKind::String(text) => Ok(Tree::Literal(Item::text(text.to_string()))),
            TokenKind::Integer(value) => Ok(self
                .quantity(Decimal::from_integer(value))
                .unwrap_or(Tree::Literal(Item::Integer(value)))),
            TokenKind::Decimal(value) => Ok(self
                .quantity(value)
                .unwrap_or(Tree::Literal(Item::Decimal(value)))),
            TokenKind::Temporal(value) => Ok(Tree::Literal(Item::Temporal(value))),
            TokenKind::Dollar(name) => match name.as_str() {
                "this" => Ok(Tree::Focus),
                "index" => Ok(Tree::Index),
                "total" => Ok(Tree::Total),
                _ => Err(FhirPathError::syntax(
                    at,
                    format!("expected $this, $index or $total, found ${name}"),
                )),
            },
            TokenKind::Symbol("(") => {
                let tree = self.expression()?;
                self.expect(")")?;
                Ok(tree)
            }
            TokenKind::Symbol("{") => {
                self.expect("}")?;
                Ok(Tree::Empty)
            }
            TokenKind::Symbol("%") => {
                let name = match self.peek() {
                    TokenKind::String(text) => text.clone(),
                    TokenKind::Identifier(text) | TokenKind::Delimited(text) => text.clone(),
                    _ => return Err(self.unexpected("the name of a variable after '%'")),
                };
                self.advance();
                Ok(Tree::Variable { name, at })
            }
            other => Err(FhirPathError::syntax(
                at,
                format!("expected an expression, found {}", other.describe()),
            )),
        }
    }

    /// The quantity, if a unit follows the number.
    fn quantity(&mut self, value: Decimal) -> Option<Tree> {
        let unit = match self.peek() {
            TokenKind::String(code) => Unit::Ucum(code.to_string().into()),
            TokenKind::Identifier(word) => Unit::Calendar(CalendarUnit::from_word(word)?),
            _ => return None,
        };
        self.advance();
        let quantity = Quantity { value, unit };
        Some(Tree::Literal(Item::Quantity(Box::new(quantity))))
    }

    /// A member or a function call.
    fn invocation(&mut self) -> Result<Step, FhirPathError> {
        let at = self.at();
        let plain = matches!(self.peek(), TokenKind::Identifier(_));
        let name = self.name("a name")?;
        if plain && self.accept("(") {
            return self.call(&name, at).map(Step::Call);
        }
        Ok(Step::Member { name, at })
    }

    fn call(&mut self, name: &str, at: u32) -> Result<Call, FhirPathError> {
        let function = functions::find(name).ok_or_else(|| {
            FhirPathError::semantic(at, format!("expected a known function, found '{name}'"))
        })?;
        let mut arguments = Vec::new();
        let mut of = None;
        if function.takes_type {
            of = Some(self.type_name()?);
            self.expect(")")?;
        } else if !self.accept(")") {
            loop {
                arguments.push(self.expression()?);
                if !self.accept(",") {
                    break;
                }
            }
            self.expect(")")?;
        }
        let count = arguments.len();
        if !function.takes_type && !(function.arity.0..=function.arity.1).contains(&count) {
            return Err(FhirPathError::semantic(
                at,
                format!(
                    "expected {} to {} arguments of {name}(), found {count}",
                    function.arity.0, function.arity.1
                ),
            ));
        }
        let literal = matches!(arguments.first(), Some(Tree::Literal(Item::String(_))));
        // Flags are part of what is compiled.
        let plain = arguments.len() == function.arity.0;
        let pattern = (function.takes_pattern && literal && plain).then(Pattern::new);
        Ok(Call {
            function,
            arguments: arguments.into(),
            of,
            pattern,
            at,
        })
    }
}
