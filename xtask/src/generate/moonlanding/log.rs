//! LevelDB's log format, in which managed exports are written: blocks of 32 KiB, records split over them, each piece with a
//! masked CRC-32C.

use std::fs::File;
use std::io;
use std::io::BufWriter;
use std::io::Write;
use std::path::Path;

use crc::CRC_32_ISCSI;
use crc::Crc;
use crc::Table;

const BLOCK: usize = 32 * 1024;
/// CRC, length and kind of a piece.
const HEADER: usize = 7;
const CRC: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC_32_ISCSI);

const FULL: u8 = 1;
const FIRST: u8 = 2;
const MIDDLE: u8 = 3;
const LAST: u8 = 4;

/// A log file that grows.
pub(super) struct Log {
    file: BufWriter<File>,
    bytes: u64,
    /// How much of the block is written.
    filled: usize,
}

impl Log {
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        Ok(Self { file: BufWriter::new(File::create(path)?), bytes: 0, filled: 0 })
    }

    /// Writes a record, in as many pieces as blocks ask for.
    pub(super) fn record(&mut self, mut record: &[u8]) -> io::Result<()> {
        let mut is_first = true;
        loop {
            if BLOCK - self.filled < HEADER {
                self.write(&[0; HEADER][..BLOCK - self.filled])?;
            }
            let (piece, rest) = record.split_at(record.len().min(BLOCK - self.filled - HEADER));
            let kind = match (is_first, rest.is_empty()) {
                (true, true) => FULL,
                (true, false) => FIRST,
                (false, false) => MIDDLE,
                (false, true) => LAST,
            };
            let mut digest = CRC.digest();
            digest.update(&[kind]);
            digest.update(piece);
            let crc = digest.finalize();
            let masked = (crc.rotate_right(15)).wrapping_add(0xa282_ead8);
            let length = u16::try_from(piece.len()).map_err(io::Error::other)?;
            self.write(&masked.to_le_bytes())?;
            self.write(&length.to_le_bytes())?;
            self.write(&[kind])?;
            self.write(piece)?;
            if rest.is_empty() {
                return Ok(());
            }
            (record, is_first) = (rest, false);
        }
    }

    /// Returns how many bytes the file has.
    pub(super) fn finish(&mut self) -> io::Result<u64> {
        self.file.flush()?;
        Ok(self.bytes)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.bytes += bytes.len() as u64;
        self.filled = (self.filled + bytes.len()) % BLOCK;
        Ok(())
    }
}
