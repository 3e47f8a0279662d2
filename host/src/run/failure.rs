//! From the errors of the modules below to a failure of the run, with what to do about it.

use std::path::Path;

use super::selection::again_hint;
use super::swap::sentence;
use crate::connector::SourceError;
use crate::connector::TargetError;
use crate::error::Failure;
use crate::plan::hint;
use crate::plan::schema::Finding;
use crate::plugin::PluginError;

/// How a plugin is made to fit this host; the SDK's version is the host's.
const REBUILD: &str = concat!(
    "rebuild it for `wasm32-wasip2` against whimbrel-sdk ",
    env!("CARGO_PKG_VERSION_MAJOR"),
    ".",
    env!("CARGO_PKG_VERSION_MINOR"),
    " (`cargo xtask plugins` rebuilds those that come with whimbrel)"
);

/// What to know of a path that is not there.
pub(super) const PATHS: &str = "paths are relative to the manifest";

/// Returns the problem at this place of the manifest that a failure means.
pub(super) fn problem(pointer: String, failure: Failure) -> Finding {
    (pointer, sentence(&failure), failure.hint)
}

/// Returns what stands beside a path that is not there, where its name is near.
pub(super) fn beside(path: &Path) -> Option<String> {
    let wanted = path.file_name()?.to_str()?;
    let entries = std::fs::read_dir(path.parent()?).ok()?.flatten();
    let names: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    let near = hint::nearest(wanted, names.iter().filter(|name| *name != wanted))?;
    Some(format!("did you mean `{near}`?"))
}

/// Returns where an export lies in a folder that is none, as the tools that make several files put it.
fn export_within(path: &Path) -> Option<String> {
    let is_export = |folder: &Path| {
        let mut names = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.file_name());
        names.any(|name| name.to_string_lossy().ends_with(".overall_export_metadata"))
    };
    let folders = std::fs::read_dir(path).ok()?.flatten().map(|entry| entry.path());
    let mut exports: Vec<_> = folders.filter(|folder| folder.is_dir() && is_export(folder)).collect();
    exports.sort();
    Some(format!("did you mean `{}`?", exports.first()?.display()))
}

impl From<TargetError> for Failure {
    fn from(error: TargetError) -> Self {
        let hint = match &error {
            TargetError::Unreachable { .. } => Some("check `[target] url` and that the database accepts connections"),
            TargetError::TurnedAway { .. } => Some("check user and password in `[target] url`"),
            TargetError::Permission { .. } => {
                Some("grant the account of `[target] url` what it needs, or use another one")
            }
            TargetError::ReadOnly { .. } => {
                Some("let `[target] url` name a server, a database and an account that may write")
            }
            TargetError::Full { .. } => {
                Some("make room and run the same command again: it goes on at the last checkpoint")
            }
            TargetError::Locked { .. } => Some("wait for the other run, or stop it: its lock dies with it"),
            TargetError::Lost { .. } => Some(
                "this process had lost its lock, and has written nothing since; `whimbrel status` shows where the other one stands",
            ),
            TargetError::Transient { .. } => Some("run the same command again: it goes on at the last checkpoint"),
            TargetError::Unknown { .. } => Some("a target is `sqlite:path` or `postgres://user@host/database`"),
            _ => None,
        };
        let hint = match &error {
            TargetError::NoDatabase { command, .. } => Some(format!("`{command}` creates it")),
            _ => hint.map(str::to_owned),
        };
        let mut failure = match &error {
            TargetError::Unknown { .. } => Self::usage(error.to_string()),
            _ => Self::failed(error.to_string()),
        };
        failure.is_transient = error.is_transient();
        explained(failure, &error, hint)
    }
}

