-- What `examples/orders` must come to, worked out by the source's own database and by nothing of whimbrel: for every row that
-- the filters keep, its fate, and the values that it must have in the target. `:now` is the moment of the run.
CREATE SCHEMA expected;

CREATE FUNCTION expected.since(age interval) RETURNS timestamp STABLE LANGUAGE sql AS $$
    SELECT (:now AT TIME ZONE 'Europe/Belgrade') - age
$$;

-- Whether a clock in Belgrade has shown this time exactly once.
CREATE FUNCTION expected.is_once(shown timestamp) RETURNS boolean STABLE LANGUAGE sql AS $$
    SELECT (shown AT TIME ZONE 'Europe/Belgrade') AT TIME ZONE 'Europe/Belgrade' = shown
        AND ((shown AT TIME ZONE 'Europe/Belgrade') - interval '1 hour') AT TIME ZONE 'Europe/Belgrade' <> shown
        AND ((shown AT TIME ZONE 'Europe/Belgrade') + interval '1 hour') AT TIME ZONE 'Europe/Belgrade' <> shown
$$;

CREATE FUNCTION expected.fits(amount numeric) RETURNS boolean IMMUTABLE LANGUAGE sql AS $$
    SELECT coalesce(abs(amount) < 100000000, true)
$$;

CREATE TABLE expected.storefronts AS
SELECT id, 'written' AS fate, NULL AS code, NULL AS field, name, slug FROM storefronts;

CREATE TABLE expected.listings AS
SELECT id, 'written' AS fate, NULL AS code, NULL AS field, storefront_id::bigint, title, price FROM products WHERE NOT is_deleted;

CREATE TABLE expected.b2c_product_variants AS
SELECT v.id, 'written' AS fate, NULL AS code, NULL AS field, v.product_id, v.sku
FROM product_variants AS v JOIN products AS p ON p.id = v.product_id WHERE NOT p.is_deleted;

-- Of several carts of a user and storefront the first one that could be written.
CREATE TABLE expected.shopping_carts AS
WITH judged AS (
    SELECT *, CASE
        WHEN NOT expected.is_once(created_at) THEN 'ambiguous-time created_at'
        WHEN NOT expected.is_once(updated_at) THEN 'ambiguous-time updated_at'
        WHEN storefront_id NOT IN (SELECT id FROM storefronts) THEN 'missing-parent storefront_id'
        WHEN user_id IS NULL THEN 'check user_or_session'
    END AS fault
    FROM shopping_carts WHERE created_at >= expected.since('30 days')
), told AS (
    SELECT *, row_number() OVER (PARTITION BY user_id, storefront_id, fault IS NULL ORDER BY id) > 1 AS is_second FROM judged
), faulty AS (
    SELECT *, coalesce(fault, CASE WHEN is_second THEN 'unique one_cart_per_user_and_storefront' END) AS reason FROM told
)
SELECT id, CASE WHEN reason IS NULL THEN 'written' ELSE 'dead' END AS fate, split_part(reason, ' ', 1) AS code,
    split_part(reason, ' ', 2) AS field, user_id, NULL::varchar AS session_id, storefront_id,
    created_at AT TIME ZONE 'Europe/Belgrade' AS created_at, updated_at AT TIME ZONE 'Europe/Belgrade' AS updated_at
FROM faulty;

CREATE TABLE expected.cart_items AS
WITH judged AS (
    SELECT i.*, CASE
        WHEN NOT expected.fits(i.price_snapshot) THEN 'dead precision price_snapshot'
        WHEN NOT expected.is_once(i.created_at) THEN 'dead ambiguous-time created_at'
        WHEN NOT expected.is_once(i.updated_at) THEN 'dead ambiguous-time updated_at'
        WHEN c.fate <> 'written' THEN 'dead missing-parent cart_id'
        WHEN i.variant_id NOT IN (SELECT id FROM expected.b2c_product_variants) THEN 'dead missing-parent variant_id'
        WHEN i.listing_id NOT IN (SELECT id FROM expected.listings) THEN 'skipped'
        WHEN i.quantity <= 0 THEN 'dead check cart_item_quantity'
    END AS fault
    FROM cart_items AS i JOIN expected.shopping_carts AS c ON c.id = i.cart_id
), told AS (
    SELECT *, row_number() OVER (PARTITION BY cart_id, listing_id, variant_id, fault IS NULL ORDER BY id) > 1 AS is_second
    FROM judged
), faulty AS (
    SELECT *, coalesce(fault, CASE WHEN is_second THEN 'dead unique one_item_per_cart_listing_and_variant' END) AS reason
    FROM told
)
SELECT id, coalesce(split_part(reason, ' ', 1), 'written') AS fate, split_part(reason, ' ', 2) AS code,
    split_part(reason, ' ', 3) AS field, cart_id, listing_id, variant_id, quantity,
    CASE WHEN reason IS NULL THEN price_snapshot::numeric(10, 2) END AS price_snapshot,
    created_at AT TIME ZONE 'Europe/Belgrade' AS created_at, updated_at AT TIME ZONE 'Europe/Belgrade' AS updated_at
