//! Reads a configuration with serde, and says where it is wrong by JSON Pointer.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_path_to_error::Segment;

use crate::Pointer;
use crate::Problem;

/// A configuration for plugins that have none: accepts `{}` only.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Empty {}

/// Reads a configuration; what serde refuses becomes one problem at the value at fault.
///
/// ```
/// #[derive(Debug, serde::Deserialize)]
/// struct Config { limits: Vec<u8> }
/// let problem = whimbrel_sdk::config::parse::<Config>(r#"{"limits": [1, "x"]}"#).unwrap_err();
/// assert_eq!(problem.pointer, "/limits/1");
/// ```
pub fn parse<C: DeserializeOwned>(json: &str) -> Result<C, Problem> {
    let mut deserializer = serde_json::Deserializer::from_str(json);
    serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let mut pointer = Pointer::root();
        for segment in error.path().iter() {
            pointer = match segment {
                Segment::Seq { index } => pointer.index(*index),
                Segment::Map { key } => pointer.key(key),
                Segment::Enum { variant } => pointer.key(variant),
                Segment::Unknown => pointer,
            };
        }
        let message = error.inner().to_string();
        // serde_json adds the place in the text it was given, which nobody has seen.
        let message = message.split(" at line ").next().unwrap_or(&message).to_owned();
        Problem::new(pointer, message)
    })
}
