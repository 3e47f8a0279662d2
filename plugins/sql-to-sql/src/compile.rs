//! A configuration compiled: which source columns are read, and what each column of a row is made of.

use std::collections::BTreeMap;
use std::collections::HashMap;

use whimbrel_sdk::Description;
use whimbrel_sdk::Elements;
use whimbrel_sdk::Outcome;
use whimbrel_sdk::Pointer;
use whimbrel_sdk::Problem;
use whimbrel_sdk::Record;
use whimbrel_sdk::Rejection;
use whimbrel_sdk::Row;
use whimbrel_sdk::Setup;
use whimbrel_sdk::Table;
use whimbrel_sdk::bson::Raw;
use whimbrel_sdk::bson::Value;

use crate::cast;
use crate::clock::Clock;
use crate::config::Cast;
use crate::config::Column;
use crate::config::Config;
use crate::id;
use crate::id::Id;
use crate::json;

/// One entity's configuration, ready for rows.
pub(crate) struct Compiled {
    table: String,
    /// The source columns that are read, by name: a place in what is read of a row.
    places: HashMap<String, usize>,
    /// Their names, by place.
    names: Vec<String>,
    /// The columns of a row, in the order of the configuration.
    columns: Vec<(String, Feed)>,
}

/// What a column is made of; source columns by their places.
enum Feed {
    /// One column, made this, or an array of it; the last is what stands for NULL.
    Column(usize, Made, bool, Option<serde_json::Value>),
    /// Fields with source columns, as one JSON object.
    Json(Vec<(String, usize)>),
    /// The record's own id; several columns are those of a composite key.
    Id(String, Vec<usize>),
    /// A reference to a record of one of these entities; several columns are those of a composite key.
    Reference(Vec<String>, Vec<usize>),
    Constant(serde_json::Value),
}

/// What becomes of one value.
enum Made {
    Same,
    Cast(Cast),
    Clock(Clock),
    Enum(BTreeMap<String, String>),
    Reference(String),
}

impl Feed {
    /// Returns the places of the source columns that it takes.
    fn places(&self) -> Vec<usize> {
        match self {
            Self::Column(place, ..) => vec![*place],
            Self::Json(fields) => fields.iter().map(|(_, place)| *place).collect(),
            Self::Id(_, places) | Self::Reference(_, places) => places.clone(),
            Self::Constant(_) => Vec::new(),
        }
    }
}

/// Compiles a configuration, or returns all that is wrong with it.
pub(crate) fn compile(setup: &Setup, config: &Config) -> Result<Compiled, Vec<Problem>> {
    let mut problems = Vec::new();
    let table = match (&config.table, &setup.into[..]) {
        (Some(table), into) if into.is_empty() || into.contains(table) => table.clone(),
        (Some(table), into) => {
            let message = format!("expected one of the entity's `into` ({}), found `{table}`", into.join(", "));
            problems.push(Problem::new(Pointer::root().key("table"), message));
            table.clone()
        }
        (None, [only]) => only.clone(),
        (None, []) => setup.entity.clone(),
        (None, several) => {
            let message = format!("expected the table of the rows, as `into` has {}, found none", several.len());
            problems.push(Problem::new(Pointer::root().key("table"), message));
            String::new()
        }
    };
    let mut compiled = Compiled { table, places: HashMap::new(), names: Vec::new(), columns: Vec::new() };
    let id = id::column(setup, config);
    for (name, column) in &config.columns {
        let at = Pointer::root().key("columns").key(name);
        match compiled.feed(setup, name, column, id) {
            Ok(feed) => compiled.columns.push((name.clone(), feed)),
            Err(message) => problems.push(Problem::new(at, message)),
        }
    }
    if problems.is_empty() { Ok(compiled) } else { Err(problems) }
}

