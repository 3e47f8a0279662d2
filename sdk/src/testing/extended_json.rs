//! Extended JSON for cases: canonical or relaxed in, relaxed out where that is exact.

use serde_json::Value;

/// Returns the BSON bytes of a document in Extended JSON.
///
/// # Errors
/// Where it is not Extended JSON of a document.
pub fn to_bson(json: &Value) -> Result<Vec<u8>, String> {
    let Value::Object(fields) = json.clone() else { return Err(format!("expected a document, found `{json}`")) };
    let mut document = bson::Document::new();
    for (name, value) in fields {
        let value = bson::Bson::try_from(value).map_err(|error| error.to_string())?;
        document.insert(name, value);
    }
    bson::RawDocumentBuf::try_from(&document).map(bson::RawDocumentBuf::into_bytes).map_err(|error| error.to_string())
}

/// Returns a row body in canonical Extended JSON, except that plain doubles, and integers of either size, are JSON numbers.
pub fn from_bson(bytes: &[u8]) -> Result<Value, String> {
    let document = bson::RawDocument::from_bytes(bytes).map_err(|error| error.to_string())?;
    let document = bson::Document::try_from(document).map_err(|error| error.to_string())?;
    Ok(bson::Bson::Document(document).into_relaxed_extjson())
}
