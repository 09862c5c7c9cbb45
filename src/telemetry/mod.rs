//! Casefile's own telemetry: metric names in one place, its logs, its probes, and the one clock of the program.

mod clock;
pub mod names;

pub use clock::{Clock, SystemClock};
