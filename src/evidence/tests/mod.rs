//! Scenarios of whole traces, and of the parts.

mod alerts;
mod assembly;
mod baggage;
mod environment;
mod files;
mod kinds;
mod locals;
mod parts;
mod repetition;
mod seeds;
mod stacks;
mod suspects;
mod symbols;
mod world;