impl From<SourceError> for Failure {
    fn from(error: SourceError) -> Self {
        let hint = match &error {
            SourceError::Unknown { .. } => Some(
                "a source is `mongodump:folder`, `mongoexport:folder`, `firestore-export:folder`, `firestore-json:file`, \
                 `firestore-rest:file-or-folder`, `sqlite:path` or \
                 `postgres://user@host/database`"
                    .to_owned(),
            ),
            SourceError::NoFolder { path, .. } => Some(beside(path).unwrap_or_else(|| PATHS.to_owned())),
            SourceError::Missing { collection, found, .. } => hint::among(collection, found),
            SourceError::NoTable { table, found } => hint::among(table, found),
            SourceError::View { name, .. } => Some(format!(
                "make a table of it, with a primary key: `CREATE TABLE … AS SELECT * FROM {name}`"
            )),
            SourceError::SharedKey { own, .. } => Some(format!(
                "read the tables that inherit as entities of their own, and this one with `where = {own:?}`; \
                 or give every row a key of its own"
            )),
            SourceError::NoKeyColumn { key, .. } => {
                let quoted: Vec<String> = key.iter().map(|column| format!("\"{column}\"")).collect();
                Some(match &quoted[..] {
                    [one] => format!("its primary key is `key = {one}`"),
                    _ => format!("its primary key is `key = [{}]`", quoted.join(", ")),
                })
            }
            SourceError::Filter { .. } => {
                Some("`where` is a condition in the source's own SQL; `:now` is the time of the migration's first run".to_owned())
            }
            SourceError::NoExport { path, .. } => Some(export_within(path).unwrap_or_else(|| {
                "it is written last: an export without it is not complete".to_owned()
            })),
            SourceError::NoShard { .. } => Some("fetch the whole export: every file that it lists belongs to it".to_owned()),
            SourceError::Pattern { .. } => Some(
                "a collection is `users`, one within a document `engagements/E1/rfis`, and those of all documents `engagements/*/rfis`"
                    .to_owned(),
            ),
            SourceError::Log { is_cut: false, .. } => Some(
                "make a new export; `on-corrupt = \"skip\"` for the source reads on at the next block, and sets aside what is lost"
                    .to_owned(),
            ),
            SourceError::Log { .. } | SourceError::Metadata { .. } => {
                Some("the file is cut short or damaged here; make a new export, or fetch it again. A run keeps what came before".to_owned())
            }
            SourceError::NoFilter => Some("let the transformer skip what is not wanted, with a reason".to_owned()),
            SourceError::Unordered { .. } => Some(
                "something that the database takes for equal there is not unique: a collation, an index that is not valid, \
                 a table that inherits. Give the table a primary key over plain numbers, texts or UUIDs"
                    .to_owned(),
            ),
            SourceError::DottedKey { .. } => Some("read a view's or another table's column under a plain name".to_owned()),
            SourceError::Place { .. } => {
                Some(format!("give the table its key back. {}", again_hint("<manifest>")))
            }
            SourceError::Database { .. } => {
                Some("where it is something that passes, run the same command again: it goes on at the last checkpoint".to_owned())
            }
            SourceError::Lost { .. } => Some(
                "run the same command again: it goes on behind the last row that was committed, and reads the tables as they stand then"
                    .to_owned(),
            ),
            SourceError::NoOrder { .. } => Some("give the table a primary key, or a unique index over NOT NULL columns".to_owned()),
            SourceError::Keyless { .. } => Some("give these rows a key, or remove them".to_owned()),
            SourceError::Unreachable { .. } => {
                Some("check the source's `url`, and that the database is there and accepts connections".to_owned())
            }
            SourceError::Malformed { .. } => {
                Some("the file is cut short or damaged here; make a new dump. A run keeps what came before".to_owned())
            }
            SourceError::Position { .. } => {
                Some(format!("put back what was there before. {}", again_hint("<manifest>")))
            }
            _ => None,
        };
        let mut failure = match &error {
            SourceError::Unknown { .. }
            | SourceError::NoFolder { .. }
            | SourceError::NoTable { .. }
            | SourceError::NoKeyColumn { .. }
            | SourceError::NoOrder { .. }
            | SourceError::View { .. }
            | SourceError::SharedKey { .. }
            | SourceError::Keyless { .. }
            | SourceError::DottedKey { .. }
            | SourceError::Filter { .. }
            | SourceError::NoFilter
            | SourceError::NoExport { .. }
            | SourceError::NoShard { .. }
            | SourceError::Pattern { .. }
            | SourceError::NoSkip
            | SourceError::Missing { .. }
            | SourceError::Ambiguous { .. } => Self::usage(error.to_string()),
            _ => Self::failed(error.to_string()),
        };
        failure.is_of_lost_source = matches!(error, SourceError::Lost { .. } | SourceError::Unreachable { .. });
        explained(failure, &error, hint)
    }
}

