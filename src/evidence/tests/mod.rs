//! Scenarios of whole traces, and of the parts.

mod assembly;
mod parts;
mod stacks;
mod world;
