use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::model::{Decision, TraceId};

const ROOT: &str = "6b1f0c0e5a9d4e2f8b7a6c5d4e3f2a1b0c9d8e7f6a5b4c3d2e1f0a9b8c7d6e5f";
const OTHER: &str = "0000000000000000000000000000000000000000000000000000000000000001";

fn keys(texts: &[&str]) -> Vec<RootKey> {
    texts.iter().map(|text| RootKey::parse(text).unwrap()).collect()
}

fn settings(directory: &Path) -> LogSettings {
    LogSettings { directory: directory.to_owned(), fsync: false, retention: Duration::from_secs(80) }
}

fn open(directory: &Path) -> (WindowLog, Recovery) {
    WindowLog::open(settings(directory), keys(&[ROOT])).unwrap()
}

fn at(seconds: u64) -> Timestamp {
    Timestamp(1_700_000_000_000_000_000).after(Duration::from_secs(seconds))
}

fn append(log: &WindowLog, seconds: u64, body: &[u8]) -> Origin {
    log.append(at(seconds), Signal::Logs, Encoding::Gzip, body).unwrap().origin
}

fn files(directory: &Path) -> Vec<PathBuf> {
    named(directory, FILE)
}

fn named(directory: &Path, prefix: &str) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.file_name().unwrap().to_str().unwrap().starts_with(prefix));
    files.sort();
    files
}

/// The bodies that can be read, and the numbers.
fn recovered(directory: &Path) -> (Vec<Vec<u8>>, RecoveryStats) {
    let (_log, mut recovery) = open(directory);
    let bodies = recovery.by_ref().map(|found| found.unwrap().body).collect();
    (bodies, recovery.stats())
}

/// A file with these requests in it, as bytes, and where each frame ends.
fn written(bodies: &[&[u8]]) -> (Vec<u8>, Vec<usize>) {
    let folder = TempDir::new().unwrap();
    let (log, _) = open(folder.path());
    let mut ends = vec![FILE_HEADER];
    for body in bodies {
        append(&log, 0, body);
        ends.push(usize::try_from(log.bytes()).unwrap());
    }
    (fs::read(&files(folder.path())[0]).unwrap(), ends)
}

#[test]
fn what_was_appended_comes_back_as_it_was_and_in_order() {
    let folder = TempDir::new().unwrap();
    let (log, recovery) = open(folder.path());
    assert_eq!(recovery.count(), 0);
    let held: Vec<_> =
        [(0, "one"), (30, "two"), (60, "")].map(|(when, body)| append(&log, when, body.as_bytes())).into();
    assert_eq!(files(folder.path()).len(), 3, "a file is a tenth of a retention old at most, or so");
    drop((log, held));

    let (log, mut recovery) = open(folder.path());
    assert_eq!(recovery.last_append(), at(60));
    let found: Vec<_> = recovery.by_ref().map(Result::unwrap).collect();
    let bodies: Vec<_> = found.iter().map(|found| found.body.as_slice()).collect();
    assert_eq!(bodies, [b"one".as_slice(), b"two", b""]);
    assert!(found.iter().all(|found| found.signal == Signal::Logs && found.encoding == Encoding::Gzip));
    assert_eq!(found.iter().map(|found| found.arrived).collect::<Vec<_>>(), [at(0), at(30), at(60)]);
    assert_eq!(found.iter().map(|found| found.origin.number).collect::<Vec<_>>(), [0, 1, 2]);
    assert_eq!(append(&log, 61, b"four").number, 3, "numbers go on");
}

#[test]
fn marks_name_the_requests_that_they_speak_for() {
    let folder = TempDir::new().unwrap();
    let (log, _) = open(folder.path());
    let trace = TraceId([7; 16]);
    let origins: Vec<_> = (0..3).map(|second| append(&log, second, b"body")).collect();
    let sampled = Decision::Sampled { policy: "errors".into() };
    origins[0].keeper.settled(trace, &Decision::NotSampled, &[0]);
    origins[0].keeper.settled(trace, &sampled, &[2]);
    log.close(at(3));
    drop((log, origins));

    let (_log, recovery) = open(folder.path());
    let marks = recovery.marks();
    let covered: Vec<_> = (0..4).filter(|number| marks.cover(trace, *number)).collect();
    assert_eq!(covered, [0, 2]);
    assert!(!marks.cover(TraceId([8; 16]), 0));
    assert_eq!(marks.decisions(), [(trace, &sampled)], "never back from sampled");
}

