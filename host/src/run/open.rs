//! Everything before the first batch: plugins loaded, sources and target connected, the plan made. Nothing is written here.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use super::bookkeeping::Bookkeeping;
use super::bookkeeping::MigrationRow;
use super::check::Checked;
use super::check::Reads;
use super::check::Refused;
use super::check::check;
use super::components;
use super::components::Found;
use super::components::Loaded;
use super::entity::Mapper;
use super::fingerprint::EntityParts;
use super::fingerprint::Fingerprint;
use super::fingerprint::PluginParts;
use super::fingerprint::table_json;
use super::merge::Gathering;
use super::origin::GatheredOrigin;
use super::origin::Origin;
use super::report::PluginReport;
use super::resolve::Resolver;
use super::stages::Stages;
use super::stand_in;
use super::stand_in::StandIn;
use super::tables;
use super::tables::Tables;
use super::version::Version;
use super::version::Versions;
use super::who::run_id;
use crate::connector;
use crate::connector::Source;
use crate::connector::Target;
use crate::connector::TargetError;
use crate::connector::target::Mode;
use crate::connector::target::Written;
use crate::error::Failure;
use crate::plan::Draft;
use crate::plan::EntityPlan;
use crate::plan::IdStrategy;
use crate::plan::JunctionPlan;
use crate::plan::Later;
use crate::plan::Manifest;
use crate::plan::OnConflict;
use crate::plan::Plan;
use crate::plan::ReferencePlan;
use crate::plan::resolve;
use crate::plan::resolve::Described;
use crate::plan::resolve::DescribedTable;
use crate::plugin::Component;
use crate::plugin::Description;
use crate::plugin::Merger;
use crate::plugin::Pins;
use crate::plugin::Transformer;
use crate::plugin::Validator;
use crate::record::instant;

/// A migration that is ready to run, or to be shown.
pub struct Opened {
    /// The manifest.
    pub manifest: Manifest,
    /// The plan.
    pub plan: Arc<Plan>,
    /// The target, as `mode` opened it.
    pub target: Arc<dyn Target>,
    /// One an entity, in the plan's order; none where nothing is read.
    pub sources: Vec<Box<dyn Source>>,
    /// One an entity, in the plan's order.
    pub mappers: Vec<Arc<Mapper>>,
    /// Where the records of each entity come from, in the plan's order.
    pub origins: Vec<Origin>,
    /// Every component that takes part, once.
    pub plugins: Vec<PluginReport>,
    /// Components whose files are others than the migration runs with.
    pub stand_ins: Vec<StandIn>,
    /// What checkpoints hang on.
    pub fingerprint: Fingerprint,
    /// What was stored at the first run, where there was one.
    pub stored: Option<MigrationRow>,
    /// The pinned clock and seed: stored ones, or new ones.
    pub pins: Pins,
    /// The statements that make the missing tables, and these tables' names.
    pub schema: Option<(String, Vec<String>)>,
    /// The schemas of the missing tables.
    pub missing: Vec<crate::record::TableSchema>,
}

impl Opened {
    /// Says which components are not those of the files that were found.
    pub fn tell_stand_ins(&self) {
        let used = self.stand_ins.iter().filter(|stand_in| stand_in.kept.is_some());
        used.for_each(|stand_in| stand_in.tell(&self.manifest.file));
    }
}

/// Opens a migration that has begun, with the components that it runs with: for looking at what was moved, and for
/// putting it right.
pub async fn open(draft: impl Into<Draft>, mode: Mode, reads: Reads) -> Result<Opened, Failure> {
    let opened = open_with(draft, mode, reads, true, None).await?;
    if let Some(lacking) = opened.stand_ins.iter().find(|stand_in| stand_in.kept.is_none()) {
        let file = lacking.file.display();
        return Err(Failure::usage(format!("`{file}` is not what the migration runs with")).hint(lacking.hint()));
    }
    opened.tell_stand_ins();
    Ok(opened)
}

