//! What a reference of a row resolves to: an id that is computed, kept, or looked up when it is written.

use bson::RawBsonRef;

use super::Choice;
use super::Decided;
use super::ResolvedRow;
use super::Resolver;
use crate::plan::IdStrategy;
use crate::plan::ReferencePlan;
use crate::plan::TablePlan;
use crate::record::Column;
use crate::record::Value;
use crate::record::convert;
use crate::record::convert::Converted;
use crate::record::kept::Kept;
use crate::record::key;
use crate::run::merge::Group;
use crate::run::transform::Refused;

impl Resolver {
    /// The id that a reference resolves to.
    #[expect(clippy::too_many_arguments, reason = "one call, each argument another thing")]
    pub(super) fn reference(
        &self,
        plan: &TablePlan,
        position: usize,
        column: &Column,
        entity: &str,
        id: RawBsonRef<'_>,
        resolved: &mut ResolvedRow,
        group: Option<&Group>,
    ) -> Result<Value, Box<Refused>> {
        let place = || format!("`{}.{}`", plan.schema.name, column.name);
        let refuse = |code: &str, message: String| self.refuse(code, Some(column.name.clone()), message);
        if entity.is_empty() {
            return self.choice(plan, position, column, id, resolved);
        }
        let &parent = self
            .entities
            .get(entity)
            .ok_or_else(|| refuse("unknown-entity", format!("{}: expected an entity, found `{entity}`", place())))?;
        let is_own = parent == self.entity || self.plan.entities[self.entity].merges.contains(&parent);
        let is_own_id = is_own && plan.id == Some(position);
        let points_there = |r: &ReferencePlan| r.columns == [position] && r.entity == Some(parent);
        if !is_own_id && !plan.references.iter().any(points_there) {
            // Nobody would look for the parent, and the entities might run in the wrong order.
            let message = format!("{}: the transformer did not describe a reference to `{entity}` here", place());
            return Err(refuse("undeclared-reference", message));
        }
        let mut key = key::of_reference(id, self.plan.entities[parent].key.len())
            .map_err(|fault| refuse("unusable-reference", format!("{}: {}", place(), fault.message)))?;
        let (mut parent, mut strategy) = (parent, self.plan.entities[parent].id);
        // Whichever of the members of its own group a row means, it means what they have become.
        if let Some(group) = group.filter(|group| group.has(parent, &key)) {
            let survivor = group.survivor();
            (parent, key) = (survivor.entity, survivor.key.clone());
            strategy = self.plan.entities[self.entity].id;
        }
        if plan.references.iter().any(|reference| reference.choice.is_some() && points_there(reference)) {
            let choice = Choice { column: position, of: vec![(parent, key.clone())], is: Decided::One(parent) };
            resolved.choices.push(choice);
        }
        match strategy {
            IdStrategy::UuidV5 => {
                let id = Value::Uuid(self.ids[parent].id(&key));
                if !is_own_id {
                    resolved.referred.push((position, key));
                }
                convert::fit(id, column)
            }
            IdStrategy::Keep => {
                let kept = Kept::of_key(&key).and_then(|kept| kept.to_bson()).ok_or_else(|| {
                    refuse("unusable-reference", format!("{}: no column keeps the key `{}`", place(), key.as_str()))
                })?;
                match convert::convert(kept.as_raw_bson_ref(), column) {
                    Ok(Converted::Value(value)) => Ok(value),
                    Ok(_) => {
                        return Err(refuse("unusable-reference", format!("{}: a key is no reference", place())));
                    }
                    Err(mismatch) => Err(mismatch),
                }
            }
            IdStrategy::Column if is_own_id => {
                let message = format!("{}: with `id = \"column\"` the transformer gives the id itself", place());
                return Err(refuse("unusable-reference", message));
            }
            IdStrategy::Column | IdStrategy::Sequence | IdStrategy::Merged => {
                resolved.pending.push((position, parent, key));
                Ok(Value::Null)
            }
        }
        .map_err(|mismatch| self.mismatch(plan, column, &mismatch))
    }

    /// A reference that leaves it to the host which of the column's entities it is to.
    fn choice(
        &self,
        plan: &TablePlan,
        position: usize,
        column: &Column,
        id: RawBsonRef<'_>,
        resolved: &mut ResolvedRow,
    ) -> Result<Value, Box<Refused>> {
        let refuse = |code: &str, message: String| {
            let message = format!("`{}.{}`: {message}", plan.schema.name, column.name);
            self.refuse(code, Some(column.name.clone()), message)
        };
        let choices: Vec<usize> = plan
            .references
            .iter()
            .filter(|reference| reference.choice.is_some() && reference.columns == [position])
            .filter_map(|reference| reference.entity)
            .collect();
        if choices.is_empty() {
            let message = "the transformer names no entity, and has not described several for this column".to_owned();
            return Err(refuse("undeclared-reference", message));
        }
        let (mut of, mut fault) = (Vec::new(), None);
        for entity in choices {
            match key::of_reference(id, self.plan.entities[entity].key.len()) {
                Ok(key) => of.push((entity, key)),
                Err(found) => fault = Some(found),
            }
        }
        if let Some(fault) = fault.filter(|_| of.is_empty()) {
            return Err(refuse("unusable-reference", fault.message));
        }
        resolved.choices.push(Choice { column: position, of, is: Decided::No });
        Ok(Value::Null)
    }
}