#[test]
fn numbers_that_marks_speak_of_are_not_given_out_again() {
    let folder = TempDir::new().unwrap();
    let (log, _) = open(folder.path());
    let first = append(&log, 0, b"one");
    // The mark is written to a younger file, and outlives the request that it speaks of.
    first.keeper.settled(TraceId([7; 16]), &Decision::NotSampled, &[first.number]);
    log.tidy(at(20));
    drop(first);
    log.tidy(at(21));
    assert_eq!(files(folder.path()).len(), 1);
    drop(log);
    let (log, recovery) = open(folder.path());
    assert!(recovery.marks().cover(TraceId([7; 16]), 0));
    assert_eq!(append(&log, 30, b"two").number, 2, "or it would count as decided: the marks have a number, too");
}

/// A file with `bodies` in it that was used before for `earlier`, as bytes, and where each frame ends.
fn written_again(earlier: &[&[u8]], bodies: &[&[u8]]) -> (Vec<u8>, Vec<usize>) {
    let folder = TempDir::new().unwrap();
    let (log, _) = open(folder.path());
    earlier.iter().for_each(|body| drop(append(&log, 0, body)));
    let held = append(&log, 20, b"in use");
    let before = files(folder.path());
    log.tidy(at(20));
    assert_eq!((files(folder.path()).len(), named(folder.path(), SPARE).len()), (1, 1));
    let mut ends = vec![FILE_HEADER];
    for body in bodies {
        append(&log, 40, body);
        ends.push(ends.last().unwrap() + frame::FRAME_HEADER + body.len() + frame::TAG);
    }
    let (after, spare) = (files(folder.path()), named(folder.path(), SPARE));
    assert!(after.len() == 2 && after[0] == before[1] && spare.is_empty(), "{after:?}, {spare:?}");
    drop(held);
    (fs::read(&after[1]).unwrap(), ends)
}

#[test]
fn a_file_that_nobody_needs_any_more_is_used_again_and_its_earlier_life_is_over() {
    let (bytes, ends) = written_again(&[b"who", b"was", b"here"], &[b"one"]);
    assert!(ends[1] < bytes.len(), "the rest of the earlier life is still there");
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join(name(FILE, 2)), &bytes).unwrap();
    let (bodies, stats) = recovered(folder.path());
    assert_eq!(bodies, [b"one"]);
    assert_eq!((stats.damaged, stats.torn_bytes), (0, 0));
}

#[test]
fn what_an_earlier_life_left_goes_when_a_file_ends() {
    let folder = TempDir::new().unwrap();
    let (log, _) = open(folder.path());
    drop(append(&log, 0, &[b'x'; 1000]));
    let (second, third) = (append(&log, 20, b"two"), append(&log, 40, b"three"));
    log.tidy(at(40));
    let again = append(&log, 60, b"four");
    let path = files(folder.path()).pop().unwrap();
    assert!(fs::metadata(&path).unwrap().len() > 1000);
    let last = append(&log, 80, b"five");
    log.tidy(at(80));
    let whole = (FILE_HEADER + frame::FRAME_HEADER + 4 + frame::TAG) as u64;
    assert_eq!(fs::metadata(&path).unwrap().len(), whole);
    drop((second, third, again, last, log));
    assert_eq!(recovered(folder.path()).0, [b"two".as_slice(), b"three", b"four", b"five"]);
}

#[test]
fn files_wait_to_be_used_again_only_while_something_comes() {
    let folder = TempDir::new().unwrap();
    let (log, _) = open(folder.path());
    for second in [0, 20, 40, 60] {
        drop(append(&log, second, b"body"));
    }
    log.tidy(at(60));
    assert_eq!((files(folder.path()).len(), named(folder.path(), SPARE).len()), (1, SPARES), "and never many");
    log.tidy(at(80));
    assert_eq!((files(folder.path()).len(), named(folder.path(), SPARE).len()), (0, 0));
    for second in [100, 120] {
        drop(append(&log, second, b"body"));
    }
    log.tidy(at(120));
    assert_eq!(named(folder.path(), SPARE).len(), 1);
    drop(log);
    let (log, _) = open(folder.path());
    assert_eq!(named(folder.path(), SPARE).len(), 0, "what a kill left");
    for second in [140, 160] {
        drop(append(&log, second, b"body"));
    }
    log.tidy(at(160));
    log.close(at(160));
    assert_eq!(named(folder.path(), SPARE).len(), 0, "nor does a stop leave any");
}

/// The disk got the file's new name before a power failure, and not its new content.
#[test]
fn a_file_under_the_name_of_another_is_set_aside() {
    let folder = TempDir::new().unwrap();
    let (bytes, _) = written(&[b"who was here"]);
    fs::write(folder.path().join(name(FILE, 7)), bytes).unwrap();
    let (bodies, stats) = recovered(folder.path());
    assert_eq!((bodies.len(), stats.damaged), (0, 1));
    assert_eq!((files(folder.path()).len(), files(&folder.path().join(QUARANTINE)).len()), (0, 1));
}

