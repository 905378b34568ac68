//! Tests that read schemas from DDL and write them again.

use proptest::prelude::*;

use super::*;

fn types(ddl: &str) -> Vec<(String, DataType, bool)> {
    let schema = TableSchema::parse(ddl).unwrap();
    let fields = schema.columns().fields().iter();
    fields
        .map(|field| {
            (
                field.name().clone(),
                field.data_type().clone(),
                field.is_nullable(),
            )
        })
        .collect()
}

fn error(ddl: &str) -> String {
    TableSchema::parse(ddl).unwrap_err().to_string()
}

#[test]
fn every_type_has_its_arrow_type() {
    let decimal = |precision, scale| DataType::Decimal128(precision, scale);
    for (sql, expected) in [
        ("STRING", DataType::Utf8View),
        ("varchar(20)", DataType::Utf8View),
        ("CHAR(2)", DataType::Utf8View),
        ("Boolean", DataType::Boolean),
        ("TINYINT", DataType::Int8),
        ("byte", DataType::Int8),
        ("SMALLINT", DataType::Int16),
        ("SHORT", DataType::Int16),
        ("INT", DataType::Int32),
        ("INTEGER", DataType::Int32),
        ("BIGINT", DataType::Int64),
        ("LONG", DataType::Int64),
        ("FLOAT", DataType::Float32),
        ("REAL", DataType::Float32),
        ("DOUBLE", DataType::Float64),
        ("DECIMAL", decimal(10, 0)),
        ("NUMERIC(5)", decimal(5, 0)),
        ("dec( 12 , 2 )", decimal(12, 2)),
        ("DECIMAL(38,38)", decimal(38, 38)),
        ("DATE", DataType::Date32),
        ("TIMESTAMP", timestamp()),
        (
            "TIMESTAMP_NTZ",
            DataType::Timestamp(TimeUnit::Microsecond, None),
        ),
        ("TIMESTAMP_SECONDS", timestamp()),
        ("timestamp_millis", timestamp()),
        ("TIMESTAMP_MICROS", timestamp()),
        ("BINARY", DataType::Binary),
        (
            "ARRAY<INT>",
            DataType::List(Arc::new(Field::new_list_field(DataType::Int32, true))),
        ),
        (
            "STRUCT<a: INT, `b c` STRING NOT NULL>",
            DataType::Struct(Fields::from(vec![
                Field::new("a", DataType::Int32, true),
                Field::new("b c", DataType::Utf8View, false),
            ])),
        ),
    ] {
        assert_eq!(
            types(&format!("x {sql}")),
            [("x".to_owned(), expected, true)],
            "{sql}"
        );
    }
}

#[test]
fn names_may_be_quoted_and_columns_commented() {
    let ddl =
        "`card brand` STRING COMMENT 'it''s one', \"a\"\"b\": INT NOT NULL COMMENT 'x',\n été DATE";
    assert_eq!(
        types(ddl),
        [
            ("card brand".to_owned(), DataType::Utf8View, true),
            ("a\"b".to_owned(), DataType::Int32, false),
            ("été".to_owned(), DataType::Date32, true),
        ]
    );
}

#[test]
fn table_ends_with_the_columns_from_kafka() {
    let schema = TableSchema::parse("a INT, b STRING").unwrap();
    let names: Vec<_> = schema
        .table()
        .fields()
        .iter()
        .map(|field| field.name().as_str())
        .collect();
    assert_eq!(
        names,
        [
            "a",
            "b",
            "_topic",
            "_partition",
            "_offset",
            "_kafka_timestamp",
            "_key",
            "_headers"
        ]
    );
}

#[test]
fn what_a_timestamps_number_counts_is_nothing_to_a_query() {
    let with = TableSchema::parse(
        "a TIMESTAMP_SECONDS, b ARRAY<TIMESTAMP_MILLIS>, c STRUCT<d: ARRAY<TIMESTAMP_MICROS>>",
    );
    let without =
        TableSchema::parse("a TIMESTAMP, b ARRAY<TIMESTAMP>, c STRUCT<d: ARRAY<TIMESTAMP>>");
    let (with, without) = (with.unwrap(), without.unwrap());
    assert_eq!(with.table(), without.table());
    assert_ne!(with, without);
    assert_ne!(with.to_string(), without.to_string());
}

#[test]
fn a_byte_order_mark_is_passed_over() {
    let schema = TableSchema::parse("a INT");
    assert_eq!(TableSchema::parse("\u{feff}a INT"), schema);
    assert_eq!(TableSchema::parse("\u{feff}\n a INT"), schema);
    assert_eq!(TableSchema::parse("\u{feff}"), Err(SchemaError::Empty));
    assert!(error("a INT, \u{feff}b INT").contains("at character 8"));
}

