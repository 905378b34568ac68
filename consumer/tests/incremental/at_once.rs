//! Computes the right result, which is DataFusion's result over all records.

use std::sync::Arc;

use arrow::array::RecordBatch;
use consumer::engine::functions::arithmetic::{DecimalPlanner, ExactArithmetic};
use consumer::engine::functions::exact::{avg, sum};
use datafusion::execution::FunctionRegistry;
use testkit::oracle;

/// Returns DataFusion's result over all records at once. DataFusion's own sum wraps, and its averages and quotients are
/// cut off at other digits. So it gets our functions, which have tests of their own.
pub fn at_once(sql: &str, all: &RecordBatch) -> RecordBatch {
    oracle::at_once(sql, all, |context| {
        context
            .register_expr_planner(Arc::new(DecimalPlanner))
            .unwrap();
        context.add_analyzer_rule(Arc::new(ExactArithmetic));
        context.register_udaf(sum().into()).unwrap();
        context.register_udaf(avg().into()).unwrap();
    })
}
