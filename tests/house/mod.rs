//! What the house rules need to read: the plan, source files and migrations.

pub mod migrations;
pub mod plan;
pub mod source;
