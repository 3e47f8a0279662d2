//! The merger `user-dedup`: people who are in several systems, under other ids, become one.
//!
//! Two records are the same person where they have the same address. One without an address is nobody else. Who survives,
//! and whose values stand, is said by the configuration; whatever is not said goes by the order of the sources.

mod address;
mod config;
mod values;

use std::cmp::Ordering;
use std::cmp::Reverse;
use std::collections::HashSet;

use config::Children;
use config::Config;
use config::Field;
use config::Keep;
use config::Survivor;
use whimbrel_sdk::Group;
use whimbrel_sdk::Member;
use whimbrel_sdk::Merger;
use whimbrel_sdk::MergerSetup;
use whimbrel_sdk::Outcome;
use whimbrel_sdk::Problem;
use whimbrel_sdk::Rejection;
use whimbrel_sdk::Row;
use whimbrel_sdk::Table;
use whimbrel_sdk::bson::Document;
use whimbrel_sdk::bson::Raw;
use whimbrel_sdk::bson::Value;

/// The merger with its configuration.
pub struct UserDedup {
    config: Config,
    sources: Vec<String>,
    tables: Vec<Table>,
    /// The table of the persons themselves, and its id column.
    main: u32,
    id: String,
}

/// One record of a group, with its own row.
#[derive(Clone, Copy)]
struct Person<'a> {
    member: Member<'a>,
    row: Document<'a>,
}

impl Merger for UserDedup {
    const SUMMARY: &'static str = "People who are in several systems become one, by their address.";
    const CONFIG_SCHEMA: &'static str = include_str!("config.schema.json");
    type Config = Config;

    fn new(setup: &MergerSetup, config: Config) -> Result<Self, Vec<Problem>> {
        let main = config.check(setup)?;
        let id = setup.tables.iter().find_map(|table| table.id.clone()).unwrap_or_default();
        Ok(Self { config, sources: setup.sources.clone(), tables: setup.tables.clone(), main, id })
    }

    fn identify(&self, member: Member<'_>) -> Option<String> {
        let row = member.row(self.main).ok()??;
        match row.get(&self.config.key).ok()??.value() {
            Ok(Value::Text(text)) => address::known_by(text, &self.config.normalize),
            _ => None,
        }
    }

    fn merge(&self, group: &Group<'_>) -> Outcome {
        let mut people = Vec::with_capacity(group.members.len());
        for &member in &group.members {
            let row = member.row(self.main)?.ok_or_else(|| {
                let table = self.tables.get(self.main as usize).map_or("", |table| table.name.as_str());
                Rejection::new("no-row", format!("expected a row for `{table}` of each record, found none"))
            })?;
            people.push(Person { member, row });
        }
        self.check(&people)?;
        self.rank(&mut people);
        let mut rows = vec![self.person(&people)?];
        for (index, table) in (0..).zip(&self.tables).filter(|(index, _)| *index != self.main) {
            let none = Children::default();
            let policy = self.config.children.get(&table.name).unwrap_or(&none);
            rows.extend(children(index, policy, &people)?);
        }
        Ok(rows.into())
    }
}

