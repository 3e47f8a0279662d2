//! Rows of one table: its columns, each with the places of its values and its conversion.

use whimbrel_sdk::Accepted;
use whimbrel_sdk::Outcome;
use whimbrel_sdk::Record;
use whimbrel_sdk::Rejection;
use whimbrel_sdk::Row;
use whimbrel_sdk::bson;
use whimbrel_sdk::bson::Raw;

use crate::compile::Mapping;
use crate::convert;
use crate::convert::Convert;
use crate::convert::Part;
use crate::json;
use crate::paths::Found;
use crate::place::Element;
use crate::place::Level;
use crate::place::Named;
use crate::place::Place;
use crate::place::Sources;
use crate::place::What;

/// One column.
#[derive(Debug)]
pub(crate) struct Column {
    pub name: String,
    pub first: Value,
    /// Where the value may be otherwise, or what else a composite one is made of.
    pub more: Vec<Value>,
    pub is_composite: bool,
    pub convert: Convert,
    pub is_required: bool,
    /// Whether empty text counts as missing.
    pub is_empty_null: bool,
    /// A document whose only value stands in for a missing one.
    pub default: Option<Vec<u8>>,
}

/// One value of a column.
#[derive(Debug)]
pub(crate) struct Value {
    pub place: Place,
    /// The source path, for messages.
    pub path: String,
}

/// A table fed by the elements of an array, or of arrays within the elements of others.
#[derive(Debug)]
pub(crate) struct Child {
    pub table: u32,
    /// The arrays, the outermost first; at least one.
    pub levels: Vec<Level>,
    pub columns: Vec<Column>,
}

impl Mapping {
    /// Transforms a record.
    ///
    /// # Errors
    /// What does not fit.
    pub fn transform(&self, record: Record<'_>) -> Outcome {
        let found = self.paths.find(record.document())?;
        let mut row = Row::with_capacity(0, record.document().bytes().len() + 128);
        let sources = Sources { document: &found, element: None };
        fill(&mut row, &self.columns, &sources)?;
        let mut rows = Vec::with_capacity(1 + self.children.len());
        rows.push(row);
        for child in &self.children {
            child.rows(&found, &mut rows)?;
        }
        Ok(Accepted::Rows(rows))
    }
}

impl Child {
    /// Adds a row for each element; a missing or null array has none.
    fn rows<'a>(&self, document: &Found<'a>, rows: &mut Vec<Row>) -> Result<(), Rejection> {
        let Some((level, inner)) = self.levels.split_first() else { return Ok(()) };
        match document.get(level.array) {
            Some(array) => self.elements(array, level, inner, document, None, rows),
            None => Ok(()),
        }
    }

    fn elements<'a>(
        &self,
        array: Raw<'a>,
        level: &Level,
        levels: &[Level],
        document: &Found<'a>,
        outer: Option<&Element<'a, '_>>,
        rows: &mut Vec<Row>,
    ) -> Result<(), Rejection> {
        let bson::Value::Array(elements) = array.value()? else {
            let refused = Rejection::type_mismatch("an array", array.kind().words());
            return Err(refused.at(self.path_of(outer, self.levels.len() - levels.len())));
        };
        for (index, element) in elements.fields().enumerate() {
            let mut element = Element { outer, index, raw: element?.value, inside: None };
            element.inside = level.find(element.raw).map_err(|refused| self.within(&element, refused))?;
            if let Some((next, levels)) = levels.split_first() {
                if let Some(array) = element.inside.as_ref().and_then(|inside| inside.get(next.array)) {
                    self.elements(array, next, levels, document, Some(&element), rows)?;
                }
                continue;
            }
            let mut row = Row::with_capacity(self.table, element.raw.bytes().len() + 128);
            let sources = Sources { document, element: Some(&element) };
            fill(&mut row, &self.columns, &sources).map_err(|refused| self.within(&element, refused))?;
            rows.push(row);
        }
        Ok(())
    }

    /// Completes the field of a rejection: `watchers.3.name` for what is in an element, `$.name` in the configuration.
    fn within(&self, element: &Element<'_, '_>, mut rejection: Rejection) -> Rejection {
        let depth = depth(element);
        let field = rejection.field.take().unwrap_or_default();
        if let Some(field) = field.strip_prefix('^') {
            return rejection.at(field);
        }
        let (level, inner) = match Named::read(&field, depth) {
            Some(Named { level, what: What::Field(path) }) => (level, path),
            Some(Named { level, .. }) => (level, ""),
            None => (depth, field.as_str()),
        };
        let mut named = element;
        for _ in level..depth {
            named = named.outer.unwrap_or(named);
        }
        let path = format!("{}.{}", self.path_of(named.outer, level), named.index);
        rejection.at(if inner.is_empty() { path } else { format!("{path}.{inner}") })
    }

    /// The path of the array of this level, from 1, in an element of the one before.
    fn path_of(&self, outer: Option<&Element<'_, '_>>, level: usize) -> String {
        let whole = &self.levels[level - 1].whole;
        match outer {
            None => whole.clone(),
            Some(element) => {
                let before = &self.levels[level - 2].whole;
                format!("{}.{}{}", self.path_of(element.outer, level - 1), element.index, &whole[before.len()..])
            }
        }
    }
}