FROM faulty;

CREATE TABLE expected.orders AS
WITH judged AS (
    SELECT *, CASE
        WHEN length(status) > 20 THEN 'too-long status'
        WHEN length(payment_status) > 20 THEN 'too-long payment_status'
        WHEN length(payment_method) > 50 THEN 'too-long payment_method'
        WHEN NOT expected.fits(subtotal) THEN 'precision subtotal'
        WHEN NOT expected.fits(tax) THEN 'precision tax'
        WHEN NOT expected.fits(shipping_cost) THEN 'precision shipping'
        WHEN NOT expected.fits(discount) THEN 'precision discount'
        WHEN NOT expected.fits(total) THEN 'precision total'
        WHEN NOT expected.fits(commission) THEN 'precision commission'
        WHEN NOT expected.fits(seller_amount) THEN 'precision seller_amount'
        WHEN NOT expected.is_once(created_at) THEN 'ambiguous-time created_at'
        WHEN NOT expected.is_once(updated_at) THEN 'ambiguous-time updated_at'
        WHEN storefront_id NOT IN (SELECT id FROM storefronts) THEN 'missing-parent storefront_id'
        WHEN escrow_days < 0 THEN 'check order_escrow_days'
        WHEN payment_status NOT IN ('pending', 'paid', 'failed', 'refunded', 'partially_refunded')
            THEN 'check order_payment_status'
        WHEN seller_amount < 0 THEN 'check order_seller_amount'
        WHEN status NOT IN
            ('pending', 'confirmed', 'processing', 'shipped', 'delivered', 'cancelled', 'refunded', 'failed')
            THEN 'check order_status'
        WHEN subtotal < 0 THEN 'check order_subtotal'
        WHEN total < 0 THEN 'check order_total'
    END AS reason
    FROM orders WHERE created_at >= expected.since('12 months')
)
SELECT id, CASE WHEN reason IS NULL THEN 'written' ELSE 'dead' END AS fate, split_part(reason, ' ', 1) AS code,
    split_part(reason, ' ', 2) AS field, order_number, user_id, storefront_id, status, payment_status, payment_method,
    payment_transaction_id, subtotal, tax, shipping_cost AS shipping, discount, total, commission, seller_amount, currency,
    shipping_address, billing_address, NULL::varchar AS shipping_method, NULL::varchar AS shipping_provider,
    NULL::varchar AS tracking_number, NULL::timestamptz AS escrow_release_date, escrow_days, NULL::bigint AS shipment_id, notes,
    NULL::timestamptz AS cancelled_at, NULL::text AS cancellation_reason,
    created_at AT TIME ZONE 'Europe/Belgrade' AS created_at, updated_at AT TIME ZONE 'Europe/Belgrade' AS updated_at
FROM judged;

CREATE TABLE expected.order_items AS
WITH judged AS (
    SELECT i.*, CASE
        WHEN length(i.listing_name) > 255 THEN 'too-long listing_name'
        WHEN NOT expected.fits(i.unit_price) THEN 'precision price'
        WHEN NOT expected.fits(i.total) THEN 'precision total'
        WHEN NOT expected.is_once(i.created_at) THEN 'ambiguous-time created_at'
        WHEN o.fate <> 'written' THEN 'missing-parent order_id'
        WHEN i.unit_price < 0 THEN 'check order_item_price'
        WHEN i.quantity <= 0 THEN 'check order_item_quantity'
        WHEN i.total < 0 THEN 'check order_item_total'
    END AS reason
    FROM order_items AS i JOIN expected.orders AS o ON o.id = i.order_id
)
SELECT id, CASE WHEN reason IS NULL THEN 'written' ELSE 'dead' END AS fate, split_part(reason, ' ', 1) AS code,
    split_part(reason, ' ', 2) AS field, order_id, listing_id, variant_id, listing_name, sku, variant_data, attributes,
    quantity, unit_price AS price, total, created_at AT TIME ZONE 'Europe/Belgrade' AS created_at
FROM judged;

CREATE TABLE expected.inventory_reservations AS
WITH judged AS (
    SELECT *, CASE
        WHEN variant_id NOT IN (SELECT id FROM expected.b2c_product_variants) THEN 'dead missing-parent variant_id'
        WHEN product_id NOT IN (SELECT id FROM expected.listings) THEN 'skipped'
        WHEN quantity <= 0 THEN 'dead check reservation_quantity'
    END AS reason
    FROM inventory_reservations WHERE status = 'active' AND expires_at > :now
)
SELECT id, coalesce(split_part(reason, ' ', 1), 'written') AS fate, split_part(reason, ' ', 2) AS code,
    split_part(reason, ' ', 3) AS field, product_id AS listing_id, variant_id,
    CASE WHEN order_id IN (SELECT id FROM expected.orders WHERE fate = 'written') THEN order_id END AS order_id,
    quantity, status::text AS status, expires_at, created_at, updated_at
FROM judged;
