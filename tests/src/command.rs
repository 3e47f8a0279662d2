//! The built command, run as a user runs it.

use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;

use serde_json::Value as Json;

/// One call of the command.
#[derive(Debug)]
pub struct Whimbrel(Command);

/// How a call ended.
#[derive(Debug)]
pub struct Ended {
    /// The exit code; `None` where a signal ended the process, as a named point does.
    pub code: Option<i32>,
    /// Everything on stdout.
    pub stdout: String,
    /// Everything on stderr.
    pub stderr: String,
}

impl Whimbrel {
    /// Prepares a call. Only warnings are logged, unless the arguments ask for more.
    pub fn new<S: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = S>) -> Self {
        let mut command = Command::new(path());
        command.args(arguments).stdin(Stdio::null());
        command.env_remove("FAILPOINTS").env_remove("TARGET_URL").env("WHIMBREL_LOG", "warn").env("USER", "tester");
        Self(command)
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.0.env(name, value);
        self
    }

    /// Runs in this folder.
    #[must_use]
    pub fn at(mut self, folder: &Path) -> Self {
        self.0.current_dir(folder);
        self
    }

    /// Ends the process at named points, such as `commit-before=1*off->return` for the second commit.
    #[must_use]
    pub fn ending_at(self, points: &str) -> Self {
        self.env("FAILPOINTS", points)
    }

    /// Lets another program run the call, such as `setpriv` with its options.
    #[must_use]
    pub fn under<'a>(self, program: impl IntoIterator<Item = &'a str>) -> Self {
        let mut words = program.into_iter();
        let mut command = Command::new(words.next().expect("a program"));
        command.args(words).arg(self.0.get_program()).args(self.0.get_args()).stdin(Stdio::null());
        for (name, value) in self.0.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        if let Some(folder) = self.0.get_current_dir() {
            command.current_dir(folder);
        }
        Self(command)
    }

    /// Runs to the end.
    pub fn run(mut self) -> Ended {
        let output = self.0.output().expect("the command is built");
        Ended {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).expect("stdout is UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("stderr is UTF-8"),
        }
    }

    /// Returns the call, to be started by the test itself.
    pub fn into_command(self) -> Command {
        self.0
    }
}

impl Ended {
    /// Returns stdout as JSON.
    #[track_caller]
    pub fn json(&self) -> Json {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("expected JSON: {error}: {self:#?}"))
    }

    /// Fails the test unless the call ended with this exit code.
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self}");
        self
    }
}

impl std::fmt::Display for Ended {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "exit {:?}\n--- stdout\n{}\n--- stderr\n{}", self.code, self.stdout, self.stderr)
    }
}

/// Returns where the command is: cargo builds it beside the folder of the test binaries.
pub fn path() -> PathBuf {
    let test = std::env::current_exe().expect("a test binary has a path");
    let folder = test.ancestors().nth(2).expect("a test binary is in target/<profile>/deps");
    folder.join(format!("whimbrel-under-test{}", std::env::consts::EXE_SUFFIX))
}
