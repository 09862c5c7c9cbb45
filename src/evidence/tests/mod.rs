//! Scenarios of whole traces, and of the parts.

mod assembly;
mod kinds;
mod locals;
mod parts;
mod repetition;
mod stacks;
mod suspects;
mod world;
