//! Mergers: what records of several entities are known by, and one record of those that are known by the same.

use wasmtime::component::ComponentExportIndex;

use super::bisect::Until;
use super::bisect::bisect;
use super::component::Component;
use super::component::Pre;
use super::component::World;
use super::error::OpenError;
use super::error::PluginError;
use super::error::Problem;
use super::grants::Pins;
use super::limits::Limits;
use super::row::RecordFault;
use super::store;
use super::store::State;
use super::transformer::Described;
use super::transformer::Documents;
use super::transformer::export;
use super::wit::since_v0_1_0::LentDocuments;
use super::wit::since_v0_1_0::merger::MergerPlugin as Instance;
use super::wit::since_v0_1_0::merger::MergerPluginIndices;
use super::wit::since_v0_1_0::merger::MergerPluginPre;
use super::wit::since_v0_1_0::merging as wire;
use super::wit::since_v0_1_0::types;

/// Bytes of what a record is known by: indexes hold no longer ones.
pub const IDENTITY_BYTES_MAX: usize = 1_000;

/// What one merged entity hands to its merger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MergerSetup {
    /// The entity's name.
    pub entity: String,
    /// The entities whose records are merged, in order.
    pub sources: Vec<String>,
    /// The tables that they feed together.
    pub tables: Vec<Described>,
    /// The configuration, as JSON text.
    pub config_json: String,
}

/// A merger with its configuration. Every call has a fresh instance; calls may run side by side.
pub struct Merger {
    component: Component,
    pre: MergerPluginPre<State>,
    indices: MergerPluginIndices,
    identify: ComponentExportIndex,
    merge: ComponentExportIndex,
    setup: wire::Setup,
    limits: Limits,
    pins: Pins,
}

impl Merger {
    /// Hands a component its configuration.
    pub fn open(component: &Component, setup: MergerSetup, limits: Limits, pins: Pins) -> Result<Self, OpenError> {
        let Pre::Merger(pre) = component.pre() else {
            return Err(component.wrong_role(World::Merger).into());
        };
        let unusable = |error: wasmtime::Error| component.contract(store::INSTANTIATE, error.to_string());
        let function = |name| export(pre.instance_pre().component(), World::Merger, name).map_err(unusable);
        let merger = Self {
            component: component.clone(),
            pre: pre.clone(),
            indices: MergerPluginIndices::new(pre.instance_pre()).map_err(unusable)?,
            identify: function("identify")?,
            merge: function("merge")?,
            setup: setup.into(),
            limits,
            pins,
        };
        match store::off_the_loop(|| merger.configured())? {
            Ok(_) => Ok(merger),
            Err(problems) if problems.is_empty() => {
                let message = "expected at least one problem with a refusal, found none".to_owned();
                Err(component.contract("configure", message).into())
            }
            Err(problems) => Err(OpenError::Problems(problems)),
        }
    }

    /// Returns the entity that it is for.
    pub fn entity(&self) -> &str {
        &self.setup.entity
    }

    /// Returns the entities whose records are merged, in order.
    pub fn sources(&self) -> &[String] {
        &self.setup.sources
    }

    /// Returns the tables that they feed together.
    pub fn tables(&self) -> impl Iterator<Item = &str> {
        self.setup.tables.iter().map(|table| table.name.as_str())
    }

    /// Returns the component.
    pub fn component(&self) -> &Component {
        &self.component
    }

