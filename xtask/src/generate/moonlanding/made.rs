//! One document while it is made: each field is put in one of the shapes that it has in the old systems, and what the target
//! must hold for it is given back.

use serde_json::Value as Json;

use super::dirt;
use super::dirt::Dirt;
use super::expected;
use super::moment;
use super::moment::Form;
use super::people::Person;
use super::people::System;
use super::value::Fields;
use super::value::Value;
use super::value::map;
use super::world::World;
use crate::generate::random::Random;

/// One document.
pub(super) struct Made<'a> {
    pub(super) world: &'a World,
    pub(super) random: Random,
    pub(super) path: String,
    pub(super) fields: Fields,
    /// What is wrong with it, and in which field.
    pub(super) planted: Option<(Dirt, &'static str)>,
    dirt: Option<Dirt>,
}

impl<'a> Made<'a> {
    /// Begins a document of a collection.
    pub(super) fn new(world: &'a World, tag: u64, index: usize, path: String) -> Self {
        let random = Random::new(world.options.seed, tag, index as u64);
        Self { world, random, path, fields: Fields::new(), planted: None, dirt: None }
    }

    /// Lets one of these be wrong with it.
    pub(super) fn with_dirt(mut self, tag: u64, index: usize, kinds: &[Dirt]) -> Self {
        self.dirt = dirt::dirt(self.world.options.seed, self.world.options.dirt, tag, index, kinds);
        self
    }

    /// Plants what is to be wrong with it, if it is this.
    fn plant(&mut self, dirt: Dirt, field: &'static str) -> bool {
        let is_due = self.dirt == Some(dirt) && self.planted.is_none();
        if is_due {
            self.planted = Some((dirt, field));
        }
        is_due
    }

    pub(super) fn put(&mut self, field: &'static str, value: impl Into<Value>) {
        self.fields.push((field.into(), value.into()));
    }

    /// Puts a value in most documents, null in some, and nothing in others; returns whether it is there.
    pub(super) fn maybe(&mut self, field: &'static str, value: impl Into<Value>) -> bool {
        match self.random.below(10) {
            0 => false,
            1 => {
                self.put(field, Value::Null);
                false
            }
            _ => {
                self.put(field, value);
                true
            }
        }
    }

    /// Text that is always there.
    pub(super) fn text(&mut self, field: &'static str, text: impl Into<String>) -> Json {
        let text = text.into();
        self.put(field, text.clone());
        text.into()
    }

    pub(super) fn maybe_text(&mut self, field: &'static str, text: impl Into<String>) -> Json {
        let text = text.into();
        if self.maybe(field, text.clone()) { text.into() } else { Json::Null }
    }

    /// Text that the target requires.
    pub(super) fn required_text(&mut self, field: &'static str, text: impl Into<String>) -> Json {
        if self.plant(Dirt::Missing, field) { Json::Null } else { self.text(field, text) }
    }

    pub(super) fn integer(&mut self, field: &'static str, limit: usize) -> Json {
        let integer = i64::try_from(self.random.below(limit)).unwrap_or(0);
        self.put(field, integer);
        integer.into()
    }

    pub(super) fn maybe_flag(&mut self, field: &'static str, chance: u64) -> Json {
        let is = self.random.percent(chance);
        if self.maybe(field, is) { i64::from(is).into() } else { Json::Null }
    }

    /// An amount: a double, or the integer that the web client made of a whole one.
    pub(super) fn amount(&mut self, field: &'static str, limit: usize) -> Json {
        let (amount, value) = amount(&mut self.random, limit);
        if self.maybe(field, value) { expected::double(amount) } else { Json::Null }
    }

    /// A value that becomes JSON text.
    pub(super) fn maybe_json(&mut self, field: &'static str, value: Value) -> Json {
        let text = expected::json_text(&value);
        if self.maybe(field, value) { text } else { Json::Null }
    }

    /// An instant in one of the forms that the field has had.
    pub(super) fn time(&mut self, field: &'static str, forms: &[Form]) -> Json {
        let form = forms[self.random.below(forms.len())];
        let micros = moment::some(&mut self.random, form);
        self.put(field, moment::stored(micros, form));
        expected::instant(micros)
    }

    pub(super) fn maybe_time(&mut self, field: &'static str, forms: &[Form]) -> Json {
        let form = forms[self.random.below(forms.len())];
        let micros = moment::some(&mut self.random, form);
        if self.maybe(field, moment::stored(micros, form)) { expected::instant(micros) } else { Json::Null }
    }

    /// An instant that the target requires.
    pub(super) fn required_time(&mut self, field: &'static str, forms: &[Form]) -> Json {
        if self.plant(Dirt::BadDate, field) {
            let text = self.random.pick(&["32/13/23 25:61", "soon", "0000-00-00", "31/04/23 10:00"]);
            self.put(field, text);
            return Json::Null;
        }
        self.time(field, forms)
    }

    /// A user of this system in one of the shapes that references have had.
    pub(super) fn user(&mut self, field: &'static str, system: System) -> Json {
        let (person, value) = self.some_user(system);
        self.put(field, value);
        self.world.people.reference(person)
    }

    pub(super) fn maybe_user(&mut self, field: &'static str, system: System) -> Json {
        if self.plant(Dirt::Dangling, field) {
            self.put(field, self.nobody());
            return Json::Null;
        }
        let (person, value) = self.some_user(system);
        if self.maybe(field, value) { self.world.people.reference(person) } else { Json::Null }
    }

    /// A user that the target requires.
    pub(super) fn required_user(&mut self, field: &'static str, system: System) -> Json {
        if self.plant(Dirt::Orphan, field) {
            self.put(field, self.nobody());
            return Json::Null;
        }
        self.user(field, system)
    }

    fn nobody(&self) -> Value {
        Value::Text(self.world.id(u64::from(u8::MAX), self.fields.len()))
    }

    pub(super) fn some_user(&mut self, system: System) -> (Person, Value) {
        let person = self.world.people.some(system, &mut self.random);
        let value = self.user_value(person);
        (person, value)
    }

    /// An id, a map with the id in it, or a reference.
    pub(super) fn user_value(&mut self, person: Person) -> Value {
        let people = &self.world.people;
        match self.random.below(10) {
            0..=5 => people.id(person).into(),
            6 | 7 => {
                let email = people.email(person).map_or(Value::Null, Value::from);
                map([("cloud_id", people.id(person).into()), ("email", email)])
            }
            8 => map([("cloud_id", people.id(person).into()), ("name", "?".into())]),
            _ => Value::Reference(people.path(person)),
        }
    }

    /// A record of a list in one of the shapes that references have had.
    pub(super) fn record_value(&mut self, path: &str, name: &str) -> Value {
        let id = path.rsplit('/').next().unwrap_or_default();
        match self.random.below(10) {
            0..=5 => id.into(),
            6..=8 => map([("cloud_id", id.into()), ("name", name.into())]),
            _ => Value::Reference(path.to_owned()),
        }
    }
}

/// Returns an amount and the value that holds it.
pub(super) fn amount(random: &mut Random, limit: usize) -> (f64, Value) {
    let cents = u32::try_from(random.below(limit)).unwrap_or(0);
    let whole = cents / 100;
    match random.below(3) {
        0 => (f64::from(whole), i64::from(whole).into()),
        1 => (f64::from(whole), f64::from(whole).into()),
        _ => (f64::from(cents) / 100.0, (f64::from(cents) / 100.0).into()),
    }
}
