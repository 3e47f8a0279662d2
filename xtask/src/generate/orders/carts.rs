//! Carts and their items.

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

/// What is left out is older.
const KEPT_DAYS: i64 = 30;

impl Sales<'_> {
    /// Writes all carts, then the items of each.
    pub fn carts<E>(&mut self, tables: &mut Tables<'_, E>) -> Result<(), E> {
        let mut carts = Vec::new();
        let mut clean: Option<(u64, u64)> = None;
        for id in 1..=self.size.carts {
            let mut random = self.random(1, id);
            let is_recent = if self.size.is_small { id <= 5 } else { random.percent(35) };
            let days = if is_recent { 1 + below(&mut random, 28) } else { 32 + below(&mut random, 400) };
            let age_us = age(&mut random, days);
            let dirt = match clean {
                Some(_) if is_recent => self.dirt(&mut random, "shopping_carts", Dirt::CARTS, |_| true),
                _ => None,
            };
            let (mut user, mut storefront) = (Some(1_000 + id), self.storefront(&mut random));
            let [mut made, mut changed] = made_and_changed(&mut random, age_us);
            match dirt {
                Some(Dirt::NoUser) => user = None,
                Some(Dirt::SecondCart) => {
                    if let Some(first) = clean {
                        (user, storefront) = (Some(first.0), first.1);
                    }
                }
                Some(Dirt::NoStorefront) => storefront = 999_999,
                Some(Dirt::HourTwice) => [made, changed] = made_at("2025-10-26 02:30:00"),
                Some(Dirt::JustKept) => [made, changed] = made_and_changed(&mut random, KEPT_DAYS * DAY_US),
                Some(Dirt::JustTooOld) => [made, changed] = made_and_changed(&mut random, KEPT_DAYS * DAY_US + 1),
                _ => {}
            }
            self.plant(dirt, "shopping_carts", id);
            let kept = match dirt {
                Some(Dirt::JustTooOld) => Kept::Old,
                None if !is_recent => Kept::Old,
                None | Some(Dirt::JustKept) => Kept::Written,
                Some(_) => Kept::Dead,
            };
            if let (Kept::Written, Some(user)) = (kept, user) {
                clean = Some((user, storefront));
            }
            carts.push(kept);
            let status = match below(&mut random, 10) {
                0..7 => "active",
                7..9 => "abandoned",
                _ => "converted",
            };
            let row = [id.to_string(), sql::optional(user), storefront.to_string(), sql::text(status), made, changed];
            tables.add("shopping_carts", &row)?;
        }
        tables.flush("shopping_carts")?;
        let mut id = 0;
        for (cart, kept) in (1..).zip(carts) {
            self.items_of_cart(tables, cart, kept, &mut id)?;
        }
        tables.flush("cart_items")
    }

    fn items_of_cart<E>(&mut self, tables: &mut Tables<'_, E>, cart: u64, kept: Kept, id: &mut u64) -> Result<(), E> {
        let mut random = self.random(2, cart);
        let items = match self.size.is_small {
            true if kept == Kept::Written => 10,
            true => 1,
            false => 1 + below(&mut random, 7).min(below(&mut random, 7)),
        };
        let first = self.place(&mut random);
        let mut clean = None;
        for place in first..first + items {
            *id += 1;
            let mut listing = self.catalogue.listing(place);
            let mut variant = self.variant(&mut random, listing);
            let mut quantity = 1 + below(&mut random, 4);
            let mut price = 100 + signed(below(&mut random, 99_999_900));
            let dirt = match kept {
                Kept::Written => self.dirt(&mut random, "cart_items", Dirt::CART_ITEMS, |dirt| {
                    dirt != Dirt::SecondItem || clean.is_some()
                }),
                Kept::Dead => Some(Dirt::DeadParent),
                Kept::Old => None,
            };
            match dirt {
                Some(Dirt::QuantityZero) => quantity = 0,
                Some(Dirt::PriceTooLarge) => price = 12_345_678_901,
                Some(Dirt::NoListing) => (listing, variant) = (999_999_999, None),
                Some(Dirt::DeletedListing) => (listing, variant) = (self.catalogue.deleted(place), None),
                Some(Dirt::NoVariant) => variant = Some(999_999_999),
                Some(Dirt::VariantBeyondInteger) => variant = Some(5_000_000_000),
                Some(Dirt::SecondItem) => {
                    if let Some(first) = clean {
                        (listing, variant) = first;
                    }
                }
                _ => {}
            }
            if dirt.is_none() {
                clean = Some((listing, variant));
            }
            self.plant(dirt, "cart_items", *id);
            let days = 1 + below(&mut random, 28);
            let age_us = age(&mut random, days);
            let [made, changed] = made_and_changed(&mut random, age_us);
            let data = if random.percent(30) { sql::text(r#"{"boja": "plava"}"#) } else { "NULL".to_owned() };
            let row = [
                id.to_string(),
                cart.to_string(),
                listing.to_string(),
                sql::optional(variant),
                quantity.to_string(),
                sql::amount(price),
                data,
                made,
                changed,
            ];
            tables.add("cart_items", &row)?;
        }
        Ok(())
    }
}
