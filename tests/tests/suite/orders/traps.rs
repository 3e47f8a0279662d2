//! What hand-written migrations of the same shop got wrong, or could have: one test each, named after it.

use serde_json::json;
use whimbrel_tests::Database;

use super::NOW;
use super::Shop;
use super::dump;
use super::one;

/// The small set, with rows beside it.
fn shop_with(rows: &str) -> Option<Shop> {
    let shop = Shop::new(None, 0)?;
    shop.source.execute(rows);
    Some(shop)
}

/// An order of number 100 with some columns that are not those of a sound one.
fn order(changes: &[(&str, &str)]) -> String {
    let mut values = vec![
        ("id", "100"),
        ("order_number", "'ORD-T'"),
        ("storefront_id", "1"),
        ("status", "'pending'"),
        ("payment_status", "'pending'"),
        ("subtotal", "1"),
        ("total", "1"),
        ("seller_amount", "1"),
        ("created_at", "'2025-11-01 10:00'"),
        ("updated_at", "'2025-11-02 10:00'"),
    ];
    for (column, value) in changes {
        values.retain(|(name, _)| name != column);
        values.push((column, value));
    }
    let names: Vec<&str> = values.iter().map(|(name, _)| *name).collect();
    let values: Vec<&str> = values.iter().map(|(_, value)| *value).collect();
    format!("INSERT INTO orders ({}) VALUES ({});", names.join(", "), values.join(", "))
}

/// What a target has of the dead letters, `entity code field`.
fn letters(target: &Database) -> Vec<String> {
    let letters = target.query(
        "SELECT entity || ' ' || code || ' ' || coalesce(field, '-') AS letter FROM whimbrel.dead_letter ORDER BY 1",
    );
    letters.into_iter().map(|mut row| row.remove(0).unwrap()).collect()
}

fn only_letter(rows: &str, expected: &str) {
    let Some(shop) = shop_with(rows) else { return };
    let (target, report) = shop.moved();
    assert_eq!(letters(&target), [expected], "{report:#}");
    assert_eq!(one(&target, "SELECT count(*) FROM orders WHERE id = 100"), "0");
    assert_eq!(one(&target, "SELECT count(*) FROM orders"), "15", "the others are all there");
}

#[test]
fn numeric_15_2_into_10_2_is_a_dead_letter_not_a_rounding() {
    only_letter(&order(&[("total", "123456789012.34")]), "orders precision total");
}

#[test]
fn a_status_outside_the_list_is_a_dead_letter_with_its_constraint() {
    only_letter(&order(&[("status", "'archived'")]), "orders check order_status");
    only_letter(&order(&[("payment_status", "'authorized'")]), "orders check order_payment_status");
    only_letter(&order(&[("status", "repeat('x', 21)")]), "orders too-long status");
}

#[test]
fn an_hour_that_never_was_or_was_twice_is_no_guess() {
    only_letter(&order(&[("created_at", "'2025-03-30 02:30'")]), "orders ambiguous-time created_at");
    only_letter(&order(&[("updated_at", "'2025-10-26 02:30'")]), "orders ambiguous-time updated_at");
}

#[test]
fn names_of_500_characters_are_not_cut_to_255() {
    let item = |id: u64, name: &str| {
        format!(
            "INSERT INTO order_items (id, order_id, listing_id, listing_name, quantity, unit_price, subtotal, total, created_at) \
             VALUES ({id}, 1, 1, {name}, 1, 1, 1, 1, '2025-11-01 10:00');"
        )
    };
    let rows = [item(1_000, "repeat('ж', 256)"), item(1_001, "repeat('ж', 255)")].concat();
    let Some(shop) = shop_with(&rows) else { return };
    let (target, _) = shop.moved();
    assert_eq!(letters(&target), ["order-items too-long listing_name"]);
    assert_eq!(one(&target, "SELECT length(listing_name) FROM order_items WHERE id = 1001"), "255");
}

