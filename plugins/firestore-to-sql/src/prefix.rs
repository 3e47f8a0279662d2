//! Paths of files that begin otherwise in the target.

use std::borrow::Cow;

use document_mapping::text;
use indexmap::IndexMap;
use whimbrel_sdk::Rejection;

/// Beginnings of paths, each with what stands in its place.
#[derive(Debug, Default)]
pub(crate) struct Prefixes {
    /// The longest first, so that the first that fits is the longest.
    pairs: Vec<(String, String)>,
    /// Whether a path that begins with none of them is refused.
    is_required: bool,
}

impl Prefixes {
    pub(crate) fn new(pairs: &IndexMap<String, String>, is_required: bool) -> Result<Self, String> {
        if pairs.is_empty() || pairs.contains_key("") {
            return Err("expected beginnings of paths and what stands in their place, found none".to_owned());
        }
        let mut pairs: Vec<_> = pairs.iter().map(|(from, to)| (from.clone(), to.clone())).collect();
        pairs.sort_by_key(|(from, _)| std::cmp::Reverse(from.len()));
        Ok(Self { pairs, is_required })
    }

    pub(crate) fn rewrite<'t>(&self, path: Cow<'t, str>) -> Result<Cow<'t, str>, Rejection> {
        for (from, to) in &self.pairs {
            if let Some(rest) = path.strip_prefix(from.as_str()) {
                return Ok(Cow::Owned(format!("{to}{rest}")));
            }
        }
        if self.is_required {
            let known: Vec<_> = self.pairs.iter().take(10).map(|(from, _)| format!("`{from}`")).collect();
            let message =
                format!("expected a path that begins with {}, found {}", known.join(" or "), text::quoted(&path));
            return Err(Rejection::new("prefix", message));
        }
        Ok(path)
    }
}
