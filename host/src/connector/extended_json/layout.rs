//! How documents lie in an export: one a line, one after another, or in one array.

use super::frame::Frame;
use super::frame::Framed;
use super::text::TEXT_BYTES_MAX;
use super::text::Text;
use super::text::is_blank;
use crate::connector::source::SourceError;

/// What some tools put before the first byte.
pub(super) const BOM: &[u8] = b"\xef\xbb\xbf";

/// How the documents lie in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// Each begins and ends on one line: a bad line spoils only itself.
    Lines,
    /// One after another, over several lines each.
    Sequence,
    /// The elements of one array.
    Array,
}

impl Layout {
    /// Finds it out from the beginning, where the file stands.
    pub(super) fn find(text: &mut Text) -> Result<Self, SourceError> {
        text.fill_to(BOM.len(), 1)?;
        let mut at = if text.file.available().starts_with(BOM) { BOM.len() } else { 0 };
        while text.fill_to(at + 1, 1)? && is_blank(text.file.available()[at]) {
            at += 1;
        }
        match text.file.available().get(at) {
            Some(b'[') => return Ok(Self::Array),
            Some(b'{') => {}
            _ => return Ok(Self::Lines),
        }
        let mut frame = Frame::default();
        loop {
            match frame.advance(&text.file.available()[at..], true) {
                Framed::Complete(_) => return Ok(Self::Lines),
                Framed::Broken(_) => break,
                Framed::Open => {}
            }
            text.limit(text.file.available().len() - at, 1)?;
            if !text.fill(1)? {
                return Ok(Self::Sequence);
            }
        }
        // The first line is no document. Where the second one is, the first is simply bad.
        let rest = &text.file.available()[at..];
        let next = rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |end| at + end + 1);
        if !text.fill_to(next + 1, 1)? || text.file.available()[next] != b'{' {
            return Ok(Self::Sequence);
        }
        let mut frame = Frame::default();
        loop {
            match frame.advance(&text.file.available()[next..], true) {
                Framed::Complete(_) => return Ok(Self::Lines),
                Framed::Broken(_) => return Ok(Self::Sequence),
                Framed::Open if text.file.available().len() - next > TEXT_BYTES_MAX => return Ok(Self::Sequence),
                Framed::Open => {}
            }
            if !text.fill(1)? {
                return Ok(Self::Sequence);
            }
        }
    }
}
