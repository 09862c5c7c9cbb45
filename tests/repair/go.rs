//! `go-http`: a cache that is refreshed while a request reads it.

use std::process::Command;

use crate::example::Example;
use crate::service::{Service, installed};
use crate::support::http;

const CACHE: &str = "profiles.go";
const REFRESH: &str = "\tclear(c.profiles)\n\ttime.Sleep(sourceTakes)\n\tfor id, found := range source() {\n\t\tc.profiles[id] = found\n\t}\n";

/// The known fix: what is read is never written, and who is unknown is not found.
const FIX: [(&str, &str, Option<&str>); 5] = [
    (CACHE, "import (\n\t\"fmt\"", Some("import (\n\t\"fmt\"\n\t\"sync\"")),
    (CACHE, "type cache struct {\n", Some("type cache struct {\n\tmutex    sync.RWMutex\n")),
    (
        CACHE,
        REFRESH,
        Some(
            "\ttime.Sleep(sourceTakes)\n\tfresh := source()\n\tc.mutex.Lock()\n\tdefer c.mutex.Unlock()\n\tc.profiles = fresh\n",
        ),
    ),
    (
        CACHE,
        "\tfound := c.profiles[id]\n\treturn strings.TrimSpace(found.name)\n",
        Some(
            "\tc.mutex.RLock()\n\tdefer c.mutex.RUnlock()\n\tfound := c.profiles[id]\n\tif found == nil {\n\t\treturn \"\"\n\t}\n\treturn strings.TrimSpace(found.name)\n",
        ),
    ),
    (
        CACHE,
        "\t\tfmt.Fprintln(answer, c.displayName(id))\n",
        Some(
            "\t\tname := c.displayName(id)\n\t\tif name == \"\" {\n\t\t\thttp.NotFound(answer, request)\n\t\t\treturn\n\t\t}\n\t\tfmt.Fprintln(answer, name)\n",
        ),
    ),
];

#[test]
fn a_race_in_go_becomes_a_test_under_the_detector_that_the_fix_alone_passes() {
    // What setup compiled is used again, which wants the same options.
    let cache = Command::new("go").args(["env", "GOCACHE", "GOMODCACHE"]).output().unwrap();
    let cache = String::from_utf8(cache.stdout).unwrap();
    let mut folders = cache.lines();
    let (compiled, modules) = (folders.next().unwrap(), folders.next().unwrap());
    let real = Command::new("sh").args(["-c", "command -v go"]).output().unwrap();
    let real = String::from_utf8(real.stdout).unwrap();
    let options = ["--cache".to_owned(), compiled.to_owned()];
    let example = Example::new(&["e2e/go-http", "repair/go"], &options);
    // In a folder that tests see: their `/tmp` is an empty one.
    let go = example.repo().join(".git/go");
    let script = format!(
        "#!/bin/sh\nexport GOCACHE={compiled} GOMODCACHE={modules} GOFLAGS=-trimpath GOPROXY=off CGO_ENABLED=1\nexec {} \"$@\"\n",
        real.trim()
    );
    std::fs::write(&go, script).unwrap();
    std::fs::set_permissions(&go, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let example = example.with_runner(&go);

    let bundle = example.fail(|port, folder| {
        let mut command = Command::new(installed("tools/bin/casefile-test-profiles"));
        command.env("GORACE", format!("exitcode=0 log_path={}", folder.join("race").display()));
        let profiles = Service::start_at("profiles", command, port, &example.head());
        assert_eq!(http::get(profiles.port, "/profiles/cust-17").unwrap().text(), "Ada\n");
        assert_eq!(http::post_json(profiles.port, "/refresh", b"").unwrap().status, 202);
        let mut answers = (0..1000).map(|_| http::get(profiles.port, "/profiles/cust-17").unwrap());
        let failed = answers.find(|answer| answer.status == 500).expect("the refresh empties the cache");
        profiles.end();
        failed.header("X-Trace-Id").unwrap().to_owned()
    });
    assert_eq!(bundle["commit_sha"], example.head().as_str());

    let made = example.make_and_verify();
    assert_eq!((&made["framework"], &made["race"]), (&"go".into(), &true.into()));
    let text = std::fs::read_to_string(example.file("made")).unwrap();
    assert!(text.contains("go argument0.refresh()"), "what raced with the request runs beside it:\n{text}");
    example.accepts(&example.diff(&FIX), &[]);

    let with = |edit: (&str, &str, Option<&str>)| {
        let mut edits = FIX.to_vec();
        edits.push((edit.0, edit.1, edit.2));
        example.diff(&edits)
    };
    example.refuses("test_deleted", &with(("profiles_test.go", "", None)));
    example.refuses(
        "unrelated_file",
        &with(("telemetry.go", "// end sends everything", Some("// end: sends everything"))),
    );
    example.refuses("dependency", &with(("go.mod", "require (\n", Some("require (\n\tgolang.org/x/sync v0.20.0\n"))));
    example.refuses("size", &with((CACHE, "", Some(&"// more\n".repeat(200)))));
    // No refresh, no race; who is not there has no name.
    let mut silence = FIX.to_vec();
    silence[2] = (CACHE, REFRESH, Some("\ttime.Sleep(0)\n"));
    let verdict = example.refuses("suite_broken", &example.diff(&silence));
    let broken = verdict["findings"][0]["message"].as_str().unwrap();
    assert!(broken.contains("TestRefreshBringsProfiles"), "{broken}");
    example.refuses("empty", "");
}
