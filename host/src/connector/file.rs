//! One file of a dump, plain or gzip, read forward through a buffer: what the file sources have in common.
//!
//! Offsets count uncompressed bytes. A place in the file is remembered with a digest of the bytes before it, so that
//! going on in a file that has been replaced is noticed.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::io::BufReader;
use std::io::Read;
use std::io::Seek;
use std::io::SeekFrom;
use std::path::Path;
use std::path::PathBuf;

use flate2::read::MultiGzDecoder;
use xxhash_rust::xxh3::xxh3_64;

use super::source::SourceError;
use crate::record::Position;

/// Bytes asked of the system at once.
const CHUNK_BYTES: usize = 256 * 1024;
/// Bytes before a place that its digest covers.
const TAIL_BYTES: usize = 256;
/// Bytes at the file's beginning and at its end, on disk, that its state covers. The end of a gzip file holds a checksum.
const STATE_BYTES: u64 = 4096;
/// Places of which the compressed offset is remembered, for progress.
const MARKS_MAX: usize = 256;

/// A file being read.
pub(super) struct SourceFile {
    path: PathBuf,
    name: String,
    /// On disk.
    bytes: u64,
    state: String,
    input: Input,
    /// `buffer[..filled]` is `offset..` of the file; everything before `at` is consumed.
    buffer: Vec<u8>,
    filled: usize,
    at: usize,
    offset: u64,
    is_at_end: bool,
    broken: Option<String>,
    /// Uncompressed and compressed offsets side by side.
    marks: VecDeque<(u64, u64)>,
}

enum Input {
    Plain(File),
    Gzip(Box<MultiGzDecoder<Counted<BufReader<File>>>>),
}

/// Why no more bytes come.
pub(super) enum FillError {
    /// The gzip stream is truncated or corrupt; the bytes so far are good.
    Broken(String),
    /// The system refused.
    Refused(SourceError),
}

impl SourceFile {
    /// Opens a file; `.gz` is decompressed.
    pub(super) fn open(path: &Path) -> Result<Self, SourceError> {
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
        Self::open_as(path, &name)
    }

    /// Opens a file that goes by another name than its own in positions and messages.
    pub(super) fn open_as(path: &Path, name: &str) -> Result<Self, SourceError> {
        let name = name.to_owned();
        let (input, bytes) = open_input(path).map_err(|source| refused(path, source))?;
        let state = File::open(path).and_then(|mut file| state_of(&name, &mut file, bytes));
        let state = state.map_err(|source| refused(path, source))?;
        Ok(Self {
            path: path.to_owned(),
            name,
            bytes,
            state,
            input,
            buffer: Vec::new(),
            filled: 0,
            at: 0,
            offset: 0,
            is_at_end: false,
            broken: None,
            marks: VecDeque::new(),
        })
    }

    /// Returns the file's name without its folder.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Returns the path.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns name, size on disk, and a digest of both ends, as they were when the file was opened.
    pub(super) fn state(&self) -> &str {
        &self.state
    }

    /// Returns the same of the bytes that were read, where the file's end was reached.
    pub(super) fn state_at_end(&mut self) -> String {
        let read = self.end();
        // Whoever reads on goes to a position first.
        let (file, bytes) = match &mut self.input {
            _ if !self.is_at_end => return self.state.clone(),
            Input::Plain(file) => (file, read),
            Input::Gzip(decoder) => {
                let counted = decoder.get_mut();
                (counted.inner.get_mut(), counted.bytes)
            }
        };
        state_of(&self.name, file, bytes).unwrap_or_else(|_| self.state.clone())
    }

    /// Returns the uncompressed offset of the next byte.
    pub(super) fn offset(&self) -> u64 {
        self.offset + self.at as u64
    }

    /// Returns the bytes that are there already.
    pub(super) fn available(&self) -> &[u8] {
        &self.buffer[self.at..self.filled]
    }

    /// Steps over bytes that are there.
    pub(super) fn consume(&mut self, bytes: usize) {
        self.at += bytes;
        debug_assert!(self.at <= self.filled, "only available bytes can be consumed");
    }

