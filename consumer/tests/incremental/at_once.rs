//! What is right: DataFusion's result over all records, and when two results are the same.

use std::sync::Arc;

use arrow::array::{Float64Array, RecordBatch};
use arrow::compute::concat_batches;
use arrow::datatypes::DataType;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use consumer::engine::functions::arithmetic::{DecimalPlanner, ExactArithmetic};
use consumer::engine::functions::exact::{avg, sum};
use datafusion::datasource::MemTable;
use datafusion::execution::FunctionRegistry;
use datafusion::prelude::{SessionConfig, SessionContext};

/// DataFusion on all records at once. Its sum wraps and its averages and quotients are cut off, with other digits, so it
/// is given ours: they have tests of their own.
pub fn at_once(sql: &str, all: &RecordBatch) -> RecordBatch {
    let config = SessionConfig::new()
        .with_target_partitions(1)
        .set_bool("datafusion.sql_parser.parse_float_as_decimal", true);
    let mut context = SessionContext::new_with_config(config);
    context
        .register_expr_planner(Arc::new(DecimalPlanner))
        .unwrap();
    context.add_analyzer_rule(Arc::new(ExactArithmetic));
    context.register_udaf(sum());
    context.register_udaf(avg());
    let table = MemTable::try_new(all.schema(), vec![vec![all.clone()]]).unwrap();
    context
        .register_table("transactions", Arc::new(table))
        .unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        let frame = context.sql(sql).await.unwrap();
        let schema = Arc::new(frame.schema().as_arrow().clone());
        let batches = frame.collect().await.unwrap();
        concat_batches(
            &batches.first().map_or(schema, RecordBatch::schema),
            &batches,
        )
        .unwrap()
    })
}

/// One value: floats depend on the order of their additions, everything else is exact.
#[derive(Clone, Debug)]
pub enum Cell {
    Exact(String),
    Float(Option<f64>),
}

impl PartialEq for Cell {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Exact(left), Self::Exact(right)) => left == right,
            (Self::Float(Some(left)), Self::Float(Some(right))) => {
                // What cancels out to nearly nothing has no digits left to compare.
                (left - right).abs() <= 1e-9 * left.abs().max(right.abs()).max(1e3)
                    || left.is_nan() && right.is_nan()
            }
            (Self::Float(left), Self::Float(right)) => left.is_none() && right.is_none(),
            _ => false,
        }
    }
}

/// The rows' values; sorted by the exact ones unless the query sorts them itself.
pub fn comparable(batch: &RecordBatch, sorted: bool) -> Vec<Vec<Cell>> {
    let options = FormatOptions::default().with_null("NULL");
    let columns: Vec<Vec<Cell>> = batch
        .columns()
        .iter()
        .map(|column| {
            if *column.data_type() == DataType::Float64 {
                let column = column.as_any().downcast_ref::<Float64Array>().unwrap();
                return column.iter().map(Cell::Float).collect();
            }
            let formatter = ArrayFormatter::try_new(column, &options).unwrap();
            (0..column.len())
                .map(|row| Cell::Exact(formatter.value(row).to_string()))
                .collect()
        })
        .collect();
    let mut rows: Vec<Vec<Cell>> = (0..batch.num_rows())
        .map(|row| columns.iter().map(|column| column[row].clone()).collect())
        .collect();
    if !sorted {
        rows.sort_by_cached_key(|row| {
            let exact = row.iter().filter_map(|cell| match cell {
                Cell::Exact(text) => Some(text.clone()),
                Cell::Float(_) => None,
            });
            let floats = row.iter().filter_map(|cell| match cell {
                Cell::Exact(_) => None,
                // -0.0 is 0.0.
                Cell::Float(value) => Some(format!("{:.3?}", value.map(|value| value + 0.0))),
            });
            exact.chain(floats).collect::<Vec<_>>()
        });
    }
    rows
}
