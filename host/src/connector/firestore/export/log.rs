//! Reads the records of a LevelDB log: blocks of 32 KiB that hold fragments of records, each with its checksum.

use std::ops::Range;

use crc::CRC_32_ISCSI;
use crc::Crc;
use crc::Table;

use crate::connector::file::FillError;
use crate::connector::file::SourceFile;
use crate::connector::source::SourceError;

/// Bytes of a block; a file begins with one, and only its last may be shorter.
const BLOCK_BYTES: u64 = 32 * 1024;
/// Checksum, length, type.
const HEADER_BYTES: usize = 7;
/// A document of Firestore has 1 MiB at most, an entity of Datastore too; with what is around them this is far more.
pub(super) const RECORD_BYTES_MAX: usize = 16 * 1024 * 1024;
const CHECKSUM: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC_32_ISCSI);

/// A record that lies in the file's buffer, in one piece or in fragments.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// Bytes before it that only fill a block.
    pub(super) ahead: usize,
    /// Bytes up to its end.
    pub(super) end: usize,
    /// Where its only fragment lies; more than one have been put together.
    whole: Option<Range<usize>>,
}

impl Found {
    /// Returns the record's bytes.
    pub(super) fn data<'a>(&self, file: &'a SourceFile, log: &'a Log) -> &'a [u8] {
        match &self.whole {
            Some(range) => &file.available()[range.clone()],
            None => &log.fragments,
        }
    }
}

/// Why there is no next record.
#[derive(Debug)]
pub(super) enum LogError {
    /// The system refused.
    Refused(SourceError),
    /// The file ends within a record.
    Cut(Broken),
    /// Some bytes are not what was written.
    Corrupt(Broken),
}

/// What is broken, and where.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Broken {
    /// The offset of the fragment at fault, or of the record.
    pub(super) offset: u64,
    /// Its block's number, from 1.
    pub(super) block: u64,
    /// Expected, then found.
    pub(super) message: String,
    /// Bytes from where the file stands to the record that is lost.
    ahead: usize,
    /// The next byte that may be good, likewise.
    resume: usize,
}

/// Reads one record after another.
#[derive(Default)]
pub(super) struct Log {
    fragments: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Full,
    First,
    Middle,
    Last,
}

/// A fragment whose checksum fits.
struct Fragment {
    kind: Kind,
    data: Range<usize>,
}

impl Broken {
    /// A record that is whole, and says nothing.
    pub(super) fn record(file: &SourceFile, found: &Found, message: String) -> Self {
        broken(file, found.ahead, found.ahead, found.end, message)
    }

    /// Returns where what is lost begins, as long as the file stands where it stood.
    pub(super) fn start(&self, file: &SourceFile) -> u64 {
        file.offset() + self.ahead as u64
    }
}

impl Log {
    /// What is kept of a stretch that cannot be read.
    pub(super) const KEPT_BYTES: usize = 32 * 1024;

    /// Finds the next record without stepping over it; `None` is the end of the file.
    pub(super) fn next(&mut self, file: &mut SourceFile) -> Result<Option<Found>, LogError> {
        let ahead = pad(file, 0)?;
        let Some(first) = fragment(file, ahead)? else { return Ok(None) };
        match first.kind {
            Kind::Full => return Ok(Some(Found { ahead, end: first.data.end, whole: Some(first.data) })),
            Kind::First => {}
            Kind::Middle | Kind::Last => {
                let message = "expected the beginning of a record, found a later part".to_owned();
                return Err(corrupt(file, ahead, ahead, first.data.end, message));
            }
        }
        self.fragments.clear();
        self.fragments.extend_from_slice(&file.available()[first.data.clone()]);
        let mut end = first.data.end;
        loop {
            // What is lost with a broken fragment begins where the record does.
            let of_record = |error| match error {
                LogError::Corrupt(broken) => LogError::Corrupt(Broken { ahead, ..broken }),
                other => other,
            };
            let at = pad(file, end).map_err(&of_record)?;
            let Some(next) = fragment(file, at).map_err(of_record)? else {
                let message = "expected the rest of a record, found the end of the file".to_owned();
                return Err(LogError::Cut(broken(file, ahead, ahead, end, message)));
            };
            if matches!(next.kind, Kind::Full | Kind::First) {
                let message = "expected the rest of a record, found the beginning of another".to_owned();
                return Err(corrupt(file, at, ahead, at, message));
            }
            end = next.data.end;
            if self.fragments.len() + next.data.len() > RECORD_BYTES_MAX {
                let message = format!("expected a record of at most {RECORD_BYTES_MAX} bytes, found more");
                return Err(corrupt(file, ahead, ahead, end, message));
            }
            self.fragments.extend_from_slice(&file.available()[next.data]);
            if next.kind == Kind::Last {
                return Ok(Some(Found { ahead, end, whole: None }));
            }
        }
    }

