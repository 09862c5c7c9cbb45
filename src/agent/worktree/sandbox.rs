//! What stands between a program of unknown worth and the machine.
//!
//! With bubblewrap a program sees the machine read-only, an empty `/tmp` and `/run`, none of the places where people keep
//! credentials, and can write to its own folder alone; it has no network unless it is given one, and whatever it starts ends with it.
//! Without it, `unshare` takes the network away. What neither does is said by [`Sandbox::says`].

use std::path::{Path, PathBuf};

use super::{Job, Ran, Worktree};

/// Where people keep credentials, below their home.
const SECRET: [&str; 16] = [
    ".ssh",
    ".aws",
    ".azure",
    ".gnupg",
    ".kube",
    ".docker",
    ".config/gcloud",
    ".config/gh",
    ".config/git",
    ".netrc",
    ".git-credentials",
    ".gitconfig",
    ".npmrc",
    ".pypirc",
    ".cargo/credentials.toml",
    ".cargo/credentials",
];

/// Why a program is not run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SandboxError {
    /// There is nothing to keep it in.
    #[error(
        "there is no sandbox: install bubblewrap, give a container's command (--container), or say --no-sandbox if this machine is \
         itself one"
    )]
    None,
    /// It cannot be started.
    #[error("the command cannot be run")]
    Io(#[from] std::io::Error),
}

/// The kind of walls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Walls {
    /// `bwrap`.
    Bubblewrap,
    /// A command that goes before it: `{work}` in it is the folder that it may write to, `{dir}` the one that it runs in, and the word `{env}`
    /// stands for `-e NAME` of each of its variables, which a container does not inherit.
    Container(Vec<String>),
    /// `unshare`, for the network alone.
    Unshare,
    /// None.
    Open,
}

/// Walls, and what is let through them.
#[derive(Debug, Clone)]
pub struct Sandbox {
    walls: Walls,
    /// Folders beside its own that a program may write to: caches of compilers.
    pub writable: Vec<PathBuf>,
    /// Folders that a program reads, where `/tmp` hides them.
    pub readable: Vec<PathBuf>,
    /// Files and folders that a program sees as empty, beside where people keep credentials: keys of Casefile's own.
    pub hidden: Vec<PathBuf>,
    /// Variables of our own environment that it gets.
    pub pass: Vec<String>,
    /// Whether it has the network.
    pub network: bool,
}

impl Sandbox {
    /// The best that the machine has, or the container's command where one is given. `open`: without walls, if there are none.
    ///
    /// # Errors
    /// If there are none and it is not `open`.
    pub fn find(container: Option<Vec<String>>, open: bool) -> Result<Self, SandboxError> {
        let walls = match container {
            Some(command) => Walls::Container(command),
            None if works(&["bwrap", "--ro-bind", "/", "/", "--unshare-net", "--unshare-pid", "true"]) => {
                Walls::Bubblewrap
            }
            None if open && works(&cut("true")) => Walls::Unshare,
            None if open => Walls::Open,
            None => return Err(SandboxError::None),
        };
        Ok(Self {
            walls,
            writable: Vec::new(),
            readable: Vec::new(),
            hidden: Vec::new(),
            pass: Vec::new(),
            network: false,
        })
    }

    /// Which walls there are.
    #[must_use]
    pub fn walls(&self) -> &Walls {
        &self.walls
    }

