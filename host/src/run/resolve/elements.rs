//! References among the elements of an array: each becomes the id that its source key computes.
//!
//! No foreign key stands behind them, so nobody looks for the parents: the id of a record that never came stays.

use bson::RawBsonRef;

use super::Resolver;
use crate::plan::IdStrategy;
use crate::plan::TablePlan;
use crate::record::Column;
use crate::record::ColumnType;
use crate::record::Value;
use crate::record::convert;
use crate::record::convert::Converted;
use crate::record::kept::Kept;
use crate::record::key;
use crate::run::transform::Refused;

impl Resolver {
    /// Returns the array of these elements.
    pub(super) fn elements(
        &self,
        plan: &TablePlan,
        column: &Column,
        items: Vec<Converted<'_>>,
    ) -> Result<Value, Box<Refused>> {
        let element = match &column.kind {
            ColumnType::Array { element } => Some(column.of_elements(element)),
            _ => None,
        };
        let items = items.into_iter().map(|item| match item {
            Converted::Value(value) => Ok(value),
            Converted::Reference { entity, id } => self.element(plan, column, element.as_ref(), entity, id),
            Converted::Array(_) => {
                let message = format!("`{}.{}`: expected single values, found an array", plan.schema.name, column.name);
                Err(self.refuse("malformed-value", Some(column.name.clone()), message))
            }
        });
        let array = Value::Array(items.collect::<Result<_, _>>()?);
        match element {
            Some(_) => Ok(array),
            None => convert::fit(array, column).map_err(|mismatch| self.mismatch(plan, column, &mismatch)),
        }
    }

    fn element(
        &self,
        plan: &TablePlan,
        column: &Column,
        element: Option<&Column>,
        entity: &str,
        id: RawBsonRef<'_>,
    ) -> Result<Value, Box<Refused>> {
        let refuse = |code: &str, message: String| {
            let message = format!("`{}.{}`: {message}", plan.schema.name, column.name);
            self.refuse(code, Some(column.name.clone()), message)
        };
        let &parent = self
            .entities
            .get(entity)
            .ok_or_else(|| refuse("unknown-entity", format!("expected an entity, found `{entity}`")))?;
        let key = key::of_reference(id, self.plan.entities[parent].key.len())
            .map_err(|fault| refuse("unusable-reference", fault.message))?;
        let computed = match self.plan.entities[parent].id {
            IdStrategy::UuidV5 => {
                let id = Value::Uuid(self.ids[parent].id(&key));
                element.map_or(Ok(id.clone()), |element| convert::fit(id, element))
            }
            IdStrategy::Keep => {
                let kept = Kept::of_key(&key).and_then(|kept| kept.to_bson());
                let kept = kept.ok_or_else(|| {
                    refuse("unusable-reference", format!("no column keeps the key `{}`", key.as_str()))
                })?;
                let id = convert::plain(kept.as_raw_bson_ref(), element.unwrap_or(column));
                id.and_then(|id| element.map_or(Ok(id.clone()), |element| convert::fit(id, element)))
            }
            IdStrategy::Merged => {
                let message = format!("expected an entity whose ids are computed, found `{entity}`, which is merged");
                return Err(refuse("unusable-reference", message));
            }
            stored @ (IdStrategy::Column | IdStrategy::Sequence) => {
                let id = stored.name();
                let message =
                    format!("expected an entity whose ids are computed, found `{entity}` with `id = \"{id}\"`");
                return Err(refuse("unusable-reference", message));
            }
        };
        computed.map_err(|mismatch| self.mismatch(plan, column, &mismatch))
    }
}
