//! What goes wrong between a member, its brokers and its store, and what must come of it.

mod brokers;
mod members;
mod stores;
mod topics;
