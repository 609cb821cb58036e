//! Walks the compiled tree over borrowed data.
//!
//! Source: FHIRPath N1 *Path selection*, *Functions*, *Operations*. Each step over each item
//! is paid for from a budget, so that no expression runs away (IN-16).

use std::cell::{Cell, RefCell};

use super::environment::{AsRule, Environment};
use super::error::FhirPathError;
use super::functions::Args;
use super::item::{Item, Node, Shape};
use super::operators;
use super::tree::{Expr, Step, Tree};
use super::types::{TypeName, derives};

/// What evaluation yields: items in order.
pub(super) type Outcome<'a> = Result<Vec<Item<'a>>, FhirPathError>;

/// A step costs so many units; a comparison of two items costs one.
const STEP: u64 = 100;
/// Units after which the environment is asked whether to stop.
const PATIENCE: u64 = 10_000;
/// Bytes of text that cost one unit.
const BYTES_PER_UNIT: u64 = 16;
/// Frames of evaluation for each level of nesting in the text.
const FRAMES_PER_LEVEL: u32 = 3;

/// What `$this`, `$index` and `$total` stand for.
#[derive(Clone, Copy)]
pub(super) struct Scope<'s, 'a> {
    pub this: Option<&'s Item<'a>>,
    pub index: Option<usize>,
    pub total: Option<&'s [Item<'a>]>,
    /// What `defineVariable()` has defined in the steps before.
    pub variables: Option<&'s Frame<'s, 'a>>,
}

/// Variables of one path, and of the paths around it.
pub(super) struct Frame<'s, 'a> {
    own: &'s [(String, Vec<Item<'a>>)],
    outer: Option<&'s Frame<'s, 'a>>,
}

impl<'s, 'a> Frame<'s, 'a> {
    fn find(&self, name: &str) -> Option<&[Item<'a>]> {
        let mut frame = Some(self);
        while let Some(Frame { own, outer }) = frame {
            if let Some((_, items)) = own.iter().find(|(known, _)| known == name) {
                return Some(items);
            }
            frame = *outer;
        }
        None
    }
}

pub(super) struct Evaluator<'e, 'a> {
    pub env: &'e Environment<'a>,
    /// The focus of the whole expression: `%context`.
    context: Option<&'e Item<'a>>,
    budget: Cell<u64>,
    /// Units until the environment is asked again whether to stop.
    patience: Cell<u64>,
    depth: Cell<u32>,
    traces: RefCell<Vec<Trace<'a>>>,
}

/// What `trace()` was called with.
#[derive(Clone, Debug)]
pub struct Trace<'a> {
    pub name: String,
    pub items: Vec<Item<'a>>,
}

/// Evaluates an expression on an item.
pub(super) fn run<'a>(
    expr: &'a Expr,
    focus: &Item<'a>,
    env: &Environment<'a>,
) -> Result<(Vec<Item<'a>>, Vec<Trace<'a>>), FhirPathError> {
    let present = match focus {
        Item::Node(node) if node.value == &super::item::NULL && node.sibling.is_none() => None,
        item => Some(item),
    };
    let evaluator = Evaluator {
        env,
        context: present,
        budget: Cell::new(u64::from(env.limits.steps).saturating_mul(STEP)),
        patience: Cell::new(PATIENCE),
        depth: Cell::new(0),
        traces: RefCell::default(),
    };
    let scope = Scope {
        this: present,
        index: None,
        total: None,
        variables: None,
    };
    let items = evaluator.eval(&expr.root, &scope)?;
    Ok((items, evaluator.traces.into_inner()))
}