/// Opens a migration. Every problem of the manifest at once, as far as one does not hide another; the target is opened
/// when nothing else is wrong. `stands_in`: what the migration runs with is taken in the place of a file that an earlier
/// run has only tried. `now_us`: the time that a first run pins, where that is not the real one.
pub async fn open_with(
    draft: impl Into<Draft>,
    mode: Mode,
    reads: Reads,
    stands_in: bool,
    now_us: Option<i64>,
) -> Result<Opened, Failure> {
    let (draft, fresh) = (draft.into(), new_pins(now_us));
    let (checked, known) = match check(draft.clone(), fresh, reads, &[]).await {
        Ok(checked) => (checked, None),
        // A file that an earlier run has refused may be all that is wrong.
        Err(Refused::Components(failure)) if stands_in => match kept_instead(&draft).await {
            Some(stand_ins) => (check(draft, fresh, reads, &stand_ins).await?, Some(stand_ins)),
            None => return Err(failure),
        },
        Err(refused) => return Err(refused.into()),
    };
    let Checked { manifest, origins: systems, sources, mut loaded, mut transformers, script } = checked;
    let target: Arc<dyn Target> =
        connector::open_target(&manifest.tables.target.url, &manifest.folder, mode).await?.into();
    if mode == Mode::ReadWrite {
        check_lock(&*target, &manifest.tables.name).await?;
    }
    let stored = stored_migration(&*target, &manifest.tables.name).await?;
    let (mut pins, mut stand_ins) = (fresh, Vec::new());
    if let Some(stored) = &stored {
        pins = Pins { now_us: stored.pinned_at_us, seed: stored.seed.cast_unsigned() };
        if now_us.is_some_and(|now_us| now_us != pins.now_us) {
            let pinned = instant::display_any(pins.now_us.into());
            let name = &manifest.tables.name;
            return Err(Failure::usage(format!("the migration `{name}` has begun with another `--now`: {pinned}"))
                .hint("leave `--now` out: every run of a migration has the time of the first one"));
        }
        let mut found = Found::new();
        stand_ins = match known {
            Some(used) => used,
            None if stands_in => stand_in::find(&manifest, &*target, stored).await?,
            None => Vec::new(),
        };
        if stand_ins.iter().any(|stand_in| stand_in.kept.is_some()) {
            loaded = components::load_plugins(&manifest, &stand_ins, &mut found)?;
        }
        let reopened = components::open_transformers(&manifest, &loaded, pins, &mut found)?;
        refuse(&manifest, found)?;
        transformers = reopened.into_iter().flatten().collect();
    }
    let described: Vec<Described> = transformers.iter().map(|(_, description)| described(description)).collect();
    let Tables { known, schema, missing, filled } = tables::find(&manifest, &*target, script, &described).await?;
    let plan = Arc::new(resolve::resolve(&manifest, &described, &known, &filled)?);

    let mergers: Vec<Option<Arc<Merger>>> =
        transformers.iter().map(|(transformer, _)| transformer.merger().cloned()).collect();
    let mut by_index: Vec<_> = transformers.into_iter().map(Some).collect();
    let mut sources = sources;
    let mut ordered = Vec::new();
    let mut found = Found::new();
    let (mut mappers, mut origins, mut parts) = (Vec::new(), Vec::new(), Vec::new());
    for (index, entity) in plan.entities.iter().enumerate() {
        let taken = by_index.get_mut(entity.index).and_then(Option::take);
        let table = &manifest.tables.entity[entity.index];
        let origin = match table.merged() {
            None => systems.of(table, pins.now_us),
            Some(members) => Some(Origin::Gathered(Arc::new(GatheredOrigin {
                target: target.clone(),
                books: Bookkeeping::new(&*target, &plan.name),
                entity: entity.name.clone(),
                members: members.to_vec(),
            }))),
        };
        let (Some((transformer, description)), Some(origin)) = (taken, origin) else {
            return Err(Failure::bug(format!("the entity `{}` has no transformer or no source", entity.name)));
        };
        let validators = components::open_validators(&manifest, entity, &loaded, pins, &mut found)?;
        let merger = entity.merged_into.and_then(|merged| mergers[plan.entities[merged].index].clone());
        let described = || description.tables.iter().map(|table| table.name.as_str());
        let gathering = merger.and_then(|merger| Gathering::new(merger, &entity.name, described()));
        parts.push(entity_parts(
            &manifest,
            &plan,
            entity,
            &transformer,
            &validators,
            gathering.as_ref(),
            &loaded,
            &origin,
        ));
        let source = sources.get_mut(entity.index).and_then(Option::take);
        ordered.extend(match source {
            // It was opened with another time than what is pinned.
            Some(_) if pins != fresh && origin.has_now() => Some(origin.open().await?),
            None if reads == Reads::Sources => Some(origin.open().await?),
            source => source,
        });
        origins.push(origin);
        mappers.push(Arc::new(Mapper {
            versions: Versions::new(Version {
                transformer: Arc::new(transformer),
                description: Arc::new(description),
                validators: validators.into_iter().map(|(validator, _)| Arc::new(validator)).collect(),
                gathering: gathering.map(Arc::new),
            }),
            resolver: Resolver::new(plan.clone(), index),
            call_records: entity.batch_records,
            transaction_rows: entity.transaction_rows,
            calls: AtomicUsize::new(1),
            stages: Stages::default(),
        }));
    }
    refuse(&manifest, found)?;
    let plugins = plugin_reports(&mappers);
    let fingerprint = Fingerprint::new(&plan.namespace, &parts);
    Ok(Opened {
        manifest,
        plan,
        target,
        sources: ordered,
        mappers,
        origins,
        plugins,
        stand_ins,
        fingerprint,
        stored,
        pins,
        schema,
        missing,
    })
}

