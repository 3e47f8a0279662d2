//! Version 0.1.0 of the contract: its bindings and their conversion to the host's own types.

use wasmtime::component::ComponentType;
use wasmtime::component::Lower;

use crate::plugin::component::About;
use crate::plugin::component::Payload;
use crate::plugin::error::Problem;
use crate::plugin::merger::MergerSetup;
use crate::plugin::transformer::Described;
use crate::plugin::transformer::DescribedColumn;
use crate::plugin::transformer::Description;
use crate::plugin::transformer::Setup;
use crate::plugin::validator::ValidatorSetup;
use crate::plugin::validator::Violation;

/// The version in every interface's name.
pub(in crate::plugin) const VERSION: &str = "0.1.0";

/// The type of every function: interface, function, type.
pub(in crate::plugin) const SIGNATURES: &str = include_str!("since_v0_1_0.signatures");

/// The world `transformer`.
#[allow(missing_docs, clippy::all, reason = "generated")]
pub(in crate::plugin) mod transformer {
    wasmtime::component::bindgen!({ path: "../wit/since-v0.1.0", world: "transformer-plugin" });
}

/// The world `validator`.
#[allow(missing_docs, clippy::all, reason = "generated")]
pub(in crate::plugin) mod validator {
    wasmtime::component::bindgen!({
        path: "../wit/since-v0.1.0",
        world: "validator-plugin",
        with: {
            "whimbrel:plugin/types@0.1.0": crate::plugin::wit::since_v0_1_0::transformer::whimbrel::plugin::types,
            "whimbrel:plugin/log@0.1.0": crate::plugin::wit::since_v0_1_0::transformer::whimbrel::plugin::log,
        },
    });
}

/// The world `merger`.
#[allow(missing_docs, clippy::all, reason = "generated")]
pub(in crate::plugin) mod merger {
    wasmtime::component::bindgen!({
        path: "../wit/since-v0.1.0",
        world: "merger-plugin",
        with: {
            "whimbrel:plugin/types@0.1.0": crate::plugin::wit::since_v0_1_0::transformer::whimbrel::plugin::types,
            "whimbrel:plugin/log@0.1.0": crate::plugin::wit::since_v0_1_0::transformer::whimbrel::plugin::log,
        },
    });
}

pub(in crate::plugin) use merger::exports::whimbrel::plugin::merger as merging;
pub(in crate::plugin) use transformer::exports::whimbrel::plugin::transformer as transforming;
pub(in crate::plugin) use transformer::whimbrel::plugin::types;
pub(in crate::plugin) use validator::exports::whimbrel::plugin::validator as validating;

impl types::Host for crate::plugin::store::State {}

/// The contract's `documents` on its way in: lent, so that a batch is copied once, into the guest.
#[derive(ComponentType, Lower)]
#[component(variant)]
pub(in crate::plugin) enum LentDocuments<'a> {
    /// Documents one after another.
    #[component(name = "bson")]
    Bson(&'a [u8]),
    /// One text a document.
    #[component(name = "extended-json")]
    ExtendedJson(&'a [String]),
}

impl From<types::Identity> for About {
    fn from(about: types::Identity) -> Self {
        let payload = match about.payload {
            types::PayloadKind::Bson => Payload::Bson,
            types::PayloadKind::ExtendedJson => Payload::ExtendedJson,
        };
        Self { summary: about.summary, payload, config_schema: about.config_schema }
    }
}

impl From<types::Problem> for Problem {
    fn from(problem: types::Problem) -> Self {
        Self { pointer: problem.pointer, message: problem.message }
    }
}

impl From<Setup> for transforming::Setup {
    fn from(setup: Setup) -> Self {
        Self { entity: setup.entity, key: setup.key, into: setup.into, config: setup.config_json }
    }
}

impl From<transforming::Description> for Description {
    fn from(description: transforming::Description) -> Self {
        let column = |column: types::Column| DescribedColumn {
            name: column.name,
            references: column.references,
            sources: column.sources,
        };
        let table = |table: types::Table| Described {
            name: table.name,
            columns: table.columns.into_iter().map(column).collect(),
            key: table.key,
            id: table.id,
        };
        Self {
            tables: description.tables.into_iter().map(table).collect(),
            reads: description.reads,
            ignores: description.ignores,
        }
    }
}

impl From<MergerSetup> for merging::Setup {
    fn from(setup: MergerSetup) -> Self {
        let column = |column: DescribedColumn| types::Column {
            name: column.name,
            references: column.references,
            sources: column.sources,
        };
        let table = |table: Described| types::Table {
            name: table.name,
            columns: table.columns.into_iter().map(column).collect(),
            key: table.key,
            id: table.id,
        };
        Self {
            entity: setup.entity,
            sources: setup.sources,
            tables: setup.tables.into_iter().map(table).collect(),
            config: setup.config_json,
        }
    }
}

impl From<ValidatorSetup> for validating::Setup {
    fn from(setup: ValidatorSetup) -> Self {
        let column = |(name, target_type)| validating::TargetColumn { name, target_type };
        let table = |(name, columns): (String, Vec<_>)| validating::TargetTable {
            name,
            columns: columns.into_iter().map(column).collect(),
        };
        Self { entity: setup.entity, tables: setup.tables.into_iter().map(table).collect(), config: setup.config_json }
    }
}

impl From<validating::Violation> for Violation {
    fn from(violation: validating::Violation) -> Self {
        Self { row: violation.row, code: violation.code, column: violation.column, message: violation.message }
    }
}