#[test]
fn a_cart_without_a_user_and_a_second_cart_break_the_targets_rules() {
    let cart = |id: u64, user: &str| {
        format!(
            "INSERT INTO shopping_carts VALUES ({id}, {user}, 1, 'active', '2025-11-01 10:00', '2025-11-01 11:00');"
        )
    };
    let rows = [cart(100, "NULL"), cart(101, "5"), cart(102, "5"), cart(103, "NULL")].concat();
    let Some(shop) = shop_with(&rows) else { return };
    let (target, _) = shop.moved();
    let expected =
        ["carts check user_or_session", "carts check user_or_session", "carts unique one_cart_per_user_and_storefront"];
    assert_eq!(letters(&target), expected);
    assert_eq!(one(&target, "SELECT string_agg(id::text, ',') FROM shopping_carts WHERE id >= 100"), "101");
}

#[test]
fn a_failed_insert_does_not_poison_the_rest() {
    let bad: String = (100..400)
        .map(|id| {
            order(&[
                ("id", &id.to_string()),
                ("order_number", &format!("'N{id}'")),
                ("escrow_days", &(id % 3 - 1).to_string()),
            ])
        })
        .collect();
    let Some(shop) = shop_with(&bad) else { return };
    let (target, report) = shop.moved();
    assert_eq!(one(&target, "SELECT count(*) FROM orders WHERE id >= 100"), "200", "{report:#}");
    assert_eq!(letters(&target).len(), 100);
}

#[test]
fn an_order_that_was_not_moved_leaves_its_reservation_without_one() {
    let reservation = |id: u64, product: u64, order: u64| {
        format!(
            "INSERT INTO inventory_reservations VALUES ({id}, {product}, NULL, {order}, 1, 'active', '2025-11-16 12:00Z', \
             '2025-11-14 12:00Z', '2025-11-14 12:00Z');"
        )
    };
    // Order 16 is old, 100 is a dead letter, 101 has never been; product 17 is deleted.
    let rows = [
        order(&[("total", "-1")]),
        reservation(100, 1, 16),
        reservation(101, 1, 100),
        reservation(102, 1, 101),
        reservation(103, 17, 1),
        reservation(104, 1, 1),
    ];
    let Some(shop) = shop_with(&rows.concat()) else { return };
    let (target, report) = shop.moved();
    let sql = "SELECT string_agg(id || ':' || coalesce(order_id::text, '-'), ' ' ORDER BY id) FROM inventory_reservations WHERE id >= 100";
    assert_eq!(one(&target, sql), "100:- 101:- 102:- 104:1");
    let told = &report["entities"].as_array().unwrap().iter().find(|told| told["name"] == "reservations").unwrap();
    assert_eq!(json!([told["total"]["skipped"], told["nulled_references"]]), json!([1, 3]));
    let reason = "`inventory_reservations.listing_id` has no row in `listings`, and `on-missing` says `skip`";
    assert_eq!(told["skip_reasons"][reason], 1, "{told:#}");
}

#[test]
fn rows_that_stand_there_are_left_alone() {
    let Some(shop) = shop_with("") else { return };
    let (target, _) = shop.moved();
    shop.call(&target, &["reset", "--execute"]).run().expect(0);
    target.execute("UPDATE orders SET notes = 'by somebody else', status = 'shipped' WHERE id = 3; DELETE FROM orders WHERE id = 4");
    let again = shop.run(&target).run().expect(0).json();
    let orders = &again["entities"].as_array().unwrap().iter().find(|told| told["name"] == "orders").unwrap()["total"];
    let fates = json!([orders["written"], orders["skipped"], orders["unchanged"]]);
    assert_eq!(fates, json!([1, 1, 13]), "{orders}");
    assert_eq!(one(&target, "SELECT notes FROM orders WHERE id = 3"), "by somebody else");
}

#[test]
fn now_is_pinned() {
    let Some(shop) = shop_with("") else { return };
    let target = shop.source.another();
    shop.run(&target).ending_at("commit-after=1*off->return").run();
    // Without `--now` the run goes on with the moment of the first one; on the real clock every row would be too old.
    let ended = shop.call(&target, &["run", "--execute", "--yes"]).run().expect(0);
    assert_eq!(one(&target, "SELECT count(*) FROM orders"), "15", "{ended}");
    let other = shop.call(&target, &["run", "--now", "2026-01-01T00:00:00Z", "--execute", "--yes"]).run();
    assert_ne!(other.code, Some(0), "another moment is another migration: {other}");
}