    /// Steps over what is broken, to where a record begins; returns the first bytes of what is lost.
    pub(super) fn skip(file: &mut SourceFile, broken: &Broken) -> Result<Vec<u8>, LogError> {
        let mut lost = Vec::new();
        file.consume(broken.ahead);
        step(file, broken.resume - broken.ahead, &mut lost)?;
        loop {
            let ahead = pad(file, 0)?;
            match fragment(file, ahead) {
                Ok(Some(Fragment { kind: Kind::Middle | Kind::Last, data })) => step(file, data.end, &mut lost)?,
                // A cut end is met again, and stops the run.
                Ok(_) | Err(LogError::Cut(_)) => return Ok(lost),
                Err(LogError::Corrupt(broken)) => step(file, broken.resume, &mut lost)?,
                Err(refused) => return Err(refused),
            }
        }
    }
}

/// Steps over bytes, and keeps the first of them.
fn step(file: &mut SourceFile, bytes: usize, lost: &mut Vec<u8>) -> Result<(), LogError> {
    let mut left = bytes;
    while left > 0 && fill_to(file, 1)? {
        let part = left.min(file.available().len());
        let room = Log::KEPT_BYTES.saturating_sub(lost.len());
        lost.extend_from_slice(&file.available()[..part.min(room)]);
        file.consume(part);
        left -= part;
    }
    Ok(())
}

/// Returns where the next fragment begins: a header is never split, what is left of a block is zeros.
fn pad(file: &mut SourceFile, ahead: usize) -> Result<usize, LogError> {
    let left = left_in_block(file, ahead);
    if left >= HEADER_BYTES {
        return Ok(ahead);
    }
    if !fill_to(file, ahead + left)? {
        // Zeros up to the end of the file are no fragment either; anything else is.
        let is_empty = file.available()[ahead..].iter().all(|byte| *byte == 0);
        return Ok(if is_empty { file.available().len() } else { ahead });
    }
    let padding = &file.available()[ahead..ahead + left];
    if padding.iter().any(|byte| *byte != 0) {
        let message = format!("expected {left} zeros at the end of the block, found something else");
        return Err(corrupt(file, ahead, ahead, ahead + left, message));
    }
    Ok(ahead + left)
}

/// Reads the fragment that begins here; `None` is the end of the file.
fn fragment(file: &mut SourceFile, at: usize) -> Result<Option<Fragment>, LogError> {
    if !fill_to(file, at + HEADER_BYTES)? {
        return match file.available().len() - at {
            0 => Ok(None),
            found => {
                let message =
                    format!("expected a header of {HEADER_BYTES} bytes, found {found} and the end of the file");
                Err(LogError::Cut(broken(file, at, at, at, message)))
            }
        };
    }
    let block_end = at + left_in_block(file, at);
    let [sum0, sum1, sum2, sum3, length0, length1, kind] =
        file.available()[at..at + HEADER_BYTES].try_into().expect("a header is there");
    let (sum, length) =
        (u32::from_le_bytes([sum0, sum1, sum2, sum3]), usize::from(u16::from_le_bytes([length0, length1])));
    let data = at + HEADER_BYTES..at + HEADER_BYTES + length;
    if data.end > block_end {
        let room = block_end - data.start;
        let message = format!("expected at most {room} bytes to the end of the block, found a length of {length}");
        return Err(corrupt(file, at, at, block_end, message));
    }
    if !fill_to(file, data.end)? {
        let found = file.available().len() - data.start;
        let message = format!("expected {length} bytes, found {found} and the end of the file");
        return Err(LogError::Cut(broken(file, at, at, at, message)));
    }
    // The type is part of what is summed.
    let found = mask(CHECKSUM.checksum(&file.available()[data.start - 1..data.end]));
    if found != sum {
        let message = format!("expected bytes with the checksum {sum:08x}, found {found:08x}");
        return Err(corrupt(file, at, at, block_end, message));
    }
    let kind = match kind {
        1 => Kind::Full,
        2 => Kind::First,
        3 => Kind::Middle,
        4 => Kind::Last,
        other => {
            let message = format!("expected a fragment of type 1 to 4, found {other}");
            return Err(corrupt(file, at, at, block_end, message));
        }
    };
    Ok(Some(Fragment { kind, data }))
}

/// A sum of bytes that hold sums is no good check, so logs keep it in another form.
pub(super) fn mask(sum: u32) -> u32 {
    sum.rotate_right(15).wrapping_add(0xa282_ead8)
}

fn left_in_block(file: &SourceFile, ahead: usize) -> usize {
    let into = (file.offset() + ahead as u64) % BLOCK_BYTES;
    usize::try_from(BLOCK_BYTES - into).expect("at most a block")
}

fn fill_to(file: &mut SourceFile, bytes: usize) -> Result<bool, LogError> {
    file.fill_to(bytes).map_err(|error| match error {
        FillError::Refused(error) => LogError::Refused(error),
        FillError::Broken(message) => {
            let end = file.available().len();
            LogError::Cut(broken(file, end, end, end, message))
        }
    })
}

fn corrupt(file: &SourceFile, at: usize, ahead: usize, resume: usize, message: String) -> LogError {
    LogError::Corrupt(broken(file, at, ahead, resume, message))
}

fn broken(file: &SourceFile, at: usize, ahead: usize, resume: usize, message: String) -> Broken {
    let offset = file.offset() + at as u64;
    Broken { offset, block: offset / BLOCK_BYTES + 1, message, ahead, resume }
}
