//! Statements as constant text and bound values.
//!
//! The text is `&'static str` by type, so that nothing a caller sent can ever become SQL (IN-25).
//! Placeholders are written by Diesel, each database in its own way, which lets one statement
//! serve both.

use std::marker::PhantomData;

use diesel::backend::Backend;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::serialize::ToSql;
use diesel::sql_types::{BigInt, Binary, Bool, HasSqlType, Nullable, Text};

#[derive(Clone)]
enum Piece {
    Push(&'static str),
    /// An alias: a letter and a number.
    Alias(char, u32),
    Int(i64),
    Text(String),
    Blob(Vec<u8>),
    MaybeBlob(Option<Vec<u8>>),
    Bool(bool),
}

/// A statement whose rows have the SQL type `ST`.
pub struct Sql<ST> {
    pieces: Vec<Piece>,
    cached: bool,
    rows: PhantomData<ST>,
}

// By hand: the rows need not be cloned.
impl<ST> Clone for Sql<ST> {
    fn clone(&self) -> Self {
        Self {
            pieces: self.pieces.clone(),
            cached: self.cached,
            rows: PhantomData,
        }
    }
}

impl<ST> Sql<ST> {
    pub fn new(text: &'static str) -> Self {
        Self {
            pieces: vec![Piece::Push(text)],
            cached: true,
            rows: PhantomData,
        }
    }

    /// For statements whose text varies with the number of values: not kept prepared.
    pub fn uncached(mut self) -> Self {
        self.cached = false;
        self
    }

    pub fn push(mut self, text: &'static str) -> Self {
        self.pieces.push(Piece::Push(text));
        self
    }

    /// Appends an alias, `t3`.
    pub fn alias(mut self, letter: char, number: u32) -> Self {
        self.pieces.push(Piece::Alias(letter, number));
        self
    }

    /// Appends the pieces of another statement.
    pub fn append<Other>(mut self, other: Sql<Other>) -> Self {
        self.pieces.extend(other.pieces);
        self
    }

    pub fn bind(mut self, value: i64) -> Self {
        self.pieces.push(Piece::Int(value));
        self
    }

    pub fn bind_text(mut self, value: String) -> Self {
        self.pieces.push(Piece::Text(value));
        self
    }

    pub fn bind_blob(mut self, value: Vec<u8>) -> Self {
        self.pieces.push(Piece::Blob(value));
        self
    }

    pub fn bind_maybe_blob(mut self, value: Option<Vec<u8>>) -> Self {
        self.pieces.push(Piece::MaybeBlob(value));
        self
    }

    pub fn bind_bool(mut self, value: bool) -> Self {
        self.pieces.push(Piece::Bool(value));
        self
    }

    /// Appends `(?, ?, …)`; an empty list becomes `(NULL)`, which matches nothing.
    pub fn bind_list(mut self, values: &[i64]) -> Self {
        if values.is_empty() {
            return self.push("(NULL)");
        }
        let mut separator = "(";
        for value in values {
            self = self.push(separator).bind(*value);
            separator = ", ";
        }
        self.push(")")
    }

    /// Appends what `each` builds for every item, with commas between.
    pub fn each<T>(
        mut self,
        items: impl IntoIterator<Item = T>,
        each: impl Fn(Self, T) -> Self,
    ) -> Self {
        for (index, item) in items.into_iter().enumerate() {
            if index > 0 {
                self = self.push(", ");
            }
            self = each(self, item);
        }
        self
    }
}

impl<ST> Query for Sql<ST> {
    type SqlType = ST;
}

impl<ST> QueryId for Sql<ST> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<ST, Conn> RunQueryDsl<Conn> for Sql<ST> {}

impl<ST, DB> QueryFragment<DB> for Sql<ST>
where
    DB: Backend
        + HasSqlType<BigInt>
        + HasSqlType<Text>
        + HasSqlType<Binary>
        + HasSqlType<Nullable<Binary>>
        + HasSqlType<Bool>,
    i64: ToSql<BigInt, DB>,
    String: ToSql<Text, DB>,
    Vec<u8>: ToSql<Binary, DB>,
    Option<Vec<u8>>: ToSql<Nullable<Binary>, DB>,
    bool: ToSql<Bool, DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        if !self.cached {
            out.unsafe_to_cache_prepared();
        }
        for piece in &self.pieces {
            match piece {
                Piece::Push(text) => out.push_sql(text),
                Piece::Alias(letter, number) => {
                    // From the planner, never from a request.
                    out.push_sql(letter.encode_utf8(&mut [0; 4]));
                    out.push_sql(&number.to_string());
                }
                Piece::Int(value) => out.push_bind_param::<BigInt, _>(value)?,
                Piece::Text(value) => out.push_bind_param::<Text, _>(value)?,
                Piece::Blob(value) => out.push_bind_param::<Binary, _>(value)?,
                Piece::MaybeBlob(value) => out.push_bind_param::<Nullable<Binary>, _>(value)?,
                Piece::Bool(value) => out.push_bind_param::<Bool, _>(value)?,
            }
        }
        Ok(())
    }
}
