//! Is the node well? Counters for Prometheus; no identifiers, few labels (LEAK-53).

pub mod counters;
