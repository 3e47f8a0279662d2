//! A configuration compiled: which source columns are read, and what each column of a row is made of.

use std::collections::BTreeMap;
use std::collections::HashMap;

use whimbrel_sdk::Description;
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
use crate::config::Cast;
use crate::config::Column;
use crate::config::Config;

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
    Copy(usize),
    Cast(usize, Cast),
    Enum(usize, BTreeMap<String, String>),
    /// The record's own id.
    Id(String, usize),
    /// The id of a record of whichever of these entities has it.
    Reference(Vec<String>, usize),
    CompositeReference(Vec<String>, Vec<usize>),
    Constant(serde_json::Value),
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
    for (name, column) in &config.columns {
        let at = Pointer::root().key("columns").key(name);
        match compiled.feed(setup, column) {
            Ok(feed) => compiled.columns.push((name.clone(), feed)),
            Err(message) => problems.push(Problem::new(at, message)),
        }
    }
    if problems.is_empty() { Ok(compiled) } else { Err(problems) }
}

impl Compiled {
    fn feed(&mut self, setup: &Setup, column: &Column) -> Result<Feed, String> {
        let column = match column {
            Column::Value(value) if value.is_array() || value.is_object() => {
                return Err("expected text, a number, true, false or null, found a list or a table".to_owned());
            }
            Column::Value(value) => return Ok(Feed::Constant(value.clone())),
            Column::From(column) => column,
        };
        let places: Vec<usize> = column.from.iter().map(|name| self.place(name)).collect();
        let ways = [column.cast.is_some(), column.reference.is_some(), column.allowed.is_some()];
        if ways.into_iter().filter(|is_there| *is_there).count() > 1 {
            return Err("expected one of `as`, `reference` and `enum`, found more".to_owned());
        }
        match (&places[..], &column.reference) {
            ([], _) => Err("expected a source column, found none".to_owned()),
            (_, Some(entities)) if entities.is_empty() => Err("expected an entity in `reference`, found none".to_owned()),
            ([place], Some(entities)) => Ok(Feed::Reference(entities.clone(), *place)),
            (places, Some(entities)) => Ok(Feed::CompositeReference(entities.clone(), places.to_vec())),
            ([place], None) => Ok(match (column.cast, &column.allowed) {
                (Some(cast), _) => Feed::Cast(*place, cast),
                (None, Some(allowed)) => Feed::Enum(*place, allowed.clone()),
                // The id is what the entity's strategy makes of the key.
                (None, None) if column.from == setup.key => Feed::Id(setup.entity.clone(), *place),
                (None, None) => Feed::Copy(*place),
            }),
            (_, None) => Err("expected one source column, found several; only a `reference` takes more".to_owned()),
        }
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
                // Only the first can be what references to the entity mean.
                Feed::Id(..) if table.id.is_none() => table.id(name),
                Feed::Reference(entities, _) | Feed::CompositeReference(entities, _) => {
                    table.reference_to_any(name, entities.iter())
                }
                _ => table.column(name),
            };
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
        let mut has_id = false;
        for (name, feed) in &self.columns {
            match feed {
                Feed::Copy(place) => drop(row.raw(name, values[*place])),
                Feed::Id(entity, place) if !has_id => {
                    has_id = true;
                    row.optional_reference(name, entity, given(*place));
                }
                Feed::Id(_, place) => drop(row.raw(name, values[*place])),
                Feed::Reference(entities, place) => {
                    row.optional_reference(name, only(entities), given(*place));
                }
                Feed::CompositeReference(entities, places) => {
                    let key: Option<Vec<Raw<'_>>> = places.iter().map(|place| given(*place)).collect();
                    match key {
                        Some(key) => row.composite_reference(name, only(entities), &key),
                        None => row.null(name),
                    };
                }
                Feed::Cast(place, cast) => {
                    if let Some(value) = given(*place) {
                        cast::write(&mut row, name, value, *cast).map_err(|refused| refused.at(&self.names[*place]))?;
                    }
                }
                Feed::Enum(place, allowed) => {
                    if let Some(value) = given(*place) {
                        let text = match value.value()? {
                            Value::Text(text) => allowed.get(text).ok_or_else(|| {
                                let labels: Vec<String> = allowed.keys().map(|label| format!("`{label}`")).collect();
                                let message = format!("expected one of {}, found `{text}`", labels.join(", "));
                                Rejection::new("enum-value", message)
                            }),
                            _ => Err(Rejection::type_mismatch("a string", value.kind().words())),
                        };
                        row.text(name, text.map_err(|refused| refused.at(&self.names[*place]))?);
                    }
                }
                Feed::Constant(value) => cast::constant(&mut row, name, value),
            }
        }
        Ok(row.into())
    }
}

/// The entity of a reference; empty where only the host can find out which it is.
fn only(entities: &[String]) -> &str {
    if let [one] = entities { one } else { "" }
}
