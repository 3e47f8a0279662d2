//! Ids of rows that no document stands for, such as an array's elements: computed from a name and values, so always the
//! same.

use std::fmt::Write as _;

use document_mapping::Part;
use uuid::Uuid;
use whimbrel_sdk::Rejection;
use whimbrel_sdk::bson::Value;

use crate::config::By;
use crate::reference::Reader;
use crate::value;

/// Beside the contract's own root, so that no derived id is ever that of a record.
const ROOT: Uuid = Uuid::from_u128(0x8d1b_3f0a_52c7_5e96_a40d_7b6e_91f2_c358);

/// Computes ids of one name.
#[derive(Debug)]
pub(crate) struct Derived(Uuid);

impl Derived {
    pub(crate) fn new(name: &str) -> Self {
        Self(Uuid::new_v5(&ROOT, name.as_bytes()))
    }

    /// Returns the id of these values: each in the contract's form of a key with its length before it, so that no two
    /// lists have one text.
    pub(crate) fn id(&self, parts: &[Part<'_>]) -> Result<Uuid, (usize, Rejection)> {
        let mut name = "c".to_owned();
        for (index, part) in parts.iter().enumerate() {
            let form = form(part).map_err(|refused| (index, refused))?;
            // Writing to a string cannot fail.
            let _ = write!(name, "{}:{form}", form.len());
        }
        Ok(Uuid::new_v5(&self.0, name.as_bytes()))
    }
}

fn form(part: &Part<'_>) -> Result<String, Rejection> {
    let raw = match part {
        Part::Index(index) => return Ok(format!("i{index}")),
        Part::Value(raw) => *raw,
    };
    match raw.value()? {
        Value::Text(text) => Ok(format!("s{text}")),
        Value::Int32(value) => Ok(format!("i{value}")),
        Value::Int64(value) => Ok(format!("i{value}")),
        Value::Document(_) => {
            let reader = Reader { by: By::Path, collection: None };
            reader.read(raw).and_then(|key| key.shown().map(|path| format!("s{path}")))
        }
        _ => Err(Rejection::type_mismatch("text, an integer or a reference", value::words(raw))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_frozen() {
        let id = |name, parts: &[usize]| {
            let parts: Vec<_> = parts.iter().map(|index| Part::Index(*index)).collect();
            Derived::new(name).id(&parts).expect("indexes").to_string()
        };
        assert_eq!(id("highlights", &[1, 2]), "7169622b-ce63-555f-9b47-58c2501dddee");
        assert_ne!(id("highlights", &[1, 2]), id("highlights", &[12]));
        assert_ne!(id("highlights", &[1]), id("responses", &[1]));
    }
}
