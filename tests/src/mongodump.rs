//! MongoDB dumps, read without the code under test.

use std::fs::File;
use std::io::BufReader;
use std::io::Read;
use std::path::Path;

use bson::Document;

/// Returns the documents of a collection, packed or not.
pub fn documents(dump: &Path, collection: &str) -> Vec<Document> {
    let path = |ending: &str| dump.join(format!("{collection}.bson{ending}"));
    let mut reader: Box<dyn Read> = match File::open(path("")) {
        Ok(file) => Box::new(BufReader::new(file)),
        Err(_) => Box::new(flate2::read::GzDecoder::new(File::open(path(".gz")).unwrap())),
    };
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes).unwrap();
    let mut rest = bytes.as_slice();
    let mut documents = Vec::new();
    while !rest.is_empty() {
        documents.push(Document::from_reader(&mut rest).unwrap());
    }
    documents
}