    /// Reads until so many bytes are there; returns whether they are, false meaning the end of the file.
    pub(super) fn fill_to(&mut self, bytes: usize) -> Result<bool, FillError> {
        while self.filled - self.at < bytes {
            if !self.fill()? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Reads some more; returns false at the end of the file.
    pub(super) fn fill(&mut self) -> Result<bool, FillError> {
        if let Some(message) = &self.broken {
            return Err(FillError::Broken(message.clone()));
        }
        if self.is_at_end {
            return Ok(false);
        }
        self.make_room();
        loop {
            let room = &mut self.buffer[self.filled..];
            let read = match &mut self.input {
                Input::Plain(file) => file.read(room),
                Input::Gzip(decoder) => decoder.read(room),
            };
            match read {
                Ok(0) => {
                    self.is_at_end = true;
                    return Ok(false);
                }
                Ok(read) => {
                    self.filled += read;
                    return Ok(true);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.failed(error)),
            }
        }
    }

    /// Returns the position behind what is consumed, after so many documents.
    pub(super) fn position(&mut self, document: u64) -> Position {
        if let Input::Gzip(decoder) = &self.input {
            if self.marks.len() == MARKS_MAX {
                self.marks.pop_front();
            }
            self.marks.push_back((self.offset(), decoder.get_ref().bytes));
        }
        Position { document, token: format!("{}:{}:{:016x}", self.name, self.offset(), self.tail_digest()) }
    }

    /// Returns the name of the file that a position's token is from.
    pub(super) fn name_in(token: &str) -> Option<&str> {
        parse_token(token).map(|(name, ..)| name)
    }

    /// Goes to a position of an earlier run.
    pub(super) fn go_to(&mut self, position: &Position) -> Result<(), SourceError> {
        if position.document == 0 && position.token.is_empty() {
            return self.skip_to(0);
        }
        let Some((name, offset, digest)) = parse_token(&position.token) else {
            return Err(SourceError::Position {
                file: self.name.clone(),
                offset: 0,
                message: format!("`{}` is no place in a file", position.token),
            });
        };
        let moved =
            |message: &str| SourceError::Position { file: name.to_owned(), offset, message: message.to_owned() };
        if name != self.name {
            return Err(moved(&format!("the collection's file is now `{}`", self.name)));
        }
        let tail = offset.min(TAIL_BYTES as u64);
        self.skip_to(offset - tail)?;
        let tail = usize::try_from(tail).expect("at most TAIL_BYTES");
        match self.fill_to(tail) {
            Ok(true) => {}
            Ok(false) | Err(FillError::Broken(_)) => {
                return Err(moved(&format!("the file ends at byte {}", self.end())));
            }
            Err(FillError::Refused(error)) => return Err(error),
        }
        self.consume(tail);
        if self.tail_digest() != digest {
            return Err(moved("the bytes before it are not those that were read"));
        }
        Ok(())
    }

    /// Returns how far through the file a position lies, from 0 to 1.
    pub(super) fn progress(&self, at: &Position) -> Option<f64> {
        let offset = if at.token.is_empty() { 0 } else { parse_token(&at.token)?.1 };
        let on_disk = match &self.input {
            Input::Plain(_) => offset,
            Input::Gzip(_) if offset == 0 => 0,
            Input::Gzip(_) => self.marks.iter().rev().find(|mark| mark.0 <= offset)?.1,
        };
        #[expect(clippy::cast_precision_loss, reason = "a progress bar needs no more")]
        let part = if self.bytes == 0 { 1.0 } else { on_disk as f64 / self.bytes as f64 };
        Some(part.min(1.0))
    }

    fn end(&self) -> u64 {
        self.offset + self.filled as u64
    }

    fn tail_digest(&self) -> u64 {
        xxh3_64(&self.buffer[self.at.saturating_sub(TAIL_BYTES)..self.at])
    }

    /// Goes to an uncompressed offset, or to the end of the file where it lies beyond.
    pub(super) fn skip_to(&mut self, offset: u64) -> Result<(), SourceError> {
        self.at = 0;
        self.filled = 0;
        self.is_at_end = false;
        self.broken = None;
        if let Input::Plain(file) = &mut self.input {
            file.seek(SeekFrom::Start(offset)).map_err(|source| refused(&self.path, source))?;
            // Beyond the end nothing can be read; the offset shown is then the file's own end.
            self.offset = offset.min(self.bytes);
            return Ok(());
        }
        self.input = open_input(&self.path).map_err(|source| refused(&self.path, source))?.0;
        self.offset = 0;
        while self.offset() < offset {
            match self.fill() {
                Ok(true) => {}
                Ok(false) | Err(FillError::Broken(_)) => return Ok(()),
                Err(FillError::Refused(error)) => return Err(error),
            }
            let ahead = usize::try_from(offset - self.offset()).unwrap_or(usize::MAX);
            self.consume(ahead.min(self.filled - self.at));
        }
        Ok(())
    }

    /// Moves what is still needed to the front, and grows the buffer where one document fills it.
    fn make_room(&mut self) {
        if self.buffer.len() - self.filled >= CHUNK_BYTES {
            return;
        }
        let keep = self.at.saturating_sub(TAIL_BYTES);
        self.buffer.copy_within(keep..self.filled, 0);
        self.offset += keep as u64;
        self.filled -= keep;
        self.at -= keep;
        if self.buffer.len() - self.filled < CHUNK_BYTES {
            let bytes = (self.buffer.len() * 2).max(4 * CHUNK_BYTES);
            self.buffer.resize(bytes, 0);
        }
    }

    fn failed(&mut self, error: io::Error) -> FillError {
        use io::ErrorKind::InvalidData;
        use io::ErrorKind::InvalidInput;
        use io::ErrorKind::UnexpectedEof;
        if matches!(self.input, Input::Gzip(_)) && matches!(error.kind(), InvalidData | InvalidInput | UnexpectedEof) {
            let found =
                if error.kind() == UnexpectedEof { "the end of the file".to_owned() } else { error.to_string() };
            let message = format!("expected more of the gzip stream, found {found}");
            self.broken = Some(message.clone());
            return FillError::Broken(message);
        }
        FillError::Refused(refused(&self.path, error))
    }
}

fn parse_token(token: &str) -> Option<(&str, u64, u64)> {
    let (rest, digest) = token.rsplit_once(':')?;
    let (name, offset) = rest.rsplit_once(':')?;
    Some((name, offset.parse().ok()?, u64::from_str_radix(digest, 16).ok()?))
}

fn open_input(path: &Path) -> io::Result<(Input, u64)> {
    let file = File::open(path)?;
    let bytes = file.metadata()?.len();
    let is_gzip = path.extension().is_some_and(|extension| extension == "gz");
    if !is_gzip {
        return Ok((Input::Plain(file), bytes));
    }
    let counted = Counted { inner: BufReader::with_capacity(CHUNK_BYTES, file), bytes: 0 };
    Ok((Input::Gzip(Box::new(MultiGzDecoder::new(counted))), bytes))
}

/// Returns the name, so many bytes from the file's beginning, and a digest of both their ends.
fn state_of(name: &str, file: &mut File, bytes: u64) -> io::Result<String> {
    let mut ends = Vec::new();
    for start in [0, bytes.saturating_sub(STATE_BYTES)] {
        file.seek(SeekFrom::Start(start))?;
        file.by_ref().take(STATE_BYTES.min(bytes)).read_to_end(&mut ends)?;
    }
    Ok(format!("`{name}` of {bytes} bytes ({:016x})", xxh3_64(&ends)))
}

fn refused(path: &Path, source: io::Error) -> SourceError {
    SourceError::Io { path: path.display().to_string(), source }
}

/// Counts what passes.
struct Counted<R> {
    inner: R,
    bytes: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(room)?;
        self.bytes += read as u64;
        Ok(read)
    }
}
