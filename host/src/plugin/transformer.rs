//! Transformers: one batch of documents in, one outcome a document out.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use bson::RawDocument;
use bytes::Bytes;
use wasmtime::component::ComponentExportIndex;

use super::bisect::Until;
use super::bisect::bisect;
use super::component::Component;
use super::component::PACKAGE;
use super::component::Payload;
use super::component::Pre;
use super::component::World;
use super::error::OpenError;
use super::error::PluginError;
use super::error::Problem;
use super::extended_json;
use super::grants::Pins;
use super::limits::Limits;
use super::merger::Merger;
use super::row;
use super::row::PluginRow;
use super::row::RecordFault;
use super::store;
use super::store::State;
use super::wit::since_v0_1_0::LentDocuments;
use super::wit::since_v0_1_0::VERSION;
use super::wit::since_v0_1_0::transformer::TransformerPluginIndices;
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
    /// The entities that it refers to: a row to one of them.
    pub references: Vec<String>,
    /// The source fields that it is made of, as far as the component says.
    pub sources: Vec<String>,
}

/// The documents of one call.
#[derive(Debug, Clone, Copy)]
pub struct Documents<'a> {
    /// Well-formed BSON documents.
    pub bytes: &'a [u8],
    /// Where each document lies, in order.
    pub ranges: &'a [Range<usize>],
}

impl Documents<'_> {
    /// Hands them out in the form that a component asks for.
    pub(super) fn lend<T>(
        self,
        component: &Component,
        call: &'static str,
        to: impl FnOnce(LentDocuments<'_>) -> T,
    ) -> Result<T, PluginError> {
        let bodies = self.ranges.iter().map(|range| &self.bytes[range.clone()]);
        Ok(match component.about().payload {
            Payload::Bson => match contiguous(self.ranges) {
                Some(whole) => to(LentDocuments::Bson(&self.bytes[whole])),
                None => to(LentDocuments::Bson(&bodies.collect::<Vec<_>>().concat())),
            },
            Payload::ExtendedJson => {
                let texts: Result<Vec<String>, _> =
                    bodies.map(|body| RawDocument::from_bytes(body).and_then(extended_json::write)).collect();
                let texts = texts.map_err(|error| component.contract(call, format!("expected BSON, found {error}")))?;
                to(LentDocuments::ExtendedJson(&texts))
            }
        })
    }
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
    work: Work,
    limits: Limits,
    /// The columns of each described table.
    columns: Vec<Vec<String>>,
    /// What the environment lacks has been said.
    has_said: AtomicBool,
}

/// What makes the outcomes.
enum Work {
    /// A component that transforms documents.
    Transform(Box<Transforming>),
    /// One that merges groups of records: these are the documents then.
    Merge(Arc<Merger>),
}

struct Transforming {
    pre: TransformerPluginPre<State>,
    indices: TransformerPluginIndices,
    function: ComponentExportIndex,
    setup: wire::Setup,
    pins: Pins,
}

impl Transformer {
    /// Takes a merger for the transformer of groups, whose rows are for these tables.
    pub fn merging(merger: Arc<Merger>, tables: &[Described]) -> Self {
        Self {
            component: merger.component().clone(),
            limits: merger.limits().clone(),
            columns: names(tables),
            work: Work::Merge(merger),
            has_said: AtomicBool::new(false),
        }
    }

    /// Hands a component its configuration and asks what it leads to.
    pub fn open(
        component: &Component,
        setup: Setup,
        limits: Limits,
        pins: Pins,
    ) -> Result<(Self, Description), OpenError> {
        Self::open_wired(component, setup.into(), limits, pins)
    }

    /// Opens another component as this one was opened, or under another setup: same limits, same pins.
    pub fn beside(&self, component: &Component, setup: Option<Setup>) -> Result<(Self, Description), OpenError> {
        let Work::Transform(work) = &self.work else { return Err(component.wrong_role(World::Merger).into()) };
        let setup = setup.map_or_else(|| work.setup.clone(), wire::Setup::from);
        Self::open_wired(component, setup, self.limits.clone(), work.pins)
    }

    fn open_wired(
        component: &Component,
        setup: wire::Setup,
        limits: Limits,
        pins: Pins,
    ) -> Result<(Self, Description), OpenError> {
        let Pre::Transformer(pre) = component.pre() else {
            return Err(component.wrong_role(World::Transformer).into());
        };
        let pre = pre.clone();
        let mut store = store::open(component.engine(), component.name(), &limits, component.grants(), pins)?;
        let fault = |call, store: &_, error| store::fault(component.name(), &limits, call, store, error);
        let instance = store::off_the_loop(|| pre.instantiate(&mut store));
        let instance = instance.map_err(|error| fault(store::INSTANTIATE, &store, error))?;
        let described =
            store::off_the_loop(|| instance.whimbrel_plugin_transformer().call_describe(&mut store, &setup))
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
        let columns = names(&description.tables);
        let function = export(pre.instance_pre().component(), World::Transformer, "transform");
        let function = function.map_err(|error| fault(store::INSTANTIATE, &store, error))?;
        let indices = TransformerPluginIndices::new(pre.instance_pre());
        let indices = indices.map_err(|error| fault(store::INSTANTIATE, &store, error))?;
        Ok((
            Self {
                component: component.clone(),
                work: Work::Transform(Box::new(Transforming { pre, indices, function, setup, pins })),
                limits,
                columns,
                has_said: AtomicBool::new(false),
            },
            description,
        ))
    }