impl UserDedup {
    /// Puts the survivor first, and the others behind in their order.
    fn rank(&self, people: &mut [Person<'_>]) {
        // Sorting is stable: of equal ones, the first stays first.
        match self.config.survivor {
            Survivor::Priority => {}
            Survivor::Newest => people.sort_by(|one, other| compare(self.when(other), self.when(one))),
            Survivor::Oldest => people.sort_by(|one, other| match (self.when(one), self.when(other)) {
                (Some(one), Some(other)) => values::compare(one, other),
                // One that does not say is not the oldest.
                (one, other) => one.is_none().cmp(&other.is_none()),
            }),
            Survivor::MostComplete => people.sort_by_cached_key(|person| {
                let fields = person.row.fields().filter_map(Result::ok);
                Reverse(fields.filter(|field| !values::is_empty(field.value)).count())
            }),
        }
        // The survivor goes first; the others keep the order of the sources.
        if let Some((_, others)) = people.split_first_mut() {
            others.sort_by_key(|person| person.member.source);
        }
    }

    /// Returns what says whether a record is newer than others.
    fn when<'a>(&self, person: &Person<'a>) -> Option<Raw<'a>> {
        value(person.row, self.config.by.as_deref()?)
    }

    /// Makes the row of the person.
    fn person(&self, people: &[Person<'_>]) -> Result<Row, Rejection> {
        let mut row = Row::new(self.main);
        let columns = self.tables.get(self.main as usize).map(|table| table.columns.as_slice()).unwrap_or_default();
        for column in columns.iter().map(|column| column.name.as_str()) {
            let policy = match self.config.fields.get(column) {
                _ if column == self.id => Field::Survivor,
                policy => policy.copied().unwrap_or(Field::First),
            };
            let given = people.iter().filter_map(|person| Some((person, value(person.row, column)?)));
            let mut given = given.filter(|(_, value)| !values::is_empty(*value));
            let chosen = match policy {
                Field::First => given.next(),
                Field::Survivor => people.first().and_then(|person| Some((person, value(person.row, column)?))),
                Field::Max => given.reduce(|best, one| if values::compare(one.1, best.1).is_gt() { one } else { best }),
                Field::Min => given.reduce(|best, one| if values::compare(one.1, best.1).is_lt() { one } else { best }),
                Field::Union => {
                    let all: Vec<Raw<'_>> = given.map(|(_, value)| value).collect();
                    match all.as_slice() {
                        [] => {}
                        all => values::unite(&mut row, column, all)?,
                    }
                    continue;
                }
            };
            // Nobody has one that says something; an empty text is still another thing than none.
            let any = || people.iter().find_map(|person| Some((person, value(person.row, column)?)));
            let chosen = chosen.or_else(|| any().filter(|_| policy != Field::Survivor));
            let Some((person, value)) = chosen else { continue };
            self.put(&mut row, column, person.member.source, value)?;
        }
        Ok(row)
    }

    /// Every word of every record is one that is listed, whosever value stands in the end; an address is a text.
    fn check(&self, people: &[Person<'_>]) -> Result<(), Rejection> {
        for person in people {
            if let Some(key) = value(person.row, &self.config.key)
                && !matches!(key.value()?, Value::Text(_))
            {
                return Err(
                    Rejection::type_mismatch("a text to know the record by", key.kind().words()).at(&self.config.key)
                );
            }
            let name = self.sources.get(person.member.source).map_or("", String::as_str);
            for column in self.config.values.get(name).into_iter().flat_map(|columns| columns.keys()) {
                if let Some(value) = value(person.row, column).filter(|value| !values::is_empty(*value)) {
                    self.put(&mut Row::new(self.main), column, person.member.source, value)?;
                }
            }
        }
        Ok(())
    }

    /// Writes a value, in the words that all sources share.
    fn put(&self, row: &mut Row, column: &str, source: usize, value: Raw<'_>) -> Result<(), Rejection> {
        let name = self.sources.get(source).map_or("", String::as_str);
        let Some(words) = self.config.values.get(name).and_then(|columns| columns.get(column)) else {
            row.raw(column, value);
            return Ok(());
        };
        if values::is_empty(value) {
            row.raw(column, value);
            return Ok(());
        }
        let (text, is_number) = match value.value()? {
            Value::Text(text) => (text.to_owned(), false),
            Value::Int32(number) => (number.to_string(), true),
            Value::Int64(number) => (number.to_string(), true),
            Value::Bool(value) => (value.to_string(), false),
            _ => {
                return Err(
                    Rejection::type_mismatch("a text, a whole number or a boolean", value.kind().words()).at(column)
                );
            }
        };
        let word = words.get(&text).ok_or_else(|| {
            let known: Vec<&str> = words.keys().map(String::as_str).collect();
            let message = format!("expected one of `{}` from `{name}`, found `{text}`", known.join("`, `"));
            Rejection::new("unknown-value", message).at(column)
        })?;
        match word.parse::<i64>() {
            Ok(number) if is_number => row.integer(column, number),
            _ => row.text(column, word),
        };
        Ok(())
    }
}

/// Makes the rows of a further table.
fn children(table: u32, policy: &Children, people: &[Person<'_>]) -> Result<Vec<Row>, Rejection> {
    let kept = match policy.keep {
        Keep::All => people,
        Keep::Survivor => people.get(..1).unwrap_or_default(),
    };
    let (mut rows, mut seen) = (Vec::new(), HashSet::new());
    for person in kept {
        for row in person.member.rows() {
            let (of, body) = row?;
            if of != table {
                continue;
            }
            let known = policy.unique.iter().map(|column| value(body, column));
            let known = known.map(|value| value.map(|value| (value.kind() as u8, value.bytes())));
            // As in a constraint, nothing is no value that others could have too.
            let known: Vec<(u8, &[u8])> = known.collect::<Option<_>>().unwrap_or_default();
            if !known.is_empty() && !seen.insert(known) {
                continue;
            }
            let mut made = Row::new(table);
            for field in body.fields() {
                let field = field?;
                let name = field.name()?;
                if policy.position.as_deref() != Some(name) {
                    made.raw(name, field.value);
                }
            }
            if let (Some(position), Ok(place)) = (&policy.position, i64::try_from(rows.len())) {
                made.integer(position, place);
            }
            rows.push(made);
        }
    }
    Ok(rows)
}

/// Returns the value of a column, where it has one.
fn value<'a>(row: Document<'a>, column: &str) -> Option<Raw<'a>> {
    row.get(column).ok()?.filter(|value| !value.is_null())
}

/// One that does not say is before all that do.
fn compare(one: Option<Raw<'_>>, other: Option<Raw<'_>>) -> Ordering {
    match (one, other) {
        (Some(one), Some(other)) => values::compare(one, other),
        (one, other) => one.is_some().cmp(&other.is_some()),
    }
}

whimbrel_sdk::export_merger!(UserDedup);
