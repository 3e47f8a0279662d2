//! Transformers: one batch of documents in, one outcome a document out.

use std::collections::HashSet;
use std::ops::Range;

use bson::RawDocument;

use super::bisect::bisect;
use super::component::Component;
use super::component::Payload;
use super::component::Pre;
use super::component::World;
use super::error::OpenError;
use super::error::PluginError;
use super::error::Problem;
use super::extended_json;
use super::grants::Pins;
use super::limits::Limits;
use super::row;
use super::row::PluginRow;
use super::row::RecordFault;
use super::store;
use super::store::State;
use super::wit::since_v0_1_0::transformer::TransformerPluginPre;
use super::wit::since_v0_1_0::transforming as wire;
use super::wit::since_v0_1_0::types;

/// What one entity hands to its transformer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setup {
    /// The entity's name.
    pub entity: String,
    /// The source fields of the record's key, in order.
    pub key: Vec<String>,
    /// The tables that rows are wanted for; empty leaves it to the component.
    pub into: Vec<String>,
    /// The configuration, as JSON text.
    pub config_json: String,
}

/// What a transformer does with its configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// The tables it feeds; no two of the same name.
    pub tables: Vec<Described>,
    /// Source fields that it reads, as dotted paths.
    pub reads: Vec<String>,
    /// Source fields left out on purpose, as dotted paths.
    pub ignores: Vec<String>,
}

/// One table that a transformer feeds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Described {
    /// The table's name.
    pub name: String,
    /// The columns it may name; no two of the same name.
    pub columns: Vec<DescribedColumn>,
    /// The columns that tell rows apart; empty means the target's primary key.
    pub key: Vec<String>,
    /// The column of the record's own id.
    pub id: Option<String>,
}

/// One column that a transformer feeds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescribedColumn {
    /// The column's name.
    pub name: String,
    /// The entity that it refers to.
    pub references: Option<String>,
}

/// The documents of one call.
#[derive(Debug, Clone, Copy)]
pub struct Documents<'a> {
    /// Well-formed BSON documents.
    pub bytes: &'a [u8],
    /// Where each document lies, in order.
    pub ranges: &'a [Range<usize>],
}

/// What became of one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// At least one row.
    Rows(Vec<PluginRow>),
    /// Left out on purpose, and why.
    Skip(String),
    /// Refused.
    Reject {
        /// Short and stable.
        code: String,
        /// The source field at fault.
        field: Option<String>,
        /// One sentence.
        message: String,
    },
}

/// A transformer with its configuration. Every call has a fresh instance; calls may run side by side.
pub struct Transformer {
    component: Component,
    pre: TransformerPluginPre<State>,
    setup: wire::Setup,
    limits: Limits,
    pins: Pins,
    /// The columns of each described table.
    columns: Vec<Vec<String>>,
}

impl Transformer {
    /// Hands a component its configuration and asks what it leads to.
    pub fn open(
        component: &Component,
        setup: Setup,
        limits: Limits,
        pins: Pins,
    ) -> Result<(Self, Description), OpenError> {
        let Pre::Transformer(pre) = component.pre() else {
            return Err(component.wrong_role(World::Transformer).into());
        };
        let (pre, setup) = (pre.clone(), wire::Setup::from(setup));
        let mut store = store::open(component.engine(), component.name(), &limits, pins);
        let fault = |call, store: &_, error| store::fault(component.name(), &limits, call, store, error);
        let instance = pre.instantiate(&mut store).map_err(|error| fault(store::INSTANTIATE, &store, error))?;
        let described = instance
            .whimbrel_plugin_transformer()
            .call_describe(&mut store, &setup)
            .map_err(|error| fault("describe", &store, error))?;
        let description = match described {
            Ok(description) => Description::from(description),
            Err(problems) if problems.is_empty() => {
                let message = "expected at least one problem with a refusal, found none".to_owned();
                return Err(component.contract("describe", message).into());
            }
            Err(problems) => return Err(OpenError::Problems(problems.into_iter().map(Problem::from).collect())),
        };
        check_description(&description).map_err(|message| component.contract("describe", message))?;
        let names = |table: &Described| table.columns.iter().map(|column| column.name.clone()).collect();
        let columns = description.tables.iter().map(names).collect();
        Ok((Self { component: component.clone(), pre, setup, limits, pins, columns }, description))
    }

    /// Returns the component.
    pub fn component(&self) -> &Component {
        &self.component
    }

