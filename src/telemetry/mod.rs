//! Casefile's own telemetry: metric names in one place, its logs, its probes, and the one clock of the program.

pub mod admin;
mod clock;
pub mod logs;
pub mod metrics;
pub mod names;
pub mod otlp;
mod readiness;

pub use clock::{Clock, SteadyClock, SystemClock};
pub use readiness::Readiness;
