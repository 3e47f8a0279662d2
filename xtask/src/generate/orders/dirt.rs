//! What may be wrong with a row of the shop, and what must become of it.

/// What is wrong, or odd, with a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dirt {
    // Carts.
    /// Neither a user nor a session.
    NoUser,
    /// The user has a cart of this storefront already.
    SecondCart,
    /// The storefront is not there.
    NoStorefront,
    /// A time that the clock has shown twice.
    HourTwice,
    /// Exactly as old as may be.
    JustKept,
    /// A microsecond older.
    JustTooOld,
    // Items of carts and orders, and reservations.
    /// Nothing of it.
    QuantityZero,
    /// More digits than the column takes.
    PriceTooLarge,
    /// A listing that has never been.
    NoListing,
    /// A listing that is deleted, and not moved.
    DeletedListing,
    /// A variant that is not there.
    NoVariant,
    /// A variant's number that its table could not hold.
    VariantBeyondInteger,
    /// The same listing and variant as the item before, in one cart.
    SecondItem,
    /// The cart or the order has become a dead letter.
    DeadParent,
    // Orders.
    /// A status that the service does not know.
    UnknownStatus,
    /// One that is too long as well.
    LongStatus,
    /// A payment status that the service does not know.
    UnknownPaymentStatus,
    /// A way to pay with too long a name.
    LongPaymentMethod,
    /// More digits than the column takes.
    TotalTooLarge,
    /// Less than nothing to pay.
    NegativeTotal,
    /// Less than no days.
    NegativeEscrow,
    /// A time that the clock has never shown.
    HourNever,
    // Items of orders.
    /// A name of 300 characters.
    LongName,
    /// A name of just as many characters as fit, of several bytes each.
    LongestName,
    /// An item that pays for being bought.
    NegativePrice,
    /// A price with more digits than the column takes.
    UnitPriceTooLarge,
    // Reservations.
    /// Its order is older than those that are moved.
    OldOrder,
    /// Its order has never been.
    NoOrder,
    /// Its order has become a dead letter.
    DeadOrder,
    /// It ends at the very moment.
    EndsNow,
    /// It ends a microsecond later.
    EndsJustAfter,
}

/// What must become of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// `written`, `left-out` by the filter, `skipped`, `nulled` or `dead`.
    pub fate: &'static str,
    /// A dead letter's code.
    pub code: &'static str,
    /// A dead letter's field, or the column that becomes NULL.
    pub field: &'static str,
}

impl Dirt {
    /// Carts that may be given to kept rows.
    pub(super) const CARTS: &[Self] =
        &[Self::NoUser, Self::SecondCart, Self::NoStorefront, Self::HourTwice, Self::JustKept, Self::JustTooOld];
    /// The same for items of carts.
    pub(super) const CART_ITEMS: &[Self] = &[
        Self::QuantityZero,
        Self::PriceTooLarge,
        Self::NoListing,
        Self::SecondItem,
        Self::DeletedListing,
        Self::NoVariant,
        Self::VariantBeyondInteger,
    ];
    /// The same for orders.
    pub(super) const ORDERS: &[Self] = &[
        Self::UnknownStatus,
        Self::LongStatus,
        Self::UnknownPaymentStatus,
        Self::LongPaymentMethod,
        Self::TotalTooLarge,
        Self::NegativeTotal,
        Self::NegativeEscrow,
        Self::NoStorefront,
        Self::HourNever,
        Self::JustKept,
        Self::JustTooOld,
    ];
    /// The same for items of orders.
    pub(super) const ORDER_ITEMS: &[Self] =
        &[Self::LongName, Self::LongestName, Self::QuantityZero, Self::NegativePrice, Self::UnitPriceTooLarge];
    /// The same for reservations.
    pub(super) const RESERVATIONS: &[Self] = &[
        Self::OldOrder,
        Self::NoOrder,
        Self::DeadOrder,
        Self::DeletedListing,
        Self::QuantityZero,
        Self::NoVariant,
        Self::EndsNow,
        Self::EndsJustAfter,
    ];

    /// Returns what must become of such a row of this table.
    pub fn outcome_in(self, table: &str) -> Outcome {
        let outcome = |fate, code, field| Outcome { fate, code, field };
        let dead = |code, field| outcome("dead", code, field);
        match (self, table) {
            (Self::NoUser, _) => dead("check", "user_or_session"),
            (Self::SecondCart, _) => dead("unique", "one_cart_per_user_and_storefront"),
            (Self::NoStorefront, _) => dead("missing-parent", "storefront_id"),
            (Self::HourTwice | Self::HourNever, _) => dead("ambiguous-time", "created_at"),
            (Self::JustKept | Self::LongestName | Self::EndsJustAfter, _) => outcome("written", "", ""),
            (Self::JustTooOld | Self::EndsNow, _) => outcome("left-out", "", ""),
            (Self::QuantityZero, "cart_items") => dead("check", "cart_item_quantity"),
            (Self::QuantityZero, "order_items") => dead("check", "order_item_quantity"),
            (Self::QuantityZero, _) => dead("check", "reservation_quantity"),
            (Self::PriceTooLarge, _) => dead("precision", "price_snapshot"),
            (Self::NoListing | Self::DeletedListing, _) => outcome("skipped", "", "listing_id"),
            (Self::NoVariant | Self::VariantBeyondInteger, _) => dead("missing-parent", "variant_id"),
            (Self::SecondItem, _) => dead("unique", "one_item_per_cart_listing_and_variant"),
            (Self::DeadParent, "cart_items") => dead("missing-parent", "cart_id"),
            (Self::DeadParent, _) => dead("missing-parent", "order_id"),
            (Self::UnknownStatus, _) => dead("check", "order_status"),
            (Self::LongStatus, _) => dead("too-long", "status"),
            (Self::UnknownPaymentStatus, _) => dead("check", "order_payment_status"),
            (Self::LongPaymentMethod, _) => dead("too-long", "payment_method"),
            (Self::TotalTooLarge, _) => dead("precision", "total"),
            (Self::NegativeTotal, _) => dead("check", "order_total"),
            (Self::NegativeEscrow, _) => dead("check", "order_escrow_days"),
            (Self::LongName, _) => dead("too-long", "listing_name"),
            (Self::NegativePrice, _) => dead("check", "order_item_price"),
            (Self::UnitPriceTooLarge, _) => dead("precision", "price"),
            (Self::OldOrder | Self::NoOrder | Self::DeadOrder, _) => outcome("nulled", "", "order_id"),
        }
    }
}
