//! Who is let in, and how much of what: the gate, development mode, the limits of input.

mod dev;
mod gate;
mod limits;
mod peers;
mod startup;
