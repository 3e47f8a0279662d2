//! Orders that were placed, and their items.

use super::catalogue::Catalogue;
use super::dirt::Dirt;
use super::sales::DAY_US;
use super::sales::Kept;
use super::sales::Sales;
use super::sales::age;
use super::sales::below;
use super::sales::made_and_changed;
use super::sales::made_at;
use super::sales::signed;
use super::sql;
use super::sql::Tables;
use crate::generate::random::Random;

/// What is left out is older: there is no leap day in the twelve months.
const KEPT_DAYS: i64 = 365;

const STREETS: &[&str] = &["Кнез Михаилова", "Bulevar kralja Aleksandra", "O'Connell Street", "Đorđa Stanojevića"];
const CITIES: &[&str] = &["Београд", "Novi Sad", "Niš", "Čačak", "Суботица"];
const NOTES: &[&str] = &["звонити двапут", "leave it at \"the\" door\\", "🎁 wrap it, please", "50 % now", ""];

impl Sales<'_> {
    /// Writes all orders, then the items of each.
    pub fn orders<E>(&mut self, tables: &mut Tables<'_, E>) -> Result<(), E> {
        for id in 1..=self.size.orders {
            let mut random = self.random(3, id);
            let is_recent = if self.size.is_small { id <= 15 } else { random.percent(50) };
            let days = if is_recent { 1 + below(&mut random, 360) } else { 370 + below(&mut random, 700) };
            let age_us = age(&mut random, days);
            let dirt = match is_recent {
                true => self.dirt(&mut random, "orders", Dirt::ORDERS, |_| true),
                false => None,
            };
            self.plant(dirt, "orders", id);
            self.orders.push(match dirt {
                Some(Dirt::JustTooOld) => Kept::Old,
                None if !is_recent => Kept::Old,
                None | Some(Dirt::JustKept) => Kept::Written,
                Some(_) => Kept::Dead,
            });
            tables.add("orders", &self.order(&mut random, id, age_us, dirt))?;
        }
        tables.flush("orders")?;
        let mut id = 0;
        for order in 1..=self.size.orders {
            self.items_of_order(tables, order, &mut id)?;
        }
        tables.flush("order_items")
    }

    fn order(&self, random: &mut Random, id: u64, age_us: i64, dirt: Option<Dirt>) -> Vec<String> {
        let (status, payment) = match below(random, 10) {
            0..7 => ("delivered", "paid"),
            7 => (random.pick(&["pending", "confirmed"]), "pending"),
            8 => (random.pick(&["processing", "shipped"]), "paid"),
            _ => (random.pick(&["cancelled", "refunded", "failed"]), "refunded"),
        };
        let (mut status, mut payment, mut method) =
            (status, payment, random.pick(&["card", "cash", "пошта"]).to_owned());
        let (mut storefront, mut escrow) = (self.storefront(random), signed(below(random, 8)));
        let subtotal = 1_000 + signed(below(random, 50_000_000));
        let (tax, shipping, discount) = (subtotal / 5, signed(below(random, 90_000)), subtotal / 50);
        let mut total = subtotal + tax + shipping - discount;
        let [mut made, mut changed] = made_and_changed(random, age_us);
        match dirt {
            Some(Dirt::UnknownStatus) => status = "archived",
            Some(Dirt::LongStatus) => status = "waiting-for-the-customer",
            Some(Dirt::UnknownPaymentStatus) => payment = "authorized",
            Some(Dirt::LongPaymentMethod) => method = "card ".repeat(12),
            Some(Dirt::TotalTooLarge) => total = 1_000_000_000_000,
            Some(Dirt::NegativeTotal) => total = -total,
            Some(Dirt::NegativeEscrow) => escrow = -1,
            Some(Dirt::NoStorefront) => storefront = 999_999,
            Some(Dirt::HourNever) => [made, changed] = made_at("2025-03-30 02:30:00"),
            Some(Dirt::JustKept) => [made, changed] = made_and_changed(random, KEPT_DAYS * DAY_US),
            Some(Dirt::JustTooOld) => [made, changed] = made_and_changed(random, KEPT_DAYS * DAY_US + 1),
            _ => {}
        }
        let user = Some(1_000 + below(random, 1 + self.size.orders / 3)).filter(|_| random.percent(90));
        let transaction = if random.percent(60) { sql::text(&format!("tx_{id:08x}")) } else { "NULL".to_owned() };
        let address = format!(
            r#"{{"street": "{}", "number": {}, "city": "{}", "floor": null, "geo": [44.80, 20.4600]}}"#,
            random.pick(STREETS),
            1 + below(random, 200),
            random.pick(CITIES)
        );
        let notes = if random.percent(30) { sql::text(random.pick(NOTES)) } else { "NULL".to_owned() };
        vec![
            id.to_string(),
            sql::text(&format!("ORD-{id:07}")),
            sql::optional(user),
            storefront.to_string(),
            sql::text(status),
            sql::text(payment),
            sql::text(&method),
            transaction,
            sql::amount(subtotal),
            sql::amount(tax),
            sql::amount(shipping),
            sql::amount(discount),
            sql::amount(total),
            if random.percent(80) { sql::amount(subtotal / 33) } else { "NULL".to_owned() },
            sql::amount(subtotal - subtotal / 33),
            sql::text(random.pick(&["RSD", "EUR", "USD"])),
            sql::text(&address),
            if random.percent(50) { sql::text(&address) } else { "NULL".to_owned() },
            escrow.to_string(),
            notes,
            made,
            changed,
        ]
    }

    fn items_of_order<E>(&mut self, tables: &mut Tables<'_, E>, order: u64, id: &mut u64) -> Result<(), E> {
        let mut random = self.random(4, order);
        let items = match self.size.is_small {
            true => 6 + u64::from(order <= 6),
            false => 1 + below(&mut random, 6).min(below(&mut random, 6)),
        };
        let first = self.place(&mut random);
        for place in first..first + items {
            *id += 1;
            let dirt = match self.orders[usize::try_from(order - 1).unwrap_or(0)] {
                Kept::Written => self.dirt(&mut random, "order_items", Dirt::ORDER_ITEMS, |_| true),
                Kept::Dead => Some(Dirt::DeadParent),
                Kept::Old => None,
            };
            self.plant(dirt, "order_items", *id);
            let listing = self.catalogue.listing(place);
            let variant = self.variant(&mut random, listing);
            let mut name = Catalogue::title(listing);
            let (mut quantity, mut price) =
                (1 + signed(below(&mut random, 4)), 100 + signed(below(&mut random, 9_999_900)));
            match dirt {
                Some(Dirt::LongName) => name = "ш".repeat(300),
                Some(Dirt::LongestName) => name = format!("{}🫖", "ш".repeat(254)),
                Some(Dirt::QuantityZero) => quantity = 0,
                Some(Dirt::NegativePrice) => price = -1,
                Some(Dirt::UnitPriceTooLarge) => price = 9_999_999_999_999,
                _ => {}
            }
            let subtotal = match dirt {
                Some(Dirt::NegativePrice | Dirt::UnitPriceTooLarge) => 100,
                _ => price * quantity,
            };
            let days = 1 + below(&mut random, 360);
            let age_us = age(&mut random, days);
            let [made, _] = made_and_changed(&mut random, age_us);
            let row = [
                id.to_string(),
                order.to_string(),
                listing.to_string(),
                sql::optional(variant),
                sql::text(&name),
                sql::text(&format!("SKU-{listing}")),
                variant.map_or_else(|| "NULL".to_owned(), |_| sql::text(r#"{"size": "XL"}"#)),
                sql::text(r#"{"тежина": 1.50, "gift": false, "of": ["l'or", null]}"#),
                quantity.to_string(),
                sql::amount(price),
                sql::amount(subtotal),
                sql::amount(0),
                sql::amount(subtotal),
                sql::text(&format!("https://img.example/{listing}.webp")),
                made,
            ];
            tables.add("order_items", &row)?;
        }
        Ok(())
    }
}
