//! `repro.sh`: the test in the image that failed, as one command.

use std::fmt::Write as _;

use super::plan::comment;
use super::{Framework, Made};
use crate::model::Bundle;

/// The script. `repo` is where the repository lies when it is run from the folder that the script is in.
#[must_use]
pub fn script(bundle: &Bundle, made: &Made) -> String {
    let path = quoted(&made.about.path.display().to_string());
    let folder = made.about.path.parent().map(|folder| folder.display().to_string()).unwrap_or_default();
    let name = quoted(&made.about.name);
    let run = match made.about.framework {
        Framework::Pytest => format!("python3 -m pytest -q {path}"),
        Framework::Vitest => format!("npx --no-install vitest run {path}"),
        Framework::Jest => format!("npx --no-install jest --runTestsByPath {path}"),
        Framework::Go => {
            let race = if made.about.race { "-race " } else { "" };
            format!("go test {race}-count=1 -run ^{}$ {}", made.about.name, quoted(&format!("./{folder}")))
        }
        Framework::Junit => format!("mvn --batch-mode test -Dtest={name}"),
        Framework::Cargo => format!("cargo test --test {name}"),
    };
    let mut text = String::from("#!/bin/sh\n");
    let mut line = |said: &str| writeln!(text, "{said}").unwrap_or_default();
    line(&format!("# Reproduces {}: {}", comment(&bundle.incident.id), comment(&bundle.incident.summary)));
    line(
        "# Usage: repro.sh REPOSITORY TEST-FILE. It checks the commit out beside it, puts the test there, and runs it without network.",
    );
    line("set -eu");
    line("repo=$(cd \"$1\" && pwd)");
    line("test=$(cd \"$(dirname \"$2\")\" && pwd)/$(basename \"$2\")");
    line("work=$(mktemp -d)");
    line("trap 'rm -rf \"$work\"' EXIT");
    line("git clone --quiet --no-checkout \"$repo\" \"$work/tree\"");
    line(&format!("git -C \"$work/tree\" checkout --quiet --detach {}", quoted(&made.commit)));
    line(&format!("mkdir -p \"$work/tree/\"{}", quoted(&folder)));
    line(&format!("cp \"$test\" \"$work/tree/\"{path}"));
    line("cd \"$work/tree\"");
    match &bundle.repro.image {
        Some(image) => {
            line(
                "# The image that failed. It has to hold what the tests need; what is missing is installed by SETUP, with network.",
            );
            line(&format!("image=${{IMAGE:-{}}}", quoted(image)));
            let docker = "docker run --rm -v \"$work/tree:/work\" -w /work --entrypoint sh";
            line(&format!("[ -z \"${{SETUP:-}}\" ] || {{ {docker} \"$image\" -c \"$SETUP\"; }}"));
            line(&format!("{docker} --network none \"$image\" -c {}", quoted(&run)));
        }
        None => {
            line("# The bundle does not name the image that failed: this runs on this machine.");
            line("[ -z \"${SETUP:-}\" ] || sh -c \"$SETUP\"");
            line(&run);
        }
    }
    text
}

/// In single quotes, as POSIX has it.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
