//! The messages and services of `proto/casefile/v1`, generated at build time.

#![allow(missing_docs, unreachable_pub, clippy::all, reason = "generated code")]

tonic::include_proto!("casefile.v1");

/// The descriptors of the package, for gRPC reflection.
pub const DESCRIPTOR: &[u8] = tonic::include_file_descriptor_set!("casefile_descriptor");