/// Written by 0.1.0 before files were used again.
#[test]
fn files_of_version_1_are_read() {
    let folder = TempDir::new().unwrap();
    let bytes = include_bytes!("testdata/version-1.window");
    fs::write(folder.path().join(name(FILE, 0)), bytes).unwrap();
    let (bodies, stats) = recovered(folder.path());
    assert!(bodies[0].ends_with(b"one") && bodies[1].ends_with(b"two"), "{bodies:02x?}");
    assert_eq!((bodies.len(), stats.requests, stats.damaged, stats.torn_bytes), (2, 2, 0, 0));
}

#[test]
fn files_go_oldest_first_once_nobody_needs_them() {
    let folder = TempDir::new().unwrap();
    let (log, _) = open(folder.path());
    let first = append(&log, 0, b"one");
    let second = append(&log, 20, b"two");
    log.tidy(at(40));
    assert_eq!(files(folder.path()).len(), 2);
    drop(second);
    log.tidy(at(40));
    assert_eq!(files(folder.path()).len(), 2, "an older file is still needed, and so are the marks behind it");
    drop(first);
    log.tidy(at(40));
    assert_eq!(files(folder.path()).len(), 0);
    assert_eq!(log.bytes(), 0);
}

#[test]
fn a_stop_leaves_files_whose_records_are_carried_to_the_next_start() {
    let folder = TempDir::new().unwrap();
    let (log, _) = open(folder.path());
    let held: Vec<_> = [0, 30, 60].map(|when| append(&log, when, b"body")).into();
    held.iter().for_each(|origin| origin.keeper.carried());
    drop(held);
    log.tidy(at(61));
    log.close(at(61));
    drop(log);
    assert_eq!(recovered(folder.path()).0.len(), 3);
}

#[test]
fn files_of_an_earlier_process_go_too() {
    let folder = TempDir::new().unwrap();
    let (log, _) = open(folder.path());
    append(&log, 0, b"one");
    drop(log);
    let (log, recovery) = open(folder.path());
    let found: Vec<_> = recovery.map(Result::unwrap).collect();
    log.tidy(at(100));
    assert_eq!(files(folder.path()).len(), 1);
    drop(found);
    log.tidy(at(100));
    assert_eq!(files(folder.path()).len(), 0);
}

#[test]
fn nothing_stands_in_the_clear_and_nobody_else_can_read_it() {
    use std::os::unix::fs::MetadataExt as _;
    let folder = TempDir::new().unwrap();
    let directory = folder.path().join("deep/window");
    let (log, _) = open(&directory);
    let origin = append(&log, 0, b"ada.byron@example.org");
    origin.keeper.settled(TraceId(*b"sixteen bytes id"), &Decision::NotSampled, &[0]);
    log.close(at(0));
    let path = &files(&directory)[0];
    let bytes = fs::read(path).unwrap();
    for raw in [b"ada.byron".as_slice(), b"sixteen bytes id"] {
        assert_eq!(memchr::memmem::find(&bytes, raw), None);
    }
    assert_eq!(fs::metadata(path).unwrap().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(&directory).unwrap().mode() & 0o777, 0o700);
}

#[test]
fn the_same_request_never_gives_the_same_bytes() {
    let (one, _) = written(&[b"body", b"body"]);
    let (other, _) = written(&[b"body", b"body"]);
    let frames: Vec<_> =
        [&one, &other].iter().flat_map(|file| file[FILE_HEADER..].chunks(FRAME_HEADER_AND_BODY)).collect();
    for (index, frame) in frames.iter().enumerate() {
        assert!(frames[..index].iter().all(|earlier| earlier[32..36] != frame[32..36]));
    }
}
const FRAME_HEADER_AND_BODY: usize = frame::FRAME_HEADER + 4 + frame::TAG;

#[test]
fn another_key_stops_the_start_and_a_previous_one_does_not() {
    let folder = TempDir::new().unwrap();
    let (log, _) = open(folder.path());
    append(&log, 0, b"one");
    drop(log);
    let error = WindowLog::open(settings(folder.path()), keys(&[OTHER])).unwrap_err();
    assert!(error.to_string().contains("a key that is not configured"), "{error}");
    let (_log, recovery) = WindowLog::open(settings(folder.path()), keys(&[OTHER, ROOT])).unwrap();
    assert_eq!(recovery.count(), 1);
}

