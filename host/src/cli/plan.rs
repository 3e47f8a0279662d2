//! `whimbrel plan`: what a migration would move and what its mapping leaves out; nothing is transformed or written.

use std::collections::BTreeMap;

use clap::Args;
use serde::Serialize;

use super::DONE;
use super::ManifestArg;
use super::report;
use crate::connector::target::Mode;
use crate::error::Failure;
use crate::plan::Draft;
use crate::plan::JunctionPlan;
use crate::plan::Later;
use crate::plan::OnMissing;
use crate::plan::Plan;
use crate::plan::graph::Graph;
use crate::plan::junction::OnDifference;
use crate::plan::junction::OnMissingParent;
use crate::run::check::Reads;
use crate::run::layout::column_names;
use crate::run::open;
use crate::run::report::PluginReport;
use crate::run::selection;
use crate::run::survey;
use crate::run::survey::Survey;

/// What `plan` takes.
#[derive(Debug, Args)]
pub struct PlanArgs {
    #[command(flatten)]
    manifest: ManifestArg,
    /// The time that a first run would be given, for filters, such as 2024-06-01T00:00:00Z; a later one has the first one's
    #[arg(long, value_name = "INSTANT")]
    now: Option<jiff::Timestamp>,
    /// Print only the graph of entities and references, for one of these tools; no source is opened
    #[arg(long, value_enum, conflicts_with = "json")]
    format: Option<Format>,
}

/// What draws a plan's graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// Mermaid
    Mermaid,
    /// Graphviz
    Dot,
}

/// A plan as it is shown.
#[derive(Debug, Serialize)]
pub struct PlanReport {
    /// The migration's name.
    pub migration: String,
    /// What ids hang on.
    pub namespace: String,
    /// The target, password masked.
    pub target: String,
    /// Tables that the schema file would create.
    pub creates: Vec<String>,
    /// In the order they run.
    pub entities: Vec<PlannedEntity>,
    /// Which of them run side by side, and the references that put them there.
    pub graph: Graph,
    /// What is written behind them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub junctions: Vec<PlannedJunction>,
    /// Every component, once.
    pub plugins: Vec<PluginReport>,
}

/// One entity as it is shown.
#[derive(Debug, Serialize)]
pub struct PlannedEntity {
    /// Its name.
    pub name: String,
    /// What is read.
    pub from: String,
    /// The fields that make its key.
    pub key: Vec<String>,
    /// Its id strategy.
    pub id: &'static str,
    /// The transformer.
    pub transform: String,
    /// The validators.
    pub validate: Vec<String>,
    /// The entities whose records are merged into its own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub merges: Vec<String>,
    /// The entity that its records are merged into.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub merged_into: Option<String>,
    /// The entities that run first.
    pub after: Vec<String>,
    /// The tables that it feeds.
    pub tables: Vec<PlannedTable>,
    /// Source fields that are left out on purpose.
    pub left_out: Vec<String>,
    /// What the source holds.
    pub source: Survey,
    /// What has changed there since the entity was completed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_changed: Option<String>,
}

/// One table as it is shown.
#[derive(Debug, Serialize)]
pub struct PlannedTable {
    /// Its name.
    pub name: String,
    /// The columns that are fed.
    pub columns: Vec<String>,
    /// Columns that the target fills in itself, or leaves NULL.
    pub unfed: Vec<String>,
    /// The columns that tell rows apart.
    pub key: Vec<String>,
    /// Whether it is a junction: its rows are left to a final step, and so are their references.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_junction: bool,
    /// Where its references point.
    pub references: Vec<PlannedReference>,
    /// What a dry run cannot foresee.
    pub not_predicted: Vec<String>,
}

/// One junction as it is shown.
#[derive(Debug, Serialize)]
pub struct PlannedJunction {
    /// Its name: the table's.
    pub name: String,
    /// The entities that feed it; of two rows of one key, that of the first one stands.
    pub sides: Vec<String>,
    /// The entities that must be complete first.
    pub after: Vec<String>,
    /// The columns that are fed.
    pub columns: Vec<String>,
    /// The columns that tell rows apart.
    pub key: Vec<String>,
    /// Where its references point.
    pub references: Vec<JunctionReference>,
    /// `drop` or `fail`.
    pub on_missing: OnMissingParent,
    /// `keep-first` or `fail`.
    pub on_difference: OnDifference,
    /// What a dry run cannot foresee.
    pub not_predicted: Vec<String>,
}

/// One reference of a junction as it is shown.
#[derive(Debug, Serialize)]
pub struct JunctionReference {
    /// The columns.
    pub columns: String,
    /// The parent table.
    pub parent: String,
}

/// One reference as it is shown.
#[derive(Debug, Serialize)]
pub struct PlannedReference {
    /// The columns.
    pub columns: String,
    /// The parent table.
    pub parent: String,
    /// What happens where there is no parent, and none can come any more: `fail`, `dead-letter`, `null` or `park`.
    pub on_missing: OnMissing,
    /// What happens where there is no parent yet: `never` comes later, `filled-in` or `parked`.
    pub later: Later,
}

