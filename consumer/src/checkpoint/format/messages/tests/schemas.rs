//! Schemas that are refused.

use arrow::ipc::{
    self, DateArgs, DateUnit, DecimalArgs, DictionaryEncodingArgs, DurationArgs, Endianness,
    FieldArgs, FixedSizeBinaryArgs, FixedSizeListArgs, FloatingPointArgs, IntArgs, IntervalArgs,
    IntervalUnit, ListArgs, ListViewArgs, MapArgs, MessageHeader, NullArgs, Precision,
    RunEndEncodedArgs, SchemaArgs, TimeArgs, TimeUnit, TimestampArgs, Type, UnionArgs,
};

use super::*;

/// A field with a table of `$args` as its type.
macro_rules! field {
    ($builder:ident, $kind:ident, $args:expr) => {
        field!($builder, $kind, $args, None, None)
    };
    ($builder:ident, $kind:ident, $args:expr, $children:expr) => {{
        let children = $builder.create_vector($children);
        field!($builder, $kind, $args, Some(children), None)
    }};
    ($builder:ident, $kind:ident, $args:expr, $children:expr, $dictionary:expr) => {{
        let type_ = ipc::$kind::create(&mut $builder, &$args).as_union_value();
        ipc::Field::create(
            &mut $builder,
            &FieldArgs {
                type_type: Type::$kind,
                type_: Some(type_),
                children: $children,
                dictionary: $dictionary,
                nullable: true,
                ..FieldArgs::default()
            },
        )
    }};
}

macro_rules! schema {
    ($builder:ident, $endianness:expr, $fields:expr) => {{
        let fields = $builder.create_vector($fields);
        let schema = ipc::Schema::create(
            &mut $builder,
            &SchemaArgs {
                endianness: $endianness,
                fields: Some(fields),
                ..SchemaArgs::default()
            },
        );
        message!($builder, MessageHeader::Schema, schema, 0)
    }};
}

/// A schema of one column, with so many columns of NULL in it.
macro_rules! schema_of {
    ($kind:ident, $args:expr, $children:expr) => {{
        let mut builder = builder!();
        let child = field!(builder, Null, NullArgs {});
        let field = field!(
            builder,
            $kind,
            $args,
            &std::iter::repeat_n(child, $children).collect::<Vec<_>>()
        );
        schema!(builder, Endianness::Little, &[field])
    }};
    ($kind:ident, $args:expr) => {
        schema_of!($kind, $args, 0)
    };
}

#[test]
fn types_that_arrow_does_not_know_are_refused() {
    let decimal = |precision, scale, bits| {
        schema_of!(
            Decimal,
            DecimalArgs {
                precision,
                scale,
                bitWidth: bits,
            }
        )
    };
    let time = |bits, unit| {
        schema_of!(
            Time,
            TimeArgs {
                unit,
                bitWidth: bits,
            }
        )
    };
    let int = |bits| {
        schema_of!(
            Int,
            IntArgs {
                bitWidth: bits,
                is_signed: true,
            }
        )
    };
    let lists = |size, children| {
        schema_of!(
            FixedSizeList,
            FixedSizeListArgs { listSize: size },
            children
        )
    };
    let bytes = |width| schema_of!(FixedSizeBinary, FixedSizeBinaryArgs { byteWidth: width });
    let wrong = [
        int(7),
        int(-8),
        decimal(0, 0, 128),
        decimal(39, 0, 128),
        decimal(300, 0, 128),
        decimal(10, 11, 128),
        decimal(10, 1000, 128),
        decimal(-1, 0, 128),
        decimal(9, 0, 16),
        time(32, TimeUnit::NANOSECOND),
        time(64, TimeUnit::SECOND),
        time(7, TimeUnit::SECOND),
        lists(-1, 1),
        lists(1, 0),
        lists(1, 2),
        bytes(-1),
        schema_of!(List, ListArgs {}, 0),
        schema_of!(ListView, ListViewArgs {}, 2),
        schema_of!(List, ListArgs {}, 2),
        schema_of!(Map, MapArgs { keysSorted: false }, 0),
        schema_of!(Map, MapArgs { keysSorted: false }, 1),
        schema_of!(RunEndEncoded, RunEndEncodedArgs {}, 2),
        schema_of!(Union, UnionArgs::default(), 1),
        schema_of!(
            FloatingPoint,
            FloatingPointArgs {
                precision: Precision(3),
            }
        ),
        schema_of!(Date, DateArgs { unit: DateUnit(2) }),
        schema_of!(Duration, DurationArgs { unit: TimeUnit(4) }),
        schema_of!(
            Timestamp,
            TimestampArgs {
                unit: TimeUnit(-1),
                timezone: None,
            }
        ),
        schema_of!(
            Interval,
            IntervalArgs {
                unit: IntervalUnit(3),
            }
        ),
    ];
    for schema in wrong {
        assert_eq!(
            refusal(&[&schema]),
            r#"its state is wrong: column "" has a type that no state has"#
        );
    }
    // The same with what Arrow knows.
    let right = [
        int(8),
        decimal(38, -3, 128),
        time(64, TimeUnit::NANOSECOND),
        lists(2, 1),
        bytes(0),
        schema_of!(List, ListArgs {}, 1),
    ];
    for schema in right {
        let stream = [&schema[..], &END].concat();
        assert_eq!(batches_of(stream.into()).unwrap(), []);
    }
}

