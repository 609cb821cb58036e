//! Puts the search data into the server, once.
//!
//! Transactions of PUT with ids fixed by the number of the resource, a few at a time, each made
//! when it is sent: the generator holds only those on their way. A `Basic` resource written at
//! the end tells later runs that all of it is there; a run that broke off is simply repeated.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::shape::Shape;
use super::texts::{KINDS, Kind};
use crate::client::Connection;
use crate::prepare::Context;
use crate::resources::{SYSTEM, transaction};

/// Entries of a transaction: large enough that its own cost does not count.
const BUNDLE: usize = 200;
const LOADERS: usize = 4;
const MARKER: &str = "Basic/bench-data";
/// How long the question for the marker may take.
const LIMIT: Duration = Duration::from_secs(30);

/// Makes sure that the server holds the data of `shape`.
pub fn load(context: &Context, shape: &Shape) -> Result<(), String> {
    let wanted = description(shape);
    match marker(context)? {
        Some(found) if found == wanted => {
            println!("search data is there: {wanted}");
            return Ok(());
        }
        Some(found) => {
            return Err(format!(
                "the server holds other search data ({found}, wanted {wanted}): take an empty database"
            ));
        }
        None => {}
    }
    let begun = Instant::now();
    for kind in KINDS {
        let bundles = kind.count(shape).div_ceil(BUNDLE);
        context.write_all(
            kind.name(),
            (bundles, LOADERS),
            |number| {
                let body = bundle(shape, kind, number);
                context.target.send("POST", "", "", &body)
            },
            |_| Ok(()),
        )?;
    }
    let seconds = begun.elapsed().as_secs_f64();
    let resources = u32::try_from(shape.resources()).unwrap_or(u32::MAX);
    println!(
        "search data loaded: {wanted}; {resources} resources in {seconds:.1} s, {:.0}/s",
        f64::from(resources) / seconds.max(0.001),
    );
    let body = format!(
        r#"{{"resourceType":"Basic","id":"bench-data","identifier":[{{"system":"{SYSTEM}","value":"{wanted}"}}],"code":{{"text":"search data"}}}}"#
    );
    let put = |_| context.target.send("PUT", MARKER, "", &body);
    context.write_all("marker", (1, 1), put, |_| Ok(()))?;
    Ok(())
}

/// What the marker says: equal descriptions mean equal data.
fn description(shape: &Shape) -> String {
    let Shape {
        seed,
        documents,
        patients,
        ..
    } = shape;
    format!("form 1, seed {seed}, {documents} documents, {patients} patients")
}

/// Transaction `number` of the resources of one type.
fn bundle(shape: &Shape, kind: Kind, number: usize) -> String {
    let first = number * BUNDLE;
    let entries: Vec<String> = (first..kind.count(shape).min(first + BUNDLE))
        .map(|number| {
            let resource = kind.text(shape, number);
            let url = kind.reference(number);
            format!(r#"{{"resource":{resource},"request":{{"method":"PUT","url":"{url}"}}}}"#)
        })
        .collect();
    transaction(&entries)
}

fn marker(context: &Context) -> Result<Option<String>, String> {
    let runtime = crate::runner::runtime()?;
    let request = context.target.get(MARKER);
    let mut connection = Connection::new(&context.target.address);
    let call = async { tokio::time::timeout(LIMIT, connection.call(request.as_bytes())).await };
    let answer = runtime
        .block_on(call)
        .map_err(|_| "no answer in time to the question for the marker".to_owned())?
        .map_err(|failure| failure.label())?;
    match answer.status {
        200 => {
            let found: Value = serde_json::from_slice(answer.body).unwrap_or_default();
            let value = found.pointer("/identifier/0/value").and_then(Value::as_str);
            Ok(Some(value.unwrap_or("unmarked").to_owned()))
        }
        404 | 410 => Ok(None),
        status => Err(format!("expected 200 or 404 for {MARKER}, found {status}")),
    }
}
