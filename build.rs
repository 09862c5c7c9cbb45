//! Compiles `proto/` with protox, so that no protoc is needed on the user's machine.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=proto");
    let files = ["proto/casefile/v1/query.proto", "proto/casefile/v1/event.proto"];
    let descriptors = protox::compile(files, ["proto"])?;
    let out = std::path::PathBuf::from(std::env::var("OUT_DIR")?);
    tonic_prost_build::configure()
        .file_descriptor_set_path(out.join("casefile_descriptor.bin"))
        .compile_fds(descriptors)?;
    Ok(())
}
