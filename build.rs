//! Compiles `proto/` with protox, so that no protoc is needed on the user's machine.

use prost::Message as _;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=proto");
    let files = ["proto/casefile/v1/query.proto", "proto/casefile/v1/event.proto"];
    let descriptors = protox::compile(files, ["proto"])?;
    let out = std::path::PathBuf::from(std::env::var("OUT_DIR")?);
    // For gRPC reflection.
    std::fs::write(out.join("casefile_descriptor.bin"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure()
        .type_attribute("casefile.v1.BundleEvent", "#[derive(serde::Serialize)]")
        .compile_fds(descriptors)?;
    Ok(())
}