#[test]
fn one_directory_is_of_one_process() {
    let folder = TempDir::new().unwrap();
    let (_log, recovery) = open(folder.path());
    drop(recovery);
    let error = WindowLog::open(settings(folder.path()), keys(&[ROOT])).unwrap_err();
    assert!(error.to_string().contains("another process"), "{error}");
}

#[test]
fn a_file_whose_header_is_damaged_is_set_aside() {
    let folder = TempDir::new().unwrap();
    let (mut bytes, _) = written(&[b"one"]);
    bytes[0] ^= 1;
    fs::write(folder.path().join(name(FILE, 5)), &bytes).unwrap();
    fs::write(folder.path().join(name(FILE, 6)), &bytes[..10]).unwrap();
    let (bodies, stats) = recovered(folder.path());
    assert_eq!((bodies.len(), stats.damaged, stats.torn_bytes), (0, 1, 10));
    assert_eq!(files(folder.path()).len(), 0);
    assert_eq!(files(&folder.path().join(QUARANTINE)).len(), 1);
    assert_eq!(recovered(folder.path()).1, RecoveryStats::default(), "once is enough");
}

/// Guarantees: whoever can put a link into the folder gets nothing read, copied or overwritten that lies elsewhere.
#[test]
fn input_66_links_in_the_directory_are_not_followed() {
    let (folder, elsewhere) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let victim = elsewhere.path().join("victim");
    fs::write(&victim, "of somebody else").unwrap();
    std::os::unix::fs::symlink(&victim, folder.path().join(name(FILE, 5))).unwrap();
    // Read to its end, it would take all memory.
    std::os::unix::fs::symlink("/dev/zero", folder.path().join(name(FILE, 6))).unwrap();
    for link in ["owner", "owner.new"] {
        std::os::unix::fs::symlink(&victim, folder.path().join(link)).unwrap();
    }
    let (log, recovery) = open(folder.path());
    assert_eq!(recovery.stats().damaged, 2);
    drop(recovery);
    assert_eq!(log.owner().unwrap().len(), 16);
    drop(append(&log, 0, b"one"));
    assert_eq!(fs::read_to_string(&victim).unwrap(), "of somebody else");
    for aside in files(&folder.path().join(QUARANTINE)) {
        assert!(aside.symlink_metadata().unwrap().is_symlink(), "{} is no copy", aside.display());
    }
    assert_eq!(files(&folder.path().join(QUARANTINE)).len(), 2);
}

#[test]
fn room_that_was_never_written_is_torn_and_not_damaged() {
    let folder = TempDir::new().unwrap();
    let (mut bytes, ends) = written(&[b"one", b"two", b"three"]);
    bytes[ends[1]..ends[2]].fill(0);
    fs::write(folder.path().join(name(FILE, 0)), &bytes).unwrap();
    let (bodies, stats) = recovered(folder.path());
    assert_eq!(bodies, [b"one".as_slice(), b"three"]);
    assert_eq!((stats.damaged, stats.torn_bytes), (0, (ends[2] - ends[1]) as u64));
}

/// A real disk is full in other ways, but the write fails as here.
#[test]
fn an_append_that_fails_is_refused_and_the_next_one_tries_another_file() {
    let folder = TempDir::new().unwrap();
    let directory = folder.path().join("window");
    let (log, _) = open(&directory);
    let first = append(&log, 0, b"one");
    // The next file cannot be made.
    fs::rename(&directory, folder.path().join("gone")).unwrap();
    assert!(log.append(at(30), Signal::Traces, Encoding::Identity, b"two").is_err());
    fs::rename(folder.path().join("gone"), &directory).unwrap();
    let third = append(&log, 30, b"three");
    drop((first, third, log));
    assert_eq!(recovered(&directory).0, [b"one".as_slice(), b"three"]);
}

#[tokio::test]
async fn with_fsync_a_request_waits_for_the_disk_and_all_that_wait_share_it() {
    let folder = TempDir::new().unwrap();
    let (log, _) = WindowLog::open(LogSettings { fsync: true, ..settings(folder.path()) }, keys(&[ROOT])).unwrap();
    let log = Arc::new(log);
    let tickets: Vec<_> = (0..3)
        .map(|_| log.append(at(0), Signal::Traces, Encoding::Identity, b"body").unwrap().ticket.unwrap())
        .collect();
    let served = Arc::clone(&log);
    let once = tokio::task::spawn_blocking(move || served.serve_syncs());
    for ticket in tickets {
        ticket.synced().await.unwrap();
    }
    assert!(once.await.unwrap().unwrap());
}

