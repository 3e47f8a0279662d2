//! The order in which the rows of a junction are written: that of their keys, the same in every target.

use xxhash_rust::xxh3::xxh3_128;

use crate::record::Value;
use crate::record::value;

/// Bytes of one value that decide of the order; a longer one is told from others by the hash behind all values.
const VALUE_BYTES_MAX: usize = 64;

/// Returns bytes that sort rows by their keys, so that neighbours in an index are written together.
///
/// Keys that a target may take for equal have equal bytes: `citext` and `NOCASE` do not tell letters by their case, `RTRIM`
/// sees no blanks at the end. Of others none have, but for such texts in columns that do tell them apart.
pub fn sort_key(key: &[Value]) -> Vec<u8> {
    let key: Vec<Value> = key.iter().map(folded).collect();
    let mut sorted = Vec::with_capacity(key.len() * 17 + 16);
    for value in &key {
        match value {
            Value::Integer(number) => sorted.extend_from_slice(&(number.cast_unsigned() ^ (1 << 63)).to_be_bytes()),
            Value::Uuid(id) => sorted.extend_from_slice(id.as_bytes()),
            Value::Text(text) => {
                sorted.extend(text.bytes().take(VALUE_BYTES_MAX));
                sorted.push(0);
            }
            other => sorted.extend(value::encode(std::slice::from_ref(other)).into_iter().take(VALUE_BYTES_MAX)),
        }
    }
    sorted.extend_from_slice(&xxh3_128(&value::encode(&key)).to_be_bytes());
    sorted
}

fn folded(value: &Value) -> Value {
    match value {
        Value::Text(text) => Value::Text(text.trim_end_matches(' ').to_lowercase().into()),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::sort_key;
    use crate::record::Value;

    #[test]
    fn keys_sort_by_their_values_and_long_ones_are_told_apart() {
        let text = |text: &str| Value::Text(text.into());
        let ordered = [
            vec![Value::Integer(i64::MIN), text("b")],
            vec![Value::Integer(-1), text("a")],
            vec![Value::Integer(0), text("")],
            vec![Value::Integer(0), text("a")],
            vec![Value::Integer(0), text("ab")],
            vec![Value::Integer(256), text("a")],
        ];
        let sorted: Vec<Vec<u8>> = ordered.iter().map(|key| sort_key(key)).collect();
        assert!(sorted.is_sorted(), "{sorted:?}");
        let long = |end: &str| sort_key(&[text(&format!("{}{end}", "x".repeat(100)))]);
        assert_ne!(long("a"), long("b"));
        assert_eq!(long("a"), long("a"));
        assert_eq!(sort_key(&[text("Éva  ")]), sort_key(&[text("éva")]));
    }
}
