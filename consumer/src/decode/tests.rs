//! What the decoder promises as a whole.

use datafusion::arrow::array::AsArray;
use datafusion::arrow::datatypes::Decimal128Type;

use super::*;

const META: RecordMeta<'static> = RecordMeta {
    topic: "transactions",
    partition: 0,
    offset: 0,
    timestamp_ms: None,
    key: None,
    headers: &[],
};

#[test]
fn read_columns_come_in_projected_order() {
    let schema = TableSchema::parse("card_brand STRING, amount DECIMAL(12,2)").unwrap();
    let mut decoder = Decoder::new(&schema, &[1, 0]).unwrap();
    for record in [
        r#"{"id":1,"card_brand":"Visa","amount":12.5}"#,
        r#"{"id":2,"card_brand":"Mastercard","amount":"0.07"}"#,
        r#"{"amount":1e2, "card_brand": "a\u0041"}"#,
    ] {
        decoder.push(Some(record.as_bytes()), &META).unwrap();
    }
    let batch = decoder.flush().unwrap();
    let amounts = batch.column(0).as_primitive::<Decimal128Type>();
    assert_eq!(amounts.values(), &[1250, 7, 10000]);
    let brands: Vec<_> = batch.column(1).as_string_view().iter().flatten().collect();
    assert_eq!(brands, ["Visa", "Mastercard", "aA"]);
}