impl From<PluginError> for Failure {
    fn from(error: PluginError) -> Self {
        let hint = match &error {
            PluginError::Deadline { plugin, .. } => {
                Some(format!("raise `plugin.{plugin}.deadline`, or mend the plugin and run again"))
            }
            PluginError::Limit { plugin, name, .. } => {
                Some(format!("raise `plugin.{plugin}.{name}`, or mend the plugin and run again"))
            }
            PluginError::Import { plugin, grant: Some(grant), .. } => {
                Some(format!("the line `{grant}` under `[plugin.{plugin}]` grants it"))
            }
            PluginError::Import { interface, .. } if interface.starts_with("wasi:sockets/") => {
                Some("no plugin is ever granted the network; build it without".to_owned())
            }
            PluginError::Import { .. } => Some("no host gives this; build the plugin without it".to_owned()),
            PluginError::Version { is_newer: true, .. } => Some(format!("use a newer whimbrel, or {REBUILD}")),
            PluginError::Version { .. } | PluginError::World { .. } | PluginError::Signature { .. } => {
                Some(REBUILD.to_owned())
            }
            PluginError::Read { path, .. } => beside(path),
            PluginError::Role { expected: "transformer", .. } => Some("name it under `validate`".to_owned()),
            PluginError::Role { .. } => Some("name it under `transform`".to_owned()),
            PluginError::NotAComponent { .. } => Some("build it for the target `wasm32-wasip2`".to_owned()),
            _ => None,
        };
        let is_usage = matches!(
            error,
            PluginError::Read { .. }
                | PluginError::NotAComponent { .. }
                | PluginError::Invalid { .. }
                | PluginError::World { .. }
                | PluginError::Version { .. }
                | PluginError::Import { .. }
                | PluginError::Signature { .. }
                | PluginError::Folder { .. }
                | PluginError::Role { .. }
        );
        let mut failure = if is_usage { Self::usage(error.to_string()) } else { Self::failed(error.to_string()) };
        failure.plugin = match &error {
            PluginError::Deadline { plugin, .. }
            | PluginError::Trap { plugin, .. }
            | PluginError::Limit { plugin, .. }
            | PluginError::Rows { plugin, .. }
            | PluginError::OutcomeCount { plugin, .. }
            | PluginError::Contract { plugin, .. } => Some(plugin.clone()),
            _ => None,
        };
        explained(failure, &error, hint)
    }
}

/// Adds the causes below the error, and the hint.
fn explained(failure: Failure, error: &dyn std::error::Error, hint: Option<String>) -> Failure {
    let failure = if error.source().is_some() { failure.cause(Cause::of(error)) } else { failure };
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

/// The causes below an error whose own sentence has become the failure's message.
#[derive(Debug)]
struct Cause {
    message: String,
    source: Option<Box<Cause>>,
}

impl Cause {
    /// The first cause of an error.
    fn of(error: &dyn std::error::Error) -> Self {
        let mut causes: Vec<String> = Vec::new();
        let mut next = error.source();
        while let Some(cause) = next {
            causes.push(cause.to_string());
            next = cause.source();
        }
        // Some libraries repeat a cause in the sentence above it.
        causes.dedup_by(|below, above| above.contains(below.as_str()));
        let innermost = causes.into_iter().rev().fold(None, |source, message| Some(Box::new(Self { message, source })));
        *innermost.unwrap_or_else(|| Box::new(Self { message: error.to_string(), source: None }))
    }
}

impl std::fmt::Display for Cause {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for Cause {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
