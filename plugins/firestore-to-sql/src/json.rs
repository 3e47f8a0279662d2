//! Firestore's values inside JSON: timestamps and references as text.

use document_mapping::json;
use whimbrel_sdk::Rejection;
use whimbrel_sdk::bson::Raw;
use whimbrel_sdk::bson::Value;

use crate::config::NonFinite;
use crate::number;
use crate::reference::Reader;
use crate::value::Special;

/// How a column writes JSON.
#[derive(Debug)]
pub(crate) struct Json {
    pub references: Reader,
    pub non_finite: Option<NonFinite>,
}

impl Json {
    pub(crate) fn of(&self, raw: Raw<'_>) -> Result<String, Rejection> {
        json::of_dialect(raw, self)
    }
}

impl json::Special for Json {
    fn write(&self, out: &mut String, raw: Raw<'_>) -> Result<bool, Rejection> {
        if let Value::Double(value) = raw.value()? {
            match self.non_finite {
                None => return Ok(false),
                Some(NonFinite::Null) => out.push_str("null"),
                Some(NonFinite::Text) => json::string(out, number::name(value)),
            }
            return Ok(true);
        }
        match Special::of(raw)? {
            None => return Ok(false),
            Some(Special::Instant(instant)) => json::string(out, instant),
            Some(Special::Reference(..)) => {
                let key = self.references.read(raw)?;
                let text = key.shown()?;
                if key.is_number() { out.push_str(&text) } else { json::string(out, &text) }
            }
        }
        Ok(true)
    }
}
