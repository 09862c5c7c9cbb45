//! Scenarios of whole traces, and of the parts.

mod assembly;
mod kinds;
mod parts;
mod repetition;
mod suspects;
mod tracebacks;
mod world;