    /// Returns the entity that it is for.
    pub fn entity(&self) -> &str {
        match &self.work {
            Work::Transform(work) => &work.setup.entity,
            Work::Merge(merger) => merger.entity(),
        }
    }

    /// Returns what a call of it is called.
    fn verb(&self) -> &'static str {
        match &self.work {
            Work::Transform(_) => "transform",
            Work::Merge(_) => "merge",
        }
    }

    /// Returns the merger, where it merges groups.
    pub fn merger(&self) -> Option<&Arc<Merger>> {
        match &self.work {
            Work::Transform(_) => None,
            Work::Merge(merger) => Some(merger),
        }
    }

    /// Returns the component.
    pub fn component(&self) -> &Component {
        &self.component
    }

    /// Returns its limits.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Transforms a batch: exactly one result a document, in order. A record whose rows are malformed is a fault of its
    /// own, where its rows can be told from the others.
    pub fn transform(&self, documents: Documents<'_>) -> Result<Vec<Result<Outcome, RecordFault>>, PluginError> {
        let expected = documents.ranges.len();
        let transformed = self.call(documents)?;
        if transformed.outcomes.len() != expected {
            let plugin = self.component.name().to_owned();
            return Err(PluginError::OutcomeCount { plugin, expected, found: transformed.outcomes.len() });
        }
        if transformed.rows.tables.len() > self.limits.output_rows {
            let (plugin, value) = (self.component.name().to_owned(), self.limits.output_rows.to_string());
            return Err(PluginError::Limit { plugin, call: self.verb(), name: "output-rows", value });
        }
        let untold =
            |message| PluginError::Rows { plugin: self.component.name().to_owned(), call: self.verb(), message };
        let mut rows = Rows::new(transformed.rows).map_err(untold)?;
        let outcomes = transformed.outcomes.into_iter().map(|outcome| match outcome {
            types::Outcome::Rows(count) => self.rows(&mut rows, count).map_err(untold),
            types::Outcome::Skip(reason) => Ok(Ok(Outcome::Skip(reason))),
            types::Outcome::Reject(rejection) => {
                Ok(Ok(Outcome::Reject { code: rejection.code, field: rejection.field, message: rejection.message }))
            }
        });
        let outcomes = outcomes.collect::<Result<Vec<_>, _>>()?;
        rows.end().map_err(untold)?;
        Ok(outcomes)
    }

    /// Hands a batch to a fresh instance.
    fn call(&self, documents: Documents<'_>) -> Result<types::Transformed, PluginError> {
        let work = match &self.work {
            Work::Transform(work) => work,
            Work::Merge(merger) => return merger.merge(documents),
        };
        let component = &self.component;
        let mut store = store::open(component.engine(), component.name(), &self.limits, component.grants(), work.pins)?;
        let fault = |call, store: &_, error| store::fault(self.component.name(), &self.limits, call, store, error);
        let instance = work.pre.instance_pre().instantiate(&mut store);
        let instance = instance.map_err(|error| fault(store::INSTANTIATE, &store, error))?;
        let guest = work.indices.load(&mut store, &instance);
        let guest = guest.map_err(|error| fault(store::INSTANTIATE, &store, error))?;
        let configured = guest
            .whimbrel_plugin_transformer()
            .call_configure(&mut store, &work.setup)
            .map_err(|error| fault("configure", &store, error))?;
        if let Err(problems) = configured {
            let first = problems.first().map_or("none", |problem| problem.message.as_str());
            let message = format!("expected what `describe` accepted to be accepted, found the problem: {first}");
            return Err(self.component.contract("configure", message));
        }
        // The generated function takes owned documents, which would be one more copy of the batch.
        let function =
            instance.get_typed_func::<(LentDocuments<'_>,), (types::Transformed,)>(&mut store, &work.function);
        let function = function.map_err(|error| fault(store::INSTANTIATE, &store, error))?;
        let transformed = documents.lend(component, "transform", |lent| function.call(&mut store, (lent,)))?;
        let transformed = transformed.map_err(|error| fault("transform", &store, error))?;
        store.data().say_what_lacks(component.name(), &self.has_said);
        Ok(transformed.0)
    }

    /// As [`Self::transform`]; a batch that traps or goes over a limit is split on fresh instances until the records
    /// to blame stand alone. A missed deadline is never split: it says nothing about records.
    pub fn transform_bisecting(
        &self,
        documents: Documents<'_>,
    ) -> Result<Vec<Result<Outcome, RecordFault>>, PluginError> {
        let until = Until::new(self.limits.deadline);
        bisect(0..documents.ranges.len(), &mut |range| {
            until.check(self.component.name(), self.verb())?;
            self.transform(Documents { bytes: documents.bytes, ranges: &documents.ranges[range] })
        })
    }

    /// Checks that a row's body is well-formed and names described columns, each at most once.
    ///
    /// [`Self::transform`] leaves that to whoever reads the rows anyway.
    pub fn check(&self, row: &PluginRow) -> Result<(), RecordFault> {
        let columns = usize::try_from(row.table).ok().and_then(|table| self.columns.get(table));
        row::check(&row.body, columns.map_or(&[], Vec::as_slice))
    }

    /// Takes the rows of one record. The outer error is for rows that belong to nobody.
    fn rows(&self, rows: &mut Rows, count: u32) -> Result<Result<Outcome, RecordFault>, String> {
        if count == 0 {
            return Ok(Err(RecordFault::malformed_row("expected at least one row, found none".into())));
        }
        let mut taken = Vec::with_capacity(rows.left().min(count as usize));
        let mut fault = None;
        for _ in 0..count {
            match rows.next()? {
                Ok(row) if row.table as usize >= self.columns.len() => {
                    let message = format!("expected a table below {}, found table {}", self.columns.len(), row.table);
                    fault.get_or_insert(RecordFault::malformed_row(message));
                }
                Ok(row) => taken.push(row),
                Err(found) => {
                    fault.get_or_insert(found);
                }
            }
        }
        Ok(match fault {
            None => Ok(Outcome::Rows(taken)),
            Some(fault) => Err(fault),
        })
    }
}

