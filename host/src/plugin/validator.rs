//! Validators: rows in, violations out; never a changed row.

use std::ops::Range;

use bson::RawDocument;

use super::bisect::Until;
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
use super::row::PluginRow;
use super::row::RecordFault;
use super::store;
use super::store::State;
use super::wit::since_v0_1_0::types;
use super::wit::since_v0_1_0::validating as wire;
use super::wit::since_v0_1_0::validator::ValidatorPlugin as Instance;
use super::wit::since_v0_1_0::validator::ValidatorPluginPre;

/// What one entity hands to its validators.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidatorSetup {
    /// The entity's name.
    pub entity: String,
    /// The tables in the order of the transformer's description, each with its columns and their types as the target names them.
    pub tables: Vec<(String, Vec<(String, String)>)>,
    /// The configuration, as JSON text.
    pub config_json: String,
}

/// One thing wrong with a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Index into the rows of the call.
    pub row: u32,
    /// Short and stable.
    pub code: String,
    /// The column at fault.
    pub column: Option<String>,
    /// One sentence.
    pub message: String,
}

/// A validator with its configuration. Every call has a fresh instance; calls may run side by side.
pub struct Validator {
    component: Component,
    pre: ValidatorPluginPre<State>,
    setup: wire::Setup,
    limits: Limits,
    pins: Pins,
}

impl Validator {
    /// Hands a component its configuration.
    pub fn open(component: &Component, setup: ValidatorSetup, limits: Limits, pins: Pins) -> Result<Self, OpenError> {
        Self::open_wired(component, setup.into(), limits, pins)
    }

    /// Opens another component as this one was opened, or under another setup: same limits, same pins.
    pub fn beside(&self, component: &Component, setup: Option<ValidatorSetup>) -> Result<Self, OpenError> {
        let setup = setup.map_or_else(|| self.setup.clone(), wire::Setup::from);
        Self::open_wired(component, setup, self.limits.clone(), self.pins)
    }

    fn open_wired(component: &Component, setup: wire::Setup, limits: Limits, pins: Pins) -> Result<Self, OpenError> {
        let Pre::Validator(pre) = component.pre() else {
            return Err(component.wrong_role(World::Validator).into());
        };
        let validator = Self { component: component.clone(), pre: pre.clone(), setup, limits, pins };
        match store::off_the_loop(|| validator.configured())? {
            Ok(_) => Ok(validator),
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

    /// Returns the component.
    pub fn component(&self) -> &Component {
        &self.component
    }

    /// Returns its limits.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Returns the violations of these rows, each with the index of an existing row.
    pub fn validate(&self, rows: &[PluginRow]) -> Result<Vec<Violation>, PluginError> {
        let tables: Vec<_> = rows.iter().map(|row| row.table).collect();
        let bodies = self.bodies(rows)?;
        let (mut store, instance) = self.configured()?.map_err(|problems| {
            let first = problems.first().map_or("none", |problem| problem.message.as_str());
            let message = format!("expected what was accepted before to be accepted, found the problem: {first}");
            self.component.contract("configure", message)
        })?;
        let violations = instance
            .whimbrel_plugin_validator()
            .call_validate(&mut store, &types::Rows { tables, bodies })
            .map_err(|error| store::fault(self.component.name(), &self.limits, "validate", &store, error))?;
        let violations: Vec<_> = violations.into_iter().map(Violation::from).collect();
        match violations.iter().find(|violation| usize::try_from(violation.row).is_ok_and(|row| row >= rows.len())) {
            Some(violation) => {
                let message = format!("expected a row below {}, found row {}", rows.len(), violation.row);
                Err(self.component.contract("validate", message))
            }
            None => Ok(violations),
        }
    }

    /// As [`Self::validate`], with one result a row; a call that traps or goes over a limit is split on fresh
    /// instances until the rows to blame stand alone. A missed deadline is never split.
    pub fn validate_bisecting(
        &self,
        rows: &[PluginRow],
    ) -> Result<Vec<Result<Vec<Violation>, RecordFault>>, PluginError> {
        let until = Until::new(self.limits.deadline);
        bisect(0..rows.len(), &mut |range: Range<usize>| {
            until.check(self.component.name(), "validate")?;
            let mut results: Vec<_> = range.clone().map(|_| Ok(Vec::new())).collect();
            for mut violation in self.validate(&rows[range.clone()])? {
                let at = usize::try_from(violation.row).unwrap_or(usize::MAX);
                violation.row = u32::try_from(range.start + at).unwrap_or(u32::MAX);
                if let Some(Ok(violations)) = results.get_mut(at) {
                    violations.push(violation);
                }
            }
            Ok(results)
        })
    }

    /// Makes a fresh instance and configures it, or returns the problems with that.
    #[allow(clippy::type_complexity, reason = "named once, used twice")]
    fn configured(&self) -> Result<Result<(wasmtime::Store<State>, Instance), Vec<Problem>>, PluginError> {
        let component = &self.component;
        let mut store = store::open(component.engine(), component.name(), &self.limits, component.grants(), self.pins)?;
        let fault = |call, store: &_, error| store::fault(self.component.name(), &self.limits, call, store, error);
        let instance = self.pre.instantiate(&mut store).map_err(|error| fault(store::INSTANTIATE, &store, error))?;
        let answer = instance
            .whimbrel_plugin_validator()
            .call_configure(&mut store, &self.setup)
            .map_err(|error| fault("configure", &store, error))?;
        Ok(match answer {
            Ok(()) => Ok((store, instance)),
            Err(problems) => Err(problems.into_iter().map(Problem::from).collect()),
        })
    }

    fn bodies(&self, rows: &[PluginRow]) -> Result<types::Documents, PluginError> {
        let bodies = rows.iter().map(|row| row.body.as_ref());
        match self.component.about().payload {
            Payload::Bson => Ok(types::Documents::Bson(bodies.collect::<Vec<_>>().concat())),
            Payload::ExtendedJson => bodies
                .map(|body| RawDocument::from_bytes(body).and_then(extended_json::write))
                .collect::<Result<_, _>>()
                .map(types::Documents::ExtendedJson)
                .map_err(|error| self.component.contract("validate", format!("expected BSON, found {error}"))),
        }
    }
}
