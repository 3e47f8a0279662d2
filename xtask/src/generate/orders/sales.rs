//! What is sold: carts, orders and reservations share what is here. The rows of each are in a file of their own.

use super::NOW_LOCAL;
use super::Options;
use super::Planted;
use super::Size;
use super::catalogue::Catalogue;
use super::dirt::Dirt;
use super::sql;
use crate::generate::random::Random;

pub const DAY_US: i64 = 24 * HOUR_US;
pub const HOUR_US: i64 = 3_600_000_000;

/// What a cart or an order is to the rows that belong to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// It is moved.
    Written,
    /// It is a dead letter.
    Dead,
    /// It is too old to be read.
    Old,
}

/// What is being written.
pub struct Sales<'a> {
    pub options: Options,
    pub size: Size,
    pub catalogue: Catalogue,
    /// By their numbers, from 1.
    pub orders: Vec<Kept>,
    planted: &'a mut Vec<Planted>,
    /// How many dirty rows there have been of each table.
    turns: Vec<(&'static str, usize)>,
}

impl<'a> Sales<'a> {
    pub fn new(options: Options, size: Size, catalogue: Catalogue, planted: &'a mut Vec<Planted>) -> Self {
        Self { options, size, catalogue, orders: Vec::new(), planted, turns: Vec::new() }
    }

    /// Begins the numbers of a row.
    pub fn random(&self, stream: u64, id: u64) -> Random {
        Random::new(self.options.seed, stream, id)
    }

    /// Returns what is to be wrong with the next row of a table, in turn; not what this row cannot have.
    pub fn dirt(
        &mut self,
        random: &mut Random,
        table: &'static str,
        kinds: &[Dirt],
        can_have: impl Fn(Dirt) -> bool,
    ) -> Option<Dirt> {
        if !random.percent(self.options.dirt.into()) || self.size.is_small {
            return None;
        }
        let place = self.turns.iter().position(|(of, _)| *of == table).unwrap_or_else(|| {
            self.turns.push((table, 0));
            self.turns.len() - 1
        });
        let turn = &mut self.turns[place].1;
        let dirt = Some(kinds[*turn % kinds.len()]).filter(|dirt| can_have(*dirt))?;
        *turn += 1;
        Some(dirt)
    }

    /// Lists a row that something is wrong with.
    pub fn plant(&mut self, dirt: Option<Dirt>, table: &'static str, id: u64) {
        self.planted.extend(dirt.map(|dirt| Planted { dirt, table, id }));
    }

    /// Returns the number of a listing; few are sold often.
    pub fn place(&self, random: &mut Random) -> u64 {
        let live = self.catalogue.live();
        below(random, live) * below(random, live) / live
    }

    /// Returns a storefront; the first ones have most of the carts and orders.
    pub fn storefront(&self, random: &mut Random) -> u64 {
        let all = self.catalogue.storefronts;
        1 + below(random, all) * below(random, all) / all
    }

    /// Returns a variant of a listing for every other row.
    pub fn variant(&self, random: &mut Random, listing: u64) -> Option<u64> {
        self.catalogue.variant(listing).filter(|_| random.percent(50)).map(|variant| variant + below(random, 2))
    }
}

/// Returns so many days in microseconds, and some hours more or less: then a clock in Belgrade shows between 6 and 22 o'clock,
/// which no change of the clock makes twofold or void.
pub fn age(random: &mut Random, days: u64) -> i64 {
    let spread = below(random, 15 * 3600 * 1_000_000);
    signed(days) * DAY_US + signed(spread) - 8 * HOUR_US
}

/// Returns SQL for two moments without a zone: when a row was made, so long ago, and when it was changed, soon after.
pub fn made_and_changed(random: &mut Random, age_us: i64) -> [String; 2] {
    let later = signed(below(random, 2 * 3600 * 1_000_000));
    let local = format!("timestamp '{NOW_LOCAL}'");
    [sql::before(&local, age_us), sql::before(&local, age_us - later)]
}

/// Returns SQL for these two moments where the first one is said.
pub fn made_at(local: &str) -> [String; 2] {
    [format!("timestamp '{local}'"), format!("timestamp '{local}' + interval '5 hours'")]
}

pub fn below(random: &mut Random, limit: u64) -> u64 {
    random.number() % limit.max(1)
}

pub fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
