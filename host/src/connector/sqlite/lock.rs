//! The lock of a database: a file beside it that the operating system frees when its holder dies.
//!
//! SQLite has one writer, so one lock covers all migrations into the file. The lock file stays when the lock is
//! released: removing it would let two processes hold two files of the same name. Where somebody else removes it, the
//! note in the target decides which of the two may write.

use std::ffi::OsString;
use std::fs::File;
use std::fs::OpenOptions;
use std::fs::TryLockError;
use std::io::ErrorKind;
use std::io::Read;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use async_trait::async_trait;
use rusqlite::Connection;
use rusqlite::OpenFlags;

use super::blocking;
use super::fence;
use super::file::Identity;
use crate::connector::fence::Fence;
use crate::connector::target::Lock;
use crate::connector::target::TargetError;

/// Bytes of the lock file that are read at most: the migration's name, a line break, the holder.
const HOLDER_BYTES_MAX: u64 = 4096;
/// Tries at a lock that somebody may only be looking at, and the time between them.
const LOOKS_MAX: u32 = 3;
const LOOK: Duration = Duration::from_millis(20);
/// Who holds a lock without having said so.
const UNNAMED: &str = "another process";
/// Between two looks whether the file is still there.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Holds the lock file; the system unlocks it when it is closed.
#[derive(Debug)]
pub(super) struct FileLock {
    database: PathBuf,
    fence: Fence,
    file: Mutex<File>,
}

#[async_trait]
impl Lock for FileLock {
    async fn lost(&self) -> TargetError {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            if let Err(error) = blocking(|| self.keep()) {
                return error;
            }
        }
    }
}

/// The lock of a database that is only read.
pub(super) struct NoLock;

#[async_trait]
impl Lock for NoLock {
    async fn lost(&self) -> TargetError {
        std::future::pending().await
    }
}

impl FileLock {
    /// Takes the lock of this database.
    pub(super) fn take(database: &Path, fence: &Fence) -> Result<Self, TargetError> {
        let file = Mutex::new(take(database, fence)?);
        Ok(Self { database: database.to_owned(), fence: fence.clone(), file })
    }

    /// Returns whether the file that is locked is the one that others find.
    pub(super) fn stands(&self) -> bool {
        let file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        Identity::of_file(&file) == Identity::at(&path(&self.database))
    }

    /// Takes the lock again where its file is gone; fails where somebody else has it.
    fn keep(&self) -> Result<(), TargetError> {
        if self.stands() {
            return Ok(());
        }
        let path = path(&self.database);
        match take(&self.database, &self.fence) {
            Ok(file) => {
                tracing::warn!(file = %path.display(), "the lock file was removed, the lock is taken again");
                *self.file.lock().unwrap_or_else(PoisonError::into_inner) = file;
            }
            Err(TargetError::Locked { migration, holder }) => return Err(TargetError::Lost { migration, holder }),
            Err(error) => {
                tracing::warn!(file = %path.display(), "the lock file was removed, and cannot be made again: {error}");
            }
        }
        // Somebody may have had the lock meanwhile, and be done.
        let noted = Connection::open_with_flags(&self.database, OpenFlags::SQLITE_OPEN_READ_ONLY)
            .map_or(Ok(()), |connection| fence::check(&self.fence, &connection));
        match noted {
            Err(lost @ TargetError::Lost { .. }) => Err(lost),
            // Anything else the next transaction will say.
            _ => Ok(()),
        }
    }

    /// Returns who has the lock for this migration. For an instant the looker shares it, which [`Self::take`] bears.
    pub(super) fn holder(database: &Path, migration: &str) -> Result<Option<String>, TargetError> {
        let path = path(database);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(&path, error)),
        };
        match file.try_lock_shared() {
            Ok(()) => Ok(None),
            Err(TryLockError::WouldBlock) => Ok(match holder_in(&file) {
                Some((theirs, holder)) => Some(holder).filter(|_| theirs == in_one_line(migration)),
                None => Some(UNNAMED.to_owned()),
            }),
            Err(TryLockError::Error(error)) => Err(failed(&path, error)),
        }
    }

    /// Fails where the lock could not be taken because its file may not be written.
    pub(super) fn check_writable(database: &Path) -> Result<(), TargetError> {
        let path = path(database);
        match OpenOptions::new().read(true).write(true).open(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(failed(&path, error)),
            _ => Ok(()),
        }
    }
}

