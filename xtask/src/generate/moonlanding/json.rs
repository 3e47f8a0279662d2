//! Documents as JSON: one file in the form of node-firestore-import-export, or pages of typed values as Firestore's REST API
//! gives them. A double keeps its fraction (`1.0`, `-0.0`), so that it is told from an integer.

use std::fs;
use std::fs::File;
use std::io;
use std::io::BufWriter;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Map;
use serde_json::Value as Json;
use serde_json::json;

use super::moment;
use super::value::Fields;
use super::value::Store;
use super::value::Value;

/// One nested file: documents within their collections, collections within documents.
pub(super) struct Nested {
    file: BufWriter<File>,
    /// The path of the last document.
    open: Vec<String>,
}

impl Nested {
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        let mut file = BufWriter::new(File::create(path)?);
        file.write_all(b"{\"__collections__\":{")?;
        Ok(Self { file, open: Vec::new() })
    }

    /// Ends what is deeper than so many segments.
    fn close(&mut self, depth: usize) -> io::Result<()> {
        while self.open.len() > depth {
            // A document ends its collections and itself.
            self.file.write_all(if self.open.len().is_multiple_of(2) { b"}}" } else { b"}" })?;
            self.open.pop();
        }
        Ok(())
    }
}

impl Store for Nested {
    fn document(&mut self, path: &str, fields: &Fields) -> io::Result<()> {
        let segments: Vec<&str> = path.split('/').collect();
        let shared = self.open.iter().zip(&segments).take_while(|(open, segment)| open == segment).count();
        let mut has_sibling = self.open.len() > shared;
        self.close(shared)?;
        for (depth, segment) in segments.iter().enumerate().skip(shared) {
            if std::mem::take(&mut has_sibling) {
                self.file.write_all(b",")?;
            }
            serde_json::to_writer(&mut self.file, segment)?;
            self.file.write_all(b":{")?;
            if !depth.is_multiple_of(2) {
                if depth + 1 == segments.len() {
                    for (name, value) in fields {
                        serde_json::to_writer(&mut self.file, name)?;
                        self.file.write_all(b":")?;
                        serde_json::to_writer(&mut self.file, &plain(value))?;
                        self.file.write_all(b",")?;
                    }
                }
                self.file.write_all(b"\"__collections__\":{")?;
            }
            self.open.push((*segment).to_owned());
        }
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        self.close(0)?;
        self.file.write_all(b"}}\n")?;
        self.file.flush()
    }
}

/// A value as node-firestore-import-export writes it.
fn plain(value: &Value) -> Json {
    let typed = |name: &str, value: Json| json!({ "__datatype__": name, "value": value });
    match value {
        Value::Null => Json::Null,
        Value::Bool(is) => (*is).into(),
        Value::Integer(integer) => (*integer).into(),
        Value::Double(double) => (*double).into(),
        Value::Timestamp(micros) => {
            let (seconds, nanoseconds) = (micros.div_euclid(1_000_000), micros.rem_euclid(1_000_000) * 1_000);
            typed("timestamp", json!({ "_seconds": seconds, "_nanoseconds": nanoseconds }))
        }
        Value::Text(text) => text.as_str().into(),
        Value::Bytes(bytes) => typed("bytes", STANDARD.encode(bytes).into()),
        Value::Reference(path) => typed("documentReference", path.as_str().into()),
        Value::Point(latitude, longitude) => {
            typed("geopoint", json!({ "_latitude": latitude, "_longitude": longitude }))
        }
        Value::Array(values) => values.iter().map(plain).collect(),
        Value::Map(fields) => fields.iter().map(|(name, value)| (name.to_string(), plain(value))).collect(),
    }
}

/// A folder of pages, each what a list of documents answers.
pub(super) struct Pages {
    dir: PathBuf,
    /// `projects/…/documents`.
    root: String,
    page_documents: u64,
    pages: u64,
    page: Option<BufWriter<File>>,
    filled: u64,
}

impl Pages {
    /// Begins a folder, which is made anew.
    pub(super) fn create(dir: &Path, project: &str, page_documents: u64) -> io::Result<Self> {
        match fs::remove_dir_all(dir) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => fs::create_dir_all(dir)?,
        }
        let root = format!("projects/{project}/databases/(default)/documents");
        Ok(Self { dir: dir.to_owned(), root, page_documents: page_documents.max(1), pages: 0, page: None, filled: 0 })
    }

    fn end_page(&mut self, token: Option<u64>) -> io::Result<()> {
        let Some(mut page) = self.page.take() else { return Ok(()) };
        match token {
            Some(next) => writeln!(page, "],\"nextPageToken\":\"page-{next}\"}}")?,
            None => writeln!(page, "]}}")?,
        }
        page.flush()
    }
}

impl Store for Pages {
    fn document(&mut self, path: &str, fields: &Fields) -> io::Result<()> {
        if self.filled == self.page_documents {
            self.end_page(Some(self.pages))?;
        }
        let mut page = match self.page.take() {
            Some(mut page) => {
                page.write_all(b",\n")?;
                page
            }
            None => {
                let mut page = BufWriter::new(File::create(self.dir.join(format!("page-{:05}.json", self.pages)))?);
                page.write_all(b"{\"documents\":[\n")?;
                (self.pages, self.filled) = (self.pages + 1, 0);
                page
            }
        };
        self.filled += 1;
        let written = moment::iso(moment::LAST);
        let document = json!({
            "name": format!("{}/{path}", self.root),
            "fields": self.fields(fields),
            "createTime": written,
            "updateTime": written,
        });
        serde_json::to_writer(&mut page, &document)?;
        self.page = Some(page);
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        self.end_page(None)
    }
}

impl Pages {
    fn fields(&self, fields: &Fields) -> Map<String, Json> {
        fields.iter().map(|(name, value)| (name.to_string(), self.typed(value))).collect()
    }

    fn typed(&self, value: &Value) -> Json {
        match value {
            Value::Null => json!({ "nullValue": null }),
            Value::Bool(is) => json!({ "booleanValue": is }),
            Value::Integer(integer) => json!({ "integerValue": integer.to_string() }),
            Value::Double(double) => json!({ "doubleValue": double }),
            Value::Timestamp(micros) => json!({ "timestampValue": moment::iso(*micros) }),
            Value::Text(text) => json!({ "stringValue": text }),
            Value::Bytes(bytes) => json!({ "bytesValue": STANDARD.encode(bytes) }),
            Value::Reference(path) => json!({ "referenceValue": format!("{}/{path}", self.root) }),
            Value::Point(latitude, longitude) => {
                json!({ "geoPointValue": { "latitude": latitude, "longitude": longitude } })
            }
            Value::Array(values) if values.is_empty() => json!({ "arrayValue": {} }),
            Value::Array(values) => {
                json!({ "arrayValue": { "values": values.iter().map(|value| self.typed(value)).collect::<Vec<_>>() } })
            }
            Value::Map(fields) if fields.is_empty() => json!({ "mapValue": {} }),
            Value::Map(fields) => json!({ "mapValue": { "fields": self.fields(fields) } }),
        }
    }
}
