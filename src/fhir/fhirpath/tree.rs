//! The compiled form of an expression.
//!
//! Paths, unions and operators of one rank are lists, not nests: evaluating `a.b.c.d` or a union
//! of forty paths takes no deeper stack than evaluating one name.

use std::sync::OnceLock;

use super::error::FhirPathError;
use super::functions::{Compiled, Function};
use super::item::Item;
use super::types::TypeName;
use crate::fhir::model::value::Text;

/// An expression, ready to be evaluated any number of times.
#[derive(Debug)]
pub struct Expr {
    pub(super) root: Tree,
    source: Box<str>,
}

impl Expr {
    pub(super) fn new(root: Tree, source: &str) -> Self {
        Self {
            root,
            source: source.into(),
        }
    }

    /// The text it was compiled from.
    pub fn source(&self) -> &str {
        &self.source
    }
}

#[derive(Debug)]
pub(super) enum Tree {
    /// `{}`.
    Empty,
    Literal(Item<'static>),
    /// `$this`, written or implied.
    Focus,
    Index,
    Total,
    /// `%name`.
    Variable {
        name: Text,
        at: u32,
    },
    /// `start.step.step`.
    Path {
        start: Box<Tree>,
        steps: Box<[Step]>,
    },
    /// `-x` (or `+x`).
    Polarity {
        negative: bool,
        operand: Box<Tree>,
        at: u32,
    },
    /// `a op b op c`, all operators of one rank, from left to right.
    Chain {
        first: Box<Tree>,
        rest: Box<[Link]>,
    },
    /// `a | b | c`.
    Union {
        parts: Box<[Tree]>,
        at: u32,
    },
    /// `a is T`, `a as T`.
    TypeOperator {
        operand: Box<Tree>,
        cast: bool,
        of: TypeName,
        at: u32,
    },
}

#[derive(Debug)]
pub(super) struct Link {
    pub operator: Operator,
    pub operand: Tree,
    pub at: u32,
}

#[derive(Debug)]
pub(super) enum Step {
    Member { name: Text, at: u32 },
    Index { index: Tree, at: u32 },
    Call(Call),
}

/// A regular expression that is compiled once, or what is wrong with it.
pub(super) type Pattern = OnceLock<Result<Compiled, FhirPathError>>;

#[derive(Debug)]
pub(super) struct Call {
    pub function: &'static Function,
    pub arguments: Box<[Tree]>,
    /// The type that `is`, `as` and `ofType` name.
    pub of: Option<TypeName>,
    /// The compiled regular expression, once it was used; `None` where it is no literal.
    pub pattern: Option<Pattern>,
    pub at: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Implies,
    Or,
    Xor,
    And,
    In,
    Contains,
    Equal,
    NotEqual,
    Equivalent,
    NotEquivalent,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Plus,
    Minus,
    Concatenate,
    Times,
    Divide,
    Div,
    Mod,
}

impl Operator {
    /// As it is written.
    pub(super) fn symbol(self) -> &'static str {
        match self {
            Operator::Implies => "implies",
            Operator::Or => "or",
            Operator::Xor => "xor",
            Operator::And => "and",
            Operator::In => "in",
            Operator::Contains => "contains",
            Operator::Equal => "=",
            Operator::NotEqual => "!=",
            Operator::Equivalent => "~",
            Operator::NotEquivalent => "!~",
            Operator::Less => "<",
            Operator::LessOrEqual => "<=",
            Operator::Greater => ">",
            Operator::GreaterOrEqual => ">=",
            Operator::Plus => "+",
            Operator::Minus => "-",
            Operator::Concatenate => "&",
            Operator::Times => "*",
            Operator::Divide => "/",
            Operator::Div => "div",
            Operator::Mod => "mod",
        }
    }

    /// The operators of one rank, lowest rank first; unions and type operators stand between
    /// ranks 5 and 6.
    pub(super) const RANKS: &'static [&'static [Operator]] = &[
        &[Operator::Implies],
        &[Operator::Or, Operator::Xor],
        &[Operator::And],
        &[Operator::In, Operator::Contains],
        &[
            Operator::Equal,
            Operator::NotEqual,
            Operator::Equivalent,
            Operator::NotEquivalent,
        ],
        &[
            Operator::Less,
            Operator::LessOrEqual,
            Operator::Greater,
            Operator::GreaterOrEqual,
        ],
        &[Operator::Plus, Operator::Minus, Operator::Concatenate],
        &[
            Operator::Times,
            Operator::Divide,
            Operator::Div,
            Operator::Mod,
        ],
    ];
}
