//! The workload group `search`: searches over FSE-shaped data of a chosen scale.

mod answer;
mod load;
mod measure;
mod queries;
mod report;
mod shape;
mod texts;

use std::sync::Arc;

use crate::prepare::Context;
use crate::process::Watched;
use crate::runner::Measured;
use queries::{SEARCHES, Search};
use shape::Shape;

/// Loads the data unless it is there, and measures the chosen searches.
pub fn run(context: &Context, server: &Watched) -> Result<Vec<Measured>, String> {
    let args = &context.args;
    let chosen = chosen(&args.search)?;
    let documents = args.scale.ok_or("search needs --scale")?;
    let shape = Arc::new(Shape::new(args.seed, documents, args.patients));
    load::load(context, &shape)?;
    let mut rows = Vec::new();
    report::print_heading();
    for search in chosen {
        for clients in &args.search_clients {
            let data = (&context.target, &shape);
            let row = measure::measure(args, data, search, *clients, server)?;
            report::print_row(&row);
            rows.push(row);
        }
    }
    report::print_markdown(&rows);
    Ok(rows)
}

/// The searches of these names, in this order; all when there are no names.
fn chosen(names: &[String]) -> Result<Vec<&'static Search>, String> {
    if names.is_empty() {
        return Ok(SEARCHES.iter().collect());
    }
    let by_name = |name: &String| {
        let found = SEARCHES.iter().find(|search| search.name == name);
        found.ok_or_else(|| {
            let known: Vec<&str> = SEARCHES.iter().map(|search| search.name).collect();
            format!("no search {name}; expected one of {}", known.join(", "))
        })
    };
    names.iter().map(by_name).collect()
}
