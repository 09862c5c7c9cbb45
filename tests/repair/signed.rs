//! A commit that GnuPG signs, with a key that the test makes.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::agent::recorded;
use crate::example::said;
use crate::flask;
use crate::support::casefile;

/// A key ring; its agent ends with it.
struct Ring<'a>(&'a Path);

impl Ring<'_> {
    fn gpg(&self, arguments: &[&str]) -> String {
        let output = Command::new("gpg").arg("--batch").args(arguments).env("GNUPGHOME", self.0).output().unwrap();
        assert!(output.status.success(), "{}", said(&output));
        String::from_utf8(output.stdout).unwrap()
    }
}

impl Drop for Ring<'_> {
    fn drop(&mut self) {
        drop(Command::new("gpgconf").args(["--kill", "all"]).env("GNUPGHOME", self.0).output());
    }
}

#[test]
fn a_commit_is_signed_by_a_key_of_gnupg_and_by_none_that_is_not_there() {
    let example = recorded(|recording| recording);
    let folder = example.file("gnupg");
    fs::create_dir(&folder).unwrap();
    fs::set_permissions(&folder, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    let ring = Ring(&folder);
    ring.gpg(&["--passphrase", "", "--quick-generate-key", "Ada <ada@example.test>", "ed25519", "sign", "never"]);
    let listed = ring.gpg(&["--list-secret-keys", "--with-colons"]);
    let key = listed.lines().find_map(|line| line.strip_prefix("fpr:")).unwrap().trim_matches(':').to_owned();

    fs::write(example.file("patch.diff"), flask::fix(&example)).unwrap();
    let check = |branch: &str, key: &str| {
        let mut command = casefile::command(&example.file(""));
        command.args([
            "patch",
            "check",
            "patch.diff",
            "--bundle",
            "bundle.json",
            "--repo",
            "repo",
            "--runs",
            "1",
            "--no-suite",
        ]);
        command.args([
            "--runner",
            &flask::runner(),
            "--author",
            "Ada <ada@example.test>",
            "--branch",
            branch,
            "--sign-with",
            key,
        ]);
        command.env("GNUPGHOME", &folder).output().unwrap()
    };
    let done = check("casefile/fix", &key);
    assert!(done.status.success(), "{}", said(&done));
    let shown = |format: &str| {
        let mut git = Command::new("git");
        git.args(["log", "-1", &format!("--format={format}"), "casefile/fix"]).current_dir(example.repo());
        String::from_utf8(git.env("GNUPGHOME", &folder).output().unwrap().stdout).unwrap().trim().to_owned()
    };
    assert_eq!(shown("%G? %GF %an"), format!("G {key} Ada"));

    let none = check("casefile/other", "0123456789ABCDEF0123456789ABCDEF01234567");
    assert_eq!(none.status.code(), Some(1), "{}", said(&none));
    assert_eq!(example.git(&["branch", "--list", "casefile/other"]), "", "what is not signed is not committed");
}