impl Drop for FileLock {
    fn drop(&mut self) {
        // Whoever finds the text of a dead process in an unlocked file takes no notice of it anyway.
        let _ = self.file.get_mut().unwrap_or_else(PoisonError::into_inner).set_len(0);
    }
}

fn take(database: &Path, fence: &Fence) -> Result<File, TargetError> {
    let path = path(database);
    let failed = |error| failed(&path, error);
    let mut looks = 0;
    loop {
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) if looks < LOOKS_MAX => {
                looks += 1;
                std::thread::sleep(LOOK);
                continue;
            }
            Err(TryLockError::WouldBlock) => {
                let (migration, holder) =
                    holder_in(&file).unwrap_or_else(|| (fence.migration.clone(), UNNAMED.to_owned()));
                return Err(TargetError::Locked { migration, holder });
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        // Somebody may have removed it before it was locked.
        if Identity::of_file(&file) == Identity::at(&path) {
            file.set_len(0).map_err(failed)?;
            let text = format!("{}\n{}\n", in_one_line(&fence.migration), fence.who);
            file.write_all(text.as_bytes()).map_err(failed)?;
            return Ok(file);
        }
    }
}

fn path(database: &Path) -> PathBuf {
    let mut name = OsString::from(database);
    name.push(".whimbrel-lock");
    name.into()
}

fn failed(path: &Path, source: std::io::Error) -> TargetError {
    TargetError::Permission { what: format!("lock `{}`", path.display()), source: source.into() }
}

fn in_one_line(migration: &str) -> String {
    migration.replace('\n', " ")
}

/// Returns the migration and the holder; `None` where the holder has the lock but has not written its name yet.
fn holder_in(file: &File) -> Option<(String, String)> {
    let mut text = String::new();
    file.take(HOLDER_BYTES_MAX).read_to_string(&mut text).ok()?;
    text.trim_end().split_once('\n').map(|(migration, holder)| (migration.to_owned(), holder.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(database: &Path, migration: &str, who: &str) -> Result<FileLock, TargetError> {
        FileLock::take(database, &Fence::new(migration, who, who))
    }

    #[test]
    fn a_second_holder_is_told_the_first() -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let database = folder.path().join("t.db");
        let first = take(&database, "crm", "pid 7 on merganser")?;
        let refused = take(&database, "other", "pid 8").err().map(|error| error.to_string());
        assert_eq!(refused.as_deref(), Some("the migration `crm` is being run by pid 7 on merganser"));
        assert_eq!(FileLock::holder(&database, "crm")?.as_deref(), Some("pid 7 on merganser"));
        assert_eq!(FileLock::holder(&database, "other")?, None);
        drop(first);
        assert_eq!(FileLock::holder(&database, "crm")?, None);
        take(&database, "other", "pid 8")?;
        Ok(())
    }

    #[cfg(unix)]
    #[test]
    fn a_lock_whose_file_is_removed_is_taken_again_or_lost() -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let database = folder.path().join("t.db");
        let first = take(&database, "crm", "pid 7")?;
        first.keep()?;
        std::fs::remove_file(path(&database))?;
        assert!(!first.stands());
        first.keep()?;
        assert!(take(&database, "crm", "pid 8").is_err(), "the first has it again");
        std::fs::remove_file(path(&database))?;
        let second = take(&database, "crm", "pid 8")?;
        let lost = first.keep().err().map(|error| error.to_string());
        assert_eq!(lost.as_deref(), Some("the migration `crm` was taken over by pid 8"));
        drop(first);
        assert!(second.stands() && take(&database, "crm", "pid 9").is_err(), "the second still has it");
        Ok(())
    }
}
