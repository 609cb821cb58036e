//! What an operator sees and does: health, figures, logs, configuration, packages, the end.

mod config;
mod health;
mod logs;
mod packages;
mod shutdown;
