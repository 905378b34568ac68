//! Computes a query's expected result, which is DataFusion's own result over the same records, all at once; and says
//! when two results are the same.

use std::sync::Arc;

use datafusion::arrow::array::{Float64Array, RecordBatch};
use datafusion::arrow::compute::concat_batches;
use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::datasource::MemTable;
use datafusion::prelude::{SessionConfig, SessionContext};

/// Returns DataFusion's result of `sql` over the table `transactions`, which holds `records`. `set_up` can replace
/// functions of DataFusion.
pub fn at_once(
    sql: &str,
    records: &RecordBatch,
    set_up: impl FnOnce(&mut SessionContext),
) -> RecordBatch {
    let config = SessionConfig::new()
        .with_target_partitions(1)
        .set_bool("datafusion.sql_parser.parse_float_as_decimal", true);
    let mut context = SessionContext::new_with_config(config);
    set_up(&mut context);
    let table = MemTable::try_new(records.schema(), vec![vec![records.clone()]]).unwrap();
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

/// One value of a result. Floats depend on the order of their additions; all other values are exact.
#[derive(Clone, Debug)]
pub enum Cell {
    /// Any value but a DOUBLE, in Arrow's text form.
    Exact(String),
    /// A DOUBLE, or `None` for NULL.
    Float(Option<f64>),
}

impl PartialEq for Cell {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Exact(left), Self::Exact(right)) => left == right,
            (Self::Float(Some(left)), Self::Float(Some(right))) => {
                // Sums that cancel out to nearly nothing have no digits left to compare.
                (left - right).abs() <= 1e-9 * left.abs().max(right.abs()).max(1e3)
                    || left.is_nan() && right.is_nan()
            }
            (Self::Float(left), Self::Float(right)) => left.is_none() && right.is_none(),
            _ => false,
        }
    }
}

/// Returns the values of a result's rows. Unless the query has `sorted` the rows itself, they are sorted by their exact
/// values first.
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
                // Adding 0.0 turns -0.0 into 0.0.
                Cell::Float(value) => Some(format!("{:.3?}", value.map(|value| value + 0.0))),
            });
            exact.chain(floats).collect::<Vec<_>>()
        });
    }
    rows
}