#[test]
fn errors_say_where_and_how_to_mend() {
    for (ddl, expected) in [
        ("", "SCHEMA is empty: name each column and its type"),
        ("  ", "SCHEMA is empty"),
        (
            "card_brand STRNG, amount INT",
            "SCHEMA: unknown type 'STRNG' of column 'card_brand' at character 12; types are STRING, ",
        ),
        (
            "é ü",
            "SCHEMA: unknown type 'ü' of column 'é' at character 3",
        ),
        (
            "a",
            "SCHEMA: expected the type of column 'a' but found the end at character 2",
        ),
        (
            "a INT,",
            "SCHEMA: expected a column's name but found the end at character 7",
        ),
        (
            "a INT b INT",
            "SCHEMA: expected `,` and the next column, or the end but found 'b' at character 7",
        ),
        (
            "a INT, A STRING",
            "SCHEMA: column 'A' at character 8 is there twice",
        ),
        (
            "s STRUCT<x: INT, X: INT>",
            "SCHEMA: column 's.X' at character 18 is there twice",
        ),
        (
            "a INT, _Offset BIGINT",
            "SCHEMA: '_Offset' at character 8 is a column that each record has from Kafka",
        ),
        ("a DECIMAL(39,2)", "SCHEMA: DECIMAL(39,2): 1 to 38 digits"),
        ("a DECIMAL(0)", "SCHEMA: DECIMAL(0,0): 1 to 38 digits"),
        ("a DECIMAL(4,5)", "SCHEMA: DECIMAL(4,5): 1 to 38 digits"),
        (
            "a DECIMAL(4,5,6)",
            "SCHEMA: expected `)` but found `,` at character 14",
        ),
        (
            "a DECIMAL(x)",
            "SCHEMA: expected a whole number but found 'x' at character 11",
        ),
        (
            "a DECIMAL(99999999999)",
            "SCHEMA: the number 99999999999 is too large at character 11",
        ),
        (
            "a MAP<STRING, INT>",
            "SCHEMA: MAP is not supported: write STRUCT",
        ),
        (
            "a ARRAY",
            "SCHEMA: expected `<` and the type of the elements but found the end at character 8",
        ),
        (
            "a ARRAY<INT",
            "SCHEMA: expected `>` after the type of the elements but found the end",
        ),
        (
            "a ARRAY<FOO>",
            "SCHEMA: unknown type 'FOO' of column 'a[]' at character 9",
        ),
        (
            "a STRUCT<b: FOO>",
            "SCHEMA: unknown type 'FOO' of column 'a.b' at character 13",
        ),
        (
            "a STRUCT<>",
            "SCHEMA: expected a column's name but found `>` at character 10",
        ),
        (
            "a INT NOT",
            "SCHEMA: expected NULL after NOT but found the end at character 10",
        ),
        (
            "a INT COMMENT x",
            "SCHEMA: expected a text in single quotes after COMMENT but found 'x'",
        ),
        ("`a INT", "SCHEMA: no closing ` for the one at character 1"),
        ("`` INT", "SCHEMA: a name of no characters at character 1"),
        (
            "a-b INT",
            "SCHEMA: '-' needs back quotes around the name that it is part of, at character 2",
        ),
    ] {
        let error = error(ddl);
        assert!(error.starts_with(expected), "{ddl}: {error}");
    }
}

#[test]
fn types_in_one_another_have_an_end() {
    let nested = |levels: usize| format!("a {}INT{}", "ARRAY<".repeat(levels), ">".repeat(levels));
    assert!(TableSchema::parse(&nested(32)).is_ok());
    assert!(error(&nested(33)).contains("more than 32 types stand in one another"));
    assert!(error(&nested(100_000)).contains("more than 32 types stand in one another"));
}

/// Returns types in DDL as [`TypeName`] writes them.
fn sql_type() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        proptest::sample::select(vec![
            "STRING",
            "BOOLEAN",
            "TINYINT",
            "SMALLINT",
            "INT",
            "BIGINT",
            "FLOAT",
            "DOUBLE",
            "DATE",
            "TIMESTAMP",
            "TIMESTAMP_NTZ",
            "TIMESTAMP_SECONDS",
            "TIMESTAMP_MILLIS",
            "TIMESTAMP_MICROS",
            "BINARY",
        ])
        .prop_map(str::to_owned),
        (1..=38u8)
            .prop_flat_map(|p| (Just(p), 0..=p))
            .prop_map(|(p, s)| format!("DECIMAL({p},{s})")),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|item| format!("ARRAY<{item}>")),
            proptest::collection::vec((inner, any::<bool>()), 1..4).prop_map(|fields| {
                let fields: Vec<_> = fields
                    .iter()
                    .enumerate()
                    .map(|(i, (inner, null))| {
                        format!("f{i}: {inner}{}", if *null { "" } else { " NOT NULL" })
                    })
                    .collect();
                format!("STRUCT<{}>", fields.join(", "))
            }),
        ]
    })
}

proptest! {
    #[test]
    fn ddl_reads_back_what_it_was_written_from(
        columns in proptest::collection::vec(("[a-z_é`\" ,\\p{L}]{1,8}", sql_type(), any::<bool>()), 1..6)
    ) {
        let columns: Vec<_> = columns
            .iter()
            .enumerate()
            .map(|(i, (name, sql_type, null))| {
                let name = format!("{name}{i}").replace('`', "``");
                format!("`{name}` {sql_type}{}", if *null { "" } else { " NOT NULL" })
            })
            .collect();
        let schema = TableSchema::parse(&columns.join(", ")).unwrap();
        let written = schema.to_string();
        prop_assert_eq!(TableSchema::parse(&written), Ok(schema.clone()), "{}", written);
        for (column, field) in columns.iter().zip(schema.columns().fields()) {
            let written = TypeName(field).to_string();
            prop_assert!(column.contains(&written), "{} of {}", written, column);
        }
    }

    #[test]
    fn nothing_makes_it_panic(ddl in "\\PC{0,40}|([a-z`\"'<>(),: ]|INT|ARRAY|STRUCT|DECIMAL|NOT|NULL|[0-9]){0,30}") {
        let _ = TableSchema::parse(&ddl);
    }
}