/// The rows of a batch on their way to their records.
struct Rows {
    tables: std::vec::IntoIter<u32>,
    bodies: Bodies,
}

enum Bodies {
    /// Documents one after another.
    Bson(Bytes),
    ExtendedJson(std::vec::IntoIter<String>),
}

impl Rows {
    fn new(rows: types::Rows) -> Result<Self, String> {
        let bodies = match rows.bodies {
            types::Documents::Bson(bytes) => Bodies::Bson(bytes.into()),
            types::Documents::ExtendedJson(texts) if texts.len() == rows.tables.len() => {
                Bodies::ExtendedJson(texts.into_iter())
            }
            types::Documents::ExtendedJson(texts) => {
                return Err(format!("expected {} row bodies, one a table, found {}", rows.tables.len(), texts.len()));
            }
        };
        Ok(Self { tables: rows.tables.into_iter(), bodies })
    }

    fn left(&self) -> usize {
        self.tables.len()
    }

    fn next(&mut self) -> Result<Result<PluginRow, RecordFault>, String> {
        let table = self.tables.next().ok_or("expected as many rows as the outcomes name, found fewer")?;
        let body = match &mut self.bodies {
            Bodies::Bson(rest) => split(rest)?,
            Bodies::ExtendedJson(texts) => match extended_json::read_row(&texts.next().unwrap_or_default()) {
                Ok(body) => body.into(),
                Err(fault) => return Ok(Err(fault)),
            },
        };
        Ok(Ok(PluginRow { table, body }))
    }

    fn end(mut self) -> Result<(), String> {
        match (self.tables.next(), self.bodies) {
            (Some(_), _) => Err("expected as many rows as the outcomes name, found more".to_owned()),
            (None, Bodies::Bson(rest)) if !rest.is_empty() => {
                Err(format!("expected as many row bodies as tables, found {} bytes more", rest.len()))
            }
            (None, _) => Ok(()),
        }
    }
}

/// Splits the first document off.
fn split(rest: &mut Bytes) -> Result<Bytes, String> {
    let length = rest.first_chunk::<4>().and_then(|length| usize::try_from(i32::from_le_bytes(*length)).ok());
    match length {
        Some(length) if length >= 5 && length <= rest.len() && rest[length - 1] == 0 => Ok(rest.split_to(length)),
        _ => Err("expected a row body that is as long as it says and ends there, found another".to_owned()),
    }
}

/// Finds a function among a component's exports.
pub(super) fn export(
    component: &wasmtime::component::Component,
    world: World,
    name: &str,
) -> wasmtime::Result<ComponentExportIndex> {
    let interface = component.get_export_index(None, format!("{PACKAGE}{world}@{VERSION}"));
    let function = interface.and_then(|interface| component.get_export_index(Some(&interface), name));
    function.ok_or_else(|| wasmtime::Error::msg(format!("expected the function `{name}`, found none")))
}

/// The columns of these tables.
fn names(tables: &[Described]) -> Vec<Vec<String>> {
    tables.iter().map(|table| table.columns.iter().map(|column| column.name.clone()).collect()).collect()
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