fn depth(element: &Element<'_, '_>) -> usize {
    1 + element.outer.map_or(0, depth)
}

fn fill(row: &mut Row, columns: &[Column], sources: &Sources<'_, '_>) -> Result<(), Rejection> {
    columns.iter().try_for_each(|column| column.write(row, sources))
}

impl Column {
    /// The paths of its values from the document's top; of those in `children` an element's is its array's.
    pub(crate) fn sources(&self, child: Option<&Child>) -> Vec<String> {
        let Some(child) = child else { return self.values().map(|value| value.path.clone()).collect() };
        let count = child.levels.len();
        let path = |value: &Value| {
            if let Some(path) = value.path.strip_prefix('^') {
                return Some(path.to_owned());
            }
            let Named { level, what } = Named::read(&value.path, count)?;
            let array = &child.levels[level - 1].whole;
            match what {
                What::Element => Some(array.clone()),
                What::Field(path) => Some(format!("{array}.{path}")),
                What::Index => None,
            }
        };
        self.values().filter_map(path).collect()
    }

    fn values(&self) -> impl Iterator<Item = &Value> {
        std::iter::once(&self.first).chain(&self.more)
    }

    fn write(&self, row: &mut Row, sources: &Sources<'_, '_>) -> Result<(), Rejection> {
        if self.is_composite {
            return self.write_composite(row, sources);
        }
        let (result, value) = match self.get(&self.first, sources) {
            Some(raw) => (self.convert.write(row, &self.name, raw), &self.first),
            None => self.write_otherwise(row, sources),
        };
        result.map_err(|mut rejection| {
            // A rejection of an element of the value names the element already.
            let inner = rejection.field.take();
            let path = match inner {
                Some(inner) => format!("{}.{inner}", value.path),
                None => value.path.clone(),
            };
            rejection.at(path)
        })
    }

    /// Writes what is not at the first place: an index, a value at another place, what stands in for a missing one.
    fn write_otherwise(&self, row: &mut Row, sources: &Sources<'_, '_>) -> (Result<(), Rejection>, &Value) {
        if let Some(index) = sources.index(self.first.place) {
            row.integer(&self.name, i64::try_from(index).unwrap_or(i64::MAX));
            return (Ok(()), &self.first);
        }
        for value in &self.more {
            if let Some(raw) = self.get(value, sources) {
                return (self.convert.write(row, &self.name, raw), value);
            }
        }
        (self.write_missing(row), &self.first)
    }

    fn write_missing(&self, row: &mut Row) -> Result<(), Rejection> {
        match self.default.as_deref().and_then(json::only_value) {
            Some(raw) => self.convert.write(row, &self.name, raw),
            None if self.is_required => Err(Rejection::new("required", "expected a value, found none")),
            None => Ok(()),
        }
    }

    /// A composite value needs all of its parts; none at all is NULL.
    fn write_composite(&self, row: &mut Row, sources: &Sources<'_, '_>) -> Result<(), Rejection> {
        let part = |value: &Value| match sources.index(value.place) {
            Some(index) => Some(Part::Index(index)),
            None => self.get(value, sources).map(Part::Value),
        };
        let found: Vec<_> = self.values().map(|value| (part(value), value.path.as_str())).collect();
        if found.iter().all(|(part, _)| matches!(part, None | Some(Part::Index(_)))) && !self.is_required {
            return Ok(());
        }
        let takes_parts = self.convert.takes_parts();
        let parts = found.into_iter().map(|(part, path)| match part {
            Some(Part::Value(raw)) if !takes_parts => {
                convert::key(raw).map(Part::Value).map_err(|rejection| rejection.at(path))
            }
            Some(part) => Ok(part),
            None => {
                let whole = if takes_parts { "id" } else { "reference" };
                let message = format!("expected every value of the {whole}, found none");
                Err(Rejection::new("required", message).at(path))
            }
        });
        let written = self.convert.write_parts(row, &self.name, &parts.collect::<Result<Vec<_>, _>>()?);
        written.map_err(|(index, rejection)| match self.values().nth(index) {
            Some(value) => rejection.at(value.path.as_str()),
            None => rejection,
        })
    }

    #[inline]
    fn get<'a>(&self, value: &Value, sources: &Sources<'a, '_>) -> Option<Raw<'a>> {
        let raw = sources.get(value.place)?;
        let is_missing = self.is_empty_null && matches!(raw.value(), Ok(bson::Value::Text("")));
        (!is_missing).then_some(raw)
    }
}