/// What the log syncs for itself is among what requests wait for: nothing is left to those who come later, whether it succeeds or fails.
#[tokio::test]
async fn a_sync_before_files_are_removed_is_one_of_those_that_requests_wait_for() {
    let folder = TempDir::new().unwrap();
    let (log, _) = WindowLog::open(LogSettings { fsync: true, ..settings(folder.path()) }, keys(&[ROOT])).unwrap();
    let append = |second| log.append(at(second), Signal::Traces, Encoding::Identity, b"body").unwrap();
    drop(append(0));
    let held = append(30);
    log.tidy(at(31));
    assert_eq!(files(folder.path()).len(), 1, "the first is gone");
    tokio::time::timeout(Duration::from_secs(5), held.ticket.unwrap().synced()).await.unwrap().unwrap();
}

#[tokio::test]
async fn nobody_is_told_that_the_disk_has_what_a_failed_sync_may_have_lost() {
    let commit = Commit::new();
    let (before, after) = (commit.ask(), commit.ask());
    commit.serve(|_| Err(io::Error::other("no"))).unwrap_err();
    assert!(before.synced().await.is_err());
    let later = commit.ask();
    commit.serve(|_| Ok(())).unwrap_err();
    assert!(after.synced().await.is_err(), "even if a later one succeeds before anybody looks");
    assert!(later.synced().await.is_err(), "nor anything after it");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// A kill cuts a file off anywhere: what stands whole before is there, the rest is no error.
    #[test]
    fn a_torn_tail_costs_only_itself(cut in 0..1000usize) {
        let bodies: [&[u8]; 4] = [b"one", b"", b"three", &[b'x'; 300]];
        let (bytes, ends) = written(&bodies);
        let cut = cut * bytes.len() / 1000;
        let folder = TempDir::new().unwrap();
        fs::write(folder.path().join(name(FILE, 0)), &bytes[..cut]).unwrap();
        let whole = ends.iter().skip(1).filter(|end| **end <= cut).count();
        let (found, stats) = recovered(folder.path());
        prop_assert_eq!(found, &bodies[..whole]);
        prop_assert_eq!(stats.damaged, 0);
    }

    /// So does one that came while what an earlier life left there was written over.
    #[test]
    fn a_torn_tail_costs_only_itself_in_a_file_that_is_used_again(cut in 0..1000usize, earlier in 1..400usize) {
        let bodies: [&[u8]; 4] = [b"one", b"", b"three", &[b'x'; 300]];
        let pieces: Vec<_> = b"abcdefghijklmnopqrstuvwxyz".iter().map(|byte| vec![*byte; earlier]).collect();
        let pieces: Vec<_> = pieces.iter().map(Vec::as_slice).collect();
        let (left, _) = written(&pieces);
        let (bytes, ends) = written_again(&pieces, &bodies);
        let cut = FILE_HEADER + cut * (ends[4] - FILE_HEADER) / 1000;
        // Frames of any other life will do.
        let bytes = [&bytes[..cut], &left[cut.min(left.len())..]].concat();
        let folder = TempDir::new().unwrap();
        fs::write(folder.path().join(name(FILE, 2)), bytes).unwrap();
        let whole = ends.iter().skip(1).filter(|end| **end <= cut).count();
        let (found, stats) = recovered(folder.path());
        prop_assert_eq!(found, &bodies[..whole]);
        prop_assert_eq!(stats.damaged, 0);
    }

    /// A damaged byte costs its frame, is counted, and the file is kept for people to look at.
    #[test]
    fn a_damaged_byte_costs_its_frame(place in 0..1000usize, flip in 1..=255u8, again: bool) {
        let bodies: [&[u8]; 4] = [b"one", b"", b"three", b"four"];
        let (mut bytes, ends) = if again { written_again(&[&[b'x'; 500]], &bodies) } else { written(&bodies) };
        // Not in the last frame, where it cannot be told from a torn tail.
        let place = FILE_HEADER + place * (ends[3] - FILE_HEADER) / 1000;
        bytes[place] ^= flip;
        let hit = ends.iter().filter(|end| **end <= place).count() - 1;
        let folder = TempDir::new().unwrap();
        fs::write(folder.path().join(name(FILE, if again { 2 } else { 0 })), &bytes).unwrap();
        let (found, stats) = recovered(folder.path());
        let rest: Vec<_> = bodies.iter().enumerate().filter(|(index, _)| *index != hit).map(|(_, body)| *body).collect();
        prop_assert_eq!(found, rest);
        prop_assert_eq!(stats.damaged, 1);
        prop_assert_eq!(files(&folder.path().join(QUARANTINE)).len(), 1);
    }
}
