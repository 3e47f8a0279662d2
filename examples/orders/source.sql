-- The monolith's tables that hold carts, orders and reservations. Their timestamps have no zone: they are what a clock in
-- Belgrade showed. `cargo xtask generate orders` creates them and fills them.
CREATE TYPE reservation_status AS ENUM ('active', 'committed', 'released', 'expired');

CREATE TABLE storefronts (
    id integer PRIMARY KEY,
    name varchar(255) NOT NULL,
    slug varchar(100) NOT NULL UNIQUE
);

CREATE TABLE products (
    id bigint PRIMARY KEY,
    storefront_id integer,
    title varchar(255) NOT NULL,
    price numeric(15, 2) NOT NULL,
    is_deleted boolean NOT NULL DEFAULT false
);

CREATE TABLE product_variants (
    id integer PRIMARY KEY,
    product_id bigint NOT NULL REFERENCES products,
    sku varchar(100)
);

CREATE TABLE shopping_carts (
    id bigint PRIMARY KEY,
    user_id bigint,
    storefront_id bigint NOT NULL,
    status varchar(50) DEFAULT 'active',
    created_at timestamp NOT NULL,
    updated_at timestamp NOT NULL
);

CREATE TABLE cart_items (
    id bigint PRIMARY KEY,
    cart_id bigint NOT NULL REFERENCES shopping_carts ON DELETE CASCADE,
    listing_id bigint NOT NULL,
    variant_id bigint,
    quantity integer NOT NULL DEFAULT 1,
    price_snapshot decimal(15, 2) NOT NULL,
    variant_data jsonb,
    created_at timestamp NOT NULL,
    updated_at timestamp NOT NULL
);

CREATE TABLE orders (
    id bigint PRIMARY KEY,
    order_number varchar(50) NOT NULL UNIQUE,
    user_id bigint,
    storefront_id bigint NOT NULL,
    status varchar(50) NOT NULL DEFAULT 'pending',
    payment_status varchar(50) NOT NULL,
    payment_method varchar(100),
    payment_transaction_id varchar(255),
    subtotal decimal(15, 2) NOT NULL,
    tax decimal(15, 2) DEFAULT 0,
    shipping_cost decimal(15, 2) DEFAULT 0,
    discount decimal(15, 2) DEFAULT 0,
    total decimal(15, 2) NOT NULL,
    commission decimal(15, 2) DEFAULT 0,
    seller_amount decimal(15, 2) NOT NULL,
    currency varchar(3) DEFAULT 'USD',
    shipping_address jsonb,
    billing_address jsonb,
    escrow_days integer DEFAULT 0,
    notes text,
    created_at timestamp NOT NULL,
    updated_at timestamp NOT NULL
);
CREATE INDEX ON orders (created_at);

CREATE TABLE order_items (
    id bigint PRIMARY KEY,
    order_id bigint NOT NULL REFERENCES orders ON DELETE CASCADE,
    listing_id bigint NOT NULL,
    variant_id bigint,
    listing_name varchar(500) NOT NULL,
    sku varchar(100),
    variant_data jsonb,
    attributes jsonb,
    quantity integer NOT NULL,
    unit_price decimal(15, 2) NOT NULL,
    subtotal decimal(15, 2) NOT NULL,
    discount decimal(15, 2) DEFAULT 0,
    total decimal(15, 2) NOT NULL,
    image_url text,
    created_at timestamp NOT NULL
);

CREATE TABLE inventory_reservations (
    id bigint PRIMARY KEY,
    product_id bigint NOT NULL REFERENCES products,
    variant_id bigint,
    order_id bigint NOT NULL,
    quantity integer NOT NULL,
    status reservation_status NOT NULL,
    expires_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