impl Compiled {
    /// `id` is the column of the record's own id.
    fn feed(&mut self, setup: &Setup, name: &str, column: &Column, id: Option<Id<'_>>) -> Result<Feed, String> {
        let column = match column {
            Column::Value(value) if value.is_array() || value.is_object() => {
                return Err("expected text, a number, true, false or null, found a list or a table".to_owned());
            }
            Column::Value(value) => return Ok(Feed::Constant(value.clone())),
            Column::Json(fields) if fields.is_empty() => {
                return Err("expected at least one field of the JSON object, found none".to_owned());
            }
            Column::Json(fields) => {
                return Ok(Feed::Json(fields.iter().map(|(field, from)| (field.clone(), self.place(from))).collect()));
            }
            Column::From(column) => column,
        };
        let places: Vec<usize> = column.from.iter().map(|name| self.place(name)).collect();
        let ways = [column.cast.is_some(), column.reference.is_some(), column.allowed.is_some()];
        if ways.into_iter().filter(|is_there| *is_there).count() > 1 {
            return Err("expected one of `as`, `reference` and `enum`, found more".to_owned());
        }
        if column.default.as_ref().is_some_and(|default| default.is_array() || default.is_object() || default.is_null())
        {
            return Err("expected text, a number, true or false as `default`, found something else".to_owned());
        }
        let clock = match column.cast.filter(|cast| matches!(cast, Cast::Timestamp | Cast::LocalTimestamp)) {
            Some(cast) => Some(Clock::new(cast, column.zone.as_deref())?),
            None if column.zone.is_some() => {
                return Err("expected `as` to be `timestamp` or `local-timestamp` beside `zone`".to_owned());
            }
            None => None,
        };
        if column.reference.as_ref().is_some_and(Vec::is_empty) {
            return Err("expected an entity, found an empty list".to_owned());
        }
        if id.is_some_and(|id| id.column == name) {
            return Ok(Feed::Id(setup.entity.clone(), places));
        }
        if let Some(id) = id.filter(|_| id::is_plain_key(setup, column)) {
            id.check_second(setup, name)?;
        }
        let is_more = column.array || column.default.is_some();
        let place = match (&places[..], &column.reference) {
            ([], _) => return Err("expected a source column, found none".to_owned()),
            (_, Some(entities)) if !is_more => return Ok(Feed::Reference(entities.clone(), places)),
            ([place], _) => *place,
            (_, Some(_)) => {
                return Err("expected one source column beside `array` or `default`, found several".to_owned());
            }
            (_, None) if setup.key.len() > 1 => {
                return Err(format!(
                    "expected one source column, found several; only a `reference` takes more, and the entity's id those of \
                     its key in their order: {}",
                    setup.key.join(", ")
                ));
            }
            (_, None) => {
                return Err("expected one source column, found several; only a `reference` takes more".to_owned());
            }
        };
        let made = match (clock, column.cast, &column.allowed, &column.reference) {
            (Some(clock), ..) => Made::Clock(clock),
            (None, Some(cast), ..) => Made::Cast(cast),
            (_, _, Some(allowed), _) => Made::Enum(allowed.clone()),
            // In an array it is no reference that is described: nobody looks for the parents.
            (_, _, _, Some(entities)) if column.array => match &entities[..] {
                [entity] => Made::Reference(entity.clone()),
                _ => return Err("expected one entity beside `array`, found several".to_owned()),
            },
            (_, _, _, Some(_)) => return Err("expected no `default` for a reference, found one".to_owned()),
            _ => Made::Same,
        };
        Ok(Feed::Column(place, made, column.array, column.default.clone()))
    }

    fn place(&mut self, name: &str) -> usize {
        let next = self.names.len();
        *self.places.entry(name.to_owned()).or_insert_with(|| {
            self.names.push(name.to_owned());
            next
        })
    }

    /// Says what rows will have.
    pub(crate) fn describe(&self, config: &Config) -> Description {
        let mut table = Table::new(&self.table);
        for (name, feed) in &self.columns {
            table = match feed {
                Feed::Id(..) => table.id(name),
                Feed::Reference(entities, _) => table.reference_to_any(name, entities.iter()),
                _ => table.column(name),
            };
            table = table.of(feed.places().into_iter().map(|place| &self.names[place]));
        }
        Description::new().table(table).reads(&self.names).ignores(&config.ignore)
    }

