//! Finds and opens the database file.

use std::fs::File;
use std::fs::Metadata;
use std::io::Read;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::OpenFlags;
use rusqlite::limits::Limit;

use super::target::Mode;

/// How long a statement waits for another process's lock on the file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// Memory of the page cache.
const CACHE_KIB: u32 = 16 * 1024;
/// Pages of the log before they go into the file, 64 MiB: pages that random ids make dirty again and again then go once.
const LOG_PAGES: u32 = 16 * 1024;
/// Prepared statements kept.
const STATEMENTS_MAX: usize = 128;

/// Which file it is that stands at a path: another one at the same path is told apart. Unknown where a system does not
/// say, and for a file that is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Identity(Option<(u64, u64)>);

impl Identity {
    /// Returns that of the file at a path.
    pub(super) fn at(path: &Path) -> Self {
        Self(std::fs::metadata(path).ok().and_then(|file| numbers(&file)))
    }

    /// Returns that of an open file.
    pub(super) fn of_file(file: &File) -> Self {
        Self(file.metadata().ok().and_then(|file| numbers(&file)))
    }
}

#[cfg(unix)]
fn numbers(file: &Metadata) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    Some((file.dev(), file.ino()))
}

/// An open file cannot be removed there.
#[cfg(not(unix))]
fn numbers(_file: &Metadata) -> Option<(u64, u64)> {
    None
}

/// Returns the path that a URL or plain path names.
pub(super) fn path(path_or_url: &str, base_dir: &Path) -> PathBuf {
    base_dir.join(name(path_or_url))
}

/// Returns the path as it is written.
pub(super) fn name(path_or_url: &str) -> &str {
    let path = path_or_url.strip_prefix("sqlite:").unwrap_or(path_or_url);
    path.strip_prefix("//").unwrap_or(path)
}

/// Opens the file as the mode says. A missing file is created, or for reading taken for an empty database in memory.
pub(super) fn open(path: &Path, mode: Mode) -> rusqlite::Result<Connection> {
    let connection = match mode {
        Mode::ReadOnly => open_for_reading(path)?,
        Mode::Source => open_source(path)?,
        Mode::ReadWriteCreate | Mode::Scratch => {
            Connection::open_with_flags(path, flags(OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE))?
        }
    };
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    // A schema file must not reach other files.
    connection.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?;
    connection.pragma_update(None, "foreign_keys", mode != Mode::Scratch)?;
    connection.pragma_update(None, "cache_size", -i64::from(CACHE_KIB))?;
    if matches!(mode, Mode::ReadWriteCreate | Mode::Scratch) {
        // Some file systems cannot hold a WAL: SQLite then answers with the journal it uses instead, as safe but slower.
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
        connection.pragma_update_and_check(None, "wal_autocheckpoint", LOG_PAGES, |_| Ok(()))?;
        connection.pragma_update(None, "synchronous", if mode == Mode::Scratch { "OFF" } else { "FULL" })?;
    }
    Ok(connection)
}

/// Opens the file without SQLite, to learn why SQLite could not.
pub(super) fn probe(path: &Path, mode: Mode) -> std::io::Result<()> {
    match mode {
        Mode::ReadOnly | Mode::Source => File::open(path).map(drop),
        Mode::ReadWriteCreate | Mode::Scratch => may_write(path),
    }
}

/// Fails where SQLite could not create the file or write to it, and leaves nothing behind: SQLite makes files beside it.
pub(super) fn may_write(path: &Path) -> std::io::Result<()> {
    if path.exists() {
        File::options().read(true).write(true).open(path)?;
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !folder.is_dir() {
        let message = format!("there is no folder `{}`", folder.display());
        return Err(std::io::Error::new(std::io::ErrorKind::NotFound, message));
    }
    // A file without a name where the system has such; it is gone at once either way.
    tempfile::tempfile_in(folder).map(drop)
}

fn flags(access: OpenFlags) -> OpenFlags {
    // Every connection is behind a lock of its own.
    access | OpenFlags::SQLITE_OPEN_NO_MUTEX
}

fn open_for_reading(path: &Path) -> rusqlite::Result<Connection> {
    if !path.exists() {
        return Connection::open_in_memory();
    }
    if !is_resting_wal(path) {
        return Connection::open_with_flags(path, flags(OpenFlags::SQLITE_OPEN_READ_ONLY));
    }
    let access = flags(OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI);
    Connection::open_with_flags(format!("file:{}?immutable=1", percent(path)), access)
}

/// Readers of a WAL need a file beside it. Where they may make none nobody else writes, and it is read as it lies there.
fn open_source(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, flags(OpenFlags::SQLITE_OPEN_READ_ONLY))?;
    match connection.query_row("SELECT count(*) FROM main.sqlite_schema", [], |row| row.get::<_, i64>(0)) {
        Err(_) if is_resting_wal(path) => open_for_reading(path),
        _ => Ok(connection),
    }
}

/// Returns whether the database is in WAL mode and nobody has it open: reading it as immutable then spares the
/// `-wal` and `-shm` files that SQLite would otherwise create beside it.
fn is_resting_wal(path: &Path) -> bool {
    let mut header = [0; 20];
    let has_header = File::open(path).and_then(|mut file| file.read_exact(&mut header)).is_ok();
    let beside = |suffix: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        Path::new(&name).exists()
    };
    has_header && header[18..20] == [2, 2] && !beside("-wal") && !beside("-shm")
}

/// Returns a path as a URI writes it.
fn percent(path: &Path) -> String {
    let keep = |byte: &u8| byte.is_ascii_alphanumeric() || b"/-_.~".contains(byte);
    let bytes = path.as_os_str().as_encoded_bytes();
    bytes.iter().map(|byte| if keep(byte) { char::from(*byte).to_string() } else { format!("%{byte:02X}") }).collect()
}
