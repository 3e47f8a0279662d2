//! Rows of one table: its columns, each with the place of its value and its conversion.

use whimbrel_sdk::Accepted;
use whimbrel_sdk::Outcome;
use whimbrel_sdk::Record;
use whimbrel_sdk::Rejection;
use whimbrel_sdk::Row;
use whimbrel_sdk::bson::Raw;
use whimbrel_sdk::bson::Value;

use crate::compile::Compiled;
use crate::convert;
use crate::convert::Convert;
use crate::json;
use crate::paths::Found;
use crate::paths::Paths;
use crate::paths::Slot;

/// One column.
#[derive(Debug)]
pub(crate) struct Column {
    pub name: String,
    pub place: Place,
    /// The further values of a composite reference.
    pub more: Vec<Part>,
    pub convert: Convert,
    pub is_required: bool,
    /// A document whose only value stands in for a missing one.
    pub default: Option<Vec<u8>>,
    /// The source path, for messages.
    pub path: String,
}

/// One value of a composite reference.
#[derive(Debug)]
pub(crate) struct Part {
    pub place: Place,
    /// The source path, for messages.
    pub path: String,
}

/// Where a column's value is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Place {
    /// In the document.
    Document(Slot),
    /// In the array's element.
    Inside(Slot),
    /// The element itself.
    Element,
    /// The element's index from 0.
    Index,
}

/// A table fed by the elements of an array.
#[derive(Debug)]
pub(crate) struct Child {
    pub table: u32,
    pub each: Slot,
    /// The array's path, for messages.
    pub path: String,
    /// The paths inside an element.
    pub inside: Paths,
    pub columns: Vec<Column>,
}

/// What a row is made of.
struct Sources<'a, 'f> {
    document: &'f Found<'a>,
    element: Option<(usize, Raw<'a>, Option<Found<'a>>)>,
}

impl<'a> Sources<'a, '_> {
    /// Returns the value at a place, `None` where it is missing or null. An index is no value of the document.
    #[inline]
    fn get(&self, place: Place) -> Option<Raw<'a>> {
        match (place, &self.element) {
            (Place::Document(slot), _) => self.document.get(slot),
            (Place::Inside(slot), Some((_, _, Some(inside)))) => inside.get(slot),
            (Place::Element, Some((_, raw, _))) => Some(*raw).filter(|raw| !raw.is_null()),
            _ => None,
        }
    }
}

impl Compiled {
    pub(crate) fn transform(&self, record: Record<'_>) -> Outcome {
        let found = self.paths.find(record.document())?;
        let mut row = Row::with_capacity(0, record.document().bytes().len() + 128);
        let sources = Sources { document: &found, element: None };
        fill(&mut row, &self.columns, &sources)?;
        let mut rows = Vec::with_capacity(1 + self.children.len());
        rows.push(row);
        for child in &self.children {
            child.rows(&found, &mut rows).map_err(|rejection| within(&child.path, rejection))?;
        }
        Ok(Accepted::Rows(rows))
    }
}

impl Child {
    /// Adds a row for each element; a missing or null array has none.
    fn rows<'a>(&self, document: &Found<'a>, rows: &mut Vec<Row>) -> Result<(), (Option<usize>, Rejection)> {
        let Some(raw) = document.get(self.each) else { return Ok(()) };
        let Value::Array(array) = raw.value().map_err(|malformed| (None, malformed.into()))? else {
            return Err((None, Rejection::type_mismatch("an array", raw.kind().words())));
        };
        for (index, element) in array.fields().enumerate() {
            let element = element.map_err(|malformed| (Some(index), malformed.into()))?;
            rows.push(self.row(document, index, element.value).map_err(|rejection| (Some(index), rejection))?);
        }
        Ok(())
    }

    fn row<'a>(&self, document: &Found<'a>, index: usize, raw: Raw<'a>) -> Result<Row, Rejection> {
        let inside = match raw.value()? {
            _ if self.inside.is_empty() => None,
            Value::Document(inner) => Some(self.inside.find(inner)?),
            _ => return Err(Rejection::type_mismatch("a document", raw.kind().words())),
        };
        let mut row = Row::with_capacity(self.table, raw.bytes().len() + 128);
        fill(&mut row, &self.columns, &Sources { document, element: Some((index, raw, inside)) })?;
        Ok(row)
    }
}

