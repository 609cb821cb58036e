//! Facts that a database knows about itself, shared by all processes that use it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

use super::connection::AnyConnection;
use super::sql::Sql;
use crate::error::{Error, Kind, Result};
use crate::ids::random_bytes;

/// The stamp that tells a database of synthetic data from a real one (DEV-05).
const STAMP: &str = "stamp";

/// The value of a setting.
pub fn get(connection: &mut AnyConnection, name: &str) -> Result<Option<String>> {
    let found = Sql::<Text>::new("SELECT value FROM setting WHERE name = ")
        .bind_text(name.to_owned())
        .get_result(connection)
        .optional()?;
    Ok(found)
}

/// Enters a setting that is not there yet, and returns what is there now.
pub fn get_or_insert(connection: &mut AnyConnection, name: &str, value: &str) -> Result<String> {
    Sql::<()>::new("INSERT INTO setting (name, value) VALUES (")
        .bind_text(name.to_owned())
        .push(", ")
        .bind_text(value.to_owned())
        .push(") ON CONFLICT (name) DO NOTHING")
        .execute(connection)?;
    get(connection, name)?.ok_or_else(|| Error::internal("a setting that was entered is not there"))
}

/// The key of index hashes.
pub const INDEX_KEY: &str = "index-key";

/// A key that was made before.
pub fn existing_key(connection: &mut AnyConnection, name: &str) -> Result<Option<[u8; 32]>> {
    get(connection, name)?.as_deref().map(decoded).transpose()
}

/// A random key of 32 bytes, made by the process that asks first.
pub fn key(connection: &mut AnyConnection, name: &str) -> Result<[u8; 32]> {
    let fresh = STANDARD.encode(random_bytes::<32>()?);
    let text = get_or_insert(connection, name, &fresh)?;
    decoded(&text)
}

fn decoded(text: &str) -> Result<[u8; 32]> {
    STANDARD
        .decode(text)
        .ok()
        .and_then(|bytes| <[u8; 32]>::try_from(bytes).ok())
        .ok_or_else(|| Error::internal("a key in the database is damaged"))
}

/// Stamps an empty database as synthetic or real, and refuses one of the other kind (DEV-05).
pub fn check_stamp(connection: &mut AnyConnection, dev: bool) -> Result<()> {
    let wanted = if dev { "dev" } else { "production" };
    if get(connection, STAMP)?.is_none() && !is_empty(connection)? {
        // Data without a stamp is not known to be synthetic.
        get_or_insert(connection, STAMP, "production")?;
    }
    let found = get_or_insert(connection, STAMP, wanted)?;
    if found == wanted {
        return Ok(());
    }
    Err(Error::of(
        Kind::Invalid,
        if dev {
            "--dev works over synthetic data only: expected a database made with --dev or an empty one, found a production database"
        } else {
            "expected a production database or an empty one, found one made with --dev"
        },
    ))
}

const INDEX_FORMAT: &str = "index-format";

/// Whether the index has this format. An empty database takes it up.
pub fn index_format(connection: &mut AnyConnection, format: u8) -> Result<bool> {
    let wanted = format.to_string();
    if get(connection, INDEX_FORMAT)?.is_none() && !is_empty(connection)? {
        return Ok(false);
    }
    Ok(get_or_insert(connection, INDEX_FORMAT, &wanted)? == wanted)
}

/// Says that the index is not whole.
pub fn forget_index_format(connection: &mut AnyConnection) -> Result<()> {
    Sql::<()>::new("DELETE FROM setting WHERE name = ")
        .bind_text(INDEX_FORMAT.to_owned())
        .execute(connection)?;
    Ok(())
}

/// Says that the index has this format now.
pub fn set_index_format(connection: &mut AnyConnection, format: u8) -> Result<()> {
    forget_index_format(connection)?;
    get_or_insert(connection, INDEX_FORMAT, &format.to_string())?;
    Ok(())
}

/// Whether nothing was ever written.
pub fn is_empty(connection: &mut AnyConnection) -> Result<bool> {
    let first = Sql::<BigInt>::new("SELECT pk FROM resource LIMIT 1")
        .get_result::<i64>(connection)
        .optional()?;
    Ok(first.is_none())
}