impl<'a> Evaluator<'_, 'a> {
    /// The value of a tree in a scope.
    pub(super) fn eval(&self, tree: &'a Tree, scope: &Scope<'_, 'a>) -> Outcome<'a> {
        let depth = self.depth.get().saturating_add(1);
        let allowed = self.env.limits.depth.saturating_mul(FRAMES_PER_LEVEL);
        if depth > allowed {
            return Err(FhirPathError::limit(format!(
                "expected at most {} levels of nesting, found more",
                self.env.limits.depth
            )));
        }
        self.depth.set(depth);
        let result = self.eval_tree(tree, scope);
        self.depth.set(depth.saturating_sub(1));
        result
    }

    fn eval_tree(&self, tree: &'a Tree, scope: &Scope<'_, 'a>) -> Outcome<'a> {
        match tree {
            Tree::Empty => Ok(Vec::new()),
            Tree::Literal(item) => Ok(vec![literal(item)]),
            Tree::Focus => Ok(scope.this.cloned().into_iter().collect()),
            Tree::Index => Ok(scope
                .index
                .and_then(|index| i64::try_from(index).ok())
                .map(Item::Integer)
                .into_iter()
                .collect()),
            Tree::Total => Ok(scope.total.unwrap_or(&[]).to_vec()),
            Tree::Variable { name, at } => {
                match scope.variables.and_then(|frame| frame.find(name)) {
                    Some(items) => Ok(items.to_vec()),
                    None => self.variable(name).map_err(|e| e.placed(*at)),
                }
            }
            Tree::Path { start, steps } => self.path(start, steps, scope),
            Tree::Polarity {
                negative,
                operand,
                at,
            } => operators::polarity(*negative, self.eval(operand, scope)?)
                .map_err(|e| e.placed(*at)),
            Tree::Chain { first, rest } => {
                let mut left = self.eval(first, scope)?;
                for link in rest {
                    self.spend_steps(1)?;
                    if let Some(known) = operators::decided(link.operator, &left) {
                        left = vec![Item::Boolean(known)];
                        continue;
                    }
                    let right = self.eval(&link.operand, scope);
                    left = operators::apply(self, link.operator, left, right)
                        .map_err(|e| e.placed(link.at))?;
                }
                Ok(left)
            }
            Tree::Union { parts, at } => {
                let mut all = Vec::new();
                for part in parts {
                    let found = self.eval(part, scope)?;
                    if all.is_empty() && found.len() < 2 {
                        all = found;
                    } else {
                        self.push_distinct(&mut all, found)
                            .map_err(|e| e.placed(*at))?;
                    }
                }
                Ok(all)
            }
            Tree::TypeOperator {
                operand,
                cast,
                of,
                at,
            } => {
                let items = self.eval(operand, scope)?;
                if *cast {
                    self.cast(items, of).map_err(|e| e.placed(*at))
                } else {
                    self.is(&items, of).map_err(|e| e.placed(*at))
                }
            }
        }
    }

    fn path(&self, start: &'a Tree, steps: &'a [Step], scope: &Scope<'_, 'a>) -> Outcome<'a> {
        let mut steps = steps.iter();
        let mut current = Vec::new();
        match (start, steps.as_slice().first()) {
            (Tree::Focus, Some(Step::Member { name, .. })) => {
                steps.next();
                self.spend_steps(1)?;
                if let Some(this) = scope.this {
                    self.push_first(this, name, &mut current);
                }
            }
            _ => current = self.eval(start, scope)?,
        }
        let mut spare = Vec::new();
        let mut defined: Vec<(String, Vec<Item<'a>>)> = Vec::new();
        for step in steps {
            let frame = Frame {
                own: &defined,
                outer: scope.variables,
            };
            let within = Scope {
                variables: if defined.is_empty() {
                    scope.variables
                } else {
                    Some(&frame)
                },
                ..*scope
            };
            match step {
                Step::Member { name, at } => {
                    self.spend_steps(current.len().max(1))
                        .map_err(|e| e.placed(*at))?;
                    for item in &current {
                        self.push_members(item, name, &mut spare);
                    }
                    self.check_size(spare.len()).map_err(|e| e.placed(*at))?;
                    std::mem::swap(&mut current, &mut spare);
                    spare.clear();
                }
                Step::Index { index, at } => {
                    let index = self.eval(index, &within)?;
                    let index = operators::integer(&index, "an index")
                        .map_err(|e| e.placed(*at))?
                        .and_then(|index| usize::try_from(index).ok());
                    current = match index {
                        Some(index) if index < current.len() => vec![current.swap_remove(index)],
                        _ => Vec::new(),
                    };
                }
                Step::Call(call) => {
                    self.spend_steps(1).map_err(|e| e.placed(call.at))?;
                    let args = Args {
                        evaluator: self,
                        call,
                        scope: &within,
                    };
                    if call.function.defines {
                        let one = self
                            .definition(&args, &current)
                            .map_err(|e| e.placed(call.at))?;
                        defined.push(one);
                        continue;
                    }
                    current = (call.function.call)(&args, current)
                        .and_then(|items| {
                            self.check_size(items.len())?;
                            Ok(items)
                        })
                        .map_err(|e| e.placed(call.at))?;
                }
            }
        }
        Ok(current)
    }

    /// The variable that a call of `defineVariable()` defines. No other of its name may be known.
    fn definition(
        &self,
        args: &Args<'_, 'a>,
        input: &[Item<'a>],
    ) -> Result<(String, Vec<Item<'a>>), FhirPathError> {
        let name = args.variable_name()?;
        let inner = args.scope.variables.and_then(|frame| frame.find(&name));
        if inner.is_some() || self.variable(&name).is_ok() {
            return Err(FhirPathError::execution(format!(
                "expected the name of a new variable, found %{name}"
            )));
        }
        self.spend_steps(input.len())?;
        let value = match (input, args.given()) {
            (_, 1) => input.to_vec(),
            ([item], _) => args.definition(item)?,
            _ => args.definition_of_all()?,
        };
        Ok((name, value))
    }

    /// The first step of a path: the name of an element, or of the type of the focus as in
    /// `Patient.name`. Element names never start with a capital letter.
    fn push_first(&self, item: &Item<'a>, name: &str, out: &mut Vec<Item<'a>>) {
        match item {
            Item::Node(node) if name.starts_with(|c: char| c.is_ascii_uppercase()) => {
                if self.names_type(node, name) {
                    out.push(item.clone());
                } else if matches!(node.shape, Shape::Unknown) {
                    self.push_members(item, name, out);
                }
            }
            _ => self.push_members(item, name, out),
        }
    }

    fn names_type(&self, node: &Node<'a>, name: &str) -> bool {
        let Shape::Structure { schema, code, .. } = node.shape else {
            return node.value.str_at("resourceType") == Some(name);
        };
        let definitions = self.env.definitions;
        // A long union names many types: most are told apart without a walk to the base types.
        code == name
            || schema.base == name
            || (definitions
                .schema(name)
                .is_some_and(|schema| schema.is_abstract)
                && derives(code, name, definitions))
    }

    pub(super) fn push_members(&self, item: &Item<'a>, name: &str, out: &mut Vec<Item<'a>>) {
        match item {
            // No element, but what tells resources apart in JSON: other engines have it, and scripts ask.
            Item::Node(node) if name == "resourceType" => {
                out.extend(node.value.str_at(name).map(Item::text));
            }
            Item::Node(node) => node.push_members(name, self.env.definitions, out),
            Item::Type { namespace, .. } if name == "namespace" => {
                out.push(Item::text(*namespace));
            }
            Item::Type { name: value, .. } if name == "name" => {
                out.push(Item::String(value.clone()));
            }
            Item::Quantity(quantity) if name == "value" => out.push(Item::Decimal(quantity.value)),
            _ => {}
        }
    }

    /// The node the whole expression is evaluated on.
    pub(super) fn focus(&self) -> Option<Node<'a>> {
        self.context.and_then(Item::node).copied()
    }

    fn variable(&self, name: &str) -> Outcome<'a> {
        if let Some((_, items)) = self
            .env
            .variables
            .iter()
            .rev()
            .find(|(known, _)| known == name)
        {
            return Ok(items.clone());
        }
        let context = || self.context.cloned().into_iter().collect();
        let node = |node: &Option<Node<'a>>| match node {
            Some(node) => vec![Item::Node(*node)],
            None => context(),
        };
        Ok(match name {
            "context" => context(),
            "resource" => node(&self.env.resource),
            "rootResource" => node(&self.env.root_resource),
            "ucum" => vec![Item::text("http://unitsofmeasure.org")],
            "sct" => vec![Item::text("http://snomed.info/sct")],
            "loinc" => vec![Item::text("http://loinc.org")],
            _ => match (name.strip_prefix("vs-"), name.strip_prefix("ext-")) {
                (Some(id), _) => vec![Item::text(format!("http://hl7.org/fhir/ValueSet/{id}"))],
                (_, Some(id)) => {
                    let url = format!("http://hl7.org/fhir/StructureDefinition/{id}");
                    vec![Item::text(url)]
                }
                _ => {
                    return Err(FhirPathError::execution(format!(
                        "expected a known variable, found %{name}"
                    )));
                }
            },
        })
    }

    /// `is`: one item and its type.
    pub(super) fn is(&self, items: &[Item<'a>], of: &TypeName) -> Outcome<'a> {
        match items {
            [] => Ok(Vec::new()),
            [item] => Ok(vec![Item::Boolean(of.covers(item, self.env.definitions)?)]),
            _ => Err(operators::not_single("'is'", items.len())),
        }
    }

    /// `as`: the items of the type.
    pub(super) fn cast(&self, items: Vec<Item<'a>>, of: &TypeName) -> Outcome<'a> {
        if items.len() > 1 && self.env.as_rule == AsRule::Singleton {
            return Err(operators::not_single("'as'", items.len()));
        }
        self.of_type(items, of)
    }

    /// `ofType`: the items of the type, however many.
    pub(super) fn of_type(&self, items: Vec<Item<'a>>, of: &TypeName) -> Outcome<'a> {
        let mut kept = Vec::with_capacity(items.len());
        for item in items {
            if of.selects(&item, self.env.definitions)? {
                kept.push(item);
            }
        }
        Ok(kept)
    }

    /// Appends what is not there yet, by equality.
    pub(super) fn push_distinct(
        &self,
        all: &mut Vec<Item<'a>>,
        more: Vec<Item<'a>>,
    ) -> Result<(), FhirPathError> {
        for item in more {
            if !self.contains(all, &item)? {
                all.push(item);
            }
        }
        self.check_size(all.len())
    }

    /// Whether an equal item is among them.
    pub(super) fn contains(
        &self,
        items: &[Item<'a>],
        item: &Item<'a>,
    ) -> Result<bool, FhirPathError> {
        for other in items {
            if operators::equal_items(self, other, item)? == Some(true) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    pub(super) fn spend_steps(&self, steps: usize) -> Result<(), FhirPathError> {
        self.spend(
            u64::try_from(steps)
                .unwrap_or(u64::MAX)
                .saturating_mul(STEP),
        )
    }

    /// Pays for text made or searched.
    pub(super) fn spend_text(&self, bytes: usize) -> Result<(), FhirPathError> {
        self.spend(u64::try_from(bytes).unwrap_or(u64::MAX) / BYTES_PER_UNIT)
    }

    pub(super) fn spend(&self, units: u64) -> Result<(), FhirPathError> {
        match self.budget.get().checked_sub(units) {
            Some(rest) => {
                self.budget.set(rest);
                self.heed(units)
            }
            None => Err(FhirPathError::limit(format!(
                "expected at most {} steps of evaluation, found more",
                self.env.limits.steps
            ))),
        }
    }

    /// Asks now and then whether to stop.
    fn heed(&self, units: u64) -> Result<(), FhirPathError> {
        let Some(stop) = self.env.stop else {
            return Ok(());
        };
        if let Some(rest) = self.patience.get().checked_sub(units) {
            self.patience.set(rest);
            return Ok(());
        }
        self.patience.set(PATIENCE);
        if stop() {
            return Err(FhirPathError::limit(
                "expected an expression that is evaluated in time, found one that takes too long",
            ));
        }
        Ok(())
    }

    /// Keeps what `trace()` tells, where somebody wants to know.
    pub(super) fn keep_trace(&self, name: &str, items: &[Item<'a>]) -> Result<(), FhirPathError> {
        self.spend_steps(items.len())?;
        self.traces.borrow_mut().push(Trace {
            name: name.to_owned(),
            items: items.to_vec(),
        });
        Ok(())
    }

    pub(super) fn check_size(&self, items: usize) -> Result<(), FhirPathError> {
        if items > self.env.limits.items {
            return Err(FhirPathError::limit(format!(
                "expected at most {} items in a collection, found {items}",
                self.env.limits.items
            )));
        }
        Ok(())
    }
}

/// A literal of the tree as an item that borrows from it.
fn literal<'a>(item: &'a Item<'static>) -> Item<'a> {
    match item {
        Item::String(text) => Item::text(text.as_ref()),
        other => other.clone(),
    }
}
