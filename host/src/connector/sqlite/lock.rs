//! The lock of a database: a file beside it that the operating system frees when its holder dies.
//!
//! SQLite has one writer, so one lock covers all migrations into the file. The lock file stays when the lock is
//! released: removing it would let two processes hold two files of the same name.

use std::ffi::OsString;
use std::fs::File;
use std::fs::OpenOptions;
use std::fs::TryLockError;
use std::io::Read;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;

use crate::connector::target::Lock;
use crate::connector::target::TargetError;

/// Bytes of the lock file that are read at most: the migration's name, a line break, the holder.
const HOLDER_BYTES_MAX: u64 = 4096;

/// Holds the lock file; the system unlocks it when it is closed.
#[derive(Debug)]
pub(super) struct FileLock(Option<File>);

impl Lock for FileLock {}

impl FileLock {
    /// Returns a lock of nothing, for a database that is only read.
    pub(super) fn none() -> Self {
        Self(None)
    }

    /// Takes the lock of this database.
    pub(super) fn take(database: &Path, migration: &str, holder: &str) -> Result<Self, TargetError> {
        let path = path(database);
        let failed = |source| TargetError::Permission {
            what: format!("lock `{}`", path.display()),
            source: Box::<dyn std::error::Error + Send + Sync>::from(source),
        };
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(locked(&file, migration)),
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        file.set_len(0).map_err(failed)?;
        file.write_all(format!("{}\n{holder}\n", migration.replace('\n', " ")).as_bytes()).map_err(failed)?;
        Ok(Self(Some(file)))
    }
}

impl Drop for FileLock {
    fn drop(&mut self) {
        if let Some(file) = &self.0 {
            // Whoever finds the text of a dead process in an unlocked file takes no notice of it anyway.
            let _ = file.set_len(0);
        }
    }
}

fn path(database: &Path) -> PathBuf {
    let mut name = OsString::from(database);
    name.push(".whimbrel-lock");
    name.into()
}

fn locked(file: &File, migration: &str) -> TargetError {
    let mut text = String::new();
    let read = file.take(HOLDER_BYTES_MAX).read_to_string(&mut text);
    let (theirs, holder) = match text.trim_end().split_once('\n') {
        Some((theirs, holder)) if read.is_ok() => (theirs, holder),
        // The holder has the lock but has not written its name yet.
        _ => (migration, "another process"),
    };
    TargetError::Locked { migration: theirs.to_owned(), holder: holder.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_holder_is_told_the_first() -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let database = folder.path().join("t.db");
        let first = FileLock::take(&database, "crm", "pid 7 on merganser")?;
        let refused = FileLock::take(&database, "other", "pid 8").err().map(|error| error.to_string());
        assert_eq!(refused.as_deref(), Some("the migration `crm` is being run by pid 7 on merganser"));
        drop(first);
        FileLock::take(&database, "other", "pid 8")?;
        Ok(())
    }
}
