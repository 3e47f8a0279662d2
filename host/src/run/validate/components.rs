//! The validators of an entity, over the rows that stand: the same components with the same configuration as while they
//! were moved. One that traps is told and, when it goes on trapping, asked no more; the others go on.

use std::collections::HashMap;
use std::collections::HashSet;
use std::sync::Arc;

use bson::RawDocumentBuf;
use bson::raw::CString;

use super::report::Failed;
use super::tally::Tallies;
use super::walk::Seen;
use super::walk::failed_in;
use crate::error::Failure;
use crate::plan::EntityPlan;
use crate::plugin::PluginRow;
use crate::plugin::Validator;
use crate::record::Batch;
use crate::record::form::form;

/// Rows of one entity on which a validator may trap before it is asked no more.
const TRAPS_MAX: u64 = 10;

/// What is told of a batch already, by check: the row, by its place, and the column.
pub type ToldColumns = HashMap<&'static str, HashSet<(usize, String)>>;

/// One validator of one entity.
pub struct Examiner {
    validator: Arc<Validator>,
    traps: u64,
    is_given_up: bool,
}

impl Examiner {
    /// Takes a validator with its configuration.
    pub fn new(validator: Arc<Validator>) -> Self {
        Self { validator, traps: 0, is_given_up: false }
    }

    /// Returns the component's name, which is also that of its check.
    pub fn name(&self) -> &str {
        self.validator.component().name()
    }

    /// Shows it the rows, so many a call.
    pub async fn look(
        &mut self,
        plan: &EntityPlan,
        batch: &Batch,
        seen: &[Seen],
        bodies: &[PluginRow],
        told: &ToldColumns,
        tallies: &mut Tallies,
    ) -> Result<(), Failure> {
        let (check, part) = (self.name().to_owned(), format!("entity {}", plan.name));
        if !tallies.has(&check) {
            return Ok(());
        }
        let call = plan.batch_records.max(1);
        for (first, rows) in bodies.chunks(call).enumerate().map(|(calls, rows)| (calls * call, rows)) {
            let seen = &seen[first..first + rows.len()];
            if self.is_given_up {
                tallies.count(&check, &part, "not looked at", rows.len() as u64);
                continue;
            }
            let (validator, shown) = (self.validator.clone(), rows.to_vec());
            let results = tokio::task::spawn_blocking(move || validator.validate_bisecting(&shown)).await;
            let results = results.map_err(|error| Failure::bug("validating rows panicked").cause(error))?;
            let results = match results {
                Ok(results) => results,
                Err(error) => {
                    let failure = Failure::from(error);
                    let message = std::iter::once(failure.to_string()).chain(failure.causes()).collect::<Vec<_>>();
                    let first = failed_in(plan, batch, &seen[0], &[], "plugin-failed");
                    tallies.count(&check, &part, "not looked at", rows.len() as u64);
                    self.give_up(&part, tallies);
                    tallies.fail(&check, Failed { message: Some(message.join(": ")), ..first });
                    continue;
                }
            };
            for (place, (seen, result)) in seen.iter().zip(results).enumerate() {
                match result {
                    Ok(violations) => {
                        tallies.compared(&check, &part, "rows", 1);
                        for violation in violations {
                            // What a check of the same name has said of the value is the same defect.
                            let column = violation.column.clone().unwrap_or_default();
                            if told.get(check.as_str()).is_some_and(|told| told.contains(&(first + place, column))) {
                                continue;
                            }
                            let failed = Failed {
                                field: violation.column,
                                message: Some(violation.message),
                                ..failed_in(plan, batch, seen, &[], &violation.code)
                            };
                            tallies.fail(&check, failed);
                        }
                    }
                    Err(fault) => {
                        self.traps += 1;
                        tallies.count(&check, &part, "trapped", 1);
                        let failed = failed_in(plan, batch, seen, &[], fault.code);
                        tallies.fail(&check, Failed { message: Some(fault.message), ..failed });
                    }
                }
            }
            if self.traps >= TRAPS_MAX {
                self.give_up(&part, tallies);
            }
        }
        Ok(())
    }

    fn give_up(&mut self, part: &str, tallies: &mut Tallies) {
        self.is_given_up = true;
        let name = self.name().to_owned();
        tallies.note(&name, format!("`{name}` failed on rows of {part} and was asked no more about it"));
    }
}

/// Makes the bodies of rows as the contract has them. A reference is the id that it has resolved to.
pub fn bodies(plan: &EntityPlan, seen: &[Seen]) -> Result<Vec<PluginRow>, Failure> {
    let body = |row: &Seen| {
        let table = &plan.tables[row.table];
        let described = plan.table_order.iter().position(|&place| place == row.table);
        let described = described.ok_or_else(|| Failure::bug("a row has a table that nobody has described"))?;
        let mut body = RawDocumentBuf::new();
        for (&column, value) in table.columns.iter().zip(&row.found) {
            let column = &table.schema.columns[column];
            let name = CString::try_from(column.name.as_str()).map_err(|error| {
                Failure::failed(format!("the name `{}` fits no document", column.name)).cause(error)
            })?;
            body.append(name, form(value, &column.kind));
        }
        Ok(PluginRow { table: u32::try_from(described).unwrap_or(u32::MAX), body: body.into_bytes().into() })
    };
    seen.iter().map(body).collect()
}
