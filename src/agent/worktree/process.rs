//! A program with a time limit, in a process group of its own, whose output is bounded.

use std::io::{self, Read, Write};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use crate::telemetry::{Clock as _, SteadyClock};

/// Bytes of output that are kept of a test run: half from its beginning, half from its end.
const KEEP: usize = 1024 * 1024;
/// Bytes that are kept of what is read as a whole.
pub(super) const MAX_FILE: usize = 64 * 1024 * 1024;
/// How often it is looked whether a program has ended.
const TICK: Duration = Duration::from_millis(10);
/// How long output may take that is still under way when its program has ended.
const DRAIN: Duration = Duration::from_secs(2);

/// What is to be run.
#[derive(Debug, Clone)]
pub struct Job {
    /// Program and arguments.
    pub command: Vec<String>,
    /// Working folder.
    pub folder: PathBuf,
    /// Its whole environment, beside `PATH`.
    pub env: Vec<(String, String)>,
    /// How long it may take.
    pub limit: Duration,
    /// What it reads from standard input; nothing where there is none.
    pub input: Option<Vec<u8>>,
    /// Bytes of output that are kept.
    pub keep: usize,
    /// Whether standard error is kept apart from the output.
    pub apart: bool,
}

/// How it ended.
#[derive(Debug, Clone, Default)]
pub struct Ran {
    /// Exit code; 128 and the signal's number where one ended it; `None` where it was stopped for its time.
    pub status: Option<i32>,
    /// Whether it ran out of time.
    pub timed_out: bool,
    /// What it wrote, invalid UTF-8 replaced.
    pub output: String,
    /// What it wrote to standard error, where that is kept apart.
    pub said: String,
    /// Whether output was cut in its middle.
    pub cut: bool,
    /// How long it took.
    pub took: Duration,
}

impl Job {
    /// A job without an environment of its own.
    #[must_use]
    pub fn new(command: Vec<String>, folder: &Path, limit: Duration) -> Self {
        let folder = folder.to_owned();
        Self { command, folder, env: Vec::new(), limit, input: None, keep: KEEP, apart: false }
    }

    /// Runs it to its end, or to that of its time: then its process group is killed.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn run(&self) -> io::Result<Ran> {
        let (program, arguments) =
            self.command.split_first().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "no program"))?;
        let mut command = Command::new(program);
        command.args(arguments).current_dir(&self.folder).env_clear().process_group(0);
        command.env("PATH", std::env::var_os("PATH").unwrap_or_else(|| "/usr/local/bin:/usr/bin:/bin".into()));
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        command.stdin(if self.input.is_some() { Stdio::piped() } else { Stdio::null() });
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| io::Error::new(error.kind(), format!("{program}: {error}")))?;
        let clock = SteadyClock::start();
        let began = clock.now();
        if let (Some(input), Some(mut stdin)) = (self.input.clone(), child.stdin.take()) {
            // A program that does not read all of it says so by its exit code.
            std::thread::spawn(move || stdin.write_all(&input).unwrap_or_default());
        }
        let output = child.stdout.take().map(|stream| collect(stream, self.keep));
        let said = child.stderr.take().map(|stream| collect(stream, self.keep));

        let elapsed = || Duration::from_nanos(clock.now().0.saturating_sub(began.0));
        let mut ran = Ran::default();
        while !has_ended(&child)? {
            if elapsed() > self.limit {
                ran.timed_out = true;
                break;
            }
            std::thread::sleep(TICK);
        }
        // Whatever it left behind goes with it: before it is waited for, since its id may be another's afterwards.
        kill(&child);
        let status = child.wait()?;
        ran.took = elapsed();
        ran.status =
            (!ran.timed_out).then(|| status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default()));
        let mut take = |from: Option<Receiver<(Vec<u8>, bool)>>| {
            let (bytes, cut) = from.and_then(|from| from.recv_timeout(DRAIN).ok()).unwrap_or_default();
            ran.cut |= cut;
            String::from_utf8_lossy(&bytes).into_owned()
        };
        let (output, said) = (take(output), take(said));
        (ran.output, ran.said) = if self.apart { (output, said) } else { (output + &said, String::new()) };
        Ok(ran)
    }
}

fn group_of(child: &Child) -> Option<Pid> {
    i32::try_from(child.id()).ok().and_then(Pid::from_raw)
}

fn has_ended(child: &Child) -> io::Result<bool> {
    let Some(id) = group_of(child) else { return Ok(false) };
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    Ok(waitid(WaitId::Pid(id), options)?.is_some())
}

fn kill(child: &Child) {
    // It fails where nobody of the group is left, which is what is wanted.
    group_of(child).and_then(|group| kill_process_group(group, Signal::KILL).ok()).unwrap_or_default();
}

/// Reads a stream to its end, and keeps its beginning and its end.
fn collect(mut stream: impl Read + Send + 'static, keep: usize) -> Receiver<(Vec<u8>, bool)> {
    let (told, result) = sync_channel(1);
    std::thread::spawn(move || {
        let (mut head, mut tail) = (Vec::new(), Vec::new());
        let mut cut = false;
        let mut part = [0; 64 * 1024];
        while let Ok(count @ 1..) = stream.read(&mut part) {
            let mut rest = part.get(..count).unwrap_or_default();
            let room = (keep / 2).saturating_sub(head.len()).min(rest.len());
            head.extend_from_slice(rest.get(..room).unwrap_or_default());
            rest = rest.get(room..).unwrap_or_default();
            tail.extend_from_slice(rest);
            if tail.len() > keep {
                tail.drain(..tail.len() - keep / 2);
                cut = true;
            }
        }
        if cut {
            head.extend_from_slice(b"\n[...]\n");
        }
        head.append(&mut tail);
        // Nobody waits any more where the time was up.
        told.send((head, cut)).unwrap_or_default();
    });
    result
}
