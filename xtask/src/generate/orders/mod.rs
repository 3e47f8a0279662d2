//! Writes the source of `examples/orders` as SQL for PostgreSQL: a shop's carts, orders and reservations around a moment
//! that stands still, with planted dirt. The same options give the same statements.
//!
//! Every planted row is listed with what must become of it under `examples/orders/migration.toml`, so that a run can be
//! compared with the list. Without a number of records it is a small set without dirt: 10 carts, half of them old, with 55
//! items, 20 orders, 5 of them old, with 126 items, and 5 reservations, of which 3 are active.

mod carts;
mod catalogue;
mod dirt;
mod placed;
mod reservations;
mod sales;
mod sql;

use std::collections::BTreeMap;
use std::fmt;

pub use dirt::Dirt;
pub use dirt::Outcome;
use sql::Tables;

/// The moment around which everything lies; runs of the example are given it as `--now`.
pub const NOW: &str = "2025-11-15T12:00:00Z";
/// The same on a clock in Belgrade, which the timestamps without a zone were read from.
const NOW_LOCAL: &str = "2025-11-15 13:00:00";
/// The tables of the source.
const SCHEMA: &str = include_str!("../../../../examples/orders/source.sql");

/// What to write.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// About so many rows in carts, orders, their items and reservations; the small set where it is left out.
    pub records: Option<u64>,
    /// The same seed gives the same rows.
    pub seed: u64,
    /// How many in a hundred rows are dirty.
    pub dirt: u8,
}

/// One row that something is wrong, or odd, with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Planted {
    /// What is wrong with it.
    pub dirt: Dirt,
    /// The source's table.
    pub table: &'static str,
    /// Its number.
    pub id: u64,
}

/// What was written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Written {
    /// Rows by table.
    pub rows: BTreeMap<&'static str, u64>,
    /// Rows that something is wrong, or odd, with.
    pub planted: Vec<Planted>,
}

impl Written {
    /// Returns how many rows there are in all tables.
    pub fn total(&self) -> u64 {
        self.rows.values().sum()
    }

    /// Returns the list of what was planted, as CSV: dirt, table, id, outcome, code, field.
    pub fn list(&self) -> String {
        let mut list = String::from("dirt,table,id,outcome,code,field\n");
        for Planted { dirt, table, id } in &self.planted {
            let Outcome { fate, code, field } = dirt.outcome_in(table);
            list.push_str(&format!("{dirt},{table},{id},{fate},{code},{field}\n"));
        }
        list
    }
}

/// Makes the tables and their rows; `execute` gets one statement after another.
pub fn orders<E>(options: Options, execute: &mut dyn FnMut(&str) -> Result<(), E>) -> Result<Written, E> {
    execute(SCHEMA)?;
    let mut tables = Tables::new(execute);
    let size = Size::new(options.records);
    let catalogue = catalogue::write(&mut tables, size)?;
    let mut written = Written::default();
    let mut sales = sales::Sales::new(options, size, catalogue, &mut written.planted);
    sales.carts(&mut tables)?;
    sales.orders(&mut tables)?;
    sales.reservations(&mut tables)?;
    written.rows = tables.finish()?;
    Ok(written)
}

/// How many rows there are to be.
#[derive(Debug, Clone, Copy)]
struct Size {
    /// Whether it is the small set.
    is_small: bool,
    products: u64,
    carts: u64,
    orders: u64,
    reservations: u64,
}

impl Size {
    fn new(records: Option<u64>) -> Self {
        match records {
            None => Self { is_small: true, products: 60, carts: 10, orders: 20, reservations: 5 },
            // With about 2.5 items a cart and 2.7 an order.
            Some(records) => Self {
                is_small: false,
                products: 60 + records / 20,
                carts: records / 10,
                orders: records * 3 / 20,
                reservations: records / 10,
            },
        }
    }
}

impl fmt::Display for Dirt {
    /// Its name in the list: words with hyphens.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut name = String::new();
        for letter in format!("{self:?}").chars() {
            if letter.is_ascii_uppercase() && !name.is_empty() {
                name.push('-');
            }
            name.push(letter.to_ascii_lowercase());
        }
        formatter.write_str(&name)
    }
}
