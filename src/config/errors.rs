//! Everything that is wrong with a configuration, each with its file and line.

use std::fmt;
use std::sync::Arc;

use super::Problem;
use super::tree::Place;

/// A problem and where it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) at: Option<Place>,
    pub(super) problem: Problem,
}

impl Fault {
    pub(super) fn at(place: &Place, problem: Problem) -> Self {
        Self { at: Some(place.clone()), problem }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.at {
            write!(f, "{place}: ")?;
        }
        if !self.problem.path.is_empty() {
            write!(f, "{}: ", self.problem.path)?;
        }
        f.write_str(&self.problem.message)?;
        if let Some(instead) = &self.problem.instead {
            write!(f, "; {instead}")?;
        }
        Ok(())
    }
}

/// Everything that is wrong with a configuration: a line for each problem, `file:line:column: key: what; what instead`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigErrors(Vec<Fault>);

impl ConfigErrors {
    /// In the order of the lines that they stand on.
    pub(super) fn new(mut faults: Vec<Fault>) -> Self {
        faults.sort_by_key(|fault| fault.at.as_ref().map(|at| (Arc::clone(&at.source), at.line, at.column)));
        Self(faults)
    }

    /// The problems, in the order of their lines.
    pub fn problems(&self) -> impl Iterator<Item = &Problem> {
        self.0.iter().map(|fault| &fault.problem)
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, fault) in self.0.iter().enumerate() {
            if number > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{fault}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}