    /// Makes the row of a record.
    pub(crate) fn transform(&self, record: Record<'_>) -> Outcome {
        let mut found: Vec<Option<Raw<'_>>> = vec![None; self.names.len()];
        for field in record.fields() {
            let field = field?;
            if let Some(&place) = self.places.get(field.name()?) {
                found[place] = Some(field.value);
            }
        }
        let mut values = Vec::with_capacity(found.len());
        for (value, name) in found.into_iter().zip(&self.names) {
            values.push(value.ok_or_else(|| {
                Rejection::new("missing-column", "expected a column of the source, found none of this name").at(name)
            })?);
        }
        let given = |place: usize| Some(values[place]).filter(|value| !value.is_null());
        let mut row = Row::new(0);
        for (name, feed) in &self.columns {
            match feed {
                Feed::Column(place, made, is_array, default) => match (given(*place), default) {
                    (Some(value), _) if *is_array => made
                        .write_elements(&mut row, name, value)
                        .map_err(|refused| at_column(refused, &self.names[*place]))?,
                    (Some(value), _) => {
                        made.write(&mut row, name, value).map_err(|refused| at_column(refused, &self.names[*place]))?
                    }
                    (None, Some(default)) => cast::constant(&mut row, name, default),
                    (None, None) => {}
                },
                Feed::Json(fields) => {
                    let fields = fields.iter().map(|(field, place)| (field.as_str(), values[*place]));
                    let at = |refused: Rejection| refused.at(name);
                    row.json(name, &json::object(fields).map_err(at)?);
                }
                Feed::Id(entity, places) => write_reference(&mut row, name, entity, places.iter().map(|&at| given(at))),
                Feed::Reference(entities, places) => {
                    // Which of several it is, only the host can find out.
                    let entity = if let [only] = &entities[..] { only } else { "" };
                    write_reference(&mut row, name, entity, places.iter().map(|&at| given(at)));
                }
                Feed::Constant(value) => cast::constant(&mut row, name, value),
            }
        }
        Ok(row.into())
    }
}

/// Writes a reference to the record with this key; NULL where a value of the key is.
fn write_reference<'r>(row: &mut Row, column: &str, entity: &str, key: impl Iterator<Item = Option<Raw<'r>>>) {
    let key: Option<Vec<Raw<'_>>> = key.collect();
    match key.as_deref() {
        Some([only]) => row.reference(column, entity, *only),
        Some(key) => row.composite_reference(column, entity, key),
        None => row.null(column),
    };
}

impl Made {
    /// Writes a value that is not NULL, or a copy of any.
    fn write(&self, row: &mut Row, column: &str, value: Raw<'_>) -> Result<(), Rejection> {
        match self {
            Self::Same => cast::copy(row, column, value),
            Self::Cast(cast) => cast::write(row, column, value, *cast),
            Self::Clock(clock) => clock.write(row, column, value),
            Self::Reference(entity) => {
                row.reference(column, entity, value);
                Ok(())
            }
            Self::Enum(allowed) => {
                let Value::Text(text) = value.value()? else {
                    return Err(Rejection::type_mismatch("a string", value.kind().words()));
                };
                let allowed_text = allowed.get(text).ok_or_else(|| {
                    let labels: Vec<String> = allowed.keys().map(|label| format!("`{label}`")).collect();
                    let message = format!("expected one of {}, found `{text}`", labels.join(", "));
                    Rejection::new("enum-value", message)
                })?;
                row.text(column, allowed_text);
                Ok(())
            }
        }
    }

    fn write_elements(&self, row: &mut Row, column: &str, value: Raw<'_>) -> Result<(), Rejection> {
        let Value::Array(array) = value.value()? else {
            return Err(Rejection::type_mismatch("an array", value.kind().words()));
        };
        let mut elements = Elements::default();
        for (index, field) in array.fields().enumerate() {
            let value = field?.value;
            elements.next(|row, name| match value.is_null() {
                true => {
                    row.null(name);
                    Ok(())
                }
                false => self.write(row, name, value).map_err(|refused| refused.at(index.to_string())),
            })?;
        }
        row.array(column, elements);
        Ok(())
    }
}

/// Names the column at fault, and the element of it.
fn at_column(refused: Rejection, column: &str) -> Rejection {
    match &refused.field {
        Some(element) => {
            let path = format!("{column}.{element}");
            refused.at(path)
        }
        None => refused.at(column),
    }
}
