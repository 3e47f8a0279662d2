//! Reservations: what is set aside for an order until some moment.

use super::NOW;
use super::dirt::Dirt;
use super::sales::DAY_US;
use super::sales::Kept;
use super::sales::Sales;
use super::sales::below;
use super::sales::signed;
use super::sql;
use super::sql::Tables;
use crate::generate::random::Random;

impl Sales<'_> {
    /// Writes all reservations.
    pub fn reservations<E>(&mut self, tables: &mut Tables<'_, E>) -> Result<(), E> {
        for id in 1..=self.size.reservations {
            let mut random = self.random(5, id);
            let (status, is_future) = match (self.size.is_small, id) {
                (true, 1..=3) => ("active", true),
                (true, 4) => ("active", false),
                (true, _) => ("expired", false),
                (false, _) => match below(&mut random, 10) {
                    0..7 => ("active", random.percent(80)),
                    7..9 => ("committed", random.percent(50)),
                    _ => (random.pick(&["released", "expired"]), false),
                },
            };
            let mut order = self.some_order(&mut random, Kept::Written);
            let (old, dead) = (self.some_order(&mut random, Kept::Old), self.some_order(&mut random, Kept::Dead));
            let dirt = match (status, is_future) {
                ("active", true) => {
                    self.dirt(&mut random, "inventory_reservations", Dirt::RESERVATIONS, |dirt| match dirt {
                        Dirt::OldOrder => old.is_some(),
                        Dirt::DeadOrder => dead.is_some(),
                        _ => true,
                    })
                }
                _ => None,
            };
            let place = self.place(&mut random);
            let mut listing = self.catalogue.listing(place);
            let mut variant = self.variant(&mut random, listing);
            let mut quantity = 1 + below(&mut random, 3);
            let away = signed(1 + below(&mut random, 5 * 86_400_000_000));
            let mut age_us = if is_future { -away } else { away };
            match dirt {
                Some(Dirt::OldOrder) => order = old,
                Some(Dirt::DeadOrder) => order = dead,
                Some(Dirt::NoOrder) => order = None,
                Some(Dirt::DeletedListing) => (listing, variant) = (self.catalogue.deleted(place), None),
                Some(Dirt::QuantityZero) => quantity = 0,
                Some(Dirt::NoVariant) => variant = Some(999_999_999),
                Some(Dirt::EndsNow) => age_us = 0,
                Some(Dirt::EndsJustAfter) => age_us = -1,
                _ => {}
            }
            self.plant(dirt, "inventory_reservations", id);
            let now = format!("timestamptz '{NOW}'");
            let made = age_us.max(0) + DAY_US;
            let row = [
                id.to_string(),
                listing.to_string(),
                sql::optional(variant),
                order.unwrap_or(999_999_999).to_string(),
                quantity.to_string(),
                sql::text(status),
                sql::before(&now, age_us),
                sql::before(&now, made),
                sql::before(&now, made - 60_000_000),
            ];
            tables.add("inventory_reservations", &row)?;
        }
        Ok(())
    }

    /// Returns the number of some order that has ended so, where there is one.
    fn some_order(&self, random: &mut Random, kept: Kept) -> Option<u64> {
        let first = random.below(self.orders.len());
        let places = (first..self.orders.len()).chain(0..first);
        let place = places.into_iter().find(|place| self.orders[*place] == kept)?;
        u64::try_from(place + 1).ok()
    }
}