/// Fails where the target could not be written, by a run as by a prediction of it. Tables that are still missing will be
/// the account's own.
pub async fn check_writable(opened: &Opened, selected: &BTreeSet<usize>) -> Result<(), Failure> {
    let mut written = Vec::new();
    for entity in selected.iter().map(|&index| &opened.plan.entities[index]) {
        let is_missing = |name: &String| opened.missing.iter().any(|table| table.name == *name);
        for table in entity.tables.iter().filter(|table| !is_missing(&table.schema.name)) {
            let is_updated = entity.on_conflict == OnConflict::Update && table.junction.is_none();
            let filled_in = table.references.iter().filter(|reference| reference.later == Later::FilledIn);
            let filled_in = filled_in.flat_map(|reference| &reference.columns).map(|&fed| table.columns[fed]);
            let changed = table.columns.iter().copied();
            let changed = changed.filter(|column| is_updated && !table.key.contains(column));
            written.push(Written {
                table: &table.schema,
                inserted: table.columns.clone(),
                updated: filled_in.chain(changed).collect(),
            });
        }
    }
    Ok(opened.target.check_writable(&written).await?)
}

/// Returns what stands in for components that cannot be used, where the target tells of it and all of it is kept.
async fn kept_instead(draft: &Draft) -> Option<Vec<StandIn>> {
    let manifest = draft.manifest();
    let url = &manifest.tables.target.url;
    let target = connector::open_target(url, &manifest.folder, Mode::ReadOnly).await.ok()?;
    let stored = stored_migration(&*target, &manifest.tables.name).await.ok()??;
    let stand_ins = stand_in::find(manifest, &*target, &stored).await.ok()?;
    (!stand_ins.is_empty() && stand_ins.iter().all(|stand_in| stand_in.kept.is_some())).then_some(stand_ins)
}

fn new_pins(now_us: Option<i64>) -> Pins {
    let random = uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_OID, run_id().as_bytes());
    Pins { now_us: now_us.unwrap_or_else(|| jiff::Timestamp::now().as_microsecond()), seed: random.as_u64_pair().0 }
}

/// Fails where another process has the lock that is wanted next. It may also keep the database to itself, for longer than
/// anybody waits who does not know why.
async fn check_lock(target: &dyn Target, name: &str) -> Result<(), TargetError> {
    match target.lock_holder(name).await? {
        Some(holder) => Err(TargetError::Locked { migration: name.to_owned(), holder }),
        None => Ok(()),
    }
}

async fn stored_migration(target: &dyn Target, name: &str) -> Result<Option<MigrationRow>, Failure> {
    if !target.has_own_tables().await? {
        return Ok(None);
    }
    let mut tx = target.begin().await?;
    let stored = Bookkeeping::new(target, name).migration(&mut *tx).await?;
    tx.rollback().await?;
    Ok(stored)
}

