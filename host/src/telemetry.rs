//! Log lines: to stderr or a file, as text or JSON. Never part of a command's result.

use std::path::Path;
use std::sync::Mutex;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;

use crate::error::Failure;

/// Sends log lines of this level and above to a file, or to stderr.
pub fn start(level: &str, json: bool, file: Option<&Path>) -> Result<(), Failure> {
    let filter = EnvFilter::try_new(level).map_err(|error| {
        Failure::usage(format!("`{level}` is no log level")).cause(error).hint("try `info` or `debug`")
    })?;
    let builder = fmt().with_env_filter(filter).with_target(false).with_ansi(false);
    let result = match file {
        None if json => builder.json().with_writer(std::io::stderr).try_init(),
        None => builder.with_writer(std::io::stderr).try_init(),
        Some(path) => {
            let file = std::fs::OpenOptions::new().create(true).append(true).open(path).map_err(|error| {
                Failure::usage(format!("cannot write the log file `{}`", path.display())).cause(error)
            })?;
            let builder = builder.with_writer(Mutex::new(file));
            if json { builder.json().try_init() } else { builder.try_init() }
        }
    };
    result.map_err(|error| Failure::bug("log lines are set up twice").cause(error))
}
