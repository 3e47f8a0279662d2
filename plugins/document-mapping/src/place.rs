//! Where a column's value is: in the document, or in an element of an array that makes rows.

use whimbrel_sdk::Rejection;
use whimbrel_sdk::bson::Raw;
use whimbrel_sdk::bson::Value;

use crate::paths::Found;
use crate::paths::Paths;
use crate::paths::Slot;

/// Where a column's value is. Numbers count arrays outwards: 0 is the one whose elements are the rows.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Place {
    /// In the document.
    Document(Slot),
    /// In an array's element.
    Inside(usize, Slot),
    /// The element itself.
    Element(usize),
    /// The element's index from 0.
    Index(usize),
}

/// One array of those that make rows.
#[derive(Debug)]
pub(crate) struct Level {
    /// The array, in the document or in the element of the array before.
    pub array: Slot,
    /// Its path from the document's top.
    pub whole: String,
    /// The paths inside an element.
    pub inside: Paths,
    /// Whether a column takes the element itself.
    pub is_read: bool,
}

impl Level {
    /// Finds the paths inside an element.
    pub(crate) fn find<'a>(&self, raw: Raw<'a>) -> Result<Option<Found<'a>>, Rejection> {
        match raw.value()? {
            _ if self.inside.is_empty() => Ok(None),
            Value::Document(inner) => self.inside.find(inner).map(Some),
            // Nothing is lost: the column that reads the element itself takes it or refuses it.
            value if self.is_read && self.inside.is_mixed() && !matches!(value, Value::Array(_)) => Ok(None),
            _ => Err(Rejection::type_mismatch("a document", raw.kind().words())),
        }
    }
}

/// An element, or its index, as a column's path names it: `$`, `#`, `$.path`, and `$1.path` where there are several arrays.
#[derive(Debug, PartialEq)]
pub(crate) struct Named<'p> {
    /// The array from 1, the outermost.
    pub level: usize,
    pub what: What<'p>,
}

#[derive(Debug, PartialEq)]
pub(crate) enum What<'p> {
    Element,
    Index,
    Field(&'p str),
}

impl<'p> Named<'p> {
    pub(crate) fn read(path: &'p str, levels: usize) -> Option<Self> {
        let is_index = path.starts_with('#');
        let rest = path.strip_prefix(['$', '#'])?;
        let digits = rest.len() - rest.trim_start_matches(|first: char| first.is_ascii_digit()).len();
        let (number, rest) = rest.split_at(digits);
        let level = match number {
            "" => levels,
            // A number among one array would say nothing.
            number if levels > 1 => number.parse().ok().filter(|level| (1..=levels).contains(level))?,
            _ => return None,
        };
        let what = match rest {
            "" if is_index => What::Index,
            "" => What::Element,
            rest if !is_index => What::Field(rest.strip_prefix('.')?),
            _ => return None,
        };
        Some(Self { level, what })
    }
}

/// An element on the way to a row.
pub(crate) struct Element<'a, 'o> {
    /// The element whose array this one is in.
    pub outer: Option<&'o Element<'a, 'o>>,
    pub index: usize,
    pub raw: Raw<'a>,
    pub inside: Option<Found<'a>>,
}

/// What a row is made of.
pub(crate) struct Sources<'a, 'o> {
    pub document: &'o Found<'a>,
    pub element: Option<&'o Element<'a, 'o>>,
}

impl<'a, 'o> Sources<'a, 'o> {
    /// Returns the value at a place, `None` where it is missing or null. An index is no value of the document.
    #[inline]
    pub(crate) fn get(&self, place: Place) -> Option<Raw<'a>> {
        match place {
            Place::Document(slot) => self.document.get(slot),
            Place::Inside(outward, slot) => self.outward(outward)?.inside.as_ref()?.get(slot),
            Place::Element(outward) => Some(self.outward(outward)?.raw).filter(|raw| !raw.is_null()),
            Place::Index(_) => None,
        }
    }

    /// Returns the index at a place, where it is one.
    #[inline]
    pub(crate) fn index(&self, place: Place) -> Option<usize> {
        match place {
            Place::Index(outward) => Some(self.outward(outward)?.index),
            _ => None,
        }
    }

    fn outward(&self, steps: usize) -> Option<&'o Element<'a, 'o>> {
        let mut element = self.element?;
        for _ in 0..steps {
            element = element.outer?;
        }
        Some(element)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_named() {
        let named = |level, what| Some(Named { level, what });
        assert_eq!(Named::read("$", 1), named(1, What::Element));
        assert_eq!(Named::read("$.a.b", 2), named(2, What::Field("a.b")));
        assert_eq!(Named::read("#1", 2), named(1, What::Index));
        assert_eq!(Named::read("$1.id", 3), named(1, What::Field("id")));
        for wrong in ["", "id", "#.id", "$id", "$0", "$3", "#1.id", "$.", "$1id", "$99999999999999999999"] {
            let is_empty_path = wrong == "$.";
            assert_eq!(Named::read(wrong, 2).is_some(), is_empty_path, "{wrong}");
        }
        assert_eq!(Named::read("$1", 1), None);
    }
}