fn refuse(manifest: &Manifest, found: Found) -> Result<(), Failure> {
    if found.is_empty() { Ok(()) } else { Err(manifest.refused(found)) }
}

/// Returns what the plan needs of a component's description.
pub(super) fn described(description: &Description) -> Described {
    let tables = description.tables.iter().map(|table| DescribedTable {
        name: table.name.clone(),
        columns: table.columns.iter().map(|column| (column.name.clone(), column.references.clone())).collect(),
        key: table.key.clone(),
        id: table.id.clone(),
    });
    let columns = description.tables.iter().flat_map(|table| table.columns.iter().map(move |column| (table, column)));
    let sources = columns.map(|(table, column)| ((table.name.clone(), column.name.clone()), column.sources.clone()));
    Described {
        tables: tables.collect(),
        sources: sources.collect(),
        reads: description.reads.clone(),
        ignores: description.ignores.clone(),
    }
}

#[expect(clippy::too_many_arguments, reason = "one call, each argument another thing")]
fn entity_parts(
    manifest: &Manifest,
    plan: &Plan,
    entity: &EntityPlan,
    transformer: &Transformer,
    validators: &[(Validator, String)],
    gathering: Option<&Gathering>,
    loaded: &BTreeMap<String, Loaded>,
    origin: &Origin,
) -> EntityParts {
    let parts = |component: &Component, config: &str| PluginParts {
        name: component.name().to_owned(),
        digest: component.digest().to_owned(),
        config: config.to_owned(),
        inputs: loaded.get(component.name()).map(|loaded| loaded.inputs().clone()).unwrap_or_default(),
    };
    let mut plugins = vec![parts(transformer.component(), "{}")];
    plugins.extend(validators.iter().map(|(validator, config)| parts(validator.component(), config)));
    if let (Some(gathering), Some(merged)) = (gathering, entity.merged_into) {
        let config = manifest.tables.entity[plan.entities[merged].index].config_text();
        plugins.push(parts(gathering.merger.component(), &config));
    }
    let tables = entity.tables.iter().map(|table| (table.schema.name.clone(), table_json(table)));
    let own = entity.tables.iter().filter(|table| !entity.leaves(table));
    let references = own.flat_map(|table| {
        table.references.iter().map(|reference| {
            format!(
                "{}.{}: {:?}",
                table.schema.name,
                super::layout::column_names(table, reference),
                reference.on_missing
            )
        })
    });
    let is_merged = |reference: &ReferencePlan| {
        reference.entity.is_some_and(|parent| plan.entities[parent].id == IdStrategy::Merged)
    };
    let refers_to_merged = entity.tables.iter().flat_map(|table| &table.references).any(is_merged);
    let is_fed = |junction: &&JunctionPlan| {
        entity.tables.iter().any(|table| table.junction.is_some() && table.schema.name == junction.name())
    };
    let junctions = plan
        .junctions
        .iter()
        .filter(is_fed)
        .map(|junction| format!("{}: {:?}, {:?}", junction.name(), junction.on_missing, junction.on_difference));
    EntityParts {
        name: entity.name.clone(),
        source: origin.identity(),
        filter: manifest.tables.entity[entity.index].filter.clone(),
        key: entity.key.clone(),
        id: entity.id.name(),
        config: manifest.tables.entity[entity.index].config_text(),
        plugins,
        tables: tables.collect(),
        policies: std::iter::once(format!("on-conflict: {:?}", entity.on_conflict))
            .chain(refers_to_merged.then(|| format!("on-collision: {:?}", entity.on_collision)))
            .chain(references)
            .chain(junctions)
            .collect::<Vec<_>>()
            .join("; "),
    }
}

fn plugin_reports(mappers: &[Arc<Mapper>]) -> Vec<PluginReport> {
    let report = |component: &Component| PluginReport {
        name: component.name().to_owned(),
        digest: component.digest().to_owned(),
        world: component.world().name().to_owned(),
    };
    let mut plugins: BTreeSet<PluginReport> = BTreeSet::new();
    for mapper in mappers {
        plugins.extend(mapper.versions.active().components().map(report));
    }
    plugins.into_iter().collect()
}
