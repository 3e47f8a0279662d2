//! Writes the BSON bytes of a document, value by value, in the forms that records have.

use std::io::Write as _;

use crate::record::instant;

/// Nanoseconds of a millisecond.
const MILLISECOND_NS: i128 = 1_000_000;

/// A document being written. In an array values are numbered, and their names do not matter.
#[derive(Debug, Default)]
pub(super) struct Writer {
    bytes: Vec<u8>,
    open: Vec<Frame>,
}

/// A document or an array that is not closed yet.
#[derive(Debug)]
struct Frame {
    start: usize,
    /// The next element's, in an array.
    index: Option<usize>,
}

impl Writer {
    /// Returns what has been written.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Begins anew, with a document.
    pub(super) fn open_root(&mut self) {
        self.bytes.clear();
        self.open.clear();
        self.open_frame(None);
    }

    /// Begins a document within.
    pub(super) fn open_document(&mut self, name: &str) {
        self.head(0x03, name);
        self.open_frame(None);
    }

    /// Begins an array within.
    pub(super) fn open_array(&mut self, name: &str) {
        self.head(0x04, name);
        self.open_frame(Some(0));
    }

    /// Returns how many documents and arrays are open.
    pub(super) fn depth(&self) -> usize {
        self.open.len()
    }

    /// Ends the innermost document or array.
    pub(super) fn close(&mut self) {
        self.bytes.push(0);
        if let Some(frame) = self.open.pop() {
            let length = length(self.bytes.len() - frame.start);
            self.bytes[frame.start..frame.start + 4].copy_from_slice(&length.to_le_bytes());
        }
    }

    pub(super) fn null(&mut self, name: &str) {
        self.head(0x0a, name);
    }

    pub(super) fn bool(&mut self, name: &str, value: bool) {
        self.head(0x08, name);
        self.bytes.push(value.into());
    }

    pub(super) fn int64(&mut self, name: &str, value: i64) {
        self.head(0x12, name);
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    /// Keeps every bit, those of NaN too.
    pub(super) fn double(&mut self, name: &str, value: f64) {
        self.head(0x01, name);
        self.bytes.extend_from_slice(&value.to_bits().to_le_bytes());
    }

    pub(super) fn string(&mut self, name: &str, value: &str) {
        self.head(0x02, name);
        self.bytes.extend_from_slice(&length(value.len() + 1).to_le_bytes());
        self.bytes.extend_from_slice(value.as_bytes());
        self.bytes.push(0);
    }

    pub(super) fn binary(&mut self, name: &str, value: &[u8]) {
        self.head(0x05, name);
        self.bytes.extend_from_slice(&length(value.len()).to_le_bytes());
        self.bytes.push(0);
        self.bytes.extend_from_slice(value);
    }

    pub(super) fn geopoint(&mut self, name: &str, latitude: f64, longitude: f64) {
        self.open_document(name);
        self.double("latitude", latitude);
        self.double("longitude", longitude);
        self.close();
    }

    /// Writes nanoseconds since 1970: a date where it is whole milliseconds. Finer ones outside the calendar have no form,
    /// and the answer is `false`.
    #[must_use]
    pub(super) fn instant(&mut self, name: &str, ns: i128) -> bool {
        if ns % MILLISECOND_NS == 0
            && let Ok(ms) = i64::try_from(ns / MILLISECOND_NS)
        {
            self.head(0x09, name);
            self.bytes.extend_from_slice(&ms.to_le_bytes());
            return true;
        }
        let Some(text) = instant::display_ns(ns) else { return false };
        self.open_document(name);
        self.string("$instant", &text);
        self.close();
        true
    }

    fn open_frame(&mut self, index: Option<usize>) {
        self.open.push(Frame { start: self.bytes.len(), index });
        self.bytes.extend_from_slice(&[0; 4]);
    }

    /// Writes type and name.
    fn head(&mut self, kind: u8, name: &str) {
        self.bytes.push(kind);
        match self.open.last_mut().and_then(|frame| frame.index.as_mut()) {
            Some(index) => {
                // Writing into a Vec cannot fail.
                let _ = write!(self.bytes, "{index}");
                *index += 1;
            }
            None => self.bytes.extend_from_slice(name.as_bytes()),
        }
        self.bytes.push(0);
    }
}

/// A document is far below 2 GiB; one that is not is found out by the check that every record goes through.
fn length(bytes: usize) -> i32 {
    i32::try_from(bytes).unwrap_or(i32::MAX)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a panic is how a test fails")]
mod tests {
    use bson::Bson;
    use bson::Document;
    use bson::doc;

    use super::Writer;

    #[test]
    fn every_form_is_read_back() {
        let mut writer = Writer::default();
        writer.open_root();
        writer.null("null");
        writer.bool("bool", true);
        writer.int64("int", i64::MIN);
        writer.double("double", f64::from_bits(0xfff8_0000_0000_0001));
        writer.string("string", "ž\0😀");
        writer.binary("bytes", b"\x00\xff");
        writer.geopoint("place", -0.0, 180.0);
        assert!(writer.instant("millis", -1_000_000));
        assert!(writer.instant("nanos", 1_706_702_400_123_456_789));
        assert!(writer.instant("far", 253_402_300_800_000_000_000), "whole milliseconds go on for ever");
        assert!(!writer.instant("beyond", 253_402_300_800_000_000_001));
        assert!(!writer.instant("beyond", i128::MAX));
        writer.open_array("items");
        (0..11).for_each(|number| writer.int64("", number));
        writer.open_array("");
        writer.close();
        writer.close();
        assert_eq!(writer.depth(), 1);
        writer.close();

        let found = Document::from_reader(writer.bytes()).unwrap();
        assert!(matches!(found["double"], Bson::Double(value) if value.to_bits() == 0xfff8_0000_0000_0001));
        assert!(found.get_document("place").unwrap().get_f64("latitude").unwrap().is_sign_negative());
        let mut items: Vec<Bson> = (0..11_i64).map(Bson::Int64).collect();
        items.push(Bson::Array(Vec::new()));
        let mut expected = doc! {
            "null": null,
            "bool": true,
            "int": i64::MIN,
            "double": found["double"].clone(),
            "string": "ž\0😀",
            "bytes": bson::Binary { subtype: bson::spec::BinarySubtype::Generic, bytes: vec![0, 255] },
            "place": { "latitude": -0.0, "longitude": 180.0 },
            "millis": bson::DateTime::from_millis(-1),
            "nanos": { "$instant": "2024-01-31T12:00:00.123456789Z" },
            "far": bson::DateTime::from_millis(253_402_300_800_000),
            "items": items,
        };
        // NaN equals nothing.
        let mut found = found;
        found.remove("double");
        expected.remove("double");
        assert_eq!(found, expected);
    }
}
