//! Scenarios of whole traces, and of the parts.

mod assembly;
mod parts;
mod repetition;
mod tracebacks;
mod world;
