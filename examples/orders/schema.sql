-- The service's tables for carts, orders and reservations, and of the catalogue what they refer to.
CREATE FUNCTION set_updated_at() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at = CURRENT_TIMESTAMP;
    RETURN NEW;
END $$;

CREATE TABLE storefronts (
    id serial PRIMARY KEY,
    name varchar(255) NOT NULL,
    slug varchar(100) NOT NULL UNIQUE
);

CREATE TABLE listings (
    id bigserial PRIMARY KEY,
    storefront_id bigint,
    title varchar(255) NOT NULL CHECK (length(trim(title)) >= 3),
    price numeric(15, 2) NOT NULL CHECK (price > 0)
);

CREATE TABLE b2c_product_variants (
    id serial PRIMARY KEY,
    product_id bigint NOT NULL REFERENCES listings ON UPDATE CASCADE ON DELETE CASCADE,
    sku varchar(100) UNIQUE
);

CREATE TABLE shopping_carts (
    id bigserial PRIMARY KEY,
    user_id bigint,
    session_id varchar(255),
    storefront_id bigint NOT NULL REFERENCES storefronts ON DELETE CASCADE,
    created_at timestamptz DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamptz DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT user_or_session CHECK (
        (user_id IS NOT NULL AND session_id IS NULL) OR (user_id IS NULL AND session_id IS NOT NULL)
    )
);
CREATE UNIQUE INDEX one_cart_per_user_and_storefront ON shopping_carts (user_id, storefront_id) WHERE user_id IS NOT NULL;
CREATE UNIQUE INDEX one_cart_per_session_and_storefront ON shopping_carts (session_id, storefront_id)
    WHERE session_id IS NOT NULL;
CREATE TRIGGER shopping_carts_updated_at BEFORE UPDATE ON shopping_carts
    FOR EACH ROW EXECUTE FUNCTION set_updated_at();

CREATE TABLE cart_items (
    id bigserial PRIMARY KEY,
    cart_id bigint NOT NULL REFERENCES shopping_carts ON DELETE CASCADE,
    listing_id bigint NOT NULL REFERENCES listings ON DELETE CASCADE,
    variant_id bigint REFERENCES b2c_product_variants ON DELETE CASCADE,
    quantity integer NOT NULL CONSTRAINT cart_item_quantity CHECK (quantity > 0),
    price_snapshot numeric(10, 2) NOT NULL,
    created_at timestamptz DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamptz DEFAULT CURRENT_TIMESTAMP
);
CREATE UNIQUE INDEX one_item_per_cart_listing_and_variant ON cart_items (cart_id, listing_id, COALESCE(variant_id, 0));
CREATE INDEX ON cart_items (listing_id);
CREATE TRIGGER cart_items_updated_at BEFORE UPDATE ON cart_items
    FOR EACH ROW EXECUTE FUNCTION set_updated_at();

CREATE TABLE orders (
    id bigserial PRIMARY KEY,
    order_number varchar(50) NOT NULL UNIQUE,
    user_id bigint,
    storefront_id bigint NOT NULL REFERENCES storefronts ON DELETE RESTRICT,
    status varchar(20) NOT NULL CONSTRAINT order_status CHECK (
        status IN ('pending', 'confirmed', 'processing', 'shipped', 'delivered', 'cancelled', 'refunded', 'failed')
    ),
    payment_status varchar(20) NOT NULL CONSTRAINT order_payment_status CHECK (
        payment_status IN ('pending', 'paid', 'failed', 'refunded', 'partially_refunded')
    ),
    payment_method varchar(50),
    payment_transaction_id varchar(255),
    subtotal numeric(10, 2) NOT NULL CONSTRAINT order_subtotal CHECK (subtotal >= 0),
    tax numeric(10, 2) DEFAULT 0.00,
    shipping numeric(10, 2) DEFAULT 0.00,
    discount numeric(10, 2) DEFAULT 0.00,
    total numeric(10, 2) NOT NULL CONSTRAINT order_total CHECK (total >= 0),
    commission numeric(10, 2) DEFAULT 0.00,
    seller_amount numeric(10, 2) NOT NULL CONSTRAINT order_seller_amount CHECK (seller_amount >= 0),
    currency varchar(3) DEFAULT 'RSD',
    shipping_address jsonb,
    billing_address jsonb,
    shipping_method varchar(100),
    shipping_provider varchar(100),
    tracking_number varchar(255),
    escrow_release_date timestamptz,
    escrow_days integer DEFAULT 3 CONSTRAINT order_escrow_days CHECK (escrow_days >= 0),
    shipment_id bigint,
    notes text,
    cancelled_at timestamptz,
    cancellation_reason text,
    created_at timestamptz DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamptz DEFAULT CURRENT_TIMESTAMP
);
CREATE INDEX ON orders (storefront_id, created_at DESC);
CREATE INDEX ON orders (user_id, created_at DESC) WHERE user_id IS NOT NULL;
CREATE TRIGGER orders_updated_at BEFORE UPDATE ON orders
    FOR EACH ROW EXECUTE FUNCTION set_updated_at();

CREATE TABLE order_items (
    id bigserial PRIMARY KEY,
    order_id bigint NOT NULL REFERENCES orders ON DELETE CASCADE,
    listing_id bigint NOT NULL,
    variant_id bigint,
    listing_name varchar(255) NOT NULL,
    sku varchar(100),
    variant_data jsonb,
    attributes jsonb,
    quantity integer NOT NULL CONSTRAINT order_item_quantity CHECK (quantity > 0),
    price numeric(10, 2) NOT NULL CONSTRAINT order_item_price CHECK (price >= 0),
    total numeric(10, 2) NOT NULL CONSTRAINT order_item_total CHECK (total >= 0),
    created_at timestamptz DEFAULT CURRENT_TIMESTAMP
);
CREATE INDEX ON order_items (order_id);

CREATE TABLE inventory_reservations (
    id bigserial PRIMARY KEY,
    listing_id bigint NOT NULL REFERENCES listings ON DELETE CASCADE,
    variant_id bigint REFERENCES b2c_product_variants ON DELETE CASCADE,
    order_id bigint REFERENCES orders ON DELETE SET NULL,
    quantity integer NOT NULL CONSTRAINT reservation_quantity CHECK (quantity > 0),
    status varchar(20) NOT NULL CONSTRAINT reservation_status CHECK (
        status IN ('active', 'committed', 'released', 'expired')
    ),
    expires_at timestamptz NOT NULL,
    created_at timestamptz DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamptz DEFAULT CURRENT_TIMESTAMP
);
CREATE INDEX ON inventory_reservations (listing_id, status) WHERE status = 'active';
CREATE TRIGGER inventory_reservations_updated_at BEFORE UPDATE ON inventory_reservations
    FOR EACH ROW EXECUTE FUNCTION set_updated_at();
