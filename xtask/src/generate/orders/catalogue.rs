//! The catalogue: storefronts, products and their variants. Every seventeenth product is deleted.

use super::Size;
use super::sql;
use super::sql::Tables;

/// Of so many products one is deleted.
const BLOCK: u64 = 17;
/// Every so manieth product has variants.
const WITH_VARIANTS: u64 = 3;

const NOUNS: &[&str] = &["Čaša", "Столица", "Lampa", "Ћилим", "Book ends", "Јакна", "Đezva", "Teapot 🫖"];
const ADJECTIVES: &[&str] = &["mala", "плава", "old", "\"fine\"", "5%", "žuta", "L'Été"];

/// What the catalogue has.
#[derive(Debug, Clone, Copy)]
pub struct Catalogue {
    pub storefronts: u64,
    products: u64,
}

impl Catalogue {
    /// Returns how many products are not deleted.
    pub fn live(self) -> u64 {
        self.products - self.products / BLOCK
    }

    /// Returns the number of a product that is not deleted, by its place among these; places begin anew behind the last.
    pub fn listing(self, place: u64) -> u64 {
        let place = place % self.live();
        1 + place + place / (BLOCK - 1)
    }

    /// Returns the number of a product that is deleted, by its place among these.
    pub fn deleted(self, place: u64) -> u64 {
        BLOCK * (1 + place % (self.products / BLOCK))
    }

    /// Returns a variant of a product, where it has some.
    pub fn variant(self, listing: u64) -> Option<u64> {
        (listing.is_multiple_of(WITH_VARIANTS)).then_some(listing * 10)
    }

    /// Returns a product's name.
    pub fn title(listing: u64) -> String {
        let of = |words: &[&'static str], by: u64| words[usize::try_from(by).unwrap_or(0) % words.len()];
        format!("{} {} No. {listing}", of(NOUNS, listing), of(ADJECTIVES, listing / 3))
    }
}

pub fn write<E>(tables: &mut Tables<'_, E>, size: Size) -> Result<Catalogue, E> {
    let catalogue = Catalogue { storefronts: 3 + size.products / 100, products: size.products };
    for storefront in 1..=catalogue.storefronts {
        let name = format!("Продавница {storefront}");
        tables.add(
            "storefronts",
            &[storefront.to_string(), sql::text(&name), sql::text(&format!("shop-{storefront}"))],
        )?;
    }
    for product in 1..=size.products {
        let storefront = (!product.is_multiple_of(5)).then_some(1 + product % catalogue.storefronts);
        let price = 100 + i64::try_from(product * 7_919 % 900_000).unwrap_or(0);
        tables.add(
            "products",
            &[
                product.to_string(),
                sql::optional(storefront),
                sql::text(&Catalogue::title(product)),
                sql::amount(price),
                product.is_multiple_of(BLOCK).to_string(),
            ],
        )?;
    }
    tables.flush("products")?;
    for product in 1..=size.products {
        if let Some(variant) = catalogue.variant(product) {
            for (number, size) in [(variant, "S"), (variant + 1, "XL")] {
                let sku = sql::text(&format!("SKU-{product}-{size}"));
                tables.add("product_variants", &[number.to_string(), product.to_string(), sku])?;
            }
        }
    }
    Ok(catalogue)
}