#[test]
fn a_time_without_a_zone_keeps_its_instant() {
    let rows = order(&[("created_at", "'2025-07-01 12:00:00.123456'"), ("updated_at", "'2025-11-02 12:00'")]);
    let Some(shop) = shop_with(&rows) else { return };
    let (target, _) = shop.moved();
    let sql = "SELECT (created_at = '2025-07-01 10:00:00.123456Z' AND updated_at = '2025-11-02 11:00Z')::text FROM orders WHERE id = 100";
    assert_eq!(one(&target, sql), "true", "summer and winter");
    shop.change("as = \"timestamp\", zone = \"Europe/Belgrade\"", "as = \"timestamp\"");
    let refused = shop.run(&shop.source.another()).run();
    assert!(matches!(refused.code, Some(1 | 2)), "a zone is never guessed: {refused}");
}

#[test]
fn a_trigger_does_not_rewrite_migrated_timestamps() {
    // Order 100 is a dead letter at first, and so is its reservation's reference; then somebody mends it.
    let rows = format!(
        "{}INSERT INTO inventory_reservations VALUES (100, 1, NULL, 100, 1, 'active', '2025-11-16 12:00Z', '2025-11-14 12:00Z', \
         '2025-11-14 13:00Z');",
        order(&[("status", "'archived'")])
    );
    let Some(shop) = shop_with(&rows) else { return };
    let (target, _) = shop.moved();
    let updated = "SELECT (updated_at = '2025-11-14 13:00Z')::text FROM inventory_reservations WHERE id = 100";
    let order_id = "SELECT coalesce(order_id::text, '-') FROM inventory_reservations WHERE id = 100";
    assert_eq!(one(&target, updated), "true");
    target.execute("ALTER TABLE orders DROP CONSTRAINT order_status");
    let replay = ["dead-letter", "replay"];
    let manifest = shop.folder.path().join("migration.toml").display().to_string();
    let replayed = |target: &Database| {
        whimbrel_tests::Whimbrel::new(replay.iter().copied().chain([manifest.as_str(), "--execute"]))
            .env("ORDERS_SOURCE", &shop.source.url)
            .env("TARGET_URL", &target.url)
            .run()
            .expect(0)
    };
    replayed(&target);
    // The trigger would have put the present time there: the reference stays NULL, and the reason stands beside it.
    assert_eq!((one(&target, updated).as_str(), one(&target, order_id).as_str()), ("true", "-"));
    let refusal = one(&target, "SELECT refusal FROM whimbrel.nulled_reference WHERE record_key = 'i100'");
    assert!(refusal.contains("a trigger put") && refusal.contains("`updated_at`"), "{refusal}");
}

#[test]
fn dropped_columns_are_told_by_the_plan() {
    let Some(shop) = shop_with("") else { return };
    let plan = shop.call(&shop.source.another(), &["plan", "--now", NOW]).run().expect(0);
    let left_out = "7. order-items: 96 documents of shop.order_items";
    let (_, items) = plan.stdout.split_once(left_out).unwrap_or_else(|| panic!("{plan}"));
    let line = items.lines().find(|line| line.contains("left out on purpose"));
    assert_eq!(line, Some("   left out on purpose: subtotal, discount, image_url"), "{plan}");
}

#[test]
fn a_run_without_execute_writes_nothing() {
    let Some(shop) = shop_with("") else { return };
    let target = shop.source.another();
    let before = dump::all(&target);
    shop.predict(&target).expect(0);
    assert_eq!(dump::all(&target), before);
}

#[test]
fn a_sequence_goes_on_behind_the_migrated_ids() {
    let Some(shop) = shop_with("") else { return };
    let (target, _) = shop.moved();
    target.execute(
        "INSERT INTO shopping_carts (user_id, storefront_id) VALUES (77, 1);
         INSERT INTO orders (order_number, storefront_id, status, payment_status, subtotal, total, seller_amount)
         VALUES ('NEW', 1, 'pending', 'pending', 1, 1, 1);
         INSERT INTO order_items (order_id, listing_id, listing_name, quantity, price, total)
         SELECT id, 1, 'new', 1, 1, 1 FROM orders WHERE order_number = 'NEW';
         INSERT INTO inventory_reservations (listing_id, quantity, status, expires_at) VALUES (1, 1, 'active', now());",
    );
    for (table, moved) in [("shopping_carts", 5), ("orders", 15), ("inventory_reservations", 3)] {
        let newest = one(&target, &format!("SELECT max(id) FROM {table}"));
        assert_eq!(newest, (moved + 1).to_string(), "{table}");
    }
}