    /// Transforms a batch: exactly one result a document, in order. A record whose rows are malformed is a fault of its own.
    pub fn transform(&self, documents: Documents<'_>) -> Result<Vec<Result<Outcome, RecordFault>>, PluginError> {
        let payload = self.payload(documents)?;
        let expected = documents.ranges.len();
        let mut store = store::open(self.component.engine(), self.component.name(), &self.limits, self.pins);
        let fault = |call, store: &_, error| store::fault(self.component.name(), &self.limits, call, store, error);
        let instance = self.pre.instantiate(&mut store).map_err(|error| fault(store::INSTANTIATE, &store, error))?;
        let guest = instance.whimbrel_plugin_transformer();
        let configured =
            guest.call_configure(&mut store, &self.setup).map_err(|error| fault("configure", &store, error))?;
        if let Err(problems) = configured {
            let first = problems.first().map_or("none", |problem| problem.message.as_str());
            let message = format!("expected what `describe` accepted to be accepted, found the problem: {first}");
            return Err(self.component.contract("configure", message));
        }
        let outcomes = guest.call_transform(&mut store, &payload).map_err(|error| fault("transform", &store, error))?;
        if outcomes.len() != expected {
            let plugin = self.component.name().to_owned();
            return Err(PluginError::OutcomeCount { plugin, expected, found: outcomes.len() });
        }
        let rows = outcomes.iter().map(|outcome| if let wire::Outcome::Rows(rows) = outcome { rows.len() } else { 0 });
        if rows.sum::<usize>() > self.limits.output_rows {
            let (plugin, value) = (self.component.name().to_owned(), self.limits.output_rows.to_string());
            return Err(PluginError::Limit { plugin, call: "transform", name: "output-rows", value });
        }
        Ok(outcomes.into_iter().map(|outcome| self.take(outcome)).collect())
    }

    /// As [`Self::transform`]; a batch that traps or goes over a limit is split on fresh instances until the records
    /// to blame stand alone. A missed deadline is never split: it says nothing about records.
    pub fn transform_bisecting(
        &self,
        documents: Documents<'_>,
    ) -> Result<Vec<Result<Outcome, RecordFault>>, PluginError> {
        bisect(0..documents.ranges.len(), &mut |range| {
            self.transform(Documents { bytes: documents.bytes, ranges: &documents.ranges[range] })
        })
    }

    fn payload(&self, documents: Documents<'_>) -> Result<types::Documents, PluginError> {
        let bodies = documents.ranges.iter().map(|range| &documents.bytes[range.clone()]);
        match self.component.about().payload {
            Payload::Bson => Ok(types::Documents::Bson(match contiguous(documents.ranges) {
                Some(whole) => documents.bytes[whole].to_vec(),
                None => bodies.collect::<Vec<_>>().concat(),
            })),
            Payload::ExtendedJson => bodies
                .map(|body| RawDocument::from_bytes(body).and_then(extended_json::write))
                .collect::<Result<_, _>>()
                .map(types::Documents::ExtendedJson)
                .map_err(|error| self.component.contract("transform", format!("expected BSON, found {error}"))),
        }
    }

    fn take(&self, outcome: wire::Outcome) -> Result<Outcome, RecordFault> {
        match outcome {
            wire::Outcome::Rows(rows) if rows.is_empty() => {
                Err(RecordFault::malformed_row("expected at least one row, found none".into()))
            }
            wire::Outcome::Rows(rows) => {
                rows.into_iter().map(|row| self.take_row(row)).collect::<Result<_, _>>().map(Outcome::Rows)
            }
            wire::Outcome::Skip(reason) => Ok(Outcome::Skip(reason)),
            wire::Outcome::Reject(rejection) => {
                Ok(Outcome::Reject { code: rejection.code, field: rejection.field, message: rejection.message })
            }
        }
    }

    fn take_row(&self, row: types::Row) -> Result<PluginRow, RecordFault> {
        let columns = usize::try_from(row.table).ok().and_then(|table| self.columns.get(table)).ok_or_else(|| {
            let message = format!("expected a table below {}, found table {}", self.columns.len(), row.table);
            RecordFault::malformed_row(message)
        })?;
        let body = match row.body {
            types::Body::Bson(bytes) => bytes,
            types::Body::ExtendedJson(text) => extended_json::read_row(&text)?,
        };
        row::check(&body, columns)?;
        Ok(PluginRow { table: row.table, body })
    }
}

/// Returns the range that all of these make together, where they follow one another without a gap.
fn contiguous(ranges: &[Range<usize>]) -> Option<Range<usize>> {
    let (first, last) = (ranges.first()?, ranges.last()?);
    ranges.windows(2).all(|pair| pair[0].end == pair[1].start).then_some(first.start..last.end)
}

fn check_description(description: &Description) -> Result<(), String> {
    if description.tables.is_empty() {
        return Err("expected at least one table, found none".to_owned());
    }
    let mut tables = HashSet::new();
    for table in &description.tables {
        if table.name.is_empty() || !tables.insert(&table.name) {
            return Err(format!("expected each table once and named, found `{}`", table.name));
        }
        let mut columns = HashSet::new();
        for column in &table.columns {
            if column.name.is_empty() || column.name.contains('\0') || !columns.insert(&column.name) {
                return Err(format!(
                    "expected each column of `{}` once and named, found `{}`",
                    table.name, column.name
                ));
            }
        }
        if let Some(missing) = table.key.iter().chain(&table.id).find(|&column| !columns.contains(column)) {
            return Err(format!("expected a column of `{}` in its key or as its id, found `{missing}`", table.name));
        }
    }
    Ok(())
}