    /// Returns its limits.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Returns what each of these members is known by, where it is known by something.
    pub fn identify(&self, members: Documents<'_>) -> Result<Vec<Result<Option<String>, RecordFault>>, PluginError> {
        let (mut store, instance) = self.ready()?;
        let function =
            instance.get_typed_func::<(LentDocuments<'_>,), (Vec<Option<String>>,)>(&mut store, &self.identify);
        let fault = |store: &_, error| store::fault(self.component.name(), &self.limits, "identify", store, error);
        let function = function.map_err(|error| fault(&store, error))?;
        let called = members.lend(&self.component, "identify", |lent| function.call(&mut store, (lent,)))?;
        let (identities,) = called.map_err(|error| fault(&store, error))?;
        if identities.len() != members.ranges.len() {
            let message =
                format!("expected {} answers, one a member, found {}", members.ranges.len(), identities.len());
            return Err(self.component.contract("identify", message));
        }
        Ok(identities.into_iter().map(usable).collect())
    }

    /// As [`Self::identify`]; a call that traps or goes over a limit is split on fresh instances until the members to
    /// blame stand alone.
    pub fn identify_bisecting(
        &self,
        members: Documents<'_>,
    ) -> Result<Vec<Result<Option<String>, RecordFault>>, PluginError> {
        let until = Until::new(self.limits.deadline);
        bisect(0..members.ranges.len(), &mut |range| {
            until.check(self.component.name(), "identify")?;
            self.identify(Documents { bytes: members.bytes, ranges: &members.ranges[range] })
        })
    }

    /// Hands groups to a fresh instance.
    pub(super) fn merge(&self, groups: Documents<'_>) -> Result<types::Transformed, PluginError> {
        let (mut store, instance) = self.ready()?;
        let function = instance.get_typed_func::<(LentDocuments<'_>,), (types::Transformed,)>(&mut store, &self.merge);
        let fault = |store: &_, error| store::fault(self.component.name(), &self.limits, "merge", store, error);
        let function = function.map_err(|error| fault(&store, error))?;
        let called = groups.lend(&self.component, "merge", |lent| function.call(&mut store, (lent,)))?;
        called.map(|(merged,)| merged).map_err(|error| fault(&store, error))
    }

    /// Makes a fresh instance that takes its configuration, as it did before.
    fn ready(&self) -> Result<(wasmtime::Store<State>, wasmtime::component::Instance), PluginError> {
        let (store, instance, _) = self.configured()?.map_err(|problems| {
            let first = problems.first().map_or("none", |problem| problem.message.as_str());
            let message = format!("expected what was accepted before to be accepted, found the problem: {first}");
            self.component.contract("configure", message)
        })?;
        Ok((store, instance))
    }

    /// Makes a fresh instance and configures it, or returns the problems with that.
    #[allow(clippy::type_complexity, reason = "named once, used twice")]
    fn configured(
        &self,
    ) -> Result<Result<(wasmtime::Store<State>, wasmtime::component::Instance, Instance), Vec<Problem>>, PluginError>
    {
        let component = &self.component;
        let mut store = store::open(component.engine(), component.name(), &self.limits, component.grants(), self.pins)?;
        let fault = |call, store: &_, error| store::fault(self.component.name(), &self.limits, call, store, error);
        let instance = self.pre.instance_pre().instantiate(&mut store);
        let instance = instance.map_err(|error| fault(store::INSTANTIATE, &store, error))?;
        let guest = self.indices.load(&mut store, &instance);
        let guest = guest.map_err(|error| fault(store::INSTANTIATE, &store, error))?;
        let answer = guest
            .whimbrel_plugin_merger()
            .call_configure(&mut store, &self.setup)
            .map_err(|error| fault("configure", &store, error))?;
        Ok(match answer {
            Ok(()) => Ok((store, instance, guest)),
            Err(problems) => Err(problems.into_iter().map(Problem::from).collect()),
        })
    }
}

/// Refuses what no index would hold, or no text column.
fn usable(identity: Option<String>) -> Result<Option<String>, RecordFault> {
    let fault = |message| RecordFault { code: "unusable-identity", message };
    match identity {
        Some(text) if text.is_empty() => {
            Err(fault("expected a text that the record is known by, found an empty one".to_owned()))
        }
        Some(text) if text.len() > IDENTITY_BYTES_MAX => Err(fault(format!(
            "expected at most {IDENTITY_BYTES_MAX} bytes that the record is known by, found {}",
            text.len()
        ))),
        identity => Ok(identity),
    }
}
