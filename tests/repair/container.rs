//! In a container: tests and agents by `--container`, and the script that reproduces a failure in its image. No engine is needed: a program in
//! the place of `docker` writes down what it was told, and runs the command as a container would, with no variable but those that it was given.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Output};

use crate::agent::recorded;
use crate::example::{Example, json, said};
use crate::flask;
use crate::service::installed;
use crate::support::casefile;

const DIGEST: &str = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
const CONTAINER: &str = "docker run --rm --network none {env} -v {work}:{work} -w {dir} shop:1";

/// The place of `docker`; `$LOG` and `$BIN` are filled in.
const DOCKER: &str = r#"#!/bin/sh
printf '%s\n' "$@" -- >>LOG
[ "$1" = run ] || exit 90
shift
set_to=
while :; do
  case $1 in
    --rm) shift ;;
    --network) shift 2 ;;
    -e) eval "set_to=\"\$set_to $2=\$$2\""; shift 2 ;;
    -v) volume=$2; shift 2 ;;
    -w) folder=$2; shift 2 ;;
    --entrypoint) entry=$2; shift 2 ;;
    -*) exit 91 ;;
    *) break ;;
  esac
done
shift
here=${volume%%:*}
there=${volume#*:}
cd "$here${folder#"$there"}" || exit 92
exec env -i PATH="BIN:$PATH" $set_to $entry "$@"
"#;

/// The failure with the image that it ran in, and the program in the place of docker.
fn example() -> Example {
    let image = format!(
        "{{\"key\":\"container.image.name\",\"value\":{{\"stringValue\":\"registry.example.org/checkout\"}}}},\
         {{\"key\":\"container.image.repo_digests\",\"value\":{{\"arrayValue\":{{\"values\":[{{\"stringValue\":\"registry.example.org/checkout@{DIGEST}\"}}]}}}}}},"
    );
    let at = "{\"key\":\"service.version\"";
    let example = recorded(|recording| recording.replace(at, &format!("{image}{at}")));
    let bin = example.file("bin");
    fs::create_dir(&bin).unwrap();
    let python = installed("repair-python/bin");
    let text = DOCKER.replace("LOG", &log(&example)).replace("BIN", &python.display().to_string());
    fs::write(bin.join("docker"), text).unwrap();
    fs::set_permissions(bin.join("docker"), fs::Permissions::from_mode(0o755)).unwrap();
    let done =
        example.casefile(&["test", "make", "bundle.json", "--repo", "repo", "--out", "made", "--script", "repro.sh"]);
    assert_eq!(done.status.code(), Some(0), "{}", said(&done));
    example
}

fn log(example: &Example) -> String {
    example.file("docker.log").display().to_string()
}

fn with_docker(example: &Example, command: &mut Command) -> Output {
    let path = format!("{}:{}", example.file("bin").display(), std::env::var("PATH").unwrap());
    command.env("PATH", path).output().unwrap()
}

#[test]
fn tests_and_agents_run_in_the_container_with_the_variables_that_are_theirs() {
    let example = example();
    let run = |arguments: &[&str]| {
        let mut command = casefile::command(&example.file(""));
        command.args(arguments).args([
            "--repo",
            "repo",
            "--test",
            "made",
            "--runs",
            "1",
            "--container",
            CONTAINER,
            "--json",
        ]);
        with_docker(&example, command.args(["--runner", "python3 -m pytest"]))
    };
    let verified = run(&["test", "verify", "bundle.json"]);
    assert!(verified.status.success(), "{}", said(&verified));
    assert_eq!(json(&verified)["sandbox"], "the container command that was given");
    let told = fs::read_to_string(log(&example)).unwrap();
    assert!(told.starts_with("run\n--rm\n--network\nnone\n-e\n"), "{told}");
    assert!(
        told.contains("\n-e\nPYTHONHASHSEED\n") && told.contains("\nshop:1\ntimeout\n-s\nKILL\n301\npython3\n"),
        "{told}"
    );

    fs::write(example.repo().join(".git/fix.diff"), flask::fix(&example)).unwrap();
    let agent = format!("test -s \"$CASEFILE_PROMPT\" || exit 9; git apply {}/.git/fix.diff", example.repo().display());
    let repaired = run(&["repair", "--agent", &agent, "--bundle", "bundle.json", "--no-suite", "--out", "best.diff"]);
    assert!(repaired.status.success(), "{}", said(&repaired));
    assert_eq!(json(&repaired)["attempts"][0]["exit"], 0, "the agent finds its prompt");
    assert_eq!(fs::read_to_string(example.file("best.diff")).unwrap(), flask::fix(&example));
}

#[test]
fn the_script_reproduces_the_failure_in_the_image_that_failed() {
    let example = example();
    let script = |setup: &str| {
        let mut command = Command::new("sh");
        command.args(["repro.sh", "repo", "made"]).current_dir(example.file("")).env("SETUP", setup);
        with_docker(&example, &mut command)
    };
    let done = script("");
    assert_eq!(done.status.code(), Some(1), "{}", said(&done));
    assert!(said(&done).contains("ValueError") && said(&done).contains("1 failed"), "{}", said(&done));
    let told = fs::read_to_string(log(&example)).unwrap();
    let image = format!("\n--network\nnone\nregistry.example.org/checkout@{DIGEST}\n-c\n");
    assert!(
        told.starts_with("run\n--rm\n-v\n") && told.contains(&image) && told.matches("--\n").count() == 1,
        "{told}"
    );

    // What the image lacks is installed before, with the network.
    assert_eq!(script("touch installed").status.code(), Some(1));
    let told = fs::read_to_string(log(&example)).unwrap();
    assert!(told.contains(&format!("checkout@{DIGEST}\n-c\ntouch installed\n--\n")), "{told}");
    assert_eq!(example.git(&["status", "--porcelain"]), "", "the repository is as it was");
}