    /// The walls in words, as reports have them.
    #[must_use]
    pub fn says(&self) -> &'static str {
        match (&self.walls, self.network) {
            (Walls::Bubblewrap, false) => "bubblewrap: own folder writable, no network",
            (Walls::Bubblewrap, true) => "bubblewrap: own folder writable, with network",
            (Walls::Container(_), _) => "the container command that was given",
            (Walls::Unshare, false) => "no network, but the machine's files",
            (Walls::Unshare, true) | (Walls::Open, _) => "none",
        }
    }

    /// Runs a job within the walls; it may write to the tree and what stands beside it.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn run(&self, tree: &Worktree, mut job: Job) -> std::io::Result<Ran> {
        let scratch = tree.scratch();
        let mut env: Vec<(String, String)> = vec![
            ("HOME".to_owned(), scratch.join("home").display().to_string()),
            ("TMPDIR".to_owned(), scratch.join("tmp").display().to_string()),
            ("LANG".to_owned(), "C.UTF-8".to_owned()),
            ("TZ".to_owned(), "UTC".to_owned()),
            ("CI".to_owned(), "true".to_owned()),
            // What is tested must not report to anybody.
            ("OTEL_SDK_DISABLED".to_owned(), "true".to_owned()),
        ];
        env.extend(self.pass.iter().filter_map(|name| Some((name.clone(), std::env::var(name).ok()?))));
        env.append(&mut job.env);
        job.env = env;
        job.command = self.wrap(scratch, &job);
        job.run()
    }

    fn wrap(&self, scratch: &Path, job: &Job) -> Vec<String> {
        let mut line = match &self.walls {
            Walls::Bubblewrap => self.bubblewrap(scratch, &job.folder),
            Walls::Container(prefix) => container(prefix, scratch, job),
            Walls::Unshare if !self.network => {
                let mut line: Vec<String> = cut("exec \"$@\"").map(str::to_owned).to_vec();
                line.push("sh".to_owned());
                line
            }
            Walls::Unshare | Walls::Open => Vec::new(),
        };
        line.extend_from_slice(&job.command);
        line
    }

    fn bubblewrap(&self, scratch: &Path, folder: &Path) -> Vec<String> {
        let mut line: Vec<String> = ["bwrap", "--die-with-parent", "--new-session", "--unshare-pid", "--unshare-ipc"]
            .iter()
            .chain(["--unshare-net"].iter().filter(|_| !self.network))
            .chain(&["--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp", "--tmpfs", "/run"])
            .map(|word| (*word).to_owned())
            .collect();
        let mut bind = |kind: &str, path: &Path| {
            let path = path.display().to_string();
            line.extend([kind.to_owned(), path.clone(), path]);
        };
        if self.network {
            // Where names are looked up is often told below /run.
            bind("--ro-bind-try", Path::new("/run/systemd/resolve"));
        }
        for path in &self.readable {
            bind("--ro-bind-try", path);
        }
        for path in &self.writable {
            bind("--bind-try", path);
        }
        bind("--bind", scratch);
        let home = std::env::home_dir();
        let secret = home.iter().flat_map(|home| SECRET.map(|name| home.join(name)));
        // What is not there cannot be seen.
        for path in secret.chain(self.hidden.iter().cloned()).filter_map(|path| std::fs::canonicalize(path).ok()) {
            let name = path.display().to_string();
            if path.is_dir() {
                line.extend(["--tmpfs".to_owned(), name]);
            } else {
                line.extend(["--ro-bind".to_owned(), "/dev/null".to_owned(), name]);
            }
        }
        line.extend(["--chdir".to_owned(), folder.display().to_string(), "--".to_owned()]);
        line
    }
}

/// The container's command, with the folders and variables of a job. The time limit goes in, too: a container outlives the client that
/// started it.
fn container(prefix: &[String], scratch: &Path, job: &Job) -> Vec<String> {
    let (work, dir) = (scratch.display().to_string(), job.folder.display().to_string());
    let mut line = Vec::new();
    for word in prefix {
        if word == "{env}" {
            // By name: a value that stands in a command line can be read by everybody on the machine.
            line.extend(job.env.iter().flat_map(|(name, _)| ["-e".to_owned(), name.clone()]));
        } else {
            line.push(word.replace("{work}", &work).replace("{dir}", &dir));
        }
    }
    line.extend(["timeout", "-s", "KILL"].map(str::to_owned));
    line.push((job.limit.as_secs() + 1).to_string());
    line
}

/// A command without network but for loopback, which is up.
fn cut(then: &str) -> [&'static str; 6] {
    [
        "unshare",
        "--map-root-user",
        "--net",
        "sh",
        "-c",
        match then {
            "true" => "ip link set lo up && true",
            _ => "ip link set lo up && exec \"$@\"",
        },
    ]
}

fn works(command: &[&str]) -> bool {
    let command = command.iter().map(|word| (*word).to_owned()).collect();
    let job = Job::new(command, Path::new("/"), std::time::Duration::from_secs(10));
    job.run().is_ok_and(|ran| ran.status == Some(0))
}