fn fill(row: &mut Row, columns: &[Column], sources: &Sources<'_, '_>) -> Result<(), Rejection> {
    for column in columns {
        column.write(row, sources).map_err(|mut rejection| {
            if !column.more.is_empty() {
                // Of several values, the rejection names the one at fault already.
                return rejection;
            }
            // A rejection of an element of the value names the element already.
            let inner = rejection.field.take();
            let path = match inner {
                Some(inner) => format!("{}.{inner}", column.path),
                None => column.path.clone(),
            };
            rejection.at(path)
        })?;
    }
    Ok(())
}

impl Column {
    /// Every place with its path.
    pub(crate) fn parts(&self) -> impl Iterator<Item = (Place, &str)> {
        let more = self.more.iter().map(|part| (part.place, part.path.as_str()));
        std::iter::once((self.place, self.path.as_str())).chain(more)
    }

    /// The paths of its values from the document's top; of those in `children` an element's is its array's.
    pub(crate) fn sources(&self, child: Option<&Child>) -> Vec<String> {
        let Some(child) = child else { return self.parts().map(|(_, path)| path.to_owned()).collect() };
        let path = |(place, path): (Place, &str)| match place {
            Place::Document(_) => path.strip_prefix('^').map(str::to_owned),
            Place::Inside(_) => path.strip_prefix("$.").map(|inner| format!("{}.{inner}", child.path)),
            Place::Element => Some(child.path.clone()),
            Place::Index => None,
        };
        self.parts().filter_map(path).collect()
    }

    /// A reference needs all of its values; none at all is NULL.
    fn write_composite(&self, row: &mut Row, sources: &Sources<'_, '_>) -> Result<(), Rejection> {
        let found: Vec<_> = self.parts().map(|(place, path)| (sources.get(place), path)).collect();
        if found.iter().all(|(raw, _)| raw.is_none()) && !self.is_required {
            return Ok(());
        }
        let key = found.into_iter().map(|(raw, path)| {
            raw.ok_or_else(|| Rejection::new("required", "expected every value of the reference, found none"))
                .and_then(convert::key)
                .map_err(|rejection| rejection.at(path))
        });
        self.convert.write_composite(row, &self.name, &key.collect::<Result<Vec<_>, _>>()?);
        Ok(())
    }

    fn write(&self, row: &mut Row, sources: &Sources<'_, '_>) -> Result<(), Rejection> {
        if !self.more.is_empty() {
            return self.write_composite(row, sources);
        }
        if let (Place::Index, Some((index, ..))) = (self.place, &sources.element) {
            row.integer(&self.name, i64::try_from(*index).unwrap_or(i64::MAX));
            return Ok(());
        }
        match sources.get(self.place).or_else(|| self.default.as_deref().and_then(json::only_value)) {
            Some(raw) => self.convert.write(row, &self.name, raw),
            None if self.is_required => Err(Rejection::new("required", "expected a value, found none")),
            None => Ok(()),
        }
    }
}

/// Completes the field of a rejection in a child: `watchers.3.name` for what is in the element.
fn within(path: &str, (index, rejection): (Option<usize>, Rejection)) -> Rejection {
    let Some(index) = index else { return rejection.at(path) };
    let field = match rejection.field.as_deref() {
        Some(field) if field.starts_with('^') => field[1..].to_owned(),
        Some(field) => match field.trim_start_matches('$').trim_start_matches('.') {
            "" => format!("{path}.{index}"),
            inner => format!("{path}.{index}.{inner}"),
        },
        None => format!("{path}.{index}"),
    };
    rejection.at(field)
}