/// Prints the plan.
pub async fn plan(args: &PlanArgs, json: bool) -> Result<u8, Failure> {
    if let Some(format) = args.format {
        let draft = Draft::read(&args.manifest.manifest)?;
        let opened = open::open_with(
            draft,
            Mode::ReadOnly,
            Reads::Nothing,
            false,
            args.now.map(jiff::Timestamp::as_microsecond),
        )
        .await?;
        let graph = Graph::new(&opened.plan);
        match format {
            Format::Mermaid => report::mermaid(&graph),
            Format::Dot => report::dot(&graph),
        }
        return Ok(DONE);
    }
    let now_us = args.now.map(jiff::Timestamp::as_microsecond);
    let mut opened =
        open::open_with(Draft::read(&args.manifest.manifest)?, Mode::ReadOnly, Reads::Sources, false, now_us).await?;
    let plan = opened.plan.clone();
    let standing = selection::standing(&opened).await?;
    let all = selection::selected(&opened, &[])?;
    let changed = selection::changed_sources(&opened.sources, &all, &standing);
    let mut changed: BTreeMap<usize, String> =
        changed.iter().map(|changed| (changed.entity, changed.to_string())).collect();
    let mut entities = Vec::new();
    for (index, entity) in plan.entities.iter().enumerate() {
        let source = survey::survey(entity, &mut *opened.sources[index]).await?;
        let tables = entity.tables.iter().map(|table| {
            let name = |&column: &usize| table.schema.columns[column].name.clone();
            let unfed = (0..table.schema.columns.len()).filter(|column| !table.columns.contains(column));
            PlannedTable {
                name: table.schema.name.clone(),
                columns: table.columns.iter().map(name).collect(),
                unfed: unfed.map(|column| name(&column)).collect(),
                key: table.key.iter().map(name).collect(),
                is_junction: table.junction.is_some(),
                references: table
                    .references
                    .iter()
                    .filter(|_| !entity.leaves(table))
                    .map(|reference| PlannedReference {
                        columns: column_names(table, reference),
                        parent: reference.parent.name.clone(),
                        on_missing: reference.on_missing,
                        later: reference.later,
                    })
                    .collect(),
                not_predicted: if entity.merged_into.is_some() { Vec::new() } else { table.not_predicted() },
            }
        });
        let name_of = |&entity: &usize| plan.entities[entity].name.clone();
        let merges: Vec<String> = entity.merges.iter().map(name_of).collect();
        entities.push(PlannedEntity {
            name: entity.name.clone(),
            from: match merges.as_slice() {
                [] => format!("{}.{}", entity.source, entity.collection),
                merges => merges.join(", "),
            },
            key: entity.key.clone(),
            id: entity.id.name(),
            transform: entity.transform.clone(),
            validate: opened.mappers[index]
                .versions
                .active()
                .validators
                .iter()
                .map(|validator| validator.component().name().to_owned())
                .collect(),
            merges,
            merged_into: entity.merged_into.as_ref().map(name_of),
            after: entity.after.iter().map(|&parent| plan.entities[parent].name.clone()).collect(),
            tables: tables.collect(),
            left_out: entity.ignores.clone(),
            source,
            source_changed: changed.remove(&index),
        });
    }
    let writable = open::check_writable(&opened, &(0..plan.entities.len()).collect()).await;
    let report = PlanReport {
        migration: plan.name.clone(),
        namespace: plan.namespace.clone(),
        target: opened.target.url().to_owned(),
        creates: opened.schema.map(|(_, names)| names).unwrap_or_default(),
        entities,
        graph: Graph::new(&plan),
        junctions: plan.junctions.iter().map(|junction| planned(&plan, junction)).collect(),
        plugins: opened.plugins,
    };
    // A plan is of use to an account that only reads, too; what a run would come to is said behind it.
    if let Err(failure) = writable {
        if !json {
            report::plan(&report, false);
        }
        return Err(failure.with_report(report));
    }
    report::plan(&report, json);
    Ok(DONE)
}

fn planned(plan: &Plan, junction: &JunctionPlan) -> PlannedJunction {
    let table = &junction.table;
    let names = |entities: &[usize]| entities.iter().map(|&entity| plan.entities[entity].name.clone()).collect();
    let columns = |columns: &[usize]| columns.iter().map(|&column| table.schema.columns[column].name.clone()).collect();
    let references = table.references.iter().map(|reference| JunctionReference {
        columns: column_names(table, reference),
        parent: reference.parent.name.clone(),
    });
    PlannedJunction {
        name: junction.name().to_owned(),
        sides: names(&junction.sides),
        after: names(&junction.after),
        columns: columns(&table.columns),
        key: columns(&table.key),
        references: references.collect(),
        on_missing: junction.on_missing,
        on_difference: junction.on_difference,
        not_predicted: table.not_predicted(),
    }
}