#[test]
fn a_wrong_type_is_found_within_others() {
    let mut builder = builder!();
    let int = IntArgs {
        bitWidth: 24,
        is_signed: true,
    };
    let wrong = field!(builder, Int, int);
    let list = field!(builder, List, ListArgs {}, &[wrong]);
    let list = field!(builder, List, ListArgs {}, &[list]);
    let schema = schema!(builder, Endianness::Little, &[list]);
    assert!(refusal(&[&schema]).contains("a type that no state has"));
}

#[test]
fn a_dictionary_needs_a_type_of_its_index() {
    for bits in [None, Some(0), Some(128)] {
        let mut builder = builder!();
        let index = bits.map(|bits| {
            let args = IntArgs {
                bitWidth: bits,
                is_signed: true,
            };
            ipc::Int::create(&mut builder, &args)
        });
        let dictionary = DictionaryEncodingArgs {
            indexType: index,
            ..DictionaryEncodingArgs::default()
        };
        let dictionary = ipc::DictionaryEncoding::create(&mut builder, &dictionary);
        let field = field!(builder, Null, NullArgs {}, None, Some(dictionary));
        let schema = schema!(builder, Endianness::Little, &[field]);
        assert!(refusal(&[&schema]).contains("without a type of its index"));
    }
}

#[test]
fn a_schema_takes_no_more_memory_than_its_bytes() {
    let mut builder = builder!();
    let field = field!(builder, Null, NullArgs {});
    let mut fields = vec![field];
    // Each struct has the one before a hundred times.
    for _level in 0..2 {
        let within = fields[0];
        fields = vec![field!(
            builder,
            Struct_,
            ipc::Struct_Args {},
            &[within; 100]
        )];
    }
    let schema = schema!(builder, Endianness::Little, &fields);
    assert!(refusal(&[&schema]).contains("longer than its bytes"));
}

#[test]
fn a_schema_of_numbers_that_are_not_ours_is_refused() {
    for endianness in [Endianness::Big, Endianness(7)] {
        let mut builder = builder!();
        let field = field!(builder, Decimal, DecimalArgs::default());
        let schema = schema!(builder, endianness, &[field]);
        assert!(refusal(&[&schema]).contains("not little-endian"));
    }
    let mut builder = builder!();
    let schema = ipc::Schema::create(&mut builder, &SchemaArgs::default());
    let schema = message!(builder, MessageHeader::Schema, schema, 0);
    assert!(refusal(&[&schema]).contains("has no columns"));
}
